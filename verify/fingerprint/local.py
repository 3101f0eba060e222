"""Local features: keypoints of one picture, their descriptors, and the short codes that an archive keeps of them.

Detector and descriptor are SIFT (Lowe, 2004) as OpenCV computes it, with the square root of the normalised descriptor
(RootSIFT: Arandjelovic and Zisserman, 2012). Codes are a fixed linear projection of it to 48 numbers, learnt once and
shipped in vocabulary.npz (scripts/train-vocabulary makes it), so that codes of all archives compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.media.overlays import FREE

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

#: Of descriptors and projection together: codes of different versions do not compare.
VERSION = 1
#: Numbers in a descriptor, and in its code.
DESCRIPTOR_DIMENSIONS = 128
DIMENSIONS = 48
#: Length of every descriptor, but for rounding. Squared distances between descriptors, divided by its square, are those
#: of RootSIFT: 0 for equal ones, 2 for ones that have nothing in common.
DESCRIPTOR_LENGTH = 512.0

_CONTRAST_THRESHOLD = 0.010
_EDGE_THRESHOLD = 14.0
#: Keypoints that get a descriptor, per keypoint that is kept.
_SPARE = 2.5
_GRID_COLUMNS, _GRID_ROWS = 8, 5
_DARKEST_SHARE, _BRIGHTEST_SHARE = 0.003, 0.997
_MIN_CONTRAST_LEVELS = 4
_MAX_GAIN = 14.0
_MIN_FREE_PIXELS = 2000
#: A picture with fewer keypoints than this is looked at again without gradients wider than so many px.
_FEW = 80
_SLOW_PX = 20.0
_FAINT_GAIN = 4.0
_MIN_WEIGHT = 0.05

_POSITIONS = np.arange(DESCRIPTOR_DIMENSIONS).reshape(4, 4, 8)
_TURNED = (8 - np.arange(8)) % 8
_MIRRORED = _POSITIONS[::-1][:, :, _TURNED].ravel()
_INVERTED = _POSITIONS[::-1, ::-1].ravel()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Keypoints:
    """Keypoints of one picture: `points` (N, 2) float32 are x and y in px, `descriptors` (N, 128) uint8."""

    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vocabulary:
    """What codes are made with and searched by.

    A descriptor d, (128,) uint8, has the code round((d / 512 - mean) @ projection * scale), clipped to -127..127:
    squared distances of codes, divided by scale squared, approximate those of RootSIFT. `mean` (128,) and `projection`
    (128, 48) are float32; `centroids` (C, 48) float32 are the centres of an inverted file, in units of codes.
    """

    mean: npt.NDArray[np.float32]
    projection: npt.NDArray[np.float32]
    scale: float
    centroids: npt.NDArray[np.float32]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Read the shipped vocabulary."""
    with np.load(Path(__file__).with_name("vocabulary.npz"), allow_pickle=False) as stored:
        arrays = {name: np.asarray(stored[name], np.float32) for name in ("mean", "projection", "centroids")}
        scale = float(stored["scale"])
    for array in arrays.values():
        array.flags.writeable = False
    return Vocabulary(mean=arrays["mean"], projection=arrays["projection"], scale=scale, centroids=arrays["centroids"])


def detect(grey: Grey, free: Grey | None = None, *, keep: int, side_px: int | None = None) -> Keypoints:
    """Find up to `keep` keypoints, spread over a picture.

    Contrast is stretched first, by what lies outside overlays: a white logo would leave a dark picture no range. Where
    that shows few keypoints, an empty sky for instance, those of the picture without its slow gradients are added.

    Parameters
    ----------
    grey
        (H, W) uint8.
    free
        (H, W) uint8, 255 where no overlay lies and 0 where one does; None where there are none.
    keep
        The strongest of each part of the picture are kept first, so that one busy corner does not take them all.
    side_px
        Longer side at which to look; the picture's own if None. Points are in px of the picture given.
    """
    found = _found(*_reduced(grey, free, side_px or max(grey.shape)), keep)
    found = Keypoints(points=_scaled(found.points, grey.shape, side_px), descriptors=found.descriptors)
    if len(found) < min(_FEW, keep):
        faint = _found(_flattened(grey, free), free, keep - len(found), stretch=False)
        found = Keypoints(
            points=np.concatenate([found.points, faint.points]),
            descriptors=np.concatenate([found.descriptors, faint.descriptors]),
        )
    return found


def viewed(
    descriptors: npt.NDArray[np.uint8], *, mirrored: bool = False, inverted: bool = False
) -> npt.NDArray[np.uint8]:
    """Return the descriptors that the same keypoints have in the picture turned left to right, or of reversed polarity.

    A descriptor is a grid of 4 x 4 places with 8 directions each, along the keypoint's own direction. A mirror reverses
    one side of the grid and the sense of the directions; reversed polarity turns the keypoint's direction round, and so
    the grid by half a turn.
    """
    order = np.arange(DESCRIPTOR_DIMENSIONS)
    if mirrored:
        order = order[_MIRRORED]
    if inverted:
        order = order[_INVERTED]
    return np.asarray(descriptors[:, order], np.uint8)


def project(descriptors: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """Return the codes, (N, 48) int8, of descriptors, (N, 128) uint8. See `Vocabulary` for the scale."""
    words = vocabulary()
    values = (descriptors.astype(np.float32) / DESCRIPTOR_LENGTH - words.mean) @ words.projection * words.scale
    return np.asarray(np.clip(np.rint(values), -127, 127), np.int8)


def _found(grey: Grey, free: Grey | None, keep: int, *, stretch: bool = True) -> Keypoints:
    """Find keypoints of a picture at its own size."""
    stretched = _stretched(grey, free) if stretch else grey
    if stretched is None:
        return _no_keypoints()
    found, described = _detector(round(keep * _SPARE)).detectAndCompute(stretched, free)
    if not found:
        return _no_keypoints()
    points = np.array([each.pt for each in found], np.float32)
    strengths = np.array([each.response for each in found], np.float32)
    kept = _spread(points, strengths, grey.shape)[:keep]
    return Keypoints(points=points[kept], descriptors=_root(np.asarray(described, np.float32)[kept]))


def _reduced(grey: Grey, free: Grey | None, side_px: int) -> tuple[Grey, Grey | None]:
    """Reduce a picture and its mask to a longer side of `side_px`; what is only partly free is not free."""
    height, width = grey.shape
    scale = side_px / max(height, width)
    if scale >= 1:
        return grey, free
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    if free is None:
        return small, None
    shares = cv2.resize(free, size, interpolation=cv2.INTER_AREA)
    return small, np.where(shares == FREE, FREE, 0).astype(np.uint8)


def _scaled(points: npt.NDArray[np.float32], shape: tuple[int, ...], side_px: int | None) -> npt.NDArray[np.float32]:
    """Bring points of a picture that was reduced to a longer side of `side_px` back to its own px."""
    if side_px is None or side_px >= max(shape):
        return points
    scale = side_px / max(shape)
    factors = [size / max(1, round(size * scale)) for size in (shape[1], shape[0])]
    # Pixel centres, not corners, lie at whole numbers.
    half = np.float32(0.5)
    return np.asarray((points + half) * np.array(factors, np.float32) - half, np.float32)


def _flattened(grey: Grey, free: Grey | None) -> Grey:
    """Take the slow gradients out of a picture and make what is left stronger."""
    values = grey.astype(np.float32)
    if free is None:
        slow = cv2.GaussianBlur(values, (0, 0), _SLOW_PX)
    else:
        weights = (free > 0).astype(np.float32)
        shares = np.maximum(cv2.GaussianBlur(weights, (0, 0), _SLOW_PX), _MIN_WEIGHT)
        slow = cv2.GaussianBlur(values * weights, (0, 0), _SLOW_PX) / shares
    fast = cv2.GaussianBlur(values - slow, (0, 0), 1.0)
    return np.asarray(np.clip(fast * _FAINT_GAIN + 128, 0, 255), np.uint8)


def _stretched(grey: Grey, free: Grey | None) -> Grey | None:
    """Spread the grey levels outside overlays over the whole range; None if there is nothing to see."""
    counts = cv2.calcHist([grey], [0], free, [256], [0, 256]).ravel()
    total = float(counts.sum())
    if total < min(_MIN_FREE_PIXELS, grey.size / 4):
        return None
    shares = np.cumsum(counts) / total
    darkest, brightest = (int(np.searchsorted(shares, share)) for share in (_DARKEST_SHARE, _BRIGHTEST_SHARE))
    if brightest - darkest < _MIN_CONTRAST_LEVELS:
        return None
    gain = min(255 / (brightest - darkest), _MAX_GAIN)
    levels = np.clip((np.arange(256) - darkest) * gain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(grey, levels), np.uint8)


@lru_cache(maxsize=8)
def _detector(count: int) -> cv2.SIFT:
    return cv2.SIFT_create(  # type: ignore[attr-defined,no-any-return]
        nfeatures=count,
        contrastThreshold=_CONTRAST_THRESHOLD,
        edgeThreshold=_EDGE_THRESHOLD,
        enable_precise_upscale=True,
    )


def _spread(
    points: npt.NDArray[np.float32], strengths: npt.NDArray[np.float32], shape: tuple[int, ...]
) -> npt.NDArray[np.intp]:
    """Order keypoints so that the strongest of every part of the picture come first, then the second of each."""
    height, width = shape
    columns = np.minimum((points[:, 0] * _GRID_COLUMNS / width).astype(np.int64), _GRID_COLUMNS - 1)
    rows = np.minimum((points[:, 1] * _GRID_ROWS / height).astype(np.int64), _GRID_ROWS - 1)
    cells = rows * _GRID_COLUMNS + columns
    by_cell = np.lexsort((-strengths, cells))
    starts = np.searchsorted(cells[by_cell], cells[by_cell])
    rank = np.empty(len(points), np.int64)
    rank[by_cell] = np.arange(len(points)) - starts
    return np.asarray(np.lexsort((-strengths, rank)), np.intp)


def _root(described: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    sums = np.maximum(described.sum(axis=1, keepdims=True), 1e-6)
    return np.asarray(np.clip(np.rint(np.sqrt(described / sums) * DESCRIPTOR_LENGTH), 0, 255), np.uint8)


def _no_keypoints() -> Keypoints:
    return Keypoints(points=np.empty((0, 2), np.float32), descriptors=np.empty((0, DESCRIPTOR_DIMENSIONS), np.uint8))
