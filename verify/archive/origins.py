"""Where references come from: one's own, or the pack of a partner, who may not have sent all that is usually kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.archive.catalogue import BACKUP_HINT, translated
from verify.errors import ArchiveDamagedError
from verify.model import PackOrigin, TrustGrade

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from verify.archive.store import Archive

#: What a pack may bring of a reference, besides its hashes, which are called as their algorithms are.
KEYPOINTS, MOTION, PROXY, VECTORS, THUMBNAILS = "keypoints", "motion", "proxy", "vectors", "thumbnails"
#: Stands among the parts of a reference that has fewer hashes a second than matching goes by.
SPARSE = "sparse"
_QUERY = (
    "SELECT reference_id, pack.id, name, grade, imported_utc, kind, key_id, id_there, parts "
    "FROM brought JOIN pack ON pack.id = pack_id"
)


def origins_in(folder: Path, connection: sqlite3.Connection) -> dict[str, PackOrigin]:
    """Return the packs that references of an archive came with, by reference id; one's own are left out.

    Raises
    ------
    ArchiveDamagedError
        What is said of a pack is malformed.
    """
    with translated(folder):
        rows = connection.execute(f"{_QUERY} ORDER BY reference_id").fetchall()
    return {name: _origin(folder, row) for name, *row in rows}


def origin_of(folder: Path, connection: sqlite3.Connection, reference_id: str) -> PackOrigin | None:
    """Return the pack that a reference came with, None for one's own; raises as `origins_in` does."""
    with translated(folder):
        row = connection.execute(f"{_QUERY} WHERE reference_id = ?", (reference_id,)).fetchone()
    return _origin(folder, row[1:]) if row else None


def may_lack(pack: PackOrigin | None, part: str) -> bool:
    """Say whether a reference lacks something because its pack did not bring it; one's own lacks nothing."""
    return pack is not None and part not in pack.parts


def without_vectors(archive: Archive) -> set[str]:
    """Return the references that came neither with vectors nor with thumbnails to make some of."""
    return {
        name
        for name, pack in origins_in(archive.folder, archive.connection).items()
        if may_lack(pack, VECTORS) and may_lack(pack, THUMBNAILS)
    }


def copy_origin(source: Archive, target: Archive, reference_id: str, new_id: str) -> None:
    """Copy what is known of the pack that a reference came with, if any. To be called while the target is changing."""
    query = "SELECT pack.* FROM brought JOIN pack ON pack.id = pack_id WHERE reference_id = ?"
    row = source.connection.execute(query, (reference_id,)).fetchone()
    if row is None:
        return
    places = ", ".join("?" * len(row))
    target.connection.execute(f"INSERT OR IGNORE INTO pack VALUES ({places})", row)  # noqa: S608
    brought = source.connection.execute(
        "SELECT pack_id, id_there, parts FROM brought WHERE reference_id = ?", (reference_id,)
    ).fetchone()
    target.connection.execute("INSERT INTO brought VALUES (?, ?, ?, ?)", (new_id, *brought))


def _origin(folder: Path, row: list[str] | tuple[str, ...]) -> PackOrigin:
    pack_id, name, grade, imported_utc, kind, key_id, id_there, parts = row
    try:
        return PackOrigin(
            pack_id=pack_id,
            name=name,
            grade=TrustGrade(grade),
            imported_utc=imported_utc,
            kind=kind,
            key_id=key_id,
            id_there=id_there,
            parts=tuple(parts.split()),
        )
    except ValueError as error:
        raise ArchiveDamagedError(folder, f"what is said of a pack is malformed ({error})", BACKUP_HINT) from error
