"""Pictures and fingerprints for tests: drawn or made by rule, the same on every machine, in a blink."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from verify.archive.index import ReferenceIndex
from verify.fingerprint.registry import CUES
from verify.match.hash_lines import find_hash_matches
from verify.match.query import MIN_QUALITY, make_query
from verify.model import FingerprintSet, FrameClass, Interval, Match, Shot, SilentProgress, Transform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Codes = dict[str, npt.NDArray[np.uint8]]
    Fingerprints = Mapping[str, FingerprintSet]

AS_SHOWN = Transform()
MIRRORED = Transform(mirrored=True)


def grey_picture(seed: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Draw folded ramps at several angles over each other, (height, width) uint8; integer arithmetic only.

    The same bits on every machine and with every version of NumPy, which a random generator does not promise.
    """
    row, column = np.mgrid[:height, :width].astype(np.int64)
    total = np.zeros((height, width), np.int64)
    for wave in range(5):
        down, across = (seed * 7 + wave * 5) % 11 - 5, (seed * 3 + wave * 11) % 13 - 6
        period = 40 + (seed * 37 + wave * 61) % 160
        folded = np.abs((row * down + column * across + seed * 29) % (2 * period) - period)
        total += folded * 255 * (5 - wave) // period
    return (total // 15).astype(np.uint8)


class Film:
    """Fake footage: codes that drift as in moving pictures, `per_second` frames a second.

    Neighbouring frames differ by few bits, frames a second or more apart by about as many as strangers do.

    Parameters
    ----------
    seed
        Chooses the film; films of different seeds have nothing in common.
    duration_s
        Length in seconds.
    memory
        Share of a frame's hidden state that its follower keeps. 1 makes a film of one still picture.
    """

    per_second = 32

    def __init__(self, seed: int, duration_s: float, memory: float = 0.9) -> None:
        generator = np.random.default_rng(seed)
        frames = round(duration_s * self.per_second) + 1
        self.codes: Codes = {}
        for cue in CUES:
            state = generator.standard_normal(cue.bits)
            rows = []
            for _ in range(frames):
                rows.append(np.packbits(state > 0))
                state = memory * state + (1 - memory**2) ** 0.5 * generator.standard_normal(cue.bits)
            self.codes[cue.algorithm] = np.array(rows)

    def at(self, times_s: npt.NDArray[np.float64], noise: float = 0.0, seed: int = 0) -> Codes:
        """Codes of the frames shown at the given times, with a share `noise` of their bits turned."""
        rows = np.floor(times_s * self.per_second + 1e-6).astype(int)
        generator = np.random.default_rng(seed + 1000)
        return {
            algorithm: codes[rows]
            ^ np.packbits(generator.random((len(rows), codes.shape[1] * 8)) < noise, axis=1).reshape(len(rows), -1)
            for algorithm, codes in self.codes.items()
        }


def fingerprints_of(
    codes: Codes, times_s: npt.NDArray[np.float64], quality: npt.NDArray[np.float32] | float = 1.0
) -> Fingerprints:
    """Wrap codes as the fingerprinter does, all of the given quality."""
    return {
        cue.algorithm: FingerprintSet(
            algorithm=cue.algorithm,
            version=cue.version,
            bits=cue.bits,
            times_s=times_s.copy(),
            codes=codes[cue.algorithm].copy(),
            quality=np.full(len(times_s), quality, np.float32),
        )
        for cue in CUES
    }


def reference_of(film: Film, duration_s: float, per_second: float = 4.0) -> Fingerprints:
    """Fingerprints of a film from its start, sampled as references are."""
    times_s = np.arange(0, duration_s, 1 / per_second)
    return fingerprints_of(film.at(times_s), times_s)


class Edit:
    """A fake release: pieces of films one after the other, sampled as queries are, with a share of turned bits."""

    per_second = 8.0

    def __init__(self, noise: float = 0.08) -> None:
        self._noise = noise
        self._pieces: list[tuple[Film, float, float, float, bool, bool]] = []

    def add(
        self, film: Film, start_s: float, duration_s: float, *, rate: float = 1.0, mirrored: bool = False,
        cut: bool = True,
    ) -> Edit:  # fmt: skip
        """Append `duration_s` seconds of a film from its `start_s` on, shown at a rate; no cut: in the same shot."""
        self._pieces.append((film, start_s, duration_s, rate, mirrored, cut))
        return self

    def shots(self) -> tuple[Shot, ...]:
        """Shots of the release, all textured."""
        ends = list(accumulate(piece[2] for piece in self._pieces))
        cuts = [0.0, *(end for end, piece in zip(ends, self._pieces[1:], strict=False) if piece[5]), ends[-1]]
        return tuple(
            Shot(interval=Interval(start_s=start_s, end_s=end_s), frame_class=FrameClass.TEXTURED)
            for start_s, end_s in pairwise(cuts)
        )

    def views(self) -> dict[Transform, Fingerprints]:
        """Fingerprints as shown and mirrored. Seen in the wrong view, a film is a stranger."""
        times: list[npt.NDArray[np.float64]] = []
        codes: dict[Transform, list[Codes]] = {AS_SHOWN: [], MIRRORED: []}
        start_s = 0.0
        for number, (film, from_s, duration_s, rate, mirrored, _) in enumerate(self._pieces):
            here = np.arange(0, duration_s - 1e-6, 1 / self.per_second)
            times.append(start_s + here)
            start_s += duration_s
            seen = film.at(from_s + rate * here, self._noise, number)
            other = Film(5000 + number, duration_s).at(here)
            codes[AS_SHOWN].append(other if mirrored else seen)
            codes[MIRRORED].append(seen if mirrored else other)
        all_times = np.concatenate(times)
        return {
            view: fingerprints_of(
                {cue.algorithm: np.concatenate([piece[cue.algorithm] for piece in pieces]) for cue in CUES}, all_times
            )
            for view, pieces in codes.items()
        }

    def matches(self, references: Mapping[str, Fingerprints], shots: Sequence[Shot] | None = None) -> tuple[Match, ...]:
        """Search this release in an index of the given references."""
        query = make_query(self.views(), self.shots() if shots is None else shots)
        return find_hash_matches(query, ReferenceIndex(references, MIN_QUALITY), SilentProgress())
