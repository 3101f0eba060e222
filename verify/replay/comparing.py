"""Compare what a report records with what came out now, finding by finding, within stated tolerances.

A finding is the same if it tells of the same reference, level and kind, of the same passages, and is supported in the
same way. What the report says of a reference is taken from the report: that it was amended since is no difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from verify.evidence.reading import shown
from verify.findings.wording import timecode
from verify.replay.outcome import Difference, ReplayedFinding, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from verify.model import CoverageSpan, Finding, Geometry, Interval, Match, Reference, Transform

#: Largest absolute differences that count as none. One machine gives none at all, and others give the differences that
#: docs/replay.md states, with how they were measured.
SCORE_TOLERANCE = 0.02
TIME_TOLERANCE_S = 0.05
RATE_TOLERANCE = 0.01
#: Of where the picture lies in the reference's, in shares of its size.
PLACE_TOLERANCE = 0.1
#: Share of the shorter of two passages that they must have in common to be about the same.
_SAME_PASSAGE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finding of a report, or one that came out now. `label` names it, `reference` is None for repeats."""

    label: str
    finding: Finding
    match: Match
    reference: Reference | None


def compare(
    recorded: Sequence[Told],
    now: Sequence[Told],
    state: Callable[[Match, Reference | None], Finding],
    unusable: Mapping[str, str],
) -> list[ReplayedFinding]:
    """Compare the findings of one kind; those that came out only now follow last.

    Parameters
    ----------
    state
        Makes the finding of a match; raises ValueError for one that cannot be.
    unusable
        Why references cannot be searched as they were then, by id: what is recorded of them cannot be re-run.
    """
    partners = _partners(recorded, now)
    done = []
    for number, told in enumerate(recorded):
        if why := unusable.get(told.match.reference_id):
            done.append(not_run(told, why))
        elif number in partners:
            done.append(_compared(told, now[partners[number]], state))
        else:
            done.append(_lone(told.label, told, (Difference(what="finding", recorded="found", now="not found"),)))
    taken = set(partners.values())
    without = _without(unusable)
    for number, told in enumerate(now):
        if number not in taken:
            only_now = Difference(what="finding", recorded="not found", now=told.finding.statement)
            done.append(_lone(f"new {told.label}", told, (only_now,), without))
    return done


def not_run(told: Told, why: str) -> ReplayedFinding:
    """Say that a finding could not be re-run."""
    return ReplayedFinding(label=told.label, about=about(told.match), result=Result.NOT_RUN, why=why)


def about(match: Match) -> str:
    """Say in short what a match tells of."""
    where = f" of {shown(match.reference_id, 100)}" if match.reference_id else ""
    return f"{_span(match.query)} ~ {_span(match.reference)}{where}, {match.level.value}, score {match.score:.2f}"


def compare_coverage(recorded: Sequence[CoverageSpan], now: Sequence[CoverageSpan]) -> tuple[float, float]:
    """Return for how many seconds the states differ, and how long the longest such stretch is, both in seconds."""
    bounds = sorted({time_s for span in (*recorded, *now) for time_s in (span.interval.start_s, span.interval.end_s)})
    total_s = longest_s = stretch_s = 0.0
    then_spans, now_spans = _Walk(recorded), _Walk(now)
    for start_s, end_s in pairwise(bounds):
        middle_s = (start_s + end_s) / 2
        differs = then_spans.state_at(middle_s) != now_spans.state_at(middle_s)
        stretch_s = stretch_s + end_s - start_s if differs else 0.0
        total_s += end_s - start_s if differs else 0.0
        longest_s = max(longest_s, stretch_s)
    return total_s, longest_s


class _Walk:
    """States of spans in order of time, asked for times that only grow."""

    def __init__(self, spans: Sequence[CoverageSpan]) -> None:
        self._spans = sorted(spans, key=lambda span: span.interval.start_s)
        self._place = 0

    def state_at(self, time_s: float) -> str:
        while self._place < len(self._spans) and self._spans[self._place].interval.end_s <= time_s:
            self._place += 1
        span = self._spans[self._place] if self._place < len(self._spans) else None
        return span.state.value if span and span.interval.start_s <= time_s else ""


# --- pairs -----------------------------------------------------------------------------------------------------------


def _partners(recorded: Sequence[Told], now: Sequence[Told]) -> dict[int, int]:
    """Pair findings that are about the same passage and reference, the closest in time first."""
    by_reference: dict[str, list[int]] = {}
    for number, told in enumerate(now):
        by_reference.setdefault(told.match.reference_id, []).append(number)
    close = [
        (_time_change_s(told.match, now[other].match), number, other)
        for number, told in enumerate(recorded)
        for other in by_reference.get(told.match.reference_id, ())
        if _is_about_the_same(told.match, now[other].match)
    ]
    partners: dict[int, int] = {}
    taken: set[int] = set()
    for _, number, other in sorted(close):
        if number not in partners and other not in taken:
            partners[number] = other
            taken.add(other)
    return partners


def _is_about_the_same(one: Match, other: Match) -> bool:
    shorter_s = min(one.query.duration_s, other.query.duration_s)
    return one.query.overlap_s(other.query) >= _SAME_PASSAGE * shorter_s


def _time_change_s(one: Match, other: Match) -> float:
    """Return the largest difference of a time of two matches, in seconds of the release."""
    speed = max(abs(one.time_map.rate), 1.0)
    in_reference = max(_apart(one.reference, other.reference)) / speed
    return max(*_apart(one.query, other.query), in_reference)


def _apart(one: Interval, other: Interval) -> tuple[float, float]:
    return abs(one.start_s - other.start_s), abs(one.end_s - other.end_s)


# --- one pair --------------------------------------------------------------------------------------------------------


def _compared(recorded: Told, now: Told, state: Callable[[Match, Reference | None], Finding]) -> ReplayedFinding:
    differences = tuple(_differences(recorded, now, state))
    return ReplayedFinding(
        label=recorded.label,
        about=about(recorded.match),
        result=Result.DIFFERENT if differences else Result.SAME,
        differences=differences,
        score_change=abs(recorded.match.score - now.match.score),
        time_change_s=_time_change_s(recorded.match, now.match),
        place_change=_moved(recorded.match.geometry, now.match.geometry),
    )


def _lone(label: str, told: Told, differences: tuple[Difference, ...], why: str = "") -> ReplayedFinding:
    return ReplayedFinding(
        label=label, about=about(told.match), result=Result.DIFFERENT, differences=differences, why=why
    )


def _differences(
    recorded: Told, now: Told, state: Callable[[Match, Reference | None], Finding]
) -> Iterator[Difference]:
    then, other = recorded.match, now.match
    found = list(_number_differences(then, other))
    for what, one, another in (
        ("kind", recorded.finding.kind.value, now.finding.kind.value),
        ("level", then.level.value, other.level.value),
        ("transform", _transform(then.transform), _transform(other.transform)),
        ("evidence", ", ".join(sorted(then.families)), ", ".join(sorted(other.families))),
    ):
        if one != another:
            found.append(Difference(what=what, recorded=one, now=another))
    yield from found
    # What differs in numbers reads otherwise too, which is told already.
    if not found and recorded.finding.statement != now.finding.statement:
        stated = _stated_with_numbers_of(recorded, now, state)
        if stated != recorded.finding.statement:
            yield Difference(what="statement", recorded=recorded.finding.statement, now=now.finding.statement)


def _number_differences(then: Match, now: Match) -> Iterator[Difference]:
    if max(_apart(then.query, now.query)) > TIME_TOLERANCE_S:
        yield Difference(what="passage", recorded=_span(then.query), now=_span(now.query))
    # At four times the speed, a twenty-fifth of a second of the release is a sixth of a second of the reference.
    if max(_apart(then.reference, now.reference)) > TIME_TOLERANCE_S * max(abs(then.time_map.rate), 1.0):
        yield Difference(what="passage of the reference", recorded=_span(then.reference), now=_span(now.reference))
    if abs(then.score - now.score) > SCORE_TOLERANCE:
        yield Difference(what="score", recorded=f"{then.score:.4f}", now=f"{now.score:.4f}")
    if abs(then.time_map.rate - now.time_map.rate) > RATE_TOLERANCE * max(abs(then.time_map.rate), 1.0):
        yield Difference(what="rate", recorded=f"{then.time_map.rate:.4f}", now=f"{now.time_map.rate:.4f}")
    moved = _moved(then.geometry, now.geometry)
    if moved is None:
        yield Difference(what="place in the picture", recorded=_has_place(then.geometry), now=_has_place(now.geometry))
    elif moved > PLACE_TOLERANCE:
        yield Difference(what="place in the picture", recorded="where it is drawn", now=f"{moved:.3f} of it away")


def _moved(then: Geometry | None, now: Geometry | None) -> float | None:
    """Return how far a corner of the picture moved, in shares of the reference's picture; None if one has no place."""
    if then is None and now is None:
        return 0.0
    if then is None or now is None or len(then.outline) != len(now.outline):
        return None
    corners = [
        abs(one - other)
        for then_corner, now_corner in zip(then.outline, now.outline, strict=True)
        for one, other in zip(then_corner, now_corner, strict=False)
    ]
    return max([abs(then.covered - now.covered), *corners])


def _stated_with_numbers_of(
    recorded: Told, now: Told, state: Callable[[Match, Reference | None], Finding]
) -> str | None:
    """State the match of now with the times and the place of then, which differ by less than counts.

    None where the report holds what cannot be stated.
    """
    then = recorded.match
    mixed = replace(
        now.match, query=then.query, reference=then.reference, time_map=then.time_map, geometry=then.geometry
    )
    try:
        return state(mixed, recorded.reference).statement
    except (ValueError, ArithmeticError):
        return None


def _without(unusable: Mapping[str, str]) -> str:
    if not unusable:
        return ""
    return f"{', '.join(sorted(unusable)[:3])} could not be searched, and may have been the better match"


def _has_place(geometry: Geometry | None) -> str:
    return "measured" if geometry else "not measured"


def _transform(transform: Transform) -> str:
    marks = {
        "mirrored": transform.mirrored,
        "bars removed": transform.bars_removed,
        "inverted": transform.inverted,
    }
    return ", ".join(name for name, is_set in marks.items() if is_set) or "none"


def _span(interval: Interval) -> str:
    return f"{timecode(interval.start_s)}-{timecode(interval.end_s)}"
