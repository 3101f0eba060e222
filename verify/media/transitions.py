"""Dissolves and fades between shots, found in the decoding pass from the thumbnails of about a second on either side.

Around every second frame, at five distances, three pictures are compared: one before, the one in the middle, one
after. In a dissolve the middle one is a blend of the other two, which are not the same scene moved, and has less
contrast than either. In a fade through black, white or any colour it is flat where the other two, of different scenes,
are not. A pan is neither: what it shows halfway is no blend of where it starts and ends. Hard cuts come from
`verify.media.cuts` and are walls that nothing is compared across; a cut from which the picture comes back without
another cut (an explosion that dies down) is taken back. The constants were set on blends of real clips.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.media.cuts import difference, live_area

if TYPE_CHECKING:
    from verify.media.cuts import Thumbnail

#: Frames nearer to each other than this, in seconds, are passed over: rates above 33 a second bring nothing here.
_SPACING_S = 0.0295
#: Distances of the pictures before and after from the one in the middle, in frames that are not passed over.
_DISTANCES = (4, 8, 12, 18, 28)
_REACH = _DISTANCES[-1]
_MAX_SPAN_S = 2.6
_STEP = 2
#: Two boundaries of one shot that are nearer than this, in frames, are one.
_APART = 17
_ROWS = 64

_MIN_DIFFERENCE = 1.0
_MIN_SPREAD = 0.5
_MIN_CHANGE_DISSOLVE, _MIN_CHANGE_FADE = 0.45, 0.35
_BLEND_SHARES = (0.2, 0.8)
#: Variance of the middle picture against that of the outer two above which no more is looked at.
_MAX_VARIANCE_AT_A_GLANCE = 0.93
#: What may be left of a blend that has so much of the variance: motion leaves more, but not of the contrast.
_MAX_RESIDUES = ((0.88, 0.25), (0.6, 0.4))
_MAX_LIKENESS = 0.75
_FLAT = 0.2
#: A flat picture is held if, halfway to the middle, the picture has changed by no more than this share of all change.
_HELD = 0.1
_CAME_BACK = 0.35
#: How much less the widest comparison counts than the narrowest, all else alike.
_WIDTH_PENALTY = 0.1


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A picture that may lie in a transition: its number, time (s), and how strongly it looks like it."""

    number: int
    time_s: float
    reach: int
    is_fade: bool
    strength: float

    def yields_to(self, other: _Candidate) -> bool:
        """Say whether `other` is the same transition, seen better."""
        near = abs(self.number - other.number) <= max(self.reach, other.reach, _APART)
        return near and (other.is_fade, other.strength, -other.number) > (self.is_fade, self.strength, -self.number)


@dataclass(frozen=True, slots=True, eq=False)
class _OpenCut:
    """A hard cut that may still be taken back: its number, time (s), the picture before it and how far it jumped."""

    number: int
    time_s: float
    before: Thumbnail
    step: float


class BoundaryFinder:
    """Collects the boundaries between shots: hard cuts, dissolves and fades.

    Attributes
    ----------
    settled_s
        Boundaries before this time, in seconds, are final. It is at most 57 frames behind the newest frame, not
        counting frames that come at a rate of more than 33 a second: 2.4 s at 24 frames a second.
    """

    def __init__(self) -> None:
        self.settled_s = 0.0
        self._pictures = np.zeros((_ROWS, 36, 64), np.float32)
        self._variances = [0.0] * _ROWS
        self._times_s = [0.0] * _ROWS
        self._taken = 0
        self._first = 0
        self._next_middle = 0
        self._settled = 0
        self._candidates: deque[_Candidate] = deque()
        self._open_cut: _OpenCut | None = None
        self._boundaries_s: list[float] = []

    def add(self, time_s: float, thumbnail: Thumbnail, *, follows_cut: bool = False) -> None:
        """Take the next frame: its time (s), (36, 64) float32 grey levels, and whether a hard cut lies before it."""
        if follows_cut and self._taken:
            self._end_shot()
            before = self._pictures[(self._taken - 1) % _ROWS].copy()
            self._open_cut = _OpenCut(self._taken, time_s, before, difference(before, thumbnail))
        elif self._taken and time_s - self._times_s[(self._taken - 1) % _ROWS] < _SPACING_S:
            return
        row = self._taken % _ROWS
        self._pictures[row] = thumbnail
        self._variances[row] = float(cv2.meanStdDev(thumbnail)[1][0, 0]) ** 2
        self._times_s[row] = time_s
        self._taken += 1
        self._watch_open_cut(thumbnail)
        self._look_at_middles(self._taken - _REACH)
        self._settle(self._next_middle - _REACH)
        self._set_settled_time()

    def finish(self) -> None:
        """Judge what is left, knowing that no more frames come."""
        self._end_shot()
        self.settled_s = float("inf")

    def take(self) -> list[float]:
        """Return the final boundaries not taken so far, in seconds, in order: each the time of a shot's first frame."""
        if not self._boundaries_s:
            return []
        final = sorted(time_s for time_s in self._boundaries_s if time_s < self.settled_s)
        self._boundaries_s = [time_s for time_s in self._boundaries_s if time_s >= self.settled_s]
        return final

    def _set_settled_time(self) -> None:
        open_from = self._first if self._open_cut is not None else self._first + 1
        number = max(open_from, self._next_middle - _REACH)
        if number < self._taken:
            self.settled_s = self._times_s[number % _ROWS]

    def _watch_open_cut(self, thumbnail: Thumbnail) -> None:
        """Take the last cut back if the picture before it has come back, confirm it if it has not in time."""
        cut = self._open_cut
        if cut is None or self._taken - 1 == cut.number:
            return
        has_come_back = difference(cut.before, thumbnail) <= _CAME_BACK * cut.step
        if has_come_back and _likeness(cut.before, thumbnail) > _MAX_LIKENESS:
            self._open_cut = None
        elif self._taken - 1 - cut.number >= _REACH:
            self._confirm_open_cut()

    def _confirm_open_cut(self) -> None:
        if self._open_cut is not None:
            self._boundaries_s.append(self._open_cut.time_s)
            self._open_cut = None

    def _end_shot(self) -> None:
        """Judge all of the running shot: a hard cut or the end of the video follows."""
        self._confirm_open_cut()
        self._look_at_middles(self._taken)
        self._settle(self._taken)
        self._candidates.clear()
        self._first = self._next_middle = self._taken

    def _look_at_middles(self, end: int) -> None:
        """Compare around every picture below number `end` that has not been in the middle yet."""
        while self._next_middle < end:
            self._look_around(self._next_middle)
            self._next_middle += _STEP

    def _settle(self, end: int) -> None:
        """Turn the candidates below number `end` into boundaries, except those that yield to a better one."""
        for candidate in self._candidates:
            is_due = self._settled <= candidate.number < end
            if is_due and not any(candidate.yields_to(other) for other in self._candidates):
                self._boundaries_s.append(candidate.time_s)
        self._settled = max(self._settled, end)
        while self._candidates and self._candidates[0].number < self._settled - _ROWS:
            self._candidates.popleft()

    def _look_around(self, middle: int) -> None:
        """Compare the pictures around one at all distances that lie within the shot, and keep the best candidate."""
        found = []
        for distance in _DISTANCES:
            if middle - distance < self._first or middle + distance >= self._taken:
                break
            before, after = (middle - distance) % _ROWS, (middle + distance) % _ROWS
            outer_variance = 0.5 * (self._variances[before] + self._variances[after])
            has_less_contrast = self._variances[middle % _ROWS] <= _MAX_VARIANCE_AT_A_GLANCE * outer_variance
            if has_less_contrast and self._times_s[after] - self._times_s[before] <= _MAX_SPAN_S:
                candidate = self._compare(middle, distance)
                found += [] if candidate is None else [candidate]
        if found:
            best = max(found, key=lambda each: (each.is_fade, each.strength))
            if not any(self._is_flash(middle, distance) for distance in _DISTANCES if distance <= best.reach):
                self._candidates.append(best)

    def _compare(self, middle: int, distance: int) -> _Candidate | None:
        """Look for a fade or a dissolve in the pictures at a distance around the one in the middle."""
        pictures = self._three(middle, distance)
        fade = _fade_strength(*pictures)
        strength = fade or _dissolve_strength(*pictures)
        if not strength or (not fade and self._fades_at_once(middle, distance)):
            return None
        weight = 1 - _WIDTH_PENALTY * distance / _REACH
        return _Candidate(middle, self._times_s[middle % _ROWS], distance, fade > 0, strength * weight)

    def _three(self, middle: int, distance: int) -> tuple[Thumbnail, Thumbnail, Thumbnail]:
        """Return the pictures before, in the middle and after, without the bars that the outer two have."""
        before, between, after = (self._pictures[(middle + each) % _ROWS] for each in (-distance, 0, distance))
        live = live_area(before, after)
        return before[live], between[live], after[live]

    def _is_flash(self, middle: int, distance: int) -> bool:
        """Say whether the picture before the middle one comes back after it: a flash, or something that passes by."""
        before, between, after = self._three(middle, distance)
        departure = min(difference(before, between), difference(after, between))
        return difference(before, after) <= _CAME_BACK * departure and _likeness(before, after) > _MAX_LIKENESS

    def _fades_at_once(self, middle: int, distance: int) -> bool:
        """Say whether one of two pictures is flat, and not for long: a shot that is faded in or out, not two shots."""
        before, _, after = self._three(middle, distance)
        contrasts = _contrasts(before, after)
        if min(contrasts) >= _FLAT * max(contrasts):
            return False
        flat = distance if contrasts[1] < contrasts[0] else -distance
        far, near = (self._pictures[(middle + each) % _ROWS] for each in (flat, flat // 2))
        return difference(far, near) > _HELD * difference(before, after)


def _contrasts(before: Thumbnail, after: Thumbnail) -> tuple[float, float]:
    """Return the contrasts of two pictures where they differ, in grey levels."""
    away = np.abs(after - before)
    changed = away > 0.5 * float(away.mean())
    return float(before[changed].std()), float(after[changed].std())


def _fade_strength(before: Thumbnail, middle: Thumbnail, after: Thumbnail) -> float:
    """Say how clearly a picture is the flat one between two scenes, in grey levels; 0 if it is not.

    A logo or caption that stays through the fade does not count, because there nothing differs.
    """
    departure = min(difference(before, middle), difference(after, middle))
    if departure < _MIN_DIFFERENCE:
        return 0.0
    away = np.maximum(np.abs(before - middle), np.abs(after - middle))
    changed = away > 0.5 * float(away.mean())
    contrast = min(float(before[changed].std()), float(after[changed].std()))
    left = float(middle[changed].std())
    if contrast <= _MIN_SPREAD or left > _FLAT * contrast or not _are_strangers(before, after, _MIN_CHANGE_FADE):
        return 0.0
    return departure * (1 - left / contrast)


def _dissolve_strength(before: Thumbnail, middle: Thumbnail, after: Thumbnail) -> float:
    """Say how clearly a picture is a blend of two scenes, in grey levels; 0 if it is not."""
    apart = difference(before, after)
    if apart < _MIN_DIFFERENCE:
        return 0.0
    whole, part = (after - before).ravel(), (middle - before).ravel()
    energy = float(np.dot(whole, whole))
    share = float(np.dot(part, whole)) / energy
    # What no blend explains, relative to the distance of the outer two; unrelated pictures leave 0.87 of it.
    residue = math.sqrt(max(float(np.dot(part, part)) / energy - share * share, 0.0))
    if residue > _MAX_RESIDUES[-1][1] or not _BLEND_SHARES[0] < share < _BLEND_SHARES[1]:
        return 0.0
    unblended_variance = (1 - share) * float(before.var()) + share * float(after.var())
    variance = float(middle.var()) / max(unblended_variance, _MIN_SPREAD**2)
    is_blend = any(variance <= most and residue <= allowed for most, allowed in _MAX_RESIDUES)
    if not is_blend or not _are_strangers(before, after, _MIN_CHANGE_DISSOLVE):
        return 0.0
    return apart * min(share, 1 - share) * (1 - 2 * residue)


def _are_strangers(one: Thumbnail, other: Thumbnail, least_change: float) -> bool:
    """Say whether two pictures differ by so much of their spread, and are not one scene moved or lit differently."""
    spread = max(0.5 * float(one.std() + other.std()), _MIN_SPREAD)
    return difference(one, other) >= least_change * spread and _likeness(one, other) <= _MAX_LIKENESS


def _likeness(one: Thumbnail, other: Thumbnail) -> float:
    """Best correlation, -1..1, of the middle of either picture with any part of the other; 0 for flat ones."""
    found = [0.0]
    for inner, outer in ((one, other), (other, one)):
        height, width = inner.shape
        patch = np.ascontiguousarray(inner[height // 4 : height - height // 4, width // 4 : width - width // 4])
        if float(patch.std()) > _MIN_SPREAD:
            found.append(float(cv2.matchTemplate(np.ascontiguousarray(outer), patch, cv2.TM_CCOEFF_NORMED).max()))
    return max(found)
