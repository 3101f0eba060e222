"""Shots and their frame class: whether a shot's pictures can carry evidence, and why not if they cannot.

Classes by rule on a 64 x 36 grey reduction. A still shot that is mostly flat and made of very few grey levels is a
card, bars or a logo (template); a nearly uniform picture is empty; a nearly black one is dark. All others are
textured. The limits were set on title cards, night, thermal and day footage.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.model import FrameClass, Interval, Shot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.model import DecodeOutcome, SampledFrame

_REDUCED = (64, 36)
_FLAT_GRADIENT = 2.0
_TEMPLATE_FLAT_SHARE = 0.75
_TEMPLATE_TWO_LEVELS_SHARE = 0.88
_TEMPLATE_STILLNESS = 0.5
_EMPTY_SPREAD = 3.0
_DARK_MEAN = 14.0
_DARK_FLAT_SHARE = 0.75

_REASONS = {
    FrameClass.TEXTURED: "",
    FrameClass.TEMPLATE: "a still card: flat areas and lettering or a logo",
    FrameClass.DARK: "too dark and flat for the fingerprints to tell pictures apart",
    FrameClass.EMPTY: "a uniform picture with nothing in it",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameLook:
    """What decides a frame's class: its time (s), 64 x 36 grey reduction, and shares of it (0..1)."""

    time_s: float
    reduced: npt.NDArray[np.float32]
    flat_share: float
    two_levels_share: float
    mean: float
    spread: float


def look(frame: SampledFrame) -> FrameLook:
    """Measure one frame."""
    grey = cv2.cvtColor(frame.pixels_bgr, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, _REDUCED, interpolation=cv2.INTER_AREA)
    reduced = small.astype(np.float32)
    flat = (np.abs(np.diff(reduced, axis=1))[:-1] < _FLAT_GRADIENT) & (
        np.abs(np.diff(reduced, axis=0))[:, :-1] < _FLAT_GRADIENT
    )
    levels = np.sort(np.bincount(small.ravel() // 8, minlength=32))
    return FrameLook(
        time_s=frame.time_s,
        reduced=reduced,
        flat_share=float(flat.mean()),
        two_levels_share=float(levels[-2:].sum() / small.size),
        mean=float(reduced.mean()),
        spread=float(reduced.std()),
    )


def frame_class(looks: Sequence[FrameLook]) -> FrameClass:
    """Class of a run of frames, by the medians of their measures and how much they move."""
    if float(np.median([each.spread for each in looks])) < _EMPTY_SPREAD:
        return FrameClass.EMPTY
    flat_share = float(np.median([each.flat_share for each in looks]))
    two_levels_share = float(np.median([each.two_levels_share for each in looks]))
    movement = [float(np.abs(b.reduced - a.reduced).mean()) for a, b in pairwise(looks)]
    is_still = not movement or float(np.median(movement)) < _TEMPLATE_STILLNESS
    if is_still and flat_share >= _TEMPLATE_FLAT_SHARE and two_levels_share >= _TEMPLATE_TWO_LEVELS_SHARE:
        return FrameClass.TEMPLATE
    if float(np.median([each.mean for each in looks])) < _DARK_MEAN and flat_share >= _DARK_FLAT_SHARE:
        return FrameClass.DARK
    return FrameClass.TEXTURED


def find_shots(looks: Sequence[FrameLook], outcome: DecodeOutcome) -> tuple[Shot, ...]:
    """Divide the decoded time at its cuts and class each part. Shots follow each other without gaps."""
    edges = [outcome.decoded.start_s, *outcome.cut_times_s, outcome.decoded.end_s]
    shots: list[Shot] = []
    for start_s, end_s in pairwise(edges):
        if end_s <= start_s:
            continue
        inside = [each for each in looks if start_s - 1e-6 <= each.time_s < end_s - 1e-6]
        kind = frame_class(inside) if inside else FrameClass.EMPTY
        reason = _REASONS[kind] if inside else "no frame of it was sampled"
        shots.append(Shot(interval=Interval(start_s=start_s, end_s=end_s), frame_class=kind, reason=reason))
    return tuple(shots)
