"""The catalogue of an archive folder: one SQLite file with references, their fingerprints and thumbnails.

On-disk format: docs/internals/archive-format.md. Each reference is added in one transaction, so that an interrupted
addition leaves the archive as it was.
"""

from __future__ import annotations

import hashlib
import math
import os
import sqlite3
from contextlib import closing, contextmanager
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec
import numpy as np

from verify.archive.metadata import check_id
from verify.errors import (
    ArchiveDamagedError,
    ArchiveLockedError,
    FingerprintVersionError,
    InvalidUsageError,
    NewerFormatError,
    OutputNotWritableError,
)
from verify.model import ArchiveSnapshot, FingerprintSet, Reference, ReferenceKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from verify.fingerprint.registry import Cue

CATALOGUE_NAME = "catalogue.sqlite"
FORMAT_VERSION = 1
#: SQLite's application id of a catalogue, 'VRFY' in ASCII, by which `file` and this program know it.
APPLICATION_ID = 0x56524659
_LOCK_WAIT_S = 10.0
_COLUMNS = (
    "id, kind, title, publisher, source_url, first_seen, first_seen_basis, licence, event, notes, retracted, sha256, "
    "duration_s, added_utc"
)


class Thumbnail(NamedTuple):
    """A small JPEG of a reference frame at `time_s`."""

    time_s: float
    width_px: int
    height_px: int
    jpeg: bytes


class Archive:
    """An open reference archive. Use as a context manager; `Archive.open` reads, `Archive.create_or_open` writes."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open an existing archive.

        Raises
        ------
        InvalidUsageError
            There is no archive there, or none that this user may read.
        ArchiveDamagedError, NewerFormatError
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
        with _translated(folder):
            connection = _connect(catalogue)
        archive = cls(folder, connection)
        try:
            archive._check_format()
        except BaseException:
            archive.close()
            raise
        return archive

    @classmethod
    def create_or_open(cls, folder: Path) -> Self:
        """Open an archive for adding to it; an empty or missing folder becomes a new archive.

        Raises
        ------
        InvalidUsageError
            The folder holds something else.
        OutputNotWritableError
            It cannot be written.
        """
        catalogue = folder / CATALOGUE_NAME
        if os.path.lexists(catalogue):
            return cls.open(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder / f".{CATALOGUE_NAME}.partial"
            # What an interrupted creation left is no other file.
            if any(not path.name.startswith(partial.name) for path in folder.iterdir()):
                raise InvalidUsageError(
                    folder, "this folder holds other files and no archive", "Give an empty or new folder."
                )
            with _translated(folder):
                _initialise(partial)
            partial.rename(catalogue)
        except OSError as error:
            raise OutputNotWritableError(
                folder, f"no archive can be made here ({error.strerror})", _WRITE_HINT
            ) from error
        return cls.open(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalogue."""
        self._connection.close()

    def _check_format(self) -> None:
        with _translated(self.folder):
            (application,) = self._connection.execute("PRAGMA application_id").fetchone()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise ArchiveDamagedError(self.folder, f"{CATALOGUE_NAME} was not written by this program", _BACKUP_HINT)
        if version > FORMAT_VERSION:
            raise NewerFormatError(
                self.folder,
                f"archive format {version} is newer than {FORMAT_VERSION}",
                "Upgrade: pip install -U verify-video",
            )

    def add(
        self, reference: Reference, fingerprints: Mapping[str, FingerprintSet], thumbnails: Sequence[Thumbnail]
    ) -> None:
        """Add a reference with all that belongs to it, whole or not at all.

        Raises
        ------
        InvalidUsageError
            The archive has a reference of that id.
        """
        row = (
            *(getattr(reference, name) for name in _COLUMNS.replace(" ", "").split(",")[:10]),
            int(reference.retracted),
            reference.sha256,
            reference.duration_s,
            reference.added_utc,
        )
        insertion = f"INSERT INTO reference ({_COLUMNS}) VALUES ({','.join('?' * len(row))})"  # noqa: S608
        with _translated(self.folder), self._connection:
            try:
                self._connection.execute(insertion, row)
            except sqlite3.IntegrityError as error:
                raise InvalidUsageError(
                    reference.id, "the archive has a reference of this id already", "Give it an id of its own."
                ) from error
            for fingerprint in fingerprints.values():
                self._connection.execute(
                    "INSERT INTO fingerprint VALUES (?,?,?,?,?,?,?,?,?)", (reference.id, *_fingerprint_row(fingerprint))
                )
            self._connection.executemany(
                "INSERT INTO thumbnail VALUES (?,?,?,?,?)", [(reference.id, *thumbnail) for thumbnail in thumbnails]
            )

    def references(self) -> list[Reference]:
        """Return all references, by id."""
        with _translated(self.folder):
            rows = self._connection.execute(f"SELECT {_COLUMNS} FROM reference ORDER BY id").fetchall()  # noqa: S608
        return [_reference(self.folder, row) for row in rows]

    def reference(self, reference_id: str) -> Reference | None:
        """Return one reference, None if there is none of that id."""
        return self._one_reference("id", reference_id)

    def reference_with_digest(self, sha256: str) -> Reference | None:
        """Return the reference made from a file of that SHA-256, None if there is none."""
        return self._one_reference("sha256", sha256)

    def _one_reference(self, column: str, value: str) -> Reference | None:
        query = f"SELECT {_COLUMNS} FROM reference WHERE {column} = ? LIMIT 1"  # noqa: S608 - column is ours
        with _translated(self.folder):
            row = self._connection.execute(query, (value,)).fetchone()
        return _reference(self.folder, row) if row else None

    def fingerprints(self, cue: Cue) -> Iterator[tuple[str, FingerprintSet]]:
        """Yield (reference id, fingerprints) of one algorithm for every reference, by id.

        Raises
        ------
        FingerprintVersionError
            They were made by another version of the algorithm.
        ArchiveDamagedError
            A stored fingerprint does not have the digest it was stored with.
        """
        query = (
            "SELECT reference_id, version, bits, times_s, codes, quality, sha256 FROM fingerprint "
            "WHERE algorithm = ? ORDER BY reference_id"
        )
        with _translated(self.folder), closing(self._connection.execute(query, (cue.algorithm,))) as cursor:
            for reference_id, version, bits, times_s, codes, quality, sha256 in cursor:
                if (version, bits) != (cue.version, cue.bits):
                    raise FingerprintVersionError(
                        self.folder,
                        f"{cue.algorithm} fingerprints of {reference_id} are version {version}, "
                        f"this program makes version {cue.version}",
                        "Add the references anew to a new archive.",
                    )
                if _digest(times_s, codes, quality) != sha256:
                    raise ArchiveDamagedError(
                        self.folder, f"the {cue.algorithm} fingerprints of {reference_id} are damaged", _BACKUP_HINT
                    )
                yield reference_id, _fingerprint_set(cue, times_s, codes, quality)

    def thumbnails(self, reference_id: str) -> list[tuple[float, int, int]]:
        """Return (time in s, width, height) of a reference's thumbnails, by time."""
        query = "SELECT time_s, width_px, height_px FROM thumbnail WHERE reference_id = ? ORDER BY time_s"
        with _translated(self.folder):
            return self._connection.execute(query, (reference_id,)).fetchall()

    def thumbnail(self, reference_id: str, time_s: float) -> bytes | None:
        """Return the JPEG stored for exactly that time, None if there is none."""
        query = "SELECT jpeg FROM thumbnail WHERE reference_id = ? AND time_s = ?"
        with _translated(self.folder):
            row = self._connection.execute(query, (reference_id, time_s)).fetchone()
        return bytes(row[0]) if row else None

    def snapshot(self) -> ArchiveSnapshot:
        """Identify the archive's present content: a SHA-256 over every reference's metadata and fingerprint digests."""
        content = hashlib.sha256()
        with _translated(self.folder):
            for reference in self.references():
                content.update(msgspec.json.encode(reference, order="sorted"))
            rows = self._connection.execute(
                "SELECT reference_id, algorithm, version, frame_count, sha256 FROM fingerprint "
                "ORDER BY reference_id, algorithm"
            ).fetchall()
            (count, duration_s) = self._connection.execute(
                "SELECT count(*), total(duration_s) FROM reference"
            ).fetchone()
        frames: dict[str, int] = {}
        for row in rows:
            content.update(msgspec.json.encode(row))
            frames[row[1]] = frames.get(row[1], 0) + row[3]
        return ArchiveSnapshot(
            snapshot_id=content.hexdigest(),
            reference_count=count,
            frame_count=max(frames.values(), default=0),
            duration_s=duration_s,
            algorithms=tuple(sorted(frames)),
        )

    def thumbnail_bytes(self) -> int:
        """Sum of the stored thumbnails' sizes, in bytes."""
        with _translated(self.folder):
            (total,) = self._connection.execute("SELECT total(length(jpeg)) FROM thumbnail").fetchone()
        return int(total)


_ADD_HINT = "verify archive add VIDEO... --archive {}"
_BACKUP_HINT = "Restore the folder from a backup, or build the archive anew."
_WRITE_HINT = "Check the folder's permissions and the free space, or choose another with --archive."


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors about the catalogue in a folder into ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text:
            raise ArchiveLockedError(
                folder, "another process is writing to it", "Try again when it is done."
            ) from error
        if "readonly" in text or "unable to open" in text or "disk" in text:
            raise OutputNotWritableError(folder, f"the archive cannot be written ({text})", _WRITE_HINT) from error
        raise ArchiveDamagedError(folder, f"the catalogue cannot be read ({text})", _BACKUP_HINT) from error
    except sqlite3.DatabaseError as error:
        raise ArchiveDamagedError(folder, f"the catalogue cannot be read ({error})", _BACKUP_HINT) from error


def _connect(catalogue: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{catalogue.resolve().as_uri()}?mode=rw", uri=True, timeout=_LOCK_WAIT_S)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _initialise(path: Path) -> None:
    """Write an empty catalogue to `path`."""
    path.unlink(missing_ok=True)
    script = resources.files("verify.archive").joinpath("schema.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(script)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def _reference(folder: Path, row: tuple[object, ...]) -> Reference:
    """Make a reference of its row, checking what the schema does not; ids become parts of file names."""
    values = dict(zip(_COLUMNS.replace(" ", "").split(","), row, strict=True))
    try:
        check_id(str(values["id"]))
        values["kind"] = ReferenceKind(str(values["kind"]))
        values["retracted"] = bool(values["retracted"])
        reference = Reference(**values)  # type: ignore[arg-type]  # columns are STRICT
        if not math.isfinite(reference.duration_s):
            raise ValueError(f"a duration of {reference.duration_s} s")
    except ValueError as error:
        raise ArchiveDamagedError(
            folder, f"a reference in the catalogue is malformed ({error})", _BACKUP_HINT
        ) from error
    return reference


def _fingerprint_row(fingerprint: FingerprintSet) -> tuple[object, ...]:
    times_s = fingerprint.times_s.astype("<f8").tobytes()
    codes = fingerprint.codes.tobytes()
    quality = fingerprint.quality.astype("<f4").tobytes()
    count = len(fingerprint.times_s)
    head = (fingerprint.algorithm, fingerprint.version, fingerprint.bits, count)
    return (*head, times_s, codes, quality, _digest(times_s, codes, quality))


def _digest(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.hexdigest()


def _fingerprint_set(cue: Cue, times_s: bytes, codes: bytes, quality: bytes) -> FingerprintSet:
    return FingerprintSet(
        algorithm=cue.algorithm,
        version=cue.version,
        bits=cue.bits,
        times_s=np.frombuffer(times_s, "<f8"),
        codes=np.frombuffer(codes, np.uint8).reshape(-1, cue.bits // 8),
        quality=np.frombuffer(quality, "<f4"),
    )
