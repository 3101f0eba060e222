"""Partial dates: what they can mean, and what is none."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from verify.dates import checked_moment, earliest_day, latest_day, utc_now


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2021", date(2021, 1, 1), date(2021, 12, 31)),
        ("2021-02", date(2021, 2, 1), date(2021, 2, 28)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2021-12", date(2021, 12, 1), date(2021, 12, 31)),
        ("2021-03-14", date(2021, 3, 14), date(2021, 3, 14)),
        (" 2021-03-14\n", date(2021, 3, 14), date(2021, 3, 14)),
        ("0001", date(1, 1, 1), date(1, 12, 31)),
        ("9999-12-31", date(9999, 12, 31), date(9999, 12, 31)),
    ],
)
def test_first_and_last_day_a_date_can_mean(text: str, first: date, last: date):
    assert (earliest_day(text), latest_day(text)) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        "", "today", "21", "2021-", "2021-3", "2021-13", "2021-00", "2021-03-00", "2021-02-30", "2023-02-29",
        "2021-03-14T12:00", "14.03.2021", "2021/03/14", "20210314", "0000", "-2021", "2021-03-14-01",
        "٢٠٢١", "２０２１-03",
    ],
)  # fmt: skip
def test_what_is_no_date(text: str):
    for reading in (earliest_day, latest_day):
        with pytest.raises(ValueError):
            reading(text)


def test_message_names_the_text_and_the_form():
    with pytest.raises(ValueError, match=re.escape("'soon' is not a date of the form YYYY, YYYY-MM or YYYY-MM-DD")):
        earliest_day("soon")


def test_now_is_in_utc_to_the_second():
    before = datetime.now(UTC).replace(microsecond=0)
    now = datetime.strptime(utc_now(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before <= now <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2021", "2021"),
        (" 2021-03-14 ", "2021-03-14"),
        ("2021-03-14T08:30:00Z", "2021-03-14T08:30:00Z"),
        ("0999-03-14T08:30:00Z", "0999-03-14T08:30:00Z"),
        ("2021-03-14T01:30:00+02:00", "2021-03-13T23:30:00Z"),
    ],
)
def test_moments_are_told_in_utc(text: str, told: str):
    assert checked_moment(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2021-13",
        "2021-03-14T08:30:00",
        "2021-03-14T25:00:00Z",
        "2021-03-14Tnoon",
        "0001-01-01T00:00:00+09:00",
    ],
)
def test_what_is_no_moment(text: str):
    with pytest.raises(ValueError, match=r"not a date|not a moment|no time zone|month must"):
        checked_moment(text)
