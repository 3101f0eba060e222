"""Copy references from one archive to another, row by row, without the videos they were made of."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from verify.archive.history import ADDED, Change
from verify.archive.origins import copy_origin
from verify.errors import ArchiveDamagedError, InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from verify.archive.store import Archive

#: What can be kept of a reference besides what is told of it and its hashes, each with its tables.
CONFIRMATION = ("local_features", "proxy", "motion")
THUMBNAILS = ("thumbnail",)
VECTORS = ("descriptor",)
VIDEO = ("media",)
ALL_PARTS = (*CONFIRMATION, *THUMBNAILS, *VECTORS, *VIDEO)


def copy_reference(
    source: Archive,
    target: Archive,
    reference_id: str,
    *,
    parts: Collection[str] = ALL_PARTS,
    new_id: str = "",
    origin: str | None = None,
    change: Change | None = None,
) -> None:
    """Copy a reference with what is kept of it; whole or not at all.

    Rows are copied as they are: whoever does not trust the source checks it first.

    Parameters
    ----------
    parts
        Tables to copy besides those of the reference, its sightings and its hashes.
    new_id
        Id that it gets in the target; the same if empty.
    origin
        Where it comes from, as the target is to tell; what the source tells if None.
    change
        What the target's log is to tell; that it was added if None.

    Raises
    ------
    InvalidUsageError
        The target has a reference of that id.
    ArchiveDamagedError
        The source has no such reference, or not the files that belong to it.
    """
    name = new_id or reference_id
    with target.changing() as changes:
        copy_rows(source, target, reference_id, parts=parts, new_id=new_id, origin=origin)
        changes.append(change or Change(ADDED, name))


def copy_rows(
    source: Archive,
    target: Archive,
    reference_id: str,
    *,
    parts: Collection[str] = ALL_PARTS,
    new_id: str = "",
    origin: str | None = None,
    with_files: bool = True,
) -> None:
    """Copy the rows and files of a reference, as `copy_reference` does. To be called while the target is changing.

    Without `with_files` the files of the source are to be those of the target.
    """
    name = new_id or reference_id
    rows = _rows(source, "reference", "id", reference_id)
    if not rows:
        raise ArchiveDamagedError(source.folder, f"the reference {reference_id} is missing", "Copy another one.")
    told = {**rows[0], "id": name}
    if origin is not None:
        told["origin"] = origin
    try:
        _insert(target, "reference", told)
    except sqlite3.IntegrityError as error:
        raise InvalidUsageError(
            name, "the archive has a reference of this id already", "Give it another id."
        ) from error
    if origin is None:
        copy_origin(source, target, reference_id, name)
    for table in ("sighting", "fingerprint", *parts):
        for row in _rows(source, table, "reference_id", reference_id):
            _insert(target, table, {**row, "reference_id": name})
    if not with_files:
        return
    if "proxy" in parts and (path := source.proxy_path(reference_id)):
        target.proxies.keep(path, path.suffix)
    if "media" in parts and (stored := source.stored_media(reference_id)):
        target.media.keep(source.media.checked(reference_id, stored), stored.suffix)


def _rows(archive: Archive, table: str, key: str, value: str) -> list[dict[str, object]]:
    cursor = archive.connection.execute(f"SELECT * FROM {table} WHERE {key} = ?", (value,))  # noqa: S608 - names are ours
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _insert(archive: Archive, table: str, row: dict[str, object]) -> None:
    places = ",".join("?" * len(row))
    archive.connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})",  # noqa: S608 - names are ours
        tuple(row.values()),
    )
