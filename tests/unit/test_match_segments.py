"""Segments: ends, rates, aligned pairs, and what is said of a scene that is not shown to be the same recording."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.match_samples import evidence_of, motion_line
from verify.match.motion import HeldPicture
from verify.match.scoring import EVEN, GEOMETRY_FAMILY, HASH_FAMILY, MOTION_FAMILY, STILL, calibration
from verify.match.segments import (
    BRIEF_MOTION,
    EVEN_MOTION,
    HELD_STILL,
    MOTION_DIFFERS,
    NO_CONFIRMATION_DATA,
    TOO_STATIC,
    mapped,
    same_scene,
    segment,
)
from verify.model import NOT_MEASURED_BITS, CueEvidence, Interval, Match, MatchLevel, TimeMap, Transform

if TYPE_CHECKING:
    from verify.match.confirmation import PieceEvidence

SHOWN_S = np.arange(0.0, 60.0, 0.25)
END_S = 60.0
SURE = min(1.0, calibration().confirmed_from + 0.1)
UNSURE = (calibration().possible_from + calibration().confirmed_from) / 2


def made(evidence: PieceEvidence, end_s: float = END_S) -> Match:
    match = segment(evidence, end_s, SHOWN_S)
    assert match is not None
    return match


def ends(interval: Interval) -> tuple[float, float]:
    return (interval.start_s, interval.end_s)


def test_things_that_move_alike_along_one_path_are_possible_at_most():
    for correlation, level in ((0.84, MatchLevel.POSSIBLE), (0.86, MatchLevel.CONFIRMED)):
        assert made(evidence_of(score=SURE, line=motion_line(correlation))).level is level


def test_motion_that_goes_on_evenly_confirms_nothing():
    for evenness, level, caveat in (
        (EVEN - 0.01, MatchLevel.CONFIRMED, ""),
        (EVEN, MatchLevel.POSSIBLE, EVEN_MOTION),
        (None, MatchLevel.POSSIBLE, BRIEF_MOTION),
    ):
        match = made(evidence_of(score=SURE, line=replace(motion_line(), evenness=evenness)))
        assert (match.level, match.caveat) == (level, caveat)
    # Of what is not sure anyway, evenness is not the reason.
    assert made(evidence_of(score=UNSURE, line=replace(motion_line(), evenness=1.0))).caveat == ""


# --- ends ------------------------------------------------------------------------------------------------------------


def test_whole_piece_keeps_its_cuts_exactly():
    match = made(evidence_of(start_s=2.04, end_s=4.12, score=SURE))
    assert ends(match.query) == (2.04, 4.12)
    assert ends(match.reference) == pytest.approx((12.04, 14.12))
    assert match.time_map == TimeMap(rate=1.0, offset_s=10.0)


def test_what_the_reference_does_not_reach_is_cut_off():
    match = made(evidence_of(start_s=2.0, end_s=4.0, score=SURE), end_s=13.0)
    assert ends(match.query) == pytest.approx((2.0, 3.0))
    assert ends(match.reference) == pytest.approx((12.0, 13.0))
    match = made(evidence_of(start_s=2.0, end_s=4.0, offset_s=-3.0, score=SURE))
    assert ends(match.query) == pytest.approx((3.0, 4.0))
    assert ends(match.reference) == pytest.approx((0.0, 1.0))


def test_what_a_reversed_reference_does_not_reach_is_cut_off():
    """Query time 2 shows reference second 3.5, and at 5.5 its beginning would be reached."""
    match = made(evidence_of(start_s=2.0, end_s=6.0, rate=-1.0, offset_s=5.5, score=SURE))
    assert ends(match.query) == pytest.approx((2.0, 5.5))
    assert ends(match.reference) == pytest.approx((0.0, 3.5))
    match = made(evidence_of(start_s=2.0, end_s=6.0, rate=-1.0, offset_s=5.0, score=SURE), end_s=2.0)
    assert ends(match.query) == pytest.approx((3.0, 5.0))


def test_a_frame_beyond_the_end_is_still_the_cut():
    match = made(evidence_of(start_s=2.0, end_s=4.0, score=SURE), end_s=13.9)
    assert ends(match.query) == (2.0, 4.0)


@pytest.mark.parametrize(("rate", "offset_s"), [(1.0, 10.0), (4.0, 2.0), (-1.0, 4.1), (0.5, 12.0)])
def test_segment_never_lies_outside_its_reference(rate: float, offset_s: float):
    for end_s in np.arange(13.0, 19.0, 0.1):
        match = segment(evidence_of(start_s=2.0, end_s=4.0, rate=rate, offset_s=offset_s, score=SURE), end_s, SHOWN_S)
        if match is not None:
            assert 0 <= match.reference.start_s <= match.reference.end_s <= end_s + 1e-6


def test_ends_that_do_not_look_alike_are_cut_off():
    times_s = motion_line().times_s
    looks = np.where((times_s < 2.5) | (times_s > 3.3), 0.1, 0.9).astype(np.float32)
    match = made(evidence_of(motion_line(looks=looks, appearance=0.9), start_s=2.0, end_s=4.0, score=SURE))
    assert ends(match.query) == pytest.approx((2.5, 3.3), abs=0.1)


def test_a_moment_that_looks_different_cuts_nothing_off():
    looks = np.full(len(motion_line().times_s), 0.9, np.float32)
    looks[[0, 9, -1]] = 0.0
    match = made(evidence_of(motion_line(looks=looks, appearance=0.9), start_s=2.0, end_s=4.0, score=SURE))
    assert ends(match.query) == (2.0, 4.0)


def test_too_little_left_is_no_segment():
    assert segment(evidence_of(start_s=2.0, end_s=4.0, score=SURE), 12.2, SHOWN_S) is None
    assert segment(evidence_of(start_s=2.0, end_s=4.0, score=SURE), 11.0, SHOWN_S) is None


# --- rates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "tidy"), [(1.0, 1.0), (0.985, 1.0), (1.019, 1.0), (-1.012, -1.0), (0.96, 0.96)])
def test_rate_near_native_speed_is_native_speed(rate: float, tidy: float):
    evidence = evidence_of(start_s=2.0, end_s=6.0, rate=rate, offset_s=20.0, score=SURE)
    match = made(evidence)
    assert match.time_map.rate == tidy
    # The middle of the piece stays where it was.
    assert match.time_map.reference_time_s(4.0) == pytest.approx(rate * 4.0 + 20.0, abs=1e-3)


@pytest.mark.parametrize("rate", [0.5, 2.0, -0.5])
def test_slowed_and_reversed_pieces_lie_on_their_line(rate: float):
    match = made(evidence_of(start_s=2.0, end_s=6.0, rate=rate, offset_s=20.0, score=SURE))
    assert ends(match.query) == (2.0, 6.0)
    assert ends(match.reference) == pytest.approx(tuple(sorted((20.0 + 2 * rate, 20.0 + 6 * rate))))
    assert mapped(match.query, match.time_map) == match.reference


def test_mapped_interval_does_not_start_before_the_reference():
    assert ends(mapped(Interval(start_s=1.0, end_s=3.0), TimeMap(rate=1.0, offset_s=-2.0))) == (0.0, 1.0)


# --- pairs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1.0, 0.5, -1.0, 2.0])
def test_pairs_are_at_times_that_the_archive_can_show(rate: float):
    match = made(evidence_of(start_s=2.0, end_s=6.0, rate=rate, offset_s=20.1, score=SURE))
    assert len(match.pairs) == pytest.approx(abs(rate) * 4.0 / 0.25, abs=1)
    assert [pair.query_time_s for pair in match.pairs] == sorted(pair.query_time_s for pair in match.pairs)
    for pair in match.pairs:
        assert pair.reference_time_s in SHOWN_S
        assert match.reference.start_s <= pair.reference_time_s < match.reference.end_s
        assert match.time_map.reference_time_s(pair.query_time_s) == pytest.approx(pair.reference_time_s, abs=1e-3)
        assert pair.distance_bits == NOT_MEASURED_BITS


def test_number_of_pairs_is_bounded_and_they_span_the_segment():
    match = made(evidence_of(start_s=0.0, end_s=30.0, score=SURE))
    assert len(match.pairs) == 40
    assert match.pairs[0].query_time_s == pytest.approx(0.0, abs=0.26)
    assert match.pairs[-1].query_time_s == pytest.approx(30.0, abs=0.51)


def test_no_picture_to_show_gives_no_pairs():
    match = segment(evidence_of(score=SURE), END_S, np.zeros(0, np.float64))
    assert match is not None
    assert match.pairs == ()


# --- level and evidence ----------------------------------------------------------------------------------------------


def test_level_follows_the_score_and_the_families():
    assert made(evidence_of(score=SURE)).level is MatchLevel.CONFIRMED
    assert made(evidence_of(score=SURE)).families == (GEOMETRY_FAMILY, MOTION_FAMILY)
    assert made(evidence_of(score=UNSURE)).level is MatchLevel.POSSIBLE
    assert made(evidence_of(score=SURE, cells=0)).level is MatchLevel.POSSIBLE
    assert segment(evidence_of(score=calibration().possible_from / 2), END_S, SHOWN_S) is None


def test_without_motion_there_is_no_segment():
    assert segment(replace(evidence_of(score=SURE), line=None), END_S, SHOWN_S) is None


def test_score_comes_with_its_bound():
    match = made(evidence_of(score=SURE))
    assert match.score == pytest.approx(SURE, abs=1e-4)
    assert match.false_alarms == calibration().bound(SURE)
    assert not match.same_scene_only
    assert match.caveat == ""


def test_cues_say_how_much_was_compared():
    hashed = CueEvidence(
        cue="pdq",
        family=HASH_FAMILY,
        median_distance_bits=40.0,
        threshold_bits=92,
        bits=256,
        agreeing_frames=12,
        compared_frames=16,
    )
    evidence = evidence_of(score=SURE, cells=14, hashed=(hashed,))
    pdq, sift, motion = made(evidence).cues
    assert pdq == hashed
    assert (sift.cue, sift.family) == ("sift", GEOMETRY_FAMILY)
    assert (sift.agreeing_frames, sift.compared_frames) == (evidence.overlay_pairs, evidence.tried_pairs)
    assert (motion.cue, motion.family) == ("motion", MOTION_FAMILY)
    assert motion.agreeing_frames == motion.compared_frames == len(motion_line().times_s)
    assert made(evidence).families == (HASH_FAMILY, GEOMETRY_FAMILY, MOTION_FAMILY)


def test_explanation_is_that_of_the_line_and_the_overlay():
    line = motion_line(0.91, 0.82, 0.13, 0.94)
    match = made(evidence_of(line, score=SURE))
    assert match.motion is not None
    assert (match.motion.correlation, match.motion.per_moment) == (0.91, 0.82)
    assert (match.motion.elsewhere, match.motion.appearance) == (0.13, 0.94)
    lengths = {len(match.motion.times_s), len(match.motion.query_change), len(match.motion.reference_change)}
    assert lengths == {len(match.motion.moments)} == {len(line.times_s)}
    assert match.distinctness == pytest.approx(0.91 - 0.13)
    assert match.geometry is not None
    assert match.geometry.cells == 12
    assert match.similarity is not None
    assert len(match.similarity.percent) == len(match.similarity.query_times_s) <= 24
    assert {len(row) for row in match.similarity.percent} == {len(match.similarity.reference_times_s)}
    assert {value for row in match.similarity.percent for value in row} == {82}


def test_percent_is_bounded_where_correlation_is_negative():
    line = replace(motion_line(), similarity=np.full((len(motion_line().times_s), 30), -0.4, np.float32))
    match = made(evidence_of(line, score=SURE))
    assert match.similarity is not None
    assert {value for row in match.similarity.percent for value in row} == {0}


# --- one picture held ------------------------------------------------------------------------------------------------


def held(**changed: Any) -> PieceEvidence:
    picture = HeldPicture(reference_time_s=7.5, likeness=0.97, margin=0.3)
    return replace(evidence_of(score=UNSURE), line=None, held=picture, **changed)


def test_held_picture_is_possible_at_most_and_says_so():
    match = made(held(score=SURE))
    assert match.level is MatchLevel.POSSIBLE
    assert match.caveat == HELD_STILL
    assert match.time_map == TimeMap(rate=0.0, offset_s=7.5)
    assert ends(match.query) == (2.0, 4.0)
    assert match.reference.start_s == 7.5
    assert match.reference.duration_s < 0.1
    assert MOTION_FAMILY not in match.families
    (pair,) = match.pairs
    assert match.query.start_s <= pair.query_time_s < match.query.end_s
    assert pair.reference_time_s == 7.5


# --- same scene ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strength", "caveat"), [(0.0, TOO_STATIC), (STILL * 0.9, TOO_STATIC), (STILL * 1.1, MOTION_DIFFERS)]
)
def test_same_scene_says_why_it_is_not_reuse(strength: float, caveat: str):
    evidence = evidence_of(motion_line(0.05, 0.02, strength=strength), score=0.02)
    match = same_scene(evidence, END_S, SHOWN_S)
    assert match.same_scene_only
    assert match.caveat == caveat
    assert match.level is MatchLevel.POSSIBLE
    assert match.distinctness == 0.0
    assert match.score <= calibration().possible_from
    assert match.motion is not None
    assert match.geometry is not None
    assert match.false_alarms is None


def test_same_scene_without_small_pictures_says_so():
    match = same_scene(replace(evidence_of(score=0.0), line=None), END_S, SHOWN_S)
    assert match.caveat == NO_CONFIRMATION_DATA
    assert match.motion is None
    assert match.families == (GEOMETRY_FAMILY,)


def test_same_scene_never_counts_motion_nor_a_high_score():
    match = same_scene(evidence_of(motion_line(0.9, 0.9), score=SURE), END_S, SHOWN_S)
    assert MOTION_FAMILY not in match.families
    assert match.score <= calibration().possible_from


def test_same_scene_lies_where_the_key_pictures_were_taken():
    """The query's key picture at 3 s looks like the reference's at 13 s."""
    match = same_scene(evidence_of(score=0.02), END_S, SHOWN_S)
    assert match.time_map == TimeMap(rate=1.0, offset_s=10.0)
    assert ends(match.query) == (2.0, 4.0)
    assert ends(match.reference) == (12.0, 14.0)
    assert ends(same_scene(evidence_of(score=0.02), 13.0, SHOWN_S).reference) == (12.0, 13.0)


def test_view_is_told():
    both = Transform(mirrored=True, inverted=True)
    assert made(evidence_of(score=SURE, view=both)).transform == both
    assert same_scene(evidence_of(score=0.0, view=both), END_S, SHOWN_S).transform == both
