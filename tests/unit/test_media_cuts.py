"""Hard cuts on thumbnails drawn by rule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import pytest

from tests.unit.fingerprint_samples import grey_picture
from verify.media.cuts import LOOKAHEAD_FRAMES, CutFinder, difference, live_area

HEIGHT, WIDTH = 36, 64


def view(seed: int, shift: int = 0) -> np.ndarray:
    """Take a thumbnail of a larger drawn scene, moved right by some pixels."""
    return grey_picture(seed, HEIGHT, 400)[:, shift : shift + WIDTH].astype(np.float32)


def pan(seed: int, frames: int, step: int = 1, start: int = 0) -> list[np.ndarray]:
    return [view(seed, start + step * number) for number in range(frames)]


def still(seed: int, frames: int) -> list[np.ndarray]:
    return [view(seed)] * frames


def plain(level: float, frames: int) -> list[np.ndarray]:
    return [np.full((HEIGHT, WIDTH), level, np.float32)] * frames


def cuts(pictures: Sequence[np.ndarray]) -> list[int]:
    """Numbers of the frames that hard cuts lie before."""
    finder = CutFinder()
    judged = [verdict for verdict in map(finder.add, pictures) if verdict is not None]
    assert len(judged) == max(0, len(pictures) - LOOKAHEAD_FRAMES)
    judged += finder.finish()
    assert len(judged) == len(pictures)
    return [number + 1 for number, is_followed in enumerate(judged) if is_followed]


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("make", [pan, still])
def test_unrelated_pictures_are_a_cut(seed: int, make):
    assert cuts(make(seed, 20) + make(seed + 20, 20)) == [20]


def test_cuts_are_exact_however_short_the_shots():
    assert cuts(pan(1, 9) + pan(30, 7) + pan(3, 8) + pan(34, 20)) == [9, 16, 24]


def test_pan_and_standstill_are_no_cut():
    assert cuts(pan(1, 40)) == []
    assert cuts(pan(1, 40, step=5)) == []
    assert cuts(still(1, 40)) == []


def test_pan_that_starts_and_stops_at_once_is_no_cut():
    moved = pan(1, 10, step=6)
    assert cuts(still(1, 10) + moved + [moved[-1]] * 10) == []


@pytest.mark.parametrize("brightness", [1.0, 0.3, 0.1, 0.05])
def test_cut_counts_however_dark_both_shots_are(brightness: float):
    generator = np.random.default_rng(7)
    pictures = [picture * brightness for picture in pan(1, 15) + pan(30, 15)]
    noisy = [picture + generator.normal(0, 0.1, picture.shape).astype(np.float32) for picture in pictures]
    assert cuts(noisy) == [15]


def test_noise_of_the_sensor_is_no_cut():
    generator = np.random.default_rng(0)
    for level in (0.1, 0.5, 3.0):
        noisy = [view(1) + generator.normal(0, level, (HEIGHT, WIDTH)).astype(np.float32) for _ in range(60)]
        assert cuts(noisy) == []


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_flash_is_no_cut_on_either_side(frames: int):
    for before, after in ((pan(1, 15), pan(1, 15, start=15 + frames)), (still(1, 15), still(1, 15))):
        assert cuts(before + plain(255, frames) + after) == []


def test_strobe_is_no_cut():
    lit = [view(1) + 60.0 * (number // 2 % 2) for number in range(40)]
    assert cuts([np.clip(picture, 0, 255) for picture in lit]) == []


def test_flash_that_dies_down_is_no_cut():
    shares = [0.9, 0.75, 0.6, 0.4, 0.2]
    dying = [255 * share + (1 - share) * view(1) for share in shares]
    assert cuts(still(1, 15) + dying + still(1, 15)) == []


def test_cut_to_white_and_back_to_another_scene_is_two_cuts():
    assert cuts(pan(1, 15) + plain(255, 8) + pan(30, 15)) == [15, 23]


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("level", [0, 255])
def test_cut_through_black_or_white_frames_is_found(frames: int, level: float):
    found = cuts(still(1, 15) + plain(level, frames) + still(30, 15))
    assert found[-1] == 15 + frames
    assert set(found) <= {15, 15 + frames}


def test_frame_blended_of_both_sides_makes_one_cut():
    blended = [0.5 * (view(1) + view(30))]
    assert cuts(still(1, 15) + blended + still(30, 15)) == [15]


@pytest.mark.parametrize("gain", [0.4, 0.7, 1.3])
def test_lamp_or_exposure_is_no_cut(gain: float):
    dimmed = [picture * 0.7 for picture in still(1, 15)]
    assert cuts(dimmed + [picture * gain for picture in dimmed]) == []


def test_shaking_camera_is_no_cut():
    generator = np.random.default_rng(3)
    assert cuts([view(1, int(shift)) for shift in generator.integers(0, 300, 40)]) == []


@pytest.mark.parametrize("shown", [2, 3, 5])
def test_frames_that_are_shown_several_times_make_no_cuts(shown: int):
    slow = [picture for picture in pan(1, 20, step=4) for _ in range(shown)]
    assert cuts(slow) == []
    other = [picture for picture in pan(30, 20, step=4) for _ in range(shown)]
    assert cuts(slow + other) == [len(slow)]


def test_caption_that_comes_up_over_a_still_picture_is_no_cut():
    captioned = view(1).copy()
    captioned[28:33, 6:42] = 255
    assert cuts(still(1, 15) + [captioned] * 15) == []


def between_bars(picture: np.ndarray) -> np.ndarray:
    barred = np.zeros_like(picture)
    barred[:, 22:42] = cv2.resize(picture, (20, HEIGHT), interpolation=cv2.INTER_AREA)
    return barred


def test_upright_footage_between_wide_bars():
    low = [0.25 * picture + 90 for picture in (*pan(1, 15), *pan(30, 15))]
    assert cuts([between_bars(picture) for picture in low]) == [15]
    assert live_area(between_bars(low[0]), between_bars(low[20])) == (slice(0, 36), slice(22, 42))


def test_live_area_of_dark_pictures_is_all_of_them():
    dark = np.full((HEIGHT, WIDTH), 3, np.float32)
    assert live_area(dark, dark) == (slice(None), slice(None))


def test_difference_is_the_mean_over_all_pixels():
    one, other = np.zeros((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    other[:18] = 10
    assert difference(one, other) == pytest.approx(5.0)


def test_few_frames_are_enough():
    assert cuts([view(1), view(30)]) == [1]
    assert cuts([view(1), view(1)]) == []
    assert cuts([view(1)]) == []
    assert cuts([]) == []


def test_many_shots_in_a_row():
    pictures = [picture for seed in range(1, 11) for picture in pan(seed * 3, 12)]
    found = cuts(pictures)
    assert found == list(range(12, 120, 12))
    assert all(after - before == 12 for before, after in pairwise(found))
