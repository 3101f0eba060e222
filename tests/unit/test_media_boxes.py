"""Reading the boxes of MP4 files, sound and hostile ones, built byte by byte."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from verify.media.boxes import Edit, read_layout


def box(kind: str, *content: bytes, size: int | None = None) -> bytes:
    inner = b"".join(content)
    return struct.pack(">I4s", 8 + len(inner) if size is None else size, kind.encode("latin-1")) + inner


def movie_header(created: int, modified: int, timescale: int = 1000, version: int = 0) -> bytes:
    form = ">B3xQQI" if version else ">B3xIII"
    return box("mvhd", struct.pack(form, version, created, modified, timescale), bytes(80))


def track(number: int, edits: bytes = b"", timescale: int = 12800, version: int = 0) -> bytes:
    head = struct.pack(">B3xQQI", 1, 5, 6, number) if version else struct.pack(">B3xIII", 0, 5, 6, number)
    media = struct.pack(">B3xQQI", 1, 7, 8, timescale) if version else struct.pack(">B3xIII", 0, 7, 8, timescale)
    return box("trak", box("tkhd", head, bytes(60)), edits, box("mdia", box("mdhd", media, bytes(12))))


def edit_list(*entries: tuple[int, int, int], version: int = 0, count: int | None = None) -> bytes:
    form = ">Qqi" if version else ">Iii"
    packed = b"".join(struct.pack(form, *entry) for entry in entries)
    return box("edts", box("elst", struct.pack(">B3xI", version, len(entries) if count is None else count), packed))


FTYP = box("ftyp", b"isom", bytes(4), b"isom")
ONE = 0x10000


def layout_of(tmp_path: Path, *boxes: bytes):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"".join(boxes))
    return read_layout(path)


@pytest.mark.parametrize("version", [0, 1])
def test_times_tracks_and_edits(tmp_path: Path, version: int):
    edits = edit_list((500, -1, ONE), (2000, 25600, ONE), (1000, 0, ONE // 2), version=version)
    moov = box("moov", movie_header(11, 12, version=version), track(3, edits, version=version), track(4))
    layout = layout_of(tmp_path, FTYP, moov, box("mdat", bytes(50)))
    assert layout is not None
    assert (layout.created, layout.modified, layout.index_first, layout.fragmented) == (11, 12, True, False)
    assert [each.track_id for each in layout.tracks] == [3, 4]
    assert layout.tracks[0].created == 7
    assert layout.tracks[0].edit_list() == (
        Edit(duration_s=0.5, media_time_s=None, rate=1.0),
        Edit(duration_s=2.0, media_time_s=2.0, rate=1.0),
        Edit(duration_s=1.0, media_time_s=0.0, rate=0.5),
    )
    assert layout.tracks[1].edit_list() == ()


def test_index_behind_the_media_and_fragments(tmp_path: Path):
    late = layout_of(tmp_path, FTYP, box("mdat", bytes(9)), box("moov", movie_header(0, 0)))
    assert late is not None
    assert late.index_first is False
    pieces = layout_of(tmp_path, FTYP, box("moov", movie_header(0, 0), box("mvex")), box("moof"), box("mdat"))
    assert pieces is not None
    assert pieces.fragmented


def test_media_of_more_than_four_gigabytes_is_stepped_over(tmp_path: Path):
    path = tmp_path / "large.mp4"
    size = 5 * 1024**3
    moov = box("moov", movie_header(1, 2), track(1))
    with path.open("wb") as file:
        file.write(FTYP + struct.pack(">I4sQ", 1, b"mdat", size))
        file.seek(len(FTYP) + size)
        file.write(moov)
    layout = read_layout(path)
    assert layout is not None
    assert (layout.index_first, layout.created, len(layout.tracks)) == (False, 1, 1)


@pytest.mark.parametrize(
    "content", [b"", b"\x1aE\xdf\xa3" + bytes(40), b"RIFF\x10\x00\x00\x00AVI ", b"\x00\x00\x00\x08abcd"]
)
def test_what_is_no_mp4_has_no_layout(tmp_path: Path, content: bytes):
    assert layout_of(tmp_path, content) is None


def test_sizes_that_lie_end_the_reading(tmp_path: Path):
    assert layout_of(tmp_path, FTYP, box("moov", size=3)) is not None
    assert layout_of(tmp_path, FTYP, box("moov", movie_header(1, 2), size=2**31)) is not None
    cut = layout_of(tmp_path, FTYP, box("moov", movie_header(1, 2), track(1))[:-30])
    assert cut is not None
    assert cut.created == 1


def test_edit_list_that_claims_billions_of_entries_is_bounded(tmp_path: Path):
    moov = box("moov", movie_header(1, 2), track(1, edit_list((1, 2, ONE), count=2**32 - 1)))
    layout = layout_of(tmp_path, FTYP, moov)
    assert layout is not None
    assert len(layout.tracks[0].edit_list()) == 1


def test_nesting_and_numbers_of_boxes_are_bounded(tmp_path: Path):
    nested = b""
    for _ in range(3000):
        nested = box("mdia", nested)
    deep = layout_of(tmp_path, FTYP, box("moov", movie_header(1, 2), box("trak", nested)))
    assert deep is not None
    many = layout_of(tmp_path, FTYP, box("moov", movie_header(1, 2), track(1) * 500), box("free") * 100_000)
    assert many is not None
    assert len(many.tracks) == 64


def test_zero_time_scales_give_no_edits(tmp_path: Path):
    moov = box("moov", movie_header(1, 2, timescale=0), track(1, edit_list((1, 2, ONE)), timescale=0))
    layout = layout_of(tmp_path, FTYP, moov)
    assert layout is not None
    assert layout.tracks[0].edit_list() == ()


def test_flipped_bytes_never_raise(tmp_path: Path):
    chance = random.Random(4)
    edits = edit_list((500, -1, ONE), (2000, 25600, ONE))
    whole = FTYP + box("moov", movie_header(11, 12), track(3, edits), track(4)) + box("mdat", bytes(50))
    for _ in range(400):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        layout = layout_of(tmp_path, bytes(broken[: chance.randrange(1, len(broken))]))
        for each in layout.tracks if layout else []:
            assert len(each.edit_list()) <= 200
