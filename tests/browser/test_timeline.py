"""The timeline under a reader's hands: made wider, walked along by keyboard, pointed at, and without script."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

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

ARROW_UP, ARROW_DOWN, ARROW_LEFT, ARROW_RIGHT = "\ue013", "\ue015", "\ue012", "\ue014"
HOME, END, ENTER, TAB = "\ue011", "\ue010", "\ue007", "\ue004"
FOCUSED = "document.activeElement.querySelector('title').textContent"


@pytest.fixture
def report(tmp_path: Path) -> Report:
    made = build_full_report(tmp_path)
    views = tuple(
        ShotView(shot=number, picture=picture(tmp_path, f"shot-{number}.jpg", shot.interval.start_s, number))
        for number, shot in enumerate(made.shots, 1)
    )
    return replace(made, shot_views=views)


@pytest.fixture
def page(driver: WebDriver, report: Report, tmp_path: Path) -> Opened:
    return Opened(driver, report, tmp_path)


def press(page: Opened, *keys: str) -> None:
    for key in keys:
        page.driver.switch_to.active_element.send_keys(key)


def start_on_the_bar(page: Opened) -> None:
    page.run("document.querySelector('.span').focus()")


def width_of_bar(page: Opened) -> float:
    return float(page.run("document.querySelector('.bar-frame').getBoundingClientRect().width"))


def click(page: Opened, name: str) -> None:
    page.driver.find_element("css selector", f"[data-zoom={name}]").click()


def point_at(page: Opened, time_s: float, event: str = "mouseMoved", **values: Any) -> None:
    """Move the pointer over the middle of the bar at a time of the release."""
    x, y = page.run(
        "(() => { const b = document.querySelector('.bar-frame').getBoundingClientRect();"
        f" return [b.left + b.width * {time_s} / document.querySelector('.timeline').dataset.duration,"
        " b.top + b.height / 2]; })()"
    )
    page.command("Input.dispatchMouseEvent", type=event, x=x, y=y, **values)


def test_the_buttons_make_it_wider_and_whole_again(page: Opened) -> None:
    whole = width_of_bar(page)
    click(page, "in")
    click(page, "in")
    assert width_of_bar(page) == pytest.approx(4 * whole, rel=0.01)
    assert page.texts(".shown") == ["0:23 to 0:39 is shown, 4 times as wide"]
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    click(page, "out")
    assert width_of_bar(page) == pytest.approx(2 * whole, rel=0.01)
    click(page, "fit")
    assert width_of_bar(page) == pytest.approx(whole)
    assert page.texts(".shown") == ["The whole release is shown"]
    assert page.complaints() == []


def test_it_ends_at_one_second_across(page: Opened) -> None:
    for _ in range(8):
        click(page, "in")
    assert page.run("document.querySelector('[data-zoom=in]').getAttribute('aria-disabled')") == "true"
    assert width_of_bar(page) == pytest.approx(
        62.04 * page.run("document.querySelector('.scroll').clientWidth"), rel=0.01
    )
    labels = page.run("Array.from(document.querySelectorAll('.axis text')).map(e => e.textContent)")
    assert "0:31.0" in labels
    assert "0:31.1" in labels


def test_the_wide_bar_scrolls_and_its_clock_follows(page: Opened) -> None:
    for _ in range(4):
        click(page, "in")
    page.run("document.querySelector('.scroll').scrollLeft = 0")
    page.run("new Promise(done => setTimeout(done, 600))", wait=True)
    assert page.texts(".shown") == ["0:00 to 0:04 is shown, 16 times as wide"]
    ticks = page.run(
        "(() => { const s = document.querySelector('.scroll').getBoundingClientRect();"
        " return Array.from(document.querySelectorAll('.axis text')).filter(e => { const b = e.getBoundingClientRect();"
        " return b.left >= s.left - 1 && b.right <= s.right + 1; }).map(e => e.textContent); })()"
    )
    assert ticks == ["0:00.0", "0:00.5", "0:01.0", "0:01.5", "0:02.0", "0:02.5", "0:03.0", "0:03.5"]


def test_labels_of_the_clock_never_meet(page: Opened) -> None:
    for _ in range(7):
        boxes = page.run(
            "Array.from(document.querySelectorAll('.axis text')).map(e => { const b = e.getBoundingClientRect();"
            " return [b.left, b.right]; })"
        )
        assert len(boxes) >= 4
        assert all(after[0] - before[1] > 5 for before, after in pairwise(boxes))
        click(page, "in")


def test_arrows_walk_along_spans_and_up_to_the_matches(page: Opened) -> None:
    start_on_the_bar(page)
    assert page.run(FOCUSED) == "0:00.00 to 0:03.00: title card, logo or bars (title card)"
    press(page, ARROW_RIGHT, ARROW_RIGHT)
    assert page.run(FOCUSED).startswith("0:03.50 to 0:08.00: matched, confirmed")
    assert page.run("document.activeElement.getAttribute('aria-label')") == page.run(FOCUSED)
    press(page, ARROW_UP)
    assert page.run(FOCUSED).startswith("Match 1 (confirmed): 0:03.50 to 0:08.00")
    press(page, ARROW_RIGHT)
    assert page.run(FOCUSED).startswith("Match 2 (possible): 0:11.00 to 0:14.25")
    press(page, ARROW_DOWN, ARROW_LEFT)
    assert page.run(FOCUSED).startswith("0:08.00 to 0:11.00: no match")
    press(page, END)
    assert page.run(FOCUSED).startswith("1:00.00 to 1:02.04: not examinable")
    press(page, ARROW_RIGHT)
    assert page.run(FOCUSED).startswith("1:00.00 to 1:02.04: not examinable")
    press(page, HOME, ARROW_LEFT)
    assert page.run(FOCUSED).startswith("0:00.00 to 0:03.00")
    assert page.complaints() == []


def test_the_whole_timeline_is_one_stop_of_the_tab_key(page: Opened) -> None:
    stops = page.run("document.querySelectorAll('.wide [tabindex=\"0\"]').length")
    assert stops == 1
    start_on_the_bar(page)
    press(page, ARROW_RIGHT, ARROW_UP)
    assert page.run("document.querySelectorAll('.wide [tabindex=\"0\"]').length") == 1
    press(page, TAB)
    assert page.run("document.activeElement.closest('.timeline') === null")


def test_what_has_the_focus_is_ringed_and_read_out(page: Opened) -> None:
    start_on_the_bar(page)
    press(page, ARROW_RIGHT, ARROW_RIGHT)
    ring, box = page.run(
        "['.focus-ring', '.span:focus'].map(s => { const b = document.querySelector(s).getBoundingClientRect();"
        " return [b.left, b.width]; })"
    )
    assert ring == pytest.approx(box, abs=4)
    assert page.texts(".readout")[0].startswith("0:03.50 · 0:03.50 to 0:08.00: matched, confirmed")
    page.run("document.activeElement.blur()")
    assert page.run("document.querySelector('.focus-ring').getAttribute('visibility')") == "hidden"


def test_enter_opens_the_match(page: Opened) -> None:
    start_on_the_bar(page)
    press(page, ARROW_RIGHT, ARROW_RIGHT, ENTER)
    assert page.run("location.hash") == "#match-1"
    start_on_the_bar(page)
    press(page, ARROW_UP, END, ENTER)
    assert page.run("location.hash") == "#repeat-2"
    start_on_the_bar(page)
    press(page, HOME, ENTER)
    assert page.run("location.hash") == "#repeat-2", "a span without a match leads nowhere"


def test_keys_zoom_about_what_has_the_focus(page: Opened) -> None:
    whole = width_of_bar(page)
    start_on_the_bar(page)
    press(page, END)
    press(page, "+", "+", "+")
    assert width_of_bar(page) == pytest.approx(8 * whole, rel=0.01)
    seen, frame = page.run(
        "['.span:focus', '.scroll'].map(s => { const b = document.querySelector(s).getBoundingClientRect();"
        " return [b.left, b.right]; })"
    )
    assert frame[0] - 1 <= seen[0]
    assert seen[1] <= frame[1] + 1
    press(page, "-")
    assert width_of_bar(page) == pytest.approx(4 * whole, rel=0.01)
    press(page, "0")
    assert width_of_bar(page) == pytest.approx(whole)


def test_walking_scrolls_to_where_one_is(page: Opened) -> None:
    start_on_the_bar(page)
    press(page, "+", "+", "+", END)
    seen, frame = page.run(
        "['.span:focus', '.scroll'].map(s => { const b = document.querySelector(s).getBoundingClientRect();"
        " return [b.left, b.right]; })"
    )
    assert frame[0] - 1 <= seen[0]
    assert seen[1] <= frame[1] + 1


def test_keys_with_ctrl_are_left_to_the_browser(page: Opened) -> None:
    start_on_the_bar(page)
    kept = page.run(
        "document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', {key: '+', ctrlKey: true, bubbles: true, cancelable: true}))"
    )
    taken = page.run(
        "document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', {key: '+', bubbles: true, cancelable: true}))"
    )
    assert (kept, taken) == (True, False)


def test_the_pointer_reads_time_state_shot_and_match(page: Opened) -> None:
    point_at(page, 5.0)
    (words,) = page.texts(".readout")
    assert words.startswith("0:05.00 · 0:03.50 to 0:08.00: matched, confirmed (visually consistent with ref-a")
    assert "Shot 2 (0:03.00 to 0:11.00)" in words
    assert "Match 1 (confirmed): 0:03.50 to 0:08.00, reference ref-a" in words
    point_at(page, 46.0)
    (words,) = page.texts(".readout")
    assert "not examinable (too dark to carry evidence)" in words
    assert "Shot 9 (0:44.00 to 0:50.00)" in words
    assert "Match" not in words


def test_a_double_click_looks_closer_at_that_place(page: Opened) -> None:
    whole = width_of_bar(page)
    for count in (1, 2):
        for event in ("mousePressed", "mouseReleased"):
            point_at(page, 46.0, event, button="left", clickCount=count)
    assert width_of_bar(page) == pytest.approx(4 * whole, rel=0.01)
    assert float(page.texts(".readout")[0].split(" ")[0].removeprefix("0:")) == pytest.approx(46, abs=0.05)


def test_pictures_stand_where_their_shots_begin(page: Opened, report: Report) -> None:
    thumbs = page.run(
        "(() => { const f = document.querySelector('.bar-frame').getBoundingClientRect();"
        " return Array.from(document.querySelectorAll('.thumbs a')).map(a => { const b = a.getBoundingClientRect();"
        " return [a.hash, (b.left - f.left) / f.width * 62.04, b.left, b.right]; }); })()"
    )
    assert len(thumbs) >= 8
    for anchor, start_s, _, _ in thumbs:
        number = int(anchor.removeprefix("#shot-"))
        assert start_s == pytest.approx(report.shots[number - 1].interval.start_s, abs=0.1)
    assert all(after[2] >= before[3] for before, after in pairwise(thumbs))
    click(page, "in")
    click(page, "in")
    assert page.run("document.querySelectorAll('.thumbs img').length") > 0


def test_without_script_everything_is_still_there(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path, scripted=False)
    try:
        state = page.run(
            "({spans: document.querySelectorAll('.spans .span').length,"
            " links: document.querySelectorAll('.markers a[href^=\"#\"]:not([tabindex])').length,"
            " tools: document.querySelector('.tools').getClientRects().length,"
            " readout: document.querySelector('.readout').getClientRects().length,"
            " rows: document.querySelectorAll('#spans tbody tr').length,"
            " ticks: document.querySelectorAll('.axis text').length})"
        )
    finally:
        page.command("Emulation.setScriptExecutionDisabled", value=False)
    marked = (*report.matches, *report.same_scene, *report.repeats)
    assert state == {
        "spans": len(report.coverage),
        "links": len(marked),
        "tools": 0,
        "readout": 0,
        "rows": len(report.coverage),
        "ticks": 5,
    }


def test_time_runs_to_the_right_in_every_language(driver: WebDriver, report: Report, tmp_path: Path) -> None:
    page = Opened(driver, report, tmp_path, direction="rtl")
    lefts = page.run("Array.from(document.querySelectorAll('.span')).map(e => e.getBoundingClientRect().left)")
    assert lefts == sorted(lefts)
    page.run("document.querySelector('[data-zoom=in]').click()")
    point_at(page, 31.0)
    assert float(page.texts(".readout")[0].split(" ")[0].removeprefix("0:")) == pytest.approx(31, abs=0.05)
    assert page.complaints() == []


def test_a_long_release_can_be_walked_and_made_wide(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_long_report(tmp_path, 120), tmp_path)
    for _ in range(9):
        click(page, "in")
    shown_s = 10_800 / (width_of_bar(page) / page.run("document.querySelector('.scroll').clientWidth"))
    assert shown_s < 30
    start_on_the_bar(page)
    press(page, ARROW_UP, END, ARROW_LEFT)
    assert page.run(FOCUSED).startswith("Match 119 ")
    text = page.run(
        "(() => { const t = document.activeElement.querySelector('text'), b = t.getBoundingClientRect();"
        " return [t.textContent, t.getAttribute('visibility'), b.left > 0 && b.right < innerWidth]; })()"
    )
    assert text == ["119", "visible", True]
    rows = page.run(
        "new Set(Array.from(document.querySelectorAll('.markers text')).map(e => e.getAttribute('y'))).size"
    )
    assert rows == 1, "where there is room, all stand next to the bar"
    assert page.run("document.querySelectorAll('.axis text').length") < 60
    assert page.run("document.querySelectorAll('.thumbs a').length") < 60
    assert page.complaints() == []
