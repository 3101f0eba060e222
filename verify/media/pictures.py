"""Still pictures made of sampled frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def reduced(pixels_bgr: npt.NDArray[np.uint8], side_px: int) -> npt.NDArray[np.uint8]:
    """Scale (H, W, 3) uint8 pixels so that the longer side is `side_px`."""
    height, width, _ = pixels_bgr.shape
    scale = side_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_jpeg(pixels_bgr: npt.NDArray[np.uint8], quality: int) -> bytes:
    """Encode (H, W, 3) uint8 pixels as JPEG of `quality` 0..100.

    Raises
    ------
    ValueError
        The picture cannot be encoded.
    """
    encoded, data = cv2.imencode(".jpg", pixels_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise ValueError("the picture could not be encoded as JPEG")
    return bytes(data.tobytes())
