"""JSON in the one form that is signed and chained: RFC 8785, the JSON Canonicalization Scheme."""

from __future__ import annotations

from typing import Any

import rfc8785

#: Beyond it, readers of JSON that know only double floats see another number.
_LARGEST_SAFE_INTEGER = 2**53 - 1


def canonical_json(value: Any) -> bytes:
    """Write a value in canonical form: UTF-8, members sorted by their UTF-16 code units, no white space, no line feed.

    What the form cannot hold is written so that nothing is lost unseen: a lone surrogate becomes U+FFFD, an integer
    beyond 2**53 - 1 becomes a text of its digits, a tuple becomes a list.

    Raises
    ------
    ValueError
        The value holds a number that is not finite, or something that JSON has no form for.
    """
    return rfc8785.dumps(_safe(value))


def canonical_line(value: Any) -> bytes:
    """Write a value as one line of JSON Lines: its canonical form and one line feed."""
    return canonical_json(value) + b"\n"


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return _well_formed(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_SAFE_INTEGER:
        return str(value)
    if isinstance(value, dict):
        return {_well_formed(name): _safe(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_safe(member) for member in value]
    return value


def _well_formed(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
