"""What an archive held: every change is told, every state has an id, and what is forgotten is gone."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.archive_samples import features_of, proxy_in
from tests.unit.fingerprint_samples import Film, reference_of
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.changes import amend, forget, restore, retract, see_again, tombstone_of
from verify.archive.files import MEDIA_NAME, PROXIES_NAME
from verify.archive.index import ReferenceIndex
from verify.archive.records import earliest
from verify.archive.store import Archive, Thumbnail
from verify.errors import ArchiveDamagedError, InvalidUsageError
from verify.model import MotionSet, Reference, Sighting, SightingSource

CLIP = Reference(
    id="clip", title="A rare title", first_seen="2021-03", first_seen_basis="upload", sha256="ab" * 32, duration_s=3.0
)


def filled(folder: Path, *ids: str) -> Path:
    with Archive.create_or_open(folder) as archive:
        for seed, name in enumerate(ids or ("clip",), 1):
            sha256 = CLIP.sha256 if name == "clip" else f"{seed:064x}"
            thumbnails = [Thumbnail(0.0, 256, 144, f"jpeg of {name}".encode())]
            archive.add(
                replace(CLIP, id=name, sha256=sha256),
                reference_of(Film(seed, 3.0), 3.0),
                thumbnails,
                features_of(seed),
            )
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "archive")


def told(archive: Archive) -> list[tuple[str, str, str]]:
    return [(entry.action, entry.reference_id, entry.reason) for entry in archive.history.entries()]


# --- the log and the states -------------------------------------------------------------------------------------------


def test_every_change_is_told_with_the_state_that_it_led_to(tmp_path: Path):
    states = []
    with Archive.open(filled(tmp_path / "archive", "a", "b")) as archive:
        states.append(archive.snapshot().snapshot_id)
        retract(archive, "a", "a mistake")
        states.append(archive.snapshot().snapshot_id)
        restore(archive, "a", "none after all")
        states.append(archive.snapshot().snapshot_id)
        entries = archive.history.entries()
        assert [entry.snapshot_id for entry in entries[1:]] == states
        assert archive.history.broken_line() is None
        assert told(archive) == [
            ("added", "a", ""), ("added", "b", ""), ("retracted", "a", "a mistake"),
            ("restored", "a", "none after all"),
        ]  # fmt: skip
        assert [entry.number for entry in archive.history.entries(2)] == [3, 4]
        assert [entry.number for entry in archive.history.entries(reference_id="b")] == [2]
    assert states[0] == states[2] != states[1]


def test_every_earlier_state_is_known(tmp_path: Path):
    with Archive.open(filled(tmp_path / "archive", "a", "b", "c")) as archive:
        first = archive.history.entries()[0]
        forget(archive, "b", "a judge")
        see_again(archive, "a", Sighting(date="2019"))
        states = {entry.snapshot_id: archive.history.state(entry.snapshot_id) for entry in archive.history.entries()}
        assert [sorted(state or {}) for state in states.values()] == [
            ["a"], ["a", "b"], ["a", "b", "c"], ["a", "c"], ["a", "c"],
        ]  # fmt: skip
        assert states[first.snapshot_id] == {"a": first.digest}
        assert archive.history.state("0" * 64) is None


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("UPDATE log SET reason = 'another' WHERE number = 2", 2),
        ("UPDATE log SET utc = '2020-01-01T00:00:00Z' WHERE number = 1", 1),
        ("DELETE FROM log WHERE number = 2", 2),
        ("UPDATE log SET sha256 = '' WHERE number = 3", 3),
    ],
)
def test_a_line_that_was_changed_or_taken_out_is_noticed(tmp_path: Path, statement: str, line: int):
    folder = filled(tmp_path / "archive", "a", "b", "c")
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection, connection:
        connection.execute(statement)
    with Archive.open(folder) as archive:
        assert archive.history.broken_line() == line


def test_a_log_that_leads_elsewhere_is_damage(tmp_path: Path):
    folder = filled(tmp_path / "archive", "a", "b")
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE_NAME)) as connection, connection:
        connection.execute("UPDATE log SET digest = ? WHERE number = 1", ("0" * 64,))
    with Archive.open(folder) as archive, pytest.raises(ArchiveDamagedError, match="does not lead to the snapshot"):
        archive.history.state(archive.snapshot().snapshot_id)


# --- retracting -------------------------------------------------------------------------------------------------------


def test_a_retracted_reference_is_not_searched(tmp_path: Path):
    with Archive.open(filled(tmp_path / "archive", "a", "b")) as archive:
        retract(archive, "a", "wrong date")
        reference = archive.reference("a")
        assert reference is not None
        assert reference.retracted
        assert ReferenceIndex.load(archive, 0.5).reference_ids == ("b",)
        restore(archive, "a", "mended")
        assert ReferenceIndex.load(archive, 0.5).reference_ids == ("a", "b")


def test_what_cannot_be_retracted_or_restored(folder: Path):
    with Archive.open(folder) as archive:
        before = archive.snapshot(), archive.history.entries()
        for change, name, problem in (
            (retract, "other", "has no such reference"),
            (restore, "other", "has no such reference"),
            (forget, "other", "has no such reference"),
            (restore, "clip", "it is not retracted"),
        ):
            with pytest.raises(InvalidUsageError, match=problem):
                change(archive, name, "x")
        assert (archive.snapshot(), archive.history.entries()) == before
        retract(archive, "clip", "x")
        with pytest.raises(InvalidUsageError, match="retracted already"):
            retract(archive, "clip", "x")


# --- sightings --------------------------------------------------------------------------------------------------------


def test_the_earliest_sighting_counts_and_all_are_kept(folder: Path):
    earlier = Sighting(date="2019-05-02", source=SightingSource.BROADCAST_LOG, basis="log", url="https://a.example/1")
    later = Sighting(date="2022", url="https://a.example/2", publisher="Another")
    with Archive.open(folder) as archive:
        assert see_again(archive, "clip", later)
        assert see_again(archive, "clip", earlier)
        reference = archive.reference("clip")
        assert reference is not None
        assert archive.references() == [reference]
        assert (reference.first_seen, reference.first_seen_source) == ("2019-05-02", SightingSource.BROADCAST_LOG)
        assert (reference.first_seen_basis, reference.first_seen_url) == ("log", "https://a.example/1")
        assert [each.date for each in reference.sightings] == ["2021-03", "2022", "2019-05-02"]
        assert archive.reference_with_address("https://a.example/2") == reference


def test_what_was_told_already_is_no_sighting(folder: Path):
    sighting = Sighting(date="2019", url="https://a.example/1", sha256="cd" * 32)
    with Archive.open(folder) as archive:
        assert see_again(archive, "clip", sighting)
        before = archive.snapshot()
        assert not see_again(archive, "clip", sighting)
        assert not see_again(archive, "clip", Sighting(date="2021-03", basis="upload"))
        assert not see_again(archive, "clip", Sighting(url="https://a.example/1"))
        assert archive.snapshot() == before
        assert see_again(archive, "clip", replace(sighting, basis="another"))
        with pytest.raises(InvalidUsageError, match="no such reference"):
            see_again(archive, "other", sighting)


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (("2021", "2021-03"), "2021-03"),
        (("2021-03", "2021-03-31"), "2021-03"),
        (("2021-03-31", "2021-03"), "2021-03-31"),
        (("2021-03-14", "2021-03-14T08:30:00Z"), "2021-03-14T08:30:00Z"),
        (("", "2024"), "2024"),
        (("", ""), ""),
        (("2020-12-31T23:59:59Z", "2021"), "2020-12-31T23:59:59Z"),
    ],
)
def test_which_date_is_the_earliest(dates: tuple[str, ...], first: str):
    assert earliest([Sighting(date=date) for date in dates]).date == first


# --- amending ---------------------------------------------------------------------------------------------------------


def test_what_was_said_before_is_kept(folder: Path):
    with Archive.open(folder) as archive:
        see_again(archive, "clip", Sighting(date="2019"))
        before = archive.snapshot()
        assert amend(archive, "clip", {"title": "A better title", "kind": "other"}, "a typo") == ["title"]
        assert amend(archive, "clip", {"date": "2022"}, "misread", sighting=2) == ["sighting 2, date"]
        assert amend(archive, "clip", {"date": "2022"}, "again", sighting=2) == []
        reference = archive.reference("clip")
        assert reference is not None
        assert (reference.title, reference.first_seen) == ("A better title", "2021-03")
        assert [tuple(each[1:]) for each in archive.amendments("clip")] == [
            ("title", "A rare title", "A better title", "a typo"),
            ("sighting 2, date", "2019", "2022", "misread"),
        ]
        assert told(archive)[-2:] == [("amended", "clip", "a typo"), ("amended", "clip", "misread")]
        assert archive.snapshot() != before
        with pytest.raises(InvalidUsageError, match="has no sighting 3"):
            amend(archive, "clip", {"title": "x", "date": "2022"}, "x", sighting=3)
        assert archive.reference("clip") == reference


# --- forgetting -------------------------------------------------------------------------------------------------------


def test_what_is_forgotten_is_gone_from_every_file(tmp_path: Path):
    folder = filled(tmp_path / "archive", "other")
    moving = MotionSet(
        version=1, times_s=reference_of(Film(9, 3.0), 3.0)["pdq"].times_s[:0], codes=features_of(1).codes[:0]
    )
    with Archive.open(folder) as archive:
        archive.add(
            CLIP,
            fingerprints := reference_of(Film(7, 3.0), 3.0),
            [Thumbnail(0.0, 256, 144, b"a picture that must go")],
            features_of(7),
            proxy_in(tmp_path, b"moving pictures that must go"),
            motion=moving,
            media=proxy_in(tmp_path, b"moving pictures that must go"),
        )
        amend(archive, "clip", {"notes": "a name that must go"}, "x")
        (folder / "keypoints.cache").write_bytes(b"a copy")
        forget(archive, "clip", "a court order")
        assert archive.reference("clip") is None
        assert archive.history.broken_line() is None
        assert [reference.id for reference in archive.references()] == ["other"]
        assert told(archive)[-1] == ("forgotten", "clip", "a court order")
        tombstone = tombstone_of(archive, CLIP.sha256)
        assert tombstone is not None
        assert (tombstone.reference_id, tombstone.reason) == ("clip", "a court order")
        assert tombstone_of(archive, "0" * 64) is None
    assert sorted(path.name for path in folder.rglob("*")) == [CATALOGUE_NAME, MEDIA_NAME, PROXIES_NAME]
    left = (folder / CATALOGUE_NAME).read_bytes()
    codes = fingerprints["pdq"].codes.tobytes()
    for gone in (b"must go", b"A better title", codes, codes[-64:], features_of(7).codes.tobytes()[:64]):
        assert gone not in left


def test_copies_of_what_is_forgotten_are_known_again(folder: Path):
    with Archive.open(folder) as archive:
        see_again(archive, "clip", Sighting(date="2020", sha256="cd" * 32))
        forget(archive, "clip", "a court order")
        for sha256 in (CLIP.sha256, "cd" * 32):
            assert tombstone_of(archive, sha256) is not None


def test_what_is_retracted_is_not_counted_as_searched(tmp_path: Path):
    with Archive.open(filled(tmp_path / "archive", "a", "b")) as archive:
        whole = archive.snapshot()
        retract(archive, "a", "x")
        half = archive.snapshot()
        assert (whole.reference_count, half.reference_count) == (2, 1)
        assert (half.frame_count, half.duration_s) == (whole.frame_count // 2, whole.duration_s / 2)


def test_a_file_that_another_reference_has_too_stays(tmp_path: Path):
    folder = filled(tmp_path / "archive", "other")
    with Archive.open(folder) as archive:
        for name, seed in (("clip", 5), ("twin", 6)):
            sha256 = f"{seed:064x}"
            made = replace(CLIP, id=name, sha256=sha256)
            archive.add(made, reference_of(Film(seed, 3.0), 3.0), (), features_of(seed), proxy_in(tmp_path))
        forget(archive, "clip", "x")
        assert archive.proxy_path("twin") is not None
