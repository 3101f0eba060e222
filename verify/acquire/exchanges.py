"""The record of an acquisition's HTTP exchanges: one copy to publish, one complete copy to keep private."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from verify.acquire.certificates import describe_peer
from verify.acquire.cookies import REMOVED, Secrets
from verify.acquire.texts import (
    MAX_URL_CHARACTERS,
    without_query_values,
    without_secrets,
    without_secrets_inside,
    without_user_inside,
)
from verify.acquire.wire import Headers, TlsPeer, WireNote
from verify.model import ClockReading

MAX_PUBLISHED = 500
MAX_KEPT = 5_000
_MAX_HEADER_CHARACTERS = 64 * 1024
_MAX_ALL_HEADER_CHARACTERS = 16 * 1024**2
_MAX_PUBLISHED_VALUE_CHARACTERS = 1_000
_MAX_FULL_URL_CHARACTERS = 64 * 1024
_MAX_PEERS = 50

# What a server says of the file and of caches on the way. Left out are, besides cookies, the names of a content
# network's sites (cf-ray, x-served-by), which tell about where the operator is.
# fmt: off
_PUBLISHED_HEADERS = frozenset(
    {
        "accept-ranges", "age", "cache-control", "cf-cache-status", "content-disposition", "content-encoding",
        "content-language", "content-length", "content-md5", "content-range", "content-type", "date", "digest", "etag",
        "expires", "last-modified", "location", "repr-digest", "retry-after", "server", "transfer-encoding", "vary",
        "via", "x-amz-meta-last-modified", "x-cache", "x-cache-hits", "x-goog-generation", "x-goog-hash",
        "x-goog-stored-content-length", "x-last-modified",
    }
)
_PUBLISHED_REQUEST_HEADERS = frozenset({"accept-encoding", "accept-language", "if-range", "range", "user-agent"})
# fmt: on
_BLANKED_REQUEST_HEADERS = frozenset({"authorization", "cookie", "cookie2", "proxy-authorization"})


@dataclass(slots=True)
class Hop:
    """One request and the head of its answer: a redirection, or the last one of an exchange."""

    url: str
    status: int
    location: str | None
    peer: str | None
    sent_s: float
    received_s: float
    request_headers: Headers
    headers: Headers
    tls: TlsPeer | None = None

    def header(self, name: str) -> str | None:
        """Return the first header of this name (lower case), None if there is none."""
        return next((value for known, value in self.headers if known.lower() == name), None)


@dataclass(slots=True)
class Exchange:
    """What was asked for, how the asker was sent on, and what came.

    `byte_count` and `digest` are of the body as it was read, after any content coding was undone.
    """

    method: str
    requested_url: str
    hops: list[Hop] = field(default_factory=list)
    failure: str | None = None
    byte_count: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def count(self, piece: bytes) -> None:
        """Take note of a piece of the body."""
        self.byte_count += len(piece)
        self.digest.update(piece)

    @property
    def succeeded(self) -> bool:
        """Whether the last answer was a success."""
        return bool(self.hops) and 200 <= self.hops[-1].status < 300


class ExchangeLog:
    """All exchanges of one acquisition, oldest first; beyond `MAX_KEPT` they are only counted.

    Parameters
    ----------
    secrets
        Blanked in everything that is written.
    cookies_given
        Whether the operator's cookies were sent, which the record has to say: another reader may be shown another page.
    """

    def __init__(self, secrets: Secrets, *, cookies_given: bool = False) -> None:
        self.exchanges: list[Exchange] = []
        self.secrets = secrets
        self._cookies_given = cookies_given
        self._header_characters = 0
        self._peers: dict[tuple[str, int, bytes], TlsPeer] = {}
        self._more_exchanges = 0
        self._rest = Exchange("", "")

    def begin(self, method: str, url: str) -> Exchange:
        """Start the record of one exchange."""
        if len(self.exchanges) >= MAX_KEPT:
            self._more_exchanges += 1
            self._rest.hops.clear()
            return self._rest
        exchange = Exchange(method[:20], _kept_url(url))
        self.exchanges.append(exchange)
        return exchange

    def add_hop(self, exchange: Exchange, url: str, status: int, headers: Headers, note: WireNote | None) -> None:
        """Record one answered request; `headers` are used where there is no `note` of the connection."""
        headers = note.headers if note else headers
        location = next((value for name, value in headers if name.lower() == "location"), None)
        hop = Hop(
            url=_kept_url(url),
            status=status,
            location=location[:_MAX_FULL_URL_CHARACTERS] if location is not None else None,
            peer=note.peer if note else None,
            sent_s=note.sent_s if note else math.nan,
            received_s=note.received_s if note else math.nan,
            request_headers=self._bounded(_without_credentials(note.request_headers)) if note else (),
            headers=self._bounded(_without_cookie_values(headers)),
        )
        if note and note.tls:
            key = (note.tls.host, note.tls.port, note.tls.certificates[0])
            if key in self._peers or len(self._peers) < _MAX_PEERS:
                hop.tls = self._peers.setdefault(key, note.tls)
        exchange.hops.append(hop)

    def _bounded(self, headers: Headers) -> Headers:
        kept: list[tuple[str, str]] = []
        characters = 0
        for name, value in headers:
            characters += len(name) + len(value)
            if characters > _MAX_HEADER_CHARACTERS or self._header_characters > _MAX_ALL_HEADER_CHARACTERS:
                kept.append(("(omitted)", "more headers than are kept"))
                break
            kept.append((name, value))
        self._header_characters += characters
        return tuple(kept)

    @property
    def page(self) -> Exchange | None:
        """The exchange that brought the page, or file, that was asked for: the first successful one."""
        return next((one for one in self.exchanges if one.succeeded), None)

    @property
    def page_peer(self) -> TlsPeer | None:
        """Who the page came from, if it came over TLS."""
        page = self.page
        return page.hops[-1].tls if page else None

    def clock(self) -> ClockReading | None:
        """Compare this machine's clock with the first server that told the time itself, not from a cache.

        A Date header has whole seconds, rounded down or to the nearest; it was written some time between the request
        and its answer.
        """
        for hop in (hop for exchange in self.exchanges for hop in exchange.hops):
            told = _date(hop.header("date"))
            if told is None or _from_cache(hop) or math.isnan(hop.sent_s):
                continue
            trip_s = max(0.0, hop.received_s - hop.sent_s)
            return ClockReading(
                offset_s=round(hop.sent_s + trip_s / 2 - (told + 0.5), 2),
                uncertainty_s=round(1.0 + trip_s, 2),
                basis=f"Date header of {(urlsplit(hop.url).hostname or '')[:200]}",
            )
        return None

    def published(self) -> dict[str, Any]:
        """Return the record without cookies, credentials, signed URLs and what else is not for everyone."""
        page = self.page
        page_urls = {page.requested_url, *(hop.url for hop in page.hops)} if page else set()
        first = self.exchanges.index(page) if page else 0
        told = [
            _published_exchange(one, number <= first, page_urls)
            for number, one in enumerate(self.exchanges[:MAX_PUBLISHED])
        ]
        rest = [*self.exchanges[MAX_PUBLISHED:], self._rest]
        clock = self.clock()
        record = {
            "format_version": 1,
            "cookies_given": self._cookies_given,
            "clock": asdict(clock) if clock else None,
            "exchanges": told,
            "omitted_exchanges": len(rest) - 1 + self._more_exchanges,
            "omitted_bytes": sum(one.byte_count for one in rest),
            "tls": [describe_peer(peer) for peer in self._peers.values()],
        }
        blanked = self.secrets.blank_inside(record)
        return blanked if isinstance(blanked, dict) else record

    def full(self) -> dict[str, Any]:
        """Return the complete record: all headers and URLs, but no cookies and credentials of the operator's."""
        record = {
            "format_version": 1,
            "cookies_given": self._cookies_given,
            "exchanges": [_full_exchange(one) for one in self.exchanges],
            "omitted_exchanges": self._more_exchanges,
            "omitted_bytes": self._rest.byte_count,
            "tls": [describe_peer(peer) for peer in self._peers.values()],
        }
        blanked = self.secrets.blank_inside(record)
        return blanked if isinstance(blanked, dict) else record


def record_json(record: dict[str, Any]) -> str:
    """Write a record as JSON; ASCII only, so that no character in it can act on a terminal."""
    return json.dumps(record, ensure_ascii=True, allow_nan=False, indent=2, sort_keys=True) + "\n"


def _published_exchange(exchange: Exchange, is_page: bool, page_urls: set[str]) -> dict[str, Any]:
    def shown(url: str) -> str:
        # The page's address identifies the release. All others are machine-made, mostly signed, and of hosts that
        # invent their own names for it.
        bare = without_secrets if is_page or url in page_urls else without_query_values
        return bare(url[: 4 * MAX_URL_CHARACTERS])[:MAX_URL_CHARACTERS]

    def shown_headers(headers: Headers, names: frozenset[str]) -> dict[str, str]:
        kept: dict[str, str] = {}
        for name, value in headers:
            short = value[:_MAX_PUBLISHED_VALUE_CHARACTERS]
            # Of a header that comes twice the first counts, as it does for the clock.
            if name.lower() in names and name.lower() not in kept:
                kept[name.lower()] = shown(short) if name.lower() == "location" else without_secrets_inside(short)
        return kept

    last = exchange.hops[-1] if exchange.hops else None
    return {
        "method": exchange.method,
        "requested_url": shown(exchange.requested_url),
        "redirections": [
            {"status": hop.status, "url": shown(hop.url), "location": shown(hop.location or ""), "peer": hop.peer}
            for hop in exchange.hops[:-1]
        ],
        "final_url": shown(last.url) if last else None,
        "status": last.status if last else None,
        "peer": last.peer if last else None,
        "sent_utc": _utc(last.sent_s) if last else None,
        "seconds_to_answer": _seconds(last) if last else None,
        "request_headers": shown_headers(last.request_headers, _PUBLISHED_REQUEST_HEADERS) if last else {},
        "headers": shown_headers(last.headers, _PUBLISHED_HEADERS) if last else {},
        **_body(exchange),
        "failure": without_secrets_inside(exchange.failure)[:300] if exchange.failure else None,
    }


def _full_exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "method": exchange.method,
        "requested_url": exchange.requested_url,
        "hops": [
            {
                "url": hop.url,
                "status": hop.status,
                "peer": hop.peer,
                "sent_utc": _utc(hop.sent_s),
                "seconds_to_answer": _seconds(hop),
                "request_headers": [list(pair) for pair in hop.request_headers],
                "headers": [list(pair) for pair in hop.headers],
            }
            for hop in exchange.hops
        ],
        **_body(exchange),
        "failure": exchange.failure[:2000] if exchange.failure else None,
    }


def _body(exchange: Exchange) -> dict[str, Any]:
    return {"body_bytes": exchange.byte_count, "body_sha256": exchange.digest.hexdigest()}


def _kept_url(url: str) -> str:
    return without_user_inside(url[:_MAX_FULL_URL_CHARACTERS])


def _without_credentials(headers: Headers) -> Headers:
    return tuple((name, REMOVED if name.lower() in _BLANKED_REQUEST_HEADERS else value) for name, value in headers)


def _without_cookie_values(headers: Headers) -> Headers:
    """Blank the values of cookies that a server sets: a session that began with the operator's goes on in them."""
    return tuple(
        (name, _without_cookie_value(value) if name.lower() in ("set-cookie", "set-cookie2") else value)
        for name, value in headers
    )


def _without_cookie_value(cookie: str) -> str:
    pair, semicolon, attributes = cookie.partition(";")
    return f"{pair.partition('=')[0]}={REMOVED}{semicolon}{attributes}"


def _from_cache(hop: Hop) -> bool:
    age = (hop.header("age") or "0").strip()
    caches = (hop.header("x-cache"), hop.header("cf-cache-status"))
    return age not in ("", "0") or any("hit" in (value or "").lower() for value in caches)


def _date(text: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() if moment else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _utc(moment_s: float) -> str | None:
    if math.isnan(moment_s):
        return None
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(hop: Hop) -> float | None:
    return None if math.isnan(hop.sent_s) else round(hop.received_s - hop.sent_s, 3)


def response_headers(pairs: Iterable[tuple[object, object]]) -> Headers:
    """Turn yt-dlp's headers into plain pairs of texts."""
    return tuple((str(name), str(value)) for name, value in pairs)
