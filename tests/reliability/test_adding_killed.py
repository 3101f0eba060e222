"""`verify archive add --jobs` killed at many moments: what was committed stays, nothing goes on, a rerun finishes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from fixtures import drawing
from fixtures.footage import CHECKOUT, encode
from tests.cli.helpers.command import verify
from tests.reliability.test_interrupt import processes_with
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.check import check_archive
from verify.archive.store import Archive
from verify.model import SilentProgress

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="children are found by way of /proc")

SEED = 31
DEFAULT_MOMENTS, SLOW_MOMENTS = 4, 200
_CHILD_GRACE_S = 2.0
_TABLES = ("fingerprint", "local_features", "proxy", "motion", "descriptor", "thumbnail")

Kept = dict[str, tuple[str, list[tuple[object, ...]]]]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Clips of different scenes, a second and more each."""
    folder = tmp_path_factory.mktemp("clips")
    for seed in range(1, 5):
        encode(drawing.scene(seed, 25 + 5 * seed), folder / f"clip-{seed}.mp4")
    return sorted(folder.iterdir())


def add_for(seconds: float | None, clips: list[Path], archive: Path, signal_number: int = signal.SIGKILL) -> int:
    """Add with two worker processes, and end the first process after a time; None: never. Returns its exit code.

    Raises
    ------
    AssertionError
        A process that it started is still there two seconds afterwards.
    """
    name, value = "ADDING_TEST", str(uuid.uuid4())
    temporary = archive.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, str(CHECKOUT / "cli.py"), "archive", "add", *clips, "--jobs", "2", "--archive", str(archive)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, name: value, "TMPDIR": str(temporary)},
        start_new_session=True,
    ) as child:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
        if child.poll() is None:
            child.send_signal(signal_number)
        code = child.wait(60)
    deadline = time.monotonic() + _CHILD_GRACE_S
    while left := processes_with(f"{name}={value}"):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)
    return code


def kept(archive: Path) -> Kept:
    """Digest of each reference, and digests of all that is kept of it; the archive is seen to be whole."""
    if not (archive / CATALOGUE_NAME).exists():
        return {}
    with Archive.open(archive) as opened:
        assert [problem for problem in check_archive(opened, SilentProgress()) if problem.is_damage] == []
    with closing(sqlite3.connect(archive / CATALOGUE_NAME)) as connection:
        found: Kept = {name: (digest, []) for name, digest in connection.execute("SELECT id, digest FROM reference")}
        for table in _TABLES:
            query = f"SELECT reference_id, sha256 FROM {table} ORDER BY 1, 2"  # noqa: S608
            for name, sha256 in connection.execute(query):
                found[name][1].append((table, sha256))
    return found


def parts(found: Kept) -> dict[str, list[tuple[object, ...]]]:
    return {name: each for name, (_, each) in found.items()}


@pytest.fixture(scope="module")
def undisturbed(clips: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Kept, float]:
    """What an archive holds whose making nobody disturbed, and how long that took, in seconds."""
    archive = tmp_path_factory.mktemp("undisturbed") / "archive"
    began = time.monotonic()
    assert add_for(None, clips, archive) == 0
    taken_s = time.monotonic() - began
    assert len(kept(archive)) == len(clips)
    return kept(archive), taken_s


@pytest.mark.parametrize("moments", [DEFAULT_MOMENTS, pytest.param(SLOW_MOMENTS, marks=pytest.mark.slow)])
def test_killed_at_random_moments(
    moments: int, clips: list[Path], undisturbed: tuple[Kept, float], tmp_path: Path
) -> None:
    draw = random.Random(SEED)
    whole, whole_s = undisturbed
    archives = killed = 0
    before: Kept = {}
    archive = tmp_path / "archive-0"
    for _ in range(moments):
        code = add_for(whole_s * draw.random(), clips, archive)
        assert code in (0, -signal.SIGKILL)
        killed += code != 0
        after = kept(archive)
        # What was committed once is there with the same digest, whatever came after it.
        assert {name: after.get(name) for name in before} == before
        assert parts(after).items() <= parts(whole).items()
        before = after
        if len(after) == len(clips):
            archives += 1
            before, archive = {}, tmp_path / f"archive-{archives}"
    assert killed > moments / 3
    done = verify("archive", "add", *clips, "--jobs", "2", "--archive", archive)
    assert done.code == 0, done.err
    assert parts(kept(archive)) == parts(whole)
    assert {name: kept(archive)[name] for name in before} == before


def test_interrupted_at_random_moments(clips: list[Path], undisturbed: tuple[Kept, float], tmp_path: Path) -> None:
    draw = random.Random(SEED + 1)
    whole, whole_s = undisturbed
    for moment in range(2):
        archive = tmp_path / f"archive-{moment}"
        code = add_for(whole_s * (0.3 + 0.5 * draw.random()), clips, archive, signal.SIGINT)
        assert code in (0, 130)
        assert parts(kept(archive)).items() <= parts(whole).items()
        # Other libraries leave files of their own there.
        assert list((tmp_path / "temporary").glob("verify-*")) == []
