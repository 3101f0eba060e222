"""The report as a reader meets it: opened from disk in headless Chromium."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.page import HOSTILE, Opened
from tests.unit.explained_samples import build_full_report
from tests.unit.report_samples import build_report

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = pytest.mark.browser


def test_a_reader_finds_the_answer_the_timeline_and_the_matches(driver: WebDriver, tmp_path: Path) -> None:
    report = build_report(tmp_path, 3, scene_count=1)
    page = Opened(driver, report, tmp_path)
    assert page.texts("#answer .lead") == [report.answer]
    assert page.texts("h1") == [report.release.title]
    first, second, third = report.matches
    assert page.texts(".match .statement") == [
        entry.finding.statement for entry in (first, third, second, *report.same_scene)
    ]
    assert page.texts(".badge") == [
        "✓ Confirmed",
        "✓ Confirmed",
        "? Possible, for a person to confirm",
        "Same scene, not counted as reuse",
    ]
    assert page.texts("#match-1 figcaption")[:2] == ["Release at 0:04.00", "Reference at 0:03.00"]
    assert page.texts(".not-assessed").count("not assessed by this tool") == 3
    assert page.requests() == {page.url}
    assert page.complaints() == []


def test_the_timeline_is_drawn_from_edge_to_edge(driver: WebDriver, tmp_path: Path) -> None:
    report = build_report(tmp_path, 3, scene_count=1)
    page = Opened(driver, report, tmp_path)
    boxes = page.run(
        "Array.from(document.querySelectorAll('.spans .span')).map(e => { const b = e.getBoundingClientRect();"
        " return [b.left, b.right, e.querySelector('title').textContent]; })"
    )
    left, right = page.run(
        "Array.of(document.querySelector('.bar-frame').getBoundingClientRect()).flatMap(b => [b.left, b.right])"
    )
    assert len(boxes) == len(report.coverage)
    assert boxes[0][0] == pytest.approx(left, abs=1)
    assert boxes[-1][1] == pytest.approx(right, abs=1)
    for before, after in pairwise(boxes):
        assert before[1] == pytest.approx(after[0], abs=0.1)
    assert boxes[0][2] == "0:00.00 to 0:03.00: template (title card)"
    page.run("document.querySelector('#timeline details').open = true")
    assert len(page.texts("#spans tbody tr")) == len(report.coverage)


def test_every_picture_is_shown(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_report(tmp_path, 3), tmp_path)
    widths = page.run("Array.from(document.images).map(image => image.naturalWidth)")
    assert widths == [320] * 19


def test_a_hostile_title_stays_text(driver: WebDriver, tmp_path: Path) -> None:
    report = build_report(tmp_path, 1)
    release = replace(report.release, title=HOSTILE, publisher=HOSTILE, description=HOSTILE)
    page = Opened(driver, replace(report, release=release), tmp_path)
    assert driver.title == f"Provenance report {report.report_id}"
    assert page.texts("h1")[0].startswith('<script>document.title="acted"</script><img src=')
    assert "[U+202E]gnp.exe[U+202C]" in page.run("document.querySelector('#release details').textContent")
    assert page.run("document.querySelectorAll('h1 *:not(bdi), script ~ script, [onerror], [onload]').length") == 0
    assert page.texts("#answer .lead") == [report.answer]
    assert page.requests() == {page.url}
    assert page.complaints() == []


def test_what_was_measured_is_drawn(driver: WebDriver, tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    page = Opened(driver, report, tmp_path)
    assert page.texts(".explanation figcaption strong")[:3] == [
        "How the pictures lie on each other.",
        "What moves, over time.",
        "How alike the moments are.",
    ]
    entries = [*report.matches, *report.same_scene, *report.repeats]
    for selector, count in (
        (".geometry", len(entries)),
        (".motion", sum(entry.match.motion is not None for entry in entries)),
        (".similarity", sum(entry.match.similarity is not None for entry in entries)),
    ):
        boxes = page.run(
            f"Array.from(document.querySelectorAll('{selector} svg[role=img]')).map(e => {{"
            " const b = e.getBoundingClientRect(); return [b.width, b.height]; })"
        )
        assert len(boxes) == count * (2 if selector == ".motion" else 1)
        assert all(width > 100 and height > 50 for width, height in boxes)
    assert page.requests() == {page.url}
    assert page.complaints() == []


def test_the_outline_lies_on_the_part_of_the_reference_that_is_shown(driver: WebDriver, tmp_path: Path) -> None:
    report = build_full_report(tmp_path)
    page = Opened(driver, report, tmp_path)
    outline = report.matches[0].match.geometry.outline  # type: ignore[union-attr]
    picture, polygon = page.run(
        "[document.querySelectorAll('#match-1 .geometry image')[1],"
        " document.querySelectorAll('#match-1 .geometry polygon.outline')[1]].map(e => {"
        " const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })"
    )
    left, top = (min(corner[axis] for corner in outline) for axis in (0, 1))
    assert (polygon[0] - picture[0]) / picture[2] == pytest.approx(left, abs=0.01)
    assert (polygon[1] - picture[1]) / picture[3] == pytest.approx(top, abs=0.01)
    assert polygon[2] / picture[2] == pytest.approx(0.6, abs=0.02)
    assert polygon[3] / picture[3] == pytest.approx(0.6, abs=0.02)


def test_a_line_joins_what_is_the_same_in_both_pictures(driver: WebDriver, tmp_path: Path) -> None:
    page = Opened(driver, build_full_report(tmp_path), tmp_path)
    grey = page.run(
        """(async () => {
             const figure = document.querySelector('#match-1 .geometry');
             const shots = await Promise.all(Array.from(figure.querySelectorAll('image')).map(async image => {
               const bitmap = new Image();
               bitmap.src = image.getAttribute('href');
               await bitmap.decode();
               const canvas = document.createElement('canvas');
               [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
               const context = canvas.getContext('2d');
               context.drawImage(bitmap, 0, 0);
               return (x, y) => {
                 const box = ['x', 'y', 'width', 'height'].map(name => Number(image.getAttribute(name)));
                 const column = Math.floor((x - box[0]) / box[2] * (bitmap.width - 1));
                 const row = Math.floor((y - box[1]) / box[3] * (bitmap.height - 1));
                 return context.getImageData(column, row, 1, 1).data[1];
               };
             }));
             return Array.from(figure.querySelectorAll('.joint')).map(line => {
               const [x1, y1, x2, y2] = line.getAttribute('d').match(/[-\\d.]+/g).map(Number);
               return [shots[0](x1, y1), shots[1](x2, y2)];
             });
           })()""",
        wait=True,
    )
    assert len(grey) == 30
    # The release shows the picture at 85% of its brightness; hills and sky are told apart by more than that.
    assert sum(abs(shown - 0.85 * archived) < 20 for shown, archived in grey) > 25


@pytest.mark.parametrize("width_px", [320, 400, 1280])
@pytest.mark.parametrize("title", ["Statement", HOSTILE])
def test_nothing_sticks_out_of_the_page(driver: WebDriver, tmp_path: Path, width_px: int, title: str) -> None:
    report = build_full_report(tmp_path)
    report = replace(report, release=replace(report.release, title=title, publisher=title))
    page = Opened(driver, report, tmp_path)
    page.set_width(width_px)
    page.open_details()
    assert page.run("document.documentElement.scrollWidth") <= width_px


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(driver: WebDriver, tmp_path: Path, scheme: str) -> None:
    page = Opened(driver, replace(build_full_report(tmp_path), warnings=("A warning.",)), tmp_path)
    page.set_colours(scheme)
    page.open_details()
    pairs = page.run(
        """Array.from(document.querySelectorAll('.page *')).filter(e => e.closest('svg') === null &&
             Array.from(e.childNodes).some(n => n.nodeType === 3 && n.textContent.trim())).map(e => {
             let ground = e;
             while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
             return [getComputedStyle(e).color, getComputedStyle(ground).backgroundColor, e.className, e.tagName];
           })"""
    )
    assert len(pairs) > 100
    assert [pair for pair in pairs if contrast(pair[0], pair[1]) < 4.5] == []


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two CSS colours by WCAG 2.2, 1 to 21."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
