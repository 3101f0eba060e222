"""The catalogue of an archive folder: one SQLite file with references, their fingerprints, keypoints and thumbnails.

On-disk format: docs/internals/archive-format.md. Each reference is added in one transaction, so that an interrupted
addition leaves the archive as it was. Proxies are files beside the catalogue, which it names by their digests.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec

from verify.archive.catalogue import ANEW_HINT, BACKUP_HINT, make_catalogue, open_catalogue, translated
from verify.archive.descriptors import DescriptorTable
from verify.archive.motion_index import MotionTable
from verify.archive.proxies import ProxyFolder, StoredProxy
from verify.archive.records import (
    LOCAL_COLUMNS,
    REFERENCE_COLUMNS,
    LocalRow,
    fingerprint_row,
    fingerprints_of_row,
    local_of_row,
    local_row,
    reference_of_row,
    reference_row,
    words_of_row,
)
from verify.archive.words import shipped_dictionary
from verify.errors import ArchiveDamagedError, FingerprintVersionError, InvalidUsageError
from verify.model import ArchiveSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt

    from verify.archive.descriptors import DescriptorDigest
    from verify.archive.motion_index import MotionDigest
    from verify.fingerprint.registry import Cue
    from verify.model import DescriptorSet, FingerprintSet, LocalFeatureSet, MotionSet, Reference


class Thumbnail(NamedTuple):
    """A small JPEG of a reference frame at `time_s`."""

    time_s: float
    width_px: int
    height_px: int
    jpeg: bytes


class LocalDigest(NamedTuple):
    """What the catalogue says of a reference's keypoints without reading them."""

    reference_id: str
    version: int
    picture_count: int
    keypoint_count: int
    sha256: str


class FingerprintDigest(NamedTuple):
    """What the catalogue says of a reference's fingerprints by one algorithm without reading them."""

    reference_id: str
    algorithm: str
    version: int
    frame_count: int
    sha256: str


class Archive:
    """An open reference archive. Use as a context manager; `Archive.open` reads, `Archive.create_or_open` writes."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection
        self._proxies = ProxyFolder(folder)
        self._descriptors = DescriptorTable(folder, connection)
        self._motion = MotionTable(folder, connection)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open an existing archive.

        Raises
        ------
        InvalidUsageError
            There is no archive there, or none that this user may read.
        ArchiveDamagedError, NewerFormatError, FingerprintVersionError
            There is one that cannot be read.
        """
        return cls(folder, open_catalogue(folder))

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
        make_catalogue(folder)
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

    def add(
        self,
        reference: Reference,
        fingerprints: Mapping[str, FingerprintSet],
        thumbnails: Sequence[Thumbnail],
        local: LocalFeatureSet,
        proxy: Path | None = None,
        *,
        motion: MotionSet | None = None,
        descriptors: DescriptorSet | None = None,
    ) -> None:
        """Add a reference with all that belongs to it, whole or not at all.

        Parameters
        ----------
        proxy
            File to copy into the archive, None to keep none.
        motion
            Its motion signatures, None to keep none.
        descriptors
            What a learned descriptor gave for its key pictures, None to keep nothing of the kind.

        Raises
        ------
        InvalidUsageError
            The archive has a reference of that id.
        OutputNotWritableError
            The archive cannot be written.
        """
        keypoints = local_row(local, shipped_dictionary().words_of(local.codes))
        with translated(self.folder), self._connection as connection:
            # Locked from here on, so that no other process takes the new proxy for one that an addition left behind.
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._insert("reference", reference_row(reference), REFERENCE_COLUMNS)
            except sqlite3.IntegrityError as error:
                raise InvalidUsageError(
                    reference.id, "the archive has a reference of this id already", "Give it an id of its own."
                ) from error
            for fingerprint in fingerprints.values():
                self._insert("fingerprint", (reference.id, *fingerprint_row(fingerprint)))
            for thumbnail in thumbnails:
                self._insert("thumbnail", (reference.id, *thumbnail))
            self._insert("local_features", (reference.id, *keypoints))
            if motion:
                self._motion.insert(reference.id, motion)
            if descriptors:
                self._descriptors.insert(reference.id, descriptors)
            if proxy:
                self._insert("proxy", (reference.id, *self._proxies.keep(proxy)))
            self._proxies.sweep({sha256 for (sha256,) in connection.execute("SELECT sha256 FROM proxy")})

    def add_descriptors(self, reference_id: str, descriptors: DescriptorSet) -> None:
        """Keep what a learned descriptor gave for a reference that is archived already.

        Raises
        ------
        OutputNotWritableError
            The archive cannot be written.
        """
        with translated(self.folder), self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._descriptors.insert(reference_id, descriptors)

    def replace_descriptors(self, reference_id: str, descriptors: DescriptorSet) -> None:
        """Keep what a learned descriptor gave for an archived reference, and nothing of any other descriptor.

        Raises
        ------
        OutputNotWritableError
            The archive cannot be written; the reference keeps what it had.
        """
        with translated(self.folder), self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._descriptors.replace(reference_id, descriptors)

    def _insert(self, table: str, values: tuple[object, ...], columns: str = "") -> None:
        into = f"{table} ({columns})" if columns else table
        statement = f"INSERT INTO {into} VALUES ({','.join('?' * len(values))})"  # noqa: S608 - names are ours
        try:
            self._connection.execute(statement, values)
        except (sqlite3.DataError, OverflowError) as error:
            raise InvalidUsageError(
                str(values[0]), f"the video is too long for one reference ({error})", "Add it in parts."
            ) from error

    def references(self) -> list[Reference]:
        """Return all references, by id."""
        with translated(self.folder):
            rows = self._connection.execute(f"SELECT {REFERENCE_COLUMNS} FROM reference ORDER BY id").fetchall()  # noqa: S608
        return [self._reference(row) for row in rows]

    def reference(self, reference_id: str) -> Reference | None:
        """Return one reference, None if there is none of that id."""
        return self._one_reference("id", reference_id)

    def reference_with_digest(self, sha256: str) -> Reference | None:
        """Return the reference made from a file of that SHA-256, None if there is none."""
        return self._one_reference("sha256", sha256)

    def _one_reference(self, column: str, value: str) -> Reference | None:
        query = f"SELECT {REFERENCE_COLUMNS} FROM reference WHERE {column} = ? LIMIT 1"  # noqa: S608 - column is ours
        with translated(self.folder):
            row = self._connection.execute(query, (value,)).fetchone()
        return self._reference(row) if row else None

    def _reference(self, row: tuple[object, ...]) -> Reference:
        try:
            return reference_of_row(row)
        except ValueError as error:
            raise ArchiveDamagedError(
                self.folder, f"a reference in the catalogue is malformed ({error})", BACKUP_HINT
            ) from error

    def fingerprints(self, cue: Cue, reference_id: str | None = None) -> Iterator[tuple[str, FingerprintSet]]:
        """Yield (reference id, fingerprints) of one algorithm for every reference, by id, or for one only.

        Raises
        ------
        FingerprintVersionError
            They were made by another version of the algorithm.
        ArchiveDamagedError
            A stored fingerprint does not have the digest it was stored with.
        """
        of_one = "" if reference_id is None else "AND reference_id = ? "
        query = (
            "SELECT reference_id, version, bits, times_s, codes, quality, sha256 FROM fingerprint "  # noqa: S608
            f"WHERE algorithm = ? {of_one}ORDER BY reference_id"
        )
        values = (cue.algorithm,) if reference_id is None else (cue.algorithm, reference_id)
        with translated(self.folder), closing(self._connection.execute(query, values)) as cursor:
            for own_id, version, bits, times_s, codes, quality, sha256 in cursor:
                if (version, bits) != (cue.version, cue.bits):
                    raise FingerprintVersionError(
                        self.folder,
                        f"{cue.algorithm} fingerprints of {own_id} are version {version}, "
                        f"this program makes version {cue.version}",
                        ANEW_HINT,
                    )
                try:
                    fingerprints = fingerprints_of_row(cue, sha256, times_s, codes, quality)
                except ValueError as error:
                    raise ArchiveDamagedError(
                        self.folder,
                        f"the {cue.algorithm} fingerprints of {own_id} are damaged ({error})",
                        BACKUP_HINT,
                    ) from error
                yield own_id, fingerprints

    def local_digests(self) -> list[LocalDigest]:
        """Return what is kept of every reference's keypoints, by reference id."""
        query = (
            "SELECT reference_id, version, picture_count, keypoint_count, sha256 FROM local_features "
            "ORDER BY reference_id"
        )
        with translated(self.folder):
            return [LocalDigest(*row) for row in self._connection.execute(query)]

    def local_features(self, reference_id: str) -> tuple[LocalFeatureSet, npt.NDArray[np.uint16]]:
        """Return the keypoints of a reference and the word of each, (N,).

        Raises
        ------
        FingerprintVersionError
            They were made by another version of the detector.
        ArchiveDamagedError
            They are missing, or not as they were stored.
        """
        from verify.fingerprint import local  # noqa: PLC0415 - imports OpenCV

        query = f"SELECT {LOCAL_COLUMNS} FROM local_features WHERE reference_id = ?"  # noqa: S608
        with translated(self.folder):
            found = self._connection.execute(query, (reference_id,)).fetchone()
        if found is None:
            raise ArchiveDamagedError(self.folder, f"the keypoints of {reference_id} are missing", BACKUP_HINT)
        row = LocalRow(*found)
        if (row.version, row.dimensions) != (local.VERSION, local.DIMENSIONS):
            raise FingerprintVersionError(
                self.folder,
                f"keypoints of {reference_id} are version {row.version}, this program makes version {local.VERSION}",
                ANEW_HINT,
            )
        try:
            return local_of_row(row, len(shipped_dictionary()))
        except ValueError as error:
            raise ArchiveDamagedError(
                self.folder, f"the keypoints of {reference_id} are damaged ({error})", BACKUP_HINT
            ) from error

    def words(self, reference_id: str) -> npt.NDArray[np.uint16]:
        """Return the words of a reference's keypoints, (N,), without reading the keypoints and so unchecked."""
        query = "SELECT words FROM local_features WHERE reference_id = ?"
        with translated(self.folder):
            row = self._connection.execute(query, (reference_id,)).fetchone()
        return words_of_row(row[0]) if row else words_of_row(b"")

    def motion(self, reference_id: str) -> MotionSet | None:
        """Return the motion signatures of a reference, None if none are kept; raises as `MotionTable.read` does."""
        return self._motion.read(reference_id)

    def descriptor_digests(self) -> list[DescriptorDigest]:
        """Return what is kept of learned descriptors, by reference id, then model."""
        return self._descriptors.digests()

    def descriptors(self, stored: DescriptorDigest) -> DescriptorSet:
        """Return what a learned descriptor gave for a reference; raises ArchiveDamagedError if it is not as stored."""
        return self._descriptors.read(stored)

    def proxy_path(self, reference_id: str) -> Path | None:
        """Return where a reference's proxy lies, checked once for each open archive; None if none is kept.

        Raises
        ------
        ArchiveDamagedError
            It is missing, or not as it was stored.
        """
        stored = self.stored_proxy(reference_id)
        return self._proxies.checked(reference_id, stored) if stored else None

    def check_proxies(self) -> None:
        """Look whether every proxy is there and has its size, before a long run; raises ArchiveDamagedError if not."""
        with translated(self.folder):
            rows = self._connection.execute("SELECT reference_id, sha256, size_bytes FROM proxy").fetchall()
        self._proxies.check_sizes((name, StoredProxy(*stored)) for name, *stored in rows)

    def stored_proxy(self, reference_id: str) -> StoredProxy | None:
        """Return digest and size of a reference's proxy, None if none is kept."""
        query = "SELECT sha256, size_bytes FROM proxy WHERE reference_id = ?"
        with translated(self.folder):
            row = self._connection.execute(query, (reference_id,)).fetchone()
        return StoredProxy(*row) if row else None

    def thumbnails(self, reference_id: str) -> list[tuple[float, int, int]]:
        """Return (time in s, width, height) of a reference's thumbnails, by time."""
        query = "SELECT time_s, width_px, height_px FROM thumbnail WHERE reference_id = ? ORDER BY time_s"
        with translated(self.folder):
            return self._connection.execute(query, (reference_id,)).fetchall()

    def thumbnail(self, reference_id: str, time_s: float) -> bytes | None:
        """Return the JPEG stored for exactly that time, None if there is none."""
        query = "SELECT jpeg FROM thumbnail WHERE reference_id = ? AND time_s = ?"
        with translated(self.folder):
            row = self._connection.execute(query, (reference_id, time_s)).fetchone()
        return bytes(row[0]) if row else None

    def snapshot(self) -> ArchiveSnapshot:
        """Identify the archive's present content: a SHA-256 over the metadata of every reference and the digests of
        its fingerprints, keypoints, proxy, motion signatures and learned descriptors.
        """
        content = hashlib.sha256()
        frames: dict[str, int] = {}
        with translated(self.folder):
            references = self.references()
            for reference in references:
                content.update(msgspec.json.encode(reference, order="sorted"))
            for row in self._connection.execute(
                "SELECT reference_id, algorithm, version, frame_count, sha256 FROM fingerprint "
                "ORDER BY reference_id, algorithm"
            ):
                content.update(msgspec.json.encode(row))
                frames[row[1]] = frames.get(row[1], 0) + row[3]
            for digest in self.local_digests():
                content.update(msgspec.json.encode(digest))
            for row in self._connection.execute("SELECT reference_id, size_bytes, sha256 FROM proxy ORDER BY 1"):
                content.update(msgspec.json.encode(row))
            for moving in self._motion.digests():
                content.update(msgspec.json.encode(moving))
            for described in self.descriptor_digests():
                content.update(msgspec.json.encode(described))
        return ArchiveSnapshot(
            snapshot_id=content.hexdigest(),
            reference_count=len(references),
            frame_count=max(frames.values(), default=0),
            duration_s=sum(reference.duration_s for reference in references),
            algorithms=tuple(sorted(frames)),
        )

    def stored_bytes(self) -> dict[str, int]:
        """Sizes of what is kept, in bytes, by kind: hashes, keypoints, proxies, motion signatures, thumbnails,
        descriptors.
        """
        with translated(self.folder):
            sizes = {
                kind: int(self._connection.execute(f"SELECT total({size}) FROM {table}").fetchone()[0])  # noqa: S608
                for kind, table, size in _SIZES
            }
        return {**sizes, "descriptors": self._descriptors.stored_bytes()}

    def references_without_proxy(self) -> int:
        """Return how many references have no proxy, so that nothing found in them can be confirmed."""
        query = "SELECT count(*) FROM reference WHERE id NOT IN (SELECT reference_id FROM proxy)"
        with translated(self.folder):
            (count,) = self._connection.execute(query).fetchone()
        return int(count)

    def fingerprint_digests(self) -> list[FingerprintDigest]:
        """Return what is kept of every reference's fingerprints, by reference id, then algorithm."""
        query = "SELECT reference_id, algorithm, version, frame_count, sha256 FROM fingerprint ORDER BY 1, 2"
        with translated(self.folder):
            return [FingerprintDigest(*row) for row in self._connection.execute(query)]

    def motion_digests(self) -> list[MotionDigest]:
        """Return what is kept of every reference's motion signatures, by reference id."""
        return self._motion.digests()


_SIZES = (
    ("hashes", "fingerprint", "length(times_s) + length(codes) + length(quality)"),
    (
        "keypoints",
        "local_features",
        "length(times_s) + length(until_s) + length(first_rows) + length(words) + length(points) + length(codes)",
    ),
    ("proxies", "proxy", "size_bytes"),
    ("motion signatures", "motion", "length(times_s) + length(codes)"),
    ("thumbnails", "thumbnail", "length(jpeg)"),
)
