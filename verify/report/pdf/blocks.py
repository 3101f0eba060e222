"""The vocabulary that the PDF's content is written in: runs of text in blocks, as plain data for the template.

A run is a style and its text (a link has an address besides); a block names its kind and holds what that kind takes.
The template shows texts as they are and never reads them as markup. Texts from outside come in through `outside`.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from verify.findings.wording import grouped, timecode
from verify.report.texts import harmless, visible, web_link
from verify.translation import _, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from verify.model import Interval

Run = list[str]
Block = dict[str, Any]

_RIGHT_TO_LEFT = frozenset(("R", "AL"))
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_SPACES = re.compile(r"\s+")
_BREAK_HERE = "\u200b"
_BREAK_EVERY = 8
# A word that would run over the edge of the page. Chinese, Japanese and Korean lines break between any two letters.
_LONG_WORD = re.compile(r"[^\s\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]{60,}")


def outside(text: str, limit: int = 400) -> str:
    """Return a text from outside for use in a sentence: spelled out where it would act, in one line, bounded."""
    shown = " ".join(visible(text[: limit + 1]).split())
    if len(text) > limit or len(shown) > limit:
        shown = f"{shown[:limit].rstrip()}…"
    shown = _breakable(shown)
    turns = spoken().direction == "rtl" or any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in shown)
    return f"{_FIRST_STRONG_ISOLATE}{shown}{_POP_ISOLATE}" if turns else shown


def direction_of(text: str) -> str:
    """Return 'rtl' or 'ltr' as the first letter with a direction says, else that of the language spoken."""
    for letter in text[:2000]:
        kind = unicodedata.bidirectional(letter)
        if kind in _RIGHT_TO_LEFT:
            return "rtl"
        if kind == "L":
            return "ltr"
    return spoken().direction


def own(text: str, style: str = "") -> Run:
    """Make a run of a sentence of the report's own."""
    return [style, _breakable(_SPACES.sub(" ", harmless(text)))]


def recorded(text: str, style: str = "") -> Run:
    """Make a run of a sentence that the report records, which is English whatever language is spoken."""
    return own(_in_its_direction(text), style)


def quoted(text: str, limit: int = 400, style: str = "") -> Run:
    """Make a run of a text from outside."""
    return [style, outside(text, limit)]


def code(text: str, limit: int = 400) -> Run:
    """Make a run of a digest, an id or a command."""
    return quoted(text, limit, "code")


def address(url: str, limit: int = 400) -> Run:
    """Make a run of an address, a link if it may be one."""
    if not web_link(url):
        return quoted(url, limit)
    shown = url if len(url) <= limit else f"{url[:limit]}…"
    return ["link", _in_its_direction(shown), url]


def heading(text: str, level: int = 1, badge: str = "", badge_style: str = "") -> Block:
    """Make a heading that the outline lists."""
    return {"kind": "heading", "text": own(text)[1], "level": level, "badge": badge, "badge_style": badge_style}


def paragraph(*runs: Run | str, look: str = "") -> Block:
    """Make a paragraph; texts stand for plain runs. `look` is one of the template's."""
    return {"kind": "paragraph", "runs": as_runs(runs), "look": look, "direction": ""}


def quotation(text: str, limit: int, look: str = "quote") -> Block:
    """Make a paragraph of a text from outside, in its own direction."""
    return {"kind": "paragraph", "runs": [quoted(text, limit)], "look": look, "direction": direction_of(text)}


def facts(rows: Iterable[tuple[str, Sequence[Run | str]]]) -> Block:
    """Make a list of labels and what they stand for."""
    return {"kind": "facts", "rows": [[own(label)[1], as_runs(runs)] for label, runs in rows]}


def table(titles: Sequence[str], widths: Sequence[str], rows: Iterable[Sequence[Sequence[Run | str]]]) -> Block:
    """Make a table; `widths` are numbers of shares, or 'auto'."""
    return {
        "kind": "table",
        "titles": [own(title)[1] for title in titles],
        "widths": list(widths),
        "rows": [[as_runs(cell) for cell in row] for row in rows],
    }


def bullets(items: Iterable[Sequence[Run | str]], look: str = "") -> Block:
    """Make a list of points."""
    return {"kind": "bullets", "items": [as_runs(item) for item in items], "look": look}


def boxed(blocks: Sequence[Block], look: str) -> Block:
    """Put blocks in a box of one of the template's looks."""
    return {"kind": "boxed", "blocks": list(blocks), "look": look}


def beside(*columns: Sequence[Block]) -> Block:
    """Put columns of blocks side by side, equally wide."""
    return {"kind": "beside", "columns": [list(column) for column in columns]}


def as_runs(runs: Iterable[Run | str]) -> list[Run]:
    """Turn plain texts among runs into runs."""
    return [own(run) if isinstance(run, str) else run for run in runs]


def joined(parts: Iterable[Sequence[Run]], between: str = ", ") -> list[Run]:
    """Put runs one after the other with a text between them."""
    listed = [list(part) for part in parts if part]
    made = list(listed[0]) if listed else []
    for _before, part in pairwise(listed):
        made += [["", between], *part]
    return made


def times_words(interval: Interval) -> str:
    """Write an interval as '0:03.00 to 0:11.00'."""
    return _("{start} to {end}").format(start=timecode(interval.start_s), end=timecode(interval.end_s))


def shortened_note(shown: int, total: int) -> list[Block]:
    """Say that a table shows only its beginning, if it does."""
    if shown >= total:
        return []
    text = _("The first {shown} of {total} are shown; report.json has all of them.")
    return [paragraph(text.format(shown=grouped(shown), total=grouped(total)), look="small")]


def _in_its_direction(text: str) -> str:
    """Keep a text from being turned around by the right-to-left sentence that it stands in."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}" if text and spoken().direction == "rtl" else text


def _breakable(text: str) -> str:
    return _LONG_WORD.sub(_with_breaks, text) if len(text) >= _BREAK_EVERY else text


def _with_breaks(word: re.Match[str]) -> str:
    letters = word.group()
    # What is a digest or shorter fits on a line.
    if len(letters) <= 64 and letters.isalnum():
        return letters
    return _BREAK_HERE.join(letters[at : at + _BREAK_EVERY] for at in range(0, len(letters), _BREAK_EVERY))
