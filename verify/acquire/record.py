"""What is kept of a page's own information: a published copy without secrets, and the few fields a report quotes.

yt-dlp's information about a video holds cookies, request headers and signed URLs that carry the operator's address.
Sites add fields of their own, so keeping what is known to be harmless is safer than removing what is known to be not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from verify.acquire.texts import (
    MAX_DESCRIPTION_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    clean_text,
    web_url,
    without_secrets_inside,
)

MAX_RAW_CHARACTERS = 100_000
_MAX_LIST_LENGTH = 200

# fmt: off
_PLAIN_FIELDS = frozenset(
    {
        "id", "display_id", "title", "fulltitle", "alt_title", "description", "license", "creators", "uploader",
        "uploader_id", "uploader_url", "channel", "channel_id", "channel_url", "channel_follower_count",
        "channel_is_verified", "location", "timestamp", "upload_date", "release_timestamp", "release_date",
        "release_year", "modified_timestamp", "modified_date", "duration", "duration_string", "view_count",
        "like_count", "dislike_count", "repost_count", "average_rating", "comment_count", "age_limit",
        "webpage_url", "webpage_url_basename", "webpage_url_domain", "original_url", "categories", "tags",
        "media_type", "live_status", "is_live", "was_live", "availability", "start_time", "end_time",
        "extractor", "extractor_key", "epoch", "playable_in_embed", "language", "direct", "series", "season",
        "episode", "track", "artist", "album", "thumbnail", "format", "format_id", "format_note", "ext",
        "container", "protocol", "width", "height", "resolution", "fps", "dynamic_range", "vcodec", "acodec",
        "vbr", "abr", "tbr", "asr", "audio_channels", "filesize", "filesize_approx", "stretched_ratio",
        "aspect_ratio",
    }
)
_FORMAT_FIELDS = frozenset(
    {
        "format_id", "format", "format_note", "ext", "container", "protocol", "width", "height", "resolution",
        "fps", "dynamic_range", "vcodec", "acodec", "vbr", "abr", "tbr", "asr", "audio_channels", "filesize",
        "filesize_approx", "language", "aspect_ratio",
    }
)
# fmt: on
_CHAPTER_FIELDS = frozenset({"title", "start_time", "end_time"})


def published_information(information: Mapping[str, Any]) -> dict[str, Any]:
    """Copy what is fit to be published, with the names of the fields left out in `omitted_fields`."""
    kept = _pick(information, _PLAIN_FIELDS)
    for name, fields in (("requested_formats", _FORMAT_FIELDS), ("chapters", _CHAPTER_FIELDS)):
        entries = information.get(name)
        if isinstance(entries, (list, tuple)):
            kept[name] = [_pick(entry, fields) for entry in entries[:_MAX_LIST_LENGTH] if isinstance(entry, Mapping)]
    for name in ("subtitles", "automatic_captions"):
        languages = information.get(name)
        if isinstance(languages, Mapping):
            kept[name] = sorted(str(language)[:50] for language in languages)[:_MAX_LIST_LENGTH]
    omitted = sorted(str(name)[:100] for name in information if name not in kept and not str(name).startswith("_"))
    kept["omitted_fields"] = omitted[:_MAX_LIST_LENGTH]
    return kept


def _pick(entry: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: _plain(entry[name]) for name in sorted(names & entry.keys()) if entry[name] is not None}


def _plain(value: object) -> object:
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, str):
        return without_secrets_inside(value[:MAX_RAW_CHARACTERS])
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value[:_MAX_LIST_LENGTH] if isinstance(item, (str, int, float))]
    return None


def information_json(information: Mapping[str, Any]) -> str:
    """Write the published copy as JSON; ASCII only, so that no character in it can act on a terminal."""
    text = json.dumps(published_information(information), ensure_ascii=True, allow_nan=False, indent=2, sort_keys=True)
    return text + "\n"


def quoted_fields(information: Mapping[str, Any]) -> dict[str, str | None]:
    """Pick what a report quotes: cleaned, bounded; keys are those of `verify.model.Acquisition`."""
    return {
        "final_url": web_url(information.get("webpage_url")),
        "extractor": clean_text(information.get("extractor_key") or information.get("extractor"), 100),
        "media_id": clean_text(information.get("id"), 200),
        "title": clean_text(information.get("title"), MAX_TITLE_CHARACTERS),
        "description": clean_text(information.get("description"), MAX_DESCRIPTION_CHARACTERS, multiline=True),
        "publisher": clean_text(information.get("uploader") or information.get("channel"), MAX_TITLE_CHARACTERS),
        "publisher_url": web_url(information.get("uploader_url") or information.get("channel_url")),
        "published": _iso_date(information.get("upload_date")),
    }


def _iso_date(compact: object) -> str | None:
    """Turn yt-dlp's YYYYMMDD into YYYY-MM-DD; None if it is no date."""
    if not isinstance(compact, str) or len(compact) != 8 or not compact.isascii() or not compact.isdigit():
        return None
    try:
        return date(int(compact[:4]), int(compact[4:6]), int(compact[6:])).isoformat()
    except ValueError:
        return None
