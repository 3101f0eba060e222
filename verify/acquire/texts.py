"""Texts and URLs from outside: bounded, harmless to a terminal, and free of passwords and signatures."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit, urlunsplit

MAX_TITLE_CHARACTERS = 500
MAX_DESCRIPTION_CHARACTERS = 20_000
MAX_URL_CHARACTERS = 2_000
MAX_SHOWN_URL_CHARACTERS = 300

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_REMOVED = "REMOVED"
# Embeddings, overrides and isolates turn text around that they are not part of.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_URL = re.compile(r"https?://[^\s\"'<>\\^`{|}]+", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(
    r""".*(token|secret|passw|signature|credential|session|auth(?!or)|hmac|api[-_]?key).*
    |sig|lsig|sid|key|pwd|policy|key-pair-id|ip|expires?|hdn(ea|ts|tl)|x-(amz|goog)-.*""",
    re.IGNORECASE | re.VERBOSE,
)


def clean_text(text: object, max_characters: int, *, multiline: bool = False) -> str | None:
    """Make a text from outside safe to print: no control or bidirectional override characters, bounded.

    Parameters
    ----------
    text
        Anything; what is no string gives None.
    max_characters
        Longest result; a longer text ends in an ellipsis.
    multiline
        Keep line feeds and tabs. Otherwise every run of white space becomes one space.
    """
    if not isinstance(text, str):
        return None
    # A text some hundred times too long is cut first: cleaning must not take long on hostile input.
    text = text[: 4 * max_characters]
    if multiline:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        kept = "".join(_printable(character) for character in text).strip()
    else:
        kept = " ".join("".join(" " if c.isspace() else _printable(c) for c in text).split())
    if len(kept) > max_characters:
        kept = kept[: max_characters - 1] + _ELLIPSIS
    return kept or None


def _printable(character: str) -> str:
    if character in "\n\t":
        return character
    if character in _BIDI_CONTROLS:
        return ""
    category = unicodedata.category(character)
    if category == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category == "Cc" else character


def web_url(text: object) -> str | None:
    """Return an http or https URL without secrets, bounded; None for anything else."""
    cleaned = clean_text(text, MAX_URL_CHARACTERS)
    if cleaned is None or not cleaned.lower().startswith(("http://", "https://")):
        return None
    return without_secrets(cleaned)


def without_secrets(url: str) -> str:
    """Strip user name and password from a URL and blank the query values that look like keys or signatures."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("//")[0] + "//" + _REMOVED
    host = parts.netloc.rpartition("@")[2]
    query = "&".join(_without_value(pair) for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, host, parts.path, query, parts.fragment))


def _without_value(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={_REMOVED}" if equals and _SECRET_PARAMETER.fullmatch(name) else pair


def without_secrets_inside(text: str) -> str:
    """Apply `without_secrets` to every http(s) URL in a text."""
    return _URL.sub(lambda found: without_secrets(found.group()), text)


def shown_url(url: str) -> str:
    """Return a URL for a message: without secrets, without control characters, short."""
    return clean_text(without_secrets(url), MAX_SHOWN_URL_CHARACTERS) or "(empty)"
