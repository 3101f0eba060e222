"""OpenTimestamps: a proof that data existed before a block of the Bitcoin chain, without an authority to believe.

A calendar takes a digest at once and puts it, with many others, into the chain some hours later. Until then its answer
is a promise, 'pending'; `upgrade` asks for what came of it. Nothing here looks into the chain itself: a proof that
leads to a block says which value that block's header must hold, and the reader compares.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from verify.acquire.post import ExchangeError, get_bytes, post_bytes
from verify.acquire.texts import clean_text, shown_url
from verify.evidence.timestamps import TimestampError

MAX_PROOF_BYTES = 64 * 1024
_MAX_ANSWER_BYTES = 10_000
_MAX_ATTESTATIONS = 100
_MAX_CALENDARS = 16
_MAX_HEIGHT = 100_000_000
_NONCE_BYTES = 16
_TIMEOUT_S = 30.0
_ACCEPT = "application/vnd.opentimestamps.v1"
_DIGEST_TYPE = "application/x-www-form-urlencoded"  # what calendars are used to; the body is the bare digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """Where one branch of a proof ends.

    Parameters
    ----------
    kind
        'bitcoin': the digest is said to be in a block. 'pending': a calendar has promised. 'other': anything else,
        which is not judged here.
    calendar
        URL of the calendar of a pending attestation.
    block_height
        Number of the Bitcoin block.
    merkle_root
        What the header of that block must have as its Merkle root, in hexadecimal as block explorers show it. Only the
        comparison shows that the data existed by the time of the block; it is the reader's to make.
    """

    kind: Literal["bitcoin", "pending", "other"]
    calendar: str | None = None
    block_height: int | None = None
    merkle_root: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofCheck:
    """What a proof says; that it is about the data has been checked, the chain has not been asked."""

    attestations: tuple[Attestation, ...]

    @property
    def calendars(self) -> tuple[str, ...]:
        """Calendars that have promised."""
        return tuple(attestation.calendar for attestation in self.attestations if attestation.calendar is not None)

    @property
    def blocks(self) -> tuple[tuple[int, str], ...]:
        """Height and expected Merkle root of each Bitcoin block that the proof leads to."""
        return tuple(
            (attestation.block_height, attestation.merkle_root)
            for attestation in self.attestations
            if attestation.block_height is not None and attestation.merkle_root is not None
        )

    @property
    def complete(self) -> bool:
        """Whether the proof leads to a block, so that no calendar is needed any more."""
        return bool(self.blocks)


def stamp(data: bytes, calendars: Sequence[str], *, allow_private: bool, timeout_s: float = _TIMEOUT_S) -> bytes:
    """Have calendars put a digest of data into the chain. They learn neither the data nor its SHA-256.

    Parameters
    ----------
    calendars
        URLs of calendars, asked one after another; each that answers becomes a branch of the proof.
    timeout_s
        Wall time for each, in seconds.

    Returns
    -------
    bytes
        A detached proof, as an .ots file holds it: pending, with at least one calendar.

    Raises
    ------
    TimestampError
        No calendar gave a usable answer; all reasons are named.
    """
    from opentimestamps.core.op import OpAppend, OpSHA256  # noqa: PLC0415 - only where it is asked for
    from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp  # noqa: PLC0415

    if not calendars or len(calendars) > _MAX_CALENDARS:
        raise TimestampError(f"give one to {_MAX_CALENDARS} calendars")
    root = Timestamp(hashlib.sha256(data).digest())
    # With random bytes added, a calendar cannot tell what is stamped even if it has the data.
    hidden = root.ops.add(OpAppend(os.urandom(_NONCE_BYTES))).ops.add(OpSHA256())

    def ask(branch: Any, calendar: str) -> bytes:
        return post_bytes(
            _place(calendar, "digest"),
            branch.msg,
            content_type=_DIGEST_TYPE,
            accept=_ACCEPT,
            allow_private=allow_private,
            max_bytes=_MAX_ANSWER_BYTES,
            timeout_s=timeout_s,
        )

    _ask_all([(hidden, calendar) for calendar in dict.fromkeys(calendars)], ask)
    proof = _serialised(DetachedTimestampFile(OpSHA256(), root))
    check_proof(proof, data)
    return proof


def upgrade(proof: bytes, data: bytes, *, allow_private: bool, timeout_s: float = _TIMEOUT_S) -> bytes:
    """Ask the calendars of a proof what came of their promises, and add it.

    The calendars' URLs are taken from the proof, which may be anyone's: the network policy applies to them.

    Returns
    -------
    bytes
        The proof with what is new; the same bytes if nothing is.

    Raises
    ------
    TimestampError
        The proof is malformed or not over the data, or no calendar gave a usable answer.
    """
    parsed = _parsed(proof, data)
    pending = [
        (branch, url)
        for branch in _branches(parsed.timestamp)
        for url in (_calendar_of(attestation) for attestation in branch.attestations)
        if url is not None
    ]

    def ask(branch: Any, calendar: str) -> bytes:
        return get_bytes(
            _place(calendar, f"timestamp/{branch.msg.hex()}"),
            accept=_ACCEPT,
            allow_private=allow_private,
            max_bytes=_MAX_ANSWER_BYTES,
            timeout_s=timeout_s,
        )

    _ask_all(pending[:_MAX_CALENDARS], ask)
    upgraded = _serialised(parsed)
    check_proof(upgraded, data)
    return upgraded


def _ask_all(pairs: Sequence[tuple[Any, str]], ask: Callable[[Any, str], bytes]) -> None:
    """Ask calendars about branches of a proof, and merge what they answer into them.

    Raises
    ------
    TimestampError
        There were calendars to ask, and none gave a usable answer; all reasons are named.
    """
    problems = []
    for branch, calendar in pairs:
        try:
            _merge(branch, ask(branch, calendar))
        except ExchangeError as error:
            problems.append(str(error))
        except TimestampError as error:
            problems.append(f"{shown_url(calendar)}: {error}")
    if problems and len(problems) == len(pairs):
        raise TimestampError("; ".join(problems))


def check_proof(proof: bytes, data: bytes) -> ProofCheck:
    """Check offline that a proof is over data, and say where it leads.

    Raises
    ------
    TimestampError
        The proof is malformed, too large, or over other data.
    """
    found = list(_parsed(proof, data).timestamp.all_attestations())
    if len(found) > _MAX_ATTESTATIONS:
        raise TimestampError(f"the proof has more than {_MAX_ATTESTATIONS} branches")
    attestations = [_attestation(message, attestation) for message, attestation in found]
    attestations.sort(key=lambda one: (one.kind, one.block_height or 0, one.calendar or "", one.merkle_root or ""))
    return ProofCheck(attestations=tuple(attestations))


def _attestation(message: bytes, attestation: Any) -> Attestation:
    from opentimestamps.core.notary import BitcoinBlockHeaderAttestation  # noqa: PLC0415 - only where it is asked for

    if isinstance(attestation, BitcoinBlockHeaderAttestation):
        if len(message) != hashlib.sha256().digest_size or not 0 <= attestation.height <= _MAX_HEIGHT:
            raise TimestampError("the proof names a block that cannot be")
        # Bitcoin prints digests from the last byte to the first.
        return Attestation(kind="bitcoin", block_height=attestation.height, merkle_root=message[::-1].hex())
    if (calendar := _calendar_of(attestation)) is not None:
        return Attestation(kind="pending", calendar=clean_text(calendar, 300))
    return Attestation(kind="other")


def _calendar_of(attestation: Any) -> str | None:
    from opentimestamps.core.notary import PendingAttestation  # noqa: PLC0415 - only where it is asked for

    return str(attestation.uri) if isinstance(attestation, PendingAttestation) else None


def _branches(timestamp: Any) -> list[Any]:
    """List a timestamp and all that follow from it, the first first."""
    found, waiting = [], [timestamp]
    while waiting:
        found.append(waiting.pop())
        waiting.extend(found[-1].ops.values())
    return found


def _parsed(proof: bytes, data: bytes) -> Any:
    """Parse a detached proof over data."""
    from opentimestamps.core.op import OpSHA256  # noqa: PLC0415 - only where it is asked for
    from opentimestamps.core.timestamp import DetachedTimestampFile  # noqa: PLC0415

    if len(proof) > MAX_PROOF_BYTES:
        raise TimestampError("the proof is too large")
    parsed = _read(proof, DetachedTimestampFile.deserialize)
    if not isinstance(parsed.file_hash_op, OpSHA256):
        raise TimestampError("the proof is over a digest other than SHA-256")
    if parsed.file_digest != hashlib.sha256(data).digest():
        raise TimestampError("the proof is over other data")
    if _serialised(parsed) != proof:
        raise TimestampError("the proof is not in its one proper form")
    return parsed


def _merge(timestamp: Any, answer: bytes) -> None:
    """Add a calendar's answer, which must be about the timestamp's message."""
    from opentimestamps.core.timestamp import Timestamp  # noqa: PLC0415 - only where it is asked for

    branch = _read(answer, lambda context: Timestamp.deserialize(context, timestamp.msg), to_the_end=True)
    if len(list(branch.all_attestations())) > _MAX_ATTESTATIONS:
        raise TimestampError("the answer has too many branches")
    with _reversal_allowed():
        timestamp.merge(branch)


def _read(content: bytes, deserialise: Any, *, to_the_end: bool = False) -> Any:
    from opentimestamps.core.serialize import BytesDeserializationContext, DeserializationError  # noqa: PLC0415

    context = BytesDeserializationContext(content)
    try:
        with _reversal_allowed():
            parsed = deserialise(context)
        if to_the_end:
            context.assert_eof()
    except (DeserializationError, ValueError, TypeError, OverflowError, AssertionError, RecursionError) as error:
        raise TimestampError("it is no OpenTimestamps proof that can be read") from error
    return parsed


@contextmanager
def _reversal_allowed() -> Iterator[None]:
    """Keep quiet the library's notice that one operation, reversal, may go; proofs that have it still count."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        yield


def _serialised(proof: Any) -> bytes:
    from opentimestamps.core.serialize import BytesSerializationContext  # noqa: PLC0415 - only where it is asked for

    context = BytesSerializationContext()
    try:
        proof.serialize(context)
    except (ValueError, TypeError) as error:
        raise TimestampError("it is no OpenTimestamps proof that can be written") from error
    content: bytes = context.getbytes()
    if len(content) > MAX_PROOF_BYTES:
        raise TimestampError("the proof is too large")
    return content


def _place(calendar: str, path: str) -> str:
    return f"{calendar.rstrip('/')}/{path}"
