"""Wind turbines above wheat: the scene that no archive holds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.demo.scenes import paint
from verify.demo.scenes.paint import FRAMES_PER_SECOND, WORLD_HEIGHT_PX, WORLD_WIDTH_PX, Camera, Ground, wander

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.demo.scenes.paint import Frame, Plane

_SEED = 8500
_HORIZON_PX = 344
#: Left, height of the hub above the horizon, length of a blade; px.
_TURBINES = ((170, 190, 92), (405, 128, 60), (585, 96, 44), (778, 226, 112), (1002, 138, 64))


def wheat(frames: int) -> Iterator[Frame]:
    """Yield the pictures of the scene, (540, 960, 3) uint8, BGR."""
    sky = paint.gradient(_HORIZON_PX // 2, ((0, (196, 132, 70)), (0.65, (222, 186, 140)), (1, (204, 214, 222))))
    cover = paint.clouds(_SEED + 1, _HORIZON_PX // 2, 0.42)
    hills, covered = _hills()
    ground = Ground((WORLD_HEIGHT_PX - _HORIZON_PX) // 2)
    camera = Camera(_SEED + 2, drift_px=16, tremble_px=1.5, zoom=0.015)
    for number in range(frames):
        time_s = number / FRAMES_PER_SECOND
        above = paint.mixed(sky, (250, 246, 242), 0.9 * paint.drifted(cover, 25 + 8 * time_s))
        world = paint.enlarged(np.concatenate([above, _field(ground, time_s)]))
        top = _HORIZON_PX + 6 - hills.shape[0]
        cv2.copyTo(hills, covered, world[top : top + hills.shape[0]])
        for index in range(len(_TURBINES)):
            _turbine(world, index, time_s)
        _birds(world, time_s)
        yield camera.shown(world, time_s)


def _field(ground: Ground, time_s: float) -> Plane:
    """Paint wheat, over which gusts run."""
    height = (WORLD_HEIGHT_PX - _HORIZON_PX) // 2
    base = paint.gradient(height, ((0, (120, 196, 214)), (0.4, (84, 172, 212)), (1, (52, 128, 178))))
    gusts = ground.look(paint.tile(_SEED + 3, 30), 26, 3000, (-70 * time_s, 30 * time_s)) - 0.5
    ears = ground.look(paint.tile(_SEED + 4, 6), 120, 11000, (0, 0)) - 0.5
    fine = paint.noise(_SEED + 5, height, base.shape[1], ((3, 5, 1.0), (6, 9, 0.6)))[..., None] - 0.5
    return np.asarray(base + 88 * gusts[..., None] + 52 * ears[..., None] + 34 * fine, np.float32)


def _hills() -> tuple[Frame, Frame]:
    height = 90
    land, covered = np.zeros((height, WORLD_WIDTH_PX, 3), np.uint8), np.zeros((height, WORLD_WIDTH_PX, 3), np.uint8)
    for layer, (colour, base, swing) in enumerate((((186, 176, 150), 40, 44), ((118, 152, 118), 18, 30))):
        ridge = paint.noise(_SEED + 20 + layer, 1, WORLD_WIDTH_PX, ((200, 1, 1.0), (70, 1, 0.4), (9, 1, 0.06)))[0]
        tops = height - base - swing * (ridge - 0.3)
        outline = [(0.0, float(height)), *((float(x), float(tops[x])) for x in range(0, WORLD_WIDTH_PX, 4))]
        for picture, tone in ((land, colour), (covered, (255, 255, 255))):
            paint.polygon(picture, [*outline, (float(WORLD_WIDTH_PX), float(height))], tone)
    return land, (covered[..., 0] > 250).astype(np.uint8)


def _turbine(world: Frame, index: int, time_s: float) -> None:
    x, up, blade = _TURBINES[index]
    y, foot = _HORIZON_PX - up, _HORIZON_PX + 4
    wide = blade / 26
    paint.polygon(
        world, ((x - wide, foot), (x - 0.55 * wide, y), (x + 0.55 * wide, y), (x + wide, foot)), (238, 238, 240)
    )
    turn = (1.5 - 0.14 * index) * time_s + 1.2 * wander(_SEED + 40 + index, 0.6).at(time_s) + index
    for arm in range(3):
        angle = turn + arm * 2 * math.pi / 3
        along, aside = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        root, tip = 0.07 * blade, blade
        corners = [
            (x + along[0] * reach + aside[0] * side, y + along[1] * reach + aside[1] * side)
            for reach, side in ((0, 0.02 * blade), (0.22 * blade, root), (tip, 0.5), (0.2 * blade, -0.02 * blade))
        ]
        paint.polygon(world, corners, (250, 250, 250) if arm else (232, 232, 238))
    paint.disc(world, (x, y), 0.07 * blade + 1, (214, 214, 220))


def _birds(world: Frame, time_s: float) -> None:
    for index in range(12):
        x = 180 + 46 * time_s + 30 * (index % 4) + 60 * wander(_SEED + 60 + index, 0.8).at(time_s) + 18 * index
        y = 110 + 9 * index + 46 * wander(_SEED + 80 + index, 0.8).at(time_s)
        beat = 5 * math.sin((9 + index % 3) * time_s + index)
        for side in (-1, 1):
            paint.line(world, (x, y), (x + side * 8, y - beat), (70, 66, 64), 2)
