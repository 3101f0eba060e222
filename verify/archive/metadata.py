"""What an archivist states of a reference, checked: its id, kind and dates."""

from __future__ import annotations

import re

from verify.dates import earliest_day
from verify.model import Reference, ReferenceKind

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class BadCellError(Exception):
    """A value that cannot be used, with the name of its column (or option) and what is wrong with it."""

    def __init__(self, column: str, problem: str) -> None:
        self.column = column
        self.problem = problem
        super().__init__(problem)


def check_id(text: str) -> str:
    """Return a reference id if it can be one; raises ValueError with the rule if not."""
    if not _ID.fullmatch(text):
        raise ValueError(
            f"{text!r} is no id: letters, digits, '.', '_' and '-' only, at most 100, a letter or digit first"
        )
    return text


def id_from_name(name: str) -> str:
    """Make an id of a file's stem or a media id, by replacing what an id cannot hold."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100]
    return cleaned if _ID.fullmatch(cleaned) else "reference"


def reference_from(
    *, reference_id: str, kind: str, first_seen: str, texts: dict[str, str], source_url: str
) -> Reference:
    """Build a reference from texts as given, checking id, kind and date; raises BadCellError naming the column."""
    try:
        check_id(reference_id)
    except ValueError as error:
        raise BadCellError("id", str(error)) from error
    if source_url and not is_url(source_url):
        raise BadCellError("source_url", f"{source_url!r} is no http(s) URL")
    if kind and kind not in set(ReferenceKind):
        raise BadCellError("kind", f"{kind!r} is none of {', '.join(ReferenceKind)}")
    if first_seen:
        try:
            earliest_day(first_seen)
        except ValueError as error:
            raise BadCellError("first_seen", str(error)) from error
    return Reference(
        id=reference_id,
        kind=ReferenceKind(kind or "other"),
        first_seen=first_seen,
        source_url=source_url,
        title=texts.get("title", ""),
        publisher=texts.get("publisher", ""),
        first_seen_basis=texts.get("first_seen_basis", ""),
        licence=texts.get("licence", ""),
        event=texts.get("event", ""),
        notes=texts.get("notes", ""),
    )


def is_url(source: str) -> bool:
    """Say whether a source is a web address rather than a path."""
    return source.startswith(("http://", "https://"))
