"""`--ocr`: refused before anything is fetched where it cannot be done, and what comes of it in the report."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fixtures.footage import CHECKOUT
from tests.cli.helpers.command import verify
from verify.media import text_reading


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with a text reader, whose words are a stand-in's."""
    monkeypatch.setattr(text_reading, "find_text_reader", lambda: "stand-in 1")
    monkeypatch.setattr(text_reading, "_WORKER_MODULE", "tests.failing_text_worker")
    return monkeypatch


def report_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", ["video", "batch"])
def test_without_the_reader_nothing_is_fetched(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    version = importlib.metadata.version

    def without(name: str) -> str:
        if name == "rapidocr":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    done = verify(command, "https://nowhere.invalid/", "--ocr", "--out", tmp_path / "out")
    assert done.code == 50
    assert "the text reader: RapidOCR is not installed" in done.message
    assert "pip install 'rapidocr>=3.10'" in done.message
    assert not (tmp_path / "out").exists()


def test_without_pictures_there_is_nothing_to_read(installed: pytest.MonkeyPatch, tmp_path: Path):
    done = verify("video", tmp_path / "a.mp4", "--ocr", "--no-pictures", "--out", tmp_path / "out")
    assert done.code == 2
    assert "--ocr: text is read in the report's pictures" in done.message


def test_texts_are_in_the_report(installed: pytest.MonkeyPatch, brief: Path, archive: Path, tmp_path: Path):
    options = ["--archive", archive, "--no-remember", "--format", "json", "--no-descriptor"]
    done = verify("video", brief, "--ocr", "--out", tmp_path / "out", *options)
    assert done.code == 0, done.err
    report = report_in(tmp_path / "out")
    schema = json.loads((CHECKOUT / "docs" / "schema" / "report-1.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)
    assert [text["text"] for view in report["shot_views"] for text in view["texts"]] == ["HARBOUR", "at dawn"]
    assert report["texts_read"]
    assert report["parameters"]["text_reader"] == "stand-in 1"
    plain = verify("video", brief, "--out", tmp_path / "plain", *options)
    assert plain.code == 0, plain.err
    assert not report_in(tmp_path / "plain")["texts_read"]


def test_reader_that_fails_is_a_warning(installed: pytest.MonkeyPatch, brief: Path, archive: Path, tmp_path: Path):
    installed.setattr(text_reading, "_WORKER_MODULE", "tests.no_such_worker")
    options = ["--archive", archive, "--no-remember", "--format", "json", "--no-descriptor"]
    done = verify("video", brief, "--ocr", "--out", tmp_path / "out", *options)
    assert done.code == 100
    assert "warning: On-screen text could not be read" in done.err
    assert (tmp_path / "out" / "report.json").exists()
