"""matches.csv: the columns of the VSC2022 matching track, best first, fixed decimals."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from tests.unit.report_samples import match
from verify.model import MatchLevel, Transform
from verify.report.matches_csv import COLUMNS, write_matches_csv


def test_columns_and_decimals(tmp_path: Path) -> None:
    path = tmp_path / "matches.csv"
    write_matches_csv([("q1", match(1 / 3, 2.0, rate=0.5, mirrored=True, level=MatchLevel.CONFIRMED))], path)
    assert path.read_bytes() == (
        b"query_id,ref_id,query_start,query_end,ref_start,ref_end,score,level,rate,mirrored,distinctness,inverted,"
        b"families\n"
        b"q1,ref-a,0.333,2.000,3.000,3.833,0.900000,confirmed,0.5000,true,0.4100,false,\n"
    )


def test_polarity_direction_and_families(tmp_path: Path) -> None:
    entry = match(1.0, 2.0, rate=-1.0, reference_start_s=6.0)
    entry = replace(entry, transform=Transform(inverted=True), families=("keypoints", "motion"))
    write_matches_csv([("q1", entry)], tmp_path / "matches.csv")
    assert (tmp_path / "matches.csv").read_text().splitlines()[1] == (
        "q1,ref-a,1.000,2.000,5.000,6.000,0.900000,possible,-1.0000,false,0.4100,true,keypoints;motion"
    )


def test_best_first_and_ties_in_a_fixed_order(tmp_path: Path) -> None:
    rows = [
        ("b", match(5, 9, score=0.5)),
        ("a", match(7, 9, score=0.5)),
        ("a", match(5, 9, score=0.5)),
        ("z", match(0, 1, score=0.9)),
    ]
    for order, name in ((rows, "one.csv"), (rows[::-1], "two.csv")):
        write_matches_csv(order, tmp_path / name)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    with (tmp_path / "one.csv").open(newline="") as file:
        assert [(row["query_id"], row["query_start"]) for row in csv.DictReader(file)] == [
            ("z", "0.000"),
            ("a", "5.000"),
            ("a", "7.000"),
            ("b", "5.000"),
        ]


def test_same_scene_matches_are_left_out(tmp_path: Path) -> None:
    write_matches_csv([("q", match(same_scene_only=True))], tmp_path / "matches.csv")
    assert (tmp_path / "matches.csv").read_text() == ",".join(COLUMNS) + "\n"


def test_ids_are_kept_as_they_are_and_quoted(tmp_path: Path) -> None:
    ids = ["=1+1", "+a", "-b", "@c", 'with "quotes", commas', "two\nlines", "ümlaut"]
    write_matches_csv([(name, match(reference_id=name)) for name in ids], tmp_path / "matches.csv")
    with (tmp_path / "matches.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["query_id"] for row in rows) == sorted(ids)
    assert all(row["query_id"] == row["ref_id"] for row in rows)
