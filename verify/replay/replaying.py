"""The story of `verify replay`: hash everything again, search again, compare finding by finding. Nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from verify.acquire.versions import tool_versions
from verify.errors import EvidenceMismatchError, UnreadableMediaError, VerifyError
from verify.evidence.reading import shown
from verify.pipeline import PARAMETERS
from verify.replay.comparing import SCORE_TOLERANCE, TIME_TOLERANCE_S
from verify.replay.outcome import Difference, Problem, Replay
from verify.replay.rehashing import is_whole, read_report, rehash
from verify.replay.rerunning import PROXY_NAME, ContradictionError, rerun
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
_MAX_REASON = 1000


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
    why = _why_not(report, rehashed)
    if why:
        ran = _Ran(findings=tuple(none_run(report, why)))
    else:
        ran = _run(
            report, folder / report.examination, archive, descriptor, progress, is_changed=bool(rehashed.changed)
        )
    return Replay(
        report_id=shown(report.report_id, _MAX_TEXT),
        report_sha256=report_sha256,
        snapshot_id=shown(report.archive.snapshot_id, _MAX_TEXT) if report.archive else "",
        searched=ran.searched,
        findings=ran.findings,
        changed=(*rehashed.changed, *ran.changed),
        unreadable=rehashed.unreadable,
        holds=rehashed.holds,
        unchecked=rehashed.unchecked,
        versions=tuple(_versions(report)),
        score_tolerance=SCORE_TOLERANCE,
        time_tolerance_s=TIME_TOLERANCE_S,
    )


class _Ran(NamedTuple):
    """What came of the search, and files that turned out to be no such files."""

    findings: tuple[ReplayedFinding, ...]
    searched: str = ""
    changed: tuple[Problem, ...] = ()


def _run(
    report: Report, examination: Path, archive: Path, descriptor: Path | None, progress: Progress, *, is_changed: bool
) -> _Ran:
    """Search again and compare; where bytes have changed already, that nothing could be searched is no error more."""
    changed: tuple[Problem, ...] = ()
    try:
        found = rerun(report, examination, archive, descriptor, progress)
        return _Ran(tuple(replayed_findings(report, found)), found.searched)
    except ContradictionError as error:
        why = str(error)
    except EvidenceMismatchError as error:
        why = f"{examination.name} cannot be used: {error.problem}"
        changed = (Problem(path=shown(report.examination), problem=error.problem),)
    except UnreadableMediaError as error:
        if not error.subject.endswith(PROXY_NAME):  # one of the archive
            raise
        why = f"{examination.name} cannot be used: its small pictures cannot be decoded"
    except VerifyError as error:
        if not is_changed:
            raise
        why = str(error)
    return _Ran(tuple(none_run(report, shown(why, _MAX_REASON))), changed=changed)


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
