"""Repeats inside a release, on made-up footage: what is shown twice is found, what only looks alike is not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.match_samples import Cut, Release, Scene, inverse, laid
from verify.match.repeats import ITSELF, find_repeats
from verify.match.scoring import MOTION_FAMILY
from verify.model import Match, MatchLevel, SilentProgress, Transform

if TYPE_CHECKING:
    import numpy.typing as npt

STRIKE, OTHER_DAY, STRANGER = Scene(1, mover=1), Scene(1, mover=2), Scene(5, mover=5)
MIRRORED = np.array([[-1.0, 0.0, 511.0], [0.0, 1.0, 0.0]])
ZOOMED = np.array([[0.6, 0.0, 110.0], [0.0, 0.6, 50.0]])
INSET = np.array([[2.0, 0.0, -480.0], [0.0, 2.0, -30.0]])


def repeats(*cuts: Cut) -> list[Match]:
    return list(find_repeats(Release(*cuts).material(), SilentProgress()))


def shown_again(matrix: npt.NDArray[np.float64], **options: float) -> Cut:
    return Cut(STRIKE, 4.0, 2.0, edit=partial(laid, matrix=inverse(matrix)), **options)  # type: ignore[arg-type]


# --- shown again -----------------------------------------------------------------------------------------------------


def test_segment_shown_twice_is_found_on_the_clock_of_the_release():
    (match,) = repeats(Cut(STRANGER, 0.0, 1.6), Cut(STRIKE, 4.0, 2.0), Cut(STRANGER, 4.0, 1.6), Cut(STRIKE, 4.0, 2.0))
    assert match.reference_id == ITSELF
    assert (match.query.start_s, match.query.end_s) == pytest.approx((5.2, 7.2))
    assert (match.reference.start_s, match.reference.end_s) == pytest.approx((1.6, 3.6), abs=0.05)
    assert match.time_map.rate == 1.0
    assert match.time_map.offset_s == pytest.approx(-3.6, abs=0.05)
    assert match.level is MatchLevel.CONFIRMED
    assert MOTION_FAMILY in match.families
    assert match.pairs == ()
    # What explains it is on the same clock.
    assert match.geometry is not None
    assert match.similarity is not None
    assert 1.6 <= match.geometry.reference_time_s < 3.6
    assert 5.2 <= match.geometry.query_time_s < 7.2
    assert 1.6 - 0.01 <= min(match.similarity.reference_times_s) <= max(match.similarity.reference_times_s) <= 3.6


@pytest.mark.parametrize(
    ("matrix", "mirrored"),
    [
        pytest.param(MIRRORED @ np.vstack([ZOOMED, [0, 0, 1]]), True, id="mirrored and zoomed"),
        pytest.param(MIRRORED, True, id="mirrored", marks=pytest.mark.slow),
        pytest.param(ZOOMED, False, id="zoomed", marks=pytest.mark.slow),
        pytest.param(INSET, False, id="smaller", marks=pytest.mark.slow),
    ],
)
def test_changed_picture_is_found_again(matrix: npt.NDArray[np.float64], mirrored: bool):
    (match,) = repeats(Cut(STRIKE, 4.0, 2.0), Cut(STRANGER, 0.0, 1.6), shown_again(matrix))
    assert match.transform == Transform(mirrored=mirrored)
    assert (match.query.start_s, match.query.end_s) == pytest.approx((3.6, 5.6))
    assert (match.reference.start_s, match.reference.end_s) == pytest.approx((0.0, 2.0), abs=0.1)
    assert match.level is MatchLevel.CONFIRMED


@pytest.mark.slow
def test_slow_motion_after_the_event_is_found():
    (match,) = repeats(Cut(STRIKE, 4.0, 2.0), Cut(STRANGER, 0.0, 1.6), Cut(STRIKE, 4.2, 3.0, rate=0.5))
    assert match.time_map.rate == pytest.approx(0.5, rel=0.1)
    assert (match.reference.start_s, match.reference.end_s) == pytest.approx((0.2, 1.7), abs=0.12)


@pytest.mark.slow
def test_part_of_an_earlier_segment_is_found():
    (match,) = repeats(Cut(STRIKE, 2.0, 4.0), Cut(STRANGER, 0.0, 1.6), Cut(STRIKE, 3.5, 1.2))
    assert (match.query.start_s, match.query.end_s) == pytest.approx((5.6, 6.8))
    assert (match.reference.start_s, match.reference.end_s) == pytest.approx((1.5, 2.7), abs=0.05)


@pytest.mark.slow
def test_third_showing_is_told_of_an_earlier_one():
    cuts = [Cut(STRIKE, 4.0, 1.6), Cut(STRANGER, 0.0, 1.6), Cut(STRIKE, 4.0, 1.6), Cut(STRANGER, 5.0, 1.6)]
    found = repeats(*cuts, Cut(STRIKE, 4.0, 1.6))
    assert [match.query.start_s for match in found] == sorted(match.query.start_s for match in found)
    assert {round(match.query.start_s, 1) for match in found} == {3.2, 6.4}
    for match in found:
        assert match.reference.end_s <= match.query.start_s + 0.05


def test_two_pieces_shown_again_in_a_row_are_one_repeat():
    first = [Cut(STRIKE, 2.0, 2.0), Cut(STRIKE, 4.0, 2.0, joined=True)]
    (match,) = repeats(*first, Cut(STRANGER, 0.0, 1.6), *first)
    assert (match.query.start_s, match.query.end_s) == pytest.approx((5.6, 9.6))
    assert (match.reference.start_s, match.reference.end_s) == pytest.approx((0.0, 4.0), abs=0.05)


# --- not shown again -------------------------------------------------------------------------------------------------


def test_unrelated_segments_are_no_repeats():
    assert repeats(Cut(STRIKE, 0.0, 2.0), Cut(STRANGER, 0.0, 2.0), Cut(Scene(6, mover=1), 0.0, 2.0)) == []


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param(np.eye(2, 3), id="as it is"),
        pytest.param(MIRRORED, id="mirrored", marks=pytest.mark.slow),
        pytest.param(ZOOMED, id="zoomed", marks=pytest.mark.slow),
    ],
)
def test_same_camera_another_day_is_no_repeat(matrix: npt.NDArray[np.float64]):
    again = Cut(OTHER_DAY, 4.0, 2.0, edit=partial(laid, matrix=inverse(matrix)))
    assert repeats(Cut(STRIKE, 4.0, 2.0), Cut(STRANGER, 0.0, 1.6), again) == []


@pytest.mark.parametrize("later_s", [3.0, *(pytest.param(later_s, marks=pytest.mark.slow) for later_s in (2.0, 6.0))])
def test_same_camera_a_moment_later_is_no_repeat(later_s: float):
    found = repeats(Cut(STRIKE, 1.0, 2.0), Cut(STRANGER, 0.0, 1.6), Cut(STRIKE, 1.0 + later_s, 2.0))
    assert [match for match in found if match.level is MatchLevel.CONFIRMED] == []


def test_one_long_shot_does_not_repeat_itself():
    pieces = [Cut(STRIKE, 2.0 * number, 2.0, joined=number > 0) for number in range(5)]
    assert [match for match in repeats(*pieces) if match.level is MatchLevel.CONFIRMED] == []


def test_still_picture_does_not_repeat_itself():
    empty = Scene(1)
    for noise in (1.5, 0.0):
        assert repeats(Cut(empty, 0.0, 1.6, noise=noise), Cut(empty, 4.0, 1.6, noise=noise)) == []


def test_nothing_to_compare_with():
    assert repeats(Cut(STRIKE, 0.0, 2.0)) == []
    assert repeats(Cut(STRIKE, 0.0, 2.0, keypoints=False), Cut(STRIKE, 0.0, 2.0, keypoints=False)) == []
