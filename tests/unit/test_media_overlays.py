"""Overlays: what stays in place across cuts is masked, the footage is not."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fixtures import drawing
from verify.media.overlays import edges, free_masks, persisting

Grey = npt.NDArray[np.uint8]

LOGO = (slice(20, 60), slice(390, 460))
CAPTION = (slice(225, 255), slice(30, 330))


def shot(seed: int, frames: int = 1, *, marked: bool = True, darker: int = 1) -> Grey:
    """Last of the pictures of a scene, with a logo and a caption."""
    *_, picture = drawing.scene(seed, frames)
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) // darker, np.uint8)
    if marked:
        cv2.circle(grey, (425, 40), 18, 255, 3)
        cv2.putText(grey, "CHANNEL 20", (36, 250), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 240, 2)
    return grey


def covered(mask: Grey) -> float:
    return float((mask == 0).mean())


def outside(mask: Grey) -> float:
    """Share that is masked of what lies outside logo and caption."""
    rest = np.ones(mask.shape, bool)
    for part in (LOGO, CAPTION):
        rest[part] = False
    return float((mask[rest] == 0).mean())


@pytest.mark.parametrize("darker", [1, 8])
def test_logo_and_caption_are_masked_in_every_shot(darker: int):
    masks = free_masks([shot(seed, darker=darker) for seed in range(5)])
    for mask in masks:
        assert set(np.unique(mask)) == {0, 255}
        assert (mask[30:50, 410:440] == 0).mean() > 0.5
        assert (mask[232:248, 40:210] == 0).mean() > 0.7
        assert outside(mask) < 0.05


def test_a_caption_is_masked_in_the_shots_that_have_it():
    greys = [shot(seed, marked=seed >= 3) for seed in range(7)]
    masks = free_masks(greys)
    assert [(mask[232:248, 40:210] == 0).mean() > 0.7 for mask in masks] == [False] * 3 + [True] * 4


def test_footage_without_overlays_is_free():
    assert max(covered(mask) for mask in free_masks([shot(seed, marked=False) for seed in range(8)])) < 0.08


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_shots_than_a_run_have_no_masks(count: int):
    masks = free_masks([shot(seed) for seed in range(count)])
    assert len(masks) == count
    assert all((mask == 255).all() for mask in masks)


def test_one_scene_shown_again_and_again_is_no_overlay():
    masks = free_masks([shot(1)] * 4)
    assert all((mask == 255).all() for mask in masks)


def test_in_one_shot_what_stays_while_the_rest_moves_is_masked():
    mask = persisting([edges(shot(3, frames)) for frames in (1, 30, 60)], one_shot=True)
    assert (mask[30:50, 410:440] == 0).mean() > 0.8
    assert outside(mask) < 0.06


def test_in_one_shot_in_which_nothing_moves_nothing_is_masked():
    assert (persisting([edges(shot(3))] * 3, one_shot=True) == 255).all()
