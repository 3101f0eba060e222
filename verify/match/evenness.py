"""Evenness: could another recording of the same place show the same motion, because it goes on so evenly?

A camera that sweeps or zooms smoothly over a place, a bar that fills, one thing that crosses the picture steadily: such
motion has no moments of its own. A second sweep along the same path agrees with the first in every picture, and only
the noise of the two cameras differs. A hand that holds a camera, people, smoke and flashes never do the same again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Changes = npt.NDArray[np.float32]
    Pictures = npt.NDArray[np.float32]

#: Share of the energy that must be left where changes and those moved along overlap.
_LEAST_LEFT = 0.5
#: Grey levels of a difference that count as noise.
_NOISE = 1.5
#: How many pairs of neighbouring pictures the camera's path is taken from, and how few are too few to tell.
_MOST_PAIRS, _FEWEST_PAIRS = 24, 6
#: A path that a polynomial of this degree describes is smooth: set off, go on, slow down.
_PATH_DEGREE = 3
_ECC_STEPS, _ECC_PRECISION, _ECC_BLUR_PX = 40, 1e-4, 3
_NO_MOVE = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


def moved_along(sooner: Changes, later: Changes) -> float:
    """Correlate changes with those a moment later, all moved along by the one step that fits best.

    Parameters
    ----------
    sooner, later
        (T, height, width) change at T moments, and the same length of time after each.

    Returns
    -------
    float
        0..1; near 1 where everything moves on at one speed. The step, in whole px, is that of the highest
        cross-correlation, summed over all moments; what it moves out of the picture does not count, and 0 is returned
        where that is most.
    """
    height, width = sooner.shape[1:]
    # Twice the size, so that what leaves on one side does not come back on the other.
    size = cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width)
    crossed = np.zeros((size[0], size[1] // 2 + 1), np.complex128)
    for here, there in zip(sooner, later, strict=True):
        crossed += np.conj(np.fft.rfft2(here, size)) * np.fft.rfft2(there, size)
    down, right = (int(step) for step in np.unravel_index(np.fft.irfft2(crossed, size).argmax(), size))
    down, right = down - size[0] * (down >= height), right - size[1] * (right >= width)
    before = sooner[:, max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    after = later[:, max(0, down) : height - max(0, -down), max(0, right) : width - max(0, -right)]
    here_energy, there_energy = float((before * before).sum()), float((after * after).sum())
    if min(here_energy, there_energy) <= 0:
        return 0.0
    if min(here_energy / float((sooner * sooner).sum()), there_energy / float((later * later).sum())) < _LEAST_LEFT:
        return 0.0
    return float(np.clip((before * after).sum() / np.sqrt(here_energy * there_energy), 0.0, 1.0))


def smooth_camera(pictures: Pictures, free: npt.NDArray[np.bool_]) -> float:
    """Say how much of all change one smooth movement of the camera explains.

    Parameters
    ----------
    pictures
        (T, height, width) float32, evenly spaced in time.
    free
        (height, width): where they are compared.

    Returns
    -------
    float
        0..1. The lower of two shares: of the change between neighbouring pictures, what an affine movement takes off;
        of that movement, what a polynomial over time describes. 1 where there are too few pictures to tell.
    """
    count = len(pictures) - 1
    if count < _FEWEST_PAIRS:
        return 1.0
    rows = np.unique(np.linspace(0, count - 1, min(count, _MOST_PAIRS)).round().astype(np.int64))
    changed = left = 0.0
    path: list[npt.NDArray[np.float64]] = []
    times: list[int] = []
    for row in rows:
        here, there = pictures[row], pictures[row + 1]
        whole = float((_above(there - here)[free] ** 2).sum())
        changed += whole
        moved = _movement(here, there, free)
        if moved is None:
            left += whole
            continue
        laid, seen = _laid_back(there, moved, free)
        # What moves out of view is counted as explained like the rest.
        left += float((_above(laid - here)[seen] ** 2).sum()) * free.sum() / max(int(seen.sum()), 1)
        path.append(_steps(moved, here.shape))
        times.append(int(row))
    if changed <= 0 or len(path) < _FEWEST_PAIRS:
        return 0.0
    return float(np.clip(min(1 - left / changed, 1 - _unsmoothness(np.array(times), np.stack(path))), 0.0, 1.0))


def _movement(here: Pictures, there: Pictures, free: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32] | None:
    """Find the affine movement, (2, 3), from one picture to the next; None where there is none."""
    height, width = here.shape
    (right, down), _ = cv2.phaseCorrelate(here, there, cv2.createHanningWindow((width, height), cv2.CV_32F))
    start = _NO_MOVE.copy()
    start[:, 2] = right, down
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ECC_STEPS, _ECC_PRECISION)
    for first in (start, _NO_MOVE.copy()):
        try:
            _, moved = cv2.findTransformECC(
                here, there, first, cv2.MOTION_AFFINE, criteria, free.astype(np.uint8), _ECC_BLUR_PX
            )
        except cv2.error:
            continue
        if np.isfinite(moved).all():
            return np.asarray(moved, np.float32)
    return None


def _laid_back(
    there: Pictures, moved: npt.NDArray[np.float32], free: npt.NDArray[np.bool_]
) -> tuple[Pictures, npt.NDArray[np.bool_]]:
    """Lay the later picture on the sooner one; returns it and where it can be compared."""
    height, width = there.shape
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(there, moved, (width, height), flags=flags)
    seen = cv2.warpAffine(free.astype(np.float32), moved, (width, height), flags=flags) > 0.99
    return np.asarray(laid, np.float32), seen & free


def _steps(moved: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Describe a movement by px that the middle of the picture, and its edge by scale and by turning, move: (4,)."""
    height, width = shape
    middle = moved @ np.array([width / 2, height / 2, 1.0])
    scale = np.sqrt(abs(float(np.linalg.det(moved[:, :2].astype(np.float64)))))
    turn = float(moved[1, 0] - moved[0, 1]) / 2
    return np.array([middle[0] - width / 2, middle[1] - height / 2, width / 2 * (scale - 1), width / 2 * turn])


def _unsmoothness(times: npt.NDArray[np.int64], path: npt.NDArray[np.float64]) -> float:
    """Share of a path, (n, 4), that no polynomial describes, root mean square."""
    fitted = np.polynomial.polynomial.polyvander(times / times[-1], _PATH_DEGREE)
    smooth = fitted @ np.linalg.lstsq(fitted, path, rcond=None)[0]
    whole = float((path * path).sum())
    return float(np.sqrt(((path - smooth) ** 2).sum() / whole)) if whole > 0 else 0.0


def _above(differences: Pictures) -> Pictures:
    return np.asarray(differences - np.clip(differences, -_NOISE, _NOISE), np.float32)
