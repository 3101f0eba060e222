"""The options that yt-dlp is given: the careful ones are pinned here, so that none is lost unnoticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from verify.acquire.limits import AcquisitionLimits
from verify.acquire.settings import FORMAT, downloader_options


def options(**more: Any) -> dict[str, Any]:
    return downloader_options(
        Path("/staging"),
        AcquisitionLimits(),
        object(),
        ffmpeg="/usr/bin/ffmpeg",
        javascript={"deno": "/usr/bin/deno"},
        progress_hook=lambda _: None,
        **more,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("noplaylist", True),
        ("overwrites", False),
        ("updatetime", False),
        ("cachedir", False),
        ("enable_file_urls", False),
        ("nocheckcertificate", False),
        ("legacyserverconnect", False),
        ("geo_bypass", False),
        ("usenetrc", False),
        ("netrc_cmd", None),
        ("cookiesfrombrowser", None),
        ("cookiefile", None),
        ("remote_components", ()),
        ("external_downloader", {"default": "native"}),
        ("hls_prefer_native", True),
        ("skip_unavailable_fragments", False),
        ("allow_unplayable_formats", False),
        ("mark_watched", False),
        ("fixup", "never"),
        ("proxy", ""),
        ("getcomments", False),
        ("ratelimit", None),
        ("keepvideo", True),
        ("continuedl", True),
        ("socket_timeout", AcquisitionLimits().socket_timeout_s),
        ("js_runtimes", {"deno": {"path": "/usr/bin/deno"}}),
        ("outtmpl", {"default": "media.%(ext)s"}),
    ],
)
def test_careful_options(name: str, value: object) -> None:
    assert options()[name] == value


def test_nothing_is_run_or_written_besides() -> None:
    given = options()
    for name in (
        "postprocessors",
        "exec_cmd",
        "writelink",
        "download_archive",
        "compat_opts",
        "plugin_dirs",
        "username",
    ):
        assert name not in given
    assert not [name for name in given if name.startswith("write")]


def test_cookies_are_given_as_a_text_that_no_file_is_written_for() -> None:
    given = options(cookies="# Netscape HTTP Cookie File\n")["cookiefile"]
    assert given.read() == "# Netscape HTTP Cookie File\n"


def test_comments_are_bounded() -> None:
    given = options(comments=True)
    assert given["getcomments"] is True
    assert given["extractor_args"]["youtube"]["max_comments"] == ["1000"]


def chosen(*formats: dict[str, Any]) -> str:
    """Let yt-dlp choose among formats; the names of the chosen, joined by '+'."""
    import yt_dlp  # noqa: PLC0415

    base = {"url": "https://example.org/v", "ext": "mp4", "protocol": "https"}
    information = {
        "id": "1",
        "title": "t",
        "extractor": "x",
        "extractor_key": "X",
        "formats": [{**base, **one} for one in formats],
    }
    quiet = {"quiet": True, "format": FORMAT, "simulate": True, "logger": _Silent()}
    with yt_dlp.YoutubeDL(quiet) as downloader:
        return str(downloader.process_ie_result(information, download=False)["format_id"])


class _Silent:
    def debug(self, message: str) -> None:
        """Say nothing."""

    warning = error = debug


HIGH = {"format_id": "high", "height": 1080, "vcodec": "h264", "acodec": "none"}
SOUND = {"format_id": "sound", "vcodec": "none", "acodec": "aac", "ext": "m4a"}
LOW = {"format_id": "low", "height": 360, "vcodec": "h264", "acodec": "aac"}


def test_original_file_is_taken_before_what_the_site_made_of_it() -> None:
    for name in ("Source", "original"):
        assert chosen({"format_id": name}, LOW, HIGH, SOUND) == name


def test_best_picture_and_sound_are_taken_apart() -> None:
    assert chosen(LOW, SOUND, HIGH) == "high+sound"


def test_original_without_sound_does_not_cost_the_sound() -> None:
    assert chosen({**HIGH, "format_id": "source"}, SOUND, LOW) == "source+sound"


def test_one_file_is_taken_where_there_is_but_one() -> None:
    assert chosen(LOW) == "low"
