"""The page on paper: everything that matters is on it, and no figure is cut."""

from __future__ import annotations

import base64
import io
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.browser.long_samples import build_long_report
from tests.browser.page import Opened
from tests.unit.explained_samples import build_full_report
from tests.unit.report_samples import picture
from verify.model import Report, ShotView

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = pytest.mark.browser

# A4 at 96 dots an inch, less the margins of the page.
PAPER_PX = round((210 - 2 * 14) / 25.4 * 96)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    made = build_full_report(tmp_path)
    views = tuple(
        ShotView(shot=number, picture=picture(tmp_path, f"shot-{number}.jpg", shot.interval.start_s, number))
        for number, shot in enumerate(made.shots, 1)
    )
    return replace(made, shot_views=views)


def printed(page: Opened) -> bytes:
    answer = page.command("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)
    return base64.b64decode(answer["data"])


def test_what_is_printed_holds_all_that_the_page_says(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf", reason="needs pypdf: pip install pypdf")
    page = Opened(driver, report, tmp_path)
    page.run("document.querySelector('[data-zoom=in]').click()")
    pages = [sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(printed(page))).pages]
    text = plain("".join(pages))
    expected = [
        report.release.title,
        report.answer,
        "47.0 of 62 seconds 75%",
        *(entry.finding.limits for entry in report.matches),
        *(entry.finding.basis for entry in report.matches),
        *report.limits,
        *(claim.statement for claim in report.claims),
        *(file.sha256 for file in report.evidence.files),
        *(span.reason for span in report.coverage),
        "verify evidence check FOLDER",
        "acquisition started",
        "Glossary",
    ]
    assert [words for words in expected if plain(words) not in text] == []
    assert "Whole release" not in "".join(pages)
    assert plain(report.answer) in plain(pages[0])
    assert 5 < len(pages) < 40
    assert width_is_whole(page), "the timeline is printed whole, however wide it was on the screen"
    assert page.complaints() == []


def plain(text: str) -> str:
    """Take the white space out of a text and the ligatures apart: what a PDF keeps of a text."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def width_is_whole(page: Opened) -> bool:
    return bool(page.run("document.querySelector('.wide').style.width === ''"))


def test_figures_are_neither_cut_nor_wider_than_the_paper(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path)
    page.set_colours("light", "print")
    page.set_width(PAPER_PX)
    assert page.run("document.documentElement.scrollWidth") <= PAPER_PX
    tall = page.run(
        "Array.from(document.querySelectorAll('.explanation figure, .pair, .moment, .timeline, .shots > li, .claim'))"
        ".map(e => [e.className, getComputedStyle(e).breakInside, e.getBoundingClientRect().height])"
    )
    assert len(tall) > 20
    sheet_px = (297 - 2 * 16) / 25.4 * 96
    assert [figure for figure in tall if figure[1] != "avoid" or figure[2] > sheet_px] == []


def test_closed_parts_are_opened_for_paper_but_for_the_long_ones(
    driver: WebDriver, report: Report, tmp_path: Path
) -> None:
    many = report.coverage * 4
    page = Opened(driver, replace(report, coverage=many), tmp_path)
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    closed = page.run("Array.from(document.querySelectorAll('details:not([open])')).map(e => e.className)")
    assert closed == ["long"]
    page.run("window.dispatchEvent(new Event('afterprint'))")
    assert page.run("document.querySelectorAll('details:not([open])').length") > 5


@pytest.mark.parametrize(("count", "on_screen"), [(5, "visible"), (150, "auto")])
def test_all_matches_are_on_paper_and_few_in_any_picture_of_the_page(
    driver: WebDriver, tmp_path: Path, count: int, on_screen: str
) -> None:
    page = Opened(driver, build_long_report(tmp_path, count, 600), tmp_path)
    kinds = "Array.from(document.querySelectorAll('.match')).map(e => getComputedStyle(e).contentVisibility)"
    assert page.run(kinds) == [on_screen] * count
    page.set_colours("light", "print")
    assert page.run(kinds) == ["visible"] * count
