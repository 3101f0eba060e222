"""Progress: plain lines where standard error is no terminal, a bar where it is one."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from fixtures.footage import CHECKOUT
from verify.commands import progress
from verify.commands.progress import PlainProgress, RunProgress, TerminalProgress, make_progress


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_plain_lines_with_rate_and_time_left(clock: Clock, capsys: pytest.CaptureFixture[str]):
    shown = PlainProgress()
    shown.start("examine", 60, "s")
    clock.now_s += 4
    shown.advance(10)
    assert capsys.readouterr().err == ""
    clock.now_s += 1
    shown.advance(10)
    assert capsys.readouterr() == ("", "examine: 20 of 60 s, 4.0 s/s, 10 s left\n")
    clock.now_s += 1
    shown.advance(1)
    shown.finish()
    assert capsys.readouterr().err == ""


def test_plain_lines_of_bytes_without_a_total(clock: Clock, capsys: pytest.CaptureFixture[str]):
    shown = PlainProgress()
    shown.start("download", None, "B")
    clock.now_s += 10
    shown.advance(20 * 1024**2)
    assert capsys.readouterr().err == "download: 20 MiB, 2.0 MiB/s\n"


def test_more_than_the_total_leaves_no_time(clock: Clock, capsys: pytest.CaptureFixture[str]):
    shown = PlainProgress()
    shown.start("examine", 10, "s")
    clock.now_s += 10
    shown.advance(20)
    assert capsys.readouterr().err == "examine: 20 of 10 s, 2.0 s/s, 0 s left\n"


def test_a_run_tells_footage_an_hour_and_time_left(clock: Clock, capsys: pytest.CaptureFixture[str]):
    run = RunProgress(10)
    one, other = run.stage(), run.stage()
    # What is known already took its time too, which says nothing of the rest.
    clock.now_s += 2
    run.count(failed=False, recognised=True)
    one.start("first", 100.0, "s")
    other.start("download", 5000, "B")
    clock.now_s += 4
    other.advance(4000)
    assert capsys.readouterr().err == "1 of 10 references, 0.0 hours of footage an hour\n"
    clock.now_s += 4
    one.advance(100.0)
    one.finish()
    run.count(failed=False, recognised=False)
    clock.now_s += 2
    other.finish()
    run.count(failed=True, recognised=False)
    assert capsys.readouterr().err == "3 of 10 references, 10.0 hours of footage an hour, 35 s left, 1 failed\n"
    run.tell("a line")
    assert capsys.readouterr().err == "a line\n"
    one.start("half", 100.0, "s")
    clock.now_s += 5
    one.advance(50.0)
    # Fifteen seconds for two and a half references, and six and a half to come.
    assert capsys.readouterr().err == "3 of 10 references, 10.0 hours of footage an hour, 39 s left, 1 failed\n"
    run.finish()


def test_a_run_over_one_reference_shows_its_stages():
    assert isinstance(RunProgress(1).stage(), PlainProgress)


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (99, "99 s"), (101, "2 min"), (7200, "2.0 h")])
def test_estimates_are_rough(seconds: float, words: str):
    assert progress._rough(seconds) == words


@pytest.mark.parametrize("kind", [PlainProgress, TerminalProgress])
def test_hostile_label(kind: type, clock: Clock, capsys: pytest.CaptureFixture[str]):
    shown = kind()
    shown.advance(1)
    shown.start("\x1b[2J\u202e%s{0}{bar}\n" + "x" * 300, 10, "s")
    clock.now_s += 6
    shown.advance(5)
    shown.finish()
    shown.finish()
    said = capsys.readouterr().err
    assert "[2J%s{0}{bar}xxx" in said
    assert not {"\x1b", "\u202e"} & set(said)


def test_no_standard_error_at_all(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(make_progress(), PlainProgress)


def on_a_terminal(*words: str | Path) -> tuple[int, str, str]:
    """Run a command line on a pseudo-terminal; returns its exit code, standard output, and what was drawn."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen([sys.executable, CHECKOUT / "cli.py", *words], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    drawn = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not piece:
            break
        drawn += piece
    os.close(ours)
    assert process.stdout is not None
    results = process.stdout.read()
    process.stdout.close()
    return process.wait(), results.decode(), drawn.decode()


def test_bar_on_a_terminal(release: Path):
    """On a pseudo-terminal there is a bar; the results on standard output stay free of it."""
    code, results, text = on_a_terminal("compare", release, release)
    assert code == 0
    assert "release.mp4" in text
    assert "% |" in text
    assert "left" in text
    assert "\r" in text
    assert results.startswith("Parts of A that are visually consistent")
    assert "%" not in results


def test_one_bar_for_many_references(footage: dict[str, Path], tmp_path: Path):
    words = [footage["scene"], footage["text"], footage["static"], "--jobs", "2", "--archive", tmp_path / "archive"]
    code, results, text = on_a_terminal("archive", "add", *words)
    assert code == 100
    assert results.startswith("2 added, 0 already there, 1 failed; ")
    assert "% |" in text
    assert " of 3 references, " in text
    assert " hours of footage an hour" in text
    # The lines of the references stand above the bar, each by itself.
    lines = [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]
    assert {line.partition(":")[0] for line in lines if line.startswith("[")} == {
        "[1/3] scene", "[2/3] text", "[3/3] static",
    }  # fmt: skip
