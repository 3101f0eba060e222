"""states.vtt: WebVTT that strict parsers read, one cue for each stretch, with nothing in it that acts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
import webvtt

from tests.unit.explained_samples import build_full_report
from tests.unit.form_samples import HOSTILE, MATCH_COUNTS, hostile_report, report_of
from tests.unit.report_samples import build_report, interval, match, reference
from verify.model import CoverageSpan, CoverageState, MatchLevel, Report, ReportedMatch
from verify.report.forms import FORMS
from verify.report.options import RenderOptions
from verify.report.states_vtt import render_states
from verify.report.stretches import stretches

TIMING = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) line:0")


@dataclass(frozen=True)
class Cue:
    start_s: float
    end_s: float
    lines: tuple[str, ...]


def strictly_parsed(content: bytes) -> tuple[list[str], list[Cue]]:
    """Read WebVTT by the letter of its syntax: the notes, and the cues in increasing order without overlap."""
    text = content.decode("utf-8")
    assert text.endswith("\n")
    assert not set(text) & set("\r\0\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e")
    header, *blocks = text.rstrip("\n").split("\n\n")
    assert header == "WEBVTT"
    notes, cues = [], []
    for block in blocks:
        lines = block.split("\n")
        assert all(lines)
        if lines[0] == "NOTE":
            assert not any("-->" in line for line in lines)
            notes.append("\n".join(lines[1:]))
            continue
        assert lines[0] == str(len(cues) + 1)
        timing = TIMING.fullmatch(lines[1])
        assert timing, lines[1]
        hours, minutes, seconds, rest = (
            [int(timing[first]), int(timing[first + 4])] for first in range(1, 5)
        )  # fmt: skip
        start_s, end_s = (hours[i] * 3600 + minutes[i] * 60 + seconds[i] + rest[i] / 1000 for i in (0, 1))
        assert start_s < end_s
        for line in lines[2:]:
            assert "<" not in line
            assert ">" not in line
            assert not re.search(r"&(?!(amp|lt|gt);)", line)
        assert lines[2:]
        cues.append(Cue(start_s, end_s, tuple(unescape(line) for line in lines[2:])))
    assert all(before.end_s <= after.start_s for before, after in pairwise(cues))
    return notes, cues


def cues_of(report: Report, folder: Path) -> list[Cue]:
    content = render_states(report, folder, RenderOptions()).content
    notes, cues = strictly_parsed(content)
    assert len(notes) == 1
    captions = webvtt.from_string(content.decode())
    assert len(captions) == len(cues)
    return cues


def test_every_second_has_its_state(tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    cues = cues_of(report, tmp_path)
    assert cues[0].start_s == 0
    assert cues[-1].end_s == pytest.approx(report.coverage[-1].interval.end_s, abs=1e-3)
    assert all(before.end_s == after.start_s for before, after in pairwise(cues))
    for span in report.coverage:
        middle_s = (span.interval.start_s + span.interval.end_s) / 2
        here = next(cue for cue in cues if cue.start_s <= middle_s < cue.end_s)
        state = here.lines[0].lower()
        assert state.startswith(
            {
                CoverageState.MATCHED: "matched, ",
                CoverageState.REPEATED: "repeated",
                CoverageState.TEMPLATE: "title card",
                CoverageState.NOT_EXAMINABLE: "not examinable",
                CoverageState.NO_MATCH: "no match",
            }[span.state]
        )


def test_matches_are_named_with_their_reference_and_date(tmp_path: Path) -> None:
    cues = {cue.start_s: cue.lines for cue in cues_of(build_full_report(tmp_path), tmp_path)}
    assert cues[3.5] == ("Matched, confirmed", "1: 'Harbour at dawn', first seen no later than 2019-03-14")
    assert cues[11.0] == ("Matched, possible", "2?: 'City towers at night', first seen no later than 2021")
    assert cues[36.0] == ("Repeated in this release", "R1: shown earlier in this release")
    assert cues[50.5] == ("No match", "S1: 'Harbour at dawn', first seen no later than 2019-03-14")


def test_a_match_without_title_or_date(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    bare = replace(report.matches[0], reference=reference(0, title="", first_seen=""))
    lines = [cue.lines for cue in cues_of(replace(report, matches=(bare,)), tmp_path)]
    assert ("Matched, confirmed", "1: 'ref-a', date not known") in lines


def overlapping(folder: Path, bounds: list[tuple[float, float, MatchLevel]]) -> Report:
    report = build_report(folder, 1)
    entries: list[ReportedMatch] = [
        replace(report.matches[0], number=number, match=match(start_s, end_s, level=level))
        for number, (start_s, end_s, level) in enumerate(bounds, 1)
    ]
    span = CoverageSpan(interval=interval(10, 20), state=CoverageState.MATCHED, reason="")
    return replace(report, matches=tuple(entries), coverage=(span,))


def test_a_span_is_divided_where_matches_begin_and_end(tmp_path: Path) -> None:
    confirmed, possible = MatchLevel.CONFIRMED, MatchLevel.POSSIBLE
    report = overlapping(tmp_path, [(10, 16, possible), (14, 20, confirmed)])
    found = [(part.interval.start_s, part.style, [item.name for item in part.named]) for part in stretches(report)]
    assert found == [(10, "possible", ["1?"]), (14, "confirmed", ["1?", "2"]), (16, "confirmed", ["2"])]
    assert [cue.lines[0] for cue in cues_of(report, tmp_path)] == [
        "Matched, possible",
        "Matched, confirmed",
        "Matched, confirmed",
    ]


def test_many_matches_at_one_time_are_counted(tmp_path: Path) -> None:
    report = overlapping(tmp_path, [(10, 20, MatchLevel.CONFIRMED)] * 5)
    (cue,) = cues_of(report, tmp_path)
    assert len(cue.lines) == 5
    assert cue.lines[-1] == "and 2 more"


def test_bounds_closer_than_a_millisecond_make_no_cue(tmp_path: Path) -> None:
    report = overlapping(tmp_path, [(10, 15, MatchLevel.CONFIRMED), (15.0004, 20, MatchLevel.CONFIRMED)])
    assert [(cue.start_s, cue.end_s) for cue in cues_of(report, tmp_path)] == [(10, 15), (15, 20)]


def test_a_release_of_hours(tmp_path: Path) -> None:
    report = build_report(tmp_path, 0)
    span = CoverageSpan(interval=interval(3 * 3600 + 61.5, 100 * 3600), state=CoverageState.NO_MATCH, reason="")
    content = render_states(replace(report, coverage=(span,)), tmp_path, RenderOptions()).content
    assert b"\n03:01:01.500 --> 100:00:00.000 line:0\nNo match\n" in content
    strictly_parsed(content)


def test_a_release_without_length_has_no_cue(tmp_path: Path) -> None:
    content = render_states(replace(build_report(tmp_path), coverage=()), tmp_path, RenderOptions()).content
    notes, cues = strictly_parsed(content)
    assert cues == []
    assert "Statement on last night" in notes[0]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_act_nowhere(tmp_path: Path, name: str) -> None:
    report = hostile_report(tmp_path, HOSTILE[name])
    cues = cues_of(report, tmp_path)
    assert len(cues) == len(cues_of(build_report(tmp_path, 2, scene_count=1), tmp_path))
    content = render_states(report, tmp_path, RenderOptions()).content
    assert len(content) < 10_000
    assert not set("\u202a\u202b\u202d\u202e\x00\x1b") & set(content.decode())


@pytest.mark.parametrize("count", MATCH_COUNTS)
def test_many_matches(tmp_path: Path, count: int) -> None:
    report = report_of(tmp_path, count)
    assert render_states(report, tmp_path, RenderOptions()) == render_states(report, tmp_path, RenderOptions())
    told = "\n".join(line for cue in cues_of(report, tmp_path) for line in cue.lines)
    if count in (1, 60):
        assert all(re.search(rf"^{number}\??: ", told, re.MULTILINE) for number in range(1, count + 1))


def test_the_form_is_registered(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    assert FORMS["vtt"].file_name == "states.vtt"
    assert FORMS["vtt"].render(report, tmp_path, RenderOptions()) == render_states(report, tmp_path, RenderOptions())
