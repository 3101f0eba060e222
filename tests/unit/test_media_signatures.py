"""Names of software in files: which are noticed, whose they are, and how they are quoted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from verify.media.observe_file import observe_earlier_encodings, observe_encoders
from verify.media.signatures import Signature, frame_signatures, maker, metadata_signatures, quoted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lavf58.29.100", "FFmpeg (Lavf, Lavc)"),
        ("Lavc60.31.102 libx264", "x264"),
        ("VideoHandler", "FFmpeg (Lavf, Lavc)"),
        ("VideoHandle", "Android"),
        ("Core Media Video", "Apple"),
        ("ISO Media file produced by Google Inc.", "Google"),
        ("Twitter-vork muxer", "X (Twitter)"),
        ("L-SMASH Video Handler", "L-SMASH"),
        ("x265 (build 199) - 3.5", "x265"),
        ("something else", ""),
    ],
)
def test_makers(text: str, expected: str):
    assert maker(text) == expected


def test_quoted_text_is_bounded_and_harmless():
    assert quoted("a\x1b[31m\u202eb\nc") == "a [31m b c"
    assert quoted("x" * 10_000, 50) == "x" * 49 + "…"
    assert len(quoted("\x00" * 10**6)) == 0


def container(metadata: dict[str, str], *streams: dict[str, str]) -> Any:
    listed = [SimpleNamespace(index=number, metadata=each) for number, each in enumerate(streams)]
    return SimpleNamespace(metadata=metadata, streams=listed)


def test_metadata_that_name_software_or_equipment():
    found = metadata_signatures(
        container(
            {"major_brand": "isom", "encoder": "Lavf58", "title": "x", "com.android.version": "13", "comment": " "},
            {"handler_name": "Core Media Video", "vendor_id": "[0][0][0][0]", "language": "und"},
            {"com.apple.quicktime.model": "Camera 5"},
        )
    )
    assert [(each.place, each.key, each.text, each.maker) for each in found] == [
        ("container", "encoder", "Lavf58", "FFmpeg (Lavf, Lavc)"),
        ("container", "com.android.version", "13", "Android"),
        ("stream 0", "handler_name", "Core Media Video", "Apple"),
        ("stream 1", "com.apple.quicktime.model", "Camera 5", "Apple"),
    ]


def test_number_of_names_is_bounded():
    assert len(metadata_signatures(container({f"com.android.{number}": "1" for number in range(500)}))) == 40


def user_data(*contents: bytes) -> Any:
    class Data(bytes):
        type = SimpleNamespace(name="SEI_UNREGISTERED")

    return SimpleNamespace(side_data=[Data(each) for each in contents])


def test_user_data_of_pictures():
    uuid = bytes(16)
    found = frame_signatures(
        user_data(uuid + b"x264 - core 164\0junk", uuid + b"\x01\x02\x03\x04\x05", b"short"), "stream 0"
    )
    assert [(each.text, each.maker) for each in found] == [("x264 - core 164", "x264")]
    assert len(frame_signatures(user_data(*[uuid + b"name %d" % number for number in range(100)]), "stream 0")) == 16


def signature(text: str, *, place: str = "stream 0", key: str = "in its data") -> Signature:
    return Signature(place=place, key=key, text=text, maker=maker(text))


def test_ffmpeg_with_x264_is_one_program():
    quiet: list[str] = []
    usual = [signature("Lavf58", place="container", key="encoder"), signature("x264 - core 164"), signature("Lavc58")]
    assert observe_earlier_encodings(usual, quiet) is None
    assert quiet == ["names of several programs"]


def test_several_programs_are_told():
    found = [signature("Lavf58", place="container", key="encoder"), signature("Core Media Video", key="handler_name")]
    told = observe_earlier_encodings(found, [])
    assert told is not None
    assert "Apple, FFmpeg (Lavf, Lavc)" in told.observed


def test_two_encoders_within_one_stream_are_told():
    assert observe_earlier_encodings([signature("x264 - core 148"), signature("x264 - core 164")], []) is not None


def test_no_names_are_quiet():
    quiet: list[str] = []
    assert observe_encoders([], quiet) is None
    assert quiet == ["names of encoders or equipment"]


def test_many_names_are_told_in_part_and_kept_in_full():
    told = observe_encoders([signature(f"Lavc{number}") for number in range(20)], [])
    assert told is not None
    assert "(and 8 more)" in told.observed
    assert len(told.details) == 20
