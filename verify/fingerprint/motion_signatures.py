"""Motion signatures: what changes in the picture at a moment, in 48 numbers, for footage that has no keypoints.

A night sky, smoke or heat holds little that a keypoint could stand on, and its pictures resemble each other; what
changes in them from one quarter of a second to the next does not. A signature is the low spatial frequencies of that
change (a discrete cosine transform), all of about the same weight, with the strength compressed. Seen in a mirror, the
odd ones change their sign; played backwards or with dark and light exchanged, all of them do.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.model import MotionSet

if TYPE_CHECKING:
    import numpy.typing as npt

    from verify.model import ProxyClip

    Vector = npt.NDArray[np.float32]

#: Raised whenever the same pictures give other codes.
VERSION = 1
#: Frequencies kept, across and down; the first, the change in brightness of the whole, is kept as zero: it says little.
ACROSS, DOWN = 8, 6
DIMENSIONS = ACROSS * DOWN
#: Time over which a change is taken, in seconds.
CHANGE_S = 0.24
_TIME_TOLERANCE_S = 0.05
#: Pictures are reduced to this before they are transformed.
_SIZE = (32, 18)
#: What frequencies are divided by: how strong they are in footage, as measured, within a third. In
#: grey levels, of an orthonormal transform of the reduced picture, at the first frequency; and how fast that falls.
_LEVEL, _FALL = 40.0, 0.15
#: Codes per unit of the compressed change, and the least change that is kept: about what coding leaves behind.
_SCALE = 48.0
_LEAST = 0.1


def _weights() -> Vector:
    down, across = np.mgrid[:DOWN, :ACROSS]
    weights = (1 + _FALL * (down + across)) / _LEVEL
    weights[0, 0] = 0.0
    return np.asarray(weights.ravel(), np.float32)


_WEIGHTS = _weights()
_MIRROR = np.tile((-1.0) ** np.arange(ACROSS), DOWN).astype(np.float32)


class MotionSignatures:
    """Collects the signatures of a video from its small grey pictures, one after the other.

    Parameters
    ----------
    free
        (H, W) uint8 mask of any size, 255 where no overlay lies; None for no mask.
    """

    def __init__(self, free: npt.NDArray[np.uint8] | None = None) -> None:
        self._free = None
        if free is not None:
            self._free = cv2.resize(free, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        self._recent: deque[tuple[float, Vector]] = deque()
        self._times_s: list[float] = []
        self._codes: list[npt.NDArray[np.int8]] = []

    def add(self, time_s: float, picture: npt.NDArray[np.uint8]) -> None:
        """Take the next picture, (height, width) uint8, shown at `time_s` seconds."""
        small = np.asarray(cv2.resize(picture, _SIZE, interpolation=cv2.INTER_AREA), np.float32)
        self._recent.append((time_s, small))
        wanted_s = time_s - CHANGE_S
        while len(self._recent) > 1 and abs(self._recent[1][0] - wanted_s) <= abs(self._recent[0][0] - wanted_s):
            self._recent.popleft()
        earlier_s, earlier = self._recent[0]
        if abs(earlier_s - wanted_s) > _TIME_TOLERANCE_S:
            return
        change = small - earlier
        if self._free is not None:
            change *= self._free
        code = _code(change)
        if code is not None:
            self._times_s.append((earlier_s + time_s) / 2)
            self._codes.append(code)

    def finish(self) -> MotionSet:
        """Return what was collected."""
        codes = np.stack(self._codes) if self._codes else np.zeros((0, DIMENSIONS), np.int8)
        return MotionSet(version=VERSION, times_s=np.array(self._times_s, np.float64), codes=codes)


def signatures_of(clip: ProxyClip, free: npt.NDArray[np.uint8] | None = None) -> MotionSet:
    """Return the signatures of a stretch of video; `free` as in `MotionSignatures`."""
    collector = MotionSignatures(free)
    for time_s, picture in zip(clip.times_s, clip.pictures, strict=True):
        collector.add(float(time_s), picture)
    return collector.finish()


def mirrored(codes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what codes (N, D) would be had the picture been turned left to right."""
    return codes * _MIRROR


def _code(change: Vector) -> npt.NDArray[np.int8] | None:
    """Code a change (rows, columns); None for one that is hardly any."""
    weighed = cv2.dct(change)[:DOWN, :ACROSS].ravel() * _WEIGHTS
    strength = float(np.linalg.norm(weighed))
    if strength < _LEAST:
        return None
    # A jolt of the camera is a hundred times a walker: with the root of it, either can be told from noise.
    compressed = weighed * np.float32(_SCALE / np.sqrt(strength))
    return np.asarray(np.clip(np.rint(compressed), -127, 127), np.int8)
