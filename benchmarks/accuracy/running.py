"""Runs the ordinary commands over a benchmark folder, as a user would."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.accuracy.truth import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKOUT = Path(__file__).resolve().parent.parent.parent
#: Done, and done with warnings.
_DONE_CODES = (0, 100)
_SHOWN_CHARACTERS = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run: the list of matches it left, and the wall time of both commands in seconds."""

    matches: Path
    adding_s: float
    checking_s: float


def add_references(bench: Path, archive: Path, add_options: Sequence[str] = ()) -> float:
    """Run `verify archive add` over refs/ and return its wall time in seconds; raises BenchmarkError if it fails."""
    return _run("archive", "add", bench / "refs", "--archive", archive, *add_options)


def run_program(bench: Path, folder: Path, add_options: Sequence[str] = (), batch_options: Sequence[str] = ()) -> Run:
    """Run `verify archive add` over refs/, then `verify batch` over releases/; all they write goes into `folder`.

    Raises
    ------
    BenchmarkError
        A command failed.
    """
    archive, out = folder / "archive", folder / "batch"
    adding_s = add_references(bench, archive, add_options)
    checking_s = _run(
        "batch", bench / "releases", "--archive", archive, "--out", out, "--format", "json", *batch_options
    )  # fmt: skip
    return Run(matches=out / "matches.csv", adding_s=adding_s, checking_s=checking_s)


def _run(*arguments: str | Path) -> float:
    began = time.perf_counter()
    command = [sys.executable, str(CHECKOUT / "cli.py"), *map(str, arguments)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode not in _DONE_CODES:
        said = done.stderr[-_SHOWN_CHARACTERS:]
        raise BenchmarkError(f"verify {arguments[0]} ended with exit code {done.returncode}:\n{said}")
    return time.perf_counter() - began
