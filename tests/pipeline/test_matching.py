"""Matching real files: edited copies are found where they are; the same place at another time is no reuse."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures import drawing
from fixtures.footage import FRAMES_PER_SECOND, _ffmpeg, encode
from verify.archive.index import ReferenceIndex
from verify.fingerprint.examine import examine_query, examine_reference
from verify.match.matcher import find_matches
from verify.match.query import MIN_QUALITY, make_query
from verify.model import Match, SilentProgress, Transform
from verify.pipeline import compare_videos

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

X264 = ("-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p")


def edited(path: Path, destination: Path, filters: str = "null", *options: str) -> Path:
    """Re-encode a file through video filters."""
    _ffmpeg("-i", path, "-vf", filters, *X264, *options, destination)
    return destination


@lru_cache
def index_of(reference: Path) -> ReferenceIndex:
    _, fingerprints = examine_reference(reference, SilentProgress(), "")
    return ReferenceIndex({reference.stem: fingerprints}, MIN_QUALITY)


def matches_of(query: Path, reference: Path) -> list[Match]:
    """Match two files; what `compare_videos` does, with references examined once for all tests."""
    examined = examine_query(query, SilentProgress(), "")
    return list(find_matches(make_query(examined.fingerprints, examined.shots), index_of(reference), SilentProgress()))


def reuse(query: Path, reference: Path) -> list[Match]:
    return [match for match in matches_of(query, reference) if not match.same_scene_only]


def shares(matches: list[Match], start_s: float, end_s: float) -> float:
    """Share of start_s..end_s of the query that the matches cover."""
    return sum(max(0.0, min(match.query.end_s, end_s) - max(match.query.start_s, start_s)) for match in matches) / (
        end_s - start_s
    )


# --- copies ---------------------------------------------------------------------------------------------------------

EDITS = {
    "re-encoded": ("null", ("-crf", "36")),
    "small": ("scale=240:-2", ("-crf", "30")),
    "darkened": ("eq=brightness=-0.25:contrast=0.7", ()),
    "grey": ("hue=s=0", ()),
    "mirrored": ("hflip", ()),
    "letterboxed": ("pad=iw:ih*4/3:0:(oh-ih)/2", ()),
    "pillarboxed": ("pad=iw*4/3:ih:(ow-iw)/2:0", ()),
    "mirrored and letterboxed": ("hflip,pad=iw:ih*4/3:0:(oh-ih)/2", ()),
    "at 15 frames a second": ("fps=15", ()),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edited_copy_is_found(footage: dict[str, Path], tmp_path: Path, edit: str):
    filters, options = EDITS[edit]
    copy = edited(footage["hard-cuts"], tmp_path / "copy.mp4", filters, *options)
    matches = reuse(copy, footage["hard-cuts"])
    assert shares(matches, 0.0, 9.0) > 0.9
    assert all(match.transform.mirrored == ("mirrored" in edit) for match in matches)
    assert all(match.transform.bars_removed for match in matches) or "boxed" not in edit
    assert all(match.reference_id == "hard-cuts" for match in matches)
    for match in matches:
        assert match.time_map.rate == pytest.approx(1.0, abs=0.05)
        assert match.reference.start_s == pytest.approx(match.query.start_s, abs=0.3)


@pytest.mark.parametrize(
    ("clip", "edit"),
    [
        ("bikes", "darkened"),
        ("bikes", "letterboxed"),
        ("bikes", "mirrored"),
        ("carphone", "re-encoded"),
        ("carphone", "darkened"),
        ("carphone", "mirrored"),
        ("carphone", "letterboxed"),
    ],
)
def test_edited_copy_of_real_footage_is_found(clips: dict[str, Path], tmp_path: Path, clip: str, edit: str):
    filters, options = EDITS[edit]
    copy = edited(clips[clip], tmp_path / "copy.mp4", filters, *options)
    matches = reuse(copy, clips[clip])
    assert shares(matches, 0.5, 3.5) > 0.7
    assert all(match.transform.mirrored == (edit == "mirrored") for match in matches)


def test_copy_of_footage_that_hardly_moves_is_found_at_least_as_the_same_scene(clips: dict[str, Path], tmp_path: Path):
    copy = edited(clips["robot"], tmp_path / "copy.mp4", *EDITS["darkened"][:1])
    assert shares(matches_of(copy, clips["robot"]), 0.5, 5.0) > 0.7


def test_part_of_a_clip_is_found_at_its_place(clips: dict[str, Path], tmp_path: Path):
    part = edited(clips["bikes"], tmp_path / "part.mp4", "null", "-ss", "3.04", "-t", "2.4")
    (match,) = compare_videos(part, clips["bikes"], SilentProgress())
    assert not match.same_scene_only
    assert match.reference.start_s == pytest.approx(3.04, abs=0.3)
    assert match.query.duration_s == pytest.approx(2.4, abs=0.3)


def test_slowed_copy_is_found_with_its_rate(footage: dict[str, Path], tmp_path: Path):
    slow = edited(footage["scene"], tmp_path / "slow.mp4", "setpts=2*PTS", "-r", "25")
    (match,) = reuse(slow, footage["scene"])
    assert match.time_map.rate == pytest.approx(0.5, abs=0.05)
    assert shares([match], 0.0, 12.0) > 0.8


def test_copy_within_other_footage_is_found_at_its_seconds(footage: dict[str, Path], tmp_path: Path):
    pictures = [*drawing.scene(30, 75), *drawing.scene(10, 40), *drawing.scene(31, 75)]
    release = tmp_path / "release.mp4"
    encode(iter(pictures), release)
    (match,) = reuse(release, footage["hard-cuts"])
    assert match.query.start_s == pytest.approx(3.0, abs=0.05)
    assert match.query.end_s == pytest.approx(4.6, abs=0.05)
    assert match.reference.start_s == pytest.approx(0.0, abs=0.2)
    assert match.transform == Transform()


# --- no copies ------------------------------------------------------------------------------------------------------


def sensor_noise(pictures: Iterator[drawing.Frame], seed: int) -> Iterator[drawing.Frame]:
    generator = np.random.default_rng(seed)
    for picture in pictures:
        noise = generator.integers(-6, 7, picture.shape, np.int16)
        yield np.clip(picture.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def watched(path: Path, seed: int, seconds: float) -> Path:
    """Record the same place with a fixed camera, at a time of its own."""
    frames = round(seconds * FRAMES_PER_SECOND)
    encode(sensor_noise(drawing.static(7, frames), seed), path)
    return path


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_same_place_at_another_time_is_no_reuse(tmp_path: Path, is_mirrored: bool):
    earlier, later = watched(tmp_path / "earlier.mp4", 1, 10.0), watched(tmp_path / "later.mp4", 2, 5.0)
    if is_mirrored:
        later = edited(later, tmp_path / "mirrored.mp4", "hflip")
    matches = matches_of(later, earlier)
    assert [match.same_scene_only for match in matches] == [True]
    assert matches[0].transform.mirrored == is_mirrored
    assert matches[0].distinctness < 0.03


def test_two_parts_of_a_static_clip_are_no_reuse_of_each_other(footage: dict[str, Path], tmp_path: Path):
    first = edited(footage["static"], tmp_path / "first.mp4", "null", "-t", "2")
    second = edited(footage["static"], tmp_path / "second.mp4", "null", "-ss", "2")
    assert reuse(first, second) == []
    assert reuse(second, first) == []
    assert reuse(first, footage["static"]) == []


def test_two_scenes_of_a_kind_have_nothing_in_common(footage: dict[str, Path]):
    assert compare_videos(footage["other-scene"], footage["scene"], SilentProgress()) == ()
    assert matches_of(footage["scene"], footage["hard-cuts"]) == []


def test_dark_footage_matches_nothing_not_even_itself(footage: dict[str, Path]):
    assert matches_of(footage["dark"], footage["dark"]) == []


@pytest.mark.slow
def test_no_real_clip_is_taken_for_another(clips: dict[str, Path]):
    index = ReferenceIndex({name: index_of(path).fingerprints[path.stem] for name, path in clips.items()}, MIN_QUALITY)
    for name, path in clips.items():
        examined = examine_query(path, SilentProgress(), "")
        matches = find_matches(make_query(examined.fingerprints, examined.shots), index, SilentProgress())
        assert {match.reference_id for match in matches} == {name}
