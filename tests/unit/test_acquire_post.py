"""Exchanges with small services: bounded, checked, and nowhere but where they were sent."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from verify.acquire.post import ExchangeError, check_service_url, get_bytes, post_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Speak = Callable[[socket.socket], object]

TYPE = "application/timestamp-reply"
HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\nConnection: close\r\n"


@contextlib.contextmanager
def speaking(speak: Speak, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[str]]]:
    """A server that reads one request a connection and then says what `speak` says; yields its port and requests."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests: list[str] = []
    open_until = threading.Event()

    def serve() -> None:
        while not open_until.is_set():
            with contextlib.suppress(OSError):
                client, _ = listener.accept()
                client.settimeout(10)
                with context.wrap_socket(client, server_side=True) if context else client as connection:
                    requests.append(read_request(connection))
                    speak(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        open_until.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(12)
        assert not thread.is_alive()


def read_request(connection: socket.socket) -> str:
    """Read all that the client sends: a close with something unread would reset the connection."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    while length and len(body) < int(length[1]) and (more := connection.recv(65536)):
        body += more
    return head.decode("latin-1")


def saying(*pieces: str | bytes, pause_s: float = 0.0) -> Speak:
    def speak(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece.encode() if isinstance(piece, str) else piece)
            time.sleep(pause_s)

    return speak


def post(url: str, body: bytes = b"digest", **changed: object) -> bytes:
    settings: dict[str, object] = {
        "content_type": "application/timestamp-query",
        "accept": TYPE,
        "answer_types": (TYPE,),
        "allow_private": True,
        "max_bytes": 1000,
        "timeout_s": 20.0,
        **changed,
    }
    return post_bytes(url, body, **settings)  # type: ignore[arg-type]


def refused(speak: Speak, **changed: object) -> str:
    """Post to a server that says something unusable; returns the reason."""
    with speaking(speak) as (port, _), pytest.raises(ExchangeError) as caught:
        post(f"http://127.0.0.1:{port}/tsa", **changed)
    assert str(caught.value).startswith(f"http://127.0.0.1:{port}/tsa ")
    return caught.value.reason


def test_posts_the_body_and_returns_the_answer():
    received: list[tuple[str, str | None, str | None, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers["Content-Type"], self.headers["Accept"], body))
            self.send_response(200)
            self.send_header("Content-Type", f"{TYPE}; charset=binary")
            self.end_headers()
            self.wfile.write(b"\x00answer\xff")

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        answer = post(f"http://127.0.0.1:{server.server_address[1]}/tsa?policy=1", b"\x00digest\xff")
        server.shutdown()
        thread.join()
    assert answer == b"\x00answer\xff"
    assert received == [("/tsa?policy=1", "application/timestamp-query", TYPE, b"\x00digest\xff")]


def test_gets_a_document_chunked_or_not():
    with speaking(saying(HEAD, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) as (
        port,
        requests,
    ):
        answer = get_bytes(
            f"http://127.0.0.1:{port}/timestamp/00", accept="a/b", allow_private=True, max_bytes=5, timeout_s=20
        )
    assert answer == b"abcde"
    assert requests[0].startswith("GET /timestamp/00 HTTP/1.1\r\n")
    assert "Accept: a/b" in requests[0]


def test_a_private_address_is_refused_before_a_byte_is_sent():
    with speaking(saying(HEAD, "\r\nanswer")) as (port, requests):
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(ExchangeError, match=r"a loopback address.*--allow-private"):
                post(f"http://{host}:{port}/", allow_private=False)
    assert requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int):
    with speaking(saying(HEAD, "\r\nprivate")) as (other, requests):
        reason = refused(
            saying(f"HTTP/1.1 {status} Elsewhere\r\nLocation: http://127.0.0.1:{other}/\r\nContent-Length: 0\r\n\r\n")
        )
    assert f"redirects to http://127.0.0.1:{other}/, which is not followed" in reason
    assert requests == []


def test_an_endless_body_is_cut_off():
    def speak(connection: socket.socket) -> None:
        connection.sendall(f"{HEAD}\r\n".encode())
        while True:
            connection.sendall(bytes(65536))

    assert refused(speak) == "answered with more than the 1000 bytes that are read"


@pytest.mark.parametrize(
    "speak",
    [
        saying(HEAD, "Content-Length: 500\r\n\r\n", *["x"] * 100, pause_s=0.1),
        saying(*HEAD, *["x"] * 40, pause_s=0.1),
        saying(*["HTTP/1.1 100 Continue\r\n\r\n"] * 100, pause_s=0.1),
        lambda connection: connection.recv(1),
    ],
    ids=["body", "headers", "continue", "silence"],
)
def test_a_slow_drip_ends_in_time(speak: Speak):
    with speaking(speak) as (port, _):
        started = time.monotonic()
        with pytest.raises(ExchangeError, match=r"did not answer (within 1\.5 s|in time)"):
            post(f"http://127.0.0.1:{port}/", timeout_s=1.5)
        assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([HEAD, "Content-Length: 1001\r\n\r\n"], "answered with 1001 bytes, more than the 1000 that are read"),
        ([HEAD, "Content-Length: 50\r\n\r\nshort"], "broke off after 5 of 50 bytes"),
        ([HEAD, "Transfer-Encoding: chunked\r\n\r\n9\r\nshort"], "gave an answer that is no HTTP"),
        ([HEAD, "Content-Encoding: gzip\r\n\r\nxx"], "answered in a compressed form that was not asked for"),
        (["HTTP/1.1 503 Later\r\n\r\n"], "answered 503 Later"),
        (["HTTP/1.1 204 Nothing\r\n\r\n"], "answered 204 Nothing"),
        (["HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>"], f"answered with text/html, not {TYPE}"),
        (["HTTP/1.1 200 OK\r\n\r\n"], f"answered with no content type, not {TYPE}"),
        (["SSH-2.0-OpenSSH\r\n"], "gave an answer that is no HTTP"),
        (["HTTP/1.1 200 OK\r\n", *[f"X-{n}: y\r\n" for n in range(200)], "\r\n"], "gave an answer that is no HTTP"),
        (["HTTP/1.1 200 OK\r\nX: ", "y" * 100_000, "\r\n\r\n"], "gave an answer that is no HTTP"),
        ([], "broke off the connection"),
    ],
)
def test_an_unusable_answer_says_why(pieces: list[str], reason: str):
    assert refused(saying(*pieces)).startswith(reason)


def test_what_a_server_says_is_harmless_in_a_message():
    reason = refused(saying("HTTP/1.1 500 \x1b[31m" + "x" * 5000 + "\r\n\r\n"))
    assert reason.isprintable()
    assert len(reason) <= 300


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ExchangeError, match="could not be reached"):
        post(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http:///tsa",
        "http://user:hunter2@example.org/",
        "http://example.org:99999/",
        "http://example.org/a b",
        "http://example.org/\r\nX: y",
        "http://exämple.org/",
        "http://[::1/",
        "http://example.org/" + "a" * 3000,
        "",
    ],
)
def test_urls_that_no_service_has(url: str):
    assert check_service_url(url)
    with pytest.raises(ExchangeError) as caught:
        post(url)
    assert "hunter2" not in str(caught.value)


def test_limits_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        post("http://127.0.0.1:1/", timeout_s=0.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl (Debian: apt-get install openssl)")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", *curve, *named, "-keyout", path, "-out", f"{path}.crt"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    path.write_bytes(path.read_bytes() + path.with_name("server.pem.crt").read_bytes())
    return path


def test_certificates_are_verified(certificate: Path, monkeypatch: pytest.MonkeyPatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with speaking(saying(HEAD, "Content-Length: 6\r\n\r\nanswer"), context) as (port, requests):
        with pytest.raises(ExchangeError, match="certificate that is not valid"):
            post(f"https://127.0.0.1:{port}/")
        assert requests == []
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        with pytest.raises(ExchangeError, match="certificate that is not valid"):
            post(f"https://localhost:{port}/")
        assert post(f"https://127.0.0.1:{port}/") == b"answer"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    with speaking(saying(HEAD, "\r\nanswer")) as (port, _):
        assert post(f"http://127.0.0.1:{port}/") == b"answer"
