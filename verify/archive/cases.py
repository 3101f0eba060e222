"""The releases that were checked against an archive, remembered beside it.

They are an archive of their own, in the folder `cases`, of the same format: each release is a reference in it, with
fingerprints, proxy and thumbnails, so that earlier releases of a publisher can be searched. Where a reference keeps its
video, a release keeps what matching needs of it (docs/internals/examination-format.md), so that it can be compared
again with references that arrive later. One table more says how it was checked and what was found.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from verify.archive.catalogue import BACKUP_HINT, CATALOGUE_NAME, translated
from verify.archive.records import digest_of
from verify.archive.store import Archive
from verify.dates import earliest_day, latest_day
from verify.errors import ArchiveDamagedError
from verify.model import FindingKind, Interval, MatchLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from verify.model import Reference

CASES_NAME = "cases"
#: What is left of what was told of a reference that was forgotten.
ERASED = "(erased with the reference)"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS checked (
    reference_id TEXT PRIMARY KEY REFERENCES reference (id) ON DELETE CASCADE,
    checked_utc TEXT NOT NULL,
    tool_version TEXT NOT NULL,
    claimed_date TEXT NOT NULL,
    claimed_date_basis TEXT NOT NULL,
    model_sha256 TEXT NOT NULL,
    snapshot_id TEXT NOT NULL,
    told TEXT NOT NULL,
    sha256 TEXT NOT NULL
) STRICT
"""
_COLUMNS = "checked_utc, tool_version, claimed_date, claimed_date_basis, model_sha256, snapshot_id, told, sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a report, or a recheck after it, said of a part of the release and a reference."""

    reference_id: str
    query: Interval
    kind: FindingKind
    level: MatchLevel
    score: float
    first_seen: str
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedCase:
    """A release that was checked: how, against which snapshot of the archive, and what was told.

    `release` says what is known of it, with the report's id as its id. `model_sha256` is that of the learned descriptor
    that it was examined with, empty for none.
    """

    release: Reference
    checked_utc: str
    tool_version: str
    claimed_date: str
    claimed_date_basis: str
    model_sha256: str
    snapshot_id: str
    told: tuple[Told, ...]


class CaseBook:
    """The remembered releases of the archive at a folder. Use `open_cases`."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def note(self, case: RememberedCase) -> None:
        """Note how a release, which is in the archive of cases, was checked; what was noted before is replaced."""
        row = (
            case.release.id,
            case.checked_utc,
            case.tool_version,
            case.claimed_date,
            case.claimed_date_basis,
            case.model_sha256,
            case.snapshot_id,
            msgspec.json.encode(case.told).decode(),
        )
        with self.archive.changing():
            self.archive.connection.execute(_SCHEMA)
            self.archive.connection.execute(
                f"INSERT OR REPLACE INTO checked (reference_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (*row, _digest(row)),
            )

    def cases(self) -> list[RememberedCase]:
        """Return all remembered releases, the one that was checked first coming first.

        A release without a note was remembered by a process that was cut off, and is left out.
        """
        query = f"SELECT reference_id, {_COLUMNS} FROM checked ORDER BY checked_utc, reference_id"  # noqa: S608
        if not self._has_table():
            return []
        with translated(self.archive.folder):
            rows = self.archive.connection.execute(query).fetchall()
        releases = {reference.id: reference for reference in self.archive.references()}
        return [self._case(releases[row[0]], row[1:]) for row in rows if row[0] in releases]

    def _case(self, release: Reference, row: tuple[str, ...]) -> RememberedCase:
        *rest, sha256 = row
        try:
            if _digest((release.id, *rest)) != sha256:
                raise ValueError("it does not have its digest")
            told = msgspec.json.decode(rest[-1], type=tuple[Told, ...])
        except (msgspec.DecodeError, ValueError) as error:
            raise ArchiveDamagedError(
                self.archive.folder,
                f"what was told of the release {release.id} cannot be read ({error})",
                f"verify archive forget {release.id} --reason damage --archive {self.archive.folder}",
            ) from error
        checked_utc, tool_version, claimed_date, claimed_date_basis, model_sha256, snapshot_id = rest[:-1]
        return RememberedCase(
            release=release,
            checked_utc=checked_utc,
            tool_version=tool_version,
            claimed_date=claimed_date,
            claimed_date_basis=claimed_date_basis,
            model_sha256=model_sha256,
            snapshot_id=snapshot_id,
            told=told,
        )

    def forget_reference(self, reference_id: str) -> None:
        """Leave out of what was told all that is about a reference that was forgotten."""
        for case in self.cases():
            kept = tuple(each for each in case.told if each.reference_id != reference_id)
            gone = len(case.told) - len(kept)
            if gone:
                erased = Told(
                    reference_id=reference_id,
                    query=Interval(start_s=0.0, end_s=0.0),
                    kind=FindingKind.SAME_SCENE,
                    level=MatchLevel.POSSIBLE,
                    score=0.0,
                    first_seen="",
                    statement=ERASED,
                )
                self.note(replace(case, told=(*kept, *[erased] * gone)))

    def unnoted(self) -> int:
        """Count the releases of which it is not known what was told, because a process was cut off."""
        if not self._has_table():
            query = "SELECT count(*) FROM reference"
        else:
            query = "SELECT count(*) FROM reference WHERE id NOT IN (SELECT reference_id FROM checked)"
        with translated(self.archive.folder):
            return int(self.archive.connection.execute(query).fetchone()[0])

    def _has_table(self) -> bool:
        query = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'checked'"
        with translated(self.archive.folder):
            return bool(self.archive.connection.execute(query).fetchone()[0])

    def examination(self, case: RememberedCase) -> Path:
        """Return the file with what matching needs of a release; raises ArchiveDamagedError if it is not whole."""
        stored = self.archive.stored_media(case.release.id)
        if stored is None:
            raise ArchiveDamagedError(
                self.archive.folder, f"what was examined of {case.release.id} is missing", BACKUP_HINT
            )
        return self.archive.media.checked(case.release.id, stored)

    def earlier(self, publisher: str, published: str, sha256: str, source_url: str) -> list[Reference]:
        """Return the releases of a publisher that were published before a moment, the newest first, each video once.

        Where only the day of one of them is known, there must be a day between them: days begin and end at other
        moments elsewhere.

        Parameters
        ----------
        published
            When the release that is being checked was: a date of any precision; if it is empty, none is before it.
        sha256, source_url
            Of that release, which is left out.
        """
        wanted = publisher.casefold().strip()
        if not wanted or not published:
            return []
        found: dict[str, Reference] = {}
        for release in sorted(self.archive.references(), key=lambda each: (each.first_seen, each.id), reverse=True):
            is_itself = release.sha256 == sha256 or (source_url and release.source_url == source_url)
            if is_itself or release.retracted or release.publisher.casefold().strip() != wanted:
                continue
            if release.first_seen and _is_before(release.first_seen, published):
                found.setdefault(release.sha256, release)
        return list(found.values())


def _is_before(date: str, other: str) -> bool:
    """Say whether a date is certainly before another, whatever time zones their days are of."""
    if "T" in date and "T" in other:
        return date < other
    day, other_day = date.partition("T")[0], other.partition("T")[0]
    return latest_day(day) + timedelta(days=1) < earliest_day(other_day)


def _digest(row: Sequence[str]) -> str:
    return digest_of(*(part.encode("utf-8", "surrogatepass") for part in row))


def copy_notes(source: Archive, target: Archive) -> None:
    """Copy what was told of releases that the target has too, if the source is an archive of releases.

    To be called while the target is changing.
    """
    rows = source.connection.execute(f"SELECT reference_id, {_COLUMNS} FROM checked").fetchall()  # noqa: S608
    target.connection.execute(_SCHEMA)
    there = {name for (name,) in target.connection.execute("SELECT id FROM reference")}
    for row in rows:
        if row[0] in there:
            places = ", ".join("?" * len(row))
            target.connection.execute(
                f"INSERT INTO checked (reference_id, {_COLUMNS}) VALUES ({places})",  # noqa: S608
                row,
            )


@contextmanager
def open_cases(
    folder: Path,
    *,
    create: bool = False,
    lock_wait_s: float | None = None,
    tell: Callable[[str], None] | None = None,
) -> Iterator[CaseBook | None]:
    """Open the releases that the archive at `folder` remembers; None if it remembers none.

    Parameters
    ----------
    create
        Make a place for them if there is none.
    """
    place = folder / CASES_NAME
    if not create and not (place / CATALOGUE_NAME).is_file():
        yield None
        return
    opening = Archive.create_or_open if create else Archive.open
    with opening(place, lock_wait_s=lock_wait_s, tell=tell) as archive:
        yield CaseBook(archive)
