"""Decode a file once and sample it: frames on a time grid, and both frames at every cut. Runs in the worker process.

PyAV decodes (exact presentation timestamps, access to the luminance plane without conversion); OpenCV and swscale do
the picture work. docs/decisions/0003 has the measurements behind that.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.error
import cv2
import numpy as np

from verify.media.continuity import Continuity, Stillness
from verify.media.cuts import CutFinder
from verify.media.luma import luma_plane
from verify.media.probe import MAX_PIXELS, picture_size
from verify.media.transitions import BoundaryFinder
from verify.model import DecodeOutcome, Interval, SampledFrame
from verify.translation import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

CANONICAL_SIDE_PX = 512
_THUMBNAIL_SIZE = (64, 36)
_MISSING_TOLERANCE_S = 0.5


@dataclass(slots=True)
class _Pending:
    """A decoded frame that waits until it is known whether a cut lies beside it."""

    frame: VideoFrame
    time_s: float
    on_grid: bool
    thumbnail: npt.NDArray[np.float32]
    follows_cut: bool = False
    on_second_grid: bool = False


class _Grid:
    """Says which frames lie on a grid of times: the first at or after each grid time.

    Parameters
    ----------
    per_second
        Density of the grid; None for a grid without times.
    """

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._next_s = 0.0

    def takes(self, time_s: float) -> bool:
        """Say whether the next frame, presented at this time in seconds, is on the grid."""
        if self._per_second is None or time_s < self._next_s:
            return False
        self._next_s = (math.floor(time_s * self._per_second + 1e-6) + 1) / self._per_second
        return True


class _Samples:
    """Keeps the sampled frames until it is final where shots begin, a few seconds, and emits them with that mark."""

    def __init__(self, emit: Callable[[SampledFrame], None]) -> None:
        self.boundaries_s: list[float] = []
        self._emit = emit
        self._finder = BoundaryFinder()
        self._kept: deque[SampledFrame] = deque()
        self._marked = 0

    def pass_by(self, pending: _Pending) -> None:
        """Take the next frame of the video, sampled or not."""
        self._finder.add(pending.time_s, pending.thumbnail, follows_cut=pending.follows_cut)

    def keep(self, frame: SampledFrame) -> None:
        """Take a sampled frame, once it has passed by."""
        self._kept.append(frame)

    def release(self) -> None:
        """Emit the frames before which all boundaries are known."""
        self.boundaries_s += self._finder.take()
        while self._kept and self._kept[0].time_s < self._finder.settled_s:
            frame = self._kept.popleft()
            begun = self._marked
            while self._marked < len(self.boundaries_s) and self.boundaries_s[self._marked] <= frame.time_s:
                self._marked += 1
            self._emit(replace(frame, starts_shot=self._marked > begun))

    def finish(self) -> None:
        """Emit all that are left: no more frames pass by."""
        self._finder.finish()
        self.release()


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
    *,
    also: Callable[[VideoFrame, float], None] | None = None,
    second_per_second: float | None = None,
) -> DecodeOutcome:
    """Decode `stream` from start to end, emitting the sampled frames in order of time.

    Parameters
    ----------
    samples_per_second
        Density of the grid. The first frame at or after each grid time is sampled, and both frames at every cut.
    emit
        Takes each sampled frame, a few seconds after it was decoded, in order of time.
    report_time
        Takes the time reached, in seconds, about twice per second of video.
    also
        Takes every presented frame and its time in seconds.
    second_per_second
        Density of a second grid, sampled in the same pass: frames say of which sampling they are. Each sampling has the
        frames that it would have alone.
    """
    window: deque[_Pending] = deque()
    cuts = CutFinder()
    samples = _Samples(emit)
    tally = _Tally(continuity=Continuity(_expected_step_s(stream)))
    grid, second_grid = _Grid(samples_per_second), _Grid(second_per_second)
    next_report_s = 0.5

    def settle(cut_follows: bool) -> None:
        """Let the oldest pending frame go, now that it is known whether a cut follows it."""
        oldest = window.popleft()
        if cut_follows:
            window[0].follows_cut = True
        samples.pass_by(oldest)
        beside_cut = oldest.follows_cut or cut_follows
        in_first = oldest.on_grid or beside_cut
        in_second = oldest.on_second_grid or (beside_cut and second_per_second is not None)
        if in_first or in_second:
            samples.keep(replace(_canonical(oldest, stream), in_first=in_first, in_second=in_second))
        samples.release()

    for frame, time_s in _presented_frames(container, stream, tally):
        on_grid, on_second_grid = grid.takes(time_s), second_grid.takes(time_s)
        if also:
            also(frame, time_s)
        thumbnail = _thumbnail(frame)
        tally.stillness.add(time_s, thumbnail)
        window.append(
            _Pending(frame=frame, time_s=time_s, on_grid=on_grid, thumbnail=thumbnail, on_second_grid=on_second_grid)
        )
        cut_follows = cuts.add(thumbnail)
        if cut_follows is not None:
            settle(cut_follows)
        if time_s >= next_report_s:
            report_time(time_s)
            next_report_s = time_s + 0.5
    for cut_follows in cuts.finish():
        settle(cut_follows)
    samples.finish()
    return _outcome(container, stream, tally, tuple(samples.boundaries_s))


def frames_at(
    container: InputContainer,
    stream: VideoStream,
    times_s: list[float],
    emit: Callable[[SampledFrame], None],
    *,
    side_px: int | None = None,
) -> None:
    """Emit the frame presented at each of the increasing `times_s`, decoding no further than the last.

    With `side_px` frames are of that size instead of the canonical one, and no larger than they are in the file.
    """
    wanted = deque(times_s)
    shown: tuple[VideoFrame, float] | None = None
    for frame, time_s in _presented_frames(container, stream, _Tally(continuity=Continuity(0.0))):
        while wanted and shown is not None and time_s > wanted[0] + 1e-6:
            emit(_canonical(_Pending(shown[0], shown[1], True, np.empty(0, np.float32)), stream, side_px))
            wanted.popleft()
        if not wanted:
            return
        shown = (frame, time_s)
    while wanted and shown is not None:
        emit(_canonical(_Pending(shown[0], shown[1], True, np.empty(0, np.float32)), stream, side_px))
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
    luma = luma_plane(frame)
    if luma is None:
        grey = frame.reformat(width=256, height=144, format="gray", interpolation="FAST_BILINEAR")
        luma = np.asarray(grey.to_ndarray(), np.uint8)
    step = max(1, min(luma.shape[0] // (3 * _THUMBNAIL_SIZE[1]), luma.shape[1] // (3 * _THUMBNAIL_SIZE[0])))
    # Averaged as floats: rounded to whole grey levels, neighbouring shots of the darkest footage would be alike.
    thinned = luma[::step, ::step].astype(np.float32)
    return np.asarray(cv2.resize(thinned, _THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA), np.float32)


def _canonical(pending: _Pending, stream: VideoStream, side_px: int | None = None) -> SampledFrame:
    """Reduce a frame to the canonical size: upright, square pixels, longest side 512 px; or to `side_px` at most."""
    frame = pending.frame
    width, height = picture_size(frame.width, frame.height, stream.sample_aspect_ratio)
    scale = CANONICAL_SIDE_PX / max(width, height) if side_px is None else min(1.0, side_px / max(width, height))
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
    )


def _outcome(container: InputContainer, stream: VideoStream, tally: _Tally, cuts: tuple[float, ...]) -> DecodeOutcome:
    end_s = tally.last_s + tally.last_duration_s if tally.frames else 0.0
    declared_s = declared_duration_s(container, stream)
    missing_s = max(0.0, (declared_s or 0.0) - end_s)
    if missing_s <= _MISSING_TOLERANCE_S:
        missing_s = 0.0
    failure = tally.failure
    if missing_s and failure is None:
        failure = marked("the file ends before its declared duration")
    if tally.damaged_frames and not tally.frames:
        failure = marked("every picture in it is damaged")
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
