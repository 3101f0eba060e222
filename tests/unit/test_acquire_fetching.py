"""Choosing the one video and what lies beside it, with a downloader that only plays answers."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.networking.common import Request, Response
from yt_dlp.networking.exceptions import TransportError

from verify.acquire.classify import FailedAcquisition
from verify.acquire.cookies import Secrets
from verify.acquire.exchanges import ExchangeLog
from verify.acquire.failures import FailureKind
from verify.acquire.fetching import (
    MAX_SUBTITLES,
    TransferProgress,
    fetch_comments,
    fetch_media,
    fetch_side_files,
    look_up,
)
from verify.model import FileRole

VIDEO = {"id": "1", "title": "t", "vcodec": "h264", "protocol": "https", "live_status": "not_live"}


class PlayedDownloader:
    """Answers each look-up with the next of `results`, each request with `body`."""

    def __init__(self, *results: Any, body: bytes = b"body") -> None:
        self.results = list(results)
        self.body = body
        self.params: dict[str, Any] = {}
        self.reading_pages = True
        self.exchanges = ExchangeLog(Secrets(url="https://me:pass-word@a.example/"))

    def process_ie_result(self, information: dict[str, Any], download: bool) -> Any:
        return self.results.pop(0)

    def downloading(self, whole_files: Any) -> Any:
        return contextlib.nullcontext()

    def fetch_late(self, information: dict[str, Any]) -> None:
        self.results.pop(0)(information)

    def urlopen(self, request: Request) -> Response:
        if "lost" in request.url:
            raise TransportError("connection reset")
        return Response(io.BytesIO(self.body), request.url, {})


def look(*results: Any, body: bytes = b"") -> dict[str, Any]:
    return look_up(PlayedDownloader(*results, body=body), "https://example.org/")  # type: ignore[arg-type]


def playlist(*entries: Any, **more: Any) -> dict[str, Any]:
    return {"_type": "playlist", "entries": list(entries), **more}


def test_video_behind_a_list_of_one() -> None:
    assert look(playlist({"_type": "url", "url": "https://example.org/v"}, playlist_count=1), VIDEO) == VIDEO
    assert look(playlist(VIDEO)) == VIDEO


@pytest.mark.parametrize(
    ("results", "kind"),
    [
        ([None], FailureKind.NO_VIDEO),
        ([playlist()], FailureKind.NO_VIDEO),
        ([playlist(None)], FailureKind.NO_VIDEO),
        ([playlist(VIDEO, VIDEO)], FailureKind.PLAYLIST),
        ([playlist(VIDEO, playlist_count=7)], FailureKind.PLAYLIST),
        ([playlist(playlist(playlist(playlist(VIDEO))))], FailureKind.PLAYLIST),
        ([{**VIDEO, "live_status": "is_live"}], FailureKind.LIVE),
        ([{**VIDEO, "live_status": "is_upcoming"}], FailureKind.UPCOMING),
        ([{**VIDEO, "live_status": "post_live"}], FailureKind.UPCOMING),
        ([{**VIDEO, "live_status": None, "is_live": True}], FailureKind.LIVE),
        ([{**VIDEO, "vcodec": "none"}], FailureKind.AUDIO_ONLY),
    ],
)
def test_what_is_not_one_recorded_video(results: list[Any], kind: FailureKind) -> None:
    with pytest.raises(FailedAcquisition) as caught:
        look(*results)
    assert caught.value.kind is kind


def test_playlist_of_segments_is_asked_whether_it_has_an_end() -> None:
    segments = {**VIDEO, "live_status": None, "protocol": "m3u8_native", "url": "https://example.org/a.m3u8"}
    assert look(segments, body=b"#EXTM3U\n#EXT-X-ENDLIST\n") == segments
    assert look({**segments, "hls_media_playlist_data": "#EXT-X-ENDLIST"})["id"] == "1"
    with pytest.raises(FailedAcquisition, match="no end"):
        look(segments, body=b"#EXTM3U\n")


@pytest.mark.parametrize(
    "video",
    [
        {**VIDEO, "live_status": "is_live"},
        {**VIDEO, "live_status": None, "protocol": "m3u8_native", "hls_media_playlist_data": "#EXTM3U"},
    ],
)
def test_stream_that_runs_now_is_found_where_it_is_wanted(video: dict[str, Any]) -> None:
    found = look_up(PlayedDownloader(video), "https://example.org/", live=True)  # type: ignore[arg-type]
    assert found["live_status"] == "is_live"


def test_recorded_video_stays_one_where_a_stream_would_do() -> None:
    found = look_up(PlayedDownloader(dict(VIDEO)), "https://example.org/", live=True)  # type: ignore[arg-type]
    assert found["live_status"] == "not_live"


@pytest.mark.parametrize(
    "result", [{}, {"requested_downloads": [{"filepath": "gone.mp4"}]}, {"requested_downloads": [{}, {}]}]
)
def test_download_that_leaves_no_file(tmp_path: Path, result: dict[str, Any]) -> None:
    downloader = PlayedDownloader(result)
    progress = TransferProgress(lambda *_: None)
    with pytest.raises(FailedAcquisition) as caught:
        fetch_media(downloader, dict(VIDEO), tmp_path, progress)  # type: ignore[arg-type]
    assert caught.value.kind is FailureKind.EXTRACTOR


def test_progress_adds_up_the_streams() -> None:
    sent: list[tuple[int, int | None]] = []
    progress = TransferProgress(lambda done, total: sent.append((done, total)))
    progress.expected_bytes = 150
    progress({"status": "finished", "filename": "a", "downloaded_bytes": 100, "total_bytes": 100})
    progress({"status": "downloading", "filename": "b"})
    progress({"status": "finished", "filename": "b", "downloaded_bytes": 50})
    assert sent == [(100, 150), (150, 150)]


def side_files(folder: Path, information: dict[str, Any], body: bytes = b"body") -> tuple[list[Any], list[str]]:
    return fetch_side_files(PlayedDownloader(body=body), information, folder)  # type: ignore[arg-type]


def test_best_thumbnail_and_one_subtitle_file_a_language(tmp_path: Path) -> None:
    url = "https://example.org/x"
    files, warnings = side_files(
        tmp_path,
        {
            "thumbnails": [{"url": url, "ext": "png"}, {"url": url, "ext": "../evil"}],
            "subtitles": {
                "fa/../x": [{"ext": "vtt", "url": url}],
                "en": [{"ext": "json3", "url": url}, {"ext": "vtt", "data": "WEBVTT \ud800"}],
                "live_chat": [{"ext": "json", "url": url}],
                "de": [{"ext": "vtt", "url": url, "protocol": "m3u8_native"}],
            },
        },
    )
    assert files == [
        ("thumbnail.jpg", FileRole.THUMBNAIL),
        ("subtitles-1-en.vtt", FileRole.SUBTITLES),
        ("subtitles-2-fax.vtt", FileRole.SUBTITLES),
    ]
    assert warnings == []
    assert (tmp_path / "subtitles-1-en.vtt").read_text() == "WEBVTT ?"
    assert (tmp_path / "thumbnail.jpg").read_bytes() == b"body"


def test_number_of_subtitles_is_bounded(tmp_path: Path) -> None:
    languages = {f"l{number}": [{"ext": "vtt", "data": "x"}] for number in range(50)}
    assert len(side_files(tmp_path, {"subtitles": languages})[0]) == MAX_SUBTITLES


@pytest.mark.parametrize(("url", "body", "word"), [("lost", b"", "reset"), ("big", bytes(17 * 1024**2), "too large")])
def test_side_file_that_cannot_be_had_is_a_warning(tmp_path: Path, url: str, body: bytes, word: str) -> None:
    thumbnails = [{"url": f"https://example.org/{url}", "ext": "jpg"}]
    files, warnings = side_files(tmp_path, {"thumbnails": thumbnails}, body)
    assert files == []
    assert len(warnings) == 1
    assert word in warnings[0]
    assert list(tmp_path.iterdir()) == []


def late(folder: Path, fetch: Any) -> tuple[list[Any], list[str]]:
    information: dict[str, Any] = {"id": "1"}
    return fetch_comments(PlayedDownloader(fetch), information, folder)  # type: ignore[arg-type]


def test_comments_are_bounded_and_reduced(tmp_path: Path) -> None:
    comment = {"id": "a", "text": "t" * 100_000, "like_count": 3, "author_thumbnail": "https://secret", "timestamp": 1}
    comments = [comment, "x", *({"text": str(n)} for n in range(5000))]
    files, warnings = late(tmp_path, lambda found: found.update(comments=comments, comment_count=9000))
    assert (files, warnings) == ([("comments.json", FileRole.COMMENTS)], [])
    text = (tmp_path / "comments.json").read_text()
    kept = json.loads(text)
    assert "secret" not in text
    assert kept["comments"][0] == {"id": "a", "text": "t" * 20_000, "like_count": 3, "timestamp": 1}
    assert (kept["stated_count"], kept["found_count"], kept["taken_count"]) == (9000, 5002, 999)


@pytest.mark.parametrize("comments", [None, "x"])
def test_no_comments_are_a_warning(tmp_path: Path, comments: Any) -> None:
    files, warnings = late(tmp_path, lambda found: found.update(comments=comments))
    assert files == []
    assert "no comments were found" in warnings[0]


def test_comments_that_cannot_be_had_are_a_warning(tmp_path: Path) -> None:
    def fail(found: dict[str, Any]) -> None:
        raise KeyError("continuation")

    files, warnings = late(tmp_path, fail)
    assert files == []
    assert "could not be fetched" in warnings[0]
    assert list(tmp_path.iterdir()) == []
