"""The story of `verify replay`: hash everything again, search again, compare finding by finding. Nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.acquire.versions import tool_versions
from verify.errors import EvidenceMismatchError, VerifyError
from verify.evidence.reading import shown
from verify.pipeline import PARAMETERS
from verify.replay.comparing import SCORE_TOLERANCE, TIME_TOLERANCE_S
from verify.replay.outcome import Difference, Problem, Replay
from verify.replay.rehashing import is_whole, read_report, rehash
from verify.replay.rerunning import ContradictionError, rerun
from verify.replay.stating import none_run, replayed_findings
from verify.report.assemble import DISTRIBUTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verify.model import Progress, Report
    from verify.replay.outcome import ReplayedFinding
    from verify.replay.rehashing import Rehashed

_NO_FINGERPRINTS = "the report keeps no fingerprints (--no-fingerprints), or is of a version that kept none"
_MAX_TEXT = 300


def replay(folder: Path, archive: Path, descriptor: Path | None, progress: Progress) -> Replay:
    """Check a report again.

    Parameters
    ----------
    folder
        The report folder; all in it is treated as if an adversary had written it.
    archive
        Folder of the archive that was searched; opened only if one was.
    descriptor
        File of the learned descriptor that was used; None for the program's own.

    Raises
    ------
    VerifyError
        There is no report that can be read, or the archive cannot be searched or never was in that state. Where bytes
        of the report have changed, that is told instead, and its findings could not be re-run.
    """
    report, report_sha256 = read_report(folder)
    rehashed = rehash(folder, report, progress)
    searched = ""
    findings: tuple[ReplayedFinding, ...] = ()
    why = _why_not(report, rehashed)
    if not why:
        try:
            found = rerun(report, folder / report.examination, archive, descriptor, progress)
            searched, findings = found.searched, tuple(replayed_findings(report, found))
        except ContradictionError as error:
            why = str(error)
        except EvidenceMismatchError as error:
            why = f"{report.examination} cannot be used: {error.problem}"
            rehashed = rehashed._replace(
                changed=(*rehashed.changed, Problem(path=shown(report.examination), problem=error.problem))
            )
        except VerifyError as error:
            if not rehashed.changed:
                raise
            why = str(error)
    if why:
        findings = tuple(none_run(report, why))
    return Replay(
        report_id=shown(report.report_id, _MAX_TEXT),
        report_sha256=report_sha256,
        snapshot_id=shown(report.archive.snapshot_id, _MAX_TEXT) if report.archive else "",
        searched=searched,
        findings=findings,
        changed=rehashed.changed,
        unreadable=rehashed.unreadable,
        holds=rehashed.holds,
        unchecked=rehashed.unchecked,
        versions=tuple(_versions(report)),
        score_tolerance=SCORE_TOLERANCE,
        time_tolerance_s=TIME_TOLERANCE_S,
    )


def _why_not(report: Report, rehashed: Rehashed) -> str:
    """Say why the search cannot be run again, empty if it can be tried."""
    if not report.examination:
        return _NO_FINGERPRINTS
    if report.examination not in {file.path for file in report.files}:
        return "the report has no digest of its stored fingerprints"
    if not is_whole(report.examination, rehashed):
        return f"{shown(report.examination)} does not hold the bytes that the report was made with"
    return ""


def _versions(report: Report) -> Iterator[Difference]:
    """Say what differs between this program, with its settings, and the one that wrote the report."""
    now = tool_versions(*DISTRIBUTIONS)
    for name in [*now, *sorted(set(report.versions) - set(now))]:
        yield from _difference(name, report.versions.get(name), now.get(name))
    for name, value in PARAMETERS.items():
        yield from _difference(name, report.parameters.get(name), value)


def _difference(what: str, recorded: object, now: object) -> Iterator[Difference]:
    if recorded != now:
        then_text, now_text = ("" if each is None else shown(str(each), _MAX_TEXT) for each in (recorded, now))
        yield Difference(what=shown(what, _MAX_TEXT), recorded=then_text, now=now_text)
