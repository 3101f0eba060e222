"""A web server on 127.0.0.1 for tests: fixed answers, Range requests, and bodies that never end."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """What is sent for a path. `endless` repeats the body until the client goes, one piece each `pause_s` seconds."""

    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    endless: bool = False
    pause_s: float = 0.0


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that go away in the middle of an answer are part of the tests."""


class TestServer:
    """Answers by path; `requests` lists what was asked for as 'GET /path'."""

    __test__ = False

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._server = _QuietServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def add(self, path: str, body: bytes | str, content_type: str = "text/html; charset=utf-8", **rest: object) -> str:
        """Serve `body` at `path`; returns the URL."""
        content = body.encode() if isinstance(body, str) else body
        self.answers[path] = Answer(body=content, content_type=content_type, **rest)  # type: ignore[arg-type]
        return self.url(path)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def serving() -> Iterator[TestServer]:
    """Run a server for the length of the block."""
    server = TestServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _handler(owner: TestServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            owner.requests.append(f"{self.command} {self.path}")
            owner.headers.append(dict(self.headers))
            answer = owner.answers.get(self.path.partition("?")[0], Answer(b"not here", status=404))
            with contextlib.suppress(ConnectionError):
                if answer.endless:
                    self._send_endless(answer, with_body)
                else:
                    self._send_whole(answer, with_body)

        def _send_whole(self, answer: Answer, with_body: bool) -> None:
            status, body, headers = _ranged(answer, self.headers.get("Range"))
            self.send_response(status)
            for name, value in {
                "Content-Type": answer.content_type,
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def _send_endless(self, answer: Answer, with_body: bool) -> None:
            self.close_connection = True
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Connection", "close")
            self.end_headers()
            while with_body:
                self.wfile.write(answer.body)
                time.sleep(answer.pause_s)

    return Handler


def _ranged(answer: Answer, wanted: str | None) -> tuple[int, bytes, dict[str, str]]:
    headers = {"Accept-Ranges": "bytes", **answer.headers}
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
    if answer.status != 200 or found is None:
        return answer.status, answer.body, headers
    first, last = int(found[1]), min(int(found[2] or len(answer.body) - 1), len(answer.body) - 1)
    if first > last:
        return 416, b"", {**headers, "Content-Range": f"bytes */{len(answer.body)}"}
    headers["Content-Range"] = f"bytes {first}-{last}/{len(answer.body)}"
    return 206, answer.body[first : last + 1], headers
