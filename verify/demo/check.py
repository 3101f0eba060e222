"""Compares what the demo planted with what the report states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verify.model import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from verify.demo.compose import Planted

# A match belongs to a planted clip if more than this share of it lies there, and it is found if more than this share
# of it is covered.
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedSpan:
    """What the report states of one match: a part of the release agrees with a part of a reference."""

    query: Interval
    reference_id: str
    reference: Interval
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedResult:
    """A planted clip with the matches that belong to it, and whether they suffice."""

    planted: Planted
    matches: tuple[ReportedSpan, ...]
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of the comparison. `accused` are matches that belong to nothing planted."""

    results: tuple[PlantedResult, ...]
    accused: tuple[ReportedSpan, ...]

    @property
    def missed(self) -> tuple[Planted, ...]:
        """Planted clips that were not found."""
        return tuple(result.planted for result in self.results if not result.found)

    @property
    def complete(self) -> bool:
        """Whether everything planted was found and nothing else was accused."""
        return not self.missed and not self.accused


def read_matches(report: Mapping[str, Any]) -> tuple[ReportedSpan, ...]:
    """Take the matches out of a report's JSON.

    Raises
    ------
    ValueError
        The report does not have the shape it should have.
    """
    try:
        return tuple(_span(reported["match"]) for reported in report["matches"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a report: {error!r}") from error


def read_repeats(report: Mapping[str, Any], reference_id: str) -> tuple[ReportedSpan, ...]:
    """Take the repeats out of a report's JSON, as matches with the release itself, which gets `reference_id`.

    Raises
    ------
    ValueError
        The report does not have the shape it should have.
    """
    try:
        return tuple(_span(reported["match"], reference_id) for reported in report["repeats"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a report: {error!r}") from error


def is_not_examinable(report: Mapping[str, Any], interval: Interval) -> bool:
    """Say whether a report calls more than half of an interval not examinable; raises ValueError as `read_repeats`."""
    try:
        spans = [span["interval"] for span in report["coverage"] if span["state"] == "not_examinable"]
        return _covered(interval, [Interval(start_s=span["start_s"], end_s=span["end_s"]) for span in spans])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a report: {error!r}") from error


def _span(match: Mapping[str, Any], reference_id: str | None = None) -> ReportedSpan:
    return ReportedSpan(
        query=Interval(start_s=match["query"]["start_s"], end_s=match["query"]["end_s"]),
        reference_id=match["reference_id"] if reference_id is None else reference_id,
        reference=Interval(start_s=match["reference"]["start_s"], end_s=match["reference"]["end_s"]),
        level=match["level"],
    )


def compare(planted: Sequence[Planted], matches: Sequence[ReportedSpan]) -> Outcome:
    """Say which planted clips were found and which matches accuse something that was not planted.

    A match belongs to a planted clip if it names its reference and lies more than half within it, in the release and
    in the reference. A planted clip is found if the matches that belong to it cover more than half of it, in the
    release and in the reference.
    """
    results = []
    for item in planted:
        own = tuple(match for match in matches if _belongs(match, item))
        found = _covered(item.query, [match.query for match in own]) and _covered(
            item.reference, [match.reference for match in own]
        )
        results.append(PlantedResult(planted=item, matches=own, found=found))
    accused = tuple(match for match in matches if not any(_belongs(match, item) for item in planted))
    return Outcome(results=tuple(results), accused=accused)


def _belongs(match: ReportedSpan, planted: Planted) -> bool:
    return (
        match.reference_id == planted.reference_id
        and match.query.overlap_s(planted.query) > _ENOUGH * match.query.duration_s
        and match.reference.overlap_s(planted.reference) > _ENOUGH * match.reference.duration_s
    )


def _covered(whole: Interval, parts: Iterable[Interval]) -> bool:
    """Whether the union of the parts covers enough of the whole."""
    covered_s = 0.0
    reached_s = whole.start_s
    for part in sorted(parts, key=lambda interval: interval.start_s):
        start_s, end_s = max(part.start_s, reached_s), min(part.end_s, whole.end_s)
        if end_s > start_s:
            covered_s += end_s - start_s
            reached_s = end_s
    return covered_s > _ENOUGH * whole.duration_s
