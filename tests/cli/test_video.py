"""`verify video` from SOURCE to report: what it writes, what it prints, how it ends."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fixtures.footage import CHECKOUT, TRUNCATED_SHARE
from tests.cli.conftest import REUSED_S, SKIPPED_S, UNSEEN_S, Checked
from tests.cli.helpers.command import CASE_PARTS, REPORT_PARTS, check_case, names_in, verify
from tests.http_server import serving
from verify.archive.store import Archive
from verify.commands.releases import check_formats

VSC_COLUMNS = ["query_id", "ref_id", "query_start", "query_end", "ref_start", "ref_end", "score"]
ONE_FRAME_S = 0.13

pytestmark = pytest.mark.usefixtures("sought_once")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads((CHECKOUT / "docs" / "schema" / "report-1.schema.json").read_text(encoding="utf-8"))


def report_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


# --- the main job ----------------------------------------------------------------------------------------------------


def test_everything_is_written_and_nothing_else(checked: Checked, schema: dict[str, Any]):
    assert checked.done.code == 0, checked.done.err
    assert names_in(checked.folder) == {*REPORT_PARTS, *CASE_PARTS}
    check_case(checked.folder / "evidence")
    report = report_in(checked.folder)
    jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)
    assert (checked.folder / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    named = {picture["path"] for picture in pictures(report)}
    assert named == {f"frames/{name}" for name in names_in(checked.folder / "frames")}
    assert all((checked.folder / path).read_bytes().startswith(b"\xff\xd8\xff") for path in named)


def pictures(report: dict[str, Any]) -> list[dict[str, Any]]:
    entries = [entry for part in ("matches", "same_scene", "repeats") for entry in report[part]]
    pairs = [pair for entry in entries for pair in entry["frame_pairs"]]
    shown = [pair[side] for pair in pairs for side in ("query", "reference") if pair[side]]
    views = [view[size] for view in report["shot_views"] for size in ("picture", "still") if view[size]]
    return [report["release"]["first_frame"], *shown, *views]


def test_the_reused_seconds_are_found_and_nothing_else(checked: Checked):
    report = report_in(checked.folder)
    (entry,) = report["matches"]
    match = entry["match"]
    assert match["reference_id"] == "scene"
    assert match["query"]["start_s"] == pytest.approx(UNSEEN_S, abs=ONE_FRAME_S)
    assert match["query"]["end_s"] == pytest.approx(UNSEEN_S + REUSED_S, abs=ONE_FRAME_S)
    assert match["reference"]["start_s"] == pytest.approx(SKIPPED_S, abs=ONE_FRAME_S)
    assert match["time_map"]["rate"] == 1.0
    assert entry["frame_pairs"]
    assert not report["same_scene"]


def test_matches_csv_has_the_scorers_columns_first(checked: Checked):
    with (checked.folder / "matches.csv").open(newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    assert header[: len(VSC_COLUMNS)] == VSC_COLUMNS
    assert row[:2] == ["release", "scene"]
    assert [float(text) for text in row[2:6]] == pytest.approx([2, 5, 1, 4], abs=ONE_FRAME_S)
    assert 0 < float(row[6]) <= 1


def test_json_alone_goes_to_standard_output(checked: Checked):
    assert checked.done.out.encode() == (checked.folder / "report.json").read_bytes()
    assert checked.done.err == ""


def test_release_is_identified(checked: Checked, release: Path):
    told = report_in(checked.folder)["release"]
    assert told["source"] == str(release)
    assert told["publisher"] == "Office of Example"
    assert (told["claimed_date"], told["claimed_date_basis"]) == ("2025-10", "stated by the operator")
    (kept,) = (checked.folder / "evidence" / "data" / "master").iterdir()
    assert kept.read_bytes() == release.read_bytes()


def test_command_line_is_recorded(checked: Checked, release: Path):
    report = report_in(checked.folder)
    assert report["command"][:3] == ["verify", "video", str(release)]
    record = json.loads((checked.folder / "evidence/data/metadata/acquisition.json").read_text(encoding="utf-8"))
    assert record["command"] == report["command"]


def test_claims_are_quoted_in_their_order_and_not_assessed(checked: Checked):
    claims = report_in(checked.folder)["claims"]
    assert [(claim["claimant"], claim["date"]) for claim in claims] == [
        ("Office of Example", "2025-10"),
        ("A resident", ""),
    ]
    page = (checked.folder / "report.html").read_text(encoding="utf-8")
    assert "Filmed in &lt;October&gt; 2025." in page
    assert "not assessed by this tool" in page


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ([], "appears_in_reference", "No date is claimed for this release"),
        (["--claimed-date", "2020-05-31"], "appears_in_reference", "is not shown to precede"),
        pytest.param(
            ["--claimed-date", "2019"], "appears_in_reference", "which does not precede", marks=pytest.mark.slow
        ),
        (["--claimed-date", "2020-06-01"], "reuse_earlier", "which precedes the claimed date"),
    ],
)
def test_claimed_date_decides_what_is_called_earlier(
    options: list[str], kind: str, words: str, release: Path, archive: Path, tmp_path: Path
):
    done = verify("video", release, "--archive", archive, "--out", tmp_path / "out", "--format", "json", *options)
    assert done.code == 0
    (entry,) = report_in(tmp_path / "out")["matches"]
    assert entry["finding"]["kind"] == kind
    assert words in entry["finding"]["statement"]
    assert "first seen no later than 2020-05 (upload)" in entry["finding"]["statement"]
    assert names_in(tmp_path / "out") == {*REPORT_PARTS, *CASE_PARTS} - {"report.html"}
    assert f"Report:   {tmp_path / 'out' / 'report.json'}" in done.out


def test_page_over_http(release: Path, archive: Path, tmp_path: Path, schema: dict[str, Any]):
    title = "<script>alert(1)</script> \u202e%s {0} " + "long " * 200
    page = (
        f"<html><head><title>{title.replace('<', '&lt;')}</title>"
        '<meta property="og:description" content="&quot;&gt;&lt;img src=x onerror=alert(2)&gt;"></head>'
        '<body><video src="file.mp4?token=hunter2"></video></body></html>'
    )
    with serving() as server:
        server.add("/file.mp4", release.read_bytes(), "video/mp4")
        url = server.add("/release.html", page)
        done = verify("video", url, "--allow-private", "--archive", archive, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    report = report_in(tmp_path / "out")
    jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)
    assert [entry["match"]["reference_id"] for entry in report["matches"]] == ["scene"]
    assert report["release"]["query_id"] == "release"
    assert report["release"]["title"].startswith("<script>alert(1)</script> %s {0} long")
    assert len(report["release"]["title"]) <= 500
    assert [claim["origin"] for claim in report["claims"]] == [
        "the release itself (title)",
        "the release itself (description)",
    ]
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "\u202e" not in html + done.out + done.err
    check_case(tmp_path / "out" / "evidence")
    folders = [folder for folder in (tmp_path / "out").iterdir() if folder.name != "evidence-private"]
    files = [path for folder in folders for path in (folder, *folder.rglob("*")) if path.is_file()]
    assert b"hunter2" not in b"".join(path.read_bytes() for path in files)


# --- the archive -----------------------------------------------------------------------------------------------------


def test_without_a_default_archive_nothing_is_searched(brief: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "none"))
    monkeypatch.setenv("VERIFY_ARCHIVE", "")
    done = verify("video", brief, "--out", tmp_path / "out")
    assert done.code == 100
    assert f"note: there is no reference archive at {tmp_path / 'none' / 'archive'} yet" in done.err
    assert "verify archive add" in done.err
    assert "warning: No reference archive was searched." in done.err
    report = report_in(tmp_path / "out")
    assert report["archive"] is None
    assert report["answer"].startswith("No reference was searched")
    assert {span["state"] for span in report["coverage"]} == {"not_examinable"}
    assert "no reference archive was searched" in report["coverage"][0]["reason"]
    assert not (tmp_path / "none").exists()


def test_archive_named_in_the_environment_must_exist(
    footage: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VERIFY_ARCHIVE", str(tmp_path / "none"))
    done = verify("video", footage["static"], "--out", tmp_path / "out")
    assert done.code == 2
    assert names_in(tmp_path) == set()


def test_empty_archive_is_no_evidence_of_anything(brief: Path, tmp_path: Path):
    empty = tmp_path / "empty"
    Archive.create_or_open(empty).close()
    done = verify("video", brief, "--archive", empty, "--out", tmp_path / "out")
    assert done.code == 100
    assert "warning: The reference archive is empty, so nothing was searched." in done.err
    assert "No match among" not in done.out
    assert report_in(tmp_path / "out")["answer"].startswith("No reference was searched")


def test_environment_names_the_default_archive(
    release: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VERIFY_ARCHIVE", str(archive))
    done = verify("video", release, "--out", tmp_path / "out", "--format", "json")
    assert done.code == 0
    assert len(report_in(tmp_path / "out")["matches"]) == 1


# --- endings ---------------------------------------------------------------------------------------------------------


def test_summary_names_the_match_and_the_report(release: Path, archive: Path, tmp_path: Path):
    done = verify("video", release, "--archive", archive, "--out", tmp_path / "out", "--fail-on", "reuse")
    assert done.code == 60
    assert "this release is visually consistent with footage in the reference archive: 1 confirmed match" in done.out
    assert " of scene, score 0." in done.out
    assert (
        f"Report:   {tmp_path / 'out' / 'report.html'}\nEvidence: {tmp_path / 'out' / 'evidence'} (not signed)\n"
        in done.out
    )


def test_no_match_is_told_as_one(footage: dict[str, Path], archive: Path, tmp_path: Path):
    done = verify(
        *("video", footage["other-scene"], "--archive", archive, "--out", tmp_path / "out", "--fail-on", "reuse")
    )
    assert done.code == 0
    assert "No match among the 2 references searched; this is not evidence that the footage is new." in done.out
    assert len((tmp_path / "out" / "matches.csv").read_text(encoding="utf-8").splitlines()) == 1


def test_truncated_video_tells_the_missing_seconds(footage: dict[str, Path], archive: Path, tmp_path: Path):
    done = verify("video", footage["truncated"], "--archive", archive, "--out", tmp_path / "out")
    assert done.code == 100
    report = report_in(tmp_path / "out")
    end_s = report["release"]["decoded"]["decoded"]["end_s"]
    assert end_s == pytest.approx(6 * TRUNCATED_SHARE, abs=1)
    (lost,) = [span for span in report["coverage"] if span["state"] == "not_examinable"]
    assert lost["interval"] == {"start_s": end_s, "end_s": 6.0}
    assert report["release"]["decoded"]["missing_s"] == pytest.approx(6 - end_s)
    assert "not_examinable" in {finding["kind"] for finding in report["findings"]}
    assert report["matches"], "what could be decoded is still compared"


def test_reuse_beats_warnings(footage: dict[str, Path], archive: Path, tmp_path: Path):
    done = verify("video", footage["truncated"], "--archive", archive, "--out", tmp_path / "out", "--fail-on", "reuse")
    assert done.code == 60
    assert "warning: " in done.err


def test_a_second_run_changes_nothing(checked: Checked, release: Path, archive: Path):
    before = {path: path.read_bytes() for path in checked.folder.rglob("*") if path.is_file()}
    done = verify("video", release, "--archive", archive, "--out", checked.folder)
    assert done.code == 21
    assert "nothing is overwritten" in done.message
    assert {path: path.read_bytes() for path in checked.folder.rglob("*") if path.is_file()} == before


def test_existing_folder_of_other_things_is_used(brief: Path, archive: Path, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert verify("video", brief, "--archive", archive, "--out", tmp_path).code == 0
    assert names_in(tmp_path) == {*REPORT_PARTS, *CASE_PARTS, "notes.txt"}


def test_failure_of_a_late_stage_keeps_the_evidence_only(
    brief: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("verify.report.pictures.encode_jpeg", fail)
    done = verify("video", brief, "--archive", archive, "--out", tmp_path / "out")
    assert done.code == 51
    assert names_in(tmp_path / "out") == {*CASE_PARTS}
    check_case(tmp_path / "out" / "evidence")
    assert f"is preserved in {tmp_path / 'out' / 'evidence'}; no report was written" in done.err


@pytest.mark.parametrize("formats", ["json", "html", " html , json ", "json,json"])
def test_forms_of_the_report(formats: str):
    assert check_formats(formats) <= {"html", "json"}


# --- hostile names ---------------------------------------------------------------------------------------------------

NAMES = {
    "all-at-once": "-<img src=x onerror=alert(1)>&\"'\n\u202e%s%n{0}\x1b[31m\x07\udcff=1+1.mp4",
    "markup": "<img src=x onerror=alert(1)>&\"'.mp4",
    "right-to-left": "\u202egpj.mp4",
    "line-feed": "a\nb.mp4",
    "dash": "-x.mp4",
    "percent": "%s%n{0}{x}.mp4",
    "long": "y" * 200 + ".mp4",
    "escape": "\x1b[31mred\x07.mp4",
    "not-utf-8": "bad\udcff.mp4",
    "formula": "=1+1.mp4",
    "only-a-suffix": ".mp4",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=kind, marks=[] if kind in ("all-at-once", "long") else pytest.mark.slow)
        for kind, name in NAMES.items()
    ],
)
def test_hostile_file_name(
    name: str, release: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: dict[str, Any]
):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(release.read_bytes())
    done = verify("video", "--archive", archive, "--", name)
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "reports").iterdir()
    assert folder.name.isascii() and folder.name.replace("-", "").isalnum() and len(folder.name) < 80
    report = report_in(folder)
    jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in html
    for text in (done.out, done.err, (folder / "matches.csv").read_text(encoding="utf-8"), html):
        assert not {"\x1b", "\x07", "\u202e", "\r"} & set(text)
    with (folder / "matches.csv").open(newline="", encoding="utf-8") as file:
        _, row = csv.reader(file)
    assert row[0] == report["release"]["query_id"]
    assert row[0].isprintable()
    check_case(folder / "evidence")


def test_dash_without_the_two_dashes_is_a_usage_error(release: Path, archive: Path, tmp_path: Path):
    done = verify("video", "-x.mp4", "--archive", archive)
    assert done.code == 2
    assert "No such option" in done.err


def test_hostile_texts_of_options(brief: Path, archive: Path, tmp_path: Path):
    hostile = "</title><script>alert(1)</script>\u202e\x1b[2J"
    done = verify("video", brief, "--archive", archive, "--out", tmp_path / "out", "--publisher", hostile)
    assert done.code == 0
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert not {"\x1b", "\u202e"} & set(html + done.out + done.err)


def test_hostile_metadata_of_a_reference(release: Path, footage: dict[str, Path], tmp_path: Path):
    hostile = "<script>alert(1)</script>\u202e\x1b[2J%s{0}"
    options = [word for name in ("title", "publisher", "licence", "event", "notes") for word in (f"--{name}", hostile)]
    folder = tmp_path / "archive"
    assert verify("archive", "add", footage["scene"], "--archive", folder, *options).code == 0
    done = verify("video", release, "--archive", folder, "--out", tmp_path / "out")
    assert done.code == 0
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    told = "".join(verify("archive", *words, "--archive", folder).out for words in (["list"], ["show", "scene"]))
    assert "alert(1)" in told
    assert not {"\x1b", "\u202e"} & set(html + done.out + told)
