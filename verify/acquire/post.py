"""One small exchange with a web service, in a child process under the network policy.

For time-stamping services: they are told a digest and answer in a few kilobytes.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from verify.acquire.texts import MAX_URL_CHARACTERS, clean_text, shown_url, without_secrets_inside
from verify.processes import BrokenMessageError, Worker, receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORKER_MODULE = "verify.acquire.post_worker"
_MAX_REASON_CHARACTERS = 300
# A cold interpreter on a busy machine, before the first connection.
_START_S = 20.0
_END_S = 2.0


class ExchangeError(Exception):
    """A service gave no usable answer.

    Parameters
    ----------
    url
        The service; shown without secrets.
    reason
        What happened, to follow the name of the service: 'answered 503 Service Unavailable'.
    """

    def __init__(self, url: str, reason: str) -> None:
        self.url = shown_url(url)
        self.reason = clean_text(without_secrets_inside(reason), _MAX_REASON_CHARACTERS) or "failed"
        super().__init__(f"{self.url} {self.reason}")


def post_bytes(
    url: str,
    body: bytes,
    *,
    content_type: str,
    accept: str,
    allow_private: bool,
    max_bytes: int,
    timeout_s: float,
    answer_types: tuple[str, ...] = (),
) -> bytes:
    """POST `body` to a service and return the body of its answer.

    Redirects are not followed, proxies not used, certificates of https verified, and every address judged when it is
    connected to.

    Parameters
    ----------
    content_type, accept
        Headers of the request.
    allow_private
        Permit addresses that are not on the public internet.
    max_bytes
        Longest body of an answer.
    timeout_s
        Wall time for the whole exchange, in seconds, whether or not bytes still drip in.
    answer_types
        Content types that the answer may have; empty for any.

    Raises
    ------
    ExchangeError
        There is no such answer.
    """
    request = {
        "method": "POST",
        "url": url,
        "headers": {"Content-Type": content_type, "Accept": accept},
        "answer_types": list(answer_types),
    }
    return _exchange(request, body, allow_private=allow_private, max_bytes=max_bytes, timeout_s=timeout_s)


def get_bytes(url: str, *, accept: str, allow_private: bool, max_bytes: int, timeout_s: float) -> bytes:
    """GET a small document from a service; parameters, policy and errors as for `post_bytes`."""
    request = {"method": "GET", "url": url, "headers": {"Accept": accept}, "answer_types": []}
    return _exchange(request, b"", allow_private=allow_private, max_bytes=max_bytes, timeout_s=timeout_s)


def check_service_url(url: str) -> str | None:
    """Say what is wrong with the URL of a service: 'is neither http nor https' and the like; None if nothing is."""
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        return "is no URL that can be used: too long, or with spaces or letters outside ASCII"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("http", "https"):
        return "is neither http nor https"
    if not parts.hostname or port == 0:
        return "names no host"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or password, which is not supported"
    return None


def _exchange(
    request: Mapping[str, object], body: bytes, *, allow_private: bool, max_bytes: int, timeout_s: float
) -> bytes:
    if max_bytes <= 0 or timeout_s <= 0 or not math.isfinite(timeout_s):
        raise ValueError("limits of an exchange must be positive")
    url = str(request["url"])
    if problem := check_service_url(url):
        raise ExchangeError(url, problem)
    limits = {"allow_private": allow_private, "max_bytes": max_bytes, "timeout_s": timeout_s}
    out_of_time = threading.Event()
    with Worker(_WORKER_MODULE) as worker:

        def end_worker() -> None:
            out_of_time.set()
            worker.kill()

        # The child keeps the limit from its first connection on; this clock also bounds its start.
        timer = threading.Timer(_START_S + timeout_s + _END_S, end_worker)
        timer.daemon = True
        timer.start()
        try:
            send_message(worker.input, {**request, **limits}, body)
            answer = receive_message(worker.output, max_payload_bytes=max_bytes)
        except (BrokenMessageError, OSError) as error:
            if not out_of_time.is_set():
                raise ExchangeError(url, f"could not be asked: the process for it broke off ({error})") from error
            answer = None
        finally:
            timer.cancel()
    if answer is None:
        raise ExchangeError(
            url, f"did not answer within {timeout_s:g} s" if out_of_time.is_set() else "could not be asked"
        )
    header, content = answer
    if header.get("kind") != "result":
        raise ExchangeError(url, str(header.get("reason")))
    return content
