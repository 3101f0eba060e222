"""A report's page taken apart, for tests that read it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

from verify.report.html_report import render_html

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verify.model import Report


class Page(HTMLParser):
    """Tags with their attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag in ("style", "title", "script"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "title", "script"):
            self._open.pop()
        if tag in ("td", "th", "dt", "dd", "li", "p", "small"):
            self.text += " "

    def handle_data(self, data: str) -> None:
        if not self._open:
            self.text += data

    def words(self) -> str:
        return " ".join(self.text.split())

    def all(self, tag: str) -> Iterator[dict[str, str]]:
        return (attributes for name, attributes in self.tags if name == tag)


def page_of(report: Report, folder: Path) -> Page:
    return Page(render_html(report, folder))
