"""The small pictures that an archive keeps for reports: about two a second, and the first of every shot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from verify.archive.records import digest_of
from verify.media.pictures import encode_jpeg, reduced

if TYPE_CHECKING:
    from verify.model import SampledFrame

THUMBNAIL_INTERVAL_S = 0.5
THUMBNAIL_SIDE_PX = 256
#: Sampled frames keep to their grid within so many seconds.
THUMBNAIL_TOLERANCE_S = 0.01
_QUALITY = 60


class Thumbnail(NamedTuple):
    """A small JPEG of a reference frame at `time_s`."""

    time_s: float
    width_px: int
    height_px: int
    jpeg: bytes


def thumbnail_digest(time_s: float, width_px: int, height_px: int, jpeg: bytes) -> str:
    """Make the digest of a thumbnail, lower-case hex: over its time, its size, and the picture."""
    return digest_of(np.array([time_s], "<f8").tobytes(), np.array([width_px, height_px], "<i8").tobytes(), jpeg)


class Thumbnails:
    """Collects thumbnails from the sampled frames of a video, in order of time."""

    def __init__(self) -> None:
        self.kept: list[Thumbnail] = []

    def add(self, frame: SampledFrame) -> None:
        """Take the next frame."""
        least_s = THUMBNAIL_INTERVAL_S - THUMBNAIL_TOLERANCE_S
        if frame.starts_shot or not self.kept or frame.time_s - self.kept[-1].time_s >= least_s:
            small = reduced(frame.pixels_bgr, THUMBNAIL_SIDE_PX)
            height, width, _ = small.shape
            self.kept.append(
                Thumbnail(time_s=frame.time_s, width_px=width, height_px=height, jpeg=encode_jpeg(small, _QUALITY))
            )
