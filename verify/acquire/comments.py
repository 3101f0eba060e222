"""What people wrote below a video: bounded, and reduced to what is known to be harmless."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from verify.acquire.cookies import Secrets
from verify.acquire.texts import without_secrets_inside

MAX_COMMENTS = 1_000
_MAX_TEXT_CHARACTERS = 20_000
_MAX_SHORT_CHARACTERS = 500

_TEXT_FIELDS = ("id", "parent", "author", "author_id", "author_url", "_time_text", "text")
_PLAIN_FIELDS = (
    "timestamp",
    "like_count",
    "dislike_count",
    "author_is_uploader",
    "author_is_verified",
    "is_favorited",
    "is_pinned",
)


def comments_json(information: Mapping[str, Any], secrets: Secrets | None = None) -> str | None:
    """Write the comments as JSON (ASCII only); None if the site gave none.

    `comments` are in the site's order, at most `MAX_COMMENTS`; `stated_count` is how many there are according to the
    site, null where it does not say.
    """
    found = information.get("comments")
    if not isinstance(found, (list, tuple)):
        return None
    kept = [_comment(one) for one in islice(found, MAX_COMMENTS) if isinstance(one, Mapping)]
    stated = information.get("comment_count")
    record = {
        "format_version": 1,
        "stated_count": stated if isinstance(stated, int) else None,
        "found_count": len(found),
        "taken_count": len(kept),
        "most_taken": MAX_COMMENTS,
        "comments": (secrets or Secrets()).blank_inside(kept),
    }
    return json.dumps(record, ensure_ascii=True, allow_nan=False, indent=2, sort_keys=True) + "\n"


def _comment(comment: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name in _TEXT_FIELDS:
        value = comment.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            most = _MAX_TEXT_CHARACTERS if name == "text" else _MAX_SHORT_CHARACTERS
            kept[name.lstrip("_")] = without_secrets_inside(str(value)[:most])
    for name in _PLAIN_FIELDS:
        value = comment.get(name)
        if isinstance(value, (bool, int)) and abs(value) < 2**63:
            kept[name] = value
    return kept
