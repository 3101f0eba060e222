"""Made-up hashes with the statistics of real footage, for archives of any size.

Figures are of the references of `dev` and `dev_hard` (100 clips, 5,816 archived frames). Each code is the sign of
hidden numbers that change step by step, by as much as the shot they belong to moves; half of the bits are set, as in
both algorithms. PDQ codes of different references lie 127.7 bits apart on average (standard deviation 8.4), pHashes
31.4 (4.2); one pair in some thousands lies within the radius of the search, because places and pictures recur: shots
are of a limited number of scenes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from verify.fingerprint.registry import CUES
from verify.model import FingerprintSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Codes = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]

HASHES_PER_SECOND = 4
QUERY_PER_SECOND = 8
#: Bits between neighbouring archived frames: these shares of them differ by no more than these.
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
CHANGES = {
    "pdq": (0, 0, 2, 4, 8, 14, 20, 28, 40, 56, 86, 100, 110),
    "phash": (0, 0, 0, 0, 0.5, 1.5, 2, 4, 6, 8, 12, 16, 20),
}
SHOT_FRAMES = 24
SCENES, SCENE_SHARE = 600, 0.75
#: References that are made together.
_TOGETHER = 210


def _codes_of(hidden: Floats) -> Codes:
    """Set the bits of the higher half of each row's numbers."""
    return np.packbits(hidden > np.median(hidden, axis=1, keepdims=True), axis=1)


def _turned(random: np.random.Generator, hidden: Floats, correlation: Floats) -> Floats:
    """Change numbers at random, so that they correlate with what they were."""
    fresh = random.standard_normal(hidden.shape, np.float32)
    return np.asarray(correlation * hidden + np.sqrt(1 - correlation**2) * fresh, np.float32)


def references(random: np.random.Generator, count: int, frames: int) -> Iterator[dict[str, FingerprintSet]]:
    """Yield the fingerprints of `count` references with so many frames each."""
    scenes = {cue.algorithm: random.standard_normal((SCENES, cue.bits), np.float32) for cue in CUES}
    for start in range(0, count, _TOGETHER):
        some = min(_TOGETHER, count - start)
        codes = {cue.algorithm: np.empty((some, frames, cue.bits // 8), np.uint8) for cue in CUES}
        hidden = {cue.algorithm: np.zeros((some, cue.bits), np.float32) for cue in CUES}
        share = np.zeros(some)
        for frame in range(frames):
            cuts = np.flatnonzero(random.random(some) < (1 / SHOT_FRAMES if frame else 1))
            share[cuts] = random.random(len(cuts))
            of_scenes = random.integers(0, SCENES, len(cuts))
            for cue in CUES:
                name = cue.algorithm
                moved = np.interp(share, SHARES, CHANGES[name])
                hidden[name] = _turned(
                    random, hidden[name], np.cos(np.pi * moved / cue.bits)[:, None].astype(np.float32)
                )
                scene = scenes[name][of_scenes]
                hidden[name][cuts] = _turned(random, scene, np.full((len(cuts), 1), SCENE_SHARE, np.float32))
                codes[name][:, frame] = _codes_of(hidden[name])
        for number in range(some):
            yield {cue.algorithm: _set(cue.algorithm, codes[cue.algorithm][number]) for cue in CUES}


def _set(algorithm: str, codes: Codes) -> FingerprintSet:
    cue = next(cue for cue in CUES if cue.algorithm == algorithm)
    return FingerprintSet(
        algorithm=algorithm,
        version=cue.version,
        bits=cue.bits,
        times_s=np.arange(len(codes)) / HASHES_PER_SECOND,
        codes=codes,
        quality=np.ones(len(codes), np.float32),
    )


def release(random: np.random.Generator, codes: list[Codes], piece_frames: int) -> Codes:
    """Make the query frames of a release of pieces of references, as it is, mirrored, and the negatives of both.

    Parameters
    ----------
    codes
        For each piece, (n, W), archived codes of some part of a reference.
    piece_frames
        Query frames of each piece; every other one lies between two archived ones.
    """
    bits = codes[0].shape[1] * 8
    pieces = []
    for own in codes:
        shown = np.unpackbits(own[: piece_frames // 2 + 1], axis=1)
        between = np.where(random.random(shown[:-1].shape) < 0.5, shown[:-1], shown[1:])
        both = np.stack([shown[:-1], between], axis=1).reshape(-1, bits)
        # What an edit turns stays turned: up to the radius of the search and beyond.
        edit = random.random(bits) < random.uniform(0, 0.35)
        pieces.append(both ^ edit)
    plain = np.concatenate(pieces)
    side = 16 if bits == 256 else 8
    mirrored = plain ^ (np.arange(bits) % side % 2).astype(np.uint8)
    views = np.packbits(np.concatenate([plain, mirrored]), axis=1)
    return np.concatenate([views, ~views])
