"""The CSV table that describes references: read whole, every row checked, every problem named, before any is added."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.archive.addresses import kept_address
from verify.archive.metadata import BadCellError, cell_problems, id_from_name, is_url, reference_from
from verify.errors import InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from verify.model import Reference

COLUMNS = (
    "id", "source", "title", "publisher", "first_seen", "first_seen_basis", "kind", "licence", "event", "notes",
    "source_url", "first_seen_source", "first_seen_url",
)  # fmt: skip
_REQUIRED = ("source",)
_TEXTS = ("title", "publisher", "first_seen_basis", "licence", "event", "notes")
MAX_FIELD_CHARACTERS = 4000
_MAX_ROWS = 1_000_000
_MAX_PROBLEMS_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """One row: where the video is (path or URL), and the metadata it is to be archived under."""

    source: str
    reference: Reference


def read_manifest(path: Path) -> list[ManifestRow]:
    """Read and check a manifest. Relative sources are relative to the manifest's folder.

    Raises
    ------
    InvalidUsageError
        The file or any row of it is malformed; the message names every bad row and column (the first 50).
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            header = reader.fieldnames or []
            _check_header(path, header)
            # One by one: a table of 100,000 rows is not held as texts beside what is made of it.
            return _checked(path, ((reader.line_num, row) for row in reader))
    except OSError as error:
        raise InvalidUsageError(path, f"the manifest cannot be read ({error.strerror})", "Check the path.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidUsageError(path, f"the manifest is no CSV text in UTF-8 ({error})", _COLUMNS_HINT) from error


_COLUMNS_HINT = f"Its first line names the columns: {','.join(COLUMNS)}."


def _check_header(path: Path, header: object) -> None:
    names = [str(name) for name in header] if isinstance(header, list | tuple) else []
    missing = [name for name in _REQUIRED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if missing or unknown or len(set(names)) != len(names):
        told = [f"no column {name!r}" for name in missing] + [f"an unknown column {name!r}" for name in unknown]
        raise InvalidUsageError(path, f"the manifest has {', '.join(told) or 'a column twice'}", _COLUMNS_HINT)


def _checked(path: Path, rows: Iterable[tuple[int, dict[str | None, str]]]) -> list[ManifestRow]:
    problems: list[str] = []
    checked: list[ManifestRow] = []
    seen: dict[str, int] = {}
    count = more = 0
    for count, (line, row) in enumerate(rows, 1):
        if count > _MAX_ROWS:
            problems, more = [f"it has more than {_MAX_ROWS} rows"], 0
            break
        entry, found = _row(path, row)
        if entry and entry.reference.id in seen:
            found.append(
                BadCellError("id", f"{entry.reference.id!r} is also the id of line {seen[entry.reference.id]}")
            )
        elif entry:
            seen[entry.reference.id] = line
            checked.append(entry)
        told = [f"line {line}, column {problem.column}: {problem.problem}" for problem in found]
        room = _MAX_PROBLEMS_SHOWN - len(problems)
        problems += told[:room]
        more += len(told[room:])
    if not count:
        problems.append("it has no rows")
    if problems:
        raise InvalidUsageError(
            path,
            "\n  ".join(["the manifest cannot be used:", *problems, *([f"... and {more} more"] if more else [])]),
            "\nNothing was added. Mend these and run the command again.",
        )
    return checked


def _row(path: Path, row: dict[str | None, str]) -> tuple[ManifestRow | None, list[BadCellError]]:
    """Return a row as what is to be added, None if it cannot be; and everything that is wrong with it."""
    if None in row or any(value is None for value in row.values()):
        return None, [BadCellError("(all)", "the row has not as many fields as the first line")]
    cells = {str(name): value.strip() for name, value in row.items()}
    problems = [
        BadCellError(name, f"more than {MAX_FIELD_CHARACTERS} characters")
        for name, value in cells.items()
        if len(value) > MAX_FIELD_CHARACTERS
    ]
    if problems:  # said without repeating such texts
        return None, problems
    source = cells["source"]
    try:
        source = _source(path, source)
    except BadCellError as error:
        problems.append(error)
    checked = {
        "reference_id": cells.get("id")
        or id_from_name(source.rstrip("/").rpartition("/")[2].rpartition(".")[0] or source),
        "kind": cells.get("kind", ""),
        "first_seen": cells.get("first_seen", ""),
        "source_url": cells.get("source_url") or (kept_address(source) if is_url(source) else ""),
        "first_seen_source": cells.get("first_seen_source", ""),
        "first_seen_url": cells.get("first_seen_url", ""),
    }
    problems += cell_problems(**checked)
    if problems:
        return None, problems
    texts = {name: cells.get(name, "") for name in _TEXTS}
    return ManifestRow(source=source, reference=reference_from(**checked, texts=texts)), []


def _source(path: Path, source: str) -> str:
    if not source:
        raise BadCellError("source", "is empty; give a path or a URL")
    if is_url(source):
        return source
    if "://" in source:
        raise BadCellError("source", f"{source!r} is neither a path nor an http(s) URL")
    file = path.parent / source
    try:
        is_there = file.is_file()
    except (OSError, ValueError):  # a name that no file can have
        is_there = False
    if not is_there:
        raise BadCellError("source", f"there is no file {source!r}")
    return str(file)
