"""Text in pictures: what comes of a reader's answers and failures, and what the real one reads where it is there."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import math
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from fixtures.footage import CHECKOUT
from verify.errors import ToolMissingError
from verify.media import text_reading, text_worker
from verify.media.text_reading import INSTALL, MAX_LINES, PictureTexts, find_text_reader, read_texts
from verify.model import SilentProgress, TextInPicture
from verify.processes import receive_message

NEEDS_READER = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason=f"the text reader is not installed: {INSTALL}"
)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_reading, "_WORKER_MODULE", "tests.failing_text_worker")


def read(*names: str) -> PictureTexts:
    return read_texts([Path(f"{name}.jpg") for name in names], SilentProgress())


def texts(lines: tuple[TextInPicture, ...]) -> list[str]:
    return [line.text for line in lines]


# --- what is made of the answers -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("stand_in")
def test_every_picture_has_its_lines():
    found = read("caption", "none", "caption")
    assert (found.reader, found.problem) == ("stand-in 1", "")
    assert [texts(lines) for lines in found.texts] == [["HARBOUR", "at dawn"], [], ["HARBOUR", "at dawn"]]
    assert found.texts[0][0] == TextInPicture(
        text="HARBOUR", confidence=0.912, left=0.1, top=0.2, width=0.3, height=0.04
    )


@pytest.mark.usefixtures("stand_in")
def test_hostile_lines_are_cleaned_and_bounded():
    (lines,) = read("hostile").texts
    first, character, long, beyond = lines
    assert "\u202e" not in first.text
    assert first.text.isprintable()
    assert "one" in first.text and "three" in first.text
    assert character.text == "口"
    assert len(long.text) == text_reading.MAX_CHARACTERS
    assert (beyond.confidence, beyond.left, beyond.top, beyond.width, beyond.height) == (1.0, 0.0, 0.9, 1.0, 0.0)
    assert not any(math.isnan(value) for value in (beyond.height, beyond.confidence))


@pytest.mark.usefixtures("stand_in")
def test_lines_of_a_picture_and_characters_of_all_are_bounded():
    found = read("many", "many", "many", "caption")
    assert len(found.texts) == 4
    assert len(found.texts[0]) == MAX_LINES
    total = sum(len(line.text) for lines in found.texts for line in lines)
    assert 0 < text_reading.MAX_CHARACTERS_IN_ALL - total < 500
    assert found.texts[3] == ()


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("problem", "a picture cannot"),
        ("nonsense", "without an answer that makes sense"),
        ("silent", "without an answer that makes sense"),
        ("memory", "ran out of memory"),
        pytest.param(
            "crash", "ended by signal 11", marks=pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
        ),
    ],
)
def test_reader_that_fails_on_one_picture_gives_nothing_and_says_why(name: str, problem: str):
    found = read("caption", name, "caption")
    assert problem in found.problem
    assert found.problem.isprintable()
    assert (found.texts, found.reader) == ((), "")


@pytest.mark.usefixtures("stand_in")
def test_reader_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text_reading, "_PICTURE_LIMIT_S", 0.5)
    assert read("hang").problem == "it took too long"


@pytest.mark.usefixtures("stand_in")
def test_reader_that_does_not_start_or_name_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TEXT_READER", "")
    assert read("caption").problem == "it does not say what it is"
    monkeypatch.setattr(text_reading, "_WORKER_MODULE", "tests.no_such_worker")
    assert "makes sense" in read("caption").problem


# --- is it there ------------------------------------------------------------------------------------------------------


def test_reader_that_is_not_installed_or_too_old_is_told_with_what_mends_it(monkeypatch: pytest.MonkeyPatch):
    def version(_: str) -> str:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(ToolMissingError, match="is not installed") as missing:
        find_text_reader()
    assert missing.value.exit_code == 50
    assert INSTALL in missing.value.remedy
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "3.9.2")
    with pytest.raises(ToolMissingError, match=r"RapidOCR 3\.9\.2 is too old"):
        find_text_reader()
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "3.10.1")
    assert find_text_reader() == "rapidocr 3.10.1"


def test_package_without_its_models_is_no_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(text_worker._NoReaderError, match="not installed"):
        text_worker.load_reader()
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    with pytest.raises(text_worker._NoReaderError, match="0 models of the kind 'det'"):
        text_worker.load_reader()


# --- the worker's own part -------------------------------------------------------------------------------------------


class Seeing:
    """A reader that notes what it was shown, and answers with one box."""

    def __init__(self, box: list[list[float]] | None) -> None:
        self.box = box
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, pixels: Any) -> Any:
        self.shapes.append(pixels.shape)
        if self.box is None:
            return SimpleNamespace(txts=None, scores=None, boxes=None)
        return SimpleNamespace(txts=("word",), scores=(0.8,), boxes=np.array([self.box]))


def answer(path: Path, reader: Seeing) -> dict[str, Any]:
    output = io.BytesIO()
    text_worker.serve({"path": str(path)}, reader, output)
    output.seek(0)
    received = receive_message(output)
    assert received is not None
    return received[0]


@pytest.mark.parametrize(
    ("size", "shown"),
    [((640, 360), (540, 960, 3)), ((1280, 720), (720, 1280, 3)), ((2560, 40), (64, 1280, 3)), ((3, 900), (960, 64, 3))],
)
def test_pictures_are_brought_to_a_size_that_suits(size: tuple[int, int], shown: tuple[int, ...], tmp_path: Path):
    Image.new("RGB", size, "grey").save(tmp_path / "a.jpg")
    reader = Seeing(None)
    assert answer(tmp_path / "a.jpg", reader)["lines"] == []
    assert reader.shapes == [shown]


def test_boxes_are_fractions_of_the_picture(tmp_path: Path):
    Image.new("RGB", (640, 360)).save(tmp_path / "a.jpg")
    reader = Seeing([[96, 54], [480, 60], [480, 108], [96, 102]])
    (line,) = answer(tmp_path / "a.jpg", reader)["lines"]
    assert line == pytest.approx(
        {"text": "word", "confidence": 0.8, "left": 0.1, "top": 0.1, "width": 0.4, "height": 0.1}
    )


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_picture_that_cannot_be_read_is_told(content: bytes | None, tmp_path: Path):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    assert answer(tmp_path / "a.jpg", Seeing(None))["problem"] == "a picture cannot be read"


def test_what_a_library_prints_does_not_get_between_the_messages():
    code = (
        "import sys; from verify.media import text_worker; o = text_worker._own_output(); print('noise', flush=True);"
        "from verify.processes import send_message; send_message(o, {'reader': 'a'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        timeout=60,
    )
    assert receive_message(io.BytesIO(done.stdout)) == ({"reader": "a", "payload_bytes": 0}, b"")
    assert done.stderr.strip() == b"noise"


# --- the real one ----------------------------------------------------------------------------------------------------


@NEEDS_READER
def test_captions_are_read_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Whoever tried to fetch a model would meet a proxy that is not there.
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{unused.getsockname()[1]}")
        card = Image.new("RGB", (960, 540), (60, 74, 90))
        draw = ImageDraw.Draw(card)
        draw.text((90, 120), "Harbour at dawn", fill="white", font=ImageFont.load_default(64))
        draw.text((90, 400), "12 March 2024", fill="yellow", font=ImageFont.load_default(32))
        card.save(tmp_path / "card.jpg", quality=88)
        Image.new("RGB", (640, 360), "grey").save(tmp_path / "empty.jpg")
        found = read_texts([tmp_path / "card.jpg", tmp_path / "empty.jpg"], SilentProgress())
    assert found.problem == ""
    assert found.reader.startswith(f"rapidocr {importlib.metadata.version('rapidocr')} (")
    heading, date = found.texts[0]
    assert (heading.text, date.text) == ("Harbour at dawn", "12 March 2024")
    assert min(heading.confidence, date.confidence) > 0.8
    assert (heading.left, heading.top) == pytest.approx((90 / 960, 130 / 540), abs=0.03)
    assert date.top == pytest.approx(405 / 540, abs=0.03)
    assert found.texts[1] == ()


@NEEDS_READER
def test_only_the_build_of_opencv_without_windows_is_there():
    names = {str(each.metadata["Name"]).lower() for each in importlib.metadata.distributions()}
    assert {name for name in names if name.startswith("opencv")} == {"opencv-python-headless"}
