"""Where things stand on the drawn timeline."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.explained_samples import build_full_report
from tests.unit.report_samples import build_report, interval, match, reference, reported
from verify.model import CoverageSpan, CoverageState, MatchLevel
from verify.report.timeline import build_timeline


def test_spans_fill_the_bar_without_gap(tmp_path: Path) -> None:
    timeline = build_timeline(build_report(tmp_path, 3))
    assert timeline is not None
    assert timeline.spans[0].left_percent == 0
    assert timeline.spans[-1].left_percent + timeline.spans[-1].width_percent == pytest.approx(100, abs=0.001)
    for before, after in pairwise(timeline.spans):
        assert before.left_percent + before.width_percent == pytest.approx(after.left_percent, abs=0.001)
    assert {box.style for box in timeline.spans} == {"template", "no_match", "confirmed", "possible", "not_examinable"}
    assert timeline.spans[0].label == "0:00.00 to 0:03.00: title card, logo or bars (title card)"


def test_a_release_without_length_has_no_timeline(tmp_path: Path) -> None:
    assert build_timeline(replace(build_report(tmp_path), coverage=())) is None


def test_markers_name_the_level_and_never_collide(tmp_path: Path) -> None:
    timeline = build_timeline(build_report(tmp_path, 30, scene_count=2))
    assert timeline is not None
    names = [marker.name for marker in timeline.markers]
    assert {"1", "2?", "S1"} <= set(names)
    assert len(names) == 32
    for row in range(timeline.rows):
        lefts = [marker.left_percent for marker in timeline.markers if marker.row == row]
        assert all(after - before >= 5 for before, after in pairwise(lefts))


def test_repeats_are_marked_with_their_own_letter(tmp_path: Path) -> None:
    timeline = build_timeline(build_full_report(tmp_path))
    assert timeline is not None
    repeats = [marker for marker in timeline.markers if marker.style == "repeated"]
    assert [(marker.name, marker.anchor, marker.label) for marker in repeats] == [
        ("R1", "repeat-1", "Repeat 1 (confirmed): 0:36.00 to 0:40.00, shows again 0:05.00 to 0:09.00"),
        ("R2?", "repeat-2", "Repeat 2 (possible): 0:53.00 to 0:55.00, shows again 0:20.00 to 0:22.00"),
    ]
    assert "repeated" in {box.style for box in timeline.spans}


def test_parts_of_earlier_releases_are_marked_and_lead_to_their_place(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    entry = reported(tmp_path, 2, match(5, 9, level=MatchLevel.CONFIRMED), reference())
    timeline = build_timeline(replace(report, earlier_releases=(entry,)))
    assert timeline is not None
    (marker,) = timeline.markers
    assert (marker.name, marker.anchor, marker.style) == ("E2", "earlier-2", "earlier")
    assert marker.label == "Earlier release 2 (confirmed): 0:05.00 to 0:09.00, earlier release ref-a"


def test_a_number_that_would_meet_another_is_not_written(tmp_path: Path) -> None:
    timeline = build_timeline(build_report(tmp_path, 300))
    assert timeline is not None
    assert len(timeline.markers) == 300
    assert timeline.rows == 8
    for row in range(timeline.rows):
        written = [marker.left_percent for marker in timeline.markers if marker.row == row and marker.has_room]
        assert all(after - before >= 5 for before, after in pairwise(written))
    assert sum(not marker.has_room for marker in timeline.markers) > 100


def test_many_matches_of_one_passage_stay_in_eight_rows(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    entries = tuple(reported(tmp_path, n, match(5, 9), reference(n)) for n in range(1, 13))
    timeline = build_timeline(replace(report, matches=entries))
    assert timeline is not None
    assert timeline.rows == 8


@pytest.mark.parametrize("duration_s", [0.04, 0.7, 5.0, 62.04, 3600.0, 90_000.0, 10_000_000.0])
def test_a_narrow_page_has_room_for_the_ticks(tmp_path: Path, duration_s: float) -> None:
    span = CoverageSpan(interval=interval(0, duration_s), state=CoverageState.NO_MATCH, reason="none")
    timeline = build_timeline(replace(build_report(tmp_path, 0), coverage=(span,)))
    assert timeline is not None
    labels = [tick.label for tick in timeline.ticks if tick.label]
    assert 1 <= len(labels) <= 7
    assert labels[0] == "0:00"
    assert all(0 <= tick.left_percent <= 100 for tick in timeline.ticks)


def test_a_span_with_a_confirmed_match_is_not_drawn_as_possible(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    both = tuple(
        reported(tmp_path, number, match(5, 9, level=level), reference(number))
        for number, level in enumerate((MatchLevel.POSSIBLE, MatchLevel.CONFIRMED), start=1)
    )
    span = CoverageSpan(interval=interval(5, 9), state=CoverageState.MATCHED, reason="both")
    timeline = build_timeline(replace(report, matches=both, coverage=(span,)))
    assert timeline is not None
    assert timeline.spans[0].style == "confirmed"


def many_spans(count: int) -> tuple[CoverageSpan, ...]:
    states = (CoverageState.NO_MATCH, CoverageState.TEMPLATE)
    return tuple(
        CoverageSpan(interval=interval(number / 4, (number + 1) / 4), state=states[number % 2], reason="why")
        for number in range(count)
    )


def test_spans_too_short_to_be_seen_are_drawn_as_one(tmp_path: Path) -> None:
    report = replace(build_report(tmp_path, 0), coverage=many_spans(30_000))
    timeline = build_timeline(report)
    assert timeline is not None
    assert len(timeline.spans) <= 2000
    assert timeline.is_joined
    assert not timeline.is_parted
    assert {box.style for box in timeline.spans} == {"mixed"}
    assert timeline.spans[0].label == (
        "0:00.00 to 0:07.50: 30 spans: no match 3.8 seconds, title card, logo or bars 3.8 seconds"
    )
    assert sum(box.width_percent for box in timeline.spans) == pytest.approx(100, abs=0.01)


def test_a_long_span_among_short_ones_keeps_its_state(tmp_path: Path) -> None:
    long = CoverageSpan(interval=interval(750, 1000), state=CoverageState.NOT_EXAMINABLE, reason="dark")
    timeline = build_timeline(replace(build_report(tmp_path, 0), coverage=(*many_spans(3000), long)))
    assert timeline is not None
    assert timeline.spans[-1].style == "not_examinable"
    assert timeline.spans[-1].width_percent == pytest.approx(25)


def test_as_many_spans_as_can_be_drawn_stay_apart(tmp_path: Path) -> None:
    timeline = build_timeline(replace(build_report(tmp_path, 0), coverage=many_spans(2000)))
    assert timeline is not None
    assert len(timeline.spans) == 2000
    assert not timeline.is_joined


def test_shots_are_one_outline_until_they_are_too_many(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    timeline = build_timeline(report)
    assert timeline is not None
    assert timeline.shots_path.count("M") == (len(report.shots) + 1) // 2
    assert timeline.shot_starts_s[:3] == (0.0, 3.0, 11.0)
    crowded = build_timeline(replace(report, shots=report.shots[:1] * 20_001))
    assert crowded is not None
    assert (crowded.shots_path, crowded.shot_starts_s) == ("", ())


@pytest.mark.parametrize(
    ("start_s", "style"), [(4.0, "possible"), (5.0, "confirmed"), (8.99, "confirmed"), (9.0, "possible")]
)
def test_a_confirmed_match_counts_where_it_overlaps_only(tmp_path: Path, start_s: float, style: str) -> None:
    report = build_report(tmp_path, 0)
    entries = tuple(
        reported(tmp_path, number, match(5, end_s, level=MatchLevel.CONFIRMED), reference())
        for number, end_s in enumerate((9, 6), start=1)
    )
    span = CoverageSpan(interval=interval(start_s, start_s + 1), state=CoverageState.MATCHED, reason="")
    timeline = build_timeline(replace(report, matches=entries, coverage=(span,)))
    assert timeline is not None
    assert timeline.spans[0].style == style
    assert timeline.spans[0].label.endswith(style)
