"""`verify archive search`: pictures and clips, every view, and input that is none."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fixtures import drawing
from tests.cli.helpers.command import Done, verify
from tests.http_server import serving
from tests.unit.onnx_samples import written
from verify.archive.catalogue import CATALOGUE_NAME
from verify.findings.nearness import STATEMENT, TOO_FLAT, WITHOUT_VECTORS
from verify.media.reader import frames_at

SHOWN_S = 2.0
STILL = cv2.imencode(".png", next(drawing.scene(1, 1)))[1].tobytes()


def picture_of(footage: dict[str, Path], name: str = "scene", time_s: float = SHOWN_S) -> np.ndarray[Any, Any]:
    (frame,) = frames_at(footage[name], [time_s])
    return np.array(frame.pixels_bgr)


def saved(pixels: np.ndarray[Any, Any], path: Path) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


def found(done: Done) -> dict[str, Any]:
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_picture_finds_its_reference(suffix: str, footage: dict[str, Path], archive: Path, tmp_path: Path):
    # A name that FFmpeg would take for a pattern of many files.
    path = saved(picture_of(footage), tmp_path / f"frame%03d{suffix}")
    told = found(verify("archive", "search", path, "--archive", archive, "--json"))
    assert (told["is_picture"], told["is_flat"], told["searched"], told["notes"]) == (True, False, 2, [])
    assert told["statement"] == STATEMENT
    assert "nearness is not a match" in told["statement"]
    first, second = told["by_hashes"]
    assert (first["reference"]["id"], second["reference"]["id"]) == ("scene", "hard-cuts")
    assert first["hashes"]["pdq_bits"] <= 16 < second["hashes"]["pdq_bits"]
    assert first["hashes"]["at"]["reference_time_s"] == pytest.approx(SHOWN_S, abs=0.13)
    assert first["hashes"]["at"]["view"] == {"mirrored": False, "bars_removed": False, "inverted": False}
    assert first["reference"]["publisher"] == "Studio"
    assert told["by_looks"][0]["reference"]["id"] == "scene"
    assert told["by_looks"][0]["looks"]["cosine"] > 0.9


def test_turned_and_negative_pictures(footage: dict[str, Path], archive: Path, tmp_path: Path):
    pixels = picture_of(footage)
    changed = {
        "mirrored": pixels[:, ::-1],
        "inverted": 255 - pixels,
        "bars_removed": cv2.copyMakeBorder(pixels, 60, 60, 0, 0, cv2.BORDER_CONSTANT),
    }
    for name, picture in changed.items():
        path = saved(picture, tmp_path / f"{name}.png")
        told = found(verify("archive", "search", path, "--archive", archive, "--json", "--top", "1", "--no-descriptor"))
        (first,) = told["by_hashes"]
        assert first["reference"]["id"] == "scene", name
        assert first["hashes"]["at"]["view"][name] is True, name


def test_a_clip_and_what_is_said_of_it(release: Path, archive: Path):
    done = verify("archive", "search", release, "--archive", archive)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == STATEMENT
    assert any(line.startswith("By hashes: bits that differ") for line in lines)
    assert any(line.startswith("By looks: cosine of the learned descriptor") for line in lines)
    place = next(number for number, line in enumerate(lines) if line.startswith("   1. scene: PDQ "))
    assert " ~ " in lines[place]
    assert lines[place + 1] == "      'Range day', by 'Studio', first seen no later than 2020-05 ('upload'), game"
    assert lines[-1] == "2 references compared."


def test_a_clip_and_a_picture_from_urls(release: Path, archive: Path):
    with serving() as server:
        url = server.add("/release.mp4", release.read_bytes(), "video/mp4")
        refused = verify("archive", "search", url, "--archive", archive)
        done = verify("archive", "search", url, "--archive", archive, "--json", "--allow-private", "--no-descriptor")
        still = server.add("/still.png", STILL, "image/png")
        picture = verify("archive", "search", still, "--archive", archive, "--json", "--allow-private")
    assert (refused.code, refused.out) == (11, "")
    assert found(picture)["is_picture"] is True
    told = found(done)
    assert (told["source"], told["is_picture"], told["by_looks"]) == (url, False, None)
    assert told["notes"] == [WITHOUT_VECTORS]


def test_an_archive_without_vectors_is_searched_by_hashes(footage: dict[str, Path], tmp_path: Path):
    archive = tmp_path / "archive"
    assert verify("archive", "add", footage["scene"], "--archive", archive, "--no-descriptor").code == 0
    path = saved(picture_of(footage), tmp_path / "frame.png")
    done = verify("archive", "search", path, "--archive", archive)
    assert (done.code, done.err) == (0, "")
    assert WITHOUT_VECTORS in done.out.splitlines()
    assert "By looks" not in done.out
    model = written(tmp_path / "layout.onnx")
    named = verify("archive", "search", path, "--archive", archive, "--descriptor", model)
    assert (named.code, named.out) == (41, "")
    assert "have no learned descriptors of the model" in named.message


def test_retracted_references_are_not_searched(footage: dict[str, Path], archive: Path, tmp_path: Path):
    copy = Path(shutil.copytree(archive, tmp_path / "copy"))
    with closing(sqlite3.connect(copy / CATALOGUE_NAME)) as catalogue, catalogue:
        catalogue.execute("UPDATE reference SET retracted = 1 WHERE id = 'scene'")
    path = saved(picture_of(footage), tmp_path / "frame.png")
    told = found(verify("archive", "search", path, "--archive", copy, "--json"))
    assert told["searched"] == 1
    assert [each["reference"]["id"] for each in (*told["by_hashes"], *told["by_looks"])] == ["hard-cuts", "hard-cuts"]


def test_a_flat_picture_is_told(archive: Path, tmp_path: Path):
    path = saved(np.full((240, 320, 3), 90, np.uint8), tmp_path / "grey.png")
    done = verify("archive", "search", path, "--archive", archive)
    assert done.code == 0
    assert f"{TOO_FLAT}; how it looks says as little." in done.out.splitlines()
    assert "By hashes" not in done.out
    told = found(verify("archive", "search", path, "--archive", archive, "--json", "--no-descriptor"))
    assert (told["is_flat"], told["by_hashes"], told["by_looks"]) == (True, [], None)


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size, with data for a black picture of one bit a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty (0 bytes)"),
        (b"words and no picture", "it is text, not a video"),
        (b"\x89PNG\r\n\x1a\n", "it is a still picture that cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "it is a still picture that cannot be decoded"),
        (b"\xff\xd8\xff\xe0" + b"\x01" * 3000, "it is a still picture that cannot be decoded"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(64), "it is a still picture that cannot be decoded"),
        (b"BM" + bytes(200), "it is a still image, not a video"),
        (png_of(9000, 9000), "its pictures of 9000x9000 pixels are larger than is decoded"),
        (png_of(60000, 50000)[:2000], "it is a still picture that cannot be decoded"),
    ],
)
def test_what_cannot_be_searched(content: bytes, words: str, archive: Path, tmp_path: Path):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    done = verify("archive", "search", path, "--archive", archive)
    assert (done.code, done.out) == (30, "")
    assert done.message.startswith("error: picture.png: ")
    assert words in done.message
    assert "Traceback" not in done.err


def test_sources_and_archives_that_are_not_there(archive: Path, brief: Path, tmp_path: Path):
    assert verify("archive", "search", tmp_path / "none.jpg", "--archive", archive).code == 2
    assert verify("archive", "search", brief, "--archive", tmp_path / "none").code == 2
    assert verify("archive", "search", brief, "--archive", archive, "--top", "0").code == 2


def test_pictures_turned_by_their_metadata_are_upright(footage: dict[str, Path], archive: Path, tmp_path: Path):
    """A photograph of a screen, stored on its side with the note of how to turn it."""
    from PIL import Image  # noqa: PLC0415

    stored = Image.fromarray(picture_of(footage)[:, :, ::-1]).rotate(90, expand=True)
    note = Image.Exif()
    note[0x0112] = 6
    stored.save(tmp_path / "turned.jpg", exif=note, quality=95)
    told = found(verify("archive", "search", tmp_path / "turned.jpg", "--archive", archive, "--json"))
    assert told["by_hashes"][0]["reference"]["id"] == "scene"
    assert told["by_hashes"][0]["hashes"]["pdq_bits"] <= 20
