"""Where one picture lies in the other: outlines, keypoints that agree, and how to lay the two on each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from verify.report.choosing import SAME_MOMENT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import FramePair, Geometry, Picture

    Point = tuple[float, float]

_HEIGHT = 220.0
_GAP = 26.0
_USUAL_ASPECT = 16 / 9
_LEAST_ASPECT, _MOST_ASPECT = 0.4, 3.0
_MOST_LINES = 40
_LEAST_AREA = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One of the two pictures, in the units of the drawing; `picture` is None where there is none of that moment."""

    left: float
    width: float
    height: float
    picture: Picture | None
    outline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryFigure:
    """A drawing to lie upon two pictures side by side: `outline`s are the points of polygons, `lines` join keypoints.

    A line is (x1, y1, x2, y2), from the query's picture to the reference's. `pair` are the pictures below, None where
    there are none; `gap` is what lies between them. `at_other_moment` says that the pictures are not those that the
    keypoints were measured in, though of the same shot.
    """

    width: float
    height: float
    gap: float
    pair: FramePair | None
    query: Panel
    reference: Panel
    lines: tuple[tuple[float, float, float, float], ...]
    at_other_moment: bool


def draw_geometry(geometry: Geometry, pairs: Sequence[FramePair]) -> GeometryFigure | None:
    """Draw a measured transform on the pair of pictures nearest to its moment; None for one that was only assumed."""
    if geometry.frame_pairs <= 0 or len(geometry.outline) != 4:
        return None
    pair = _nearest(geometry, pairs)
    query_picture, reference_picture = (pair.query, pair.reference) if pair else (None, None)
    left = round(_HEIGHT * _aspect(query_picture), 1)
    right = round(_HEIGHT * _aspect(reference_picture or query_picture), 1)
    query = Panel(
        left=0.0,
        width=left,
        height=_HEIGHT,
        picture=query_picture,
        outline=_points(_clipped(_inverse_outline(geometry.outline)), 0.0, left),
    )
    reference = Panel(
        left=left + _GAP,
        width=right,
        height=_HEIGHT,
        picture=reference_picture,
        outline=_points(_clipped(geometry.outline), left + _GAP, right),
    )
    return GeometryFigure(
        width=round(left + _GAP + right, 1),
        height=_HEIGHT,
        gap=_GAP,
        pair=pair,
        query=query,
        reference=reference,
        lines=_lines(geometry, query, reference),
        at_other_moment=pair is not None and _apart_s(geometry, pair) > SAME_MOMENT_S,
    )


def laid_on_query(geometry: Geometry) -> tuple[float, float, float, float, float, float] | None:
    """Say where the reference's picture lies in the query's, each picture being a unit square from its upper left.

    Returns
    -------
    (a, b, c, d, e, f) with x' = a x + b y + c and y' = d x + e y + f, from the reference's picture to the query's; None
    where the transform was only assumed, or lays the picture on a line.
    """
    if geometry.frame_pairs <= 0 or len(geometry.outline) != 4:
        return None
    corners = _inverse_outline(geometry.outline)
    if not corners:
        return None
    (x0, y0), (x1, y1), _, (x3, y3) = corners
    return x1 - x0, x3 - x0, x0, y1 - y0, y3 - y0, y0


def _nearest(geometry: Geometry, pairs: Sequence[FramePair]) -> FramePair | None:
    pictured = [pair for pair in pairs if pair.reference is not None]
    return min(pictured, key=lambda pair: _apart_s(geometry, pair), default=None)


def _apart_s(geometry: Geometry, pair: FramePair) -> float:
    there_s = pair.reference.time_s if pair.reference else geometry.reference_time_s
    return max(abs(pair.query.time_s - geometry.query_time_s), abs(there_s - geometry.reference_time_s))


def _aspect(picture: Picture | None) -> float:
    if picture is None or min(picture.width_px, picture.height_px) <= 0:
        return _USUAL_ASPECT
    return min(max(picture.width_px / picture.height_px, _LEAST_ASPECT), _MOST_ASPECT)


def _lines(geometry: Geometry, query: Panel, reference: Panel) -> tuple[tuple[float, float, float, float], ...]:
    step = -(-len(geometry.keypoints) // _MOST_LINES) or 1
    inside = [
        each
        for each in geometry.keypoints[::step]
        if all(0 <= share <= 1 for share in (each.query_x, each.query_y, each.reference_x, each.reference_y))
    ]
    return tuple(
        (
            round(query.left + each.query_x * query.width, 1),
            round(each.query_y * _HEIGHT, 1),
            round(reference.left + each.reference_x * reference.width, 1),
            round(each.reference_y * _HEIGHT, 1),
        )
        for each in inside
    )


def _points(polygon: Sequence[Point], left: float, width: float) -> str:
    return " ".join(f"{left + x * width:.1f},{y * _HEIGHT:.1f}" for x, y in polygon)


def _inverse_outline(outline: Sequence[Point]) -> list[Point]:
    """Corners of the reference's picture in the query's, from those of the query's in the reference's; [] if flat."""
    (x0, y0), (x1, y1), _, (x3, y3) = outline
    across_x, across_y, down_x, down_y = x1 - x0, y1 - y0, x3 - x0, y3 - y0
    determinant = across_x * down_y - across_y * down_x
    if abs(determinant) < _LEAST_AREA:
        return []
    return [
        (
            ((x - x0) * down_y - (y - y0) * down_x) / determinant,
            ((y - y0) * across_x - (x - x0) * across_y) / determinant,
        )
        for x, y in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    ]


def _clipped(polygon: Sequence[Point]) -> list[Point]:
    """Cut a polygon to the unit square, side by side (Sutherland and Hodgman, 1974)."""
    corners = list(polygon)
    for axis, limit, sign in ((0, 0.0, 1), (0, 1.0, -1), (1, 0.0, 1), (1, 1.0, -1)):
        kept: list[Point] = []
        for before, after in pairwise([*corners[-1:], *corners]):
            starts, ends = (sign * (point[axis] - limit) for point in (before, after))
            if (starts < 0) != (ends < 0):
                share = starts / (starts - ends)
                kept.append((before[0] + share * (after[0] - before[0]), before[1] + share * (after[1] - before[1])))
            if ends >= 0:
                kept.append(after)
        corners = kept
    return corners
