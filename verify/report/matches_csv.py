"""matches.csv: one line per match with an archive reference, for scorers and spreadsheets.

The first seven columns are those of the VSC2022 matching track. Times and scores have fixed decimals, so equal
matches give equal bytes.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from verify.model import Match

COLUMNS = (
    "query_id",
    "ref_id",
    "query_start",
    "query_end",
    "ref_start",
    "ref_end",
    "score",
    "level",
    "rate",
    "mirrored",
    "distinctness",
    "inverted",
    "families",
)


def write_matches_csv(rows: Iterable[tuple[str, Match]], path: Path) -> None:
    """Write matches, the highest score first.

    Same-scene matches are left out: they are not shown to be the same recording.

    Parameters
    ----------
    rows
        Pairs of query id and match.
    path
        The file to write; one that is there is replaced.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    kept = [(query_id, match) for query_id, match in rows if not match.same_scene_only]
    kept.sort(key=lambda row: (-row[1].score, row[0], row[1].query.start_s, row[1].reference_id))
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(query_id, match) for query_id, match in kept)


def _row(query_id: str, match: Match) -> tuple[str, ...]:
    return (
        query_id,
        match.reference_id,
        *(
            f"{time_s:.3f}"
            for time_s in (match.query.start_s, match.query.end_s, match.reference.start_s, match.reference.end_s)
        ),
        f"{match.score:.6f}",
        match.level.value,
        f"{match.time_map.rate:.4f}",
        _flag(match.transform.mirrored),
        f"{match.distinctness:.4f}",
        _flag(match.transform.inverted),
        ";".join(match.families),
    )


def _flag(value: bool) -> str:
    return "true" if value else "false"
