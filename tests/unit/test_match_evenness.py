"""Evenness: what moves on at one speed resembles itself a moment later, moved along; what a hand holds does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from verify.match.evenness import evenness

if TYPE_CHECKING:
    import numpy.typing as npt

    Pictures = npt.NDArray[np.float32]

HEIGHT, WIDTH = 63, 112
STEPS, LATER = 3, 6


def ground(seed: int = 1) -> Pictures:
    drawn = np.random.default_rng(seed).normal(size=(HEIGHT, 500)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 2), np.float32)


def even(pictures: Pictures) -> float:
    changes = pictures[STEPS:] - pictures[:-STEPS]
    return evenness(changes[:-LATER], changes[LATER:])


def swept(lefts: npt.NDArray[np.float64]) -> Pictures:
    """What a camera sees that points at these places of one ground."""
    return np.stack([ground()[:, round(left) : round(left) + WIDTH] for left in lefts])


@pytest.mark.parametrize("speed", [-6, -2, 1, 3, 7])
def test_sweep_at_one_speed_is_even(speed: int):
    lefts = (0.0 if speed > 0 else 350.0) + speed * np.arange(48.0)
    assert even(swept(lefts)) > 0.98


def test_hand_that_holds_a_camera_is_not():
    path = np.cumsum(np.random.default_rng(2).normal(0, 3, 48))
    assert even(swept(path - path.min())) < 0.5


def test_bar_that_fills_is_even_and_one_that_jumps_is_not():
    def bar(ends: npt.NDArray[np.float64]) -> Pictures:
        pictures = np.zeros((len(ends), HEIGHT, WIDTH), np.float32)
        for picture, end in zip(pictures, ends, strict=True):
            picture[50:54, : int(end)] = 200
        return pictures

    assert even(bar(10 + 2 * np.arange(40.0))) > 0.95
    assert even(bar(10 + np.sort(np.random.default_rng(3).uniform(0, 80, 40)))) < 0.8


def test_sweep_too_fast_to_compare_is_not_called_even():
    """Less than half of the picture is still in view half a second later."""
    assert even(swept(10 * np.arange(38.0))) == 0


def test_nothing_moves_is_not_even():
    assert even(np.zeros((20, HEIGHT, WIDTH), np.float32)) == 0
