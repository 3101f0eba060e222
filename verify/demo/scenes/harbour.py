"""A harbour at dawn: cranes on a quay, ships of several kinds, gulls."""

from __future__ import annotations

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

    from verify.demo.scenes.paint import Colour, Frame, Plane

_HORIZON_PX = 292
_SEED = 4100
_CRATES: tuple[Colour, ...] = (
    (66, 92, 176),
    (150, 108, 52),
    (74, 140, 92),
    (58, 148, 206),
    (170, 160, 150),
    (50, 60, 130),
)
_SUN = (770, 262)


def harbour(frames: int) -> Iterator[Frame]:
    """Yield the pictures of the scene, (540, 960, 3) uint8, BGR."""
    sky, cover = _sky(), paint.clouds(_SEED, _HORIZON_PX // 2, 0.46)
    quay, covered = _coast()
    top = _HORIZON_PX - quay.shape[0] + 6
    water = Ground((WORLD_HEIGHT_PX - _HORIZON_PX) // 2)
    camera = Camera(_SEED + 1, drift_px=58)
    for number in range(frames):
        time_s = number / FRAMES_PER_SECOND
        share = paint.drifted(cover, 20 + 4 * time_s) * 0.75
        above = paint.mixed(sky, (196, 186, 236), share)
        world = paint.enlarged(np.concatenate([above, _sea(water, time_s)]))
        cv2.copyTo(quay, covered, world[top : top + quay.shape[0]])
        _fleet(world, time_s)
        _gulls(world, time_s)
        yield camera.shown(world, time_s)


def _sky() -> Plane:
    stops = ((0, (132, 96, 66)), (0.45, (188, 152, 132)), (0.8, (178, 190, 236)), (1, (150, 206, 250)))
    sky = paint.gradient(_HORIZON_PX // 2, stops)
    rows, columns = np.mgrid[0 : _HORIZON_PX // 2, 0:SOFT_WIDTH_PX].astype(np.float32)
    distance = np.hypot(2 * columns - _SUN[0], 2 * rows - _SUN[1])
    halo = np.exp(-distance / 120) * 0.8 + np.clip(24 - distance, 0, 1)
    return paint.mixed(sky, (206, 238, 255), np.clip(halo, 0, 1).astype(np.float32))


def _coast() -> tuple[Frame, Frame]:
    """Paint hills, warehouses and cranes above the water; returns the picture and where it covers what is behind."""
    height = 190
    land = np.zeros((height, WORLD_WIDTH_PX, 3), np.uint8)
    covered = np.zeros((height, WORLD_WIDTH_PX, 3), np.uint8)
    for layer, (colour, base, swing) in enumerate((((162, 138, 128), 92, 42), ((128, 106, 92), 60, 30))):
        ridge = paint.noise(_SEED + 20 + layer, 1, WORLD_WIDTH_PX, ((150, 1, 1.0), (50, 1, 0.35), (14, 1, 0.08)))[0]
        tops = height - base - swing * (ridge - 0.4)
        outline = [(0.0, float(height)), *((float(x), float(tops[x])) for x in range(0, WORLD_WIDTH_PX, 4))]
        outline.append((float(WORLD_WIDTH_PX), float(height)))
        paint.polygon(land, outline, colour)
        paint.polygon(covered, outline, (255, 255, 255))
    generator = np.random.default_rng(_SEED + 30)
    for picture, tone in ((land, None), (covered, (255, 255, 255))):
        state = generator.bit_generator.state
        _quay(picture, height, generator, tone)
        generator.bit_generator.state = state
    return land, (covered[..., 0] > 250).astype(np.uint8)


def _quay(picture: Frame, height: int, generator: np.random.Generator, tone: Colour | None) -> None:
    for left in range(20, 560, 62):
        wide, high = int(generator.integers(38, 58)), int(generator.integers(16, 34))
        shade = int(generator.integers(70, 120))
        paint.box(picture, (left, height - 8 - high), (wide, high), tone or (shade, shade - 8, shade - 14))
        for window in range(4, wide - 6, 9):
            lit = generator.random() < 0.4
            paint.box(
                picture, (left + window, height - high), (4, 4), tone or ((120, 190, 230) if lit else (60, 52, 48))
            )
    for row in range(4):
        for column in range(26):
            if generator.random() < 0.86 - 0.17 * row:
                crate = _CRATES[int(generator.integers(len(_CRATES)))]
                paint.box(picture, (585 + 17 * column, height - 16 - 8 * row), (16, 7), tone or crate)
    for left in (610, 742, 905):
        _crane(picture, left, height - 8, tone or (52, 66, 112))
    paint.box(picture, (0, height - 9), (WORLD_WIDTH_PX, 9), tone or (58, 54, 56))


def _crane(picture: Frame, left: float, foot: float, colour: Colour) -> None:
    paint.line(picture, (left, foot), (left + 8, foot - 96), colour, 3)
    paint.line(picture, (left + 40, foot), (left + 34, foot - 96), colour, 3)
    paint.line(picture, (left + 4, foot - 48), (left + 37, foot - 48), colour, 2)
    paint.line(picture, (left, foot), (left + 36, foot - 48), colour, 1)
    paint.line(picture, (left - 62, foot - 97), (left + 76, foot - 97), colour, 4)
    paint.line(picture, (left + 20, foot - 140), (left + 20, foot - 97), colour, 3)
    for end in (-60, 74):
        paint.line(picture, (left + 20, foot - 140), (left + end, foot - 98), colour, 1)


def _sea(water: Ground, time_s: float) -> Plane:
    stops = ((0, (158, 176, 214)), (0.12, (146, 140, 150)), (0.45, (118, 96, 78)), (1, (84, 62, 42)))
    base = paint.gradient((WORLD_HEIGHT_PX - _HORIZON_PX) // 2, stops)
    swell = water.look(paint.tile(_SEED + 2, 20), 70, 9000, (9 * time_s, 26 * time_s))
    chop = water.look(paint.tile(_SEED + 3, 8), 90, 10000, (-22 * time_s, 41 * time_s))
    rough = swell * 0.5 + chop * 0.5 - 0.5
    columns = 2 * np.arange(SOFT_WIDTH_PX, dtype=np.float32)
    path = np.exp(-(((columns - _SUN[0]) / 130) ** 2))[None, :].astype(np.float32)
    glint = np.clip((swell * chop - 0.27) * 5, 0, 1) * (0.12 + 0.88 * path)
    return paint.mixed(np.asarray(base + 110 * rough[..., None], np.float32), (190, 226, 255), glint)


def _fleet(world: Frame, time_s: float) -> None:
    _freighter(world, -90 + 15.5 * time_s + 6 * wander(_SEED + 40).at(time_s), 352, time_s)
    _sail(world, 905 - 12 * time_s + 10 * wander(_SEED + 41).at(time_s), 334, 0.62, time_s)
    _sail(world, 240 + 5 * time_s + 16 * wander(_SEED + 42).at(time_s), 420, 1.25, time_s + 2)
    _tug(world, 1010 - 27 * time_s + 24 * wander(_SEED + 43).at(time_s), 470, time_s)
    for index, (x, y) in enumerate(((330, 386), (690, 412), (840, 520), (150, 500))):
        bob = 3 * math.sin(1.9 * time_s + index)
        paint.polygon(
            world, ((x - 6, y + bob), (x + 6, y + bob), (x + 2, y - 20 + bob), (x - 2, y - 20 + bob)), (48, 60, 196)
        )


def _freighter(world: Frame, x: float, y: float, time_s: float) -> None:
    y += 1.5 * math.sin(0.9 * time_s)
    paint.polygon(world, ((x, y - 34), (x + 300, y - 34), (x + 328, y - 48), (x + 308, y), (x + 12, y)), (62, 44, 36))
    paint.polygon(world, ((x + 6, y - 11), (x + 313, y - 11), (x + 308, y), (x + 12, y)), (46, 46, 140))
    generator = np.random.default_rng(_SEED + 50)
    for column in range(15):
        for row in range(int(generator.integers(1, 5))):
            crate = _CRATES[int(generator.integers(len(_CRATES)))]
            paint.box(world, (x + 58 + 15.5 * column, y - 34 - 11 * (row + 1)), (14.5, 10), crate)
    paint.box(world, (x + 12, y - 92), (38, 58), (226, 228, 232))
    for row in range(4):
        paint.box(world, (x + 15, y - 86 + 13 * row), (32, 5), (98, 84, 72))
    paint.box(world, (x + 22, y - 116), (14, 24), (60, 70, 190))
    for index in range(7):
        age = (0.7 * time_s + index) % 7
        drift = 9 * age + 4 * wander(_SEED + 51 + index).at(time_s)
        paint.puff(world, (x + 28 - 2.4 * drift, y - 118 - 6 * age), 7 + 4 * age, (150, 146, 150), 0.5 - 0.065 * age)
    paint.line(world, (x - 60, y + 2), (x + 20, y), (214, 212, 214), 2)
    paint.line(world, (x - 110, y + 5), (x + 4, y + 3), (170, 166, 170), 1)


def _sail(world: Frame, x: float, y: float, size: float, time_s: float) -> None:
    lean = 7 * size * math.sin(0.8 * time_s)
    y += 2 * size * math.sin(1.4 * time_s)
    top = (x + lean, y - 92 * size)
    paint.polygon(world, (top, (x + 34 * size, y - 14 * size), (x + 2 * size, y - 12 * size)), (238, 240, 244))
    paint.polygon(world, (top, (x - 4 * size, y - 12 * size), (x - 30 * size, y - 10 * size)), (206, 216, 232))
    hull = (
        (x - 38 * size, y - 9 * size),
        (x + 42 * size, y - 11 * size),
        (x + 28 * size, y + 2 * size),
        (x - 30 * size, y + 2 * size),
    )
    paint.polygon(world, hull, (86, 62, 44))


def _tug(world: Frame, x: float, y: float, time_s: float) -> None:
    y += 2.5 * math.sin(2.2 * time_s)
    paint.polygon(world, ((x - 8, y - 22), (x + 92, y - 15), (x + 84, y + 3), (x + 2, y + 3)), (52, 58, 150))
    paint.box(world, (x + 22, y - 46), (36, 28), (232, 234, 236))
    for window in range(3):
        paint.box(world, (x + 25 + 11 * window, y - 42), (8, 9), (110, 92, 70))
    paint.box(world, (x + 62, y - 50), (10, 32), (40, 44, 50))
    for index in range(9):
        spread = 10.0 * index
        rise = 3 * wander(_SEED + 70 + index, 3.0).at(time_s)
        paint.puff(
            world, (x + 88 + 1.6 * spread, y + 3 + rise), 9 + 0.10 * spread, (226, 226, 226), 0.55 - 0.05 * index
        )


def _gulls(world: Frame, time_s: float) -> None:
    for index in range(7):
        paths = [wander(_SEED + 90 + 3 * index + axis, 0.7) for axis in range(2)]
        x = 560 + 430 * paths[0].at(time_s) + 60 * index - 180
        y = 190 + 110 * paths[1].at(time_s)
        span, beat = 9 + index % 3 * 3, math.sin(time_s * (7 + index % 4) + index)
        for side in (-1, 1):
            tip = (x + side * span, y - 4 * beat)
            paint.line(world, (x, y), (x + side * span * 0.5, y - 4 - 2 * beat), (62, 56, 58), 2)
            paint.line(world, (x + side * span * 0.5, y - 4 - 2 * beat), tip, (62, 56, 58), 1)
