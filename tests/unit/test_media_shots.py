"""Frame classes and the division into shots, on drawn frames."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from fixtures import drawing
from tests.unit.fingerprint_samples import grey_picture
from verify.media.shots import find_shots, frame_class, look
from verify.model import DecodeOutcome, FrameClass, Interval, SampledFrame


def frame(picture: np.ndarray, time_s: float = 0.0) -> SampledFrame:
    colours = picture if picture.ndim == 3 else np.dstack([picture] * 3)
    return SampledFrame(pts=0, time_base=Fraction(1, 1000), time_s=time_s, pixels_bgr=colours)


def classed(pictures: list[np.ndarray]) -> FrameClass:
    return frame_class([look(frame(picture, number / 8)) for number, picture in enumerate(pictures)])


def card() -> np.ndarray:
    picture = np.full((288, 512, 3), (60, 30, 10), np.uint8)
    cv2.putText(picture, "FOOTAGE", (120, 130), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (255, 255, 255), 4)
    cv2.putText(picture, "of the day", (150, 190), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (255, 255, 255), 3)
    return picture


def test_title_card_is_a_template():
    assert classed([card()] * 6) is FrameClass.TEMPLATE
    assert classed([card()]) is FrameClass.TEMPLATE


def test_lettering_that_moves_is_no_card():
    pictures = [np.roll(card(), 14 * number, axis=1) for number in range(6)]
    assert classed(pictures) is FrameClass.TEXTURED


@pytest.mark.parametrize("level", [0, 15, 128, 255])
def test_uniform_picture_is_empty(level: int):
    assert classed([np.full((288, 512), level, np.uint8)] * 3) is FrameClass.EMPTY


def test_nearly_black_picture_is_dark():
    picture = np.zeros((288, 512), np.uint8)
    picture[180:260, 200:300] = 40
    moved = [np.roll(picture, 20 * number, axis=1) for number in range(5)]
    assert classed(moved) is FrameClass.DARK


def test_scenes_are_textured():
    assert classed(list(drawing.scene(1, 8))) is FrameClass.TEXTURED
    assert classed([grey_picture(1, 288, 512)]) is FrameClass.TEXTURED


def test_dim_scene_with_detail_is_textured():
    assert classed([(grey_picture(seed, 288, 512) // 4) for seed in range(3)]) is FrameClass.TEXTURED


def outcome(*cuts_s: float, end_s: float = 4.0) -> DecodeOutcome:
    return DecodeOutcome(decoded=Interval(start_s=0.0, end_s=end_s), frame_count=100, cut_times_s=cuts_s)


def test_shots_run_from_cut_to_cut_without_gaps():
    looks = [look(frame(card(), time_s)) for time_s in (0.0, 0.5, 1.0)]
    looks += [look(frame(picture, 1.52 + number / 4)) for number, picture in enumerate(drawing.scene(1, 4))]
    looks += [look(frame(np.zeros((288, 512), np.uint8), time_s)) for time_s in (3.0, 3.5)]
    shots = find_shots(looks, outcome(1.52, 3.0))
    assert [(shot.interval.start_s, shot.interval.end_s) for shot in shots] == [(0.0, 1.52), (1.52, 3.0), (3.0, 4.0)]
    assert [shot.frame_class for shot in shots] == [FrameClass.TEMPLATE, FrameClass.TEXTURED, FrameClass.EMPTY]
    assert all(a.interval.end_s == b.interval.start_s for a, b in pairwise(shots))
    assert shots[0].reason.startswith("a still card")
    assert shots[1].reason == ""


def test_frame_at_a_cut_belongs_to_the_shot_it_starts():
    looks = [look(frame(card(), 0.0)), look(frame(grey_picture(1, 288, 512), 1.0))]
    assert [shot.frame_class for shot in find_shots(looks, outcome(1.0))] == [FrameClass.TEMPLATE, FrameClass.TEXTURED]


def test_shot_without_samples_says_so():
    shots = find_shots([look(frame(card(), 0.0))], outcome(1.0))
    assert (shots[1].frame_class, shots[1].reason) == (FrameClass.EMPTY, "no frame of it was sampled")


def test_nothing_decoded_gives_no_shots():
    assert find_shots([], outcome(end_s=0.0)) == ()
