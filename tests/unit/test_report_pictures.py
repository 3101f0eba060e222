"""Which frames of a match are shown, and where their pictures come from."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.unit.explained_samples import crop
from tests.unit.report_samples import match
from verify.model import NOT_MEASURED_BITS, AlignedPair, Geometry, Match, SampledFrame
from verify.report import pictures
from verify.report.choosing import choose_pairs
from verify.report.pictures import PictureBook


def pair(query_s: float, reference_s: float, bits: int = NOT_MEASURED_BITS) -> AlignedPair:
    return AlignedPair(query_time_s=query_s, reference_time_s=reference_s, distance_bits=bits)


def times(pairs: list[AlignedPair]) -> list[tuple[float, float]]:
    return [(round(each.query_time_s, 3), round(each.reference_time_s, 3)) for each in pairs]


def segment(*pairs: AlignedPair, rate: float = 1.0, geometry: Geometry | None = None) -> Match:
    """Make a match of 10 to 14 s with what lies from 2 s on."""
    return replace(match(10.0, 14.0, reference_start_s=2.0, rate=rate), pairs=pairs, geometry=geometry)


def moment(query_s: float, reference_s: float) -> Geometry:
    return replace(crop(), query_time_s=query_s, reference_time_s=reference_s)


# --- choosing ---


def test_the_closest_pairs_are_chosen_spread_over_the_match() -> None:
    pairs = [pair(10 + index / 2, 2 + index / 2, bits) for index, bits in enumerate([9, 4, -1, 8, -1, -1])]
    chosen = choose_pairs(segment(*pairs), [each.reference_time_s for each in pairs], 3)
    assert times(chosen) == [(10.5, 2.5), (11.5, 3.5), (12.0, 4.0)]


def test_pairs_whose_reference_has_no_picture_give_way() -> None:
    pairs = (pair(10.0, 2.0, 3), pair(10.25, 2.25, 9))
    assert times(choose_pairs(segment(*pairs), [2.25, 8.0], 3)) == [(10.25, 2.25)]


def test_without_aligned_frames_the_time_map_makes_them() -> None:
    pictured = [0.0, 1.9, 2.0, 3.0, 4.0, 5.5, 6.0, 7.0]
    assert times(choose_pairs(segment(), pictured, 9)) == [(10.0, 2.0), (11.0, 3.0), (12.0, 4.0), (13.5, 5.5)]
    backwards = choose_pairs(segment(rate=-0.5), [0.0, 0.5, 1.0, 2.0], 9)
    assert times(backwards) == [(10.0, 2.0), (12.0, 1.0), (13.0, 0.5)]
    assert {each.distance_bits for each in backwards} == {NOT_MEASURED_BITS}


def test_where_nothing_has_a_picture_the_compared_frames_are_shown_alone() -> None:
    pairs = (pair(10.0, 2.0, 3), pair(13.0, 5.0, 9))
    assert choose_pairs(segment(*pairs), [50.0], 3) == list(pairs)
    assert choose_pairs(segment(), [], 3) == []


def test_a_picture_held_still_is_shown_at_three_moments() -> None:
    chosen = choose_pairs(segment(rate=0.0), [1.0, 2.1], 3)
    assert times(chosen) == [(10.667, 2.1), (12.0, 2.1), (13.333, 2.1)]
    assert choose_pairs(segment(rate=0.0), [1.0, 3.0], 3) == []


def test_the_moment_of_the_geometry_is_among_those_shown() -> None:
    pictured = [2.0, 3.0, 4.0, 5.0]
    chosen = choose_pairs(segment(geometry=moment(12.75, 4.75)), pictured, 3)
    assert times(chosen) == [(10.0, 2.0), (12.0, 4.0), (13.0, 5.0)]
    alone = choose_pairs(segment(geometry=moment(12.75, 4.75)), pictured, 1)
    assert times(alone) == [(13.0, 5.0)]


def test_pictures_that_the_geometry_joins_across_time_are_not_shown_as_one_moment() -> None:
    pictured = [2.0, 3.0, 4.0, 5.0]
    chosen = choose_pairs(segment(geometry=moment(12.0, 5.0)), pictured, 4)
    assert times(chosen) == [(10.0, 2.0), (11.0, 3.0), (12.0, 4.0), (13.0, 5.0)]


def test_a_pair_that_several_cues_aligned_is_shown_once() -> None:
    pairs = (pair(10.0, 2.0), pair(10.0, 2.0, 7), pair(12.0, 4.0), pair(12.0, 4.0002, 3))
    chosen = choose_pairs(segment(*pairs), None, 6)
    assert times(chosen) == [(10.0, 2.0), (12.0, 4.0)]
    assert [each.distance_bits for each in chosen] == [7, 3]


def test_a_compared_pair_of_the_geometry_keeps_its_distance() -> None:
    pairs = (pair(10.0, 2.0, 3), pair(13.0, 5.0, 9))
    assert choose_pairs(segment(*pairs, geometry=moment(13.0, 5.0)), [2.0, 5.0], 1) == [pairs[1]]


@pytest.mark.parametrize("geometry", [moment(12.5, 4.5), moment(13.95, 5.95), moment(20.0, 5.0)])
def test_a_moment_without_picture_or_outside_the_match_is_not_shown(geometry: Geometry) -> None:
    assert times(choose_pairs(segment(geometry=geometry), [2.0, 5.0, 6.1], 3)) == [(10.0, 2.0), (13.0, 5.0)]


def test_every_moment_of_the_release_can_be_shown() -> None:
    chosen = choose_pairs(segment(geometry=moment(12.1, 4.1)), None, 3)
    assert times(chosen) == [(10.667, 2.667), (12.1, 4.1), (13.333, 5.333)]


# --- drawing ---


class Thumbnails:
    """An archive with a thumbnail at every half second of 'ref-a', and none of any other."""

    def thumbnails(self, reference_id: str) -> list[tuple[float, int, int]]:
        return [(index / 2, 256, 144) for index in range(20)] if reference_id == "ref-a" else []

    def thumbnail(self, reference_id: str, time_s: float) -> bytes | None:
        return b"\xff\xd8\xffstored"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """Stand in for the decoder: a release of 20 s with a picture at every moment; returns what was asked for."""
    asked: list[list[float]] = []

    def each_frame_at(path: Path, times_s: list[float], side_px: int) -> list[SampledFrame]:
        asked.append(list(times_s))
        return [
            SampledFrame(pts=0, time_base=Fraction(1, 25), time_s=time_s, pixels_bgr=np.zeros((90, 160, 3), np.uint8))
            for time_s in times_s
            if time_s < 20
        ]

    monkeypatch.setattr(pictures, "each_frame_at", each_frame_at)
    return asked


def test_pictures_of_matches_and_repeats_come_in_one_pass(tmp_path: Path, decoded: list[list[float]]) -> None:
    found, repeat = segment(geometry=moment(12.0, 4.0)), segment()
    drawn = PictureBook(tmp_path, Path("release.mp4"), Thumbnails()).draw((), [found], [repeat])
    first, book = drawn.first_frame, drawn.frame_pairs
    assert first is not None
    assert (first.time_s, first.width_px, first.height_px) == (0.0, 160, 90)
    assert len(decoded) == 1
    assert decoded[0] == sorted(set(decoded[0]))
    matched, repeated = book
    assert [frames.reference and frames.reference.path for frames in matched] == [
        f"frames/reference-ref-a-{time_ms:08d}ms.jpg" for time_ms in (2000, 3000, 4000, 5000)
    ]
    assert [round(frames.reference.time_s, 3) for frames in repeated if frames.reference] == [2.667, 4.0, 5.333]
    named = {shown.path for frames in (*matched, *repeated) for shown in (frames.query, frames.reference) if shown}
    assert {f"frames/{path.name}" for path in (tmp_path / "frames").iterdir()} == named | {first.path}


def test_a_repeat_beyond_the_last_picture_is_left_out(tmp_path: Path, decoded: list[list[float]]) -> None:
    late = match(19.0, 25.0, reference_start_s=5.0)
    (frames,) = PictureBook(tmp_path, Path("release.mp4"), None).draw((), [], [replace(late, pairs=())]).frame_pairs
    assert [each.query.time_s for each in frames] == []
    ahead = match(5.0, 11.0, reference_start_s=18.0)
    (frames,) = PictureBook(tmp_path, Path("release.mp4"), None).draw((), [], [replace(ahead, pairs=())]).frame_pairs
    assert [(each.query.time_s, each.reference and each.reference.time_s) for each in frames] == [
        (6.0, 19.0),
        (8.0, None),
        (10.0, None),
    ]


def test_an_archive_without_pictures_leaves_the_reference_out(tmp_path: Path, decoded: list[list[float]]) -> None:
    entry = match(10.0, 14.0, reference_id="ref-b")
    (frames,) = PictureBook(tmp_path, Path("release.mp4"), Thumbnails()).draw((), [entry]).frame_pairs
    assert [each.reference for each in frames] == [None, None, None]
    assert [each.distance_bits for each in frames] == [6, 6, 6]


def test_many_matches_are_shown_with_one_pair_each(tmp_path: Path, decoded: list[list[float]]) -> None:
    book = (
        PictureBook(tmp_path, Path("release.mp4"), Thumbnails())
        .draw((), [segment()] * 30, [segment()] * 11)
        .frame_pairs
    )
    assert [len(frames) for frames in book] == [1] * 41
