"""Open a pack that a stranger may have written: nothing of it is believed before signature and digests are checked.

The body is read twice: once for its digest, and once for its records, with the digest made again, so that what was
taken over is what was checked even if the file was changed in between.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from verify.archive.packs.checks import check_name
from verify.archive.packs.layout import (
    BODY_AT,
    FIXED,
    FORMAT_NAME,
    FORMAT_VERSION,
    MAGIC,
    MAX_BLOB_BYTES,
    MAX_RECORD_BYTES,
    MAX_RECORDS,
    MAX_REFERENCES,
    OPTIONAL_PARTS,
    PART_BYTES,
    RECORD_LENGTH,
    Head,
    HeadVersion,
    PartRecord,
    ProxyRecord,
    Record,
    ReferenceRecord,
    fingerprint_versions,
    pack_id_of,
)
from verify.errors import FingerprintVersionError, InvalidUsageError, NewerFormatError, PackRefusedError
from verify.evidence.keys import PublicKey, SignatureError, normal_signature, verify_signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from verify.model import Progress

_ASK_HINT = "Nothing was imported. Ask its sender for the pack again."
_OTHER_MAKER_HINT = "Nothing was imported. Ask its sender for a pack of this version of verify."
_decode_record = msgspec.json.Decoder(Record).decode


class PackReader:
    """A pack whose signature and digests hold. Use `opened_pack`.

    `pack_id` is the SHA-256 of its head, and `key` the key that it is signed with, None if it is not signed.
    """

    def __init__(self, path: Path, file: BinaryIO, head: Head, pack_id: str, key: PublicKey | None) -> None:
        self.path = path
        self.head = head
        self.pack_id = pack_id
        self.key = key
        self._file = file
        self._digest = hashlib.sha256()
        self._left = head.body_bytes
        self._blobs_left = 0

    def records(self) -> Iterator[Record]:
        """Yield the records one by one; what arrays follow one must be read, or skipped, before the next.

        Raises
        ------
        PackRefusedError
            A record is none, or the file is not any more what was checked.
        """
        self._file.seek(BODY_AT)
        self._digest, self._left = hashlib.sha256(), self.head.body_bytes
        references = 0
        for number in range(1, self.head.record_count + 1):
            self._skip(self._blobs_left)
            (length,) = RECORD_LENGTH.unpack(self._read(RECORD_LENGTH.size))
            if length > MAX_RECORD_BYTES:
                raise refused(self.path, f"record {number} has {length} bytes")
            try:
                record = _decode_record(self._read(length))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
                raise refused(self.path, f"record {number} is none that this program knows ({error})") from error
            if isinstance(record, ReferenceRecord):
                references += 1
            elif not references:
                raise refused(self.path, f"record {number} belongs to no reference")
            else:
                self._check_blobs(record, number)
            yield record
        self._skip(self._blobs_left)
        if self._left or references != self.head.reference_count:
            raise refused(self.path, "it does not hold as many references and bytes as it says")
        if self._digest.hexdigest() != self.head.body_sha256:
            raise refused(self.path, "it was changed while it was read")

    def _check_blobs(self, record: PartRecord, number: int) -> None:
        largest = self._left if isinstance(record, ProxyRecord) else MAX_BLOB_BYTES
        if any(not 0 <= size <= largest for size in record.blobs) or sum(record.blobs) > self._left:
            raise refused(self.path, f"the arrays of record {number} have sizes that cannot be")
        self._blobs_left = sum(record.blobs)

    def blobs(self, record: PartRecord) -> list[bytes]:
        """Read the arrays that follow the last record."""
        return [self.read(size) for size in record.blobs]

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes of what follows the last record; none at the end."""
        size = min(size, self._blobs_left)
        self._blobs_left -= size
        return self._read(size)

    def _read(self, size: int) -> bytes:
        if size > self._left:
            raise refused(self.path, "it ends too early")
        try:
            data = self._file.read(size)
        except OSError as error:
            raise refused(self.path, f"it cannot be read ({error.strerror})") from error
        if len(data) != size:
            raise refused(self.path, "it ends too early")
        self._left -= size
        self._digest.update(data)
        return data

    def _skip(self, size: int) -> None:
        while size:
            size -= len(self._read(min(size, PART_BYTES)))
        self._blobs_left = 0


@contextmanager
def opened_pack(
    path: Path, progress: Progress, *, trusted: Sequence[PublicKey] = (), accept_unsigned: bool = False
) -> Iterator[PackReader]:
    """Open a pack once its signature, its versions and the digest of its body are checked.

    Parameters
    ----------
    trusted
        Keys that it may be signed with.
    accept_unsigned
        Take it without a signature, or with one of a key that is not known.

    Raises
    ------
    PackRefusedError
        It is no pack, was changed, is cut off, claims more than a pack may hold, or is not signed as it must be.
    NewerFormatError
        A newer version of this program wrote it.
    FingerprintVersionError
        Its fingerprints are of other versions than this program's.
    InvalidUsageError
        There is no such file.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidUsageError(path, f"the pack cannot be read ({error.strerror})", "Check the path.") from error
    with file:
        head_bytes, signature = _framed(path, file)
        key = _signer(path, head_bytes, signature, trusted, accept_unsigned=accept_unsigned)
        head = _checked_head(path, head_bytes)
        if (key.encoded if key else "") != head.public_key:
            raise refused(path, "its head names another key than it is signed with")
        _check_body(path, file, head, progress)
        yield PackReader(path, file, head, pack_id_of(head_bytes), key)


def is_pack(path: Path) -> bool:
    """Say whether a file begins as a pack does."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise InvalidUsageError(path, f"the pack cannot be read ({error.strerror})", "Check the path.") from error


def refused(path: Path, problem: str, remedy: str = _ASK_HINT) -> PackRefusedError:
    """Make the error of a pack that is not taken over."""
    return PackRefusedError(path, problem, remedy)


def _framed(path: Path, file: BinaryIO) -> tuple[bytes, bytes]:
    """Return head and signature, as bytes."""
    try:
        start = file.read(BODY_AT)
    except OSError as error:
        raise refused(path, f"it cannot be read ({error.strerror})") from error
    if len(start) != BODY_AT:
        raise refused(path, "it is no pack, or cut off")
    magic, head_bytes, signature_bytes, digest = FIXED.unpack_from(start)
    signature_at = FIXED.size + head_bytes
    end = signature_at + signature_bytes
    if magic != MAGIC:
        raise refused(path, "it is no pack")
    if end > BODY_AT:
        raise refused(path, "its head is longer than the room for it")
    head, signature = start[FIXED.size : signature_at], start[signature_at:end]
    if hashlib.sha256(head).digest() != digest or any(start[end:]):
        raise refused(path, "its head is damaged")
    return head, signature


def _signer(
    path: Path, head: bytes, signature: bytes, trusted: Sequence[PublicKey], *, accept_unsigned: bool
) -> PublicKey | None:
    """Check the signature over the head, and return the key; None if there is none and that is accepted."""
    if not signature:
        if accept_unsigned and not trusted:
            return None
        raise refused(
            path,
            "it is not signed, so anyone may have written it",
            "Nothing was imported. Ask for a signed pack, or take it as it is with --accept-unsigned.",
        )
    try:
        named = PublicKey.from_text(str(msgspec.json.decode(head)["public_key"]))
        text = signature.decode("ascii")
    except (msgspec.MsgspecError, SignatureError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise refused(path, "its head names no key, or its signature is none") from error
    known = next((key for key in trusted if key.encoded == named.encoded), None)
    if known is None and not (accept_unsigned and not trusted):
        raise refused(
            path,
            f"it is signed with the key {named.key_id}, which is none that you named",
            "Nothing was imported. Ask its sender for the public key, compare it in another way, and give it with "
            "--trust.",
        )
    try:
        verify_signature(named, head, text)
        if normal_signature(named, text) != text:
            raise SignatureError("a signature that is not written as it was made")
    except SignatureError as error:
        raise refused(path, f"its signature does not hold ({error})") from error
    return named


def _checked_head(path: Path, data: bytes) -> Head:
    try:
        told = msgspec.json.decode(data, type=HeadVersion)
        if told.format != FORMAT_NAME or told.format_version < 1:
            raise refused(path, "it is no pack of references")
        if told.format_version > FORMAT_VERSION:
            raise NewerFormatError(
                path,
                f"its format {told.format_version} is newer than {FORMAT_VERSION}",
                "Upgrade: pip install -U verify-video",
            )
        head = msgspec.json.decode(data, type=Head)
        check_name(head.publisher, "publisher")
        check_name(head.made_by, "made_by")
        check_name(head.made_utc, "made_utc")
        if not set(head.parts) <= set(OPTIONAL_PARTS):
            raise ValueError("parts that this program does not know")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise refused(path, f"its head is none that this program knows ({error})") from error
    for what, claimed, most in (
        ("references", head.reference_count, MAX_REFERENCES),
        ("records", head.record_count, MAX_RECORDS),
    ):
        if not 1 <= claimed <= most:
            raise refused(path, f"it claims {claimed} {what}, a pack has 1 to {most}")
    _check_versions(path, head)
    return head


def _check_versions(path: Path, head: Head) -> None:
    own = fingerprint_versions()
    for name, version in head.fingerprints.items():
        if name not in own:
            raise refused(path, "it has fingerprints that this program does not know", _OTHER_MAKER_HINT)
        if version != own[name]:
            raise FingerprintVersionError(
                path,
                f"its {name} fingerprints are version {version}, this program makes version {own[name]}",
                _OTHER_MAKER_HINT,
            )


def _check_body(path: Path, file: BinaryIO, head: Head, progress: Progress) -> None:
    """Check size and digest of the body; the size first, so that a claim of much that is not there is refused soon."""
    try:
        size = file.seek(0, 2)
        if size != BODY_AT + head.body_bytes:
            raise refused(path, f"it has {size} bytes, not the {BODY_AT + head.body_bytes} that its head says")
        file.seek(BODY_AT)
        digest = hashlib.sha256()
        progress.start("checking the pack", head.body_bytes, "B")
        while part := file.read(PART_BYTES):
            digest.update(part)
            progress.advance(len(part))
        progress.finish()
    except OSError as error:
        raise refused(path, f"it cannot be read ({error.strerror})") from error
    if digest.hexdigest() != head.body_sha256:
        raise refused(path, "its content does not have the digest that its head says")
