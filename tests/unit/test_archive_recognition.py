"""What is known of a video before it is examined, and what its page says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.archive_samples import features_of
from verify.acquire.options import AcquisitionOptions
from verify.archive import changes
from verify.archive.addresses import kept_address, tells_apart
from verify.archive.linking import Examined, examined_in, linked_to
from verify.archive.metadata import name_in_url, numbered_apart, reference_from
from verify.archive.obtaining import PAGE_BASIS, PLATFORM_BASIS, obtained, temporary_folder, with_page_facts
from verify.archive.recognition import (
    Recognition,
    check_addable,
    recognised_as_copy,
    recognised_by_address,
    recognised_by_bytes,
    sighting_of,
    tell_again,
)
from verify.archive.store import Archive
from verify.errors import InvalidUsageError, OutputNotWritableError
from verify.model import Acquisition, Reference, SightingSource, SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://example.org/clip"
KNOWN = Reference(id="known", sha256="a" * 64, source_url=URL, first_seen="2020", first_seen_basis="caption")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.create_or_open(tmp_path / "archive") as opened:
        opened.add(KNOWN, {}, [], features_of(1))
        yield opened


def acquisition(**facts: str) -> Acquisition:
    return Acquisition(
        source=URL, is_local_file=False, started_utc="", finished_utc="", tool_versions={}, files=(), **facts
    )


# --- recognising -----------------------------------------------------------------------------------------------------


def test_an_address_is_recognised(archive: Archive):
    found = recognised_by_address(archive, Reference(id="x", source_url=URL), URL)
    assert found is not None
    assert (found.reference.id, found.recognised, found.sighting_added) == ("known", Recognition.ADDRESS, False)
    assert found.already_there
    for other in ("https://example.org/other", "/a/file.mp4", URL + "?token=abcdefgh"):
        assert recognised_by_address(archive, Reference(id="x"), other) is None


def test_the_address_of_a_sighting_is_recognised(archive: Archive):
    told = Reference(id="x", sha256="b" * 64, source_url="https://example.org/copy", first_seen="2021")
    copy = recognised_as_copy(archive, told, "b" * 64, "known")
    assert (copy.recognised, copy.sighting_added) == (Recognition.COPY, True)
    found = recognised_by_address(archive, told, "https://example.org/copy")
    assert found is not None
    assert not found.sighting_added
    by_bytes = recognised_by_bytes(archive, Reference(id="x"), "b" * 64)
    assert by_bytes is not None
    assert by_bytes.reference.id == "known"
    assert recognised_by_bytes(archive, Reference(id="x"), "c" * 64) is None


def test_a_copy_of_what_is_not_there(archive: Archive):
    with pytest.raises(InvalidUsageError, match="has no such reference"):
        recognised_as_copy(archive, Reference(id="x"), "b" * 64, "nothing")


@pytest.mark.parametrize(
    ("told", "is_new"),
    [
        ({}, False),
        ({"first_seen": "2020", "first_seen_basis": "caption"}, False),
        ({"first_seen": "2020", "first_seen_basis": "caption", "source_url": URL}, False),
        ({"source_url": URL}, False),
        ({"first_seen": "2020"}, True),
        ({"first_seen": "2019", "first_seen_basis": "caption"}, True),
        ({"source_url": "https://example.org/elsewhere"}, True),
        ({"first_seen": "2020", "first_seen_basis": "caption", "first_seen_url": "https://example.org/log"}, True),
        ({"first_seen": "2020", "first_seen_basis": "caption", "first_seen_source": SightingSource.STATEMENT}, True),
    ],
)
def test_what_is_new_becomes_a_sighting(told: dict[str, str], is_new: bool, archive: Archive):
    sighting = sighting_of(replace(Reference(id="x"), **told))
    present = archive.reference("known")
    assert present is not None
    assert tell_again(archive, present, sighting) is is_new
    assert len(archive.sightings("known")) == 1 + is_new
    assert not tell_again(archive, present, sighting)


def test_texts_of_before_an_amendment_are_not_told_again(archive: Archive):
    told = sighting_of(KNOWN)
    changes.amend(archive, "known", {"basis": "caption, read again", "source": "statement"}, "checked")
    changes.amend(archive, "known", {"date": "2022"}, "misread")
    present = archive.reference("known")
    assert present is not None
    assert not tell_again(archive, present, told)
    assert tell_again(archive, present, replace(told, date="2018"))


def test_what_may_be_added(archive: Archive):
    check_addable(archive, Reference(id="new"), "new.mp4", "b" * 64, forgotten_too=False)
    with pytest.raises(InvalidUsageError, match="another video under this id, so new"):
        check_addable(archive, Reference(id="known"), "new.mp4", "b" * 64, forgotten_too=False)
    changes.forget(archive, "known", "by law")
    with pytest.raises(InvalidUsageError, match=r"forgotten on .* when it was known \(reason: by law\)"):
        check_addable(archive, Reference(id="new"), "new.mp4", "a" * 64, forgotten_too=False)
    check_addable(archive, Reference(id="new"), "new.mp4", "a" * 64, forgotten_too=True)


def test_only_a_rule_links(archive: Archive):
    examined = Examined(sha256="b" * 64, duration_s=1.0, fingerprints={})
    assert linked_to(archive, examined, None) is None
    assert linked_to(archive, examined, lambda _, found: found.sha256[:1]) == "b"
    with pytest.raises(ValueError, match="no reference 'nothing'"):
        examined_in(archive, "nothing")
    assert examined_in(archive, "known").sha256 == "a" * 64


# --- addresses and names ---------------------------------------------------------------------------------------------


def test_secrets_of_an_address_are_not_kept():
    assert kept_address("https://user:word@example.org/v?v=1&token=abc") == "https://example.org/v?v=1&token=REMOVED"
    assert tells_apart("https://user:word@example.org/watch?v=1")
    assert not tells_apart("https://example.org/v?token=abc")
    assert tells_apart("https://example.org/REMOVED")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/a/clip.mp4", "clip"),
        ("https://example.org/a/clip.mp4?x=1#t", "clip"),
        ("https://example.org/watch?v=dQw4w9WgXcQ&t=3", "dQw4w9WgXcQ"),
        ("https://example.org/watch?v=&t=3", "watch"),
        ("https://example.org/12345/", "12345"),
        ("https://example.org/.hidden", ".hidden"),
    ],
)
def test_what_names_a_video_in_its_address(url: str, name: str):
    assert name_in_url(url) == name


def test_numbers_tell_names_apart():
    assert numbered_apart("clip", set()) == "clip"
    assert numbered_apart("clip", {"clip", "clip-2"}) == "clip-3"
    long = "x" * 100
    assert numbered_apart(long, {long}) == "x" * 98 + "-2"


def test_moments_are_kept_in_utc():
    told = reference_from(
        reference_id="a", kind="", first_seen="2021-03-14T08:30:00+01:00", texts={}, source_url="",
        first_seen_source="archived-page", first_seen_url=URL,
    )  # fmt: skip
    assert (told.first_seen, told.first_seen_source) == ("2021-03-14T07:30:00Z", SightingSource.ARCHIVED_PAGE)


# --- what a page says ------------------------------------------------------------------------------------------------


def test_a_page_completes_what_is_told():
    told = with_page_facts(
        Reference(id="x", source_url=URL),
        acquisition(title="T\x1b" + "t" * 900, publisher="P" * 900, published="2021-03-14", extractor="Youtube"),
    )
    assert len(told.title) <= 500
    assert len(told.publisher) <= 200
    assert (told.first_seen, told.first_seen_source) == ("2021-03-14", SightingSource.PLATFORM)
    assert (told.first_seen_basis, told.first_seen_url) == (PLATFORM_BASIS, URL)


def test_what_the_archivist_says_stays():
    own = Reference(id="x", title="Mine", publisher="Me", first_seen="2019", source_url=URL)
    assert with_page_facts(own, acquisition(title="T", publisher="P", published="2021-03-14")) == own


def test_pages_without_a_usable_date():
    for published in ({}, {"published": "yesterday"}):
        assert with_page_facts(Reference(id="x"), acquisition(**published)).first_seen == ""
    told = with_page_facts(Reference(id="x"), acquisition(published="2021-03-14", extractor="generic"))
    assert told.first_seen_basis == PAGE_BASIS


def test_a_file_is_taken_where_it_lies(tmp_path: Path):
    given = Reference(id="x")
    with obtained(str(tmp_path / "a.mp4"), given, AcquisitionOptions(), SilentProgress()) as (path, told):
        assert (path, told) == (tmp_path / "a.mp4", given)


def test_no_room_for_temporary_files(tmp_path: Path):
    with pytest.raises(OutputNotWritableError, match="no folder can be made"), temporary_folder(tmp_path / "none"):
        pass
