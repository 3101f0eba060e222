"""Gaps between frames, repeated frames and pictures that stand still, on times and thumbnails made by hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from verify.media.continuity import Continuity, Stillness
from verify.model import Interval

STEP_S = 0.04


def gaps(
    times_s: Iterable[float], end_s: float | None = None, damage_after: Iterable[int] = ()
) -> list[tuple[float, float]]:
    continuity, lost, last_s = Continuity(STEP_S), set(damage_after), 0.0
    for number, time_s in enumerate(times_s):
        continuity.presented(time_s)
        last_s = time_s
        if number in lost:
            continuity.damage()
    found = continuity.ended(last_s + STEP_S if end_s is None else end_s)
    return [(round(each.start_s, 6), round(each.end_s, 6)) for each in found]


def steady(first: int, last: int) -> list[float]:
    return [number * STEP_S for number in range(first, last)]


def test_steady_frames_have_no_gap():
    assert gaps(steady(0, 100)) == []


def test_jump_of_more_than_a_second_is_a_gap():
    assert gaps([*steady(0, 50), *steady(100, 150)]) == [(2.0, 4.0)]
    assert gaps([*steady(0, 50), *steady(74, 99)]) == []


def test_short_jump_is_a_gap_only_after_damage():
    times = [*steady(0, 50), *steady(54, 80)]
    assert gaps(times) == []
    assert gaps(times, damage_after=[45]) == [(2.0, 2.16)]
    assert gaps(times, damage_after=[2]) == []


def test_damage_without_lost_frames_is_no_gap():
    assert gaps(steady(0, 100), damage_after=[50]) == []


def test_last_frame_shown_for_long_is_a_gap():
    assert gaps(steady(0, 50), end_s=7.0) == [(2.0, 7.0)]


def test_frames_lost_before_the_first_good_one_are_a_gap():
    assert gaps(steady(5, 50), damage_after=[]) == [(0.0, 0.2)]


def test_slide_show_and_time_lapse_have_no_gap():
    assert gaps([5.0 * number for number in range(20)], end_s=100.0) == [(0.04, 5.0)]
    continuity = Continuity(5.0)
    for number in range(20):
        continuity.presented(5.0 * number)
    assert continuity.ended(100.0) == ()


def test_gaps_with_hardly_a_frame_between_them_are_one():
    times = [*steady(0, 50), *steady(100, 103), *steady(150, 200)]
    assert gaps(times) == [(2.0, 6.0)]


def test_number_of_gaps_is_bounded():
    times, time_s = [], 0.0
    for _ in range(3000):
        times += [time_s + step * STEP_S for step in range(20)]
        time_s += 3.0
    found = gaps(times)
    assert len(found) == 1000
    assert found[-1][1] == pytest.approx(times[-20])


# --- repeats and still pictures -------------------------------------------------------------------------------------

NOISE = np.random.default_rng(5)


def picture() -> np.ndarray:
    return NOISE.uniform(20, 230, (36, 64)).astype(np.float32)


def nearly(thumbnail: np.ndarray) -> np.ndarray:
    """The picture again as after encoding: not the same to the bit."""
    return thumbnail + NOISE.uniform(-1, 1, thumbnail.shape).astype(np.float32)


def watched(thumbnails: Iterable[np.ndarray]) -> tuple[Stillness, tuple[Interval, ...]]:
    stillness, count = Stillness(), 0
    for number, thumbnail in enumerate(thumbnails):
        stillness.add(number * STEP_S, thumbnail)
        count += 1
    return stillness, stillness.held(count * STEP_S)


@pytest.mark.parametrize("every", [2, 5, 6, 25])
def test_rhythm_of_a_converted_frame_rate_is_found(every: int):
    shown = [picture()]
    for number in range(every * 20):
        shown.append(nearly(shown[-1]) if number % every == every - 1 else picture())
    shown.append(picture())
    stillness, held = watched(shown)
    assert (stillness.repeated_frames, stillness.rhythm(), held) == (20, every, ())


def test_rhythm_survives_repeats_that_go_unnoticed():
    shown: list[np.ndarray] = []
    for number in range(200):
        repeats = number % 5 == 4 and number % 35 != 34
        shown.append(nearly(shown[-1]) if repeats else picture())
    assert watched(shown)[0].rhythm() == 5


def test_repeats_here_and_there_are_no_rhythm():
    shown: list[np.ndarray] = []
    for number in range(300):
        shown.append(nearly(shown[-1]) if number in {9, 31, 44, 80, 97, 131, 150, 196, 203, 260, 281} else picture())
    stillness, _ = watched(shown)
    assert (stillness.repeated_frames, stillness.rhythm()) == (11, None)


def test_few_repeats_are_no_rhythm():
    shown: list[np.ndarray] = []
    for number in range(30):
        shown.append(nearly(shown[-1]) if number % 5 == 4 else picture())
    assert watched(shown)[0].rhythm() is None


def test_moving_pictures_neither_repeat_nor_stand_still():
    stillness, held = watched(picture() for _ in range(60))
    assert (stillness.repeated_frames, stillness.rhythm(), held) == (0, None, ())


def test_frozen_picture_is_held_and_no_repeat():
    frozen = picture()
    stillness, held = watched([*(picture() for _ in range(25)), *(nearly(frozen) for _ in range(50)), picture()])
    assert stillness.repeated_frames == 0
    assert held == (Interval(start_s=1.0, end_s=3.0),)


def test_picture_frozen_to_the_end_is_held():
    frozen = picture()
    assert watched([picture(), *[frozen] * 30])[1] == (Interval(start_s=STEP_S, end_s=31 * STEP_S),)


def test_short_hold_and_slow_drift_are_not_held():
    frozen = picture()
    assert watched([*[frozen] * 24, picture()])[1] == ()
    assert watched(frozen + 0.5 * number for number in range(100))[1] == ()


def test_one_frame_shown_for_long_is_not_held():
    stillness = Stillness()
    for time_s in (0.0, 5.0, 10.0):
        stillness.add(time_s, picture())
    assert stillness.held(15.0) == ()
