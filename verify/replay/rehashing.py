"""Hash a report folder again: the case, the report, and every file that the report is made with.

The folder may have been written by anybody: no link is followed, nothing outside it is read, and no more of a file than
its recorded size.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from verify.errors import EvidenceMismatchError, InvalidUsageError
from verify.evidence.check import ProblemKind, check_evidence
from verify.evidence.layout import case_in
from verify.evidence.reading import digest_of, is_there, list_tree, read_bounded, shown
from verify.replay.outcome import Problem
from verify.report.json_report import decode_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.evidence.check import EvidenceCheck
    from verify.evidence.reading import Tree
    from verify.model import Picture, Progress, Report, ReportedMatch, ReportedRepeat, ReportFile

REPORT_NAME = "report.json"
MAX_REPORT_BYTES = 256 * 1024**2
#: As large as a file can be that a report is made with (verify/fingerprint/member_file.py).
MAX_FILE_BYTES = 2**31 - 1
#: Four months; no release is as long, and no score or rate as large.
MAX_TIME_S = 1e7
_MAX_SPANS = 200_000
_MAX_DEPTH, _MAX_ENTRIES = 4, 200_000
_GIVE = "Give the folder of a report, which holds a report.json."


class ReadReport(NamedTuple):
    """A report, and the SHA-256 of the file that it was read from."""

    report: Report
    sha256: str


class Rehashed(NamedTuple):
    """What became of the files of a report; the members are those of `Replay`."""

    changed: tuple[Problem, ...]
    unreadable: tuple[Problem, ...]
    holds: tuple[str, ...]
    unchecked: tuple[str, ...]


def read_report(folder: Path) -> ReadReport:
    """Read the report in a folder.

    Raises
    ------
    InvalidUsageError
        There is none that can be read.
    EvidenceMismatchError
        There is none that can be read, and the custody log of the case tells of another one.
    NewerFormatError
        It is of a later version of the schema.
    """
    path = folder / REPORT_NAME
    if not is_there(path):
        raise InvalidUsageError(folder, f"holds no {REPORT_NAME}", _GIVE)
    try:
        content = read_bounded(path, MAX_REPORT_BYTES)
    except OSError as error:
        raise InvalidUsageError(path, f"cannot be read ({error.strerror or error})", _GIVE) from error
    try:
        report = decode_report(content)
        _check_numbers(path, report)
        return ReadReport(report, hashlib.sha256(content).hexdigest())
    except InvalidUsageError as error:
        case = case_in(folder)
        told = check_evidence(case, report_folder=folder).problems if case else ()
        if any(each.path == REPORT_NAME for each in told):
            problem = "is no report, and not what the custody log of the case tells of: it was changed"
            raise EvidenceMismatchError(path, problem, "Get another copy of the report.") from error
        raise InvalidUsageError(path, shown(error.problem, 300), error.remedy) from error


def _check_numbers(path: Path, report: Report) -> None:
    """Refuse numbers that no report of this program holds, which would be hard to compare or to write."""
    entries = _entries(report)
    spans = [span.interval for span in report.coverage]
    for entry in entries:
        spans += [entry.match.query, entry.match.reference]
    numbers = [abs(time_s) for span in spans for time_s in (span.start_s, span.end_s)]
    numbers += [abs(number) for entry in entries for number in (entry.match.score, entry.match.time_map.rate)]
    if max(numbers, default=0.0) > MAX_TIME_S or len(spans) > _MAX_SPANS:
        raise InvalidUsageError(path, "holds numbers that no report of this program holds", _GIVE)


def _entries(report: Report) -> tuple[ReportedMatch | ReportedRepeat, ...]:
    return (*report.matches, *report.same_scene, *report.repeats, *report.earlier_releases)


def rehash(folder: Path, report: Report, progress: Progress) -> Rehashed:
    """Hash the files of a report again, and check its case; raises NewerFormatError for a case of a later format."""
    changed, unreadable, holds, unchecked = _case(folder, report)
    listed = list(_listed(report))
    own_changed, own_unreadable = _files(folder, report.files, progress)
    changed += own_changed
    unreadable += own_unreadable
    if listed and not own_changed and not own_unreadable:
        holds.append(f"Every file that the report is made with, {len(listed)} in all, has its recorded SHA-256.")
    shown_without = {picture.path for picture in _pictures(report)} - set(listed)
    if shown_without:
        unchecked.append(f"{len(shown_without)} pictures that the report shows could not be checked: it has no digest.")
    return Rehashed(tuple(changed), tuple(unreadable), tuple(holds), tuple(unchecked))


def is_whole(path: str, rehashed: Rehashed) -> bool:
    """Say whether a file that the report lists holds the bytes that were recorded."""
    return all(each.path != shown(path) for each in (*rehashed.changed, *rehashed.unreadable))


# --- the case --------------------------------------------------------------------------------------------------------


def _case(folder: Path, report: Report) -> tuple[list[Problem], list[Problem], list[str], list[str]]:
    """Check the case in the folder; where there is none, say what that leaves open."""
    case = case_in(folder)
    if case is None:
        missing = (
            f"{REPORT_NAME} itself and the evidence could not be checked: there is no case beside the report, whose "
            "custody log tells the digests."
        )
        return [], [], [], [missing]
    found = check_evidence(case, report_folder=folder)
    changed = [
        Problem(path=each.path, problem=each.problem)
        for each in found.problems
        if each.kind is not ProblemKind.UNREADABLE
    ]
    unreadable = [
        Problem(path=each.path, problem=each.problem) for each in found.problems if each.kind is ProblemKind.UNREADABLE
    ]
    if other := _other_case(found, report):
        changed.append(Problem(path=case.name, problem=other))
    return changed, unreadable, list(found.statements), [*found.notices, *found.limits]


def _other_case(found: EvidenceCheck, report: Report) -> str:
    """Say that the case is not the one that the report is about; empty if it is, or if that cannot be told."""
    expected = report.seal.manifest_sha256 if report.seal else ""
    if not expected or found.manifest_sha256 in (None, expected):
        return ""
    return f"is not the case that the report is about, {shown(report.evidence.case_id, 80)}: its manifest is another"


# --- the files of the report -----------------------------------------------------------------------------------------


def _listed(report: Report) -> Iterator[str]:
    yield from dict.fromkeys(file.path for file in report.files)


def _files(folder: Path, files: tuple[ReportFile, ...], progress: Progress) -> tuple[list[Problem], list[Problem]]:
    """Compare each file with its digest; return the problems, and those that this user may not read."""
    changed: list[Problem] = []
    unreadable: list[Problem] = []
    if not files:
        return changed, unreadable
    try:
        tree = list_tree(folder, max_depth=_MAX_DEPTH, max_entries=_MAX_ENTRIES)
    except OSError as error:
        raise InvalidUsageError(folder, f"cannot be read ({error.strerror or error})", _GIVE) from error
    progress.start("re-hashing", sum(tree.files.get(file.path, 0) for file in files), "B")
    seen: dict[str, ReportFile] = {}
    for file in files:
        if file.path in seen:
            if seen[file.path] != file:
                changed.append(Problem(path=shown(file.path), problem="is listed twice, with different digests"))
            continue
        seen[file.path] = file
        problem, is_closed = _problem(folder, tree, file)
        if problem:
            (unreadable if is_closed else changed).append(Problem(path=shown(file.path), problem=problem))
        progress.advance(tree.files.get(file.path, 0))
    progress.finish()
    return changed, unreadable


def _problem(folder: Path, tree: Tree, file: ReportFile) -> tuple[str, bool]:
    """Say what is wrong with a file, empty if nothing is, and whether this user may only not read it."""
    if not _is_inside(file.path):
        return "is no path inside the report's folder", False
    if file.path not in tree.files:
        return _absence(tree, file.path)
    if tree.files[file.path] != file.size_bytes:
        return f"has {tree.files[file.path]} bytes, {file.size_bytes} were recorded", False
    if file.size_bytes > MAX_FILE_BYTES:
        return "is larger than a file of a report can be", False
    try:
        found, _ = digest_of(folder / file.path, file.size_bytes)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})", isinstance(error, PermissionError)
    return ("" if found == file.sha256 else "does not hold the bytes that were recorded: its SHA-256 differs"), False


def _absence(tree: Tree, path: str) -> tuple[str, bool]:
    """Say what is in the place of a file that is none, and whether this user may only not read it."""
    for place in (path, *(parent.as_posix() for parent in PurePosixPath(path).parents)):
        if place in tree.others:
            where = "" if place == path else f"lies below {shown(place)}, which "
            return f"{where}{tree.others[place]}", place in tree.closed
    return ("is missing" if tree.is_complete else "was not found: the folder holds too many files"), False


def _is_inside(path: str) -> bool:
    """Say whether a path is one that a report names: relative, and spelled in one way only."""
    parts = path.split("/")
    return not ({"", ".", ".."} & set(parts)) and not any(mark in path for mark in ("\\", "\0", ":"))


def _pictures(report: Report) -> Iterator[Picture]:
    """All pictures that a report shows."""
    if report.release.first_frame:
        yield report.release.first_frame
    for entry in _entries(report):
        for pair in entry.frame_pairs:
            yield pair.query
            if pair.reference:
                yield pair.reference
    for view in report.shot_views:
        yield view.picture
        if view.still:
            yield view.still
