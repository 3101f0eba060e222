"""Texts and URLs from outside: bounded, harmless to a terminal, and free of passwords and signatures."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit, urlunsplit

MAX_TITLE_CHARACTERS = 500
MAX_DESCRIPTION_CHARACTERS = 20_000
MAX_URL_CHARACTERS = 2_000
MAX_SHOWN_URL_CHARACTERS = 300

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_REMOVED = "REMOVED"
#: Embeddings, overrides and isolates turn text around that they are not part of.
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_URL = re.compile(r"https?://[^\s\"'<>\\^`{|}]+", re.IGNORECASE)
_PAIR = re.compile(r"([?&])([^\s?&=\"'<>]{1,64}=[^\s?&\"'<>]+)")
_USER = re.compile(r"(https?://)[^\s/?#@\"'<>]*@", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(
    r""".*(token|secret|passw|signature|credential|session|auth(?!or)|hmac|api[-_]?key).*
    |sig|lsig|sid|key|pwd|policy|key-pair-id|ip|expires?|hdn(ea|ts|tl)|x-(amz|goog)-.*""",
    re.IGNORECASE | re.VERBOSE,
)
# Where the path is a list of names and values; narrower, for a path has no '=' that would mark a name.
_SECRET_PATH_NAME = re.compile(r"ip|l?sig|signature|expires?|(access_?)?token|spc|hmac", re.IGNORECASE)


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
    if character in BIDI_CONTROLS:
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
    """Strip user name and password from a URL and blank what looks like a key, a signature or a client's address.

    Looked at are the values of the query and of a fragment that is written like one, and the parts of the path: some
    sites sign '/ip/192.0.2.7/sig/...' or '/hdntl=exp=...~hmac=.../'.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("//")[0] + "//" + _REMOVED
    host = parts.netloc.rpartition("@")[2]
    fragment = _without_values(parts.fragment) if "=" in parts.fragment else parts.fragment
    return urlunsplit((parts.scheme, host, _plain_path(parts.path), _without_values(parts.query), fragment))


def without_query_values(url: str) -> str:
    """Apply `without_secrets` to a URL and blank all values of its query: for URLs that are signed as a rule."""
    try:
        parts = urlsplit(without_secrets(url))
    except ValueError:
        return _REMOVED
    names = (pair.partition("=") for pair in parts.query.split("&")) if parts.query else ()
    query = "&".join(f"{name}={_REMOVED}" if equals else _REMOVED for name, equals, _ in names)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def _without_values(query: str) -> str:
    return "&".join(_without_value(pair) for pair in query.split("&")) if query else ""


def _without_value(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return pair
    secret = _SECRET_PARAMETER.fullmatch(name) is not None or _is_address(value) or _hides_secret(value)
    return f"{name}={_REMOVED}" if secret else pair


def _hides_secret(value: str) -> bool:
    """Tell whether a value is a URL, encoded as values are, that has secrets of its own."""
    inner = unquote(value)
    return "://" in inner and inner != value and without_secrets(inner) != inner


def _is_address(value: str) -> bool:
    try:
        ip_address(unquote(value).strip("[]"))
    except ValueError:
        return False
    return True


def _plain_path(path: str) -> str:
    parts = path.split("/")
    for number, part in enumerate(parts):
        name, equals, _ = part.partition("=")
        after_secret = number > 0 and _SECRET_PATH_NAME.fullmatch(parts[number - 1]) is not None
        if part and (after_secret or _is_address(part) or (equals and _SECRET_PARAMETER.fullmatch(name))):
            parts[number] = f"{name}={_REMOVED}" if equals and not after_secret else _REMOVED
    return "/".join(parts)


def without_secrets_inside(text: str) -> str:
    """Apply `without_secrets` to every http(s) URL in a text, and blank such values in bare queries ('?token=...')."""
    text = _URL.sub(lambda found: without_secrets(found.group()), text)
    return _PAIR.sub(lambda found: found[1] + _without_value(found[2]), text)


def without_user_inside(text: str) -> str:
    """Strip user names and passwords from the URLs in a text, and nothing else."""
    return _USER.sub(r"\1", text)


def shown_url(url: str) -> str:
    """Return a URL for a message: without secrets, without control characters, short."""
    return clean_text(without_secrets(url), MAX_SHOWN_URL_CHARACTERS) or "(empty)"
