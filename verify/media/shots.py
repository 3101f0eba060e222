"""Shots and their frame class: whether a shot's pictures can carry evidence, and why not if they cannot.

Classes by rule. A template is drawn, not filmed: a flat ground of one grey level with sharp lettering or shapes that
stay where they are in the middle of the picture, or colour bars. What else moves, a ticker or a logo, does not matter.
Footage of an empty sky or at night is as flat, but has no sharp edges in its middle that stay, whatever logo lies at
its border. In case of doubt a shot is footage. A uniform picture in which nothing ever shows is empty. A nearly black
one is dark, also if no more than a light moves in it. All others are textured. The limits were set on cards, bars,
night, thermal and day footage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.model import FrameClass, Interval, Shot
from verify.translation import marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.model import DecodeOutcome, SampledFrame

    Grey = npt.NDArray[np.uint8]

_REDUCED = (64, 36)
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_FLAT_GRADIENT = 2.0
#: Flat share of the reduction below which a picture is not looked at for a drawn ground.
_MAYBE_DRAWN_FLAT_SHARE = 0.6

#: Greatest range of grey levels in 3x3 pixels of a flat ground, of soft structure, and from which on an edge is sharp.
_FLAT_RANGE, _SOFT_RANGE, _SHARP_RANGE = 2, 6, 40
#: A level of the ground is this many grey levels wide to either side; so many levels may make up the ground.
_LEVEL_REACH, _LEVELS = 2, 8
#: Rows that the ground is looked for in, above tickers; rows and columns that lettering is looked for in, between
#: logos, lower thirds, subtitles and numerals: shares of the picture's height and width.
_GROUND_ROWS = (0.05, 0.8)
_MIDDLE_ROWS, _MIDDLE_COLUMNS = (0.15, 0.72), (0.12, 0.88)

#: Share of the ground that a few levels and the commonest must take up at least.
_TEMPLATE_LEVELS, _TEMPLATE_ONE_LEVEL = 0.88, 0.75
#: Share of the picture that still sharp edges in its middle take up at least, and their share of all structure there:
#: on any ground, and on one that a camera gives too, black, or white beyond what it can show.
_TEMPLATE_EDGES, _TEMPLATE_SHARPNESS = 0.003, 0.4
_TEMPLATE_EDGES_LIKE_A_CAMERA, _TEMPLATE_SHARPNESS_LIKE_A_CAMERA = 0.006, 0.5
_TEMPLATE_MOVING = 0.2
_BLACK_LEVEL, _WHITE_LEVEL = 14, 250
#: Share of a shot's frames in which an edge must be at the same place.
_STILL_SHARE = 0.7
#: Reduced pixels that change by more grey levels than this from one sampled frame to the next are moving.
_MOVING_LEVELS = 4.0

#: Colour bars: upper rows of the reduction, all alike within so many grey levels, with so many steps along them.
_BAR_ROWS = slice(4, 20)
_BAR_UNEVENNESS, _BAR_STEP, _BAR_STEPS = 1.0, 6.0, 5

#: Grey levels between the darkest and the brightest of the reduction below which there is nothing in a picture.
_EMPTY_RANGE = 8.0
_DARK_MEAN = 14.0
_DARK_FLAT_SHARE = 0.75

_REASONS = {
    FrameClass.TEXTURED: "",
    FrameClass.TEMPLATE: marked("a card, bars or a logo: still lettering or shapes on a flat ground"),
    FrameClass.DARK: marked("nearly black: only what moves in it could tell pictures apart"),
    FrameClass.EMPTY: marked("a uniform picture with nothing in it"),
}
_NO_FRAME = marked("no frame of it was sampled")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """The flat ground of a picture: its commonest level, the shares of that and of the few commonest, and the rest.

    `soft_share` is the share of the whole picture that soft structure in its middle takes up.
    """

    level: int
    one_level_share: float
    levels_share: float
    soft_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What is kept of a frame: mean and range of its reduction in grey levels, and shares of it, 0..1.

    `ground` is None where the picture is too busy to have one.
    """

    mean: float
    range: float
    flat_share: float
    moving_share: float
    is_bars: bool
    ground: _Ground | None


@dataclass(slots=True)
class _OpenShot:
    """The shot that frames are being added to; `sharp` (H, W) counts the frames with a sharp edge at a place."""

    first_s: float
    looks: list[_Look] = field(default_factory=list)
    reduced: npt.NDArray[np.float32] | None = None
    sharp: npt.NDArray[np.float32] | None = None


class ShotClasses:
    """Classes shots while their sampled frames stream by, in order of time."""

    def __init__(self) -> None:
        self._shot: _OpenShot | None = None
        self._classes: list[tuple[float, FrameClass]] = []

    def add(self, frame: SampledFrame, grey: Grey) -> None:
        """Take the next frame and its grey picture, (H, W) uint8."""
        if self._shot is None or frame.starts_shot:
            self._close()
            self._shot = _OpenShot(frame.time_s)
        _look(self._shot, grey)

    def finish(self, outcome: DecodeOutcome) -> tuple[Shot, ...]:
        """Divide the decoded time at its boundaries and return each part with its class. Shots leave no gaps."""
        self._close()
        edges = [outcome.decoded.start_s, *outcome.cut_times_s, outcome.decoded.end_s]
        shots: list[Shot] = []
        for start_s, end_s in pairwise(edges):
            if end_s <= start_s:
                continue
            inside = [kind for first_s, kind in self._classes if start_s - 1e-6 <= first_s < end_s - 1e-6]
            kind = inside[0] if inside else FrameClass.EMPTY
            reason = _REASONS[kind] if inside else _NO_FRAME
            shots.append(Shot(interval=Interval(start_s=start_s, end_s=end_s), frame_class=kind, reason=reason))
        return tuple(shots)

    def _close(self) -> None:
        if self._shot is not None:
            self._classes.append((self._shot.first_s, _class_of(self._shot)))
            self._shot = None


def _look(shot: _OpenShot, grey: Grey) -> None:
    """Add a frame to its shot."""
    reduced = np.asarray(cv2.resize(grey, _REDUCED, interpolation=cv2.INTER_AREA), np.float32)
    down, across = np.abs(np.diff(reduced, axis=0)), np.abs(np.diff(reduced, axis=1))
    flat_share = float(((across[:-1] < _FLAT_GRADIENT) & (down[:, :-1] < _FLAT_GRADIENT)).mean())
    moving = 0.0 if shot.reduced is None else float((np.abs(reduced - shot.reduced) > _MOVING_LEVELS).mean())
    shot.looks.append(
        _Look(
            mean=float(reduced.mean()),
            range=float(reduced.max() - reduced.min()),
            flat_share=flat_share,
            moving_share=moving,
            is_bars=_is_bars(reduced, down) or _is_bars(reduced.T, across.T),
            ground=_look_at_ground(shot, grey) if flat_share >= _MAYBE_DRAWN_FLAT_SHARE else None,
        )
    )
    shot.reduced = reduced


def _look_at_ground(shot: _OpenShot, grey: Grey) -> _Ground:
    """Measure the flat ground of a picture, and count its sharp edges into those of its shot."""
    ranges = np.asarray(cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, _NEIGHBOURS), np.uint8)
    if shot.sharp is None or shot.sharp.shape != grey.shape:
        shot.sharp = np.zeros(grey.shape, np.float32)
    cv2.accumulate(cv2.threshold(ranges, _SHARP_RANGE - 1, 1, cv2.THRESH_BINARY)[1], shot.sharp)
    top, bottom = (round(share * grey.shape[0]) for share in _GROUND_ROWS)
    every_other = slice(top, bottom, 2), slice(None, None, 2)
    flat = np.asarray(ranges[every_other] <= _FLAT_RANGE, np.uint8)
    ground = np.ascontiguousarray(grey[every_other])
    levels = cv2.calcHist([ground], [0], flat, [256], [0, 256]).ravel() / flat.size
    shares: list[float] = []
    commonest = int(levels.argmax())
    for _ in range(_LEVELS):
        level = int(levels.argmax())
        around = slice(max(0, level - _LEVEL_REACH), level + _LEVEL_REACH + 1)
        shares.append(float(levels[around].sum()))
        levels[around] = 0
    soft = cv2.inRange(ranges[_middle(grey.shape)], _SOFT_RANGE, _SHARP_RANGE - 1)
    return _Ground(
        level=commonest,
        one_level_share=shares[0],
        levels_share=sum(shares),
        soft_share=cv2.countNonZero(soft) / grey.size,
    )


def _middle(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of the middle of a picture of this shape."""
    height, width = shape
    top, bottom = (round(share * height) for share in _MIDDLE_ROWS)
    left, right = (round(share * width) for share in _MIDDLE_COLUMNS)
    return slice(top, bottom), slice(left, right)


def _is_bars(reduced: npt.NDArray[np.float32], down: npt.NDArray[np.float32]) -> bool:
    """Say whether the upper part of a picture, with these changes from row to row, is upright bars.

    The transposes of both tell of lying ones.
    """
    if float(down[_BAR_ROWS].mean()) > _BAR_UNEVENNESS:
        return False
    part = reduced[_BAR_ROWS]
    profile = part.mean(axis=0)
    is_step = np.abs(np.diff(profile)) > _BAR_STEP
    steps = int(is_step[0]) + int((is_step[1:] & ~is_step[:-1]).sum())
    return steps >= _BAR_STEPS and float(np.abs(part - profile).mean()) <= _BAR_UNEVENNESS


def _class_of(shot: _OpenShot) -> FrameClass:
    looks = shot.looks
    if 2 * sum(look.is_bars for look in looks) > len(looks) or _is_card(shot):
        return FrameClass.TEMPLATE
    means = [look.mean for look in looks]
    if max(look.range for look in looks) < _EMPTY_RANGE and max(means) - min(means) < _EMPTY_RANGE:
        return FrameClass.EMPTY
    if _median(means) < _DARK_MEAN and _median([look.flat_share for look in looks]) >= _DARK_FLAT_SHARE:
        return FrameClass.DARK
    return FrameClass.TEXTURED


def _is_card(shot: _OpenShot) -> bool:
    """Say whether a shot shows still lettering or shapes on a drawn ground."""
    grounds = [look.ground for look in shot.looks if look.ground is not None]
    if shot.sharp is None or 2 * len(grounds) < len(shot.looks):
        return False
    # Cards are faded in and out, so that a quarter of a shot at rest is enough.
    moving = float(np.quantile([look.moving_share for look in shot.looks], 0.25))
    levels_share = _median([ground.levels_share for ground in grounds])
    one_level_share = _median([ground.one_level_share for ground in grounds])
    soft_share = _median([ground.soft_share for ground in grounds])
    if levels_share < _TEMPLATE_LEVELS or one_level_share < _TEMPLATE_ONE_LEVEL or moving > _TEMPLATE_MOVING:
        return False
    edges = float((shot.sharp[_middle(shot.sharp.shape)] >= _STILL_SHARE * len(shot.looks)).sum()) / shot.sharp.size
    level = float(np.quantile([ground.level for ground in grounds], 0.75))
    is_drawn = _BLACK_LEVEL <= level < _WHITE_LEVEL
    least_edges = _TEMPLATE_EDGES if is_drawn else _TEMPLATE_EDGES_LIKE_A_CAMERA
    least_sharpness = _TEMPLATE_SHARPNESS if is_drawn else _TEMPLATE_SHARPNESS_LIKE_A_CAMERA
    return edges >= least_edges and edges >= least_sharpness * (edges + soft_share)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))
