"""Where things stand on the drawn timeline: positions in per cent of its width, rows for match markers, time ticks.

Everything is bounded: however many spans, shots and matches a release has, the drawing stays small enough for a page.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.findings.wording import seconds_words, timecode
from verify.model import CoverageState, MatchLevel
from verify.translation import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verify.model import CoverageSpan, Interval, Match, Report, Shot

# A page 400 px wide leaves room for six labels, and a number of two digits takes 5% of it.
_MOST_TICKS = 6
_NUMBER_WIDTH_PERCENT = 5.0
_MOST_ROWS = 8
_TICK_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_MINOR_TICKS = 5
# A tenth of a pixel, where the whole of the bar is drawn a million pixels wide.
_DECIMALS = 5
_MOST_SPANS = 2000
_MOST_SHOTS = 20_000
# Lines between spans would cover what they part, where spans are hardly wider than a line.
_MOST_PARTED_SPANS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A span on the timeline. `style` is the class that gives it colour and pattern, `label` says what it is."""

    left_percent: float
    width_percent: float
    style: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A match or repeat above the timeline, linked to its place on the page.

    `row` counts upwards from the bar; `has_room` says whether its name can be written there without meeting another.
    """

    name: str
    anchor: str
    left_percent: float
    width_percent: float
    row: int
    style: str
    label: str
    has_room: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on the time axis; one without `label` is a minor one."""

    left_percent: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything the drawing needs.

    `shots_path` outlines every second shot, as an SVG path in a box of 100 by 1; `shot_starts_s` are the seconds at
    which the shots begin. Both are empty where there are too many shots. `is_parted` says whether there is room for
    lines between the spans, and `is_joined` that short spans are drawn as one.
    """

    duration_s: float
    rows: int
    spans: tuple[Box, ...]
    shots_path: str
    shot_starts_s: tuple[float, ...]
    markers: tuple[Marker, ...]
    ticks: tuple[Tick, ...]
    is_parted: bool
    is_joined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked:
    """What a marker is made of, before it has its place."""

    name: str
    anchor: str
    style: str
    label: str
    query: Interval


def build_timeline(report: Report) -> Timeline | None:
    """Lay a report out on its timeline; None for a release without any length."""
    duration_s = report.coverage[-1].interval.end_s if report.coverage else 0.0
    if duration_s <= 0:
        return None
    markers = _markers(report, duration_s)
    spans = _boxes(report, duration_s)
    drawn_shots = report.shots if len(report.shots) <= _MOST_SHOTS else ()
    return Timeline(
        duration_s=duration_s,
        rows=max((marker.row for marker in markers), default=-1) + 1,
        spans=spans,
        shots_path=_shots_path(drawn_shots, duration_s),
        shot_starts_s=tuple(round(shot.interval.start_s, 2) for shot in drawn_shots),
        markers=markers,
        ticks=_ticks(duration_s),
        is_parted=len(spans) <= _MOST_PARTED_SPANS,
        is_joined=len(report.coverage) > len(spans),
    )


def state_names() -> dict[str, str]:
    """Name the styles of spans, in the order in which a legend lists them."""
    return {
        "confirmed": _("matched, confirmed"),
        "possible": _("matched, possible"),
        "repeated": _("repeated in this release"),
        "template": _("title card, logo or bars"),
        "not_examinable": _("not examinable"),
        "no_match": _("no match"),
        "mixed": _("several short spans"),
    }


def span_styles(report: Report) -> list[str]:
    """Return the style of each span: its state, where a matched span is 'confirmed' or 'possible'."""
    confirmed: list[tuple[float, float]] = []
    for start_s, end_s in sorted(
        (entry.match.query.start_s, entry.match.query.end_s)
        for entry in report.matches
        if entry.match.level is MatchLevel.CONFIRMED
    ):
        if confirmed and start_s <= confirmed[-1][1]:
            confirmed[-1] = (confirmed[-1][0], max(end_s, confirmed[-1][1]))
        else:
            confirmed.append((start_s, end_s))
    styles = []
    for span in report.coverage:
        before_its_end = bisect_left(confirmed, (span.interval.end_s,))
        is_confirmed = before_its_end > 0 and confirmed[before_its_end - 1][1] > span.interval.start_s
        matched = "confirmed" if is_confirmed else "possible"
        styles.append(matched if span.state is CoverageState.MATCHED else span.state.value)
    return styles


def _boxes(report: Report, duration_s: float) -> tuple[Box, ...]:
    """Draw every span; where there are too many, neighbours that are too short to be seen become one."""
    names = state_names()
    styles = span_styles(report)
    groups: list[list[int]] = []
    # Two neighbours are longer than this together, so that there are at most twice as many as fit.
    most_s = 2 * duration_s / _MOST_SPANS if len(report.coverage) > _MOST_SPANS else 0.0
    start_s = 0.0
    for index, span in enumerate(report.coverage):
        if groups and span.interval.end_s - start_s <= most_s:
            groups[-1].append(index)
        else:
            groups.append([index])
            start_s = span.interval.start_s
    boxes = []
    for group in groups:
        spans = [report.coverage[index] for index in group]
        used = {styles[index] for index in group}
        style = used.pop() if len(used) == 1 else "mixed"
        start_s, end_s = spans[0].interval.start_s, spans[-1].interval.end_s
        boxes.append(
            Box(
                left_percent=_percent(start_s, duration_s),
                width_percent=_percent(end_s - start_s, duration_s),
                style=style,
                label=_span_label(spans[0], names[style]) if len(spans) == 1 else _joined_label(spans),
            )
        )
    return tuple(boxes)


def _span_label(span: CoverageSpan, name: str) -> str:
    times = times_words(span.interval)
    if span.reason:
        return _("{times}: {state} ({reason})").format(times=times, state=name, reason=span.reason)
    return _("{times}: {state}").format(times=times, state=name)


def _joined_label(spans: list[CoverageSpan]) -> str:
    lengths: dict[CoverageState, float] = {}
    for span in spans:
        lengths[span.state] = lengths.get(span.state, 0.0) + span.interval.duration_s
    names = {**state_names(), "matched": _("matched")}
    listed = ", ".join(f"{names[state.value]} {seconds_words(length_s)}" for state, length_s in lengths.items())
    count = len(spans)
    return ngettext(
        "{start} to {end}: {count} span: {states}", "{start} to {end}: {count} spans: {states}", count
    ).format(
        start=timecode(spans[0].interval.start_s), end=timecode(spans[-1].interval.end_s), count=count, states=listed
    )


def _shots_path(shots: Iterable[Shot], duration_s: float) -> str:
    boxes = [(_percent(shot.interval.start_s, duration_s), _percent(shot.interval.end_s, duration_s)) for shot in shots]
    return "".join(f"M{left:g} 0H{right:g}V1H{left:g}Z" for left, right in boxes[::2])


def _markers(report: Report, duration_s: float) -> tuple[Marker, ...]:
    """Give every match the lowest row in which neither its bar nor its number meets another's."""
    row_ends: list[float] = []
    markers = []
    for marked in sorted(_marked(report), key=lambda marked: marked.query.start_s):
        left = _percent(marked.query.start_s, duration_s)
        width = _percent(marked.query.duration_s, duration_s)
        needed_until = left + max(width, _NUMBER_WIDTH_PERCENT)
        free = next((row for row, end in enumerate(row_ends) if end <= left), len(row_ends))
        row = min(free, _MOST_ROWS - 1)
        if row == len(row_ends):
            row_ends.append(needed_until)
        row_ends[row] = max(needed_until, row_ends[row]) if free == row else row_ends[row]
        markers.append(
            Marker(
                name=marked.name,
                anchor=marked.anchor,
                left_percent=left,
                width_percent=width,
                row=row,
                style=marked.style,
                label=marked.label,
                has_room=free == row,
            )
        )
    return tuple(markers)


def _marked(report: Report) -> list[_Marked]:
    """List what has a marker: matches, same scenes, repeats, parts of earlier releases, each with its letter."""
    made = [
        _mark(entry.match, f"{entry.number}", f"match-{entry.number}", entry.match.level.value, _of(entry.reference.id))
        for entry in report.matches
    ]
    made += [
        _mark(entry.match, f"S{entry.number}", f"scene-{entry.number}", "scene", _of(entry.reference.id))
        for entry in report.same_scene
    ]
    for repeat in report.repeats:
        again = _("shows again {times}").format(times=times_words(repeat.match.reference))
        made.append(_mark(repeat.match, f"R{repeat.number}", f"repeat-{repeat.number}", "repeated", again))
    for entry in report.earlier_releases:
        of = _("earlier release {id}").format(id=entry.reference.id)
        made.append(_mark(entry.match, f"E{entry.number}", f"earlier-{entry.number}", "earlier", of))
    return made


def _of(reference_id: str) -> str:
    return _("reference {id}").format(id=reference_id)


def _mark(match: Match, name: str, anchor: str, style: str, of: str) -> _Marked:
    is_possible = match.level is MatchLevel.POSSIBLE and style != "scene"
    what = {
        "scene": _("Same scene {number}"),
        "repeated": _("Repeat {number} (possible)") if is_possible else _("Repeat {number} (confirmed)"),
        "earlier": (
            _("Earlier release {number} (possible)") if is_possible else _("Earlier release {number} (confirmed)")
        ),
    }.get(style, _("Match {number} (possible)") if is_possible else _("Match {number} (confirmed)"))
    return _Marked(
        name=f"{name}?" if is_possible else name,
        anchor=anchor,
        style=style,
        label=_("{what}: {times}, {of}").format(
            what=what.format(number=name.lstrip("SRE")), times=times_words(match.query), of=of
        ),
        query=match.query,
    )


def times_words(interval: Interval) -> str:
    """Write an interval as '0:03.00 to 0:11.00'."""
    return _("{start} to {end}").format(start=timecode(interval.start_s), end=timecode(interval.end_s))


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
    return round(min(max(time_s / duration_s * 100, 0.0), 100.0), _DECIMALS)
