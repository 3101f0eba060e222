"""Bring a damaged archive back into order: what can be made anew is, what is damaged is set aside, and all of it told.

Nothing is thrown away but what can be made anew. What is set aside lies in the folder `quarantine`: the rows of
references in an archive of their own, files as they are, and the whole catalogue where SQLite could not read it.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from verify.archive.cases import copy_notes
from verify.archive.catalogue import CATALOGUE_NAME, make_catalogue, open_catalogue, translated
from verify.archive.changes import TABLES, clear_caches, take_out
from verify.archive.check import (
    Part,
    Problem,
    check_archive,
    check_catalogue,
    check_log,
    check_reference,
    damaged_thumbnails,
)
from verify.archive.history import ADDED, QUARANTINED, REPAIRED, Change
from verify.archive.locking import refuse_network
from verify.archive.store import Archive
from verify.archive.transfer import copy_rows
from verify.dates import utc_now
from verify.errors import ArchiveDamagedError, InvalidUsageError, OutputNotWritableError, UnreadableMediaError
from verify.evidence.durable import synchronise
from verify.fingerprint.motion_signatures import MotionSignatures
from verify.media.proxies import ProxyReader
from verify.model import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from verify.archive.files import FileStore, StoredFile
    from verify.model import MotionSet, Progress

QUARANTINE_NAME = "quarantine"
_SALVAGE_NAME = ".salvage"
_ANEW_S = 120.0
#: Tables whose rows can be copied without the files that belong to them.
_ROWS_ALONE = ("local_features", "motion", "descriptor", "thumbnail")
#: Damage that costs the reference, because nothing that is found in it could be stated any more.
_FATAL = frozenset({Part.REFERENCE, Part.HASHES, Part.KEYPOINTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What was done about a problem, and what that costs; `is_lost` says whether a reference is not there any more."""

    reference_id: str
    done: str
    is_lost: bool = False


def repair_archive(folder: Path, progress: Progress, *, lock_wait_s: float | None = None) -> list[Repair]:
    """Repair the archive at `folder` as far as that can be done, and return what was done.

    Raises
    ------
    InvalidUsageError
        There is no archive there.
    ArchiveDamagedError
        Nothing of the catalogue can be read.
    ArchiveLockedError, OutputNotWritableError
        It cannot be written.
    """
    refuse_network(folder)
    if not (folder / CATALOGUE_NAME).is_file():
        open_catalogue(folder).close()  # says what is wrong
    try:
        with Archive.open(folder, lock_wait_s=lock_wait_s) as archive:
            if not check_catalogue(archive):
                return _in_place(archive, check_archive(archive, progress))
    except ArchiveDamagedError:
        pass  # not even its head can be read
    return _salvaged(folder, progress)


def _in_place(archive: Archive, problems: Sequence[Problem]) -> list[Repair]:
    """Repair a catalogue that SQLite can read."""
    clear_caches(archive.folder)
    damage = [problem for problem in problems if problem.is_damage]
    repairs: list[Repair] = []
    if any(problem.part is Part.STRAYS for problem in damage):
        repairs.append(_without_strays(archive))
        damage = [problem for problem in damage if problem.part is not Part.STRAYS]
    if any(problem.part is Part.LOG for problem in damage):
        repairs.append(_log_anew(archive))
        damage = [problem for problem in damage if problem.part is not Part.LOG]
    for name in dict.fromkeys(problem.reference_id for problem in damage):
        own = _still_so(archive, name, [problem for problem in damage if problem.reference_id == name])
        if any(problem.part in _FATAL for problem in own):
            repairs.append(_quarantine(archive, name, own))
        else:
            repairs += _mend(archive, name, own)
    return repairs


def _still_so(archive: Archive, name: str, problems: Sequence[Problem]) -> list[Problem]:
    """Look again at what was found of a reference: another process may have changed it since."""
    with archive.reading():
        now = [*check_log(archive), *check_reference(archive, name)]
    return [problem for problem in problems if problem in now]


def _without_strays(archive: Archive) -> Repair:
    with archive.changing() as changes:
        deleted = 0
        for table in TABLES:
            query = f"DELETE FROM {table} WHERE reference_id NOT IN (SELECT id FROM reference)"  # noqa: S608
            deleted += archive.connection.execute(query).rowcount
        changes.append(Change(REPAIRED, "", detail=f"{deleted} rows that belonged to no reference deleted"))
    return Repair(reference_id="", done=f"{deleted} rows that belonged to no reference were deleted")


def _log_anew(archive: Archive) -> Repair:
    """Set the log aside and begin a new one with what is there."""
    aside = f"log-{_stamp()}.json"
    lines = [entry._asdict() for entry in archive.history.entries()]
    _quarantine_folder(archive.folder).joinpath(aside).write_bytes(msgspec.json.encode(lines))
    with archive.changing() as changes:
        archive.connection.execute("DELETE FROM log")
        names = [name for (name,) in archive.connection.execute("SELECT id FROM reference ORDER BY id")]
        changes += [Change(ADDED, name, detail="in a log that was damaged") for name in names]
        changes.append(Change(REPAIRED, "", detail=f"the log begins anew; the old one is {aside}"))
    return Repair(
        reference_id="", done=f"the log was begun anew, earlier snapshots are not known any more; it is kept as {aside}"
    )


def _quarantine(archive: Archive, reference_id: str, problems: Iterable[Problem]) -> Repair:
    """Take a reference out of the archive, and set its rows aside as they are."""
    why = "; ".join(problem.text for problem in problems)
    folder = _quarantine_folder(archive.folder)
    kept = f"{reference_id[:80]}-{_stamp()}"
    is_kept = False
    with suppress(ArchiveDamagedError, InvalidUsageError, sqlite3.DatabaseError):
        make_catalogue(folder / "references")
        with Archive.open(folder / "references") as aside, aside.changing() as changes:
            copy_rows(archive, aside, reference_id, parts=_ROWS_ALONE, new_id=kept)
            changes.append(Change(QUARANTINED, kept, why))
            is_kept = True
    with archive.changing() as changes:
        source = archive.connection.execute(
            "SELECT source_url, title, sha256 FROM reference WHERE id = ?", (reference_id,)
        ).fetchone()
        files = (
            (archive.proxies, "proxy", archive.stored_proxy(reference_id)),
            (archive.media, "media", archive.stored_media(reference_id)),
        )
        take_out(archive, reference_id)
        for store, table, stored in files:
            query = f"SELECT 1 FROM {table} WHERE sha256 = ?"  # noqa: S608 - names are ours
            if stored and not archive.connection.execute(query, (stored.sha256,)).fetchone():
                _set_file_aside(archive, store, stored)
        changes.append(Change(QUARANTINED, reference_id, why))
    told = "; add its video again"
    if source:
        told += "".join(
            f", {what} {value}" for what, value in zip(("from", "titled", "SHA-256"), source, strict=True) if value
        )
    where = f"its rows are kept as {kept} in {QUARANTINE_NAME}/references" if is_kept else "nothing of it could be kept"
    return Repair(reference_id=reference_id, done=f"lost ({why}): {where}{told}", is_lost=True)


def _mend(archive: Archive, reference_id: str, problems: Iterable[Problem]) -> list[Repair]:
    """Do without what is damaged, or make it anew, where the reference can still be searched."""
    by_part: dict[Part, Callable[[Archive, str], str]] = {
        Part.THUMBNAIL: _without_thumbnails,
        Part.VECTORS: _without_vectors,
        Part.PROXY: _without_proxy,
        Part.VIDEO: _without_video,
        Part.MOTION: _motion_anew,
    }
    repairs = []
    for problem in sorted(problems, key=lambda each: list(by_part).index(each.part)):
        done = by_part[problem.part](archive, reference_id)
        repairs.append(Repair(reference_id=reference_id, done=f"{done} ({problem.text})"))
    return repairs


def _without_thumbnails(archive: Archive, reference_id: str) -> str:
    with archive.changing() as changes:
        damaged = list(damaged_thumbnails(archive, reference_id))
        for time_s in damaged:
            archive.connection.execute(
                "DELETE FROM thumbnail WHERE reference_id = ? AND time_s = ?", (reference_id, time_s)
            )
        changes.append(Change(REPAIRED, reference_id, detail=f"{len(damaged)} damaged thumbnails deleted"))
    return f"{len(damaged)} damaged thumbnails deleted; reports show other moments instead"


def _without_vectors(archive: Archive, reference_id: str) -> str:
    with archive.changing() as changes:
        archive.connection.execute("DELETE FROM descriptor WHERE reference_id = ?", (reference_id,))
        changes.append(Change(REPAIRED, reference_id, detail="damaged vectors deleted"))
    return "damaged vectors deleted; make them anew: verify archive reindex"


def _without_proxy(archive: Archive, reference_id: str) -> str:
    with archive.changing() as changes:
        if stored := archive.stored_proxy(reference_id):
            _set_file_aside(archive, archive.proxies, stored)
        for table in ("proxy", "motion"):
            archive.connection.execute(f"DELETE FROM {table} WHERE reference_id = ?", (reference_id,))  # noqa: S608
        changes.append(Change(REPAIRED, reference_id, detail="damaged proxy set aside"))
    return "damaged proxy set aside; what is found in it cannot be confirmed until its video is added again"


def _without_video(archive: Archive, reference_id: str) -> str:
    with archive.changing() as changes:
        if stored := archive.stored_media(reference_id):
            _set_file_aside(archive, archive.media, stored)
        archive.connection.execute("DELETE FROM media WHERE reference_id = ?", (reference_id,))
        changes.append(Change(REPAIRED, reference_id, detail="damaged video set aside"))
    return "damaged video set aside; the reference is searched as before"


def _motion_anew(archive: Archive, reference_id: str) -> str:
    """Make motion signatures of the proxy: a little coarser than those of the video, and good enough to propose."""
    reference = archive.reference(reference_id)
    path = archive.proxy_path(reference_id) if archive.stored_proxy(reference_id) else None
    motion = _signatures(path, reference.duration_s) if reference and path else None
    if motion is None:
        return _without_proxy(archive, reference_id)
    with archive.changing() as changes:
        archive.replace_motion(reference_id, motion)
        told = "motion signatures made anew of the proxy"
        changes.append(Change(REPAIRED, reference_id, detail=told))
    return told


def _signatures(proxy: Path, duration_s: float) -> MotionSet | None:
    collector = MotionSignatures()
    shown_s = -1.0
    start_s = 0.0
    try:
        with ProxyReader() as reader:
            while start_s < duration_s + _ANEW_S:
                clip = reader.read(proxy, Interval(start_s=start_s, end_s=start_s + _ANEW_S))
                for time_s, picture in zip(clip.times_s, clip.pictures, strict=True):
                    if time_s > shown_s:
                        collector.add(float(time_s), picture)
                        shown_s = float(time_s)
                start_s += _ANEW_S
    except UnreadableMediaError:
        return None
    return collector.finish()


def _set_file_aside(archive: Archive, store: FileStore, stored: StoredFile) -> None:
    _move_aside(archive, store.path(stored))


def _move_aside(archive: Archive, path: Path) -> None:
    try:
        if path.exists():
            path.replace(_quarantine_folder(archive.folder) / path.name)
    except OSError as error:
        raise OutputNotWritableError(
            path, f"it cannot be set aside ({error.strerror})", "Check the permissions of the archive's folder."
        ) from error


def _salvaged(folder: Path, progress: Progress) -> list[Repair]:
    """Copy the references that are whole out of a catalogue that SQLite cannot read throughout, into a new one."""
    aside = _quarantine_folder(folder)
    building = folder / _SALVAGE_NAME
    old = Archive(folder, _opened_anyhow(folder))
    try:
        names = _readable_ids(old)
        if not names:
            raise ArchiveDamagedError(
                folder, "not one reference can be read", "Restore the folder from a backup, or build the archive anew."
            )
        for path in building.glob("*"):
            path.unlink()
        make_catalogue(building)
        repairs = _copy_whole_ones(old, building, names, progress)
    finally:
        old.close()
    catalogue = folder / CATALOGUE_NAME
    kept = aside / f"catalogue-{_stamp()}.sqlite"
    clear_caches(folder)
    with translated(folder):
        try:
            catalogue.replace(kept)
            (building / CATALOGUE_NAME).replace(catalogue)
            for left in (*folder.glob(f"{CATALOGUE_NAME}-*"), *building.glob("*")):
                left.unlink()
            building.rmdir()
            synchronise(folder)
        except OSError as error:
            raise OutputNotWritableError(
                folder, f"the catalogue cannot be replaced ({error.strerror})", f"The old one is {kept}."
            ) from error
    first = Repair(
        reference_id="",
        done=f"the catalogue was made anew of what could be read; the old one is {QUARANTINE_NAME}/{kept.name}",
    )
    with Archive.open(folder) as mended:  # what can be done without, or made anew, was copied as it was
        return [first, *repairs, *_in_place(mended, check_archive(mended, progress))]


def _copy_whole_ones(old: Archive, building: Path, names: Sequence[str], progress: Progress) -> list[Repair]:
    repairs = []
    progress.start("salvaging", len(names), "references")
    # Proxies and videos lie where they lay: only rows are copied, and the files were checked.
    tables = (*_ROWS_ALONE, "proxy", "media", "amendment")
    with Archive.open(building) as new, new.changing() as changes:
        # The new catalogue knows no files of its own, and must not sweep or copy any.
        for name in names:
            problems = [each for each in check_reference(old, name) if each.is_damage]
            fatal = [each for each in problems if each.part in _FATAL]
            if not fatal and not _copied(old, new, name, tables):
                fatal = problems
            if fatal:
                why = "; ".join(problem.text for problem in fatal) or "SQLite cannot read its rows"
                repairs.append(Repair(reference_id=name, done=f"lost ({why}): add its video again", is_lost=True))
            else:
                changes.append(Change(ADDED, name, detail="salvaged from a damaged catalogue"))
            progress.advance(1)
        with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            for row in old.connection.execute("SELECT * FROM tombstone"):
                new.connection.execute("INSERT INTO tombstone VALUES (?, ?, ?, ?)", row)
        with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            copy_notes(old, new)
        changes.append(Change(REPAIRED, "", detail="made anew of a damaged catalogue"))
        for store, table in ((old.proxies, "proxy"), (old.media, "media")):
            kept = {sha256 for (sha256,) in new.connection.execute(f"SELECT sha256 FROM {table}")}  # noqa: S608
            for name in store.unnamed(kept):
                _move_aside(old, store.folder / name)
    progress.finish()
    return repairs


def _copied(old: Archive, new: Archive, reference_id: str, tables: Sequence[str]) -> bool:
    """Copy the rows of a reference, or nothing of it if some cannot be read; says which."""
    new.connection.execute("SAVEPOINT one")
    try:
        copy_rows(old, new, reference_id, parts=tables, with_files=False)
    except (sqlite3.DatabaseError, UnicodeDecodeError, ArchiveDamagedError, InvalidUsageError):
        new.connection.execute("ROLLBACK TO one")
        return False
    finally:
        new.connection.execute("RELEASE one")
    return True


def _opened_anyhow(folder: Path) -> sqlite3.Connection:
    address = f"{(folder / CATALOGUE_NAME).resolve().as_uri()}?mode=ro"
    with translated(folder):
        return sqlite3.connect(address, uri=True, isolation_level=None)


def _readable_ids(archive: Archive) -> list[str]:
    """Return the ids that any table still names, sorted; a damaged page hides some from one and not from another."""
    found: set[str] = set()
    for query in (
        "SELECT id FROM reference",
        "SELECT id FROM reference INDEXED BY reference_state",
        "SELECT reference_id FROM sighting",
        "SELECT reference_id FROM fingerprint",
        # One that was forgotten is not missed.
        "SELECT reference_id FROM (SELECT reference_id, digest, max(number) FROM log GROUP BY 1) WHERE digest <> ''",
    ):
        with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            for (name,) in archive.connection.execute(query):
                if isinstance(name, str) and name:
                    found.add(name)
    return sorted(found)


def _quarantine_folder(folder: Path) -> Path:
    path = folder / QUARANTINE_NAME
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputNotWritableError(
            path, f"it cannot be made ({error.strerror})", "Check the folder's permissions and the free space."
        ) from error
    return path


def _stamp() -> str:
    return utc_now().replace("-", "").replace(":", "")
