"""Bring the catalogue of an older format up to the present one, in one transaction."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from verify.archive.history import ADDED, MIGRATED, Change, History
from verify.archive.locking import WriterLock
from verify.archive.thumbnails import thumbnail_digest
from verify.errors import ArchiveDamagedError, FingerprintVersionError, OutputNotWritableError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

#: Tables of version 2 whose columns are others now, with what they are filled from.
_CHANGED = {
    "reference": """
        INSERT INTO reference SELECT id, '', sha256, kind, title, publisher, source_url, licence, event, notes, '',
            retracted, duration_s, added_utc FROM old_reference
    """,
    "thumbnail": """
        INSERT INTO thumbnail SELECT reference_id, time_s, width_px, height_px,
            thumbnail_digest(time_s, width_px, height_px, jpeg), jpeg FROM old_thumbnail
    """,
    "fingerprint": """
        INSERT INTO fingerprint SELECT reference_id, algorithm, version, bits, frame_count, sha256, times_s, codes,
            quality FROM old_fingerprint
    """,
    "descriptor": "INSERT INTO descriptor SELECT * FROM old_descriptor",
}
_SIGHTINGS = """
    INSERT INTO sighting SELECT id, 1, first_seen, 'other', first_seen_basis, '', sha256, title, publisher, added_utc
        FROM old_reference
"""


def migrate(folder: Path, connection: sqlite3.Connection) -> None:
    """Bring an archive of version 2 up to version 3: it gains sightings, digests of thumbnails, and a log.

    Raises
    ------
    FingerprintVersionError
        The folder cannot be written.
    ArchiveLockedError
        Another process goes on writing.
    ArchiveDamagedError
        The catalogue lacks what version 2 has.
    """
    from verify.archive.catalogue import BACKUP_HINT, FORMAT_VERSION, translated  # noqa: PLC0415 - imports this module

    connection.create_function("thumbnail_digest", 4, thumbnail_digest, deterministic=True)
    # Tables that are renamed keep their rows' references only so.
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA legacy_alter_table = ON")
    try:
        with translated(folder), WriterLock(folder, connection).held():
            if connection.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,):
                return  # another process was quicker
            _move_rows(connection)
            _write_log(folder, connection)
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            if connection.execute("PRAGMA foreign_key_check").fetchone():
                raise ArchiveDamagedError(folder, "it has fingerprints that belong to no reference", BACKUP_HINT)
    except OutputNotWritableError as error:
        raise FingerprintVersionError(
            folder,
            "it has an older format that must be brought up to date, and it cannot be written",
            "Let someone who may write there run: verify archive stats --archive FOLDER",
        ) from error
    finally:
        connection.execute("PRAGMA legacy_alter_table = OFF")
        connection.execute("PRAGMA foreign_keys = ON")


def _move_rows(connection: sqlite3.Connection) -> None:
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for table in _CHANGED:
        if table in there:
            connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    connection.execute("DROP INDEX reference_sha256")
    script = resources.files("verify.archive").joinpath("schema.sql").read_text(encoding="utf-8")
    lines = (line for line in script.splitlines(keepends=True) if not line.startswith("--"))
    for statement in "".join(lines).split(";\n"):
        words = statement.split()
        if words and not (words[1] == "TABLE" and words[2] in there and words[2] not in _CHANGED):
            connection.execute(statement)
    for table, statement in _CHANGED.items():
        if table in there:
            connection.execute(statement)
    connection.execute(_SIGHTINGS)
    for table in _CHANGED:
        if table in there:
            connection.execute(f"DROP TABLE old_{table}")


def _write_log(folder: Path, connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT id, added_utc FROM reference ORDER BY added_utc, id").fetchall()
    changes = [Change(ADDED, name, detail=f"at {added_utc}, before there was a log") for name, added_utc in rows]
    History(folder, connection).record([*changes, Change(MIGRATED, "", detail="format 2 to 3")])
