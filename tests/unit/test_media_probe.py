"""Choosing the stream to examine, and words for files that cannot be opened."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verify.media import probe
from verify.media.probe import NotAVideoError, open_container, picture_size, video_stream


def stream(width: int = 640, height: int = 360, disposition: str | None = "default", codec: Any = True) -> Any:
    return SimpleNamespace(
        width=width, height=height, disposition=SimpleNamespace(name=disposition), codec_context=codec or None
    )


class Streams(list[Any]):
    def __init__(self, video: list[Any], audio: int) -> None:
        super().__init__([*video, *range(audio)])
        self.video, self.audio = video, list(range(audio))


def container(*video: Any, audio: int = 0) -> Any:
    return SimpleNamespace(streams=Streams(list(video), audio))


def test_first_real_video_stream_is_taken():
    cover, first, second = stream(disposition="attached_pic"), stream(), stream(disposition=None)
    assert video_stream(container(cover, first, second, audio=1)) is first
    assert video_stream(container(second)) is second


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        (container(), "it has no video stream"),
        (container(audio=2), "it has sound but no video stream"),
        (container(stream(disposition="attached_pic"), audio=1), "it has sound but no video stream"),
        (container(stream(disposition="timed_thumbnails|attached_pic")), "it has no video stream"),
        (container(stream(), audio=64), "it has 65 streams, more than 64"),
        (container(stream(codec=None)), "its video codec is not known to the decoder"),
        (container(stream(8193, 8192)), "its pictures of 8193x8192 pixels are larger than is decoded"),
    ],
)
def test_what_is_not_examined(opened: Any, words: str):
    with pytest.raises(NotAVideoError, match=words):
        video_stream(opened)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (None, (720, 576)), (Fraction(1), (720, 576)), (Fraction(16, 15), (768, 576)), (Fraction(0), (720, 576)),
        (Fraction(1, 4), (180, 576)), (Fraction(5), (720, 576)), (Fraction(1, 1000), (720, 576)),
    ],
)  # fmt: skip
def test_size_in_square_pixels(ratio: Fraction | None, expected: tuple[int, int]):
    assert picture_size(720, 576, ratio) == expected


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "it is empty (0 bytes)"),
        (b"\x89PNG\r\n", "it is a still image, not a video"),
        (b"\xff\xd8\xff\xe0", "it is a still image, not a video"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "it is a still image, not a video"),
        (b"II*\x00", "it is a still image, not a video"),
        (b"#EXTM3U\n", "it is a playlist that names other files, not a video"),
        (b"<!DOCTYPE html>\n<title>404</title>\n", "it is text, not a video"),
        ("تصویر\n".encode(), "it is text, not a video"),
        (b"\x01\x02\x03\x00", "it is no video that can be read (Invalid data)"),
    ],
)
def test_problem_is_told_from_the_first_bytes(tmp_path: Path, head: bytes, words: str):
    path = tmp_path / "clip.mp4"
    path.write_bytes(head)
    assert probe._open_problem(path, SimpleNamespace(strerror="Invalid data")) == words  # type: ignore[arg-type]


def test_error_without_a_reason_is_told_in_its_own_words(tmp_path: Path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\x00\x01")
    assert probe._open_problem(path, ValueError("odd")) == "it is no video that can be read (odd)"


def test_file_that_went_away_is_told(tmp_path: Path):
    with pytest.raises(NotAVideoError, match="it cannot be opened"):
        open_container(tmp_path / "gone.mp4")
