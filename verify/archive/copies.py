"""Is a video a copy of an archived one: the same recording at its whole length, encoded anew?

Only two kinds of evidence together will do. The pictures agree nearly throughout, by their hashes, as they also do with
the same fixed camera at another time. And what changes in them agrees, by their motion signatures, at one offset in
time and at no other of the same reference, which no other recording of a scene does. Taking another recording for a
copy loses a reference, keeping a copy costs room: so whatever is in doubt is no copy, above all what hardly moves.

Sound and colour are not compared, and a small change in the picture, such as a logo, is not noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy.typing as npt

    from verify.model import FingerprintSet, MotionSet

    Floats = npt.NDArray[np.float64]
    Grid = npt.NDArray[np.float32]

#: How far the lengths may differ, and how far either end may lie from the reference's, in seconds.
MAX_DIFFERENCE_S = 1.5
#: In shorter videos one event makes up all of the motion: two cars that pass a camera in one lane move alike for 6 s.
MIN_DURATION_S = 10.0
#: Share of the longer of the two videos that both show.
MIN_COVERED = 0.9
#: PDQ's quality below which a frame has too little structure for its hash to mean anything.
MIN_QUALITY = 0.5
#: Share of each video's frames that must have it.
MIN_USABLE = 1 / 3
#: A pair of frames agrees up to these distances: what encoding and a small logo do, and strangers never come near.
MAX_PDQ_BITS, MAX_PHASH_BITS = 31, 10
#: The same for a frame sampled between two frames of the other, counted where those two are alike.
MAX_PDQ_BETWEEN, MAX_PHASH_BETWEEN = 20, 6
#: Share of usable frames, of either video, that agree with the other.
MIN_AGREEING = 0.85
#: Longest time without a frame that agrees, in seconds: a title in another language is longer.
MAX_GAP_S = 1.5
#: How well what moves agrees over the whole length, and how much better than at any other offset (correlations).
MIN_MOTION, MIN_MOTION_MARGIN = 0.85, 0.4
#: How well it agrees in a window, in each in which much moves, and in which share of all windows it moves and does so.
MIN_WINDOW_MOTION, MIN_PROVEN = 0.5, 0.6

#: Time between two frames that are compared: a little more than that between two samples of a reference.
_NEIGHBOUR_S = 0.26
#: Two frames that differ in more PDQ bits than this have too little in common for a frame between them.
_MAX_APART = 128
#: Frames that are looked up in a reference first, and share of them that must be there.
_LOOKED_UP = 12
_MIN_FOUND = 2 / 3
#: Stands for the distance of a frame that has none beside it to be compared with.
_ALL_BITS = 256
#: Motion is compared on a grid of this step, in seconds: half the time between the pictures of a proxy.
_STEP_S = 0.04
_GRID_TOLERANCE_S = 0.05
_WINDOW_S = 2.0
#: Mean square of the codes of a window from which on something moves in it: what is below may be noise. And from which
#: on so much does that no encoding makes two copies disagree.
_MOVING, _MUCH = 400.0, 1000.0
#: How far beyond the limit the best offset is sought.
_BEYOND_S = 0.5
#: Offsets nearer to the best than this are the same one: a motion signature is as wide as that.
_ELSEWHERE_S = 1.0
#: What must remain at an offset for its correlation to mean anything: share of the length, of the motion, seconds.
_MIN_REMAINING, _MIN_REMAINING_MOTION, _MIN_REMAINING_S = 0.3, 0.15, 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """A video as it is compared: fingerprints by algorithm, motion signatures (None without a proxy), length in s."""

    fingerprints: Mapping[str, FingerprintSet]
    motion: MotionSet | None
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How alike a video and a reference are, and the offset at which what moves in them agrees best.

    Parameters
    ----------
    offset_s
        Reference time less video time, in seconds.
    end_difference_s
        How much later than the reference's end the video's end lies then.
    covered
        Share of the longer of the two that both show, 0..1.
    usable
        Share of frames with enough structure to be compared, 0..1; the lower of the two videos' values.
    agreeing
        Share of those that agree with a frame of the other, 0..1; the lower of the two.
    gap_s
        Longest time without a frame, usable or not, that agrees, in seconds; the higher of the two.
    median_pdq_bits
        Median PDQ distance of the frames that were compared, 256 if none were.
    motion
        Correlation of what moves at that offset, -1..1.
    motion_elsewhere
        The best that any offset further off gives, None if none leaves enough to be compared.
    least_window_motion
        The lowest correlation of the windows in which much moves in either, None if it does in none.
    proven
        Share of windows in which something moves in both and agrees, 0..1.
    """

    offset_s: float
    end_difference_s: float
    covered: float
    usable: float
    agreeing: float
    gap_s: float
    median_pdq_bits: float
    motion: float
    motion_elsewhere: float | None
    least_window_motion: float | None
    proven: float

    @property
    def is_copy(self) -> bool:
        """Say whether all of it shows a copy."""
        if self.motion_elsewhere is None:
            return False
        same_length = abs(self.offset_s) <= MAX_DIFFERENCE_S and abs(self.end_difference_s) <= MAX_DIFFERENCE_S
        same_pictures = self.usable >= MIN_USABLE and self.agreeing >= MIN_AGREEING and self.gap_s <= MAX_GAP_S
        same_motion = self.motion >= MIN_MOTION and self.motion - self.motion_elsewhere >= MIN_MOTION_MARGIN
        nowhere_other = self.least_window_motion is None or self.least_window_motion >= MIN_WINDOW_MOTION
        throughout = self.proven >= MIN_PROVEN and nowhere_other
        return same_length and self.covered >= MIN_COVERED and same_pictures and same_motion and throughout


class Copy(NamedTuple):
    """The reference that a video is a copy of, and what shows it."""

    reference_id: str
    likeness: Likeness


def of_like_duration(references: Iterable[tuple[str, float]], duration_s: float) -> list[tuple[str, float]]:
    """Return the (id, length in s) of references that are about as long as a video, nearest first."""
    if not duration_s >= MIN_DURATION_S:
        return []
    near = [each for each in references if abs(each[1] - duration_s) <= MAX_DIFFERENCE_S]
    return sorted(near, key=lambda each: (abs(each[1] - duration_s), each[0]))


def find_copy(
    video: Recording,
    references: Iterable[tuple[str, float]],
    fingerprints_of: Callable[[str], Mapping[str, FingerprintSet]],
    motion_of: Callable[[str], MotionSet | None],
) -> Copy | None:
    """Find the reference that a video is a copy of, None if it is a copy of none.

    Parameters
    ----------
    references
        (id, length in s) of all references in question; only those of about the video's length are looked at.
    fingerprints_of, motion_of
        Read what is kept of a reference, by its id. Motion is read only if the pictures seem to agree.
    """
    if video.motion is None or not len(video.motion.codes):
        return None
    found: list[Copy] = []
    for reference_id, duration_s in of_like_duration(references, video.duration_s):
        fingerprints = fingerprints_of(reference_id)
        if not may_agree(video.fingerprints, fingerprints):
            continue
        reference = Recording(fingerprints=fingerprints, motion=motion_of(reference_id), duration_s=duration_s)
        likeness = likeness_of(video, reference)
        if likeness and likeness.is_copy:
            found.append(Copy(reference_id, likeness))
    return max(found, key=lambda copy: copy.likeness.motion, default=None)


def may_agree(video: Mapping[str, FingerprintSet], reference: Mapping[str, FingerprintSet]) -> bool:
    """Look up a few frames of a video in a reference, at about the same time: are most of them there?"""
    usable = np.flatnonzero(video["pdq"].quality >= MIN_QUALITY)
    if not (len(usable) and _same_versions(video, reference)):
        return False
    rows = np.unique(usable[np.linspace(0, len(usable) - 1, _LOOKED_UP + 2).round().astype(int)[1:-1]])
    _, agree = _beside(video, rows, 0.0, reference, MAX_DIFFERENCE_S + _NEIGHBOUR_S)
    return bool(agree.mean() >= _MIN_FOUND)


def likeness_of(video: Recording, reference: Recording) -> Likeness | None:
    """Compare a video with a reference in full; None if either has no motion signatures to compare."""
    if video.motion is None or reference.motion is None or video.motion.version != reference.motion.version:
        return None
    grids = _on_grid(video.motion, video.duration_s), _on_grid(reference.motion, reference.duration_s)
    if not all(grid.any() for grid in grids):
        return None
    steps, motion, elsewhere = _offset(*grids)
    offset_s = steps * _STEP_S
    least, proven = _by_window(*grids, steps)
    compared = _compared(video, reference, offset_s), _compared(reference, video, -offset_s)
    bits = np.concatenate([each.pdq_bits for each in compared])
    shown_s = min(video.duration_s, reference.duration_s - offset_s) - max(0.0, -offset_s)
    return Likeness(
        offset_s=offset_s,
        end_difference_s=video.duration_s + offset_s - reference.duration_s,
        covered=max(0.0, shown_s) / max(video.duration_s, reference.duration_s),
        usable=min(each.usable for each in compared),
        agreeing=min(each.agreeing for each in compared),
        gap_s=max(each.gap_s for each in compared),
        median_pdq_bits=float(np.median(bits)) if len(bits) else float(_ALL_BITS),
        motion=motion,
        motion_elsewhere=elsewhere,
        least_window_motion=least,
        proven=proven,
    )


class _Compared(NamedTuple):
    """What comparing the frames of one video with those of another gave; see `Likeness`."""

    usable: float
    agreeing: float
    gap_s: float
    pdq_bits: npt.NDArray[np.int64]


def _compared(video: Recording, other: Recording, offset_s: float) -> _Compared:
    """Compare the frames of a video that the other shows too with those shown beside them there."""
    begin_s, end_s = max(0.0, offset_s), min(other.duration_s, video.duration_s + offset_s)
    pdq = video.fingerprints["pdq"]
    times_s = pdq.times_s + offset_s
    rows = np.flatnonzero((times_s >= begin_s) & (times_s <= end_s))
    usable = pdq.quality[rows] >= MIN_QUALITY
    if not (usable.any() and _same_versions(video.fingerprints, other.fingerprints)):
        return _Compared(0.0, 0.0, max(0.0, end_s - begin_s), np.zeros(0, np.int64))
    bits, agree = _beside(video.fingerprints, rows, offset_s, other.fingerprints, _NEIGHBOUR_S)
    # Frames that are not usable prove nothing by agreeing, but much by not agreeing for long: a copy's do agree.
    gap_s = np.diff(np.concatenate([[begin_s], times_s[rows[agree]], [end_s]])).max()
    return _Compared(float(usable.mean()), float(agree[usable].mean()), float(gap_s), bits[usable])


def _same_versions(video: Mapping[str, FingerprintSet], other: Mapping[str, FingerprintSet]) -> bool:
    return all(video[name].version == other[name].version for name in ("pdq", "phash"))


def _beside(
    video: Mapping[str, FingerprintSet],
    rows: npt.NDArray[np.int64],
    offset_s: float,
    other: Mapping[str, FingerprintSet],
    reach_s: float,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Compare frames of a video with those of another that are shown within `reach_s` of the same time.

    A frame agrees with one of them, or lies between two that follow each other: where something moves fast, a frame
    that was sampled between theirs is far from both, but differs hardly in the bits in which those two are alike.

    Returns
    -------
    tuple of ndarray
        For every row the least PDQ distance in bits, and whether it agrees.
    """
    times_s, other_s = video["pdq"].times_s[rows] + offset_s, other["pdq"].times_s
    first = np.searchsorted(other_s, times_s - reach_s)
    last = np.searchsorted(other_s, times_s + reach_s, side="right")
    least = np.full(len(rows), _ALL_BITS, np.int64)
    agree = np.zeros(len(rows), np.bool_)
    for step in range(int((last - first).max(initial=0))):
        within = np.flatnonzero(first + step < last)
        here = first[within] + step
        after = np.minimum(here + 1, last[within] - 1)
        bits, between, apart = _distances(video["pdq"], rows[within], other["pdq"], here, after)
        phash_bits, phash_between, _ = _distances(video["phash"], rows[within], other["phash"], here, after)
        least[within] = np.minimum(least[within], bits)
        agree[within] |= (bits <= MAX_PDQ_BITS) & (phash_bits <= MAX_PHASH_BITS)
        agree[within] |= (between <= MAX_PDQ_BETWEEN) & (phash_between <= MAX_PHASH_BETWEEN) & (apart <= _MAX_APART)
    return least, agree


def _distances(
    video: FingerprintSet,
    rows: npt.NDArray[np.int64],
    other: FingerprintSet,
    here: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Bits in which frames differ from the one beside them, from it and the next, and in which those two differ."""
    from_here, from_after = video.codes[rows] ^ other.codes[here], video.codes[rows] ^ other.codes[after]
    pairs = (from_here, from_here & from_after, from_here ^ from_after)
    return tuple(np.bitwise_count(each).sum(axis=1, dtype=np.int64) for each in pairs)


def _on_grid(motion: MotionSet, duration_s: float) -> Grid:
    """Lay moments on an even grid from 0 to the end: (N, D) codes, zero where nothing changes."""
    grid_s = np.arange(int(duration_s / _STEP_S) + 1) * _STEP_S
    laid = np.zeros((len(grid_s), motion.codes.shape[1]), np.float32)
    if len(motion.codes):
        after = np.searchsorted(motion.times_s, grid_s).clip(max=len(motion.codes) - 1)
        before = (after - 1).clip(min=0)
        earlier = np.abs(motion.times_s[before] - grid_s) <= np.abs(motion.times_s[after] - grid_s)
        rows = np.where(earlier, before, after)
        near = np.abs(motion.times_s[rows] - grid_s) <= _GRID_TOLERANCE_S
        laid[near] = motion.codes[rows[near]]
    return laid


def _offset(video: Grid, reference: Grid) -> tuple[int, float, float | None]:
    """Offset, in steps, at which what moves agrees best; how well it does there, and at best further off.

    All offsets are tried at once, by Fourier transform. A moment that only one of the two has counts against them.
    """
    offsets = np.arange(1 - len(video), len(reference))
    first, last = np.maximum(0, -offsets), np.minimum(len(video), len(reference) - offsets)
    totals = [
        np.concatenate([[0.0], (grid.astype(np.float64) ** 2).sum(axis=1).cumsum()]) for grid in (video, reference)
    ]
    remaining = np.sqrt((totals[0][last] - totals[0][first]) * (totals[1][last + offsets] - totals[1][first + offsets]))
    whole = float(np.sqrt(totals[0][-1] * totals[1][-1]))
    correlations = _products(video, reference)[offsets] / np.maximum(remaining, 1e-6 * whole)
    # Somewhat further than a copy may lie, so that what lies there is not taken for one at the limit.
    allowed = np.flatnonzero(np.abs(offsets) * _STEP_S <= MAX_DIFFERENCE_S + _BEYOND_S)
    best = int(allowed[correlations[allowed].argmax()])
    enough_s = max(_MIN_REMAINING_S, _MIN_REMAINING * min(len(video), len(reference)) * _STEP_S)
    elsewhere = np.abs(offsets - offsets[best]) * _STEP_S >= _ELSEWHERE_S
    elsewhere &= ((last - first) * _STEP_S >= enough_s) & (remaining >= _MIN_REMAINING_MOTION * whole)
    highest = float(correlations[elsewhere].max()) if elsewhere.any() else None
    return int(offsets[best]), float(correlations[best]), highest


def _products(video: Grid, reference: Grid) -> Floats:
    """Sum of products of the codes at every offset; negative offsets count from the end."""
    size = 1 << (len(video) + len(reference) - 1).bit_length()
    spectrum = np.zeros(size // 2 + 1, np.complex128)
    for number in range(video.shape[1]):
        spectrum += np.fft.rfft(video[:, number], size).conj() * np.fft.rfft(reference[:, number], size)
    return np.asarray(np.fft.irfft(spectrum, size), np.float64)


def _by_window(video: Grid, reference: Grid, offset: int) -> tuple[float | None, float]:
    """Lowest correlation of the windows in which much moves in either; share of windows in which something agrees.

    One jolt of the camera outweighs all else in the whole; it cannot do so in every window.
    """
    first, last = max(0, -offset), min(len(video), len(reference) - offset)
    count = max(1, round((last - first) * _STEP_S / _WINDOW_S))
    least: float | None = None
    proven = 0
    for steps in np.array_split(np.arange(first, last), count):
        here, there = video[steps].astype(np.float64), reference[steps + offset].astype(np.float64)
        strengths = float((here**2).sum()) / len(steps), float((there**2).sum()) / len(steps)
        agrees = float((here * there).sum()) / len(steps) / max(1e-9, strengths[0] * strengths[1]) ** 0.5
        if max(strengths) >= _MUCH:
            least = agrees if least is None else min(least, agrees)
        proven += min(strengths) >= _MOVING and agrees >= MIN_WINDOW_MOTION
    return least, proven / count
