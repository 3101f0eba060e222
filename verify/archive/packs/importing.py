"""Take the references of a pack over into an archive, whole or not at all, and take them out again as one.

What is there already is never changed: a video that is archived, or that was forgotten for good, is passed over, and an
id that is taken gets the sender's name before it.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verify.archive.changes import clear_unnamed, take_out, tombstone_of
from verify.archive.check import Part, check_reference
from verify.archive.history import IMPORTED, UNDONE, Change
from verify.archive.metadata import check_id, id_from_name
from verify.archive.packs.checks import check_arrays, check_reference_record, check_sizes, most_moments
from verify.archive.packs.layout import FORMS, FingerprintRecord, ProxyRecord, ReferenceRecord, ThumbnailRecord
from verify.archive.packs.reading import refused
from verify.archive.records import latest_moment
from verify.archive.store import PROXY_SUFFIX
from verify.dates import utc_now
from verify.errors import FingerprintVersionError, InvalidUsageError, UnreadableMediaError, VerifyError
from verify.media.proxies import REFERENCE_PROXY, ProxyReader
from verify.model import Interval, TrustGrade

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from verify.archive.packs.layout import PartRecord
    from verify.archive.packs.reading import PackReader
    from verify.archive.store import Archive
    from verify.model import Progress

_LONGEST_ID = 100
_SHOWN_DIGITS = 16
_LOOKED_AT_S = 4.0
_OTHER_MAKER_HINT = "Nothing was imported. Ask its sender for a pack of this version of verify."


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a pack is taken over: what its sender is called, how far they are relied on, what goes before all ids."""

    name: str
    grade: TrustGrade
    prefix: str = ""


@dataclass(slots=True, kw_only=True)
class Imported:
    """What became of a pack.

    `added` are the ids that its references have now, `renamed` those whose id there was taken here, as pairs (there,
    here). `known` are pairs of the id there and that of the reference here that is the same video; `earlier` those of
    them for which the pack states an earlier date, as (here, the pack's date). `forgotten` are the ids there of videos
    that were erased here for good. `was_there` says that the pack was imported before; then nothing was done.
    `is_sparse` says that it has too few hashes a second to be found well.
    """

    pack_id: str
    name: str
    grade: TrustGrade
    was_there: bool = False
    is_sparse: bool = False
    added: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    known: list[tuple[str, str]] = field(default_factory=list)
    earlier: list[tuple[str, str]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)


def import_pack(archive: Archive, pack: PackReader, terms: Terms, progress: Progress) -> Imported:
    """Take over the references of a pack that was opened.

    Raises
    ------
    PackRefusedError
        Something in it is not as it must be; nothing was taken over.
    FingerprintVersionError
        It has fingerprints of another version.
    """
    done = Imported(pack_id=pack.pack_id, name=terms.name, grade=terms.grade)
    try:
        with archive.changing() as changes, ProxyReader() as proxies:
            if archive.connection.execute("SELECT 1 FROM pack WHERE id = ?", (pack.pack_id,)).fetchone():
                done.was_there = True
                return done
            keep_pack(archive, pack_row(pack, terms))
            progress.start("importing", pack.head.reference_count, "references")
            taker = _Taker(archive, pack, terms, done, proxies)
            for record in pack.records():
                if isinstance(record, ReferenceRecord):
                    taker.finish()
                    taker.begin(record)
                    progress.advance(1)
                else:
                    taker.add(record)
            taker.finish()
            progress.finish()
            if done.added:
                finish_pack(archive, done, changes)
            else:
                archive.connection.execute("DELETE FROM pack WHERE id = ?", (pack.pack_id,))
    except BaseException:
        # Files of references that are not there now are nobody's.
        with suppress(VerifyError), archive.changing():
            archive.sweep()
        raise
    return done


def pack_row(pack: PackReader, terms: Terms) -> dict[str, object]:
    """Return what is kept of a pack."""
    return {
        "id": pack.pack_id,
        "kind": "pack",
        "name": terms.name,
        "publisher": pack.head.publisher,
        "grade": terms.grade.value,
        "key_id": pack.key.key_id if pack.key else "",
        "public_key": pack.key.encoded if pack.key else "",
        "made_utc": pack.head.made_utc,
        "imported_utc": utc_now(),
        "reference_count": 0,
    }


def keep_pack(archive: Archive, row: Mapping[str, object]) -> None:
    """Note a pack. To be called while changing."""
    insert_row(archive, "pack", row)


def finish_pack(archive: Archive, done: Imported, changes: list[Change]) -> None:
    """Count what was taken over, and note it. To be called while changing."""
    archive.connection.execute("UPDATE pack SET reference_count = ? WHERE id = ?", (len(done.added), done.pack_id))
    told = f"pack {done.pack_id[:_SHOWN_DIGITS]} of {done.name}, {done.grade.value}"
    changes += [Change(IMPORTED, name, detail=told) for name in done.added]


class _Taker:
    """Takes the records of one reference after the other over."""

    def __init__(self, archive: Archive, pack: PackReader, terms: Terms, done: Imported, proxies: ProxyReader) -> None:
        self._archive = archive
        self._pack = pack
        self._terms = terms
        self._done = done
        self._proxies = proxies
        self._record: ReferenceRecord | None = None
        self._here = ""
        self._parts: list[str] = []
        self._thumbnails = 0
        self._seen: set[str] = set()

    def begin(self, record: ReferenceRecord) -> None:
        """Begin a reference, or decide to pass it over."""
        try:
            check_id(record.id)
        except ValueError as error:  # which repeats it, however long
            problem = "a reference has an id that is none: letters, digits, '.', '_' and '-', at most 100"
            raise refused(self._pack.path, problem) from error
        try:
            check_reference_record(record)
            if record.id in self._seen:
                raise ValueError("a second reference of that id")
        except ValueError as error:
            raise self._refused(record.id, error) from error
        self._seen.add(record.id)
        self._record, self._here, self._parts, self._thumbnails = record, "", [], 0
        present = self._archive.reference_with_digest(record.sha256)
        if present is not None:
            self._done.known.append((record.id, present.id))
            dates = sorted((each.date for each in record.sightings if each.date), key=latest_moment)
            own = present.first_seen
            if dates and (not own or latest_moment(dates[0]) < latest_moment(own)) and not present.pack:
                self._done.earlier.append((present.id, dates[0]))
            return
        if tombstone_of(self._archive, record.sha256) is not None:
            self._done.forgotten.append(record.id)
            return
        self._here = free_id(self._archive, record.id, self._terms)
        insert_reference(self._archive, record, self._here, self._pack.pack_id)

    def add(self, record: PartRecord) -> None:
        """Take over a part of the present reference."""
        reference = self._record
        if reference is None or not self._here:
            return  # the reader skips its arrays
        form = FORMS[type(record)]
        try:
            if form.part and form.part not in self._pack.head.parts:
                raise ValueError("a part that the head does not name")
            check_sizes(record, reference.duration_s)
            self._thumbnails += isinstance(record, ThumbnailRecord)
            if self._thumbnails > most_moments(reference.duration_s):
                raise ValueError("more thumbnails than its duration allows")
            if isinstance(record, ProxyRecord):
                self._add_proxy(record, reference)
            else:
                blobs = self._pack.blobs(record)
                check_arrays(record, blobs, reference.duration_s)
                told = {name: getattr(record, name) for name in record.__struct_fields__ if name != "blobs"}
                row = {"reference_id": self._here, **told, **dict(zip(form.blobs, blobs, strict=True))}
                insert_row(self._archive, form.table, row)
        except (ValueError, OverflowError, sqlite3.IntegrityError, sqlite3.DataError) as error:
            raise self._refused(reference.id, error) from error
        part = record.algorithm if isinstance(record, FingerprintRecord) else form.part
        if part not in self._parts:
            self._parts.append(part)

    def _add_proxy(self, record: ProxyRecord, reference: ReferenceRecord) -> None:
        stored = self._archive.proxies.keep_from(self._pack, PROXY_SUFFIX)
        if (stored.sha256, stored.size_bytes) != (record.sha256, record.blobs[0]):
            raise ValueError("a proxy that does not have its digest")
        insert_row(
            self._archive,
            "proxy",
            {"reference_id": self._here, "sha256": stored.sha256, "size_bytes": stored.size_bytes},
        )
        end_s = reference.duration_s
        # In a process of its own, as every proxy is read.
        for span in ((0.0, min(end_s, _LOOKED_AT_S)), (max(0.0, end_s - _LOOKED_AT_S), end_s)):
            try:
                clip = self._proxies.read(self._archive.proxies.path(stored), Interval(start_s=span[0], end_s=span[1]))
            except UnreadableMediaError as error:
                raise ValueError(f"a proxy that cannot be decoded ({error.problem})") from error
            if max(clip.pictures.shape[1:]) > REFERENCE_PROXY.side_px:
                raise ValueError("a proxy whose pictures are larger than those of a proxy")

    def finish(self) -> None:
        """Look at all that was taken over of the present reference as a check of the archive does."""
        record, here, archive = self._record, self._here, self._archive
        self._record, self._here = None, ""
        if record is None or not here:
            return
        if "pdq" not in self._parts:
            raise self._refused(record.id, "it has no PDQ hashes")
        insert_row(
            archive,
            "brought",
            {
                "reference_id": here,
                "pack_id": self._pack.pack_id,
                "id_there": record.id,
                "parts": " ".join(self._parts),
            },
        )
        check_taken_over(archive, here, lambda problem: self._refused(record.id, problem))
        self._done.added.append(here)
        if here != record.id and not self._terms.prefix:
            self._done.renamed.append((record.id, here))

    def _refused(self, reference_id: str, problem: object) -> VerifyError:
        return refused(self._pack.path, f"{reference_id}: {problem}")


def check_taken_over(archive: Archive, reference_id: str, refuse: Callable[[str], VerifyError]) -> None:
    """Give a reference its digest and check it with the functions that the archive is read by.

    Raises
    ------
    FingerprintVersionError
        It has fingerprints of another version.
    VerifyError
        What `refuse` makes of what is wrong.
    """
    archive.connection.execute(
        "UPDATE reference SET digest = ? WHERE id = ?", (archive.history.digest(reference_id), reference_id)
    )
    for problem in check_reference(archive, reference_id):
        if problem.part is Part.VERSION:
            raise FingerprintVersionError(reference_id, problem.text, _OTHER_MAKER_HINT)
        raise refuse(f"{problem.part.value}: {problem.text}")


def insert_reference(archive: Archive, record: ReferenceRecord, here: str, pack_id: str) -> None:
    """Add what is told of a reference and its sightings. To be called while changing."""
    told = {name: getattr(record, name) for name in record.__struct_fields__ if name != "sightings"}
    insert_row(
        archive,
        "reference",
        {**told, "id": here, "digest": "", "origin": pack_id, "retracted": 0, "added_utc": utc_now()},
    )
    for number, sighting in enumerate(record.sightings, 1):
        row = {name: getattr(sighting, name) for name in sighting.__struct_fields__}
        insert_row(archive, "sighting", {"reference_id": here, "number": number, **row})


def free_id(archive: Archive, there: str, terms: Terms) -> str:
    """Return the id that a reference gets here: the same with the prefix, or one with the sender's name before it."""
    wanted = f"{terms.prefix}{there}"[:_LONGEST_ID]
    sender = id_from_name(terms.name)[:40]
    number = 1
    while archive.connection.execute("SELECT 1 FROM reference WHERE id = ?", (wanted,)).fetchone():
        end = f"-{number}" if number > 1 else ""
        wanted = f"{f'{sender}-{there}'[: _LONGEST_ID - len(end)]}{end}"
        number += 1
    return wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class PackEntry:
    """A pack that references of the archive came with."""

    pack_id: str
    kind: str
    name: str
    publisher: str
    grade: TrustGrade
    key_id: str
    public_key: str
    made_utc: str
    imported_utc: str
    reference_count: int


def packs_in(archive: Archive) -> list[PackEntry]:
    """Return the packs that were imported, in that order."""
    rows = archive.connection.execute(
        "SELECT id, kind, name, publisher, grade, key_id, public_key, made_utc, imported_utc, "
        "(SELECT count(*) FROM brought WHERE pack_id = pack.id) FROM pack ORDER BY imported_utc, id"
    ).fetchall()
    names = tuple(PackEntry.__dataclass_fields__)
    return [PackEntry(**{**dict(zip(names, row, strict=True)), "grade": TrustGrade(row[4])}) for row in rows]


def undo_import(archive: Archive, pack_id: str) -> list[str]:
    """Take out all references that a pack brought, and what is known of the pack; return their ids.

    Parameters
    ----------
    pack_id
        The pack's id, or as much of its beginning as no other has.

    Raises
    ------
    InvalidUsageError
        No pack, or more than one, has such an id.
    OutputNotWritableError
        The archive cannot be written, or a file of theirs cannot be deleted.
    """
    with archive.changing() as changes:
        found = [each for each in packs_in(archive) if pack_id and each.pack_id.startswith(pack_id.lower())]
        if len(found) != 1:
            problem = "more than one imported pack has such an id" if found else "no imported pack has this id"
            raise InvalidUsageError("--undo", problem, "See verify archive packs.")
        (pack,) = found
        names = [
            name
            for (name,) in archive.connection.execute(
                "SELECT reference_id FROM brought WHERE pack_id = ? ORDER BY reference_id", (pack.pack_id,)
            )
        ]
        told = f"pack {pack.pack_id[:_SHOWN_DIGITS]} of {pack.name}"
        for name in names:
            take_out(archive, name)
            changes.append(Change(UNDONE, name, detail=told))
        archive.connection.execute("DELETE FROM pack WHERE id = ?", (pack.pack_id,))
        changes.append(Change(UNDONE, "", detail=f"{told}: {len(names)} references"))
    clear_unnamed(archive)
    return names


def insert_row(archive: Archive, table: str, row: Mapping[str, object]) -> None:
    """Add a row to a table of an archive. To be called while changing."""
    places = ", ".join("?" * len(row))
    archive.connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})",  # noqa: S608 - names are ours
        tuple(row.values()),
    )
