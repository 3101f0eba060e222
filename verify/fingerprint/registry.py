"""The cues that are computed by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from verify.fingerprint import pdq, phash

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from verify.fingerprint.codes import Code


class Cue(NamedTuple):
    """A way to fingerprint a frame. Cues of one `family` fail alike and so count as one kind of evidence."""

    algorithm: str
    version: int
    bits: int
    family: str
    encode: Callable[[npt.NDArray[np.uint8]], Code]


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
