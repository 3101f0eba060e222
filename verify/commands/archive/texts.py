"""How the commands of the archive write texts and tables."""

from __future__ import annotations


def shown_text(value: object) -> str:
    """Write a value for a terminal; texts come from manifests, which others may have written."""
    from verify.acquire.texts import MAX_DESCRIPTION_CHARACTERS, clean_text  # noqa: PLC0415

    return clean_text(str(value), MAX_DESCRIPTION_CHARACTERS) or ""


def as_json_text(value: object) -> str:
    """Write a value as indented JSON."""
    import msgspec  # noqa: PLC0415

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
