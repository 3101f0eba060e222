"""Motion on made-up footage: the same recording is found to the frame, another one of the same place says little."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.unit.match_samples import (
    HEIGHT_PX,
    PER_SECOND,
    QUERY_PROXY,
    WIDTH_PX,
    Scene,
    filmed,
    grid,
    identity,
    inverse,
    laid,
    scaled,
)
from verify.match.motion import WIDTH_PX as COMPARED_PX
from verify.match.motion import MotionLine, QueryMotion, ReferenceMotion, find_line, measured_evenness
from verify.match.scoring import EVEN, fused_score
from verify.model import ProxyClip

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from tests.unit.match_samples import Grey

SCENE = Scene(1, mover=1)
REFERENCE_S = 16.0
SHOWN_S = 5.03
NOT_REUSE = 0.35


@lru_cache
def reference() -> ReferenceMotion:
    return ReferenceMotion(filmed(SCENE, grid(REFERENCE_S)))


def taken(duration_s: float, from_s: float, rate: float = 1.0) -> npt.NDArray[np.float64]:
    """Moments of the scene that a piece of so many seconds shows."""
    return from_s + rate * grid(duration_s)


def query(
    duration_s: float,
    from_s: float,
    rate: float = 1.0,
    *,
    scene: Scene = SCENE,
    edit: Callable[[Grey], Grey] | None = None,
    matrix: npt.NDArray[np.float64] | None = None,
    free: npt.NDArray[np.uint8] | None = None,
    inverted: bool = False,
    noise: float = 1.5,
) -> QueryMotion:
    """Film a piece from `from_s` of a scene on; `matrix` lays the edited picture on the reference, both 512 px wide."""
    clip = filmed(
        scene, grid(duration_s, SHOWN_S), taken(duration_s, from_s, rate), size=QUERY_PROXY, edit=edit, noise=noise
    )
    fit = scaled(identity() if matrix is None else matrix, QUERY_PROXY[0] / WIDTH_PX, COMPARED_PX / WIDTH_PX)
    return QueryMotion(clip, fit, reference().size, free, inverted=inverted)


def found(*arguments: float, **options: object) -> MotionLine:
    line = find_line(query(*arguments, **options), reference())  # type: ignore[arg-type]
    assert line is not None
    return line


def farthest_s(line: MotionLine, duration_s: float, from_s: float, rate: float) -> float:
    """How far the line is from the truth at the first or the last picture, in s of the reference."""
    ends = [0, -1]
    shown, true = grid(duration_s, SHOWN_S)[ends], taken(duration_s, from_s, rate)[ends]
    return float(np.abs(line.rate * shown + line.offset_s - true).max())


# --- the same recording ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "duration_s"),
    [
        *((rate, 2.4) for rate in (1.0, -1.0, 0.25, 0.33, 0.5, 0.8, 1.5, 2.0, 4.0, -0.5, -2.0)),
        *((rate, 1.2) for rate in (1.0, -1.0, 0.25, 0.5, 0.8, 2.0, 4.0)),
    ],
)
def test_same_recording_is_found_to_the_frame(rate: float, duration_s: float):
    from_s = 4.32 if rate > 0 else 11.41
    line = found(duration_s, from_s, rate)
    assert farthest_s(line, duration_s, from_s, rate) <= 0.08
    assert min(line.correlation, line.per_moment) > 0.75
    assert line.elsewhere < line.correlation / 2
    assert line.appearance > 0.9
    assert line.strength > 1.0
    # Half a second of the reference leaves a quarter of the rate open.
    assert line.rate == pytest.approx(rate, rel=0.25 if abs(rate) * duration_s < 1 else 0.1)


def test_times_between_the_pictures_are_found_too():
    for from_s in (0.0, 3.017, 13.6):
        line = found(2.4, from_s)
        assert line.rate == 1.0
        assert farthest_s(line, 2.4, from_s, 1.0) < 0.02


def test_noise_of_the_sensor_does_not_hide_it():
    line = found(1.6, 4.4, noise=8.0)
    assert farthest_s(line, 1.6, 4.4, 1.0) <= 0.08
    assert line.per_moment > 0.6


def test_short_piece_of_half_a_second():
    line = found(0.56, 4.4)
    assert farthest_s(line, 0.56, 4.4, 1.0) <= 0.08
    assert line.per_moment > 0.8


CROPPED = np.array([[0.6, 0.0, 110.0], [0.0, 0.6, 50.0]])
MIRRORED = np.array([[-1.0, 0.0, WIDTH_PX - 1.0], [0.0, 1.0, 0.0]])
TURNED = np.array([[0.93, -0.12, 40.0], [0.12, 0.93, -20.0]])
INSET = np.array([[2.0, 0.0, -480.0], [0.0, 2.0, -30.0]])


@pytest.mark.parametrize("matrix", [CROPPED, MIRRORED, TURNED, INSET], ids=["crop", "mirror", "turn", "inset"])
def test_edited_picture_is_laid_on_the_reference(matrix: npt.NDArray[np.float64]):
    line = found(1.6, 4.4, edit=partial(laid, matrix=inverse(matrix)), matrix=matrix)
    assert farthest_s(line, 1.6, 4.4, 1.0) <= 0.08
    assert min(line.correlation, line.per_moment) > 0.7
    assert line.appearance > 0.8


def test_reversed_polarity_is_seen_only_when_looked_for():
    def negative(picture: Grey) -> Grey:
        return 255 - picture

    line = found(1.6, 4.4, edit=negative, inverted=True)
    assert line.per_moment > 0.8
    assert line.appearance > 0.9
    unaware = found(1.6, 4.4, edit=negative)
    assert unaware.appearance < 0
    assert max(unaware.per_moment, 0) < NOT_REUSE


@pytest.mark.parametrize("contrast", [0.3, 1.6])
def test_changed_contrast_is_made_up_for(contrast: float):
    line = found(1.6, 4.4, edit=lambda picture: cv2.convertScaleAbs(picture, alpha=contrast, beta=20))
    assert farthest_s(line, 1.6, 4.4, 1.0) <= 0.08
    assert line.per_moment > 0.7


def test_what_runs_in_an_overlay_is_left_out():
    """A clock that runs on its own; the mask of the overlay decides whether it counts."""
    shown = iter(np.random.default_rng(5).integers(0, 256, (100, 3, 16), np.uint8))

    def with_ticker(picture: Grey) -> Grey:
        changed = picture.copy()
        changed[220:280] = cv2.resize(next(shown), (WIDTH_PX, 60), interpolation=cv2.INTER_NEAREST)
        return changed

    free = np.full(QUERY_PROXY[::-1], 255, np.uint8)
    free[220 * 180 // HEIGHT_PX - 2 : 280 * 180 // HEIGHT_PX + 2] = 0
    masked, bare = found(1.6, 4.4, edit=with_ticker, free=free), found(1.6, 4.4, edit=with_ticker)
    assert masked.per_moment > 0.8
    assert bare.per_moment < masked.per_moment - 0.2


def test_curves_and_matrix_belong_to_the_line():
    line = found(1.6, 4.4)
    moments = len(line.times_s)
    for each in (line.moments, line.looks, line.inside, line.query_change, line.reference_change):
        assert each.shape == (moments,)
    assert line.inside.all()
    assert (line.moments > 0.7).all()
    assert np.corrcoef(line.query_change, line.reference_change)[0, 1] > 0.8
    assert line.similarity.shape == (moments, len(line.similarity_times_s))
    assert len(line.similarity_times_s) <= 48
    # The matrix is brightest along the line.
    brightest_s = line.similarity_times_s[line.similarity.argmax(axis=1)]
    assert np.abs(brightest_s - line.times_s - line.offset_s).max() <= 0.13


# --- where the line may lie ------------------------------------------------------------------------------------------


def test_only_lines_that_are_allowed_are_considered():
    away = find_line(query(1.6, 4.4), reference(), allowed=lambda rate, offset_s: rate * SHOWN_S + offset_s > 6.0)
    assert away is not None
    assert away.rate * SHOWN_S + away.offset_s > 5.9
    assert away.per_moment < NOT_REUSE
    here = find_line(query(1.6, 4.4), reference(), (1.0,), lambda _, offset_s: abs(offset_s - (4.4 - SHOWN_S)) < 0.2)
    assert here is not None
    assert here.offset_s == pytest.approx(4.4 - SHOWN_S, abs=0.02)


def test_nothing_allowed_gives_no_agreement():
    nowhere = find_line(query(1.6, 4.4), reference(), allowed=lambda *_: False)
    assert nowhere is None or nowhere.correlation <= 0


def test_only_the_rates_that_are_asked_for_are_tried():
    line = find_line(query(1.6, 4.4), reference(), (0.5, 2.0))
    assert line is not None
    assert abs(line.rate - 1) > 0.15


def test_piece_that_runs_past_the_end_of_the_reference():
    """A second of the reference, then what came after it."""
    line = found(1.6, REFERENCE_S - 1.2)
    assert line.offset_s + SHOWN_S == pytest.approx(REFERENCE_S - 1.2, abs=0.08)
    assert line.inside[:8].all()
    assert not line.inside[-2:].any()
    assert (line.moments[~line.inside] == 0).all()


def test_pictures_that_the_reference_lacks_are_no_evidence():
    whole = filmed(SCENE, grid(REFERENCE_S))
    kept = (whole.times_s < 5.0) | (whole.times_s >= 9.0)
    gap = ReferenceMotion(ProxyClip(times_s=whole.times_s[kept], pictures=whole.pictures[kept]))
    assert len(gap) == len(reference())
    assert gap.present.sum() == pytest.approx(kept.sum(), abs=3)
    inside = find_line(query(1.6, 6.5), gap)
    assert inside is None or inside.per_moment < NOT_REUSE
    after = find_line(query(1.6, 10.0), gap)
    assert after is not None
    assert after.offset_s + SHOWN_S == pytest.approx(10.0, abs=0.08)


def test_reference_of_another_picture_rate():
    slow = ReferenceMotion(filmed(SCENE, grid(REFERENCE_S, per_second=10.0)))
    line = find_line(query(2.0, 4.4), slow)
    assert line is not None
    assert farthest_s(line, 2.0, 4.4, 1.0) <= 0.08
    assert line.per_moment > 0.7


# --- no reuse --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mover", [2, 3, 4])
@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_another_recording_of_the_place_says_little(mover: int, rate: float):
    line = found(2.0, 5.0, rate, scene=Scene(1, mover=mover))
    assert line.strength > 1.0
    assert line.per_moment < NOT_REUSE
    assert line.correlation < NOT_REUSE


@pytest.mark.parametrize("later_s", [2.0, 4.0, 9.0])
def test_later_part_of_the_recording_is_not_enough(later_s: float):
    """What moves follows the same paths again, as cars on one road do."""
    later, same = found(2.0, REFERENCE_S + later_s), found(2.0, 5.0)
    assert max(later.per_moment, later.correlation) < 0.5
    assert fused_score(later, 24, hashes_agree=True) < fused_score(same, 24, hashes_agree=True) / 2


def test_place_where_nothing_moves_has_no_strength():
    line = find_line(query(2.0, 5.0, scene=Scene(1)), reference())
    assert line is None or (line.strength < 0.3 and line.per_moment < NOT_REUSE)
    still = ReferenceMotion(filmed(Scene(1), grid(REFERENCE_S)))
    line = find_line(query(2.0, 5.0, scene=Scene(1)), still)
    assert line is None or (line.strength < 0.3 and line.per_moment < NOT_REUSE)


def jolted(at_s: float) -> Scene:
    """A camera on a stand that is pushed once, for a fifth of a second, in a place where nothing moves."""

    def camera(time_s: float) -> npt.NDArray[np.float64]:
        push = 14.0 if at_s <= time_s < at_s + 0.2 else 0.0
        return np.array([[1.0, 0.0, push], [0.0, 1.0, -push / 2]])

    return Scene(1, camera=camera)


def test_one_jolt_of_the_camera_is_seen_by_the_median_of_the_moments():
    pushed = ReferenceMotion(filmed(jolted(9.0), grid(REFERENCE_S)))
    line = find_line(query(2.4, 2.0, scene=jolted(3.2)), pushed)
    assert line is not None
    assert line.correlation > 0.8
    assert line.per_moment < 0.15


def test_one_flash_over_the_query_does_not_outweigh_the_rest(monkeypatch: pytest.MonkeyPatch):
    piece = query(2.4, 4.4)
    piece.pictures[12] += 150
    line = find_line(piece, reference())
    assert line is not None
    assert line.offset_s == pytest.approx(4.4 - SHOWN_S, abs=0.05)
    assert line.correlation > 0.6
    monkeypatch.setattr("verify.match.motion._MOST_ENERGY", 1e12)
    unbounded = find_line(piece, reference())
    assert unbounded is not None
    assert unbounded.correlation < line.correlation - 0.2


# --- evenness --------------------------------------------------------------------------------------------------------


def steered(path: Callable[[float], float], mover: int | None = None) -> Scene:
    """A place before a camera that points along a path, in px at a time in s."""
    return Scene(1, mover=mover, camera=lambda time_s: np.array([[1.0, 0.0, -path(time_s)], [0.0, 1.0, 0.0]]))


def even(scene: Scene, duration_s: float = 2.4) -> float | None:
    sides = query(duration_s, 2.0, scene=scene), ReferenceMotion(filmed(scene, grid(8.0)))
    line = find_line(*sides)
    assert line is not None
    assert line.correlation > 0.85
    return measured_evenness(*sides, line).evenness


def test_sweep_of_a_camera_is_even_and_a_hand_or_a_crowd_is_not():
    def of(scene: Scene) -> float:
        evenness = even(scene)
        assert evenness is not None
        return evenness

    shaken = np.cumsum(np.random.default_rng(3).normal(0, 10, 400))
    assert of(steered(lambda time_s: 30 * time_s)) >= EVEN
    assert of(steered(lambda time_s: 90 * (1 - np.cos(time_s)))) >= EVEN
    assert of(steered(lambda time_s: float(shaken[round(time_s * PER_SECOND)]))) < EVEN
    assert of(SCENE) < EVEN


def test_piece_can_be_too_short_to_tell():
    assert even(SCENE, 0.6) is None


def test_evenness_is_not_looked_at_where_little_agrees():
    sides = query(2.0, 4.4, scene=Scene(1, mover=2)), reference()
    line = find_line(*sides)
    assert line is not None
    assert line.correlation < 0.3
    assert measured_evenness(*sides, line).evenness is None


def test_evenness_is_unknown_until_it_is_measured():
    assert found(2.4, 4.4).evenness is None


# --- too little to compare -------------------------------------------------------------------------------------------


def test_too_few_pictures_cannot_be_compared():
    assert find_line(query(4 / PER_SECOND, 4.4), reference()) is None
    assert find_line(query(1.6, 4.4), ReferenceMotion(filmed(SCENE, grid(1 / PER_SECOND)))) is None


@pytest.mark.parametrize("from_s", [0.8, 1.2])
def test_six_tenths_of_the_moments_are_not_enough_to_count_as_another_time(from_s: float):
    # Ten moments, of which exactly six lie in the reference at the times that would just count.
    short = ReferenceMotion(filmed(SCENE, grid(35 / PER_SECOND)))
    line = find_line(query(13 / PER_SECOND, from_s), short)
    assert line is not None
    assert not line.has_elsewhere


def test_too_small_an_area_cannot_be_compared():
    corner = np.array([[1.0, 0.0, 480.0], [0.0, 1.0, 260.0]])
    assert find_line(query(1.6, 4.4, matrix=corner), reference()) is None
    covered = np.zeros(QUERY_PROXY[::-1], np.uint8)
    assert find_line(query(1.6, 4.4, free=covered), reference()) is None
