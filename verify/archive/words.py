"""Words: the centroid of the vocabulary that a keypoint's code is nearest to. Codes are sorted and looked up by it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from verify.archive.nearest import nearest_of, with_offsets, with_ones

if TYPE_CHECKING:
    import numpy.typing as npt

    from verify.fingerprint.local import Vocabulary

_BATCH = 512


class Dictionary:
    """The centroids of a vocabulary, ready to be compared with codes.

    They are rounded to whole numbers, so that the nearest one is the same on every machine. `scale` is what distances
    of codes are divided by to get those of descriptors, `dimensions` the numbers in a code.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._centroids = with_offsets(np.rint(vocabulary.centroids).astype(np.float32))
        self.scale = vocabulary.scale
        self.dimensions = int(vocabulary.centroids.shape[1])

    def __len__(self) -> int:
        return len(self._centroids)

    def words_of(self, codes: npt.NDArray[np.int8]) -> npt.NDArray[np.uint16]:
        """Return the word of each code, (N,), of codes (N, D); of two equally near the first."""
        words = np.empty(len(codes), np.uint16)
        for start in range(0, len(codes), _BATCH):
            affinity = with_ones(codes[start : start + _BATCH]) @ self._centroids.T
            words[start : start + _BATCH] = affinity.argmax(axis=1)
        return words

    def nearest(self, queries: npt.NDArray[np.int8] | npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
        """Return the `count` nearest words of each query, (Q, count), of queries (Q, D)."""
        return nearest_of(queries, self._centroids, count)


@lru_cache(maxsize=1)
def shipped_dictionary() -> Dictionary:
    """Return the dictionary of the vocabulary that belongs to this version of the keypoints."""
    from verify.fingerprint.local import vocabulary  # noqa: PLC0415 - imports OpenCV

    return Dictionary(vocabulary())
