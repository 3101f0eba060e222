"""The query as matching needs it: fingerprints in several views, shots, and how much each frame can tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from verify.model import FrameClass, Transform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from verify.fingerprint.fingerprinter import Fingerprints
    from verify.model import Shot

#: PDQ quality below which a frame is too flat for its codes to mean anything.
MIN_QUALITY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """Fingerprints of the release by view; `weight` (Q,) is 0 for frames that cannot carry evidence."""

    views: Mapping[Transform, Fingerprints]
    shots: Sequence[Shot]
    weight: npt.NDArray[np.float32]

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """Times of the sampled frames, (Q,), in seconds."""
        return self.views[Transform()]["pdq"].times_s

    def frames_of(self, shot: Shot) -> slice:
        """Rows of the frames sampled from a shot."""
        first, last = np.searchsorted(self.times_s, [shot.interval.start_s - 1e-6, shot.interval.end_s - 1e-6])
        return slice(int(first), int(last))


def make_query(views: Mapping[Transform, Fingerprints], shots: Sequence[Shot]) -> Query:
    """Add views with dark and light exchanged, and weigh the frames.

    Those of textured shots with enough structure count, all others do not.
    """
    weight = (views[Transform()]["pdq"].quality >= MIN_QUALITY).astype(np.float32)
    query = Query(views={**views, **_inverted(views)}, shots=shots, weight=weight)
    for shot in shots:
        if shot.frame_class is not FrameClass.TEXTURED:
            weight[query.frames_of(shot)] = 0.0
    return query


def _inverted(views: Mapping[Transform, Fingerprints]) -> dict[Transform, Fingerprints]:
    """Return the same views of the negative: every bit is the other one, but for a few of pHash's."""
    return {
        replace(view, inverted=True): {
            algorithm: replace(fingerprints, codes=~fingerprints.codes) for algorithm, fingerprints in own.items()
        }
        for view, own in views.items()
    }
