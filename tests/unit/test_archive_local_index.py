"""The search over keypoints: exact within the lists it looks into, the same from memory and from a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.footage import CHECKOUT
from tests.unit.archive_samples import codes_of, features_of, nearest_by_hand, small_dictionary, unprivileged
from tests.unit.fingerprint_samples import Film, reference_of
from tests.unit.test_archive_store import change
from verify.archive import cache_files, inverted_lists, local_index
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.local_index import CACHE_NAME, LocalIndex
from verify.archive.store import Archive
from verify.archive.words import shipped_dictionary
from verify.errors import ArchiveDamagedError, FingerprintVersionError, OutputNotWritableError
from verify.fingerprint import local
from verify.model import LocalFeatureSet, Reference

SCALE = local.vocabulary().scale
WORDS = len(local.vocabulary().centroids)


def rows_of(index: LocalIndex) -> list[tuple[str, int, bytes]]:
    """What every row of an index is: reference, key picture, code."""
    return [
        (index.reference_ids[number], int(picture), code.tobytes())
        for number, picture, code in zip(index.reference_numbers, index.key_pictures, index._lists.codes, strict=True)
    ]


def found(index: LocalIndex, queries: np.ndarray, neighbours: int, probes: int) -> list[list[tuple[int, int]]]:
    """(Squared distance of codes, row) of the nearest rows of each query."""
    distances, rows = index.search(queries, neighbours, probes)
    assert (distances.dtype, rows.dtype) == (np.float32, np.int64)
    assert distances.shape == rows.shape == (len(queries), neighbours)
    assert (np.isinf(distances) == (rows < 0)).all()
    return [
        [(round(float(distance) * SCALE**2), int(row)) for distance, row in zip(*pair, strict=True) if row >= 0]
        for pair in zip(distances, rows, strict=True)
    ]


# --- in memory --------------------------------------------------------------------------------------------------------


def test_rows_say_where_a_keypoint_is():
    features = {"b": features_of(1, 3, 5), "a": features_of(2, 2, 4)}
    index = LocalIndex.of(features, small_dictionary())
    assert index.reference_ids == ("a", "b")
    assert index.reference_numbers.dtype == index.key_pictures.dtype == np.int32
    expected = [
        (name, picture, code.tobytes())
        for name, each in features.items()
        for picture in range(len(each.times_s))
        for code in each.codes[each.rows_of(picture)]
    ]
    assert sorted(rows_of(index)) == sorted(expected)
    assert index.features("b") is features["b"]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), max_size=4),
    neighbours=st.integers(1, 9),
    probes=st.integers(1, 20),
    in_threads=st.booleans(),
)
def test_search_is_exact_within_the_lists_it_looks_into(
    seed: int, sizes: list[tuple[int, int]], neighbours: int, probes: int, in_threads: bool
):
    dictionary = small_dictionary()
    features = {f"r{number}": features_of(seed + number, *size) for number, size in enumerate(sizes)}
    index = LocalIndex.of(features, dictionary)
    queries = codes_of(seed + 99, 5)
    probed = dictionary.nearest(queries, min(probes, len(dictionary)))
    starts = index._lists.starts
    expected = [
        nearest_by_hand(
            index._lists.codes,
            query,
            np.concatenate([np.arange(starts[word], starts[word + 1]) for word in words]),
            neighbours,
        )
        for query, words in zip(queries, probed, strict=True)
    ]
    with mock.patch.object(local_index, "_FEW_COMPARISONS", 0 if in_threads else 1_000_000):
        assert found(index, queries, neighbours, probes) == expected


def test_equal_codes_are_found_in_the_first_list_at_distance_zero():
    features = {"a": features_of(1, 4, 20), "b": features_of(2, 4, 20)}
    index = LocalIndex.of(features)
    for name, each in features.items():
        distances, rows = index.search(each.codes, 1, 1)
        assert (distances == 0).all()
        assert {index.reference_ids[number] for number in index.reference_numbers[rows[:, 0]]} == {name}
        pictures = np.repeat(np.arange(4), 20)
        assert index.key_pictures[rows[:, 0]].tolist() == pictures.tolist()


def test_distances_are_those_of_descriptors():
    random = np.random.default_rng(4)
    raw = random.random((40, 128)) ** 4
    descriptors = np.rint(np.sqrt(raw / raw.sum(axis=1, keepdims=True)) * local.DESCRIPTOR_LENGTH).astype(np.uint8)
    # Descriptors that differ in what the projection keeps have the distance of their codes, but for rounding.
    codes = local.project(descriptors)
    index = LocalIndex.of({"a": features_of(1, 1, 20, codes[:20])})
    distances, rows = index.search(codes[20:], 1, WORDS)
    between = ((codes[20:].astype(float) - index._lists.codes[rows[:, 0]]) ** 2).sum(axis=1) / SCALE**2
    assert np.allclose(distances[:, 0], between)
    assert (distances[:, 0] < 2).all()


def test_queries_may_lie_between_codes():
    codes = np.stack([np.zeros(48), np.full(48, 2)]).astype(np.int8)
    index = LocalIndex.of({"a": features_of(1, 1, 2, codes)})
    distances, rows = index.search(np.full((1, 48), 0.9, np.float32), 2, WORDS)
    assert (index._lists.codes[rows[0]][:, 0]).tolist() == [0, 2]
    assert np.allclose(distances[0] * SCALE**2, [48 * 0.81, 48 * 1.21], rtol=1e-4)


def test_many_queries_go_in_batches(monkeypatch: pytest.MonkeyPatch):
    index = LocalIndex.of({"a": features_of(1, 4, 50)}, small_dictionary())
    queries = codes_of(5, 100)
    whole = found(index, queries, 4, 3)
    monkeypatch.setattr(local_index, "_BATCH_QUERIES", 7)
    assert found(index, queries, 4, 3) == whole


def test_nothing_to_search_and_nothing_to_look_for():
    empty = LocalIndex.of({})
    assert empty.reference_ids == ()
    assert found(empty, codes_of(1, 3), 2, 4) == [[], [], []]
    still = LocalIndex.of({"a": features_of(1, 0, 0), "b": features_of(1, 3, 0)})
    assert still.reference_ids == ("a", "b")
    assert found(still, codes_of(1, 1), 2, 4) == [[]]
    assert found(LocalIndex.of({"a": features_of(1)}), codes_of(1, 0), 2, 4) == []


# --- from an archive --------------------------------------------------------------------------------------------------


def fill(folder: Path, features: Sequence[LocalFeatureSet], retracted: Sequence[int] = ()) -> Path:
    with Archive.create_or_open(folder) as archive:
        for number, each in enumerate(features):
            reference = Reference(id=f"r{number}", sha256=f"{number:064d}", retracted=number in retracted)
            archive.add(reference, reference_of(Film(1, 1.0), 1.0), (), each)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "archive", [features_of(number, 3, 20) for number in range(4)])


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every archive count as a large one."""
    monkeypatch.setattr(local_index, "_CACHED_FROM_KEYPOINTS", 1)


def loaded(folder: Path) -> list[tuple[str, int, bytes]]:
    with Archive.open(folder) as archive:
        return rows_of(LocalIndex.load(archive))


def test_archive_gives_what_memory_gives(folder: Path):
    features = {f"r{number}": features_of(number, 3, 20) for number in range(4)}
    with Archive.open(folder) as archive:
        index, expected = LocalIndex.load(archive), LocalIndex.of(features)
        assert index.reference_ids == expected.reference_ids
        assert rows_of(index) == rows_of(expected)
        assert found(index, codes_of(9, 50), 5, 6) == found(expected, codes_of(9, 50), 5, 6)
    assert not (folder / CACHE_NAME).exists()


def test_features_of_a_reference_are_read_and_kept(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local_index, "_KEPT_FEATURES_BYTES", 3 * (60 * 8 + 60 * 48) - 1)
    with Archive.open(folder) as archive:
        index = LocalIndex.load(archive)
        features = {name: index.features(name) for name in ("r0", "r1")}
        assert features["r1"].codes.tolist() == features_of(1, 3, 20).codes.tolist()
        assert index.features("r0") is features["r0"]
        index.features("r2")  # the one used last but one goes
        assert index.features("r0") is features["r0"]
        assert index.features("r1") is not features["r1"]


def test_retracted_references_are_not_searched(tmp_path: Path):
    folder = fill(tmp_path / "archive", [features_of(number) for number in range(3)], retracted=[1])
    with Archive.open(folder) as archive:
        index = LocalIndex.load(archive)
    assert index.reference_ids == ("r0", "r2")
    assert {name for name, _, _ in rows_of(index)} == {"r0", "r2"}


CHANGES: dict[str, tuple[str, type[Exception], str]] = {
    "missing": ("DELETE FROM local_features WHERE reference_id = 'r2'", ArchiveDamagedError, "r2 are missing"),
    "another version": ("UPDATE local_features SET version = 99", FingerprintVersionError, "r0 are version 99"),
    "other dimensions": ("UPDATE local_features SET dimensions = 32", FingerprintVersionError, "r0 are version"),
    "altered codes": (
        "UPDATE local_features SET codes = zeroblob(length(codes)) WHERE reference_id = 'r1'",
        ArchiveDamagedError,
        "r1 are damaged",
    ),
    "altered words": (
        "UPDATE local_features SET words = zeroblob(length(words)) WHERE reference_id = 'r1'",
        ArchiveDamagedError,
        "r1 are damaged",
    ),
    "words cut short": ("UPDATE local_features SET words = zeroblob(3)", ArchiveDamagedError, "r0 are damaged"),
    "another size": ("UPDATE local_features SET width_px = 1", ArchiveDamagedError, "r0 are damaged"),
}


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("kind", CHANGES)
def test_keypoints_that_are_not_as_they_were_stored_are_never_left_out(
    kind: str, is_large: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    statement, error, words = CHANGES[kind]
    if is_large:
        monkeypatch.setattr(local_index, "_CACHED_FROM_KEYPOINTS", 1)
    change(folder / CATALOGUE_NAME, statement)
    with Archive.open(folder) as archive, pytest.raises(error, match=words):
        LocalIndex.load(archive)
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME}


def test_words_that_are_none_are_damage(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Rightly digested, as by a program with another vocabulary."""
    with monkeypatch.context() as patch, Archive.open(folder) as archive:
        patch.setattr(type(shipped_dictionary()), "words_of", lambda _, codes: np.full(len(codes), WORDS, np.uint16))
        reference = Reference(id="other", sha256="f" * 64)
        archive.add(reference, reference_of(Film(1, 1.0), 1.0), (), features_of(7))
    for is_large in (False, True):
        monkeypatch.setattr(local_index, "_CACHED_FROM_KEYPOINTS", 1 if is_large else 10**9)
        with Archive.open(folder) as archive, pytest.raises(ArchiveDamagedError, match="keypoints of other"):
            LocalIndex.load(archive)


# --- the file of a large archive --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("large")
def test_large_archive_is_sorted_once(folder: Path, monkeypatch: pytest.MonkeyPatch):
    expected = rows_of(LocalIndex.of({f"r{number}": features_of(number, 3, 20) for number in range(4)}))
    assert loaded(folder) == expected
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME, CACHE_NAME}
    monkeypatch.setattr(Archive, "local_features", None)
    with Archive.open(folder) as archive:
        index = LocalIndex.load(archive)
        assert rows_of(index) == expected
        assert found(index, codes_of(9, 50), 5, 6)


@pytest.mark.usefixtures("large")
def test_changed_archive_is_sorted_anew(folder: Path):
    loaded(folder)
    fill(folder.with_name("other"), [features_of(9, 2, 5)])
    with Archive.open(folder) as archive:
        archive.add(Reference(id="a", sha256="a" * 64), reference_of(Film(1, 1.0), 1.0), (), features_of(9, 2, 5))
    assert {name for name, _, _ in loaded(folder)} == {"a", "r0", "r1", "r2", "r3"}
    change(folder / CATALOGUE_NAME, "UPDATE reference SET retracted = 1 WHERE id = 'r2'")
    assert {name for name, _, _ in loaded(folder)} == {"a", "r0", "r1", "r3"}


@pytest.mark.usefixtures("large")
def test_file_of_another_archive_is_not_used(folder: Path, tmp_path: Path):
    other = fill(tmp_path / "other", [features_of(number, 3, 20) for number in range(4, 8)])
    loaded(other)
    (folder / CACHE_NAME).write_bytes((other / CACHE_NAME).read_bytes())
    assert loaded(folder) == rows_of(LocalIndex.of({f"r{number}": features_of(number, 3, 20) for number in range(4)}))


def in_place(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def rows_begin(words: int = WORDS) -> tuple[int, int, int, int]:
    return inverted_lists._offsets(words, 240, 48)


CACHE_DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "short": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "without its end": lambda path: path.write_bytes(path.read_bytes()[:-4096]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + bytes(4096)),
    "of zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "another program's": lambda path: in_place(path, 0),
    "another key": lambda path: in_place(path, 9),
    "other counts": lambda path: in_place(path, 40),
    "other lists": lambda path: in_place(path, 100),
    "other checksums": lambda path: in_place(path, 56 + 8 * (WORDS + 1) + 1),
    "another digest": lambda path: in_place(path, 56 + 12 * WORDS + 8 + 5),
    "a code": lambda path: in_place(path, rows_begin()[0] + 1000),
    "a reference number": lambda path: in_place(path, rows_begin()[1] + 500),
    "a key picture": lambda path: in_place(path, rows_begin()[2] + 500),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("kind", CACHE_DAMAGE)
def test_damaged_file_is_made_anew(kind: str, folder: Path):
    expected = loaded(folder)
    whole = (folder / CACHE_NAME).read_bytes()
    CACHE_DAMAGE[kind](folder / CACHE_NAME)
    with Archive.open(folder) as archive:
        index = LocalIndex.load(archive)
        distances, rows = index.search(codes_of(9, 50), 5, WORDS)
        assert rows_of(index) == expected
    in_memory = LocalIndex.of({f"r{number}": features_of(number, 3, 20) for number in range(4)})
    assert [part.tolist() for part in in_memory.search(codes_of(9, 50), 5, WORDS)] == [
        distances.tolist(),
        rows.tolist(),
    ]
    if kind != "a folder":  # in whose place no file can be put
        assert (folder / CACHE_NAME).read_bytes() == whole
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME, CACHE_NAME}


@pytest.mark.usefixtures("large")
def test_file_is_let_go_while_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inverted_lists, "_RELEASE_EVERY_BYTES", 1)
    expected = rows_of(LocalIndex.of({f"r{number}": features_of(number, 3, 20) for number in range(4)}))
    assert loaded(folder) == expected
    with Archive.open(folder) as archive:
        index = LocalIndex.load(archive)
        assert len(found(index, codes_of(9, 50), 5, WORDS)) == 50
        assert rows_of(index) == expected


@pytest.mark.usefixtures("large")
def test_systems_that_cannot_reserve_room_write_it(folder: Path, monkeypatch: pytest.MonkeyPatch):
    expected = loaded(folder)
    whole = (folder / CACHE_NAME).read_bytes()
    (folder / CACHE_NAME).unlink()
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(cache_files, "_ZEROS", bytes(1000))
    assert loaded(folder) == expected
    assert (folder / CACHE_NAME).read_bytes() == whole


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from verify.archive import inverted_lists, local_index
from verify.archive.store import Archive
local_index._CACHED_FROM_KEYPOINTS = 1
inverted_lists.InvertedLists.seal = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
local_index.LocalIndex.load(Archive.open(Path(sys.argv[2])))
"""


@pytest.mark.usefixtures("large")
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_process_killed_while_it_sorts_leaves_nothing_that_counts(folder: Path):
    command = [sys.executable, "-c", KILLED, str(CHECKOUT), str(folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (left,) = {path.name for path in folder.iterdir()} - {CATALOGUE_NAME}
    assert left.startswith(".keypoints.cache.partial-")
    loaded(folder)
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME, CACHE_NAME, left}, "it may be growing still"
    hours_ago = time.time() - 2 * cache_files._STALE_PARTIAL_S
    os.utime(folder / left, (hours_ago, hours_ago))
    (folder / CACHE_NAME).unlink()
    loaded(folder)
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME, CACHE_NAME}


@pytest.mark.usefixtures("large")
def test_error_while_sorting_leaves_no_file(folder: Path):
    change(folder / CATALOGUE_NAME, "UPDATE local_features SET points = zeroblob(8) WHERE reference_id = 'r3'")
    with Archive.open(folder) as archive, pytest.raises(ArchiveDamagedError):
        LocalIndex.load(archive)
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME}


@pytest.fixture
def read_only(folder: Path) -> Iterator[Path]:
    """Give a read-only copy of the archive that every user can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        copy = Path(name) / "archive"
        copy.mkdir()
        (copy / CATALOGUE_NAME).write_bytes((folder / CATALOGUE_NAME).read_bytes())
        (copy / CATALOGUE_NAME).chmod(0o444)
        copy.chmod(0o555)
        yield copy
        copy.chmod(0o755)


permissions = pytest.mark.skipif(sys.platform == "win32", reason="permission bits")


@permissions
@pytest.mark.usefixtures("large")
def test_large_archive_that_may_only_be_read_is_searched_all_the_same(folder: Path, read_only: Path):
    expected = loaded(folder)
    with unprivileged():
        assert loaded(read_only) == expected
    assert {path.name for path in read_only.iterdir()} == {CATALOGUE_NAME}


@permissions
@pytest.mark.usefixtures("large")
def test_file_that_may_not_be_read_is_done_without(folder: Path, read_only: Path):
    expected = loaded(folder)
    read_only.chmod(0o755)
    (read_only / CACHE_NAME).write_bytes((folder / CACHE_NAME).read_bytes())
    (read_only / CACHE_NAME).chmod(0o000)
    read_only.chmod(0o555)
    with unprivileged():
        assert loaded(read_only) == expected


@pytest.mark.usefixtures("large")
def test_no_room_anywhere_is_an_error_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inverted_lists, "reserve", full)
    with Archive.open(folder) as archive, pytest.raises(OutputNotWritableError, match="no room to sort 240") as caught:
        LocalIndex.load(archive)
    assert caught.value.exit_code == 51
    assert {path.name for path in folder.iterdir()} == {CATALOGUE_NAME}
