"""Scores a list of matches against a benchmark's truth.

Segment AP is the metric of the VSC2022 matching track (Meta, "Video Similarity Challenge", 2022): with the matches of
falling score, interval lengths are pooled over all pairs on each axis (query, reference). Precision is the geometric
mean over the axes of (predicted and true) / predicted, recall of (predicted and true) / true, and AP sums precision
times the growth of recall. A truth box earns credit only once some match of its pair overlaps it in both axes.

A truth segment is *found* if matches of its pair that overlap it in both axes, and lie at least half inside it on the
query's axis, together cover more than half of it there. A match is *wrong* if it overlaps no truth box of its pair in
both axes. Rows:

any score    every match counts
recall@0     matches of a score above the best match of any release that reuses nothing
strict       matches of a score above that of the best wrong match
confirmed    matches of level 'confirmed' only, where the list has levels
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.accuracy.truth import Segment, require_known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.accuracy.truth import Box, Match, Truth

    Span = tuple[float, float]

CONFIRMED = "confirmed"
#: A match must lie inside the truth segment by this share, and the segment must be covered by more than this share.
_HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many of how many."""

    found: int
    of: int

    @property
    def share(self) -> float | None:
        """The quotient, None of nothing."""
        return self.found / self.of if self.of else None

    def __str__(self) -> str:
        return f"{self.found}/{self.of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is found with some of the matches.

    `threshold` is the score that a match must exceed. `boundary_s` is the median error of starts and ends of found
    segments on the query's axis, None if nothing is found. `clean_accused` counts releases that reuse nothing and have
    a match all the same, `wrong` single matches.
    """

    threshold: float
    recall: Tally
    dark: Tally
    boundary_s: float | None
    clean_accused: Tally
    wrong: int
    by_edit: dict[str, Tally]
    by_category: dict[str, Tally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A wrong match, and what the release really shows there (None: nothing of the edit list)."""

    match: Match
    shown: Segment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All figures of one list of matches. `missed` are the truth boxes not found at any score."""

    segment_ap: float
    any_score: Row
    recall_at_0: Row
    strict: Row
    confirmed: Row | None
    wrong: tuple[Wrong, ...]
    missed: tuple[Box, ...]


def score_matches(truth: Truth, matches: Iterable[Match]) -> Result:
    """Score a list of matches.

    Raises
    ------
    BenchmarkError
        A match has an unknown id, an empty interval or a number that is not finite; or the truth contradicts itself.
    """
    matches = tuple(matches)
    require_known(truth, matches)
    wrong = sorted((match for match in matches if _is_wrong(truth, match)), key=lambda match: -match.score)
    accusing = [match.score for match in matches if match.query_id in truth.clean]
    below_all = min((match.score for match in matches), default=0.0) - 1
    any_score = _row(truth, matches, below_all)
    levels = any(match.level for match in matches)
    confirmed = [match for match in matches if match.level == CONFIRMED]
    return Result(
        segment_ap=segment_ap(truth.boxes, matches),
        any_score=any_score,
        recall_at_0=_row(truth, matches, max(accusing, default=below_all)),
        strict=_row(truth, matches, wrong[0].score if wrong else below_all),
        confirmed=_row(truth, confirmed, below_all) if levels else None,
        wrong=tuple(Wrong(match=match, shown=truth.shown_by(match)) for match in wrong),
        missed=tuple(box for box in truth.boxes if not _finding(box, matches)),
    )


def segment_ap(boxes: Sequence[Box], matches: Sequence[Match]) -> float:
    """Average precision over segments, 0 to 1; see the head of this file. 0 where there is no truth."""
    pairs: dict[tuple[str, str], _Pair] = defaultdict(_Pair)
    for box in boxes:
        pairs[box.pair].truth.append(box)
    true_lengths = [math.fsum(_length(axis(box) for box in pair.truth) for pair in pairs.values()) for axis in _AXES]
    if not boxes or not all(true_lengths):
        return 0.0
    average = recall_before = 0.0
    ranked = sorted(matches, key=lambda match: -match.score)
    for _, tied in itertools.groupby(ranked, key=lambda match: match.score):
        for match in tied:
            pairs[match.pair].matches.append(match)
        hit = [math.fsum(pair.credit(axis) for pair in pairs.values()) for axis in _AXES]
        said = [math.fsum(_length(axis(match) for match in pair.matches) for pair in pairs.values()) for axis in _AXES]
        recall = math.sqrt(hit[0] / true_lengths[0] * hit[1] / true_lengths[1])
        precision = math.sqrt(hit[0] / said[0] * hit[1] / said[1])
        average += precision * (recall - recall_before)
        recall_before = recall
    return average


def _query_span(box: Box) -> Span:
    return box.query_start, box.query_end


def _reference_span(box: Box) -> Span:
    return box.ref_start, box.ref_end


_AXES: tuple[Callable[[Box], Span], ...] = (_query_span, _reference_span)


@dataclass(slots=True)
class _Pair:
    """Truth and matches so far of one release with one reference."""

    truth: list[Box] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)

    def credit(self, axis: Callable[[Box], Span]) -> float:
        """Length on an axis that is both said and true, of truth that some match overlaps in both axes."""
        seen = [box for box in self.truth if any(match.overlaps(box) for match in self.matches)]
        said, true = _union(map(axis, self.matches)), _union(map(axis, seen))
        overlaps = (min(a[1], b[1]) - max(a[0], b[0]) for a in said for b in true)
        return math.fsum(overlap for overlap in overlaps if overlap > 0)


def _union(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _length(spans: Iterable[Span]) -> float:
    return math.fsum(end - start for start, end in _union(spans))


def _is_wrong(truth: Truth, match: Match) -> bool:
    return not any(box.pair == match.pair and box.overlaps(match) for box in truth.boxes)


def _finding(box: Box, matches: Iterable[Match]) -> list[Match]:
    """Return the matches that find a truth box; empty if it is not found."""
    near = [match for match in matches if match.pair == box.pair and match.overlaps(box) and _mostly_inside(match, box)]
    covered = _length(
        (max(match.query_start, box.query_start), min(match.query_end, box.query_end)) for match in near
    )  # fmt: skip
    return near if covered > _HALF * (box.query_end - box.query_start) else []


def _mostly_inside(match: Match, box: Box) -> bool:
    inside = min(match.query_end, box.query_end) - max(match.query_start, box.query_start)
    return inside >= _HALF * (match.query_end - match.query_start)


def _row(truth: Truth, matches: Iterable[Match], threshold: float) -> Row:
    counted = [match for match in matches if match.score > threshold]
    hits: list[tuple[Segment, bool]] = []
    errors: list[float] = []
    for box in truth.boxes:
        finding = _finding(box, counted)
        hits.append((truth.segment_of(box), bool(finding)))
        if finding:
            errors.append(abs(min(match.query_start for match in finding) - box.query_start))
            errors.append(abs(max(match.query_end for match in finding) - box.query_end))
    accused = {match.query_id for match in counted if match.query_id in truth.clean}
    return Row(
        threshold=threshold,
        recall=_tally(hit for _, hit in hits),
        dark=_tally(hit for segment, hit in hits if segment.dark),
        boundary_s=statistics.median(errors) if errors else None,
        clean_accused=Tally(found=len(accused), of=len(truth.clean)),
        wrong=sum(_is_wrong(truth, match) for match in counted),
        by_edit=_tallies((segment.edits, hit) for segment, hit in hits),
        by_category=_tallies((segment.category, hit) for segment, hit in hits),
    )


def _tally(hits: Iterable[bool]) -> Tally:
    outcomes = list(hits)
    return Tally(found=sum(outcomes), of=len(outcomes))


def _tallies(named: Iterable[tuple[str, bool]]) -> dict[str, Tally]:
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for name, hit in named:
        outcomes[name].append(hit)
    return {name: _tally(outcomes[name]) for name in sorted(outcomes)}
