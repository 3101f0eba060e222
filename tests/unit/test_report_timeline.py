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
    assert timeline.spans[0].label == "0:00.00 to 0:03.00: template (title card)"


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
