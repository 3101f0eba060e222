"""Search over the fingerprints of all references: every archived frame within a Hamming radius of a query frame.

Exact. Of small archives all is compared with all: by FAISS's flat binary index where it can be imported, else by the
same scan in NumPy. Of large ones less is, and the same found: `hash_search`.
"""

from __future__ import annotations

from collections import ChainMap, Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.archive.hash_cache import LargeHashes, StoredFingerprints, StoredHashes
from verify.archive.origins import may_lack
from verify.errors import ArchiveDamagedError
from verify.fingerprint.registry import CUES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from verify.archive.store import Archive
    from verify.model import FingerprintSet

#: Archives with fewer frames are compared in full: that takes no longer, and nothing has to be prepared for it.
LARGE_FRAMES = 200_000
_QUERY_BATCH = 64
_SCAN_BATCH = 200_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hits:
    """Frame pairs within the radius, in parallel arrays (H,): query row, reference number, reference time in s."""

    query_rows: npt.NDArray[np.int64]
    reference_numbers: npt.NDArray[np.int64]
    reference_times_s: npt.NDArray[np.float64]


class ReferenceIndex:
    """The fingerprints of a set of references, ready to be searched.

    Parameters
    ----------
    fingerprints
        Reference id to fingerprints by algorithm; those of PDQ are never missing. Frames whose quality is below
        `min_quality` (0..1) are kept for alignment but not found by `search`: what is nearly flat resembles everything
        nearly flat.
    exact
        Compare all with all, however many there are. The other way finds the same pairs, for a proof.
    """

    def __init__(
        self,
        fingerprints: Mapping[str, Mapping[str, FingerprintSet]],
        min_quality: float,
        *,
        exact: bool = False,
        stored: StoredHashes | None = None,
    ) -> None:
        self.reference_ids = tuple(sorted(fingerprints))
        self.fingerprints = fingerprints
        self._large: Callable[[str], LargeHashes] | None = None
        whole: set[str] = set()
        if stored is not None:
            self._large, whole = stored.all, set(stored.reference_ids)
        elif not exact and sum(len(own["pdq"].times_s) for own in fingerprints.values()) >= LARGE_FRAMES:
            whole = {name for name, own in fingerprints.items() if len(own) == len(CUES)}
            hashes = LargeHashes.of(
                lambda cue: [fingerprints[each][cue.algorithm] for each in sorted(whole)], min_quality
            )
            self._large = lambda _: hashes
        self._large_numbers = np.array(
            [number for number, name in enumerate(self.reference_ids) if name in whole], np.int64
        )
        # All of a small archive; of a large one those for which a pack brought hashes of one algorithm alone.
        flat = [(number, name) for number, name in enumerate(self.reference_ids) if name not in whole]
        self._tables = {cue.algorithm: self._table(cue.algorithm, flat, min_quality) for cue in CUES}

    @classmethod
    def load(cls, archive: Archive, min_quality: float, *, exact: bool = False) -> ReferenceIndex:
        """Load every reference of an archive that is not retracted.

        For a large archive what is searched is kept as a file in the archive's folder, which is made anew when the
        archive has changed or the file is damaged, and does without where the folder cannot be written. The archive
        must stay open as long as the index is used.

        Raises
        ------
        ArchiveDamagedError, FingerprintVersionError
            Fingerprints are damaged, missing, or of another version: nothing is left out of a search silently.
        """
        packs = {reference.id: reference.pack for reference in archive.references() if not reference.retracted}
        wanted = set(packs)
        digests = [each for each in archive.fingerprint_digests() if each.reference_id in wanted]
        for cue in CUES:
            versions = {each.reference_id: each.version for each in digests if each.algorithm == cue.algorithm}
            for reference_id in sorted(wanted):
                if reference_id not in versions and may_lack(packs[reference_id], cue.algorithm):
                    continue
                if reference_id not in versions:
                    raise ArchiveDamagedError(
                        archive.folder,
                        f"the {cue.algorithm} fingerprints of {reference_id} are missing",
                        "Restore the folder from a backup, or build the archive anew.",
                    )
                if versions[reference_id] != cue.version:
                    list(archive.fingerprints(cue, reference_id))  # says so
        if exact or sum(each.frame_count for each in digests if each.algorithm == "pdq") < LARGE_FRAMES:
            return cls(_read(archive, wanted), min_quality, exact=exact)
        cues = Counter(each.reference_id for each in digests)
        whole = sorted(name for name in wanted if cues[name] == len(CUES))
        complete = [each for each in digests if cues[each.reference_id] == len(CUES)]
        stored = StoredHashes(archive, whole, complete, min_quality)
        partial = _read(archive, wanted - set(whole)) if len(whole) < len(wanted) else {}
        together: Any = ChainMap(partial, StoredFingerprints(archive, whole))  # type: ignore[arg-type]  # only read
        return cls(together, min_quality, stored=stored)

    def _table(self, algorithm: str, references: Sequence[tuple[int, str]], min_quality: float) -> _Table:
        codes, numbers, times = [], [], []
        for number, reference_id in references:
            fingerprint = self.fingerprints[reference_id].get(algorithm)
            if fingerprint is None:  # a pack brought hashes of another algorithm alone
                continue
            usable = self.fingerprints[reference_id]["pdq"].quality >= min_quality
            codes.append(fingerprint.codes[usable])
            times.append(fingerprint.times_s[usable])
            numbers.append(np.full(int(usable.sum()), number, np.int64))
        if not codes:
            return _Table(np.empty((0, 1), np.uint8), np.empty(0, np.int64), np.empty(0, np.float64))
        return _Table(np.concatenate(codes), np.concatenate(numbers), np.concatenate(times))

    def search(self, algorithm: str, codes: npt.NDArray[np.uint8], radius_bits: int) -> Iterator[Hits]:
        """Yield, some at a time, all pairs with a distance of at most `radius_bits`.

        Parameters
        ----------
        codes
            (Q, bits / 8) uint8; those of all views of a release at once, which share much of the work.
        """
        if self._large is not None:
            hashes = self._large(algorithm)
            for found in hashes.tables[algorithm].within(codes, radius_bits):
                yield Hits(
                    query_rows=found.queries,
                    reference_numbers=self._large_numbers[hashes.references_of(found.rows)],
                    reference_times_s=hashes.times_s[found.rows],
                )
        table = self._tables[algorithm]
        if len(table.codes) == 0:
            return
        for start in range(0, len(codes), _QUERY_BATCH):
            rows, columns = table.within(codes[start : start + _QUERY_BATCH], radius_bits)
            yield Hits(
                query_rows=rows + start,
                reference_numbers=table.numbers[columns],
                reference_times_s=table.times_s[columns],
            )


def _read(archive: Archive, wanted: set[str]) -> dict[str, dict[str, FingerprintSet]]:
    """Read the fingerprints of some references, by reference id, then algorithm."""
    by_reference: dict[str, dict[str, FingerprintSet]] = {}
    for cue in CUES:
        for reference_id, fingerprint in archive.fingerprints(cue):
            if reference_id in wanted:
                by_reference.setdefault(reference_id, {})[cue.algorithm] = fingerprint
    return by_reference


class _Table:
    """All searchable codes of one algorithm, in one block."""

    def __init__(
        self, codes: npt.NDArray[np.uint8], numbers: npt.NDArray[np.int64], times_s: npt.NDArray[np.float64]
    ) -> None:
        self.codes = np.ascontiguousarray(codes)
        self.numbers = numbers
        self.times_s = times_s
        self._flat = _flat_index(self.codes) if len(codes) else None

    def within(
        self, queries: npt.NDArray[np.uint8], radius_bits: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Pairs (query row, code row) at most `radius_bits` apart."""
        if self._flat is not None:
            limits, _, labels = self._flat.range_search(np.ascontiguousarray(queries), radius_bits + 1)
            rows = np.repeat(np.arange(len(queries)), np.diff(limits.astype(np.int64)))
            return rows, labels.astype(np.int64)
        return scan(self.codes, queries, radius_bits)


def _flat_index(codes: npt.NDArray[np.uint8]) -> Any:
    """Return FAISS's exact index over the codes, None where FAISS cannot be imported."""
    try:
        import faiss  # noqa: PLC0415 - slow, and only needed when there is an archive to search
    except ImportError:
        return None
    index = faiss.IndexBinaryFlat(codes.shape[1] * 8)
    index.add(codes)
    return index


def scan(
    codes: npt.NDArray[np.uint8], queries: npt.NDArray[np.uint8], radius_bits: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find pairs at most `radius_bits` apart by comparing all; what FAISS does, in NumPy and slower."""
    found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    wide_queries = np.ascontiguousarray(queries).view(np.uint64)
    for start in range(0, len(codes), _SCAN_BATCH):
        wide = np.ascontiguousarray(codes[start : start + _SCAN_BATCH]).view(np.uint64)
        for row, query in enumerate(wide_queries):
            distance = np.bitwise_count(wide ^ query).sum(axis=1, dtype=np.int64)
            columns = np.nonzero(distance <= radius_bits)[0]
            found.append((np.full(len(columns), row, np.int64), columns + start))
    rows = np.concatenate([pair[0] for pair in found]) if found else np.empty(0, np.int64)
    columns = np.concatenate([pair[1] for pair in found]) if found else np.empty(0, np.int64)
    return rows, columns
