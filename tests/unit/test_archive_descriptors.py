"""Vectors of learned descriptors in an archive: what goes in comes out, and no search leaves any out silently."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.archive_samples import features_of
from tests.unit.fingerprint_samples import Film, reference_of
from verify.archive import descriptors as module
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.descriptors import DescriptorIndex
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


def test_archive_without_any_has_no_such_table(folder: Path):
    filled(folder, one=None)
    with Archive.open(folder) as archive:
        assert archive.descriptor_digests() == []
        assert archive.stored_bytes()["descriptors"] == 0
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection:
        assert not connection.execute("SELECT * FROM sqlite_schema WHERE name = 'descriptor'").fetchall()


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
        return DescriptorIndex.load(archive, ids, model, dimensions)


@pytest.mark.parametrize("block", [1, 7, 8192])
def test_search_is_exact(folder: Path, monkeypatch: pytest.MonkeyPatch, block: int):
    monkeypatch.setattr(module, "_BLOCK_ROWS", block)
    sets = {f"r{number}": described(number, count=number) for number in range(6)}
    index = loaded(filled(folder, **sets))
    queries = vectors(99, 7).astype(np.float32)
    similar = index.similarities(queries)
    assert similar.shape == (7, 6)
    assert (similar[:, 0] == -1).all(), "it has no pictures"
    for number in range(1, 6):
        expected = (queries @ sets[f"r{number}"].vectors.astype(np.float32).T).max(axis=1)
        assert similar[:, number] == pytest.approx(expected, abs=1e-6)


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
    assert "verify archive reindex --descriptor FILE" in told


def test_vectors_of_another_length_are_damage(folder: Path):
    filled(folder, one=described(1))
    with pytest.raises(ArchiveDamagedError, match="not those of their model"):
        loaded(folder, dimensions=9)


def test_empty_archive_has_nothing_to_refuse(folder: Path):
    assert loaded(filled(folder)).reference_ids == ()
