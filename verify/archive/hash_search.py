"""Search in a large archive's hashes: all codes within a radius, by far fewer comparisons than there are pairs.

Exact. Three things save work. Frames come in runs that are alike, in the archive and in a release, so what stands for
a run is compared first, with a wider radius (`hash_runs`). A negative's codes are the complements of the picture's own,
so one distance tells both. And distances of many codes to many are computed as one block, small enough for a
processor's cache, which takes less time than asking of each pair in turn whether it is close enough.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from verify.archive.hash_runs import Runs, distances, find_runs
from verify.archive.threads import for_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Codes = npt.NDArray[np.uint8]
    Rows = npt.NDArray[np.int64]
    Distances = npt.NDArray[np.int32]

#: How many bits the others of a run lie from what stands for it at most, in the archive and in a release, by the bytes
#: of a code. Wider runs would be fewer, but more of them would have to be compared in full for nothing.
RUN_BITS = {32: (8, 8), 8: (4, 2)}
_BLOCK_QUERIES = 128
_BLOCK_CODES = 2048
#: What one thread does at a time, and what is found in before it is handed over.
_TASK_CODES = 16 * _BLOCK_CODES
_ROUND_CODES = 64 * _TASK_CODES
_COMPARED_PAIRS = 1 << 17


class Found(NamedTuple):
    """Pairs within the radius, in parallel arrays: query row, row of the table as it was made."""

    queries: Rows
    rows: Rows


class RunTable(NamedTuple):
    """All searchable codes of one algorithm, in the order of their runs.

    `codes` (N, W) uint8 and `frames` (N,), the rows as they were; `radii` and `others` (M,) as in `Runs`.
    """

    codes: Codes
    frames: npt.NDArray[np.uint32]
    radii: npt.NDArray[np.uint8]
    others: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, codes: Codes, starts: Rows) -> RunTable:
        """Make a table of codes, (N, W), of references that begin at `starts`, (R + 1,)."""
        order, radii, others = find_runs(codes, starts, RUN_BITS[codes.shape[1]][0])
        return cls(np.ascontiguousarray(codes[order]), order.astype(np.uint32), radii, others)

    def within(self, queries: Codes, radius_bits: int) -> Iterator[Found]:
        """Yield all pairs with a distance of at most `radius_bits`, some at a time, always in the same order.

        Parameters
        ----------
        queries
            (Q, W); those of a release's views together, so that what they share is compared once.
        """
        if not len(queries):
            return
        scan = _Scan(self, _Sought.of(queries), radius_bits)
        for start in range(0, len(self.radii), _ROUND_CODES):
            firsts = range(start, min(start + _ROUND_CODES, len(self.radii)), _TASK_CODES)
            for_each(scan.task, firsts, is_little=len(firsts) == 1)
            yield from (found for first in firsts for found in scan.found.pop(first))


class _Sought(NamedTuple):
    """Codes of queries, each once and not again as its complement, in runs.

    `plain_starts` (U + 1,) and `plain_rows` are the query rows of each code, `inverted_starts` and `inverted_rows`
    those of its complement.
    """

    codes: Codes
    runs: Runs
    plain_starts: Rows
    plain_rows: Rows
    inverted_starts: Rows
    inverted_rows: Rows

    @classmethod
    def of(cls, queries: Codes) -> _Sought:
        numbers: dict[bytes, int] = {}
        distinct: list[int] = []
        plain: tuple[list[int], list[int]] = ([], [])
        inverted: tuple[list[int], list[int]] = ([], [])
        complements = ~queries
        for row, query in enumerate(queries):
            own = query.tobytes()
            number, (known, rows) = numbers.get(own), plain
            if number is None:
                number = numbers.get(complements[row].tobytes())
                known, rows = inverted
            if number is None:
                number = numbers[own] = len(distinct)
                distinct.append(row)
                known, rows = plain
            known.append(number)
            rows.append(row)
        codes = np.ascontiguousarray(queries[distinct])
        runs = find_runs(codes, np.array([0, len(codes)]), RUN_BITS[codes.shape[1]][1])
        return cls(codes, runs, *_by_number(*plain, len(codes)), *_by_number(*inverted, len(codes)))


def _by_number(numbers: list[int], rows: list[int], count: int) -> tuple[Rows, Rows]:
    """Return where the rows of each number begin, (count + 1,), and the rows by number."""
    order = np.argsort(np.array(numbers, np.int64), kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=count))]).astype(np.int64)
    return starts, np.array(rows, np.int64)[order]


class _Scan:
    """One search through one table: what stands for runs is compared first, then what lies near."""

    def __init__(self, table: RunTable, sought: _Sought, radius_bits: int) -> None:
        self.found: dict[int, list[Found]] = {}
        self._table = table
        self._sought = sought
        self._radius = radius_bits
        self._bits = table.codes.shape[1] * 8
        self._has_inverted = len(sought.inverted_rows) > 0
        self._heads = np.ascontiguousarray(sought.codes[sought.runs.order[: len(sought.runs.radii)]])
        self._query_members = _Members.of(sought.runs.others)
        self._members = _Members.of(table.others)
        self._distances = block_distances()

    def task(self, first: int) -> None:
        """Find all pairs of which what stands for the run is one of some rows, and put them into `found`."""
        last = min(first + _TASK_CODES, len(self._table.radii))
        near = [
            pairs
            for start in range(first, last, _BLOCK_CODES)
            for pairs in self._near(start, min(start + _BLOCK_CODES, last))
        ]
        self.found[first] = [self._compared(*some) for pairs in near for some in self._in_parts(*pairs)]

    def _near(self, start: int, end: int) -> Iterator[tuple[Rows, Rows]]:
        """Yield runs of queries and of rows from `start` to `end` that may hold pairs within the radius."""
        block = self._table.codes[start:end]
        room = np.empty(_BLOCK_QUERIES * len(block), np.int32)
        for begin in range(0, len(self._heads), _BLOCK_QUERIES):
            heads = self._heads[begin : begin + _BLOCK_QUERIES]
            apart = room[: len(heads) * len(block)]
            self._distances(heads, block, apart)
            # Both are sorted by radius.
            of_queries = self._sought.runs.radii[begin + len(heads) - 1]
            bound = self._radius + int(self._table.radii[end - 1]) + int(of_queries)
            if self._has_inverted:
                # Near the code or its complement: the distance is not in the middle. Below zero wraps around.
                apart -= bound + 1
                is_near = apart.view(np.uint32) >= np.uint32(max(self._bits - 2 * bound - 1, 0))
            else:
                is_near = apart <= bound
            places = np.flatnonzero(is_near)
            if len(places):
                rows, columns = np.divmod(places, len(block))
                yield rows + begin, columns + start

    def _in_parts(self, heads: Rows, firsts: Rows) -> Iterator[tuple[Rows, Rows]]:
        """Yield pairs of runs, so many at a time as have few pairs of codes between them."""
        sizes = (1 + self._query_members.counts[heads]) * (1 + self._members.counts[firsts])
        parts = np.cumsum(sizes) // _COMPARED_PAIRS
        borders = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(heads)]
        for begin, end in pairwise(borders):
            if end > begin:
                yield heads[begin:end], firsts[begin:end]

    def _compared(self, heads: Rows, firsts: Rows) -> Found:
        """Compare all of some runs of queries with all of the runs of rows that go with them."""
        places, rows = self._members.expanded(firsts)
        pairs, members = self._query_members.expanded(heads[places])
        rows = rows[pairs]
        numbers = self._sought.runs.order[members]
        apart = distances(self._sought.codes[numbers], self._table.codes[rows])
        plain = _all_of(self._sought.plain_starts, self._sought.plain_rows, numbers, rows, apart <= self._radius)
        if not self._has_inverted:
            return Found(plain[0], self._table.frames[plain[1]].astype(np.int64))
        inverted = _all_of(
            self._sought.inverted_starts,
            self._sought.inverted_rows,
            numbers,
            rows,
            apart >= self._bits - self._radius,
        )
        queries, found = (np.concatenate(both) for both in zip(plain, inverted, strict=True))
        return Found(queries, self._table.frames[found].astype(np.int64))


class _Members(NamedTuple):
    """Which rows belong to each run of `Runs`: how many others it has, and the first of them."""

    counts: Rows
    firsts: Rows

    @classmethod
    def of(cls, others: npt.NDArray[np.uint8]) -> _Members:
        counts = others.astype(np.int64)
        return cls(counts, np.concatenate([[0], np.cumsum(counts)]) + len(others))

    def expanded(self, runs: Rows) -> tuple[Rows, Rows]:
        """Return for every row of some runs, one after the other, the place of its run among them, and the row."""
        sizes = 1 + self.counts[runs]
        places = np.repeat(np.arange(len(runs)), sizes)
        rank = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return places, np.where(rank == 0, runs[places], self.firsts[runs[places]] + rank - 1)


def _all_of(
    starts: Rows, query_rows: Rows, numbers: Rows, rows: Rows, is_close: npt.NDArray[np.bool_]
) -> tuple[Rows, Rows]:
    """Return query rows and rows of the pairs that are close, of (code number, row) pairs."""
    numbers, rows = numbers[is_close], rows[is_close]
    sizes = starts[numbers + 1] - starts[numbers]
    rank = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return query_rows[np.repeat(starts[numbers], sizes) + rank], np.repeat(rows, sizes)


def block_distances() -> Callable[[Codes, Codes, Distances], None]:
    """Return what writes the distances of codes, (Q, W), and others, (N, W), into (Q * N,): FAISS's, or NumPy's."""
    try:
        import faiss  # noqa: PLC0415 - slow, and only needed when there is an archive to search
    except ImportError:
        return _counted
    library: Any = faiss  # whose stubs do not know all of it

    def compare(codes: Codes, others: Codes, into: Distances) -> None:
        own, other, room = library.swig_ptr(codes), library.swig_ptr(others), library.swig_ptr(into)
        library.hammings(own, other, len(codes), len(others), codes.shape[1], room)

    return compare


def _counted(codes: Codes, others: Codes, into: Distances) -> None:
    wide = np.ascontiguousarray(others).view(np.uint64)
    for row, code in enumerate(np.ascontiguousarray(codes).view(np.uint64)):
        np.bitwise_count(wide ^ code).sum(axis=1, dtype=np.int32, out=into[row * len(others) : (row + 1) * len(others)])
