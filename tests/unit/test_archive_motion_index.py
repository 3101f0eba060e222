"""Motion signatures in an archive: what goes in comes out, and damage is told."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import tempfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.archive_samples import features_of, proxy_in, unprivileged
from tests.unit.fingerprint_samples import Film, reference_of
from verify.archive.cache_files import MOTION_CACHE
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.motion_index import MotionIndex
from verify.archive.records import digest_of
from verify.archive.store import Archive
from verify.errors import ArchiveDamagedError, FingerprintVersionError
from verify.fingerprint.motion_signatures import DIMENSIONS, VERSION, mirrored
from verify.model import MotionSet, Reference

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def motion_of(seed: int, count: int = 30, version: int = VERSION) -> MotionSet:
    codes = np.random.default_rng(seed).integers(-90, 91, (count, DIMENSIONS)).astype(np.int8)
    return MotionSet(version=version, times_s=0.12 + np.arange(count) / 12.5, codes=codes)


def filled(folder: Path, *, proxies: bool = False, **motions: MotionSet | None) -> Path:
    with Archive.create_or_open(folder) as archive:
        for number, (name, motion) in enumerate(motions.items(), 1):
            reference = Reference(id=name, sha256=f"{number:064d}", duration_s=3.0)
            proxy = proxy_in(folder.parent, name.encode()) if proxies else None
            prints = reference_of(Film(number, 3.0), 3.0)
            archive.add(reference, prints, (), features_of(number), proxy, motion=motion)
    return folder


def change(folder: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection, connection:
        connection.execute(statement, values)


def load(folder: Path) -> MotionIndex:
    with Archive.open(folder) as archive:
        return MotionIndex.load(archive, [reference.id for reference in archive.references()])


def test_what_goes_in_comes_out(tmp_path: Path):
    folder = filled(tmp_path / "archive", a=motion_of(1), b=None)
    with Archive.open(folder) as archive:
        found = archive.motion("a")
        assert archive.motion("b") is None
        assert archive.stored_bytes()["motion signatures"] == 30 * (DIMENSIONS + 8)
    assert found is not None
    assert found.times_s == pytest.approx(motion_of(1).times_s)
    assert (found.codes == motion_of(1).codes).all()


def test_snapshot_covers_them(tmp_path: Path):
    snapshots = []
    for number, motion in enumerate((None, motion_of(1), motion_of(2))):
        folder = filled(tmp_path / str(number), a=motion)
        change(folder, "UPDATE reference SET added_utc = ''")
        with Archive.open(folder) as archive:
            snapshots.append(archive.snapshot().snapshot_id)
    assert len(set(snapshots)) == 3


@pytest.mark.parametrize(
    ("column", "value"), [("codes", b"\x01" * DIMENSIONS), ("times_s", b"\x00" * 8), ("sha256", "0" * 64)]
)
def test_damage_is_told(tmp_path: Path, column: str, value: object):
    folder = filled(tmp_path / "archive", a=motion_of(1))
    change(folder, f"UPDATE motion SET {column} = ?", value)  # noqa: S608 - columns are ours
    with pytest.raises(ArchiveDamagedError, match="motion signatures of a are damaged"):
        load(folder)


@pytest.mark.parametrize("times_s", [[0.2, 0.1], [0.1, np.nan], [0.1]])
def test_times_that_are_none_are_damage(tmp_path: Path, times_s: list[float]):
    folder = filled(tmp_path / "archive", a=motion_of(1, 2))
    packed, codes = np.array(times_s, "<f8").tobytes(), motion_of(1, 2).codes.tobytes()
    change(folder, "UPDATE motion SET times_s = ?, sha256 = ?", packed, digest_of(packed, codes))
    with pytest.raises(ArchiveDamagedError, match="motion signatures of a are damaged"):
        load(folder)


def test_other_version_is_refused(tmp_path: Path):
    folder = filled(tmp_path / "archive", a=motion_of(1, version=VERSION + 1))
    with pytest.raises(FingerprintVersionError, match="motion signatures of a are version 2"):
        load(folder)


def test_reference_with_a_proxy_and_no_signatures_is_damage(tmp_path: Path):
    folder = filled(tmp_path / "archive", proxies=True, a=motion_of(1), b=None)
    with pytest.raises(ArchiveDamagedError, match="motion signatures of b are missing"):
        load(folder)


def test_reference_without_a_proxy_needs_none(tmp_path: Path):
    index = load(filled(tmp_path / "archive", a=None, b=motion_of(1)))
    assert index.reference_ids == ("a", "b")
    assert set(index.owners) == {1}


def test_likeness_is_the_highest_cosine_of_a_window_or_the_next(monkeypatch: pytest.MonkeyPatch):
    """Blocks of one window give what all at once give."""
    index = MotionIndex.of({name: motion_of(seed, 250) for name, seed in (("a", 1), ("b", 2))})
    sought = motion_of(1, 250).codes[[5, 101]].astype(np.float32)
    whole = index.likeness([sought, sought[:0], -sought[1:]])
    assert whole.shape == (3, 2, 6)
    assert (whole[1] == 0).all()
    # The first moment lies in the first window, the second in the second, which the first one counts as the next.
    assert whole[0, 0, 0] == pytest.approx(1.0, abs=1e-5)
    assert whole[2, 0, :2] == pytest.approx([1.0, 1.0], abs=1e-5)
    assert whole[0, 0, 2:].max() < 0.7
    assert whole[0, 1].max() < 0.7
    assert index.likeness([mirrored(sought)])[0, 1, 0] == pytest.approx(1.0, abs=1e-5)
    monkeypatch.setattr("verify.archive.motion_index._BLOCK_WINDOWS", 1)
    assert index.likeness([sought, sought[:0], -sought[1:]]) == pytest.approx(whole, abs=1e-6)


# --- the file of a large archive --------------------------------------------------------------------------------------


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive that counts as large."""
    monkeypatch.setattr("verify.archive.motion_index._CACHED_FROM_MOMENTS", 1)
    return filled(tmp_path / "archive", a=motion_of(1, 250), b=None, c=motion_of(2, 250))


def told_by(index: MotionIndex) -> tuple[list[object], ...]:
    sought = motion_of(1, 250).codes[[5, 101]].astype(np.float32)
    likeness = index.likeness([sought, -sought])
    arrays = (likeness, *index.around(3), index.codes, index.times_s, index.starts, index.owners)
    return tuple(array.tolist() for array in arrays)


def searched(folder: Path) -> tuple[list[object], ...]:
    with Archive.open(folder) as archive:
        return told_by(MotionIndex.load(archive, ["a", "b", "c"]))


IN_MEMORY = {"a": motion_of(1, 250), "c": motion_of(2, 250)}


def test_large_archive_is_read_once(large: Path, monkeypatch: pytest.MonkeyPatch):
    expected = told_by(MotionIndex(("a", "b", "c"), IN_MEMORY))
    assert searched(large) == expected
    assert {path.name for path in large.iterdir()} == {CATALOGUE_NAME, MOTION_CACHE}
    monkeypatch.setattr(Archive, "motion", None)
    assert searched(large) == expected


def turned(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "the key": lambda path: turned(path, 9),
    "codes": lambda path: turned(path, 4096 + 7),
    "times": lambda path: turned(path, 4096 + 6 * 4096 + 7),
    "references": lambda path: turned(path, path.stat().st_size - 4096),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("part", [4096, 1 << 20])
def test_damaged_file_is_made_anew(large: Path, kind: str, part: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("verify.archive.cache_files._PART_BYTES", part)
    expected = searched(large)
    whole = (large / MOTION_CACHE).read_bytes()
    DAMAGE[kind](large / MOTION_CACHE)
    assert searched(large) == expected
    if kind != "a folder":  # in whose place no file can be put
        assert (large / MOTION_CACHE).read_bytes() == whole


def test_file_of_other_signatures_is_not_used(large: Path):
    searched(large)
    other = filled(large.parent / "other", a=motion_of(3, 250), c=motion_of(2, 250))
    (other / MOTION_CACHE).write_bytes((large / MOTION_CACHE).read_bytes())
    with Archive.open(other) as archive:
        found = told_by(MotionIndex.load(archive, ["a", "c"]))
    assert found == told_by(MotionIndex.of({"a": motion_of(3, 250), "c": motion_of(2, 250)}))


def test_nothing_is_left_out_of_a_large_archive_silently(large: Path):
    searched(large)
    change(large, "UPDATE motion SET version = 9 WHERE reference_id = 'c'")
    with pytest.raises(FingerprintVersionError, match="of c are version 9"):
        searched(large)
    change(large, "UPDATE motion SET version = 1, sha256 = 'other' WHERE reference_id = 'c'")
    with pytest.raises(ArchiveDamagedError, match="of c are damaged"):
        searched(large)


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
def test_large_archive_that_may_only_be_read_is_searched_all_the_same(large: Path):
    expected = searched(large)
    with tempfile.TemporaryDirectory() as name:
        copy = type(large)(name) / "archive"
        copy.parent.chmod(0o755)
        copy.mkdir()
        (copy / CATALOGUE_NAME).write_bytes((large / CATALOGUE_NAME).read_bytes())
        copy.chmod(0o555)
        with unprivileged():
            assert searched(copy) == expected
        copy.chmod(0o755)
        assert {path.name for path in copy.iterdir()} == {CATALOGUE_NAME}
