"""Cache files beside a large archive's catalogue: copies of what it holds, in the form that a search needs.

The catalogue is the truth. A cache file has a key, a digest over the digests of what it was made of, and checksums; one
that belongs to other content, is damaged or missing is made anew, and done without where the folder cannot be written.
Layout: docs/internals/archive-format.md.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import time
import uuid
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import Any, BinaryIO

    import numpy.typing as npt

    _Made = TypeVar("_Made")

HASHES_CACHE = "hashes.cache"
KEYPOINTS_CACHE = "keypoints.cache"
MOTION_CACHE = "motion.cache"
VECTORS_CACHE = "vectors.cache"
#: All that an archive's folder may hold of the kind; whoever removes something from an archive deletes them.
CACHE_NAMES = (HASHES_CACHE, KEYPOINTS_CACHE, MOTION_CACHE, VECTORS_CACHE)
#: Every array in a cache file begins at a multiple of so many bytes.
ALIGNMENT = 4096
DIGEST_BYTES = 32
_STALE_PARTIAL_S = 3600.0
_ZEROS = bytes(1 << 20)
_HEAD = struct.Struct("<8s32sII")
#: A checksum is over so many bytes, and is checked when something in them is first used.
_PART_BYTES = 1 << 20


class DamagedCacheError(Exception):
    """A cache file is not what was written, or belongs to other content."""


class Column(NamedTuple):
    """What one array of a cache file is: its NumPy type, and numbers in a row; 0 where rows are single numbers."""

    kind: str
    width: int = 0

    @property
    def row_bytes(self) -> int:
        """Size of a row."""
        return np.dtype(self.kind).itemsize * max(self.width, 1)


def key_of(parts: Iterable[object]) -> bytes:
    """Return the key of a cache file made of what has these digests: SHA-256 over each part's representation."""
    content = hashlib.sha256()
    for part in parts:
        content.update(repr(part).encode())
    return content.digest()


def write_in_place(path: Path, write: Callable[[BinaryIO], _Made]) -> _Made:
    """Have a file written under another name and put it in the place of `path`; return what `write` returns.

    Raises
    ------
    OSError
        The folder cannot be written, or is full.
    """
    _sweep(path)
    unfinished = path.with_name(f"{_partial(path)}{uuid.uuid4().hex}")
    try:
        with unfinished.open("x+b") as file:
            made = write(file)
        with suppress(OSError):  # another process has the old one open, where that matters
            unfinished.replace(path)
        return made
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _partial(path: Path) -> str:
    return f".{path.name}.partial-"


def _sweep(path: Path) -> None:
    """Delete unfinished files of processes that were killed; a file that grows is younger."""
    with suppress(OSError):
        for left in list(path.parent.glob(f"{_partial(path)}*")):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_PARTIAL_S:
                    left.unlink()


def reserve(file: BinaryIO, size: int) -> None:
    """Give a file its room on the disk; a mapped file must not run out of it while it is written."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for start in range(0, size, len(_ZEROS)):
        file.write(_ZEROS[: size - start])
    file.flush()


def mapped(path: Path, least_bytes: int) -> mmap.mmap:
    """Map a file for reading.

    Raises
    ------
    OSError
        There is none that can be read.
    DamagedCacheError
        It is too short.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < max(least_bytes, 1):
            raise DamagedCacheError(f"{path.name} is too short")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def aligned(offset: int) -> int:
    """Return the next offset at which an array may begin."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


class CachedArrays:
    """Arrays in a mapped cache file, checked part by part when they are first used. Use `opened`.

    `arrays` are read-only; what is to be used of them is checked first.
    """

    def __init__(
        self, name: str, content: mmap.mmap, layout: Sequence[Column], rows: Sequence[int], checksums: npt.NDArray[Any]
    ) -> None:
        self._name = name
        self._content = content
        self._layout = tuple(layout)
        self._checksums = checksums
        self._checked = np.zeros(len(checksums), bool)
        self._offsets = _offsets(layout, rows)
        self.arrays: list[npt.NDArray[Any]] = []
        for column, count, offset in zip(layout, rows, self._offsets, strict=False):
            flat = np.frombuffer(content, column.kind, count * max(column.width, 1), offset)
            self.arrays.append(flat.reshape(count, column.width) if column.width else flat)

    @classmethod
    def opened(cls, path: Path, magic: bytes, key: bytes, layout: Sequence[Column]) -> Self:
        """Map a file that `write_arrays` wrote with that magic, key and layout.

        Raises
        ------
        OSError
            There is none, or it cannot be read.
        DamagedCacheError
            It is not whole, or belongs to other content.
        """
        fixed = _HEAD.size + 8 * len(layout)
        content = mapped(path, fixed)
        if _HEAD.unpack_from(content)[:3] != (magic, key, len(layout)):
            raise DamagedCacheError(f"{path.name} belongs to other content")
        parts = _HEAD.unpack_from(content)[3]
        head = content[: fixed + 4 * parts]
        if content[len(head) : len(head) + DIGEST_BYTES] != hashlib.sha256(head).digest():
            raise DamagedCacheError(f"the head of {path.name} is damaged")
        rows = np.frombuffer(head, "<u8", len(layout), _HEAD.size).tolist()
        if parts != _parts(layout, rows) or len(content) != _offsets(layout, rows)[-1]:
            raise DamagedCacheError(f"{path.name} is not whole")
        return cls(path.name, content, layout, rows, np.frombuffer(head, "<u4", parts, fixed))

    def check(self, number: int, first_row: int, end_row: int) -> None:
        """Check rows of an array that were not checked yet, with what lies in the same parts of the file.

        Raises
        ------
        DamagedCacheError
            They are not what was written.
        """
        if end_row <= first_row:
            return
        begin, row_bytes = self._offsets[0], self._layout[number].row_bytes
        first = (self._offsets[number] + first_row * row_bytes - begin) // _PART_BYTES
        last = (self._offsets[number] + end_row * row_bytes - 1 - begin) // _PART_BYTES
        for part in (first + np.flatnonzero(~self._checked[first : last + 1])).tolist():
            start = begin + part * _PART_BYTES
            some = memoryview(self._content)[start : min(start + _PART_BYTES, len(self._content))]
            if zlib.crc32(some) != self._checksums[part]:
                raise DamagedCacheError(f"part {part} of {self._name} is damaged")
            self._checked[part] = True

    def check_whole(self, number: int) -> None:
        """Check all of an array."""
        self.check(number, 0, len(self.arrays[number]))


def write_arrays(
    file: BinaryIO, magic: bytes, key: bytes, layout: Sequence[Column], arrays: Sequence[npt.NDArray[Any]]
) -> None:
    """Write arrays of a layout to a new file."""
    rows = [len(array) for array in arrays]
    offsets = _offsets(layout, rows)
    checksums = []
    checksum = written = 0
    file.seek(offsets[0])
    for piece in _pieces(layout, arrays, offsets):
        file.write(piece)
        checksum = zlib.crc32(piece, checksum)
        written += len(piece)
        if written % _PART_BYTES == 0:
            checksums.append(checksum)
            checksum = 0
    if written % _PART_BYTES:
        checksums.append(checksum)
    head = _HEAD.pack(magic, key, len(layout), len(checksums))
    head += np.array(rows, "<u8").tobytes() + np.array(checksums, "<u4").tobytes()
    file.truncate(offsets[-1])  # which may lie beyond what was written, where no array has rows
    file.seek(0)
    file.write(head + hashlib.sha256(head).digest())
    file.flush()


def _pieces(
    layout: Sequence[Column], arrays: Sequence[npt.NDArray[Any]], offsets: Sequence[int]
) -> Iterable[bytes | memoryview]:
    """Yield the content of a file after its head, in pieces none of which goes over the border of a part."""
    at = offsets[0]
    for column, array, end in zip(layout, arrays, offsets[1:], strict=True):
        content = np.ascontiguousarray(array, column.kind).reshape(-1).view(np.uint8).data
        filling = bytes(end - at - len(content))
        for some in (content, memoryview(filling)):
            done = 0
            while done < len(some):
                room = _PART_BYTES - (at - offsets[0]) % _PART_BYTES
                yield some[done : done + room]
                taken = min(room, len(some) - done)
                done, at = done + taken, at + taken


def _parts(layout: Sequence[Column], rows: Sequence[int]) -> int:
    return -(-_content_bytes(layout, rows) // _PART_BYTES)


def _content_bytes(layout: Sequence[Column], rows: Sequence[int]) -> int:
    return sum(aligned(column.row_bytes * count) for column, count in zip(layout, rows, strict=True))


def _offsets(layout: Sequence[Column], rows: Sequence[int]) -> list[int]:
    """Where each array begins, and where the file ends, in bytes."""
    offsets = [aligned(_HEAD.size + 8 * len(layout) + 4 * _parts(layout, rows) + DIGEST_BYTES)]
    for column, count in zip(layout, rows, strict=True):
        offsets.append(offsets[-1] + aligned(column.row_bytes * count))
    return offsets
