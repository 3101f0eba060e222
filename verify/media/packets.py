"""One pass over the packets of a file, none of them decoded: times, key frames, sizes. Runs in the worker process."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import av.error
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from av.container import InputContainer

    Ticks = npt.NDArray[np.int64]

#: At 60 frames a second and with sound, some twelve hours.
MAX_PACKETS = 5_000_000
_NO_TIME = -(2**63)
#: Steps within this share of the commonest one, or within one tick of it where ticks are fine, count as
#: equal: containers round.
_STEP_TOLERANCE = 0.02
#: A file counts as one of constant frame rate if no more than this share of its steps differ from the commonest.
_CONSTANT_SHARE = 0.02


@dataclass(slots=True)
class StreamPackets:
    """The packets of one stream in the order of the file.

    Times count `time_base`. `size_bytes`, `first` and `end` are of the packets that the container does not hide.
    """

    time_base: Fraction
    pts: array[int] = field(default_factory=lambda: array("q"))
    dts: array[int] = field(default_factory=lambda: array("q"))
    is_key: bytearray = field(default_factory=bytearray)
    is_hidden: bytearray = field(default_factory=bytearray)
    count: int = 0
    size_bytes: int = 0
    marked_corrupt: int = 0
    first: int | None = None
    end: int | None = None
    parameter_changes: int = 0

    @property
    def span_s(self) -> tuple[float, float] | None:
        """First presentation time and the end of the last packet in seconds, on the clock of the file."""
        if self.first is None or self.end is None:
            return None
        return float(self.first * self.time_base), float(self.end * self.time_base)


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketPass:
    """Packets by stream index. `cut_short` says why the pass ended before the file did, None if it did not."""

    streams: dict[int, StreamPackets]
    cut_short: str | None


def read_packets(container: InputContainer, detailed: int | None, deadline: float) -> PacketPass:
    """Read all packets, keeping times and flags of the stream with index `detailed` only.

    Parameters
    ----------
    deadline
        Moment of `time.monotonic` at which the pass is cut short.
    """
    streams = {
        stream.index: StreamPackets(stream.time_base or Fraction(1, 1000))
        for stream in container.streams
        if stream.type in {"video", "audio", "subtitle"}
    }
    left = MAX_PACKETS
    packets = container.demux([stream for stream in container.streams if stream.index in streams])
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return PacketPass(streams=streams, cut_short=None)
        except av.error.FFmpegError as error:
            return PacketPass(streams=streams, cut_short=f"reading stopped: {error.strerror}")
        if packet.size == 0 and packet.dts is None:
            continue  # the packet that ends a stream
        left -= 1
        if left < 0:
            return PacketPass(streams=streams, cut_short=f"it has more than {MAX_PACKETS} packets")
        if left % 1024 == 0 and time.monotonic() > deadline:
            return PacketPass(streams=streams, cut_short="it took longer than is allowed")
        told = streams[packet.stream_index]
        told.count += 1
        told.size_bytes += 0 if packet.is_discard else packet.size
        told.marked_corrupt += packet.is_corrupt
        told.parameter_changes += packet.has_sidedata("new_extradata")
        if packet.pts is not None and not packet.is_discard:
            told.first = packet.pts if told.first is None else min(told.first, packet.pts)
            end = packet.pts + (packet.duration or 0)
            told.end = end if told.end is None else max(told.end, end)
        if packet.stream_index == detailed:
            told.pts.append(_NO_TIME if packet.pts is None else packet.pts)
            told.dts.append(_NO_TIME if packet.dts is None else packet.dts)
            told.is_key.append(packet.is_keyframe)
            told.is_hidden.append(packet.is_discard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Presentation times of one stream's pictures.

    `step_s` is the commonest time from one picture to the next and `off_beat` how many steps differ from it.
    `missing` counts pictures that a constant rate leaves out in `gap_count` steps of a whole multiple; `longest_s` is
    the longest step and `longest_at_s` where it begins, from the first picture. `same_time` counts pictures whose time
    another has too, `hidden` those that the container says not to show, `untimed` those without a time, and
    `backwards` the packets whose decoding time does not advance.
    """

    pictures: int
    step_s: float
    shortest_s: float
    longest_s: float
    longest_at_s: float
    off_beat: int
    gap_count: int
    missing: int
    same_time: int
    hidden: int
    untimed: int
    backwards: int
    constant: bool
    span_s: float


def picture_timing(packets: StreamPackets) -> Timing | None:
    """Describe when pictures are presented; None for fewer than three pictures with a time."""
    pts, dts = np.asarray(packets.pts, np.int64), np.asarray(packets.dts, np.int64)
    shown = np.sort(pts[(pts != _NO_TIME) & (np.frombuffer(packets.is_hidden, np.uint8) == 0)])
    if len(shown) < 3:
        return None
    steps = np.diff(shown)
    same_time = int((steps == 0).sum())
    starts, steps = shown[:-1][steps > 0], steps[steps > 0]
    if not len(steps):
        return None
    values, counts = np.unique(steps, return_counts=True)
    step = int(values[counts.argmax()])
    tolerance = max(min(1.0, step / 4), _STEP_TOLERANCE * step)
    multiples = np.rint(steps / step)
    off_beat = np.abs(steps - step) > tolerance
    gaps = off_beat & (multiples >= 2) & (np.abs(steps - multiples * step) <= tolerance * multiples)
    longest = int(steps.argmax())
    known_dts = dts[dts != _NO_TIME]
    unit = float(packets.time_base)
    return Timing(
        pictures=len(pts),
        step_s=_mean_step(steps, off_beat) * unit,
        shortest_s=float(steps.min()) * unit,
        longest_s=float(steps.max()) * unit,
        longest_at_s=float(starts[longest] - shown[0]) * unit,
        off_beat=int(off_beat.sum()),
        gap_count=int(gaps.sum()),
        missing=int((multiples[gaps] - 1).sum()),
        same_time=same_time,
        hidden=sum(packets.is_hidden),
        untimed=int((pts == _NO_TIME).sum()),
        backwards=int((np.diff(known_dts) <= 0).sum()),
        constant=bool(off_beat.sum() <= _CONSTANT_SHARE * len(steps)),
        span_s=float(shown[-1] - shown[0]) * unit,
    )


def _mean_step(steps: Ticks, off_beat: npt.NDArray[np.bool_]) -> float:
    """Mean of the steps that count as the commonest one, which undoes the container's rounding; in ticks."""
    return float(steps[~off_beat].mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFrames:
    """Key frames of one stream. Intervals are in pictures, from each to the next; the last one, cut by the end, is
    left out. `open_groups` counts key frames before which pictures are shown that are stored after them.
    """

    count: int
    pictures: int
    shortest: int
    median: float
    longest: int
    regular: bool
    reordered: bool
    open_groups: int
    starts_with_key: bool


def key_frames(packets: StreamPackets) -> KeyFrames | None:
    """Describe where a stream's key frames stand; None if it has none."""
    is_key = np.frombuffer(packets.is_key, np.uint8) != 0
    places = np.nonzero(is_key)[0]
    if not len(places):
        return None
    pts = np.asarray(packets.pts, np.int64)
    timed = bool((pts != _NO_TIME).all())
    intervals = np.diff(places)
    earliest_after = np.minimum.reduceat(pts, places) if timed else pts[places]
    return KeyFrames(
        count=len(places),
        pictures=len(is_key),
        shortest=int(intervals.min(initial=len(is_key))),
        median=float(np.median(intervals)) if len(intervals) else float(len(is_key)),
        longest=int(intervals.max(initial=0)) or len(is_key),
        regular=len(intervals) >= 2 and bool((intervals == intervals[0]).all()),
        reordered=timed and bool((pts < np.maximum.accumulate(pts)).any()),
        open_groups=int((earliest_after < pts[places])[1:].sum()),
        starts_with_key=bool(is_key[0]),
    )
