"""A field exercise by day: trucks on a track with their dust, two columns of smoke, a windsock, a hand-held camera."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.demo.scenes import paint
from verify.demo.scenes.paint import (
    FRAMES_PER_SECOND,
    SOFT_WIDTH_PX,
    WORLD_HEIGHT_PX,
    WORLD_WIDTH_PX,
    Camera,
    Ground,
    wander,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.demo.scenes.paint import Colour, Frame, Point

_SEED = 6300
_HORIZON_PX = 300
_GREENS: tuple[Colour, ...] = ((62, 84, 74), (56, 92, 88), (72, 98, 92), (48, 74, 62))


def exercise(frames: int) -> Iterator[Frame]:
    """Yield the pictures of the scene, (540, 960, 3) uint8, BGR."""
    sky = paint.gradient(_HORIZON_PX // 2, ((0, (206, 164, 116)), (0.7, (226, 204, 176)), (1, (214, 218, 214))))
    cover = paint.clouds(_SEED + 1, _HORIZON_PX // 2, 0.5)
    field = _field()
    hills, covered = _hills()
    camera = Camera(_SEED + 2, drift_px=62, tremble_px=3.4, zoom=0.05)
    for number in range(frames):
        time_s = number / FRAMES_PER_SECOND
        above = paint.mixed(sky, (246, 244, 242), 0.85 * paint.drifted(cover, 15 + 6 * time_s))
        world = paint.enlarged(np.concatenate([above, field]))
        top = _HORIZON_PX + 8 - hills.shape[0]
        cv2.copyTo(hills, covered, world[top : top + hills.shape[0]])
        _smoke(world, (300, 322), (120, 124, 128), time_s, _SEED + 300)
        _smoke(world, (812, 330), (44, 118, 226), time_s, _SEED + 500)
        _windsock(world, time_s)
        for index in range(3):
            _truck(world, index, time_s)
        _grass(world, time_s)
        yield camera.shown(world, time_s)


def _field() -> paint.Plane:
    """Paint the grass, with the track that the trucks follow."""
    height = (WORLD_HEIGHT_PX - _HORIZON_PX) // 2
    ground = Ground(height)
    base = paint.gradient(height, ((0, (120, 158, 150)), (0.3, (78, 138, 132)), (1, (48, 98, 96))))
    tufts = ground.look(paint.tile(_SEED + 3, 12), 60, 8000, (0, 0)) - 0.5
    blades = paint.noise(_SEED + 4, height, SOFT_WIDTH_PX, ((9, 4, 0.6), (4, 2, 0.7)))[..., None] - 0.5
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(SOFT_WIDTH_PX, dtype=np.float32)[None, :]
    middle = 62 + 7 * np.sin(columns / 70) + 4 * np.sin(columns / 23)
    track = np.exp(-(((rows - middle) / 11) ** 2)) * (0.75 + 0.25 * np.sin(columns / 5 + rows / 3))
    return paint.mixed(
        base + 70 * tufts[..., None] + 42 * blades, (134, 168, 190), np.clip(track, 0, 1).astype(np.float32)
    )


def _hills() -> tuple[Frame, Frame]:
    """Paint two ridges and a line of trees; returns the picture, and where it covers what is behind."""
    height = 170
    land, covered = np.zeros((height, WORLD_WIDTH_PX, 3), np.uint8), np.zeros((height, WORLD_WIDTH_PX, 3), np.uint8)
    for layer, (colour, base, swing) in enumerate((((176, 164, 142), 70, 96), ((126, 142, 116), 34, 70))):
        ridge = paint.noise(_SEED + 20 + layer, 1, WORLD_WIDTH_PX, ((170, 1, 1.0), (60, 1, 0.4), (17, 1, 0.1)))[0]
        tops = height - base - swing * (ridge - 0.3)
        outline = [(0.0, float(height)), *((float(x), float(tops[x])) for x in range(0, WORLD_WIDTH_PX, 4))]
        for picture, tone in ((land, colour), (covered, (255, 255, 255))):
            paint.polygon(picture, [*outline, (float(WORLD_WIDTH_PX), float(height))], tone)
    relief = paint.noise(_SEED + 25, height, WORLD_WIDTH_PX, ((60, 18, 0.8), (18, 8, 0.5), (6, 4, 0.3)))
    land[:] = np.clip(land * (0.8 + 0.4 * relief[..., None]), 0, 255).astype(np.uint8)
    generator = np.random.default_rng(_SEED + 26)
    for _ in range(420):
        x, size = generator.uniform(0, WORLD_WIDTH_PX), generator.uniform(4, 11)
        y = height - 7 - size * generator.uniform(0.2, 1.4)
        shade = generator.uniform(0.7, 1.15)
        paint.disc(land, (x, y), size, (int(58 * shade), int(92 * shade), int(74 * shade)))
        paint.disc(covered, (x, y), size, (255, 255, 255))
    return land, (covered[..., 0] > 250).astype(np.uint8)


def _smoke(world: Frame, source: Point, colour: Colour, time_s: float, seed: int) -> None:
    """Let a column of smoke rise, turn in the wind and thin out."""
    (x, y), life_s = source, 8.0
    wind = 13 + 9 * wander(seed, 0.6).at(time_s)
    puffs = []
    for index in range(44):
        age = (time_s + life_s * index / 44) % life_s
        born = time_s - age
        turn = 15 * wander(seed + 1 + index % 9, 1.5).at(time_s + 0.37 * index) * (age / life_s)
        rise = 30 * age + 6 * wander(seed + 20, 1.2).at(born) - 0.9 * age * age
        puffs.append(
            (age, x + wind * age + turn, y - rise + 0.6 * turn, 0.85 + 0.3 * wander(seed + 40 + index % 7).at(born))
        )
    for age, left, top, size in sorted(puffs, reverse=True):
        light = 0.86 + 0.05 * age
        shade = (min(255, int(colour[0] * light)), min(255, int(colour[1] * light)), min(255, int(colour[2] * light)))
        paint.puff(world, (left, top), (10 + 8.0 * age) * size, shade, 0.72 * (1 - age / life_s) + 0.03)


def _windsock(world: Frame, time_s: float) -> None:
    paint.line(world, (520, 372), (520, 262), (80, 84, 92), 3)
    gust = 2 * wander(_SEED + 60).at(time_s)
    rings = []
    for part in range(6):
        x = 522.0 + 13 * part
        y = 270 + 2.2 * part * (1 - 0.4 * gust) + 4 * math.sin(7 * time_s - 0.9 * part + gust) * part / 5
        rings.append(((x, y - 11 + 1.3 * part), (x, y + 11 - 1.3 * part)))
    for part, (near, far) in enumerate(itertools.pairwise(rings)):
        paint.polygon(world, (*near, *reversed(far)), (236, 238, 240) if part % 2 else (54, 120, 236))


def _truck(world: Frame, index: int, time_s: float) -> None:
    """Draw a truck on the track, with the dust behind it."""
    seed = _SEED + 700 + 20 * index
    way = (46 + 7 * index) * time_s + 46 * wander(seed, 0.45).at(time_s) + 440 * index
    x = way % 1500 - 240
    bounce = 2.2 * wander(seed + 1, 5.0).at(time_s)
    y = 2 * (62 + 7 * math.sin(x / 140)) + _HORIZON_PX + 14 + bounce
    for step in range(10):
        age = (1.7 * time_s + step / 2.5) % 4
        lag = 40 * age + 12 * wander(seed + 2 + step % 5, 1.1).at(time_s - age)
        paint.puff(world, (x - 8 - lag, y - 6 - 9 * age), 12 + 11 * age, (150, 182, 204), 0.6 - 0.14 * age)
    green = _GREENS[index % len(_GREENS)]
    dark = (green[0] - 18, green[1] - 20, green[2] - 20)
    paint.polygon(
        world,
        ((x, y - 16), (x, y - 62), (x + 12, y - 70), (x + 92, y - 70), (x + 100, y - 60), (x + 100, y - 16)),
        green,
    )
    for rib in range(4):
        paint.line(world, (x + 16 + 24 * rib, y - 69), (x + 16 + 24 * rib, y - 24), dark, 2)
    paint.polygon(
        world,
        (
            (x + 104, y - 14),
            (x + 104, y - 54),
            (x + 124, y - 54),
            (x + 136, y - 34),
            (x + 150, y - 32),
            (x + 150, y - 14),
        ),
        green,
    )
    paint.polygon(world, ((x + 110, y - 36), (x + 110, y - 50), (x + 122, y - 50), (x + 130, y - 36)), (196, 190, 160))
    paint.box(world, (x, y - 18), (152, 7), dark)
    for wheel in (18, 44, 130):
        paint.disc(world, (x + wheel, y - 8), 12, (40, 40, 44))
        turn = way / 12
        paint.disc(world, (x + wheel, y - 8), 5, (98, 104, 108))
        spoke = (x + wheel + 9 * math.cos(turn), y - 8 + 9 * math.sin(turn))
        paint.line(world, (x + wheel, y - 8), spoke, (128, 134, 138), 2)


def _grass(world: Frame, time_s: float) -> None:
    """Draw blades in front, which bend in the wind."""
    generator = np.random.default_rng(_SEED + 800)
    for index in range(210):
        x, size = generator.uniform(0, WORLD_WIDTH_PX), generator.uniform(26, 74)
        shade = generator.uniform(0.6, 1.1)
        bend = 12 * wander(_SEED + 801 + index % 13, 1.2).at(time_s - x / 300) + 3 * math.sin(5 * time_s + index)
        foot, tip = (x, WORLD_HEIGHT_PX + 6), (x + bend * size / 40 + 4, WORLD_HEIGHT_PX - size)
        paint.polygon(
            world,
            ((foot[0] - 3, foot[1]), tip, (foot[0] + 3, foot[1])),
            (int(46 * shade), int(104 * shade), int(92 * shade)),
        )
