"""The hashes of a large archive: searched like those of a small one, from a cache file that is not trusted blindly."""

from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.archive_samples import features_of, unprivileged
from tests.unit.fingerprint_samples import Film, fingerprints_of, reference_of
from tests.unit.test_archive_store import change
from verify.archive import hash_cache, index
from verify.archive.cache_files import CACHE_NAMES, HASHES_CACHE
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.hash_cache import LargeHashes
from verify.archive.index import ReferenceIndex
from verify.archive.store import Archive
from verify.errors import ArchiveDamagedError, FingerprintVersionError
from verify.fingerprint.registry import CUES
from verify.model import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIN_QUALITY = 0.5
FILMS = {"b": Film(1, 30.0), "a": Film(2, 30.0), "c": Film(3, 30.0)}
RADII = {"pdq": 84, "phash": 14}


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "LARGE_FRAMES", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Archive.create_or_open(tmp_path / "archive") as archive:
        for number, (name, film) in enumerate(FILMS.items()):
            times_s = np.arange(120) / 4
            quality = np.where(np.arange(120) % 7 == number, 0.2, 0.9).astype(np.float32)
            reference = Reference(id=name, sha256=f"{number:064d}", retracted=name == "c")
            archive.add(reference, fingerprints_of(film.at(times_s), times_s, quality), (), features_of(number))
    return tmp_path / "archive"


def hits(hashes: ReferenceIndex) -> dict[str, list[tuple[int, str, float]]]:
    """All that frames of all films and their negatives find, by algorithm."""
    found = {}
    for cue in CUES:
        codes = np.concatenate([reference_of(film, 30.0)[cue.algorithm].codes for film in FILMS.values()])
        batches = hashes.search(cue.algorithm, np.concatenate([codes, ~codes]), RADII[cue.algorithm])
        found[cue.algorithm] = sorted(
            (int(row), hashes.reference_ids[number], float(time_s))
            for batch in batches
            for row, number, time_s in zip(
                batch.query_rows, batch.reference_numbers, batch.reference_times_s, strict=True
            )
        )
    return found


def loaded(folder: Path) -> dict[str, list[tuple[int, str, float]]]:
    with Archive.open(folder) as archive:
        return hits(ReferenceIndex.load(archive, MIN_QUALITY))


@pytest.fixture
def expected(folder: Path) -> dict[str, list[tuple[int, str, float]]]:
    with Archive.open(folder) as archive:
        found = hits(ReferenceIndex.load(archive, MIN_QUALITY, exact=True))
    assert not (folder / HASHES_CACHE).exists()
    assert min(map(len, found.values())) > 200
    return found


def test_small_archives_have_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch, expected: object):
    monkeypatch.setattr(index, "LARGE_FRAMES", 241)
    assert loaded(folder) == expected
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME}


def test_file_is_written_once_and_finds_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch, expected: object):
    assert HASHES_CACHE in CACHE_NAMES
    assert loaded(folder) == expected
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME, HASHES_CACHE}
    whole = (folder / HASHES_CACHE).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "fingerprints", None)
        assert loaded(folder) == expected
    (folder / HASHES_CACHE).unlink()
    loaded(folder)
    assert (folder / HASHES_CACHE).read_bytes() == whole


def test_in_memory_the_same_is_found(expected: object):
    times_s = np.arange(120) / 4
    sets = {}
    for number, (name, film) in enumerate(FILMS.items()):
        quality = np.where(np.arange(120) % 7 == number, 0.2, 0.9).astype(np.float32)
        if name != "c":
            sets[name] = fingerprints_of(film.at(times_s), times_s, quality)
    assert hits(ReferenceIndex(sets, MIN_QUALITY)) == hits(ReferenceIndex(sets, MIN_QUALITY, exact=True)) == expected


@pytest.mark.parametrize(
    "statement", ["UPDATE reference SET retracted = 1 - retracted", "UPDATE reference SET id = id || 'x'"]
)
def test_file_of_other_references_is_not_used(folder: Path, statement: str):
    loaded(folder)
    before = (folder / HASHES_CACHE).read_bytes()
    change(folder / CATALOGUE_NAME, "PRAGMA foreign_keys = OFF")
    change(folder / CATALOGUE_NAME, statement)
    if "id = id" in statement:
        for table in ("fingerprint", "local_features", "sighting"):
            change(folder / CATALOGUE_NAME, f"UPDATE {table} SET reference_id = reference_id || 'x'")  # noqa: S608
    with Archive.open(folder) as archive:
        flat = hits(ReferenceIndex.load(archive, MIN_QUALITY, exact=True))
    assert loaded(folder) == flat
    assert (folder / HASHES_CACHE).read_bytes() != before


def test_file_of_another_quality_is_not_used(folder: Path, expected: object):
    loaded(folder)
    with Archive.open(folder) as archive:
        everything = hits(ReferenceIndex.load(archive, 0.0))
        assert everything == hits(ReferenceIndex.load(archive, 0.0, exact=True)) != expected


def turned(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-4096]),
    "of zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "another key": lambda path: turned(path, 9),
    "the first frames": lambda path: turned(path, 4096 + 3),
    "times": lambda path: turned(path, 2 * 4096 + 3),
    "codes": lambda path: turned(path, 3 * 4096 + 70),
    "the last array": lambda path: turned(path, path.stat().st_size - 4096),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_file_is_made_anew(folder: Path, kind: str, expected: object):
    loaded(folder)
    whole = (folder / HASHES_CACHE).read_bytes()
    DAMAGE[kind](folder / HASHES_CACHE)
    assert loaded(folder) == expected
    if kind != "a folder":  # in whose place no file can be put
        assert (folder / HASHES_CACHE).read_bytes() == whole
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME, HASHES_CACHE}


LACKING = {
    "no row": ("DELETE FROM fingerprint WHERE reference_id = 'b' AND algorithm = 'phash'", "of b are missing"),
    "other codes": ("UPDATE fingerprint SET codes = quality WHERE reference_id = 'b'", "of b are damaged"),
}


@pytest.mark.parametrize("kind", LACKING)
def test_nothing_is_left_out_silently(folder: Path, kind: str):
    statement, words = LACKING[kind]
    change(folder / CATALOGUE_NAME, statement)
    with Archive.open(folder) as archive, pytest.raises(ArchiveDamagedError, match=words):
        ReferenceIndex.load(archive, MIN_QUALITY)
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME}


def test_another_version_is_refused_though_there_is_a_file(folder: Path):
    loaded(folder)
    change(folder / CATALOGUE_NAME, "UPDATE fingerprint SET version = 9 WHERE reference_id = 'b'")
    with Archive.open(folder) as archive, pytest.raises(FingerprintVersionError, match="of b are version 9"):
        ReferenceIndex.load(archive, MIN_QUALITY)


def test_algorithms_of_different_frames_are_refused(folder: Path):
    film, other = reference_of(Film(8, 3.0), 3.0), reference_of(Film(8, 4.0), 4.0)
    mixed = {"pdq": film["pdq"], "phash": other["phash"]}
    with pytest.raises(ValueError, match="do not have the same frames"):
        LargeHashes.of(lambda cue: [mixed[cue.algorithm]], MIN_QUALITY)
    with Archive.create_or_open(folder) as archive:
        archive.add(Reference(id="d", sha256="d" * 64), mixed, (), features_of(9))
        with pytest.raises(ArchiveDamagedError, match="same frames"):
            ReferenceIndex.load(archive, MIN_QUALITY)


def test_fingerprints_are_read_when_they_are_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hash_cache, "_KEPT_BYTES", 1)
    with Archive.open(folder) as archive:
        hashes = ReferenceIndex.load(archive, MIN_QUALITY)
        assert list(hashes.fingerprints) == ["a", "b"]
        assert len(hashes.fingerprints) == 2
        for name in ("a", "b", "a", "a"):
            for cue in CUES:
                stored = hashes.fingerprints[name][cue.algorithm]
                assert stored.codes.tolist() == reference_of(FILMS[name], 30.0)[cue.algorithm].codes.tolist()
        with pytest.raises(KeyError):
            hashes.fingerprints["c"]
        change(folder / CATALOGUE_NAME, "DELETE FROM fingerprint WHERE reference_id = 'b' AND algorithm = 'phash'")
        with pytest.raises(ArchiveDamagedError, match="fingerprints of b are missing"):
            hashes.fingerprints["b"]


@pytest.fixture
def read_only(folder: Path) -> Iterator[Path]:
    """Give a read-only copy of the archive that every user can reach."""
    with tempfile.TemporaryDirectory() as name:
        copy = type(folder)(name) / "archive"
        copy.parent.chmod(0o755)
        copy.mkdir()
        (copy / CATALOGUE_NAME).write_bytes((folder / CATALOGUE_NAME).read_bytes())
        (copy / CATALOGUE_NAME).chmod(0o444)
        copy.chmod(0o555)
        yield copy
        copy.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
def test_archive_that_may_only_be_read_is_searched_all_the_same(read_only: Path, expected: object):
    with unprivileged():
        assert loaded(read_only) == expected
    assert {path.name for path in read_only.iterdir()} == {CATALOGUE_NAME}
