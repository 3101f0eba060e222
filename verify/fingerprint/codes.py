"""What a cue makes of one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CueCodes:
    """Codes of one frame, (bits / 8,) uint8 each, as shown and mirrored left to right; `quality` 0..1."""

    plain: npt.NDArray[np.uint8]
    mirrored: npt.NDArray[np.uint8]
    quality: float
