"""The page for reverse image search, opened from disk in headless Chromium."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.form_samples import HOSTILE, drawn_views, hostile_report
from tests.unit.report_samples import build_report
from verify.report.options import RenderOptions
from verify.report.search_page import render_search_page

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver

    from verify.model import Report

pytestmark = pytest.mark.browser
WIDTHS = (1280, 400)


def opened(driver: WebDriver, report: Report, folder: Path, options: RenderOptions | None = None) -> None:
    """Open the page, with the browser's logs emptied first."""
    path = folder / "search.html"
    path.write_bytes(render_search_page(report, folder, options or RenderOptions()).content)
    driver.get("about:blank")  # the browser's own first page writes to its logs
    for log in ("browser", "performance"):
        driver.get_log(log)  # type: ignore[no-untyped-call]
    driver.get(path.as_uri())


def evaluated(driver: WebDriver, script: str) -> Any:
    answer = driver.execute_cdp_cmd("Runtime.evaluate", {"expression": script, "returnByValue": True})
    return answer["result"].get("value")


def set_width(driver: WebDriver, width_px: int) -> None:
    size = {"width": width_px, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def requests(driver: WebDriver) -> set[str]:
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]  # type: ignore[no-untyped-call]
    sent = [found["params"]["request"]["url"] for found in messages if found["method"] == "Network.requestWillBeSent"]
    return {url for url in sent if not url.startswith("data:")}


@pytest.mark.parametrize("name", ["markup", "long", "override", "urdu"])
def test_a_hostile_page_is_quiet_fits_and_reads_only_its_stills(driver: WebDriver, tmp_path: Path, name: str) -> None:
    report = drawn_views(tmp_path, hostile_report(tmp_path, HOSTILE[name]))
    opened(driver, report, tmp_path)
    for width_px in WIDTHS:
        set_width(driver, width_px)
        assert evaluated(driver, "document.documentElement.scrollWidth") <= width_px
    assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]
    asked_for = {url.removeprefix(tmp_path.as_uri() + "/") for url in requests(driver)}
    assert asked_for <= {"search.html", *(view.still.path for view in report.shot_views if view.still)}
    assert "frames/still-0001.jpg" in asked_for
    assert evaluated(driver, "document.images[0].naturalWidth") == 320


def test_a_blurred_still_shows_when_it_is_asked_for(driver: WebDriver, tmp_path: Path) -> None:
    opened(driver, drawn_views(tmp_path, build_report(tmp_path)), tmp_path, RenderOptions(is_blurred=True))
    filters = "[...document.images].slice(0, 2).map(image => getComputedStyle(image).filter)"
    assert evaluated(driver, filters) == ["blur(28px)", "blur(28px)"]
    driver.find_element("css selector", "#show-1").click()
    assert evaluated(driver, filters) == ["none", "blur(28px)"]


@pytest.mark.parametrize("is_blurred", [False, True])
def test_axe_finds_nothing(driver: WebDriver, tmp_path: Path, is_blurred: bool) -> None:
    axe = pytest.importorskip("axe_core_python.selenium", reason="needs axe-core-python")
    set_width(driver, 1280)
    opened(driver, drawn_views(tmp_path, build_report(tmp_path)), tmp_path, RenderOptions(is_blurred=is_blurred))
    found = axe.Axe().run(driver)["violations"]
    assert [(violation["id"], violation["impact"]) for violation in found] == []
