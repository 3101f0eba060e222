"""Compare the report that lies beside a case with what the case's later log tells of it."""

from __future__ import annotations

from pathlib import Path

from verify.evidence.custody_log import REPORT_NAMES, CustodyLog
from verify.evidence.layout import CUSTODY_LOG_NAME
from verify.evidence.problems import Findings, ProblemKind
from verify.evidence.reading import digest_of, is_there

_MAX_REPORT_BYTES = 256 * 1024**2


def check_report(folder: Path, log: CustodyLog | None, findings: Findings) -> None:
    """Compare each file of a report with the digest in the last event that tells of it.

    Parameters
    ----------
    folder
        The report folder that the case lies in.
    log
        The later log of the case, None if it cannot be read.
    """
    told = log.report_files() if log else {}
    confirmed = []
    for name in REPORT_NAMES:
        digest = told.get(name)
        if not is_there(folder / name):
            if digest is not None:
                findings.limits.append(f"{name} was not checked: the later log tells of it, but it is not there.")
        elif digest is None:
            findings.notices.append(f"{name} beside the case was not checked: the later log tells of none.")
        elif _is_confirmed(folder / name, digest, findings):
            confirmed.append(name)
    if confirmed:
        findings.statements.append(
            f"Of the report beside the case, {', '.join(confirmed)}: each has the SHA-256 that the later log gives "
            "last. Nothing else beside the case was looked at."
        )
    elif not any(is_there(folder / name) for name in REPORT_NAMES):
        findings.limits.append("The report beside the case was not checked: there is none.")


def _is_confirmed(path: Path, digest: str, findings: Findings) -> bool:
    try:
        found, _ = digest_of(path, _MAX_REPORT_BYTES)
    except OSError as error:
        findings.add_error(path.name, error)
        return False
    if found != digest:
        findings.add(
            path.name,
            f"is not the one that {CUSTODY_LOG_NAME} tells of last: it was changed, or made by somebody who cannot "
            "continue that log",
            ProblemKind.NOT_CONFIRMED,
        )
    return found == digest
