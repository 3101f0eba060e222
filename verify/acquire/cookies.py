"""The operator's cookies: read once, sent to the site, kept nowhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

from verify.errors import InvalidUsageError

MAX_COOKIES_BYTES = 4 * 1024**2
REMOVED = "REMOVED"
_FIRST_LINE = "# Netscape HTTP Cookie File\n"
_HTTP_ONLY = "#HttpOnly_"
_FIELDS = 7
# Shorter values ('1', 'en') are no secrets, and blanking them would garble every text.
_SHORTEST_SECRET = 6
_REMEDY = "Export the cookies of the site as a cookies.txt file in Netscape's format."


def read_cookies(path: Path) -> str:
    """Read a file of cookies and return it in the one form that yt-dlp reads without complaint.

    The text goes to the worker through a pipe. yt-dlp would write cookies back into a file that it were given, and
    quotes lines that it cannot read; neither can happen to a text that was checked before.

    Raises
    ------
    InvalidUsageError
        It cannot be read, is too large, or is no such file. No line of it is quoted.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_COOKIES_BYTES + 1)
    except OSError as error:
        raise InvalidUsageError(path, f"the cookies cannot be read ({error.strerror})", _REMEDY) from error
    if len(content) > MAX_COOKIES_BYTES:
        raise InvalidUsageError(path, f"is larger than the {MAX_COOKIES_BYTES} bytes a cookies file may have", _REMEDY)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidUsageError(path, "is no text file of cookies", _REMEDY) from error
    lines = [_line(path, number, line) for number, line in enumerate(text.splitlines(), 1)]
    kept = [line for line in lines if line]
    if not kept:
        raise InvalidUsageError(path, "holds no cookies", _REMEDY)
    return _FIRST_LINE + "".join(f"{line}\n" for line in kept)


def _line(path: Path, number: int, line: str) -> str:
    """Check one line; an empty string for a comment."""
    prefix = _HTTP_ONLY if line.startswith(_HTTP_ONLY) else ""
    entry = line.removeprefix(prefix)
    if not entry.strip() or (not prefix and entry.startswith("#")):
        return ""
    fields = entry.split("\t")
    if len(fields) != _FIELDS or not fields[0].strip("."):
        raise InvalidUsageError(path, f"line {number} is no cookie in Netscape's format", _REMEDY)
    domain, _, cookie_path, secure, expires, name, value = fields
    whole, dot, part = expires.partition(".")
    if not whole.isascii() or not whole.isdigit() or (dot and not part.isdigit()):
        expires = "0"  # what a session's cookie has
    subdomains = "TRUE" if domain.startswith(".") else "FALSE"
    secure = "TRUE" if secure.upper() == "TRUE" else "FALSE"
    return prefix + "\t".join((domain, subdomains, cookie_path, secure, expires, name, value))


class Secrets:
    """The operator's secrets, to be blanked in whatever is written or shown.

    Parameters
    ----------
    cookies
        What `read_cookies` returned, or an empty text. Its values are secrets.
    url
        The URL that was asked for. User name and password in it are secrets, together of any length.
    """

    def __init__(self, cookies: str = "", url: str = "") -> None:
        found: set[str] = set()
        user, _, password = url.partition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")
        if password:
            found |= {password, unquote(password)}
        for line in cookies.splitlines():
            value = line.rpartition("\t")[2].strip()
            if line.count("\t") == _FIELDS - 1 and len(value) >= _SHORTEST_SECRET:
                found |= {value, quote(value), quote(value, safe=""), unquote(value)}
        # The longest first: one value may be part of another.
        self._values = sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=len, reverse=True)
        if password:
            self._values.insert(0, f"{user}:{password}")

    def __bool__(self) -> bool:
        return bool(self._values)

    def blank(self, text: str) -> str:
        """Return a text without the values."""
        for value in self._values:
            text = text.replace(value, REMOVED)
        return text

    def blank_inside(self, value: object) -> object:
        """Return a copy of lists and mappings, as JSON has them, with `blank` applied to every text, names too."""
        if not self._values:
            return value
        if isinstance(value, str):
            return self.blank(value)
        if isinstance(value, (list, tuple)):
            return [self.blank_inside(item) for item in value]
        if isinstance(value, dict):
            return {self.blank(str(name)): self.blank_inside(item) for name, item in value.items()}
        return value
