"""Hard cuts on thumbnails drawn by rule."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.fingerprint_samples import grey_picture
from verify.media.cuts import LOOKAHEAD_FRAMES, LOOKBEHIND_FRAMES, change, is_cut

HEIGHT, WIDTH = 36, 64


def view(seed: int, shift: int = 0) -> np.ndarray:
    """Take a thumbnail of a larger drawn scene, moved right by some pixels."""
    return grey_picture(seed, HEIGHT, 400)[:, shift : shift + WIDTH].astype(np.float32)


def pan(seed: int, frames: int, step: int = 1, start: int = 0) -> list[np.ndarray]:
    return [view(seed, start + step * number) for number in range(frames)]


def white(frames: int) -> list[np.ndarray]:
    return [np.full((HEIGHT, WIDTH), 255, np.float32)] * frames


@pytest.mark.parametrize("seed", range(1, 6))
def test_unrelated_pictures_are_a_cut(seed: int):
    assert is_cut(pan(seed, LOOKBEHIND_FRAMES), pan(seed + 20, LOOKAHEAD_FRAMES))


def test_pan_and_standstill_are_no_cut():
    assert not is_cut(pan(1, 8), pan(1, 6, start=8))
    assert not is_cut([view(1)] * 8, [view(1)] * 6)


def test_sensor_noise_is_no_change():
    generator = np.random.default_rng(0)
    noisy = view(1) + generator.normal(0, 2, (HEIGHT, WIDTH)).astype(np.float32)
    assert change(view(1), noisy) == 0.0


def test_change_is_about_one_for_strangers_whatever_their_brightness():
    for scale in (1.0, 0.3):
        assert 0.6 < change(view(1) * scale, view(30) * scale) < 1.6
    assert change(view(1), view(1)) == 0.0


def test_dim_cut_counts_like_a_bright_one():
    dark = [picture * 0.15 for picture in pan(1, 8)], [picture * 0.15 for picture in pan(30, 6)]
    assert is_cut(*dark)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_flash_is_no_cut_on_either_side(frames: int):
    assert not is_cut(pan(1, 8), white(frames) + pan(1, 6 - frames, start=8 + frames))
    assert not is_cut(pan(1, 8 - frames) + white(frames), pan(1, 6, start=8))


def test_cut_to_white_and_back_to_another_scene_is_two_cuts():
    assert is_cut(pan(1, 8), white(6))
    assert is_cut(white(8), pan(30, 6))


def test_shaking_camera_is_no_cut():
    generator = np.random.default_rng(3)
    shaken = [view(1, int(shift)) for shift in generator.integers(0, 300, 14)]
    assert not is_cut(shaken[:8], shaken[8:])


def test_single_frames_are_enough():
    assert is_cut([view(1)], [view(30)])
    assert not is_cut([view(1)], [view(1)])


def test_nothing_before_or_after_is_no_cut():
    assert not is_cut([], [view(1)])
    assert not is_cut([view(1)], [])
