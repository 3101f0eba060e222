"""The report as JSON: the form every other one is made from."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from verify.errors import InvalidUsageError, NewerFormatError
from verify.model import Report

SCHEMA_VERSION = "1.1"
_MAJOR = SCHEMA_VERSION.partition(".")[0]
_SCHEMA_ID = "urn:verify-video:schema:report-1"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# A microsecond, and far below what any measure in a report resolves.
_DECIMALS = 6


def encode_report(report: Report) -> bytes:
    """Write a report as indented UTF-8 JSON with a final newline; equal reports give equal bytes.

    Numbers are rounded to 6 decimals, and what is not text (half of a surrogate pair) becomes a question mark.

    Raises
    ------
    ValueError
        A number is not finite.
    """
    plain = _canonical(msgspec.to_builtins(report))
    return msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n"


def decode_report(data: bytes) -> Report:
    """Read what `encode_report` wrote, of any minor version; members that this one does not know are left out.

    Raises
    ------
    NewerFormatError
        The report follows a later schema.
    InvalidUsageError
        The data is no report.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).schema_version
        if version.partition(".")[0] != _MAJOR:
            raise NewerFormatError(
                "report.json", f"follows schema {version[:20]!r}, not {SCHEMA_VERSION}", "Update this program."
            )
        return msgspec.json.decode(data, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidUsageError("report.json", f"is no report ({error})", "Give a report.json of this tool.") from error


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of report.json."""
    # Once through JSON, so that tuples become the lists that a reader of the file sees.
    schema: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Report)))
    return {
        "$schema": _DIALECT,
        "$id": _SCHEMA_ID,
        "title": f"Provenance report of a video release, schema {_MAJOR}",
        **schema,
    }


class _Versioned(msgspec.Struct):
    """The one member that every version of the schema has."""

    schema_version: str


def _canonical(value: Any) -> Any:
    """Round the numbers and mend the texts of plain values, however deep."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a report cannot hold the number {value}")
        return round(value, _DECIMALS) + 0.0  # adding zero turns -0.0 into 0.0
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_canonical(name): _canonical(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return value
