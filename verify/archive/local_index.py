"""Search over the keypoints of all references: the codes nearest to a query's, by inverted lists.

Codes are sorted by their word. A query is compared with the lists of the few words that are nearest to it; what lies in
other lists is not found. All queries of a call go through each list together, because reading a list costs as much as
comparing it with one hundred codes: search with many at once.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from verify.archive.cache_files import KEYPOINTS_CACHE, DamagedCacheError, key_of, write_in_place
from verify.archive.catalogue import BACKUP_HINT
from verify.archive.inverted_lists import InvertedLists
from verify.archive.nearest import Nearest, with_offsets, with_ones
from verify.archive.threads import for_each
from verify.archive.words import shipped_dictionary
from verify.errors import ArchiveDamagedError, OutputNotWritableError
from verify.fingerprint.local import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

    from verify.archive.store import Archive
    from verify.archive.words import Dictionary
    from verify.model import LocalFeatureSet

    Codes = npt.NDArray[np.int8] | npt.NDArray[np.float32]

CACHE_NAME = KEYPOINTS_CACHE
#: Archives with fewer keypoints are sorted anew for each run, in memory; that takes less than half a second.
_CACHED_FROM_KEYPOINTS = 1_000_000
_KEPT_FEATURES_BYTES = 128 * 1024**2
_BATCH_QUERIES = 1 << 17
#: Comparisons of two codes that one thread makes in a fraction of a second.
_FEW_COMPARISONS = 20_000_000


class LocalIndex:
    """The keypoints of a set of references, ready to be searched. Use `load` or `of`.

    Row r of the index is a keypoint of reference `reference_ids[reference_numbers[r]]`, in its key picture
    `key_pictures[r]`; both arrays are (N,) int32.
    """

    def __init__(
        self,
        reference_ids: tuple[str, ...],
        dictionary: Dictionary,
        sort: Callable[[bool], InvertedLists],
        read: Callable[[str], LocalFeatureSet],
    ) -> None:
        self.reference_ids = reference_ids
        self._dictionary = dictionary
        self._sort = sort
        self._read = read
        self._features: OrderedDict[str, LocalFeatureSet] = OrderedDict()
        self._use(sort(True))

    @classmethod
    def of(cls, features: Mapping[str, LocalFeatureSet], dictionary: Dictionary | None = None) -> LocalIndex:
        """Make an index of keypoints that are in memory, by reference id.

        Parameters
        ----------
        dictionary
            Words to sort them by; those of the shipped vocabulary if not given.
        """
        words = dictionary or shipped_dictionary()
        ids = tuple(sorted(features))

        def sort(_: bool) -> InvertedLists:
            parts = [(number, features[name], words.words_of(features[name].codes)) for number, name in enumerate(ids)]
            starts = _starts((part[2] for part in parts), len(words))
            lists = InvertedLists(starts, words.dimensions)
            lists.fill(parts)
            return lists

        return cls(ids, words, sort, features.__getitem__)

    @classmethod
    def load(cls, archive: Archive) -> LocalIndex:
        """Make an index of every reference of an archive that is not retracted.

        For a large archive it is kept as a file in the archive's folder, which is made anew when the archive has
        changed or the file is damaged, and does without where the folder cannot be written. The archive must stay open
        as long as the index is used.

        Raises
        ------
        ArchiveDamagedError, FingerprintVersionError
            Keypoints are damaged, missing, or of another version: nothing is left out of a search silently.
        OutputNotWritableError
            A large archive's folder cannot be written, and there is no room for temporary files either.
        """
        source = _ArchiveSource(archive)
        return cls(source.reference_ids, source.dictionary, source.sorted, source.read)

    def search(
        self, queries: Codes, neighbours: int, probes: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Find the rows nearest to queries, in the lists of the `probes` words nearest to each.

        Parameters
        ----------
        queries
            (Q, D) int8 codes, or float32 on their scale.

        Returns
        -------
        squared distances (Q, neighbours) float32, infinite where there is no row
            On the scale of RootSIFT: 0 for equal descriptors, 2 for ones that have nothing in common.
        rows (Q, neighbours) int64, -1 where there is none
            Nearest first; of equally near ones the first row first.
        """
        distances = np.full((len(queries), neighbours), np.inf, np.float32)
        rows = np.full((len(queries), neighbours), -1, np.int64)
        if len(self._lists.codes) == 0:
            return distances, rows
        for start in range(0, len(queries), _BATCH_QUERIES):
            batch = slice(start, start + _BATCH_QUERIES)
            try:
                distances[batch], rows[batch] = self._nearest(queries[batch], neighbours, probes)
            except DamagedCacheError:
                # Sorted anew, every code has the same row as before.
                self._use(self._sort(False))
                distances[batch], rows[batch] = self._nearest(queries[batch], neighbours, probes)
        return distances, rows

    def features(self, reference_id: str) -> LocalFeatureSet:
        """Return the keypoints of one reference; those used last stay in memory.

        Raises
        ------
        ArchiveDamagedError
            They are not as they were stored.
        """
        if reference_id in self._features:
            self._features.move_to_end(reference_id)
            return self._features[reference_id]
        features = self._features[reference_id] = self._read(reference_id)
        while len(self._features) > 1 and sum(map(_bytes_of, self._features.values())) > _KEPT_FEATURES_BYTES:
            self._features.popitem(last=False)
        return features

    def _use(self, lists: InvertedLists) -> None:
        self._lists = lists
        self.reference_numbers = lists.reference_numbers
        self.key_pictures = lists.key_pictures

    def _nearest(
        self, queries: Codes, neighbours: int, probes: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        extended = with_ones(queries)
        found = Nearest(len(queries), neighbours)

        def compare(probe: tuple[int, npt.NDArray[np.int64]]) -> None:
            word, numbers = probe
            codes = self._lists.codes_of(word)
            if len(codes):
                found.compare(numbers, extended[numbers], with_offsets(codes), int(self._lists.starts[word]))

        probed = self._dictionary.nearest(queries, min(probes, len(self._dictionary)))
        is_little = int(np.diff(self._lists.starts)[probed].sum()) < _FEW_COMPARISONS
        # The nearest word first: few rows of the others are nearer than what its list has.
        for words in (probed[:, :1], probed[:, 1:]):
            for_each(compare, _by_word(words), is_little=is_little)
        affinities, rows = found.result()
        lengths = np.einsum("ij,ij->i", extended[:, :-1], extended[:, :-1])
        distances = np.maximum(lengths[:, None] - 2 * affinities, 0) / np.float32(self._dictionary.scale**2)
        return distances, rows


def _by_word(probed: npt.NDArray[np.int64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield each word and the numbers of the queries, rows of (Q, P), that it is probed for."""
    words = probed.ravel()
    if not len(words):
        return
    order = np.argsort(words, kind="stable")
    numbers = order // probed.shape[1]
    starts = np.flatnonzero(np.diff(words[order], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        yield int(words[order[start]]), numbers[start:end]


def _bytes_of(features: LocalFeatureSet) -> int:
    return features.points.nbytes + features.codes.nbytes


class _ArchiveSource:
    """The keypoints of an open archive, and the file in which they are kept sorted."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.dictionary = shipped_dictionary()
        wanted = {reference.id for reference in archive.references() if not reference.retracted}
        stored = [digest for digest in archive.local_digests() if digest.reference_id in wanted]
        usable = {digest.reference_id for digest in stored if digest.version == VERSION}
        for unusable in sorted(wanted - usable):
            archive.local_features(unusable)  # says what is wrong with them
        self.reference_ids = tuple(digest.reference_id for digest in stored)
        self._counts = [digest.keypoint_count for digest in stored]
        self._key = key_of(tuple(digest) for digest in stored)

    def read(self, reference_id: str) -> LocalFeatureSet:
        """Return the keypoints of a reference."""
        return self._archive.local_features(reference_id)[0]

    def sorted(self, may_be_kept: bool) -> InvertedLists:
        """Return all codes sorted by word; without `may_be_kept`, not those in the file, which is damaged."""
        if sum(self._counts) < _CACHED_FROM_KEYPOINTS:
            parts = list(self._parts())
            starts = _starts((part[2] for part in parts), len(self.dictionary))
            lists = InvertedLists(starts, self.dictionary.dimensions)
            lists.fill(parts)
            return lists
        path = self._archive.folder / CACHE_NAME
        if may_be_kept:
            with suppress(OSError, DamagedCacheError):
                return InvertedLists.opened(path, self._key, len(self.dictionary), self.dictionary.dimensions)
        starts = _starts(self._stored_words(), len(self.dictionary))
        return self._written(path, starts)

    def _parts(self) -> Iterator[tuple[int, LocalFeatureSet, npt.NDArray[np.uint16]]]:
        for number, reference_id in enumerate(self.reference_ids):
            yield number, *self._archive.local_features(reference_id)

    def _stored_words(self) -> Iterator[npt.NDArray[np.uint16]]:
        for reference_id, count in zip(self.reference_ids, self._counts, strict=True):
            words = self._archive.words(reference_id)
            if len(words) != count or (words >= len(self.dictionary)).any():
                raise ArchiveDamagedError(
                    self._archive.folder, f"the keypoints of {reference_id} are damaged", BACKUP_HINT
                )
            yield words

    def _written(self, path: Path, starts: npt.NDArray[np.int64]) -> InvertedLists:
        """Sort into a file in the archive's folder, or into a temporary one where that cannot be written."""

        def fill(file: BinaryIO) -> InvertedLists:
            lists = InvertedLists.in_file(file, starts, self.dictionary.dimensions)
            lists.fill(self._parts())
            lists.seal(self._key)
            return lists

        try:
            return write_in_place(path, fill)
        except OSError:
            return self._temporary(starts)

    def _temporary(self, starts: npt.NDArray[np.int64]) -> InvertedLists:
        try:
            with tempfile.TemporaryFile() as file:
                lists = InvertedLists.in_file(file, starts, self.dictionary.dimensions)
                lists.fill(self._parts())
                return lists
        except OSError as error:
            raise OutputNotWritableError(
                "temporary files",
                f"there is no room to sort {int(starts[-1])} keypoints ({error.strerror})",
                "Make room, set TMPDIR, or let the archive's folder be written once.",
            ) from error


def _starts(words: Iterator[npt.NDArray[np.uint16]], count: int) -> npt.NDArray[np.int64]:
    """First row of each word's list, and the number of rows, (count + 1,)."""
    starts = np.zeros(count + 1, np.int64)
    for some in words:
        starts[1:] += np.bincount(some, minlength=count)
    return np.cumsum(starts)
