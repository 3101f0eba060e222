"""What holds in each stretch of a release: its state, and the numbered matches that are in force there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from verify.model import CoverageState, Interval, MatchLevel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import CoverageSpan, Report, ReportedMatch, ReportedRepeat

# Players know milliseconds.
_LEAST_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A reported match with the name that it has on the timeline: '3', '3?' if possible, 'S1', 'R2', 'E1'."""

    name: str
    entry: ReportedMatch | ReportedRepeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the release in which nothing changes: one state, the same matches.

    `style` is the state, where 'matched' is told apart into 'confirmed' and 'possible'.
    """

    interval: Interval
    style: str
    named: tuple[Named, ...]


def stretches(report: Report) -> tuple[Stretch, ...]:
    """Divide a release into stretches of at least a millisecond, in order, without gap or overlap."""
    named = sorted(_all_named(report), key=lambda item: item.entry.match.query.start_s)
    found: list[Stretch] = []
    for span in report.coverage:
        near = [item for item in named if item.entry.match.query.overlap_s(span.interval) > 0]
        for start_s, end_s in pairwise(_bounds(span.interval, near)):
            part = Interval(start_s=start_s, end_s=end_s)
            here = tuple(item for item in near if item.entry.match.query.overlap_s(part) > _LEAST_S / 2)
            style = _style(span, here or tuple(near))
            if found and (found[-1].style, found[-1].named) == (style, here):
                part = Interval(start_s=found.pop().interval.start_s, end_s=end_s)
            found.append(Stretch(interval=part, style=style, named=here))
    return tuple(found)


def _all_named(report: Report) -> list[Named]:
    named = [
        Named(name=f"{entry.number}{'' if entry.match.level is MatchLevel.CONFIRMED else '?'}", entry=entry)
        for entry in report.matches
    ]
    named += [Named(name=f"S{entry.number}", entry=entry) for entry in report.same_scene]
    named += [Named(name=f"R{entry.number}", entry=entry) for entry in report.repeats]
    return named + [Named(name=f"E{entry.number}", entry=entry) for entry in report.earlier_releases]


def _bounds(interval: Interval, near: Sequence[Named]) -> list[float]:
    """Collect the times at which a span is to be divided, its own ends included, a millisecond or more apart."""
    queries = [item.entry.match.query for item in near]
    inside = {time_s for query in queries for time_s in (query.start_s, query.end_s)}
    bounds = [interval.start_s]
    for time_s in sorted(inside):
        if min(time_s - bounds[-1], interval.end_s - time_s) >= _LEAST_S:
            bounds.append(time_s)
    return [*bounds, interval.end_s] if interval.duration_s >= _LEAST_S else []


def _style(span: CoverageSpan, here: Sequence[Named]) -> str:
    if span.state is not CoverageState.MATCHED:
        return span.state.value
    # A name of digits alone is that of a confirmed match.
    return "confirmed" if any(item.name.isdigit() for item in here) else "possible"
