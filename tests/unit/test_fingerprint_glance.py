"""What a picture or clip is searched by, and which files are pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from fixtures import drawing
from verify.errors import UnreadableMediaError
from verify.fingerprint.fingerprinter import QUERY_VIEWS
from verify.fingerprint.glance import _Described, glance_at
from verify.fingerprint.learned import VIEWS
from verify.media.reader import read_picture
from verify.media.stills import is_picture, picture_kind
from verify.model import SampledFrame, SilentProgress, Transform

if TYPE_CHECKING:
    from verify.fingerprint.learned import Descriptor

PICTURE = next(drawing.scene(1, 1))


class CountingDescriptor:
    """Gives vectors that say how often it was asked."""

    sha256, dimensions = "0" * 64, 2

    def __init__(self) -> None:
        self.asked = 0

    def describe_views(self, picture: Any, *, with_inverted: bool) -> np.ndarray[Any, Any]:
        assert with_inverted
        self.asked += 1
        return np.full((len(VIEWS), 2), self.asked, np.float16)


def counting() -> Descriptor:
    descriptor: Any = CountingDescriptor()
    return descriptor


def frame(time_s: float, *, starts_shot: bool = False) -> SampledFrame:
    return SampledFrame(pts=0, time_base=Fraction(1, 1000), time_s=time_s, pixels_bgr=PICTURE, starts_shot=starts_shot)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "png"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "webp"),
        (b"RIFF\x10\x00\x00\x00AVI LIST", None),
        (b"\x89PNG", None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_kinds_are_told_by_the_first_bytes(head: bytes, kind: str | None, tmp_path: Path):
    assert picture_kind(head) == kind
    path = tmp_path / "a"
    path.write_bytes(head)
    assert is_picture(path) is (kind is not None)
    assert not is_picture(tmp_path / "none")
    assert not is_picture(tmp_path)


def test_about_one_picture_a_second_is_described_and_the_first_of_every_shot():
    described = _Described(counting())
    for step in range(25):
        described.add(frame(step / 8, starts_shot=step == 12))
    glance = described.glance({}, of_picture=False)
    assert glance.described_s.tolist() == [0.0, 1.0, 1.5, 2.5]
    assert glance.vectors is not None
    assert glance.vectors.shape == (4, 4, 2)
    assert glance.vectors[:, 0, 0].tolist() == [1, 2, 3, 4]
    without = _Described(None)
    without.add(frame(0.0))
    assert without.glance({}, of_picture=False).vectors is None


def test_a_picture_is_a_frame_of_canonical_size(tmp_path: Path):
    path = tmp_path / "picture.png"
    assert cv2.imwrite(str(path), cv2.resize(PICTURE, (1600, 800)))
    found = read_picture(path)
    assert (found.time_s, found.pixels_bgr.shape) == (0.0, (256, 512, 3))
    glance = glance_at(path, SilentProgress(), counting())
    assert glance.is_picture
    assert list(glance.fingerprints) == [view for view in QUERY_VIEWS if not view.bars_removed]
    assert glance.fingerprints[Transform()]["pdq"].codes.shape == (1, 32)
    assert glance.described_s.tolist() == [0.0]


def test_a_clip_is_sampled_as_a_release_is(brief: Path):
    glance = glance_at(brief, SilentProgress())
    assert not glance.is_picture
    assert len(glance.fingerprints[Transform()]["pdq"].times_s) == 8
    assert (glance.vectors, len(glance.described_s)) == (None, 0)


def test_what_is_no_picture(brief: Path, tmp_path: Path):
    with pytest.raises(UnreadableMediaError, match=r"no still picture that can be read: JPEG, PNG or WebP"):
        read_picture(brief)
    with pytest.raises(UnreadableMediaError, match="there is no such file"):
        read_picture(tmp_path / "none.png")
