"""Evenness: does what moves go on the same way, so that another recording of the same place could show it too?

A camera that sweeps at one speed, a bar that fills, one thing that crosses the picture steadily: such motion has no
moments of its own. A second sweep along the same path agrees with the first in every picture, and only the noise of the
two cameras differs. A hand that holds a camera, people, smoke and flashes never do the same again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Changes = npt.NDArray[np.float32]

#: How much later the motion is compared with itself, in seconds, and at least how many moments are.
LATER_S = 0.48
MIN_MOMENTS = 4
#: Share of the energy that must be left where the two overlap.
_LEAST_LEFT = 0.5


def evenness(sooner: Changes, later: Changes) -> float:
    """Correlate changes with those a moment later, all moved along by the one step that fits best.

    Parameters
    ----------
    sooner, later
        (T, height, width) change at T moments, and the same length of time after each.

    Returns
    -------
    float
        0..1; near 1 where everything moves on at one speed. The step, in whole px, is that of the highest
        cross-correlation, summed over all moments; what it moves out of the picture does not count.
    """
    height, width = sooner.shape[1:]
    # Twice the size, so that what leaves on one side does not come back on the other.
    size = cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width)
    crossed = np.zeros((size[0], size[1] // 2 + 1), np.complex128)
    for here, there in zip(sooner, later, strict=True):
        crossed += np.conj(np.fft.rfft2(here, size)) * np.fft.rfft2(there, size)
    down, right = (int(step) for step in np.unravel_index(np.fft.irfft2(crossed, size).argmax(), size))
    down, right = down - size[0] * (down >= height), right - size[1] * (right >= width)
    before = sooner[:, max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    after = later[:, max(0, down) : height - max(0, -down), max(0, right) : width - max(0, -right)]
    here_energy, there_energy = float((before * before).sum()), float((after * after).sum())
    if min(here_energy, there_energy) <= 0:
        return 0.0
    if min(here_energy / float((sooner * sooner).sum()), there_energy / float((later * later).sum())) < _LEAST_LEFT:
        return 0.0
    return float(np.clip((before * after).sum() / np.sqrt(here_energy * there_energy), 0.0, 1.0))
