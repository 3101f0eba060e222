"""Which requests are made again, when, and under which condition."""

from __future__ import annotations

import io
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from yt_dlp.networking.common import Request, Response
from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, RequestError, TransportError
from yt_dlp.utils import YoutubeDLError

from verify.acquire.redirects import redirection
from verify.acquire.resumption import Resumption, version_of
from verify.acquire.retries import seconds_before_retry

URL = "https://a.example/x?y=1#part"


def answer(status: int = 200, **headers: str) -> Response:
    return Response(io.BytesIO(), URL, {name.replace("_", "-"): value for name, value in headers.items()}, status)


def unknown_host() -> TransportError:
    return TransportError(cause=socket.gaierror(socket.EAI_NONAME, "Name or service not known"))


@pytest.mark.parametrize(
    ("error", "attempt", "pause_s"),
    [
        (TransportError("reset"), 1, 1),
        (TransportError("reset"), 3, 4),
        (TransportError("reset"), 4, None),
        (TransportError(cause=socket.gaierror(socket.EAI_AGAIN, "try again")), 1, 1),
        (unknown_host(), 1, None),
        (CertificateVerifyError("bad"), 1, None),
        (RequestError("odd"), 1, None),
        (HTTPError(answer(503)), 2, 2),
        (HTTPError(answer(404)), 1, None),
        (HTTPError(answer(429, Retry_After="7")), 1, 7),
        (HTTPError(answer(503, Retry_After="0")), 3, 4),
        (HTTPError(answer(503, Retry_After="61")), 1, None),
        (HTTPError(answer(503, Retry_After="9" * 400)), 1, None),
        (HTTPError(answer(503, Retry_After="soon")), 1, 1),
        (HTTPError(answer(503, Retry_After="Fri, 15 Jan 2010 08:00:00 GMT")), 1, 1),
    ],
)
def test_seconds_before_retry(error: YoutubeDLError, attempt: int, pause_s: float | None) -> None:
    assert seconds_before_retry(error, Request(URL), attempt, 3) == pause_s


def test_retry_after_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    pause_s = seconds_before_retry(HTTPError(answer(503, Retry_After=date)), Request(URL), 1, 3)
    assert pause_s is not None
    assert 15 < pause_s <= 20


def test_body_that_can_be_read_once_only_is_not_sent_again() -> None:
    assert seconds_before_retry(TransportError("reset"), Request(URL, data=io.BytesIO(b"x")), 1, 3) is None
    assert seconds_before_retry(TransportError("reset"), Request(URL, data=b"x"), 1, 3) == 1


# --- resumption ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"1"'}, '"1"'),
        ({"ETag": 'W/"1"'}, None),
        ({"Last_Modified": "Sun, 01 Mar 2026 10:00:00 GMT"}, None),
        ({"Last_Modified": "Sun, 01 Mar 2026 10:00:00 GMT", "Date": "Sun, 01 Mar 2026 10:00:00 GMT"}, None),
        (
            {"Last_Modified": "Sun, 01 Mar 2026 10:00:00 GMT", "Date": "Sun, 01 Mar 2026 10:00:01 GMT"},
            "Sun, 01 Mar 2026 10:00:00 GMT",
        ),
        ({"Last_Modified": "long ago", "Date": "now"}, None),
        ({}, None),
    ],
)
def test_validator(headers: dict[str, str], validator: str | None) -> None:
    assert version_of(answer(**headers)).validator == validator


def rest(known: Response) -> tuple[Resumption, Request]:
    resumption = Resumption()
    assert resumption.is_same(Request(URL), known)
    request = Request(URL, headers={"Range": "bytes=5-"})
    resumption.prepare(request)
    return resumption, request


def test_request_for_the_rest_is_conditional() -> None:
    request = rest(answer(ETag='"1"'))[1]
    assert (request.headers["Range"], request.headers["If-Range"]) == ("bytes=5-", '"1"')


@pytest.mark.parametrize("headers", [{}, {"ETag": '"1"', "Content_Encoding": "gzip"}])
def test_all_is_asked_for_where_the_rest_could_be_of_another_file(headers: dict[str, str]) -> None:
    request = rest(answer(**headers))[1]
    assert "Range" not in request.headers
    assert "If-Range" not in request.headers


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"ETag": '"1"', "Content_Range": "bytes 5-9/10"}, True),
        ({"Content_Range": "bytes 5-9/*"}, True),
        ({"ETag": '"2"', "Content_Range": "bytes 5-9/10"}, False),
        ({"ETag": '"1"', "Content_Range": "bytes 5-10/11"}, False),
    ],
)
def test_partial_answers_are_compared(headers: dict[str, str], same: bool) -> None:
    resumption, request = rest(answer(ETag='"1"', Content_Length="10"))
    assert resumption.is_same(request, answer(206, **headers)) is same


# --- redirections ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/y", "https://a.example/y#part"),
        ("//b.example/y#own", "https://b.example/y#own"),
        ("z?q", "https://a.example/z?q#part"),
        ("/\u00c3\u00a4", "https://a.example/%C3%A4#part"),
    ],
)
def test_where_a_redirection_leads(location: str, url: str) -> None:
    following = redirection(Request(URL), answer(302, Location=location))
    assert following is not None
    assert following.url == url


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(302, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"), (307, "POST", "POST"), (301, "GET", "GET")],
)
def test_method_after_a_redirection(status: int, method: str, then: str) -> None:
    data = b"x" if method in ("POST", "PUT") else None
    following = redirection(Request(URL, method=method, data=data), answer(status, Location="/y"))
    assert following is not None
    assert following.method == then
    assert (following.data is not None) == (then == "POST")


@pytest.mark.parametrize("response", [answer(302), answer(200, Location="/y"), answer(304, Location="/y")])
def test_answers_that_are_no_redirection(response: Response) -> None:
    assert redirection(Request(URL), response) is None


def test_credentials_stay_with_their_host() -> None:
    request = Request(URL, headers={"Authorization": "Basic x", "Cookie": "a=b", "Referer": "r"})
    for location, kept in (("/y", True), ("https://b.example/", False), ("http://a.example/", False)):
        following = redirection(request, answer(302, Location=location))
        assert following is not None
        assert ("Authorization" in following.headers) is kept
        assert "Cookie" not in following.headers
        assert following.headers["Referer"] == "r"
