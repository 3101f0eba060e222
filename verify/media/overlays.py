"""Overlays: logos, captions, lower thirds and displays that stay in place while the footage below them changes.

They are what is left when the edges of consecutive shots are laid on each other: an edge that has the same place,
direction and sense in several shots running belongs to none of them. Within a long shot, the same holds for edges that
stay while nearly all others move. A mask is a (height, width) uint8 picture, 255 where no overlay lies, 0 where one
does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.uint8]

FREE = 255
#: An edge must be found in so many shots, or parts of one shot, running.
RUN = 3

_SMOOTHING_PX = 1.2
_MIN_GRADIENT = 14.0
#: Weakest of a run's gradients along their mean, as a share of the strongest; and the most that one may have across it,
#: as a share of the weakest.
_MIN_EVENNESS = 0.4
_MAX_TURN = 0.5
#: Persisting edges that cover more than this share of a picture, grown together, are a scene that is shown again.
_MAX_COVERED = 0.4
#: In one shot: the most that may be covered, and the share of all edges that may persist. More is the scene of a camera
#: that stands still, which is worth more than a logo that is let through.
_MAX_COVERED_IN_SHOT = 0.2
_MAX_PERSISTING = 0.25
#: Gaps between edges of one overlay that are closed, and the margin around it, as shares of the picture's width.
_GAP = 1 / 30
_MARGIN = 1 / 60


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Gradients of one picture, across and down, (H, W) float32 each."""

    across: npt.NDArray[np.float32]
    down: npt.NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width of the picture."""
        return self.across.shape


def edges(grey: Grey) -> Edges:
    """Measure the gradients of a grey picture, (H, W) uint8."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _SMOOTHING_PX)
    return Edges(
        np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), np.float32),
        np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3), np.float32),
    )


def persisting(run: Sequence[Edges], *, one_shot: bool = False) -> Mask:
    """Find the overlay that all pictures of a run share; all free where there is none.

    Parameters
    ----------
    run
        Edges of pictures of consecutive shots, or of consecutive parts of one; all of one size.
    one_shot
        The pictures are of one shot, in which what does not move may be the scene: then there is an overlay only if
        nearly all edges do move.
    """
    found = _common_edges(run)
    height, width = found.shape
    if one_shot:
        all_edges = np.maximum.reduce([np.hypot(each.across, each.down) for each in run]) > _MIN_GRADIENT
        if found.sum() > _MAX_PERSISTING * all_edges.sum():
            return np.full((height, width), FREE, np.uint8)
    covered = _grown(found)
    if covered.mean() > (_MAX_COVERED_IN_SHOT if one_shot else _MAX_COVERED):
        return np.full((height, width), FREE, np.uint8)
    return np.where(covered > 0, 0, FREE).astype(np.uint8)


def free_masks(greys: Sequence[Grey], run: int = RUN) -> list[Mask]:
    """Mask the overlays of consecutive shots, given one picture of each, (H, W) uint8 of one size.

    The mask of a shot joins what is found in every run of `run` shots that it is part of. Fewer shots have no masks:
    all is free.
    """
    masks = [np.full(grey.shape, FREE, np.uint8) for grey in greys]
    window: list[Edges] = []
    for number, grey in enumerate(greys):
        window = [*window[-(run - 1) :], edges(grey)]
        if len(window) == run:
            shared = persisting(window)
            for mask in masks[number - run + 1 : number + 1]:
                np.minimum(mask, shared, out=mask)
    return masks


def _common_edges(run: Sequence[Edges]) -> npt.NDArray[np.uint8]:
    """Return 1 where all pictures have an edge of like strength, direction and sense."""
    across = np.stack([each.across for each in run])
    down = np.stack([each.down for each in run])
    mean_across, mean_down = across.mean(axis=0), down.mean(axis=0)
    length = np.hypot(mean_across, mean_down) + 1e-3
    along = (across * mean_across + down * mean_down) / length
    aside = np.abs(across * mean_down - down * mean_across) / length
    weakest = along.min(axis=0)
    common = (weakest > _MIN_GRADIENT) & (weakest > _MIN_EVENNESS * along.max(axis=0))
    common &= aside.max(axis=0) < _MAX_TURN * weakest
    # Single pixels agree by chance.
    opened = cv2.morphologyEx(common.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return np.asarray(opened, np.uint8)


def _grown(found: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Fill lettering to blocks and add a margin."""
    width = found.shape[1]
    gap = max(7, round(width * _GAP)) | 1
    margin = max(3, round(width * _MARGIN)) | 1
    closed = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
    return np.asarray(cv2.dilate(closed, np.ones((margin, margin), np.uint8)), np.uint8)
