"""pHash: a 64-bit hash of a picture's 8 x 8 lowest frequencies, made by the imagehash library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import imagehash
import numpy as np
from PIL import Image

from verify.fingerprint.codes import Code

if TYPE_CHECKING:
    import numpy.typing as npt

ALGORITHM = "phash"
VERSION = 1
BITS = 64

#: imagehash reduces its input to this by Lanczos resampling; on pictures of that size it leaves the pixels alone.
_INNER_SIDE_PX = 32
_HALVINGS = 2
_FULL_QUALITY_SPREAD = 40.0


def encode(grey: npt.NDArray[np.uint8]) -> Code:
    """Hash one grey picture, (H, W) uint8.

    The picture is first reduced by four in each direction, which costs imagehash's resampling less and leaves the
    lowest frequencies as they are. Quality is the spread of the 32 x 32 grey levels, 0..1, and 0 for a picture too
    narrow to reduce.
    """
    if min(grey.shape) < 2**_HALVINGS:
        return Code(bits=np.zeros(BITS // 8, np.uint8), quality=0.0)
    reduced = cv2.resize(grey, None, fx=0.5**_HALVINGS, fy=0.5**_HALVINGS, interpolation=cv2.INTER_AREA)
    inner = Image.fromarray(reduced).resize((_INNER_SIDE_PX, _INNER_SIDE_PX), Image.Resampling.LANCZOS)
    spread = float(np.asarray(inner, np.float32).std())
    bits = np.packbits(imagehash.phash(inner).hash.ravel())
    return Code(bits=bits, quality=min(1.0, spread / _FULL_QUALITY_SPREAD))
