"""Nearest neighbours by comparing all with all: those of a slow comparison, in the same order, in any blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.archive_samples import codes_of, nearest_by_hand
from verify.archive import nearest as nearest_module
from verify.archive.nearest import Nearest, nearest_of, with_offsets, with_ones


def found(queries: np.ndarray, rows: np.ndarray, neighbours: int) -> list[list[tuple[int, int]]]:
    """(Squared distance, row) of the nearest rows of each query."""
    nearest = Nearest(len(queries), neighbours)
    nearest.compare(np.arange(len(queries)), with_ones(queries), with_offsets(rows), 0)
    affinities, numbers = nearest.result()
    lengths = (queries.astype(int) ** 2).sum(axis=1)
    return [
        [(int(length - 2 * float(value)), int(row)) for value, row in zip(*pair, strict=True) if row >= 0]
        for length, *pair in zip(lengths, affinities, numbers, strict=True)
    ]


def by_hand(queries: np.ndarray, rows: np.ndarray, neighbours: int) -> list[list[tuple[int, int]]]:
    return [nearest_by_hand(rows, query, np.arange(len(rows)), neighbours) for query in queries]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.tuples(st.integers(1, 7), st.integers(1, 90)),
    neighbours=st.integers(1, 9),
    most=st.sampled_from([1, 3, 127]),
)
def test_they_are_those_of_a_slow_comparison(seed: int, counts: tuple[int, int], neighbours: int, most: int):
    # Small numbers make equal distances common.
    queries, rows = codes_of(seed, counts[0], shake=most), codes_of(seed + 1, counts[1], shake=most)
    assert found(queries, rows, neighbours) == by_hand(queries, rows, neighbours)


@pytest.mark.parametrize("most", [1, 127])
def test_many_rows_in_small_blocks(monkeypatch: pytest.MonkeyPatch, most: int):
    monkeypatch.setattr(nearest_module, "_BLOCK_QUERIES", 3)
    monkeypatch.setattr(nearest_module, "_BLOCK_ROWS", 300)
    monkeypatch.setattr(nearest_module, "_GROUPS", 16)
    queries, rows = codes_of(1, 8, shake=most), codes_of(2, 1000, shake=most)
    assert found(queries, rows, 5) == by_hand(queries, rows, 5)


def test_many_rows_in_one_block():
    queries, rows = codes_of(1, 20, shake=2), codes_of(2, 3000, shake=2)
    assert found(queries, rows, 8) == by_hand(queries, rows, 8)


def test_extreme_codes_are_compared_exactly():
    rows = np.full((300, 48), 127, np.int8)
    rows[:, 0] -= (np.arange(300) % 3).astype(np.int8)
    queries = np.stack([np.full(48, -127), np.full(48, 127)]).astype(np.int8)
    assert found(queries, rows, 6) == by_hand(queries, rows, 6)


def test_order_in_which_rows_are_seen_does_not_matter():
    queries, rows = codes_of(1, 5, shake=1), codes_of(2, 60, shake=1)
    results = []
    for order in ((0, 20, 40), (40, 0, 20)):
        nearest = Nearest(len(queries), 4)
        for start in order:
            nearest.compare(np.arange(5), with_ones(queries), with_offsets(rows[start : start + 20]), start)
        results.append(nearest.result()[1].tolist())
    assert results[0] == results[1]


def test_fewer_rows_than_are_sought():
    affinities, rows = Nearest(2, 3).result()
    assert (rows == -1).all()
    assert np.isneginf(affinities).all()
    assert [len(each) for each in found(codes_of(1, 2), codes_of(2, 2), 3)] == [2, 2]


def test_nearest_of_divides_the_queries(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nearest_module, "_PART_QUERIES", 4)
    queries, rows = codes_of(1, 30), codes_of(2, 50)
    expected = [[row for _, row in each] for each in by_hand(queries, rows, 3)]
    assert nearest_of(queries, with_offsets(rows), 3).tolist() == expected


def test_queries_between_whole_numbers_are_compared_as_they_are():
    rows = np.array([[0] * 48, [1] * 48], np.int8)
    queries = np.array([[0.4] * 48, [0.6] * 48], np.float32)
    assert nearest_of(queries, with_offsets(rows), 1).tolist() == [[0], [1]]
