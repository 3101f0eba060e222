"""What axe-core finds on the page, in both colour schemes, wide and narrow; and pages that run from right to left."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.page import HOSTILE, Opened
from tests.unit.explained_samples import build_full_report
from tests.unit.report_samples import picture
from verify.model import AnalystDecision, Annotation, Bearing, Rejection, Report, ShotView, TextInPicture
from verify.report.options import RenderOptions

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = pytest.mark.browser

TITLES = {
    "urdu": "کل رات کی کارروائی پر بیان (ویڈیو) 17",
    "arabic": "بيان حول عملية الليلة الماضية، 17 مايو",
    "pashto": "د تېرې شپې د عملیاتو په اړه اعلامیه",
    "chinese": "關於昨晚行動的聲明（影片）",
}


def complete(folder: Path) -> tuple[Report, RenderOptions]:
    """Build a report that has every section there is."""
    report = build_full_report(folder)
    line = TextInPicture(text="BREAKING", confidence=0.9, left=0, top=0, width=0.2, height=0.1)
    view = ShotView(shot=2, picture=picture(folder, "shot-2.jpg", 7.0, 3), texts=(line,))
    rejection = Rejection(query=interval_of(report), reference_id="ref-z", score=0.3, reason="what moves differs")
    said = Annotation(
        number=1,
        utc="2026-02-03T10:00:00Z",
        by="A. Editor",
        subject="1",
        decision=AnalystDecision.CONFIRMED,
        note="Compared.",
        report_sha256="ab" * 32,
    )
    report = replace(
        report,
        shot_views=(view,),
        texts_read=True,
        warnings=("A warning.",),
        rejected=(rejection,),
        rejected_count=3,
        bearings=(Bearing(claim=1, match=1, statement="The shot was published no later than 2019-03-14."),),
        earlier_releases=(replace(report.matches[0], number=1),),
        examination="fingerprints.zip",
    )
    return report, RenderOptions(annotations=(said,))


def interval_of(report: Report) -> Any:
    return report.coverage[0].interval


def axe_script() -> str:
    found = importlib.util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("needs axe-core: pip install axe-core-python")
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Opened) -> list[str]:
    """Run axe-core on the page; list what it calls serious or critical."""
    page.run(axe_script() + "; 0")
    result = json.loads(
        page.run("axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))", wait=True)
    )
    return [
        f"{found['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for found in result
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("blurred", [False, True])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [1280, 400])
def test_nothing_serious_stands_in_anyones_way(
    driver: WebDriver, tmp_path: Path, width_px: int, scheme: str, blurred: bool
) -> None:
    report, options = complete(tmp_path)
    page = Opened(driver, report, tmp_path, replace(options, is_blurred=blurred))
    page.set_width(width_px)
    page.set_colours(scheme)
    page.open_details()
    assert violations(page) == []
    page.run("document.querySelector('[data-zoom=in]').click()")
    assert violations(page) == []


def test_the_check_itself_finds_what_is_wrong(driver: WebDriver, tmp_path: Path) -> None:
    report, options = complete(tmp_path)
    page = Opened(driver, report, tmp_path, options)
    page.run(
        "document.querySelector('main img').removeAttribute('alt'); document.documentElement.removeAttribute('lang')"
    )
    found = " ".join(violations(page))
    assert "image-alt" in found
    assert "html-has-lang" in found


@pytest.mark.parametrize("width_px", [1280, 400])
def test_the_page_runs_from_right_to_left(driver: WebDriver, tmp_path: Path, width_px: int) -> None:
    report, options = complete(tmp_path)
    page = Opened(driver, report, tmp_path, options, direction="rtl")
    page.set_width(width_px)
    page.open_details()
    assert page.run("document.documentElement.scrollWidth") <= width_px
    sides = page.run(
        "(() => { const box = s => document.querySelector(s).getBoundingClientRect();"
        " const bar = getComputedStyle(document.querySelector('.answer'));"
        " return {title: box('h1 bdi').right, page: box('main').right, bar: parseFloat(bar.borderRightWidth),"
        " other: parseFloat(bar.borderLeftWidth), first: box('.figures div').right}; })()"
    )
    assert sides["title"] == pytest.approx(sides["page"], abs=2)
    assert sides["first"] == pytest.approx(sides["page"], abs=2)
    assert (sides["bar"] > 4, sides["other"]) == (True, 0)
    assert violations(page) == []
    assert page.complaints() == []


@pytest.mark.parametrize("language", TITLES)
def test_titles_of_other_scripts_are_shown_as_they_are(driver: WebDriver, tmp_path: Path, language: str) -> None:
    title = TITLES[language]
    report, options = complete(tmp_path)
    page = Opened(driver, replace(report, release=replace(report.release, title=title)), tmp_path, options)
    assert page.texts("h1") == [title]
    direction = page.run("getComputedStyle(document.querySelector('h1 bdi')).direction")
    assert direction == ("ltr" if language == "chinese" else "rtl")
    assert page.complaints() == []


def test_hostile_words_of_all_kinds_stay_words(driver: WebDriver, tmp_path: Path) -> None:
    report, options = complete(tmp_path)
    line = replace(report.shot_views[0].texts[0], text=HOSTILE)
    report = replace(
        report,
        shot_views=(replace(report.shot_views[0], texts=(line,)),),
        claims=tuple(replace(claim, statement=HOSTILE, claimant=HOSTILE) for claim in report.claims),
        rejected=tuple(replace(one, reason=HOSTILE, reference_id=HOSTILE) for one in report.rejected),
        bearings=tuple(replace(one, statement=HOSTILE) for one in report.bearings),
        coverage=tuple(replace(span, reason=HOSTILE) for span in report.coverage),
        shots=tuple(replace(shot, reason=HOSTILE) for shot in report.shots),
        warnings=(HOSTILE,) * 5,
    )
    said = tuple(replace(one, note=HOSTILE, by=HOSTILE) for one in options.annotations)
    page = Opened(driver, report, tmp_path, replace(options, annotations=said))
    page.open_details()
    page.run("document.querySelector('.span').focus()")
    assert driver.title == f"Provenance report {report.report_id}"
    assert page.run("document.querySelectorAll('[onerror], [onload], img[src^=http], main style').length") == 0
    assert page.run("document.scripts.length") == 1
    assert page.run("document.documentElement.scrollWidth") <= 1280
    assert page.run("document.querySelector('.readout').getBoundingClientRect().height") < 120
    assert page.requests() == {page.url}
    assert page.complaints() == []
