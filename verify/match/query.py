"""The query as matching needs it: fingerprints as shown and mirrored, shots, and how much each frame can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from verify.model import FrameClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from verify.model import FingerprintSet, Shot

#: PDQ quality below which a frame is too flat for its codes to mean anything.
MIN_QUALITY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """Fingerprints of the release, by algorithm; `weight` (Q,) is 0 for frames that cannot carry evidence."""

    plain: Mapping[str, FingerprintSet]
    mirrored: Mapping[str, FingerprintSet]
    shots: Sequence[Shot]
    weight: npt.NDArray[np.float32]

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """Times of the sampled frames, (Q,), in seconds."""
        return next(iter(self.plain.values())).times_s

    def variant(self, *, mirrored: bool) -> Mapping[str, FingerprintSet]:
        """Fingerprints as shown, or mirrored left to right."""
        return self.mirrored if mirrored else self.plain

    def frames_of(self, shot: Shot) -> slice:
        """Rows of the frames sampled from a shot."""
        first, last = np.searchsorted(self.times_s, [shot.interval.start_s - 1e-6, shot.interval.end_s - 1e-6])
        return slice(int(first), int(last))


def make_query(
    plain: Mapping[str, FingerprintSet], mirrored: Mapping[str, FingerprintSet], shots: Sequence[Shot]
) -> Query:
    """Weigh the frames: those of textured shots with enough structure count, all others do not."""
    weight = (plain["pdq"].quality >= MIN_QUALITY).astype(np.float32)
    query = Query(plain=plain, mirrored=mirrored, shots=shots, weight=weight)
    for shot in shots:
        if shot.frame_class is not FrameClass.TEXTURED:
            weight[query.frames_of(shot)] = 0.0
    return query
