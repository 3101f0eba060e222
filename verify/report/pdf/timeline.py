"""The timeline on paper: rows of time that one cannot zoom into, so long releases take several."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from verify.findings.wording import seconds_words, timecode
from verify.model import Interval, MatchLevel
from verify.report.pdf.blocks import Block
from verify.report.timeline import span_styles, state_names
from verify.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verify.model import CoverageSpan, Match, Report

_ROW_S = 90.0
_MOST_ROWS = 6
_MOST_LEVELS = 6
_MOST_LABELS = 8
#: What a number takes of a row's width, in per cent.
_LABEL_PERCENT = 3.6
#: Neighbours narrower than this share of a row cannot be told apart in print and are drawn as one.
_LEAST_SHARE = 1 / 600
_TICK_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


def timeline_block(report: Report) -> Block | None:
    """Lay a report out on its timeline, positions in per cent of a row's width; None without any length."""
    total_s = report.coverage[-1].interval.end_s if report.coverage else 0.0
    if total_s <= 0:
        return None
    count = min(max(math.ceil(total_s / _ROW_S), 1), _MOST_ROWS)
    styles = span_styles(report)
    step_s = next((step for step in _TICK_STEPS_S if total_s / count / step <= _MOST_LABELS), total_s / count)
    marked = sorted(_marked(report), key=lambda mark: mark[0].start_s)
    rows = [
        _row(report, styles, marked, Interval(start_s=total_s * at / count, end_s=total_s * (at + 1) / count), step_s)
        for at in range(count)
    ]
    shown = {style for row in rows for _left, _width, style in row["spans"]}
    names = state_names()
    alternative = _("Timeline of {length}; the table of spans says the same in words.")
    return {
        "kind": "timeline",
        "rows": rows,
        "legend": [[style, names[style], seconds_words(length_s)] for style, length_s in _lengths(report, styles)]
        + ([["mixed", names["mixed"], ""]] if "mixed" in shown else []),
        "alternative": alternative.format(length=seconds_words(total_s)),
    }


def _lengths(report: Report, styles: Sequence[str]) -> Iterator[tuple[str, float]]:
    lengths: dict[str, float] = {}
    for span, style in zip(report.coverage, styles, strict=True):
        lengths[style] = lengths.get(style, 0.0) + span.interval.duration_s
    return ((style, lengths[style]) for style in state_names() if style in lengths)


def _marked(report: Report) -> list[tuple[Interval, str, str]]:
    """List what has a marker: where it lies, its style, and its number as readers know it."""
    made = [_mark(entry.match, f"{entry.number}", entry.match.level.value) for entry in report.matches]
    made += [(entry.match.query, "scene", f"S{entry.number}") for entry in report.same_scene]
    made += [_mark(entry.match, f"R{entry.number}", "repeated") for entry in report.repeats]
    return made + [_mark(entry.match, f"E{entry.number}", "scene") for entry in report.earlier_releases]


def _mark(match: Match, name: str, style: str) -> tuple[Interval, str, str]:
    return match.query, style, f"{name}?" if match.level is MatchLevel.POSSIBLE else name


def _row(
    report: Report, styles: Sequence[str], marked: Sequence[tuple[Interval, str, str]], row: Interval, step_s: float
) -> dict[str, Any]:
    markers, levels = _markers(marked, row)
    return {
        "spans": _spans(report.coverage, styles, row),
        "shots": _shots([shot.interval for shot in report.shots], row),
        "markers": markers,
        "levels": levels,
        "ticks": _ticks(row, step_s),
    }


def _spans(coverage: Sequence[CoverageSpan], styles: Sequence[str], row: Interval) -> list[tuple[float, float, str]]:
    """Cut the spans to a row; those too narrow to be told apart become one of style 'mixed'."""
    groups: list[tuple[float, float, set[str]]] = []
    least_s = row.duration_s * _LEAST_SHARE
    for span, style in zip(coverage, styles, strict=True):
        if span.interval.overlap_s(row) <= 0:
            continue
        start_s, end_s = max(span.interval.start_s, row.start_s), min(span.interval.end_s, row.end_s)
        if groups and end_s - groups[-1][0] < least_s:
            groups[-1] = (groups[-1][0], end_s, groups[-1][2] | {style})
        else:
            groups.append((start_s, end_s, {style}))
    boxes: list[tuple[float, float, str]] = []
    for start_s, end_s, here in groups:
        style = next(iter(here)) if len(here) == 1 else "mixed"
        if boxes and style == boxes[-1][2] == "mixed":
            start_s = boxes.pop()[0]  # noqa: PLW2901 - the box before grows
        boxes.append((start_s, end_s, style))
    return [(_percent(start_s, row), _width(start_s, end_s, row), style) for start_s, end_s, style in boxes]


def _shots(shots: Sequence[Interval], row: Interval) -> list[tuple[float, float]]:
    """Cut every second shot to a row; none where they are too many to be told apart."""
    inside = [(at, shot) for at, shot in enumerate(shots) if shot.overlap_s(row) > 0]
    if len(inside) * _LEAST_SHARE * 2 > 1:
        return []
    return [
        (_percent(shot.start_s, row), _width(max(shot.start_s, row.start_s), min(shot.end_s, row.end_s), row))
        for at, shot in inside
        if at % 2
    ]


def _markers(
    marked: Sequence[tuple[Interval, str, str]], row: Interval
) -> tuple[list[tuple[float, float, int, str, str]], int]:
    """Give every marker the lowest level on which neither its bar nor its number meets another's.

    Where no level has room for it, its bar is drawn on the highest, without its number.
    """
    ends: list[float] = []
    made = []
    for interval, style, name in marked:
        if interval.overlap_s(row) <= 0:
            continue
        left = _percent(interval.start_s, row)
        width = _width(max(interval.start_s, row.start_s), min(interval.end_s, row.end_s), row)
        level = next((level for level, end in enumerate(ends) if end <= left), len(ends))
        has_room = level < _MOST_LEVELS
        level = min(level, _MOST_LEVELS - 1)
        until = left + max(width, _LABEL_PERCENT)
        if level == len(ends):
            ends.append(until)
        ends[level] = max(ends[level], until)
        made.append((left, width, level, style, name if has_room else ""))
    return made, len(ends)


def _ticks(row: Interval, step_s: float) -> list[tuple[float, str]]:
    first, last = math.ceil(row.start_s / step_s - 1e-6), math.floor(row.end_s / step_s + 1e-6)
    return [(_percent(at * step_s, row), timecode(at * step_s).removesuffix(".00")) for at in range(first, last + 1)]


def _percent(time_s: float, row: Interval) -> float:
    return round(min(max((time_s - row.start_s) / row.duration_s * 100, 0.0), 100.0), 3)


def _width(start_s: float, end_s: float, row: Interval) -> float:
    return round((end_s - start_s) / row.duration_s * 100, 3)
