"""Cache files: what goes in comes out, and anything wrong with one is noticed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.archive import cache_files
from verify.archive.cache_files import CachedArrays, Column, DamagedCacheError, key_of, write_arrays, write_in_place

MAGIC, KEY = b"VRFYTEST", key_of(["a", 1])
LAYOUT = (Column("u1", 3), Column("<f8"), Column("<i4"))


def arrays_of(*counts: int) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [
        random.integers(0, 256, (counts[0], 3), np.uint8),
        random.normal(size=counts[1]),
        random.integers(-9, 9, counts[2], np.int32),
    ]


def written(path: Path, arrays: list[np.ndarray]) -> Path:
    write_in_place(path, lambda file: write_arrays(file, MAGIC, KEY, LAYOUT, arrays))
    return path


def read(path: Path) -> list[np.ndarray]:
    cached = CachedArrays.opened(path, MAGIC, KEY, LAYOUT)
    for number in range(len(LAYOUT)):
        cached.check_whole(number)
    return cached.arrays


@pytest.mark.parametrize("counts", [(5, 7, 2), (0, 0, 0), (0, 3, 0), (3000, 4000, 9000)])
@pytest.mark.parametrize("part", [4096, 8192, 1 << 20])
def test_what_goes_in_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: tuple[int, ...], part: int):
    monkeypatch.setattr(cache_files, "_PART_BYTES", part)
    arrays = arrays_of(*counts)
    found = read(written(tmp_path / "some.cache", arrays))
    for array, other in zip(arrays, found, strict=True):
        assert array.dtype == other.dtype
        assert array.tolist() == other.tolist()
        assert not other.flags.writeable
    assert [path.name for path in tmp_path.iterdir()] == ["some.cache"]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_every_changed_byte_that_matters_is_noticed(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory):
    path = written(tmp_path_factory.mktemp("cache") / "some.cache", arrays_of(500, 900, 300))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    if 4096 > at >= 48 + 8 * 3 + 4 + 32:
        read(path)  # nothing is kept between the head and the first array
    else:
        with pytest.raises(DamagedCacheError):
            read(path)


@pytest.mark.parametrize(
    "change", [lambda all_: all_[:-1], lambda all_: all_[:60], lambda all_: b"", lambda all_: all_ + bytes(4096)]
)
def test_file_of_another_length_is_damaged(tmp_path: Path, change):
    path = written(tmp_path / "some.cache", arrays_of(500, 900, 300))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DamagedCacheError):
        read(path)


def test_file_of_other_content_or_another_kind_is_not_taken(tmp_path: Path):
    path = written(tmp_path / "some.cache", arrays_of(5, 9, 3))
    for magic, key, layout in ((b"VRFYELSE", KEY, LAYOUT), (MAGIC, key_of([]), LAYOUT), (MAGIC, KEY, LAYOUT[:2])):
        with pytest.raises(DamagedCacheError, match="other content"):
            CachedArrays.opened(path, magic, key, layout)
    with pytest.raises(FileNotFoundError):
        CachedArrays.opened(tmp_path, MAGIC, KEY, LAYOUT)


def test_damage_is_noticed_where_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cache_files, "_PART_BYTES", 4096)
    path = written(tmp_path / "some.cache", arrays_of(3 * 4096, 4, 4))
    content = bytearray(path.read_bytes())
    content[4096 + 2 * 4096 + 5] ^= 1
    path.write_bytes(content)
    cached = CachedArrays.opened(path, MAGIC, KEY, LAYOUT)
    cached.check(0, 0, 2 * 4096 // 3)
    cached.check(0, 4096 + 1, 3 * 4096)
    cached.check(0, 3000, 3000)
    cached.check_whole(1)
    for _ in range(2):
        with pytest.raises(DamagedCacheError, match="part 2 of"):
            cached.check(0, 2 * 4096 // 3, 2 * 4096 // 3 + 2)


def test_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path):
    path = written(tmp_path / "some.cache", arrays_of(5, 9, 3))
    before = path.read_bytes()

    def fail(file) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_in_place(path, fail)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["some.cache"]


def test_only_old_unfinished_files_of_that_name_are_swept(tmp_path: Path):
    hours_ago = time.time() - 2 * cache_files._STALE_PARTIAL_S
    names = (".some.cache.partial-1", ".some.cache.partial-2", ".other.cache.partial-1")
    for name in names:
        (tmp_path / name).write_bytes(b"x")
        if name != ".some.cache.partial-2":
            os.utime(tmp_path / name, (hours_ago, hours_ago))
    written(tmp_path / "some.cache", arrays_of(1, 1, 1))
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"some.cache", ".some.cache.partial-2", ".other.cache.partial-1"}
