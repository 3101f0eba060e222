"""Cleaning of texts and URLs from outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.acquire.texts import (
    clean_text,
    shown_url,
    web_url,
    without_query_values,
    without_secrets,
    without_secrets_inside,
    without_user_inside,
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Strike\x1b[31m red\x07", "Strike[31m red"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("\u2066inside\u2069", "inside"),
        ("  two\n lines\t ", "two lines"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("family \U0001f468\u200d\U0001f469", "family \U0001f468\u200d\U0001f469"),
        ("\u0645\u0631\u062d\u0628\u0627", "\u0645\u0631\u062d\u0628\u0627"),
        ("\x00\x01", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_one_line_texts(text: object, cleaned: str | None) -> None:
    assert clean_text(text, 100) == cleaned


def test_multiline_text_keeps_its_lines() -> None:
    assert clean_text("a\r\nb\rc\n\td\x1b", 100, multiline=True) == "a\nb\nc\n\td"


@given(st.text(), st.integers(1, 50), st.booleans())
def test_result_is_bounded_and_printable(text: str, bound: int, multiline: bool) -> None:
    cleaned = clean_text(text, bound, multiline=multiline)
    if cleaned is not None:
        assert 0 < len(cleaned) <= bound
        assert not {"\x1b", "\x00", "\r", "\u202e", "\x9b"} & set(cleaned)
        cleaned.encode()
        assert multiline or "\n" not in cleaned


@pytest.mark.parametrize(
    ("url", "without"),
    [
        ("https://user:pass@example.org:8443/v?id=1#t", "https://example.org:8443/v?id=1#t"),
        ("https://example.org/v?v=abc&t=5", "https://example.org/v?v=abc&t=5"),
        ("https://example.org/a.mp4?Signature=xy&Expires=9&id=3", "https://example.org/a.mp4?Signature=REMOVED&Expires=REMOVED&id=3"),
        ("https://example.org/?X-Amz-Credential=q&author=me", "https://example.org/?X-Amz-Credential=REMOVED&author=me"),
        ("https://example.org/?access_token=q&flag", "https://example.org/?access_token=REMOVED&flag"),
        ("http://[broken/x", "http://REMOVED"),
    ],
)  # fmt: skip
def test_secrets_leave_urls(url: str, without: str) -> None:
    assert without_secrets(url) == without


def test_secrets_leave_urls_inside_texts() -> None:
    line = "GET https://u:p@example.org/x?token=1 then http://example.org/y?sig=2&a=3."
    assert without_secrets_inside(line) == (
        "GET https://example.org/x?token=REMOVED then http://example.org/y?sig=REMOVED&a=3."
    )


def test_shown_url_is_short_and_harmless() -> None:
    shown = shown_url("https://u:p@example.org/\x1b]0;x" + "a" * 1000)
    assert len(shown) == 300
    assert "u:p" not in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("text", ["javascript:alert(1)", "file:///etc/passwd", "ftp://example.org", "", None, 3])
def test_only_web_urls_are_kept(text: object) -> None:
    assert web_url(text) is None


def test_web_url_is_kept_without_secrets() -> None:
    assert web_url("HTTPS://u:p@example.org/@channel") == "https://example.org/@channel"


@pytest.mark.parametrize(
    ("url", "without"),
    [
        ("https://cdn.example/api/hls/expire/17/ip/192.0.2.7/id/9/sig/AB/x.m3u8", "https://cdn.example/api/hls/expire/REMOVED/ip/REMOVED/id/9/sig/REMOVED/x.m3u8"),
        ("https://cdn.example/hdntl=exp=17~hmac=ab/v/x.mp4", "https://cdn.example/hdntl=REMOVED/v/x.mp4"),
        ("https://cdn.example/v/192.0.2.7/x.mp4?from=192.0.2.7", "https://cdn.example/v/REMOVED/x.mp4?from=REMOVED"),
        ("https://example.org/?c=2001:db8::7&d=%5B2001:db8::7%5D", "https://example.org/?c=REMOVED&d=REMOVED"),
        ("https://example.org/?u=https%3A%2F%2Fa.example%2F%3Ftoken%3D1", "https://example.org/?u=REMOVED"),
        ("https://example.org/?u=https%3A%2F%2Fa.example%2Fv%3Fid%3D1", "https://example.org/?u=https%3A%2F%2Fa.example%2Fv%3Fid%3D1"),
        ("https://example.org/#access_token=1&page=2", "https://example.org/#access_token=REMOVED&page=2"),
        ("https://192.0.2.7/v/1.2/x.mp4#t", "https://192.0.2.7/v/1.2/x.mp4#t"),
    ],
)  # fmt: skip
def test_secrets_leave_paths_values_and_fragments(url: str, without: str) -> None:
    assert without_secrets(url) == without


def test_secrets_leave_bare_queries_inside_texts() -> None:
    text = "page?token=HUSH-1 and a=b?c&sig=1 (really?yes=no)"
    assert without_secrets_inside(text) == "page?token=REMOVED and a=b?c&sig=REMOVED (really?yes=no)"


def test_users_leave_urls_inside_texts() -> None:
    text = "http://me:pass@a.example/x?token=1 and https://b.example/@you"
    assert without_user_inside(text) == "http://a.example/x?token=1 and https://b.example/@you"


def test_query_values_leave_machine_made_urls() -> None:
    url = "https://u:p@cdn.example/v/x.mp4?id=7&flag&ip=1#t"
    assert without_query_values(url) == "https://cdn.example/v/x.mp4?id=REMOVED&REMOVED&ip=REMOVED"
    assert without_query_values("https://cdn.example/v") == "https://cdn.example/v"
    assert without_query_values("http://[broken/") == "http://REMOVED"
