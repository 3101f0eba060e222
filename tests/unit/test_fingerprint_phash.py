"""pHash: the code is imagehash's own."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from tests.unit.fingerprint_samples import grey_picture
from verify.fingerprint import phash


@pytest.mark.parametrize("shape", [(288, 512), (512, 288), (512, 512), (213, 512), (130, 97), (40, 512)])
def test_code_is_imagehash_of_the_reduced_picture(shape: tuple[int, int]):
    for seed in range(8):
        picture = grey_picture(seed, *shape)
        reduced = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        expected = imagehash.phash(Image.fromarray(reduced))
        assert np.unpackbits(phash.encode(picture).bits).tolist() == expected.hash.ravel().tolist()


@pytest.mark.parametrize("shape", [(288, 512), (512, 288), (512, 512)])
def test_code_is_close_to_imagehash_of_the_whole_picture(shape: tuple[int, int]):
    for seed in range(8):
        picture = grey_picture(seed, *shape)
        expected = np.packbits(imagehash.phash(Image.fromarray(picture)).hash.ravel())
        assert np.bitwise_count(phash.encode(picture).bits ^ expected).sum() <= 4


def test_quality_follows_the_spread_of_grey_levels():
    textured = grey_picture(1, 288, 512)
    faint = (textured // 16 + 100).astype(np.uint8)
    assert phash.encode(np.full((288, 512), 90, np.uint8)).quality == 0.0
    assert 0.0 < phash.encode(faint).quality < 0.2 < phash.encode(textured).quality <= 1.0


@pytest.mark.parametrize("shape", [(3, 512), (512, 2), (1, 1), (0, 512)])
def test_picture_too_narrow_to_reduce_has_no_quality(shape: tuple[int, int]):
    found = phash.encode(np.full(shape, 200, np.uint8))
    assert (found.quality, found.bits.tobytes()) == (0.0, bytes(8))
