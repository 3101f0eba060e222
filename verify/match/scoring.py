"""Scoring: one number for all evidence on a segment, and how often footage that was never seen before reaches it.

The score multiplies what must hold together: motion at the same moments (well above the same scene at other times), the
still picture, and one geometric transform or agreeing hashes. What each score is worth was counted on footage whose
source is in no archive (`benchmarks/accuracy calibrate`): docs/benchmarks.md has the data and the figures.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from verify.model import FalseAlarmBound, MatchLevel

if TYPE_CHECKING:
    from verify.match.motion import HeldPicture, MotionLine

GEOMETRY_FAMILY = "local keypoints"
HASH_FAMILY = "global perceptual hash"
MOTION_FAMILY = "motion over time"
LEARNED_FAMILY = "learned descriptor"

#: Share of the best correlation elsewhere that is taken off, at native speed and at any other.
_ELSEWHERE_SHARE, _ELSEWHERE_SHARE_CHANGED = 0.3, 0.7
_NATIVE_TOLERANCE = 0.03
#: Agreement that means nothing at another speed: of many rates tried, one always fits what moves along the same path.
_AGREEMENT_BY_RATE = 0.2
#: How far the correlation must lie above the best elsewhere: where what moves repeats itself, the time is not known.
_FULL_DISTINCTNESS = 0.2
#: Stretch of the reference, in seconds, that the motion must extend over, at native speed and at any other: slowed down
#: far enough, anything fits two pictures. Then what extends over less counts for less than its share.
_FULL_EXTENT_S, _FULL_EXTENT_CHANGED_S = 0.6, 1.0
_EXTENT_POWER_CHANGED = 1.5
_NO_LIKENESS, _FULL_LIKENESS = 0.4, 0.8
#: Share of one picture inside the other at which the score is halved, and from which it is whole.
_LITTLE_CONTAINED, FULLY_CONTAINED = 0.75, 0.9
_FULL_CELLS = 12
_HASH_CELLS = 9
#: A learned descriptor supports less than hashes: it takes one place for another.
_ALIKE_CELLS = 6
#: So does the likeness of the whole pictures alone, where motion proposed the reference.
_WHOLE_CELLS = 8
#: Pixels' worth of motion from which motion alone may propose at any speed and in any view: one small thing on its way
#: fits some speed, direction and view of any other.
_ENOUGH_SPREAD = 300.0
#: Correlation from which motion counts as a family of evidence of its own.
MIN_MOTION = 0.15
#: Correlation below which motion confirms nothing: two things that pass along one path at one speed reach 0.84.
MIN_CONFIRMING_MOTION = 0.85
#: Evenness from which motion confirms nothing: a second sweep or zoom of one camera and another program's bar reach it.
EVEN = 0.65
#: Places from which keypoints do.
MIN_CELLS = 6
#: Change in grey levels, root mean square, below which nothing to speak of moves.
STILL = 0.3
_HELD_LIKENESS, _HELD_MARGIN, _HELD_FULL_MARGIN = 0.9, 0.1, 0.4
_HELD_SHARE = 0.9
_CONFIDENCE_FACTOR = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the scores of footage that was not in the archive were.

    `alarms` are the scores that were reached by mistake, rising; `trials` is the number of searches (pieces of releases
    against an archive). `confirmed_from` and `possible_from` are the scores at which a match is called so.
    """

    confirmed_from: float
    possible_from: float
    trials: int
    alarms: tuple[float, ...]

    def bound(self, score: float) -> FalseAlarmBound:
        """Bound the rate at which a score is reached by mistake, at 95 %.

        Three over the number of trials where it never was (Hanley and Lippman-Hand, 1983), else the upper limit of a
        Poisson count by Gehrels (1986, equation 9), which is 3 % too low for a count of one and closer for more.
        """
        count = len(self.alarms) - bisect_left(self.alarms, score)
        upper = _CONFIDENCE_FACTOR if count == 0 else count + 1.645 * math.sqrt(count + 0.75) + 1.43
        return FalseAlarmBound(alarms=count, trials=self.trials, rate_at_most=min(1.0, upper / max(self.trials, 1)))


@lru_cache(maxsize=1)
def calibration() -> Calibration:
    """Load the calibration that is shipped with the program."""
    text = resources.files("verify.match").joinpath("calibration.json").read_text(encoding="utf-8")
    values = json.loads(text)
    return Calibration(
        confirmed_from=values["confirmed_from"],
        possible_from=values["possible_from"],
        trials=values["trials"],
        alarms=tuple(sorted(values["alarms"])),
    )


def fused_score(
    line: MotionLine,
    cells: int,
    *,
    hashes_agree: bool,
    looks_alike: bool = False,
    by_motion: bool = False,
    plain_view: bool = True,
    contained: float = 1.0,
) -> float:
    """Fuse the evidence on a segment into 0..1.

    `by_motion` where motion alone proposed it, and it lies as a whole, `plain_view` where the picture is neither
    mirrored nor inverted; `contained` as in `geometry.contained`.

    The pooled and the median correlation are multiplied: a single jolt of the camera can make the first high, never
    both.
    """
    agreement = math.sqrt(max(line.correlation, 0.0) * max(line.per_moment, 0.0))
    is_native = abs(line.rate - 1) <= _NATIVE_TOLERANCE
    if is_native:
        agreement -= _ELSEWHERE_SHARE * line.elsewhere
        extent = line.reference_extent_s / _FULL_EXTENT_S
    else:
        agreement -= _ELSEWHERE_SHARE_CHANGED * line.elsewhere
        agreement = (agreement - _AGREEMENT_BY_RATE) / (1 - _AGREEMENT_BY_RATE)
        extent = (line.reference_extent_s / _FULL_EXTENT_CHANGED_S) ** _EXTENT_POWER_CHANGED
    distinct = (line.correlation - line.elsewhere) / _FULL_DISTINCTNESS
    likeness = (line.appearance - _NO_LIKENESS) / (_FULL_LIKENESS - _NO_LIKENESS)
    others = (_HASH_CELLS, hashes_agree), (_ALIKE_CELLS, looks_alike), (_WHOLE_CELLS, by_motion)
    support = max(cells, *(worth for worth, given in others if given), 0) / _FULL_CELLS
    # Halved, not refused: split screens show a part of the reference in a part of the picture.
    inside = 0.5 + 0.5 * min(max((contained - _LITTLE_CONTAINED) / (FULLY_CONTAINED - _LITTLE_CONTAINED), 0.0), 1.0)
    spread = line.spread / _ENOUGH_SPREAD if by_motion and not (is_native and plain_view) else 1.0
    factors = (distinct, extent, likeness, support, spread)
    return max(0.0, agreement) * inside * math.prod(min(max(factor, 0.0), 1.0) for factor in factors)


def held_score(held: HeldPicture, cells: int) -> float:
    """Score of a still piece that shows one picture of a reference: 'possible' at most, because nothing moves in it."""
    if held.likeness < _HELD_LIKENESS or held.margin < _HELD_MARGIN or cells < MIN_CELLS:
        return 0.0
    clearness = min(1.0, held.margin / _HELD_FULL_MARGIN) * min(1.0, cells / _FULL_CELLS)
    fitted = calibration()
    return fitted.possible_from + clearness * (_HELD_SHARE * fitted.confirmed_from - fitted.possible_from)


def families_of(
    line: MotionLine | None, cells: int, *, hashes_agree: bool, looks_alike: bool = False
) -> tuple[str, ...]:
    """Name the independent kinds of evidence that support a segment; a learned descriptor is one beside motion only."""
    families = []
    if hashes_agree:
        families.append(HASH_FAMILY)
    if cells >= MIN_CELLS:
        families.append(GEOMETRY_FAMILY)
    if line is not None and min(line.correlation, line.per_moment) >= MIN_MOTION:
        families.append(MOTION_FAMILY)
        if looks_alike:
            families.append(LEARNED_FAMILY)
    return tuple(families)


def level_of(score: float, families: tuple[str, ...]) -> MatchLevel | None:
    """Level of a match; None where its score says nothing. 'Confirmed' takes motion and one other family."""
    fitted = calibration()
    if score < fitted.possible_from:
        return None
    if score >= fitted.confirmed_from and MOTION_FAMILY in families and len(families) > 1:
        return MatchLevel.CONFIRMED
    return MatchLevel.POSSIBLE
