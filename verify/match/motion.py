"""Motion: does what moves in the query move at the same moments and places in the reference?

Two recordings of one place agree in their still picture and differ in what moves: people, vehicles, flashes, smoke, the
hand of the camera. So the query's pictures are laid on the reference's, the change over a quarter of a second is taken
on both sides, and the changes are correlated over all pixels and moments, for every rate and offset in time. A line
that stands out is the same recording; the best line elsewhere in the same reference tells how far chance goes there.

All moments of one rate against all times of the reference are one matrix product, on the pixels that move most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from verify.match.evenness import moved_along, smooth_camera

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from verify.model import ProxyClip

    Changes = npt.NDArray[np.float32]

#: Pictures per second on the grid that times are counted in here.
GRID_PER_SECOND = 12.5
WIDTH_PX = 112
#: Rates tried, reference seconds per query second; negative is backwards.
RATES = (1.0, -1.0, 0.5, 0.8, 1.5, 2.0, 0.67, 1.25, 0.25, 0.33, 0.4, 2.5, 3.0, 4.0, -0.5, -2.0, -0.67, -1.5)
_CHANGE_STEPS = 3
_LONGEST_CHANGE_STEPS = 8
_MAX_MOMENTS = 48
_COARSE_MOMENTS = 24
_MIN_MOMENTS = 3
#: A piece of fewer pictures than this has its change taken over two of them.
_FEW_PICTURES = 10
_MOVING_PIXELS = 1500
_COARSE_PIXELS = 500
_MIN_PIXELS = 250
_NOISE = 1.5
_NOISE_STILL = 0.5
_LITTLE_MOTION = 0.5
_MIN_GAIN, _MAX_GAIN = 0.5, 8.0
_MIN_INSIDE = 0.6
_ELSEWHERE_S = 1.0
#: How many offsets, half a grid step apart, must lie there to count as other times.
_LEAST_ELSEWHERE = 12
#: Lag from which motion that resembles itself recurs, rather than lasting.
_RECURS_S = 0.5
#: Mean difference in grey levels of a picture from the median one up to which a query holds still.
_HELD_LEVELS = 1.0
_RATE_PREFERENCE = 0.02
#: Times the median energy of a piece's moments up to which one counts in full: a flash laid over a cut, or one jolt of
#: the camera, must not outweigh all else that moves.
_MOST_ENERGY = 9.0
#: How many pictures later motion is compared with itself at most, and from which correlation on that is done: no line
#: of less reaches the score that confirms.
_LATER_STEPS = 6
_WORTH_LOOKING = 0.39
_KEPT_RATES = 3
_RATE_FACTORS = (0.92, 0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08)
_GRID_TOLERANCE_S = 0.1
_SMOOTHING_PX = 0.8
_HELD_APART_S = 0.5
_MATRIX_SIDE = 48
_MATRIX_MARGIN_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionLine:
    """The line in time on which motion agrees best: reference time = rate * query time + offset_s.

    `correlation` pools all moments, `per_moment` is their median, `elsewhere` the best correlation of a line more than
    a second away; where the reference is too short for one, `has_elsewhere` is False, and it is how much the query's
    motion resembles itself later on. `appearance` is how alike the still pictures are on the line; all -1..1.
    `strength` is the query's change in grey levels, root mean square. For the moments at `times_s` (T,) of the query:
    `moments` their own correlation, `looks` how alike the pictures are, `inside` whether the reference reaches there,
    `query_change` and `reference_change` the strength of the change on both sides. `similarity` (T, R) is the
    correlation of every moment with every reference time of `similarity_times_s` (R,), around the line. `spread` is how
    many pixels' worth of motion there is: few where one small thing moves. `evenness` is how evenly the motion goes on
    (`measured_evenness`); None where the piece is too short to tell, and until it is measured.
    """

    rate: float
    offset_s: float
    correlation: float
    per_moment: float
    elsewhere: float
    has_elsewhere: bool
    appearance: float
    strength: float
    times_s: npt.NDArray[np.float64]
    moments: npt.NDArray[np.float32]
    looks: npt.NDArray[np.float32]
    inside: npt.NDArray[np.bool_]
    query_change: npt.NDArray[np.float32]
    reference_change: npt.NDArray[np.float32]
    similarity: npt.NDArray[np.float32]
    similarity_times_s: npt.NDArray[np.float64]
    spread: float
    evenness: float | None

    @property
    def reference_extent_s(self) -> float:
        """Stretch of the reference that the compared moments extend over, in seconds."""
        return abs(self.rate) * (float(self.times_s[-1] - self.times_s[0]) + _CHANGE_STEPS / GRID_PER_SECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """A change over `query_steps` grid pictures of the query and `reference_steps` of the reference."""

    query_steps: int
    reference_steps: int


@lru_cache(maxsize=512)
def _span(rate: float, usual_steps: int) -> _Span:
    """Choose over how many pictures to take the change, so that both sides span the same part of the event."""
    best = min(
        (
            abs(math.log(reference / query / abs(rate))) + 0.04 * abs(query - usual_steps) - 0.001 * query,
            query,
            reference,
        )
        for query in range(1, _LONGEST_CHANGE_STEPS + 1)
        for reference in range(1, _LONGEST_CHANGE_STEPS + 1)
    )
    return _Span(query_steps=best[1], reference_steps=best[2] if rate > 0 else -best[2])


class ReferenceMotion:
    """A stretch of a reference on an even grid of times, ready to be compared.

    `pictures` (P, n) float32 are smoothed, pixel by pixel over time, because few pixels are compared at all times;
    `start_s` is the time of the first; `present` (n,) says where the reference has a picture.
    """

    def __init__(self, clip: ProxyClip) -> None:
        height, width = clip.pictures.shape[1:]
        self.size = (WIDTH_PX, max(8, round(WIDTH_PX * height / width)))
        self.source_size = (width, height)
        self.start_s = float(clip.times_s[0])
        count = int((clip.times_s[-1] - self.start_s) * GRID_PER_SECOND + 1e-6) + 1
        grid_s = self.start_s + np.arange(count) / GRID_PER_SECOND
        nearest = _nearest(clip.times_s, grid_s)
        self.present = np.abs(clip.times_s[nearest] - grid_s) <= _GRID_TOLERANCE_S
        small = {
            index: _smoothed(cv2.resize(clip.pictures[index], self.size, interpolation=cv2.INTER_AREA))
            for index in np.unique(nearest)
        }
        self.pictures = np.stack([small[index].ravel() for index in nearest], axis=1)

    def __len__(self) -> int:
        return int(self.pictures.shape[1])

    def usable(self, steps: int) -> npt.NDArray[np.bool_]:
        """Grid times at which a change over `steps` pictures can be taken, (n,)."""
        other = np.arange(len(self)) + steps
        inside = (other >= 0) & (other < len(self))
        return inside & self.present & self.present[np.clip(other, 0, len(self) - 1)]


class QueryMotion:
    """A piece of the query, laid on a reference's pictures by one transform.

    Parameters
    ----------
    clip
        The piece's pictures, in order of time.
    matrix
        (2, 3), from px of the clip's pictures to px of the reference motion's pictures.
    size
        (width, height) of the reference motion's pictures.
    free
        (height, width) uint8 mask in px of the clip's pictures, 255 where no overlay lies; None for no mask.
    inverted
        Whether dark and light are exchanged.
    """

    def __init__(
        self,
        clip: ProxyClip,
        matrix: npt.NDArray[np.float64],
        size: tuple[int, int],
        free: npt.NDArray[np.uint8] | None,
        *,
        inverted: bool,
    ) -> None:
        self.times_s = clip.times_s
        scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
        blur_px = max(0.35 / max(scale, 1e-3), 0.3) if scale < 1 else 0.0
        laid = []
        for picture in clip.pictures:
            values = picture.astype(np.float32)
            if blur_px:
                values = cv2.GaussianBlur(values, (0, 0), min(blur_px, 8.0))
            warped = cv2.warpAffine(values, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            laid.append(_smoothed(warped).ravel())
        self.pictures = np.stack(laid) * np.float32(-1 if inverted else 1)
        self.pixels = _shared_pixels(clip.pictures.shape[1:], matrix, size, free)

    def span(self, rate: float) -> _Span:
        """Over how many pictures of both sides the change is taken at a rate."""
        return _span(round(rate, 4), _CHANGE_STEPS if len(self.times_s) >= _FEW_PICTURES else _CHANGE_STEPS - 1)

    def moments(self, steps: int, limit: int) -> npt.NDArray[np.int64]:
        """Choose up to `limit` pictures, evenly spread, from which a change over `steps` pictures can be taken."""
        count = len(self.times_s) - steps
        if count < 1:
            return np.zeros(0, np.int64)
        return np.unique(np.linspace(0, count - 1, min(count, limit)).round().astype(np.int64))


def find_line(
    query: QueryMotion,
    reference: ReferenceMotion,
    rates: Iterable[float] = RATES,
    allowed: Callable[[float, float], bool] | None = None,
) -> MotionLine | None:
    """Find the line on which the query's motion agrees best with the reference's.

    Parameters
    ----------
    allowed
        Takes rate and offset (s) of a line and says whether it is considered; None allows all.

    Returns
    -------
    MotionLine or None
        None where the pictures share too little area, the query is too short, or nothing in it moves.
    """
    if len(query.pixels) < _MIN_PIXELS or len(reference) < 2:
        return None
    if len(query.times_s) <= _CHANGE_STEPS:
        return None
    task = _Task(query, reference, allowed)
    coarse = [found for rate in rates if (found := task.compare(rate, _COARSE_MOMENTS, _COARSE_PIXELS)) is not None]
    ranked = sorted(coarse, key=lambda each: -each.preferred)
    fine = [
        found
        for each in ranked[:_KEPT_RATES]
        if (found := task.compare(each.rate, _MAX_MOMENTS, _MOVING_PIXELS)) is not None
    ]
    if not fine:
        return None
    best = max(fine, key=lambda each: each.preferred)
    return best.refined().line([*fine, *coarse])


def measured_evenness(query: QueryMotion, reference: ReferenceMotion, line: MotionLine) -> MotionLine:
    """Measure how evenly the query's motion goes on where the reference reaches (`verify.match.evenness`).

    Not measured, which says as little as too short a piece, where the correlation is too low to confirm anything.
    """
    shown_s = line.times_s[line.inside]
    if line.correlation < _WORTH_LOOKING or not len(shown_s):
        return line
    last_s = float(shown_s[-1]) + query.span(line.rate).query_steps / GRID_PER_SECOND
    return replace(line, evenness=_Task(query, reference, None).evenness(float(shown_s[0]), last_s))


def without_similarity(line: MotionLine) -> MotionLine:
    """Leave out the matrix of similarities, by far the largest part of a line."""
    return replace(line, similarity=np.zeros((0, 0), np.float32), similarity_times_s=np.zeros(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPicture:
    """One picture of the reference that a still piece of the query looks like far more than like its neighbours.

    `likeness` (-1..1) is how alike they are, `margin` how much more so than any reference picture half a second or more
    away.
    """

    reference_time_s: float
    likeness: float
    margin: float


def find_held_picture(query: QueryMotion, reference: ReferenceMotion) -> HeldPicture | None:
    """Find the picture of the reference that a query in which nothing moves shows; None where too little is shared,
    or where the query's pictures are not all alike.
    """
    if len(query.pixels) < _MIN_PIXELS or len(reference) < 2:
        return None
    still = np.median(query.pictures, axis=0)[query.pixels]
    if np.abs(query.pictures[:, query.pixels] - still).mean(axis=1).max() > _HELD_LEVELS:
        return None
    looks = _likeness(np.broadcast_to(still, (len(reference), len(still))), reference.pictures[query.pixels].T)
    looks = np.where(reference.present, looks, -1.0)
    best = int(looks.argmax())
    far = np.abs(np.arange(len(reference)) - best) >= _HELD_APART_S * GRID_PER_SECOND
    elsewhere = float(looks[far].max()) if far.any() else 1.0
    return HeldPicture(
        reference_time_s=reference.start_s + best / GRID_PER_SECOND,
        likeness=float(looks[best]),
        margin=float(looks[best]) - elsewhere,
    )


class _Task:
    """A query laid on a reference, with what comparisons at all rates share."""

    def __init__(
        self,
        query: QueryMotion,
        reference: ReferenceMotion,
        allowed: Callable[[float, float], bool] | None,
    ) -> None:
        self.query, self.reference, self.allowed = query, reference, allowed
        self.seen = np.ascontiguousarray(query.pictures[:, query.pixels])
        self.gain = _gain(self.seen, reference.pictures, query.pixels)
        self.noise = self._noise()
        changes = self.query_changes(query.moments(_CHANGE_STEPS, _MAX_MOMENTS), _CHANGE_STEPS)
        per_pixel = (changes * changes).sum(axis=0)
        #: Columns of `seen`, those that move most first.
        self._order = np.argsort(-per_pixel, kind="stable")
        self.spread = float(per_pixel.sum() ** 2 / max(float((per_pixel * per_pixel).sum()), 1e-6))
        self._kept: dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]] = {}
        self._there: dict[tuple[int, int], _ReferenceChanges] = {}

    def chosen(self, limit: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Choose up to `limit` columns of `seen`: those that move most, and of the others some that stand for the rest.

        Returns
        -------
        columns (C,) int64, weights (C,) float32, pictures of the reference there (C, n) float32
            Products with the weights squared add up to what all pixels would give.
        """
        if limit not in self._kept:
            most = min(limit * 3 // 5, len(self._order))
            others = np.sort(self._order[most:])
            every = max(1, -(-len(others) // max(1, limit - most)))
            columns = np.concatenate([self._order[:most], others[every // 2 :: every]])
            weights = np.ones(len(columns), np.float32)
            if len(columns) > most:
                weights[most:] = math.sqrt(len(others) / (len(columns) - most))
            self._kept[limit] = columns, weights, self.reference.pictures[self.query.pixels[columns]]
        return self._kept[limit]

    def reference_changes(self, limit: int, steps: int) -> _ReferenceChanges:
        """Take changes of the reference over `steps` pictures at up to `limit` pixels; kept, as rates share them."""
        if (limit, steps) not in self._there:
            if any(other != limit for other, _ in self._there):
                # Those of the coarse pass are not asked for again, and a long reference's are large.
                self._there.clear()
            _, weights, pictures = self.chosen(limit)
            self._there[limit, steps] = _ReferenceChanges(_changes(pictures, steps, self.noise) * weights[:, None])
        return self._there[limit, steps]

    def query_changes(self, rows: npt.NDArray[np.int64], steps: int) -> Changes:
        """Take changes of the query over `steps` pictures, in the reference's contrast, (T, pixels)."""
        changes = (self.seen[rows + steps] - self.seen[rows]) * np.float32(self.gain)
        return _above(changes, self.noise * max(1.0, min(self.gain, 2.0)))

    def compare(self, rate: float, moments: int, pixels: int) -> _Comparison | None:
        """Compare at one rate; None where the query is too short for it or nothing moves."""
        rows = self.query.moments(self.query.span(rate).query_steps, moments)
        if len(rows) < _MIN_MOMENTS:
            return None
        comparison = _Comparison(self, rate, rows, pixels)
        if comparison.query_energy.sum() <= 1e-3 or not len(comparison.offsets):
            return None
        return comparison

    def evenness(self, first_s: float, last_s: float) -> float | None:
        """How evenly the query's motion goes on between two times, 0..1; None where that is too short to tell."""
        inside = np.nonzero((self.query.times_s >= first_s) & (self.query.times_s <= last_s))[0]
        lag = min(_LATER_STEPS, (len(inside) - _CHANGE_STEPS) // 2)
        if lag < _CHANGE_STEPS:
            return None
        rows = inside[: len(inside) - _CHANGE_STEPS - lag]
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _COARSE_MOMENTS)).round().astype(np.int64)]
        width, height = self.reference.size
        laid = np.zeros((2, len(rows), width * height), np.float32)
        for changes, moments in zip(laid, (rows, rows + lag), strict=True):
            taken = self.query_changes(moments, _CHANGE_STEPS)
            energy = np.einsum("tp,tp->t", taken, taken)
            changes[:, self.query.pixels] = taken * np.sqrt(self.moment_weights(energy))[:, None]
        sooner, later = laid.reshape(2, len(rows), height, width)
        free = np.zeros(width * height, bool)
        free[self.query.pixels] = True
        pictures = self.query.pictures[inside] * np.float32(self.gain)
        return max(
            moved_along(sooner, later),
            smooth_camera(pictures.reshape(-1, height, width), free.reshape(height, width)),
        )

    def moment_weights(self, energy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """How much moments of such energy count, (T,): those of far more than most are taken down to a bound."""
        least = len(self.query.pixels) * _NOISE_STILL**2
        bound = _MOST_ENERGY * max(float(np.median(energy)), least)
        return np.asarray(bound / np.maximum(energy, bound), np.float32)

    def _noise(self) -> float:
        """Grey levels below which a change counts as noise: less where hardly anything moves."""
        rows = self.query.moments(_CHANGE_STEPS, _COARSE_MOMENTS)
        if not len(rows):
            return _NOISE
        changes = (self.seen[rows + _CHANGE_STEPS] - self.seen[rows]) * np.float32(self.gain)
        strength = float(np.sqrt((_above(changes, _NOISE) ** 2).mean()))
        return _NOISE_STILL if strength < _LITTLE_MOTION else _NOISE


class _ReferenceChanges:
    """Changes (pixels, n) of a reference, their energy at each time, and what they share with the next time's."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.energy = np.einsum("pn,pn->n", changes, changes)
        self.following_energy = self.energy.copy()
        self.following_energy[:-1] = np.einsum("pn,pn->n", changes[:, :-1], changes[:, 1:])


class _Comparison:
    """All offsets of one rate at once.

    `offsets` are the grid indices of the first moment; `pooled` their correlation, and `eligible` the same, -1 for
    lines that are not considered.
    """

    def __init__(self, task: _Task, rate: float, rows: npt.NDArray[np.int64], pixels: int) -> None:
        self._task, self._pixels = task, pixels
        self.query, self.reference, self.rate, self.rows = task.query, task.reference, rate, rows
        span = task.query.span(rate)
        self.times_s = task.query.times_s[rows]
        columns, weights, _ = task.chosen(pixels)
        changes = task.query_changes(rows, span.query_steps)[:, columns] * weights
        self.query_energy = np.einsum("tp,tp->t", changes, changes)
        self._changes = changes
        self._weights = task.moment_weights(self.query_energy)
        self.usable = task.reference.usable(span.reference_steps)
        there = task.reference_changes(pixels, span.reference_steps)
        self.reference_energy = there.energy
        # The grid time after each, and what the changes at both share; the same one where there is none after it.
        numbers = np.arange(len(self.usable))
        later = np.minimum(numbers + 1, len(numbers) - 1)
        self._next = np.where(self.usable[later], later, numbers)
        self._across = np.where(self._next > numbers, there.following_energy, there.energy)
        self.products = changes @ there.changes
        self.offsets, self.pooled, self.reached = self._all_offsets()
        self.eligible = self._eligible()

    @property
    def best(self) -> float:
        """Highest pooled correlation of the lines that are considered; -1 if none is."""
        return float(self.eligible.max())

    @property
    def preferred(self) -> float:
        """The same with a small advantage for native speed, forwards or backwards."""
        return self.best - (0 if abs(self.rate) == 1 else _RATE_PREFERENCE)

    def _eligible(self) -> npt.NDArray[np.float32]:
        """Pooled correlations, -1 for lines that are not considered."""
        allowed = self._task.allowed
        if allowed is None:
            return self.pooled
        first_s = self.reference.start_s + self.offsets / GRID_PER_SECOND - self.rate * float(self.times_s[0])
        keeps = np.array([allowed(self.rate, float(offset_s)) for offset_s in first_s], bool)
        return np.where(keeps, self.pooled, np.float32(-1))

    def _steps(self) -> npt.NDArray[np.float64]:
        """Grid steps in the reference from the first moment to each, as fractions."""
        return np.asarray(self.rate * (self.times_s - self.times_s[0]) * GRID_PER_SECOND, np.float64)

    def _all_offsets(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Correlate at all offsets, and say at which the reference is there for long enough to tell."""
        steps = self._steps()
        count = len(self.reference)
        offsets = np.arange(-math.ceil(max(steps.max(), 0)), count - math.floor(min(steps.min(), 0)), 0.5)
        # What is not usable counts nothing, nor do the margins that moments reach into beyond the reference.
        margin = math.ceil(np.ptp(steps)) + 2
        moments = np.zeros((2, len(steps), count + 2 * margin), np.float32)
        moments[:, :, margin:-margin] = np.stack([self.products, self.products[:, self._next]]) * self.usable
        energies = np.zeros((4, count + 2 * margin), np.float32)
        energies[:, margin:-margin] = (
            np.stack([self.reference_energy, self.reference_energy[self._next], self._across, np.ones(count)])
            * self.usable
        )
        sums = np.zeros((4, len(offsets)))
        # All places of a moment half a step apart from one another lie on two grids: whole rows at once.
        for half in range(2):
            along = offsets[half::2]
            first = np.floor(steps + along[0] + 1e-6)
            later = np.clip(steps + along[0] - first, 0, 1)
            at = first.astype(np.int64) + margin
            met = sliding_window_view(moments, len(along), axis=2)[:, np.arange(len(at)), at]
            there = sliding_window_view(energies, len(along), axis=1)[:, at]
            blend = np.stack([1 - later, later]) * self._weights
            sums[0, half::2] = np.tensordot(blend, met, 2)
            blend = np.stack([(1 - later) ** 2, later**2, 2 * (1 - later) * later]) * self._weights
            sums[1, half::2] = np.tensordot(blend, there[:3], 2)
            sums[2, half::2] = (self._weights * self.query_energy) @ there[3]
            sums[3, half::2] = there[3].mean(axis=0, dtype=np.float64)
        shared, other, own, inside = sums
        pooled = shared / np.sqrt(np.maximum(own * other, 1e-6))
        reached = inside > _MIN_INSIDE
        return offsets, np.where(reached, pooled, 0).astype(np.float32), np.asarray(reached, bool)

    def _at(
        self, places: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Take the moments at places between the reference's grid times, each (T, K).

        Returns
        -------
        products, energies of the reference (T, K) float32
            Of changes between two grid times, as if blended from these.
        inside (T, K) bool
            Whether the reference reaches there.
        """
        count = len(self.reference)
        before = np.floor(places + 1e-6).astype(np.int64)
        later = np.clip(places - before, 0, 1).astype(np.float32)
        inside = (before >= 0) & (before < count)
        before = np.clip(before, 0, count - 1)
        inside &= self.usable[before]
        after = self._next[before]
        sooner = 1 - later
        shared = sooner * np.take_along_axis(self.products, before, 1) + later * np.take_along_axis(
            self.products, after, 1
        )
        energies = sooner**2 * self.reference_energy[before] + later**2 * self.reference_energy[after]
        blended = energies + 2 * sooner * later * self._across[before]
        return np.asarray(shared, np.float32), np.asarray(blended, np.float32), inside

    def refined(self) -> _Comparison:
        """Vary the rate by a few percent where the piece is long enough to tell."""
        extent_s = float(self.times_s[-1] - self.times_s[0])
        if abs(self.rate) == 1 or extent_s < 0.8:
            return self
        best = self
        for factor in _RATE_FACTORS:
            other = self._task.compare(self.rate * factor, len(self.rows), self._pixels)
            if other is not None and other.best > best.best + 0.005:
                best = other
        return best

    def line(self, others: list[_Comparison]) -> MotionLine:
        """Describe the best offset of this rate, against the best of all rates at other times."""
        index = int(self.eligible.argmax())
        first = float(self.offsets[index]) + 0.5 * _peak_shift(self.pooled, index)
        middle = (self.times_s[-1] - self.times_s[0]) / 2 * GRID_PER_SECOND
        centre = first + self.rate * middle
        reach = GRID_PER_SECOND * _ELSEWHERE_S * max(1.0, abs(self.rate))
        elsewhere = 0.0
        has_elsewhere = False
        for other in (self, *others):
            far = (np.abs(other.offsets + other.rate * middle - centre) > reach) & other.reached
            if far.any():
                elsewhere = max(elsewhere, float(other.pooled[far].max()))
            # At another rate there is always something to compare with, and never the same thing.
            has_elsewhere |= other is self and int(far.sum()) >= _LEAST_ELSEWHERE
        if not has_elsewhere:
            elsewhere = max(elsewhere, self._self_similarity())
        places = self._steps() + first
        shared, energies, within = self._at(places[:, None])
        shared, energies, within = shared[:, 0], energies[:, 0], within[:, 0]
        moments = shared / np.sqrt(np.maximum(self.query_energy * energies, 1e-3))
        there = np.round(places).astype(np.int64)
        inside = within & (there >= 0) & (there < len(self.reference))
        there = np.clip(there, 0, len(self.reference) - 1)
        looks = _likeness(self._task.seen[self.rows], self.reference.pictures[np.ix_(self.query.pixels, there)].T)
        area = len(self.query.pixels)
        first_s = self.reference.start_s + first / GRID_PER_SECOND
        return MotionLine(
            rate=self.rate,
            offset_s=first_s - self.rate * float(self.times_s[0]),
            correlation=self.best,
            per_moment=float(np.median(np.where(inside, moments, 0.0))),
            elsewhere=elsewhere,
            has_elsewhere=has_elsewhere,
            appearance=float(np.median(looks[inside])) if inside.any() else 0.0,
            strength=float(np.sqrt(self.query_energy.mean() / area)),
            times_s=self.times_s,
            moments=np.where(inside, moments, 0.0).astype(np.float32),
            looks=np.where(inside, looks, 0.0).astype(np.float32),
            inside=inside,
            query_change=np.sqrt(self.query_energy / area).astype(np.float32),
            reference_change=np.sqrt(self.reference_energy[there] / area).astype(np.float32),
            **self._matrix(there),
            spread=self._task.spread,
            evenness=None,
        )

    def _self_similarity(self) -> float:
        """Correlation of the query's motion with itself at the lag where that is highest: high for what recurs."""
        own = self._changes @ self._changes.T
        energy = np.diagonal(own)
        highest = 0.0
        for lag in range(1, len(own) - _MIN_MOMENTS + 1):
            late = self.times_s[lag:] - self.times_s[:-lag] >= _RECURS_S
            if late.sum() < _MIN_MOMENTS:
                continue
            shared = float(np.diagonal(own, lag)[late].sum())
            scale = float(energy[:-lag][late].sum() * energy[lag:][late].sum())
            highest = max(highest, shared / math.sqrt(max(scale, 1e-6)))
        return highest

    def _matrix(self, there: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
        """Correlation of all moments with the reference times around a line, thinned out to a bounded number."""
        margin = int(_MATRIX_MARGIN_S * GRID_PER_SECOND)
        low, high = max(0, int(there.min()) - margin), min(len(self.reference), int(there.max()) + margin + 1)
        columns = np.unique(np.linspace(low, high - 1, min(_MATRIX_SIDE, high - low)).round().astype(np.int64))
        energies = self.query_energy[:, None] * self.reference_energy[None, columns]
        similarity = self.products[:, columns] / np.sqrt(np.maximum(energies, 1e-3))
        return {
            "similarity": similarity.astype(np.float32),
            "similarity_times_s": self.reference.start_s + columns / GRID_PER_SECOND,
        }


def _shared_pixels(
    shape: tuple[int, ...],
    matrix: npt.NDArray[np.float64],
    size: tuple[int, int],
    free: npt.NDArray[np.uint8] | None,
) -> npt.NDArray[np.int64]:
    """Find the reference pixels that the query's picture covers, away from its edges and overlays."""
    height, width = shape[-2:]
    mask = np.full((height, width), 255, np.uint8) if free is None else free.copy()
    mask[:2] = mask[-2:] = 0
    mask[:, :2] = mask[:, -2:] = 0
    laid = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR)
    inner = cv2.erode((laid > 250).astype(np.uint8), np.ones((5, 5), np.uint8))
    inner[:2] = inner[-2:] = 0
    inner[:, :2] = inner[:, -2:] = 0
    return np.nonzero(inner.ravel())[0]


def _gain(seen: npt.NDArray[np.float32], pictures: npt.NDArray[np.float32], pixels: npt.NDArray[np.int64]) -> float:
    """Contrast of the reference over that of the query, in the shared part."""
    there = pictures[:, :: max(1, pictures.shape[1] // 20)][pixels].std(axis=0)
    here = seen[:: max(1, len(seen) // 20)].std(axis=1)
    return float(np.clip(np.median(there) / max(float(np.median(here)), 1.0), _MIN_GAIN, _MAX_GAIN))


def _changes(pixels_over_time: npt.NDArray[np.float32], steps: int, noise: float) -> Changes:
    """Change at each time over `steps` pictures, (pixels, n), below-noise parts taken off, 0 where there is none."""
    changes = np.zeros_like(pixels_over_time)
    count = pixels_over_time.shape[1] - abs(steps)
    if count > 0:
        later, sooner = pixels_over_time[:, abs(steps) :], pixels_over_time[:, :count]
        if steps > 0:
            changes[:, :count] = _above(later - sooner, noise)
        else:
            changes[:, abs(steps) :] = _above(sooner - later, noise)
    return changes


def _above(changes: Changes, noise: float) -> Changes:
    """Soft threshold: what of a change exceeds the noise, with its sign."""
    within = np.clip(changes, -np.float32(noise), np.float32(noise))
    return np.subtract(changes, within, out=within)


def _smoothed(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), _SMOOTHING_PX), np.float32)


def _likeness(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Normalised correlation of the rows of two (T, P) arrays, (T,)."""
    left = left - left.mean(axis=1, keepdims=True)
    right = right - right.mean(axis=1, keepdims=True)
    scale = np.sqrt(np.maximum((left * left).sum(axis=1) * (right * right).sum(axis=1), 1e-3))
    return np.asarray((left * right).sum(axis=1) / scale, np.float32)


def _peak_shift(values: npt.NDArray[np.float32], index: int) -> float:
    """Where the top of a parabola through a peak and its neighbours lies, -0.5..0.5 of a step."""
    if not 0 < index < len(values) - 1:
        return 0.0
    before, top, after = (float(value) for value in values[index - 1 : index + 2])
    bend = before - 2 * top + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < -1e-9 else 0.0


def _nearest(times_s: npt.NDArray[np.float64], wanted_s: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    right = np.clip(np.searchsorted(times_s, wanted_s), 1, max(1, len(times_s) - 1))
    if len(times_s) == 1:
        return np.zeros(len(wanted_s), np.int64)
    closer = np.abs(times_s[right - 1] - wanted_s) <= np.abs(times_s[np.minimum(right, len(times_s) - 1)] - wanted_s)
    return np.where(closer, right - 1, right).astype(np.int64)
