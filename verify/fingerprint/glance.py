"""Look at a picture or a clip as far as a search for the nearest references needs it: codes of frames, and vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from verify.fingerprint.examine import QUERY_SAMPLES_PER_SECOND, examine
from verify.fingerprint.fingerprinter import QUERY_VIEWS, Fingerprinter
from verify.media.reader import read_picture
from verify.media.stills import is_picture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from verify.fingerprint.fingerprinter import Fingerprints
    from verify.fingerprint.learned import Descriptor
    from verify.model import Progress, SampledFrame, Transform

#: Pictures of a clip that get vectors: the first of every shot, and then one after so many seconds.
DESCRIBED_STEP_S = 1.0
_STEP_TOLERANCE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glance:
    """What a picture or clip is searched by.

    `fingerprints` are by view, then by algorithm. `vectors` (K, 4, D) float16 are those of the pictures at
    `described_s` (K,) float64 seconds, each in `learned.VIEWS`; None without a descriptor.
    """

    is_picture: bool
    fingerprints: Mapping[Transform, Fingerprints]
    described_s: npt.NDArray[np.float64]
    vectors: npt.NDArray[np.float16] | None


class _Described:
    """Collects the vectors of some of a clip's frames, in order of time."""

    def __init__(self, learned: Descriptor | None) -> None:
        self._learned = learned
        self._times_s: list[float] = []
        self._vectors: list[npt.NDArray[np.float16]] = []

    def add(self, frame: SampledFrame) -> None:
        """Take the next frame."""
        if self._learned is None:
            return
        is_due = not self._times_s or frame.time_s >= self._times_s[-1] + DESCRIBED_STEP_S - _STEP_TOLERANCE_S
        if frame.starts_shot or is_due:
            self._times_s.append(frame.time_s)
            self._vectors.append(self._learned.describe_views(frame.pixels_bgr, with_inverted=True))

    def glance(self, fingerprints: Mapping[Transform, Fingerprints], *, of_picture: bool) -> Glance:
        """Put together what was collected."""
        return Glance(
            is_picture=of_picture,
            fingerprints=fingerprints,
            described_s=np.array(self._times_s, np.float64),
            vectors=np.stack(self._vectors) if self._vectors else None,
        )


def glance_at(path: Path, progress: Progress, learned: Descriptor | None = None) -> Glance:
    """Look at a still picture (JPEG, PNG, WebP) or a video, which is sampled as a release is.

    Raises
    ------
    UnreadableMediaError, NoUsableFramesError
        It is none that can be decoded.
    """
    described = _Described(learned)
    if is_picture(path):
        fingerprinter = Fingerprinter(QUERY_VIEWS)
        frame = read_picture(path)
        fingerprinter.add(frame)
        described.add(frame)
        return described.glance(fingerprinter.fingerprints(), of_picture=True)
    examination = examine(
        path,
        samples_per_second=QUERY_SAMPLES_PER_SECOND,
        views=QUERY_VIEWS,
        progress=progress,
        label="examine",
        also=described.add,
    )
    return described.glance(examination.fingerprints, of_picture=False)
