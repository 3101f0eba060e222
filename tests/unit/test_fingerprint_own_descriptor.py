"""The program's own descriptor: what it gives for rendered pictures, and what it sees through."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from fixtures import drawing
from verify.fingerprint.learned import OWN_MODEL, Descriptor

SCENES = 12
#: The first numbers of the vectors of three rendered pictures; another build of onnxruntime may round otherwise.
PINNED = {
    1: (0.051, 0.134, 0.105, -0.089, 0.046, 0.05, -0.035, -0.007),
    2: (0.06, 0.111, 0.053, 0.02, 0.027, 0.052, 0.029, -0.034),
    3: (0.021, 0.176, 0.054, -0.073, 0.038, 0.031, 0.103, -0.016),
}
TOLERANCE = 0.01


@pytest.fixture(scope="module")
def own() -> Descriptor:
    return Descriptor(OWN_MODEL)


def picture(seed: int) -> np.ndarray:
    """The first picture of a rendered scene, (270, 480, 3) uint8 BGR."""
    return next(drawing.scene(seed, 1))


def vectors(own: Descriptor, pictures: list[np.ndarray]) -> np.ndarray:
    return own.describe(pictures).astype(np.float64)


def test_file_is_small_and_gives_256_numbers(own: Descriptor):
    assert OWN_MODEL.stat().st_size <= 8_000_000
    assert own.dimensions == 256


@pytest.mark.parametrize("seed", PINNED)
def test_output_is_what_it_was(own: Descriptor, seed: int):
    (found,) = vectors(own, [picture(seed)])
    assert found[:8] == pytest.approx(PINNED[seed], abs=TOLERANCE)


def darkened(shown: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 2, shown.shape)
    return np.clip(shown * 0.25 + noise, 0, 255).astype(np.uint8)


#: What is done to drawn pictures, which it has not learned from, and the least share that stays nearest to itself.
EDITS = {
    "encoded badly": (lambda shown: cv2.imdecode(cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 12])[1], 1), 1),
    "cropped": (lambda shown: np.ascontiguousarray(shown[40:230, 70:410]), 0.7),
    "blurred": (lambda shown: cv2.GaussianBlur(shown, (0, 0), 4), 1),
    "grey": (lambda shown: cv2.cvtColor(cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), 0.7),
    "darkened": (darkened, 0.5),
    "letterboxed": (lambda shown: cv2.copyMakeBorder(shown, 45, 45, 0, 0, cv2.BORDER_CONSTANT), 1),
}


@pytest.mark.parametrize(("edit", "least"), EDITS.values(), ids=EDITS)
def test_edited_picture_is_nearest_to_itself(own: Descriptor, edit: Callable[[np.ndarray], np.ndarray], least: float):
    plain = vectors(own, [picture(seed) for seed in range(SCENES)])
    cosines = vectors(own, [np.asarray(edit(picture(seed)), np.uint8) for seed in range(SCENES)]) @ plain.T
    assert (cosines.argmax(axis=1) == np.arange(SCENES)).mean() >= least
