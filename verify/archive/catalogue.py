"""The file that makes a folder an archive: an SQLite database, made whole, opened with its marks checked."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from importlib import resources
from typing import TYPE_CHECKING

from verify.errors import (
    ArchiveDamagedError,
    ArchiveLockedError,
    FingerprintVersionError,
    InvalidUsageError,
    NewerFormatError,
    OutputNotWritableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CATALOGUE_NAME = "catalogue.sqlite"
FORMAT_VERSION = 3
#: The oldest format that is brought up to this one when an archive is opened.
_MIGRATED_FROM = 2
#: SQLite's application id of a catalogue, 'VRFY' in ASCII, by which `file` and this program know it.
APPLICATION_ID = 0x56524659
ANEW_HINT = "Add the references anew to a new archive."
BACKUP_HINT = "Restore the folder from a backup, or build the archive anew."
_TABLES = frozenset(
    {
        "amendment", "brought", "descriptor", "fingerprint", "local_features", "log", "media", "motion", "pack",
        "proxy", "reference", "sighting", "thumbnail", "tombstone",
    }
)  # fmt: skip
_ADD_HINT = "verify archive add VIDEO... --archive {}"
_WRITE_HINT = "Check the folder's permissions and the free space, or choose another with --archive."
#: How long to wait while another process commits, which takes a moment.
_LOCK_WAIT_S = 10.0


def open_catalogue(folder: Path) -> sqlite3.Connection:
    """Open the catalogue of an existing archive; one of an older format is brought up to this one.

    The connection is in autocommit mode: whatever writes begins its transaction itself.

    Raises
    ------
    InvalidUsageError
        There is no archive there, or none that this user may read.
    ArchiveDamagedError, NewerFormatError, FingerprintVersionError
        There is one that cannot be read.
    """
    catalogue = folder / CATALOGUE_NAME
    try:
        is_there, has_catalogue = folder.exists(), catalogue.is_file()
        if has_catalogue:
            catalogue.open("rb").close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidUsageError(
            folder, f"no archive can be read here ({reason})", "Check the path and its permissions."
        ) from error
    if not is_there:
        raise InvalidUsageError(folder, "there is no archive here", f"Make one: {_ADD_HINT.format(folder)}")
    if not has_catalogue:
        raise InvalidUsageError(
            folder,
            f"this is not a reference archive, it has no {CATALOGUE_NAME}",
            f"Give the folder of an archive, or make one: {_ADD_HINT.format('NEW_FOLDER')}",
        )
    with translated(folder):
        connection = _connect(catalogue)
    try:
        if _checked_format(folder, connection) < FORMAT_VERSION:
            from verify.archive.migration import migrate  # noqa: PLC0415 - it needs what is above this layer

            migrate(folder, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def make_catalogue(folder: Path) -> None:
    """Make an empty or missing folder a new archive, unless it is one already.

    Raises
    ------
    InvalidUsageError
        The folder holds something else.
    OutputNotWritableError
        It cannot be written.
    """
    catalogue = folder / CATALOGUE_NAME
    if os.path.lexists(catalogue):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{CATALOGUE_NAME}.partial"
        # What an interrupted creation left is no other file.
        if any(not path.name.startswith(partial.name) for path in folder.iterdir()):
            raise InvalidUsageError(
                folder, "this folder holds other files and no archive", "Give an empty or new folder."
            )
        with translated(folder):
            _initialise(partial)
        partial.rename(catalogue)
    except OSError as error:
        raise OutputNotWritableError(folder, f"no archive can be made here ({error.strerror})", _WRITE_HINT) from error


def _checked_format(folder: Path, connection: sqlite3.Connection) -> int:
    with translated(folder):
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise ArchiveDamagedError(folder, f"{CATALOGUE_NAME} was not written by this program", BACKUP_HINT)
    if version > FORMAT_VERSION:
        raise NewerFormatError(
            folder,
            f"archive format {version} is newer than {FORMAT_VERSION}",
            "Upgrade: pip install -U verify-video",
        )
    if version < _MIGRATED_FROM:
        raise FingerprintVersionError(
            folder, f"archive format {version} has no keypoints, this program needs them", ANEW_HINT
        )
    if version == FORMAT_VERSION:
        with translated(folder):
            there = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if missing := sorted(_TABLES - there):
            raise ArchiveDamagedError(folder, f"the catalogue has no such table: {', '.join(missing)}", BACKUP_HINT)
    return int(version)


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors about the catalogue in a folder into ours."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidUsageError(
            "a text that was given", "it holds bytes that are no UTF-8", "Write it in UTF-8."
        ) from error
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text:
            raise ArchiveLockedError(
                folder, "another process is writing to it", "Try again when it is done."
            ) from error
        if "readonly" in text or "unable to open" in text or "disk" in text:
            raise OutputNotWritableError(folder, f"the archive cannot be written ({text})", _WRITE_HINT) from error
        raise ArchiveDamagedError(folder, f"the catalogue cannot be read ({text})", BACKUP_HINT) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise ArchiveDamagedError(folder, f"the catalogue cannot be read ({error})", BACKUP_HINT) from error


def _connect(catalogue: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{catalogue.resolve().as_uri()}?mode=rw", uri=True, timeout=_LOCK_WAIT_S, isolation_level=None
    )
    connection.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten: footage may have to go for legal reasons.
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def _initialise(path: Path) -> None:
    """Write an empty catalogue to `path`."""
    path.unlink(missing_ok=True)
    script = resources.files("verify.archive").joinpath("schema.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(script)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
