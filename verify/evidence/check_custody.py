"""Check what lies beside the bag since its sealing: the later log, the signatures, the timestamps."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verify.evidence.check_bag import BagFound
from verify.evidence.check_folder import check_nothing_else, file_problem, listed, note_missing
from verify.evidence.check_signature import Signatures
from verify.evidence.custody_log import CustodyLog, parse_log
from verify.evidence.layout import (
    CUSTODY_LOG_NAME,
    MANIFEST_PATH,
    OPEN_TIMESTAMP_NAME,
    PUBLIC_KEY_NAME,
    SIGNATURE_NAME,
    TAG_LIST_NAME,
    TIMESTAMP_NAME,
)
from verify.evidence.problems import Findings
from verify.evidence.reading import Tree, open_regular, read_bounded

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from verify.evidence.keys import PublicKey

_MAX_PROOF_BYTES = 1024**2
# There may be several: a later one is added under another name, such as manifest.json.2.tsr.
_PROOF_NAME = re.compile(r"manifest\.json(?:\.[A-Za-z0-9]{1,20})?\.(tsr|ots)")
_KNOWN_FILES = {SIGNATURE_NAME, PUBLIC_KEY_NAME, TIMESTAMP_NAME, OPEN_TIMESTAMP_NAME}


def check_custody(
    folder: Path,
    bag: BagFound,
    public_key: PublicKey | None,
    timestamp_roots: Sequence[Certificate],
    findings: Findings,
) -> None:
    """Check the custody folder of a case; its absence is told as a notice."""
    if not os.path.lexists(folder):
        findings.notices.append(
            f"There is no {folder.name} beside the case: no later custody log, and signature and timestamps cannot be "
            "checked. The digests in the bag alone show accidental change; whoever can write the folder could replace "
            "all of it."
        )
        if public_key is not None:
            findings.add(folder.name, f"is missing, so there is no signature of the expected key {public_key.key_id}")
        return
    try:
        tree = listed(folder, findings, max_depth=1)
    except PermissionError as error:
        findings.add(folder.name, f"cannot be read ({error.strerror})")
        return
    if tree is None:
        return
    log = _check_log(folder, tree, bag, findings)
    added = log.added_files() if log else {}
    _check_added(folder, tree, added, log is not None, findings)
    Signatures(folder, frozenset(tree.files), log, bag.content).check(public_key, findings)
    _check_timestamps(folder, tree, bag.content, timestamp_roots, findings)


def _check_log(folder: Path, tree: Tree, bag: BagFound, findings: Findings) -> CustodyLog | None:
    told = f"{folder.name}/{CUSTODY_LOG_NAME}"
    if CUSTODY_LOG_NAME not in tree.files:
        note_missing(folder.name, tree, CUSTODY_LOG_NAME, findings)
        return None
    try:
        with open_regular(folder / CUSTODY_LOG_NAME) as file:
            log = parse_log(file)
    except OSError as error:
        findings.add(told, f"cannot be read ({error.strerror})")
        return None
    except ValueError as error:
        findings.add(told, f"is not as it was written: {error}")
        return None
    before = findings.count
    if bag.sha256 is not None and log.head.bag_sha256 != bag.sha256:
        case_name = folder.name.removesuffix("-custody")
        findings.add(
            f"{case_name}/{TAG_LIST_NAME}", f"is not the one that was sealed: {told} begins with another SHA-256"
        )
    if bag.manifest is not None and log.head.case_id != bag.manifest.case_id:
        findings.add(told, f"is the log of another case, {log.head.case_id}")
    if findings.count > before or bag.sha256 is None:
        return log
    findings.statements.append(
        f"The later custody log is an unbroken chain of {len(log.events)} events that begins with the bag's digest and "
        f"ends as its head says, at {log.head.utc}."
    )
    return log


def _check_added(folder: Path, tree: Tree, added: dict[str, str], has_log: bool, findings: Findings) -> None:
    """Check every file beside the log against the event that tells of it."""
    expected = {CUSTODY_LOG_NAME, *added}
    for name, digest in added.items():
        if name in tree.files:
            if problem := file_problem(folder / name, tree.files[name], digest, None):
                findings.add(f"{folder.name}/{name}", problem)
        else:
            note_missing(folder.name, tree, name, findings, f"is missing, though {CUSTODY_LOG_NAME} tells of it")
    if has_log:
        check_nothing_else(folder.name, tree, expected, findings)
        return
    # Without a log, whose absence or damage is told, only the files that this program always writes are known.
    check_nothing_else(folder.name, tree, expected | _KNOWN_FILES, findings)


def _check_timestamps(
    folder: Path, tree: Tree, manifest: bytes | None, roots: Sequence[Certificate], findings: Findings
) -> None:
    """Check the statements of third parties of when the manifest existed."""
    found = [name for name in sorted(tree.files) if _PROOF_NAME.fullmatch(name)]
    if not found:
        findings.statements.append(
            "No third party has stated the time: the times in the logs are those of the machine that wrote them."
        )
    if manifest is None:
        return
    for name in found:
        path = f"{folder.name}/{name}"
        try:
            content = read_bounded(folder / name, _MAX_PROOF_BYTES)
        except OSError as error:
            findings.add(path, f"cannot be read ({error.strerror})")
            continue
        if name.endswith(".tsr"):
            _check_authority(path, content, manifest, roots, findings)
        else:
            _check_calendar(path, content, manifest, findings)


def _check_authority(
    path: str, content: bytes, manifest: bytes, roots: Sequence[Certificate], findings: Findings
) -> None:
    from verify.evidence.timestamps import TimestampError, check_timestamp  # noqa: PLC0415 - only where there is one

    try:
        checked = check_timestamp(content, manifest, roots)
    except TimestampError as error:
        findings.add(path, f"is no timestamp of {MANIFEST_PATH}: {error}")
        return
    said = f"The timestamp says that the manifest existed by {checked.utc}, in the word of {checked.authority}"
    if checked.state == "trusted":
        findings.statements.append(f"{said}, whose certificate leads to one that was given.")
    else:
        findings.notices.append(
            f"{said}. Whether that authority is to be believed could not be checked: {checked.problem}."
        )


def _check_calendar(path: str, content: bytes, manifest: bytes, findings: Findings) -> None:
    from verify.evidence.opentimestamps_proof import check_proof  # noqa: PLC0415 - only where there is one
    from verify.evidence.timestamps import TimestampError  # noqa: PLC0415

    try:
        checked = check_proof(content, manifest)
    except TimestampError as error:
        findings.add(path, f"is no OpenTimestamps proof of {MANIFEST_PATH}: {error}")
        return
    for height, root in checked.blocks:
        findings.notices.append(
            f"The OpenTimestamps proof {path} leads to block {height} of the Bitcoin chain. The chain was not asked: "
            f"if the Merkle root of that block is {root}, the manifest existed by the time of the block."
        )
    if not checked.complete:
        promised = ", ".join(checked.calendars) or "nobody that this program knows"
        findings.notices.append(
            f"The OpenTimestamps proof {path} is not complete: so far it holds a promise by {promised}, and no time."
        )
