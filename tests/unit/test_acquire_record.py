"""The published copy of a page's information, and the fields that are quoted."""

from __future__ import annotations

import json

from verify.acquire.record import information_json, published_information, quoted_fields

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
