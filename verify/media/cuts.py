"""Hard cuts, found while decoding from small grey thumbnails of every frame.

A cut is a step from one frame to the next that stands out from the steps around it, changes the picture as a whole,
and from which the picture does not return, as it does after a flash of a few frames. Judging a step by the steps
around it is the idea of PySceneDetect's AdaptiveDetector (Castellano, 2014-2024); the rest is ours. All measures are
relative, so that night footage of a few grey levels is judged like daylight. Dissolves and fades are in
`verify.media.transitions`.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Thumbnail = npt.NDArray[np.float32]

#: How many frames after a frame must be known before it can be judged.
LOOKAHEAD_FRAMES = 6
_LOOKBEHIND_FRAMES = 8

#: Steps in grey levels: below the first a frame repeats the one before it, below the second nothing is a cut.
_REPEATED = 0.25
_MIN_STEP = 0.6
#: Frames that repeat a picture without the picture standing still: down to 4 pictures a second, in most files.
_MAX_REPEATS = 5
#: Least spread of grey levels that a step is measured against.
_MIN_SPREAD = 0.5
_MIN_USUAL_STEP = 0.1
#: A cut changes the picture by so much of its spread and stands out so far; or by less, where all else stands still.
_MIN_CHANGE, _STANDS_OUT, _STANDS_OUT_AFTER = 0.35, 2.2, 1.4
_MIN_CHANGE_IN_STILLNESS, _STANDS_OUT_OF_STILLNESS = 0.15, 8.0
#: Share of the picture that must take part in a change out of stillness; a caption that comes up is less.
_MIN_SHARE_CHANGED = 0.4
_RETURNED, _RETURNED_FROM_FLASH = 0.5, 0.2
#: Least correlation of one picture in another light, and while the light goes on changing; and what light may leave.
_SAME_STRUCTURE, _SAME_STRUCTURE_GOING_ON = 0.97, 0.9
_GOES_ON = 0.3
_UNEXPLAINED_BY_LIGHT = 0.25
#: The steps of a blend, none more than so many times another, add up to the whole; motion after a cut falls short.
_BLEND_ADDS_UP = 0.9
_BLEND_BALANCE = 2.0
_MAX_BLENDED_FRAMES = 3
#: So many steps of a blend are a dissolve, fewer are a cut across frames blended of both sides.
_DISSOLVE_STEPS = 4
_BAR_BLACK = 20.0
_MIN_LIVE_PX = 8


def difference(one: Thumbnail, other: Thumbnail) -> float:
    """Mean absolute difference of two thumbnails, in grey levels."""
    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """A frame that waits for its look-ahead: its thumbnail and how far it is from the frame before, in grey levels."""

    thumbnail: Thumbnail
    step: float


class CutFinder:
    """Says of every frame whether a hard cut follows it, `LOOKAHEAD_FRAMES` frames later."""

    def __init__(self) -> None:
        self._waiting: deque[_Frame] = deque()
        self._newest: Thumbnail | None = None
        # Frames of the running shot that differ from one another, and the steps between them: footage of few pictures
        # a second in a file of many would else look like stillness broken by cuts. Repeats count once they are many.
        self._past: deque[Thumbnail] = deque(maxlen=_LOOKBEHIND_FRAMES)
        self._steps: deque[float] = deque(maxlen=_LOOKBEHIND_FRAMES - 1)
        self._repeats = 0
        self._before_cut: Thumbnail | None = None
        self._frames_since_cut = 0

    def add(self, thumbnail: Thumbnail) -> bool | None:
        """Take the next frame, (H, W) float32 grey levels, and judge the oldest that is not judged yet.

        Returns
        -------
        bool or None
            Whether a cut follows that frame; None as long as too little is known of what comes after it.
        """
        step = 0.0 if self._newest is None else difference(thumbnail, self._newest)
        self._newest = thumbnail
        self._waiting.append(_Frame(thumbnail, step))
        return self._judge() if len(self._waiting) > LOOKAHEAD_FRAMES else None

    def finish(self) -> list[bool]:
        """Judge the frames that are left, oldest first, knowing that no more come."""
        return [self._judge() for _ in range(len(self._waiting))]

    def _judge(self) -> bool:
        oldest = self._waiting.popleft()
        self._remember(oldest.thumbnail)
        is_cut = (
            bool(self._waiting) and self._waiting[0].step >= _MIN_STEP and self._is_cut([*self._past], [*self._waiting])
        )
        self._frames_since_cut += 1
        if is_cut:
            self._before_cut, self._frames_since_cut = oldest.thumbnail, 0
            self._past.clear()
            self._steps.clear()
        return is_cut

    def _remember(self, thumbnail: Thumbnail) -> None:
        if self._past:
            step = difference(thumbnail, self._past[-1])
            if step <= _REPEATED:
                self._repeats += 1
                if self._repeats > _MAX_REPEATS:
                    self._steps.append(0.0)
                return
            self._steps.append(step)
        self._repeats = 0
        self._past.append(thumbnail)

    def _is_cut(self, before: list[Thumbnail], upcoming: list[_Frame]) -> bool:
        """Say whether a cut lies between the last of `before` and the first of `upcoming`."""
        after = [frame.thumbnail for frame in upcoming]
        steps = [*self._steps, *(frame.step for frame in upcoming[1:] if frame.step > _REPEATED)]
        usual_step = max(statistics.median(steps) if steps else 0.0, _MIN_USUAL_STEP)
        step = difference(before[-1], after[0])
        # A camera that starts to move makes a step out of stillness too, but then goes on.
        next_step = statistics.median(frame.step for frame in upcoming[1:]) if len(upcoming) > 1 else 0.0
        return (
            step >= max(_STANDS_OUT * usual_step, _STANDS_OUT_AFTER * next_step)
            and _changes_the_picture(before[-1], after[0], step / usual_step)
            and not self._is_change_of_light(before[-1], upcoming, step)
            and not _returns(before, after, step)
            and not self._goes_on_blending(after[0], step)
            and not _is_in_dissolve(before, after, step)
        )

    def _is_change_of_light(self, before: Thumbnail, upcoming: list[_Frame], step: float) -> bool:
        """Say whether this step makes the picture brighter or darker and no more; a fade does so several times."""
        neighbours = [*[*self._steps][-1:], *(frame.step for frame in upcoming[1:2])]
        goes_on = max(neighbours, default=0.0) >= _GOES_ON * step
        least_correlation = _SAME_STRUCTURE_GOING_ON if goes_on else _SAME_STRUCTURE
        return _differs_in_light(before, upcoming[0].thumbnail, least_correlation)

    def _goes_on_blending(self, thumbnail: Thumbnail, step: float) -> bool:
        """Say whether this step completes a cut found a moment ago, across a frame blended of both its sides."""
        if self._before_cut is None or self._frames_since_cut > _MAX_BLENDED_FRAMES:
            return False
        so_far = difference(self._before_cut, self._past[-1])
        is_balanced = max(so_far, step) <= _BLEND_BALANCE * min(so_far, step)
        return is_balanced and difference(self._before_cut, thumbnail) >= _BLEND_ADDS_UP * (so_far + step)


def _changes_the_picture(before: Thumbnail, after: Thumbnail, stands_out: float) -> bool:
    """Say whether a step that stands out this far replaces the picture, rather than a part of it."""
    live = live_area(before, after)
    one, other = before[live], after[live]
    changed = np.abs(other - one)
    mean_change = float(changed.mean())
    change = mean_change / max(0.5 * float(one.std() + other.std()), _MIN_SPREAD)
    if change >= _MIN_CHANGE:
        return True
    out_of_stillness = change >= _MIN_CHANGE_IN_STILLNESS and stands_out >= _STANDS_OUT_OF_STILLNESS
    return out_of_stillness and float((changed > 0.35 * mean_change).mean()) >= _MIN_SHARE_CHANGED


def live_area(one: Thumbnail, other: Thumbnail) -> tuple[slice, slice]:
    """Return the rows and columns inside the bars that both pictures have; all where that would leave too little."""
    brightest = np.maximum(one, other)
    rows, columns = (np.nonzero(brightest.max(axis=axis) > _BAR_BLACK)[0] for axis in (1, 0))
    if min(rows.size, columns.size) < _MIN_LIVE_PX:
        return slice(None), slice(None)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _differs_in_light(before: Thumbnail, after: Thumbnail, least_correlation: float) -> bool:
    """Say whether `after` is `before` made brighter or darker: a lamp, the exposure, the gain of a thermal camera."""
    live = live_area(before, after)
    one, other = before[live] - before[live].mean(), after[live] - after[live].mean()
    energy, other_energy = float((one * one).mean()), float((other * other).mean())
    together = float((one * other).mean())
    if together <= least_correlation * math.sqrt(energy * other_energy) or energy <= _MIN_SPREAD**2:
        return False
    unexplained = float(np.abs(other - together / energy * one).mean())
    return unexplained < _UNEXPLAINED_BY_LIGHT * float(np.abs(after[live] - before[live]).mean())


def _returns(before: Sequence[Thumbnail], after: Sequence[Thumbnail], step: float) -> bool:
    """Say whether the picture comes back soon, or is coming back just now to where it was before."""
    comes_back = min((difference(before[-1], later) for later in after[1:]), default=step)
    came_back = min((difference(earlier, later) for earlier in before[:-1] for later in after), default=step)
    return comes_back <= _RETURNED * step or came_back <= _RETURNED_FROM_FLASH * step


def _is_in_dissolve(before: Sequence[Thumbnail], after: Sequence[Thumbnail], step: float) -> bool:
    """Say whether a step is one of several alike that add up, as those of a dissolve or a fade do."""
    leading, following = (_alike_steps(pictures, step) for pictures in (before[::-1], after))
    if len(leading) + 1 + len(following) < _DISSOLVE_STEPS:
        return False
    whole = difference(before[-1 - len(leading)], after[len(following)])
    return whole >= _BLEND_ADDS_UP * (sum(leading) + step + sum(following))


def _alike_steps(pictures: Sequence[Thumbnail], step: float) -> list[float]:
    """Return the first steps between pictures, as long as each is about as large as `step`."""
    steps: list[float] = []
    for one, other in pairwise(pictures):
        following = difference(one, other)
        if max(following, step) > _BLEND_BALANCE * min(following, step):
            break
        steps.append(following)
    return steps
