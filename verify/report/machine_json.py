"""JSON for other programs: texts from outside bounded, dates checked, safe to be pasted into a page."""

from __future__ import annotations

import json
from typing import Any

from verify.dates import checked_moment
from verify.report.texts import visible

# A JSON-LD draft ends up between <script> tags, where '</script>' in a title would end it; the last two end a line of
# JavaScript.
_NEVER_PLAIN = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def machine_json(document: dict[str, Any]) -> bytes:
    """Write a document as indented UTF-8 JSON with a final newline, members in their order, no markup in it."""
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    return (text.translate(_NEVER_PLAIN) + "\n").encode("utf-8")


def bounded_text(text: str, limit: int) -> str:
    """Quote a text: what would act instead of being read is spelled out, what is beyond `limit` becomes '…'."""
    shown = visible(text).strip()
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def stated_moment(text: str) -> str:
    """Return a date or a moment of ISO 8601 ('2021', '2021-03', '2021-03-14T08:30:00Z'), empty for any other text."""
    try:
        return checked_moment(text)
    except ValueError:
        return ""
