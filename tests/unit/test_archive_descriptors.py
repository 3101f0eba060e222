"""Vectors of learned descriptors in an archive: what goes in comes out, and no search leaves any out silently."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.archive_samples import features_of
from tests.unit.fingerprint_samples import Film, reference_of
from verify.archive import descriptor_index as module
from verify.archive import vector_codes
from verify.archive.cache_files import VECTORS_CACHE
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.descriptor_index import DescriptorIndex
from verify.archive.store import Archive
from verify.errors import ArchiveDamagedError, FingerprintVersionError
from verify.model import DescriptorSet, Reference

MODEL, OTHER_MODEL = "ab" * 32, "cd" * 32
DIMENSIONS = 8


def vectors(seed: int, count: int = 5) -> np.ndarray:
    """Unit vectors, (count, 8)."""
    found = np.random.default_rng(seed).normal(size=(count, DIMENSIONS))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def described(seed: int, model: str = MODEL, count: int = 5) -> DescriptorSet:
    return DescriptorSet(
        model_sha256=model, times_s=np.arange(count, dtype=np.float64) + 0.25, vectors=vectors(seed, count)
    )


def filled(folder: Path, **sets: DescriptorSet | None) -> Path:
    """Make an archive of references with what a descriptor gave for them, None for nothing."""
    with Archive.create_or_open(folder) as archive:
        for number, (name, found) in enumerate(sets.items(), 1):
            reference = Reference(id=name, sha256=f"{number:064d}", duration_s=3.0)
            archive.add(reference, reference_of(Film(number, 3.0), 3.0), (), features_of(number), descriptors=found)
    return folder


def change(folder: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection, connection:
        connection.execute(statement, values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


# --- the table -------------------------------------------------------------------------------------------------------


def test_what_goes_in_comes_out(folder: Path):
    filled(folder, one=described(1), two=described(2, count=0))
    with Archive.open(folder) as archive:
        archive.add_descriptors("two", described(3, OTHER_MODEL))
        digests = archive.descriptor_digests()
        assert [(each.reference_id, each.model_sha256, each.dimensions, each.picture_count) for each in digests] == [
            ("one", MODEL, 8, 5),
            ("two", MODEL, 8, 0),
            ("two", OTHER_MODEL, 8, 5),
        ]
        one, empty, three = (archive.descriptors(each) for each in digests)
        assert (one.vectors == vectors(1)).all()
        assert one.times_s.tolist() == [0.25, 1.25, 2.25, 3.25, 4.25]
        assert empty.vectors.shape == (0, 8)
        assert (three.model_sha256, three.vectors.dtype) == (OTHER_MODEL, np.float16)
        assert archive.stored_bytes()["descriptors"] == 10 * (8 + 2 * 8)


def test_archive_without_any(folder: Path):
    filled(folder, one=None)
    with Archive.open(folder) as archive:
        assert archive.descriptor_digests() == []
        assert archive.stored_bytes()["descriptors"] == 0


def test_snapshot_covers_them(tmp_path: Path):
    snapshots = []
    for number, found in enumerate((None, described(1), described(2), described(1, OTHER_MODEL), described(1))):
        with Archive.open(filled(tmp_path / str(number), one=found)) as archive:
            snapshots.append(archive.snapshot().snapshot_id)
    assert len(set(snapshots)) == 4
    assert snapshots[1] == snapshots[4]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("vectors", b"\0\0" * 40, "do not have their digest"),
        ("times_s", b"", "do not have their digest"),
        ("sha256", "0" * 64, "do not have their digest"),
        ("picture_count", 4, "are damaged"),
        ("dimensions", 3, "are damaged"),
        ("dimensions", 0, "are malformed"),
        ("model_sha256", "a model\x1b[2J", "are malformed"),
    ],
)
def test_damage_is_found(folder: Path, column: str, value: object, words: str):
    filled(folder, one=described(1))
    change(folder, f"UPDATE descriptor SET {column} = ?", value)  # noqa: S608
    with Archive.open(folder) as archive, pytest.raises(ArchiveDamagedError, match=f"of one {words}"):
        archive.descriptors(archive.descriptor_digests()[0])


def test_what_is_no_number_is_damage(folder: Path):
    found = described(1)
    filled(folder, one=replace(found, vectors=np.full_like(found.vectors, np.nan)))
    with Archive.open(folder) as archive, pytest.raises(ArchiveDamagedError, match="no number"):
        archive.descriptors(archive.descriptor_digests()[0])


def test_row_that_went_away_is_damage(folder: Path):
    filled(folder, one=described(1))
    with Archive.open(folder) as archive:
        (stored,) = archive.descriptor_digests()
        change(folder, "DELETE FROM descriptor")
        with pytest.raises(ArchiveDamagedError, match="are missing"):
            archive.descriptors(stored)


def test_sets_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="for 2 times"):
        DescriptorSet(model_sha256=MODEL, times_s=np.zeros(2), vectors=np.zeros((3, 4), np.float16))


# --- the search ------------------------------------------------------------------------------------------------------


def loaded(folder: Path, model: str = MODEL, dimensions: int = DIMENSIONS) -> DescriptorIndex:
    with Archive.open(folder) as archive:
        ids = [reference.id for reference in archive.references()]
        index = DescriptorIndex.load(archive, ids, model, dimensions)
        index.similarities(np.zeros((1, dimensions), np.float32), np.arange(len(ids)))  # reads what it will need
        return index


@pytest.mark.parametrize("kept_bytes", [1, 64 * 1024**2])
def test_comparison_is_exact(folder: Path, monkeypatch: pytest.MonkeyPatch, kept_bytes: int):
    monkeypatch.setattr(module, "_KEPT_BYTES", kept_bytes)
    sets = {f"r{number}": described(number, count=number) for number in range(6)}
    filled(folder, **sets)
    with Archive.open(folder) as archive:
        index = DescriptorIndex.load(archive, list(sets), MODEL, DIMENSIONS)
        queries = vectors(99, 7).astype(np.float32)
        similar = index.similarities(queries, np.array([5, 0, 2]))
    assert similar.shape == (7, 3)
    assert (similar[:, 1] == -1).all(), "it has no pictures"
    for place, number in ((0, 5), (2, 2)):
        expected = (queries @ sets[f"r{number}"].vectors.astype(np.float32).T).max(axis=1)
        assert similar[:, place] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("dimensions", [32, 15])
def test_codes_name_the_references_that_an_exact_search_names(monkeypatch: pytest.MonkeyPatch, dimensions: int):
    random = np.random.default_rng(1)
    sets = {}
    for number in range(60):
        found = random.normal(size=dimensions) + 0.4 * random.normal(size=(20, dimensions))
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        sets[f"r{number:02}"] = DescriptorSet(
            model_sha256=MODEL, times_s=np.arange(20.0), vectors=found.astype(np.float16)
        )
    queries = np.array([sets[f"r{number:02}"].vectors[7] for number in range(0, 60, 5)], np.float32)
    exact = DescriptorIndex.of(list(sets), sets).nearest(queries)
    monkeypatch.setattr(module, "_CODED_FROM_PICTURES", 1000)
    monkeypatch.setattr(module, "_CODES_LEARNED_FROM", 900)
    coded = DescriptorIndex.of(list(sets), sets).nearest(queries)
    assert set(range(0, 60, 5)) <= set(coded.tolist())
    assert len(set(exact.tolist()) & set(coded.tolist())) > 0.6 * len(exact)
    assert len(coded) < 60


def test_more_pictures_are_looked_up_where_one_reference_has_all_the_nearest():
    one = vectors(5, 1)[0].astype(np.float64)
    near = one + 0.01 * np.random.default_rng(1).normal(size=(2000, DIMENSIONS))
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    sets = {"long": DescriptorSet(model_sha256=MODEL, times_s=np.arange(2000.0), vectors=near.astype(np.float16))}
    sets |= {f"r{number}": described(number) for number in range(5)}
    assert DescriptorIndex.of(list(sets), sets).nearest(one[None].astype(np.float32)).tolist() == [0, 1, 2, 3, 4, 5]


def test_vectors_that_are_replaced_during_a_search_are_no_damage(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_KEPT_BYTES", 1)
    filled(folder, one=described(1), two=described(2))
    with Archive.open(folder) as archive, Archive.open(folder) as other:
        index = DescriptorIndex.load(archive, ["one", "two"], MODEL, DIMENSIONS)
        other.replace_descriptors("one", described(3, OTHER_MODEL))
        with pytest.raises(FingerprintVersionError, match="of one were replaced while it was being searched"):
            index.similarities(vectors(9).astype(np.float32), np.array([0]))
        change(folder, "UPDATE descriptor SET vectors = times_s WHERE reference_id = 'two'")
        index.similarities(vectors(9).astype(np.float32), np.array([1]))  # it is kept
        index._kept.clear()
        with pytest.raises(ArchiveDamagedError, match="do not have their digest"):
            index.similarities(vectors(9).astype(np.float32), np.array([1]))


def test_without_faiss_all_are_compared(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    sets = {f"r{number}": described(number) for number in range(12)}
    assert DescriptorIndex.of(list(sets), sets).nearest(vectors(3).astype(np.float32)).tolist() == list(range(12))


def test_only_the_references_most_like_a_query_are_named():
    sets = {
        f"r{number:02}": DescriptorSet(
            model_sha256=MODEL, times_s=np.arange(2.0), vectors=np.repeat(each[None], 2, axis=0)
        )
        for number, each in enumerate(vectors(3, 20))
    }
    index = DescriptorIndex.of(list(sets), sets)
    query = vectors(3, 20)[4:5].astype(np.float32)
    cosines = vectors(3, 20).astype(np.float32) @ query[0]
    assert index.nearest(query).tolist() == sorted(np.argsort(-cosines)[:8].tolist())
    assert index.nearest(query[:0]).tolist() == []


def test_times_of_the_most_similar_pictures_come_best_first(folder: Path):
    index = loaded(filled(folder, one=described(1), two=described(2)))
    own = vectors(2)
    assert [index.closest_times_s(each, 1, 2, 0.0) for each in own] == [(0.25,), (1.25,), (2.25,), (3.25,), (4.25,)]
    cosines = own.astype(np.float64) @ own[3].astype(np.float64)
    ranked = tuple(np.argsort(-cosines) + 0.25)
    assert index.closest_times_s(own[3], 1, 50, 2.0) == ranked
    assert index.closest_times_s(own[3], 1, 2, 2.0) == ranked[:2]


def test_reference_without_pictures_has_no_times(folder: Path):
    assert loaded(filled(folder, one=described(1, count=0))).closest_times_s(vectors(2)[0], 0, 2, 1.0) == ()


def test_reference_without_vectors_of_the_model_is_told(folder: Path):
    filled(folder, one=described(1), three=None, two=described(2, OTHER_MODEL))
    with pytest.raises(FingerprintVersionError) as caught:
        loaded(folder)
    told = str(caught.value)
    assert caught.value.exit_code == 41
    assert f"2 of 3 references (three is the first) have no learned descriptors of the model {MODEL[:16]}" in told
    assert f"the archive has some of {OTHER_MODEL[:16]}" in told
    assert "verify archive reindex" in told


def test_vectors_of_another_length_are_damage(folder: Path):
    filled(folder, one=described(1))
    with pytest.raises(ArchiveDamagedError, match="not those of their model"):
        loaded(folder, dimensions=9)


def test_empty_archive_has_nothing_to_refuse(folder: Path):
    assert loaded(filled(folder)).reference_ids == ()


# --- the file of a large archive --------------------------------------------------------------------------------------


@pytest.fixture
def large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive that counts as large."""
    monkeypatch.setattr(module, "_CODED_FROM_PICTURES", 1000)
    monkeypatch.setattr(module, "_CODES_LEARNED_FROM", 900)
    return filled(folder, **{f"r{number}": described(number, count=200) for number in range(6)})


def nearest(folder: Path) -> tuple[list[float], list[int], list[int]]:
    with Archive.open(folder) as archive:
        ids = [reference.id for reference in archive.references()]
        index = DescriptorIndex.load(archive, ids, MODEL, DIMENSIONS)
        cosines, rows = index._codes.search(vectors(77, 20).astype(np.float32), 50)
        return cosines.tolist(), rows.tolist(), index.nearest(vectors(77, 1).astype(np.float32)).tolist()


def test_codes_of_a_large_archive_are_learned_once(large: Path, monkeypatch: pytest.MonkeyPatch):
    expected = nearest(large)
    assert {path.name for path in large.iterdir()} == {CATALOGUE_NAME, VECTORS_CACHE}
    monkeypatch.setattr(DescriptorIndex, "_fill", None)
    assert nearest(large) == expected


def turned(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: turned(path, 4096 + 7),
        lambda path: turned(path, path.stat().st_size - 4000),
        lambda path: turned(path, 12),
    ],
)
def test_damaged_codes_are_learned_anew(large: Path, damage):
    expected = nearest(large)
    whole = (large / VECTORS_CACHE).read_bytes()
    damage(large / VECTORS_CACHE)
    assert nearest(large) == expected
    assert (large / VECTORS_CACHE).read_bytes() == whole


def test_codes_of_other_vectors_are_not_used(large: Path):
    before = nearest(large)
    with Archive.open(large) as archive:
        archive.replace_descriptors("r3", described(33, count=200))
    after = nearest(large)
    assert after != before
    (large / VECTORS_CACHE).unlink()
    assert nearest(large) == after


def test_codes_that_cannot_be_kept_are_done_without(large: Path):
    expected = nearest(large)
    (large / VECTORS_CACHE).unlink()
    (large / VECTORS_CACHE).mkdir()
    assert nearest(large) == expected
    assert {path.name for path in large.iterdir()} == {CATALOGUE_NAME, VECTORS_CACHE}


def test_without_faiss_a_large_archive_has_no_codes(large: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with Archive.open(large) as archive:
        index = DescriptorIndex.load(archive, ["r0", "r1", "r2", "r3", "r4", "r5"], MODEL, DIMENSIONS)
        assert index.nearest(vectors(1).astype(np.float32)).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("centroids", "codes"), [(127, 256), (128, 255), (128, 0), (0, 256)])
def test_codes_of_a_wrong_size_never_reach_faiss(centroids: int, codes: int):
    arrays = (np.zeros(centroids, np.float32), np.zeros(codes, np.uint8))
    with pytest.raises(ValueError, match="bytes of codes for 100 vectors"):
        vector_codes.index_of(DIMENSIONS, 100, arrays)
    assert vector_codes.index_of(DIMENSIONS, 100, (np.zeros(128, np.float32), np.zeros(256, np.uint8))).ntotal == 100
