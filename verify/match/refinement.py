"""Refinement: better geometry, once it is known which pictures belong together.

Key pictures of query and reference are seldom taken at the same moment; with a moving camera the transform between them
holds the camera's motion besides. Aligned on a line in time, pictures of the same moment are fitted to each other by
their grey levels (ECC: Evangelidis and Psarakis, 2008, as OpenCV has it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.match.motion import GRID_PER_SECOND

if TYPE_CHECKING:
    import numpy.typing as npt

    from verify.match.motion import MotionLine, QueryMotion, ReferenceMotion

    Matrix = npt.NDArray[np.float64]

_MOMENTS = 5
_STEPS = 25
_PRECISION = 1e-4
_FILTER_PX = 5
_MAX_TURN, _MAX_SHIFT_PX = 0.25, 16.0


def refine(query: QueryMotion, reference: ReferenceMotion, line: MotionLine) -> Matrix | None:
    """Find what brings the query's pictures nearer to those of the reference at the same moments.

    Returns
    -------
    ndarray or None
        (2, 3), from px of the reference motion's pictures to the same, to be applied after the present transform; None
        where no moment could be fitted.
    """
    width, height = reference.size
    mask = np.zeros(width * height, np.uint8)
    mask[query.pixels] = 255
    mask = mask.reshape(height, width)
    fitted = []
    for row in _chosen(line):
        there = round((line.rate * float(line.times_s[row]) + line.offset_s - reference.start_s) * GRID_PER_SECOND)
        here = int(np.abs(query.times_s - line.times_s[row]).argmin())
        if not 0 <= there < len(reference):
            continue
        template = np.ascontiguousarray(reference.pictures[:, there]).reshape(height, width)
        correction = _fit(template, query.pictures[here].reshape(height, width), mask)
        if correction is not None:
            fitted.append(correction)
    return np.median(fitted, axis=0) if fitted else None


def _chosen(line: MotionLine) -> npt.NDArray[np.int64]:
    """Moments that agree best already, spread over the line."""
    rows = np.nonzero(line.inside)[0]
    parts = np.array_split(rows, min(_MOMENTS, max(1, len(rows))))
    return np.array([part[line.looks[part].argmax()] for part in parts if len(part)], np.int64)


def _fit(
    template: npt.NDArray[np.float32], picture: npt.NDArray[np.float32], mask: npt.NDArray[np.uint8]
) -> Matrix | None:
    """Fit a picture to a template of the same size; None where that fails or leads far away."""
    warp = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _STEPS, _PRECISION)
    try:
        _, warp = cv2.findTransformECC(template, picture, warp, cv2.MOTION_AFFINE, criteria, mask, _FILTER_PX)  # type: ignore[assignment]
    except cv2.error:  # no overlap, or nothing to hold on to
        return None
    if np.abs(warp[:, :2] - np.eye(2)).max() > _MAX_TURN or np.abs(warp[:, 2]).max() > _MAX_SHIFT_PX:
        return None
    # The warp leads from the template to the picture; what is wanted leads back.
    return np.asarray(cv2.invertAffineTransform(warp), np.float64)
