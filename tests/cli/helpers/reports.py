"""Copies of reports to add words to and to render, and what holds of them afterwards."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

from fixtures.footage import CHECKOUT
from tests.cli.helpers.command import Done, verify
from verify.model import Report
from verify.report import html_report
from verify.report.options import RenderOptions

WORDS = ("--by", "A. Person", "--note", "Another street.")
REJECTED = ("--match", "1", "--decision", "rejected", *WORDS)
#: What an annotation may change in a report folder.
CHANGING = {"report.html", "evidence-custody/custody.jsonl"}
#: A page that shows its look and what people said, whatever the templates do.
SHOWING = """
from html import escape
from verify.report import html_report
plain = html_report.render_html
def render_html(report, folder, options=None):
    said = "".join(f"<p>{each.number}: {escape(each.note)}</p>" for each in options.annotations)
    return plain(report, folder, options) + said + f"<p>{options.is_blurred}</p>"
html_report.render_html = render_html
"""
#: Runs a command line with such a page in a process of its own, after it was told to begin.
DRIVEN = f"""
import sys
sys.path.insert(0, sys.argv[1])
{SHOWING}
import verify.evidence.check, verify.report.rendering, verify.evidence.keys, verify.commands.report
from verify.__main__ import main
sys.argv = ["verify", *sys.argv[2:]]
print("ready", flush=True)
sys.stdin.readline()
main()
"""


def copied(report: Path, place: Path) -> Path:
    return Path(shutil.copytree(report, place / "report", symlinks=True))


class Page:
    """Stands for the page: shows how it was asked to look, and what people said."""

    def __init__(self) -> None:
        self.looks: list[RenderOptions] = []
        self.fault: BaseException | None = None
        self._plain = html_report.render_html

    def __call__(self, report: Report, folder: Path, options: RenderOptions | None = None) -> str:
        assert options is not None
        if self.fault:
            raise self.fault
        self.looks.append(options)
        said = "".join(f"<p>{each.number}: {escape(each.note)}</p>" for each in options.annotations)
        return self._plain(report, folder, options) + said + f"<p>{options.is_blurred}</p>"


def digests(folder: Path) -> dict[str, str]:
    """Digests of all files of a folder, hidden ones too, by path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_confirmed(folder: Path) -> str:
    """The case and the report beside it hold; returns what was said of it."""
    done = verify("evidence", "check", folder)
    assert done.code == 0, done.out
    assert "report.json, report.html" in done.out
    return done.out


def assert_refused(done: Done, code: int, *words: str) -> None:
    assert done.code == code, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    for each in words:
        assert each in done.err


def annotate(folder: Path, *words: str) -> Done:
    return verify("report", "annotate", folder, *(words or REJECTED))


def render(folder: Path, *words: str | Path) -> Done:
    return verify("report", "render", folder, *words)


def driven(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start a process that is ready to run a command line, once it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", DRIVEN, str(CHECKOUT), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process
