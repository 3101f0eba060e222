"""Codes of frames in runs: neighbours in time that lie within a few bits of one of them, which stands for all.

By the triangle inequality, a code that is further than the radius of a search and that of a run together from what
stands for the run is further than the radius of the search from all of the run. So most codes need not be compared, and
nothing is missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Codes = npt.NDArray[np.uint8]
    Rows = npt.NDArray[np.int64]

#: A run goes on for so many rows at most on either side of what stands for it.
REACH = 15


class Runs(NamedTuple):
    """Rows of codes, (N,), in the order of a search: first one for each of M runs, narrow runs first, then all others.

    `order` (N,) int64 are the rows as they were; `radii` (M,) uint8 say how many bits the others of a run lie from its
    first at most, ascending; `others` (M,) uint8 how many those are. Those of run j come after those of run j - 1.
    """

    order: Rows
    radii: npt.NDArray[np.uint8]
    others: npt.NDArray[np.uint8]


def distances(codes: Codes, others: Codes) -> npt.NDArray[np.int64]:
    """Return in how many bits codes, (N, W), and others, (N, W) with W a multiple of 8, differ; (N,)."""
    differing = np.ascontiguousarray(codes).view(np.uint64) ^ np.ascontiguousarray(others).view(np.uint64)
    return np.asarray(np.bitwise_count(differing).sum(axis=1, dtype=np.int64))


def find_runs(codes: Codes, starts: Rows, most_bits: int) -> Runs:
    """Divide codes, (N, W), into runs, each as long as can be when one goes from the first row to the last.

    Parameters
    ----------
    starts
        (R + 1,) first row of each reference, and N: no run goes on from one reference to the next.
    most_bits
        How far the others of a run may lie from what stands for it.
    """
    count = len(codes)
    if not count:
        return Runs(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.uint8))
    before, after = _reaches(codes, starts, most_bits)
    rows = np.arange(count)
    # For a run that begins in a row: what may stand for it with the most rows to follow, and the row after these.
    middles, ends = rows.copy(), rows + 1 + after
    for ahead in range(1, min(REACH, count - 1) + 1):
        farther = np.flatnonzero((before[ahead:] >= ahead) & (rows[ahead:] + 1 + after[ahead:] > ends[:-ahead]))
        middles[farther] = farther + ahead
        ends[farther] = farther + ahead + 1 + after[farther + ahead]
    firsts = _chain(ends)
    return _ordered(codes, firsts, middles[firsts])


def _reaches(codes: Codes, starts: Rows, most_bits: int) -> tuple[Rows, Rows]:
    """Return how many rows before each, and how many after, one after the other lie near it; (N,) each."""
    count = len(codes)
    owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    before, after = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for lag in range(1, min(REACH, count - 1) + 1):
        rows = np.flatnonzero((after[:-lag] == lag - 1) | (before[lag:] == lag - 1))
        rows = rows[owners[rows] == owners[rows + lag]]
        rows = rows[distances(codes[rows], codes[rows + lag]) <= most_bits]
        if not len(rows):
            break
        after[rows[after[rows] == lag - 1]] = lag
        before[rows[before[rows + lag] == lag - 1] + lag] = lag
    return before, after


def _chain(ends: Rows) -> Rows:
    """Return the rows in which runs begin, each where the one before it ends."""
    following = ends.tolist()
    firsts = []
    row = 0
    while row < len(following):
        firsts.append(row)
        row = following[row]
    return np.array(firsts, np.int64)


def _ordered(codes: Codes, firsts: Rows, middles: Rows) -> Runs:
    count = len(codes)
    lengths = np.diff(firsts, append=count)
    runs = np.repeat(np.arange(len(firsts)), lengths)
    radii = np.maximum.reduceat(distances(codes, codes[middles[runs]]), firsts)
    narrow_first = np.argsort(radii, kind="stable")
    places = np.empty_like(narrow_first)
    places[narrow_first] = np.arange(len(places))
    is_other = np.ones(count, bool)
    is_other[middles] = False
    others = np.flatnonzero(is_other)
    others = others[np.argsort(places[runs[others]], kind="stable")]
    return Runs(
        order=np.concatenate([middles[narrow_first], others]),
        radii=radii[narrow_first].astype(np.uint8),
        others=(lengths[narrow_first] - 1).astype(np.uint8),
    )
