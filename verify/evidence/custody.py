"""Add to the custody folder of a case: events to its log, and files that the log then tells of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from verify.dates import utc_now
from verify.errors import EvidenceExistsError, EvidenceMismatchError, InvalidUsageError, OutputNotWritableError
from verify.evidence.custody_log import (
    FILE_ADDED,
    RESERVED_ACTIONS,
    CustodyLog,
    bounded,
    log_bytes,
    parse_chain,
    parse_log,
    sealed_signer,
)
from verify.evidence.durable import write_whole
from verify.evidence.layout import (
    ACQUISITION_LOG_PATH,
    CUSTODY_LOG_NAME,
    MAX_KEY_BYTES,
    MAX_MANIFEST_BYTES,
    PLAIN_NAME,
    PUBLIC_KEY_NAME,
    TAG_LIST_NAME,
    custody_folder,
    limit_of,
)
from verify.evidence.locking import locked
from verify.evidence.manifest import is_sha256
from verify.evidence.reading import digest_of, is_there, open_regular, read_bounded
from verify.model import ClockReading, CustodyEvent

if TYPE_CHECKING:
    from verify.evidence.keys import PublicKey, SigningKey

_TOO_LARGE = "Add something smaller."
_LOCK_WAIT_S = 30.0
_CHECK = "Run `verify evidence check`; restore the case from a copy."


def read_log(case_dir: Path) -> CustodyLog:
    """Read the later log of a case. Neither its signature nor the bag is checked here.

    Raises
    ------
    EvidenceMismatchError
        There is no log, or it is not a whole chain of canonical lines with its head.
    """
    path = custody_folder(case_dir) / CUSTODY_LOG_NAME
    try:
        with open_regular(path) as file:
            return parse_log(file)
    except OSError as error:
        raise EvidenceMismatchError(path, f"cannot be read ({error.strerror})", _CHECK) from error
    except ValueError as error:
        raise EvidenceMismatchError(path, f"is damaged: {error}", _CHECK) from error


def append_event(
    case_dir: Path,
    *,
    actor: str,
    action: str,
    detail: str,
    digest: str | None = None,
    clock: ClockReading | None = None,
    signing_key: SigningKey | None,
) -> None:
    """Add an event to the later log of a case. The new log replaces the old one as a whole or not at all.

    Parameters
    ----------
    actor
        The program and, where the operator gave a name, that name.
    digest
        SHA-256 of what the action produced or found, lower-case hex.
    signing_key
        The key that the case was signed with; its new head is signed with it. The log of a case that was sealed
        without a signature stays without one, whatever is given.

    Raises
    ------
    EvidenceMismatchError
        The log, its signature or the bag's digest do not hold; nothing is added to such a log, nor signed.
    InvalidUsageError
        The case is signed, and the key is missing or another one.
    OutputNotWritableError
        The log cannot be written, or would be larger than what is read back; the old one is still there.
    ValueError
        The action is one that this program keeps for itself.
    """
    if action in RESERVED_ACTIONS:
        raise ValueError(f"the action {action!r} is not for others")
    with _locked(case_dir), _naming(case_dir):
        event = _event(actor=actor, action=action, detail=detail, digest=digest, clock=clock)
        _append(case_dir, event, signing_key)


def append_judged(
    case_dir: Path, make_event: Callable[[CustodyLog], CustodyEvent], *, signing_key: SigningKey | None
) -> CustodyLog:
    """Add an event that depends on the log before it, as that is when no other process can add to it.

    Parameters
    ----------
    make_event
        Takes the log, and gives the event, which may be of a kind that this program keeps for itself; or raises.

    Returns
    -------
    CustodyLog
        The log that there is then, read back.

    Raises
    ------
    EvidenceMismatchError, InvalidUsageError, OutputNotWritableError
        As for `append_event`.
    """
    with _locked(case_dir), _naming(case_dir):
        log, key = _may_append(case_dir, signing_key)
        _write_log(case_dir, log, make_event(log), key)
        return read_log(case_dir)


def add_custody_file(
    case_dir: Path, name: str, content: bytes, *, actor: str, detail: str = "", signing_key: SigningKey | None
) -> None:
    """Put a file into the custody folder, with an event that holds its digest. What is there is never overwritten.

    If an earlier call was interrupted between the two, the same call completes it.

    Parameters
    ----------
    name
        Letters, digits, '.', '_' and '-'.
    detail
        What the file is; the event says `name: detail`.

    Raises
    ------
    EvidenceExistsError
        There is such a file already.
    EvidenceMismatchError, InvalidUsageError, OutputNotWritableError
        As for `append_event`. If the log cannot be extended, the file is not there either.
    """
    if not PLAIN_NAME.fullmatch(name) or name == CUSTODY_LOG_NAME:
        raise ValueError(f"{name!r} is no name for a file of the custody folder")
    if len(content) > limit_of(name):
        raise InvalidUsageError(name, f"is larger than the {limit_of(name)} bytes that are read back", _TOO_LARGE)
    digest = hashlib.sha256(content).hexdigest()
    path = custody_folder(case_dir) / name
    with _locked(case_dir), _naming(case_dir):
        _may_append(case_dir, signing_key)
        known = name in read_log(case_dir).added_files()
        if os.path.lexists(path) and (known or digest_of(path, limit_of(name))[0] != digest):
            raise EvidenceExistsError(path, "is there already, and is not overwritten", "Move it away if it is wrong.")
        if known:
            raise EvidenceMismatchError(path, "was added earlier and is gone", _CHECK)
        made = not os.path.lexists(path)
        if made:
            write_whole(path, content, path.parent.parent, read_only=True)
        try:
            told = f"{name}: {detail}" if detail else name
            _append(case_dir, _event(actor=actor, action=FILE_ADDED, detail=told, digest=digest), signing_key)
        except BaseException:
            if made:
                with suppress(OSError):
                    path.unlink()
            raise


def next_proof_name(case_dir: Path, ending: str) -> str:
    """Return the name for a further statement of a third party: manifest.json.tsr, then manifest.json.2.tsr, ...

    Parameters
    ----------
    ending
        'tsr' or 'ots'.

    Raises
    ------
    EvidenceMismatchError
        As `read_log` tells.
    """
    taken = read_log(case_dir).added_files().keys()
    folder = custody_folder(case_dir)
    number = 1
    while True:
        name = "manifest.json." + (ending if number == 1 else f"{number}.{ending}")
        if name not in taken and not is_there(folder / name):
            return name
        number += 1


def _event(
    *, actor: str, action: str, detail: str, digest: str | None, clock: ClockReading | None = None
) -> CustodyEvent:
    if digest is not None and not is_sha256(digest):
        raise ValueError(f"{digest!r} is no SHA-256 in lower-case hex")
    if not actor or not action or not detail:
        raise ValueError("an event without actor, action or detail")
    return CustodyEvent(
        utc=utc_now(), actor=bounded(actor), action=bounded(action), detail=bounded(detail), digest=digest, clock=clock
    )


def _append(case_dir: Path, event: CustodyEvent, signing_key: SigningKey | None) -> None:
    log, key = _may_append(case_dir, signing_key)
    _write_log(case_dir, log, event, key)


def _write_log(case_dir: Path, log: CustodyLog, event: CustodyEvent, key: SigningKey | None) -> None:
    folder = custody_folder(case_dir)
    try:
        content = log_bytes((*log.events, event), log.head.case_id, log.head.bag_sha256, key)
    except ValueError as error:
        raise OutputNotWritableError(
            folder / CUSTODY_LOG_NAME, f"cannot hold this event ({error})", _TOO_LARGE
        ) from error
    write_whole(folder / CUSTODY_LOG_NAME, content, folder.parent)


def _may_append(case_dir: Path, signing_key: SigningKey | None) -> tuple[CustodyLog, SigningKey | None]:
    """Return the log and the key to sign it with, after a look that it is worth signing."""
    log, public = verified_log(case_dir)
    if public is None:
        return log, None
    if signing_key is None or signing_key.public != public:
        raise InvalidUsageError(
            case_dir,
            f"is signed with key {public.key_id}, and its log can only be continued with that key",
            "Name that key's file in VERIFY_KEY; `verify key show` tells which one is in use.",
        )
    return log, signing_key


def verified_log(case_dir: Path) -> tuple[CustodyLog, PublicKey | None]:
    """Read the later log of a case and check its head: that it is this bag's, and signed with the key the bag names.

    The files of the bag are not looked at, nor are those beside the log; `check_evidence` checks all.

    Returns
    -------
    tuple
        The log, and the key that its head is signed with; None for a case without a signature.

    Raises
    ------
    EvidenceMismatchError
        The log or its head does not hold.
    """
    log = read_log(case_dir)
    tag_list = case_dir / TAG_LIST_NAME
    try:
        is_sealed_one = digest_of(tag_list, MAX_MANIFEST_BYTES)[0] == log.head.bag_sha256
    except OSError as error:
        raise EvidenceMismatchError(tag_list, f"cannot be read ({error.strerror})", _CHECK) from error
    if not is_sealed_one:
        raise EvidenceMismatchError(tag_list, "is not the one that was sealed", _CHECK)
    public = case_signer(case_dir)
    key_path = custody_folder(case_dir) / PUBLIC_KEY_NAME
    if public is None and log.head.signature is not None:
        raise EvidenceMismatchError(key_path, "is missing, but the log is signed", _CHECK)
    if _bag_signer(case_dir, log.head.case_id) != (public.encoded if public else ""):
        raise EvidenceMismatchError(key_path, f"is not as {ACQUISITION_LOG_PATH} says of the signature", _CHECK)
    if public is None:
        return log, None
    from verify.evidence.keys import SignatureError, verify_signature  # noqa: PLC0415 - only for signed cases

    try:
        verify_signature(public, log.head.signed_bytes(), log.head.signature or "")
    except SignatureError as error:
        path = custody_folder(case_dir) / CUSTODY_LOG_NAME
        raise EvidenceMismatchError(path, f"has a head without a valid signature ({error})", _CHECK) from error
    return log, public


def _bag_signer(case_dir: Path, case_id: str) -> str:
    """Return the public key that the log in the bag names; empty: it says that the case is not signed."""
    path = case_dir / ACQUISITION_LOG_PATH
    try:
        with open_regular(path) as file:
            events = parse_chain(file)
        if not events:
            raise ValueError("it has no events")
        return sealed_signer(events[-1], case_id)
    except OSError as error:
        raise EvidenceMismatchError(path, f"cannot be read ({error.strerror})", _CHECK) from error
    except ValueError as error:
        raise EvidenceMismatchError(path, f"is damaged: {error}", _CHECK) from error


def case_signer(case_dir: Path) -> PublicKey | None:
    """Return the key that a case was signed with, None for a case without a signature. Nothing is verified here.

    Raises
    ------
    EvidenceMismatchError
        The file of the key holds none.
    """
    path = custody_folder(case_dir) / PUBLIC_KEY_NAME
    if not os.path.lexists(path):
        return None
    from verify.evidence.keys import PublicKey, SignatureError  # noqa: PLC0415 - only for signed cases

    try:
        return PublicKey.from_text(read_bounded(path, MAX_KEY_BYTES).decode("ascii"))
    except (OSError, UnicodeDecodeError, SignatureError) as error:
        raise EvidenceMismatchError(path, f"is no public key ({error})", _CHECK) from error


@contextmanager
def _naming(case_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritableError(
            custody_folder(case_dir),
            f"cannot be written ({error.strerror or error})",
            "Free some disk space, or make the folder writable.",
        ) from error


@contextmanager
def _locked(case_dir: Path) -> Iterator[None]:
    """Keep other processes from adding to the same log meanwhile, by a lock on a file beside the case."""
    folder = custody_folder(case_dir)
    with ExitStack() as stack:
        with _naming(case_dir):
            stack.enter_context(locked(folder.with_name(f".{folder.name[:100]}.lock"), _LOCK_WAIT_S))
        yield
