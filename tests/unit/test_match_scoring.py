"""Scoring: what the bound says, which evidence makes which level, and that more evidence never scores less."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.match_samples import motion_line
from verify.match.scoring import (
    GEOMETRY_FAMILY,
    HASH_FAMILY,
    MOTION_FAMILY,
    Calibration,
    calibration,
    families_of,
    fused_score,
    level_of,
)
from verify.model import Interval, MatchLevel

# --- bound -----------------------------------------------------------------------------------------------------------


def fitted(*alarms: float, trials: int = 600) -> Calibration:
    return Calibration(confirmed_from=0.4, possible_from=0.1, trials=trials, alarms=tuple(sorted(alarms)))


def test_never_reached_gives_three_over_the_trials():
    bound = fitted(0.1, 0.2).bound(0.3)
    assert (bound.alarms, bound.trials) == (0, 600)
    assert bound.rate_at_most == pytest.approx(3 / 600)


def test_alarms_at_the_score_itself_count():
    assert fitted(0.1, 0.3, 0.3, 0.5).bound(0.3).alarms == 3
    assert fitted(0.1, 0.3, 0.3, 0.5).bound(0.3001).alarms == 1


# 95 % upper limits of a Poisson count, from tables (Gehrels, 1986).
@pytest.mark.parametrize(
    ("count", "limit"), [(1, 4.744), (2, 6.296), (3, 7.754), (5, 10.51), (10, 16.96), (20, 29.06), (50, 63.29)]
)
def test_bound_of_a_count_is_the_upper_limit_of_poisson_to_a_few_percent(count: int, limit: float):
    bound = fitted(*[0.5] * count, trials=10_000).bound(0.4)
    assert bound.alarms == count
    assert bound.rate_at_most * 10_000 == pytest.approx(limit, rel=0.04)


def test_rate_is_never_above_one_nor_undefined():
    assert fitted(trials=1).bound(0.5).rate_at_most == 1.0
    assert fitted(trials=0).bound(0.5).rate_at_most == 1.0
    assert fitted(*[0.9] * 50, trials=20).bound(0.5).rate_at_most == 1.0


def test_bound_falls_with_the_score():
    calibrated = fitted(*np.linspace(0.0, 0.6, 40))
    rates = [calibrated.bound(float(score)).rate_at_most for score in np.linspace(0.0, 1.0, 60)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(3 / 600)


def test_shipped_calibration_is_usable():
    shipped = calibration()
    assert 0 < shipped.possible_from < shipped.confirmed_from < 1
    assert shipped.trials >= 1
    assert list(shipped.alarms) == sorted(shipped.alarms)
    assert all(0 <= score <= 1 for score in shipped.alarms)
    # What is called confirmed was never reached by mistake more often than what is called possible.
    assert shipped.bound(shipped.confirmed_from).alarms <= shipped.bound(shipped.possible_from).alarms


# --- score -----------------------------------------------------------------------------------------------------------


def test_perfect_evidence_scores_one_and_none_scores_nothing():
    assert fused_score(motion_line(1.0, 1.0, 0.0, 1.0), 12, hashes_agree=False) == pytest.approx(1.0)
    assert fused_score(motion_line(0.0, 0.0, 0.0, 1.0), 40, hashes_agree=True) == 0.0


@pytest.mark.parametrize(
    "line",
    [
        motion_line(0.9, 0.0, 0.1, 1.0),
        motion_line(0.9, -0.2, 0.1, 1.0),
        motion_line(-0.3, 0.9, 0.1, 1.0),
        motion_line(0.9, 0.9, 0.1, 0.4),
        motion_line(0.9, 0.9, 0.1, -0.8),
    ],
    ids=["one jolt", "against the moments", "against the whole", "looks different", "looks reversed"],
)
def test_all_must_hold_together(line: object):
    assert fused_score(line, 24, hashes_agree=True) == 0.0  # type: ignore[arg-type]


def test_neither_transform_nor_hashes_scores_nothing():
    strong = motion_line(0.9, 0.9, 0.0, 1.0)
    assert fused_score(strong, 0, hashes_agree=False) == 0.0
    assert 0 < fused_score(strong, 0, hashes_agree=True) < fused_score(strong, 12, hashes_agree=False)


def test_more_evidence_never_scores_less():
    generator = np.random.default_rng(1)
    for _ in range(300):
        correlation, per_moment, elsewhere, appearance = generator.uniform((-0.2, -0.2, 0, -0.2), 1)
        cells, agree = int(generator.integers(0, 30)), bool(generator.integers(0, 2))
        line = motion_line(correlation, per_moment, elsewhere, appearance)
        score = fused_score(line, cells, hashes_agree=agree)
        assert 0.0 <= score <= 1.0
        step = float(generator.uniform(0, 0.3))
        better = [
            fused_score(replace(line, correlation=correlation + step), cells, hashes_agree=agree),
            fused_score(replace(line, per_moment=per_moment + step), cells, hashes_agree=agree),
            fused_score(replace(line, appearance=appearance + step), cells, hashes_agree=agree),
            fused_score(replace(line, elsewhere=max(0.0, elsewhere - step)), cells, hashes_agree=agree),
            fused_score(line, cells + 3, hashes_agree=agree),
            fused_score(line, cells, hashes_agree=True),
        ]
        assert min(better) >= score - 1e-12


# --- families and levels ---------------------------------------------------------------------------------------------


def test_other_speeds_must_agree_better_and_extend_further():
    native, slowed = motion_line(0.7, 0.7), motion_line(0.7, 0.7, rate=0.8)
    brief = motion_line(0.95, 0.95, rate=0.3, shown=Interval(start_s=2.0, end_s=3.0))
    longer = motion_line(0.95, 0.95, rate=0.3, shown=Interval(start_s=2.0, end_s=6.0))
    assert fused_score(slowed, 12, hashes_agree=False) < 0.85 * fused_score(native, 12, hashes_agree=False)
    assert fused_score(brief, 12, hashes_agree=False) < 0.25 * fused_score(longer, 12, hashes_agree=False)
    assert fused_score(motion_line(0.25, 0.25, 0.0, rate=0.5), 12, hashes_agree=False) < 0.1


def test_pictures_that_stick_out_of_each_other_are_never_confirmed():
    line = motion_line(1.0, 1.0, 0.0, 1.0)
    scores = [fused_score(line, 30, hashes_agree=True, contained=share) for share in (1.0, 0.9, 0.8, 0.7, 0.3)]
    assert scores[:2] == [1.0, 1.0]
    assert scores == sorted(scores, reverse=True)
    assert scores[-2:] == [0.5, 0.5]
    # Perfect evidence is never perfect: what remains of it is below the level.
    assert (
        fused_score(motion_line(0.97, 0.97, 0.05), 30, hashes_agree=True, contained=0.7) < calibration().confirmed_from
    )


def test_motion_alone_scores_less_than_motion_and_hashes():
    line = motion_line()
    alone = fused_score(line, 0, hashes_agree=False, by_motion=True)
    assert 0 < alone < fused_score(line, 0, hashes_agree=True)


def test_families_name_what_supports_a_segment():
    moving, still = motion_line(0.8, 0.7, 0.1, 0.9), motion_line(0.8, 0.1, 0.1, 0.9)
    assert families_of(moving, 9, hashes_agree=True) == (HASH_FAMILY, GEOMETRY_FAMILY, MOTION_FAMILY)
    assert families_of(moving, 0, hashes_agree=False) == (MOTION_FAMILY,)
    assert families_of(still, 9, hashes_agree=False) == (GEOMETRY_FAMILY,)
    assert families_of(None, 9, hashes_agree=True) == (HASH_FAMILY, GEOMETRY_FAMILY)
    assert families_of(None, 5, hashes_agree=False) == ()


def test_confirmed_takes_motion_and_another_family():
    sure, unsure, nothing = calibration().confirmed_from, calibration().possible_from, calibration().possible_from / 2
    both = (GEOMETRY_FAMILY, MOTION_FAMILY)
    assert level_of(sure, both) is MatchLevel.CONFIRMED
    assert level_of(1.0, (HASH_FAMILY, MOTION_FAMILY)) is MatchLevel.CONFIRMED
    for families in ((MOTION_FAMILY,), (GEOMETRY_FAMILY,), (HASH_FAMILY, GEOMETRY_FAMILY), ()):
        assert level_of(1.0, families) is MatchLevel.POSSIBLE
    assert level_of(math.nextafter(sure, 0), both) is MatchLevel.POSSIBLE
    assert level_of(unsure, both) is MatchLevel.POSSIBLE
    assert level_of(nothing, both) is None
