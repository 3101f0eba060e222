"""Acquisition of real media over real HTTP, through the worker and yt-dlp."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http_server import TestServer, serving
from verify.acquire import remote
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.options import AcquisitionOptions
from verify.acquire.source import acquire
from verify.errors import (
    AcquisitionFailedError,
    AcquisitionRefusedError,
    UnreadableMediaError,
    VerifyError,
)
from verify.model import Acquisition, FileRole, Progress, SilentProgress
from verify.tools import find_ffmpeg

LIMITS = AcquisitionLimits(
    max_bytes=20_000_000, max_seconds=60, max_page_bytes=1_000_000, socket_timeout_s=5, retries=0
)
HLS = "application/vnd.apple.mpegurl"
PAGE = (
    "<html><head><title>Release \u202e17 &amp; more</title>"
    '<meta property="og:description" content="What the office says.">'
    '<meta property="og:image" content="http://127.0.0.1:{port}/poster.jpg"></head>'
    '<body><video src="{src}">{rest}</video></body></html>'
)


def page(server: TestServer, src: str, rest: str = "") -> str:
    return PAGE.format(port=server.port, src=src, rest=rest)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two seconds of a test card: clip.mp4, list.m3u8 and its segments, set.mpd and its segments."""
    folder = tmp_path_factory.mktemp("media")
    start = [find_ffmpeg().path, "-v", "error"]
    source = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=2", "-f", "lavfi", "-i", "sine=duration=2"]
    clip = str(folder / "clip.mp4")
    subprocess.run([*start, *source, "-c:v", "libx264", "-g", "10", "-c:a", "aac", clip], check=True)
    subprocess.run(
        [
            *start,
            "-i",
            clip,
            "-c",
            "copy",
            "-f",
            "hls",
            "-hls_time",
            "1",
            "-hls_list_size",
            "0",
            str(folder / "list.m3u8"),
        ],
        check=True,
    )
    subprocess.run([*start, "-i", clip, "-c", "copy", "-f", "dash", str(folder / "set.mpd")], check=True)
    return folder


@pytest.fixture
def server(media: Path) -> Iterator[TestServer]:
    types = {
        ".mp4": "video/mp4",
        ".m3u8": HLS,
        ".ts": "video/mp2t",
        ".mpd": "application/dash+xml",
        ".m4s": "video/mp4",
    }
    with serving() as running:
        for file in media.iterdir():
            running.add(f"/{file.name}", file.read_bytes(), types[file.suffix])
        yield running


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


def fetch(
    url: str,
    staging: Path,
    *,
    allow_private: bool = True,
    limits: AcquisitionLimits = LIMITS,
    progress: Progress | None = None,
) -> Acquisition:
    options = AcquisitionOptions(allow_private=allow_private, limits=limits)
    return acquire(url, staging, options=options, progress=progress or SilentProgress())


def refusal(url: str, staging: Path, *, allow_private: bool = True, limits: AcquisitionLimits = LIMITS) -> VerifyError:
    """Fetch what cannot be fetched; returns the error after checking what all of them have in common."""
    with pytest.raises(VerifyError) as caught:
        fetch(url, staging, allow_private=allow_private, limits=limits)
    error = caught.value
    assert error.subject == url
    assert error.remedy
    assert list(staging.iterdir()) == []
    return error


class CountingProgress:
    def __init__(self) -> None:
        self.started: list[tuple[str, float | None, str]] = []
        self.amount = 0.0
        self.finished = 0

    def start(self, label: str, total: float | None, unit: str) -> None:
        self.started.append((label, total, unit))

    def advance(self, amount: float) -> None:
        self.amount += amount

    def finish(self) -> None:
        self.finished += 1


# --- what can be fetched ---------------------------------------------------------------------------------------------


def test_page_with_video_element(server: TestServer, media: Path, staging: Path) -> None:
    track = '<track src="/words.vtt" srclang="en" kind="subtitles">'
    url = server.add("/release.html", page(server, src="clip.mp4", rest=track))
    server.add("/words.vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n", "text/vtt")
    server.add("/poster.jpg", b"\xff\xd8picture", "image/jpeg")
    progress = CountingProgress()
    taken = fetch(url, staging, progress=progress)
    assert taken.media.role is FileRole.MASTER
    assert taken.media.path.read_bytes() == (media / "clip.mp4").read_bytes()
    assert (taken.title, taken.description) == ("Release 17 & more", "What the office says.")
    assert (taken.source, taken.final_url, taken.is_local_file) == (url, url, False)
    assert {"verify", "python", "yt-dlp"} <= set(taken.tool_versions)
    assert {file.path for file in taken.files} == set(staging.iterdir())
    kept = {file.role: file.path.read_bytes() for file in taken.files if file.role is not FileRole.METADATA}
    assert b"Hello" in kept[FileRole.SUBTITLES]
    assert kept[FileRole.THUMBNAIL] == b"\xff\xd8picture"
    assert str(staging).encode() not in kept[FileRole.LOG]
    information = json.loads((staging / "info.json").read_text())
    assert information["title"] == "Release \u202e17 & more"
    assert (staging / "description.txt").read_text() == "What the office says."
    size = (media / "clip.mp4").stat().st_size
    assert (progress.started, progress.amount, progress.finished) == ([("download", size, "B")], size, 1)
    assert taken.warnings == ()


def test_direct_file_after_a_redirection(server: TestServer, media: Path, staging: Path) -> None:
    url = server.add("/go", b"", status=302, headers={"Location": "/clip.mp4"})
    server.answers["/clip.mp4"].headers["Last-Modified"] = "Tue, 01 Mar 2022 10:00:00 GMT"
    taken = fetch(url, staging)
    assert taken.media.path.read_bytes() == (media / "clip.mp4").read_bytes()
    assert taken.final_url == server.url("/clip.mp4")
    assert taken.published is None  # a file's date on the server is no date of publication


def test_hls_playlist_is_fetched_natively_as_served(server: TestServer, media: Path, staging: Path) -> None:
    taken = fetch(server.url("/list.m3u8"), staging)
    segments = sorted(media.glob("list*.ts"))
    assert len(segments) == 2
    assert taken.media.path.read_bytes() == b"".join(segment.read_bytes() for segment in segments)
    assert {headers["User-Agent"] for headers in server.headers if "Lavf" in headers.get("User-Agent", "")} == set()


def test_separate_streams_are_kept_beside_the_merged_copy(server: TestServer, staging: Path) -> None:
    taken = fetch(server.url("/set.mpd"), staging)
    assert taken.media.role is FileRole.WORKING_COPY
    streams = [file.path.name for file in taken.files if file.role is FileRole.STREAM]
    assert streams == ["stream-1.mp4", "stream-2.m4a"]
    assert all(file.path.stat().st_size for file in taken.files)
    assert taken.tool_versions["ffmpeg"].startswith("ffmpeg version")


def test_feed_with_one_video(server: TestServer, media: Path, staging: Path) -> None:
    item = f"<item><title>One</title><enclosure url='{server.url('/clip.mp4')}'/></item>"
    feed = "<?xml version='1.0'?><rss version='2.0'><channel><title>Feed</title>{}</channel></rss>"
    taken = fetch(server.add("/feed", feed.format(item), "application/rss+xml"), staging)
    assert taken.title == "One"
    assert taken.media.path.read_bytes() == (media / "clip.mp4").read_bytes()


@pytest.mark.parametrize(
    ("path", "content", "content_type"),
    [
        ("/text.mp4", b"not a video, only words\n" * 50, "text/plain"),
        ("/picture.png", b"\x89PNG\r\n\x1a\n" + bytes(500), "image/png"),
        ("/empty.mp4", b"", "video/mp4"),
    ],
)
def test_what_is_no_video_is_left_to_the_probe(
    server: TestServer, staging: Path, path: str, content: bytes, content_type: str
) -> None:
    taken = fetch(server.add(path, content, content_type), staging)
    assert taken.media.path.read_bytes() == content


def test_lost_subtitles_and_picture_are_warnings(server: TestServer, staging: Path) -> None:
    track = '<track src="ftp://example.org/words.vtt" srclang="en" kind="subtitles">'
    taken = fetch(server.add("/release.html", page(server, src="clip.mp4", rest=track)), staging)
    assert sorted(file.path.name for file in taken.files if file.role is not FileRole.PRIVATE) == [
        "description.txt", "download.log", "http.json", "info.json", "media.mp4",
    ]  # fmt: skip
    assert [warning.partition(" could")[0] for warning in taken.warnings] == ["thumbnail.jpg", "subtitles-1-en.vtt"]


# --- what cannot -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error_class", "words"),
    [
        (401, AcquisitionRefusedError, "log in"),
        (404, AcquisitionFailedError, "not there"),
        (503, AcquisitionFailedError, "server answered with an error"),
    ],
)
def test_status_codes(
    server: TestServer, staging: Path, status: int, error_class: type[VerifyError], words: str
) -> None:
    error = refusal(server.add("/page", b"no", status=status), staging)
    assert type(error) is error_class
    assert words in str(error)
    assert str(status) in str(error)


def test_page_without_video(server: TestServer, staging: Path) -> None:
    error = refusal(server.add("/page", "<html><title>Log in</title><form></form></html>"), staging)
    assert (type(error), error.exit_code) == (AcquisitionFailedError, 10)
    assert "no video was found" in str(error)


def test_page_with_two_videos(server: TestServer, staging: Path) -> None:
    two = "<html><title>t</title><video src='clip.mp4'></video><video src='other.mp4'></video></html>"
    error = refusal(server.add("/page", two), staging)
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "2 videos" in str(error)
    assert "URL of the one video" in error.remedy
    assert "GET /clip.mp4" not in server.requests  # it is looked at before anything is downloaded


@pytest.mark.parametrize("inside_page", [False, True])
def test_live_playlist(server: TestServer, staging: Path, inside_page: bool) -> None:
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nlist0.ts\n"
    url = server.add("/live.m3u8", playlist, HLS)
    if inside_page:
        url = server.add("/page", page(server, src="live.m3u8"))
    error = refusal(url, staging)
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "live" in str(error)


def test_sound_without_pictures(server: TestServer, staging: Path) -> None:
    error = refusal(server.add("/sound.mp3", b"ID3" * 100, "audio/mpeg"), staging)
    assert (type(error), error.exit_code) == (UnreadableMediaError, 30)


def test_unreachable_port(staging: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = refusal(f"http://127.0.0.1:{taken.getsockname()[1]}/page", staging)
    assert (type(error), error.exit_code) == (AcquisitionFailedError, 10)
    assert "could not be reached" in str(error)


def test_stream_that_only_ffmpeg_could_fetch(server: TestServer, staging: Path) -> None:
    playlist = (
        '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="key"\n'
        "#EXTINF:1,\nlist0.ts\n#EXT-X-ENDLIST\n"
    )
    error = refusal(server.add("/sealed.m3u8", playlist, HLS), staging)
    assert (type(error), error.exit_code) == (AcquisitionFailedError, 10)
    assert "cannot be fetched safely" in str(error)


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["video/mp4", "text/html"])
def test_endless_body(server: TestServer, staging: Path, content_type: str) -> None:
    url = server.add("/endless", b"<html>" + b" " * 100_000, content_type, endless=True)
    error = refusal(
        url, staging, limits=AcquisitionLimits(max_bytes=3_000_000, max_page_bytes=1_000_000, max_seconds=60)
    )
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "larger than an acquisition may be" in str(error)
    assert ("3000000" if "video" in content_type else "1000000") in str(error)


def test_declared_length_beyond_the_limit(server: TestServer, staging: Path) -> None:
    error = refusal(server.url("/clip.mp4"), staging, limits=AcquisitionLimits(max_bytes=1000, retries=0))
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "at most 1000 bytes" in str(error)


def test_slow_drip(server: TestServer, staging: Path) -> None:
    url = server.add("/drip.mp4", b"x", "video/mp4", endless=True, pause_s=0.1)
    error = refusal(url, staging, limits=AcquisitionLimits(max_seconds=4, socket_timeout_s=5))
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "more than 4 s" in str(error)


def test_interruption_ends_the_worker_and_leaves_nothing(server: TestServer, staging: Path) -> None:
    url = server.add("/drip.mp4", b"x" * 5000, "video/mp4", endless=True, pause_s=0.05)

    class Interrupting(CountingProgress):
        def advance(self, amount: float) -> None:
            raise KeyboardInterrupt

    progress = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        fetch(url, staging, progress=progress)
    assert progress.finished == 1
    assert list(staging.iterdir()) == []
    assert not any(isinstance(thread, threading.Timer) and thread.is_alive() for thread in threading.enumerate())


# --- network policy --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_private_address_needs_permission(server: TestServer, staging: Path, host: str) -> None:
    server.add("/release.html", page(server, src="clip.mp4"))
    error = refusal(f"http://{host}:{server.port}/release.html", staging, allow_private=False)
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "loopback address" in str(error)
    assert "--allow-private" in error.remedy
    assert server.requests == []


@pytest.fixture
def public_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """See tests/loopback_worker.py: 127.0.0.1 passes for public, 127.0.0.2 does not."""
    monkeypatch.setattr(remote, "_WORKER_MODULE", "tests.loopback_worker")


@pytest.mark.usefixtures("public_loopback")
@pytest.mark.parametrize("way", ["redirection", "media", "segment", "key", "rebinding"])
def test_public_page_leads_to_no_private_address(server: TestServer, staging: Path, way: str) -> None:
    private = f"http://127.0.0.2:{server.port}"
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n{key}#EXTINF:1,\n{segment}\n#EXT-X-ENDLIST\n"
    url = {
        "redirection": lambda: server.add("/go", b"", status=302, headers={"Location": f"{private}/clip.mp4"}),
        "media": lambda: server.add("/page", page(server, src=f"{private}/clip.mp4")),
        "segment": lambda: server.add("/s.m3u8", playlist.format(key="", segment=f"{private}/list0.ts"), HLS),
        "key": lambda: server.add(
            "/k.m3u8",
            playlist.format(key=f'#EXT-X-KEY:METHOD=AES-128,URI="{private}/key"\n', segment="list0.ts"),
            HLS,
        ),
        "rebinding": lambda: f"http://rebinding.test:{server.port}/clip.mp4",
    }[way]()
    error = refusal(url, staging, allow_private=False)
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "127.0.0.2 (a loopback address)" in str(error)


@pytest.mark.usefixtures("public_loopback")
def test_proxy_of_the_environment_is_not_used(
    server: TestServer, media: Path, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.2:9")
    taken = fetch(server.url("/clip.mp4"), staging, allow_private=False)
    assert taken.media.path.read_bytes() == (media / "clip.mp4").read_bytes()


def test_other_schemes_inside_a_page_are_refused(server: TestServer, staging: Path) -> None:
    error = refusal(server.add("/page", page(server, src="ftp://example.org/clip.mp4")), staging)
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "ftp:" in str(error)
