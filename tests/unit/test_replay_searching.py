"""Which references of an earlier state of an archive can be searched as they were then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.archive_samples import features_of
from tests.unit.fingerprint_samples import Film, reference_of
from verify.archive.changes import amend, forget, restore, retract, see_again
from verify.archive.store import Archive
from verify.archive.transfer import copy_reference
from verify.errors import ArchiveDamagedError, InvalidUsageError
from verify.model import Reference, Sighting
from verify.replay.searching import Searchable, Unusable, opened, searchable, usable_releases

CLIP = Reference(id="a", title="A title", first_seen="2021-03", sha256="ab" * 32, duration_s=3.0)


def add(archive: Archive, *names: str, seed: int = 0) -> None:
    for name in names:
        number = seed or ord(name[0])
        archive.add(
            replace(CLIP, id=name, sha256=f"{number:064x}"),
            reference_of(Film(number, 3.0), 3.0),
            [],
            features_of(number),
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "archive"
    with Archive.create_or_open(path) as archive:
        add(archive, "a", "b", "c")
    return path


def snapshot(archive: Archive) -> str:
    return archive.snapshot().snapshot_id


def found(archive: Archive, snapshot_id: str) -> Searchable:
    return searchable(archive, snapshot_id, None)


def test_the_present_state(folder: Path):
    with Archive.open(folder) as archive:
        retract(archive, "b", "x")
        told = found(archive, snapshot(archive))
    assert (told.reference_ids, told.unusable, told.is_current) == (("a", "c"), (), True)


def test_words_that_changed_since_change_nothing(folder: Path):
    with Archive.open(folder) as archive:
        then = snapshot(archive)
        amend(archive, "a", {"title": "Another"}, "x")
        see_again(archive, "b", Sighting(date="2019"))
        told = found(archive, then)
        assert (told.reference_ids, told.unusable, told.is_current) == (("a", "b", "c"), (), True)
        retract(archive, "a", "x")
        amend(archive, "a", {"title": "A third"}, "x")
        told = found(archive, then)
        assert (told.reference_ids, told.unusable, told.is_current) == (("a", "b", "c"), (), False)


def test_what_came_later_is_not_searched(folder: Path):
    with Archive.open(folder) as archive:
        then = snapshot(archive)
        add(archive, "d")
        told = found(archive, then)
    assert (told.reference_ids, told.unusable, told.is_current) == (("a", "b", "c"), (), False)


def test_what_was_retracted_then_is_not_searched(folder: Path):
    with Archive.open(folder) as archive:
        retract(archive, "a", "x")
        retract(archive, "b", "x")
        then = snapshot(archive)
        restore(archive, "a", "y")
        amend(archive, "b", {"title": "Another"}, "x")
        told = found(archive, then)
    assert (told.reference_ids, told.unusable) == (("c",), ())


def test_what_was_archived_as_retracted_is_not_searched(folder: Path, tmp_path: Path):
    with Archive.open(folder) as archive, Archive.create_or_open(tmp_path / "copy") as copy:
        retract(archive, "a", "x")
        for name in ("a", "b"):
            copy_reference(archive, copy, name, parts=("local_features",))
        then = snapshot(copy)
        amend(copy, "a", {"title": "Another"}, "x")
        assert found(copy, then).reference_ids == ("b",)
        restore(copy, "a", "y")
        assert found(copy, then).reference_ids == ("b",)


def test_what_was_forgotten_cannot_be_searched(folder: Path):
    with Archive.open(folder) as archive:
        then = snapshot(archive)
        forget(archive, "b", "a judge")
        told = found(archive, then)
        assert told.reference_ids == ("a", "c")
        (gone,) = told.unusable
        assert gone.reference_id == "b"
        assert gone.why.startswith("it was forgotten on ")
        assert gone.why.endswith(" (a judge)")
        assert told.is_current, "as it is, the archive searches the others"
        add(archive, "b", seed=99)
        assert found(archive, then).unusable == (gone,), "another video of that id is another reference"


def test_a_retracted_one_that_was_forgotten_was_not_searched_anyway(folder: Path):
    with Archive.open(folder) as archive:
        retract(archive, "b", "x")
        then = snapshot(archive)
        forget(archive, "b", "a judge")
        assert found(archive, then).unusable == ()


def test_a_state_that_the_archive_came_back_to(folder: Path):
    with Archive.open(folder) as archive:
        then = snapshot(archive)
        retract(archive, "a", "x")
        assert found(archive, then).reference_ids == ("a", "b", "c")
        restore(archive, "a", "y")
        assert snapshot(archive) == then
        add(archive, "d")
        told = found(archive, then)
    assert (told.reference_ids, told.unusable) == (("a", "b", "c"), ())


def test_what_was_changed_beside_the_log_is_not_taken(folder: Path):
    with Archive.open(folder) as archive:
        then = snapshot(archive)
        add(archive, "d")
        archive.connection.execute("UPDATE reference SET digest = ? WHERE id = 'a'", ("0" * 64,))
        told = found(archive, then)
    why = "the archive holds another state of it than its log tells"
    assert told.unusable == (Unusable(reference_id="a", why=why),)


def test_another_archive_s_state(folder: Path):
    with Archive.open(folder) as archive, pytest.raises(InvalidUsageError, match=f"never was in the state {'f' * 64}"):
        found(archive, "f" * 64)


def test_a_log_that_leads_elsewhere_is_damage(folder: Path):
    with Archive.open(folder) as archive:
        then = snapshot(archive)
        add(archive, "d")
        archive.connection.execute("UPDATE log SET digest = ? WHERE reference_id = 'a'", ("0" * 64,))
        with pytest.raises(ArchiveDamagedError, match="the log does not lead"):
            found(archive, then)


def test_just_these_are_loaded(folder: Path):
    with Archive.open(folder) as archive:
        then = snapshot(archive)
        add(archive, "d")
        forget(archive, "b", "x")
    with opened(folder, then, None) as (library, told):
        assert library is not None
        assert set(library.references) == set(told.reference_ids) == {"a", "c"}
    with Archive.open(folder) as archive:
        for name in ("a", "c"):
            forget(archive, name, "x")
    with opened(folder, then, None) as (library, told):
        assert (library, len(told.unusable)) == (None, 3)


def test_releases_that_were_changed_or_forgotten_since(folder: Path):
    with Archive.open(folder) as archive:
        retract(archive, "a", "a mistake")
        forget(archive, "b", "a judge")
        usable, unusable = usable_releases(archive, ["c", "a", "b", "a", "never"], "2020-01-01T00:00:00Z")
        assert usable == []
        assert [each.reference_id for each in unusable] == ["a", "b", "c", "never"]
        assert "added on" in unusable[0].why
        usable, unusable = usable_releases(archive, ["c", "a", "b"], "2999-01-01T00:00:00Z")
        assert usable == ["a", "c"]
        assert [each.why for each in unusable] == ["the archive does not have it"]
