"""A report appears whole, report.json last, or not at all."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.report_samples import build_report
from verify.errors import InvalidUsageError, OutputNotWritableError
from verify.evidence.custody_log import REPORT_NAMES
from verify.model import Report
from verify.report.forms import FORMS
from verify.report.json_report import decode_report, encode_report
from verify.report.writer import write_report

BOTH = frozenset({"json", "html"})


@pytest.fixture
def working(tmp_path: Path) -> Path:
    folder = tmp_path / "working"
    folder.mkdir()
    return folder


@pytest.fixture
def report(working: Path) -> Report:
    return build_report(working, 2)


def test_a_report_appears_beside_its_evidence(tmp_path: Path, working: Path, report: Report) -> None:
    destination = tmp_path / "out"
    (destination / "evidence").mkdir(parents=True)
    paths = write_report(report, working, destination, BOTH)
    assert [path.name for path in paths] == ["frames", "matches.csv", "report.html", "report.json"]
    assert sorted(path.name for path in destination.iterdir()) == sorted([*(path.name for path in paths), "evidence"])
    assert list(working.iterdir()) == []
    assert encode_report(decode_report((destination / "report.json").read_bytes())) == encode_report(report)
    assert report.answer in (destination / "report.html").read_text(encoding="utf-8")
    assert (destination / "matches.csv").read_text().splitlines()[1].startswith("statement-17,ref-a,")
    assert len(list((destination / "frames").iterdir())) == 13


def test_every_form_is_written_under_a_name_that_the_custody_log_notes(
    tmp_path: Path, working: Path, report: Report
) -> None:
    names = {form.file_name for form in FORMS.values()}
    assert names <= set(REPORT_NAMES)
    written = {path.name for path in write_report(report, working, tmp_path / "out", frozenset(FORMS))}
    assert written == {*names, "frames", "matches.csv", "report.json"}
    assert all((tmp_path / "out" / name).stat().st_size for name in names)


def test_html_only_where_asked_for(tmp_path: Path, working: Path, report: Report) -> None:
    paths = write_report(report, working, tmp_path / "deep" / "out", frozenset({"json"}))
    assert [path.name for path in paths] == ["frames", "matches.csv", "report.json"]


def test_a_release_without_query_id_is_named_by_its_report(tmp_path: Path, working: Path, report: Report) -> None:
    report = replace(report, release=replace(report.release, query_id=""))
    write_report(report, working, tmp_path / "out", frozenset())
    assert (tmp_path / "out" / "matches.csv").read_text().splitlines()[1].startswith(f"{report.report_id},")


def test_an_unknown_format_is_refused(tmp_path: Path, working: Path, report: Report) -> None:
    with pytest.raises(ValueError, match="not a report format: docx"):
        write_report(report, working, tmp_path / "out", frozenset({"docx"}))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["report.json", "report.html", "matches.csv", "frames"])
def test_a_report_is_never_overwritten(tmp_path: Path, working: Path, report: Report, name: str) -> None:
    destination = tmp_path / "out"
    destination.mkdir()
    (destination / name).write_text("older")
    with pytest.raises(OutputNotWritableError, match=f"{name}: is there already") as caught:
        write_report(report, working, destination, BOTH)
    assert caught.value.exit_code == 51
    assert [path.name for path in destination.iterdir()] == [name]
    assert (destination / name).read_text() == "older"


@pytest.mark.parametrize("failing", ["frames", "matches.csv", "report.html", "report.json"])
@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("with_evidence", [True, False])
def test_an_error_while_moving_leaves_nothing_of_the_report(
    tmp_path: Path,
    working: Path,
    report: Report,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    problem: BaseException,
    with_evidence: bool,
) -> None:
    destination = tmp_path / "out"
    if with_evidence:
        (destination / "evidence").mkdir(parents=True)
    replace_file = os.replace

    def fail_at(source: Path, target: Path) -> None:
        if target.name == failing:
            raise problem
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", fail_at)
    expected = OutputNotWritableError if isinstance(problem, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_report(report, working, destination, BOTH)
    if with_evidence:
        assert [path.name for path in destination.iterdir()] == ["evidence"]
    else:
        assert not destination.exists()


def test_report_json_is_the_last_to_appear(
    tmp_path: Path, working: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    replace_file = os.replace

    def note(source: Path, target: Path) -> None:
        order.append(target.name)
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", note)
    write_report(report, working, tmp_path / "out", BOTH)
    assert order[-1] == "report.json"


def test_a_destination_that_is_a_file(tmp_path: Path, working: Path, report: Report) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputNotWritableError, match="cannot be written") as caught:
        write_report(report, working, tmp_path / "out", BOTH)
    assert caught.value.exit_code == 51
    assert (tmp_path / "out").read_text() == "a file"


def test_a_report_that_cannot_be_rendered_leaves_the_destination_alone(
    tmp_path: Path, working: Path, report: Report
) -> None:
    assert report.release.first_frame is not None
    bad = replace(report.release.first_frame, path="../outside.jpg")
    with pytest.raises(InvalidUsageError):
        write_report(replace(report, release=replace(report.release, first_frame=bad)), working, tmp_path / "out", BOTH)
    assert not (tmp_path / "out").exists()
