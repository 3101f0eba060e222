"""Small grey pictures of decoded frames, on their time grid."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fixtures import drawing
from verify.media.luma import ProxySampler, luma_plane, reduced_luma

Grey = npt.NDArray[np.uint8]
PICTURE = next(drawing.scene(1, 1))


def frame(pixel_format: str = "yuv420p", size: tuple[int, int] = (480, 270)) -> av.VideoFrame:
    picture = cv2.resize(PICTURE, size, interpolation=cv2.INTER_AREA)
    return av.VideoFrame.from_ndarray(np.asarray(picture, np.uint8), format="bgr24").reformat(format=pixel_format)


def sampled(
    times_s: list[float], frames: list[Any] | None = None, side_px: int = 160, aspect: Fraction | None = None
) -> list[tuple[float, Grey]]:
    found: list[tuple[float, Grey]] = []
    stream: Any = SimpleNamespace(sample_aspect_ratio=aspect)
    sampler = ProxySampler(stream, side_px, 12.5, lambda time_s, picture: found.append((time_s, picture)))
    for number, time_s in enumerate(times_s):
        sampler.add(frames[number] if frames else frame(), time_s)
    return found


@pytest.mark.parametrize("pixel_format", ["yuv420p", "nv12", "gray"])
def test_the_luma_plane_is_the_picture(pixel_format: str):
    luma = luma_plane(frame(pixel_format))
    assert luma is not None
    assert luma.shape == (270, 480)
    grey = cv2.cvtColor(PICTURE, cv2.COLOR_BGR2GRAY).astype(float)
    assert np.corrcoef(luma.ravel(), grey.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "rgb24", "gray16le"])
def test_formats_without_such_a_plane_are_converted(pixel_format: str):
    assert luma_plane(frame(pixel_format)) is None
    small = reduced_luma(frame(pixel_format), 160, 90)
    plain = reduced_luma(frame("gray"), 160, 90)
    assert small.shape == (90, 160)
    assert np.corrcoef(small.ravel(), plain.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (640, 352), (481, 271), (160, 90), (100, 60)])
def test_halving_first_averages_all_the_same(size: tuple[int, int]):
    big = frame("gray", size)
    plane = luma_plane(big)
    assert plane is not None
    direct = cv2.resize(plane, (160, 90), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced_luma(big, 160, 90).astype(int) - direct).max() <= 2


def test_the_first_picture_at_or_after_each_grid_time_is_taken():
    times_s = [number / 25 for number in range(26)]
    assert [time_s for time_s, _ in sampled(times_s)] == pytest.approx(times_s[::2])
    thirtieths_s = [number / 30 for number in range(31)]
    taken = [time_s for time_s, _ in sampled(thirtieths_s)]
    assert taken == pytest.approx([number / 30 for number in (0, 3, 5, 8, 10, 12, 15, 17, 20, 22, 24, 27, 29)])


def test_sparse_pictures_are_all_taken_at_their_own_times():
    assert [time_s for time_s, _ in sampled([0.0, 0.5, 1.7, 1.72, 3.0])] == [0.0, 0.5, 1.7, 3.0]


def test_pixels_that_are_not_square_are_made_so():
    ((_, picture),) = sampled([0.0], [frame(size=(360, 288))], aspect=Fraction(64, 45))
    assert picture.shape == (90, 160)


class Turned:
    """A frame that its file says to turn; PyAV cannot make one."""

    def __init__(self, inner: av.VideoFrame, rotation: int) -> None:
        self._inner = inner
        self.rotation = rotation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_turned_pictures_are_set_upright():
    ((_, upright),) = sampled([0.0])
    ((_, turned),) = sampled([0.0], [Turned(frame(), 90)])
    assert turned.shape == (160, 90)
    assert (turned == np.rot90(upright)).all()


def test_all_pictures_have_the_size_of_the_first():
    pictures = sampled([0.0, 1.0, 2.0], [frame(), frame(size=(320, 320)), Turned(frame(), 90)])
    assert {picture.shape for _, picture in pictures} == {(90, 160)}
    assert all(picture.flags.c_contiguous for _, picture in pictures)
