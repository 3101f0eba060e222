"""The search of large archives finds what comparing all with all finds."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.archive import hash_runs, hash_search
from verify.archive.hash_runs import distances, find_runs
from verify.archive.hash_search import RunTable
from verify.archive.index import scan


def footage(seed: int, count: int, width: int, unrest: float = 0.1) -> np.ndarray:
    """Codes that change step by step, with a cut here and there and frames that stand still."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=width * 8)
    codes = []
    for _ in range(count):
        if random.random() < 0.05:
            hidden = random.normal(size=width * 8)
        if random.random() < 0.8:
            hidden = hidden + unrest * random.normal(size=width * 8)
        codes.append(np.packbits(hidden > np.median(hidden)))
    return np.array(codes, np.uint8).reshape(count, width)


def asked(seed: int, codes: np.ndarray) -> np.ndarray:
    """A release: part of the archive with some bits turned, other footage, both as negatives too, some frames twice."""
    random = np.random.default_rng(seed)
    width = codes.shape[1]
    turned = np.packbits(random.random(width * 8) < random.uniform(0, 0.3))
    first = int(random.integers(0, len(codes)))
    shown = np.concatenate([codes[first : first + 30] ^ turned, footage(seed + 1, 20, width)])
    return np.concatenate([shown, ~shown, shown[:3]])


def found_in(table: RunTable, queries: np.ndarray, radius: int) -> list[tuple[int, int]]:
    return [
        pair
        for some in table.within(queries, radius)
        for pair in zip(some.queries.tolist(), some.rows.tolist(), strict=True)
    ]


def by_scan(codes: np.ndarray, queries: np.ndarray, radius: int) -> list[tuple[int, int]]:
    rows, columns = scan(codes, queries, radius)
    return sorted(zip(rows.tolist(), columns.tolist(), strict=True))


@pytest.fixture(params=[True, False], ids=["faiss", "numpy"])
def has_faiss(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if not request.param:
        monkeypatch.setitem(sys.modules, "faiss", None)
    return request.param


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 300),
    width=st.sampled_from([8, 32]),
    unrest=st.sampled_from([0.0, 0.03, 0.3]),
    share=st.floats(0, 1),
)
def test_finds_what_the_scan_finds(seed: int, count: int, width: int, unrest: float, share: float):
    codes = footage(seed, count, width, unrest)
    borders = np.unique(np.random.default_rng(seed).integers(0, count + 1, 3))
    queries = asked(seed + 7, codes)
    radius = int(share * width * 8)
    pairs = found_in(RunTable.of(codes, np.unique([0, *borders, count])), queries, radius)
    assert sorted(pairs) == by_scan(codes, queries, radius)


@pytest.mark.usefixtures("has_faiss")
@pytest.mark.parametrize(("width", "radius"), [(32, 84), (8, 14)])
def test_small_blocks_find_the_same_in_the_same_order(monkeypatch: pytest.MonkeyPatch, width: int, radius: int):
    codes = footage(1, 500, width)
    queries = np.concatenate([asked(3, codes), codes[:150]])
    table = RunTable.of(codes, np.array([0, 200, 500]))
    whole = found_in(table, queries, radius)
    for name, value in (("_BLOCK_CODES", 16), ("_TASK_CODES", 32), ("_ROUND_CODES", 64), ("_BLOCK_QUERIES", 7)):
        monkeypatch.setattr(hash_search, name, value)
    monkeypatch.setattr(hash_search, "_COMPARED_PAIRS", 5)
    divided = [found_in(table, queries, radius) for _ in range(3)]
    assert divided[0] == divided[1] == divided[2]
    assert sorted(divided[0]) == sorted(whole) == by_scan(codes, queries, radius)
    assert len(whole) > 100


@pytest.mark.usefixtures("has_faiss")
def test_queries_without_negatives(width: int = 32):
    codes = footage(4, 300, width)
    queries = footage(4, 40, width)
    pairs = found_in(RunTable.of(codes, np.array([0, 300])), queries, 84)
    assert sorted(pairs) == by_scan(codes, queries, 84)
    assert {(row, row) for row in range(40)} <= set(pairs)


def test_nothing_asked_and_nothing_kept():
    table = RunTable.of(footage(1, 5, 32), np.array([0, 5]))
    assert found_in(table, np.zeros((0, 32), np.uint8), 256) == []
    empty = RunTable.of(np.zeros((0, 32), np.uint8), np.array([0]))
    assert found_in(empty, footage(1, 5, 32), 256) == []


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 200), most_bits=st.sampled_from([0, 2, 8, 40]))
def test_runs_are_of_one_reference_and_near_what_stands_for_them(seed: int, count: int, most_bits: int):
    codes = footage(seed, count, 32, 0.05)
    starts = np.unique([0, *np.random.default_rng(seed).integers(0, count + 1, 2), count])
    runs = find_runs(codes, starts, most_bits)
    assert sorted(runs.order.tolist()) == list(range(count))
    assert len(runs.radii) + int(runs.others.sum()) == count
    assert (np.diff(runs.radii.astype(int)) >= 0).all()
    others = len(runs.radii)
    for number, size in enumerate(runs.others.tolist()):
        first, own = runs.order[number], runs.order[others : others + size]
        others += size
        together = np.sort(np.append(own, first))
        assert (np.diff(together) == 1).all()
        assert np.searchsorted(starts, together[0], "right") == np.searchsorted(starts, together[-1], "right")
        farthest = max(distances(codes[own], codes[first][None]).tolist(), default=0)
        assert farthest == runs.radii[number] <= most_bits


def test_footage_that_stands_still_is_one_run_as_far_as_runs_reach():
    codes = np.repeat(footage(1, 1, 32), 4 * hash_runs.REACH, axis=0)
    runs = find_runs(codes, np.array([0, len(codes)]), 0)
    assert runs.others.tolist()[0] == 2 * hash_runs.REACH
    assert len(runs.radii) == 2
