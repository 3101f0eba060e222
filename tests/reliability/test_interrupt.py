"""Ctrl-C at many moments: exit code 130, nothing half-written, nothing left running, archives and evidence whole."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures import drawing
from fixtures.footage import CHECKOUT, encode
from tests.cli.helpers.command import CASE_PARTS, REPORT_PARTS, Done, check_case, names_in, verify
from tests.http_server import serving
from verify.archive.cases import CASES_NAME
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.check import check_archive
from verify.archive.files import PROXIES_NAME
from verify.archive.store import Archive
from verify.model import SilentProgress
from verify.pipeline import open_library

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="children are found by way of /proc")

SCRIPT = CHECKOUT / "tests" / "cli" / "helpers" / "interrupted.py"
SEED = 20
DEFAULT_MOMENTS, SLOW_MOMENTS = 6, 25
_CHILD_GRACE_S = 2.0


def interrupted(moment: int, *arguments: str | Path, folder: Path) -> tuple[Done, int]:
    """Run a command line in a process group of its own, interrupted at a moment; also returns how many were met.

    Raises
    ------
    AssertionError
        A process that it started is still there afterwards.
    """
    mark = f"INTERRUPT_TEST={uuid.uuid4()}"
    name, _, value = mark.partition("=")
    counted = folder / f"moments-{value}"
    done = subprocess.run(
        [sys.executable, SCRIPT, CHECKOUT, str(moment), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, name: value, "MOMENTS_FILE": str(counted)},
        start_new_session=True,
        timeout=120,
        check=False,
    )
    deadline = time.monotonic() + _CHILD_GRACE_S
    while left := processes_with(mark):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)
    met = int(counted.read_text(encoding="ascii")) if counted.exists() else 0
    counted.unlink(missing_ok=True)
    return Done(done.returncode, done.stdout, done.stderr), met


def processes_with(mark: str) -> list[str]:
    """Command lines of the processes that have a variable in their environment."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text(encoding="utf-8").replace("\0", " "))
        except OSError:  # ended while it was looked at, or another user's
            continue
    return found


def moments(total: int, count: int, seed: int) -> list[int]:
    """Choose moments at random, one from each of `count` equal parts of the run.

    At the first moment `main` has begun, and has not taken charge of Ctrl-C yet.
    """
    chance = random.Random(seed)
    return [max(2, chance.randint(part * total // count + 1, (part + 1) * total // count)) for part in range(count)]


def check_interrupted(done: Done) -> None:
    assert done.code == 130, done.err
    assert done.err.endswith("interrupted: nothing half-written was left.\n")
    assert "Traceback" not in done.err


def try_video(source: str, archive: Path, folder: Path, moment: int) -> int:
    """Interrupt `verify video` and check what it left; returns how many moments a whole run has."""
    out = folder / f"out-{moment}"
    before = (archive / CATALOGUE_NAME).read_bytes()
    done, met = interrupted(
        moment, "video", source, "--archive", archive, "--out", out, "--allow-private", folder=folder
    )
    if moment:
        check_interrupted(done)
    # The report appears whole at one of the last moments.
    left = names_in(out) - {"evidence-private"}
    assert left in (set(), {*CASE_PARTS}, {*CASE_PARTS, *REPORT_PARTS}), moment
    if out.exists():
        check_case(out / "evidence")
    if "note: what was fetched is preserved" in done.err:
        assert (out / "evidence").is_dir()
    assert (archive / CATALOGUE_NAME).read_bytes() == before
    assert names_in(archive) - {CASES_NAME} == {CATALOGUE_NAME, PROXIES_NAME}
    if (archive / CASES_NAME / CATALOGUE_NAME).exists():
        with Archive.open(archive / CASES_NAME) as cases:
            assert [problem for problem in check_archive(cases, SilentProgress()) if problem.is_damage] == []
    return met


def try_add(sources: list[Path], folder: Path, moment: int) -> int:
    """Interrupt `verify archive add` to a new archive, check it, and finish the job."""
    archive = folder / f"archive-{moment}"
    done, met = interrupted(moment, "archive", "add", *sources, "--archive", archive, folder=folder)
    if not moment:
        return met
    check_interrupted(done)
    if (archive / CATALOGUE_NAME).exists():
        with open_library(archive) as library:
            told = library.references
            known = set(library.hashes.reference_ids)
            assert (
                known == set(library.material.local.reference_ids) == set(told) <= {source.stem for source in sources}
            )
            for reference_id in told:
                assert library.archive.thumbnails(reference_id)
                assert library.archive.proxy_path(reference_id)
    finished = verify("archive", "add", *sources, "--archive", archive)
    assert finished.code == 0, finished.err
    assert names_in(archive) == {CATALOGUE_NAME, PROXIES_NAME}
    # What an interrupted addition left is swept by the next; only one that finds everything there adds nothing.
    with Archive.open(archive) as opened:
        proxies = {path.name for source in sources if (path := opened.proxy_path(source.stem))}
    assert len(proxies) == len(sources)
    assert proxies <= names_in(archive / PROXIES_NAME)
    return met


def repeat(attempt: Callable[[int], int], count: int, seed: int) -> None:
    total = attempt(0)
    assert total > 100
    for moment in moments(total, count, seed):
        attempt(moment)


def test_moments_are_spread_and_repeatable():
    chosen = moments(300, 6, SEED)
    assert chosen == moments(300, 6, SEED) == sorted(chosen)
    assert [moment - 1 < 50 * (part + 1) for part, moment in enumerate(chosen)] == [True] * 6


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two clips of different scenes, a second and a half each."""
    folder = tmp_path_factory.mktemp("clips")
    paths = [folder / "first.mp4", folder / "second.mp4"]
    for seed, path in enumerate(paths, 1):
        encode(drawing.scene(seed, 38), path)
    return paths


@pytest.fixture(scope="module")
def archive(clips: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted") / "archive"
    assert verify("archive", "add", clips[0], "--archive", folder).code == 0
    return folder


def test_interrupted_video(clips: list[Path], archive: Path, tmp_path: Path):
    repeat(lambda moment: try_video(str(clips[0]), archive, tmp_path, moment), DEFAULT_MOMENTS, SEED)


def test_interrupted_addition(clips: list[Path], tmp_path: Path):
    repeat(lambda moment: try_add(clips, tmp_path, moment), DEFAULT_MOMENTS, SEED)


@pytest.mark.slow
def test_interrupted_video_from_a_page_at_many_moments(clips: list[Path], archive: Path, tmp_path: Path):
    with serving() as server:
        server.add("/release.mp4", clips[0].read_bytes(), "video/mp4")
        url = server.add("/release.html", '<html><title>t</title><video src="release.mp4"></video></html>')
        repeat(lambda moment: try_video(url, archive, tmp_path, moment), SLOW_MOMENTS, SEED + 1)


@pytest.mark.slow
def test_interrupted_addition_at_many_moments(clips: list[Path], tmp_path: Path):
    repeat(lambda moment: try_add(clips, tmp_path, moment), SLOW_MOMENTS, SEED + 1)
