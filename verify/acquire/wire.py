"""What travelled over the connections of this process: one note for each HTTP request that was answered.

yt-dlp's answers do not say which address they came from, and a connection may be closed by the time they are returned.
Every Python library in use here speaks HTTP through `http.client`, so that is where the notes are taken.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
import time
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsPeer:
    """Who a TLS connection was made to: name of protocol and cipher, certificates in DER, the server's own first."""

    host: str
    port: int
    protocol: str
    cipher: str
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireNote:
    """One request and the head of its answer.

    `sent_s` and `received_s` are Unix times in seconds: when the request had been sent, and when the head of the answer
    had come. `peer` is 'ADDRESS:PORT', with brackets around an IPv6 address.
    """

    sent_s: float
    received_s: float
    request_headers: Headers
    status: int
    headers: Headers
    peer: str | None
    tls: TlsPeer | None


@dataclass(slots=True)
class WireWatch:
    """Keeps the note of the last answered request of each thread."""

    _notes: threading.local = field(default_factory=threading.local)

    def take(self) -> WireNote | None:
        """Return the last note of this thread and forget it."""
        note = getattr(self._notes, "note", None)
        self._notes.note = None
        return note

    def install(self) -> None:
        """Watch this process from now on."""
        connection = http.client.HTTPConnection
        original_putrequest = connection.putrequest
        original_putheader = connection.putheader
        original_getresponse = connection.getresponse
        watch = self

        @wraps(original_putrequest)
        def putrequest(self: Any, *arguments: Any, **named: Any) -> None:
            self.verify_headers = []
            original_putrequest(self, *arguments, **named)

        @wraps(original_putheader)
        def putheader(self: Any, header: Any, *values: Any) -> None:
            original_putheader(self, header, *values)
            kept = getattr(self, "verify_headers", None)
            if kept is not None:
                kept.append((_text(header), ", ".join(_text(value) for value in values)))

        @wraps(original_getresponse)
        def getresponse(self: Any) -> http.client.HTTPResponse:
            # Before the answer is read: afterwards the socket may be gone.
            peer, tls = _peer(self.sock), _tls(self)
            sent_s, started = time.time(), time.monotonic()
            response = original_getresponse(self)
            watch._notes.note = WireNote(
                sent_s=sent_s,
                received_s=sent_s + time.monotonic() - started,
                request_headers=tuple(getattr(self, "verify_headers", ())),
                status=response.status,
                headers=tuple((str(name), str(value)) for name, value in response.getheaders()),
                peer=peer,
                tls=tls,
            )
            return response

        connection.putrequest = putrequest  # type: ignore[method-assign]
        connection.putheader = putheader  # type: ignore[method-assign]
        connection.getresponse = getresponse  # type: ignore[method-assign]


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _peer(connection: Any) -> str | None:
    try:
        host, port = connection.getpeername()[:2]
    except (OSError, AttributeError, ValueError):
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tls(connection: Any) -> TlsPeer | None:
    socket = connection.sock
    if not isinstance(socket, ssl.SSLSocket):
        return None
    leaf = socket.getpeercert(binary_form=True)
    if leaf is None:
        return None
    cipher = socket.cipher()
    return TlsPeer(
        host=str(connection.host),
        port=int(connection.port),
        protocol=socket.version() or "",
        cipher=cipher[0] if cipher else "",
        certificates=(leaf, *(one for one in _sent_chain(socket) if one != leaf)),
    )


def _sent_chain(socket: ssl.SSLSocket) -> list[bytes]:
    """Return all certificates that the server sent, in DER; none where this version of Python cannot tell."""
    with contextlib.suppress(AttributeError, ValueError, ssl.SSLError, TypeError):
        if hasattr(socket, "get_unverified_chain"):  # Python 3.13 and later
            return list(socket.get_unverified_chain() or ())
        inner: Any = socket._sslobj  # type: ignore[attr-defined]
        # 1 is PEM, 2 is DER; the constant is private as well.
        return [bytes(one.public_bytes(2)) for one in inner.get_unverified_chain() or ()]
    return []
