"""Find the videos of a playlist, channel or page without fetching them. Runs in the worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from yt_dlp.extractor import get_info_extractor
from yt_dlp.utils import unsmuggle_url

from verify.acquire.classify import FailedAcquisition
from verify.acquire.downloader import BoundedDownloader
from verify.acquire.failures import FailureKind
from verify.acquire.texts import MAX_TITLE_CHARACTERS, MAX_URL_CHARACTERS, clean_text

_LIST_TYPES = frozenset({"playlist", "multi_video", "compat_list"})
_LINK_TYPES = frozenset({"url", "url_transparent"})
# A channel is a list of lists: uploads, short videos, past streams.
_MAX_LISTS = 10


def list_entries(downloader: BoundedDownloader, url: str, max_items: int) -> list[dict[str, str]]:
    """List the first videos that a URL leads to, in the publisher's order, none twice.

    Returns
    -------
    list of dict
        'url' and 'title' of each; the title may be empty.

    Raises
    ------
    FailedAcquisition
        No video with an http or https address was found.
    """
    downloader.params.update(
        noplaylist=False, extract_flat="in_playlist", lazy_playlist=True, playlist_items=f"1:{max_items}"
    )
    found: dict[str, str] = {}
    for entry in _videos(downloader, {"_type": "url", "url": url}):
        address = _address(entry)
        if address is not None:
            found.setdefault(address, clean_text(entry.get("title"), MAX_TITLE_CHARACTERS) or "")
        if len(found) >= max_items:
            break
    if not found:
        raise FailedAcquisition(FailureKind.NO_VIDEO, "a list without videos")
    return [{"url": address, "title": title} for address, title in found.items()]


def _videos(downloader: BoundedDownloader, link: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what a link leads to, one by one: videos, and links to videos that are not followed."""
    waiting: list[Mapping[str, Any]] = [link]
    opened = 0
    while waiting:
        entry = waiting.pop(0)
        kind = entry.get("_type", "video")
        if kind in _LINK_TYPES and (opened == 0 or _is_link_to_list(entry)):
            if opened >= _MAX_LISTS:
                raise FailedAcquisition(FailureKind.PLAYLIST, f"more than {_MAX_LISTS} lists in one")
            opened += 1
            result = downloader.process_ie_result(dict(entry), download=False)
            waiting[:0] = [result] if isinstance(result, Mapping) else []
        elif kind in _LIST_TYPES:
            waiting[:0] = [one for one in entry.get("entries") or () if isinstance(one, Mapping)]
        else:
            yield entry


def _is_link_to_list(entry: Mapping[str, Any]) -> bool:
    name = entry.get("ie_key")
    try:
        # 'any' is what tabs of channels are: their extractor also knows links to single videos.
        return isinstance(name, str) and get_info_extractor(name)._RETURN_TYPE in ("playlist", "any")
    except (KeyError, AttributeError):
        return False


def _address(entry: Mapping[str, Any]) -> str | None:
    """Return the http(s) URL under which a video can be acquired by itself, or None."""
    if entry.get("_type", "video") in _LINK_TYPES:
        offers = [entry.get("url")]
    else:
        # The page of a video inside a page of several is that page, so its file or manifest stands for it.
        formats = entry.get("requested_formats") or [entry]
        segmented = [str(one.get("protocol")).startswith(("m3u8", "http_dash")) for one in formats]
        names = ("manifest_url", "url") if any(segmented) else ("url",)
        offers = [formats[0].get(name) for name in names]
    for offer in offers:
        if isinstance(offer, str) and _is_usable(plain := unsmuggle_url(offer)[0]):
            return str(plain)
    return None


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        complete = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
    return complete and len(url) <= MAX_URL_CHARACTERS and url.isprintable() and " " not in url
