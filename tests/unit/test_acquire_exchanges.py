"""The record of exchanges: what is bounded, and what is published of URLs and headers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from verify.acquire.cookies import Secrets
from verify.acquire.exchanges import MAX_KEPT, MAX_PUBLISHED, ExchangeLog, record_json
from verify.acquire.wire import Headers, TlsPeer, WireNote


def note(
    status: int = 200, headers: Headers = (), sent_s: float = 1_800_000_000.0, tls: TlsPeer | None = None
) -> WireNote:
    return WireNote(
        sent_s=sent_s,
        received_s=sent_s + 0.5,
        request_headers=(("Cookie", "a=b"), ("Authorization", "Basic x"), ("Range", "bytes=1-"), ("X-Own", "1")),
        status=status,
        headers=headers,
        peer="[2001:db8::1]:443",
        tls=tls,
    )


def added(log: ExchangeLog, url: str, *, status: int = 200, headers: Headers = (), **more: Any) -> None:
    exchange = log.begin("GET", url)
    log.add_hop(exchange, url, status, headers, note(status, headers, **more))
    exchange.count(b"12345")


def test_only_known_headers_are_published() -> None:
    log = ExchangeLog(Secrets())
    headers = (("ETag", '"1"'), ("Set-Cookie", "s=1"), ("X-Own", "2"), ("Link", "<https://a.example/?token=HUSH>"))
    added(log, "https://a.example/", headers=(*headers, ("Via", "1.1 https://a.example/?token=HUSH")))
    (told,) = log.published()["exchanges"]
    assert told["headers"] == {"etag": '"1"', "via": "1.1 https://a.example/?token=REMOVED"}
    assert told["request_headers"] == {"range": "bytes=1-"}
    assert (told["peer"], told["body_bytes"]) == ("[2001:db8::1]:443", 5)


def test_urls_of_the_page_are_told_and_values_of_others_are_not() -> None:
    log = ExchangeLog(Secrets())
    added(log, "https://a.example/?id=1", status=503)
    added(log, "https://a.example/?id=1&token=HUSH")
    added(log, "https://cdn.example/x.mp4?id=1")
    added(log, "https://a.example/?id=1&token=HUSH")
    assert [one["requested_url"] for one in log.published()["exchanges"]] == [
        "https://a.example/?id=1",
        "https://a.example/?id=1&token=REMOVED",
        "https://cdn.example/x.mp4?id=REMOVED",
        "https://a.example/?id=1&token=REMOVED",
    ]
    assert log.full()["exchanges"][1]["requested_url"] == "https://a.example/?id=1&token=HUSH"


def test_record_is_bounded() -> None:
    log = ExchangeLog(Secrets())
    for number in range(MAX_KEPT + 7):
        added(log, f"https://a.example/{number}")
    published, full = log.published(), log.full()
    assert (len(published["exchanges"]), len(full["exchanges"])) == (MAX_PUBLISHED, MAX_KEPT)
    assert published["omitted_exchanges"] == MAX_KEPT + 7 - MAX_PUBLISHED
    assert published["omitted_bytes"] == 5 * published["omitted_exchanges"]
    assert (full["omitted_exchanges"], full["omitted_bytes"]) == (7, 35)


def test_headers_without_end_are_cut() -> None:
    log = ExchangeLog(Secrets())
    for number in range(400):
        added(log, f"https://a.example/{number}", headers=tuple((f"H{n}", "x" * 10_000) for n in range(50)))
    assert len(record_json(log.full())) < 40_000_000
    assert len(record_json(log.published())) < 1_000_000


def test_exchange_without_an_answer_is_told() -> None:
    log = ExchangeLog(Secrets())
    log.begin("GET", "https://me:HUSH@a.example/").failure = "reset by https://a.example/?token=HUSH"
    (told,) = log.published()["exchanges"]
    assert (told["status"], told["final_url"], told["sent_utc"]) == (None, None, None)
    assert told["failure"] == "reset by https://a.example/?token=REMOVED"
    assert told["requested_url"] == "https://a.example/"
    assert "me:" not in record_json(log.full())
    assert log.page is None
    assert log.page_peer is None


def test_answer_without_a_note_of_the_wire() -> None:
    log = ExchangeLog(Secrets())
    log.add_hop(log.begin("GET", "https://a.example/"), "https://a.example/", 200, (("Date", "x"),), None)
    (told,) = log.published()["exchanges"]
    assert (told["peer"], told["sent_utc"], told["seconds_to_answer"]) == (None, None, None)
    assert log.clock() is None


@pytest.mark.parametrize(
    ("date", "offset_s"),
    [
        ("Fri, 15 Jan 2027 08:00:00 GMT", -0.25),
        ("Fri, 15 Jan 2027 08:00:00 -0000", -0.25),
        ("Fri, 15 Jan 2027 09:59:00 +0200", 59.75),
    ],
)
def test_clock(date: str, offset_s: float) -> None:
    log = ExchangeLog(Secrets())
    added(log, "https://a.example/", headers=(("Date", date),))
    clock = log.clock()
    assert clock is not None
    assert math.isclose(clock.offset_s, offset_s)
    assert (clock.uncertainty_s, clock.basis) == (1.5, "Date header of a.example")


def test_clock_is_read_from_the_first_answer_that_tells_it() -> None:
    log = ExchangeLog(Secrets())
    date = ("Date", "Fri, 15 Jan 2027 08:00:00 GMT")
    added(log, "https://a.example/", headers=(date, ("Age", "5")))
    added(log, "https://b.example/", headers=(("Date", "99 Foo"),))
    added(log, "https://c.example/", headers=(date, ("Age", "0")))
    clock = log.clock()
    assert clock is not None
    assert clock.basis == "Date header of c.example"


def test_certificate_that_cannot_be_parsed_is_told_by_its_digest() -> None:
    log = ExchangeLog(Secrets())
    peer = TlsPeer(host="a.example", port=443, protocol="TLSv1.3", cipher="c", certificates=(b"no certificate",))
    added(log, "https://a.example/", tls=peer)
    (told,) = log.published()["tls"]
    assert len(told["sha256_fingerprint"]) == 64
    assert "subject" not in told
    assert log.page_peer == peer
