"""Hostile servers: whatever they send, the acquisition ends in time, in a documented way, and leaves nothing about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.hostile_checks import FAILED, REFUSED, SLOW, UNREADABLE, VIDEO, check_refusal, fetch
from tests.pipeline.hostile_server import (
    HostileServer,
    Reply,
    chunk,
    endless,
    gzip_bomb,
    head,
    media_playlist,
    once,
    packed_twice,
    redirect,
    redirects_without_end,
    reset_after,
    whole,
)
from verify.acquire.limits import AcquisitionLimits
from verify.errors import AcquisitionFailedError, AcquisitionRefusedError, VerifyError

pytestmark = pytest.mark.usefixtures("watched_places", "public_loopback")

# --- where the client is sent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2130706434",
        "[::ffff:127.0.0.2]",
        pytest.param("127.0.0.2", marks=SLOW),
        pytest.param("0x7f000002", marks=SLOW),
        pytest.param("127.2", marks=SLOW),
        pytest.param("10.1.2.3", marks=SLOW),
        pytest.param("192.168.1.1", marks=SLOW),
        pytest.param("100.100.100.200", marks=SLOW),
        pytest.param("[::1]", marks=SLOW),
        pytest.param("[fd00:ec2::254]", marks=SLOW),
        pytest.param("[64:ff9b::7f00:2]", marks=SLOW),
        pytest.param("0", marks=SLOW),
        pytest.param("255.255.255.255", marks=SLOW),
    ],
)
def test_redirection_to_a_private_address(hostile: HostileServer, staging: Path, host: str) -> None:
    url = hostile.add("/go", redirect(f"http://{host}:{hostile.port}/secret"))
    check_refusal(url, staging, REFUSED, "which is not on the public internet")
    assert not any("secret" in request for request in hostile.requests)


def test_second_address_of_a_name_is_judged_again(hostile: HostileServer, staging: Path) -> None:
    hostile.add("/list.m3u8", media_playlist("secret.ts"))
    url = f"http://rebinding.test:{hostile.port}/list.m3u8"
    check_refusal(url, staging, REFUSED, "127.0.0.2 (a loopback address)")
    assert not any("secret" in request for request in hostile.requests)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(redirect("/go"), id="loop"),
        pytest.param(redirects_without_end("/go/"), id="without-end"),
        pytest.param(redirects_without_end("/go/", 4000), id="cookies", marks=SLOW),
    ],
)
def test_redirections_without_end(hostile: HostileServer, staging: Path, reply: Reply) -> None:
    hostile.add("/go/*", reply)
    check_refusal(hostile.add("/go", reply), staging, REFUSED, "more than 10 redirections")
    assert len(hostile.requests) <= 11


@pytest.mark.parametrize("location", ["http://", "http://[bad", "http://a:99999/", "x" * 60_000, "//", "\x01\xff"])
@pytest.mark.slow
def test_redirections_that_lead_nowhere(hostile: HostileServer, staging: Path, location: str) -> None:
    url = hostile.add("/go", redirect(location))
    with pytest.raises((AcquisitionFailedError, AcquisitionRefusedError)):
        fetch(url, staging)
    assert list(staging.iterdir()) == []


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        pytest.param("javascript:alert(1)", marks=SLOW),
        pytest.param("ftp://127.0.0.1/x", marks=SLOW),
        pytest.param("gopher://127.0.0.1/x", marks=SLOW),
        pytest.param("data:video/mp4;base64,AAAA", marks=SLOW),
    ],
)
def test_redirection_to_another_scheme(hostile: HostileServer, staging: Path, location: str) -> None:
    check_refusal(hostile.add("/go", redirect(location)), staging, REFUSED, "neither http nor https")


@pytest.mark.parametrize(
    "reply",
    [
        b'<html><title>t</title><meta http-equiv="refresh" content="0;url=/page"></html>',
        pytest.param(b'<html><title>t</title><iframe src="/page"></iframe></html>', marks=SLOW),
        pytest.param(b'<html><title>t</title><meta property="og:video" content="/page"></html>', marks=SLOW),
    ],
    ids=["refresh", "iframe", "og:video"],
)
def test_page_that_leads_to_itself(hostile: HostileServer, staging: Path, reply: bytes) -> None:
    url = hostile.add("/page", whole(reply))
    with pytest.raises(VerifyError) as caught:
        fetch(url, staging, AcquisitionLimits(max_bytes=3_000_000, max_seconds=8, socket_timeout_s=2, retries=0))
    assert caught.value.exit_code in (10, 11)
    assert list(staging.iterdir()) == []


# --- bodies ----------------------------------------------------------------------------------------------------------
ENDLESS_PAGE = endless(head() + b"<html><title>t</title>", b" " * 100_000)
ENDLESS_VIDEO = endless(head("video/mp4") + VIDEO, bytes(100_000))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(ENDLESS_PAGE, "a page of more than 1000000 bytes", id="page"),
        pytest.param(ENDLESS_VIDEO, "at most 3000000 bytes are taken", id="video"),
        pytest.param(
            endless(head("video/mp4", headers=["Transfer-Encoding: chunked"]), chunk(bytes(100_000))),
            "at most 3000000 bytes",
            id="chunked",
            marks=SLOW,
        ),
        pytest.param(
            whole(b"", "video/mp4", headers=[])[:-2].replace(b"Length: 0", b"Length: " + b"9" * 30) + b"\r\n",
            "announces",
            id="announced",
            marks=SLOW,
        ),
    ],
)
def test_body_without_end(hostile: HostileServer, staging: Path, reply: Reply, words: str) -> None:
    check_refusal(hostile.add("/x", reply), staging, REFUSED, words, within_s=5)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(endless(head("video/mp4"), b"x", 0.5), id="video"),
        pytest.param(endless(head(), b"x", 0.5), id="page", marks=SLOW),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.5), id="header", marks=SLOW),
        pytest.param(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.1), id="continue", marks=SLOW),
        pytest.param(
            endless(head("video/mp4", headers=["Transfer-Encoding: chunked"]), chunk(b"x"), 0.5),
            id="chunked",
            marks=SLOW,
        ),
    ],
)
def test_slow_drip(hostile: HostileServer, staging: Path, reply: Reply) -> None:
    limits = AcquisitionLimits(max_seconds=3, socket_timeout_s=2, retries=0)
    check_refusal(hostile.add("/x", reply), staging, REFUSED, "more than 3 s", limits=limits, within_s=3)


@pytest.mark.parametrize(
    ("silent_after", "words"),
    [(b"", "could not be reached"), pytest.param(head("video/mp4") + VIDEO, "did not come whole", marks=SLOW)],
)
def test_silence(hostile: HostileServer, staging: Path, silent_after: bytes, words: str) -> None:
    url = hostile.add("/x", endless(silent_after, b"", 0.2))
    check_refusal(url, staging, FAILED, words, within_s=5)


def broken(body: bytes, *headers: str, content_type: str = "video/mp4") -> bytes:
    return head(content_type, headers=headers) + body


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(broken(VIDEO, "Content-Length: 900000"), id="fewer-bytes-than-announced"),
        pytest.param(reset_after(broken(VIDEO, "Content-Length: 900000")), id="reset"),
        pytest.param(broken(b"zz\r\nnot a chunk", "Transfer-Encoding: chunked"), id="chunk-size"),
        pytest.param(broken(chunk(VIDEO), "Transfer-Encoding: chunked"), id="no-last-chunk", marks=SLOW),
        pytest.param(broken(b"f" * 70_000 + b"\r\n", "Transfer-Encoding: chunked"), id="long-chunk-size", marks=SLOW),
        pytest.param(broken(b"not gzip", "Content-Encoding: gzip"), id="not-gzip"),
    ],
)
def test_files_that_break_off(hostile: HostileServer, staging: Path, reply: Reply) -> None:
    check_refusal(hostile.add("/x", reply), staging, FAILED, "did not come whole", within_s=5)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(
            broken(b"not gzip", "Content-Encoding: gzip", content_type="text/html"), id="page-not-gzip", marks=SLOW
        ),
        pytest.param(reset_after(b""), id="reset-at-once", marks=SLOW),
        pytest.param(once(b""), id="nothing", marks=SLOW),
        pytest.param(b"<html>no status line</html>", id="http-0.9"),
        pytest.param(b"\x00\xff\xfe" * 1000, id="junk", marks=SLOW),
        pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", id="status", marks=SLOW),
        pytest.param(b"HTTP/1.1 99999999 OK\r\n\r\n", id="status-number", marks=SLOW),
        pytest.param(b"HTTP/9.9 200 OK\r\n\r\n", id="version", marks=SLOW),
        pytest.param(head(headers=[f"X-{n}: {'y' * 50}" for n in range(10_000)]) + b"x", id="10000-headers"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 100_000), id="endless-header"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), id="endless-headers", marks=SLOW),
        pytest.param(endless(b"HTTP/1.1 ", b"2" * 100_000), id="endless-status", marks=SLOW),
    ],
)
def test_answers_that_are_no_http(hostile: HostileServer, staging: Path, reply: Reply) -> None:
    check_refusal(hostile.add("/x", reply), staging, FAILED, "could not be reached", within_s=5)


@pytest.mark.slow
def test_chunk_of_negative_length(hostile: HostileServer, staging: Path) -> None:
    reply = broken(b"-5\r\nabc", "Transfer-Encoding: chunked")
    check_refusal(hostile.add("/x", reply), staging, FAILED, "must be non-negative")


@pytest.mark.parametrize(
    ("status", "header", "error_class", "words"),
    [
        ("429 Too Many", "Retry-After: 999999", REFUSED, "refuses further requests"),
        pytest.param("503 Busy", "Retry-After: 999999", FAILED, "answered with an error", marks=SLOW),
        pytest.param("304 Not Modified", "ETag: x", FAILED, "HTTP Error 304", marks=SLOW),
        pytest.param("401 No", "WWW-Authenticate: Negotiate", REFUSED, "log in", marks=SLOW),
        pytest.param("407 No", "Proxy-Authenticate: Basic", FAILED, "HTTP Error 407", marks=SLOW),
    ],
)
def test_answers_that_ask_for_something(
    hostile: HostileServer, staging: Path, status: str, header: str, error_class: type[VerifyError], words: str
) -> None:
    url = hostile.add("/x", whole(b"", status=status, headers=[header]))
    check_refusal(url, staging, error_class, words)


@pytest.mark.slow
def test_sound_alone(hostile: HostileServer, staging: Path) -> None:
    url = hostile.add("/x", whole(b"ID3" * 900, "audio/mpeg"))
    check_refusal(url, staging, UNREADABLE, "sound but no pictures")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(broken(VIDEO + b"more than announced", f"Content-Length: {len(VIDEO)}"), id="more-bytes"),
        pytest.param(broken(VIDEO, "Content-Length: 5, 7"), id="two-lengths", marks=SLOW),
        pytest.param(broken(VIDEO, "Content-Length: -3"), id="negative-length", marks=SLOW),
        pytest.param(broken(VIDEO, "Content-Length: many"), id="no-number", marks=SLOW),
        pytest.param(whole(VIDEO, "text/html"), id="called-a-page", marks=SLOW),
        pytest.param(whole(VIDEO, "application/octet-stream"), id="called-bytes", marks=SLOW),
        pytest.param(whole(VIDEO, "video/mp4", status="206 Partial"), id="partial", marks=SLOW),
    ],
)
def test_lies_that_do_not_matter(hostile: HostileServer, staging: Path, reply: bytes) -> None:
    """What is kept is what the announced length, or the end of the connection, says the body is."""
    try:
        taken = fetch(hostile.add("/x.mp4", reply), staging)
    except (AcquisitionFailedError, AcquisitionRefusedError):
        assert list(staging.iterdir()) == []
    else:
        assert taken.media.path.read_bytes() == VIDEO


@pytest.mark.parametrize("reply", [whole(b""), pytest.param(head(status="204 No Content"), marks=SLOW)])
def test_nothing_is_kept_as_nothing(hostile: HostileServer, staging: Path, reply: bytes) -> None:
    """That a server sent nothing is worth preserving; whether it is a video is for the probe to say."""
    taken = fetch(hostile.add("/x", reply), staging)
    assert taken.media.path.read_bytes() == b""


@pytest.mark.slow
def test_error_page_without_end(hostile: HostileServer, staging: Path) -> None:
    url = hostile.add("/x", endless(head(status="500 Oops"), b" " * 100_000))
    check_refusal(url, staging, FAILED, "the server answered with an error")


def test_page_that_calls_itself_a_video_is_left_to_the_probe(hostile: HostileServer, staging: Path) -> None:
    page = b"<html><script>alert(1)</script></html>"
    taken = fetch(hostile.add("/x.mp4", whole(page, "video/mp4")), staging)
    assert taken.media.path.read_bytes() == page


@pytest.mark.parametrize("content_type", ["text/html", "video/mp4"])
@pytest.mark.parametrize(
    ("encoding", "packing"),
    [
        ("gzip", 1),
        pytest.param("gzip, gzip", 2, marks=SLOW),
        pytest.param("gzip, gzip, gzip", 3, marks=SLOW),
    ],
)
def test_packed_bomb(hostile: HostileServer, staging: Path, content_type: str, encoding: str, packing: int) -> None:
    content = gzip_bomb(100_000_000, b"<html><title>t</title>")
    for _ in range(packing - 1):
        content = packed_twice(content)
    url = hostile.add("/x", whole(content, content_type, headers=[f"Content-Encoding: {encoding}"]))
    check_refusal(url, staging, REFUSED, "larger than an acquisition may be", within_s=5)
