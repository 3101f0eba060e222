"""What the scores are worth: counted on footage whose source is known, in two halves that share no source.

A trial is one piece of a release, searched in the archive; it is an alarm if a reference reaches a score that the piece
does not show. The thresholds are fitted on one half, and the rates that reports state are counted on the other.
"""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.accuracy.running import add_references
from benchmarks.accuracy.truth import load_truth
from verify.fingerprint.examine import examine_query
from verify.fingerprint.learned import OWN_MODEL, Descriptor
from verify.match.hash_lines import find_hash_matches
from verify.match.matcher import gather_evidence
from verify.match.scoring import MOTION_FAMILY, families_of
from verify.media.proxies import ProxyReader
from verify.model import SilentProgress
from verify.pipeline import open_library, query_material

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.accuracy.truth import Truth
    from verify.match.confirmation import PieceEvidence
    from verify.model import Interval

#: Where the program reads the calibration.
SHIPPED = Path(__file__).resolve().parent.parent.parent / "verify" / "match" / "calibration.json"
#: Above every alarm of the fitted half by this factor, and never lower.
_MARGIN = 1.15
_LEAST_CONFIRMED = 0.35
#: Share of trials of the fitted half in which a score of 'possible' may be an alarm.
_POSSIBLE_ALARMS = 0.1
_LEAST_POSSIBLE = 0.1
_SHOWN_S = 0.1
_SHOWN_SCORES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One piece: the best score of a reference it does not show, and of one that it shows (None if it shows none)."""

    query_id: str
    interval: Interval
    wrong: float
    wrong_id: str
    confirmable: bool
    right: float | None


def count_trials(bench: Path, say: Callable[[str], None]) -> list[Trial]:
    """Search every piece of every release of a benchmark folder in an archive of its references."""
    truth = load_truth(bench)
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory(prefix="verify-calibration-") as temporary:
        folder = Path(temporary)
        add_references(bench, folder / "archive")
        learned = Descriptor(OWN_MODEL)
        with open_library(folder / "archive", learned) as library, ProxyReader() as proxies:
            for video in sorted((bench / "releases").iterdir()):
                proxy = folder / "release.mkv"
                examination = examine_query(video, SilentProgress(), video.name, proxy, learned)
                query = query_material(examination, proxy, proxies, learned)
                hashed = find_hash_matches(query.hashes, library.hashes, SilentProgress())
                evidence = gather_evidence(query, library.material, hashed, SilentProgress())
                for piece, own in zip(query.pieces, evidence, strict=True):
                    trials.append(_trial(truth, video.stem, piece.interval, own))
                proxy.unlink(missing_ok=True)
                say(f"{video.stem}: {len(query.pieces)} pieces, {len(trials)} trials")
    return trials


def _trial(truth: Truth, query_id: str, interval: Interval, evidence: list[PieceEvidence]) -> Trial:
    shown = set(_shown(truth, query_id, interval))
    right = [each.score for each in evidence if each.reference_id in shown]
    wrong = [each for each in evidence if each.reference_id not in shown]
    worst = max(wrong, key=lambda each: each.score, default=None)
    families: tuple[str, ...] = ()
    if worst is not None:
        agree = {"hashes_agree": worst.hashed is not None, "looks_alike": worst.alike is not None}
        families = families_of(worst.line, worst.overlay.cells, **agree)
    return Trial(
        query_id=query_id,
        interval=interval,
        wrong=round(worst.score, 4) if worst is not None else 0.0,
        wrong_id=worst.reference_id if worst is not None else "",
        confirmable=MOTION_FAMILY in families and len(families) > 1,
        right=round(max(right, default=0.0), 4) if shown else None,
    )


def _shown(truth: Truth, query_id: str, interval: Interval) -> Iterator[str]:
    """References that a part of a release shows for at least a tenth of a second."""
    for box in truth.boxes:
        if (
            box.query_id == query_id
            and min(box.query_end, interval.end_s) - max(box.query_start, interval.start_s) > 0.1
        ):
            yield box.ref_id


def fit(fitted: list[Trial], checked: list[Trial]) -> dict[str, object]:
    """Choose the thresholds on one half, and count on the other; what calibration.json holds."""
    alarms = sorted((trial.wrong for trial in fitted), reverse=True)
    confirmed = max(_LEAST_CONFIRMED, math.ceil(100 * _MARGIN * max(alarms, default=0.0)) / 100)
    allowed = alarms[min(len(alarms) - 1, int(_POSSIBLE_ALARMS * len(alarms)))] if alarms else 0.0
    possible = min(max(_LEAST_POSSIBLE, math.ceil(100 * allowed) / 100), confirmed)
    return {
        "confirmed_from": confirmed,
        "possible_from": possible,
        "trials": len(checked),
        "alarms": sorted(trial.wrong for trial in checked if trial.wrong >= possible),
    }


def report(name: str, trials: list[Trial], values: dict[str, object]) -> Iterator[str]:
    """Say what the thresholds do on a half."""
    for level in ("possible_from", "confirmed_from"):
        threshold = float(str(values[level]))
        alarms = [trial for trial in trials if trial.wrong >= threshold]
        shown = [trial for trial in trials if trial.right is not None]
        found = sum(trial.right >= threshold for trial in shown if trial.right is not None)
        yield (
            f"{name}: score {threshold:.2f} ({level}): {len(alarms)} alarms in {len(trials)} trials, "
            f"{found} of {len(shown)} pieces that show a reference"
        )
    counts = (f"{score:.2f}: {sum(trial.wrong >= score for trial in trials)}" for score in _SHOWN_SCORES)
    yield f"    alarms at scores from {', '.join(counts)}"
    for trial in sorted(trials, key=lambda each: -each.wrong)[:8]:
        span = f"{trial.interval.start_s:.2f}-{trial.interval.end_s:.2f} s"
        yield f"    {trial.wrong:.3f}  {trial.query_id} {span}, taken for {trial.wrong_id}"


def write(values: dict[str, object], path: Path = SHIPPED) -> None:
    """Write the calibration that the program reads."""
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
