"""Keypoints, their descriptors seen in a mirror or with reversed polarity, and their codes."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fixtures import drawing
from verify.fingerprint import local
from verify.fingerprint.local import Keypoints, detect, project, viewed, vocabulary

Grey = npt.NDArray[np.uint8]


def picture(seed: int, side_px: int = 512) -> Grey:
    grey = cv2.cvtColor(next(drawing.scene(seed, 1)), cv2.COLOR_BGR2GRAY)
    scale = side_px / max(grey.shape)
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def sky_with_a_speck() -> Grey:
    """A gradient over the whole range of grey levels, and on it something small and only a little darker."""
    sky = np.tile(np.linspace(0, 255, 512, dtype=np.float32), (288, 1))
    for x, y, radius in ((200, 100, 5), (214, 104, 3), (190, 108, 2)):
        cv2.circle(sky, (x, y), radius, float(sky[y, x] - 9), -1)
    return np.clip(np.rint(sky), 0, 255).astype(np.uint8)


def shared(one: Keypoints, other_points: npt.NDArray[np.float32], other_descriptors: npt.NDArray[np.uint8]) -> float:
    """Share of the keypoints of one that lie, within a pixel, where the other has one of almost equal descriptor."""
    found = 0
    for point, descriptor in zip(one.points, one.descriptors, strict=True):
        near = np.abs(other_points - point).max(axis=1) < 1
        differences = other_descriptors[near].astype(float) - descriptor
        found += bool(near.any() and ((differences**2).sum(axis=1) / local.DESCRIPTOR_LENGTH**2).min() < 0.05)
    return found / len(one)


# --- keypoints ------------------------------------------------------------------------------------------------------


def test_no_more_keypoints_than_asked_for_spread_over_the_picture():
    grey = picture(1)
    grey[:144, :256] = np.random.default_rng(1).integers(0, 256, (144, 256))
    found = detect(grey, keep=100)
    assert len(found) == len(found.descriptors) == 100
    assert (found.points.dtype, found.descriptors.dtype) == (np.float32, np.uint8)
    busy = (found.points[:, 0] < 256) & (found.points[:, 1] < 144)
    assert busy.mean() < 0.5


def test_descriptors_have_one_length():
    lengths = np.linalg.norm(detect(picture(1), keep=200).descriptors.astype(float), axis=1)
    assert lengths == pytest.approx(local.DESCRIPTOR_LENGTH, rel=0.02)


def test_overlays_get_no_keypoints_and_no_contrast():
    dark = (picture(1) // 16).astype(np.uint8)
    plain = detect(dark, keep=200)
    free = np.full(dark.shape, 255, np.uint8)
    free[10:60, 400:500] = 0
    with_logo = dark.copy()
    cv2.putText(with_logo, "LOGO", (402, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3)
    masked = detect(with_logo, free, keep=200)
    inside = (masked.points[:, 0] >= 400) & (masked.points[:, 0] < 500) & (masked.points[:, 1] < 60)
    assert not inside.any()
    assert shared(masked, plain.points, plain.descriptors) > 0.8
    assert len(masked) > 0.8 * len(plain)


@pytest.mark.parametrize("shape", [(288, 512), (2, 512), (512, 1), (2, 2), (1, 1)])
def test_nothing_to_see_gives_no_keypoints(shape: tuple[int, int]):
    found = detect(np.full(shape, 90, np.uint8), keep=100)
    assert (found.points.shape, found.descriptors.shape) == ((0, 2), (0, 128))
    assert project(found.descriptors).shape == (0, local.DIMENSIONS)


def test_all_covered_gives_no_keypoints():
    grey = picture(1)
    assert len(detect(grey, np.zeros_like(grey), keep=100)) == 0


def test_something_faint_in_an_empty_sky_is_found():
    found = detect(sky_with_a_speck(), keep=100)
    assert len(found) >= 3
    assert np.linalg.norm(found.points - (202, 104), axis=1).max() < 40


def test_points_are_those_of_the_picture_given_whatever_size_is_looked_at():
    grey = picture(2)
    whole = detect(grey, keep=400)
    reduced = detect(grey, keep=150, side_px=256)
    nearest = np.linalg.norm(reduced.points[:, None] - whole.points[None], axis=2).min(axis=1)
    assert np.median(nearest) < 1.5
    assert reduced.points[:, 0].max() > 400


def test_what_is_partly_covered_is_covered_at_another_size_too():
    grey = picture(2)
    free = np.full(grey.shape, 255, np.uint8)
    free[:, :257] = 0
    found = detect(grey, free, keep=150, side_px=256)
    assert len(found) > 20
    assert found.points[:, 0].min() >= 256


# --- views ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mirrored_view_is_what_the_mirrored_picture_gives(seed: int):
    grey = picture(seed)
    plain = detect(grey, keep=400)
    turned = detect(np.ascontiguousarray(grey[:, ::-1]), keep=400)
    points = np.stack([511 - plain.points[:, 0], plain.points[:, 1]], axis=1)
    assert shared(turned, points, viewed(plain.descriptors, mirrored=True)) > 0.85
    assert shared(turned, points, plain.descriptors) < 0.1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_inverted_view_is_what_the_inverted_picture_gives(seed: int):
    grey = picture(seed)
    plain = detect(grey, keep=400)
    inverted = detect(255 - grey, keep=400)
    assert shared(inverted, plain.points, viewed(plain.descriptors, inverted=True)) > 0.85
    assert shared(inverted, plain.points, plain.descriptors) < 0.1


def test_both_views_at_once():
    grey = picture(4)
    plain = detect(grey, keep=400)
    both = detect(np.ascontiguousarray(255 - grey[:, ::-1]), keep=400)
    points = np.stack([511 - plain.points[:, 0], plain.points[:, 1]], axis=1)
    assert shared(both, points, viewed(plain.descriptors, mirrored=True, inverted=True)) > 0.8


def test_views_undo_themselves():
    descriptors = detect(picture(5), keep=50).descriptors
    for view in ({"mirrored": True}, {"inverted": True}, {"mirrored": True, "inverted": True}, {}):
        assert (viewed(viewed(descriptors, **view), **view) == descriptors).all()


# --- codes ----------------------------------------------------------------------------------------------------------


def test_vocabulary_is_whole_and_cannot_be_changed():
    words = vocabulary()
    assert (words.mean.shape, words.projection.shape) == ((128,), (128, local.DIMENSIONS))
    assert words.centroids.shape == (4096, local.DIMENSIONS)
    assert words.projection.T @ words.projection == pytest.approx(np.eye(local.DIMENSIONS), abs=1e-4)
    assert np.abs(words.centroids).max() <= 127
    with pytest.raises(ValueError, match="read-only"):
        words.mean[0] = 1


def test_distances_of_codes_are_those_of_descriptors():
    descriptors = np.concatenate([detect(picture(seed), keep=200).descriptors for seed in (1, 2, 3)])
    codes = project(descriptors)
    assert codes.dtype == np.int8
    one, other = np.random.default_rng(1).integers(0, len(codes), (2, 2000))
    exact = ((descriptors[one].astype(float) - descriptors[other]) ** 2).sum(axis=1) / local.DESCRIPTOR_LENGTH**2
    coded = ((codes[one].astype(float) - codes[other]) ** 2).sum(axis=1) / vocabulary().scale ** 2
    assert np.corrcoef(exact, coded)[0, 1] > 0.97
    assert (coded <= exact + 0.01).all()


def test_codes_use_their_range_and_are_hardly_ever_clipped():
    codes = project(detect(picture(6), keep=300).descriptors)
    assert np.abs(codes).max() > 60
    assert (np.abs(codes) == 127).mean() < 0.001
