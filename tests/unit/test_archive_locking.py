"""One writer at a time: waiting is told, ends, and a killed writer is no obstacle."""

from __future__ import annotations

import json
import platform
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.footage import CHECKOUT
from tests.unit.test_archive_history import filled
from verify.archive import locking
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.changes import restore, retract
from verify.archive.index import ReferenceIndex
from verify.archive.store import Archive
from verify.errors import ArchiveLockedError, OutputNotWritableError

NOTE = ".writer.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "archive", "a", "b")


@pytest.fixture
def other(folder: Path) -> sqlite3.Connection:
    """Another writer, which holds the lock."""
    connection = sqlite3.connect(folder / CATALOGUE_NAME, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_a_writer_waits_and_says_for_whom(folder: Path, other: sqlite3.Connection):
    note = {"pid": 4711, "host": platform.node(), "since": "2026-01-31T12:00:00Z"}
    (folder / NOTE).write_text(json.dumps(note), encoding="utf-8")
    said: list[str] = []
    ended = threading.Timer(1.5, other.rollback)
    ended.start()
    with Archive.open(folder, lock_wait_s=20, tell=said.append) as archive:
        began = time.monotonic()
        retract(archive, "a", "x")
        assert 1.0 < time.monotonic() - began < 10
        assert archive.history.entries()[-1].action == "retracted"
    ended.join()
    other.close()
    assert f"waiting for another process that writes to {folder} (process 4711, since 2026-01-31T12:00:00Z)" in said[0]
    assert "(--lock-wait)" in said[0]
    assert not (folder / NOTE).exists()


def test_a_writer_that_has_waited_long_enough_fails_and_nothing_is_changed(folder: Path, other: sqlite3.Connection):
    with Archive.open(folder, lock_wait_s=0.1) as archive:
        before = archive.snapshot()
        with pytest.raises(ArchiveLockedError, match="another process is writing to it; waited 0 s") as caught:
            retract(archive, "a", "x")
        assert "--lock-wait" in caught.value.remedy
        assert archive.snapshot() == before
    other.close()


def test_a_writer_waits_for_readers_too(folder: Path):
    with closing(sqlite3.connect(folder / CATALOGUE_NAME)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM reference").fetchone()
        with Archive.open(folder, lock_wait_s=0.2) as archive:
            before = archive.snapshot()
            with pytest.raises(ArchiveLockedError):
                retract(archive, "a", "x")
            reader.rollback()
            assert archive.snapshot() == before
            retract(archive, "a", "x")
            assert archive.snapshot() != before


def test_readers_see_one_state_while_another_writes(folder: Path):
    with Archive.open(folder) as reader, Archive.open(folder, lock_wait_s=0.1) as writer:
        with reader.reading():
            before = reader.snapshot()
            with pytest.raises(ArchiveLockedError):
                retract(writer, "a", "x")
            assert reader.snapshot() == before
        retract(writer, "a", "x")
        assert reader.snapshot() != before


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from verify.archive.store import Archive
with Archive.open(Path(sys.argv[2])) as archive, archive.changing():
    archive.connection.execute("PRAGMA cache_size = 1")
    archive.connection.execute("UPDATE reference SET notes = hex(zeroblob(100000))")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_writer_is_no_obstacle_and_is_told(folder: Path):
    with Archive.open(folder) as archive:
        before = archive.snapshot()
    done = subprocess.run([sys.executable, "-c", KILLED, str(CHECKOUT), str(folder)], check=False, cwd=CHECKOUT)
    assert done.returncode == -signal.SIGKILL
    assert (folder / NOTE).exists()
    said: list[str] = []
    with Archive.open(folder, lock_wait_s=0.5, tell=said.append) as archive:
        assert archive.snapshot() == before
        retract(archive, "a", "x")
    assert len(said) == 1
    assert said[0].startswith("the last writer (process ")
    assert said[0].endswith("was cut off; what it had not finished is undone")
    assert not (folder / NOTE).exists()


@pytest.mark.parametrize("content", [b"", b"[1]", b"{" * 5000, b'{"pid": "x\x1b[2J"}'])
def test_a_note_that_is_none_is_ignored(folder: Path, content: bytes):
    (folder / NOTE).write_bytes(content)
    said: list[str] = []
    with Archive.open(folder, tell=said.append) as archive:
        retract(archive, "a", "x")
    assert all("\x1b" not in text for text in said)


def test_many_readers_while_one_writes(folder: Path):
    seen: list[tuple[str, ...]] = []
    failures: list[BaseException] = []
    ended = threading.Event()

    def read() -> None:
        try:
            while not ended.is_set():
                with Archive.open(folder) as archive, archive.reading():
                    ids = ReferenceIndex.load(archive, 0.5).reference_ids
                    state = archive.history.state(archive.snapshot().snapshot_id)
                    searched = {each.id for each in archive.references() if not each.retracted}
                    assert state is not None
                    assert searched == set(ids)
                    seen.append(ids)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    with Archive.open(folder) as archive:
        for number in range(20):
            (retract if number % 2 == 0 else restore)(archive, "a", "x")
    ended.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert set(seen) <= {("a", "b"), ("b",)}
    assert len(seen) >= 4


# --- network file systems ---------------------------------------------------------------------------------------------

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
90 22 0:45 / {0}/net rw,relatime - nfs4 server:/export rw
91 22 0:46 / {0}/net/local rw - ext4 /dev/sdb1 rw
92 22 0:47 / {0}/with\\040blank rw - cifs //server/share rw
broken line
"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [("net", "nfs4"), ("net/deeper", "nfs4"), ("net/local", "ext4"), ("with blank", "cifs"), ("network", "ext4")],
)
def test_the_file_system_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(tmp_path), encoding="utf-8")
    monkeypatch.setattr(locking, "_MOUNTS", mounts)
    (tmp_path / name).mkdir(parents=True)
    assert locking.file_system_of(tmp_path / name) == kind


def test_nothing_is_written_on_a_network_file_system(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locking, "file_system_of", lambda _: "nfs4")
    before = (folder / CATALOGUE_NAME).read_bytes()
    with Archive.open(folder) as archive:
        assert len(archive.references()) == 2
        with pytest.raises(OutputNotWritableError, match=r"a network file system \(nfs4\)") as caught:
            retract(archive, "a", "x")
    assert caught.value.exit_code == 51
    assert (folder / CATALOGUE_NAME).read_bytes() == before


def test_where_it_cannot_be_told_nothing_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(locking, "_MOUNTS", tmp_path / "nothing")
    assert locking.file_system_of(folder) == ""
    with Archive.open(folder) as archive:
        retract(archive, "a", "x")
