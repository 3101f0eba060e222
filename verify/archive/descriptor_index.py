"""The search over the vectors that one learned descriptor gave for references.

In memory a vector is a short code (product quantisation: four bits for two numbers), which tells the references that
may be nearest. These are then compared exactly, with vectors read from where they are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from verify.archive import vector_codes
from verify.archive.cache_files import (
    VECTORS_CACHE,
    CachedArrays,
    DamagedCacheError,
    key_of,
    write_arrays,
    write_in_place,
)
from verify.archive.catalogue import BACKUP_HINT
from verify.archive.origins import without_vectors
from verify.errors import ArchiveDamagedError, FingerprintVersionError
from verify.model import DescriptorSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from verify.archive.store import Archive

    Floats = npt.NDArray[np.float32]
    Numbers = npt.NDArray[np.int64]

#: Of so few pictures codes would save nothing worth having.
_CODED_FROM_PICTURES = 20_000
_CODES_LEARNED_FROM = 20_000
#: Pictures looked up for a query at first, how many times more where they are of too few references, and the
#: references that are named by them and compared exactly.
_NEAREST_PICTURES, _MORE = 256, 8
_NEAREST_REFERENCES = 8
_BLOCK_PICTURES = 8192
_KEPT_BYTES = 64 * 1024**2
_MAKE_HINT = (
    "Make them of the thumbnails that are kept: verify archive reindex --archive {} (with the --descriptor FILE that "
    "you search by, if any). Or search with --no-descriptor."
)
_CHANGED_HINT = "Run the command again."
_NAMED_DIGITS = 16
_MAGIC = b"VRFYVEC1"


class _CodesFile(NamedTuple):
    """Where codes are kept, and the key of those that are wanted."""

    path: Path
    key: bytes


class DescriptorIndex:
    """The vectors of a set of references, ready to be searched. Use `load` or `of`.

    References are numbered as in `reference_ids`.
    """

    def __init__(
        self,
        reference_ids: Sequence[str],
        counts: Sequence[int],
        read: Callable[[str], DescriptorSet],
        file: _CodesFile | None = None,
    ) -> None:
        self.reference_ids = tuple(reference_ids)
        self._read = read
        self._kept: OrderedDict[int, DescriptorSet] = OrderedDict()
        self._kept_bytes = 0
        self._owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        self._codes = self._coded(counts, file)

    @classmethod
    def of(cls, reference_ids: Sequence[str], descriptors: Mapping[str, DescriptorSet]) -> DescriptorIndex:
        """Make an index of vectors that are in memory, by reference id."""
        return cls(reference_ids, [len(descriptors[each].vectors) for each in reference_ids], descriptors.__getitem__)

    @classmethod
    def load(
        cls, archive: Archive, reference_ids: Sequence[str], model_sha256: str, dimensions: int
    ) -> DescriptorIndex:
        """Make an index of the vectors, of so many dimensions, that one model gave for references of an archive.

        For a large archive the codes are kept as a file in the archive's folder, which is made anew when the vectors
        have changed or the file is damaged, and does without where the folder cannot be written. The archive must stay
        open as long as the index is used.

        Raises
        ------
        FingerprintVersionError
            Some reference has none of that model, and its pack is not the reason: nothing is left out of a search
            silently. Or, during a search, the vectors were replaced meanwhile.
        ArchiveDamagedError
            Vectors are not as they were stored.
        """
        digests = archive.descriptor_digests()
        stored = {each.reference_id: each for each in digests if each.model_sha256 == model_sha256}
        without = without_vectors(archive)
        lacking = [name for name in reference_ids if name not in stored and name not in without]
        if lacking:
            others = sorted({each.model_sha256[:_NAMED_DIGITS] for each in digests} - {model_sha256[:_NAMED_DIGITS]})
            problem = (
                f"{len(lacking)} of {len(reference_ids)} references ({lacking[0]} is the first) have no learned "
                f"descriptors of the model {model_sha256[:_NAMED_DIGITS]}"
            )
            if others:
                problem += f"; the archive has some of {', '.join(others)}"
            raise FingerprintVersionError(archive.folder, problem, _MAKE_HINT.format(archive.folder))
        for each in reference_ids:
            if each in stored and stored[each].dimensions != dimensions:
                raise ArchiveDamagedError(
                    archive.folder, f"the learned descriptors of {each} are not those of their model", BACKUP_HINT
                )
        counts = [stored[each].picture_count if each in stored else 0 for each in reference_ids]

        def read(reference_id: str) -> DescriptorSet:
            if reference_id not in stored:
                nothing = np.zeros((0, dimensions), np.float16)
                return DescriptorSet(model_sha256=model_sha256, times_s=np.zeros(0), vectors=nothing)
            try:
                return archive.descriptors(stored[reference_id])
            except ArchiveDamagedError as error:
                if stored[reference_id] in archive.descriptor_digests():
                    raise
                problem = f"the learned descriptors of {reference_id} were replaced while it was being searched"
                raise FingerprintVersionError(archive.folder, problem, _CHANGED_HINT) from error

        searched = (tuple(stored[each]) if each in stored else (each,) for each in reference_ids)
        key = key_of([vector_codes.library_version(), _CODES_LEARNED_FROM, *searched])
        return cls(reference_ids, counts, read, _CodesFile(archive.folder / VECTORS_CACHE, key))

    def nearest(self, queries: Floats) -> Numbers:
        """Name the references that are most like any of the queries, (Q, D): their numbers, ascending.

        Where FAISS cannot be imported, these are all.
        """
        if not len(self._owners) or not len(queries):
            return np.zeros(0, np.int64)
        if self._codes is None:
            return np.arange(len(self.reference_ids))
        named: set[int] = set()
        open_ones, count = np.arange(len(queries)), min(_NEAREST_PICTURES, len(self._owners))
        wanted = min(_NEAREST_REFERENCES, len(np.unique(self._owners)))
        while len(open_ones):
            _, rows = self._codes.search(queries[open_ones], count)
            # As in a dictionary, a reference has the place of its most similar picture.
            owners = [list(dict.fromkeys(self._owners[own[own >= 0]].tolist())) for own in rows]
            named.update(each for own in owners for each in own[:_NEAREST_REFERENCES])
            if count >= len(self._owners):
                break
            # One long reference may hold all the nearest; what others look like must be known to say what stands out.
            open_ones = open_ones[[len(own) < wanted for own in owners]]
            count = min(_MORE * count, len(self._owners))
        return np.array(sorted(named), np.int64)

    def similarities(self, queries: Floats, reference_numbers: Numbers) -> Floats:
        """Return the cosine of each query, (Q, D), and the most similar picture of each of R references, (Q, R).

        It is -1 for a reference without pictures.
        """
        best = np.full((len(queries), len(reference_numbers)), -1, np.float32)
        for place, number in enumerate(reference_numbers):
            vectors = self._vectors(int(number)).vectors
            for start in range(0, len(vectors), _BLOCK_PICTURES):
                some = vectors[start : start + _BLOCK_PICTURES].astype(np.float32)
                best[:, place] = np.maximum(best[:, place], (queries @ some.T).max(axis=1))
        return best

    def closest_times_s(
        self, query: npt.NDArray[np.float16], reference_number: int, most: int, margin: float
    ) -> tuple[float, ...]:
        """Return when a reference is most similar to one query, (D,): times of up to `most` pictures in s, best first.

        Their cosines are at most `margin` lower than the best.
        """
        found = self._vectors(reference_number)
        if not len(found.vectors):
            return ()
        cosines = found.vectors.astype(np.float32) @ query.astype(np.float32)
        order = np.argsort(-cosines, kind="stable")[:most]
        return tuple(float(found.times_s[row]) for row in order if cosines[row] >= cosines[order[0]] - margin)

    def _vectors(self, reference_number: int) -> DescriptorSet:
        """Return the vectors of a reference, read if they were not of late."""
        found = self._kept.pop(reference_number, None)
        if found is None:
            found = self._read(self.reference_ids[reference_number])
            self._kept_bytes += found.vectors.nbytes
        self._kept[reference_number] = found
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= dropped.vectors.nbytes
        return found

    def _coded(self, counts: Sequence[int], file: _CodesFile | None) -> Any:
        """Make a FAISS index of all vectors, in the order of the references; None where it cannot be imported."""
        numbers = [number for number, count in enumerate(counts) if count]
        if not numbers:
            return None
        is_exact = len(self._owners) < _CODED_FROM_PICTURES
        dimensions = self._vectors(numbers[0]).vectors.shape[1]
        try:
            if file and not is_exact:
                with suppress(OSError, DamagedCacheError, ValueError):
                    cached = CachedArrays.opened(file.path, _MAGIC, file.key, vector_codes.LAYOUT)
                    for number in range(len(vector_codes.LAYOUT)):
                        cached.check_whole(number)
                    return vector_codes.index_of(dimensions, len(self._owners), cached.arrays)
            index = vector_codes.coded(dimensions, is_exact=is_exact)
        except ImportError:
            return None
        self._fill(index, numbers, is_exact=is_exact)
        if file and not is_exact:
            arrays = vector_codes.arrays_of(index)
            with suppress(OSError):  # done without
                write_in_place(file.path, lambda out: write_arrays(out, _MAGIC, file.key, vector_codes.LAYOUT, arrays))
        return index

    def _fill(self, index: Any, numbers: Sequence[int], *, is_exact: bool) -> None:
        """Learn the codes of a FAISS index and add the vectors of all references that have some."""
        if not is_exact:
            index.train(np.concatenate(self._sample(numbers))[:_CODES_LEARNED_FROM])
        some: list[npt.NDArray[np.float16]] = []
        waiting = 0
        for number in numbers:
            some.append(self._vectors(number).vectors)
            waiting += len(some[-1])
            if waiting >= _BLOCK_PICTURES or number == numbers[-1]:
                index.add(np.concatenate(some).astype(np.float32))
                some, waiting = [], 0

    def _sample(self, numbers: Sequence[int]) -> list[Floats]:
        """Read vectors of references spread over all, enough to learn codes from."""
        found: list[Floats] = []
        count = 0
        step = max(1, len(self._owners) // (2 * _CODES_LEARNED_FROM))
        for number in (number for first in range(step) for number in numbers[first::step]):
            found.append(self._vectors(number).vectors.astype(np.float32))
            count += len(found[-1])
            if count >= _CODES_LEARNED_FROM:
                break
        return found
