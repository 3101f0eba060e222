"""Geometry on drawn pictures: a known transform is recovered, what is no transform is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.match_samples import HEIGHT_PX, SIZE, WIDTH_PX, coded, inverse, laid, overlay_of, place
from verify.match.geometry import (
    Overlay,
    assumed_overlay,
    contained,
    describe,
    distinct_overlays,
    overlay,
    squared_distances,
)
from verify.match.scoring import MIN_CELLS

if TYPE_CHECKING:
    import numpy.typing as npt

    from tests.unit.match_samples import Grey, Points

    Matrix = npt.NDArray[np.float64]

CORNERS = np.array([[0.0, 0.0], [WIDTH_PX, 0.0], [WIDTH_PX, HEIGHT_PX], [0.0, HEIGHT_PX]])
FROM_QUERY = {
    "as it is": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    "cropped": [[0.6, 0.0, 110.0], [0.0, 0.6, 50.0]],
    "mirrored": [[-1.0, 0.0, 511.0], [0.0, 1.0, 0.0]],
    "mirrored and cropped": [[-0.7, 0.0, 420.0], [0.0, 0.7, 70.0]],
    "turned": [[0.93, -0.25, 60.0], [0.25, 0.93, -50.0]],
    "inset at half size": [[2.0, 0.0, -480.0], [0.0, 2.0, -30.0]],
    "inset at a third": [[3.0, 0.0, -900.0], [0.0, 3.0, -300.0]],
    "squeezed": [[1.3, 0.0, 0.0], [0.0, 1.0, 0.0]],
    "sheared": [[1.0, 0.15, -20.0], [0.02, 1.0, 0.0]],
}


@lru_cache
def reference() -> tuple[Points, npt.NDArray[np.float32]]:
    return coded(place(1), keep=400)


def laid_over(
    query: tuple[Points, npt.NDArray[np.float32]],
    reference: tuple[Points, npt.NDArray[np.float32]],
    *,
    mirrored: bool = False,
) -> Overlay | None:
    return overlay(query, reference, mirrored=mirrored, query_time_s=1.0, reference_time_s=7.0)


def edited(matrix: Matrix, *, inverted: bool = False) -> Grey:
    """What a query shows that a matrix, from its px to the reference's, lays on the place."""
    picture = laid(place(1), inverse(matrix))
    return 255 - picture if inverted else picture


def placed(matrix: Matrix) -> Matrix:
    return np.asarray(CORNERS @ matrix[:, :2].T + matrix[:, 2])


def made(matrix: object, cells: int = 9, points: int = 12) -> Overlay:
    """An overlay that was not fitted but given."""
    values = np.array(matrix, np.float64)
    query = np.random.default_rng(1).uniform((0, 0), SIZE, (points, 2)).astype(np.float32)
    return Overlay(
        matrix=values,
        cells=cells,
        query_points=query,
        reference_points=(query @ values[:, :2].T + values[:, 2]).astype(np.float32),
        query_time_s=1.0,
        reference_time_s=7.0,
    )


def assert_too_weak_to_count(fitted: Overlay | None) -> None:
    """By chance a few keypoints agree on something; that is no evidence."""
    assert fitted is None or fitted.cells < MIN_CELLS


# --- fitting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FROM_QUERY)
def test_known_transform_is_recovered(name: str):
    matrix = np.array(FROM_QUERY[name])
    mirrored = "mirrored" in name
    fitted = laid_over(coded(edited(matrix), mirrored=mirrored), reference(), mirrored=mirrored)
    assert fitted is not None
    assert np.abs(placed(fitted.matrix) - placed(matrix)).max() < 4.0
    assert fitted.cells >= 12
    assert (fitted.query_time_s, fitted.reference_time_s) == (1.0, 7.0)
    there = fitted.query_points @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(there - fitted.reference_points).max() < 8.0


def test_reversed_polarity_is_recovered_in_its_own_view_only():
    matrix = np.array(FROM_QUERY["cropped"])
    picture = edited(matrix, inverted=True)
    fitted = laid_over(coded(picture, inverted=True), reference())
    assert fitted is not None
    assert np.abs(placed(fitted.matrix) - placed(matrix)).max() < 4.0
    assert_too_weak_to_count(laid_over(coded(picture), reference()))


def test_same_picture_gives_the_same_transform():
    query = coded(edited(np.array(FROM_QUERY["turned"])))
    first, second = laid_over(query, reference()), laid_over(query, reference())
    assert first is not None
    assert second is not None
    assert np.array_equal(first.matrix, second.matrix)


def test_another_place_is_refused():
    for seed in range(2, 6):
        for mirrored in (False, True):
            query = coded(place(seed), mirrored=mirrored)
            assert_too_weak_to_count(laid_over(query, reference(), mirrored=mirrored))


def test_turned_picture_is_refused_where_none_is_looked_for():
    picture = edited(np.array(FROM_QUERY["mirrored"]))
    assert_too_weak_to_count(laid_over(coded(picture), reference()))


def points_with_codes(points: npt.NDArray[np.float64], seed: int = 3) -> tuple[Points, npt.NDArray[np.float32]]:
    """Give every point a code like no other."""
    codes = np.random.default_rng(seed).standard_normal((len(points), 48)).astype(np.float32)
    return points.astype(np.float32), codes / np.linalg.norm(codes, axis=1, keepdims=True)


def scattered(count: int, seed: int = 4) -> npt.NDArray[np.float64]:
    """Points that lie at distinct places, on a jittered grid, in px."""
    cells = np.random.default_rng(seed).permutation(28 * 16)[:count]
    return np.stack([cells % 28 * 18 + 4, cells // 28 * 18 + 4], axis=1).astype(np.float64)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_keypoints_are_refused(count: int):
    points, codes = points_with_codes(scattered(count))
    assert laid_over((points, codes), (points, codes)) is None
    assert laid_over((points, codes), reference()) is None
    assert laid_over(reference(), (points, codes)) is None


@pytest.mark.parametrize("count", [6, 30])
def test_a_few_places_that_agree_are_enough(count: int):
    points, codes = points_with_codes(scattered(count))
    fitted = laid_over((points, codes), ((points * 0.5 + 40).astype(np.float32), codes))
    assert fitted is not None
    assert fitted.cells >= min(count, 6)
    assert fitted.matrix == pytest.approx(np.array([[0.5, 0.0, 40.0], [0.0, 0.5, 40.0]]), abs=0.01)


def test_agreement_at_one_place_is_refused():
    """Ten keypoints of one corner of a logo say nothing about the picture."""
    points, codes = points_with_codes(np.random.default_rng(1).uniform(33, 47, (10, 2)))
    assert laid_over((points, codes), (points, codes)) is None


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.15, 0.0, 200.0], [0.0, 0.15, 100.0]],
        [[6.0, 0.0, 0.0], [0.0, 6.0, 0.0]],
        [[2.0, 0.0, 0.0], [0.0, 0.8, 0.0]],
        [[1.0, 0.9, 0.0], [0.9, 1.0, 0.0]],
    ],
    ids=["tiny", "huge", "stretched", "sheared"],
)
def test_implausible_transforms_are_refused(matrix: list[list[float]]):
    linear = np.array(matrix)
    points, codes = points_with_codes(scattered(40))
    fitted = laid_over((points, codes), ((points @ linear[:, :2].T + linear[:, 2]).astype(np.float32), codes))
    # Of a stretched picture, a few points may happen to lie as in one that is not.
    assert fitted is None or (fitted.cells < 20 and np.abs(fitted.matrix - linear).max() > 0.2)


def test_keypoints_with_a_rival_elsewhere_are_left_out():
    """A window that every house of the street has says nothing of where the picture lies."""
    points, codes = points_with_codes(scattered(40))
    twice = np.concatenate([points, points + np.float32([0.0, 300.0])])
    assert laid_over((points, codes), (twice, np.concatenate([codes, codes]))) is None
    # The same point found again at another scale is no rival.
    close = np.concatenate([points, points + np.float32([2.0, 1.0])])
    assert laid_over((points, codes), (close, np.concatenate([codes, codes]))) is not None


def test_strays_do_not_spoil_the_fit():
    points, codes = points_with_codes(scattered(60))
    there = points.copy()
    there[:20] = points[19::-1] * 0.7
    fitted = laid_over((points, codes), (there, codes))
    assert fitted is not None
    assert fitted.matrix == pytest.approx(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), abs=0.02)
    assert 36 <= len(fitted.query_points) <= 42


def test_squared_distances_of_all_rows():
    generator = np.random.default_rng(2)
    left, right = (generator.standard_normal((count, 5)).astype(np.float32) for count in (3, 4))
    expected = ((left[:, None] - right[None]) ** 2).sum(axis=2)
    assert squared_distances(left, right) == pytest.approx(expected, abs=1e-4)
    assert (squared_distances(left, left) >= 0).all()


# --- choosing --------------------------------------------------------------------------------------------------------


def test_distinct_overlays_are_the_best_supported_that_differ():
    weak = made([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]], cells=8)
    strong = made([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], cells=20)
    other = made([[0.5, 0.0, 90.0], [0.0, 0.5, 40.0]], cells=7)
    third = made([[-1.0, 0.0, 511.0], [0.0, 1.0, 0.0]], cells=6)
    assert distinct_overlays([weak, other, strong, third], SIZE, 2) == [strong, other]
    assert distinct_overlays([weak, other, strong, third], SIZE, 9) == [strong, other, third]
    assert distinct_overlays([], SIZE, 2) == []


# --- describing ------------------------------------------------------------------------------------------------------


def test_description_of_a_crop():
    chosen = made([[0.5, 0.0, 128.0], [0.0, 0.5, 72.0]])
    described = describe(chosen, 3, SIZE, SIZE)
    assert described.outline == ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    assert described.covered == pytest.approx(0.25, abs=0.001)
    assert described.matrix == (0.5, 0.0, 0.25, 0.0, 0.5, pytest.approx(72 / 512))
    assert (described.cells, described.frame_pairs) == (9, 3)
    assert (described.query_time_s, described.reference_time_s) == (1.0, 7.0)
    assert len(described.keypoints) == 12
    for pair, query, reference in zip(described.keypoints, chosen.query_points, chosen.reference_points, strict=True):
        assert (pair.query_x * 512, pair.query_y * 288) == pytest.approx(tuple(query), abs=0.05)
        assert (pair.reference_x * 512, pair.reference_y * 288) == pytest.approx(tuple(reference), abs=0.05)


def test_description_of_an_inset_in_a_reference_of_another_size():
    """The query, 512 x 288, shows the whole reference, 360 x 480, in its right half."""
    linear = np.diag([360 / 256, 480 / 288])
    chosen = made(np.hstack([linear, [[-360.0], [0.0]]]))
    described = describe(chosen, 1, SIZE, (360, 480))
    assert described.outline == ((-1.0, 0.0), (1.0, 0.0), (1.0, 1.0), (-1.0, 1.0))
    assert described.covered == pytest.approx(1.0, abs=0.001)
    # In units of the longer sides: 512 px of the query, 480 px of the reference.
    a, b, c, d, e, f = described.matrix
    assert (a * 1 + b * 0 + c, d * 1 + e * 0 + f) == pytest.approx((360 / 480, 0.0), abs=1e-4)
    assert (a * 0.5 + b * 288 / 512 + c, d * 0.5 + e * 288 / 512 + f) == pytest.approx((0.0, 1.0), abs=1e-4)


def test_description_of_a_mirrored_picture_keeps_its_order():
    described = describe(made([[-1.0, 0.0, 512.0], [0.0, 1.0, 0.0]]), 1, SIZE, SIZE)
    assert described.outline == ((1.0, 0.0), (0.0, 0.0), (0.0, 1.0), (1.0, 1.0))
    assert described.covered == pytest.approx(1.0, abs=0.001)


def test_outline_may_lie_outside():
    described = describe(made([[1.0, 0.0, 256.0], [0.0, 1.0, 0.0]]), 1, SIZE, SIZE)
    assert described.covered == pytest.approx(0.5, abs=0.001)
    outside = describe(made([[1.0, 0.0, 2000.0], [0.0, 1.0, 0.0]]), 1, SIZE, SIZE)
    assert outside.covered == 0.0


def test_number_of_keypoints_shown_is_bounded():
    assert len(describe(made([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], points=300), 1, SIZE, SIZE).keypoints) == 40


def test_assumed_overlay_is_the_whole_on_the_whole_and_says_that_nothing_was_measured():
    for mirrored, corner in ((False, (0.0, 0.0)), (True, (1.0, 0.0))):
        assumed = assumed_overlay((0, 0, *SIZE), (360, 480), mirrored=mirrored, times_s=(2.0, 5.0))
        described = describe(assumed, 0, SIZE, (360, 480))
        assert described.outline[0] == corner
        assert described.covered == pytest.approx(1.0, abs=0.001)
        assert (described.cells, described.frame_pairs, described.keypoints) == (0, 0, ())
        assert (described.query_time_s, described.reference_time_s) == (2.0, 5.0)
        assert described == describe(replace(assumed), 0, SIZE, (360, 480))


@pytest.mark.parametrize(
    ("matrix", "least", "most"),
    [
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 1.0, 1.0),
        ([[0.6, 0.0, 110.0], [0.0, 0.6, 50.0]], 1.0, 1.0),
        ([[-0.7, 0.0, 420.0], [0.0, 0.7, 70.0]], 1.0, 1.0),
        ([[2.0, 0.0, -480.0], [0.0, 2.0, -30.0]], 1.0, 1.0),
        # Moved by a quarter of the height, as when a page scrolls on.
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 72.0]], 0.74, 0.76),
        ([[1.0, 0.0, 600.0], [0.0, 1.0, 0.0]], 0.0, 0.0),
    ],
)
def test_one_picture_of_a_copy_is_contained_in_the_other(matrix: list[list[float]], least: float, most: float):
    assert least - 1e-6 <= contained(overlay_of(np.array(matrix)), SIZE, SIZE) <= most + 1e-6
