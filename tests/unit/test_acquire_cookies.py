"""Files of cookies: what is accepted, and that nothing of them is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify.acquire.cookies import MAX_COOKIES_BYTES, Secrets, read_cookies
from verify.errors import InvalidUsageError

LINE = ".example.org\tTRUE\t/\tTRUE\t1999999999\tsession\tvery/secret value"


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "cookies.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_lines_are_normalised_so_that_yt_dlp_reads_all_of_them(tmp_path: Path) -> None:
    text = (
        "\ufeff# a comment\r\n\r\n"
        f"{LINE}\r\n"
        "#HttpOnly_example.org\tTRUE\t/a\ttrue\t-1\tname\tvalue\n"
        "example.net\tFALSE\t/\tFALSE\t17.5\t\tnameless\n"
    )
    assert read_cookies(written(tmp_path, text)) == (
        "# Netscape HTTP Cookie File\n"
        f"{LINE}\n"
        "#HttpOnly_example.org\tFALSE\t/a\tTRUE\t0\tname\tvalue\n"
        "example.net\tFALSE\t/\tFALSE\t17.5\t\tnameless\n"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "holds no cookies"),
        ("# Netscape HTTP Cookie File\n", "holds no cookies"),
        (f"{LINE}\nsecret1 secret2\n", "line 2 is no cookie"),
        ('[{"name": "secret1"}]', "line 1 is no cookie"),
        (".\tTRUE\t/\tTRUE\t0\tname\tsecret1", "line 1 is no cookie"),
        (b"\xff\xfesecret1", "no text file"),
        (b"#" * (MAX_COOKIES_BYTES + 1), "larger than"),
    ],
)
def test_what_is_no_cookies_file_is_refused_without_quoting_it(
    tmp_path: Path, content: str | bytes, problem: str
) -> None:
    with pytest.raises(InvalidUsageError, match=problem) as caught:
        read_cookies(written(tmp_path, content))
    assert "secret" not in str(caught.value)
    assert "cookies.txt" in caught.value.remedy


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidUsageError, match="cannot be read"):
        read_cookies(tmp_path / "gone")


def test_values_are_blanked_however_they_are_written() -> None:
    secrets = Secrets(f"# Netscape HTTP Cookie File\n{LINE}\nexample.org\tFALSE\t/\tFALSE\t0\tlanguage\ten\n")
    for shape in ("very/secret value", "very/secret%20value", "very%2Fsecret%20value"):
        assert secrets.blank(f"en: <{shape}>") == "en: <REMOVED>"
    assert secrets.blank_inside({"a very/secret value": ["very/secret value", 3, None, {"b": "x"}]}) == {
        "a REMOVED": ["REMOVED", 3, None, {"b": "x"}]
    }


def test_longer_value_goes_first() -> None:
    row = "e.org\tFALSE\t/\tFALSE\t0\tname\t{}\n"
    assert Secrets(row.format("abcdef") + row.format("abcdef-ghijkl")).blank("abcdef-ghijkl") == "REMOVED"


def test_without_cookies_nothing_changes() -> None:
    value = {"a": [1, "text"]}
    assert Secrets().blank_inside(value) is value
    assert not Secrets()


@pytest.mark.parametrize("url", ["https://me:s3cret-word@a.example/v", "https://me:s3cret%2Dword@a.example/v"])
def test_user_name_and_password_of_the_url_are_secrets(url: str):
    secrets = Secrets(url=url)
    assert secrets.blank("me:s3cret-word@a.example") in ("REMOVED@a.example", "me:REMOVED@a.example")
    assert "cret" not in secrets.blank(url)


def test_a_short_password_is_blanked_where_it_stands_with_its_user():
    assert Secrets(url="https://me:pw@a.example/v").blank("me:pw@a.example, power") == "REMOVED@a.example, power"


@pytest.mark.parametrize("url", ["https://a.example/x:y@z", "https://me@a.example/", "", "https://a.example:443/"])
def test_a_url_without_password_holds_no_secret(url: str):
    assert not Secrets(url=url)
