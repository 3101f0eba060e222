"""`verify archive check` and `repair`: what a user reads, and the exit codes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.helpers.command import verify
from verify.archive.catalogue import CATALOGUE_NAME


@pytest.fixture
def copy(archive: Path, tmp_path: Path) -> Path:
    """A copy of the shared archive, to be written to."""
    return Path(shutil.copytree(archive, tmp_path / "copy"))


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection, connection:
        connection.execute(statement)


def test_an_archive_as_it_was_written(copy: Path):
    done = verify("archive", "check", "--archive", copy)
    assert (done.code, done.out) == (0, "2 references checked; everything is as it was written.\n")
    assert verify("archive", "check", "--archive", copy, "--json").out == "[]\n"
    assert verify("archive", "repair", "--archive", copy).out == "Nothing had to be repaired.\n"


def test_damage_is_told_and_repaired(copy: Path):
    change(copy, "UPDATE thumbnail SET jpeg = zeroblob(9) WHERE reference_id = 'scene'")
    change(copy, "UPDATE fingerprint SET codes = zeroblob(length(codes)) WHERE reference_id = 'hard-cuts'")
    done = verify("archive", "check", "--archive", copy)
    assert done.code == 40
    assert "scene: thumbnail: it cannot be read (" in done.out
    assert "hard-cuts: hashes: it cannot be read (they do not have their digest)" in done.out
    assert "2 things are not as they were written" in done.message
    assert "verify archive repair" in done.message
    told = json.loads(verify("archive", "check", "--archive", copy, "--json").out)
    assert {(each["reference_id"], each["part"]) for each in told} == {("scene", "thumbnail"), ("hard-cuts", "hashes")}
    done = verify("archive", "repair", "--archive", copy)
    assert done.code == 100
    assert "hard-cuts: lost (" in done.out
    assert "scene: 9 damaged thumbnails deleted" in done.out
    assert "2 repairs, 1 references lost." in done.out
    assert verify("archive", "check", "--archive", copy).code == 0
    assert "quarantined" in verify("archive", "log", "--archive", copy).out


def test_many_problems_are_cut_short(copy: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("verify.commands.archive.checking._MOST_TOLD", 1)
    change(copy, "UPDATE thumbnail SET jpeg = zeroblob(9)")
    done = verify("archive", "check", "--archive", copy)
    assert "... and 1 more (--json tells all)" in done.out


def test_left_over_files_are_a_warning(copy: Path):
    (copy / "proxies" / f"{'0' * 64}.mkv").write_bytes(b"x")
    done = verify("archive", "check", "--archive", copy)
    assert done.code == 100
    assert "belongs to no reference" in done.out
    assert "2 references checked" in done.out


def test_another_version_is_told_as_such(copy: Path):
    change(copy, "UPDATE motion SET version = 0")
    done = verify("archive", "check", "--archive", copy, "--json")
    assert "version" in {each["part"] for each in json.loads(done.out)}


def test_no_archive(tmp_path: Path):
    for command in ("check", "repair"):
        done = verify("archive", command, "--archive", tmp_path / "nothing")
        assert done.code == 2
        assert "there is no archive here" in done.message
