"""What is not as it was written is found, named, and repaired as far as that can be done."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.archive_samples import features_of, proxy_in
from tests.unit.fingerprint_samples import Film, reference_of
from tests.unit.test_archive_history import CLIP
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.changes import amend, forget
from verify.archive.check import Part, Problem, check_archive
from verify.archive.files import MEDIA_NAME, PROXIES_NAME
from verify.archive.repair import QUARANTINE_NAME, repair_archive
from verify.archive.store import Archive, Thumbnail
from verify.errors import ArchiveDamagedError, InvalidUsageError
from verify.fingerprint.motion_signatures import DIMENSIONS, VERSION
from verify.model import DescriptorSet, MotionSet, SilentProgress

NAMES = ("a", "b", "c")
SILENT = SilentProgress()


def filled(folder: Path, count: int = 3) -> Path:
    """Make an archive of references that have one of everything."""
    with Archive.create_or_open(folder) as archive:
        for seed in range(1, count + 1):
            name = NAMES[seed - 1] if seed <= len(NAMES) else f"r{seed}"
            random = np.random.default_rng(seed)
            times_s = np.arange(5) / 2.0
            archive.add(
                replace(CLIP, id=name, sha256=f"{seed:064x}"),
                reference_of(Film(seed, 3.0), 3.0),
                [Thumbnail(time_s, 256, 144, f"jpeg {name} {time_s}".encode()) for time_s in (0.0, 0.5)],
                features_of(seed),
                proxy_in(folder.parent, f"proxy of {name}".encode()),
                motion=MotionSet(
                    version=VERSION, times_s=times_s, codes=random.integers(-9, 9, (5, DIMENSIONS)).astype(np.int8)
                ),
                descriptors=DescriptorSet(
                    model_sha256="e" * 64, times_s=times_s, vectors=random.normal(size=(5, 8)).astype(np.float16)
                ),
                media=proxy_in(folder.parent, f"video of {name}".encode()),
            )
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "archive")


def problems(folder: Path) -> list[Problem]:
    with Archive.open(folder) as archive:
        return check_archive(archive, SILENT)


def change(folder: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection, connection:
        connection.execute(statement)


def content(folder: Path, name: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a reference, by table."""
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection:
        tables = ["sighting", "fingerprint", "local_features", "motion", "descriptor", "thumbnail", "proxy", "media"]
        found = {
            table: sorted(connection.execute(f"SELECT * FROM {table} WHERE reference_id = ?", (name,)), key=repr)  # noqa: S608
            for table in tables
        }
        found["reference"] = connection.execute("SELECT * FROM reference WHERE id = ?", (name,)).fetchall()
    return found


def test_an_archive_as_it_was_written_has_no_problem(folder: Path):
    before = (folder / CATALOGUE_NAME).read_bytes()
    assert problems(folder) == []
    assert repair_archive(folder, SILENT) == []
    assert (folder / CATALOGUE_NAME).read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "part", "is_lost"),
    [
        ("UPDATE reference SET title = 'x' WHERE id = 'b'", Part.REFERENCE, True),
        ("UPDATE reference SET kind = 'propaganda' WHERE id = 'b'", Part.REFERENCE, True),
        ("UPDATE sighting SET date = '1999' WHERE reference_id = 'b'", Part.REFERENCE, True),
        ("DELETE FROM sighting WHERE reference_id = 'b'", Part.REFERENCE, True),
        ("UPDATE reference SET digest = '' WHERE id = 'b'", Part.REFERENCE, True),
        ("UPDATE fingerprint SET codes = zeroblob(length(codes)) WHERE reference_id = 'b'", Part.HASHES, True),
        ("DELETE FROM fingerprint WHERE reference_id = 'b' AND algorithm = 'phash'", Part.HASHES, True),
        ("UPDATE local_features SET points = zeroblob(length(points)) WHERE reference_id = 'b'", Part.KEYPOINTS, True),
        ("DELETE FROM local_features WHERE reference_id = 'b'", Part.KEYPOINTS, True),
        ("UPDATE motion SET codes = zeroblob(length(codes)) WHERE reference_id = 'b'", Part.MOTION, False),
        ("UPDATE descriptor SET vectors = zeroblob(length(vectors)) WHERE reference_id = 'b'", Part.VECTORS, False),
        ("UPDATE thumbnail SET jpeg = zeroblob(4) WHERE reference_id = 'b' AND time_s = 0.5", Part.THUMBNAIL, False),
    ],
)
def test_damaged_rows(folder: Path, statement: str, part: Part, is_lost: bool):
    before = {name: content(folder, name) for name in NAMES}
    change(folder, statement)
    found = problems(folder)
    assert {problem.reference_id for problem in found} == {"b"}
    assert part in {problem.part for problem in found}
    assert all(problem.is_damage for problem in found)
    repairs = repair_archive(folder, SILENT)
    assert {repair.reference_id for repair in repairs} == {"b"}
    assert any(repair.is_lost for repair in repairs) is is_lost
    assert problems(folder) == []
    with Archive.open(folder) as archive:
        assert (archive.reference("b") is None) is is_lost
        last = archive.history.entries()[-1]
        assert (last.action, last.reference_id) == ("quarantined" if is_lost else "repaired", "b")
    for name in ("a", "c"):
        assert content(folder, name) == before[name]
    if is_lost:
        assert f"SHA-256 {2:064x}" in repairs[0].done
        with Archive.open(folder / QUARANTINE_NAME / "references") as aside:
            assert [row[0][:2] for row in aside.connection.execute("SELECT id FROM reference")] == ["b-"]


@pytest.mark.parametrize(("name", "part"), [(PROXIES_NAME, Part.PROXY), (MEDIA_NAME, Part.VIDEO)])
@pytest.mark.parametrize("damage", ["missing", "short", "changed"])
def test_damaged_files(folder: Path, name: str, part: Part, damage: str):
    with Archive.open(folder) as archive:
        proxy, media = archive.stored_proxy("b"), archive.stored_media("b")
        assert proxy is not None
        assert media is not None
        path = archive.proxies.path(proxy) if part is Part.PROXY else archive.media.path(media)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "short" else data[:-1] + b"?")
    (problem,) = problems(folder)
    assert (problem.part, problem.reference_id) == (part, "b")
    (repair,) = repair_archive(folder, SILENT)
    assert not repair.is_lost
    assert "set aside" in repair.done
    assert problems(folder) == []
    assert (folder / QUARANTINE_NAME / path.name).exists() is (damage != "missing")
    with Archive.open(folder) as archive:
        assert archive.reference("b") is not None
        assert (archive.stored_proxy("b") is None) is (part is Part.PROXY)
        assert (archive.motion("b") is None) is (part is Part.PROXY)


def test_a_row_that_is_gone_is_known_by_the_log(folder: Path):
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection, connection:
        for table in content(folder, "b"):
            column = "id" if table == "reference" else "reference_id"
            connection.execute(f"DELETE FROM {table} WHERE {column} = 'b'")  # noqa: S608
    told = [(each.part, each.reference_id, each.text) for each in problems(folder) if each.is_damage]
    assert told == [(Part.REFERENCE, "b", "it is in the log and not in the catalogue")]
    (repair,) = repair_archive(folder, SILENT)
    assert repair.is_lost
    assert "nothing of it could be kept" in repair.done
    assert problems(folder) == []


def test_a_log_that_was_changed_begins_anew_and_the_old_one_is_kept(folder: Path):
    change(folder, "UPDATE log SET reason = 'x' WHERE number = 2")
    (problem,) = problems(folder)
    assert (problem.part, "line 2" in problem.text) == (Part.LOG, True)
    (repair,) = repair_archive(folder, SILENT)
    assert "the log was begun anew" in repair.done
    assert problems(folder) == []
    (aside,) = (folder / QUARANTINE_NAME).glob("log-*.json")
    assert b'"reason":"x"' in aside.read_bytes()


def test_left_over_files_and_other_versions_are_no_damage(folder: Path):
    (folder / PROXIES_NAME / f"{'0' * 64}.mkv").write_bytes(b"x")
    (folder / PROXIES_NAME / "notes.txt").write_bytes(b"x")
    (left,) = problems(folder)
    assert (left.part, left.is_damage) == (Part.LEFT_OVER, False)
    assert repair_archive(folder, SILENT) == []
    change(folder, "UPDATE motion SET version = 0 WHERE reference_id = 'b'")
    parts = {problem.part for problem in problems(folder)}
    assert Part.VERSION in parts


def test_a_catalogue_that_sqlite_cannot_read_is_made_anew_of_what_can(tmp_path: Path):
    folder = filled(tmp_path / "archive", 12)
    names = [f"r{number}" for number in range(4, 13)] + list(NAMES)
    before = {name: content(folder, name) for name in names}
    catalogue = folder / CATALOGUE_NAME
    data = bytearray(catalogue.read_bytes())
    page = data.index(features_of(7).codes.tobytes()[:64]) // 4096 * 4096
    data[page : page + 4096] = bytes(range(256)) * 16
    catalogue.write_bytes(data)
    assert problems(folder)
    repairs = repair_archive(folder, SILENT)
    lost = {repair.reference_id for repair in repairs if repair.is_lost}
    assert "made anew of what could be read" in repairs[0].done
    assert problems(folder) == []
    with Archive.open(folder) as archive:
        kept = {reference.id for reference in archive.references()}
    assert kept | lost == set(names)
    assert lost
    assert len(kept) >= 6
    for name in kept:
        now = content(folder, name)
        assert {table: rows for table, rows in now.items() if rows != before[name][table]} == {}
    (aside,) = (folder / QUARANTINE_NAME).glob("catalogue-*.sqlite")
    assert aside.read_bytes() == bytes(data)


def test_what_cannot_be_repaired(tmp_path: Path):
    with pytest.raises(InvalidUsageError, match="there is no archive here"):
        repair_archive(tmp_path / "nothing", SILENT)
    folder = filled(tmp_path / "archive", 1)
    (folder / CATALOGUE_NAME).write_bytes(b"words " * 1000)
    with pytest.raises(ArchiveDamagedError, match="not one reference can be read"):
        repair_archive(folder, SILENT)
    assert (folder / CATALOGUE_NAME).read_bytes() == b"words " * 1000


def test_caches_are_deleted_by_a_repair(folder: Path):
    (folder / "keypoints.cache").write_bytes(b"x")
    repair_archive(folder, SILENT)
    assert not (folder / "keypoints.cache").exists()


def test_stray_rows_are_deleted_and_the_rest_stays(folder: Path):
    before = {name: content(folder, name) for name in NAMES}
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection, connection:
        connection.execute("INSERT INTO amendment VALUES ('ghost', 1, '', '', '', '', '')")
    (problem,) = problems(folder)
    assert problem.part is Part.STRAYS
    (repair,) = repair_archive(folder, SILENT)
    assert not repair.is_lost
    assert problems(folder) == []
    assert {name: content(folder, name) for name in NAMES} == before


def test_salvage_mends_what_can_be_mended_and_misses_nothing_that_was_forgotten(tmp_path: Path):
    folder = filled(tmp_path / "archive", 12)
    with Archive.open(folder) as archive:
        forget(archive, "r5", "x")
    change(folder, "UPDATE thumbnail SET jpeg = zeroblob(4) WHERE reference_id = 'c' AND time_s = 0.5")
    data = bytearray((folder / CATALOGUE_NAME).read_bytes())
    page = data.index(features_of(7).codes.tobytes()[:64]) // 4096 * 4096
    data[page : page + 4096] = bytes(range(256)) * 16
    (folder / CATALOGUE_NAME).write_bytes(data)
    repairs = repair_archive(folder, SILENT)
    lost = {repair.reference_id for repair in repairs if repair.is_lost}
    assert "c" not in lost
    assert "r5" not in lost
    assert any("damaged thumbnails deleted" in repair.done for repair in repairs if repair.reference_id == "c")
    assert problems(folder) == []


def test_checking_and_repairing_beside_a_writer_does_no_harm(folder: Path):
    ended = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with Archive.open(folder) as archive:
                number = 0
                while not ended.is_set():
                    number += 1
                    amend(archive, "b", {"title": f"Title {number}"}, "x")
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(15):
            assert problems(folder) == []
            assert repair_archive(folder, SILENT) == []
    finally:
        ended.set()
        writer.join()
    assert failures == []
