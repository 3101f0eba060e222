"""What an archivist states of a reference, checked: its id, kind and dates."""

from __future__ import annotations

import hashlib
import re

from verify.dates import earliest_day
from verify.model import Reference, ReferenceKind

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIGEST_CHARACTERS = 8


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
    """Make an id of a file's stem or a media id, by replacing what an id cannot hold.

    Letters of other scripts cannot be kept. So that names which differ in them do not become one id, a digest of the
    name stands for them: 'reference-f1b2c3d4'.
    """
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100]
    readable = cleaned if _ID.fullmatch(cleaned) else "reference"
    if not any(character.isalnum() and not character.isascii() for character in name):
        return readable
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{readable[: 99 - _DIGEST_CHARACTERS]}-{digest}"


def reference_from(
    *, reference_id: str, kind: str, first_seen: str, texts: dict[str, str], source_url: str
) -> Reference:
    """Build a reference from texts as given, checking id, kind and date; raises BadCellError naming the column."""
    for problem in cell_problems(reference_id=reference_id, kind=kind, first_seen=first_seen, source_url=source_url):
        raise problem
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


def cell_problems(*, reference_id: str, kind: str, first_seen: str, source_url: str) -> list[BadCellError]:
    """Return everything that is wrong with the texts a reference is made of, one problem for each column."""
    problems = []
    try:
        check_id(reference_id)
    except ValueError as error:
        problems.append(BadCellError("id", str(error)))
    if source_url and not is_url(source_url):
        problems.append(BadCellError("source_url", f"{source_url!r} is no http(s) URL"))
    if kind and kind not in set(ReferenceKind):
        problems.append(BadCellError("kind", f"{kind!r} is none of {', '.join(ReferenceKind)}"))
    if first_seen:
        try:
            earliest_day(first_seen)
        except ValueError as error:
            problems.append(BadCellError("first_seen", str(error)))
    return problems


def is_url(source: str) -> bool:
    """Say whether a source is a web address rather than a path."""
    return source.lower().startswith(("http://", "https://"))
