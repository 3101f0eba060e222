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
from verify.demo import compose, references, rendered
from verify.demo.compose import Piece, Planted, planted_clips
from verify.errors import EXIT_BUG, OutputNotWritableError, ToolMissingError, VerifyError
from verify.media import text_reading


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
        self.repeats: list[dict[str, Any]] = []
        self.coverage: list[dict[str, Any]] = []
        self.exit_codes = {"archive": 0, "video": 0}
        self.runs: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        monkeypatch.setattr(demo_clips, "fetch_clips", lambda *_: {})
        monkeypatch.setattr(demo_clips, "cached_clips", lambda _: None)
        monkeypatch.setattr(compose, "compose_release", self.compose)
        monkeypatch.setattr(references, "write_manifest", lambda path, _: path.touch())
        monkeypatch.setattr(command.subprocess, "run", self.run_command)

    def compose(
        self,
        _: object,
        output: Path,
        edit_list: tuple[Piece, ...] = compose.EDIT_LIST,
        reference_ids: tuple[str, ...] = compose.REFERENCE_IDS,
    ) -> tuple[Planted, ...]:
        output.write_bytes(b"release")
        return planted_clips(edit_list, reference_ids)

    def run_command(self, arguments: list[str], env: dict[str, str], check: bool) -> subprocess.CompletedProcess[bytes]:
        self.runs.append(arguments)
        self.environments.append(env)
        if "video" in arguments:
            folder = Path(arguments[arguments.index("--out") + 1])
            folder.mkdir()
            report = {"matches": self.matches, "repeats": self.repeats, "coverage": self.coverage}
            (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
        return subprocess.CompletedProcess(arguments, self.exit_codes["video" if "video" in arguments else "archive"])

    def demo(self, name: str = "demo", *options: str) -> Result:
        return CliRunner().invoke(command.demo, ["--out", str(self.folder / name), *options])


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


def rendered_stage(stage: Stage) -> Stage:
    """The stage of the rendered demo, on which all goes well."""
    stage.matches = [reported(item) for item in planted_clips(rendered.EDIT_LIST, rendered.REFERENCE_IDS)]
    stage.repeats = [reported(item, reference_id="") for item in rendered.planted_repeats()]
    dark = rendered.dark_interval()
    span = {"start_s": dark.start_s, "end_s": dark.end_s}
    stage.coverage = [{"interval": span, "state": "not_examinable", "reason": "dark"}]
    return stage


@pytest.fixture
def drawn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(demo_clips, "fetch_clips", lambda *_: pytest.fail("footage is fetched"))
    names = [*rendered.REFERENCE_IDS, "wheat", rendered.DARK_ID]
    monkeypatch.setattr(rendered, "render_scenes", lambda folder, _: {name: folder / name for name in names})
    monkeypatch.setattr(text_reading, "find_text_reader", without_reader)
    return rendered_stage(stage)


def without_reader() -> str:
    raise ToolMissingError("the text reader", "not installed", "")


def test_rendered_demo_tells_repeats_and_the_dark_stretch_too(drawn: Stage):
    result = drawn.demo("demo", "--rendered")
    assert result.exit_code == 0, result.output
    assert "4 of 4 planted clips found, 0 other matches." in result.stdout
    assert "planted   0:39.00-0:42.00  release 0:17.40-0:20.40  (shown again)" in result.stdout
    assert "The dark stretch 0:29.00-0:32.00 is told to be not examinable." in result.stdout
    _, video = drawn.runs
    assert video[video.index("--claims") + 1] == str(drawn.folder / "demo" / "claims.yaml")
    assert video[video.index("--publisher") + 1] == "Example Ministry"
    assert video[video.index("--format") + 1] == "all"
    assert "--ocr" not in video
    assert {"claims.yaml", "refs.csv"} <= {path.name for path in (drawn.folder / "demo").iterdir()}


def test_rendered_demo_reads_texts_where_that_can_be_done(drawn: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text_reading, "find_text_reader", lambda: "reader 1")
    assert drawn.demo("demo", "--rendered").exit_code == 0
    assert "--ocr" in drawn.runs[1]


def test_rendered_demo_ends_with_1_for_a_missed_repeat_and_an_untold_dark_stretch(drawn: Stage):
    drawn.repeats, drawn.coverage = [], []
    result = drawn.demo("demo", "--rendered")
    assert isinstance(result.exception, VerifyError)
    assert "planted but not found: release" in str(result.exception)
    assert "not told to be not examinable: 0:29.00-0:32.00" in str(result.exception)
    assert "NOT told as such" in result.stdout


def test_repeat_that_was_not_planted_is_named(drawn: Stage):
    away = {"start_s": 3.0, "end_s": 6.0}
    drawn.repeats.append(reported(rendered.planted_repeats()[0], reference_id="", reference=away))
    result = drawn.demo("demo", "--rendered")
    assert "matched but not planted: release" in str(result.exception)
    assert "not planted  0:39.00-0:42.00  release 0:03.00-0:06.00" in result.stdout


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


def run_whole(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "verify", "demo", "--out", str(folder), *options],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        timeout=600,
        check=False,
    )


@pytest.mark.slow
def test_the_whole_demo_finds_every_planted_clip_and_nothing_else(clips: dict[str, Path], tmp_path: Path):
    done = run_whole(tmp_path / "demo", VERIFY_CACHE=str(clips["bikes"].parent.parent))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "3 of 3 planted clips found, 0 other matches." in done.stdout
    report = tmp_path / "demo" / "report"
    assert {"report.json", "report.html", "matches.csv", "evidence"} <= {path.name for path in report.iterdir()}


@pytest.mark.slow
def test_the_whole_rendered_demo_needs_no_network_and_finds_everything(tmp_path: Path):
    done = run_whole(tmp_path / "demo", "--rendered", VERIFY_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "4 of 4 planted clips found, 0 other matches." in done.stdout
    assert "is told to be not examinable" in done.stdout
    assert not (tmp_path / "cache" / "clips").exists()
    report = json.loads((tmp_path / "demo" / "report" / "report.json").read_text(encoding="utf-8"))
    assert sum(entry["match"]["level"] == "confirmed" for entry in report["matches"]) >= 3
    assert len(report["repeats"]) == 1
    assert {entry["finding"]["kind"] for entry in report["matches"]} == {"reuse_earlier"}
    assert [claim["claimant"] for claim in report["claims"][-2:]] == ["Example Ministry", "Example Watch"]
