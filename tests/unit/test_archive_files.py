"""Files of proxies: whole or not there, checked before use, and nobody's files swept."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.footage import CHECKOUT
from tests.unit.archive_samples import features_of, proxy_in, unprivileged
from tests.unit.fingerprint_samples import Film, reference_of
from verify.archive import files as files_module
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.files import PROXIES_NAME, FileStore, StoredFile
from verify.archive.store import Archive
from verify.errors import ArchiveDamagedError, InvalidUsageError, OutputNotWritableError
from verify.model import Reference

CONTENT = b"a small grey copy" * 100
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ORPHAN = "0" * 64 + ".mkv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def proxy(tmp_path: Path) -> Path:
    return proxy_in(tmp_path, CONTENT)


def add(folder: Path, proxy: Path | None, name: str = "clip", seed: int = 1) -> None:
    with Archive.create_or_open(folder) as archive:
        reference = Reference(id=name, sha256=f"{seed:064d}")
        archive.add(reference, reference_of(Film(seed, 3.0), 3.0), (), features_of(seed), proxy)


def stored(folder: Path) -> Path:
    return folder / PROXIES_NAME / f"{DIGEST}.mkv"


def names(folder: Path) -> set[str]:
    return {path.name for path in (folder / PROXIES_NAME).iterdir()}


# --- in and out -----------------------------------------------------------------------------------------------------


def test_proxy_is_copied_under_its_digest(folder: Path, proxy: Path):
    add(folder, proxy)
    proxy.unlink()
    with Archive.open(folder) as archive:
        assert archive.stored_proxy("clip") == (DIGEST, len(CONTENT), ".mkv")
        assert archive.proxy_path("clip") == stored(folder)
        assert archive.stored_bytes()["proxies"] == len(CONTENT)
        assert archive.references_without_proxy() == 0
    assert stored(folder).read_bytes() == CONTENT
    assert names(folder) == {f"{DIGEST}.mkv"}


def test_reference_without_a_proxy_has_none(folder: Path):
    add(folder, None)
    with Archive.open(folder) as archive:
        assert archive.proxy_path("clip") is archive.stored_proxy("clip") is None
        assert archive.proxy_path("nothing") is None
        assert archive.references_without_proxy() == 1
    assert not (folder / PROXIES_NAME).exists()


def test_two_references_may_have_the_same_proxy(folder: Path, proxy: Path):
    add(folder, proxy, "a", 1)
    add(folder, proxy, "b", 2)
    with Archive.open(folder) as archive:
        assert archive.proxy_path("a") == archive.proxy_path("b") == stored(folder)


def test_proxy_is_part_of_the_snapshot(tmp_path: Path):
    identities = set()
    for name, content in (("one", b"1"), ("two", b"2"), ("three", None)):
        add(tmp_path / name, proxy_in(tmp_path, content) if content else None)
        with Archive.open(tmp_path / name) as archive:
            identities.add(archive.snapshot().snapshot_id)
    assert len(identities) == 3


# --- damage -----------------------------------------------------------------------------------------------------------


def turned(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


DAMAGE = {
    "missing": lambda path: path.unlink(),
    "damaged, one bit": lambda path: path.write_bytes(turned(CONTENT)),
    "damaged, cut short": lambda path: path.write_bytes(CONTENT[:-1]),
    "damaged, longer": lambda path: path.write_bytes(CONTENT + b"x"),
    "damaged, empty": lambda path: path.write_bytes(b""),
    "damaged, a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_proxy_is_an_error_that_names_the_reference(kind: str, folder: Path, proxy: Path):
    add(folder, proxy)
    DAMAGE[kind](stored(folder))
    with (
        Archive.open(folder) as archive,
        pytest.raises(ArchiveDamagedError, match=f"the proxy of clip (is )?{kind.partition(',')[0]}") as caught,
    ):
        archive.proxy_path("clip")
    assert caught.value.exit_code == 40


@pytest.mark.parametrize("kind", DAMAGE)
def test_proxies_that_are_not_there_are_known_without_reading_any(kind: str, folder: Path, proxy: Path):
    add(folder, None, "a", 2)
    add(folder, proxy)
    with Archive.open(folder) as archive:
        kept = archive.stored_proxy("clip")
        assert kept is not None
        archive.proxies.check_sizes([("clip", kept)])
        DAMAGE[kind](stored(folder))
        if kind == "damaged, one bit":
            archive.proxies.check_sizes([("clip", kept)])
            return
        with pytest.raises(ArchiveDamagedError, match=r"the proxy of clip is (missing|damaged)"):
            archive.proxies.check_sizes([("clip", kept)])


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "/x"])
def test_digest_that_is_none_names_no_file(digest: str, folder: Path, proxy: Path):
    add(folder, proxy)
    with closing(sqlite3.connect(folder / CATALOGUE_NAME)) as catalogue, catalogue:
        catalogue.execute("UPDATE proxy SET sha256 = ?", (digest,))
    with Archive.open(folder) as archive, pytest.raises(ArchiveDamagedError, match="a digest that is none"):
        archive.proxy_path("clip")


def test_digest_is_checked_once_for_an_open_archive(folder: Path, proxy: Path):
    add(folder, proxy)
    with Archive.open(folder) as archive:
        path = archive.proxy_path("clip")
        stored(folder).write_bytes(b"other")
        assert archive.proxy_path("clip") == path
    with Archive.open(folder) as archive, pytest.raises(ArchiveDamagedError):
        archive.proxy_path("clip")


# --- whole or not at all ----------------------------------------------------------------------------------------------


def test_proxy_that_cannot_be_written_adds_nothing(folder: Path, proxy: Path, monkeypatch: pytest.MonkeyPatch):
    add(folder, proxy, "first", 1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files_module.os, "fsync", full)
    with pytest.raises(OutputNotWritableError, match="No space left") as caught:
        add(folder, proxy_in(proxy.parent, b"another"), "second", 2)
    monkeypatch.undo()
    assert caught.value.exit_code == 51
    with Archive.open(folder) as archive:
        assert [reference.id for reference in archive.references()] == ["first"]
    assert names(folder) == {f"{DIGEST}.mkv"}


def test_proxy_that_went_away_adds_nothing(folder: Path, tmp_path: Path):
    with pytest.raises(OutputNotWritableError):
        add(folder, tmp_path / "nothing.mkv")
    with Archive.open(folder) as archive:
        assert archive.references() == []


def test_refused_addition_leaves_no_proxy(folder: Path, proxy: Path):
    add(folder, None)
    with pytest.raises(InvalidUsageError, match="has a reference of this id already"):
        add(folder, proxy)
    assert not (folder / PROXIES_NAME).exists()


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.unit.test_archive_files import add
from verify.archive import files, history

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

when = sys.argv[4]
if when == "while it is copied":
    files.os.fsync = kill
elif when == "before it has its name":
    Path.replace = kill
else:
    history.History.record = kill
add(Path(sys.argv[2]), Path(sys.argv[3]), "second", 2)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize(
    ("when", "left"),
    [
        ("while it is copied", {".adding"}),
        ("before it has its name", {".adding"}),
        ("before the row is committed", {hashlib.sha256(b"second").hexdigest() + ".mkv"}),
    ],
)
def test_process_killed_around_the_copy_leaves_nothing_that_counts(
    when: str, left: set[str], folder: Path, proxy: Path
):
    add(folder, proxy, "first", 1)
    with Archive.open(folder) as archive:
        before = archive.snapshot()
    other = proxy.with_name("second.mkv")
    other.write_bytes(b"second")
    command = [sys.executable, "-c", KILLED, str(CHECKOUT), str(folder), str(other), when]
    assert subprocess.run(command, check=False, cwd=CHECKOUT).returncode == -signal.SIGKILL
    assert names(folder) == {f"{DIGEST}.mkv"} | left
    with Archive.open(folder) as archive:
        assert archive.snapshot() == before
    # The next addition takes over or sweeps what is left.
    add(folder, other, "second", 2)
    assert names(folder) == {f"{DIGEST}.mkv", hashlib.sha256(b"second").hexdigest() + ".mkv"}


def test_orphans_are_swept_by_the_next_addition_and_other_files_are_not(folder: Path, proxy: Path):
    add(folder, proxy, "first", 1)
    for name in (ORPHAN, ".adding", "notes.txt", "holiday.mkv", f"{'0' * 64}.txt"):
        (folder / PROXIES_NAME / name).write_bytes(b"x")
    add(folder, None, "second", 2)
    assert names(folder) == {f"{DIGEST}.mkv", "notes.txt", "holiday.mkv", f"{'0' * 64}.txt"}
    with Archive.open(folder) as archive:
        assert archive.proxy_path("first") == stored(folder)


def test_orphan_is_taken_over_if_its_video_is_added_again(folder: Path, proxy: Path):
    add(folder, None, "first", 1)
    (folder / PROXIES_NAME).mkdir()
    stored(folder).write_bytes(b"half")
    add(folder, proxy, "second", 2)
    with Archive.open(folder) as archive:
        assert archive.proxy_path("second") == stored(folder)
    assert stored(folder).read_bytes() == CONTENT


def test_sweeping_never_stops_an_addition(tmp_path: Path):
    (tmp_path / PROXIES_NAME).mkdir()
    (tmp_path / PROXIES_NAME / ORPHAN).mkdir()
    FileStore(tmp_path, PROXIES_NAME, "proxy", ".mkv").sweep(set())
    assert names(tmp_path) == {ORPHAN}
    FileStore(tmp_path / "nothing", PROXIES_NAME, "proxy", ".mkv").sweep(set())


# --- permissions ------------------------------------------------------------------------------------------------------

permissions = pytest.mark.skipif(sys.platform == "win32", reason="permission bits")


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """Give a folder that every user of the machine can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@permissions
def test_proxies_of_a_read_only_archive_can_be_used(proxy: Path, open_to_all: Path):
    folder = open_to_all / "archive"
    add(folder, proxy)
    for path in (stored(folder), folder / CATALOGUE_NAME):
        path.chmod(0o444)
    for path in (folder / PROXIES_NAME, folder):
        path.chmod(0o555)
    try:
        with unprivileged(), Archive.open(folder) as archive:
            assert archive.proxy_path("clip") == stored(folder)
    finally:
        for path in (folder / PROXIES_NAME, folder):
            path.chmod(0o755)


@permissions
def test_proxies_that_may_not_be_read_or_written(proxy: Path, open_to_all: Path):
    folder = open_to_all / "archive"
    add(folder, proxy)
    stored(folder).chmod(0o000)
    (folder / PROXIES_NAME).chmod(0o555)
    proxies = FileStore(folder, PROXIES_NAME, "proxy", ".mkv")
    with unprivileged():
        with pytest.raises(ArchiveDamagedError, match=r"the proxy of clip cannot be read \(Permission denied\)"):
            proxies.checked("clip", StoredFile(DIGEST, len(CONTENT), ".mkv"))
        with pytest.raises(OutputNotWritableError, match=r"a proxy cannot be written \(Permission denied\)") as caught:
            proxies.keep(Path(__file__), ".mkv")
    (folder / PROXIES_NAME).chmod(0o755)
    assert "--no-proxy" in caught.value.remedy
