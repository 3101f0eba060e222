"""Where things stand on the drawn timeline: positions in per cent of its width, rows for match markers, time ticks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.findings.wording import timecode
from verify.model import CoverageState, MatchLevel, ReportedRepeat

if TYPE_CHECKING:
    from verify.model import CoverageSpan, Interval, Report, ReportedMatch

# A page 400 px wide leaves room for six labels, and a number of two digits takes 5% of it.
_MOST_TICKS = 6
_NUMBER_WIDTH_PERCENT = 5.0
_MOST_ROWS = 8
_TICK_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_MINOR_TICKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on the timeline. `style` is the class that gives it colour and pattern, `label` says what it is."""

    left_percent: float
    width_percent: float
    style: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A match or repeat above the timeline, linked to its place on the page; `row` counts upwards from the bar."""

    name: str
    anchor: str
    left_percent: float
    width_percent: float
    row: int
    style: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on the time axis; one without `label` is a minor one."""

    left_percent: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything the drawing needs."""

    duration_s: float
    rows: int
    spans: tuple[Box, ...]
    shots: tuple[Box, ...]
    markers: tuple[Marker, ...]
    ticks: tuple[Tick, ...]


def build_timeline(report: Report) -> Timeline | None:
    """Lay a report out on its timeline; None for a release without any length."""
    duration_s = report.coverage[-1].interval.end_s if report.coverage else 0.0
    if duration_s <= 0:
        return None
    markers = _markers(report, duration_s)
    return Timeline(
        duration_s=duration_s,
        rows=max((marker.row for marker in markers), default=-1) + 1,
        spans=tuple(_span_box(span, report, duration_s) for span in report.coverage),
        shots=tuple(
            Box(
                left_percent=_percent(shot.interval.start_s, duration_s),
                width_percent=_percent(shot.interval.duration_s, duration_s),
                style="odd" if number % 2 else "even",
                label=(
                    f"Shot {number}: {timecode(shot.interval.start_s)} to {timecode(shot.interval.end_s)}, "
                    f"{shot.frame_class.value}" + (f" ({shot.reason})" if shot.reason else "")
                ),
            )
            for number, shot in enumerate(report.shots, start=1)
        ),
        markers=markers,
        ticks=_ticks(duration_s),
    )


def span_style(span: CoverageSpan, report: Report) -> str:
    """Return the style of a span: its state, where a matched span without a confirmed match is 'possible'."""
    if span.state is not CoverageState.MATCHED:
        return span.state.value
    confirmed = any(
        entry.match.level is MatchLevel.CONFIRMED and entry.match.query.overlap_s(span.interval) > 0
        for entry in report.matches
    )
    return "confirmed" if confirmed else "possible"


def _span_box(span: CoverageSpan, report: Report, duration_s: float) -> Box:
    return Box(
        left_percent=_percent(span.interval.start_s, duration_s),
        width_percent=_percent(span.interval.duration_s, duration_s),
        style=span_style(span, report),
        label=f"{_times(span.interval)}: {span.state.value.replace('_', ' ')}"
        + (f" ({span.reason})" if span.reason else ""),
    )


def _markers(report: Report, duration_s: float) -> tuple[Marker, ...]:
    """Give every match the lowest row in which neither its bar nor its number meets another's."""
    row_ends: list[float] = []
    markers = []
    entries: list[ReportedMatch | ReportedRepeat] = [*report.matches, *report.same_scene, *report.repeats]
    for entry in sorted(entries, key=lambda entry: (entry.match.query.start_s, entry.number)):
        left = _percent(entry.match.query.start_s, duration_s)
        width = _percent(entry.match.query.duration_s, duration_s)
        needed_until = left + max(width, _NUMBER_WIDTH_PERCENT)
        row = next((row for row, end in enumerate(row_ends) if end <= left), len(row_ends))
        row = min(row, _MOST_ROWS - 1)
        if row == len(row_ends):
            row_ends.append(needed_until)
        row_ends[row] = needed_until
        markers.append(_marker(entry, left, width, row))
    return tuple(markers)


def _marker(entry: ReportedMatch | ReportedRepeat, left: float, width: float, row: int) -> Marker:
    query, level = entry.match.query, entry.match.level
    doubt = "?" if level is MatchLevel.POSSIBLE else ""
    if isinstance(entry, ReportedRepeat):
        name, anchor, style = f"R{entry.number}{doubt}", f"repeat-{entry.number}", "repeated"
        what = f"Repeat {entry.number} ({level.value})"
        of = f"shows again {_times(entry.match.reference)}"
    elif entry.match.same_scene_only:
        name, anchor, style, what = f"S{entry.number}", f"scene-{entry.number}", "scene", f"Same scene {entry.number}"
        of = f"reference {entry.reference.id}"
    else:
        name, anchor, style = f"{entry.number}{doubt}", f"match-{entry.number}", level.value
        what = f"Match {entry.number} ({level.value})"
        of = f"reference {entry.reference.id}"
    return Marker(
        name=name,
        anchor=anchor,
        left_percent=left,
        width_percent=width,
        row=row,
        style=style,
        label=f"{what}: {_times(query)}, {of}",
    )


def _times(interval: Interval) -> str:
    return f"{timecode(interval.start_s)} to {timecode(interval.end_s)}"


def _ticks(duration_s: float) -> tuple[Tick, ...]:
    step_s = next((step for step in _TICK_STEPS_S if duration_s / step <= _MOST_TICKS), duration_s / _MOST_TICKS)
    count = int(duration_s / step_s * _MINOR_TICKS + 1e-9)
    ticks = []
    for index in range(count + 1):
        time_s = index * step_s / _MINOR_TICKS
        label = timecode(time_s) if index % _MINOR_TICKS == 0 else ""
        ticks.append(Tick(left_percent=_percent(time_s, duration_s), label=label.removesuffix(".00")))
    return tuple(ticks)


def _percent(time_s: float, duration_s: float) -> float:
    return round(min(max(time_s / duration_s * 100, 0.0), 100.0), 4)
