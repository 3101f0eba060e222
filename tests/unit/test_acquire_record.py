"""The published copy of a page's information, and the fields that are quoted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from verify.acquire.cookies import Secrets
from verify.acquire.record import (
    complete_information_json,
    information_json,
    published_information,
    quoted_fields,
)

INFORMATION = {
    "id": "abc",
    "title": "A \u202eclip\x1b",
    "description": "Line one\nLine two https://example.org/?token=secret1",
    "webpage_url": "https://user:secret2@example.org/watch?v=abc",
    "uploader": "Some office",
    "uploader_url": "javascript:alert(1)",
    "channel_url": "https://example.org/@office",
    "upload_date": "20240229",
    "extractor_key": "Example",
    "url": "https://cdn.example.org/a.mp4?ip=192.0.2.7&sig=secret3",
    "http_headers": {"Cookie": "secret4"},
    "cookies": "secret5",
    "formats": [{"url": "https://cdn.example.org/secret6"}],
    "requested_formats": [{"format_id": "137", "url": "https://secret7", "http_headers": {}, "height": 1080}],
    "manifest_url": "https://secret8",
    "fragments": [{"url": "secret9"}],
    "_private": "secret10",
    "site_specific": {"session": "secret11"},
    "tags": ["a", {"b": "secret12"}],
    "subtitles": {"en": [{"url": "https://secret13"}]},
    "chapters": [{"title": "One", "start_time": 0, "end_time": float("nan"), "key": "secret14"}, "x"],
    "duration": float("inf"),
    "view_count": None,
}


def test_nothing_secret_is_published() -> None:
    text = information_json(INFORMATION)
    assert "secret" not in text
    assert "192.0.2.7" not in text


def test_harmless_fields_are_published_as_they_were() -> None:
    published = published_information(INFORMATION)
    assert published["title"] == "A \u202eclip\x1b"
    assert published["requested_formats"] == [{"format_id": "137", "height": 1080}]
    assert published["subtitles"] == ["en"]
    assert published["tags"] == ["a"]
    assert published["duration"] is None
    assert "view_count" not in published
    assert {"cookies", "formats", "http_headers", "site_specific", "url"} <= set(published["omitted_fields"])
    assert "_private" not in published["omitted_fields"]


def test_published_json_is_ascii_and_reads_back() -> None:
    text = information_json(INFORMATION)
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["title"] == "A \u202eclip\x1b"


def test_quoted_fields_are_cleaned() -> None:
    assert quoted_fields(INFORMATION) == {
        "final_url": "https://example.org/watch?v=abc",
        "extractor": "Example",
        "media_id": "abc",
        "title": "A clip",
        "description": "Line one\nLine two https://example.org/?token=secret1",
        "publisher": "Some office",
        "publisher_url": None,
        "published": "2024-02-29",
    }


def test_quoted_fields_of_nothing() -> None:
    assert set(quoted_fields({}).values()) == {None}
    for wrong in ("20240230", "2024", "2024-1-1", 20240101, "\u0662\u0660\u0662\u0664\u0660\u0661\u0660\u0661"):
        assert quoted_fields({"upload_date": wrong})["published"] is None


class Lazy(Sequence[int]):
    """A sequence of a class of its own, as yt-dlp's lists of formats may be."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: Any) -> Any:
        return (1, 2)[index]


def complete(information: dict[str, Any], secrets: Secrets | None = None) -> Any:
    text = complete_information_json(information, secrets or Secrets())
    assert text.isascii()
    return json.loads(text)


def test_complete_information_keeps_all_but_credentials_and_comments() -> None:
    nested: Any = []
    for _ in range(500):
        nested = [nested]
    kept = complete(
        {
            "url": "https://me:secret@a.example/?sig=kept",
            "cookies": "secret",
            "http_headers": {"Cookie": "secret", "Authorization": "secret", "Referer": "r"},
            "formats": [{"url": "https://a.example/", "cookies": "secret"}],
            "comments": ["secret"],
            "__post_extractor": lambda: None,
            "list": Lazy(),
            "object": object(),
            "number": float("nan"),
            "title": "\ud800\x1b",
            "nested": nested,
        }
    )
    assert "secret" not in json.dumps(kept)
    assert kept["url"] == "https://a.example/?sig=kept"
    assert kept["http_headers"] == {"Cookie": "REMOVED", "Authorization": "REMOVED", "Referer": "r"}
    assert (kept["list"], kept["object"], kept["number"]) == ([1, 2], "(object)", None)
    assert kept["title"] == "\ud800\x1b"
    assert not {"comments", "__post_extractor", "cookies"} & set(kept)
    assert kept["omitted_fields"] == []


def test_complete_information_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.acquire.record.MAX_COMPLETE_CHARACTERS", 1000)
    kept = complete({"id": "1", "title": "x" * 5000, "url": "https://a.example/"})
    assert kept == {"id": "1", "url": "https://a.example/", "omitted_fields": ["title"]}


def test_values_of_cookies_are_blanked() -> None:
    secrets = Secrets("a.example\tFALSE\t/\tFALSE\t0\tname\tvalue-of-cookie")
    information = {"id": "1", "title": "for value-of-cookie"}
    assert "value-of-cookie" not in information_json(information, secrets)
    assert complete(information, secrets)["title"] == "for REMOVED"


def test_id_that_is_made_of_a_url_loses_its_secrets() -> None:
    assert quoted_fields({"id": "page?token=HUSH&v=1"})["media_id"] == "page?token=REMOVED&v=1"


def test_the_domain_is_published_without_user_name_and_password():
    kept = published_information({"webpage_url_domain": "me:word@a.example:8080"})
    assert kept["webpage_url_domain"] == "a.example:8080"
