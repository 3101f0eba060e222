"""Folders and files that an ordinary user may not read or write: each has its message and its code, none is a bug."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.footage import CHECKOUT
from tests.cli.helpers.command import Done, names_in
from verify.archive.catalogue import CATALOGUE_NAME

pytestmark = pytest.mark.skipif(not hasattr(os, "setuid"), reason="no Unix users here")

NOBODY = 65534
# Everything is imported before privileges go: an ordinary user may not be able to read this environment.
AS_NOBODY = """
import importlib, json, os, pkgutil, sys, warnings
sys.path.insert(0, sys.argv[1])
import _strptime, faiss, platformdirs, traceback, yaml, verify
import encodings.cp437, encodings.idna, encodings.utf_16_be, encodings.utf_8_sig
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import bagit
for found in pkgutil.walk_packages(verify.__path__, "verify."):
    if not found.name.endswith(("worker", "__main__")):
        importlib.import_module(found.name)
from verify.__main__ import run
arguments = json.loads(sys.argv[2])
sys.argv = ["verify", *arguments]
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
raise SystemExit(run(arguments))
"""


def as_nobody(*arguments: str | Path) -> Done:
    """Run one command line as a user to whom permission bits apply; only what ends before media is decoded."""
    words = json.dumps([str(argument) for argument in arguments])
    # That user may not write the data of a coverage measurement either.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, CHECKOUT, words],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Place:
    """A folder that the ordinary user can reach, with folders in it that are closed in several ways."""

    def __init__(self, folder: Path, footage: Path, archive: Path) -> None:
        folder.chmod(0o755)
        self.folder = folder
        self.release = Path(shutil.copy(footage, folder / "release.mp4"))
        self.archive = Path(shutil.copytree(archive, folder / "archive"))
        self.secret = Path(shutil.copy(footage, folder / "secret.mp4"))
        self.read_only, self.closed = folder / "read-only", folder / "closed"
        for path in (self.read_only, self.closed):
            path.mkdir()
        shutil.copytree(archive, self.closed / "archive")
        (folder / "free").mkdir(mode=0o777)
        (folder / "free").chmod(0o777)
        self.free = folder / "free"
        self.release.chmod(0o644)
        self.secret.chmod(0o000)
        self.closed.chmod(0o000)
        self.read_only.chmod(0o555)


@pytest.fixture(scope="module")
def place(footage: dict[str, Path], archive: Path) -> Iterator[Place]:
    # Not below pytest's own folder, which only its user may enter.
    with tempfile.TemporaryDirectory() as folder:
        made = Place(Path(folder), footage["static"], archive)
        yield made
        for path in (made.closed, made.read_only, made.secret):
            path.chmod(0o755)


@pytest.mark.parametrize("command", ["video", pytest.param("batch", marks=pytest.mark.slow)])
@pytest.mark.parametrize("where", ["read-only", "read-only/new", "closed", "closed/new"])
def test_output_that_may_not_be_written(command: str, where: str, place: Place):
    done = as_nobody(command, place.release, "--archive", place.archive, "--out", place.folder / where)
    assert done.code == 51, done.err
    assert done.message.startswith(f"error: {place.folder / where}")
    assert "the output folder cannot be written (Permission denied). Choose another --out." in done.message
    assert "Traceback" not in done.err
    assert names_in(place.read_only) == set()


@pytest.mark.parametrize("where", ["read-only/new", "closed/new"])
def test_archive_that_may_not_be_made(where: str, place: Place):
    done = as_nobody("archive", "add", place.release, "--archive", place.folder / where)
    assert done.code == 51, done.err
    assert "no archive can be made here (Permission denied)." in done.message
    assert names_in(place.read_only) == set()


@pytest.mark.parametrize("command", ["list", "stats", "show", "video", "batch", "doctor"])
def test_archive_that_may_not_be_entered(command: str, place: Place):
    words = {
        "show": ["archive", "show", "scene"],
        "video": ["video", place.release, "--out", place.free / "out"],
        "batch": ["batch", place.release, "--out", place.free / "out"],
        "doctor": ["doctor"],
    }.get(command, ["archive", command])
    done = as_nobody(*words, "--archive", place.closed / "archive")
    assert "Traceback" not in done.err
    if command == "doctor":
        assert "none yet at" in done.out or "Permission denied" in done.out
        return
    assert done.code == 2, done.err
    assert "no archive can be read here (Permission denied). Check the path and its permissions." in done.message
    assert names_in(place.free) == set()


def test_catalogue_that_may_not_be_read(place: Place):
    catalogue = place.archive / CATALOGUE_NAME
    catalogue.chmod(0o000)
    try:
        for words in (["list"], ["add", place.release]):
            done = as_nobody("archive", *words, "--archive", place.archive)
            assert done.code == 2, done.err
            assert "no archive can be read here (Permission denied)" in done.message
    finally:
        catalogue.chmod(0o644)


def test_read_only_archive_can_be_read(place: Place):
    done = as_nobody("archive", "list", "--archive", place.archive, "--json")
    assert (done.code, done.err) == (0, "")
    assert len(json.loads(done.out)) == 2


@pytest.mark.parametrize("command", ["video", "batch", "archive"])
def test_source_that_may_not_be_read(command: str, place: Place):
    rest = {
        "video": ["--archive", place.archive, "--out", place.free / "out"],
        "batch": ["--archive", place.archive, "--out", place.free / "out"],
        "archive": ["--archive", place.free / "archive"],
    }[command]
    words = ["archive", "add"] if command == "archive" else [command]
    done = as_nobody(*words, place.secret, *rest)
    assert done.code == 10, done.err
    assert f"{place.secret}: cannot be read (Permission denied). Check the file and its permissions." in done.message
    shutil.rmtree(place.free / "archive", ignore_errors=True)
    assert names_in(place.free) == set()


@pytest.mark.parametrize("option", ["--manifest", "--claims"])
def test_table_that_may_not_be_read(option: str, place: Place):
    words = {
        "--manifest": ["archive", "add", "--archive", place.free / "archive"],
        "--claims": ["video", place.release, "--archive", place.archive, "--out", place.free / "out"],
    }[option]
    done = as_nobody(*words, option, place.closed / "table")
    assert done.code == 2, done.err
    assert "cannot be read (Permission denied)" in done.message
    assert names_in(place.free) == set()
