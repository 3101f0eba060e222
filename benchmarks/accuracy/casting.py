"""Decides what a benchmark is made of: which clips are references, which are strangers, what each release shows.

Strangers are chosen to be hard: more than half of them are another time of a recording of which an earlier part is a
reference, or another recording of the same scene.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.accuracy.edits import EDITS, STRANGER_EDITS, Edit, make_edit
from benchmarks.accuracy.truth import REUSED, BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from benchmarks.accuracy.footage import Footage

    Generator = np.random.Generator

STRANGER, LATER = "d", "later"
_SHORTEST_SPLIT_S = 5.0
_SPLIT_SHARE, _REFERENCE_SHARE, _LATER_SHARE = 0.85, 0.7, 0.6
#: Category of clips that are references or strangers, never reused: that a card comes again says nothing.
CARDS = "card"
#: Between a reference's end and what counts as another time.
_GAP_S = 0.4
#: Pictures whose strongest differences are below this many grey levels show the same thing.
_DISTINCT_LEVELS = 2.0
_COMPARED_PX = (96, 54)
_TRIES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Frames first <= number < last of a clip."""

    footage: Footage
    first: int
    last: int

    @property
    def start_s(self) -> float:
        """Time of the first frame in the clip, in seconds."""
        return self.footage.times_s[self.first]

    @property
    def end_s(self) -> float:
        """Time at which the last frame ends, in seconds of the clip."""
        times = self.footage.times_s
        return times[self.last] if self.last < len(times) else self.footage.end_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The roles: parts that are references (id -> part), later parts of the same recordings, and strangers."""

    references: dict[str, Part]
    later: tuple[Part, ...]
    strangers: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One cut of a release: `frames` of it show the clip from `low_s` to `high_s` (seconds of the clip), edited."""

    kind: str
    part: Part
    reference_id: str
    edit: Edit
    frames: int
    low_s: float
    high_s: float
    backdrop: Part

    def shown(self, frames_per_second: int) -> list[int]:
        """Return the number of the clip's frame that each frame of the piece shows."""
        step = abs(self.edit.pace) / frames_per_second
        numbers = [self.part.footage.index_at(self.low_s + frame * step) for frame in range(self.frames)]
        return numbers[::-1] if self.edit.pace < 0 else numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A release: its pieces in order. A clean one reuses nothing."""

    query_id: str
    clean: bool
    frames_per_second: int
    pieces: tuple[Piece, ...]


def cast(footages: Sequence[Footage], generator: Generator) -> Cast:
    """Give every clip a role.

    Raises
    ------
    BenchmarkError
        There are too few clips for both references and strangers.
    """
    groups: dict[str, list[Footage]] = defaultdict(list)
    for footage in footages:
        groups[footage.source.group].append(footage)
    chosen: list[Footage] = []
    strangers: list[Footage] = []
    for members in groups.values():
        generator.shuffle(members)
        count = math.ceil(len(members) / 2) if len(members) > 1 else int(generator.random() < _REFERENCE_SHARE)
        chosen += members[:count]
        strangers += members[count:]
    if len(footages) > 1:
        _mend(chosen, strangers)
    if not chosen or not strangers:
        raise BenchmarkError("a benchmark needs at least two clips")
    references, later = {}, []
    for number, footage in enumerate(sorted(chosen, key=lambda footage: footage.source.id), 1):
        reference, other = _split(footage, generator)
        references[f"R{number:06d}"] = reference
        later += [other] if other is not None else []
    return Cast(references=references, later=tuple(later), strangers=tuple(map(_whole, strangers)))


def _mend(chosen: list[Footage], strangers: list[Footage]) -> None:
    """Make sure that there is at least one of either, in place."""
    if not strangers:
        strangers.append(chosen.pop())
    elif not chosen:
        chosen.append(strangers.pop())


def _whole(footage: Footage) -> Part:
    return Part(footage=footage, first=0, last=len(footage.times_s))


def _split(footage: Footage, generator: Generator) -> tuple[Part, Part | None]:
    """Keep the first part of a long clip as the reference, and what comes later as another time of the recording."""
    whole = _whole(footage)
    if footage.end_s < _SHORTEST_SPLIT_S or generator.random() > _SPLIT_SHARE:
        return whole, None
    end = footage.index_at(footage.end_s * generator.uniform(0.5, 0.65))
    later = footage.index_at(footage.times_s[end] + _GAP_S)
    # A reference may begin late, too: its times are then not those of the clip.
    begin = footage.index_at(footage.end_s * generator.uniform(0, 0.1)) if generator.random() < 0.5 else 0
    reference = Part(footage=footage, first=begin, last=end)
    other = Part(footage=footage, first=later, last=len(footage.times_s))
    return (reference, other) if _distinct(reference, other) else (whole, None)


def _distinct(reference: Part, other: Part) -> bool:
    """Tell whether the other part shows what the reference does not hold: not so in still or looped footage."""
    known, new = _small(reference, 12.5), _small(other, 5)
    nearest = [np.percentile(np.abs(known - picture), 99, axis=(1, 2)).min() for picture in new]
    return float(np.median(nearest)) > _DISTINCT_LEVELS


def _small(part: Part, per_second: float) -> npt.NDArray[np.float32]:
    """Small blurred grey pictures of a part, (N, 54, 96) float32."""
    footage = part.footage
    times = np.arange(part.start_s, part.end_s, 1 / per_second)
    wanted = sorted({min(max(footage.index_at(float(time)), part.first), part.last - 1) for time in times})
    pictures = footage.frames(part.first, part.last)
    small = [
        cv2.resize(pictures[number - part.first], _COMPARED_PX, interpolation=cv2.INTER_AREA).mean(2, dtype=np.float32)
        for number in wanted
    ]
    return np.stack([np.asarray(cv2.GaussianBlur(picture, (0, 0), 1), np.float32) for picture in small])


class Planner:
    """Chooses the pieces of release after release.

    Parameters
    ----------
    cast
        The roles of the clips.
    generator
        All chance comes from it.
    shortest_s, longest_s
        Range of the length of a piece, in seconds.
    pieces
        Range of the number of pieces of a release.
    reused_share
        Share of reused pieces in a release that is not clean.
    """

    def __init__(
        self,
        cast: Cast,
        generator: Generator,
        *,
        shortest_s: float,
        longest_s: float,
        pieces: tuple[int, int],
        reused_share: float,
    ) -> None:
        self._cast = cast
        self._generator = generator
        self._lengths_s = shortest_s, longest_s
        self._pieces = pieces
        self._reused_share = reused_share
        self._edits = self._deck(EDITS)
        self._stranger_edits = self._deck(STRANGER_EDITS)
        self._uses: dict[str, int] = defaultdict(int)

    def plan(self, query_id: str, *, clean: bool) -> Plan:
        """Choose the pieces of one release."""
        generator = self._generator
        frames_per_second = int(generator.choice((25, 25, 30, 24)))
        count = int(generator.integers(self._pieces[0], self._pieces[1] + 1))
        reused = 0 if clean else max(1, round(count * self._reused_share))
        kinds = [True] * reused + [False] * (count - reused)
        generator.shuffle(kinds)
        pieces: list[Piece] = []
        for is_reused in kinds:
            piece = self._piece(frames_per_second, is_reused=is_reused, before=pieces[-1] if pieces else None)
            pieces += [piece] if piece is not None else []
        return Plan(query_id=query_id, clean=clean, frames_per_second=frames_per_second, pieces=tuple(pieces))

    def _deck(self, names: Sequence[str]) -> Iterator[str]:
        """Yield names without end, each as often as it is in the list, in an order by chance."""
        while True:
            yield from (str(name) for name in self._generator.permutation(np.array(names)))

    def _piece(self, frames_per_second: int, *, is_reused: bool, before: Piece | None) -> Piece | None:
        edit = make_edit(next(self._edits if is_reused else self._stranger_edits), self._generator)
        for _ in range(_TRIES):
            kind, reference_id, part = self._reference() if is_reused else self._stranger()
            if before is not None and before.part.footage is part.footage:
                continue
            span = self._span(part, edit.pace, frames_per_second)
            if span is None:
                continue
            frames, low_s, high_s = span
            self._uses[reference_id] += 1
            return Piece(
                kind=kind, part=part, reference_id=reference_id, edit=edit, frames=frames, low_s=low_s, high_s=high_s,
                backdrop=self._any(self._cast.strangers),
            )  # fmt: skip
        return None

    def _reference(self) -> tuple[str, str, Part]:
        """Choose one of the references that were used least."""
        parts = self._cast.references
        footage = [name for name, part in parts.items() if part.footage.source.category != CARDS]
        names = footage or list(parts)
        order = self._generator.permutation(len(names))
        name = min((names[number] for number in order), key=lambda name: self._uses[name] + self._generator.random())
        return REUSED, name, self._cast.references[name]

    def _stranger(self) -> tuple[str, str, Part]:
        if self._cast.later and self._generator.random() < _LATER_SHARE:
            return LATER, "", self._any(self._cast.later)
        return STRANGER, "", self._any(self._cast.strangers)

    def _any(self, parts: Sequence[Part]) -> Part:
        return parts[int(self._generator.integers(len(parts)))]

    def _span(self, part: Part, pace: float, frames_per_second: int) -> tuple[int, float, float] | None:
        """Choose length and place: frames of the release, from when to when in the clip; None if it is too short."""
        shortest_s, longest_s = self._lengths_s
        length_s = float(np.exp(self._generator.uniform(np.log(shortest_s), np.log(longest_s))))
        if pace:
            length_s = min(length_s, (part.end_s - part.start_s) / abs(pace))
        frames = math.floor(length_s * frames_per_second + 1e-6)
        if frames < round(shortest_s * frames_per_second):
            return None
        times = part.footage.times_s
        needed_s = frames / frames_per_second * abs(pace)
        fitting = [number for number in range(part.first, part.last) if times[number] + needed_s <= part.end_s + 1e-6]
        if not fitting:
            return None
        first = fitting[int(self._generator.integers(len(fitting)))]
        held_s = times[first + 1] if first + 1 < len(times) else part.footage.end_s
        return frames, times[first], times[first] + needed_s if pace else held_s
