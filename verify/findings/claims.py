"""Claims about a release: quoted, attributed and dated, none of them assessed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from verify.dates import earliest_day
from verify.errors import InvalidUsageError
from verify.model import Claim, Interval
from verify.translation import marked

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Acquisition

_TEXTS = ("claimant", "statement", "date", "source_url")
_ENDS = ("from", "to")
_REQUIRED = ("claimant", "statement")
_MAX_FILE_BYTES = 1024 * 1024
_MAX_CLAIMS = 500
_MAX_TEXT = 20_000
RELEASE_TITLE = marked("the release itself (title)")
RELEASE_DESCRIPTION = marked("the release itself (description)")
CLAIMS_FILE = marked("claims file")
UNKNOWN_PUBLISHER = marked("the publisher of the release")
_REMEDY = "Give a YAML list of entries with claimant, statement and, where known, date, source_url, from and to."
# '14', '14.5', '0:14', '75:00' or '1:02:03.5'.
_TIME = re.compile(r"(?:(?:(\d{1,3}):(?=\d\d:))?(\d{1,4}):(?=\d\d(?:\.|$)))?(\d{1,6}(?:\.\d{1,6})?)", re.ASCII)


class _TextLoader(yaml.SafeLoader):
    """The safe YAML loader, without its guesses: 'No', 2025 and 2025-05-07 stay the texts they are."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.yaml_implicit_resolvers = {}


def load_claims(path: Path) -> tuple[Claim, ...]:
    """Read claims from a YAML file: a list of entries with claimant, statement, date, source_url, from and to.

    Claimant and statement are required. A date is an ISO date of year, month or day precision, a source URL starts
    with http:// or https://. `from` and `to` go together and name the part of the release that a claim is about, as
    timecodes or in seconds. Claims keep the order of the file, so a counter-claim can follow what it answers.

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
            texts = {name: entry[name].strip() for name in _TEXTS if name in entry}
            claims.append(Claim(**texts, origin=CLAIMS_FILE, span=_span(entry)))
    if problems:
        raise InvalidUsageError(path, "; ".join(problems), _REMEDY)
    return tuple(claims)


def release_claims(acquisition: Acquisition) -> tuple[Claim, ...]:
    """Quote a release's own title and description, attributed to its publisher."""
    link = "" if acquisition.is_local_file else acquisition.final_url or acquisition.source
    return tuple(
        Claim(
            claimant=acquisition.publisher or UNKNOWN_PUBLISHER,
            statement=text,
            date=acquisition.published or "",
            source_url=link,
            origin=origin,
        )
        for origin, text in ((RELEASE_TITLE, acquisition.title), (RELEASE_DESCRIPTION, acquisition.description))
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
    problems = [f"unknown key {str(key)[:40]!r}" for key in entry if key not in (*_TEXTS, *_ENDS)]
    for name in (*_TEXTS, *_ENDS):
        text = entry.get(name, "")
        if not isinstance(text, str):
            problems.append(f"{name} is not a text")
        elif len(text) > _MAX_TEXT:
            problems.append(f"{name} is longer than {_MAX_TEXT:,} characters")
        elif name in _REQUIRED and not text.strip():
            problems.append(f"{name} is missing")
        elif text.strip() and (problem := _FORMAT_PROBLEMS.get(name, _no_problem)(text.strip())):
            problems.append(f"{name} {problem}")
    return problems or _span_problems(entry)


def _span_problems(entry: dict[str, str]) -> list[str]:
    """Say what is wrong with the times of an entry, each of which can be read."""
    given = [name for name in _ENDS if entry.get(name, "").strip()]
    if len(given) == 1:
        return [f"{given[0]} is given alone; from and to go together"]
    if given and _seconds(entry["to"]) <= _seconds(entry["from"]):
        return ["to does not come after from"]
    return []


def _span(entry: dict[str, str]) -> Interval | None:
    if not entry.get("from", "").strip():
        return None
    return Interval(start_s=_seconds(entry["from"]), end_s=_seconds(entry["to"]))


def _seconds(text: str) -> float:
    """Read a time; raises ValueError for a text that is none."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a time")
    hours, minutes, seconds = found.groups()
    if (hours and int(minutes) >= 60) or (minutes and float(seconds) >= 60):
        raise ValueError(f"{text!r} has more than 59 minutes or seconds")
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds)


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


def _time_problem(text: str) -> str:
    try:
        _seconds(text)
    except ValueError:
        return "is not a time such as 14.5, 0:14 or 1:02:03.5"
    return ""


_FORMAT_PROBLEMS = {"date": _date_problem, "source_url": _url_problem, "from": _time_problem, "to": _time_problem}
