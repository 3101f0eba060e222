"""The catalogue of an archive folder: one SQLite file with references, their fingerprints, keypoints and thumbnails.

On-disk format: docs/internals/archive-format.md. Each reference is added in one transaction, so that an interrupted
addition leaves the archive as it was. Proxies, and videos that are kept, are files beside the catalogue, which it names
by their digests.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from verify.archive.catalogue import ANEW_HINT, BACKUP_HINT, make_catalogue, open_catalogue, translated
from verify.archive.descriptors import DescriptorTable
from verify.archive.files import MEDIA_NAME, PROXIES_NAME, FileStore, StoredFile
from verify.archive.history import ADDED, DESCRIBED, Change, History
from verify.archive.locking import WriterLock
from verify.archive.motion_index import MotionTable
from verify.archive.origins import KEYPOINTS, may_lack, origin_of, origins_in
from verify.archive.records import (
    LOCAL_COLUMNS,
    REFERENCE_COLUMNS,
    SIGHTING_COLUMNS,
    LocalRow,
    fingerprint_row,
    fingerprints_of_row,
    first_sighting,
    local_of_row,
    local_row,
    reference_of_row,
    reference_row,
    sighting_of_row,
    sighting_row,
    words_of_row,
)
from verify.archive.thumbnails import Thumbnail, thumbnail_digest
from verify.archive.words import shipped_dictionary
from verify.errors import ArchiveDamagedError, FingerprintVersionError, InvalidUsageError
from verify.model import ArchiveSnapshot, LocalFeatureSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import numpy.typing as npt

    from verify.archive.descriptors import DescriptorDigest
    from verify.archive.motion_index import MotionDigest
    from verify.fingerprint.registry import Cue
    from verify.model import DescriptorSet, FingerprintSet, MotionSet, PackOrigin, Reference, Sighting

PROXY_SUFFIX = ".mkv"
_FINGERPRINT = "version, bits, times_s, codes, quality, sha256"
_UNKNOWN_SIDE_PX = 512


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


class Amendment(NamedTuple):
    """What was said of a reference before it was amended."""

    utc: str
    field: str
    before: str
    after: str
    reason: str


class Archive:
    """An open reference archive. Use as a context manager; `Archive.open` reads, `Archive.create_or_open` writes.

    Parameters
    ----------
    lock_wait_s
        How long to wait, in seconds, while another process writes; None for the usual time.
    tell
        Takes what the user should know of such waiting.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        *,
        lock_wait_s: float | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.folder = folder
        self.connection = connection
        self.history = History(folder, connection)
        self.proxies = FileStore(folder, PROXIES_NAME, "proxy", PROXY_SUFFIX)
        self.media = FileStore(folder, MEDIA_NAME, "video")
        self._lock = WriterLock(folder, connection, lock_wait_s, tell)
        self._descriptors = DescriptorTable(folder, connection)
        self._motion = MotionTable(folder, connection)
        self._is_swept = False

    @classmethod
    def open(cls, folder: Path, *, lock_wait_s: float | None = None, tell: Callable[[str], None] | None = None) -> Self:
        """Open an existing archive.

        Raises
        ------
        InvalidUsageError
            There is no archive there, or none that this user may read.
        ArchiveDamagedError, NewerFormatError, FingerprintVersionError
            There is one that cannot be read.
        """
        return cls(folder, open_catalogue(folder), lock_wait_s=lock_wait_s, tell=tell)

    @classmethod
    def create_or_open(
        cls, folder: Path, *, lock_wait_s: float | None = None, tell: Callable[[str], None] | None = None
    ) -> Self:
        """Open an archive for adding to it; an empty or missing folder becomes a new archive.

        Raises
        ------
        InvalidUsageError
            The folder holds something else.
        OutputNotWritableError
            It cannot be written.
        """
        make_catalogue(folder)
        return cls.open(folder, lock_wait_s=lock_wait_s, tell=tell)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalogue."""
        self.connection.close()

    @contextmanager
    def changing(self) -> Iterator[list[Change]]:
        """Change the catalogue in one transaction, whole or not at all; no other process writes meanwhile.

        Whoever changes appends what is to be noted to the list that is given. Digests, log and snapshot follow from
        that when the block ends.

        Raises
        ------
        ArchiveLockedError
            Another process went on writing.
        OutputNotWritableError
            The archive cannot be written.
        """
        changes: list[Change] = []
        with translated(self.folder), self._lock.held():
            if not self._is_swept:
                self.sweep()
            yield changes
            if changes:
                self.history.record(changes)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the catalogue throughout, whatever other processes write. They wait at its end: be quick."""
        with translated(self.folder):
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.rollback()

    def sweep(self) -> None:
        """Delete files that belong to no reference. To be called while changing, so that none is being added."""
        for store, table in ((self.proxies, "proxy"), (self.media, "media")):
            store.sweep({sha256 for (sha256,) in self.connection.execute(f"SELECT sha256 FROM {table}")})  # noqa: S608
        self._is_swept = True

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
        media: Path | None = None,
    ) -> None:
        """Add a reference with all that belongs to it, whole or not at all.

        Parameters
        ----------
        reference
            What is said of it; its sightings are not taken over, but made of what it says of when it was first seen.
        proxy
            File to copy into the archive, None to keep none.
        motion
            Its motion signatures, None to keep none.
        descriptors
            What a learned descriptor gave for its key pictures, None to keep nothing of the kind.
        media
            The video itself, to be copied into the archive; None not to keep it.

        Raises
        ------
        InvalidUsageError
            The archive has a reference of that id.
        ArchiveLockedError
            Another process went on writing to it.
        OutputNotWritableError
            The archive cannot be written.
        """
        keypoints = local_row(local, shipped_dictionary().words_of(local.codes))
        with self.changing() as changes:
            try:
                self._insert("reference", ("", *reference_row(reference)), f"digest, {REFERENCE_COLUMNS}")
            except sqlite3.IntegrityError as error:
                raise InvalidUsageError(
                    reference.id, "the archive has a reference of this id already", "Give it an id of its own."
                ) from error
            self.insert_sighting(reference.id, first_sighting(reference))
            for fingerprint in fingerprints.values():
                self._insert("fingerprint", (reference.id, *fingerprint_row(fingerprint)))
            for thumbnail in thumbnails:
                *head, jpeg = thumbnail
                self._insert("thumbnail", (reference.id, *head, thumbnail_digest(*thumbnail), jpeg))
            self._insert("local_features", (reference.id, *keypoints))
            if motion:
                self._motion.insert(reference.id, motion)
            if descriptors:
                self._descriptors.insert(reference.id, descriptors)
            if proxy:
                self._insert("proxy", (reference.id, *self.proxies.keep(proxy, PROXY_SUFFIX)[:2]))
            if media:
                self._insert("media", (reference.id, *self.media.keep(media, media.suffix)))
            changes.append(Change(ADDED, reference.id))

    def insert_sighting(self, reference_id: str, sighting: Sighting) -> None:
        """Add a sighting of a reference. To be called while changing."""
        query = "SELECT coalesce(max(number), 0) + 1 FROM sighting WHERE reference_id = ?"
        (number,) = self.connection.execute(query, (reference_id,)).fetchone()
        columns = f"reference_id, number, {SIGHTING_COLUMNS}"
        self._insert("sighting", (reference_id, number, *sighting_row(sighting)), columns)

    def sightings(self, reference_id: str) -> list[Sighting]:
        """Return all sightings of a reference, in the order in which they were added."""
        query = f"SELECT {SIGHTING_COLUMNS} FROM sighting WHERE reference_id = ? ORDER BY number"  # noqa: S608
        with translated(self.folder):
            return [sighting_of_row(row) for row in self.connection.execute(query, (reference_id,))]

    def amendments(self, reference_id: str) -> list[Amendment]:
        """Return what was amended of a reference, in that order."""
        query = "SELECT utc, field, before, after, reason FROM amendment WHERE reference_id = ? ORDER BY number"
        with translated(self.folder):
            return [Amendment(*row) for row in self.connection.execute(query, (reference_id,))]

    def replace_motion(self, reference_id: str, motion: MotionSet) -> None:
        """Keep other motion signatures of a reference. To be called while changing."""
        self._motion.remove(reference_id)
        self._motion.insert(reference_id, motion)

    def add_descriptors(self, reference_id: str, descriptors: DescriptorSet) -> None:
        """Keep what a learned descriptor gave for a reference that is archived already.

        Raises
        ------
        OutputNotWritableError
            The archive cannot be written.
        """
        with self.changing() as changes:
            self._descriptors.insert(reference_id, descriptors)
            changes.append(Change(DESCRIBED, reference_id, detail=descriptors.model_sha256))

    def replace_descriptors(self, reference_id: str, descriptors: DescriptorSet) -> None:
        """Keep what a learned descriptor gave for an archived reference, and nothing of any other descriptor.

        Raises
        ------
        OutputNotWritableError
            The archive cannot be written; the reference keeps what it had.
        """
        with self.changing() as changes:
            self._descriptors.replace(reference_id, descriptors)
            changes.append(Change(DESCRIBED, reference_id, detail=descriptors.model_sha256))

    def _insert(self, table: str, values: tuple[object, ...], columns: str = "") -> None:
        into = f"{table} ({columns})" if columns else table
        statement = f"INSERT INTO {into} VALUES ({','.join('?' * len(values))})"  # noqa: S608 - names are ours
        try:
            self.connection.execute(statement, values)
        except (sqlite3.DataError, OverflowError) as error:
            raise InvalidUsageError(
                str(values[0]), f"the video is too long for one reference ({error})", "Add it in parts."
            ) from error

    def references(self) -> list[Reference]:
        """Return all references, by id."""
        query = f"SELECT reference_id, {SIGHTING_COLUMNS} FROM sighting ORDER BY reference_id, number"  # noqa: S608
        with translated(self.folder):
            sightings: dict[str, list[tuple[object, ...]]] = {}
            for reference_id, *row in self.connection.execute(query):
                sightings.setdefault(reference_id, []).append(tuple(row))
            rows = self.connection.execute(f"SELECT {REFERENCE_COLUMNS} FROM reference ORDER BY id").fetchall()  # noqa: S608
        packs = origins_in(self.folder, self.connection)
        return [self._reference(row, sightings.get(row[0], []), packs.get(row[0])) for row in rows]

    def count(self) -> int:
        """Return how many references there are, retracted ones too."""
        with translated(self.folder):
            (count,) = self.connection.execute("SELECT count(*) FROM reference").fetchone()
        return int(count)

    def lengths(self, around_s: float, within_s: float) -> list[tuple[str, float]]:
        """Return id and length in s of one's own references about so long that are not retracted, by id."""
        query = (
            "SELECT id, duration_s FROM reference WHERE duration_s BETWEEN ? AND ? AND retracted = 0 AND origin = '' "
            "ORDER BY id"
        )
        with translated(self.folder):
            return self.connection.execute(query, (around_s - within_s, around_s + within_s)).fetchall()

    def reference(self, reference_id: str) -> Reference | None:
        """Return one reference, None if there is none of that id."""
        query = f"SELECT {SIGHTING_COLUMNS} FROM sighting WHERE reference_id = ? ORDER BY number"  # noqa: S608
        with translated(self.folder):
            row = self.connection.execute(
                f"SELECT {REFERENCE_COLUMNS} FROM reference WHERE id = ?",  # noqa: S608
                (reference_id,),
            ).fetchone()
            sightings = self.connection.execute(query, (reference_id,)).fetchall()
        pack = origin_of(self.folder, self.connection, reference_id)
        return self._reference(row, sightings, pack) if row else None

    def reference_with_digest(self, sha256: str) -> Reference | None:
        """Return the reference of which a copy of that SHA-256 is known, one's own first; None if there is none."""
        return self._reference_seen("sha256", sha256)

    def reference_with_address(self, url: str) -> Reference | None:
        """Return the reference that was seen at an address, None if there is none."""
        with translated(self.folder):
            row = self.connection.execute(
                "SELECT id FROM reference WHERE source_url = ? ORDER BY origin <> '', id LIMIT 1", (url,)
            ).fetchone()
        return self.reference(row[0]) if row else self._reference_seen("url", url)

    def _reference_seen(self, column: str, value: str) -> Reference | None:
        query = (
            "SELECT reference_id FROM sighting JOIN reference ON reference.id = reference_id "  # noqa: S608
            f"WHERE sighting.{column} = ? ORDER BY origin <> '', reference_id LIMIT 1"
        )
        with translated(self.folder):
            row = self.connection.execute(query, (value,)).fetchone() if value else None
        return self.reference(row[0]) if row else None

    def _reference(
        self, row: tuple[object, ...], sightings: Sequence[tuple[object, ...]], pack: PackOrigin | None
    ) -> Reference:
        try:
            return reference_of_row(row, [sighting_of_row(each) for each in sightings], pack)
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
        query = f"SELECT reference_id, {_FINGERPRINT} FROM fingerprint WHERE algorithm = ? {of_one}ORDER BY 1"  # noqa: S608
        values = (cue.algorithm,) if reference_id is None else (cue.algorithm, reference_id)
        with translated(self.folder), closing(self.connection.execute(query, values)) as cursor:
            for own_id, *row in cursor:
                yield own_id, self._fingerprints(own_id, cue, row)

    def fingerprints_of(self, reference_id: str, cue: Cue) -> FingerprintSet:
        """Return the fingerprints of one algorithm of one reference; raises as `fingerprints` does, and if there are
        none.
        """
        for _, fingerprints in self.fingerprints(cue, reference_id):
            return fingerprints
        raise ArchiveDamagedError(
            self.folder, f"the {cue.algorithm} fingerprints of {reference_id} are missing", BACKUP_HINT
        )

    def _fingerprints(self, reference_id: str, cue: Cue, row: Sequence[Any]) -> FingerprintSet:
        version, bits, times_s, codes, quality, sha256 = row
        if (version, bits) != (cue.version, cue.bits):
            raise FingerprintVersionError(
                self.folder,
                f"{cue.algorithm} fingerprints of {reference_id} are version {version}, "
                f"this program makes version {cue.version}",
                ANEW_HINT,
            )
        try:
            return fingerprints_of_row(cue, sha256, times_s, codes, quality)
        except ValueError as error:
            raise ArchiveDamagedError(
                self.folder, f"the {cue.algorithm} fingerprints of {reference_id} are damaged ({error})", BACKUP_HINT
            ) from error

    def local_digests(self) -> list[LocalDigest]:
        """Return what is kept of every reference's keypoints, by reference id; none of one whose pack had none."""
        from verify.fingerprint.local import VERSION  # noqa: PLC0415 - imports OpenCV

        query = (
            "SELECT reference_id, version, picture_count, keypoint_count, sha256 FROM local_features "
            "ORDER BY reference_id"
        )
        with translated(self.folder):
            stored = [LocalDigest(*row) for row in self.connection.execute(query)]
        there = {each.reference_id for each in stored}
        lacking = [
            LocalDigest(name, VERSION, 0, 0, "")
            for name, pack in origins_in(self.folder, self.connection).items()
            if name not in there and may_lack(pack, KEYPOINTS)
        ]
        return sorted([*stored, *lacking])

    def local_features(self, reference_id: str) -> tuple[LocalFeatureSet, npt.NDArray[np.uint16]]:
        """Return the keypoints of a reference and the word of each, (N,); none of one whose pack had none.

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
            found = self.connection.execute(query, (reference_id,)).fetchone()
        if found is None and may_lack(origin_of(self.folder, self.connection, reference_id), KEYPOINTS):
            return _no_keypoints(local.VERSION, local.DIMENSIONS), words_of_row(b"")
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
            row = self.connection.execute(query, (reference_id,)).fetchone()
        return words_of_row(row[0]) if row else words_of_row(b"")

    def motion(self, reference_id: str) -> MotionSet | None:
        """Return the motion signatures of a reference, None if none are kept; raises as `MotionTable.read` does."""
        return self._motion.read(reference_id)

    def descriptor_digests(self, reference_id: str = "") -> list[DescriptorDigest]:
        """Return what is kept of learned descriptors, of one reference if one is named, by reference id, then model."""
        return self._descriptors.digests(reference_id)

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
        return self.proxies.checked(reference_id, stored) if stored else None

    def stored_proxy(self, reference_id: str) -> StoredFile | None:
        """Return digest and size of a reference's proxy, None if none is kept."""
        query = "SELECT sha256, size_bytes FROM proxy WHERE reference_id = ?"
        with translated(self.folder):
            row = self.connection.execute(query, (reference_id,)).fetchone()
        return StoredFile(row[0], row[1], PROXY_SUFFIX) if row else None

    def stored_media(self, reference_id: str) -> StoredFile | None:
        """Return digest, size and suffix of a reference's video, None if it is not kept."""
        query = "SELECT sha256, size_bytes, suffix FROM media WHERE reference_id = ?"
        with translated(self.folder):
            row = self.connection.execute(query, (reference_id,)).fetchone()
        return StoredFile(*row) if row else None

    def thumbnails(self, reference_id: str) -> list[tuple[float, int, int]]:
        """Return (time in s, width, height) of a reference's thumbnails, by time."""
        query = "SELECT time_s, width_px, height_px FROM thumbnail WHERE reference_id = ? ORDER BY time_s"
        with translated(self.folder):
            return self.connection.execute(query, (reference_id,)).fetchall()

    def thumbnail(self, reference_id: str, time_s: float) -> bytes | None:
        """Return the JPEG stored for exactly that time; None if there is none, or not the one that was stored."""
        query = "SELECT sha256, time_s, width_px, height_px, jpeg FROM thumbnail WHERE reference_id = ? AND time_s = ?"
        with translated(self.folder):
            row = self.connection.execute(query, (reference_id, time_s)).fetchone()
        if row is None or thumbnail_digest(*row[1:]) != row[0]:
            return None
        return bytes(row[-1])

    def snapshot(self) -> ArchiveSnapshot:
        """Identify the archive's present content: a digest over what is told of every reference, and over the digests
        of all that is kept of it. The counts are of what is searched: retracted references are left out.
        """
        with translated(self.folder):
            count, duration_s = self.connection.execute(
                "SELECT count(*), total(duration_s) FROM reference WHERE retracted = 0"
            ).fetchone()
            frames = self.connection.execute(
                "SELECT algorithm, sum(frame_count) FROM fingerprint JOIN reference ON id = reference_id "
                "WHERE retracted = 0 GROUP BY algorithm ORDER BY algorithm"
            ).fetchall()
        return ArchiveSnapshot(
            snapshot_id=self.history.snapshot_id(),
            reference_count=count,
            frame_count=max((number for _, number in frames), default=0),
            duration_s=duration_s,
            algorithms=tuple(algorithm for algorithm, _ in frames),
        )

    def stored_bytes(self) -> dict[str, int]:
        """Sizes of what is kept, in bytes, by kind."""
        with translated(self.folder):
            sizes = {
                kind: int(self.connection.execute(f"SELECT total({size}) FROM {table}").fetchone()[0])  # noqa: S608
                for kind, table, size in _SIZES
            }
        return {**sizes, "descriptors": self._descriptors.stored_bytes()}

    def references_without_proxy(self) -> int:
        """Return how many references have no proxy, so that nothing found in them can be confirmed."""
        query = "SELECT count(*) FROM reference WHERE id NOT IN (SELECT reference_id FROM proxy)"
        with translated(self.folder):
            (count,) = self.connection.execute(query).fetchone()
        return int(count)

    def fingerprint_digests(self) -> list[FingerprintDigest]:
        """Return what is kept of every reference's fingerprints, by reference id, then algorithm."""
        query = "SELECT reference_id, algorithm, version, frame_count, sha256 FROM fingerprint ORDER BY 1, 2"
        with translated(self.folder):
            return [FingerprintDigest(*row) for row in self.connection.execute(query)]

    def motion_digests(self) -> list[MotionDigest]:
        """Return what is kept of every reference's motion signatures, by reference id."""
        return self._motion.digests()


def _no_keypoints(version: int, dimensions: int) -> LocalFeatureSet:
    """Keypoints of a reference of which none are kept; the size of its picture is not known either."""
    return LocalFeatureSet(
        version=version,
        width_px=_UNKNOWN_SIDE_PX,
        height_px=_UNKNOWN_SIDE_PX,
        times_s=np.zeros(0),
        until_s=np.zeros(0),
        first_rows=np.zeros(1, np.int64),
        points=np.zeros((0, 2), np.float32),
        codes=np.zeros((0, dimensions), np.int8),
    )


_SIZES = (
    ("hashes", "fingerprint", "length(times_s) + length(codes) + length(quality)"),
    (
        "keypoints",
        "local_features",
        "length(times_s) + length(until_s) + length(first_rows) + length(words) + length(points) + length(codes)",
    ),
    ("proxies", "proxy", "size_bytes"),
    ("videos", "media", "size_bytes"),
    ("motion signatures", "motion", "length(times_s) + length(codes)"),
    ("thumbnails", "thumbnail", "length(jpeg)"),
)
