"""An archive under flipped bytes, a full disk, permissions that go: nothing committed is lost, nothing is silent."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fixtures import drawing
from fixtures.footage import CHECKOUT, encode
from tests.cli.helpers.command import verify
from tests.unit.archive_samples import unprivileged
from tests.unit.test_archive_check import content, filled, problems
from tests.unit.test_archive_history import filled as plain
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.changes import retract
from verify.archive.check import check_archive
from verify.archive.index import ReferenceIndex
from verify.archive.repair import repair_archive
from verify.archive.store import Archive
from verify.errors import OutputNotWritableError, VerifyError
from verify.model import SilentProgress

DEFAULT_FLIPS, MANY_FLIPS = 25, 1000
NAMES = ["a", "b", "c", "r4"]


# --- flipped bytes ----------------------------------------------------------------------------------------------------


def try_flip(folder: Path, whole: bytes, place: int, before: dict[str, object]) -> bool:
    """Turn one byte of the catalogue; says whether that was noticed. What was not must have changed nothing."""
    catalogue = folder / CATALOGUE_NAME
    data = bytearray(whole)
    data[place] ^= 1 << (place % 8)
    catalogue.write_bytes(data)
    try:
        noticed = any(problem.is_damage or problem.part == "version" for problem in problems(folder))
        if not noticed:
            assert {name: content(folder, name) for name in NAMES} == before, place
    except (VerifyError, sqlite3.DatabaseError):
        noticed = True
    return noticed


def try_flips(folder: Path, count: int, seed: int) -> int:
    whole = (folder / CATALOGUE_NAME).read_bytes()
    before: dict[str, object] = {name: content(folder, name) for name in NAMES}
    chance = random.Random(seed)
    places = [chance.randrange(len(whole)) for _ in range(count)]
    noticed = sum(try_flip(folder, whole, place, before) for place in places)
    (folder / CATALOGUE_NAME).write_bytes(whole)
    assert problems(folder) == []
    return noticed


def test_flipped_bytes_are_noticed_or_change_nothing(tmp_path: Path):
    assert try_flips(filled(tmp_path / "archive", 4), DEFAULT_FLIPS, 1) > 0


@pytest.mark.slow
def test_flipped_bytes_at_many_places(tmp_path: Path):
    assert try_flips(filled(tmp_path / "archive", 4), MANY_FLIPS, 2) > MANY_FLIPS // 20


@pytest.mark.parametrize("seed", range(4))
def test_what_is_repaired_after_flips_is_whole(tmp_path: Path, seed: int):
    folder = filled(tmp_path / "archive", 4)
    before = {name: content(folder, name) for name in NAMES}
    data = bytearray((folder / CATALOGUE_NAME).read_bytes())
    chance = random.Random(seed)
    # Beyond the pages of the schema, without which nothing can be salvaged.
    for place in (chance.randrange(len(data) // 2, len(data)) for _ in range(3)):
        data[place] ^= 255
    (folder / CATALOGUE_NAME).write_bytes(data)
    repairs = repair_archive(folder, SilentProgress())
    lost = {repair.reference_id for repair in repairs if repair.is_lost}
    assert problems(folder) == []
    with Archive.open(folder) as archive:
        kept = {reference.id for reference in archive.references()}
        assert ReferenceIndex.load(archive, 0.5).reference_ids == tuple(sorted(kept))
    assert kept | lost == set(NAMES)
    for name in kept:
        now = content(folder, name)
        for table in ("fingerprint", "local_features", "sighting"):
            assert now[table] == before[name][table]


# --- a full disk ------------------------------------------------------------------------------------------------------

#: Files of this process cannot grow beyond a size: what SQLite and the system say then is what a full disk says.
FULL = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.unit.test_archive_check import filled
from tests.unit.archive_samples import features_of, proxy_in
from tests.unit.fingerprint_samples import Film, reference_of
from verify.archive.store import Archive, Thumbnail
from verify.errors import VerifyError
from verify.model import Reference

folder, limit, what = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
proxy = proxy_in(folder.parent, b"p" * (3 * limit if what == "proxy" else 10))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
thumbnails = [Thumbnail(0.0, 256, 144, b"j" * (3 * limit if what == "catalogue" else 10))]
try:
    with Archive.open(folder) as archive:
        archive.add(
            Reference(id="new", sha256="f" * 64), reference_of(Film(9, 3.0), 3.0), thumbnails, features_of(9), proxy
        )
except VerifyError as error:
    print(error.exit_code, error)
    sys.exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files")
@pytest.mark.parametrize("what", ["catalogue", "proxy"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, what: str):
    folder = plain(tmp_path / "archive", "a", "b")
    with Archive.open(folder) as archive:
        before = archive.snapshot()
    limit = (folder / CATALOGUE_NAME).stat().st_size + 8192
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(CHECKOUT), str(folder), str(limit), what],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith("51 ")
    assert "free space" in done.stdout
    with Archive.open(folder) as archive:
        assert archive.snapshot() == before
        assert [problem for problem in check_archive(archive, SilentProgress()) if problem.is_damage] == []
        retract(archive, "a", "it can be written again")
    assert list((folder / "proxies").glob("*")) == []


# --- permissions ------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that every user of the machine can write."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
def test_permission_that_goes_half_way_is_told_and_loses_nothing(open_to_all: Path):
    folder = open_to_all / "archive"
    with unprivileged():
        plain(folder, "a", "b")
        with Archive.open(folder) as archive:
            retract(archive, "a", "while it may be written")
            before = archive.snapshot()
            folder.chmod(0o555)
            with pytest.raises(OutputNotWritableError) as caught:
                retract(archive, "b", "when it may not any more")
            assert archive.snapshot() == before
        folder.chmod(0o755)
        with Archive.open(folder) as archive:
            assert archive.snapshot() == before
            assert check_archive(archive, SilentProgress()) == []
    assert caught.value.exit_code == 51


# --- many rows --------------------------------------------------------------------------------------------------------


def try_manifest(folder: Path, rows: int) -> None:
    """Add a manifest of which one row in a hundred cannot be decoded, and most are there already after one."""
    clips = []
    for seed in range(3):
        clips.append(folder / f"clip-{seed}.mp4")
        encode(drawing.scene(20 + seed, 30), clips[-1])
    broken = folder / "broken.mp4"
    broken.write_bytes(b"no video at all")
    manifest = folder / "refs.csv"
    with manifest.open("w", encoding="utf-8") as file:
        file.write("id,source,title\n")
        for row in range(rows):
            source = broken if row % 100 == 50 else clips[row % 3]
            file.write(f"row-{row:06d},{source.name},Row {row}\n")
    told = ["--manifest", manifest, "--archive", folder / "archive", "--no-descriptor"]
    done = verify("archive", "add", *told)
    failed = rows // 100
    assert done.code == 100, done.err
    assert f"3 added, {rows - 3 - failed} already there, {failed} failed; the archive has 3 references." in done.out
    assert done.out.count("  failed: row-") == failed
    assert "row-000050 (exit code 30)" in done.out
    with Archive.open(folder / "archive") as archive:
        assert check_archive(archive, SilentProgress()) == []
        before = archive.snapshot()
    assert verify("archive", "add", *told).code == 100
    with Archive.open(folder / "archive") as archive:
        assert archive.snapshot() == before


def test_manifest_of_which_some_rows_fail(tmp_path: Path):
    try_manifest(tmp_path, 300)


@pytest.mark.slow
def test_manifest_of_100_000_rows_of_which_one_in_a_hundred_fails(tmp_path: Path):
    try_manifest(tmp_path, 100_000)


# --- two writers ------------------------------------------------------------------------------------------------------


def test_two_processes_add_to_one_archive_at_once(tmp_path: Path):
    clips = []
    for seed in range(4):
        clips.append(tmp_path / f"clip-{seed}.mp4")
        encode(drawing.scene(40 + seed, 30), clips[-1])
    folder = tmp_path / "archive"
    Archive.create_or_open(folder).close()
    running = [
        subprocess.Popen(
            [sys.executable, CHECKOUT / "cli.py", "archive", "add", *some, "--archive", folder, "--no-descriptor"],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        for some in (clips[:3], clips[1:])
    ]
    for process in running:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said
    with Archive.open(folder) as archive:
        assert [reference.id for reference in archive.references()] == [clip.stem for clip in clips]
        assert check_archive(archive, SilentProgress()) == []
        assert archive.history.broken_line() is None


def test_a_writer_killed_in_the_middle_leaves_no_lock(tmp_path: Path):
    clip = tmp_path / "clip.mp4"
    encode(drawing.scene(60, 30), clip)
    folder = plain(tmp_path / "archive", "a")
    program = (
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(CHECKOUT)!r})\n"
        "from verify.archive import history\n"
        "history.History.record = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from verify.__main__ import run\n"
        "run(sys.argv[1:])\n"
    )
    words = ["archive", "add", clip, "--archive", folder, "--no-descriptor"]
    killed = subprocess.run([sys.executable, "-c", program, *map(str, words)], check=False, cwd=CHECKOUT)
    assert killed.returncode == -signal.SIGKILL
    done = verify(*words, "--lock-wait", "1")
    assert done.code == 0, done.err
    assert "was cut off; what it had not finished is undone" in done.err
    with closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection:
        assert connection.execute("SELECT count(*) FROM reference").fetchone() == (2,)
