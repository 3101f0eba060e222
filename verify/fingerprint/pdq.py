"""PDQ: a 256-bit hash of a picture's 16 x 16 lowest frequencies.

Algorithm and constants: Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (2019).
The bits equal those of the reference implementation (tests/unit/test_fingerprint_pdq.py), at several times its speed:
the running means are OpenCV's box filter, the cosine transform two small matrix products.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.fingerprint.codes import Code

if TYPE_CHECKING:
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float32]

ALGORITHM = "pdq"
VERSION = 1
BITS = 256

_GRID = 64
_FREQUENCIES = 16
_FILTER_PASSES = 2
#: The reference implementation hashes no picture with a side shorter than this.
_MIN_SIDE_PX = 5
_GRADIENT_FULL_QUALITY = 9000.0


def encode(grey: npt.NDArray[np.uint8]) -> Code:
    """Hash one grey picture, (H, W) uint8.

    Quality is PDQ's own, 0..1: the sum of gradients between neighbouring cells, 0 for a flat picture and for one too
    narrow to hash.
    """
    if min(grey.shape) < _MIN_SIDE_PX:
        return Code(bits=np.zeros(BITS // 8, np.uint8), quality=0.0)
    cells = _cells(grey)
    return Code(bits=_bits(cells), quality=_quality(cells))


def _cells(grey: npt.NDArray[np.uint8]) -> Matrix:
    """Smooth a picture by two running means in each direction and pick 64 x 64 of its values."""
    height, width = grey.shape
    smooth = grey.astype(np.float32)
    for _ in range(_FILTER_PASSES):
        smooth = _box_sums(smooth) / _box_counts(height, width)
    return smooth[np.ix_(_picked(height), _picked(width))]


def _box_sums(values: Matrix) -> Matrix:
    """Sum over the window around each value, over fewer values at the edges.

    The reference implementation's even windows reach one further to the right and down than to the left and up.
    """
    window = [-(-size // (2 * _GRID)) for size in reversed(values.shape)]
    anchor = [size - (size + 2) // 2 for size in window]
    sums = cv2.boxFilter(values, -1, window, anchor=anchor, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sums, np.float32)


@lru_cache(maxsize=16)
def _box_counts(height: int, width: int) -> Matrix:
    return _box_sums(np.ones((height, width), np.float32))


@lru_cache(maxsize=64)
def _picked(size: int) -> tuple[int, ...]:
    return tuple(int((cell + 0.5) * size / _GRID) for cell in range(_GRID))


def _bits(cells: Matrix) -> npt.NDArray[np.uint8]:
    """Pack which frequencies exceed the lower median, (32,) uint8, in the order of pdqhash's bit vector."""
    cosines = _cosines()
    values = (cosines @ cells @ cosines.T).ravel()
    median = np.partition(values, values.size // 2 - 1)[values.size // 2 - 1]
    return np.packbits((values > median)[::-1])


def _quality(cells: Matrix) -> float:
    """Gradient measure of the published code, whose per-cell differences are truncated to whole hundredths."""
    down = np.trunc(np.diff(cells, axis=0) * (100 / 255))
    across = np.trunc(np.diff(cells, axis=1) * (100 / 255))
    return float(min(1.0, (np.abs(down).sum() + np.abs(across).sum()) / _GRADIENT_FULL_QUALITY))


@lru_cache(maxsize=1)
def _cosines() -> Matrix:
    """Return rows 1 to 16 of the 64-point cosine transform, (16, 64)."""
    frequency = np.arange(1, _FREQUENCIES + 1)[:, None]
    position = 2 * np.arange(_GRID)[None, :] + 1
    cosines = (np.sqrt(2 / _GRID) * np.cos(np.pi / 2 / _GRID * frequency * position)).astype(np.float32)
    return np.asarray(cosines, np.float32)
