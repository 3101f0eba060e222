"""Check a case offline, years later: is it byte for byte what was sealed, and who and what stands for that?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verify.evidence.check_bag import check_bag
from verify.evidence.check_custody import check_custody
from verify.evidence.check_folder import check_nothing_else, file_problem, listed, note_missing
from verify.evidence.layout import MANIFEST_PATH, custody_folder, private_folder
from verify.evidence.problems import EvidenceCheck, EvidenceProblem, Findings
from verify.model import EvidenceManifest

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from verify.evidence.keys import PublicKey

__all__ = ["EvidenceCheck", "EvidenceProblem", "check_evidence"]


def check_evidence(
    case_dir: Path, *, public_key: PublicKey | None = None, timestamp_roots: Sequence[Certificate] = ()
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

    Returns
    -------
    EvidenceCheck
        Every problem with its path. All folders are treated as if an adversary had written them.

    Raises
    ------
    NewerFormatError
        The case is of a later version of the format.
    """
    case_dir = Path(os.path.abspath(case_dir))  # noqa: PTH100 - a link is to be found, not followed
    findings = Findings()
    bag = check_bag(case_dir, findings)
    _check_private(private_folder(case_dir), bag.manifest, findings)
    check_custody(custody_folder(case_dir), bag, public_key, timestamp_roots, findings)
    return findings.outcome(case_dir.name, bag.manifest.case_id if bag.manifest else "", bag.sha256)


def _check_private(folder: Path, manifest: EvidenceManifest | None, findings: Findings) -> None:
    """Check the private files: all are there and whole, or all were withheld."""
    expected = {file.relative_path: file for file in manifest.private_files} if manifest else {}
    if not os.path.lexists(folder):
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
            problem = file_problem(folder / name, tree.files[name], recorded.sha256, recorded.size_bytes)
            if problem:
                findings.add(f"{folder.name}/{name}", problem)
        else:
            note_missing(folder.name, tree, name, findings, "is missing, while its folder is there")
    check_nothing_else(folder.name, tree, set(expected), findings)
    if findings.count == before:
        findings.statements.append(
            f"Every private file beside the bag, {len(expected)} in all, has its recorded SHA-256."
        )
