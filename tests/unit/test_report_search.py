"""search.html: stills, upload pages and text searches, with nothing that acts and nothing that is sent unasked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.form_samples import (
    HOSTILE,
    MATCH_COUNTS,
    drawn_views,
    hostile_report,
    read,
    report_of,
    report_with_views,
)
from tests.unit.report_page import Page
from tests.unit.report_samples import build_report
from verify.errors import InvalidUsageError
from verify.model import Report, ShotView
from verify.report.forms import FORMS
from verify.report.options import RenderOptions
from verify.report.search_page import PICTURE_ENGINES, TEXT_ENGINES, render_search_page

ENGINE_HOSTS = {urlsplit(engine.address).hostname for engine in (*PICTURE_ENGINES, *TEXT_ENGINES)}

KNOWN_TAGS = frozenset(
    {"html", "head", "meta", "link", "title", "style", "body", "main", "p", "code", "h1", "h2", "bdi", "div", "strong"}
    | {"section", "ol", "ul", "li", "a", "img", "br", "span"}
)


def page_of(report: Report, folder: Path, options: RenderOptions = RenderOptions()) -> Page:  # noqa: B008
    return Page(render_search_page(report, folder, options).content.decode("utf-8"))


def links(page: Page) -> list[str]:
    return [anchor["href"] for anchor in page.all("a")]


def queries(page: Page) -> list[str]:
    """What the page's links ask Google for."""
    return [parse_qs(urlsplit(link).query)["q"][0] for link in links(page) if "www.google.com" in link]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return drawn_views(tmp_path, build_report(tmp_path))


def test_every_still_is_shown_with_its_file_and_the_upload_pages(tmp_path: Path, report: Report) -> None:
    page = page_of(report, tmp_path)
    shown = [image["src"] for image in page.all("img")]
    assert shown == [f"./frames/still-{number:04d}.jpg" for number in range(1, 12)]
    assert all((tmp_path / source).is_file() for source in shown)
    assert "Shot 4, 0:14.25 - 0:17.50" in page.words()
    assert "frames/still-0004.jpg" in page.words()
    for engine in PICTURE_ENGINES:
        assert links(page).count(engine.address) == 12
        assert engine.company in page.words()


def test_the_page_says_what_uploading_does(tmp_path: Path, report: Report) -> None:
    words = page_of(report, tmp_path).words()
    assert "Uploading a picture sends it to the company that runs the search engine" in words
    assert "A link cannot carry a file from your disk." in words
    assert "Nothing is sent before you follow a link or upload a file" in words


def test_no_link_carries_a_picture_and_none_tells_where_it_came_from(tmp_path: Path, report: Report) -> None:
    for anchor in page_of(report, tmp_path).all("a"):
        assert {"noopener", "noreferrer"} <= set(anchor["rel"].split())
        if not anchor["href"].startswith("./frames/"):
            assert "frames" not in anchor["href"]
            assert "still" not in anchor["href"]


def test_nothing_can_run_or_be_fetched_from_elsewhere(tmp_path: Path, report: Report) -> None:
    page = page_of(report, tmp_path)
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert list(page.all("script")) == []
    assert next(meta["content"] for meta in page.all("meta") if meta.get("name") == "referrer") == "no-referrer"


def test_title_and_texts_can_be_searched_for(tmp_path: Path, report: Report) -> None:
    page = page_of(report, tmp_path)
    assert queries(page) == [report.release.title, *(f"Caption {number}" for number in range(1, 12, 2))]
    assert "Read in the picture by a machine, and often wrong" in page.words()
    assert page.words().count("No text was read in this picture.") == 5
    silent = page_of(replace(report, texts_read=False), tmp_path)
    assert "No text was read" not in silent.words()


def test_many_texts_in_one_picture_are_bounded(tmp_path: Path, report: Report) -> None:
    view = replace(report.shot_views[0], texts=tuple(read(f"line {number}") for number in range(50)))
    page = page_of(replace(report, shot_views=(view,)), tmp_path)
    assert len(queries(page)) == 1 + 12


def test_the_internet_archive_is_linked_for_public_pages(tmp_path: Path, report: Report) -> None:
    assert [link for link in links(page_of(report, tmp_path)) if "web.archive.org" in link] == [
        "https://web.archive.org/web/*/https://releases.example/statement-17.html",
        "https://web.archive.org/web/*/https://media.releases.example/statement-17.mp4",
        "https://web.archive.org/web/*/https://releases.example/about",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "/home/someone/clip.mp4", "http://127.0.0.1:8000/a", "http://192.168.1.4/a", "http://[::1]/a", "http://intranet/a",
        "http://nas.local/a", "https://user:secret@videos.example/a", "javascript:alert(1)", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_what_is_no_public_page_is_not_linked(tmp_path: Path, report: Report, source: str) -> None:
    release = replace(report.release, source=source, final_url=None, publisher_url=None)
    page = page_of(replace(report, release=release), tmp_path)
    assert not any("web.archive.org" in link for link in links(page))


def test_a_fragment_is_not_part_of_an_archived_address(tmp_path: Path, report: Report) -> None:
    release = replace(report.release, source="https://a.example/x?v=1#t=3", final_url=None, publisher_url=None)
    page = page_of(replace(report, release=release), tmp_path)
    assert "https://web.archive.org/web/*/https://a.example/x?v=1" in links(page)


def test_blurred_pictures_wait_for_a_click(tmp_path: Path, report: Report) -> None:
    plain, blurred = page_of(report, tmp_path), page_of(report, tmp_path, RenderOptions(is_blurred=True))
    assert list(plain.all("input")) == []
    boxes = [box for box in blurred.all("input") if box["type"] == "checkbox"]
    assert len(boxes) == 11
    assert all("checked" not in box for box in boxes)
    assert [label["for"] for label in blurred.all("label")] == [box["id"] for box in boxes]
    assert sum(block.get("class") == "blurred" for block in blurred.all("div")) == 11


def test_without_pictures_only_times_and_texts_are_listed(tmp_path: Path, report: Report) -> None:
    page = page_of(report, tmp_path, RenderOptions(has_pictures=False))
    assert list(page.all("img")) == []
    assert "Pictures are left out of this report." in page.words()
    assert "Shot 4, 0:14.25 - 0:17.50" in page.words()
    assert "Caption 3" in page.words()


def test_a_missing_still_is_named_as_missing(tmp_path: Path, report: Report) -> None:
    (tmp_path / "frames" / "still-0002.jpg").unlink()
    page = page_of(report, tmp_path)
    assert len(list(page.all("img"))) == 10
    assert page.words().count("This picture is not available.") == 1


def with_still(report: Report, path: str) -> Report:
    first = report.shot_views[0]
    assert first.still is not None
    view: ShotView = replace(first, still=replace(first.still, path=path))
    return replace(report, shot_views=(view,))


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, report: Report) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "x.jpg").write_bytes(b"x")
    with pytest.raises(InvalidUsageError, match="leads out of the report folder"):
        render_search_page(with_still(report, "../x.jpg"), tmp_path / "folder", RenderOptions())


@pytest.mark.parametrize("name", ["javascript:alert(1)", 'a" onload="x', "a b#c?d", "<b>.jpg", "//evil.example"])
def test_an_odd_file_name_stays_a_file_name(tmp_path: Path, report: Report, name: str) -> None:
    made = tmp_path / name.lstrip("/")
    made.write_bytes(b"x")
    page = page_of(with_still(report, name.lstrip("/")), tmp_path)
    (image,) = page.all("img")
    assert image["src"].startswith("./")
    assert set(image) == {"src", "loading", "width", "height", "alt"}
    assert not set(image["src"]) & set(":\"'<># ?")


def test_shots_without_stills_are_not_listed(tmp_path: Path, report: Report) -> None:
    views = tuple(replace(view, still=None) for view in report.shot_views)
    page = page_of(replace(report, shot_views=views), tmp_path)
    assert "This report has no stills." in page.words()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_act_nowhere(tmp_path: Path, name: str) -> None:
    text = HOSTILE[name]
    report = drawn_views(tmp_path, hostile_report(tmp_path, text))
    view = replace(report.shot_views[0], texts=(read(text),))
    report = replace(report, shot_views=(view, *report.shot_views[1:]))
    page = page_of(report, tmp_path)
    assert {tag for tag, _ in page.tags} <= KNOWN_TAGS
    assert not any(attribute.startswith("on") for _, attributes in page.tags for attribute in attributes)
    assert not set("\u202e\x00\x1b") & set(page.text)
    for link in links(page):
        assert link.startswith("./frames/") or urlsplit(link).hostname in ENGINE_HOSTS
        assert len(link) < 2000
        assert link.isascii()
    assert len(render_search_page(report, tmp_path, RenderOptions()).content) < 60_000


@pytest.mark.parametrize("count", MATCH_COUNTS)
def test_equal_reports_give_equal_bytes(tmp_path: Path, count: int) -> None:
    report = report_with_views(report_of(tmp_path, count))
    one, other = (render_search_page(report, tmp_path, RenderOptions()) for _ in range(2))
    assert one == other
    assert one.notes == ()


def test_the_form_is_registered(tmp_path: Path, report: Report) -> None:
    assert FORMS["search"].file_name == "search.html"
    made = FORMS["search"].render(report, tmp_path, RenderOptions())
    assert made == render_search_page(report, tmp_path, RenderOptions())
