"""Run a command line in this process or in another, and look at what it left behind."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from fixtures.footage import CHECKOUT
from verify.__main__ import run
from verify.commands import progress

#: What a preserved case consists of; a third folder, evidence-private, is there for what was fetched.
CASE_PARTS = ("evidence", "evidence-custody")
REPORT_PARTS = ("report.json", "report.html", "matches.csv", "frames", "fingerprints.zip")


class Done(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The last thing said on standard error, which is the error if there is one."""
        return "error: " + self.err.rpartition("error: ")[2].strip() if "error: " in self.err else ""


def verify(*arguments: str | Path) -> Done:
    """Run one command line in this process, as `main` would, but without lines of progress.

    Which of those there are depends on how fast the machine is; tests/cli/test_progress.py looks at them.
    """
    words = [str(argument) for argument in arguments]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape") for _ in range(2))
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["verify", *words]),
        mock.patch.object(progress, "_PLAIN_INTERVAL_S", math.inf),
    ):
        code = run(words)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8", "surrogateescape"))  # type: ignore[attr-defined]
    return Done(code, *texts)


def verify_process(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Done:
    """Run one command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, CHECKOUT / "cli.py", *arguments],
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def names_in(folder: Path) -> set[str]:
    """Names in a folder, hidden ones too; an empty set if there is no such folder."""
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()  # noqa: PTH112, PTH208 - also for bad names


def check_case(folder: Path) -> None:
    """Raise unless a case folder is a complete bag whose files have their recorded digests."""
    logger = logging.getLogger("bagit")
    with mock.patch.object(logger, "disabled", True), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import bagit  # noqa: PLC0415 - warns while it is imported

        bagit.Bag(str(folder)).validate()


def check_failure(done: Done, destination: Path, *, code: int, subject: str, words: str, preserved: bool) -> None:
    """Check what every failed verification has in common.

    Parameters
    ----------
    subject
        What the message must name.
    words
        What it must say.
    preserved
        Whether the bytes were had before the failure. Then the case is there and whole; else nothing is.
    """
    assert done.code == code, done.err
    assert done.out == ""
    assert done.message.startswith(f"error: {subject}: ")
    assert words in done.message
    assert re.search(r"\. \S", done.message.removeprefix(f"error: {subject}: ")), "it says what to do next"
    assert "Traceback" not in done.err
    assert names_in(destination) - {"evidence-private"} == (set(CASE_PARTS) if preserved else set())
    assert destination.exists() is preserved
    if preserved:
        check_case(destination / "evidence")
        assert f"is preserved in {destination / 'evidence'}; no report was written" in done.err
