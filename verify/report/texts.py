"""Texts from outside, made fit to be shown: nothing in them acts, and a link leads where it says."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from verify.findings.wording import grouped
from verify.translation import _

_MAX_LINK = 2000
_NOT_IN_URLS = frozenset(" \"'<>\\^`{|}")
# Left-to-right and right-to-left marks and joiners belong to ordinary writing; these can turn a sentence around.
_DIRECTION_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ISOLATES = frozenset("\u2066\u2067\u2068\u2069")
_UTC_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def web_link(text: str) -> str:
    """Return `text` if it may be made a link: an http or https URL of usual length that names its host plainly."""
    try:
        parts = urlsplit(text)
        plain = bool(parts.hostname) and parts.username is None and parts.password is None
    except ValueError:
        return ""
    usual = len(text) <= _MAX_LINK and text.isprintable() and not set(text) & _NOT_IN_URLS
    return text if parts.scheme in ("http", "https") and plain and usual else ""


def visible(text: str) -> str:
    """Show what would act on the page instead of being read: control and direction characters become '[U+202E]'."""
    return _spelled(text.replace("\r\n", "\n"), _DIRECTION_CONTROLS)


def harmless(text: str) -> str:
    """Spell out, in a sentence of the report's own, what no text may bring along; its isolates stay."""
    return _spelled(text, _DIRECTION_CONTROLS - _ISOLATES)


def utc_words(text: str) -> str:
    """Write a moment of ISO 8601 as '2026-01-31 12:00:00 UTC'; leave any other text as it is."""
    return f"{text[:10]} {text[11:19]} UTC" if _UTC_MOMENT.fullmatch(text) else text


def size_words(size_bytes: int) -> str:
    """Write a size as '1.9 MB (1,912,345 bytes)'."""
    exact = _("{count} bytes").format(count=grouped(size_bytes))
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit} ({exact})"
    return exact


def _spelled(text: str, unwanted: frozenset[str]) -> str:
    if text.isprintable():  # has no control character of any kind; saves walking through megabytes of pictures
        return text
    return "".join(
        f"[U+{ord(letter):04X}]"
        if letter in unwanted or (unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t")
        else letter
        for letter in text
    )
