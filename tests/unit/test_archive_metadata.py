"""What an archivist states of a reference: ids, kinds, dates, links."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.archive.metadata import BadCellError, check_id, id_from_name, is_url, reference_from
from verify.model import Reference, ReferenceKind


@pytest.mark.parametrize("text", ["a", "A1", "2021_clip-3.part", "x" * 100])
def test_what_can_be_an_id(text: str):
    assert check_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", ".a", "_a", "a b", "a/b", "../a", "a\n", "é", "٣", "x" * 101, "a\x00", "a\\b", "<b>"]
)
def test_what_cannot_be_an_id(text: str):
    with pytest.raises(ValueError, match="is no id"):
        check_id(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clip", "clip"),
        ("My clip (final)", "My-clip-final"),
        ("  -x- ", "x"),
        ("../../etc/passwd", "etc-passwd"),
        ("فيلم", "reference-fda301ff"),
        ("", "reference"),
        ("a" * 300, "a" * 100),
    ],
)
def test_id_made_of_a_name(name: str, expected: str):
    assert id_from_name(name) == expected


@given(st.text())
def test_every_name_gives_an_id(name: str):
    assert check_id(id_from_name(name))


def reference(**changed: object) -> Reference:
    values: dict[str, object] = {"reference_id": "a", "kind": "", "first_seen": "", "texts": {}, "source_url": ""}
    return reference_from(**{**values, **changed})  # type: ignore[arg-type]


def test_reference_takes_all_it_is_told():
    texts = {name: f"the {name}" for name in ("title", "publisher", "first_seen_basis", "licence", "event", "notes")}
    found = reference(kind="game", first_seen="2015-07", texts=texts, source_url="https://example.org/v")
    assert found == Reference(
        id="a",
        kind=ReferenceKind.GAME,
        first_seen="2015-07",
        source_url="https://example.org/v",
        title="the title",
        publisher="the publisher",
        first_seen_basis="the first_seen_basis",
        licence="the licence",
        event="the event",
        notes="the notes",
    )


@pytest.mark.parametrize("kind", list(ReferenceKind))
def test_every_kind_is_known_by_its_name(kind: ReferenceKind):
    assert reference(kind=kind.value).kind is kind


def test_reference_of_nothing_but_an_id():
    assert reference() == Reference(id="a")


@pytest.mark.parametrize(
    ("changed", "column", "words"),
    [
        ({"reference_id": "a b"}, "id", "is no id"),
        ({"kind": "propaganda"}, "kind", "'propaganda' is none of news, official-release"),
        ({"kind": "News"}, "kind", "is none of"),
        ({"first_seen": "last year"}, "first_seen", "'last year' is not a date"),
        ({"first_seen": "2021-02-30"}, "first_seen", "day is out of range|day 30 must be"),
        ({"source_url": "javascript:alert(1)"}, "source_url", "is no http"),
        ({"source_url": "file:///etc/passwd"}, "source_url", "is no http"),
    ],
)
def test_bad_value_is_named_with_its_column(changed: dict[str, object], column: str, words: str):
    with pytest.raises(BadCellError, match=words) as caught:
        reference(**changed)
    assert caught.value.column == column


def test_addresses_and_paths():
    assert is_url("https://example.org/a.mp4")
    assert is_url("http://example.org/")
    assert not is_url("clips/a.mp4")
    assert not is_url("file:///a.mp4")
