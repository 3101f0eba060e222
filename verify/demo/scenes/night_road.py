"""A ring road at night: cars in both directions, lamps, lit windows, a train on a bridge, a wet surface."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.demo.scenes import paint
from verify.demo.scenes.paint import FRAMES_PER_SECOND, WORLD_HEIGHT_PX, WORLD_WIDTH_PX, Camera, wander

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.demo.scenes.paint import Colour, Frame, Point

_SEED = 5200
_VANISHING = (590.0, 268.0)
_FOCUS_PX, _EYE_M = 620.0, 6.5
_NEAREST_M, _FARTHEST_M = 13.0, 190.0
_LANES_M = (-13.0, -9.4, -5.8, 3.0, 6.6)
_CARS_IN_A_LANE = 4
_BRIDGE_PX = 222
_SHADES: tuple[Colour, ...] = ((46, 40, 38), (70, 66, 64), (38, 36, 78), (84, 62, 40), (92, 92, 96))


def night_road(frames: int) -> Iterator[Frame]:
    """Yield the pictures of the scene, (540, 960, 3) uint8, BGR."""
    still = _still()
    camera = Camera(_SEED + 1, drift_px=34, tremble_px=1.2)
    for number in range(frames):
        time_s = number / FRAMES_PER_SECOND
        world = still.copy()
        _windows(world, time_s)
        _train(world, time_s)
        _traffic(world, time_s)
        _lamps(world)
        yield camera.shown(world, time_s)


def _place(across_m: float, up_m: float, ahead_m: float) -> Point:
    """Where a point of the road is seen."""
    scale = _FOCUS_PX / ahead_m
    return _VANISHING[0] + across_m * scale, _VANISHING[1] + (_EYE_M - up_m) * scale


def _still() -> Frame:
    """Paint what does not move."""
    height = int(_VANISHING[1])
    sky = paint.gradient(height // 2 + 1, ((0, (58, 34, 22)), (0.6, (92, 58, 48)), (1, (110, 104, 128))))
    haze = paint.noise(_SEED + 2, height // 2 + 1, sky.shape[1], ((120, 30, 1.0), (40, 12, 0.5), (14, 6, 0.2)))
    ground = paint.gradient(
        (WORLD_HEIGHT_PX - height) // 2 + 1, ((0, (74, 66, 70)), (0.2, (52, 46, 46)), (1, (36, 32, 32)))
    )
    whole = paint.enlarged(np.concatenate([sky + 46 * (haze[..., None] - 0.5), ground]))
    world = np.ascontiguousarray(whole[:WORLD_HEIGHT_PX, :WORLD_WIDTH_PX])
    generator = np.random.default_rng(_SEED + 3)
    for size, (count, shade) in enumerate(((26, 66), (15, 44)), 2):
        for index in range(count):
            left = WORLD_WIDTH_PX * index / count + generator.uniform(-20, 20)
            _tower(world, left, shade, generator, size)
    _surface(world)
    deck = (56, 50, 54)
    paint.box(world, (0, _BRIDGE_PX), (WORLD_WIDTH_PX, 9), deck)
    for pillar in range(60, WORLD_WIDTH_PX, 190):
        paint.box(world, (pillar, _BRIDGE_PX), (12, height - _BRIDGE_PX + 4), deck)
    return world


def _tower(world: Frame, left: float, shade: int, generator: np.random.Generator, size: int) -> None:
    wide, high = generator.uniform(34, 74), generator.uniform(*((60, 150) if size == 2 else (40, 120)))
    foot = _VANISHING[1] + 2
    paint.box(world, (left, foot - high), (wide, high), (shade + 10, shade, shade - 8))
    tint = ((120, 196, 240), (190, 214, 226), (90, 160, 226))[int(generator.integers(3))]
    for row in range(int(high // (5 * size))):
        for column in range(int(wide // (4 * size)) - 1):
            if generator.random() < 0.42:
                level = generator.uniform(0.35, 0.95)
                colour = (int(tint[0] * level), int(tint[1] * level), int(tint[2] * level))
                top = foot - high + 5 + 5 * size * row
                paint.box(world, (left + 4 + 4 * size * column, top), (2 * size - 1, 2.4 * size), colour)


def _surface(world: Frame) -> None:
    """Paint the road, its markings and the verges."""
    for left, right in ((-16.5, -3.4), (1.0, 10.2)):
        corners = [_place(side, 0, ahead) for side, ahead in ((left, 9), (left, 900), (right, 900), (right, 9))]
        paint.polygon(world, corners, (70, 62, 62))
    grain = paint.noise(_SEED + 4, WORLD_HEIGHT_PX - 270, WORLD_WIDTH_PX, ((150, 10, 0.8), (30, 5, 0.7), (7, 3, 0.4)))
    part = world[270:]
    part[:] = np.clip(part * (0.72 + 0.56 * grain[..., None]), 0, 255).astype(np.uint8)
    for across in (-11.2, -7.6, 4.8):
        for ahead in range(8, 260, 9):
            ends = [
                _place(across + side, 0, ahead + step) for side, step in ((-0.1, 0), (-0.1, 3.4), (0.1, 3.4), (0.1, 0))
            ]
            paint.polygon(world, ends, (176, 180, 184))
    for across in (-15.6, -4.0, 1.5, 9.6):
        ends = [_place(across + side, 0, ahead) for side, ahead in ((-0.1, 9), (-0.06, 700), (0.06, 700), (0.1, 9))]
        paint.polygon(world, ends, (150, 156, 160))
    for ahead in range(12, 240, 4):
        foot, top = _place(-1.2, 0, ahead), _place(-1.2, 0.9, ahead)
        paint.line(world, foot, top, (118, 116, 116), max(1, round(60 / ahead)))
    paint.line(world, _place(-1.2, 0.9, 10), _place(-1.2, 0.9, 600), (128, 126, 126), 2)


def _windows(world: Frame, time_s: float) -> None:
    """Switch some windows on and off, and let a sign on a roof blink."""
    generator = np.random.default_rng(_SEED + 5)
    for index in range(44):
        x, y = generator.uniform(10, WORLD_WIDTH_PX - 14), generator.uniform(186, 216)
        if wander(_SEED + 100 + index, 1.4).at(time_s) > 0.05:
            paint.box(world, (x, y), (5, 5), (134, 206, 244))
    strength = 0.5 + 0.5 * math.sin(3.1 * time_s + 2 * wander(_SEED + 6).at(time_s))
    paint.box(world, (236, 132), (74, 11), (int(60 + 60 * strength), 40, int(110 + 140 * strength)))
    paint.glow(world, (273, 138), 60, (120, 50, 220), 0.6 * strength)


def _train(world: Frame, time_s: float) -> None:
    left = 1350 - 92 * time_s + 40 * wander(_SEED + 7).at(time_s)
    left = (left + 600) % 2300 - 600
    for car in range(5):
        start = left + 98 * car
        paint.box(world, (start, _BRIDGE_PX - 22), (95, 21), (112, 96, 84))
        for window in range(9):
            paint.box(world, (start + 5 + 10 * window, _BRIDGE_PX - 18), (7, 8), (160, 220, 246))


def _traffic(world: Frame, time_s: float) -> None:
    """Draw the cars of all lanes, the farthest first."""
    span = _FARTHEST_M - _NEAREST_M
    seen = []
    for lane, across in enumerate(_LANES_M):
        towards = across < 0
        for car in range(_CARS_IN_A_LANE):
            seed = _SEED + 200 + 10 * lane + car
            pace = 13 + 5 * wander(seed, 0.2).at(0.0) + 2.0 * lane
            way = pace * time_s + 9 * wander(seed, 0.5).at(time_s) + span * (car + 0.3 * lane) / _CARS_IN_A_LANE
            ahead = _FARTHEST_M - way % span if towards else _NEAREST_M + way % span
            seen.append((ahead, across + 0.5 * wander(seed + 5, 0.4).at(time_s), seed))
    for ahead, across, seed in sorted(seen, reverse=True):
        _car(world, (across, ahead), seed, time_s)


def _car(world: Frame, place: Point, seed: int, time_s: float) -> None:
    (across, ahead), towards = place, place[0] < 0
    scale = _FOCUS_PX / ahead
    shade = _SHADES[seed % len(_SHADES)]
    (left, foot), high = _place(across - 0.9, 0, ahead), (1.5 + 0.9 * (seed % 4 == 0)) * scale
    wide = 1.8 * scale
    paint.box(world, (left, foot - 0.62 * high), (wide, 0.55 * high), shade)
    edges = ((0.12, 0.6), (0.24, 1.0), (0.76, 1.0), (0.88, 0.6))
    roof = [(left + aside * wide, foot - up * high) for aside, up in edges]
    paint.polygon(world, roof, (shade[0] // 2 + 30, shade[1] // 2 + 26, shade[2] // 2 + 24))
    brake = wander(seed + 7, 1.2).at(time_s) > 0.45
    colour: Colour = (190, 226, 250) if towards else (44, 40, 235)
    strength = 0.85 if towards else (0.9 if brake else 0.45)
    for side in (0.14, 0.86):
        lamp = (left + side * wide, foot - 0.4 * high)
        paint.disc(world, lamp, max(0.8, 0.12 * scale), (235, 246, 252) if towards else (70, 66, 250))
        paint.glow(world, lamp, (1.5 if towards else 1.1) * scale + 5, colour, strength)
        # The wet road carries the light towards the camera.
        for step in range(3):
            paint.glow(world, (lamp[0], foot + (0.5 + 0.7 * step) * scale), 0.55 * scale + 2, colour, 0.24 * strength)


def _lamps(world: Frame) -> None:
    for index in range(9):
        ahead = 22 + 24 * index
        for across in (-18.0, 12.0):
            foot, top = _place(across, 0, ahead), _place(across, 9, ahead)
            arm = _place(across + (2.6 if across < 0 else -2.6), 9.3, ahead)
            paint.line(world, foot, top, (88, 86, 90), max(1, round(56 / ahead)))
            paint.line(world, top, arm, (88, 86, 90), max(1, round(40 / ahead)))
            paint.glow(world, arm, 900 / ahead + 6, (96, 190, 255), 0.85)
            paint.disc(world, arm, max(1.0, 90 / ahead), (190, 236, 255))
            ground = _place(across + (3 if across < 0 else -3), 0, ahead)
            paint.glow(world, ground, 1500 / ahead + 4, (40, 84, 120), 0.5)


def dark_field(frames: int) -> Iterator[Frame]:
    """Yield a night without lights: hardly more than the noise of a camera."""
    generator = np.random.default_rng(_SEED + 900)
    for number in range(frames):
        level = 5 + 2 * wander(_SEED + 901).at(number / FRAMES_PER_SECOND)
        coarse = generator.normal(level, 1.6, (paint.HEIGHT_PX // 4, paint.WIDTH_PX // 4, 3)).astype(np.float32)
        yield paint.finished(cv2.resize(coarse, (paint.WIDTH_PX, paint.HEIGHT_PX)).astype(np.float32, copy=False))
