"""One candidate laid against the query: codes of both, and the field of distances between their frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from verify.fingerprint.registry import CUES
from verify.match.alignment import FrameField
from verify.match.query import MIN_QUALITY
from verify.model import AlignedPair, CueEvidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from verify.match.candidates import Candidate
    from verify.match.query import Query
    from verify.model import FingerprintSet, TimeMap

#: Share of differing bits below which aligned frames count as agreeing; 0.5 is chance.
AGREEMENT_LIMIT = 0.36
#: Part that each cue has in the distance of two frames.
_CUE_SHARES = {"pdq": 2 / 3, "phash": 1 / 3}
_SHOWN_ALGORITHM = "pdq"
#: Share of differing bits between neighbouring samples of a reference above which a cut lies between them.
_CUT_CHANGE = 0.36
_CUT_RATIO = 1.5
_USUAL_REACH = 3
MAX_PAIRS = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairing:
    """A query and the candidate part of a reference, with the distances between all their frames."""

    query: Query
    candidate: Candidate
    reference: Mapping[str, FingerprintSet]
    field: FrameField

    def cue_evidence(
        self, time_map: TimeMap, rows: npt.NDArray[np.int64], compared_frames: int
    ) -> tuple[CueEvidence, ...]:
        """Say for every cue how far the query frames `rows` are from the reference frames the time map lays on them."""
        evidence = []
        for cue in (each for each in CUES if each.algorithm in self.reference):
            distances = self._along(time_map, rows, cue.algorithm)[0]
            limit = round(AGREEMENT_LIMIT * cue.bits)
            evidence.append(
                CueEvidence(
                    cue=cue.algorithm,
                    family=cue.family,
                    median_distance_bits=float(np.median(distances)),
                    threshold_bits=limit,
                    bits=cue.bits,
                    agreeing_frames=int((distances <= limit).sum()),
                    compared_frames=compared_frames,
                )
            )
        return tuple(evidence)

    def aligned_pairs(self, time_map: TimeMap, rows: npt.NDArray[np.int64]) -> tuple[AlignedPair, ...]:
        """Pair the query frames `rows` with the reference samples nearest to their mapped times, by time."""
        distances, times_s = self._along(time_map, rows, _SHOWN_ALGORITHM)
        pairs = [
            AlignedPair(
                query_time_s=float(self.query.times_s[row]), reference_time_s=float(time_s), distance_bits=int(distance)
            )
            for row, time_s, distance in zip(rows, times_s, distances, strict=True)
        ]
        return tuple(pairs[:MAX_PAIRS])

    def _along(
        self, time_map: TimeMap, rows: npt.NDArray[np.int64], algorithm: str
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Distance in bits of each query row to the reference sample nearest on the time map, and its time."""
        fingerprint = self.reference[algorithm]
        mapped = time_map.rate * self.query.times_s[rows] + time_map.offset_s
        nearest = np.abs(fingerprint.times_s[None, :] - mapped[:, None]).argmin(axis=1)
        codes = self.query.views[self.candidate.view][algorithm].codes[rows]
        distances = np.bitwise_count(codes ^ fingerprint.codes[nearest]).sum(axis=1, dtype=np.int64)
        return distances, fingerprint.times_s[nearest]


def lay_against(query: Query, candidate: Candidate, reference: Mapping[str, FingerprintSet]) -> Pairing | None:
    """Measure all frames of the query against the candidate part of a reference; None if that has under two frames."""
    times_s = reference["pdq"].times_s
    part = slice(*np.searchsorted(times_s, [candidate.reference.start_s, candidate.reference.end_s]))
    if part.stop - part.start < 2:
        return None
    distance = np.zeros((len(query.times_s), part.stop - part.start), np.float32)
    for algorithm, share in _shares(reference).items():
        codes = query.views[candidate.view][algorithm].codes
        distance += share * hamming(codes, reference[algorithm].codes[part]) / (codes.shape[1] * 8)
    field = FrameField(
        query_times_s=query.times_s,
        reference_times_s=times_s[part],
        distance=distance,
        weight=query.weight,
        reference_shots=_reference_shots(reference, part),
    )
    return Pairing(query=query, candidate=candidate, reference=reference, field=field)


def _shares(reference: Mapping[str, FingerprintSet]) -> dict[str, float]:
    """Return the part that each cue of a reference has in a distance; a pack may have brought PDQ hashes alone."""
    present = {algorithm: share for algorithm, share in _CUE_SHARES.items() if algorithm in reference}
    if len(present) == len(_CUE_SHARES):
        return present
    total = sum(present.values())
    return {algorithm: share / total for algorithm, share in present.items()}


def _reference_shots(reference: Mapping[str, FingerprintSet], part: slice) -> npt.NDArray[np.int64]:
    """Tell the shots of a reference apart by how unlike neighbouring samples are; -1 for frames too flat."""
    change = np.zeros(max(0, part.stop - part.start - 1), np.float64)
    for algorithm, share in _shares(reference).items():
        codes = reference[algorithm].codes[part]
        change += share * np.bitwise_count(codes[1:] ^ codes[:-1]).sum(axis=1, dtype=np.int64) / (codes.shape[1] * 8)
    shots = np.concatenate([[0], np.cumsum((change > _CUT_CHANGE) & (change > _CUT_RATIO * _usual(change)))]).astype(
        np.int64
    )
    return np.where(reference["pdq"].quality[part] >= MIN_QUALITY, shots, -1)


def _usual(change: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Median change around each place: where everything changes all the time, a change is motion and no cut."""
    if len(change) == 0:
        return change
    padded = np.pad(change, _USUAL_REACH, mode="reflect" if len(change) > _USUAL_REACH else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _USUAL_REACH + 1)
    return np.asarray(np.median(windows, axis=1), np.float64)


def hamming(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Hamming distances in bits between all pairs of rows: (L, R) float32 from (L, B) and (R, B) uint8, B % 8 == 0."""
    wide_left, wide_right = (np.ascontiguousarray(codes).view(np.uint64) for codes in (left, right))
    distance = np.zeros((len(left), len(right)), np.float32)
    for word in range(wide_left.shape[1]):
        distance += np.bitwise_count(wide_left[:, word, None] ^ wide_right[None, :, word])
    return distance
