"""When a finding counts as the same: within which tolerances, and what is said where it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.report_samples import interval, match, reference
from verify.findings.statements import match_finding
from verify.model import CoverageSpan, CoverageState, Geometry, MatchLevel, TimeMap, Transform
from verify.replay.comparing import (
    PLACE_TOLERANCE,
    SCORE_TOLERANCE,
    TIME_TOLERANCE_S,
    Told,
    compare,
    compare_coverage,
)
from verify.replay.outcome import Result

if TYPE_CHECKING:
    from verify.model import Finding, Match, Reference
    from verify.replay.outcome import ReplayedFinding

REFERENCE = reference(0)
GEOMETRY = Geometry(
    matrix=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    outline=((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)),
    covered=0.64,
    cells=12,
    frame_pairs=3,
    query_time_s=15.0,
    reference_time_s=3.75,
)
MATCH = replace(match(), families=("global perceptual hash", "motion over time"), geometry=GEOMETRY)


def state(found: Match, of: Reference | None) -> Finding:
    assert of is not None
    return match_finding(found, of, "2025-05-07", "stated by the operator")


def told(found: Match = MATCH, of: Reference = REFERENCE, label: str = "match 1") -> Told:
    return Told(label=label, finding=state(found, of), match=found, reference=of)


def compared(now: Match, then: Match = MATCH) -> ReplayedFinding:
    (finding,) = compare([told(then)], [told(now, label="match")], state, {})
    return finding


def shifted(by_s: float, member: str = "query", **changes: Any) -> Match:
    span = getattr(MATCH, member)
    return replace(MATCH, **{member: interval(span.start_s + by_s, span.end_s + by_s)}, **changes)


def moved(by: float) -> Geometry:
    corners = tuple((x + by, y) for x, y in GEOMETRY.outline)
    return replace(GEOMETRY, outline=corners)


def test_the_same_to_the_last_digit():
    finding = compared(MATCH)
    assert (finding.result, finding.differences) == (Result.SAME, ())
    assert (finding.score_change, finding.time_change_s, finding.place_change) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "now",
    [
        replace(MATCH, score=MATCH.score - 0.9 * SCORE_TOLERANCE),
        shifted(0.9 * TIME_TOLERANCE_S),
        shifted(-0.9 * TIME_TOLERANCE_S, "reference"),
        replace(MATCH, time_map=TimeMap(rate=1.009, offset_s=-11.4)),
        replace(MATCH, geometry=moved(0.9 * PLACE_TOLERANCE)),
        replace(MATCH, distinctness=0.1, pairs=()),
        replace(MATCH, families=tuple(reversed(MATCH.families))),
    ],
)
def test_what_other_machines_give_is_the_same(now: Match):
    finding = compared(now)
    assert finding.differences == ()
    assert finding.result is Result.SAME


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (replace(MATCH, score=MATCH.score - 1.1 * SCORE_TOLERANCE), "score"),
        (shifted(1.1 * TIME_TOLERANCE_S), "passage"),
        (replace(MATCH, query=interval(MATCH.query.start_s, MATCH.query.end_s + 0.06)), "passage"),
        (shifted(1.1 * TIME_TOLERANCE_S, "reference"), "passage of the reference"),
        (replace(MATCH, time_map=TimeMap(rate=1.011, offset_s=-11.4)), "rate"),
        (replace(MATCH, time_map=TimeMap(rate=-1.0, offset_s=20.5)), "rate"),
        (replace(MATCH, transform=Transform(inverted=True)), "transform"),
        (replace(MATCH, transform=Transform(bars_removed=True)), "transform"),
        (replace(MATCH, families=("motion over time",)), "evidence"),
        (replace(MATCH, geometry=moved(1.1 * PLACE_TOLERANCE)), "place in the picture"),
        (replace(MATCH, geometry=None), "place in the picture"),
        (replace(MATCH, same_scene_only=True), "kind"),
    ],
)
def test_what_is_beyond_is_named(now: Match, what: str):
    finding = compared(now)
    assert finding.result is Result.DIFFERENT
    assert what in [difference.what for difference in finding.differences]


def test_at_four_times_the_speed_the_reference_may_be_four_times_as_far_off():
    fast = replace(MATCH, time_map=TimeMap(rate=4.0, offset_s=-54.0))
    there = interval(MATCH.reference.start_s + 0.15, MATCH.reference.end_s + 0.15)
    assert compared(replace(fast, reference=there), fast).result is Result.SAME
    there = interval(MATCH.reference.start_s + 0.25, MATCH.reference.end_s + 0.25)
    assert compared(replace(fast, reference=there), fast).result is Result.DIFFERENT


def test_a_level_is_never_within_a_tolerance():
    confirmed = match(level=MatchLevel.CONFIRMED)
    finding = compared(match(), confirmed)
    assert [difference.what for difference in finding.differences] == ["level"]
    assert (finding.differences[0].recorded, finding.differences[0].now) == ("confirmed", "possible")


def test_what_is_said_of_a_reference_now_is_no_difference():
    amended = replace(REFERENCE, title="Another title", first_seen="2030")
    now = Told(label="match", finding=state(MATCH, REFERENCE), match=MATCH, reference=amended)
    (finding,) = compare([told()], [now], state, {})
    assert finding.result is Result.SAME


def test_a_statement_that_the_match_does_not_give_is_a_difference():
    forged = replace(told(), finding=replace(told().finding, statement="It is proven."))
    (finding,) = compare([forged], [told(label="match")], state, {})
    assert [difference.what for difference in finding.differences] == ["statement"]


def test_findings_are_paired_by_what_they_are_about():
    first, second = (replace(MATCH, query=interval(start_s, start_s + 3.0)) for start_s in (1.0, 10.0))
    other = replace(first, reference_id="ref-b")
    recorded = [told(first, label="match 1"), told(second, label="match 2"), told(other, label="match 3")]
    now = [told(each, label="match") for each in (other, second, first)]
    assert [finding.result for finding in compare(recorded, now, state, {})] == [Result.SAME] * 3


def test_two_matches_of_one_passage_have_one_partner_each():
    near = shifted(0.01)
    both = compare(
        [told(label="match 1"), told(near, label="match 2")],
        [told(near, label="match"), told(label="match")],
        state,
        {},
    )
    assert [(finding.label, finding.result, finding.time_change_s) for finding in both] == [
        ("match 1", Result.SAME, 0.0),
        ("match 2", Result.SAME, 0.0),
    ]


def test_missing_and_new_findings_are_differences():
    elsewhere = replace(MATCH, query=interval(30.0, 33.0))
    gone, new = compare([told()], [told(elsewhere, label="match")], state, {"ref-z": "it was forgotten"})
    assert (gone.label, gone.result, gone.differences[0].now) == ("match 1", Result.DIFFERENT, "not found")
    assert (new.label, new.result, new.differences[0].recorded) == ("new match", Result.DIFFERENT, "not found")
    assert "ref-z could not be searched" in new.why


def test_what_cannot_be_searched_cannot_be_re_run():
    (finding,) = compare([told()], [], state, {MATCH.reference_id: "it was forgotten on 2026-01-01"})
    assert (finding.result, finding.why) == (Result.NOT_RUN, "it was forgotten on 2026-01-01")


def test_names_from_outside_act_on_no_terminal():
    hostile = replace(MATCH, reference_id="\x1b[2J" + "x" * 500)
    (finding,) = compare([told(hostile)], [], state, {})
    assert "\x1b" not in finding.about
    assert len(finding.about) < 250


# --- the timeline ----------------------------------------------------------------------------------------------------


def spans(*ends: tuple[float, CoverageState]) -> list[CoverageSpan]:
    starts = [0.0, *(end_s for end_s, _ in ends)]
    return [
        CoverageSpan(interval=interval(start_s, end_s), state=state_there, reason="x")
        for start_s, (end_s, state_there) in zip(starts, ends, strict=False)
    ]


MATCHED, NO_MATCH = CoverageState.MATCHED, CoverageState.NO_MATCH


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (spans((5.0, MATCHED), (9.0, NO_MATCH)), spans((5.0, MATCHED), (9.0, NO_MATCH)), (0.0, 0.0)),
        (spans((5.0, MATCHED), (9.0, NO_MATCH)), spans((5.04, MATCHED), (9.0, NO_MATCH)), (0.04, 0.04)),
        (spans((9.0, MATCHED)), spans((2.0, NO_MATCH), (4.0, MATCHED), (9.0, NO_MATCH)), (7.0, 5.0)),
        (spans((9.0, MATCHED)), [], (9.0, 9.0)),
        ([], [], (0.0, 0.0)),
        (spans((9.0, MATCHED)), spans((4.0, MATCHED), (9.0, MATCHED)), (0.0, 0.0)),
    ],
)
def test_seconds_in_another_state_are_counted(
    then: list[CoverageSpan], now: list[CoverageSpan], expected: tuple[float, float]
):
    assert compare_coverage(then, now) == pytest.approx(expected)
