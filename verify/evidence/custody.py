"""The custody log: who did what to the evidence, each line bound to the one before by its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from verify.model import CustodyEvent


def canonical_json(value: dict[str, Any]) -> bytes:
    """Write JSON in one form only: ASCII, sorted keys, no spaces, one line feed at the end."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.encode("ascii") + b"\n"


def custody_log(events: Iterable[tuple[str, str, str]]) -> bytes:
    """Write a custody log in JSON Lines.

    Parameters
    ----------
    events
        Moment (ISO 8601, UTC), action and detail of each event, oldest first.

    Returns
    -------
    bytes
        One canonical JSON object a line; `previous_sha256` is the SHA-256 of the line before it, line feed included,
        and null in the first line.
    """
    lines: list[bytes] = []
    for utc, action, detail in events:
        previous = hashlib.sha256(lines[-1]).hexdigest() if lines else None
        event = CustodyEvent(utc=utc, action=action, detail=detail, previous_sha256=previous)
        lines.append(canonical_json(asdict(event)))
    return b"".join(lines)
