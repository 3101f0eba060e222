"""A web server on loopback whose every answer is written by the test, down to the last byte, over http or https."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Asked:
    """One request, and the means to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.path = handler.path
        self.method = handler.command
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self._handler = handler

    def head(self, status: int, **headers: object) -> None:
        """Send the status line and headers; '_' in a name stands for '-'. No Date unless it is given."""
        self._handler.send_response_only(status)
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                self._handler.send_header(name.replace("_", "-"), str(one))
        self._handler.end_headers()

    def body(self, content: bytes) -> None:
        """Send a part of the body."""
        if self.method != "HEAD":
            self._handler.wfile.write(content)

    def whole(self, content: bytes, status: int = 200, **headers: object) -> None:
        """Send an answer with its length."""
        self.head(status, Content_Length=len(content), **headers)
        self.body(content)

    def hang_up(self) -> None:
        """Close the connection, wherever the answer is."""
        self._handler.close_connection = True
        self._handler.wfile.flush()


Answer = Callable[[Asked], None]


class ScriptServer:
    """Answers each path by a function; `asked` keeps the requests in order."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Keep the test output clean."""

            def do_GET(self) -> None:
                asked = Asked(self)
                owner.asked.append(asked)
                answer = owner.answers.get(self.path.partition("?")[0], lambda one: one.whole(b"not here", 404))
                with contextlib.suppress(ConnectionError):
                    answer(asked)

            do_HEAD = do_GET

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._scheme = "http"
        if context is not None:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def paths(self, path: str) -> list[Asked]:
        """Return the requests for a path."""
        return [one for one in self.asked if one.path.partition("?")[0] == path]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that go away in the middle of an answer are part of the tests."""


@contextlib.contextmanager
def scripted(context: ssl.SSLContext | None = None) -> Iterator[ScriptServer]:
    """Run a server for the length of the block."""
    server = ScriptServer(context)
    try:
        yield server
    finally:
        server.stop()
