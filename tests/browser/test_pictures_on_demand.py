"""Pictures that are blurred until they are asked for, by pointer and by keyboard, with and without script."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.browser.page import Opened
from tests.unit.explained_samples import build_full_report
from tests.unit.report_samples import picture
from verify.model import Report, ShotView
from verify.report.options import RenderOptions

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = pytest.mark.browser

BLURRED = RenderOptions(is_blurred=True)
TAB, SPACE = "\ue004", " "
PICTURES = "main img, .timeline image, main svg image[href^='data:image/jpeg']"
SHOWN = f"Array.from(document.querySelectorAll(`{PICTURES}`)).filter(e => getComputedStyle(e).filter === 'none')"


@pytest.fixture
def report(tmp_path: Path) -> Report:
    made = build_full_report(tmp_path)
    view = ShotView(shot=2, picture=picture(tmp_path, "shot-2.jpg", 7.0, 3))
    return replace(made, shot_views=(view,))


def shown_count(page: Opened) -> int:
    return int(page.run(f"{SHOWN}.length"))


def picture_count(page: Opened) -> int:
    return int(page.run(f"document.querySelectorAll(`{PICTURES}`).length"))


def test_every_picture_is_blurred_at_first(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path, BLURRED)
    assert picture_count(page) > 20
    assert shown_count(page) == 0
    assert page.run("document.querySelectorAll('.thumbs img').length") > 0, "the timeline shows some of them too"
    assert page.complaints() == []


def test_without_the_option_none_is(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path)
    assert shown_count(page) == picture_count(page) > 20


def test_a_click_shows_one_picture_and_hides_it_again(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path, BLURRED)
    first = driver.find_element("css selector", ".identity .veil")
    first.click()
    assert shown_count(page) == 1
    assert page.run(f"{SHOWN}[0].closest('.identity') !== null")
    first.click()
    assert shown_count(page) == 0


def test_the_keyboard_shows_one_picture(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path, BLURRED)
    page.run("document.querySelector('.identity .veil input').focus()")
    assert page.run("getComputedStyle(document.querySelector('.identity .veil')).outlineStyle") == "solid"
    driver.switch_to.active_element.send_keys(SPACE)
    assert shown_count(page) == 1


@pytest.mark.parametrize("scripted", [True, False])
def test_one_control_shows_all(driver: WebDriver, report: Report, tmp_path: Path, scripted: bool) -> None:
    page = Opened(driver, report, tmp_path, BLURRED, scripted=scripted)
    try:
        click_on(page, "#show-all")
        shown, count = shown_count(page), picture_count(page)
        click_on(page, "#show-all")
        assert shown == count > 20
        assert shown_count(page) == 0
        click_on(page, ".identity .veil")
        assert shown_count(page) == 1
    finally:
        page.command("Emulation.setScriptExecutionDisabled", value=False)


def click_on(page: Opened, selector: str) -> None:
    """Click as a reader does, without any script of the page or of the driver."""
    x, y = page.run(
        f"(() => {{ const b = document.querySelector('{selector}').getBoundingClientRect();"
        " return [b.left + b.width / 2, b.top + b.height / 2]; })()"
    )
    for event in ("mousePressed", "mouseReleased"):
        page.command("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)


def test_a_blurred_picture_cannot_be_made_out(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path, BLURRED)
    blur = page.run(
        "parseFloat(getComputedStyle(document.querySelector('.identity img')).filter.match(/blur\\(([\\d.]+)/)[1])"
    )
    width = page.run("document.querySelector('.identity img').getBoundingClientRect().width")
    assert blur > width / 16
    outside = page.run(
        "(() => { const v = document.querySelector('.identity .veil'); return getComputedStyle(v).overflow; })()"
    )
    assert outside == "hidden"


def test_print_shows_what_the_reader_sees(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path, BLURRED)
    page.set_colours("light", "print")
    assert shown_count(page) == 0
    driver.find_element("css selector", ".identity .veil").click()
    assert shown_count(page) == 1


def test_pictures_that_were_left_out_leave_words(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path, RenderOptions(is_blurred=True, has_pictures=False))
    assert page.run("document.querySelectorAll('main img').length") == 0
    assert page.texts(".identity .no-picture") == ["Pictures were left out of this report."]
    assert page.run("document.querySelector('#show-all')") is None
    assert page.run("document.querySelector('.thumbs').getClientRects().length") == 0
    assert page.complaints() == []
