"""The rendered test footage is what its registry says: other tests rely on these times and defects."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from fixtures.footage import (
    CUT_TIMES_S,
    FLASH_FRAMES,
    FOOTAGE,
    SCENE_FRAMES,
    VARIABLE_TIMES_S,
    rendered_footage,
)

if TYPE_CHECKING:
    from pathlib import Path


def decoded(path: Path) -> tuple[list[float], list[np.ndarray]]:
    """Times in seconds and small grey pictures, until the file ends or breaks."""
    times, pictures = [], []
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                times.append(float(frame.pts * frame.time_base))
                pictures.append(cv2.resize(frame.to_ndarray(format="gray"), (48, 27)).astype(float))
        except av.error.FFmpegError:
            pass
    return times, pictures


def changes(pictures: list[np.ndarray]) -> np.ndarray:
    return np.array([np.abs(after - before).mean() for before, after in itertools.pairwise(pictures)])


def test_every_entry_of_the_registry_is_rendered_once(footage: dict[str, Path]):
    assert set(footage) == {item.name for item in FOOTAGE}
    assert len({item.file_name for item in FOOTAGE}) == len(FOOTAGE)
    times = {name: path.stat().st_mtime_ns for name, path in footage.items()}
    assert {name: path.stat().st_mtime_ns for name, path in rendered_footage().items()} == times


def test_cuts_are_where_the_registry_says(footage: dict[str, Path]):
    times, pictures = decoded(footage["hard-cuts"])
    strongest = np.sort(np.argsort(changes(pictures))[-len(CUT_TIMES_S) :]) + 1
    assert [times[index] for index in strongest] == pytest.approx(CUT_TIMES_S)


def test_scenes_move_but_never_cut(footage: dict[str, Path]):
    for name in ("scene", "other-scene"):
        times, pictures = decoded(footage[name])
        assert len(times) == SCENE_FRAMES
        assert 0.5 < np.median(changes(pictures)) < changes(pictures).max() < 15


def test_frame_times_vary_as_stated(footage: dict[str, Path]):
    assert decoded(footage["variable-frame-rate"])[0] == pytest.approx(VARIABLE_TIMES_S)


def test_the_rotated_file_declares_a_quarter_turn(footage: dict[str, Path]):
    with av.open(str(footage["rotated"])) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height, abs(frame.rotation)) == (480, 270, 90)


def test_the_truncated_file_ends_early_and_the_one_without_index_gives_nothing(footage: dict[str, Path]):
    assert 30 < len(decoded(footage["truncated"])[0]) < SCENE_FRAMES - 30
    with pytest.raises(av.error.InvalidDataError):
        decoded(footage["without-index"])


def test_flash_dark_and_static_are_so(footage: dict[str, Path]):
    pictures = decoded(footage["flash"])[1]
    assert [number for number, picture in enumerate(pictures) if picture.mean() > 240] == list(FLASH_FRAMES)
    assert max(picture.max() for picture in decoded(footage["dark"])[1]) < 32
    assert changes(decoded(footage["static"])[1]).max() < 1


def test_files_that_hold_no_video(footage: dict[str, Path]):
    assert footage["zero-bytes"].read_bytes() == b""
    assert footage["text"].read_text(encoding="utf-8").startswith("This is not a video")
    assert cv2.imread(str(footage["image"])).shape == (270, 480, 3)
    with av.open(str(footage["audio-only"])) as container:
        assert not container.streams.video
        assert len(container.streams.audio) == 1
    with av.open(str(footage["with-sound"])) as container:
        assert len(container.streams.video) == len(container.streams.audio) == 1
