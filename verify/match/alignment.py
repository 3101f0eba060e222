"""Alignment in time: which straight line through the frames of a query shot and a reference agrees best.

A segment of footage shown at a constant rate is a line `reference time = rate * query time + offset` in the matrix of
distances between query and reference frames. Lines are proposed by close frame pairs voting for (rate, offset), as in
a Hough transform (the temporal Hough voting of Douze et al., 2010), then judged on all frames of the shot, refined,
and trimmed to where the frames agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

#: Playback rates that are tried, reference seconds per query second; negative is backwards.
RATES = (1.0, -1.0, 0.5, 2.0, 0.8, 1.25, 0.67, 1.5, 0.25, 0.33, 3.0, 4.0)

_OFFSET_BIN_S = 0.2
_SLOWEST, _FASTEST = 0.2, 5.0
_FIT_ROUNDS = 4
_FIT_REACH_S = 0.6
_FIT_SHARPNESS = 4
_FIT_MIN_FRAMES = 4
_FIT_TOLERANCE = 0.985
_NATIVE_MIN_SHARE = 0.35
_NATIVE_TOLERANCE = 0.004
_PROPOSALS_PER_RATE = 4
_REFERENCE_REACH_S = 0.2
#: Share of the limit by which another rate must be better than native speed.
_RATE_PREFERENCE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """reference time = rate * query time + offset_s, with the mean gain of the frames it was judged on."""

    rate: float
    offset_s: float
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameField:
    """Distances between the frames of a query and of a reference.

    `query_times_s` (Q,) and `reference_times_s` (R,) increase; `distance` (Q, R) float32 is 0 for equal frames and
    about 0.5 for unrelated ones; `weight` (Q,) in 0..1 says how much a query frame can tell. `reference_shots` (R,)
    numbers the shots of the reference, -1 for frames that can tell nothing.
    """

    query_times_s: Array
    reference_times_s: Array
    distance: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    reference_shots: npt.NDArray[np.int64]

    def cut_near(self, reference_time_s: float) -> bool:
        """Say whether the reference has a cut within two samples of a time in s."""
        near = np.abs(self.reference_times_s - reference_time_s) <= 2 * _REFERENCE_REACH_S
        return len(np.unique(self.reference_shots[near])) > 1

    def shots_along(self, rate: float, offset_s: float, frames: slice) -> npt.NDArray[np.int64]:
        """Shot of the reference that each query frame in `frames` is mapped into, -1 where there is none."""
        times = rate * self.query_times_s[frames] + offset_s
        nearest = np.abs(self.reference_times_s[None, :] - times[:, None]).argmin(axis=1)
        reached = np.abs(self.reference_times_s[nearest] - times) <= _REFERENCE_REACH_S + 0.1 * abs(rate)
        return np.where(reached, self.reference_shots[nearest], -1)

    def along(self, rate: float, offset_s: float, frames: slice) -> npt.NDArray[np.float32]:
        """Distance of each query frame in `frames` to the nearer of the two reference samples around its mapped time.

        NaN where the mapped time lies outside the reference.
        """
        times = rate * self.query_times_s[frames] + offset_s
        right = np.searchsorted(self.reference_times_s, times)
        best = np.full(len(times), np.nan, np.float32)
        rows = np.arange(len(self.query_times_s))[frames]
        reach = _REFERENCE_REACH_S + 0.1 * abs(rate)
        for neighbour in (right - 1, right):
            inside = (neighbour >= 0) & (neighbour < len(self.reference_times_s))
            column = np.clip(neighbour, 0, len(self.reference_times_s) - 1)
            inside &= np.abs(self.reference_times_s[column] - times) <= reach
            found = np.where(inside, self.distance[rows, column], np.nan).astype(np.float32)
            best = np.fmin(best, found)
        return best


def best_line(field: FrameField, frames: slice, limit: float) -> Line | None:
    """Find the line on which the query frames in `frames` agree best with the reference.

    Parameters
    ----------
    limit
        Distance below which a frame pair counts as agreeing; what a line gains on a frame is `limit - distance`.
    """
    block = field.distance[frames]
    close_rows, close_columns = np.nonzero(block < limit)
    if close_rows.size == 0:
        return None
    votes = limit - block[close_rows, close_columns]
    query_times = field.query_times_s[frames][close_rows]
    reference_times = field.reference_times_s[close_columns]
    proposed: dict[float, list[Line]] = {1.0: [], -1.0: [], 0.0: []}
    for rate in RATES:
        for offset_s in _strongest_bins(reference_times - rate * query_times, votes):
            proposed[rate if abs(rate) == 1.0 else 0.0].append(judge(field, frames, rate, offset_s, limit))
    native, backwards, changed = (
        _fitted(field, frames, _refined(field, frames, max(lines, key=lambda line: line.gain), limit), limit)
        for lines in proposed.values()
    )
    best = native
    for other in (backwards, changed):
        if not _simpler_serves(field, frames, best, other, limit):
            best = other
    return best if best.gain > 0 else None


def _simpler_serves(field: FrameField, frames: slice, native: Line, changed: Line, limit: float) -> bool:
    """Say whether the simpler line explains the frames it covers no worse than a changed speed or direction does.

    A changed speed can gain by stretching over more of the shot than the reference has; where both lines cover the same
    frames, only the true one is closest.
    """
    if native.gain >= changed.gain:
        return True
    here = field.along(native.rate, native.offset_s, frames)
    there = field.along(changed.rate, changed.offset_s, frames)
    agreeing = here < limit
    if agreeing.sum() < max(_FIT_MIN_FRAMES, _NATIVE_MIN_SHARE * (there < limit).sum()):
        return False
    return float(here[agreeing].mean()) <= float(np.nan_to_num(there[agreeing], nan=limit).mean()) + _NATIVE_TOLERANCE


def _strongest_bins(offsets: Array, votes: npt.NDArray[np.float32]) -> list[float]:
    """Centres of the offset bins with the most votes."""
    lowest = offsets.min()
    bins = np.round((offsets - lowest) / _OFFSET_BIN_S).astype(np.int64)
    totals = np.bincount(bins, weights=votes)
    totals = totals + 0.5 * (np.append(totals[1:], 0) + np.append(0, totals[:-1]))
    strongest = np.argsort(totals)[::-1][:_PROPOSALS_PER_RATE]
    return [float(lowest + index * _OFFSET_BIN_S) for index in strongest if totals[index] > 0]


def judge(field: FrameField, frames: slice, rate: float, offset_s: float, limit: float) -> Line:
    """Mean weighted gain of a line over the frames; frames mapped outside the reference gain nothing."""
    distance = field.along(rate, offset_s, frames)
    gain = np.where(np.isnan(distance), 0.0, np.clip(limit - distance, -limit, None)) * field.weight[frames]
    total = max(float(field.weight[frames].sum()), 1e-6)
    preference = _RATE_PREFERENCE * limit if abs(rate) != 1.0 else 0.0
    return Line(rate=rate, offset_s=offset_s, gain=float(np.clip(gain, 0, None).sum()) / total - preference)


def _refined(field: FrameField, frames: slice, line: Line, limit: float) -> Line:
    """Move rate and offset in shrinking steps as long as the gain grows, turning about the middle of the frames."""
    times = field.query_times_s[frames]
    middle_s = float(times[0] + times[-1]) / 2
    best = line
    for rate_step, offset_step in ((0.05, 0.1), (0.02, 0.05)):
        start = best
        for rate_factor in (-rate_step, 0.0, rate_step):
            rate = start.rate if abs(start.rate) == 1.0 else start.rate * (1 + rate_factor)
            for shift_s in (-offset_step, 0.0, offset_step):
                anchor_s = start.rate * middle_s + start.offset_s + shift_s
                trial = judge(field, frames, rate, anchor_s - rate * middle_s, limit)
                if trial.gain > best.gain + 1e-9:
                    best = trial
    return best


def _fitted(field: FrameField, frames: slice, line: Line, limit: float) -> Line:
    """Fit the line by least squares to where, near it, each query frame agrees best; keep it if it gains as much.

    Native speed stays native speed: only the offset is fitted then.
    """
    best = line
    for _ in range(_FIT_ROUNDS):
        times = field.query_times_s[frames]
        mapped = best.rate * times + best.offset_s
        gap = field.reference_times_s[None, :] - mapped[:, None]
        gain = np.clip(limit - field.distance[frames], 0, None) * field.weight[frames, None]
        share = np.where(np.abs(gap) <= _FIT_REACH_S, gain, 0.0) ** _FIT_SHARPNESS
        total = share.sum(axis=1)
        used = total > 0
        if used.sum() < _FIT_MIN_FRAMES:
            break
        shift = (share * gap).sum(axis=1)[used] / total[used]
        if abs(best.rate) == 1.0:
            rate, offset_s = best.rate, best.offset_s + float(np.average(shift, weights=total[used] ** 0.25))
        else:
            slope, intercept = np.polyfit(times[used], mapped[used] + shift, 1)
            rate, offset_s = float(slope), float(intercept)
        trial = judge(field, frames, rate, offset_s, limit)
        if not _SLOWEST <= abs(rate) <= _FASTEST or trial.gain < _FIT_TOLERANCE * best.gain:
            break
        best = trial
    return best
