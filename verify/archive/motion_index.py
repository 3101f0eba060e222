"""Motion signatures in the catalogue, and the search over those of all references.

A piece of a release is looked for with its few strongest moments. References are searched in windows of some seconds,
so that a long one has no advantage; a window counts the likeness of the best moment in it or in the next.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from verify.archive.cache_files import (
    MOTION_CACHE,
    CachedArrays,
    Column,
    DamagedCacheError,
    key_of,
    write_arrays,
    write_in_place,
)
from verify.archive.catalogue import ANEW_HINT, BACKUP_HINT, translated
from verify.archive.records import digest_of
from verify.archive.threads import for_each
from verify.errors import ArchiveDamagedError, FingerprintVersionError
from verify.fingerprint.motion_signatures import DIMENSIONS, VERSION, mirrored
from verify.model import MotionSet

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from verify.archive.store import Archive

    Floats = npt.NDArray[np.float32]

#: Length of a window, in seconds.
WINDOW_S = 8.0
_BLOCK_WINDOWS = 256
#: Fewer are read from the catalogue for each run, in less than a tenth of a second.
_CACHED_FROM_MOMENTS = 200_000
_MAGIC = b"VRFYMOT1"
#: Codes, times, first moments of windows, their references.
_LAYOUT = (Column("i1", DIMENSIONS), Column("<f8"), Column("<i8"), Column("<i8"))


class MotionDigest(NamedTuple):
    """What the catalogue says of a reference's motion signatures without reading them."""

    reference_id: str
    version: int
    moment_count: int
    sha256: str


class MotionTable:
    """The motion signatures in the catalogue of the archive at `folder`."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self._folder = folder
        self._connection = connection

    def insert(self, reference_id: str, motion: MotionSet) -> None:
        """Add the signatures of a reference. To be called in a transaction."""
        times_s, codes = motion.times_s.astype("<f8").tobytes(), motion.codes.tobytes()
        head = (motion.version, len(motion.times_s), digest_of(times_s, codes))
        self._connection.execute("INSERT INTO motion VALUES (?, ?, ?, ?, ?, ?)", (reference_id, *head, times_s, codes))

    def remove(self, reference_id: str) -> None:
        """Delete the signatures of a reference, if there are any. To be called in a transaction."""
        self._connection.execute("DELETE FROM motion WHERE reference_id = ?", (reference_id,))

    def digests(self) -> list[MotionDigest]:
        """Return what is kept, by reference id."""
        query = "SELECT reference_id, version, moment_count, sha256 FROM motion ORDER BY reference_id"
        with translated(self._folder):
            return [MotionDigest(*row) for row in self._connection.execute(query)]

    def read(self, reference_id: str) -> MotionSet | None:
        """Return the signatures of a reference, None if none are kept.

        Raises
        ------
        FingerprintVersionError
            They were made by another version of the program.
        ArchiveDamagedError
            They are not as they were stored.
        """
        query = "SELECT version, sha256, times_s, codes FROM motion WHERE reference_id = ?"
        with translated(self._folder):
            row = self._connection.execute(query, (reference_id,)).fetchone()
        if row is None:
            return None
        version, sha256, times_s, codes = row
        if version != VERSION:
            problem = f"motion signatures of {reference_id} are version {version}, this program makes version {VERSION}"
            raise FingerprintVersionError(self._folder, problem, ANEW_HINT)
        if digest_of(times_s, codes) != sha256:
            raise self._damage(reference_id, "they do not have their digest")
        try:
            read = MotionSet(
                version=version,
                times_s=np.frombuffer(times_s, "<f8"),
                codes=np.frombuffer(codes, np.int8).reshape(-1, DIMENSIONS),
            )
        except ValueError as error:
            raise self._damage(reference_id, str(error)) from error
        if not np.isfinite(read.times_s).all() or (np.diff(read.times_s) < 0).any():
            raise self._damage(reference_id, "they have times that are none")
        return read

    def _damage(self, reference_id: str, problem: str) -> ArchiveDamagedError:
        return ArchiveDamagedError(
            self._folder, f"the motion signatures of {reference_id} are damaged ({problem})", BACKUP_HINT
        )


class MotionIndex:
    """The motion signatures of a set of references. Use `load` or `of`.

    References are numbered as in `reference_ids`. The moments of all of them lie one after the other; window w is those
    from `starts[w]` to `starts[w + 1]`, all of reference `owners[w]`. Both arrays are int64.
    """

    def __init__(self, reference_ids: Sequence[str], motions: Mapping[str, MotionSet]) -> None:
        self.reference_ids = tuple(reference_ids)
        self._cached: CachedArrays | None = None
        self._read: Callable[[], Mapping[str, MotionSet]] | None = None
        self._use(motions)

    @classmethod
    def of(cls, motions: Mapping[str, MotionSet]) -> MotionIndex:
        """Make an index of signatures that are in memory, by reference id."""
        return cls(tuple(sorted(motions)), motions)

    @classmethod
    def load(cls, archive: Archive, reference_ids: Sequence[str]) -> MotionIndex:
        """Take the signatures of references of an archive; those without a proxy have none.

        For a large archive they are kept as a file in the archive's folder, which is made anew when the archive has
        changed or the file is damaged, and does without where the folder cannot be written. The archive must stay open
        as long as the index is used.

        Raises
        ------
        ArchiveDamagedError, FingerprintVersionError
            Signatures are damaged, missing or of another version: nothing is left out of a search silently.
        """
        digests = {each.reference_id: each for each in archive.motion_digests()}
        for reference_id in reference_ids:
            if reference_id not in digests and archive.stored_proxy(reference_id) is not None:
                problem = f"the motion signatures of {reference_id} are missing"
                raise ArchiveDamagedError(archive.folder, problem, BACKUP_HINT)
        stored = [digests[reference_id] for reference_id in reference_ids if reference_id in digests]

        def read() -> dict[str, MotionSet]:
            found = ((each.reference_id, archive.motion(each.reference_id)) for each in stored)
            return {reference_id: motion for reference_id, motion in found if motion is not None}

        of_another_version = [each.reference_id for each in stored if each.version != VERSION]
        if of_another_version:
            archive.motion(of_another_version[0])  # says so
        if sum(each.moment_count for each in stored) < _CACHED_FROM_MOMENTS:
            return cls(reference_ids, read())
        index = cls(reference_ids, {})
        index._read = read
        index._open(archive.folder / MOTION_CACHE, key_of([WINDOW_S, tuple(reference_ids), *map(tuple, stored)]))
        return index

    def _open(self, path: Path, key: bytes) -> None:
        """Map the file that has that key, or write it."""
        with suppress(OSError, DamagedCacheError):
            self._cached = CachedArrays.opened(path, _MAGIC, key, _LAYOUT)
        self._path, self._key = path, key
        if self._cached is None:
            self._make()
            return
        self.codes, self.times_s, self.starts, self.owners = self._cached.arrays
        try:
            for number in range(1, len(_LAYOUT)):
                self._cached.check_whole(number)
        except DamagedCacheError:
            self._make()

    def _make(self) -> None:
        """Read all from the catalogue, and write the file where that can be done."""
        self._cached = None
        if self._read is None:
            return
        self._use(self._read())
        arrays = (self.codes, self.times_s, self.starts, self.owners)
        with suppress(OSError):  # done without
            write_in_place(self._path, lambda file: write_arrays(file, _MAGIC, self._key, _LAYOUT, arrays))

    def _use(self, motions: Mapping[str, MotionSet]) -> None:
        sets = [motions.get(reference_id) for reference_id in self.reference_ids]
        kept = [(number, each) for number, each in enumerate(sets) if each is not None and len(each.times_s)]
        empty = np.zeros((0, DIMENSIONS), np.int8)
        self.codes = np.concatenate([empty, *(each.codes for _, each in kept)])
        self.times_s = np.concatenate([np.zeros(0), *(each.times_s for _, each in kept)])
        numbers = np.repeat([number for number, _ in kept], [len(each.times_s) for _, each in kept]).astype(np.int64)
        windows = np.floor(self.times_s / WINDOW_S)
        begins = np.flatnonzero((np.diff(numbers, prepend=-1) != 0) | (np.diff(windows, prepend=-1.0) != 0))
        self.starts = np.append(begins, len(numbers)).astype(np.int64)
        self.owners = numbers[begins]

    def likeness(self, codes: Sequence[Floats]) -> Floats:
        """Say how much windows of the references hold moments like those of some queries.

        Parameters
        ----------
        codes
            For each query, (M, D) float32 codes of the moments to look for.

        Returns
        -------
        ndarray, (queries, 2, windows) float32
            Mean over the moments of the highest cosine, its sign left out, in the window or the next; for the picture
            as it is, and for its mirror image.
        """
        if self._cached is not None:
            try:
                self._cached.check_whole(0)
            except DamagedCacheError:
                self._make()
        windows = len(self.owners)
        found = np.zeros((len(codes), 2, windows), np.float32)
        if not windows or not sum(map(len, codes)):
            return found
        together = np.concatenate([_unit(view) for each in codes for view in (each, mirrored(each))])
        ends = np.cumsum([len(each) for each in codes for _ in range(2)])
        highest = np.zeros((len(together), windows), np.float32)

        def compare(first: int) -> None:
            block = slice(first, min(first + _BLOCK_WINDOWS, windows))
            begin, end = int(self.starts[block.start]), int(self.starts[block.stop])
            cosines = np.abs(together @ _unit(self.codes[begin:end].astype(np.float32)).T)
            highest[:, block] = np.maximum.reduceat(cosines, self.starts[block] - begin, axis=1)

        for_each(compare, range(0, windows, _BLOCK_WINDOWS))
        following = np.concatenate([highest[:, 1:], np.zeros((len(highest), 1), np.float32)], axis=1)
        following[:, :-1][:, self.owners[1:] != self.owners[:-1]] = 0
        highest = np.maximum(highest, following)
        for place, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            if end > start:
                found[place // 2, place % 2] = highest[start:end].mean(axis=0)
        return found

    def around(self, window: int) -> tuple[npt.NDArray[np.float64], Floats]:
        """Return times in s (n,) and codes (n, D) float32 of the moments in a window, the one before, and two after."""
        begin_s = np.floor(self.times_s[self.starts[window]] / WINDOW_S) * WINDOW_S
        near = slice(max(0, window - 1), window + 3)
        rows = np.arange(self.starts[near.start], self.starts[min(near.stop, len(self.owners))])
        owners = np.repeat(self.owners[near], np.diff(self.starts[near.start : near.stop + 1]))
        since_s = self.times_s[rows] - begin_s
        rows = rows[(owners == self.owners[window]) & (since_s >= -WINDOW_S) & (since_s < 3 * WINDOW_S)]
        return self.times_s[rows], self.codes[rows].astype(np.float32)


def _unit(codes: Floats) -> Floats:
    return np.asarray(codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-6), np.float32)
