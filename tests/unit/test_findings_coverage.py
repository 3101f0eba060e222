"""Coverage: every second in exactly one state, whatever comes in."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report_samples import interval, match
from verify.findings.coverage import NO_ARCHIVE_REASON, coverage
from verify.model import CoverageState, DecodeOutcome, FrameClass, Interval, Match, MatchLevel, Shot

TEXTURED, TEMPLATE, DARK, EMPTY = FrameClass.TEXTURED, FrameClass.TEMPLATE, FrameClass.DARK, FrameClass.EMPTY


def decoded(end_s: float, failure: str | None = None) -> DecodeOutcome:
    return DecodeOutcome(decoded=interval(0, end_s), frame_count=1, cut_times_s=(), failure=failure)


def shot(start_s: float, end_s: float, frame_class: FrameClass = TEXTURED, reason: str = "") -> Shot:
    return Shot(interval=interval(start_s, end_s), frame_class=frame_class, reason=reason)


def laid_out(*arguments: object, **named: object) -> list[tuple[float, float, str]]:
    spans = coverage(*arguments, **named)  # type: ignore[arg-type]
    return [(span.interval.start_s, span.interval.end_s, span.state.value) for span in spans]


def test_states_follow_their_order_of_precedence() -> None:
    shots = [shot(0, 4, TEMPLATE), shot(4, 8, DARK, "night"), shot(8, 20)]
    spans = coverage(
        decoded(20), 22.0, shots, [match(2, 6), match(9, 11, level=MatchLevel.CONFIRMED)], [interval(3, 13)]
    )
    assert [(span.interval.start_s, span.interval.end_s, span.state.value, span.reason) for span in spans] == [
        (0, 2, "template", "title card, logo or colour bars"),
        (2, 6, "matched", "visually consistent with ref-a (possible)"),
        (6, 9, "repeated", "visually consistent with an earlier part of this release"),
        (9, 11, "matched", "visually consistent with ref-a (confirmed)"),
        (11, 13, "repeated", "visually consistent with an earlier part of this release"),
        (13, 20, "no_match", "no match among the references searched"),
        (20, 22, "not_examinable", "the file declares more time than its last picture covers"),
    ]


def test_a_repeat_counts_where_no_archive_was_searched() -> None:
    assert laid_out(decoded(9), 9.0, [shot(0, 9)], None, [interval(4, 6)]) == [
        (0, 4, "not_examinable"),
        (4, 6, "repeated"),
        (6, 9, "not_examinable"),
    ]


def test_a_same_scene_match_does_not_hide_a_repeat() -> None:
    assert laid_out(decoded(9), 9.0, [shot(0, 9)], [match(2, 6, same_scene_only=True)], [interval(4, 6)]) == [
        (0, 2, "no_match"),
        (2, 4, "no_match"),
        (4, 6, "repeated"),
        (6, 9, "no_match"),
    ]


def test_dark_and_empty_shots_keep_their_reason() -> None:
    spans = coverage(decoded(6), 6.0, [shot(0, 2, DARK, "night"), shot(2, 4, EMPTY), shot(4, 6)], [])
    assert [(span.state.value, span.reason) for span in spans[:2]] == [
        ("not_examinable", "night"),
        ("not_examinable", "too little picture structure to carry evidence"),
    ]


def test_gaps_between_pictures_are_not_examinable_even_where_something_matched() -> None:
    outcome = DecodeOutcome(decoded=interval(0, 10), frame_count=1, cut_times_s=(), gaps=(interval(4, 6),))
    assert laid_out(outcome, 10.0, [shot(0, 10)], [match(3, 5)]) == [
        (0, 3, "no_match"),
        (3, 4, "matched"),
        (4, 6, "not_examinable"),
        (6, 10, "no_match"),
    ]


def test_what_was_not_decoded_says_why() -> None:
    spans = coverage(decoded(3, "the file breaks off"), 10.0, [shot(0, 10)], [match(2, 9)])
    assert spans[-1].interval == interval(3, 10)
    assert (spans[-1].state, spans[-1].reason) == (CoverageState.NOT_EXAMINABLE, "the file breaks off")


def test_without_an_archive_textured_seconds_are_not_examinable() -> None:
    spans = coverage(decoded(6), 6.0, [shot(0, 2, TEMPLATE), shot(2, 6)], None)
    assert [span.state.value for span in spans] == ["template", "not_examinable"]
    assert spans[1].reason == NO_ARCHIVE_REASON


def test_neighbours_of_one_state_and_reason_are_merged() -> None:
    assert laid_out(decoded(9), 9.0, [shot(0, 3), shot(3, 6), shot(6, 9)], []) == [(0, 9, "no_match")]


def test_seconds_without_a_shot_are_not_passed_over() -> None:
    assert laid_out(decoded(9), None, [shot(0, 3), shot(5, 9)], []) == [
        (0, 3, "no_match"),
        (3, 5, "not_examinable"),
        (5, 9, "no_match"),
    ]


def test_a_static_scene_is_not_matched_but_named() -> None:
    spans = coverage(decoded(9), 9.0, [shot(0, 9)], [match(2, 4, same_scene_only=True)])
    assert [span.state.value for span in spans] == ["no_match"] * 3
    assert spans[1].reason.endswith("a scene also seen in ref-a, not shown to be one recording")


def test_several_references_are_named_best_first_and_bounded() -> None:
    matches = [match(0, 5, reference_id=f"r{number}", score=number / 10) for number in range(5)]
    (span,) = coverage(decoded(5), 5.0, [shot(0, 5)], matches)
    assert span.reason == "visually consistent with r4 (possible), r3 (possible), r2 (possible) and 2 more"


@pytest.mark.parametrize("declared", [None, 0.0, -3.0, math.nan, math.inf])
def test_a_duration_that_is_none_is_passed_over(declared: float | None) -> None:
    assert laid_out(decoded(2), declared, [shot(0, 2)], []) == [(0, 2, "no_match")]


def test_a_release_without_length_has_no_spans() -> None:
    assert coverage(decoded(0), None, [], []) == ()


TIMES = st.floats(min_value=0, max_value=120, allow_nan=False)
INTERVALS = st.tuples(TIMES, TIMES).map(lambda pair: interval(min(pair), max(pair)))
SHOTS = st.builds(
    Shot, interval=INTERVALS, frame_class=st.sampled_from(list(FrameClass)), reason=st.sampled_from(["", "x"])
)


@st.composite
def matches_(draw: st.DrawFn) -> Match:
    where = draw(INTERVALS)
    return match(
        where.start_s,
        where.end_s,
        reference_id=draw(st.sampled_from(["a", "b"])),
        level=draw(st.sampled_from(list(MatchLevel))),
        same_scene_only=draw(st.booleans()),
    )


@given(
    end_s=TIMES,
    declared=st.none() | TIMES,
    shots=st.lists(SHOTS, max_size=6),
    found=st.none() | st.lists(matches_(), max_size=5),
    repeats=st.lists(INTERVALS, max_size=2),
)
def test_every_second_is_in_exactly_one_state(
    end_s: float, declared: float | None, shots: list[Shot], found: list[Match] | None, repeats: list[Interval]
) -> None:
    spans = coverage(decoded(end_s), declared, shots, found, repeats)
    total_s = max(end_s, declared or 0.0)
    if total_s == 0:
        assert spans == ()
        return
    assert spans[0].interval.start_s == 0
    assert spans[-1].interval.end_s == total_s
    for before, after in pairwise(spans):
        assert before.interval.end_s == after.interval.start_s
        assert (before.state, before.reason) != (after.state, after.reason)
    for span in spans:
        assert span.interval.duration_s > 0
        assert span.reason
    matched_s = sum(span.interval.duration_s for span in spans if span.state is CoverageState.MATCHED)
    assert matched_s == pytest.approx(union_s([m.query for m in found or () if not m.same_scene_only], end_s), abs=1e-6)


def union_s(intervals: list[Interval], end_s: float) -> float:
    """Seconds before `end_s` that lie in any of the intervals."""
    length_s = reached_s = 0.0
    for part in sorted(intervals, key=lambda part: part.start_s):
        start_s, stop_s = max(part.start_s, reached_s), min(part.end_s, end_s)
        length_s += max(0.0, stop_s - start_s)
        reached_s = max(reached_s, stop_s)
    return length_s
