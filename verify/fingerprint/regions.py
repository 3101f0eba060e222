"""Regions of a picture that may be pictures of their own: insets, split screens, footage between blurred sides.

Where one picture is laid on another, its border is an edge that runs straight along rows or columns, on all sides that
are not the picture's own. Rectangles whose sides lie on such edges are regions. An inset that fades into what is around
it, is turned or has round corners is not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]

#: Regions that are returned, and the longer side of the picture they are sought in.
MOST_REGIONS = 4
_SIDE_PX = 256
#: Least step in grey levels across a border, and how much more than along it.
_MIN_STEP, _STEP_RATIO = 8.0, 1.5
#: Lines tried in each direction, besides the picture's own sides, and the least length of one as a share of the side.
_LINES, _MIN_RUN = 14, 0.12
_LINE_DISTANCE_PX = 3
#: Least share of a side that lies on an edge, of the weakest side and of all.
_MIN_SIDE, _MIN_ALL = 0.45, 0.65
_MIN_AREA, _MAX_AREA, _MAX_ELONGATED = 0.03, 0.75, 3.6
_SAME = 0.6


class Region(NamedTuple):
    """A rectangle in px of a picture: columns `left` to `right`, rows `top` to `bottom`, both without the last."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Cut it out of its picture, (H, W, 3)."""
        return picture[self.top : self.bottom, self.left : self.right]


def find_regions(grey: Grey) -> list[Region]:
    """Find rectangles in a grey picture, (H, W) uint8, that may be pictures of their own, the clearest first."""
    height, width = grey.shape
    scale = max(1.0, max(height, width) / _SIDE_PX)
    small = cv2.resize(
        grey, (max(8, round(width / scale)), max(8, round(height / scale))), interpolation=cv2.INTER_AREA
    )
    picture = np.asarray(small, np.float32)
    upright, level = _borders(picture), _borders(picture.T)
    columns, rows = _lines(upright), _lines(level)
    across, down = picture.shape[1], picture.shape[0]
    found = []
    # Share of a side that lies on an edge, from running counts: (lines, positions).
    beside = _counted(upright, columns)
    above = _counted(level, rows)
    for one, left in enumerate(columns):
        for other, right in enumerate(columns[one + 1 :], one + 1):
            for first, top in enumerate(rows):
                for last, bottom in enumerate(rows[first + 1 :], first + 1):
                    wide, high = right - left, bottom - top
                    area = wide * high / (across * down)
                    if not _MIN_AREA <= area <= _MAX_AREA or max(wide, high) > _MAX_ELONGATED * min(wide, high):
                        continue
                    sides = [
                        (beside[number][bottom] - beside[number][top]) / high
                        for number, place in ((one, left), (other, right))
                        if 0 < place < across
                    ] + [
                        (above[number][right] - above[number][left]) / wide
                        for number, place in ((first, top), (last, bottom))
                        if 0 < place < down
                    ]
                    if min(sides) >= _MIN_SIDE and sum(sides) / len(sides) >= _MIN_ALL:
                        clearness = sum(sides) / len(sides) * min(1.0, 0.7 + area)
                        found.append((clearness, (left, top, right, bottom)))
    chosen: list[tuple[int, int, int, int]] = []
    for _, each in sorted(found, reverse=True):
        if all(_overlap(each, other) < _SAME for other in chosen):
            chosen.append(each)
        if len(chosen) == MOST_REGIONS:
            break
    across_scale, down_scale = width / across, height / down
    return [
        Region(
            round(left * across_scale), round(top * down_scale), round(right * across_scale), round(bottom * down_scale)
        )
        for left, top, right, bottom in chosen
    ]


def _borders(picture: npt.NDArray[np.float32]) -> Flags:
    """Say where a column begins that differs from the one before as a border does, (H, W) bool."""
    step = np.zeros_like(picture)
    step[:, 1:-1] = np.abs(picture[:, 2:] - picture[:, :-2])
    along = np.zeros_like(picture)
    along[1:-1] = np.abs(picture[2:] - picture[:-2])
    return np.asarray((step >= _MIN_STEP) & (step >= _STEP_RATIO * along))


def _lines(borders: Flags) -> list[int]:
    """Choose the columns in which a border runs longest, and the picture's own sides, ascending."""
    height, width = borders.shape
    run = np.zeros(width, np.int64)
    longest = np.zeros(width, np.int64)
    # A gap of one pixel does not end a run.
    closed = cv2.morphologyEx(borders.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 1), np.uint8)) > 0
    for row in closed:
        run = (run + 1) * row
        np.maximum(longest, run, out=longest)
    chosen = [0, width]
    for column in np.argsort(-longest, kind="stable"):
        if longest[column] < _MIN_RUN * height or len(chosen) == _LINES + 2:
            break
        if all(abs(int(column) - other) >= _LINE_DISTANCE_PX for other in chosen):
            chosen.append(int(column))
    return sorted(chosen)


def _counted(borders: Flags, places: list[int]) -> list[npt.NDArray[np.int64]]:
    """Count border pixels up to each row, for some columns: (H + 1,) each."""
    width = borders.shape[1]
    return [np.concatenate([[0], np.cumsum(borders[:, min(place, width - 1)])]) for place in places]


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Area that two rectangles share, as a share of what they cover together."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = sum((each[2] - each[0]) * (each[3] - each[1]) for each in (one, other))
    return across * down / (areas - across * down)
