"""Proposals by motion: references in which something changes in the same places in the same order as in a piece.

For what neither hashes nor keypoints find: night skies, smoke, heat, where pictures have nothing to hold on to. The
whole picture is taken to lie on the whole picture, so crops and insets are not found in this way. What is proposed is
only a place to look at: the motion is then compared in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from verify.fingerprint.motion_signatures import DIMENSIONS, mirrored
from verify.match.motion import GRID_PER_SECOND
from verify.model import Transform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.archive.motion_index import MotionIndex
    from verify.model import MotionSet

    Floats = npt.NDArray[np.float32]

#: How many references and views are proposed for a piece.
PROPOSED = 4
#: Fewer than motion is compared at afterwards: a signature changes slowly.
_RATES = (1.0, -1.0, 0.5, 0.8, 1.25, 1.5, 2.0, 0.67, 0.33, 0.25, 3.0)
_MOMENTS_SOUGHT = 6
_MIN_MOMENTS = 3
#: Windows of references that are looked at for a piece, and the likeness from which one is.
_WINDOWS = 20
_MIN_LIKENESS = 0.3
_MIN_AGREEMENT = 0.2
_MIN_INSIDE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionProposal:
    """A reference, seen in one way, in which the same changes as in a piece.

    The middle of the piece, at `query_time_s`, lies on `reference_time_s`, both in seconds; `agreement` (0..1) is how
    much the changes agree then.
    """

    reference_number: int
    view: Transform
    agreement: float
    query_time_s: float
    reference_time_s: float


def propose_by_motion(pieces: Sequence[MotionSet], index: MotionIndex) -> list[list[MotionProposal]]:
    """Rank, for pieces given by what changes in them, the references that agree; the lists run parallel to `pieces`."""
    moving = [each if len(each.times_s) >= _MIN_MOMENTS else None for each in pieces]
    likeness = index.likeness([_strongest(each) for each in moving])
    return [_elected(each, own, index) if each is not None else [] for each, own in zip(moving, likeness, strict=True)]


def _strongest(motion: MotionSet | None) -> Floats:
    """Choose moments that change most, from different parts of a piece."""
    if motion is None:
        return np.zeros((0, DIMENSIONS), np.float32)
    codes = motion.codes.astype(np.float32)
    strength = np.linalg.norm(codes, axis=1)
    parts = np.array_split(np.arange(len(codes)), min(_MOMENTS_SOUGHT, len(codes)))
    return np.stack([codes[part[strength[part].argmax()]] for part in parts])


def _elected(motion: MotionSet, likeness: Floats, index: MotionIndex) -> list[MotionProposal]:
    best: dict[tuple[int, Transform], MotionProposal] = {}
    for place in np.argsort(-likeness, axis=None, kind="stable")[:_WINDOWS]:
        view, window = (int(each) for each in np.unravel_index(place, likeness.shape))
        if likeness[view, window] < _MIN_LIKENESS:
            break
        found = _line(motion, index, window, is_mirrored=bool(view))
        if found is None:
            continue
        key = found.reference_number, found.view
        if key not in best or found.agreement > best[key].agreement:
            best[key] = found
    return sorted(best.values(), key=lambda each: (-each.agreement, each.reference_number))[:PROPOSED]


def _line(motion: MotionSet, index: MotionIndex, window: int, *, is_mirrored: bool) -> MotionProposal | None:
    """Find the line in time, around a window of a reference, on which the changes agree best."""
    reference_start_s, there = _on_grid(*index.around(window))
    codes = motion.codes.astype(np.float32)
    query_start_s, here = _on_grid(motion.times_s, mirrored(codes) if is_mirrored else codes)
    products = here @ there.T
    own, other = (here * here).sum(axis=1), (there * there).sum(axis=1)
    best: tuple[float, float, bool] | None = None
    for rate in _RATES:
        steps = np.round(rate * np.arange(len(here))).astype(np.int64)
        offsets = np.arange(-int(max(steps.max(), 0)), len(there) - int(min(steps.min(), 0)))
        places = steps[:, None] + offsets[None]
        inside = (places >= 0) & (places < len(there))
        places = np.clip(places, 0, len(there) - 1)
        shared = (np.take_along_axis(products, places, 1) * inside).sum(axis=0)
        scale = np.sqrt((own[:, None] * inside).sum(axis=0) * (other[places] * inside).sum(axis=0))
        agreement = np.where(inside.mean(axis=0) > _MIN_INSIDE, shared / np.maximum(scale, 1e-6), 0.0)
        offset = int(np.abs(agreement).argmax())
        value = float(agreement[offset])
        if best is None or abs(value) > best[0]:
            middle = float(offsets[offset]) + rate * (len(here) - 1) / 2
            # Played backwards, what appears disappears; exchanged dark and light do the same to the signs.
            best = abs(value), reference_start_s + middle / GRID_PER_SECOND, (value < 0) != (rate < 0)
    if best is None or best[0] < _MIN_AGREEMENT:
        return None
    return MotionProposal(
        reference_number=int(index.owners[window]),
        view=Transform(mirrored=is_mirrored, inverted=best[2]),
        agreement=best[0],
        query_time_s=query_start_s + (len(here) - 1) / 2 / GRID_PER_SECOND,
        reference_time_s=max(0.0, best[1]),
    )


def _on_grid(times_s: npt.NDArray[np.float64], codes: Floats) -> tuple[float, Floats]:
    """Lay moments on an even grid of times; returns the time of its first and (n, D) codes, zero where none is."""
    start_s = float(times_s[0])
    rows = np.round((times_s - start_s) * GRID_PER_SECOND).astype(np.int64)
    laid = np.zeros((int(rows[-1]) + 1, codes.shape[1]), np.float32)
    laid[rows] = codes
    return start_s, laid
