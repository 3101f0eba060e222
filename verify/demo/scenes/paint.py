"""Brushes that the scenes share: noise, skies, surfaces seen at a slant, soft spots, and a hand-held camera.

Colours are blue, green, red in 0..255. Everything follows from seeds: a scene is the same each time it is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Frame = npt.NDArray[np.uint8]
    Plane = npt.NDArray[np.float32]

FRAMES_PER_SECOND = 25
WIDTH_PX, HEIGHT_PX = 960, 540
#: What is painted is larger than what is shown, so that the camera can move.
WORLD_WIDTH_PX, WORLD_HEIGHT_PX = 1120, 632
#: Skies and surfaces are soft: they are painted at half the world's size and enlarged.
SOFT_WIDTH_PX = WORLD_WIDTH_PX // 2
_SHIFT = 4
_TILE_PX = 512

Colour = tuple[int, int, int]
Point = tuple[float, float]


def noise(seed: int, height_px: int, width_px: int, grains: Sequence[tuple[float, float, float]]) -> Plane:
    """Draw soft noise, (height, width) float32 in 0..1: for each grain its width and height in px and its strength."""
    generator = np.random.default_rng(seed)
    total = np.zeros((height_px, width_px), np.float32)
    for wide, high, strength in grains:
        rows, columns = (math.ceil(size / grain) + 3 for size, grain in ((height_px, high), (width_px, wide)))
        coarse = generator.uniform(-1, 1, (rows, columns)).astype(np.float32)
        large = cv2.resize(coarse, None, fx=wide, fy=high, interpolation=cv2.INTER_CUBIC)
        top, left = int(high), int(wide)
        total += strength * large[top : top + height_px, left : left + width_px]
    low, high_level = float(total.min()), float(total.max())
    return (total - low) / max(high_level - low, 1e-6)


@cache
def tile(seed: int, grain: float) -> Plane:
    """Draw noise of 512 x 512 px that joins itself at all borders; `grain` is its width in px."""
    generator = np.random.default_rng(seed)
    white = generator.normal(size=(_TILE_PX, _TILE_PX))
    waves = np.fft.fftfreq(_TILE_PX)
    distance = np.hypot(waves[:, None], waves[None, :]) * grain
    soft = np.fft.ifft2(np.fft.fft2(white) * np.exp(-((distance * 1.6) ** 2))).real
    soft = (soft - soft.mean()) / soft.std()
    return np.asarray(np.clip(0.5 + 0.22 * soft, 0, 1), np.float32)


def gradient(height_px: int, stops: Sequence[tuple[float, Colour]], width_px: int = SOFT_WIDTH_PX) -> Plane:
    """Paint a vertical gradient, (height, width, 3) float32, through colours at shares of its height."""
    rows = np.linspace(0, 1, height_px)
    shares = [share for share, _ in stops]
    column = np.stack([np.interp(rows, shares, [colour[band] for _, colour in stops]) for band in range(3)], axis=1)
    return np.repeat(column[:, None, :], width_px, axis=1).astype(np.float32)


def mixed(below: Plane, above: Plane | Colour, share: Plane) -> Plane:
    """Lay one picture over another; `share` (height, width) in 0..1 says how much of the upper one shows."""
    weight = share[..., None]
    return np.asarray(below + weight * (np.asarray(above, np.float32) - below), np.float32)


def finished(picture: Plane) -> Frame:
    """Bring a picture into whole numbers."""
    return np.clip(picture, 0, 255).astype(np.uint8)


def enlarged(picture: Plane) -> Frame:
    """Bring what was painted at half size to the world's, in whole numbers."""
    height, width = picture.shape[:2]
    return cv2.resize(finished(picture), (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR).astype(
        np.uint8, copy=False
    )


def clouds(seed: int, height_px: int, threshold: float = 0.5) -> Plane:
    """Draw the share of cloud in a sky at half size, wider than the world by half, so that it can drift."""
    grains = ((130, 35, 1.0), (55, 17, 0.6), (23, 8, 0.3), (9, 4, 0.12))
    field = noise(seed, height_px, SOFT_WIDTH_PX * 3 // 2, grains)
    return np.asarray(np.clip((field - threshold) / (1 - threshold) * 1.7, 0, 1), np.float32)


def drifted(layer: Plane, shift_px: float) -> Plane:
    """Show the part of a wide layer that begins `shift_px` from its left, in px of half size."""
    move = np.array([[1, 0, -(shift_px % (layer.shape[1] - SOFT_WIDTH_PX))], [0, 1, 0]], np.float32)
    return cv2.warpAffine(layer, move, (SOFT_WIDTH_PX, layer.shape[0])).astype(np.float32, copy=False)


class Ground:
    """A surface seen at a slant, from the horizon down: water, grass, wheat. All at half size.

    Parameters
    ----------
    height_px
        Rows from the horizon to the bottom of the world.
    tilt
        Rows that the horizon lies above the surface's first row; smaller is flatter.
    """

    def __init__(self, height_px: int, tilt: float = 6.0) -> None:
        depth = 1.0 / (np.arange(height_px, dtype=np.float32) + tilt)
        columns = np.arange(SOFT_WIDTH_PX, dtype=np.float32) - SOFT_WIDTH_PX / 2
        self._across = columns[None, :] * depth[:, None]
        self._along = np.repeat(depth[:, None], SOFT_WIDTH_PX, axis=1)

    def look(self, pattern: Plane, wide: float, along: float, move: Point) -> Plane:
        """Lay a tile on the surface, `wide` and `along` times its size, shifted by `move` in px of the tile."""
        u, v = self._across * wide + move[0], self._along * along + move[1]
        seen = cv2.remap(pattern, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        return seen.astype(np.float32, copy=False)


def polygon(picture: Frame, points: Sequence[Point], colour: Colour) -> None:
    """Fill a polygon with smooth borders; points are x, y in px."""
    corners = np.round(np.asarray(points, np.float64) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(picture, [corners], colour, cv2.LINE_AA, _SHIFT)


def box(picture: Frame, corner: Point, size: tuple[float, float], colour: Colour) -> None:
    """Fill an upright rectangle with smooth borders, from its upper left corner on."""
    (left, top), (right, bottom) = corner, (corner[0] + size[0], corner[1] + size[1])
    polygon(picture, ((left, top), (right, top), (right, bottom), (left, bottom)), colour)


def line(picture: Frame, start: Point, end: Point, colour: Colour, thickness: int = 1) -> None:
    """Draw a smooth line."""
    ends = [tuple(round(value * (1 << _SHIFT)) for value in point) for point in (start, end)]
    cv2.line(picture, ends[0], ends[1], colour, thickness, cv2.LINE_AA, _SHIFT)


def disc(picture: Frame, centre: Point, radius: float, colour: Colour) -> None:
    """Fill a circle with a smooth border."""
    x, y, size = (round(value * (1 << _SHIFT)) for value in (*centre, radius))
    cv2.circle(picture, (x, y), size, colour, -1, cv2.LINE_AA, _SHIFT)


@cache
def _spot(diameter: int, hardness: float) -> Plane:
    offsets = np.linspace(-1, 1, diameter, dtype=np.float32)
    distance = np.hypot(offsets[:, None], offsets[None, :])
    return np.asarray(np.clip(1 - distance, 0, 1) ** hardness, np.float32)


def _window(picture: Frame, centre: Point, diameter: int) -> tuple[slice, slice, slice, slice] | None:
    """Rows and columns that a square around a point takes in the picture, and in the square; None outside."""
    top, left = round(centre[1]) - diameter // 2, round(centre[0]) - diameter // 2
    rows = slice(max(0, top), min(picture.shape[0], top + diameter))
    columns = slice(max(0, left), min(picture.shape[1], left + diameter))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    own = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    return rows, columns, *own


def glow(picture: Frame, centre: Point, radius: float, colour: Colour, strength: float = 1.0) -> None:
    """Add light around a point."""
    diameter = max(3, 2 * round(radius) + 1)
    if (window := _window(picture, centre, diameter)) is None:
        return
    rows, columns, own_rows, own_columns = window
    light = _spot(diameter, 2.4)[own_rows, own_columns, None] * (np.asarray(colour, np.float32) * strength)
    cv2.add(picture[rows, columns], light.astype(np.uint8), picture[rows, columns])


def puff(picture: Frame, centre: Point, radius: float, colour: Colour, share: float) -> None:
    """Lay a soft spot over the picture: a bit of smoke or dust."""
    diameter = max(3, 2 * round(radius) + 1)
    if (window := _window(picture, centre, diameter)) is None:
        return
    rows, columns, own_rows, own_columns = window
    # Shares of 127 keep the products within 16 bits, which is several times as fast as floating point.
    weight = (_spot(diameter, 1.3)[own_rows, own_columns, None] * (127 * share)).astype(np.int16)
    part = picture[rows, columns]
    difference = np.asarray(colour, np.int16) - part
    part[:] = part + (weight * difference >> 7)


class Wander:
    """A smooth value that never quite repeats: sums of waves of odd lengths, between about -1 and 1.

    Parameters
    ----------
    seed
        Chooses the waves.
    pace
        How fast they are; 1 stands for waves of 1 to 20 s.
    """

    def __init__(self, seed: int, pace: float = 1.0) -> None:
        generator = np.random.default_rng(seed)
        frequencies = generator.uniform(0.05, 0.9, 5)
        self._weights = 1 / (0.6 + frequencies)
        self._weights /= self._weights.sum()
        self._turns = 2 * math.pi * frequencies * pace
        self._phases = generator.uniform(0, 2 * math.pi, 5)

    def at(self, time_s: float) -> float:
        """Return the value at a time in seconds."""
        return float((self._weights * np.sin(self._turns * time_s + self._phases)).sum())


@cache
def wander(seed: int, pace: float = 1.0) -> Wander:
    """Return the wandering value of a seed, made once."""
    return Wander(seed, pace)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera held by hand: it drifts by up to `drift_px`, trembles by `tremble_px`, and zooms a little."""

    seed: int
    drift_px: float = 55.0
    tremble_px: float = 1.6
    zoom: float = 0.03

    def shown(self, world: Frame, time_s: float) -> Frame:
        """Return what the camera sees of the world, (540, 960, 3)."""
        slow = [wander(self.seed + index, 0.5).at(time_s) for index in range(3)]
        fast = [wander(self.seed + 10 + index, 6.0).at(time_s) for index in range(2)]
        scale = 1 + self.zoom * (1 + slow[2])
        left = (WORLD_WIDTH_PX - WIDTH_PX / scale) / 2 + self.drift_px * slow[0] + self.tremble_px * fast[0]
        top = (WORLD_HEIGHT_PX - HEIGHT_PX / scale) / 2 + 0.5 * self.drift_px * slow[1] + self.tremble_px * fast[1]
        look = np.array([[scale, 0, -scale * left], [0, scale, -scale * top]], np.float32)
        seen = cv2.warpAffine(world, look, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT_101)
        return seen.astype(np.uint8, copy=False)
