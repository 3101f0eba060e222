"""What holds a case together from outside: who answers for it, third parties' times, and what a report says of both."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import verify
from verify.acquire.texts import clean_text, shown_url
from verify.errors import EvidenceMismatchError, InvalidUsageError
from verify.evidence.custody import add_custody_file, append_event, case_signer, next_proof_name, read_log
from verify.evidence.custody_log import REPORT_NAMES, REPORT_WRITTEN, parse_chain
from verify.evidence.layout import (
    ACQUISITION_LOG_PATH,
    MANIFEST_PATH,
    MAX_MANIFEST_BYTES,
    MAX_PROOF_BYTES,
    TAG_LIST_NAME,
    custody_folder,
)
from verify.evidence.reading import digest_of, open_regular, read_bounded
from verify.model import EvidenceSeal, TrustedTime

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from verify.evidence.keys import SigningKey

#: Public calendars of OpenTimestamps; one that answers is enough.
PUBLIC_CALENDARS = (
    "https://a.pool.opentimestamps.org",
    "https://b.pool.opentimestamps.org",
    "https://a.pool.eternitywall.com",
)
# What third parties give: what it is called, and how its file's name ends.
_TIMESTAMP = ("RFC 3161 timestamp", "tsr")
_OPEN_PROOF = ("OpenTimestamps proof", "ots")
_MAX_OPERATOR_CHARACTERS = 100
_MAX_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SealOptions:
    """Who answers for a case, and which third parties are to state its time.

    Parameters
    ----------
    actor
        Program and operator, as custody logs name them; see `actor_name`.
    signing_key
        Signs the manifest and the custody log. None: nothing is signed.
    timestamp_url
        RFC 3161 authority to ask; empty: none.
    timestamp_roots
        Certificates that its statement must lead to, to count as trusted.
    calendars
        OpenTimestamps calendars to ask; empty: none.
    """

    actor: str
    signing_key: SigningKey | None = None
    timestamp_url: str = ""
    timestamp_roots: Sequence[Certificate] = ()
    calendars: Sequence[str] = ()


def actor_name(operator: str = "") -> str:
    """Name this program, and the operator where one is given, as custody logs do."""
    program = f"verify-video {verify.__version__}"
    name = clean_text(operator, _MAX_OPERATOR_CHARACTERS)
    return f"{name}, with {program}" if name else program


def stamp_case(case_dir: Path, options: SealOptions, *, allow_private: bool) -> tuple[str, ...]:
    """Ask third parties to state when the manifest of a sealed case existed; put their answers beside the case.

    Returns
    -------
    tuple of str
        A warning for each that gave none. Every attempt, whatever its outcome, is an event of the custody log.

    Raises
    ------
    InvalidUsageError
        The case is signed with another key, so that its log could not take an answer. Nobody is asked.
    EvidenceMismatchError, OutputNotWritableError
        As for `verify.evidence.custody.append_event`.
    """
    if (options.timestamp_url or options.calendars) and not can_continue_log(case_dir, options.signing_key):
        raise InvalidUsageError(
            case_dir, "is signed with another key, so nothing can be added to its log", "Use the key it is signed with."
        )
    manifest = read_bounded(case_dir / MANIFEST_PATH, MAX_MANIFEST_BYTES)
    warnings: list[str] = []
    if options.timestamp_url:
        warnings += _ask(
            case_dir,
            options,
            _TIMESTAMP,
            [options.timestamp_url],
            lambda: _checked_timestamp(options, manifest, allow_private),
        )
    if options.calendars:
        from verify.evidence.opentimestamps_proof import stamp  # noqa: PLC0415 - slow to import

        warnings += _ask(
            case_dir,
            options,
            _OPEN_PROOF,
            options.calendars,
            lambda: stamp(manifest, options.calendars, allow_private=allow_private),
        )
    return tuple(warnings)


def complete_proofs(case_dir: Path, options: SealOptions, *, allow_private: bool) -> tuple[str, ...]:
    """Ask the calendars of the last OpenTimestamps proof what came of their promises, and add what is new.

    The proof that was there stays as it is: the completed one gets a name of its own.

    Returns
    -------
    tuple of str
        A warning if there is no proof, or nothing new.
    """
    from verify.evidence.opentimestamps_proof import upgrade  # noqa: PLC0415 - slow to import
    from verify.evidence.timestamps import TimestampError  # noqa: PLC0415

    proofs = proof_files(case_dir, "ots")
    if not proofs:
        return ("There is no OpenTimestamps proof to complete.",)
    manifest = read_bounded(case_dir / MANIFEST_PATH, MAX_MANIFEST_BYTES)
    before = read_bounded(proofs[-1], MAX_PROOF_BYTES)
    try:
        after = upgrade(before, manifest, allow_private=allow_private)
    except TimestampError as error:
        return (f"The proof could not be completed: {clean_text(str(error), _MAX_REASON_CHARACTERS)}",)
    if after == before:
        return ("The calendars have nothing new yet; it takes some hours. Try again later.",)
    _add(case_dir, options, _OPEN_PROOF, after, "the calendars, as far as they have completed it")
    return ()


def adopt_unlogged(case_dir: Path, options: SealOptions) -> None:
    """Log the answers that lie beside a case without an event, because adding them was interrupted.

    One that is not over the manifest is left, for the check to name.
    """
    from verify.evidence.opentimestamps_proof import check_proof  # noqa: PLC0415 - slow to import
    from verify.evidence.timestamps import TimestampError, check_timestamp  # noqa: PLC0415

    manifest = read_bounded(case_dir / MANIFEST_PATH, MAX_MANIFEST_BYTES)
    known = read_log(case_dir).added_files()
    for path in [*proof_files(case_dir, "tsr"), *proof_files(case_dir, "ots")]:
        if path.name in known:
            continue
        content = read_bounded(path, MAX_PROOF_BYTES)
        try:
            if path.suffix == ".tsr":
                check_timestamp(content, manifest, ())
            else:
                check_proof(content, manifest)
        except TimestampError:
            continue
        detail = "found without an entry here, and checked"
        add_custody_file(
            case_dir, path.name, content, actor=options.actor, detail=detail, signing_key=options.signing_key
        )


def _ask(
    case_dir: Path, options: SealOptions, kind: tuple[str, str], urls: Sequence[str], obtain: Callable[[], bytes]
) -> list[str]:
    """Have one answer given, and log how that went; returns the warning if there is none."""
    from verify.evidence.timestamps import TimestampError  # noqa: PLC0415 - slow to import

    what, _ = kind
    where = ", ".join(shown_url(url) for url in urls)
    try:
        content = obtain()
    except TimestampError as error:
        reason = (clean_text(str(error), _MAX_REASON_CHARACTERS) or "no reason given").rstrip(".")
        append_event(
            case_dir,
            actor=options.actor,
            action=f"{what} failed",
            detail=f"{where}: {reason}",
            signing_key=options.signing_key,
        )
        return [
            f"No {what} could be had from {where}: {reason}. The evidence is preserved without it; try again with "
            f"`verify evidence timestamp`."
        ]
    _add(case_dir, options, kind, content, where)
    return []


def _add(case_dir: Path, options: SealOptions, kind: tuple[str, str], content: bytes, where: str) -> None:
    what, ending = kind
    add_custody_file(
        case_dir,
        next_proof_name(case_dir, ending),
        content,
        actor=options.actor,
        detail=f"{what} from {where}",
        signing_key=options.signing_key,
    )


def proof_files(case_dir: Path, ending: str) -> list[Path]:
    """List the timestamps ('tsr') or OpenTimestamps proofs ('ots') beside a case, in the order of their numbers."""
    found = custody_folder(case_dir).glob(f"manifest.json*.{ending}")
    return sorted((path for path in found if path.is_file()), key=lambda path: (len(path.name), path.name))


def _checked_timestamp(options: SealOptions, manifest: bytes, allow_private: bool) -> bytes:
    from verify.evidence.timestamps import TimestampError, check_timestamp, request_timestamp  # noqa: PLC0415

    response = request_timestamp(options.timestamp_url, manifest, allow_private=allow_private)
    checked = check_timestamp(response, manifest, options.timestamp_roots)
    if options.timestamp_roots and checked.state != "trusted":
        raise TimestampError(f"its answer does not lead to a certificate of --timestamp-ca ({checked.problem})")
    return response


def can_continue_log(case_dir: Path, key: SigningKey | None) -> bool:
    """Tell whether this key, or none, may add to the log of a case: a signed one belongs to whoever signed it."""
    signer = case_signer(case_dir)
    return signer is None or (key is not None and key.public == signer)


def note_report(case_dir: Path, report_folder: Path, options: SealOptions) -> None:
    """Tell the custody log which report was made of a case; raises what `append_event` raises."""
    for name in REPORT_NAMES:
        if (report_folder / name).is_file():
            append_event(
                case_dir,
                actor=options.actor,
                action=REPORT_WRITTEN,
                detail=name,
                digest=digest_of(report_folder / name)[0],
                signing_key=options.signing_key,
            )


def describe_seal(case_dir: Path, timestamp_roots: Sequence[Certificate] = ()) -> EvidenceSeal:
    """Say how a case is held together, for the report. `check_evidence` is what checks it.

    Raises
    ------
    EvidenceMismatchError
        The case or its later log cannot be read.
    """
    try:
        manifest = read_bounded(case_dir / MANIFEST_PATH, MAX_MANIFEST_BYTES)
        bag_sha256, _ = digest_of(case_dir / TAG_LIST_NAME)
        with open_regular(case_dir / ACQUISITION_LOG_PATH) as file:
            events = parse_chain(file)
    except (OSError, ValueError) as error:
        raise EvidenceMismatchError(
            case_dir, f"cannot be read ({error})", f"See: verify evidence check {case_dir}"
        ) from error
    if os.path.lexists(custody_folder(case_dir)):
        events = (*events, *read_log(case_dir).events)
    signer = case_signer(case_dir)
    return EvidenceSeal(
        bag_sha256=bag_sha256,
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        key_id=signer.key_id if signer else None,
        public_key=signer.encoded if signer else None,
        timestamps=tuple(_trusted_times(case_dir, manifest, timestamp_roots)),
        events=events,
    )


def _trusted_times(case_dir: Path, manifest: bytes, roots: Sequence[Certificate]) -> Iterator[TrustedTime]:
    """Say what the timestamps beside a case state; one that does not hold is told as that."""
    for path in proof_files(case_dir, "tsr"):
        yield _rfc3161_time(read_bounded(path, MAX_PROOF_BYTES), manifest, roots)
    for path in proof_files(case_dir, "ots"):
        yield _open_time(read_bounded(path, MAX_PROOF_BYTES), manifest)


def _rfc3161_time(response: bytes, manifest: bytes, roots: Sequence[Certificate]) -> TrustedTime:
    from verify.evidence.timestamps import TimestampError, check_timestamp  # noqa: PLC0415

    try:
        checked = check_timestamp(response, manifest, roots)
    except TimestampError as error:
        return TrustedTime(kind="RFC 3161", authority="", utc="", statement=f"A timestamp that does not hold: {error}.")
    authority = clean_text(checked.authority, _MAX_REASON_CHARACTERS) or "an authority without a name"
    moment = f"{checked.utc[:10]} {checked.utc[11:19]} UTC"
    how_far = (
        "and its certificate leads to one that the operator trusts"
        if checked.state == "trusted"
        else f"but that certificate is not confirmed: {checked.problem}"
    )
    statement = f"The holder of the certificate '{authority}' states that the manifest existed at {moment}, {how_far}."
    return TrustedTime(kind="RFC 3161", authority=authority, utc=checked.utc, statement=statement)


def _open_time(proof: bytes, manifest: bytes) -> TrustedTime:
    from verify.evidence.opentimestamps_proof import check_proof  # noqa: PLC0415
    from verify.evidence.timestamps import TimestampError  # noqa: PLC0415

    try:
        checked = check_proof(proof, manifest)
    except TimestampError as error:
        statement = f"A proof that does not hold: {error}."
    else:
        if checked.complete:
            blocks = "; ".join(f"block {height} with the Merkle root {root}" for height, root in checked.blocks)
            statement = f"The manifest existed by the time of Bitcoin {blocks}, if that is the root of that block."
        else:
            calendars = ", ".join(shown_url(url) for url in checked.calendars) or "no calendar that is named"
            statement = f"Promised by {calendars}; not yet in the block chain when this report was made."
    return TrustedTime(kind="OpenTimestamps", authority="the Bitcoin block chain", utc="", statement=statement)
