"""A game: a flight over a landscape of blocks, with the instruments that players know.

The landscape is drawn column by column from a height map, as games of the 1990s did (voxel space, NovaLogic 1992).
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from verify.demo.scenes import paint
from verify.demo.scenes.paint import FRAMES_PER_SECOND, HEIGHT_PX, WIDTH_PX, wander

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from verify.demo.scenes.paint import Frame, Plane

_SEED = 7400
_MAP = 512
#: The flight begins so many pictures before what is shown, where the valley opens.
_SKIPPED = 185
_COLUMNS, _ROWS = WIDTH_PX // 2, HEIGHT_PX // 2
_STEPS = 220
_FARTHEST = 430.0
_HUD = (120, 236, 120)
_FOG = (222, 196, 170)


def game(frames: int) -> Iterator[Frame]:
    """Yield the pictures of the scene, (540, 960, 3) uint8, BGR."""
    for number in range(_SKIPPED, _SKIPPED + frames):
        time_s = number / FRAMES_PER_SECOND
        heading = 0.5 * time_s * 0.22 + 0.75 * wander(_SEED + 1, 0.5).at(time_s)
        # The way is summed up, so that it follows the heading.
        x, y = _way(number)
        level = 92 + 13 * wander(_SEED + 2, 0.6).at(time_s)
        roll = 0.35 * (wander(_SEED + 1, 0.5).at(time_s + 0.4) - wander(_SEED + 1, 0.5).at(time_s - 0.4))
        seen = _flight(x, y, heading, level, 92 + 20 * wander(_SEED + 3, 0.7).at(time_s))
        picture = cv2.resize(seen, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_NEAREST)
        look = cv2.getRotationMatrix2D((WIDTH_PX / 2, HEIGHT_PX / 2), math.degrees(roll), 1.2)
        frame = cv2.warpAffine(picture, look, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT_101).astype(
            np.uint8, copy=False
        )
        _target(frame, time_s)
        _instruments(frame, time_s, heading, level)
        yield frame


@cache
def _way(number: int) -> tuple[float, float]:
    """Where the flight is after so many pictures."""
    if number == 0:
        return 128.0, 90.0
    x, y = _way(number - 1)
    time_s = number / FRAMES_PER_SECOND
    heading = 0.5 * time_s * 0.22 + 0.75 * wander(_SEED + 1, 0.5).at(time_s)
    speed = 1.25 + 0.4 * wander(_SEED + 4, 0.8).at(time_s)
    return x + speed * math.sin(heading), y + speed * math.cos(heading)


@cache
def _landscape() -> tuple[Plane, npt.NDArray[np.uint8]]:
    """Make the height map (512, 512) and its colours; both join themselves at all borders."""
    tile = sum(
        weight * paint.tile(_SEED + 10 + index, grain)[:_MAP, :_MAP]
        for index, (grain, weight) in enumerate(((150, 1.0), (60, 0.5), (22, 0.22), (8, 0.10)))
    )
    raised = (np.asarray(tile, np.float32) - 0.62) / 0.6
    heights = np.clip(raised, 0, 1) ** 1.2 * 96
    grain = paint.tile(_SEED + 20, 3)[:_MAP, :_MAP]
    stops = [0, 1.5, 7, 30, 54, 70, 96]
    bands = [
        (164, 112, 54),
        (150, 190, 206),
        (84, 150, 96),
        (56, 112, 70),
        (96, 112, 122),
        (168, 168, 170),
        (248, 246, 244),
    ]
    colour = np.stack([np.interp(heights, stops, [each[band] for each in bands]) for band in range(3)], axis=2)
    slope = np.roll(heights, -2, axis=1) - heights
    lit = np.clip(1.0 + slope * 0.05, 0.55, 1.35) * (0.84 + 0.32 * grain)
    lit = np.where(heights < 0.5, 0.94 + 0.12 * grain, lit)
    blocks = np.kron(colour[::2, ::2] * lit[::2, ::2, None], np.ones((2, 2, 1)))
    return heights.astype(np.float32), np.clip(blocks, 0, 255).astype(np.uint8)


def _flight(x: float, y: float, heading: float, level: float, horizon: float) -> Frame:
    """Draw the landscape from a point above it: for each column, what is nearest at each row."""
    heights, colours = _landscape()
    distances = np.linspace(0, 1, _STEPS, dtype=np.float32) ** 1.9 * (_FARTHEST - 6) + 6
    angles = heading + np.arctan(np.linspace(-0.72, 0.72, _COLUMNS, dtype=np.float32))
    across = (x + distances[:, None] * np.sin(angles)[None, :]).astype(np.int32) & (_MAP - 1)
    along = (y + distances[:, None] * np.cos(angles)[None, :]).astype(np.int32) & (_MAP - 1)
    # The ground under the flight never comes too near.
    own = max(level, float(heights[int(y) % _MAP, int(x) % _MAP]) + 30)
    tops = horizon + (own - heights[along, across]) * 165 / distances[:, None]
    highest = np.minimum.accumulate(tops, axis=0)
    rows = np.clip(np.ceil(highest), 0, _ROWS).astype(np.int64)
    counts = np.bincount((np.arange(_COLUMNS)[None, :] * (_ROWS + 1) + rows).ravel(), minlength=_COLUMNS * (_ROWS + 1))
    # Of the steps along a column's ray, so many end below a row: the next one is what is seen there.
    below = counts.reshape(_COLUMNS, _ROWS + 1)[:, ::-1].cumsum(axis=1)[:, ::-1]
    nearest = below[:, 1:].T
    is_sky = nearest >= _STEPS
    step = np.minimum(nearest, _STEPS - 1)
    column = np.arange(_COLUMNS)[None, :]
    fog = (np.clip(distances / _FARTHEST, 0, 1) ** 1.6)[step][..., None].astype(np.float32)
    land = colours[along[step, column], across[step, column]].astype(np.float32)
    land += fog * (np.asarray(_FOG, np.float32) - land)
    return paint.finished(np.where(is_sky[..., None], _heaven(heading, horizon), land).astype(np.float32))


def _heaven(heading: float, horizon: float) -> Plane:
    rows = np.clip((np.arange(_ROWS, dtype=np.float32) + 60 - horizon) / 60, -1.6, 1)[:, None]
    share = np.clip((rows + 1.6) / 2.6, 0, 1)
    pattern = paint.tile(_SEED + 30, 40)
    left = int(heading * 330) % _MAP
    strip = np.roll(pattern[:_ROWS, :_MAP], -left, axis=1)[:, :_COLUMNS]
    cloud = np.clip((strip - 0.52) * 2.6, 0, 0.75)
    blue = np.stack([226 - 4 * share, 150 + 46 * share, 92 + 78 * share], axis=2) * np.ones(
        (1, _COLUMNS, 1), np.float32
    )
    return paint.mixed(blue.astype(np.float32), (250, 248, 244), cloud.astype(np.float32))


def _target(frame: Frame, time_s: float) -> None:
    """Draw another craft of the game, which twists ahead, with its mark."""
    x = WIDTH_PX / 2 + 210 * wander(_SEED + 40, 0.8).at(time_s)
    y = 205 + 70 * wander(_SEED + 41, 0.9).at(time_s)
    size, tilt = 26 + 9 * wander(_SEED + 42, 0.6).at(time_s), wander(_SEED + 43, 1.2).at(time_s)
    turn = np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
    for shape, colour in (
        (((0, -0.5), (1.7, 0.35), (0.25, 0.3), (0, 0.7), (-0.25, 0.3), (-1.7, 0.35)), (78, 74, 88)),
        (((0, -0.9), (0.25, 0.3), (-0.25, 0.3)), (120, 116, 130)),
    ):
        corners = (np.asarray(shape) * size) @ turn.T + (x, y)
        paint.polygon(frame, [(float(left), float(top)) for left, top in corners], colour)
    paint.glow(frame, (x + 0.6 * size * -math.sin(tilt), y + 0.6 * size * math.cos(tilt)), 16, (80, 180, 255), 0.9)
    for horizontal in (-1, 1):
        for vertical in (-1, 1):
            corner = (x + horizontal * 58, y + vertical * 40)
            paint.line(frame, corner, (corner[0] - horizontal * 15, corner[1]), (80, 90, 250), 2)
            paint.line(frame, corner, (corner[0], corner[1] - vertical * 12), (80, 90, 250), 2)


def _instruments(frame: Frame, time_s: float, heading: float, level: float) -> None:
    """Draw what a game lays over its picture: heading, height, speed, a cross, a map."""
    middle = WIDTH_PX // 2
    degrees = math.degrees(heading) % 360
    for mark in range(0, 360, 5):
        offset = ((mark - degrees + 180) % 360 - 180) * 5
        if abs(offset) < 150:
            paint.line(frame, (middle + offset, 40), (middle + offset, 40 - (14 if mark % 15 == 0 else 7)), _HUD, 2)
            if mark % 30 == 0:
                _word(frame, f"{mark:03d}", (middle + offset - 16, 60), 0.5)
    paint.polygon(frame, ((middle, 44), (middle - 7, 54), (middle + 7, 54)), _HUD)
    for start, end in (((-34, 0), (-12, 0)), ((12, 0), (34, 0)), ((0, -34), (0, -12)), ((0, 12), (0, 34))):
        centre = (middle, HEIGHT_PX // 2)
        paint.line(
            frame, (centre[0] + start[0], centre[1] + start[1]), (centre[0] + end[0], centre[1] + end[1]), _HUD, 2
        )
    speed = 400 + 90 * wander(_SEED + 4, 0.8).at(time_s)
    _word(frame, f"SPD {speed:03.0f}", (62, 276), 0.7)
    _word(frame, f"ALT {level * 9:04.0f}", (770, 276), 0.7)
    _word(frame, f"LEVEL 3   SCORE {4200 + int(time_s * 4) * 25:05d}", (48, 510), 0.6)
    paint.box(frame, (806, 410), (112, 100), (50, 62, 44))
    sweep = 2.2 * time_s
    paint.line(frame, (862, 460), (862 + 46 * math.cos(sweep), 460 + 46 * math.sin(sweep)), _HUD, 2)
    for index in range(5):
        dot = [
            862 + 40 * wander(_SEED + 60 + index, 0.5).at(time_s),
            460 + 36 * wander(_SEED + 70 + index, 0.5).at(time_s),
        ]
        paint.disc(frame, (dot[0], dot[1]), 3, (90, 110, 250))


def _word(frame: Frame, text: str, place: tuple[float, float], size: float) -> None:
    at = (round(place[0]), round(place[1]))
    for colour, thickness in (((40, 50, 36), 4), (_HUD, 2)):
        cv2.putText(frame, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness, cv2.LINE_AA)
