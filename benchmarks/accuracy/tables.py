"""The figures of a result as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.accuracy.scoring import Result, Row, Tally

HEADINGS = (
    "", "segment AP", "recall, any score", "recall@0", "strict", "dark, at recall@0", "boundary",
    "clean releases with a match", "confirmed: clean releases", "wrong matches",
)  # fmt: skip
_MOST_WRONG = 12


def table(results: Iterable[tuple[str, Result]]) -> str:
    """One line of a Markdown table for each named result."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    lines += ["| " + " | ".join(_cells(name, result)) + " |" for name, result in results]
    return "\n".join(lines)


def _cells(name: str, result: Result) -> tuple[str, ...]:
    confirmed = "-" if result.confirmed is None else _of(result.confirmed.clean_accused)
    return (
        name, _figure(result.segment_ap), _share(result.any_score.recall), _share(result.recall_at_0.recall),
        _share(result.strict.recall), _share(result.recall_at_0.dark), _seconds(result.recall_at_0.boundary_s),
        _of(result.any_score.clean_accused), confirmed, str(result.any_score.wrong),
    )  # fmt: skip


def lines(result: Result) -> list[str]:
    """All figures of one result, to be read in a terminal."""
    said = [f"segment AP {result.segment_ap:.4f}"]
    rows = {"any score": result.any_score, "recall@0": result.recall_at_0, "strict": result.strict}
    if result.confirmed is not None:
        rows["confirmed"] = result.confirmed
    said += [f"{name:9} {_row(row)}" for name, row in rows.items()]
    said.append("by edit at recall@0: " + _named(result.recall_at_0.by_edit))
    said.append("by kind of footage at recall@0: " + _named(result.recall_at_0.by_category))
    for wrong in result.wrong[:_MOST_WRONG]:
        match, shown = wrong.match, wrong.shown
        what = f"{shown.kind} {shown.source} {shown.edits}" if shown is not None else "nothing of the edit list"
        place = f"{match.query_id} {match.query_start:.2f}-{match.query_end:.2f} s as {match.ref_id}"
        said.append(f"wrong, {match.score:.4f} {match.level}: {place}; it shows {what}")
    return said


def as_json(result: Result) -> dict[str, Any]:
    """Everything, as plain values."""
    return asdict(result)


def _row(row: Row) -> str:
    return (
        f"recall {_share(row.recall)} ({row.recall})  dark {_share(row.dark)}  boundary {_seconds(row.boundary_s)}"
        f"  clean accused {row.clean_accused}  wrong matches {row.wrong}  threshold {row.threshold:.4f}"
    )


def _named(tallies: dict[str, Tally]) -> str:
    return "  ".join(f"{name or '-'} {tally}" for name, tally in tallies.items())


def _figure(value: float) -> str:
    """Three places, without the leading zero."""
    return f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.3f}"


def _share(tally: Tally) -> str:
    return "-" if tally.share is None else _figure(tally.share)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _of(tally: Tally) -> str:
    return f"{tally.found} of {tally.of}"
