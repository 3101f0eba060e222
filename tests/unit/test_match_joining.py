"""Tidying matches: neighbours on one line are joined, weaker twins dropped."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from verify.match.joining import join_neighbours, without_weaker_twins
from verify.match.pairing import MAX_PAIRS
from verify.match.scoring import MOTION_FAMILY
from verify.match.segments import BRIEF_MOTION
from verify.model import AlignedPair, CueEvidence, Interval, Match, MatchLevel, TimeMap, Transform


def match(start_s: float, end_s: float, offset_s: float = 10.0, rate: float = 1.0, **changed: Any) -> Match:
    values: dict[str, Any] = {
        "query": Interval(start_s=start_s, end_s=end_s),
        "reference_id": "ours",
        "reference": Interval(start_s=rate * start_s + offset_s, end_s=rate * end_s + offset_s),
        "time_map": TimeMap(rate=rate, offset_s=offset_s),
        "transform": Transform(),
        "cues": (cue(20.0, 10),),
        "score": 0.5,
        "distinctness": 0.2,
        "level": MatchLevel.POSSIBLE,
        "pairs": (AlignedPair(query_time_s=start_s, reference_time_s=start_s + offset_s, distance_bits=20),),
    }
    return Match(**{**values, **changed})


def cue(median: float, frames: int) -> CueEvidence:
    return CueEvidence(
        cue="pdq", family="hash", median_distance_bits=median, threshold_bits=92, bits=256, agreeing_frames=frames,
        compared_frames=frames + 2,
    )  # fmt: skip


def test_neighbours_on_one_line_become_one():
    (joined,) = join_neighbours([match(4.0, 7.0, score=0.7), match(0.0, 4.0), match(7.2, 9.0)])
    assert (joined.query.start_s, joined.query.end_s) == (0.0, 9.0)
    assert (joined.reference.start_s, joined.reference.end_s) == (10.0, 19.0)
    assert joined.score == 0.7
    assert [pair.query_time_s for pair in joined.pairs] == [0.0, 4.0, 7.2]


@pytest.mark.parametrize("caveat", ["", BRIEF_MOTION])
def test_neighbour_with_motion_of_its_own_is_joined_to_a_confirmed_one(caveat: str):
    confirmed = match(0.0, 2.0, score=0.9, level=MatchLevel.CONFIRMED, families=(MOTION_FAMILY,))
    beside = match(2.0, 8.0, score=0.45, families=(MOTION_FAMILY,), caveat=caveat)
    (joined,) = join_neighbours([confirmed, beside])
    assert (joined.query.start_s, joined.query.end_s) == (0.0, 8.0)
    assert (joined.level, joined.score) == (MatchLevel.CONFIRMED, 0.9)


@pytest.mark.parametrize(
    "changed",
    [{"families": ()}, {"families": (MOTION_FAMILY,), "score": 0.2}, {"families": (MOTION_FAMILY,), "caveat": "still"}],
)
def test_what_was_confirmed_confirms_nothing_beside_it(changed: dict[str, Any]):
    confirmed = match(0.0, 4.0, score=0.9, level=MatchLevel.CONFIRMED, families=(MOTION_FAMILY,))
    beside = match(4.0, 8.0, **{"score": 0.45, **changed})
    assert join_neighbours([confirmed, beside]) == [confirmed, beside]


def test_evidence_is_added_up():
    (joined,) = join_neighbours([match(0.0, 4.0, cues=(cue(20.0, 30),)), match(4.0, 5.0, cues=(cue(40.0, 10),))])
    (evidence,) = joined.cues
    assert evidence.median_distance_bits == 25.0
    assert (evidence.agreeing_frames, evidence.compared_frames) == (40, 44)


def test_cues_without_an_agreeing_frame_can_be_joined():
    (joined,) = join_neighbours([match(0.0, 4.0, cues=(cue(90.0, 0),)), match(4.0, 5.0, cues=(cue(90.0, 0),))])
    assert joined.cues[0].agreeing_frames == 0


@pytest.mark.parametrize(
    "after",
    [
        match(4.0, 7.0, offset_s=11.0),
        match(4.0, 7.0, offset_s=9.0),
        match(4.0, 7.0, rate=1.2, offset_s=9.2),
        match(4.5, 7.0),
        match(4.0, 7.0, same_scene_only=True),
    ],
    ids=["later", "earlier", "faster", "after a gap", "same scene only"],
)
def test_what_does_not_continue_the_line_stays_apart(after: Match):
    assert join_neighbours([match(0.0, 4.0), after]) == [match(0.0, 4.0), after]


def test_pairs_of_a_joined_match_are_bounded():
    many = match(0.0, 4.0).pairs * 300
    (joined,) = join_neighbours([match(0.0, 4.0, pairs=many), match(4.0, 8.0, pairs=many)])
    assert len(joined.pairs) == MAX_PAIRS


def test_nothing_to_join():
    assert join_neighbours([]) == []
    assert without_weaker_twins([]) == []


def test_weaker_twin_is_dropped_whatever_the_order():
    strong = match(0.0, 4.0, score=0.8)
    mirrored = match(0.2, 4.1, score=0.4, transform=Transform(mirrored=True))
    scene = match(0.0, 4.0, score=0.9, same_scene_only=True)
    for order in permutations((strong, mirrored, scene)):
        assert without_weaker_twins(order) == [strong]


def test_view_with_bars_is_preferred_among_equals():
    plain, without_bars = match(0.0, 4.0), match(0.0, 4.0, transform=Transform(bars_removed=True))
    assert without_weaker_twins([without_bars, plain]) == [plain]


def test_other_references_and_other_seconds_are_no_twins():
    matches = [match(0.0, 4.0, score=0.8), match(0.0, 4.0, reference_id="theirs"), match(3.0, 8.0, score=0.3)]
    assert sorted(without_weaker_twins(matches), key=lambda each: -each.score) == sorted(
        matches, key=lambda each: -each.score
    )
