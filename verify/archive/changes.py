"""Changes of what an archive says: sightings, amendments, retraction, and forgetting for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.archive.cache_files import CACHE_NAMES
from verify.archive.cases import open_cases
from verify.archive.catalogue import translated
from verify.archive.files import MEDIA_NAME, PROXIES_NAME
from verify.archive.history import AMENDED, FORGOTTEN, RESTORED, RETRACTED, SEEN, Change
from verify.dates import utc_now
from verify.errors import InvalidUsageError, OutputNotWritableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from verify.archive.store import Archive
    from verify.model import Sighting

#: What of a reference and of one of its sightings can be amended.
REFERENCE_FIELDS = ("kind", "title", "publisher", "source_url", "licence", "event", "notes")
SIGHTING_FIELDS = ("date", "source", "basis", "url")
#: Tables with rows of a reference, those that others name last.
TABLES = (
    "brought", "thumbnail", "descriptor", "motion", "media", "proxy", "local_features", "fingerprint", "amendment",
    "sighting",
)  # fmt: skip
_LIST_HINT = "See verify archive list."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """What is kept of a reference that was forgotten."""

    reference_id: str
    sha256: str
    utc: str
    reason: str


def see_again(archive: Archive, reference_id: str, sighting: Sighting) -> bool:
    """Add a sighting to a reference; says whether it tells anything new.

    Nothing new is told by the same date, place and basis as those of a sighting that is there, or of none at all.
    """
    with archive.changing() as changes:
        reference = archive.reference(reference_id)
        if reference is None:
            raise _missing(archive, reference_id)
        for known in reference.sightings or (_only_sighting(archive, reference_id),):
            same_place = not sighting.url or sighting.url in (known.url, reference.source_url)
            same_date = not sighting.date or (sighting.date, sighting.source, sighting.basis) == (
                known.date,
                known.source,
                known.basis,
            )
            same_copy = not sighting.sha256 or sighting.sha256 == known.sha256
            if same_place and same_date and same_copy:
                return False
        archive.insert_sighting(reference_id, sighting)
        changes.append(Change(SEEN, reference_id))
    return True


def _only_sighting(archive: Archive, reference_id: str) -> Sighting:
    return archive.sightings(reference_id)[0]


def amend(
    archive: Archive,
    reference_id: str,
    changed: Mapping[str, str],
    reason: str,
    *,
    sighting: int = 1,
) -> list[str]:
    """Change what is said of a reference; what was said before is kept beside it.

    Parameters
    ----------
    changed
        New texts by field, of `REFERENCE_FIELDS` and `SIGHTING_FIELDS`, already checked.
    sighting
        Number of the sighting that the latter belong to, from 1.

    Returns
    -------
    list of str
        The fields that have another text now.

    Raises
    ------
    InvalidUsageError
        There is no such reference, or no such sighting.
    """
    with archive.changing() as changes:
        _check_there(archive, reference_id)
        amended = []
        for field, after in changed.items():
            table, where, values = (
                ("sighting", "reference_id = ? AND number = ?", (reference_id, sighting))
                if field in SIGHTING_FIELDS
                else ("reference", "id = ?", (reference_id,))
            )
            row = archive.connection.execute(
                f"SELECT {field} FROM {table} WHERE {where}",  # noqa: S608 - names are ours
                values,
            ).fetchone()
            if row is None:
                raise InvalidUsageError(
                    "--sighting",
                    f"{reference_id} has no sighting {sighting}",
                    f"See verify archive show {reference_id}.",
                )
            if row[0] == after:
                continue
            archive.connection.execute(
                f"UPDATE {table} SET {field} = ? WHERE {where}",  # noqa: S608
                (after, *values),
            )
            told = field if table == "reference" else f"sighting {sighting}, {field}"
            _keep_amendment(archive, (reference_id, told, row[0], after, reason))
            amended.append(told)
        if amended:
            changes.append(Change(AMENDED, reference_id, reason, "; ".join(amended)))
    return amended


def _keep_amendment(archive: Archive, told: tuple[str, str, str, str, str]) -> None:
    """Keep reference, field, the texts before and after, and the reason."""
    reference_id, *rest = told
    query = "SELECT count(*) + 1 FROM amendment WHERE reference_id = ?"
    (number,) = archive.connection.execute(query, (reference_id,)).fetchone()
    archive.connection.execute(
        "INSERT INTO amendment VALUES (?, ?, ?, ?, ?, ?, ?)", (reference_id, number, utc_now(), *rest)
    )


def retract(archive: Archive, reference_id: str, reason: str) -> None:
    """Take a reference out of the search without deleting it; raises InvalidUsageError if it is not searched."""
    _set_retracted(archive, reference_id, reason, to=True)


def restore(archive: Archive, reference_id: str, reason: str) -> None:
    """Put a retracted reference back into the search; raises InvalidUsageError if it is not retracted."""
    _set_retracted(archive, reference_id, reason, to=False)


def _set_retracted(archive: Archive, reference_id: str, reason: str, *, to: bool) -> None:
    with archive.changing() as changes:
        _check_there(archive, reference_id)
        done = archive.connection.execute(
            "UPDATE reference SET retracted = ? WHERE id = ? AND retracted = ?", (int(to), reference_id, int(not to))
        )
        if done.rowcount != 1:
            problem = "it is retracted already" if to else "it is not retracted"
            raise InvalidUsageError(reference_id, problem, f"See verify archive log --id {reference_id}.")
        changes.append(Change(RETRACTED if to else RESTORED, reference_id, reason))


def forget(archive: Archive, reference_id: str, reason: str) -> None:
    """Erase a reference for good, with all that was kept of it; a tombstone says that it was there.

    What is deleted in the catalogue is overwritten. Caches that hold copies of it are deleted.

    Raises
    ------
    InvalidUsageError
        There is no such reference.
    OutputNotWritableError
        A file of it cannot be deleted; it is named, and the reference is gone all the same.
    """
    with archive.changing() as changes:
        reference = archive.reference(reference_id)
        if reference is None:
            raise _missing(archive, reference_id)
        copies = {sighting.sha256 for sighting in archive.sightings(reference_id)} | {reference.sha256}
        take_out(archive, reference_id)
        for sha256 in sorted(copies - {""}):
            archive.connection.execute(
                "INSERT INTO tombstone VALUES (?, ?, ?, ?)", (reference_id, sha256, utc_now(), reason)
            )
        changes.append(Change(FORGOTTEN, reference_id, reason))
    clear_unnamed(archive)
    with open_cases(archive.folder) as cases:
        if cases:
            cases.forget_reference(reference_id)


def take_out(archive: Archive, reference_id: str) -> None:
    """Delete all rows of a reference. To be called while changing."""
    for table in TABLES:
        archive.connection.execute(f"DELETE FROM {table} WHERE reference_id = ?", (reference_id,))  # noqa: S608
    archive.connection.execute("DELETE FROM reference WHERE id = ?", (reference_id,))


def clear_unnamed(archive: Archive) -> None:
    """Delete the caches, and every file that belongs to no reference any more.

    Raises
    ------
    OutputNotWritableError
        One cannot be deleted.
    """
    with archive.changing():
        archive.sweep()
        for store, table, name in (
            (archive.proxies, "proxy", PROXIES_NAME),
            (archive.media, "media", MEDIA_NAME),
        ):
            kept = {sha256 for (sha256,) in archive.connection.execute(f"SELECT sha256 FROM {table}")}  # noqa: S608
            if left := store.unnamed(kept):
                raise OutputNotWritableError(
                    archive.folder / name / left[0], "it cannot be deleted", "Delete this file by hand."
                )
    clear_caches(archive.folder)


def clear_caches(folder: Path) -> None:
    """Delete the caches of an archive, which are made anew when it is searched; raises OutputNotWritableError."""
    partial = (path for name in CACHE_NAMES for path in folder.glob(f".{name}.partial-*"))
    for cache in (*(folder / name for name in CACHE_NAMES), *partial):
        try:
            cache.unlink(missing_ok=True)
        except OSError as error:
            raise OutputNotWritableError(
                cache, f"it cannot be deleted ({error.strerror})", "Delete this file by hand."
            ) from error


def tombstone_of(archive: Archive, sha256: str) -> Tombstone | None:
    """Return what is kept of a forgotten reference whose video had that SHA-256, None if there was none."""
    query = "SELECT reference_id, sha256, utc, reason FROM tombstone WHERE sha256 = ? ORDER BY utc DESC LIMIT 1"
    with translated(archive.folder):
        row = archive.connection.execute(query, (sha256,)).fetchone()
    return Tombstone(reference_id=row[0], sha256=row[1], utc=row[2], reason=row[3]) if row else None


def _check_there(archive: Archive, reference_id: str) -> None:
    if archive.connection.execute("SELECT 1 FROM reference WHERE id = ?", (reference_id,)).fetchone() is None:
        raise _missing(archive, reference_id)


def _missing(archive: Archive, reference_id: str) -> InvalidUsageError:
    return InvalidUsageError(reference_id, f"the archive at {archive.folder} has no such reference", _LIST_HINT)
