"""The edits that a descriptor learns from: each gives a picture, another one than it took, and the same for a seed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training import edits
from training.frames import _is_photograph

EDITS = sorted(
    name
    for name, found in vars(edits).items()
    if callable(found) and getattr(found, "__module__", "") == edits.__name__ and not name.startswith("_")
)
OF_TWO = {"edited", "inset", "blended"}


def picture(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    """Blobs of several sizes and colours."""
    random = np.random.default_rng(seed)
    sides = (6, 8), (24, 32), (height, width)
    layers = [cv2.resize(random.uniform(0, 255, (*each, 3)).astype(np.float32), (width, height)) for each in sides]
    return np.clip(0.6 * layers[0] + 0.3 * layers[1] + 0.1 * layers[2], 0, 255).astype(np.uint8)


def edited(name: str, seed: int, of: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(seed)
    if name == "edited":
        return edits.edited(random, of, picture(99), strong=True)
    return getattr(edits, name)(random, of, *([picture(99)] if name in OF_TWO else []))


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("shape", [(180, 320), (320, 180), (97, 96)])
def test_each_gives_a_picture_that_the_seed_decides(name: str, shape: tuple[int, int]):
    given = picture(1, *shape)
    before = given.copy()
    for seed in range(5):
        one, two = (edited(name, seed, given) for _ in range(2))
        assert one.dtype == np.uint8
        assert (one.ndim, one.shape[2]) == (3, 3)
        assert min(one.shape[:2]) >= 16
        assert (one.shape == two.shape) and (one == two).all()
        assert one.shape != given.shape or (one != given).any() or name == "edited"
    assert (given == before).all()


def test_weak_edits_change_less_than_strong_ones():
    given = picture(1)

    def distance(strong: bool) -> float:
        made = (edits.edited(np.random.default_rng(seed), given, picture(2), strong=strong) for seed in range(60))
        return float(np.median([np.abs(cv2.resize(each, (320, 180)).astype(int) - given).mean() for each in made]))

    assert distance(strong=False) < distance(strong=True)


def test_icons_textures_and_cut_outs_are_no_photographs():
    random = np.random.default_rng(1)
    whole = picture(1, 240, 320)
    cut_out = np.dstack([whole, np.where(np.arange(320) < 200, 255, 0)[None].repeat(240, 0).astype(np.uint8)])
    opaque = np.dstack([whole, np.full((240, 320), 255, np.uint8)])
    texture = random.integers(0, 256, (240, 320, 3), np.uint8)
    found = [_is_photograph(each) for each in (whole, opaque, cut_out, texture, whole[:96, :96], whole[:, :100])]
    assert found == [True, True, False, False, False, False]
