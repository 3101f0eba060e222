"""The hashes of a large archive as a search needs them: in runs, in a file that is mapped, made of the catalogue."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from verify.archive.cache_files import (
    HASHES_CACHE,
    CachedArrays,
    Column,
    DamagedCacheError,
    key_of,
    write_arrays,
    write_in_place,
)
from verify.archive.catalogue import BACKUP_HINT
from verify.archive.hash_search import RUN_BITS, RunTable
from verify.errors import ArchiveDamagedError
from verify.fingerprint.registry import CUES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from verify.archive.store import Archive, FingerprintDigest
    from verify.fingerprint.registry import Cue
    from verify.model import FingerprintSet

_MAGIC = b"VRFYHSH1"
_OF_TABLE = len(RunTable._fields)
_LAYOUT = (
    Column("<i8"),
    Column("<f8"),
    *(column for cue in CUES for column in (Column("u1", cue.bits // 8), Column("<u4"), Column("u1"), Column("u1"))),
)
_KEPT_BYTES = 64 * 1024**2


class LargeHashes:
    """All searchable hashes of references, in runs. Use `of` or `load`.

    Frames of all references lie one after the other: those of reference r are `starts[r]` to `starts[r + 1]`, shown at
    `times_s`. Those with too little structure to be searched are left out. `tables` has the codes of each algorithm.
    """

    def __init__(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        self.starts, self.times_s = arrays[:2]
        self.tables = {
            cue.algorithm: RunTable(*arrays[first : first + _OF_TABLE])
            for cue, first in zip(CUES, range(2, len(arrays), _OF_TABLE), strict=True)
        }

    @classmethod
    def of(cls, read: Callable[[Cue], Sequence[FingerprintSet]], min_quality: float) -> Self:
        """Make them of the fingerprints of references, read one algorithm after the other, to save memory.

        Parameters
        ----------
        read
            Returns the fingerprints of all references by one algorithm.
        min_quality
            Frames of lower PDQ quality are left out.

        Raises
        ------
        ValueError
            The algorithms do not have the same frames.
        """
        tables: list[npt.NDArray[Any]] = []
        usable: list[npt.NDArray[np.bool_]] = []
        times: list[npt.NDArray[np.float64]] = []
        for cue in CUES:
            sets = read(cue)
            if cue is CUES[0]:
                usable, times = [each.quality >= min_quality for each in sets], [each.times_s for each in sets]
                starts = np.concatenate([[0], np.cumsum([int(each.sum()) for each in usable])]).astype(np.int64)
            elif not all(map(np.array_equal, times, (each.times_s for each in sets))):
                raise ValueError(f"{cue.algorithm} and {CUES[0].algorithm} do not have the same frames")
            none = np.zeros((0, cue.bits // 8), np.uint8)
            tables += RunTable.of(
                np.concatenate([none, *(each.codes[own] for each, own in zip(sets, usable, strict=True))]), starts
            )
        searched = [each[own] for each, own in zip(times, usable, strict=True)]
        return cls([starts, np.concatenate([np.zeros(0), *searched]), *tables])

    @property
    def arrays(self) -> list[npt.NDArray[Any]]:
        """All that they consist of, in the order of a cache file."""
        return [self.starts, self.times_s, *(array for table in self.tables.values() for array in table)]

    def references_of(self, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the numbers of the references that frames belong to."""
        return np.searchsorted(self.starts, frames, side="right") - 1


class StoredHashes:
    """The hashes of some references of an archive, kept in the cache file; made of the catalogue where need be."""

    def __init__(
        self, archive: Archive, reference_ids: Sequence[str], digests: Sequence[FingerprintDigest], min_quality: float
    ) -> None:
        self._archive = archive
        self.reference_ids = tuple(reference_ids)
        self._min_quality = min_quality
        self._key = key_of([min_quality, RUN_BITS, self.reference_ids, *(tuple(each) for each in digests)])
        self._cached: CachedArrays | None = None
        self._unchecked: set[str] = set()
        self._hashes = self._opened() or self._made()

    def all(self, algorithm: str) -> LargeHashes:
        """Return them, with what a search by one algorithm uses checked."""
        if self._cached is not None and algorithm in self._unchecked:
            first = 2 + _OF_TABLE * [cue.algorithm for cue in CUES].index(algorithm)
            try:
                for number in (0, 1, *range(first, first + _OF_TABLE)):
                    self._cached.check_whole(number)
                self._unchecked.remove(algorithm)
            except DamagedCacheError:
                self._hashes = self._made()
        return self._hashes

    def _opened(self) -> LargeHashes | None:
        with suppress(OSError, DamagedCacheError):
            self._cached = CachedArrays.opened(self._archive.folder / HASHES_CACHE, _MAGIC, self._key, _LAYOUT)
            self._unchecked = {cue.algorithm for cue in CUES}
            return LargeHashes(self._cached.arrays)
        return None

    def _made(self) -> LargeHashes:
        self._cached = None
        wanted = set(self.reference_ids)

        def read(cue: Cue) -> list[FingerprintSet]:
            return [found for reference_id, found in self._archive.fingerprints(cue) if reference_id in wanted]

        try:
            made = LargeHashes.of(read, self._min_quality)
        except ValueError as error:
            raise ArchiveDamagedError(
                self._archive.folder, f"fingerprints are damaged ({error})", BACKUP_HINT
            ) from error
        with suppress(OSError):  # done without
            write_in_place(
                self._archive.folder / HASHES_CACHE,
                lambda file: write_arrays(file, _MAGIC, self._key, _LAYOUT, made.arrays),
            )
        return made


class StoredFingerprints(Mapping[str, Mapping[str, "FingerprintSet"]]):
    """Reference id to fingerprints by algorithm, read from an archive when they are asked for, and checked."""

    def __init__(self, archive: Archive, reference_ids: Sequence[str]) -> None:
        self._archive = archive
        self._reference_ids = tuple(reference_ids)
        self._known = frozenset(reference_ids)
        self._kept: OrderedDict[str, dict[str, FingerprintSet]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._reference_ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._reference_ids)

    def __getitem__(self, reference_id: str) -> Mapping[str, FingerprintSet]:
        """Return the fingerprints of a reference; raises ArchiveDamagedError if they are not as they were stored."""
        if reference_id not in self._known:
            raise KeyError(reference_id)
        if reference_id not in self._kept:
            own = {cue.algorithm: found for cue in CUES for _, found in self._archive.fingerprints(cue, reference_id)}
            if len(own) != len(CUES):
                raise ArchiveDamagedError(
                    self._archive.folder, f"the fingerprints of {reference_id} are missing", BACKUP_HINT
                )
            self._kept[reference_id] = own
        self._kept.move_to_end(reference_id)
        while len(self._kept) > 1 and sum(map(_bytes_of, self._kept.values())) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return self._kept[reference_id]


def _bytes_of(sets: Mapping[str, FingerprintSet]) -> int:
    return sum(each.times_s.nbytes + each.codes.nbytes + each.quality.nbytes for each in sets.values())
