"""Recorded sentences said again: whole ones, several in a row, and those that hold names or figures."""

from __future__ import annotations

import re
from functools import lru_cache

from verify.findings.wording import in_parts
from verify.translation import ENGLISH, _, keep_english, marked, spoken

#: What is in braces is carried over as recorded, but for {parts} and {what}.
_PATTERNS = (
    marked(
        "Content Credentials are present and intact; they were signed by {signer}, whose certificate leads to the "
        "trust list that was given."
    ),
    marked(
        "Content Credentials are present and intact; they were signed by {signer}, who is not on a trust list known "
        "here."
    ),
    marked(
        "Content Credentials are present and intact; they were signed by {signer}, who is not on a trust list known "
        "here: none was given."
    ),
    marked("Content Credentials are present but do not hold: {parts}. They name as signer {signer}."),
    marked("The file refers to Content Credentials at a URL, not fetched: {url}."),
    marked("{count} reference of the archive came with packs of {names}. What is said of them is their senders' word."),
    marked(
        "{count} references of the archive came with packs of {names}. What is said of them is their senders' word."
    ),
    marked(
        "Some references from packs were searched with less than the others: {parts}. Footage of theirs may be missed "
        "more often than usual."
    ),
    marked("{count} without {what}"),
    marked("Looked for and not found: {parts}."),
    marked(
        "On-screen text was read by a machine in one picture of a shot, and is often wrong. It knows {scripts}; text "
        "in other scripts, among them Arabic, Urdu, Persian, Hebrew, Cyrillic and Devanagari, is not read or is taken "
        "for something else. That no text is listed does not show that none is there."
    ),
    marked("On-screen text could not be read ({reason}); none is listed."),
)
_LONGEST = 4000
_MOST_SENTENCES = 12


def restated_sentences(recorded: str) -> str:
    """Translate recorded sentences, each of which is known whole or but for its names and figures.

    If one of them is not, all stay in English: half a translation could be read as something else than was recorded.
    """
    if spoken() == ENGLISH or not recorded:
        return recorded
    translation = _translation(recorded) if len(recorded) <= _LONGEST else None
    return keep_english(recorded) if translation is None else translation


def _translation(recorded: str) -> str | None:
    """Translate a text by the longest known beginning, then the rest."""
    if (whole := _sentence(recorded)) is not None:
        return whole
    ends = [found.end() for found in re.finditer(r"\. ", recorded)][:_MOST_SENTENCES]
    for end in reversed(ends):
        first = _sentence(recorded[: end - 1])
        if first is not None:
            rest = _translation(recorded[end:])
            return None if rest is None else f"{first} {rest}"
    return None


def _sentence(recorded: str) -> str | None:
    translation = _(recorded)
    if translation != recorded:
        return translation
    for pattern in _PATTERNS:
        if found := _expression(pattern).fullmatch(recorded):
            return _(pattern).format(**{name: _value(name, text) for name, text in found.groupdict().items()})
    return None


def _value(name: str, text: str) -> str:
    """Carry a value over; the parts of a list and the kind of what is lacking are this tool's words where known."""
    if name == "parts":
        return in_parts(_sentence(part) or part for part in text.split("; "))
    return _(text) if name == "what" else text


@lru_cache
def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", pattern)
    return re.compile(
        "".join(f"(?P<{part}>.+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)), re.DOTALL
    )
