"""What is kept of a page's own information: a published copy without secrets, and the few fields a report quotes.

yt-dlp's information about a video holds cookies, request headers and signed URLs that carry the operator's address.
Sites add fields of their own, so keeping what is known to be harmless is safer than removing what is known to be not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from verify.acquire.cookies import REMOVED, Secrets
from verify.acquire.texts import (
    MAX_DESCRIPTION_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    clean_text,
    web_url,
    without_secrets_inside,
    without_user_inside,
)

MAX_RAW_CHARACTERS = 100_000
MAX_COMPLETE_CHARACTERS = 64 * 1024**2
_MAX_LIST_LENGTH = 200
_MAX_DEPTH = 50
_CREDENTIALS = frozenset({"cookies", "cookie", "authorization", "proxy-authorization"})

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
    if isinstance(domain := kept.get("webpage_url_domain"), str):  # yt-dlp keeps user name and password in it
        kept["webpage_url_domain"] = domain.rpartition("@")[2]
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


def information_json(information: Mapping[str, Any], secrets: Secrets | None = None) -> str:
    """Write the published copy as JSON; ASCII only, so that no character in it can act on a terminal."""
    record = (secrets or Secrets()).blank_inside(published_information(information))
    text = json.dumps(record, ensure_ascii=True, allow_nan=False, indent=2, sort_keys=True)
    return text + "\n"


def complete_information_json(information: Mapping[str, Any], secrets: Secrets) -> str:
    """Write all that yt-dlp knows of a video as JSON (ASCII only), but for cookies, credentials and comments.

    Beyond `MAX_COMPLETE_CHARACTERS` the largest members are left out, and named in `omitted_fields`.
    """
    members: dict[str, str] = {}
    for name, value in information.items():
        if name not in ("comments", *_CREDENTIALS) and not str(name).startswith("__"):
            kept = secrets.blank_inside(_complete(value, 0))
            members[str(name)[:1000]] = json.dumps(kept, ensure_ascii=True, allow_nan=False)
    omitted: list[str] = []
    left = MAX_COMPLETE_CHARACTERS
    for name in sorted(members, key=lambda one: len(members[one])):
        left -= len(members[name]) + len(name) + 8
        if left < 0:
            omitted.append(name)
    members["omitted_fields"] = json.dumps(sorted(omitted)[:_MAX_LIST_LENGTH])
    lines = (f"  {json.dumps(name)}: {members[name]}" for name in sorted(members) if name not in omitted)
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _complete(value: object, depth: int) -> object:
    """Copy what JSON can hold; what it cannot is told by its class."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return _complete_plain(value)
    if depth >= _MAX_DEPTH:
        return "(nested deeper than is kept)"
    if isinstance(value, Mapping):
        return {
            str(name): REMOVED if str(name).lower() in _CREDENTIALS else _complete(one, depth + 1)
            for name, one in value.items()
        }
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
        return [_complete(one, depth + 1) for one in value]
    return f"({type(value).__name__})"


def _complete_plain(value: bool | int | float | str | None) -> object:
    if isinstance(value, str):
        return without_user_inside(value)
    return value if not isinstance(value, float) or abs(value) < float("inf") else None


def quoted_fields(information: Mapping[str, Any]) -> dict[str, str | None]:
    """Pick what a report quotes: cleaned, bounded; keys are those of `verify.model.Acquisition`."""
    return {
        "final_url": web_url(information.get("webpage_url")),
        "extractor": clean_text(information.get("extractor_key") or information.get("extractor"), 100),
        "media_id": _shown_id(information.get("id")),
        "title": clean_text(information.get("title"), MAX_TITLE_CHARACTERS),
        "description": clean_text(information.get("description"), MAX_DESCRIPTION_CHARACTERS, multiline=True),
        "publisher": clean_text(information.get("uploader") or information.get("channel"), MAX_TITLE_CHARACTERS),
        "publisher_url": web_url(information.get("uploader_url") or information.get("channel_url")),
        "published": _iso_date(information.get("upload_date")),
    }


def _shown_id(identity: object) -> str | None:
    """Clean an id, which for pages without any is made of their URL."""
    return clean_text(without_secrets_inside(identity[:1000]), 200) if isinstance(identity, str) else None


def _iso_date(compact: object) -> str | None:
    """Turn yt-dlp's YYYYMMDD into YYYY-MM-DD; None if it is no date."""
    if not isinstance(compact, str) or len(compact) != 8 or not compact.isascii() or not compact.isdigit():
        return None
    try:
        return date(int(compact[:4]), int(compact[4:6]), int(compact[6:])).isoformat()
    except ValueError:
        return None
