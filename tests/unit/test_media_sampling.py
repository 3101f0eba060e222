"""Sampling a stream whose packets, timestamps and ends misbehave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import av.error
import numpy as np
import pytest

from fixtures import drawing
from verify.media.sampling import declared_duration_s, frames_at, sample_frames
from verify.model import DecodeOutcome, SampledFrame

TIME_BASE = Fraction(1, 25)
PICTURE = next(drawing.scene(1, 1))


def frame(pts: int | None, *, duration: int | None = 1) -> av.VideoFrame:
    made = av.VideoFrame.from_ndarray(PICTURE, format="bgr24")
    made.pts, made.time_base = pts, TIME_BASE
    if duration is not None:
        made.duration = duration
    return made


class Packet:
    """Decodes to frames, or to an error."""

    def __init__(self, *frames: av.VideoFrame, error: Exception | None = None) -> None:
        self._frames, self._error = frames, error

    def decode(self) -> list[av.VideoFrame]:
        if self._error:
            raise self._error
        return list(self._frames)


class Container:
    duration: int | None = None

    def __init__(self, *packets: Packet, error: Exception | None = None) -> None:
        self._packets, self._error = packets, error

    def demux(self, _: Any) -> Iterator[Packet]:
        yield from self._packets
        if self._error:
            raise self._error


def stream(duration: int | None = None, time_base: Fraction | None = TIME_BASE) -> Any:
    return SimpleNamespace(time_base=time_base, duration=duration, sample_aspect_ratio=None, average_rate=None)


def sampled(container: Container, declared: int | None = None) -> tuple[list[SampledFrame], DecodeOutcome]:
    frames: list[SampledFrame] = []
    outcome = sample_frames(container, stream(declared), 1000.0, frames.append, lambda _: None)  # type: ignore[arg-type]
    return frames, outcome


def corrupt(pts: int) -> Any:
    """Stand in for a frame that the decoder marks as damaged; PyAV cannot make one."""
    return SimpleNamespace(pts=pts, width=PICTURE.shape[1], height=PICTURE.shape[0], is_corrupt=True)


BROKEN = av.error.InvalidDataError(1, "Invalid data found")


def test_damaged_packets_are_counted_and_passed_over():
    packets = [Packet(frame(0)), Packet(error=BROKEN), Packet(frame(2)), Packet(error=BROKEN), Packet(frame(4))]
    frames, outcome = sampled(Container(*packets))
    assert [each.pts for each in frames] == [0, 2, 4]
    assert (outcome.damaged_packets, outcome.failure, outcome.frame_count) == (2, None, 3)


def test_reading_that_stops_is_a_failure():
    frames, outcome = sampled(Container(Packet(frame(0)), error=av.error.OSError(5, "Input/output error")), 100)
    assert len(frames) == 1
    assert outcome.failure == "reading stopped: Input/output error"
    assert outcome.missing_s == pytest.approx(99 / 25)


def test_decoder_that_says_it_is_done_is_believed():
    frames, outcome = sampled(Container(Packet(frame(0)), Packet(error=av.error.EOFError(1, "End")), Packet(frame(2))))
    assert (len(frames), outcome.failure) == (1, None)


def test_timestamps_that_do_not_advance_are_dropped():
    pts = [10, 10, 9, None, 12, 11, 13]
    frames, outcome = sampled(Container(*(Packet(frame(each)) for each in pts)))
    assert [each.pts for each in frames] == [10, 12, 13]
    assert outcome.frame_count == 3
    assert [each.time_s for each in frames] == pytest.approx([0.0, 2 / 25, 3 / 25])
    assert outcome.decoded.end_s == pytest.approx(4 / 25)


def test_negative_timestamps_start_at_zero_too():
    frames, _ = sampled(Container(*(Packet(frame(each)) for each in (-5, -4, -3))))
    assert [each.time_s for each in frames] == pytest.approx([0.0, 1 / 25, 2 / 25])


def test_last_frame_without_a_duration_lasts_as_long_as_the_one_before():
    _, outcome = sampled(Container(*(Packet(frame(each, duration=None)) for each in (0, 3, 6))))
    assert outcome.decoded.end_s == pytest.approx(9 / 25)


@pytest.mark.parametrize(("declared", "missing_s"), [(None, 0.0), (25, 0.0), (36, 0.0), (38, 13 / 25), (10, 0.0)])
def test_missing_seconds_are_those_declared_and_not_decoded(declared: int | None, missing_s: float):
    _, outcome = sampled(Container(*(Packet(frame(each)) for each in range(25))), declared)
    assert outcome.missing_s == pytest.approx(missing_s)
    assert outcome.failure == ("the file ends before its declared duration" if missing_s else None)


def test_nothing_decodes():
    frames, outcome = sampled(Container(Packet(error=BROKEN)), 100)
    assert frames == []
    assert (outcome.frame_count, outcome.decoded.end_s, outcome.missing_s) == (0, 0.0, 4.0)


def at(times_s: list[float], *packets: Packet) -> list[int]:
    found: list[SampledFrame] = []
    frames_at(Container(*packets), stream(), times_s, found.append)  # type: ignore[arg-type]
    return [each.pts for each in found]


def test_frames_at_times_with_gaps_and_repeats():
    packets = [Packet(frame(each)) for each in (0, 10, 11, 25)]
    assert at([0.0, 0.0, 0.3, 0.4, 0.42, 0.9, 1.0], *packets) == [0, 0, 0, 10, 10, 11, 25]


def test_no_more_is_decoded_than_is_asked_for():
    after = Packet(error=AssertionError("decoded too far"))
    assert at([0.0, 0.05], Packet(frame(0)), Packet(frame(1)), Packet(frame(2)), after) == [0, 1]


def test_no_frames_at_any_time():
    assert at([0.0, 1.0], Packet(error=BROKEN)) == []


def test_declared_duration():
    assert declared_duration_s(SimpleNamespace(duration=2_000_000), stream(100)) == 4.0  # type: ignore[arg-type]
    assert declared_duration_s(SimpleNamespace(duration=2_000_000), stream()) == 2.0  # type: ignore[arg-type]
    assert declared_duration_s(SimpleNamespace(duration=None), stream()) is None  # type: ignore[arg-type]


def test_stream_without_a_time_base_is_read_in_thousandths():
    frames: list[SampledFrame] = []
    opened = Container(Packet(frame(0)), Packet(frame(40)))
    sample_frames(opened, stream(time_base=None), 1000.0, frames.append, lambda _: None)  # type: ignore[arg-type]
    assert [each.time_s for each in frames] == pytest.approx([0.0, 0.04])
    assert np.array_equal(frames[0].pixels_bgr, frames[1].pixels_bgr)


def test_damaged_pictures_are_not_sampled_and_leave_a_gap():
    packets = [Packet(frame(number) if not 10 <= number < 15 else corrupt(number)) for number in range(30)]
    frames, outcome = sampled(Container(*packets))
    assert [each.pts for each in frames] == [*range(10), *range(15, 30)]
    assert (outcome.damaged_packets, outcome.frame_count) == (5, 25)
    (gap,) = outcome.gaps
    assert (gap.start_s, gap.end_s) == (pytest.approx(10 / 25), pytest.approx(15 / 25))


def test_time_starts_at_a_first_picture_that_is_damaged():
    frames, outcome = sampled(Container(*[Packet(corrupt(number)) for number in (0, 1)], Packet(frame(2))))
    assert [each.time_s for each in frames] == [pytest.approx(2 / 25)]
    assert outcome.gaps[0].start_s == 0.0
    assert outcome.gaps[0].end_s == pytest.approx(2 / 25)


def test_nothing_but_damaged_pictures():
    frames, outcome = sampled(Container(Packet(corrupt(0)), Packet(corrupt(1))))
    assert (frames, outcome.failure, outcome.frame_count) == ([], "every picture in it is damaged", 0)


def test_still_pictures_are_told_while_sampling():
    _, outcome = sampled(Container(*[Packet(frame(number)) for number in range(50)]))
    assert [(each.start_s, each.end_s) for each in outcome.held] == [(0.0, pytest.approx(2.0))]
    assert (outcome.gaps, outcome.repeated_frames, outcome.repeat_every_frames) == ((), 0, None)


# --- where shots begin ----------------------------------------------------------------------------------------------


def video_of(pictures: Sequence[np.ndarray]) -> Container:
    packets = []
    for number, picture in enumerate(pictures):
        shown = av.VideoFrame.from_ndarray(picture, format="bgr24")
        shown.pts, shown.time_base, shown.duration = number, TIME_BASE, 1
        packets.append(Packet(shown))
    return Container(*packets)


def dissolved(frames: int, length: int) -> list[np.ndarray]:
    """Draw two scenes of some frames each, blended into each other."""
    one, other = list(drawing.scene(1, frames)), list(drawing.scene(7, frames))
    shares = [(number + 1) / (length + 1) for number in range(length)]
    blended = [
        ((1 - share) * a + share * b).astype(np.uint8)
        for share, a, b in zip(shares, one[-length:], other[:length], strict=True)
    ]
    return [*one[:-length], *blended, *other[length:]]


def at_a_rate(pictures: Sequence[np.ndarray], per_second: float) -> tuple[list[SampledFrame], DecodeOutcome]:
    frames: list[SampledFrame] = []
    outcome = sample_frames(video_of(pictures), stream(), per_second, frames.append, lambda _: None)  # type: ignore[arg-type]
    return frames, outcome


@pytest.mark.parametrize("per_second", [2.0, 8.0, 1000.0])
def test_first_sample_after_the_middle_of_a_dissolve_starts_a_shot(per_second: float):
    frames, outcome = at_a_rate(dissolved(60, 20), per_second)
    (boundary_s,) = outcome.cut_times_s
    assert boundary_s == pytest.approx(50 / 25, abs=0.2)
    assert [frame.time_s for frame in frames if frame.starts_shot] == [
        min(frame.time_s for frame in frames if frame.time_s >= boundary_s)
    ]
    assert len(frames) == min(100, round(4 * per_second))


def test_samples_come_in_order_and_not_long_after_they_were_decoded():
    log: list[tuple[str, float]] = []
    pictures = [*dissolved(60, 20), *drawing.scene(11, 20), *drawing.scene(12, 60)]
    sample_frames(
        video_of(pictures),  # type: ignore[arg-type]
        stream(),
        8.0,
        lambda frame: log.append(("emitted", frame.time_s)),
        lambda _: None,
        also=lambda _, time_s: log.append(("decoded", time_s)),
    )
    emitted = [time_s for what, time_s in log if what == "emitted"]
    assert emitted == sorted(set(emitted))
    decoded_s = 0.0
    for what, time_s in log:
        if what == "decoded":
            decoded_s = time_s
        else:
            assert decoded_s - time_s <= 2.8 or decoded_s == pytest.approx((len(pictures) - 1) / 25)


def test_both_sides_of_cuts_among_dissolves_are_sampled():
    pictures = [*dissolved(60, 20), *drawing.scene(11, 20), *drawing.scene(12, 60)]
    frames, outcome = at_a_rate(pictures, 0.1)
    assert outcome.cut_times_s[1:] == pytest.approx((100 / 25, 120 / 25))
    assert [frame.pts for frame in frames] == [0, 99, 100, 119, 120]
    assert [frame.starts_shot for frame in frames] == [False, True, True, False, True]


def test_cuts_of_the_darkest_footage_are_found():
    pictures = [picture // 24 for seed in (1, 7, 11) for picture in drawing.scene(seed, 30)]
    _, outcome = at_a_rate(pictures, 1.0)
    assert outcome.cut_times_s == pytest.approx((30 / 25, 60 / 25))


# --- two samplings in one pass --------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_s", [0.0, 1 / 3, 7.7])
@pytest.mark.parametrize("step_s", [0.04, 0.125, 0.24999999999, 1 / 30, 0.07, 0.3])
def test_each_of_two_samplings_has_the_frames_that_it_has_alone(first_s: float, step_s: float):
    """Times next to grid times too, on either side of them."""
    base = Fraction(1, 10**9)
    pictures = [*dissolved(40, 12), *drawing.scene(11, 12)]

    def video() -> Container:
        packets = []
        for number, picture in enumerate(pictures):
            shown = av.VideoFrame.from_ndarray(picture, format="bgr24")
            shown.pts, shown.time_base = round((first_s + number * step_s) * 10**9), base
            packets.append(Packet(shown))
        return Container(*packets)

    def alone(per_second: float) -> list[SampledFrame]:
        frames: list[SampledFrame] = []
        sample_frames(video(), stream(time_base=base), per_second, frames.append, lambda _: None)  # type: ignore[arg-type]
        return frames

    both: list[SampledFrame] = []
    sample_frames(
        video(),  # type: ignore[arg-type]
        stream(time_base=base),
        8.0,
        both.append,
        lambda _: None,
        second_per_second=4.0,
    )
    for per_second, own in (
        (8.0, [frame for frame in both if frame.in_first]),
        (4.0, [frame for frame in both if frame.in_second]),
    ):
        assert [frame.pts for frame in own] == [frame.pts for frame in alone(per_second)]
    assert all(frame.in_first or frame.in_second for frame in both)
    assert all(frame.in_first and not frame.in_second for frame in alone(8.0))
