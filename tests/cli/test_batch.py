"""`verify batch`: many releases, one table, and what becomes of those that fail."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.cli.helpers.command import CASE_PARTS, REPORT_PARTS, check_case, names_in, verify
from tests.http_server import serving
from verify.report import matches_csv

pytestmark = pytest.mark.usefixtures("sought_once")


def rows_in(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_many_releases_one_of_which_fails(release: Path, footage: dict[str, Path], archive: Path, tmp_path: Path):
    folder = tmp_path / "releases"
    (folder / "below").mkdir(parents=True)
    shutil.copy(release, folder / "release.mp4")
    shutil.copy(footage["scene"], folder / "below" / "release.mp4")
    shutil.copy(footage["text"], folder / "broken.mp4")
    out = tmp_path / "out"
    done = verify("batch", folder, footage["other-scene"], "--archive", archive, "--out", out, "--format", "json")
    assert done.code == 100
    assert names_in(out) == {"matches.csv", "release", "release-2", "broken", "other-scene"}
    assert names_in(out / "release") == {*REPORT_PARTS, *CASE_PARTS} - {"report.html"}
    assert names_in(out / "broken") == set(CASE_PARTS)
    check_case(out / "broken" / "evidence")
    assert f"3 of 4 releases checked, 2 matches: {out / 'matches.csv'}" in done.out
    assert "  failed: broken (exit code 30): " in done.out
    assert "[2/4] broken: failed: " in done.err
    assert "[4/4] other-scene: no match" in done.err

    header, *rows = rows_in(out / "matches.csv")
    assert header[:7] == ["query_id", "ref_id", "query_start", "query_end", "ref_start", "ref_end", "score"]
    assert {row[0] for row in rows} == {"release", "release-2"}
    scores = [float(row[6]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    for name in ("release", "release-2"):
        own = rows_in(out / name / "matches.csv")[1:]
        assert own == [row for row in rows if row[0] == name]
        assert json.loads((out / name / "report.json").read_text(encoding="utf-8"))["release"]["query_id"] == name


def test_all_fail_with_the_first_ones_code(footage: dict[str, Path], archive: Path, tmp_path: Path):
    with serving() as server:
        url = server.url("/missing.mp4")
        done = verify("batch", url, footage["text"], "--allow-private", "--archive", archive, "--out", tmp_path / "out")
    assert done.code == 10
    assert names_in(tmp_path / "out") == {"text"}
    assert done.out == ""


def test_nothing_is_left_if_nothing_was_fetched(archive: Path, tmp_path: Path):
    done = verify("batch", "missing.mp4", "--archive", archive, "--out", tmp_path / "a" / "out")
    assert done.code == 2
    assert names_in(tmp_path) == set()


def test_reuse_beats_failures(release: Path, footage: dict[str, Path], archive: Path, tmp_path: Path):
    done = verify(
        *("batch", footage["text"], release, "--archive", archive, "--out", tmp_path / "out"),
        *("--fail-on", "reuse", "--format", "json"),
    )
    assert done.code == 60
    assert "  failed: text" in done.out


def test_release_whose_name_is_that_of_the_table(brief: Path, archive: Path, tmp_path: Path):
    shutil.copy(brief, tmp_path / "matches.csv.mp4")
    done = verify("batch", tmp_path / "matches.csv.mp4", "--archive", archive, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert names_in(tmp_path / "out") == {"matches.csv", "matches.csv-2"}
    assert (tmp_path / "out" / "matches.csv").is_file()


def test_second_batch_into_one_folder_changes_nothing(brief: Path, archive: Path, tmp_path: Path):
    (tmp_path / "matches.csv").write_text("mine", encoding="utf-8")
    done = verify("batch", brief, "--archive", archive, "--out", tmp_path)
    assert done.code == 2
    assert "there is a batch here already. Choose another --out." in done.message
    assert names_in(tmp_path) == {"matches.csv"}


def test_table_that_cannot_be_written(brief: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rows = matches_csv.write_matches_csv

    def fail(given: object, path: Path) -> None:
        if path.parent == tmp_path / "out":
            path.write_text("half", encoding="utf-8")
            raise OSError(28, "No space left on device")
        rows(given, path)  # type: ignore[arg-type]

    monkeypatch.setattr(matches_csv, "write_matches_csv", fail)
    done = verify("batch", brief, "--archive", archive, "--out", tmp_path / "out")
    assert done.code == 51
    assert f"error: {tmp_path / 'out' / 'matches.csv'}: cannot be written (No space left on device)." in done.err
    assert names_in(tmp_path / "out") == {"brief"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([""], "SOURCE: one of them is empty"),
        (["x" * 300], "is neither a URL nor a file"),
        (["."], "there is no video below this folder"),
        ([], "Missing argument 'SOURCE...'"),
    ],
)
def test_unusable_sources(
    words: list[str], message: str, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    done = verify("batch", "--archive", archive, "--out", tmp_path / "out", *words)
    assert done.code == 2, done.err
    assert message in done.err
    assert names_in(tmp_path) == set()


def test_archive_is_required_to_exist(brief: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERIFY_ARCHIVE", str(tmp_path / "none"))
    done = verify("batch", brief, "--out", tmp_path / "out")
    assert done.code == 2
    assert names_in(tmp_path) == set()


def test_releases_named_in_other_scripts_keep_apart(brief: Path, archive: Path, tmp_path: Path):
    for name in ("Київ.mp4", "Львів.mp4"):
        shutil.copy(brief, tmp_path / name)
    done = verify(
        "batch", tmp_path / "Київ.mp4", tmp_path / "Львів.mp4", "--archive", archive, "--out", tmp_path / "out"
    )
    assert done.code == 0
    assert len(names_in(tmp_path / "out")) == 3


def test_every_video_of_a_playlist_is_a_release(brief: Path, archive: Path, tmp_path: Path):
    with serving() as server:
        for name in ("first", "second", "third"):
            server.add(f"/{name}.mp4", brief.read_bytes(), "video/mp4")
        page = "".join(f'<video src="/{name}.mp4"></video>' for name in ("first", "second", "third"))
        url = server.add("/page.html", f"<html><head><title>Three</title></head><body>{page}</body></html>")
        words = ("batch", url, "--archive", archive, "--allow-private")
        refused = verify(*words, "--out", tmp_path / "refused")
        done = verify(*words, "--out", tmp_path / "out", "--playlist", "--playlist-items", "2")
    assert refused.code == 11
    assert "holds more than one video" in refused.message
    assert done.code == 0, done.err
    assert names_in(tmp_path / "out") == {"first", "second", "matches.csv"}
    assert "lists more videos; the first 2 are checked." in done.err
    assert done.out.startswith("2 of 2 releases checked")
