"""Regions: pictures inside a picture are found by their borders."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fixtures import drawing
from verify.fingerprint.regions import MOST_REGIONS, Region, find_regions

HEIGHT, WIDTH = 288, 512


def place(seed: int) -> np.ndarray:
    """A textured picture, (288, 512) uint8."""
    grey = cv2.cvtColor(next(drawing.scene(seed, 1)), cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), np.uint8)


def inset(box: tuple[int, int, int, int], ground: int = 1, laid: int = 2) -> np.ndarray:
    """A place with another one laid on it, reduced to the box (left, top, right, bottom)."""
    left, top, right, bottom = box
    picture = place(ground).copy()
    picture[top:bottom, left:right] = cv2.resize(
        place(laid), (right - left, bottom - top), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture)[1], cv2.IMREAD_GRAYSCALE), np.uint8)


def closest_px(regions: list[Region], box: tuple[int, int, int, int]) -> int:
    """How far the sides of the region that lies closest to a box are from its own."""
    return min(int(np.abs(np.subtract(region, box)).max()) for region in regions)


@pytest.mark.parametrize(
    "box",
    [(40, 30, 240, 142), (300, 160, 492, 268), (0, 0, 256, 144), (256, 0, 512, 288), (0, 144, 512, 288)],
    ids=["inset", "another inset", "in the corner", "right half", "lower half"],
)
def test_picture_in_a_picture_is_found(box: tuple[int, int, int, int]):
    regions = find_regions(inset(box))
    assert len(regions) <= MOST_REGIONS
    assert closest_px(regions, box) <= 8


def test_bright_and_dark_frames_are_borders_too():
    picture = inset((60, 60, 260, 172))
    cv2.rectangle(picture, (56, 56), (263, 175), 255, 4)
    assert closest_px(find_regions(picture), (60, 60, 260, 172)) <= 8


def test_footage_between_blurred_sides_is_found():
    picture = cv2.GaussianBlur(cv2.resize(place(3), (WIDTH, HEIGHT)), (0, 0), 18)
    picture[:, 175:337] = cv2.resize(place(3), (162, HEIGHT))
    assert closest_px(find_regions(picture), (175, 0, 337, 288)) <= 8


@pytest.mark.parametrize("shape", [(288, 512), (8, 8), (2, 400), (512, 40)])
@pytest.mark.parametrize("level", [0, 128])
def test_plain_pictures_have_none(shape: tuple[int, int], level: int):
    assert find_regions(np.full(shape, level, np.uint8)) == []


def test_regions_lie_inside_the_picture_and_are_neither_all_of_it_nor_slivers():
    for seed in range(8):
        for left, top, right, bottom in find_regions(place(seed)):
            assert 0 <= left < right <= WIDTH
            assert 0 <= top < bottom <= HEIGHT
            assert 0.02 < (right - left) * (bottom - top) / (WIDTH * HEIGHT) < 0.8


def test_region_is_cut_out():
    picture = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    assert (Region(1, 0, 3, 2).cut(picture) == picture[0:2, 1:3]).all()
