"""Claims about a release: quoted, attributed and dated, none of them assessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from verify.dates import earliest_day
from verify.errors import InvalidUsageError
from verify.model import Claim

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Acquisition

_FIELDS = ("claimant", "statement", "date", "source_url")
_REQUIRED = ("claimant", "statement")
_MAX_FILE_BYTES = 1024 * 1024
_MAX_CLAIMS = 500
_MAX_TEXT = 20_000
_RELEASE_ORIGIN = "the release itself"
_UNKNOWN_PUBLISHER = "the publisher of the release"
_REMEDY = "Give a YAML list of entries with claimant, statement and, where known, date and source_url."


class _TextLoader(yaml.SafeLoader):
    """The safe YAML loader, without its guesses: 'No', 2025 and 2025-05-07 stay the texts they are."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.yaml_implicit_resolvers = {}


def load_claims(path: Path) -> tuple[Claim, ...]:
    """Read claims from a YAML file: a list of entries with claimant, statement, date and source_url.

    Claimant and statement are required. A date is an ISO date of year, month or day precision, a source URL starts
    with http:// or https://. Claims keep the order of the file, so a counter-claim can follow what it answers.

    Raises
    ------
    InvalidUsageError
        The file cannot be read, is too large, is no such list, or has malformed entries; every one of them is named.
    """
    entries = _read_list(path)
    problems: list[str] = []
    claims = []
    for number, entry in enumerate(entries, start=1):
        found = _entry_problems(entry)
        problems += [f"entry {number}: {problem}" for problem in found]
        if not found:
            claims.append(Claim(**{name: text.strip() for name, text in entry.items()}))
    if problems:
        raise InvalidUsageError(path, "; ".join(problems), _REMEDY)
    return tuple(claims)


def release_claims(acquisition: Acquisition) -> tuple[Claim, ...]:
    """Quote a release's own title and description, attributed to its publisher."""
    link = "" if acquisition.is_local_file else acquisition.final_url or acquisition.source
    return tuple(
        Claim(
            claimant=acquisition.publisher or _UNKNOWN_PUBLISHER,
            statement=text,
            date=acquisition.published or "",
            source_url=link,
            origin=f"{_RELEASE_ORIGIN} ({what})",
        )
        for what, text in (("title", acquisition.title), ("description", acquisition.description))
        if text and text.strip()
    )


def _read_list(path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidUsageError(path, f"cannot be read ({error.strerror})", "Check the path.") from error
    if len(data) > _MAX_FILE_BYTES:
        raise InvalidUsageError(path, f"is larger than {_MAX_FILE_BYTES:,} bytes", _REMEDY)
    try:
        content = yaml.load(data, Loader=_TextLoader)  # noqa: S506 - a SafeLoader that resolves even less
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        where = f" at line {mark.line + 1}" if (mark := getattr(error, "problem_mark", None)) else ""
        raise InvalidUsageError(path, f"is not readable as YAML{where}", _REMEDY) from error
    if not isinstance(content, list):
        raise InvalidUsageError(path, "is not a list of claims", _REMEDY)
    if len(content) > _MAX_CLAIMS:
        raise InvalidUsageError(path, f"has more than {_MAX_CLAIMS} claims", _REMEDY)
    return content


def _entry_problems(entry: object) -> list[str]:
    """Say everything that is wrong with one entry, without repeating its texts."""
    if not isinstance(entry, dict):
        return ["is not a mapping"]
    problems = [f"unknown key {str(key)[:40]!r}" for key in entry if key not in _FIELDS]
    for name in _FIELDS:
        text = entry.get(name, "")
        if not isinstance(text, str):
            problems.append(f"{name} is not a text")
        elif len(text) > _MAX_TEXT:
            problems.append(f"{name} is longer than {_MAX_TEXT:,} characters")
        elif name in _REQUIRED and not text.strip():
            problems.append(f"{name} is missing")
        elif text.strip() and (problem := _FORMAT_PROBLEMS.get(name, _no_problem)(text.strip())):
            problems.append(f"{name} {problem}")
    return problems


def _no_problem(_text: str) -> str:
    return ""


def _date_problem(text: str) -> str:
    try:
        earliest_day(text)
    except ValueError:
        return "is not a date of the form YYYY, YYYY-MM or YYYY-MM-DD"
    return ""


def _url_problem(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return "is not a URL"
    return "" if parts.scheme in ("http", "https") and parts.netloc else "is not an http or https URL"


_FORMAT_PROBLEMS = {"date": _date_problem, "source_url": _url_problem}
