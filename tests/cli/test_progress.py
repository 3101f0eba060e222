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
from verify.commands.progress import PlainProgress, TerminalProgress, make_progress


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


def test_bar_on_a_terminal(release: Path):
    """On a pseudo-terminal there is a bar; the results on standard output stay free of it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, CHECKOUT / "cli.py", "compare", release, release],
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
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
    assert process.wait() == 0
    text = drawn.decode()
    assert "release.mp4" in text
    assert "% |" in text
    assert "left" in text
    assert "\r" in text
    assert results.decode().startswith("Parts of A that are visually consistent")
    assert b"%" not in results
