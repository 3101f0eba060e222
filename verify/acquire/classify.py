"""Tell from yt-dlp's exceptions what kind of failure happened. Runs in the worker, the only place that has yt-dlp."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import ContentTooShortError, GeoRestrictedError, UnsupportedError, UserNotLive

from verify.acquire.failures import FailureKind
from verify.acquire.guard import RefusedProgramError

# Messages may quote a title of megabytes; the patterns below must not take long over it.
_MAX_TOLD_CHARACTERS = 2_000
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_KIND_OF_STATUS = {
    401: FailureKind.LOGIN,
    403: FailureKind.FORBIDDEN,
    404: FailureKind.NOT_FOUND,
    410: FailureKind.REMOVED,
    429: FailureKind.RATE_LIMITED,
    451: FailureKind.GEO_BLOCKED,
}
_KIND_OF_CLASS: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (RefusedProgramError, FailureKind.STREAM_TYPE),
    (MemoryError, FailureKind.TOO_LARGE),
    (CertificateVerifyError, FailureKind.CERTIFICATE),
    (IncompleteRead, FailureKind.INCOMPLETE),
    (ContentTooShortError, FailureKind.INCOMPLETE),
    (GeoRestrictedError, FailureKind.GEO_BLOCKED),
    (UserNotLive, FailureKind.LIVE),
    (UnsupportedError, FailureKind.NO_VIDEO),
)
# What extractors say, most telling first. They have no error classes for these, only English sentences.
_KIND_OF_PHRASE = (
    (r"not a bot|too many requests|rate.?limit", FailureKind.RATE_LIMITED),
    (r"\bDRM\b", FailureKind.DRM),
    (r"(in|from|for) your (country|region|location)|geo.?(restrict|block)", FailureKind.GEO_BLOCKED),
    # 'Got error' is how yt-dlp's downloader reports every break in the middle of a file.
    (r"got error: |bytes read, \d+ more expected|bytes, expected \d+ bytes", FailureKind.INCOMPLETE),
    (
        r"live event will|premieres? (in|will|on)|upcoming|(has )?not (yet )?(started|begun)|will begin",
        FailureKind.UPCOMING,
    ),
    (r"live event|not currently live|is offline", FailureKind.LIVE),
    (
        r"(removed|deleted|taken down|terminated|disabled) (by|because|due|for|following)|account .{0,80}"
        r"(terminated|suspended|deleted|closed)|has been (removed|deleted|taken down)|was (removed|deleted)|no longer "
        r"(available|exists)|violat(ed|ing|ion)",
        FailureKind.REMOVED,
    ),
    (
        r"(video|content|post|tweet|account|playlist|media) is (set to )?private|private (video|post|account|content)",
        FailureKind.PRIVATE_VIDEO,
    ),
    (
        r"log.?in|sign.?in|logged|members?.only|authenticat|confirm your age|age.?restrict|registered users"
        r"|--cookies|credentials|password|subscri",
        FailureKind.LOGIN,
    ),
    (r"no video|unsupported url|there is no|no media", FailureKind.NO_VIDEO),
    (r"removed|deleted|terminated|suspended", FailureKind.REMOVED),
    (r"no longer|not exist|unavailable|not found|not available", FailureKind.NOT_FOUND),
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
    chain = list(error_chain(error))
    for link in chain:
        if isinstance(link, FailedAcquisition):
            return link.kind, link.detail
    said = _said(error)
    for link in chain:
        if kind := _kind_of_exception(link):
            return kind, said
    told = str(error)[:_MAX_TOLD_CHARACTERS]
    for pattern, kind in _KIND_OF_PHRASE:
        if re.search(pattern, told, re.IGNORECASE):
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
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)[:_MAX_TOLD_CHARACTERS]).strip() or type(error).__name__
    text = re.sub(r"^ERROR:\s*", "", text)
    return _ADVICE.sub("", text).strip() or text


def error_chain(error: BaseException) -> Iterator[BaseException]:
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
