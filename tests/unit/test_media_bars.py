"""Bars around a picture: found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.fingerprint_samples import grey_picture
from verify.media.bars import Bars, find_bars

HEIGHT, WIDTH = 288, 512
#: A cut may go this much into the picture, never leave a line of the bar in it.
INTO_PICTURE_PX = 2


def framed(seed: int, *, rows: int = 0, columns: int = 0, level: int = 0) -> np.ndarray:
    """Put a picture between bars; sizes stay 288 x 512."""
    picture = grey_picture(seed, HEIGHT - 2 * rows, WIDTH - 2 * columns)
    return np.pad(picture, ((rows, rows), (columns, columns)), constant_values=level)


def assert_bars(bars: Bars, *, rows: int, columns: int) -> None:
    for found, expected in ((bars.top, rows), (bars.bottom, rows), (bars.left, columns), (bars.right, columns)):
        assert expected <= found <= expected + (INTO_PICTURE_PX if expected else 0), bars


@pytest.mark.parametrize("level", [0, 12, 16])
@pytest.mark.parametrize(("rows", "columns"), [(36, 0), (0, 64), (60, 0), (0, 98), (20, 40)])
def test_black_bars_of_every_kind(rows: int, columns: int, level: int):
    pictures = [framed(seed, rows=rows, columns=columns, level=level) for seed in range(1, 6)]
    assert_bars(find_bars(pictures), rows=rows, columns=columns)


def test_noise_of_compression_in_the_bars():
    generator = np.random.default_rng(1)
    pictures = [framed(seed, rows=36) + generator.integers(0, 3, (HEIGHT, WIDTH), np.uint8) for seed in range(1, 6)]
    assert_bars(find_bars([np.clip(picture, 0, 255) for picture in pictures]), rows=36, columns=0)


@pytest.mark.parametrize("where", ["top", "bottom"])
def test_logo_in_a_bar_does_not_hide_it(where: str):
    pictures = [framed(seed, rows=36) for seed in range(1, 6)]
    for picture in pictures:
        first = 8 if where == "top" else HEIGHT - 28
        picture[first : first + 20, 400:480] = 255
    assert_bars(find_bars(pictures), rows=36, columns=0)


def test_logo_in_a_bar_at_the_side():
    pictures = [framed(seed, columns=64) for seed in range(1, 6)]
    for picture in pictures:
        picture[10:50, 8:56] = 240
    assert_bars(find_bars(pictures), rows=0, columns=64)


def test_bar_on_one_side_only():
    picture = grey_picture(4, HEIGHT, WIDTH)
    picture[-30:] = 0
    bars = find_bars([picture])
    assert (bars.top, bars.left, bars.right) == (0, 0, 0)
    assert 30 <= bars.bottom <= 32


@pytest.mark.parametrize("level", [0, 20, 128, 255])
def test_uniform_picture_has_no_bars(level: int):
    assert find_bars([np.full((HEIGHT, WIDTH), level, np.uint8)] * 3) == Bars()


@pytest.mark.parametrize("seed", range(6))
def test_full_picture_has_no_bars(seed: int):
    assert find_bars([grey_picture(seed, HEIGHT, WIDTH)] * 3) == Bars()


def test_dark_edge_of_a_night_scene_is_no_bar():
    light = np.clip((np.arange(HEIGHT)[:, None] - 40) / 240, 0.0, 1.0)
    pictures = [(grey_picture(seed, HEIGHT, WIDTH) * light).astype(np.uint8) for seed in range(1, 6)]
    assert pictures[0][:30].max() == 0
    assert find_bars(pictures) == Bars()
    sideways = [np.ascontiguousarray(np.rot90(picture)) for picture in pictures]
    assert find_bars(sideways) == Bars()


@pytest.mark.parametrize(("rows", "columns"), [(130, 0), (0, 230)])
def test_bar_that_would_leave_next_to_nothing_is_none(rows: int, columns: int):
    assert find_bars([framed(seed, rows=rows, columns=columns) for seed in range(1, 4)]) == Bars()


def test_hairline_is_no_bar():
    assert find_bars([framed(seed, rows=2) for seed in range(1, 4)]) == Bars()


def test_bar_that_comes_and_goes_is_none():
    pictures = [framed(seed, rows=36) for seed in range(1, 4)]
    pictures[1] = grey_picture(2, HEIGHT, WIDTH)
    assert find_bars(pictures) == Bars()


@pytest.mark.parametrize("shape", [(2, 512), (4, 512), (9, 512), (512, 3), (12, 12), (1, 1)])
def test_picture_with_no_room_for_bars(shape: tuple[int, int]):
    picture = np.zeros(shape, np.uint8)
    picture[shape[0] // 4 : shape[0] - shape[0] // 4 or 1] = 200
    assert find_bars([picture]) == Bars()
