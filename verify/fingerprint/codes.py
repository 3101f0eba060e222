"""What a cue makes of one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Code:
    """Code of one picture, (bits / 8,) uint8; `quality` 0..1, 0 where it has too little structure to mean anything."""

    bits: npt.NDArray[np.uint8]
    quality: float
