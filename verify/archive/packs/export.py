"""Write references of an archive into a pack, one after the other, without holding them in memory."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import msgspec

import verify
from verify.archive.catalogue import translated
from verify.archive.check import check_reference
from verify.archive.packs.checks import check_arrays, check_reference_record, check_sizes
from verify.archive.packs.layout import (
    BODY_AT,
    FIXED,
    FORMAT_NAME,
    FORMAT_VERSION,
    FORMS,
    MAGIC,
    PART_BYTES,
    RECORD_LENGTH,
    Head,
    ProxyRecord,
    ReferenceRecord,
    SightingRecord,
    fingerprint_versions,
    pack_id_of,
)
from verify.dates import utc_now
from verify.errors import ArchiveDamagedError, InvalidUsageError, OutputNotWritableError
from verify.evidence.durable import synchronise

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from verify.archive.packs.layout import PartRecord, Record, TableForm
    from verify.archive.store import Archive
    from verify.evidence.keys import SigningKey
    from verify.model import Progress, Reference

_FIELDS = ("id", "sha256", "kind", "title", "publisher", "source_url", "licence", "event", "notes", "duration_s")
_SIGHTING_FIELDS = SightingRecord.__struct_fields__


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written: the id of the pack, how many references, and bytes of the file."""

    pack_id: str
    reference_count: int
    size_bytes: int


def chosen_references(archive: Archive, ids: Sequence[str]) -> list[str]:
    """Return the ids of the references to share: those named, or all one's own that are not retracted.

    Raises
    ------
    InvalidUsageError
        There is none, or one that is named is not there, is retracted, or came with somebody else's pack.
    """
    references = {reference.id: reference for reference in archive.references()}
    for name in ids:
        if name not in references:
            raise InvalidUsageError(name, "the archive has no such reference", "See verify archive list.")
        reference = references[name]
        if reference.retracted:
            raise InvalidUsageError(
                name, "it is retracted, so it is not shared", f"Restore it: verify archive restore {name}"
            )
        if reference.pack:
            raise InvalidUsageError(
                name,
                f"it came with a pack of {reference.pack.name}, and is theirs to share",
                "Leave it out, and name the sender instead.",
            )
    chosen = list(dict.fromkeys(ids)) or [
        each.id for each in references.values() if not each.retracted and not each.pack
    ]
    if not chosen:
        raise InvalidUsageError(
            archive.folder, "there is nothing to share: no reference of your own that is not retracted", "Add some."
        )
    return chosen


def export_pack(
    archive: Archive,
    path: Path,
    progress: Progress,
    *,
    ids: Sequence[str] = (),
    parts: Collection[str],
    publisher: str = "",
    signing_key: SigningKey | None = None,
) -> Exported:
    """Write references into a new file at `path`, whole or not at all.

    Parameters
    ----------
    ids
        The references; all one's own that are not retracted if none are named.
    parts
        What goes with the hashes, of `OPTIONAL_PARTS`.
    publisher
        Who shares them, as the pack is to tell.
    signing_key
        Signs the head; None leaves the pack unsigned.

    Raises
    ------
    InvalidUsageError
        There is something at `path`, or as `chosen_references` tells, or a text is one that no pack may have.
    ArchiveDamagedError, FingerprintVersionError
        What is to be shared is not as it was stored, or of another version.
    OutputNotWritableError
        The file cannot be written.
    """
    chosen = chosen_references(archive, ids)
    snapshot_id = archive.history.snapshot_id()
    with _new_file(path) as file:
        file.seek(BODY_AT)
        body = _Body(file)
        progress.start("exporting", len(chosen), "references")
        for name in chosen:
            _write_reference(archive, name, body, parts)
            progress.advance(1)
        progress.finish()
        head = Head(
            format=FORMAT_NAME,
            format_version=FORMAT_VERSION,
            made_by=f"verify {verify.__version__}",
            made_utc=utc_now(),
            publisher=publisher,
            public_key=signing_key.public.encoded if signing_key else "",
            snapshot_id=snapshot_id,
            parts=tuple(sorted(parts)),
            fingerprints=fingerprint_versions(),
            reference_count=len(chosen),
            record_count=body.records,
            body_bytes=body.size_bytes,
            body_sha256=body.digest.hexdigest(),
        )
        _write_head(file, head, signing_key)
    return Exported(
        pack_id=pack_id_of(head.encoded()), reference_count=len(chosen), size_bytes=BODY_AT + body.size_bytes
    )


class _Body:
    """The body of a pack that is being written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size_bytes = 0
        self.records = 0

    def add(self, record: Record) -> None:
        """Write a record; its arrays are to follow."""
        encoded = msgspec.json.encode(record)
        self.write(RECORD_LENGTH.pack(len(encoded)))
        self.write(encoded)
        self.records += 1

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.size_bytes += len(data)


def _write_reference(archive: Archive, reference_id: str, body: _Body, parts: Collection[str]) -> None:
    """Write one reference as it is at this moment."""
    with archive.reading():
        reference = archive.reference(reference_id)
        damage = [each for each in check_reference(archive, reference_id) if each.is_damage]
        if reference is None or damage:
            problem = damage[0].text if damage else f"{reference_id} is gone"
            raise ArchiveDamagedError(
                archive.folder, f"{reference_id} cannot be shared ({problem})", "See verify archive check."
            )
        try:
            record = _reference_record(archive, reference)
            check_reference_record(record)
        except ValueError as error:
            raise InvalidUsageError(
                reference_id, f"it cannot be shared as it is: {error}", "Mend it with verify archive amend."
            ) from error
        body.add(record)
        for kind, form in FORMS.items():
            if not form.part or form.part in parts:
                for part, blobs in _rows(archive, reference_id, kind, form):
                    _check_shareable(reference, part, blobs)
                    body.add(part)
                    for blob in blobs:
                        body.write(blob)
                    if isinstance(part, ProxyRecord):
                        _write_proxy(archive, reference_id, body)


def _reference_record(archive: Archive, reference: Reference) -> ReferenceRecord:
    return ReferenceRecord(
        **{name: getattr(reference, name) for name in _FIELDS},
        sightings=tuple(
            SightingRecord(**{name: str(getattr(each, name)) for name in _SIGHTING_FIELDS})
            for each in archive.sightings(reference.id)
        ),
    )


def _rows(
    archive: Archive, reference_id: str, kind: type[PartRecord], form: TableForm
) -> Iterator[tuple[PartRecord, list[bytes]]]:
    """Yield what is kept of a reference in one table: records, and their arrays but for that of a proxy."""
    told = [name for name in kind.__struct_fields__ if name != "blobs"]
    is_file = kind is ProxyRecord
    columns = [*told, "size_bytes"] if is_file else [*told, *form.blobs]
    query = f"SELECT {', '.join(columns)} FROM {form.table} WHERE reference_id = ? ORDER BY 1"  # noqa: S608 - ours
    with translated(archive.folder):
        for row in archive.connection.execute(query, (reference_id,)):
            values = dict(zip(told, row, strict=False))
            rest = row[len(told) :]
            if is_file:
                yield kind(**values, blobs=tuple(rest)), []
            else:
                yield kind(**values, blobs=tuple(map(len, rest))), list(rest)


def _check_shareable(reference: Reference, part: PartRecord, blobs: list[bytes]) -> None:
    """See that those who get it will take it."""
    try:
        check_sizes(part, reference.duration_s)
        if not isinstance(part, ProxyRecord):
            check_arrays(part, blobs, reference.duration_s)
    except ValueError as error:
        raise InvalidUsageError(
            reference.id, f"it cannot be shared as it is: {error}", "Add its video anew, or leave it out."
        ) from error


def _write_proxy(archive: Archive, reference_id: str, body: _Body) -> None:
    path = archive.proxy_path(reference_id)
    if path is None:
        raise ArchiveDamagedError(archive.folder, f"the proxy of {reference_id} is gone", "Run it again.")
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            body.write(part)


def _write_head(file: BinaryIO, head: Head, signing_key: SigningKey | None) -> None:
    encoded = head.encoded()
    signature = signing_key.sign(encoded, f"verify pack {head.made_utc}").encode("ascii") if signing_key else b""
    start = FIXED.pack(MAGIC, len(encoded), len(signature), hashlib.sha256(encoded).digest()) + encoded + signature
    if len(start) > BODY_AT:
        raise ValueError("a head that is longer than its room")
    file.seek(0)
    file.write(start.ljust(BODY_AT, b"\0"))


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which gets its name only once it is whole."""
    if os.path.lexists(path):
        raise InvalidUsageError(path, "is already there, and nothing is overwritten", "Choose another name.")
    unfinished = path.with_name(f".{path.name[:100]}.partial")
    try:
        try:
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
            synchronise(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise OutputNotWritableError(
            path, f"the pack cannot be written ({error.strerror})", "Free some space, or choose another place."
        ) from error
