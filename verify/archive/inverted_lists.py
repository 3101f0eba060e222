"""Codes of keypoints sorted by their word, the nearest centroid of the vocabulary; in memory or in a mapped file.

The file is a cache of what the catalogue holds: docs/internals/archive-format.md. It has a checksum for its head and
for each list; a list is checked when it is first read.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
import zlib
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from verify.archive.cache_files import DIGEST_BYTES, DamagedCacheError, aligned, mapped, reserve

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

    from verify.model import LocalFeatureSet

_MAGIC = b"VRFYKEY2"
_HEAD = struct.Struct("<8s32sQII")
#: Mapped pages that were read are let go after so many bytes, or they would count as this process's memory.
_RELEASE_EVERY_BYTES = 128 * 1024**2


class InvertedLists:
    """Rows of all codes, sorted by word.

    The rows of word w are `starts[w]` to `starts[w + 1]` of `codes` (N, D) int8, `reference_numbers` (N,) int32 and
    `key_pictures` (N,) int32, the number of the key picture in its reference.
    """

    def __init__(self, starts: npt.NDArray[np.int64], dimensions: int, mapped: mmap.mmap | None = None) -> None:
        count = int(starts[-1])
        self.starts = starts
        self._mapped = mapped
        self._checksums: npt.NDArray[np.uint32] | None = None
        self._checked = np.zeros(len(starts) - 1, bool)
        self._read_bytes = 0
        offsets = _offsets(len(starts) - 1, count, dimensions)
        if mapped is None:
            self.codes = np.zeros((count, dimensions), np.int8)
            self.reference_numbers, self.key_pictures = np.zeros(count, np.int32), np.zeros(count, np.int32)
        else:
            self.codes = np.frombuffer(mapped, np.int8, count * dimensions, offsets[0]).reshape(count, dimensions)
            self.reference_numbers = np.frombuffer(mapped, "<i4", count, offsets[1])
            self.key_pictures = np.frombuffer(mapped, "<i4", count, offsets[2])

    @classmethod
    def in_file(cls, file: BinaryIO, starts: npt.NDArray[np.int64], dimensions: int) -> Self:
        """Return empty lists that lie in a new file, to be filled and sealed; raises OSError if there is no room."""
        size = _offsets(len(starts) - 1, int(starts[-1]), dimensions)[3]
        reserve(file, size)
        return cls(starts, dimensions, mmap.mmap(file.fileno(), size))

    @classmethod
    def opened(cls, path: Path, key: bytes, words: int, dimensions: int) -> Self:
        """Map a file that was sealed with that key.

        Raises
        ------
        OSError
            There is none, or it cannot be read.
        DamagedCacheError
            It is not whole, or belongs to other codes.
        """
        content = mapped(path, _offsets(words, 0, dimensions)[0])
        head, starts, checksums, digest = _read_head(content, words)
        count = int(starts[-1])
        if hashlib.sha256(head).digest() != digest or (np.diff(starts) < 0).any():
            raise DamagedCacheError(f"the head of {path.name} is damaged")
        if _HEAD.unpack_from(head) != (_MAGIC, key, count, words, dimensions):
            raise DamagedCacheError(f"{path.name} belongs to other keypoints")
        if len(content) != _offsets(words, count, dimensions)[3]:
            raise DamagedCacheError(f"{path.name} is not whole")
        lists = cls(starts, dimensions, content)
        lists._checksums = checksums
        return lists

    def fill(self, features: Iterable[tuple[int, LocalFeatureSet, npt.NDArray[np.uint16]]]) -> None:
        """Put the codes of references in their places.

        Parameters
        ----------
        features
            Reference number, keypoints and their words, by reference number. The words must be those that `starts` was
            made of.
        """
        free = self.starts[:-1].copy()
        for number, local, words in features:
            order = np.argsort(words, kind="stable")
            counts = np.bincount(words, minlength=len(free))
            # The first row of each word in `order` goes to the first free row of its list, and so on.
            rows = np.arange(len(order)) + np.repeat(free - (np.cumsum(counts) - counts), counts)
            pictures = np.repeat(np.arange(len(local.times_s), dtype=np.int32), np.diff(local.first_rows))
            self.codes[rows] = local.codes[order]
            self.reference_numbers[rows] = number
            self.key_pictures[rows] = pictures[order]
            free += counts
            self._let_go(local.codes.nbytes * 8)  # they are spread over many pages

    def seal(self, key: bytes) -> None:
        """Write the head of a file that has been filled."""
        if self._mapped is None:
            return
        words = len(self.starts) - 1
        self._checksums = np.array([self._checksum(word) for word in range(words)], np.uint32)
        head = _HEAD.pack(_MAGIC, key, len(self.codes), words, self.codes.shape[1])
        head += self.starts.astype("<i8").tobytes() + self._checksums.astype("<u4").tobytes()
        self._mapped[: len(head) + DIGEST_BYTES] = head + hashlib.sha256(head).digest()
        self._checked[:] = True
        self._let_go(_RELEASE_EVERY_BYTES)

    def codes_of(self, word: int) -> npt.NDArray[np.int8]:
        """Codes of one list, (n, D); raises DamagedCacheError if it is damaged."""
        codes = self.codes[self.starts[word] : self.starts[word + 1]]
        if self._checksums is not None and not self._checked[word]:
            if self._checksum(word) != self._checksums[word]:
                raise DamagedCacheError(f"list {word} is damaged")
            self._checked[word] = True
        self._let_go(codes.nbytes)
        return codes

    def _checksum(self, word: int) -> int:
        """CRC-32 of a list: it is to find damage, and who can write the file can write a digest as well."""
        rows = slice(int(self.starts[word]), int(self.starts[word + 1]))
        checksum = 0
        for array in (self.codes, self.reference_numbers, self.key_pictures):
            checksum = zlib.crc32(array[rows].data, checksum)
            self._let_go(array[rows].nbytes)
        return checksum

    def _let_go(self, read_bytes: int) -> None:
        self._read_bytes += read_bytes
        if self._read_bytes >= _RELEASE_EVERY_BYTES:
            self._read_bytes = 0
            if self._mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
                self._mapped.madvise(mmap.MADV_DONTNEED)


def _offsets(words: int, count: int, dimensions: int) -> tuple[int, int, int, int]:
    """Where codes, reference numbers and key pictures begin in a file, and where it ends, in bytes."""
    head_bytes = _HEAD.size + 8 * (words + 1) + 4 * words + DIGEST_BYTES
    codes = aligned(head_bytes)
    numbers = aligned(codes + count * dimensions)
    pictures = aligned(numbers + 4 * count)
    return codes, numbers, pictures, aligned(pictures + 4 * count)


def _read_head(mapped: mmap.mmap, words: int) -> tuple[bytes, npt.NDArray[np.int64], npt.NDArray[np.uint32], bytes]:
    """Return the head's bytes, the lists' first rows and checksums, and the digest of the head."""
    size = _HEAD.size + 8 * (words + 1) + 4 * words
    head: Any = mapped[:size]
    starts = np.frombuffer(head, "<i8", words + 1, _HEAD.size).astype(np.int64)
    checksums = np.frombuffer(head, "<u4", words, _HEAD.size + 8 * (words + 1)).astype(np.uint32)
    return head, starts, checksums, mapped[size : size + DIGEST_BYTES]
