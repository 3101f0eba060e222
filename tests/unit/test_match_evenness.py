"""Evenness: a smooth sweep, zoom or bar could be repeated by another recording; what a hand holds could not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from verify.match.evenness import moved_along, smooth_camera

if TYPE_CHECKING:
    import numpy.typing as npt

    Pictures = npt.NDArray[np.float32]
    Path = npt.NDArray[np.float64]

HEIGHT, WIDTH = 63, 112
STEPS, LATER = 3, 6
FREE = np.ones((HEIGHT, WIDTH), bool)


def ground(seed: int = 1) -> Pictures:
    drawn = np.random.default_rng(seed).normal(size=(420, 500)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 2) * 200, np.float32)


def swept(path: Path, *, zooms: Path | None = None, noise: float = 1.0) -> Pictures:
    """What a camera sees of one ground, its corner at (n, 2) places; noise in grey levels."""
    drawn = np.random.default_rng(9)
    pictures = []
    for (left, top), zoom in zip(path, np.ones(len(path)) if zooms is None else zooms, strict=True):
        matrix = np.array([[1 / zoom, 0, left], [0, 1 / zoom, top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(ground(), matrix, (WIDTH, HEIGHT), flags=flags)
        pictures.append(cv2.GaussianBlur(seen + drawn.normal(0, noise, seen.shape).astype(np.float32), (0, 0), 0.8))
    return np.stack(pictures).astype(np.float32)


def walked(seed: int = 2, steps: int = 48) -> Path:
    path = np.cumsum(np.random.default_rng(seed).normal(0, 2.0, (steps, 2)), axis=0)
    return np.asarray(path - path.min(axis=0) + 5, np.float64)


def along(pictures: Pictures) -> float:
    changes = pictures[STEPS:] - pictures[:-STEPS]
    return moved_along(changes[:-LATER], changes[LATER:])


@pytest.mark.parametrize("step", [(-5, 0), (2, 0), (0, 3), (0, -4), (2, 3), (-3, 2), (2.5, -1.5)])
def test_sweep_at_one_speed_moves_along(step: tuple[float, float]):
    start = [250.0 if each < 0 else 5.0 for each in step]
    path = np.array(start) + np.arange(40)[:, None] * np.array(step)
    assert along(swept(path)) > 0.85


def test_hand_that_holds_a_camera_does_not():
    assert along(swept(walked())) < 0.5


def test_bar_that_fills_moves_along_and_one_that_jumps_does_not():
    def bar(ends: Path) -> Pictures:
        pictures = np.zeros((len(ends), HEIGHT, WIDTH), np.float32)
        for picture, end in zip(pictures, ends, strict=True):
            picture[50:54, : int(end)] = 200
        return pictures

    assert along(bar(10 + 2 * np.arange(40.0))) > 0.95
    assert along(bar(10 + np.sort(np.random.default_rng(3).uniform(0, 80, 40)))) < 0.8


def test_what_moves_out_of_the_picture_is_not_followed():
    """Less than half of the picture is still in view half a second later."""
    assert along(swept(5 + np.arange(36)[:, None] * np.array([10.0, 0.0]))) == 0


def test_nothing_moves():
    still = np.zeros((20, HEIGHT, WIDTH), np.float32)
    assert along(still) == 0
    assert smooth_camera(still, FREE) == 0


PATHS = {
    "even": 5 + np.arange(40)[:, None] * np.array([3.0, 1.0]),
    "set off and stop": 5 + 150 * (1 - np.cos(np.linspace(0, np.pi, 40)))[:, None] * np.array([0.6, 0.2]),
    "fast": 5 + np.arange(36)[:, None] * np.array([8.0, 0.0]),
}


@pytest.mark.parametrize("name", PATHS)
def test_smooth_sweep_explains_what_changes(name: str):
    assert smooth_camera(swept(PATHS[name]), FREE) > 0.8


def test_smooth_zoom_explains_what_changes():
    count = 40
    path = 150 + np.arange(count)[:, None] * np.array([0.3, 0.2])
    assert smooth_camera(swept(path, zooms=np.linspace(1.0, 1.6, count)), FREE) > 0.75


def test_a_hand_is_not_smooth():
    assert smooth_camera(swept(walked()), FREE) < 0.5


def test_what_moves_before_a_smooth_camera_is_not_explained():
    pictures = swept(PATHS["even"])
    drawn = np.random.default_rng(4)
    for picture in pictures:
        left, top = drawn.integers(0, (WIDTH - 40, HEIGHT - 30))
        picture[top : top + 30, left : left + 40] += 120
    assert smooth_camera(pictures, FREE) < 0.5


def test_only_the_free_part_counts():
    pictures = swept(PATHS["even"])
    drawn = np.random.default_rng(5)
    pictures[:, :, :30] = drawn.uniform(0, 255, (len(pictures), HEIGHT, 30))
    free = FREE.copy()
    free[:, :32] = False
    assert smooth_camera(pictures, free) > 0.8


def test_too_few_pictures_cannot_be_called_uneven():
    assert smooth_camera(swept(walked(steps=6)), FREE) == 1


def test_picture_in_which_nothing_can_be_followed_is_not_explained():
    noise = np.random.default_rng(6).uniform(0, 255, (20, HEIGHT, WIDTH)).astype(np.float32)
    assert smooth_camera(noise, FREE) < 0.5
