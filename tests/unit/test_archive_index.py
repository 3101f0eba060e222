"""The search over all fingerprints: exact, inclusive, the same with FAISS and without."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.archive_samples import features_of
from tests.unit.fingerprint_samples import Film, fingerprints_of, reference_of
from tests.unit.test_archive_store import change
from verify.archive import index as index_module
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.index import ReferenceIndex, _flat_index, _Table, scan
from verify.archive.store import Archive
from verify.errors import ArchiveDamagedError
from verify.fingerprint.registry import CUES
from verify.model import Reference

MIN_QUALITY = 0.5


def random_codes(seed: int, count: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, width), np.uint8)


def near(codes: np.ndarray, row: int, turned: int) -> np.ndarray:
    """Copy one code and turn its first `turned` bits."""
    bits = np.unpackbits(codes[row])
    bits[:turned] ^= 1
    return np.packbits(bits)


def pairs(found: tuple[np.ndarray, np.ndarray]) -> set[tuple[int, int]]:
    return set(zip(found[0].tolist(), found[1].tolist(), strict=True))


def compared_one_by_one(codes: np.ndarray, queries: np.ndarray, radius: int) -> set[tuple[int, int]]:
    return {
        (row, column)
        for row, query in enumerate(queries)
        for column, code in enumerate(codes)
        if np.unpackbits(query ^ code).sum() <= radius
    }


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.tuples(st.integers(1, 40), st.integers(1, 12)),
    width=st.sampled_from([8, 32]),
    radius=st.integers(0, 256),
)
def test_faiss_and_the_scan_find_the_same_pairs(seed: int, counts: tuple[int, int], width: int, radius: int):
    # Few different bytes, so that short distances and ties are common.
    codes = random_codes(seed, counts[0], width) & 0x11
    queries = random_codes(seed + 1, counts[1], width) & 0x11
    table = _Table(codes, np.zeros(len(codes), np.int64), np.zeros(len(codes)))
    assert table._flat is not None
    expected = compared_one_by_one(codes, queries, radius)
    assert pairs(table.within(queries, radius)) == expected
    assert pairs(scan(codes, queries, radius)) == expected


@pytest.mark.parametrize("width", [8, 32])
@pytest.mark.parametrize("has_faiss", [True, False])
def test_radius_is_inclusive(monkeypatch: pytest.MonkeyPatch, width: int, has_faiss: bool):
    if not has_faiss:
        monkeypatch.setattr(index_module, "_flat_index", lambda _: None)
    codes = random_codes(1, 5, width)
    table = _Table(codes, np.zeros(5, np.int64), np.zeros(5))
    queries = np.array([near(codes, 2, 7)])
    assert pairs(table.within(queries, 7)) == {(0, 2)}
    assert pairs(table.within(queries, 6)) == set()
    assert pairs(table.within(codes, 0)) == {(row, row) for row in range(5)}


def test_scan_in_batches_is_the_scan(monkeypatch: pytest.MonkeyPatch):
    codes, queries = random_codes(1, 50, 8), random_codes(2, 7, 8)
    whole = pairs(scan(codes, queries, 26))
    monkeypatch.setattr(index_module, "_SCAN_BATCH", 16)
    assert pairs(scan(codes, queries, 26)) == whole == compared_one_by_one(codes, queries, 26)
    assert whole


def test_scan_of_nothing():
    none = scan(np.empty((0, 8), np.uint8), random_codes(1, 3, 8), 64)
    assert [len(part) for part in none] == [0, 0]


def test_without_faiss_there_is_the_scan(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert _flat_index(random_codes(1, 3, 8)) is None


def hits(index: ReferenceIndex, algorithm: str, codes: np.ndarray, radius: int) -> set[tuple[int, str, float]]:
    return {
        (int(row), index.reference_ids[number], float(time_s))
        for batch in index.search(algorithm, codes, radius)
        for row, number, time_s in zip(batch.query_rows, batch.reference_numbers, batch.reference_times_s, strict=True)
    }


@pytest.mark.parametrize("has_faiss", [True, False])
@pytest.mark.parametrize("algorithm", ["pdq", "phash"])
def test_hits_name_reference_and_time(monkeypatch: pytest.MonkeyPatch, algorithm: str, has_faiss: bool):
    if not has_faiss:
        monkeypatch.setattr(index_module, "_flat_index", lambda _: None)
    films = {"b": reference_of(Film(1, 30.0), 30.0), "a": reference_of(Film(2, 30.0), 30.0)}
    index = ReferenceIndex(films, MIN_QUALITY)
    assert index.reference_ids == ("a", "b")
    # More rows than one batch of queries takes.
    queries = np.concatenate([films[name][algorithm].codes for name in ("b", "a")])
    found = hits(index, algorithm, queries, 0)
    assert len(queries) > 3 * index_module._QUERY_BATCH
    expected = {
        (row + offset, name, float(time_s))
        for name, offset in (("b", 0), ("a", 120))
        for row, time_s in enumerate(films[name][algorithm].times_s)
    }
    assert found >= expected
    if algorithm == "pdq":
        assert found == expected


def test_frames_of_low_quality_are_not_found():
    times_s = np.arange(6) / 4
    quality = np.array([1.0, 0.49, 0.5, 0.0, 0.51, 0.2], np.float32)
    films = {"a": fingerprints_of(Film(1, 2.0).at(times_s), times_s, quality)}
    index = ReferenceIndex(films, MIN_QUALITY)
    for algorithm in ("pdq", "phash"):
        found = hits(index, algorithm, films["a"][algorithm].codes, 0)
        assert {time_s for _, _, time_s in found} == {0.0, 0.5, 1.0}
    assert len(index.fingerprints["a"]["pdq"].times_s) == 6


def test_nothing_to_search(tmp_path: Path):
    index = ReferenceIndex({}, MIN_QUALITY)
    assert index.reference_ids == ()
    assert list(index.search("pdq", random_codes(1, 3, 32), 256)) == []
    with Archive.create_or_open(tmp_path / "archive") as archive:
        assert ReferenceIndex.load(archive, MIN_QUALITY).reference_ids == ()


def test_reference_of_flat_frames_only_is_never_found():
    times_s = np.arange(4) / 4
    films = {"a": fingerprints_of(Film(1, 2.0).at(times_s), times_s, 0.0)}
    index = ReferenceIndex(films, MIN_QUALITY)
    assert hits(index, "pdq", films["a"]["pdq"].codes, 256) == set()


def archive_of(folder: Path, **retracted: bool) -> Path:
    with Archive.create_or_open(folder) as archive:
        for number, (name, is_retracted) in enumerate(retracted.items()):
            reference = Reference(id=name, sha256=f"{number:064d}", retracted=is_retracted)
            archive.add(reference, reference_of(Film(number, 3.0), 3.0), (), features_of(number))
    return folder


def test_retracted_references_are_not_searched(tmp_path: Path):
    with Archive.open(archive_of(tmp_path / "archive", a=False, b=True, c=False)) as archive:
        index = ReferenceIndex.load(archive, MIN_QUALITY)
    assert index.reference_ids == ("a", "c")
    for cue in CUES:
        stored = index.fingerprints["c"][cue.algorithm]
        assert stored.codes.tolist() == reference_of(Film(2, 3.0), 3.0)[cue.algorithm].codes.tolist()


@pytest.mark.parametrize("which", ["algorithm = 'phash' AND reference_id = 'b'", "reference_id = 'b'"])
def test_missing_fingerprints_are_damage_not_silence(tmp_path: Path, which: str):
    folder = archive_of(tmp_path / "archive", a=False, b=False)
    change(folder / CATALOGUE_NAME, f"DELETE FROM fingerprint WHERE {which}")  # noqa: S608
    with Archive.open(folder) as archive, pytest.raises(ArchiveDamagedError, match="fingerprints of b are missing"):
        ReferenceIndex.load(archive, MIN_QUALITY)
