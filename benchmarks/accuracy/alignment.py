"""The one alignment that all peers share: from similarities of frames to segments with times.

The best run of similar frames along a straight line (one of a few rates, any offset) is taken as a match, its moments
of the release are struck out, and the next best is looked for. A moment of a release goes to one reference only: the
one with the best run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy.truth import Match

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Similarity = npt.NDArray[np.float32]

#: Seconds of the reference per second of the release.
RATES = (1.0, -1.0, 0.25, 0.5, 0.67, 0.8, 1.25, 1.5, 2.0, 3.0, 4.0)
SAMPLES_PER_SECOND = 4
_FEWEST_FRAMES = 3
_MOST_RUNS = 12
#: What a frame without similarity inside a run costs: as much as a middling similar one brings.
_GAP_COST = 0.35
#: Two matches of one release collide if they share more than this of the shorter one.
_COLLISION = 0.5


@dataclass(frozen=True, slots=True)
class _Run:
    """Frames first to last of the release along ref = offset + rate * query, all in samples."""

    total: float
    first: int
    last: int
    offset: float
    rate: float


def align(query_id: str, reference_id: str, margin: Similarity) -> list[Match]:
    """Find the matches of one release with one reference.

    Parameters
    ----------
    margin
        (Q, R), 0 where two frames are not similar, up to 1 the more they are. Frames are 1/4 s apart.

    Returns
    -------
    list of Match
        Best first; the score is the sum of margins along the run.
    """
    margin = margin.copy()
    matches: list[Match] = []
    while len(matches) < _MOST_RUNS and np.count_nonzero(margin.any(1)) >= _FEWEST_FRAMES:
        run = _Run(0.0, 0, 0, 0.0, 1.0)
        for rate in RATES:
            run = _best_run(margin, rate, run)
        if run.total <= 0 or run.last - run.first + 1 < _FEWEST_FRAMES:
            break
        matches.append(_as_match(query_id, reference_id, run))
        margin[run.first : run.last + 1] = 0
    return matches


def _best_run(margin: Similarity, rate: float, best: _Run) -> _Run:
    """Find a run of a greater sum than the best so far at one rate (Kadane's algorithm, all offsets at once)."""
    queries, references = margin.shape
    reach = rate * (queries - 1)
    offsets = np.arange(np.floor(min(0.0, -reach)), references + max(0.0, -reach))
    places = np.rint(offsets[:, None] + rate * np.arange(queries)).astype(np.int64)
    inside = (places >= 0) & (places < references)
    values = np.where(inside, margin[np.arange(queries), np.clip(places, 0, references - 1)], 0)
    # No run along a line has a greater sum than all its margins.
    promising = values.sum(1) > best.total
    offsets, values = offsets[promising], values[promising]
    if not len(offsets):
        return best
    values[values == 0] = -_GAP_COST
    sums = np.zeros(len(offsets), np.float32)
    starts = np.zeros(len(offsets), np.int64)
    for number in range(queries):
        starts[sums <= 0] = number
        sums = np.maximum(sums, 0) + values[:, number]
        top = int(np.argmax(sums))
        if sums[top] > best.total:
            best = _Run(float(sums[top]), int(starts[top]), number, float(offsets[top]), rate)
    return best


def _as_match(query_id: str, reference_id: str, run: _Run) -> Match:
    """Half a sample is added at either end: the moments for which a sample stands."""
    step, half = 1 / SAMPLES_PER_SECOND, 0.5
    ends = sorted(run.offset + run.rate * place for place in (run.first - half, run.last + half))
    start = max(0.0, ends[0] * step)
    return Match(
        query_id=query_id,
        ref_id=reference_id,
        query_start=max(0.0, (run.first - half) * step),
        query_end=(run.last + half) * step,
        ref_start=start,
        ref_end=max(ends[1] * step, start + step / 4),
        score=run.total,
    )


def one_reference_a_moment(matches: Iterable[Match]) -> list[Match]:
    """Keep, of matches that collide within a release, the one with the best score."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda match: -match.score):
        if not any(_collide(match, other) for other in kept):
            kept.append(match)
    return kept


def _collide(match: Match, other: Match) -> bool:
    shared = min(match.query_end, other.query_end) - max(match.query_start, other.query_start)
    shorter = min(match.query_end - match.query_start, other.query_end - other.query_start)
    return match.query_id == other.query_id and shared > _COLLISION * shorter
