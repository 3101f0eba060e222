"""A report opened from disk in headless Chromium, for the tests of this folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from verify.report.html_report import render_html

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver

    from verify.model import Report
    from verify.report.options import RenderOptions

HOSTILE = (
    '<script>document.title="acted"</script><img src="http://127.0.0.1:9/x" onerror="document.title=1">'
    '<style>body{display:none}</style>" onload="x \u202egnp.exe\u202c שלום ' + "W" * 10_000
)


class Opened:
    """A report opened in the browser, in a window of 1280 px by 900 and in light colours."""

    def __init__(
        self,
        driver: WebDriver,
        report: Report,
        folder: Path,
        options: RenderOptions | None = None,
        direction: str = "ltr",
        scripted: bool = True,
    ) -> None:
        html = render_html(report, folder, options)
        path = folder / "report.html"
        path.write_text(html.replace('dir="ltr">', f'dir="{direction}">', 1), encoding="utf-8")
        self.driver = driver
        self.url = path.as_uri()
        self.size_bytes = path.stat().st_size
        self.command("Emulation.setScriptExecutionDisabled", value=not scripted)
        self.set_colours("light")
        self.set_width(1280)
        for log in ("browser", "performance"):
            driver.get_log(log)  # type: ignore[no-untyped-call]
        driver.get(self.url)

    def command(self, name: str, **values: Any) -> Any:
        """Give a command of the Chrome DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, values)

    def texts(self, selector: str) -> list[str]:
        """Visible texts of the elements that `selector` finds."""
        return [element.text for element in self.driver.find_elements("css selector", selector)]

    def run(self, script: str, *, wait: bool = False) -> Any:
        """Evaluate a script of the test, not of the page, through the developer tools."""
        answer = self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=wait)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def set_width(self, width_px: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width_px, height=900, deviceScaleFactor=1, mobile=False
        )

    def set_colours(self, scheme: str, medium: str = "") -> None:
        """Show the page in 'light' or 'dark' colours, and as on 'print' if asked to."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", media=medium, features=features)

    def open_details(self) -> None:
        self.run("document.querySelectorAll('details').forEach(element => { element.open = true; })")

    def requests(self) -> set[str]:
        """Addresses the page asked for, pictures inside it left out."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]  # type: ignore[no-untyped-call]
        sent = {
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        }
        return {url for url in sent if not url.startswith("data:")}

    def complaints(self) -> list[str]:
        """Everything the browser logged about the page."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]
