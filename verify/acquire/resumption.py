"""Resuming a broken transfer without ever joining the bytes of two versions of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from yt_dlp.networking.common import Request, Response

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Version:
    """What tells one version of a file from another.

    `validator` is fit for an If-Range header (RFC 9110, 13.1.5): a strong entity tag, else a date of modification that
    lies before the answer's own date by a second or more. None if the server gives neither. `encoded` says that what
    came was compressed for the transfer: ranges then count other bytes than those on disk.
    """

    validator: str | None
    etag: str | None
    modified: str | None
    total_bytes: int | None
    encoded: bool = False


def version_of(response: Response) -> Version:
    """Read the version from the head of an answer."""
    etag, modified = _header(response, "ETag"), _header(response, "Last-Modified")
    strong = etag if etag and etag.startswith('"') else None
    dated = modified if _is_settled(modified, _header(response, "Date")) else None
    encoding = (_header(response, "Content-Encoding") or "identity").lower()
    return Version(strong or dated, etag, modified, _total_bytes(response), encoding != "identity")


def _is_settled(modified: str | None, now: str | None) -> bool:
    """Tell whether a date of modification is strong: the file could have changed twice within the same second."""
    try:
        # Servers date both by the same clock, and comparing works only if both have or both lack a time zone.
        return (
            bool(modified and now)
            and (parsedate_to_datetime(now or "") - parsedate_to_datetime(modified or "")).total_seconds() >= 1
        )
    except (ValueError, TypeError, OverflowError):
        return False


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return str(value).strip() if value else None


def _total_bytes(response: Response) -> int | None:
    if response.status == 206:
        found = _CONTENT_RANGE.fullmatch(_header(response, "Content-Range") or "")
        return int(found[3]) if found and found[3] != "*" else None
    declared = _header(response, "Content-Length") or ""
    return int(declared) if declared.isascii() and declared.isdigit() else None


class Resumption:
    """The versions of all files of one acquisition, by the URL they were asked for at."""

    def __init__(self) -> None:
        self._versions: dict[str, Version] = {}

    def prepare(self, request: Request) -> None:
        """Make a request for the rest of a file conditional on its being the same file.

        Where the server gave nothing to recognise the file by, all of it is asked for again.
        """
        version = self._versions.get(request.url)
        if version is None or "Range" not in request.headers:
            return
        if version.validator is not None and not version.encoded:
            request.headers["If-Range"] = version.validator
        elif is_rest(request):
            del request.headers["Range"]

    def is_same(self, request: Request, response: Response) -> bool:
        """Tell whether an answer is of the version known so far; remembers it where none was.

        Some servers know ranges but not If-Range, so a partial answer is compared as well.
        """
        version = version_of(response)
        known = self._versions.get(request.url)
        if known is None or response.status != 206:
            self._versions[request.url] = version
            return known is None or known == version
        pairs = (
            (known.etag, version.etag),
            (known.modified, version.modified),
            (known.total_bytes, version.total_bytes),
        )
        return all(before == after for before, after in pairs if before is not None and after is not None)


def is_rest(request: Request) -> bool:
    """Tell whether a request is for the rest of a file, from some byte to its end."""
    found = _RANGE.fullmatch(request.headers.get("Range") or "")
    return found is not None and found[1] != "0" and not found[2]


def is_part(request: Request) -> bool:
    """Tell whether a request is for a stretch of a file with a given end."""
    found = _RANGE.fullmatch(request.headers.get("Range") or "")
    return found is not None and bool(found[2])


def starts_where_asked(request: Request, response: Response) -> bool:
    """Tell whether a partial answer begins with the byte that was asked for."""
    wanted = _RANGE.fullmatch(request.headers.get("Range") or "")
    given = _CONTENT_RANGE.fullmatch(_header(response, "Content-Range") or "")
    return wanted is not None and given is not None and wanted[1] == given[1]
