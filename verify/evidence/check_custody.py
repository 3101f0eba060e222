"""Check what lies beside the bag since its sealing: the later log, the signatures, the timestamps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verify.evidence.annotations import check_annotations
from verify.evidence.check_bag import BagFound, note_order
from verify.evidence.check_folder import check_digest, check_nothing_else, listed, note_missing
from verify.evidence.check_proofs import check_proofs, note_unlogged
from verify.evidence.check_signature import Signatures
from verify.evidence.custody_log import CustodyLog, parse_log
from verify.evidence.layout import (
    ACQUISITION_LOG_PATH,
    CUSTODY_LOG_NAME,
    OPEN_TIMESTAMP_NAME,
    PUBLIC_KEY_NAME,
    SIGNATURE_NAME,
    TAG_LIST_NAME,
    TIMESTAMP_NAME,
    limit_of,
)
from verify.evidence.problems import Findings, ProblemKind
from verify.evidence.reading import Tree, is_there, open_regular

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from verify.evidence.keys import PublicKey

_KNOWN_FILES = {SIGNATURE_NAME, PUBLIC_KEY_NAME, TIMESTAMP_NAME, OPEN_TIMESTAMP_NAME}
_CASE_ENDING = "-custody"


def check_custody(
    folder: Path,
    bag: BagFound,
    public_key: PublicKey | None,
    timestamp_roots: Sequence[Certificate],
    findings: Findings,
) -> CustodyLog | None:
    """Check the custody folder of a case, and return its log; its absence is told as a notice."""
    if not is_there(folder):
        _note_absence(folder, bag.signer, public_key, findings)
        return None
    try:
        tree = listed(folder, findings, max_depth=1)
    except PermissionError as error:
        findings.add_error(folder.name, error)
        return None
    if tree is None:
        return None
    log = _check_log(folder, tree, bag, findings)
    signatures = Signatures(folder, frozenset(tree.files), log, bag.content, bag.signer)
    if bag.newer is None:  # what a later format puts there is not known
        unlogged = _check_added(folder, tree, log, bag.content, findings)
        if log is not None:
            check_annotations(f"{folder.name}/{CUSTODY_LOG_NAME}", log, findings)
        signatures.check(public_key, findings)
        check_proofs(folder, sorted(tree.files.keys() - unlogged), bag.content, timestamp_roots, findings)
    else:
        signatures.check(public_key, findings)
    return log


def _note_absence(folder: Path, signer: str | None, expected: PublicKey | None, findings: Findings) -> None:
    says = f" The case says of itself that it was signed with the public key {signer}." if signer else ""
    findings.notices.append(
        f"There is no {folder.name} beside the case: no later custody log, and signature and timestamps cannot be "
        "checked. The digests in the bag alone show accidental change; whoever can write the folder could replace "
        f"all of it.{says}"
    )
    if expected is not None:
        findings.add(
            folder.name,
            f"is missing, so there is no signature of the expected key {expected.key_id}",
            ProblemKind.NOT_CONFIRMED,
        )


def _check_log(folder: Path, tree: Tree, bag: BagFound, findings: Findings) -> CustodyLog | None:
    told = f"{folder.name}/{CUSTODY_LOG_NAME}"
    if CUSTODY_LOG_NAME not in tree.files:
        note_missing(folder.name, tree, CUSTODY_LOG_NAME, findings)
        return None
    try:
        with open_regular(folder / CUSTODY_LOG_NAME) as file:
            log = parse_log(file)
    except OSError as error:
        findings.add_error(told, error)
        return None
    except ValueError as error:
        if bag.newer is None:  # a later format may have another form
            findings.add(told, f"is not as it was written: {error}")
        return None
    before = findings.count
    case_name = folder.name.removesuffix(_CASE_ENDING)
    if bag.sha256 is not None and log.head.bag_sha256 != bag.sha256:
        findings.add(
            f"{case_name}/{TAG_LIST_NAME}", f"is not the one that was sealed: {told} begins with another SHA-256"
        )
    if bag.manifest is not None and log.head.case_id != bag.manifest.case_id:
        findings.add(told, f"is the log of another case, {log.head.case_id}")
    if findings.count == before and bag.sha256 is not None:
        _state(told, log, findings)
    note_order(told, log.events, findings)
    if bag.events and log.events[0].utc[:19] < bag.events[-1].utc[:19]:
        findings.notices.append(
            f"{told} begins at {log.events[0].utc}, before {case_name}/{ACQUISITION_LOG_PATH} ends at "
            f"{bag.events[-1].utc}. The clock of a machine was wrong, or was set meanwhile."
        )
    return log


def _state(told: str, log: CustodyLog, findings: Findings) -> None:
    number = len(log.events)
    findings.statements.append(
        f"The later custody log is an unbroken chain of {number} events that begins with the bag's digest and ends as "
        f"its head says, at {log.head.utc}. An older copy of it would say as much of itself: if you have a newer copy "
        f"of {told}, compare the number of events, here {number}."
    )


def _check_added(
    folder: Path, tree: Tree, log: CustodyLog | None, manifest: bytes | None, findings: Findings
) -> set[str]:
    """Check every file beside the log against the event that tells of it; returns timestamps without one."""
    added = log.added_files() if log else {}
    for name, digest in added.items():
        if name in tree.files:
            check_digest(folder / name, f"{folder.name}/{name}", digest, limit_of(name), findings)
        else:
            note_missing(folder.name, tree, name, findings, f"is missing, though {CUSTODY_LOG_NAME} tells of it")
    expected = {CUSTODY_LOG_NAME, *added}
    if log is None:
        # Without a log, whose absence or damage is told, only the files that this program always writes are known.
        check_nothing_else(folder.name, tree, expected | _KNOWN_FILES, findings)
        return set()
    unlogged = note_unlogged(folder, tree, expected, manifest, findings)
    check_nothing_else(folder.name, tree, expected | unlogged, findings)
    return unlogged
