"""Black bars around a picture (letterbox, pillarbox), so that fingerprints are made of the picture alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_BLACK = 20
_EDGE = 8
_MAX_SHARE = 0.35
_MIN_SHARE = 0.02
_INSIDE_BAR_PX = 1
_EDGE_LINES = 3
#: A picture with a side shorter than this has no room for bars.
_MIN_SIDE_PX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Widths of the bars at the four sides, in pixels of the picture they were found in."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        return any((self.top, self.bottom, self.left, self.right))

    def cropped(self, grey: Grey) -> Grey:
        """Return the part of an (H, W) picture inside the bars."""
        height, width = grey.shape
        return grey[self.top : height - self.bottom, self.left : width - self.right]


def find_bars(greys: Sequence[Grey]) -> Bars:
    """Find the bars that all pictures of a run have; (H, W) uint8 each, of one size.

    A line is part of a bar if its median is black, whatever logo lies on it. A bar counts only if it ends in a clear
    step in every picture it is judged on, because the dark edge of a night scene is no bar, and only if it is neither
    a hairline nor so wide that it must be the picture itself.
    """
    if min(greys[0].shape) < _MIN_SIDE_PX:
        return Bars()
    rows = _common([np.median(grey, axis=1) for grey in greys])
    columns = _common([np.median(grey[rows[0] : grey.shape[0] - rows[1]], axis=0) for grey in greys])
    return Bars(top=rows[0], bottom=rows[1], left=columns[0], right=columns[1])


def _common(profiles: Sequence[npt.NDArray[np.float64]]) -> tuple[int, int]:
    """Widths at the start and end of the lines that are bars in all profiles of medians along a side."""
    size = len(profiles[0])
    highest = np.max(profiles, axis=0)
    start = _leading_black(highest)
    end = _leading_black(highest[::-1])
    return _accepted(start, size, highest), _accepted(end, size, highest[::-1])


def _leading_black(profile: npt.NDArray[np.float64]) -> int:
    bright = np.nonzero(profile > _BLACK)[0]
    return int(bright[0]) if bright.size else 0


def _accepted(width: int, size: int, profile: npt.NDArray[np.float64]) -> int:
    """Return the width to cut, one pixel into the picture; 0 if this is no bar."""
    if not _MIN_SHARE * size <= width <= _MAX_SHARE * size:
        return 0
    inside = profile[width + _INSIDE_BAR_PX : width + _INSIDE_BAR_PX + _EDGE_LINES]
    step = float(inside.max(initial=0.0)) - float(profile[width - min(width, _EDGE_LINES) : width].min())
    return width + _INSIDE_BAR_PX if step >= _EDGE else 0
