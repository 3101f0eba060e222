"""The table of references: read whole, every bad row and column named, nothing let through."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from verify.archive.manifest import COLUMNS, read_manifest
from verify.errors import InvalidUsageError
from verify.model import ReferenceKind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    for name in ("a.mp4", "b.mp4", "c, quoted.mp4"):
        (tmp_path / "clips" / name).write_bytes(b"x")
    return tmp_path


def write(folder: Path, text: str | bytes, name: str = "refs.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(folder: Path, text: str | bytes) -> str:
    with pytest.raises(InvalidUsageError) as caught:
        read_manifest(write(folder, text))
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_rows_become_references(folder: Path):
    text = (
        "id,source,title,publisher,first_seen,first_seen_basis,kind,licence,event,notes,source_url\n"
        'one,clips/a.mp4,"A title, with comma",Agency,2021-03-14,caption,news,CC0,"flood ""2021""",n,https://example.org/1\n'
        "two,https://example.org/v/b.mp4,,,2015,,game,,,,\n"
    )
    one, two = read_manifest(write(folder, text))
    assert one.source == str(folder / "clips" / "a.mp4")
    assert (one.reference.id, one.reference.title, one.reference.kind) == ("one", "A title, with comma", "news")
    assert (one.reference.event, one.reference.source_url) == ('flood "2021"', "https://example.org/1")
    assert (one.reference.first_seen, one.reference.first_seen_basis) == ("2021-03-14", "caption")
    assert (two.source, two.reference.source_url) == ("https://example.org/v/b.mp4", "https://example.org/v/b.mp4")
    assert two.reference.kind is ReferenceKind.GAME


def test_only_source_is_needed(folder: Path):
    rows = read_manifest(write(folder, "source\nclips/a.mp4\nhttps://example.org/watch?v=1\n"))
    assert [row.reference.id for row in rows] == ["a", "https-example.org-watch-v-1"]
    assert rows[0].reference.kind is ReferenceKind.OTHER


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_spreadsheets_write_it_too(folder: Path, mark: str, ending: str):
    text = mark + ending.join(["id,source,title", 'x,"clips/c, quoted.mp4","two\nlines"', ""])
    (row,) = read_manifest(write(folder, text))
    assert (row.reference.id, row.reference.title) == ("x", "two\nlines")
    assert row.source.endswith("c, quoted.mp4")


def test_columns_in_any_order_and_cells_with_spaces(folder: Path):
    (row,) = read_manifest(write(folder, "kind, x\n".replace(" x", "source") + " news , clips/a.mp4 \n"))
    assert (row.reference.kind, row.reference.id) == (ReferenceKind.NEWS, "a")


def test_sources_are_relative_to_the_manifest(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir("/")
    (folder / "tables").mkdir()
    absolute = folder / "clips" / "b.mp4"
    path = write(folder / "tables", f"source\n../clips/a.mp4\n{absolute}\n")
    rows = read_manifest(path)
    assert [Path(row.source).resolve() for row in rows] == [(folder / "clips" / "a.mp4").resolve(), absolute.resolve()]


def test_every_bad_row_and_column_is_named(folder: Path):
    text = (
        "id,source,first_seen,kind,source_url\n"
        "ok,clips/a.mp4,2021,news,\n"
        "a b,clips/a.mp4,,,\n"
        "n1,clips/missing.mp4,,,\n"
        "n2,,,,\n"
        "n3,clips/a.mp4,soon,,\n"
        "n4,clips/a.mp4,,propaganda,\n"
        "n5,clips/a.mp4,,,nowhere\n"
        "n6,clips/a.mp4,,\n"
        "n7,clips/a.mp4,,,,,\n"
        "ok,clips/b.mp4,,,\n"
        "n8,ftp://example.org/a.mp4,,,\n"
    )
    message = refused(folder, text)
    for words in (
        "line 3, column id: 'a b' is no id",
        "line 4, column source: there is no file 'clips/missing.mp4'",
        "line 5, column source: is empty",
        "line 6, column first_seen: 'soon' is not a date",
        "line 7, column kind: 'propaganda' is none of",
        "line 8, column source_url: 'nowhere' is no http",
        "line 9, column (all): the row has not as many fields",
        "line 10, column (all): the row has not as many fields",
        "line 11, column id: 'ok' is also the id of line 2",
        "line 12, column source: 'ftp://example.org/a.mp4' is neither",
        "Nothing was added.",
    ):
        assert words in message
    assert "line 2," not in message


def test_ids_made_of_names_clash_too(folder: Path):
    (folder / "a.mov").write_bytes(b"x")
    assert "'a' is also the id of line 2" in refused(folder, "source\nclips/a.mp4\na.mov\n")


def test_long_cells_and_names_are_problems_of_their_row(folder: Path):
    message = refused(folder, f"source,title\nclips/a.mp4,{'t' * 4001}\n{'n' * 3000},x\nnul\0name,x\n")
    assert "line 2, column title: more than 4000 characters" in message
    assert "line 3, column source: there is no file" in message
    assert "line 4, column source: there is no file" in message


def test_number_of_named_problems_is_bounded(folder: Path):
    message = refused(folder, "source\n" + "missing.mp4\n" * 200)
    assert message.count("column source") == 50
    assert "... and 150 more" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'source'"),
        ("title,kind\nx,news\n", "no column 'source'"),
        ("source,colour,size\n", "an unknown column 'colour', an unknown column 'size'"),
        ("source,source\n", "a column twice"),
        ("source;title\nclips/a.mp4;x\n", "no column 'source'"),
        ("source\n", "it has no rows"),
        ("source\n\n\n", "it has no rows"),
        (b"\xff\xfes\x00o\x00", "is no CSV text in UTF-8"),
        (b"source\ncaf\xe9.mp4\n", "is no CSV text in UTF-8"),
        ('source\n"clips/a.mp4\n', "is no CSV text in UTF-8"),
        ('source\n"clips"/a.mp4\n', "is no CSV text in UTF-8"),
        ("source\n" + "x" * 200_000 + "\n", "is no CSV text in UTF-8"),
    ],
)
def test_table_that_is_none(folder: Path, text: str | bytes, words: str):
    message = refused(folder, text)
    assert words in message
    assert "refs.csv" in message


def test_header_problems_list_the_columns(folder: Path):
    assert ",".join(COLUMNS) in refused(folder, "name\n")


def test_manifest_that_cannot_be_opened(folder: Path):
    with pytest.raises(InvalidUsageError, match="cannot be read"):
        read_manifest(folder / "nothing.csv")
    with pytest.raises(InvalidUsageError, match="cannot be read"):
        read_manifest(folder)


def test_table_of_too_many_rows(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("verify.archive.manifest._MAX_ROWS", 3)
    assert "it has more than 3 rows" in refused(folder, "source\n" + "clips/a.mp4\n" * 4)


def test_ten_thousand_rows_take_no_time(folder: Path):
    rows = "".join(f"id-{number},clips/a.mp4,Title {number},2021-03-14,news\n" for number in range(10_000))
    path = write(folder, "id,source,title,first_seen,kind\n" + rows)
    start = time.perf_counter()
    assert len(read_manifest(path)) == 10_000
    assert time.perf_counter() - start < 5
