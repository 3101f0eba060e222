"""`verify demo`: what it says and how it ends; the whole of it, on real footage, in the slow test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fixtures.footage import CHECKOUT
from verify.commands import demo as command
from verify.demo import clips as demo_clips
from verify.demo import compose, references
from verify.demo.compose import Planted, planted_clips
from verify.errors import EXIT_BUG, OutputNotWritableError, VerifyError


def reported(planted: Planted, **changes: Any) -> dict[str, Any]:
    """A match of the report's JSON that states exactly what was planted, but for the changes."""
    match = {
        "query": {"start_s": planted.query.start_s, "end_s": planted.query.end_s},
        "reference_id": planted.reference_id,
        "reference": {"start_s": planted.reference.start_s, "end_s": planted.reference.end_s},
        "level": "confirmed",
    }
    return {"match": match | changes}


class Stage:
    """Runs the command with stand-ins for the footage and for the commands it starts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self.matches = [reported(planted) for planted in planted_clips()]
        self.exit_codes = {"archive": 0, "video": 0}
        self.runs: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        monkeypatch.setattr(demo_clips, "fetch_clips", lambda *_: {})
        monkeypatch.setattr(demo_clips, "cached_clips", lambda _: None)
        monkeypatch.setattr(compose, "compose_release", self.compose)
        monkeypatch.setattr(references, "write_manifest", lambda path, _: path.touch())
        monkeypatch.setattr(command.subprocess, "run", self.run_command)

    def compose(self, _: object, output: Path) -> tuple[Planted, ...]:
        output.write_bytes(b"release")
        return planted_clips()

    def run_command(self, arguments: list[str], env: dict[str, str], check: bool) -> subprocess.CompletedProcess[bytes]:
        self.runs.append(arguments)
        self.environments.append(env)
        if "video" in arguments:
            folder = Path(arguments[arguments.index("--out") + 1])
            folder.mkdir()
            (folder / "report.json").write_text(json.dumps({"matches": self.matches}), encoding="utf-8")
        return subprocess.CompletedProcess(arguments, self.exit_codes["video" if "video" in arguments else "archive"])

    def demo(self, name: str = "demo") -> Result:
        return CliRunner().invoke(command.demo, ["--out", str(self.folder / name)])


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return Stage(monkeypatch, tmp_path)


def test_all_found_ends_with_0_and_a_table(stage: Stage):
    result = stage.demo()
    assert result.exit_code == 0
    assert f"Report: {stage.folder / 'demo' / 'report' / 'report.html'}" in result.stdout
    assert "planted   0:05.80-0:10.00  bikes 0:03.20-0:07.40  (as it is)" in result.stdout
    assert "found   0:05.80-0:10.00  bikes 0:03.20-0:07.40  (confirmed)" in result.stdout
    assert "3 of 3 planted clips found, 0 other matches." in result.stdout
    assert "once, 27 MB" in result.stderr


def test_the_ordinary_commands_are_run_as_a_user_would(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "example.org")
    monkeypatch.delenv("no_proxy", raising=False)
    stage.demo()
    add, video = stage.runs
    assert add[:6] == [sys.executable, "-P", "-m", "verify", "archive", "add"]
    assert video[:5] == [sys.executable, "-P", "-m", "verify", "video"]
    assert video[5].startswith("http://127.0.0.1:")
    assert video[5].endswith("/release.html")
    assert {"--allow-private", "--claimed-date", "--archive"} <= set(video)
    assert stage.environments[0]["PYTHONPATH"] == str(CHECKOUT)
    assert stage.environments[0]["no_proxy"] == "example.org,127.0.0.1"


def test_a_missed_clip_ends_with_1_and_is_named(stage: Stage):
    del stage.matches[1]
    result = stage.demo()
    assert isinstance(result.exception, VerifyError)
    assert result.exception.exit_code == EXIT_BUG
    assert "planted but not found: portrait" in str(result.exception)
    assert "MISSED" in result.stdout
    assert "2 of 3 planted clips found" in result.stdout


def test_an_accusation_ends_with_1_and_is_named(stage: Stage):
    stage.matches.append(reported(planted_clips()[0], reference_id="city", level="possible"))
    result = stage.demo()
    assert "matched but not planted: city" in str(result.exception)
    assert "0:05.80-0:10.00  city 0:03.20-0:07.40  (possible)" in result.stdout


def test_a_partly_found_clip_is_missed_but_its_match_is_shown(stage: Stage):
    stage.matches[0] = reported(planted_clips()[0], query={"start_s": 6.0, "end_s": 7.0})
    result = stage.demo()
    assert "partly  0:06.00-0:07.00  bikes" in result.stdout
    assert "planted but not found: bikes" in str(result.exception)


@pytest.mark.parametrize("name", ["archive", "video"])
def test_a_command_that_fails_is_named_with_its_exit_code(stage: Stage, name: str):
    stage.exit_codes[name] = 40
    assert f"`verify {name}` ended with exit code 40" in str(stage.demo().exception)


def test_a_report_with_warnings_counts_as_done(stage: Stage):
    stage.exit_codes["video"] = 100
    assert stage.demo().exit_code == 0


def test_an_existing_folder_is_left_alone_and_a_numbered_one_made(stage: Stage):
    stage.demo()
    result = stage.demo()
    assert result.exit_code == 0
    assert f"{stage.folder / 'demo'} exists, so this run goes to {stage.folder / 'demo-2'}." in result.stderr
    assert (stage.folder / "demo-2" / "report" / "report.json").exists()


def test_a_folder_that_cannot_be_made_is_named(stage: Stage):
    (stage.folder / "file").touch()
    result = stage.demo("file/demo")
    assert isinstance(result.exception, OutputNotWritableError)
    assert not stage.runs


@pytest.mark.slow
def test_the_whole_demo_finds_every_planted_clip_and_nothing_else(clips: dict[str, Path], tmp_path: Path):
    environment = {**os.environ, "VERIFY_CACHE": str(clips["bikes"].parent.parent), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "verify", "demo", "--out", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "3 of 3 planted clips found, 0 other matches." in done.stdout
    report = tmp_path / "demo" / "report"
    assert {"report.json", "report.html", "matches.csv", "evidence"} <= {path.name for path in report.iterdir()}
