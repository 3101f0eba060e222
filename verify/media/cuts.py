"""Hard cuts, found while decoding from small grey thumbnails of every frame.

A cut is a frame that differs from the one before it far more than its neighbours differ among themselves, and from
which the picture does not return (a flash of a few frames does). The adaptive ratio is the idea of PySceneDetect's
AdaptiveDetector (Castellano, 2014-2024); the flash test is ours. Fades and dissolves are not found.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Thumbnail = npt.NDArray[np.float32]

#: How many frames after a frame must be known before it can be judged.
LOOKAHEAD_FRAMES = 6
#: How many frames before it are compared.
LOOKBEHIND_FRAMES = 8

_MIN_CHANGE = 0.35
_MIN_DIFFERENCE = 2.5
_ADAPTIVE_RATIO = 2.5
_FLASH_RETURN = 0.5


def change(before: Thumbnail, after: Thumbnail) -> float:
    """Return how unlike two thumbnails are: mean absolute difference over the spread of their grey levels.

    About 1 for unrelated pictures whatever their brightness, near 0 for neighbouring frames of one shot. Differences
    below sensor noise count as none.
    """
    difference = float(np.abs(after - before).mean())
    if difference < _MIN_DIFFERENCE:
        return 0.0
    spread = 0.5 * float(before.std() + after.std())
    return difference / max(spread, _MIN_DIFFERENCE)


def is_cut(before: Sequence[Thumbnail], after: Sequence[Thumbnail]) -> bool:
    """Say whether a hard cut lies between the last thumbnail of `before` and the first of `after`.

    Parameters
    ----------
    before
        Up to `LOOKBEHIND_FRAMES` thumbnails, oldest first, all (H, W) float32 in grey levels.
    after
        Up to `LOOKAHEAD_FRAMES` thumbnails.
    """
    if not before or not after:
        return False
    jump = change(before[-1], after[0])
    if jump < _MIN_CHANGE:
        return False
    neighbours = [change(a, b) for run in (before, after) for a, b in pairwise(run)]
    if neighbours and jump < _ADAPTIVE_RATIO * float(np.median(neighbours)):
        return False
    returns = min((change(before[-1], later) for later in after[1:]), default=jump)
    leaves = min((change(earlier, after[0]) for earlier in before[:-1]), default=jump)
    return returns > _FLASH_RETURN * jump and leaves > _FLASH_RETURN * jump
