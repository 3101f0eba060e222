"""Tell from yt-dlp's exceptions what kind of failure happened. Runs in the worker, the only place that has yt-dlp."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import GeoRestrictedError, UnsupportedError, UserNotLive

from verify.acquire.failures import FailureKind
from verify.acquire.guard import RefusedProgramError

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_KIND_OF_STATUS = {
    401: FailureKind.LOGIN,
    403: FailureKind.FORBIDDEN,
    404: FailureKind.NOT_FOUND,
    410: FailureKind.NOT_FOUND,
    429: FailureKind.RATE_LIMITED,
    451: FailureKind.GEO_BLOCKED,
}
_KIND_OF_CLASS: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (RefusedProgramError, FailureKind.STREAM_TYPE),
    (MemoryError, FailureKind.TOO_LARGE),
    (GeoRestrictedError, FailureKind.GEO_BLOCKED),
    (UserNotLive, FailureKind.LIVE),
    (UnsupportedError, FailureKind.NO_VIDEO),
)
# What extractors say, most telling first. They have no error classes for these, only English sentences.
_KIND_OF_PHRASE = (
    (r"not a bot|too many requests|rate.?limit", FailureKind.RATE_LIMITED),
    (r"\bDRM\b", FailureKind.DRM),
    (r"(in|from|for) your (country|region|location)|geo.?(restrict|block)", FailureKind.GEO_BLOCKED),
    (r"live event|premieres? (in|will)|not currently live|is offline|upcoming|has not started", FailureKind.LIVE),
    (
        r"log.?in|sign.?in|logged|private|members?.only|authenticat|confirm your age|age.?restrict|registered users"
        r"|--cookies|credentials|password|subscri",
        FailureKind.LOGIN,
    ),
    (r"no video|unsupported url|there is no|no media", FailureKind.NO_VIDEO),
    (r"removed|no longer|deleted|not exist|unavailable|not found|not available|terminated", FailureKind.NOT_FOUND),
)
# Advice that addresses users of yt-dlp's own command line.
_ADVICE = re.compile(
    r"[;.,]?\s*(?:\(caused by|please report|see\s+https?://|use --|\bconfirm you are on).*", re.I | re.S
)


class FailedAcquisition(Exception):  # noqa: N818 - an outcome that travels to the parent, not an error for users
    """A failure whose kind is known where it happens."""

    def __init__(self, kind: FailureKind, detail: str = "") -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def describe_failure(error: BaseException) -> tuple[FailureKind, str]:
    """Tell the kind of failure and what was said about it."""
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, FailedAcquisition):
            return link.kind, link.detail
    said = _said(error)
    for link in chain:
        if kind := _kind_of_exception(link):
            return kind, said
    for pattern, kind in _KIND_OF_PHRASE:
        if re.search(pattern, str(error), re.IGNORECASE):
            return kind, said
    if any(isinstance(link, TransportError) for link in chain):
        return FailureKind.UNREACHABLE, said
    return FailureKind.EXTRACTOR, said


def _kind_of_exception(error: BaseException) -> FailureKind | None:
    if isinstance(error, HTTPError):
        status = error.status
        return _KIND_OF_STATUS.get(status, FailureKind.SERVER_ERROR if status >= 500 else FailureKind.UNREACHABLE)
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return FailureKind.DISK
    for known, kind in _KIND_OF_CLASS:
        if isinstance(error, known):
            return kind
    return None


def _said(error: BaseException) -> str:
    """Return an exception's text without what only concerns users of yt-dlp's command line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip() or type(error).__name__
    text = re.sub(r"^ERROR:\s*", "", text)
    return _ADVICE.sub("", text).strip() or text


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that led to it, however yt-dlp has kept them."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        kept = getattr(link, "exc_info", None)
        waiting += [
            kept[1] if isinstance(kept, tuple) and len(kept) == 3 else None,
            getattr(link, "cause", None),
            link.__cause__,
            link.__context__,
            *(getattr(link, "unexpected_errors", None) or ()),
        ]
