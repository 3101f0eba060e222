"""The catalogue: what goes in comes out, whole or not at all, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.archive_samples import features_of, unprivileged
from tests.unit.fingerprint_samples import Film, fingerprints_of, reference_of
from verify.archive import catalogue as catalogue_module
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.store import Archive, Thumbnail
from verify.errors import (
    ArchiveDamagedError,
    ArchiveLockedError,
    FingerprintVersionError,
    InvalidUsageError,
    NewerFormatError,
    OutputNotWritableError,
    VerifyError,
)
from verify.fingerprint.registry import CUES, cue_named
from verify.model import Reference, ReferenceKind

PDQ = cue_named("pdq")
FULL = Reference(
    id="clip-1",
    kind=ReferenceKind.GAME,
    title="A title <b>",
    publisher="زمان",
    source_url="https://example.org/v",
    first_seen="2015-07",
    first_seen_basis="upload date",
    licence="CC0",
    event="an event",
    notes="line\nline",
    sha256="ab" * 32,
    duration_s=12.345,
    added_utc="2026-01-31T12:00:00Z",
)
THUMBNAILS = (Thumbnail(0.0, 256, 144, b"jpeg 0"), Thumbnail(1.04, 256, 144, b"jpeg 1"))


def add(archive: Archive, reference: Reference = FULL, seed: int = 1, thumbnails: Sequence[Any] = THUMBNAILS) -> None:
    archive.add(reference, reference_of(Film(seed, 3.0), 3.0), thumbnails, features_of(seed))


def filled(folder: Path, *ids: str) -> Path:
    """Make an archive of references named `ids` and return its catalogue."""
    with Archive.create_or_open(folder) as archive:
        for number, name in enumerate(ids or ("clip-1",), 1):
            add(archive, replace(FULL, id=name, sha256=f"{number:064d}"), number)
    return folder / CATALOGUE_NAME


def change(catalogue: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(catalogue)) as connection, connection:
        connection.execute(statement, values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


# --- in and out -----------------------------------------------------------------------------------------------------


def test_what_goes_in_comes_out(folder: Path):
    fingerprints = reference_of(Film(1, 3.0), 3.0)
    with Archive.create_or_open(folder) as archive:
        archive.add(FULL, fingerprints, THUMBNAILS, features_of(1))
    with Archive.open(folder) as archive:
        assert archive.references() == [FULL]
        assert archive.reference("clip-1") == archive.reference_with_digest("ab" * 32) == FULL
        assert archive.reference("other") is archive.reference_with_digest("cd" * 32) is None
        for cue in CUES:
            ((name, stored),) = archive.fingerprints(cue)
            assert name == "clip-1"
            expected = fingerprints[cue.algorithm]
            assert (stored.algorithm, stored.version, stored.bits) == (cue.algorithm, cue.version, cue.bits)
            assert stored.times_s.tolist() == expected.times_s.tolist()
            assert stored.codes.tolist() == expected.codes.tolist()
            assert stored.quality.tolist() == expected.quality.tolist()


def test_thumbnails_by_time(folder: Path):
    filled(folder)
    with Archive.open(folder) as archive:
        assert archive.thumbnails("clip-1") == [(0.0, 256, 144), (1.04, 256, 144)]
        assert archive.thumbnail("clip-1", 1.04) == b"jpeg 1"
        assert archive.thumbnail("clip-1", 1.0) is None
        assert archive.thumbnail("other", 0.0) is None
        assert archive.thumbnails("other") == []
        assert archive.stored_bytes()["thumbnails"] == 12


def test_references_are_listed_by_id(folder: Path):
    filled(folder, "b", "c", "a")
    with Archive.open(folder) as archive:
        assert [reference.id for reference in archive.references()] == ["a", "b", "c"]
        assert [name for name, _ in archive.fingerprints(PDQ)] == ["a", "b", "c"]


def test_reference_without_a_frame(folder: Path):
    with Archive.create_or_open(folder) as archive:
        empty = {cue.algorithm: np.empty((0, cue.bits // 8), np.uint8) for cue in CUES}
        archive.add(FULL, fingerprints_of(empty, np.empty(0)), (), features_of(1, 0))
        ((_, stored),) = archive.fingerprints(PDQ)
    assert stored.codes.shape == (0, 32)


def test_empty_archive(folder: Path):
    with Archive.create_or_open(folder) as archive:
        assert archive.references() == []
        assert list(archive.fingerprints(PDQ)) == []
        snapshot = archive.snapshot()
    assert (snapshot.reference_count, snapshot.frame_count, snapshot.duration_s, snapshot.algorithms) == (0, 0, 0.0, ())


def test_opening_again_adds_to_what_is_there(folder: Path):
    filled(folder, "a")
    with Archive.create_or_open(folder) as archive:
        add(archive, replace(FULL, id="b"), 2)
        assert [reference.id for reference in archive.references()] == ["a", "b"]


def test_catalogue_is_recognised_from_outside(folder: Path):
    head = filled(folder).read_bytes()[:72]
    assert head.startswith(b"SQLite format 3\0")
    assert head[68:72] == b"VRFY"


# --- snapshots ------------------------------------------------------------------------------------------------------


def test_snapshot_counts(folder: Path):
    filled(folder, "a", "b")
    with Archive.open(folder) as archive:
        snapshot = archive.snapshot()
    assert (snapshot.reference_count, snapshot.frame_count) == (2, 24)
    assert snapshot.duration_s == pytest.approx(2 * FULL.duration_s)
    assert snapshot.algorithms == ("pdq", "phash")
    assert len(snapshot.snapshot_id) == 64


def test_same_content_has_the_same_snapshot_in_whatever_order_it_came(tmp_path: Path):
    identities = set()
    for name, order in (("one", (1, 2)), ("two", (2, 1))):
        with Archive.create_or_open(tmp_path / name) as archive:
            for number in order:
                add(archive, replace(FULL, id=f"r{number}"), number)
            identities.add(archive.snapshot().snapshot_id)
            assert archive.snapshot() == archive.snapshot()
    assert len(identities) == 1


def test_any_change_makes_another_snapshot(tmp_path: Path):
    changed = [
        {"title": "x"}, {"publisher": "x"}, {"kind": ReferenceKind.NEWS}, {"source_url": "https://x.org"},
        {"first_seen": "2016"}, {"first_seen_basis": "x"}, {"licence": "x"}, {"event": "x"}, {"notes": "x"},
        {"sha256": "cd" * 32}, {"duration_s": 12.346}, {"retracted": True}, {"id": "clip-2"}, {},
    ]  # fmt: skip
    identities = []
    for number, changes in enumerate(changed):
        with Archive.create_or_open(tmp_path / str(number)) as archive:
            add(archive, replace(FULL, **changes))  # type: ignore[arg-type]
            identities.append(archive.snapshot().snapshot_id)
    with Archive.create_or_open(tmp_path / "codes") as archive:
        add(archive, seed=2)
        identities.append(archive.snapshot().snapshot_id)
        add(archive, replace(FULL, id="more"))
        identities.append(archive.snapshot().snapshot_id)
    assert len(set(identities)) == len(identities)


# --- whole or not at all ----------------------------------------------------------------------------------------------


class _Interrupted(tuple[Thumbnail, ...]):
    """Thumbnails after the first of which the user presses Ctrl-C."""

    def __iter__(self) -> Iterator[Thumbnail]:
        yield THUMBNAILS[0]
        raise KeyboardInterrupt


def test_interrupted_addition_leaves_nothing(folder: Path):
    filled(folder, "a")
    with Archive.open(folder) as archive:
        before = archive.snapshot()
        with pytest.raises(KeyboardInterrupt):
            add(archive, replace(FULL, id="b"), 2, _Interrupted())
        assert archive.snapshot() == before
        assert archive.reference("b") is None
        assert archive.thumbnails("b") == []
        add(archive, replace(FULL, id="b"), 2)
        assert archive.reference("b") is not None


def test_process_killed_in_the_middle_of_an_addition_leaves_nothing(folder: Path):
    catalogue = filled(folder, "a")
    with Archive.open(folder) as archive:
        before = archive.snapshot()
    program = (
        "import os, signal, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('PRAGMA cache_size = 1')\n"
        "for number in range(2000):\n"
        "    connection.execute(\"INSERT INTO thumbnail VALUES ('a', ?, 1, 1, '', zeroblob(2000))\", (number + 0.5,))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(catalogue)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (folder / f"{CATALOGUE_NAME}-journal").exists()
    with Archive.open(folder) as archive:
        assert archive.snapshot() == before
        assert len(archive.thumbnails("a")) == len(THUMBNAILS)


def test_id_that_is_taken_is_refused_whole(folder: Path):
    filled(folder, "a")
    with Archive.open(folder) as archive:
        before = archive.snapshot()
        with pytest.raises(InvalidUsageError, match="a: the archive has a reference of this id already"):
            add(archive, replace(FULL, id="a", title="another"), 2)
        assert archive.snapshot() == before


def test_creation_that_was_interrupted_can_be_done_again(folder: Path):
    folder.mkdir()
    (folder / f".{CATALOGUE_NAME}.partial").write_bytes(b"half")
    (folder / f".{CATALOGUE_NAME}.partial-journal").write_bytes(b"")
    with Archive.create_or_open(folder) as archive:
        assert archive.references() == []
    assert not (folder / f".{CATALOGUE_NAME}.partial").exists()


# --- what is no archive -----------------------------------------------------------------------------------------------


def test_no_folder(folder: Path):
    with pytest.raises(InvalidUsageError, match="there is no archive here") as caught:
        Archive.open(folder)
    assert str(folder) in caught.value.remedy


def test_folder_without_a_catalogue(tmp_path: Path):
    with pytest.raises(InvalidUsageError, match=r"not a reference archive, it has no catalogue\.sqlite"):
        Archive.open(tmp_path)


def test_file_where_a_folder_should_be(tmp_path: Path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(InvalidUsageError, match="not a reference archive"):
        Archive.open(tmp_path / "file")
    with pytest.raises(OutputNotWritableError):
        Archive.create_or_open(tmp_path / "file")


def test_folder_of_other_files_is_left_alone(tmp_path: Path):
    (tmp_path / "holiday.mp4").write_bytes(b"x")
    with pytest.raises(InvalidUsageError, match="holds other files and no archive"):
        Archive.create_or_open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.mp4"]


@pytest.mark.parametrize("content", [b"", b"words\n" * 500, b"SQLite format 3\0" + bytes(600)])
def test_file_that_is_no_catalogue(tmp_path: Path, content: bytes):
    (tmp_path / CATALOGUE_NAME).write_bytes(content)
    for opening in (Archive.open, Archive.create_or_open):
        with pytest.raises(ArchiveDamagedError):
            opening(tmp_path)
    assert (tmp_path / CATALOGUE_NAME).read_bytes() == content


def test_foreign_database(tmp_path: Path):
    change(tmp_path / CATALOGUE_NAME, "CREATE TABLE reference (id TEXT)")
    with pytest.raises(ArchiveDamagedError, match="was not written by this program") as caught:
        Archive.open(tmp_path)
    assert caught.value.exit_code == 40


def test_newer_format(folder: Path):
    change(filled(folder), "PRAGMA user_version = 4")
    with pytest.raises(NewerFormatError, match="archive format 4 is newer than 3") as caught:
        Archive.open(folder)
    assert caught.value.exit_code == 43


# --- damage -----------------------------------------------------------------------------------------------------------


def read_all(folder: Path) -> None:
    with Archive.open(folder) as archive:
        archive.snapshot()
        for cue in CUES:
            list(archive.fingerprints(cue))
        for reference in archive.references():
            for time_s, _, _ in archive.thumbnails(reference.id):
                archive.thumbnail(reference.id, time_s)


@pytest.mark.parametrize("algorithm", ["pdq", "phash"])
@pytest.mark.parametrize("part", ["codes", "times_s", "quality"])
def test_one_turned_bit_is_noticed(folder: Path, algorithm: str, part: str):
    catalogue = filled(folder)
    expected = getattr(reference_of(Film(1, 3.0), 3.0)[algorithm], part).tobytes()
    data = bytearray(catalogue.read_bytes())
    at = data.index(expected)
    data[at + len(expected) // 2] ^= 1
    catalogue.write_bytes(data)
    # The same times and qualities are stored with both algorithms; either is a find.
    named = algorithm if part == "codes" else "pdq|phash"
    with pytest.raises(ArchiveDamagedError, match=f"the ({named}) fingerprints of clip-1 are damaged") as caught:
        read_all(folder)
    assert caught.value.exit_code == 40


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_catalogue_cut_short(folder: Path, share: float):
    catalogue = filled(folder, "a", "b", "c")
    data = catalogue.read_bytes()
    catalogue.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ArchiveDamagedError):
        read_all(folder)


def test_catalogue_without_a_table(folder: Path):
    change(filled(folder), "DROP TABLE fingerprint")
    with pytest.raises(ArchiveDamagedError, match="no such table"):
        read_all(folder)


@pytest.mark.parametrize("column", ["version", "bits"])
def test_fingerprints_of_another_version(folder: Path, column: str):
    change(filled(folder), f"UPDATE fingerprint SET {column} = {column} + 8 WHERE algorithm = 'pdq'")  # noqa: S608
    with pytest.raises(FingerprintVersionError, match="pdq fingerprints of clip-1 are version") as caught:
        read_all(folder)
    assert caught.value.exit_code == 41


@pytest.mark.parametrize("change_to", ["kind = 'propaganda'", "id = '../evil'", "duration_s = 9e999"])
def test_reference_that_this_program_would_not_write(folder: Path, change_to: str):
    catalogue = filled(folder)
    change(catalogue, "DELETE FROM fingerprint")
    change(catalogue, "DELETE FROM thumbnail")
    change(catalogue, f"UPDATE reference SET {change_to}")  # noqa: S608
    with pytest.raises(ArchiveDamagedError, match="a reference in the catalogue is malformed"):
        read_all(folder)


# --- other processes and permissions ----------------------------------------------------------------------------------


@pytest.fixture
def locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Give another connection that can lock the catalogue; nobody waits long for it."""
    monkeypatch.setattr(catalogue_module, "_LOCK_WAIT_S", 0.05)
    catalogue = filled(folder)
    with contextlib.closing(sqlite3.connect(catalogue)) as other:
        yield other


def test_archive_that_another_process_writes_to_can_be_read_but_not_written(folder: Path, locked: sqlite3.Connection):
    locked.execute("BEGIN IMMEDIATE")
    with Archive.open(folder, lock_wait_s=0.05) as archive:
        assert archive.reference("clip-1") is not None
        with pytest.raises(ArchiveLockedError, match="another process is writing to it") as caught:
            add(archive, replace(FULL, id="b"), 2)
        assert caught.value.exit_code == 42
        locked.rollback()
        add(archive, replace(FULL, id="b"), 2)


def test_archive_that_is_locked_for_good(folder: Path, locked: sqlite3.Connection):
    locked.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ArchiveLockedError):
        read_all(folder)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """Give a folder that every user of the machine can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


permissions = pytest.mark.skipif(sys.platform == "win32", reason="permission bits")


@permissions
def test_archive_that_may_only_be_read_can_be_searched(open_to_all: Path):
    folder = open_to_all / "archive"
    catalogue = filled(folder)
    catalogue.chmod(0o444)
    folder.chmod(0o555)
    with unprivileged():
        read_all(folder)
        with Archive.create_or_open(folder) as archive, pytest.raises(OutputNotWritableError) as caught:
            add(archive, replace(FULL, id="b"), 2)
    folder.chmod(0o755)
    assert caught.value.exit_code == 51
    assert "permissions" in caught.value.remedy


@permissions
@pytest.mark.parametrize("name", ["", "new", "new/deeper"])
def test_archive_cannot_be_made_where_nothing_may_be_written(open_to_all: Path, name: str):
    parent = open_to_all / "parent"
    parent.mkdir()
    parent.chmod(0o555)
    with unprivileged(), pytest.raises(OutputNotWritableError):
        Archive.create_or_open(parent / name)
    assert list(parent.iterdir()) == []


@permissions
def test_catalogue_that_may_not_be_read_is_an_error_of_ours(open_to_all: Path):
    folder = open_to_all / "archive"
    filled(folder).chmod(0o000)
    with unprivileged(), pytest.raises(VerifyError) as caught:
        Archive.open(folder)
    assert "Permission denied" in caught.value.problem
