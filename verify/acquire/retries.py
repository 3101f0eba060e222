"""When a request that failed is worth making again, and after how long."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from yt_dlp.networking.common import Request
from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, TransportError
from yt_dlp.utils import YoutubeDLError

from verify.acquire.classify import error_chain

LONGEST_PAUSE_S = 8.0
# A server that wants to be left alone for longer is taken at its word: the acquisition ends.
LONGEST_WAIT_ON_REQUEST_S = 60.0
_WORTH_RETRYING = frozenset({408, 429, 500, 502, 503, 504})


def pause_s(n: int) -> float:
    """Seconds to wait after attempt `n`, counted from 0 (yt-dlp passes it by this name): doubling up to a bound."""
    return float(min(2**n, LONGEST_PAUSE_S))


def seconds_before_retry(error: YoutubeDLError, request: Request, attempt: int, retries: int) -> float | None:
    """Say how long to wait before a request is made again; None if it is not worth it.

    Worth it are connections that break or are refused, and answers that say so: overload, too many requests, errors of
    the server. A host that does not exist, or whose certificate is not valid, stays so.

    Parameters
    ----------
    attempt
        How often the request has been made.
    retries
        How often it may be made again.
    """
    repeatable = request.data is None or isinstance(request.data, bytes)
    if attempt > retries or not repeatable:
        return None
    if isinstance(error, HTTPError):
        asked_s = _retry_after_s(error.response.headers.get("Retry-After"))
        worth_it = error.status in _WORTH_RETRYING and asked_s <= LONGEST_WAIT_ON_REQUEST_S
        return max(asked_s, pause_s(attempt - 1)) if worth_it else None
    if not isinstance(error, TransportError) or isinstance(error, CertificateVerifyError):
        return None
    unknown_host = any(
        isinstance(link, socket.gaierror) and link.errno != socket.EAI_AGAIN for link in error_chain(error)
    )
    return None if unknown_host else pause_s(attempt - 1)


def _retry_after_s(value: object) -> float:
    """Read a Retry-After header: seconds, or a date; 0 if there is none or it is malformed."""
    text = str(value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
