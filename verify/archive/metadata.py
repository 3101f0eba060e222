"""What an archivist states of a reference, checked: its id, kind, dates and addresses."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from verify.dates import checked_moment
from verify.model import Reference, ReferenceKind, SightingSource

if TYPE_CHECKING:
    from collections.abc import Container

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MOST_ID_CHARACTERS = 100
_DIGEST_CHARACTERS = 8
#: Parameters of an address that name a video, as watch?v=dQw4w9WgXcQ does.
_NAMING_PARAMETERS = ("v",)


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
    *,
    reference_id: str,
    kind: str,
    first_seen: str,
    texts: dict[str, str],
    source_url: str,
    first_seen_source: str = "",
    first_seen_url: str = "",
) -> Reference:
    """Build a reference from texts as given, checked; raises BadCellError naming the column.

    A moment to the second is brought to UTC.
    """
    for problem in cell_problems(
        reference_id=reference_id,
        kind=kind,
        first_seen=first_seen,
        source_url=source_url,
        first_seen_source=first_seen_source,
        first_seen_url=first_seen_url,
    ):
        raise problem
    return Reference(
        id=reference_id,
        kind=ReferenceKind(kind or "other"),
        first_seen=checked_moment(first_seen) if first_seen else "",
        first_seen_source=SightingSource(first_seen_source or "other"),
        first_seen_url=first_seen_url,
        source_url=source_url,
        title=texts.get("title", ""),
        publisher=texts.get("publisher", ""),
        first_seen_basis=texts.get("first_seen_basis", ""),
        licence=texts.get("licence", ""),
        event=texts.get("event", ""),
        notes=texts.get("notes", ""),
    )


def cell_problems(
    *,
    reference_id: str,
    kind: str,
    first_seen: str,
    source_url: str,
    first_seen_source: str = "",
    first_seen_url: str = "",
) -> list[BadCellError]:
    """Return everything that is wrong with the texts a reference is made of, one problem for each column."""
    problems = []
    try:
        check_id(reference_id)
    except ValueError as error:
        problems.append(BadCellError("id", str(error)))
    for column, url in (("source_url", source_url), ("first_seen_url", first_seen_url)):
        if url and not is_url(url):
            problems.append(BadCellError(column, f"{url!r} is no http(s) URL"))
    for column, word, known in (
        ("kind", kind, tuple(ReferenceKind)),
        ("first_seen_source", first_seen_source, tuple(SightingSource)),
    ):
        if word and word not in known:
            problems.append(BadCellError(column, f"{word!r} is none of {', '.join(known)}"))
    if first_seen:
        try:
            checked_moment(first_seen)
        except ValueError as error:
            problems.append(BadCellError("first_seen", str(error)))
    return problems


def numbered_apart(name: str, taken: Container[str]) -> str:
    """Return an id if it is not taken, else the first of 'name-2', 'name-3' and so on that is not."""
    free, number = name, 1
    while free in taken:
        number += 1
        end = f"-{number}"
        free = name[: _MOST_ID_CHARACTERS - len(end)] + end
    return free


def name_in_url(url: str) -> str:
    """Return the part of a video's address that tells it from others: the value of 'v', else the file's stem."""
    path, _, rest = url.partition("?")
    for pair in rest.partition("#")[0].split("&"):
        name, _, value = pair.partition("=")
        if name in _NAMING_PARAMETERS and value:
            return value
    last = path.partition("#")[0].rstrip("/").rpartition("/")[2]
    stem, dot, _ = last.rpartition(".")
    return stem if dot and stem else last


def is_url(source: str) -> bool:
    """Say whether a source is a web address rather than a path."""
    return source.lower().startswith(("http://", "https://"))
