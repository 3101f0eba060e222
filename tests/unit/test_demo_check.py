"""The demo's comparison of planted and reported clips, on made-up numbers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from verify.demo.check import ReportedSpan, compare, is_not_examinable, read_matches, read_repeats
from verify.demo.compose import EDIT_LIST, REFERENCE_IDS, Planted, piece_intervals, planted_clips
from verify.model import Interval

PLANTED = (
    Planted(
        query=Interval(start_s=5, end_s=9), reference_id="a", reference=Interval(start_s=1, end_s=5), edit="as it is"
    ),
    Planted(
        query=Interval(start_s=20, end_s=27), reference_id="b", reference=Interval(start_s=0, end_s=3.5), edit="slowed"
    ),
)


def span(query: tuple[float, float], reference_id: str, reference: tuple[float, float]) -> ReportedSpan:
    return ReportedSpan(
        query=Interval(start_s=query[0], end_s=query[1]),
        reference_id=reference_id,
        reference=Interval(start_s=reference[0], end_s=reference[1]),
        level="confirmed",
    )


GOOD_A = span((5.2, 8.8), "a", (1.2, 4.8))
GOOD_B = span((20, 27), "b", (0, 3.5))


def test_everything_found_and_nothing_else():
    outcome = compare(PLANTED, [GOOD_B, GOOD_A])
    assert outcome.complete
    assert [result.matches for result in outcome.results] == [(GOOD_A,), (GOOD_B,)]


def test_without_matches_everything_is_missed():
    outcome = compare(PLANTED, [])
    assert outcome.missed == PLANTED
    assert not outcome.accused
    assert not outcome.complete


@pytest.mark.parametrize(
    "wrong",
    [
        span((5, 9), "c", (1, 5)),  # another reference
        span((5, 9), "b", (1, 5)),  # a reference that was planted elsewhere
        span((12, 16), "a", (1, 5)),  # another part of the release
        span((5, 9), "a", (6, 10)),  # another part of the reference
        span((0, 30), "a", (1, 5)),  # nearly all of the release
        span((5, 9), "a", (0, 60)),  # all of the reference
        span((2, 6), "a", (1, 5)),  # only a quarter of it within the planted clip
    ],
)
def test_a_match_that_was_not_planted_is_an_accusation(wrong: ReportedSpan):
    outcome = compare(PLANTED, [GOOD_A, GOOD_B, wrong])
    assert outcome.accused == (wrong,)
    assert not outcome.missed
    assert not outcome.complete


def test_a_match_of_exactly_half_is_too_little():
    half = span((5, 7), "a", (1, 3))
    outcome = compare(PLANTED, [half, GOOD_B])
    assert outcome.missed == (PLANTED[0],)
    assert not outcome.accused


def test_two_pieces_together_find_a_clip_and_their_overlap_counts_once():
    first, second = span((5, 6.5), "a", (1, 2.5)), span((6.5, 8), "a", (2.5, 4))
    assert compare(PLANTED, [second, first, GOOD_B]).complete
    twice = compare(PLANTED, [first, first, GOOD_B])
    assert twice.missed == (PLANTED[0],)


def test_a_long_query_with_a_short_piece_of_the_reference_is_not_found():
    assert compare(PLANTED, [span((5, 9), "a", (1, 2)), GOOD_B]).missed == (PLANTED[0],)


def test_matches_are_read_from_the_report():
    match = {
        "query": {"start_s": 5.2, "end_s": 8.8},
        "reference_id": "a",
        "reference": {"start_s": 1.2, "end_s": 4.8},
        "level": "confirmed",
        "score": 0.9,
    }
    assert read_matches({"matches": [{"number": 1, "match": match}], "same_scene": []}) == (GOOD_A,)


@pytest.mark.parametrize("report", [{}, {"matches": [{}]}, {"matches": None}, {"matches": [{"match": {"query": 3}}]}])
def test_a_report_of_another_shape_is_refused(report: dict[str, object]):
    with pytest.raises(ValueError, match="not a report"):
        read_matches(report)


def test_the_edit_list_plants_each_kind_of_edit_once_and_shows_unseen_clips_between():
    planted = planted_clips()
    assert len({item.edit for item in planted}) == len(planted) == 3
    reused = [piece.clip_id in REFERENCE_IDS for piece in EDIT_LIST]
    assert not any(first and second for first, second in itertools.pairwise(reused))
    assert 28 <= piece_intervals()[-1].end_s <= 36


def test_planted_times_follow_from_the_edit_list():
    bunny = planted_clips()[-1]
    assert bunny.reference_id == "bigbuckbunny"
    assert bunny.query == Interval(start_s=21.6, end_s=28.6)
    assert bunny.reference.duration_s == pytest.approx(bunny.query.duration_s / 2)


def reported_repeat(start_s: float) -> dict[str, Any]:
    query, earlier = ({"start_s": start, "end_s": start + 4} for start in (start_s, start_s - 10))
    return {"match": {"query": query, "reference_id": "query", "reference": earlier, "level": "confirmed"}}


def test_repeats_are_matches_with_the_release():
    (repeat,) = read_repeats({"repeats": [reported_repeat(20)]}, "release")
    assert (repeat.reference_id, repeat.query.start_s, repeat.reference.start_s) == ("release", 20, 10)
    with pytest.raises(ValueError, match="not a report"):
        read_repeats({"repeats": [{}]}, "release")


@pytest.mark.parametrize(
    ("state", "end_s", "told"), [("not_examinable", 14, True), ("not_examinable", 11, False), ("no_match", 14, False)]
)
def test_what_is_not_examinable_covers_more_than_half(state: str, end_s: float, told: bool):
    report = {"coverage": [{"interval": {"start_s": 9, "end_s": end_s}, "state": state}]}
    assert is_not_examinable(report, Interval(start_s=10, end_s=14)) is told
    with pytest.raises(ValueError, match="not a report"):
        is_not_examinable({}, Interval(start_s=10, end_s=14))
