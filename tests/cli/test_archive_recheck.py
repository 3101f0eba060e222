"""Checked releases are remembered: earlier ones of a publisher are searched, and old verdicts meet new references."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures import drawing
from fixtures.footage import encode
from tests.cli.helpers.command import Done, names_in, verify
from verify.archive.cases import CASES_NAME, open_cases
from verify.archive.catalogue import CATALOGUE_NAME
from verify.model import FindingKind, MatchLevel
from verify.report.json_report import decode_report

if TYPE_CHECKING:
    from verify.model import Report

OFFICE = ["--publisher", "Office of Example"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    paths = {name: folder / f"{name}.mp4" for name in ("first", "second", "other")}
    encode(drawing.scene(1, 75), paths["first"])
    encode([*drawing.scene(5, 50), *list(drawing.scene(1, 75))[10:70]], paths["second"])
    encode(drawing.scene(9, 50), paths["other"])
    return paths


@pytest.fixture
def archive(clips: dict[str, Path], tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    assert verify("archive", "add", clips["other"], "--archive", folder, "--no-descriptor").code == 0
    return folder


def check(source: Path, archive: Path, out: Path, *more: str) -> Report:
    done = verify("video", source, "--archive", archive, "--out", out, "--no-sign", *more)
    assert done.code == 0, done.err
    return decode_report((out / "report.json").read_bytes())


def recheck(archive: Path, *more: str | Path) -> Done:
    done = verify("archive", "recheck", "--archive", archive, *more)
    assert done.code == 0, done.err
    return done


def test_an_earlier_release_of_the_publisher_is_searched(clips: dict[str, Path], archive: Path, tmp_path: Path):
    before = (archive / CATALOGUE_NAME).read_bytes()
    first = check(clips["first"], archive, tmp_path / "one", *OFFICE, "--published", "2024-05-01")
    second = check(clips["second"], archive, tmp_path / "two", *OFFICE, "--published", "2024-06-01T10:00:00Z")
    assert (archive / CATALOGUE_NAME).read_bytes() == before
    assert first.earlier_releases == ()
    assert second.matches == ()
    (entry, *_) = second.earlier_releases
    assert entry.finding.kind is FindingKind.USED_IN_EARLIER_RELEASE
    assert entry.reference.id == first.report_id
    assert 1.9 <= entry.match.query.start_s <= 2.6
    assert (
        "of the release \u2068'first.mp4'\u2069" in entry.finding.statement or "'first.mp4'" in entry.finding.statement
    )
    assert (
        "used before in the release of 2024-05-01 (by a person's statement; publication date stated by the operator)"
        in (entry.finding.statement)
    )
    assert "of this release" in second.answer
    assert "in an earlier release of the same publisher" in second.answer
    assert second.parameters["earlier_releases_searched"] == 1
    assert (tmp_path / "two" / "matches.csv").read_text(encoding="utf-8").count("\n") == 1
    page = (tmp_path / "two" / "report.html").read_text(encoding="utf-8")
    assert "Used before by the same publisher" in page
    assert all(pair.reference is not None for pair in entry.frame_pairs)


@pytest.mark.parametrize(
    "more",
    [
        ["--publisher", "Another office", "--published", "2024-06-01"],
        [*OFFICE, "--published", "2024-05-01"],
        [*OFFICE, "--published", "2024-05-02"],
        [*OFFICE, "--published", "2024-05-02T01:00:00Z"],
        [*OFFICE, "--published", "2023"],
        OFFICE,
        [*OFFICE, "--published", "2024-06-01", "--no-remember"],
    ],
    ids=[
        "another publisher",
        "the same day",
        "the next day",
        "some hours later",
        "before",
        "day not known",
        "not asked for",
    ],
)
def test_what_is_no_earlier_release(more: list[str], clips: dict[str, Path], archive: Path, tmp_path: Path):
    check(clips["first"], archive, tmp_path / "one", *OFFICE, "--published", "2024-05-01")
    report = check(clips["second"], archive, tmp_path / "two", *more)
    assert report.earlier_releases == ()
    assert report.parameters["earlier_releases_searched"] == 0


def test_a_release_is_not_compared_with_itself(clips: dict[str, Path], archive: Path, tmp_path: Path):
    check(clips["first"], archive, tmp_path / "one", *OFFICE, "--published", "2024-05-01")
    again = tmp_path / "renamed.mp4"
    shutil.copy(clips["first"], again)
    assert check(again, archive, tmp_path / "two", *OFFICE, "--published", "2024-06-01").earlier_releases == ()


def test_old_verdicts_meet_new_references(clips: dict[str, Path], archive: Path, tmp_path: Path):
    report = check(clips["second"], archive, tmp_path / "out", "--claimed-date", "2025-10")
    evidence = json.dumps(sorted(names_in(tmp_path / "out")))
    assert report.matches == ()
    assert recheck(archive).out == "1 releases remembered, 0 compared, 0 with findings that change.\n"
    told = ["--first-seen", "2019", "--title", "Range *day*", "--kind", "game", "--no-descriptor"]
    assert verify("archive", "add", clips["first"], "--archive", archive, *told).code == 0

    done = recheck(archive, "--out", tmp_path / "notes")
    assert "added (the reference was added on " in done.out
    assert "which precedes the claimed date of this release, 2025-10" in done.out
    note = (tmp_path / "notes" / f"correction-{report.report_id}.md").read_text(encoding="utf-8")
    assert note.startswith(f"# Correction to the report {report.report_id}\n")
    assert report.archive is not None
    assert report.archive.snapshot_id in note
    assert "Range \\*day\\*" in note
    assert "No other finding of that report is changed" in note
    assert "compared, 0 with findings that change" in recheck(archive).out

    first = ["first", "--archive", archive, "--reason", "misread"]
    assert verify("archive", "amend", *first, "--first-seen", "2026").code == 0
    (changed,) = json.loads(recheck(archive, "--json").out)
    assert [change["kind"] for change in changed["changes"]] == ["changed"] * len(changed["changes"])
    assert "first seen no later than 2026 now, and was told as 2019" in changed["changes"][0]["why"]
    assert "precedes" in changed["changes"][0]["before"]
    assert "does not precede" in changed["changes"][0]["now"]

    assert verify("archive", "retract", *first).code == 0
    assert "withdrawn (the reference was retracted: misread)" in recheck(archive).out
    assert verify("archive", "restore", *first).code == 0
    assert "  added (" in recheck(archive).out
    assert verify("archive", "forget", *first, "--yes").code == 0
    assert "withdrawn (the reference was forgotten: misread)" in recheck(archive).out
    assert json.dumps(sorted(names_in(tmp_path / "out"))) == evidence


def test_everything_again_changes_nothing(clips: dict[str, Path], archive: Path, tmp_path: Path):
    assert verify("archive", "add", clips["first"], "--archive", archive, "--no-descriptor").code == 0
    report = check(clips["second"], archive, tmp_path / "out")
    assert len(report.matches) >= 1
    with open_cases(archive) as cases:
        assert cases is not None
        (case,) = cases.cases()
    assert [(told.reference_id, told.level) for told in case.told] == [
        (entry.reference.id, entry.match.level) for entry in (*report.matches, *report.same_scene)
    ]
    assert [told.score for told in case.told] == [entry.match.score for entry in (*report.matches, *report.same_scene)]
    assert case.told[0].level in MatchLevel
    assert "1 compared, 0 with findings that change" in recheck(archive, "--everything").out
    with open_cases(archive) as cases:
        assert cases is not None
        (after,) = cases.cases()
    assert after.told == case.told


def test_what_was_not_delivered_is_told_again(clips: dict[str, Path], archive: Path, tmp_path: Path):
    check(clips["second"], archive, tmp_path / "out", "--publisher", "**Ministry** <b>")
    assert verify("archive", "add", clips["first"], "--archive", archive, "--no-descriptor").code == 0
    (tmp_path / "file").write_bytes(b"")
    done = verify("archive", "recheck", "--archive", archive, "--out", tmp_path / "file" / "notes")
    assert done.code == 51
    assert "1 with findings that change" in recheck(archive, "--out", tmp_path / "notes").out
    (note,) = (tmp_path / "notes").iterdir()
    assert "\\*\\*Ministry\\*\\* \\<b\\>" in note.read_text(encoding="utf-8")


def test_another_kind_is_told(clips: dict[str, Path], archive: Path, tmp_path: Path):
    assert verify("archive", "add", clips["first"], "--archive", archive, "--no-descriptor").code == 0
    check(clips["second"], archive, tmp_path / "out")
    words = ["first", "--archive", archive, "--reason", "it is a game"]
    assert verify("archive", "amend", *words, "--kind", "game").code == 0
    done = recheck(archive)
    assert "changed (what is said of the reference is another)" in done.out
    assert "(game" in done.out


def test_damage_to_what_is_remembered_stops_no_check(clips: dict[str, Path], archive: Path, tmp_path: Path):
    check(clips["first"], archive, tmp_path / "one", *OFFICE, "--published", "2024-05-01")
    (archive / CASES_NAME / CATALOGUE_NAME).write_bytes(b"garbage")
    words = ["--archive", archive, "--out", tmp_path / "two", "--no-sign", *OFFICE, "--published", "2024-06-01"]
    done = verify("video", clips["second"], *words)
    assert done.code == 100
    assert "Earlier releases of the publisher could not be searched" in done.err
    assert "cannot be remembered" in done.err
    assert (tmp_path / "two" / "report.html").exists()


def test_what_was_told_has_a_digest(clips: dict[str, Path], archive: Path, tmp_path: Path):
    check(clips["first"], archive, tmp_path / "one")
    with closing(sqlite3.connect(archive / CASES_NAME / CATALOGUE_NAME)) as connection, connection:
        connection.execute("UPDATE checked SET claimed_date = '1999'")
    done = verify("archive", "recheck", "--archive", archive)
    assert done.code == 40
    assert "it does not have its digest" in done.message
    assert "verify archive forget" in done.message


def test_what_was_forgotten_is_erased_from_what_was_told(clips: dict[str, Path], archive: Path, tmp_path: Path):
    told = ["--archive", archive, "--no-descriptor", "--title", "A title that must go"]
    assert verify("archive", "add", clips["first"], *told).code == 0
    check(clips["second"], archive, tmp_path / "out")
    catalogue = archive / CASES_NAME / CATALOGUE_NAME
    assert b"A title that must go" in catalogue.read_bytes()
    assert verify("archive", "forget", "first", "--archive", archive, "--reason", "x", "--yes").code == 0
    assert b"A title that must go" not in catalogue.read_bytes()
    assert "withdrawn (the reference was forgotten: x)" in recheck(archive).out


def test_a_release_whose_examination_is_damaged_is_told(clips: dict[str, Path], archive: Path, tmp_path: Path):
    check(clips["second"], archive, tmp_path / "out")
    (stored,) = (archive / CASES_NAME / "media").iterdir()
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    assert verify("archive", "add", clips["first"], "--archive", archive, "--no-descriptor").code == 0
    done = verify("archive", "recheck", "--archive", archive)
    assert done.code == 100
    assert "1 failed" in done.out
    assert "is damaged" in done.err
    assert verify("archive", "check", "--archive", archive / CASES_NAME).code == 40


def test_nothing_is_remembered_where_it_is_not_wanted(clips: dict[str, Path], archive: Path, tmp_path: Path):
    check(clips["first"], archive, tmp_path / "out", "--no-remember")
    assert not (archive / CASES_NAME).exists()
    assert recheck(archive).out == "0 releases remembered, 0 compared, 0 with findings that change.\n"


def test_a_release_can_be_forgotten(clips: dict[str, Path], archive: Path, tmp_path: Path):
    report = check(clips["first"], archive, tmp_path / "out")
    cases = archive / CASES_NAME
    assert verify("archive", "forget", report.report_id, "--archive", cases, "--reason", "x", "--yes").code == 0
    assert "0 releases remembered" in recheck(archive).out
    assert names_in(cases / "media") == set()


def test_notes_are_not_written_over_others(archive: Path, tmp_path: Path):
    (tmp_path / "notes").mkdir()
    done = verify("archive", "recheck", "--archive", archive, "--out", tmp_path / "notes")
    assert done.code == 2
    assert "it is there already" in done.message
