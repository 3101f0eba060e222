"""Times and key frames of packets that are made up."""

from __future__ import annotations

import time
from collections.abc import Iterable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av.error
import pytest

from verify.media import packets
from verify.media.packets import StreamPackets, key_frames, picture_timing, read_packets


def stream_of(
    pts: Iterable[int], keys: Iterable[int] = (0,), hidden: Iterable[int] = (), time_base: Fraction = Fraction(1, 25)
) -> StreamPackets:
    made = StreamPackets(time_base)
    key_places, hidden_places = set(keys), set(hidden)
    for number, each in enumerate(pts):
        made.pts.append(each)
        made.dts.append(number)
        made.is_key.append(number in key_places)
        made.is_hidden.append(number in hidden_places)
    return made


def timing_of(*arguments: Any, **named: Any) -> packets.Timing:
    timing = picture_timing(stream_of(*arguments, **named))
    assert timing is not None
    return timing


def test_constant_rate():
    timing = timing_of(range(100))
    assert (timing.constant, timing.off_beat, timing.missing, timing.step_s) == (True, 0, 0, pytest.approx(0.04))
    assert (timing.pictures, timing.span_s) == (100, pytest.approx(99 / 25))


def test_times_rounded_to_milliseconds_are_a_constant_rate():
    timing = timing_of([round(number * 1001 / 24) for number in range(500)], time_base=Fraction(1, 1000))
    assert (timing.constant, timing.off_beat) == (True, 0)
    assert timing.step_s == pytest.approx(1001 / 24000, rel=1e-3)


def test_pictures_left_out_of_a_constant_rate_are_counted():
    kept = [number for number in range(300) if number not in {50, 51, 120}]
    timing = timing_of(kept)
    assert (timing.constant, timing.off_beat, timing.gap_count, timing.missing) == (True, 2, 2, 3)
    assert (timing.longest_s, timing.longest_at_s) == (pytest.approx(0.12), pytest.approx(49 / 25))


def test_variable_rate():
    times, now = [], 0
    for number in range(100):
        times.append(now)
        now += (33, 41, 37, 90)[number % 4]
    timing = timing_of(times, time_base=Fraction(1, 1000))
    assert not timing.constant
    assert (timing.shortest_s, timing.longest_s) == (pytest.approx(0.033), pytest.approx(0.09))


def test_double_untimed_and_backward_packets_are_counted():
    made = stream_of([0, 1, 1, 2, 3, -(2**63), 5])
    made.dts[4] = 1
    timing = picture_timing(made)
    assert timing is not None
    assert (timing.same_time, timing.untimed, timing.backwards) == (1, 1, 1)


def test_hidden_pictures_are_counted_and_not_timed():
    timing = timing_of([-500, *range(10)], hidden=[0])
    assert (timing.hidden, timing.off_beat, timing.longest_s) == (1, 0, pytest.approx(0.04))


@pytest.mark.parametrize("pts", [[], [0, 1], [7, 7, 7, 7], [-(2**63)] * 5])
def test_too_little_to_time(pts: list[int]):
    assert picture_timing(stream_of(pts)) is None


def test_regular_closed_groups():
    keys = key_frames(stream_of(range(100), keys=range(0, 100, 25)))
    assert keys is not None
    assert (keys.count, keys.regular, keys.longest, keys.reordered, keys.open_groups) == (4, True, 25, False, 0)
    assert keys.starts_with_key


def test_irregular_groups_and_reordering():
    order = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]
    keys = key_frames(stream_of(order, keys=[0, 5, 12]))
    assert keys is not None
    assert (keys.shortest, keys.longest, keys.regular, keys.reordered) == (5, 7, False, True)


def test_pictures_shown_before_the_key_frame_that_precedes_them_make_a_group_open():
    keys = key_frames(stream_of([0, 1, 2, 6, 4, 5, 7, 8], keys=[0, 3]))
    assert keys is not None
    assert keys.open_groups == 1


def test_single_and_missing_key_frames():
    single = key_frames(stream_of(range(50)))
    assert single is not None
    assert (single.count, single.longest, single.shortest, single.regular) == (1, 50, 50, False)
    late = key_frames(stream_of(range(50), keys=[10]))
    assert late is not None
    assert not late.starts_with_key
    assert key_frames(stream_of(range(50), keys=[])) is None


# --- the pass -------------------------------------------------------------------------------------------------------


class Container:
    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.streams = [SimpleNamespace(index=0, type="video", time_base=Fraction(1, 25))]
        self._count, self._error = count, error

    def demux(self, _: Any) -> Iterable[Any]:
        for number in range(self._count):
            yield SimpleNamespace(
                size=10, pts=number, dts=number, duration=1, stream_index=0, is_keyframe=number == 0, is_corrupt=False,
                is_discard=False, has_sidedata=lambda _: False,
            )  # fmt: skip
        if self._error:
            raise self._error


def passed(container: Container, seconds: float = 60.0) -> packets.PacketPass:
    return read_packets(container, 0, time.monotonic() + seconds)  # type: ignore[arg-type]


def test_whole_file_is_counted():
    told = passed(Container(100))
    assert told.cut_short is None
    assert (told.streams[0].count, told.streams[0].size_bytes, told.streams[0].span_s) == (100, 1000, (0.0, 4.0))


def test_pass_is_cut_short_by_damage_number_and_time(monkeypatch: pytest.MonkeyPatch):
    broken = passed(Container(5, av.error.OSError(5, "Input/output error")))
    assert (broken.cut_short, broken.streams[0].count) == ("reading stopped: Input/output error", 5)
    assert passed(Container(5000), seconds=-1).cut_short == "it took longer than is allowed"
    monkeypatch.setattr(packets, "MAX_PACKETS", 50)
    many = passed(Container(100))
    assert (many.cut_short, many.streams[0].count) == ("it has more than 50 packets", 50)
