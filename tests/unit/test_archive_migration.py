"""An archive of the format before becomes one of this format when it is opened, whole or not at all."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tests.unit.archive_samples import unprivileged
from tests.unit.test_archive_history import CLIP, filled
from tests.unit.test_archive_store import open_to_all, permissions
from verify.archive import migration
from verify.archive.catalogue import CATALOGUE_NAME, FORMAT_VERSION
from verify.archive.check import check_archive
from verify.archive.index import ReferenceIndex
from verify.archive.store import Archive
from verify.errors import ArchiveDamagedError, FingerprintVersionError
from verify.model import SilentProgress

__all__ = ["open_to_all"]

#: What of version 2 was another than it is now.
DOWNGRADE = """
PRAGMA foreign_keys = OFF;
PRAGMA legacy_alter_table = ON;
ALTER TABLE reference RENAME TO new_reference;
DROP INDEX reference_sha256;
CREATE TABLE reference (
    id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    publisher TEXT NOT NULL,
    source_url TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    first_seen_basis TEXT NOT NULL,
    licence TEXT NOT NULL,
    event TEXT NOT NULL,
    notes TEXT NOT NULL,
    retracted INTEGER NOT NULL CHECK (retracted IN (0, 1)),
    duration_s REAL NOT NULL,
    added_utc TEXT NOT NULL
) STRICT;
CREATE INDEX reference_sha256 ON reference (sha256);
INSERT INTO reference SELECT id, new_reference.sha256, kind, new_reference.title, new_reference.publisher, source_url,
    date, basis, licence, event, notes, retracted, duration_s, new_reference.added_utc
    FROM new_reference JOIN sighting ON reference_id = id;
DROP TABLE new_reference;
ALTER TABLE thumbnail RENAME TO new_thumbnail;
CREATE TABLE thumbnail (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    time_s REAL NOT NULL,
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (reference_id, time_s)
) STRICT;
INSERT INTO thumbnail SELECT reference_id, time_s, width_px, height_px, jpeg FROM new_thumbnail;
DROP TABLE new_thumbnail;
ALTER TABLE fingerprint RENAME TO new_fingerprint;
CREATE TABLE fingerprint (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    algorithm TEXT NOT NULL,
    version INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    frame_count INTEGER NOT NULL,
    times_s BLOB NOT NULL,
    codes BLOB NOT NULL,
    quality BLOB NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (reference_id, algorithm)
) STRICT;
INSERT INTO fingerprint SELECT reference_id, algorithm, version, bits, frame_count, times_s, codes, quality, sha256
    FROM new_fingerprint;
DROP TABLE new_fingerprint;
DROP TABLE sighting;
DROP TABLE amendment;
DROP TABLE log;
DROP TABLE tombstone;
DROP TABLE media;
DROP TABLE brought;
DROP TABLE pack;
PRAGMA user_version = 2;
"""


def downgraded(folder: Path, *also: str) -> Path:
    filled(folder, "a", "clip")
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection:
        connection.executescript(DOWNGRADE + ";".join(also))
    return folder


@pytest.mark.parametrize("also", [(), ("DROP TABLE descriptor",)])
def test_an_older_archive_is_brought_up_to_date(tmp_path: Path, also: tuple[str, ...]):
    with Archive.open(downgraded(tmp_path / "archive", *also)) as archive:
        reference = archive.reference("clip")
        assert reference is not None
        assert (reference.title, reference.first_seen, reference.first_seen_basis) == (
            CLIP.title,
            CLIP.first_seen,
            CLIP.first_seen_basis,
        )
        assert archive.thumbnail("clip", 0.0) == b"jpeg of clip"
        assert ReferenceIndex.load(archive, 0.5).reference_ids == ("a", "clip")
        assert [entry.action for entry in archive.history.entries()] == ["added", "added", "migrated"]
        assert check_archive(archive, SilentProgress()) == []
        first = archive.snapshot()
    with Archive.open(tmp_path / "archive") as archive:
        assert archive.snapshot() == first
        assert len(archive.history.entries()) == 3


def test_its_tables_are_those_of_a_new_archive(tmp_path: Path):
    shapes = []
    for folder in (filled(tmp_path / "new", "a"), downgraded(tmp_path / "old")):
        Archive.open(folder).close()
        with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,)
            rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            shapes.append([(name, " ".join(sql.replace('"', "").split())) for name, sql in rows])
    assert shapes[0] == shapes[1]


def test_a_migration_that_is_cut_off_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = downgraded(tmp_path / "archive")
    before = (folder / CATALOGUE_NAME).read_bytes()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(migration, "_write_log", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Archive.open(folder)
    monkeypatch.undo()
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM reference").fetchone() == (2,)
    assert len(before) == (folder / CATALOGUE_NAME).stat().st_size
    with Archive.open(folder) as archive:
        assert len(archive.references()) == 2


def test_an_older_archive_with_strays_is_damaged(tmp_path: Path):
    folder = downgraded(tmp_path / "archive", "DELETE FROM reference WHERE id = 'a'")
    with pytest.raises(ArchiveDamagedError, match="belong to no reference"):
        Archive.open(folder)


@permissions
def test_an_older_archive_that_may_not_be_written_says_what_to_do(open_to_all: Path):
    folder = downgraded(open_to_all / "archive")
    (folder / CATALOGUE_NAME).chmod(0o444)
    folder.chmod(0o555)
    with unprivileged(), pytest.raises(FingerprintVersionError, match="older format") as caught:
        Archive.open(folder)
    folder.chmod(0o755)
    assert caught.value.exit_code == 41
    assert "who may write there" in caught.value.remedy
