"""The child process of one exchange: `python -m verify.acquire.post_worker`, driven by `verify.acquire.post`.

It reads one request from standard input and answers with one message of `kind` result or error.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from verify.acquire.guard import ConnectionGuard
from verify.processes import receive_message, send_message

if TYPE_CHECKING:
    import http.client

_MAX_REQUEST_BYTES = 1024**2
_MEMORY_SLACK_BYTES = 512 * 1024**2
_USER_AGENT = "verify"


class _RefusedAnswerError(Exception):
    """The service answered with something that cannot be used."""


def main() -> None:
    """Carry out the request on standard input."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else prints goes to standard error
    received = receive_message(sys.stdin.buffer, max_payload_bytes=_MAX_REQUEST_BYTES)
    if received is None:
        return
    request, body = received
    guard = _confine(request)
    timeout_s = float(request["timeout_s"])
    told = threading.Lock()

    def give_up() -> None:
        # Also in the middle of a name look-up, a handshake or a byte that never comes.
        told.acquire()
        send_message(answers, {"kind": "error", "reason": f"did not answer within {timeout_s:g} s"})
        os._exit(0)

    clock = threading.Timer(timeout_s, give_up)
    clock.daemon = True
    clock.start()
    content = b""
    try:
        content = _exchange(request, body)
        answer = {"kind": "result"}
    except _RefusedAnswerError as error:
        answer = {"kind": "error", "reason": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever a hostile server provokes is an outcome, not a bug of ours
        answer = {"kind": "error", "reason": _reason(error, guard)}
    told.acquire()
    clock.cancel()
    send_message(answers, answer, content)


def _confine(request: dict[str, Any]) -> ConnectionGuard:
    """Restrict this process before it meets the network."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import resource  # noqa: PLC0415 - not on Windows

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        wanted = _MEMORY_SLACK_BYTES + 4 * int(request["max_bytes"])
        if hard == resource.RLIM_INFINITY or wanted < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    guard = ConnectionGuard(allow_private=bool(request["allow_private"]), programs=[])
    guard.install()
    return guard


def _exchange(request: dict[str, Any], body: bytes) -> bytes:
    import http.client  # noqa: PLC0415 - only now: under the guard
    import ssl  # noqa: PLC0415

    parts = urlsplit(request["url"])
    host, timeout_s = parts.hostname or "", float(request["timeout_s"])
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        **request["headers"],
        "User-Agent": _USER_AGENT,
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    with contextlib.closing(connection):
        connection.request(request["method"], target, body=body or None, headers=headers)
        response = connection.getresponse()
        _check_head(response, request["answer_types"])
        return _read_body(response, int(request["max_bytes"]))


def _check_head(response: http.client.HTTPResponse, answer_types: list[str]) -> None:
    if 300 <= response.status < 400:
        place = response.getheader("Location", "another place")
        raise _RefusedAnswerError(f"redirects to {place}, which is not followed; give that address if you trust it")
    if response.status != 200:
        raise _RefusedAnswerError(f"answered {response.status} {response.reason}")
    if response.getheader("Content-Encoding", "identity").strip().lower() != "identity":
        raise _RefusedAnswerError("answered in a compressed form that was not asked for")
    content_type = response.getheader("Content-Type", "").partition(";")[0].strip().lower()
    if answer_types and content_type not in answer_types:
        raise _RefusedAnswerError(f"answered with {content_type or 'no content type'}, not {answer_types[0]}")


def _read_body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    declared = response.getheader("Content-Length", "")
    expected = int(declared) if declared.isascii() and declared.isdecimal() and len(declared) < 20 else None
    if expected is not None and expected > max_bytes:
        raise _RefusedAnswerError(f"answered with {expected} bytes, more than the {max_bytes} that are read")
    content = response.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise _RefusedAnswerError(f"answered with more than the {max_bytes} bytes that are read")
    if response.chunked is False and expected is not None and len(content) < expected:
        raise _RefusedAnswerError(f"broke off after {len(content)} of {expected} bytes")
    return content


def _reason(error: Exception, guard: ConnectionGuard) -> str:
    if guard.refused_addresses:
        return f"leads to {guard.refused_addresses[-1]}, which is not on the public internet; see --allow-private"
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, ConnectionResetError):
        return "broke off the connection"
    text = str(error) or type(error).__name__
    if isinstance(error, OSError):
        import ssl  # noqa: PLC0415 - loaded long since

        if isinstance(error, ssl.SSLCertVerificationError):
            return f"shows a certificate that is not valid ({error.verify_message})"
        return f"could not be reached ({error.strerror or text})"
    return f"gave an answer that is no HTTP ({text})"


if __name__ == "__main__":
    main()
