"""The cues that are computed by default, and the form in which a video's codes are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from verify.fingerprint import pdq, phash
from verify.model import FingerprintSet

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from verify.fingerprint.codes import CueCodes
    from verify.model import SampledFrame


class Cue(NamedTuple):
    """A way to fingerprint a frame. Cues of one `family` fail alike and so count as one kind of evidence."""

    algorithm: str
    version: int
    bits: int
    family: str
    encode: Callable[[npt.NDArray[np.uint8]], CueCodes]


CUES: tuple[Cue, ...] = (
    Cue(pdq.ALGORITHM, pdq.VERSION, pdq.BITS, "global perceptual hash", pdq.encode),
    Cue(phash.ALGORITHM, phash.VERSION, phash.BITS, "global perceptual hash", phash.encode),
)


def cue_named(algorithm: str) -> Cue:
    """Return the cue of that name; raises KeyError for an unknown one."""
    for cue in CUES:
        if cue.algorithm == algorithm:
            return cue
    raise KeyError(algorithm)


class Fingerprinter:
    """Collects the codes of one video, frame by frame, in order of time."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._codes: dict[str, list[CueCodes]] = {cue.algorithm: [] for cue in CUES}

    def add(self, frame: SampledFrame) -> None:
        """Fingerprint one frame with every cue."""
        grey = cv2.cvtColor(frame.pixels_bgr, cv2.COLOR_BGR2GRAY)
        self._times_s.append(frame.time_s)
        for cue in CUES:
            self._codes[cue.algorithm].append(cue.encode(np.asarray(grey, np.uint8)))

    def plain(self) -> dict[str, FingerprintSet]:
        """Return the fingerprints of the frames as shown, by algorithm."""
        return {cue.algorithm: self._collect(cue, "plain") for cue in CUES}

    def mirrored(self) -> dict[str, FingerprintSet]:
        """Return the fingerprints of the frames mirrored left to right, by algorithm."""
        return {cue.algorithm: self._collect(cue, "mirrored") for cue in CUES}

    def _collect(self, cue: Cue, variant: str) -> FingerprintSet:
        frames = self._codes[cue.algorithm]
        return FingerprintSet(
            algorithm=cue.algorithm,
            version=cue.version,
            bits=cue.bits,
            times_s=np.array(self._times_s, np.float64),
            codes=np.array([getattr(codes, variant) for codes in frames], np.uint8).reshape(len(frames), cue.bits // 8),
            quality=np.array([codes.quality for codes in frames], np.float32),
        )
