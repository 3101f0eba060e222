"""Still pictures made of frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.unit.fingerprint_samples import grey_picture
from verify.media.pictures import encode_jpeg, reduced


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((288, 512), (144, 256)), ((512, 288), (256, 144)), ((10, 512), (5, 256)), ((1, 512), (1, 256))],
)
def test_longer_side_is_as_asked(shape: tuple[int, int], expected: tuple[int, int]):
    assert reduced(np.zeros((*shape, 3), np.uint8), 256).shape == (*expected, 3)


def test_jpeg_shows_the_picture():
    picture = np.dstack([grey_picture(seed, 144, 256) for seed in (1, 2, 3)])
    shown = cv2.imdecode(np.frombuffer(encode_jpeg(picture, 95), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == picture.shape
    assert np.abs(shown.astype(int) - picture).mean() < 8
    assert len(encode_jpeg(picture, 40)) < len(encode_jpeg(picture, 95))


def test_picture_that_cannot_be_encoded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(ValueError, match="JPEG"):
        encode_jpeg(np.zeros((8, 8, 3), np.uint8), 80)
