"""Open a report folder that may come from anyone: report.json, the case it belongs to, and what people said since."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.errors import EvidenceMismatchError, InvalidUsageError, NewerFormatError
from verify.evidence.annotations import REPORT_NAME, annotations_of, refuse_another_report
from verify.evidence.custody import verified_log
from verify.evidence.layout import CUSTODY_LOG_NAME, case_inside, custody_folder
from verify.evidence.reading import is_there, read_bounded
from verify.report.json_report import decode_report

if TYPE_CHECKING:
    from verify.evidence.custody_log import CustodyLog
    from verify.model import Annotation, Report

#: As `verify evidence check` reads it.
_MAX_REPORT_BYTES = 256 * 1024**2
_GIVE = "Give a folder that `verify video` has written a report to."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedReport:
    """A report and what belongs to it.

    Parameters
    ----------
    folder
        The report folder, links that lead to it followed.
    report, content, sha256
        The report, the bytes of report.json, and their digest.
    case
        The case beside it, None if there is none.
    log
        The later log of that case, its head checked, which tells of this report; None if there is no such log.
    annotations
        What people said of this report.
    notes
        What the user should know of case and annotations, as whole sentences.
    """

    folder: Path
    report: Report
    content: bytes = field(repr=False)
    sha256: str
    case: Path | None = None
    log: CustodyLog | None = None
    annotations: tuple[Annotation, ...] = ()
    notes: tuple[str, ...] = ()


def open_report(given: Path) -> OpenedReport:
    """Open a report folder.

    Raises
    ------
    InvalidUsageError
        It is no folder with a report.
    NewerFormatError
        Its report follows a later schema.
    EvidenceMismatchError
        It and the case in it do not belong together, or the later log of the case does not hold.
    """
    folder = _resolved(given)
    path = folder / REPORT_NAME
    try:
        content = read_bounded(path, _MAX_REPORT_BYTES)
    except OSError as error:
        raise InvalidUsageError(path, f"cannot be read ({error.strerror or error})", _GIVE) from error
    try:
        report = decode_report(content)
    except (InvalidUsageError, NewerFormatError) as error:
        raise type(error)(path, error.problem, error.remedy) from error
    sha256 = hashlib.sha256(content).hexdigest()
    alone = OpenedReport(folder=folder, report=report, content=content, sha256=sha256)
    return replace(alone, **_told_by_case(alone, case_inside(folder)))


def _told_by_case(alone: OpenedReport, case: Path | None) -> dict[str, Any]:
    """Look into the later log of the case beside a report; returns the members of `OpenedReport` that come of it."""
    log, signer = None, None
    reason = _why_without_log(case)
    if case is not None and not reason:
        log, signer = verified_log(case)
        if REPORT_NAME not in log.report_files():
            reason = "The later log of the case tells of no report."
    if case is None or log is None or reason:
        note = f"{reason} What people may have said of this report is not known, and is not shown."
        return {"case": case, "notes": (note,)}
    refuse_another_report(case, log, alone.sha256)
    said = annotations_of(case, log, signer)
    own = tuple(each for each in said if each.report_sha256 == alone.sha256)
    known = subjects(alone.report)
    for each in own:
        if each.subject and each.subject not in known:
            raise EvidenceMismatchError(
                custody_folder(case) / CUSTODY_LOG_NAME,
                f"tells of a decision on {each.subject}, which the report has not",
                "Restore the folder from a copy.",
            )
    others = len(said) - len(own)
    notes = (f"Annotations of an earlier report of the same case, {others} in all, are not shown.",) if others else ()
    return {"case": case, "log": log, "annotations": own, "notes": notes}


def subjects(report: Report) -> tuple[str, ...]:
    """List what can be decided on, as `Annotation.subject` names it: '1', 'S1', 'R1', 'E1'."""
    return tuple(
        f"{letter}{entry.number}"
        for letter, entries in (
            ("", report.matches),
            ("S", report.same_scene),
            ("R", report.repeats),
            ("E", report.earlier_releases),
        )
        for entry in entries
    )


def _resolved(given: Path) -> Path:
    """Follow the links that the user gives."""
    try:
        folder = given.resolve()
        is_folder = folder.is_dir()
    except (OSError, RuntimeError, ValueError) as error:  # a loop, no working folder, or a null character
        raise InvalidUsageError(
            given, f"cannot be found ({getattr(error, 'strerror', None) or error})", _GIVE
        ) from error
    if not is_folder:
        raise InvalidUsageError(given, "is no folder", _GIVE)
    return folder


def _why_without_log(case: Path | None) -> str:
    """Say why there is no later log to look into, as a sentence; empty if there is one."""
    if case is None:
        return "There is no case beside the report."
    if not is_there(case):
        return "The case itself was left out, so its later log cannot be checked."
    return "" if is_there(custody_folder(case)) else "The later log of the case was left out."
