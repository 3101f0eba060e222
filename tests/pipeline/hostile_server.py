"""A web server on 127.0.0.1 that breaks the rules of HTTP: each path has a function that writes to the bare socket."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator

Reply = Callable[[socket.socket], None]
_MAX_REQUEST_BYTES = 1_000_000
_LONGEST_REPLY_S = 60.0


class HostileServer:
    """Answers by path, one request a connection; what has no reply gets 404.

    `requests` lists what was asked for as 'GET /path'. A reply for a prefix ending in '*' serves all paths below it.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self._replies: dict[str, Reply] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def add(self, path: str, reply: Reply | bytes) -> str:
        """Serve a reply, or the raw bytes of one, at a path; returns the URL."""
        self._replies[path] = once(reply) if isinstance(reply, bytes) else reply
        return self.url(path)

    def close(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(2)
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        # The timeout ends threads whose client neither reads nor goes away.
        connection.settimeout(_LONGEST_REPLY_S)
        with connection, contextlib.suppress(OSError):
            received = b""
            while b"\r\n\r\n" not in received and len(received) < _MAX_REQUEST_BYTES:
                piece = connection.recv(65536)
                if not piece:
                    return
                received += piece
            method, _, rest = received.decode("latin-1").partition(" ")
            path = rest.partition(" ")[0].partition("?")[0]
            self.requests.append(f"{method} {path}")
            self._reply_for(path)(connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            # Closing with unread bytes would reset the connection and could swallow the end of the reply.
            connection.settimeout(0.2)
            while connection.recv(65536):
                pass

    def _reply_for(self, path: str) -> Reply:
        if path in self._replies:
            return self._replies[path]
        for prefix, reply in self._replies.items():
            if prefix.endswith("*") and path.startswith(prefix[:-1]):
                return reply
        return once(whole(b"not here", status="404 Not Found"))


@contextlib.contextmanager
def hostile_server() -> Iterator[HostileServer]:
    """Run a server for the length of the block."""
    server = HostileServer()
    try:
        yield server
    finally:
        server.close()


# --- replies ---------------------------------------------------------------------------------------------------------


def head(content_type: str = "text/html", *, status: str = "200 OK", headers: Iterable[str] = ()) -> bytes:
    """Write the first part of an honest answer, without a length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def whole(
    body: bytes | str,
    content_type: str = "text/html; charset=utf-8",
    *,
    status: str = "200 OK",
    headers: Iterable[str] = (),
) -> bytes:
    """Write an honest answer."""
    content = body.encode() if isinstance(body, str) else body
    return head(content_type, status=status, headers=[f"Content-Length: {len(content)}", *headers]) + content


def once(content: bytes) -> Reply:
    """Send some bytes and end."""
    return lambda connection: connection.sendall(content)


def redirect(location: str, *headers: str) -> bytes:
    """Send the client elsewhere."""
    return whole(b"", status="302 Found", headers=[f"Location: {location}", *headers])


def redirects_without_end(prefix: str, cookie_bytes: int = 0) -> Reply:
    """Each answer leads to a new address, each with a cookie of its own if any."""
    numbers = itertools.count()

    def reply(connection: socket.socket) -> None:
        number = next(numbers)
        cookies = [f"Set-Cookie: c{number}={'x' * cookie_bytes}"] if cookie_bytes else []
        connection.sendall(redirect(f"{prefix}{number}", *cookies))

    return reply


def endless(start: bytes, piece: bytes, pause_s: float = 0.0) -> Reply:
    """Send `start`, then `piece` again and again until the client goes."""

    def reply(connection: socket.socket) -> None:
        end = time.monotonic() + _LONGEST_REPLY_S
        connection.sendall(start)
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause_s)

    return reply


def reset_after(content: bytes) -> Reply:
    """Send some bytes, then reset the connection."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(content)
        time.sleep(0.1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return reply


def chunk(content: bytes) -> bytes:
    """Write one chunk of a chunked body."""
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def gzip_bomb(unpacked_bytes: int, start: bytes = b"") -> bytes:
    """Pack `start` and a long run of zeros into about a thousandth of their size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = bytearray(packer.compress(start))
    block = bytes(1024 * 1024)
    for _ in range(unpacked_bytes // len(block)):
        packed += packer.compress(block)
    return bytes(packed + packer.flush())


def packed_twice(content: bytes) -> bytes:
    """Pack what is packed already."""
    return gzip.compress(content)


# --- playlists -------------------------------------------------------------------------------------------------------

HLS = "application/vnd.apple.mpegurl"
DASH = "application/dash+xml"


def media_playlist(*lines: str) -> bytes:
    """Write a complete HLS media playlist; each line is a tag, or a URI that gets a duration."""
    told = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1"]
    for line in lines:
        told += [line] if line.startswith("#") else ["#EXTINF:1,", line]
    return whole("\n".join([*told, "#EXT-X-ENDLIST", ""]), HLS)


def dash_manifest(segments: str, *, base: str = "", duration: str = "PT2S", doctype: str = "") -> bytes:
    """Write a DASH manifest of one video stream."""
    return whole(
        f'<?xml version="1.0"?>{doctype}<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="{duration}"><Period duration="{duration}">{base}'
        f'<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" codecs="avc1.42c015" width="160" '
        f'height="120">{segments}</Representation></AdaptationSet></Period></MPD>',
        DASH,
    )


def without_spaces(text: str) -> str:
    """Join lines that were broken for reading."""
    return re.sub(r"\s*\n\s*", "", text)
