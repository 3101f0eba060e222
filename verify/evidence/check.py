"""Check a case offline, years later: is it byte for byte what was sealed, and who and what stands for that?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verify.errors import EvidenceMismatchError
from verify.evidence.check_bag import check_bag
from verify.evidence.check_custody import check_custody
from verify.evidence.check_folder import check_file, check_nothing_else, listed, note_missing
from verify.evidence.check_report import check_report
from verify.evidence.layout import MANIFEST_PATH, custody_folder, private_folder
from verify.evidence.problems import EvidenceCheck, EvidenceProblem, Findings, ProblemKind
from verify.evidence.reading import is_there
from verify.model import EvidenceManifest

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from verify.evidence.keys import PublicKey

__all__ = ["EvidenceCheck", "EvidenceProblem", "ProblemKind", "check_evidence", "refuse_changed"]


def check_evidence(
    case_dir: Path,
    *,
    public_key: PublicKey | None = None,
    timestamp_roots: Sequence[Certificate] = (),
    manifest_sha256: str | None = None,
    report_folder: Path | None = None,
) -> EvidenceCheck:
    """Check bag, logs, signatures, timestamps and private files of a case. Nothing is written, no network is used.

    Parameters
    ----------
    case_dir
        The bag; its private and custody folders are looked for beside it.
    public_key
        The key that the reader expects it to be signed with.
    timestamp_roots
        Certificates of the timestamp authorities that the reader believes.
    manifest_sha256
        SHA-256 of data/manifest.json that the reader expects, lower-case hex.
    report_folder
        A report folder that the case lies in: its report is compared with the case's later log.

    Returns
    -------
    EvidenceCheck
        Every problem with its path. All folders are treated as if an adversary had written them.

    Raises
    ------
    NewerFormatError
        The case is of a later version of the format, and nothing was changed as far as that can be told.
    OSError
        The case is given relative to a working folder that is gone.
    ValueError
        `case_dir` is the root of a disk.
    """
    case_dir = Path(os.path.abspath(case_dir))  # noqa: PTH100 - a link is to be found, not followed
    findings = Findings()
    bag = check_bag(case_dir, findings)
    found_sha256 = hashlib.sha256(bag.content).hexdigest() if bag.content is not None else None
    if manifest_sha256 is not None and found_sha256 is not None:
        _compare(f"{case_dir.name}/{MANIFEST_PATH}", found_sha256, manifest_sha256, findings)
    if bag.newer is None:
        _check_private(private_folder(case_dir), bag.manifest, findings)
    log = check_custody(custody_folder(case_dir), bag, public_key, timestamp_roots, findings)
    if bag.newer is not None and not findings.count:
        raise bag.newer
    if report_folder is not None:
        check_report(report_folder, log, findings)
    return findings.outcome(
        case_dir.name,
        case_id=bag.manifest.case_id if bag.manifest else "",
        bag_sha256=bag.sha256,
        manifest_sha256=found_sha256,
    )


def refuse_changed(case_dir: Path, *, allow_unlogged: bool = False) -> EvidenceCheck:
    """Check a case before something is made of it, or added to it.

    Parameters
    ----------
    allow_unlogged
        Accept valid timestamps that are only not in the log yet.

    Raises
    ------
    EvidenceMismatchError
        There is a problem; it names the first.
    NewerFormatError
        As for `check_evidence`.
    """
    found = check_evidence(case_dir)
    for each in found.problems:
        if allow_unlogged and each.kind is ProblemKind.NOT_LOGGED:
            continue
        what = "cannot be checked" if each.kind is ProblemKind.UNREADABLE else "is not as it was sealed"
        raise EvidenceMismatchError(
            case_dir, f"{what}: {each.path}: {each.problem}", f"See all of it with: verify evidence check {case_dir}"
        )
    return found


def _compare(path: str, found: str, expected: str, findings: Findings) -> None:
    if found == expected:
        findings.statements.append(f"{MANIFEST_PATH} has the SHA-256 that was given.")
    else:
        findings.add(path, f"has the SHA-256 {found}, not the expected {expected}", ProblemKind.NOT_CONFIRMED)


def _check_private(folder: Path, manifest: EvidenceManifest | None, findings: Findings) -> None:
    """Check the private files: all are there and whole, or all were withheld."""
    expected = {file.relative_path: file for file in manifest.private_files} if manifest else {}
    if not is_there(folder):
        if expected:
            findings.notices.append(
                f"The private files, {len(expected)} in all, were withheld and could not be checked. Their digests are "
                f"in {MANIFEST_PATH}: whoever is shown them can tell whether they are the ones that were sealed."
            )
        return
    if manifest is None:
        findings.add(folder.name, f"cannot be checked without a readable {MANIFEST_PATH}")
        return
    try:
        tree = listed(folder, findings, max_depth=1)
    except PermissionError:
        findings.notices.append(
            f"The private files could not be checked: this user may not read {folder.name}. Its owner can."
        )
        return
    if tree is None:
        return
    before = findings.count
    if not expected:
        findings.add(folder.name, "is not part of the case, which has no private files")
    for name, recorded in expected.items():
        if name in tree.files:
            check_file(folder, tree, recorded, findings)
        else:
            note_missing(folder.name, tree, name, findings, "is missing, while its folder is there")
    check_nothing_else(folder.name, tree, set(expected), findings)
    if findings.count == before and expected:
        findings.statements.append(
            f"Every private file beside the bag, {len(expected)} in all, has its recorded SHA-256."
        )
