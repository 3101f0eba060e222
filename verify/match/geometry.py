"""Geometry: how one picture lies on another, from keypoints that look alike and agree on one affine transform.

An affine transform covers mirroring, cropping, zooming, insets, rotation and a mild change of perspective. It is fitted
by MAGSAC (Barath et al., 2020; OpenCV's USAC); where too few keypoints agree for that, a similarity is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from verify.model import Geometry, KeypointPair

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Points = npt.NDArray[np.float32]
    Matrix = npt.NDArray[np.float64]

#: Squared distance of projected descriptors (unit length before) up to which two keypoints can be one point.
NEAR = 0.4
#: How much nearer than the next rival a keypoint must be, in squared distance.
_RATIO = 0.64
_RIVAL_PX = 8.0
_CELL_PX = 16.0
_REPROJECTION_PX = 4.0
_MIN_PAIRS = 5
_MIN_AFFINE_CELLS = 5
_MIN_SIMILARITY_CELLS = 4
_MIN_SCALE, _MAX_SCALE, _MAX_STRETCH = 0.2, 5.0, 2.0
_DISTINCT_PX = 13.0
_SHOWN_KEYPOINTS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overlay:
    """A query key picture laid on a reference key picture.

    `matrix` (2, 3) maps query px to reference px, both in canonical pictures; `query_points` and `reference_points`
    (K, 2) agree under it, at `cells` distinct places. Times in s.
    """

    matrix: Matrix
    cells: int
    query_points: Points
    reference_points: Points
    query_time_s: float
    reference_time_s: float


def overlay(
    query: tuple[Points, npt.NDArray[np.float32]],
    reference: tuple[Points, npt.NDArray[np.float32]],
    *,
    mirrored: bool,
    query_time_s: float,
    reference_time_s: float,
) -> Overlay | None:
    """Find the transform that most keypoints of two pictures agree on; None if too few do.

    Parameters
    ----------
    query, reference
        Points (N, 2) in px and projected descriptors (N, D) of unit scale; the query's already as if turned around when
        `mirrored`.
    mirrored
        Whether the transform must turn the picture around (negative determinant).
    """
    chosen = _likely_pairs(query, reference)
    if chosen is None:
        return None
    query_points, reference_points = chosen
    for fit, least in ((_affine, _MIN_AFFINE_CELLS), (_similarity, _MIN_SIMILARITY_CELLS)):
        fitted = fit(query_points, reference_points, mirrored)
        if fitted is None:
            continue
        matrix, agrees = fitted
        cells = min(_cells(query_points[agrees]), _cells(reference_points[agrees]))
        if cells >= least and (np.linalg.det(matrix[:, :2]) < 0) == mirrored and _plausible(matrix):
            return Overlay(
                matrix=matrix,
                cells=cells,
                query_points=query_points[agrees],
                reference_points=reference_points[agrees],
                query_time_s=query_time_s,
                reference_time_s=reference_time_s,
            )
    return None


def _likely_pairs(
    query: tuple[Points, npt.NDArray[np.float32]], reference: tuple[Points, npt.NDArray[np.float32]]
) -> tuple[Points, Points] | None:
    """Pair each query keypoint with its nearest reference keypoint where no other place comes near."""
    (query_points, query_codes), (reference_points, reference_codes) = query, reference
    if min(len(query_points), len(reference_points)) < _MIN_PAIRS:
        return None
    distance = squared_distances(query_codes, reference_codes)
    rows = np.arange(len(distance))
    nearest = distance.argmin(axis=1)
    best = distance[rows, nearest]
    rows = rows[best < NEAR]
    if len(rows) < _MIN_PAIRS:
        return None
    nearest, best = nearest[rows], best[rows]
    # The same point found at another scale is no rival.
    apart = squared_distances(reference_points[nearest], reference_points) >= _RIVAL_PX**2
    rival = np.where(apart, distance[rows], np.inf).min(axis=1)
    clear = best < _RATIO * rival
    if clear.sum() < _MIN_PAIRS:
        return None
    return query_points[rows[clear]], reference_points[nearest[clear]]


def squared_distances(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Squared distances between all rows of (L, D) and (R, D), (L, R)."""
    squares = (left * left).sum(axis=1)[:, None] + (right * right).sum(axis=1)[None]
    return np.asarray(np.maximum(squares - 2 * left @ right.T, 0), np.float32)


def _affine(query: Points, reference: Points, _mirrored: bool) -> tuple[Matrix, npt.NDArray[np.bool_]] | None:
    matrix, agrees = cv2.estimateAffine2D(
        query,
        reference,
        method=cv2.USAC_MAGSAC,
        ransacReprojThreshold=_REPROJECTION_PX,
        maxIters=800,
        confidence=0.99,
    )
    found: Any = matrix  # None where no transform was found, which OpenCV's types do not say
    return None if found is None else (np.asarray(found, np.float64), agrees.ravel() > 0)


def _similarity(query: Points, reference: Points, mirrored: bool) -> tuple[Matrix, npt.NDArray[np.bool_]] | None:
    flip = np.diag([-1.0 if mirrored else 1.0, 1.0])
    matrix, agrees = cv2.estimateAffinePartial2D(
        (query @ flip).astype(np.float32), reference, method=cv2.RANSAC, ransacReprojThreshold=4.8, maxIters=400
    )
    found: Any = matrix
    if found is None:
        return None
    return np.hstack([matrix[:, :2] @ flip, matrix[:, 2:]]).astype(np.float64), agrees.ravel() > 0


def _plausible(matrix: Matrix) -> bool:
    long, short = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(short > _MIN_SCALE and long < _MAX_SCALE and long < _MAX_STRETCH * short)


def _cells(points: Points) -> int:
    return len(np.unique((points // _CELL_PX).astype(np.int64), axis=0))


def distinct_overlays(overlays: Sequence[Overlay], size: tuple[int, int], limit: int) -> list[Overlay]:
    """Choose up to `limit` overlays that differ, the best supported first; `size` is the query's (width, height)."""
    width, height = size
    corners = np.array([[0.12, 0.2], [0.88, 0.2], [0.12, 0.8], [0.88, 0.8]]) * (width, height)
    chosen: list[tuple[Matrix, Overlay]] = []
    for each in sorted(overlays, key=lambda each: -each.cells):
        placed = corners @ each.matrix[:, :2].T + each.matrix[:, 2]
        if all(np.abs(placed - other).max() > _DISTINCT_PX for other, _ in chosen):
            chosen.append((placed, each))
        if len(chosen) == limit:
            break
    return [each for _, each in chosen]


def assumed_overlay(
    region: tuple[int, int, int, int],
    reference_size: tuple[int, int],
    *,
    mirrored: bool,
    times_s: tuple[float, float],
) -> Overlay:
    """Lay a region of the query on the whole reference picture, turned around if `mirrored`.

    Parameters
    ----------
    region
        Left, top, right and bottom in px.
    reference_size
        Width and height in px.
    """
    left, top, right, bottom = region
    across, down = reference_size[0] / (right - left), reference_size[1] / (bottom - top)
    first = right * across if mirrored else -left * across
    matrix = np.array([[-across if mirrored else across, 0.0, first], [0.0, down, -top * down]])
    none = np.zeros((0, 2), np.float32)
    return Overlay(
        matrix=matrix,
        cells=0,
        query_points=none,
        reference_points=none,
        query_time_s=times_s[0],
        reference_time_s=times_s[1],
    )


def describe(
    chosen: Overlay, frame_pairs: int, query_size: tuple[int, int], reference_size: tuple[int, int]
) -> Geometry:
    """Put an overlay in the units of the report; sizes are (width, height) of the canonical pictures in px."""
    query_side, reference_side = max(query_size), max(reference_size)
    linear = chosen.matrix[:, :2] * (query_side / reference_side)
    shift = chosen.matrix[:, 2] / reference_side
    placed = _outline(chosen, query_size) / reference_size
    shown = np.unique(np.linspace(0, len(chosen.query_points) - 1, _SHOWN_KEYPOINTS).round().astype(int))
    pairs = zip(
        (chosen.query_points / query_size)[shown] if len(chosen.query_points) else (),
        (chosen.reference_points / reference_size)[shown] if len(chosen.query_points) else (),
        strict=True,
    )
    return Geometry(
        matrix=tuple(round(float(value), 6) for value in (*linear[0], shift[0], *linear[1], shift[1])),  # type: ignore[arg-type]
        outline=tuple((round(float(x), 4), round(float(y), 4)) for x, y in placed),
        covered=round(_covered(placed), 4),
        cells=chosen.cells,
        frame_pairs=frame_pairs,
        query_time_s=chosen.query_time_s,
        reference_time_s=chosen.reference_time_s,
        keypoints=tuple(
            KeypointPair(
                query_x=round(float(query[0]), 4),
                query_y=round(float(query[1]), 4),
                reference_x=round(float(reference[0]), 4),
                reference_y=round(float(reference[1]), 4),
            )
            for query, reference in pairs
        ),
    )


def contained(chosen: Overlay, query_size: tuple[int, int], reference_size: tuple[int, int]) -> float:
    """Say how much of one picture lies inside the other, 0..1, whichever way round is more.

    A copy is cut out of its reference, or shows it as an inset: one lies inside the other. A page that scrolls or a
    camera that pans fits itself at another moment too, but shifted, and then both stick out.
    """
    placed = _outline(chosen, query_size) / reference_size
    area = float(cv2.contourArea(cv2.convexHull(placed.astype(np.float32))))
    covered = _covered(placed)
    return max(covered, min(1.0, covered / max(area, 1e-6)))


def _outline(chosen: Overlay, query_size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Corners of the query in px of the reference, (4, 2), clockwise from its upper left."""
    width, height = query_size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    return np.asarray(corners @ chosen.matrix[:, :2].T + chosen.matrix[:, 2], np.float64)


def _covered(outline: npt.NDArray[np.float64]) -> float:
    """Share of the unit square inside a convex outline, 0..1."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    area, _ = cv2.intersectConvexConvex(cv2.convexHull(outline.astype(np.float32)), square)
    return float(min(max(area, 0.0), 1.0))
