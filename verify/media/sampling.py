"""Decode a file once and sample it: frames on a time grid, and both frames at every cut. Runs in the worker process.

PyAV decodes (exact presentation timestamps, access to the luminance plane without conversion); OpenCV and swscale do
the picture work. docs/decisions/0003 has the measurements behind that.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.error
import cv2
import numpy as np

from verify.media.continuity import Continuity, Stillness
from verify.media.cuts import LOOKAHEAD_FRAMES, LOOKBEHIND_FRAMES, is_cut
from verify.media.probe import MAX_PIXELS, picture_size
from verify.model import DecodeOutcome, Interval, SampledFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

CANONICAL_SIDE_PX = 512
_THUMBNAIL_SIZE = (64, 36)
_MISSING_TOLERANCE_S = 0.5
_PLANAR_LUMA = ("yuv", "yuvj", "nv12", "nv21", "gray")


@dataclass(slots=True)
class _Pending:
    """A decoded frame that waits until it is known whether a cut lies beside it."""

    frame: VideoFrame
    time_s: float
    on_grid: bool
    thumbnail: npt.NDArray[np.float32]
    starts_shot: bool = False


@dataclass(slots=True)
class _Tally:
    """What is counted while decoding."""

    continuity: Continuity
    stillness: Stillness = field(default_factory=Stillness)
    first_s: float | None = None
    last_s: float = 0.0
    last_duration_s: float = 0.0
    frames: int = 0
    damaged_packets: int = 0
    damaged_frames: int = 0
    failure: str | None = None


def sample_frames(
    container: InputContainer,
    stream: VideoStream,
    samples_per_second: float,
    emit: Callable[[SampledFrame], None],
    report_time: Callable[[float], None],
) -> DecodeOutcome:
    """Decode `stream` from start to end, emitting the sampled frames in order of time.

    Parameters
    ----------
    samples_per_second
        Density of the grid. The first frame at or after each grid time is sampled, and both frames at every cut.
    emit
        Takes each sampled frame.
    report_time
        Takes the time reached, in seconds, about twice per second of video.
    """
    window: deque[_Pending] = deque()
    past: deque[npt.NDArray[np.float32]] = deque(maxlen=LOOKBEHIND_FRAMES)
    cuts: list[float] = []
    tally = _Tally(continuity=Continuity(_expected_step_s(stream)))
    next_sample_s = 0.0
    next_report_s = 0.5

    def settle(upcoming: list[_Pending]) -> None:
        """Judge the oldest pending frame, now that what follows it is known, and emit it if it is a sample."""
        oldest = window.popleft()
        past.append(oldest.thumbnail)
        cut_follows = bool(upcoming) and is_cut(list(past), [pending.thumbnail for pending in upcoming])
        if cut_follows:
            upcoming[0].starts_shot = True
            cuts.append(upcoming[0].time_s)
            past.clear()
        if oldest.on_grid or oldest.starts_shot or cut_follows:
            emit(_canonical(oldest, stream))

    for frame, time_s in _presented_frames(container, stream, tally):
        on_grid = time_s >= next_sample_s
        if on_grid:
            next_sample_s = (math.floor(time_s * samples_per_second + 1e-6) + 1) / samples_per_second
        thumbnail = _thumbnail(frame)
        tally.stillness.add(time_s, thumbnail)
        window.append(_Pending(frame=frame, time_s=time_s, on_grid=on_grid, thumbnail=thumbnail))
        if len(window) > LOOKAHEAD_FRAMES:
            settle(list(window)[1:])
        if time_s >= next_report_s:
            report_time(time_s)
            next_report_s = time_s + 0.5
    while window:
        settle(list(window)[1:])
    return _outcome(container, stream, tally, tuple(cuts))


def frames_at(
    container: InputContainer, stream: VideoStream, times_s: list[float], emit: Callable[[SampledFrame], None]
) -> None:
    """Emit the frame presented at each of the increasing `times_s`, decoding no further than the last."""
    wanted = deque(times_s)
    shown: tuple[VideoFrame, float] | None = None
    for frame, time_s in _presented_frames(container, stream, _Tally(continuity=Continuity(0.0))):
        while wanted and shown is not None and time_s > wanted[0] + 1e-6:
            emit(_canonical(_Pending(shown[0], shown[1], True, np.empty(0, np.float32)), stream))
            wanted.popleft()
        if not wanted:
            return
        shown = (frame, time_s)
    while wanted and shown is not None:
        emit(_canonical(_Pending(shown[0], shown[1], True, np.empty(0, np.float32)), stream))
        wanted.popleft()


def _presented_frames(
    container: InputContainer, stream: VideoStream, tally: _Tally
) -> Iterator[tuple[VideoFrame, float]]:
    """Yield decoded frames with their time from the first one.

    Frames whose timestamp does not advance are dropped, and frames that the decoder marks as damaged besides counted.
    """
    time_base = stream.time_base or Fraction(1, 1000)
    previous_pts: int | None = None
    for frame in _decoded_frames(container, stream, tally):
        if frame.pts is None or (previous_pts is not None and frame.pts <= previous_pts):
            continue
        if frame.width * frame.height > MAX_PIXELS:
            tally.failure = f"a frame of {frame.width}x{frame.height} pixels, larger than is decoded"
            return
        absolute_s = float(frame.pts * time_base)
        if tally.first_s is None:
            tally.first_s = absolute_s
        if frame.is_corrupt:
            tally.damaged_frames += 1
            tally.continuity.damage()
            continue
        previous_pts = frame.pts
        time_s = absolute_s - tally.first_s
        tally.frames += 1
        tally.last_duration_s = float(frame.duration * time_base) if frame.duration else time_s - tally.last_s
        tally.last_s = time_s
        tally.continuity.presented(time_s)
        yield frame, time_s


def _decoded_frames(container: InputContainer, stream: VideoStream, tally: _Tally) -> Iterator[VideoFrame]:
    """Decode packet by packet, so that a damaged packet costs its own frames only."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            tally.failure = f"reading stopped: {error.strerror}"
            return
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            tally.damaged_packets += 1
            tally.continuity.damage()


def _thumbnail(frame: VideoFrame) -> npt.NDArray[np.float32]:
    """Return a small grey picture of a frame, (36, 64) float32 grey levels, as cheaply as its pixel format allows."""
    if frame.format.name.startswith(_PLANAR_LUMA) and frame.format.components[0].bits == 8:
        plane = frame.planes[0]
        luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    else:
        grey = frame.reformat(width=256, height=144, format="gray", interpolation="FAST_BILINEAR")
        luma = np.asarray(grey.to_ndarray(), np.uint8)
    step = max(1, min(luma.shape[0] // (3 * _THUMBNAIL_SIZE[1]), luma.shape[1] // (3 * _THUMBNAIL_SIZE[0])))
    small = cv2.resize(luma[::step, ::step], _THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _canonical(pending: _Pending, stream: VideoStream) -> SampledFrame:
    """Reduce a frame to the canonical size: upright, square pixels, longest side 512 px."""
    frame = pending.frame
    width, height = picture_size(frame.width, frame.height, stream.sample_aspect_ratio)
    scale = CANONICAL_SIDE_PX / max(width, height)
    small = frame.reformat(
        width=max(2, round(width * scale)), height=max(2, round(height * scale)), format="bgr24", interpolation="AREA"
    ).to_ndarray()
    quarter_turns = round(frame.rotation / 90) % 4
    upright = np.ascontiguousarray(np.rot90(small, quarter_turns), np.uint8)
    return SampledFrame(
        pts=frame.pts or 0,
        time_base=stream.time_base or Fraction(1, 1000),
        time_s=pending.time_s,
        pixels_bgr=upright,
        starts_shot=pending.starts_shot,
    )


def _outcome(container: InputContainer, stream: VideoStream, tally: _Tally, cuts: tuple[float, ...]) -> DecodeOutcome:
    end_s = tally.last_s + tally.last_duration_s if tally.frames else 0.0
    declared_s = declared_duration_s(container, stream)
    missing_s = max(0.0, (declared_s or 0.0) - end_s)
    if missing_s <= _MISSING_TOLERANCE_S:
        missing_s = 0.0
    failure = tally.failure
    if missing_s and failure is None:
        failure = "the file ends before its declared duration"
    if tally.damaged_frames and not tally.frames:
        failure = "every picture in it is damaged"
    return DecodeOutcome(
        decoded=Interval(start_s=0.0, end_s=end_s),
        frame_count=tally.frames,
        cut_times_s=cuts,
        failure=failure,
        missing_s=missing_s,
        damaged_packets=tally.damaged_packets + tally.damaged_frames,
        gaps=tally.continuity.ended(end_s),
        held=tally.stillness.held(end_s),
        repeated_frames=tally.stillness.repeated_frames,
        repeat_every_frames=tally.stillness.rhythm(),
    )


def _expected_step_s(stream: VideoStream) -> float:
    """Time between frames that the container declares, in seconds; 0.04 where it declares none."""
    return float(1 / stream.average_rate) if stream.average_rate else 0.04


def declared_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Duration that the stream declares, else the container's, in seconds; None if neither does."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None
