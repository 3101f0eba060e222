"""A web server on 127.0.0.1 that shows one release on one page, as a publisher's site would."""

from __future__ import annotations

import contextlib
import html
import re
import socketserver
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_ADDRESS = "127.0.0.1"
_PAGE_PATH = "/release.html"
_VIDEO_PATH = "/release.mp4"
_CLIENT_TIMEOUT_S = 30
_BLOCK_BYTES = 64 * 1024
_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
<p>Published <time datetime="{published}">{published}</time></p>
<video controls preload="metadata" width="1280" height="720" src="{video}"></video>
</body>
</html>
"""


class UnsatisfiableRangeError(ValueError):
    """A Range header that asks for bytes beyond the end of the file."""


def parse_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Read a Range header of one byte range.

    Returns
    -------
    tuple of int or None
        First byte and the byte after the last, or None where the whole file is to be sent: no header, several ranges,
        or one that is malformed.

    Raises
    ------
    UnsatisfiableRangeError
        The range is well-formed but holds no byte of the file.
    """
    found = _ONE_RANGE.fullmatch(header.strip()) if header else None
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(size_bytes, int(last) + 1 if last else size_bytes)
        if last and int(last) < start:
            return None
    if start >= end:
        raise UnsatisfiableRangeError(f"{header} of {size_bytes} bytes")
    return start, end


class _QuietServer(ThreadingHTTPServer):
    """An HTTP server that asks no name service for the name of its own address."""

    daemon_threads = True

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name = _ADDRESS
        self.server_port = self.server_address[1]


class ReleaseServer:
    """Serves one page and its video at a free port of 127.0.0.1 for as long as the `with` block lasts.

    Parameters
    ----------
    video
        MP4 file to show.
    title
        Heading of the page.
    published
        Date that the page claims as its date of publication, ISO 8601.
    """

    def __init__(self, video: Path, *, title: str, published: str) -> None:
        page = _PAGE.format(title=html.escape(title), published=html.escape(published), video=_VIDEO_PATH)
        handler = partial(_Handler, page=page.encode(), video=video)
        self._server = _QuietServer((_ADDRESS, 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def page_url(self) -> str:
        """Address of the page."""
        return f"http://{_ADDRESS}:{self._server.server_port}{_PAGE_PATH}"

    @property
    def video_url(self) -> str:
        """Address of the video."""
        return f"http://{_ADDRESS}:{self._server.server_port}{_VIDEO_PATH}"


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the page and the video, and nothing else."""

    protocol_version = "HTTP/1.1"
    timeout = _CLIENT_TIMEOUT_S

    def __init__(self, *arguments: Any, page: bytes, video: Path) -> None:
        self._page = page
        self._video = video
        super().__init__(*arguments)

    def handle(self) -> None:
        """Serve a client until it goes, which it may do at any moment."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Send the page or the video."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Send the headers that GET would send."""
        self._answer(with_body=False)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep silent: the demo's output is for its reader."""

    def _answer(self, *, with_body: bool) -> None:
        if self.path == _PAGE_PATH:
            self._send_head(HTTPStatus.OK, "text/html; charset=utf-8", len(self._page))
            if with_body:
                self.wfile.write(self._page)
        elif self.path == _VIDEO_PATH:
            self._send_video(with_body=with_body)
        else:
            self._send_head(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", 0)

    def _send_video(self, *, with_body: bool) -> None:
        size_bytes = self._video.stat().st_size
        try:
            wanted = parse_range(self.headers.get("Range"), size_bytes)
        except UnsatisfiableRangeError:
            status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            self._send_head(status, "video/mp4", 0, {"Content-Range": f"bytes */{size_bytes}"})
            return
        start, end = wanted or (0, size_bytes)
        more = {"Accept-Ranges": "bytes"}
        if wanted:
            more["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
        self._send_head(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK, "video/mp4", end - start, more)
        if with_body:
            self._send_bytes(start, end)

    def _send_bytes(self, start: int, end: int) -> None:
        with self._video.open("rb") as file:
            file.seek(start)
            while start < end and (block := file.read(min(_BLOCK_BYTES, end - start))):
                self.wfile.write(block)
                start += len(block)

    def _send_head(
        self, status: HTTPStatus, content_type: str, size_bytes: int, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(size_bytes))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
