"""Grey pictures of decoded frames, as cheaply as their pixel format allows. Runs in the worker process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.media.probe import picture_size
from verify.media.proxies import grid_step_after, proxy_size

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    Grey = npt.NDArray[np.uint8]

_PLANAR_LUMA = ("yuv", "yuvj", "nv12", "nv21", "gray")


def luma_plane(frame: VideoFrame) -> Grey | None:
    """Return a view of the brightness of a frame, (H, W) uint8; None if its format has no such plane of 8 bits."""
    if not frame.format.name.startswith(_PLANAR_LUMA) or frame.format.components[0].bits != 8:
        return None
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]


class ProxySampler:
    """Takes the frames of a video and emits small grey pictures on a time grid, all of one size.

    Parameters
    ----------
    stream
        The stream that the frames are of.
    side_px
        Longer side of the pictures.
    per_second
        Density of the grid. The first frame at or after each grid time is taken.
    emit
        Takes the time in seconds and the picture, (height, width) uint8, upright and in square pixels.
    """

    def __init__(
        self, stream: VideoStream, side_px: int, per_second: float, emit: Callable[[float, Grey], None]
    ) -> None:
        self._stream = stream
        self._side_px = side_px
        self._per_second = per_second
        self._emit = emit
        self._due_s = 0.0
        self._shape: tuple[int, ...] | None = None

    def add(self, frame: VideoFrame, time_s: float) -> None:
        """Take the next frame, presented at `time_s` seconds."""
        if time_s < self._due_s:
            return
        self._due_s = grid_step_after(time_s, self._per_second)
        stored = picture_size(frame.width, frame.height, self._stream.sample_aspect_ratio)
        picture = np.rot90(reduced_luma(frame, *proxy_size(*stored, self._side_px)), round(frame.rotation / 90) % 4)
        self._shape = self._shape or picture.shape
        if picture.shape != self._shape:
            size = (self._shape[1], self._shape[0])
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._emit(time_s, np.ascontiguousarray(picture, np.uint8))


def reduced_luma(frame: VideoFrame, width_px: int, height_px: int) -> Grey:
    """Reduce a frame to a grey picture of that size, averaging the pixels that each new one covers."""
    luma = luma_plane(frame)
    if luma is None:
        grey = frame.reformat(width=width_px, height=height_px, format="gray", interpolation="AREA")
        return np.asarray(grey.to_ndarray(), np.uint8)
    # Halving first costs less than one step, and gives the same averages.
    while not any(size % 2 for size in luma.shape) and luma.shape[0] >= 4 * height_px and luma.shape[1] >= 4 * width_px:
        luma = np.asarray(
            cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8
        )
    return np.asarray(cv2.resize(luma, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)
