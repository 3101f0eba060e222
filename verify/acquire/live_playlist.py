"""Read the media playlist of an HLS stream (RFC 8216, 2017) into the few facts that recording it needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from m3u8.parser import ParseError, parse

MAX_TARGET_DURATION_S = 60.0
_MAX_SEGMENTS = 20_000
_KEY_BYTES = 16


class UnusablePlaylistError(ValueError):
    """The text is no media playlist, or one whose segments cannot be recorded; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Bytes to fetch: a URL, and which of its bytes (`length` of them from `first_byte` on) unless all."""

    url: str
    first_byte: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSegment:
    """One media segment.

    Parameters
    ----------
    number
        Its media sequence number.
    duration_s
        As the playlist declares it, in seconds; 0 where it declares nonsense.
    init
        Header that its container needs, for fragmented MP4.
    key_url, iv
        AES-128 key and 16-byte initialisation vector; `key_url` is None for a segment in the clear.
    absent
        The publisher says that there is no such segment (EXT-X-GAP).
    program_utc
        The publisher's time for its first picture (EXT-X-PROGRAM-DATE-TIME, counted on over the segments that follow
        the one it stands at), ISO 8601, or an empty string.
    """

    number: int
    resource: Resource
    duration_s: float
    init: Resource | None = None
    key_url: str | None = None
    iv: bytes = b""
    discontinuity: bool = False
    absent: bool = False
    program_utc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlaylist:
    """A media playlist as it was at one moment. `ended`: nothing will be added to it."""

    segments: tuple[LiveSegment, ...]
    target_s: float
    ended: bool


def read_media_playlist(text: str, url: str) -> LivePlaylist:
    """Parse a media playlist that was fetched from `url`.

    Raises
    ------
    UnusablePlaylistError
        It is none, is malformed, or its segments are encrypted in another way than AES-128.
    """
    if not text.lstrip("\ufeff \r\n\t").startswith("#EXTM3U"):
        raise UnusablePlaylistError("no HLS playlist")
    try:
        data = parse(text)
        if data.get("is_variant"):
            raise UnusablePlaylistError("a list of variants where the variant itself was expected")
        first = int(data.get("media_sequence") or 0)
        target_s = float(data.get("targetduration") or 0)
        listed = [one for one in data["segments"] if one.get("uri")]
        segments = _segments(listed[:_MAX_SEGMENTS], first, url)
    except UnusablePlaylistError:
        raise
    except (ParseError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise UnusablePlaylistError(f"malformed playlist ({type(error).__name__}: {str(error)[:100]})") from error
    if not 0 < target_s <= MAX_TARGET_DURATION_S:
        longest = max((segment.duration_s for segment in segments), default=1.0)
        target_s = min(max(longest, 1.0), MAX_TARGET_DURATION_S)
    return LivePlaylist(segments=segments, target_s=target_s, ended=bool(data.get("is_endlist")))


def _segments(listed: list[Mapping[str, Any]], first: int, url: str) -> tuple[LiveSegment, ...]:
    segments: list[LiveSegment] = []
    for number, one in enumerate(listed, first):
        key_url, iv = _key(one.get("key"), number, url)
        previous = segments[-1].resource if segments else None
        told = one.get("current_program_date_time")
        segments.append(
            LiveSegment(
                number=number,
                resource=_resource(one["uri"], one.get("byterange"), url, previous),
                duration_s=_duration_s(one.get("duration")),
                init=_init(one.get("init_section"), url),
                key_url=key_url,
                iv=iv,
                discontinuity=bool(one.get("discontinuity")),
                absent=bool(one.get("gap_tag")),
                program_utc=told.isoformat() if isinstance(told, datetime) else "",
            )
        )
    return tuple(segments)


def _duration_s(declared: object) -> float:
    number = float(declared) if isinstance(declared, (int, float)) else 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def _resource(uri: str, byte_range: str | None, base: str, previous: Resource | None) -> Resource:
    """Resolve a URI and its byte range 'length[@first]'; without a first byte it goes on where `previous` ended."""
    url = urljoin(base, uri)
    if not byte_range:
        return Resource(url=url)
    length, at, first = byte_range.strip().strip('"').partition("@")
    if at:
        first_byte = int(first)
    elif previous is not None and previous.url == url and previous.length is not None:
        first_byte = previous.first_byte + previous.length
    else:
        first_byte = 0
    if int(length) <= 0 or first_byte < 0:
        raise UnusablePlaylistError("a byte range without bytes")
    return Resource(url=url, first_byte=first_byte, length=int(length))


def _init(section: Mapping[str, Any] | None, base: str) -> Resource | None:
    if not section:
        return None
    return _resource(str(section["uri"]), section.get("byterange"), base, None)


def _key(key: Mapping[str, Any] | None, number: int, base: str) -> tuple[str | None, bytes]:
    method = str(key.get("method", "NONE")) if key else "NONE"
    if not key or method == "NONE":
        return None, b""
    if method != "AES-128" or str(key.get("keyformat", "identity")) != "identity":
        raise UnusablePlaylistError(f"segments encrypted with {method[:30]}")
    iv = key.get("iv")
    number_bytes = number.to_bytes(_KEY_BYTES, "big")
    return urljoin(base, str(key["uri"])), bytes.fromhex(str(iv)[2:].zfill(2 * _KEY_BYTES)) if iv else number_bytes
