"""Dates as archivists know them: '2021', '2021-03', '2021-03-14', or to the second, '2021-03-14T08:30:00Z'."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime

_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


def earliest_day(text: str) -> date:
    """First day that a partial ISO date can mean.

    Raises
    ------
    ValueError
        The text is no date of the form YYYY, YYYY-MM or YYYY-MM-DD.
    """
    year, month, day = _parts(text)
    return date(year, 1 if month is None else month, 1 if day is None else day)


def latest_day(text: str) -> date:
    """Last day that a partial ISO date can mean; raises ValueError as `earliest_day` does."""
    earliest_day(text)
    year, month, day = _parts(text)
    month = month or 12
    return date(year, month, day or calendar.monthrange(year, month)[1])


def possible_days(text: str) -> tuple[date, date] | None:
    """Return the first and last day a date can mean, None if there is no date or it cannot be read as one."""
    day = text.strip().partition("T")[0]
    try:
        return earliest_day(day), latest_day(day)
    except ValueError:
        return None


def _parts(text: str) -> tuple[int, int | None, int | None]:
    found = _PARTIAL_DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a date of the form YYYY, YYYY-MM or YYYY-MM-DD")
    year, month, day = (int(part) if part else None for part in found.groups())
    return year or 0, month, day


def checked_moment(text: str) -> str:
    """Return a partial date as it is, and a moment with its zone in UTC: '2021-03-14T08:30:00Z'.

    Raises
    ------
    ValueError
        The text is neither.
    """
    given = text.strip()
    if "T" not in given:
        earliest_day(given)
        return given
    try:
        moment = datetime.fromisoformat(given)
        zone = moment.utcoffset()
        told = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a moment of the form 2021-03-14T08:30:00Z") from error
    if zone is None:
        raise ValueError(f"{text!r} has no time zone; write for example 2021-03-14T08:30:00Z or +02:00 at its end")
    return told


def utc_now() -> str:
    """Return the present moment in ISO 8601, to the second, in UTC: '2026-01-31T12:00:00Z'."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
