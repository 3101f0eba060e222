"""The drawings of a match: where everything stands, and what is done with measures that make no drawing."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.unit.explained_samples import crop, motion, similarity
from tests.unit.report_samples import interval
from verify.model import FramePair, Geometry, KeypointPair, MotionAgreement, Picture, SimilarityMatrix, TimeMap
from verify.report.geometry_figure import GeometryFigure, draw_geometry, laid_on_query
from verify.report.motion_figure import HEIGHT, WIDTH, SimilarityFigure, draw_motion, draw_similarity

QUERY = interval(14.0, 18.0)


def shown(query_s: float = 15.0, reference_s: float | None = 3.75, size: tuple[int, int] = (320, 180)) -> FramePair:
    def picture(time_s: float) -> Picture:
        return Picture(path=f"frames/{time_s}.jpg", time_s=time_s, width_px=size[0], height_px=size[1])

    reference = None if reference_s is None else picture(reference_s)
    return FramePair(query=picture(query_s), reference=reference, distance_bits=-1)


def drawn(geometry: Geometry, *pairs: FramePair) -> GeometryFigure:
    figure = draw_geometry(geometry, pairs)
    assert figure is not None
    return figure


def corners(points: str) -> list[tuple[float, float]]:
    return sorted((float(x), float(y)) for x, y in (point.split(",") for point in points.split()))


# --- geometry ---


def test_a_crop_is_outlined_in_the_reference_and_fills_the_query() -> None:
    figure = drawn(crop(0.25, 0.5, 0.5), shown())
    query, reference = figure.query, figure.reference
    assert corners(query.outline) == [(0, 0), (0, 220), (query.width, 0), (query.width, 220)]
    left, right = reference.left + 0.25 * reference.width, reference.left + 0.75 * reference.width
    assert np.allclose(corners(reference.outline), [(left, 110), (left, 220), (right, 110), (right, 220)], atol=0.1)
    assert figure.width == pytest.approx(reference.left + reference.width, abs=0.1)
    assert not figure.at_other_moment


def test_an_inset_is_outlined_in_the_query_and_fills_the_reference() -> None:
    figure = drawn(crop(-0.5, -0.25, 2.0), shown())
    query, reference = figure.query, figure.reference
    inside = [(0.25 * query.width, 0.125 * 220), (0.75 * query.width, 0.625 * 220)]
    assert np.allclose([corners(query.outline)[0], corners(query.outline)[-1]], inside, atol=0.1)
    assert corners(reference.outline)[-1] == pytest.approx((figure.width, 220), abs=0.1)


@pytest.mark.parametrize("mirrored", [False, True])
def test_lines_join_the_same_place_in_both(mirrored: bool) -> None:
    geometry = crop(0.0, 0.0, 1.0, mirrored=mirrored)
    figure = drawn(replace(geometry, keypoints=geometry.keypoints[:5]), shown())
    assert len(figure.lines) == 5
    for x1, y1, x2, y2 in figure.lines:
        across = (figure.query.width - x1) if mirrored else x1
        assert (x2 - figure.reference.left, y2) == pytest.approx((across, y1), abs=0.2)


def test_lines_are_bounded_and_stay_in_the_pictures() -> None:
    far = KeypointPair(query_x=1.2, query_y=0.5, reference_x=0.5, reference_y=-3.0)
    figure = drawn(replace(crop(), keypoints=(crop().keypoints * 20) + (far,) * 500), shown())
    assert 0 < len(figure.lines) <= 40


def test_a_partly_outside_outline_is_cut_at_the_edge_of_the_picture() -> None:
    for geometry in (crop(0.6, 0.6, 0.9), crop(2.0, 2.0, 1.0)):
        figure = drawn(geometry, shown())
        for panel in (figure.query, figure.reference):
            assert all(panel.left - 0.1 <= x <= panel.left + panel.width + 0.1 for x, _ in corners(panel.outline))
            assert all(-0.1 <= y <= 220.1 for _, y in corners(panel.outline))
    assert figure.reference.outline == ""


def test_the_pictures_nearest_to_the_measured_moment_are_drawn_upon() -> None:
    figure = drawn(crop(), shown(14.0, 2.75), shown(15.1, 3.85), shown(15.0, None))
    assert figure.query.picture is not None
    assert figure.query.picture.time_s == 15.1
    assert not figure.at_other_moment
    assert drawn(crop(), shown(14.0, 2.75)).at_other_moment


def test_without_pictures_the_places_are_drawn_alone() -> None:
    figure = drawn(crop(), shown(15.0, None))
    assert (figure.query.picture, figure.reference.picture) == (None, None)
    assert len(figure.lines) == 30
    assert not figure.at_other_moment


@pytest.mark.parametrize(("size", "aspect"), [((180, 320), 0.5625), ((8, 800), 0.4), ((900, 9), 3.0), ((0, 0), 16 / 9)])
def test_panels_have_the_shape_of_their_pictures_within_reason(size: tuple[int, int], aspect: float) -> None:
    assert drawn(crop(), shown(size=size)).query.width == pytest.approx(220 * aspect, abs=0.05)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("part", [(0.25, 0.5, 0.5), (-0.5, -0.25, 2.0), (0.0, 0.0, 1.0)])
def test_the_reference_is_laid_where_its_points_are_in_the_query(
    mirrored: bool, part: tuple[float, float, float]
) -> None:
    geometry = crop(*part, mirrored=mirrored)
    laid = laid_on_query(geometry)
    assert laid is not None
    a, b, c, d, e, f = laid
    for point in geometry.keypoints:
        there = point.reference_x, point.reference_y
        placed = a * there[0] + b * there[1] + c, d * there[0] + e * there[1] + f
        assert placed == pytest.approx((point.query_x, point.query_y), abs=1e-6)


def test_what_was_not_measured_is_not_drawn() -> None:
    assert draw_geometry(replace(crop(), frame_pairs=0), [shown()]) is None
    assert draw_geometry(replace(crop(), outline=((0.0, 0.0),)), [shown()]) is None
    assert laid_on_query(replace(crop(), frame_pairs=0)) is None
    assert laid_on_query(replace(crop(), outline=((0.2, 0.2),) * 4)) is None
    flat = drawn(replace(crop(), outline=((0.2, 0.2),) * 4), shown())
    assert flat.query.outline == ""


# --- motion ---


def test_curves_run_from_edge_to_edge_each_to_its_own_peak() -> None:
    measured = motion(QUERY)
    figure = draw_motion(measured)
    assert figure is not None
    assert (figure.start_s, figure.end_s) == (14.0, 18.0)
    assert (figure.query_peak, figure.reference_peak) == (max(measured.query_change), max(measured.reference_change))
    for points in (figure.query, figure.reference):
        places = [tuple(map(float, point.split(","))) for point in points.split()]
        assert (places[0][0], places[-1][0]) == (0.0, WIDTH)
        assert min(y for _, y in places) == 0.0
        assert max(y for _, y in places) <= HEIGHT


def test_bars_stand_on_the_line_of_no_agreement_and_stay_inside() -> None:
    measured = replace(motion(QUERY), moments=(1.0, -1.0, 0.5, 7.0, *[0.0] * 36))
    figure = draw_motion(measured)
    assert figure is not None
    heights = [(y, height) for _, y, _, height in figure.bars[:4]]
    assert heights == [(0.0, 50.0), (50.0, 50.0), (25.0, 25.0), (0.0, 50.0)]
    assert all(x >= 0 and x + width <= WIDTH + 0.1 for x, _, width, _ in figure.bars)


def test_long_curves_are_thinned() -> None:
    many = tuple(float(index) for index in range(10_000))
    figure = draw_motion(replace(motion(QUERY), times_s=many, query_change=many, reference_change=many, moments=many))
    assert figure is not None
    assert len(figure.query.split()) == len(figure.bars) == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"times_s": ()},
        {"times_s": (1.0, 2.0)},
        {"times_s": (3.0, 2.0, 1.0)},
        {"query_change": ()},
        {"reference_change": (1.0,)},
    ],
)
def test_too_few_moments_make_no_curve(changed: dict[str, tuple[float, ...]]) -> None:
    assert draw_motion(replace(motion(QUERY), **changed)) is None  # type: ignore[arg-type]


def test_curves_of_a_picture_that_stands_still_lie_on_the_ground() -> None:
    still = MotionAgreement(
        correlation=0, per_moment=0, elsewhere=0, appearance=1, times_s=(1, 2, 3), query_change=(0, 0, 0),
        reference_change=(-1, 0, 0),
    )  # fmt: skip
    figure = draw_motion(still)
    assert figure is not None
    assert figure.query == figure.reference == "0.0,100.0 300.0,100.0 600.0,100.0"
    assert figure.bars == ()


# --- similarity ---


def similar(*rows: tuple[int, ...]) -> SimilarityMatrix:
    return SimilarityMatrix(
        query_times_s=tuple(float(index) for index in range(len(rows))),
        reference_times_s=tuple(10.0 + index for index in range(len(rows[0]))),
        percent=rows,
    )


def pixels(figure: SimilarityFigure | None) -> list[list[int]]:
    assert figure is not None
    kind, _, data = figure.uri.partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        image.load()
        assert image.mode == "L"
        return [[image.getpixel((x, y)) for x in range(image.width)] for y in range(image.height)]  # type: ignore[misc]


def test_alike_is_dark_release_to_the_right_reference_upwards() -> None:
    figure = draw_similarity(similar((90, 40, 40), (40, 90, 65)), TimeMap(rate=1.0, offset_s=10.0))
    assert pixels(figure) == [[255, 128], [255, 0], [0, 255]]
    assert figure is not None
    assert (figure.least_percent, figure.most_percent) == (40, 90)
    assert (figure.query_s, figure.reference_s) == ((0.0, 1.0), (10.0, 12.0))
    assert figure.line == (0.0, 100.0, 100.0, 50.0)


def test_the_line_follows_the_rate() -> None:
    matrix = similarity(QUERY, TimeMap(rate=1.0, offset_s=-10.0))
    lines = {
        rate: draw_similarity(matrix, TimeMap(rate=rate, offset_s=6.0 - 16.0 * rate)) for rate in (1.0, -1.0, 0.0, 1e9)
    }
    ends = {rate: figure.line for rate, figure in lines.items() if figure and figure.line}
    assert ends[1.0][1] > ends[1.0][3]
    assert ends[-1.0][1] < ends[-1.0][3]
    assert ends[0.0][1] == ends[0.0][3]
    assert ends[1e9][1:] == (10_000.0, 100.0, -10_000.0)


def test_a_large_matrix_is_thinned_and_stays_small() -> None:
    rows = tuple(tuple((x * y) % 101 for x in range(700)) for y in range(300))
    figure = draw_similarity(similar(*rows), TimeMap(rate=1.0, offset_s=0.0))
    lines = pixels(figure)
    assert (len(lines), len(lines[0])) == (64, 60)
    assert figure is not None
    assert len(figure.uri) < 10_000


@pytest.mark.parametrize("percent", [0, 100, -7, 100_000])
def test_an_even_or_impossible_matrix_is_even_grey(percent: int) -> None:
    even = similar((percent, percent), (percent, percent))
    assert pixels(draw_similarity(even, TimeMap(rate=1.0, offset_s=0.0))) == [[255, 255]] * 2


def test_what_is_no_matrix_is_not_drawn() -> None:
    time_map = TimeMap(rate=1.0, offset_s=0.0)
    assert draw_similarity(similar((1, 2)), time_map) is None
    assert draw_similarity(similar((1,), (2,)), time_map) is None
    assert draw_similarity(replace(similar((1, 2), (3, 4)), percent=((1, 2),)), time_map) is None
    assert draw_similarity(replace(similar((1, 2), (3, 4)), percent=((1, 2), (3,))), time_map) is None
    turned = replace(similar((1, 2), (3, 4)), reference_times_s=(5.0, 5.0))
    figure = draw_similarity(turned, time_map)
    assert figure is not None
    assert figure.line is None
