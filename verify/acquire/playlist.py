"""List the videos of a playlist, a channel or a page with several, for a check of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.acquire.failures import FailureKind, failure_error
from verify.acquire.remote import list_url
from verify.acquire.source import check_url
from verify.acquire.texts import MAX_TITLE_CHARACTERS, MAX_URL_CHARACTERS, clean_text

if TYPE_CHECKING:
    from verify.acquire.options import AcquisitionOptions

MAX_PLAYLIST_ITEMS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaylistEntry:
    """One video of a list: the URL to acquire it by, and the title that the list gives it, perhaps empty.

    The URL is kept as it was found, because it has to be fetched; it may hold a signature, so show it through
    `verify.acquire.texts.shown_url`.
    """

    url: str
    title: str


def list_playlist(url: str, *, options: AcquisitionOptions, max_items: int) -> tuple[PlaylistEntry, ...]:
    """List the first videos that a URL leads to, in the publisher's order, without fetching them.

    Parameters
    ----------
    url
        http(s) URL of a playlist, channel, feed or page; of a single video, too, which is a list of one.
    options
        As for `acquire`; the limits bound the listing.
    max_items
        Most videos to list, from 1 to `MAX_PLAYLIST_ITEMS`; the rest is left out. Ask for one more than is wanted to
        learn whether there are more.

    Raises
    ------
    InvalidUsageError
        `url` is no http(s) URL.
    ValueError
        `max_items` is out of range.
    AcquisitionFailedError, AcquisitionRefusedError
        As `acquire` raises them; a list without any http(s) video is a failure.
    """
    if not 1 <= max_items <= MAX_PLAYLIST_ITEMS:
        raise ValueError(f"max_items must be from 1 to {MAX_PLAYLIST_ITEMS}, not {max_items}")
    check_url(url)
    listed = list_url(url, options=options, max_items=max_items)
    entries = tuple(entry for one in listed[:max_items] if (entry := _entry(one)) is not None)
    if not entries:
        raise failure_error(FailureKind.NO_VIDEO, url, "a list without videos")
    return entries


def _entry(listed: object) -> PlaylistEntry | None:
    """Check one entry of the worker's answer again: it has met hostile pages."""
    if not isinstance(listed, dict):
        return None
    url, title = listed.get("url"), listed.get("title")
    if not isinstance(url, str) or len(url) > MAX_URL_CHARACTERS or not url.lower().startswith(("http://", "https://")):
        return None
    if not url.isprintable() or " " in url:
        return None
    return PlaylistEntry(url=url, title=clean_text(title, MAX_TITLE_CHARACTERS) or "")
