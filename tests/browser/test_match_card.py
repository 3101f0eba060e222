"""A match card as a reader uses it: strips, drawings on the pictures, and the comparison of two pictures."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.page import Opened
from tests.unit.explained_samples import build_full_report, crop, explained
from tests.unit.report_samples import build_report
from verify.model import AnalystDecision, Annotation
from verify.report.options import RenderOptions

if TYPE_CHECKING:
    import numpy.typing as npt
    from selenium.webdriver.chrome.webdriver import WebDriver

    from verify.model import Report

pytestmark = pytest.mark.browser

BOX = "(e => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })"
OPEN = "document.querySelector('dialog.comparison[open]')"
WORDS = tuple(
    Annotation(
        number=number,
        utc="2026-11-20T09:00:00Z",
        by="A. Analyst",
        subject="1",
        decision=decision,
        note="Compared with the upload.",
        report_sha256="0" * 64,
    )
    for number, decision in enumerate((AnalystDecision.UNCLEAR, AnalystDecision.REJECTED), 1)
)


def compare(page: Opened, card: str = "#match-1", moment: int = 0) -> None:
    """Open the comparison of one moment of a card."""
    page.run(f"document.querySelectorAll('{card} button.compare')[{moment}].click()")


def slide(page: Opened, percent: int) -> None:
    page.run(
        "(() => { const slider = document.querySelector('.comparison input[type=range]');"
        f" slider.value = {percent}; slider.dispatchEvent(new Event('input')); }})()"
    )


def pixels(page: Opened, selector: str = ".stage") -> npt.NDArray[np.float64]:
    """Return the grey pixels of an element as it is on the screen, captions of the stage left out."""
    page.run("document.querySelectorAll('.stage figcaption, .stage .line').forEach(e => { e.style.opacity = 0; })")
    left, top, width, height = page.run(f"{BOX}(document.querySelector('{selector}'))")
    shot = page.command("Page.captureScreenshot")["data"]
    with Image.open(io.BytesIO(base64.b64decode(shot))) as image:
        shown = image.convert("L").crop((round(left), round(top), round(left + width), round(top + height)))
        return np.asarray(shown.reduce(4), dtype=np.float64)


def alike(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Return the correlation of two pictures of one size, -1 to 1."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def both_pictures(page: Opened) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    slide(page, 100)
    release = pixels(page)
    slide(page, 0)
    return release, pixels(page)


def press(page: Opened, key: str, times: int = 1) -> None:
    """Press a key as a person does, wherever the focus is."""
    from selenium.webdriver.common.action_chains import ActionChains  # noqa: PLC0415 - only where selenium is there

    for _ in range(times):
        ActionChains(page.driver).send_keys(key).perform()


# --- strips and drawings ---


def test_what_was_measured_is_drawn(driver: WebDriver, tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    page = Opened(driver, report, tmp_path)
    entries = [*report.matches, *report.same_scene, *report.repeats]
    assert page.texts("#match-1 .geometry figcaption strong")[-1] == "How the pictures lie on each other."
    assert page.texts("#match-1 .explanation figcaption strong") == [
        "What moves, over time.",
        "How alike the moments are.",
    ]
    for selector, count in (
        (".geometry", len(entries)),
        (".motion", 2 * sum(entry.match.motion is not None for entry in entries)),
        (".similarity", sum(entry.match.similarity is not None for entry in entries)),
    ):
        boxes = page.run(f"Array.from(document.querySelectorAll('{selector} svg[role=img]')).map({BOX})")
        assert len(boxes) == count
        assert all(width > 100 and height > 50 for _, _, width, height in boxes)
    assert page.requests() == {page.url}
    assert page.complaints() == []


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("width_px", [400, 1280])
def test_the_drawing_lies_on_the_pictures(driver: WebDriver, tmp_path: Path, width_px: int, direction: str) -> None:
    report = build_full_report(tmp_path)
    page = Opened(driver, report, tmp_path, direction=direction)
    page.set_width(width_px)
    lead = "#match-1 .measured"
    release, reference = page.run(f"Array.from(document.querySelectorAll('{lead} img')).map({BOX})")
    whole, part = page.run(f"Array.from(document.querySelectorAll('{lead} polygon.outline')).map({BOX})")
    outline = report.matches[0].match.geometry.outline  # type: ignore[union-attr]
    left, top = (min(corner[axis] for corner in outline) for axis in (0, 1))
    assert release[0] < reference[0]
    assert whole == pytest.approx(release, abs=1.5)
    assert part == pytest.approx(
        [
            reference[0] + left * reference[2],
            reference[1] + top * reference[3],
            0.6 * reference[2],
            0.6 * reference[3],
        ],
        abs=1.5,
    )


def test_a_line_joins_what_is_the_same_in_both_pictures(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path)
    grey = page.run(
        """(() => {
             const figure = document.querySelector('#match-1 .measured');
             const whole = figure.querySelector('svg').getBoundingClientRect();
             const unit = whole.width / figure.querySelector('svg').viewBox.baseVal.width;
             const shots = Array.from(figure.querySelectorAll('img')).map(image => {
               const canvas = document.createElement('canvas');
               [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
               const context = canvas.getContext('2d');
               context.drawImage(image, 0, 0);
               const box = image.getBoundingClientRect();
               return (x, y) => {
                 const column = (whole.left + x * unit - box.left) / box.width * (canvas.width - 1);
                 const row = (whole.top + y * unit - box.top) / box.height * (canvas.height - 1);
                 return context.getImageData(Math.floor(column), Math.floor(row), 1, 1).data[1];
               };
             });
             return figure.querySelector('.joint').getAttribute('d').split('M').slice(1).map(line => {
               const [x1, y1, x2, y2] = line.match(/[-\\d.]+/g).map(Number);
               return [shots[0](x1, y1), shots[1](x2, y2)];
             });
           })()"""
    )
    assert len(grey) == 30
    # The release shows the picture at 85% of its brightness; hills and sky are told apart by more than that.
    assert sum(abs(shown - 0.85 * archived) < 20 for shown, archived in grey) > 25


def test_keypoints_can_be_hidden_without_any_script(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path, scripted=False)
    box = page.driver.find_element("css selector", "#match-1 .switch input")
    assert page.driver.find_element("css selector", "#match-1 .joint").is_displayed()
    box.send_keys(" ")
    assert not page.driver.find_element("css selector", "#match-1 .joint").is_displayed()
    assert page.texts("button.compare") == []
    assert page.texts("#match-1 .strip figcaption") != []


def test_each_column_of_the_strip_is_one_moment(driver: WebDriver, tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    page = Opened(driver, report, tmp_path)
    boxes = page.run(
        f"Array.from(document.querySelectorAll('#match-1 .strip .moment')).map(moment =>"
        f" Array.from(moment.querySelectorAll('img')).map({BOX}))"
    )
    assert len(boxes) == len(report.matches[0].frame_pairs)
    for query, reference in boxes:
        assert (query[0], query[2]) == pytest.approx((reference[0], reference[2]))
        assert reference[1] > query[1] + query[3]
    assert [column[0][0] for column in boxes] == sorted(column[0][0] for column in boxes)
    tops = [column[1][1] for column in boxes]
    assert tops == pytest.approx([tops[0]] * len(tops), abs=1)


# --- the comparison ---


def test_the_slider_wipes_between_the_two_by_keyboard(driver: WebDriver, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415 - only where selenium is there

    page = Opened(driver, build_full_report(tmp_path), tmp_path)
    page.run("document.querySelector('#match-1 button.compare').focus()")
    press(page, Keys.ENTER)
    assert page.run(f"{OPEN} !== null")
    assert page.run("document.activeElement.type") == "range"
    clip = "getComputedStyle(document.querySelector('.stage .release')).clipPath"
    assert page.run(clip) == "inset(0px 50% 0px 0px)"
    press(page, Keys.ARROW_RIGHT, 5)
    assert page.run(clip) == "inset(0px 45% 0px 0px)"
    assert page.run("document.activeElement.getAttribute('aria-valuetext')") == "release on 55 per cent of the width"
    press(page, Keys.HOME)
    assert page.run(clip) == "inset(0px 100% 0px 0px)"
    reference = pixels(page)
    press(page, Keys.END)
    assert np.abs(pixels(page) - reference).mean() > 5
    press(page, Keys.ESCAPE)
    assert page.run(f"{OPEN} === null")
    assert page.run("document.activeElement.getAttribute('aria-label')") == "Compare the pictures at 0:05.75"
    assert page.complaints() == []


def test_the_slider_follows_the_mouse_on_the_pictures(driver: WebDriver, tmp_path: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains  # noqa: PLC0415 - only where selenium is there

    page = Opened(driver, build_full_report(tmp_path), tmp_path)
    page.run("document.querySelectorAll('#match-1 .moment img')[1].click()")
    stage = page.driver.find_element("css selector", ".stage")
    _, _, width, _ = page.run(f"{BOX}(document.querySelector('.stage'))")
    ActionChains(page.driver).move_to_element(stage).click_and_hold().move_by_offset(
        round(width / 4), 0
    ).release().perform()
    assert page.run("Number(document.querySelector('.comparison input[type=range]').value)") == pytest.approx(75, abs=1)
    line, _, _, _ = page.run(f"{BOX}(document.querySelector('.stage .line'))")
    left, _, _, _ = page.run(f"{BOX}(document.querySelector('.stage'))")
    assert (line - left) / width == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("part", [(0.2, 0.1, 0.6), (0.0, 0.3, 0.5)])
def test_pictures_laid_on_each_other_coincide(
    driver: WebDriver, tmp_path: Path, mirrored: bool, part: tuple[float, float, float]
) -> None:
    report = cropped_report(tmp_path, part, mirrored=mirrored)
    page = Opened(driver, report, tmp_path)
    compare(page)
    laid = alike(*both_pictures(page))
    page.run("document.querySelector('[data-act=laid]').click()")
    apart = alike(*both_pictures(page))
    assert laid > 0.97
    assert apart < laid - 0.05
    assert page.texts(".comparison-note") == ["Both pictures are shown whole, as they are."]


def cropped_report(folder: Path, part: tuple[float, float, float], *, mirrored: bool) -> Report:
    """Build a report of one match whose release shows exactly this part of the reference."""
    report = build_report(folder, 1)
    entry = report.matches[0]
    geometry = crop(*part, mirrored=mirrored)
    for pair in entry.frame_pairs:
        assert pair.reference is not None
        (x0, y0), (x1, _), (_, y1) = geometry.outline[0], geometry.outline[1], geometry.outline[3]
        with Image.open(folder / pair.reference.path) as whole:
            size = whole.size
            affine = ((x1 - x0), 0, x0 * size[0], 0, (y1 - y0), y0 * size[1])
            shown = whole.transform(size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
        shown.save(folder / pair.query.path, quality=90)
    return replace(report, matches=(replace(entry, match=explained(entry.match, geometry)),))


def test_without_a_measured_transform_nothing_is_laid_on(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_report(tmp_path, 1), tmp_path)
    compare(page)
    assert not page.driver.find_element("css selector", ".comparison .laid").is_displayed()
    assert page.run("document.querySelector('.stage .reference img').style.transform") == ""


def test_blinking_shows_one_picture_a_second_until_it_is_stopped(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path)
    compare(page)
    seen = page.run(
        """new Promise(done => {
             const stage = document.querySelector('.stage');
             const seen = [];
             const started = performance.now();
             document.querySelector('[data-act=blink]').click();
             const look = setInterval(() => {
               const shows = getComputedStyle(stage.querySelector('.release')).visibility;
               if (shows !== seen.at(-1)?.[0]) seen.push([shows, performance.now() - started]);
               if (performance.now() - started > 3300) { clearInterval(look); done(seen); }
             }, 20);
           })""",
        wait=True,
    )
    assert [shows for shows, _ in seen] == ["hidden", "visible", "hidden", "visible"]
    for before, after in pairwise(seen):
        assert after[1] - before[1] == pytest.approx(1000, abs=250)
    button = page.driver.find_element("css selector", "[data-act=blink]")
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert page.run("document.querySelector('.stage').className.includes('blinks')") is False


def test_whoever_wants_little_motion_swaps_by_hand(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path)
    page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    compare(page)
    assert page.texts("[data-act=blink]") == ["Swap"]
    changes = page.run(
        """new Promise(done => {
             const stage = document.querySelector('.stage');
             document.querySelector('[data-act=blink]').click();
             let changes = 0;
             new MutationObserver(() => { changes += 1; }).observe(stage, { attributes: true });
             setTimeout(() => done([changes, stage.classList.contains('shows-reference')]), 1600);
           })""",
        wait=True,
    )
    assert changes == [0, True]
    page.run("document.querySelector('[data-act=blink]').click()")
    assert page.run("document.querySelector('.stage').classList.contains('shows-reference')") is False


def test_moments_are_stepped_through_in_order_of_time(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path)
    compare(page)
    times = ["Release at 0:03.50; Reference at 0:03.00", "Release at 0:05.75; Reference at 0:05.25"]
    times += ["Release at 0:08.00; Reference at 0:07.50"]
    assert page.texts(".comparison-times") == times[1:2]
    page.run("document.querySelector('[data-act=next]').click()")
    assert page.texts(".comparison-times") == times[2:]
    assert page.run("document.querySelector('[data-act=next]').disabled") is True
    for _ in range(2):
        page.run("document.querySelector('[data-act=previous]').click()")
    assert page.texts(".comparison-times") == times[:1]
    assert page.run("document.querySelectorAll('dialog').length") == 1


def test_a_blurred_picture_is_shown_first_and_compared_later(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path, RenderOptions(is_blurred=True))
    page.run("document.querySelector('#match-1 .moment img').click()")
    assert page.run(f"{OPEN} === null")
    compare(page)
    assert page.run("Array.from(document.querySelectorAll('.stage .veil input')).map(box => box.checked)") == [
        False,
        True,
    ]
    page.run("document.querySelector('.stage .reference .veil img').click()")
    assert page.run("document.querySelector('.stage .reference .veil input').checked") is True
    page.run("document.querySelector('.stage .reference .veil input').click()")
    assert page.run("document.querySelector('.stage .reference .veil input').checked") is False


def test_left_out_pictures_leave_nothing_to_compare(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path, RenderOptions(has_pictures=False))
    assert page.texts("button.compare") == []
    assert page.run("document.querySelectorAll('#match-1 img').length") == 0
    assert page.complaints() == []


# --- every reader ---


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("width_px", [320, 400, 1280])
def test_nothing_of_a_card_sticks_out(driver: WebDriver, tmp_path: Path, width_px: int, direction: str) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path, RenderOptions(annotations=WORDS), direction)
    page.set_width(width_px)
    page.open_details()
    assert page.run("document.documentElement.scrollWidth") <= width_px
    compare(page)
    sizes = page.run(f"[{OPEN}.scrollWidth - {OPEN}.clientWidth, {BOX}({OPEN})[0], {BOX}({OPEN})[2]]")
    assert sizes[0] <= 0
    assert sizes[1] >= 0
    assert sizes[1] + sizes[2] <= width_px


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_a_card(driver: WebDriver, tmp_path: Path, scheme: str) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path, RenderOptions(annotations=WORDS))
    page.set_colours(scheme)
    page.open_details()
    assert serious(page, "#matches") == []
    compare(page)
    assert serious(page, "dialog.comparison") == []


def serious(page: Opened, selector: str) -> list[Any]:
    """Run axe-core on a part of the page and return what it calls serious or critical."""
    found = importlib.util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("needs axe-core: pip install axe-core-python")
    page.run((Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
    result = page.run(f"axe.run({json.dumps(selector)}).then(found => JSON.stringify(found.violations))", wait=True)
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in json.loads(result)
        if each["impact"] in ("serious", "critical")
    ]


def test_pictures_are_printed_and_the_comparison_is_not(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path)
    page.set_colours("light", "print")
    for selector, is_there in ((".measured img", True), (".strip img", True), ("button.compare", False)):
        assert page.driver.find_element("css selector", f"#match-1 {selector}").is_displayed() == is_there
    page.set_colours("light")


def test_a_game_is_marked_and_dates_are_told_apart(driver: WebDriver, tmp_path: Path) -> None:
    report = build_report(tmp_path, 4)
    page = Opened(driver, report, tmp_path)
    assert page.texts(".made-up") == ["Pictures of a game, as classed in the archive"]
    assert page.texts("#match-1 .dates strong") == ["Dated before the claimed date."]
    assert page.texts("#match-4 .dates strong") == ["Not shown to be earlier than the claimed date."]
    assert "known to the year" in page.run("document.querySelector('#match-2').textContent")
