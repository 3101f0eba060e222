"""What a benchmark folder holds, and what a matcher said of it.

A benchmark folder has `refs/` and `releases/` (videos; their ids are the file stems), `gt.csv` (the truth in the
VSC2022 matching-track format), `segments.csv` (the whole edit list of every release) and `meta.json` (the references,
and which releases reuse nothing).
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: Kind of a segment whose footage is in a reference. Every other kind is not reuse.
REUSED = "r"


class BenchmarkError(Exception):
    """A benchmark folder or a list of matches cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One line of the edit list.

    `kind` is `r` (reused: footage of `ref_id`), `d` (a stranger), `later` (another time of a recording of which a part
    is a reference) or `card`. `source` is the file that it was taken from, `group` the scene or event: what is to be
    split by source is split by group. Times are seconds.
    """

    query_id: str
    start_s: float
    end_s: float
    kind: str
    source: str = ""
    group: str = ""
    edits: str = "none"
    dark: bool = False
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One reused segment, or one match: a span of a release and the span of a reference that it shows, in seconds."""

    query_id: str
    ref_id: str
    query_start: float
    query_end: float
    ref_start: float
    ref_end: float

    @property
    def pair(self) -> tuple[str, str]:
        """Release and reference."""
        return self.query_id, self.ref_id

    def overlaps(self, other: Box) -> bool:
        """Whether both axes overlap, by more than a point."""
        return (
            min(self.query_end, other.query_end) > max(self.query_start, other.query_start)
            and min(self.ref_end, other.ref_end) > max(self.ref_start, other.ref_start)
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Box):
    """What a matcher said. `score` ranks; `level` is `confirmed`, `possible` or empty where the list has no levels."""

    score: float
    level: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A benchmark folder, read. `reused` has the boxes of `gt.csv`, `segments` the edit list, by release and time."""

    boxes: tuple[Box, ...]
    segments: tuple[Segment, ...]
    reference_ids: frozenset[str]
    query_ids: frozenset[str]
    clean: frozenset[str]

    def segment_of(self, box: Box) -> Segment:
        """Return the line of the edit list that a box of the truth belongs to.

        Raises
        ------
        BenchmarkError
            There is none.
        """
        for segment in self.segments:
            same = segment.query_id == box.query_id and segment.kind == REUSED
            if same and math.isclose(segment.start_s, box.query_start, abs_tol=0.0051):
                return segment
        raise BenchmarkError(f"{box.query_id} at {box.query_start} s: gt.csv names it, segments.csv does not")

    def shown_by(self, box: Box) -> Segment | None:
        """Return the segment that most of a box's query span shows, None if it is none of the edit list."""
        shared = {
            segment: min(segment.end_s, box.query_end) - max(segment.start_s, box.query_start)
            for segment in self.segments
            if segment.query_id == box.query_id
        }
        best = max(shared, key=shared.__getitem__, default=None)
        return best if best is not None and shared[best] > 0 else None


def load_truth(bench: Path) -> Truth:
    """Read a benchmark folder.

    Raises
    ------
    BenchmarkError
        A file is missing or cannot be understood.
    """
    try:
        meta = json.loads((bench / "meta.json").read_text(encoding="utf-8"))
        segments = tuple(map(_segment, _rows(bench / "segments.csv")))
        boxes = tuple(map(_box, _rows(bench / "gt.csv")))
        reference_ids = frozenset(str(reference["ref_id"]) for reference in meta["refs"])
        clean = frozenset(map(str, meta["clean"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BenchmarkError(f"{bench} is no benchmark folder: {error}") from error
    query_ids = frozenset(segment.query_id for segment in segments) | clean
    return Truth(boxes=boxes, segments=segments, reference_ids=reference_ids, query_ids=query_ids, clean=clean)


def load_matches(path: Path) -> tuple[Match, ...]:
    """Read a list of matches: the columns of `gt.csv`, `score` and, where there is one, `level`.

    Raises
    ------
    BenchmarkError
        The file cannot be read, or lacks a column.
    """
    try:
        return tuple(
            Match(
                query_id=box.query_id,
                ref_id=box.ref_id,
                query_start=box.query_start,
                query_end=box.query_end,
                ref_start=box.ref_start,
                ref_end=box.ref_end,
                score=float(row.get("score") or 0.0),
                level=(row.get("level") or "").strip(),
            )
            for row in _rows(path)
            for box in (_box(row),)
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BenchmarkError(f"{path} is no list of matches: {error}") from error


def require_known(truth: Truth, matches: Iterable[Match]) -> None:
    """Raise BenchmarkError at a match of an unknown id, with an empty interval or a number that is not finite."""
    for match in matches:
        name = f"match of {match.query_id} with {match.ref_id}"
        if match.query_id not in truth.query_ids or match.ref_id not in truth.reference_ids:
            raise BenchmarkError(f"{name}: an id that the benchmark does not have")
        numbers = (match.query_start, match.query_end, match.ref_start, match.ref_end, match.score)
        if not all(map(math.isfinite, numbers)):
            raise BenchmarkError(f"{name}: a number that is not finite")
        if match.query_end <= match.query_start or match.ref_end <= match.ref_start:
            raise BenchmarkError(f"{name}: an empty interval")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _segment(row: Mapping[str, str]) -> Segment:
    return Segment(
        query_id=row["query_id"],
        start_s=float(row["query_start"]),
        end_s=float(row["query_end"]),
        kind=row["kind"],
        source=row.get("clip") or "",
        group=row.get("group") or row.get("clip") or "",
        edits=row.get("edits") or "none",
        dark=row.get("dark") == "yes",
        category=row.get("category") or "",
    )


def _box(row: Mapping[str, str]) -> Box:
    return Box(
        query_id=row["query_id"],
        ref_id=row["ref_id"],
        query_start=float(row["query_start"]),
        query_end=float(row["query_end"]),
        ref_start=float(row["ref_start"]),
        ref_end=float(row["ref_end"]),
    )
