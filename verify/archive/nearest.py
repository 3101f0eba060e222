"""Nearest neighbours by comparing all with all, in blocks that a processor's cache holds.

Closeness is measured by *affinity*, a . b - |b|^2 / 2 of a query a and a row b, because it is one matrix product: the
squared distance is |a|^2 - 2 * affinity. Of whole numbers as small as codes it is exact in float32, so that results do
not depend on the machine.
"""

from __future__ import annotations

import threading
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from verify.archive.threads import for_each

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

_BLOCK_QUERIES = 256
_BLOCK_ROWS = 4096
_PART_QUERIES = 4096
#: Columns that are reduced to their highest values first; finding the k-th highest of few takes no time.
_GROUPS = 256
#: Bounds are raised where they leave more than so many times the rows that are sought; seeking them costs time too.
_ENOUGH = 2


def with_offsets(rows: npt.NDArray[np.int8] | Floats, into: Floats | None = None) -> Floats:
    """Return rows, (N, D), as (N, D + 1) float32 with -|row|^2 / 2 in the last column.

    Parameters
    ----------
    into
        (N, D + 1) array to use for it.
    """
    count, dimensions = rows.shape
    extended = np.empty((count, dimensions + 1), np.float32) if into is None else into
    extended[:, :dimensions] = rows
    values = extended[:, :dimensions]
    extended[:, dimensions] = np.einsum("ij,ij->i", values, values) * np.float32(-0.5)
    return extended


def with_ones(queries: npt.NDArray[np.int8] | Floats) -> Floats:
    """Return queries, (Q, D), as (Q, D + 1) float32 with ones in the last column, to go with `with_offsets`."""
    extended = np.ones((len(queries), queries.shape[1] + 1), np.float32)
    extended[:, :-1] = queries
    return extended


class Nearest:
    """Collects the `neighbours` rows of highest affinity of each of `count` queries, block by block.

    Threads may compare at the same time: the bound of a query that one of them raised may be lost to another, which
    leaves more to sort in the end and the same result.
    """

    def __init__(self, count: int, neighbours: int) -> None:
        self._count = count
        self._neighbours = neighbours
        # No row of lower affinity can be among the nearest.
        self._bounds = np.full(count, -np.inf, np.float32)
        self._found: list[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]] = []
        self._rooms = threading.local()

    def compare(self, numbers: npt.NDArray[np.int64], queries: Floats, rows: Floats, first_row: int) -> None:
        """Compare some of the queries with rows.

        Parameters
        ----------
        numbers
            (Q,) which queries they are, none twice.
        queries
            (Q, D + 1), of `with_ones`.
        rows
            (N, D + 1), of `with_offsets`; they are rows `first_row` and following.
        """
        if not hasattr(self._rooms, "room"):
            self._rooms.room = np.empty(_BLOCK_QUERIES * _BLOCK_ROWS, np.float32)
        for start in range(0, len(queries), _BLOCK_QUERIES):
            some = queries[start : start + _BLOCK_QUERIES]
            for column in range(0, len(rows), _BLOCK_ROWS):
                block = rows[column : column + _BLOCK_ROWS]
                affinity = self._rooms.room[: len(some) * len(block)].reshape(len(some), len(block))
                np.dot(some, block.T, out=affinity)
                self._take(numbers[start : start + _BLOCK_QUERIES], affinity, first_row + column)

    def _take(self, numbers: npt.NDArray[np.int64], affinity: Floats, first_row: int) -> None:
        bounds = self._bounds[numbers]
        close = affinity >= bounds[:, None]
        if np.count_nonzero(close) > _ENOUGH * self._neighbours * len(numbers):
            bounds = np.maximum(bounds, _lower_bounds(affinity, self._neighbours))
            self._bounds[numbers] = bounds
            close = affinity >= bounds[:, None]
        places = np.flatnonzero(close)
        if len(places):
            queries, columns = np.divmod(places, affinity.shape[1])
            self._found.append((first_row, numbers[queries], columns + first_row, affinity.ravel()[places]))

    def result(self) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return affinities, (count, neighbours), and rows, nearest first, of equal ones the first row first.

        Where there were fewer rows, the affinity is minus infinity and the row -1.
        """
        affinities = np.full((self._count, self._neighbours), -np.inf, np.float32)
        nearest = np.full((self._count, self._neighbours), -1, np.int64)
        if self._found:
            # By row, which settles the order of equally near ones: the sort below is stable.
            found = sorted(self._found, key=itemgetter(0))
            numbers, rows, values = (np.concatenate(parts) for parts in list(zip(*found, strict=True))[1:])
            near = np.flatnonzero(values >= self._bounds[numbers])
            order = near[np.argsort(_sort_keys(numbers[near], values[near]), kind="stable")]
            numbers, rows, values = numbers[order], rows[order], values[order]
            rank = np.arange(len(numbers)) - np.searchsorted(numbers, numbers)
            kept = rank < self._neighbours
            affinities[numbers[kept], rank[kept]] = values[kept]
            nearest[numbers[kept], rank[kept]] = rows[kept]
        return affinities, nearest


def _lower_bounds(affinity: Floats, neighbours: int) -> Floats:
    """Return what the `neighbours`-th highest value of each row, (Q, N), is at least, (Q,); exact for few columns."""
    count, columns = affinity.shape
    if columns < neighbours:
        return np.full(count, -np.inf, np.float32)
    groups = max(_GROUPS, 4 * neighbours)
    if columns >= 4 * groups:
        whole = columns // groups * groups
        affinity = affinity[:, :whole].reshape(count, -1, groups).max(axis=1)
        columns = groups
    return np.asarray(np.partition(affinity, columns - neighbours, axis=1)[:, columns - neighbours], np.float32)


def _sort_keys(numbers: npt.NDArray[np.int64], values: Floats) -> npt.NDArray[np.uint64]:
    """Return one whole number for each pair, (N,), in the order of numbers and, of equal ones, from high values to low.

    The bits of a float32, taken as a whole number, are in the order of its absolute value.
    """
    bits = (values + np.float32(0)).view(np.uint32)  # without negative zeros
    falling = np.where(values < 0, bits, np.uint32(0x7FFFFFFF) ^ bits)
    return numbers.astype(np.uint64) << np.uint64(32) | falling.astype(np.uint64)


def nearest_of(queries: npt.NDArray[np.int8] | Floats, rows: Floats, neighbours: int) -> npt.NDArray[np.int64]:
    """Return the rows, (Q, neighbours), that are nearest to queries, (Q, D); rows of `with_offsets`."""
    found = Nearest(len(queries), neighbours)
    extended, numbers = with_ones(queries), np.arange(len(queries))

    def compare(start: int) -> None:
        some = slice(start, start + _PART_QUERIES)
        found.compare(numbers[some], extended[some], rows, 0)

    for_each(compare, range(0, len(queries), _PART_QUERIES), is_little=len(queries) <= _PART_QUERIES)
    return found.result()[1]
