"""Listing the videos of a page, a feed or a playlist, over real HTTP, through the worker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http_server import TestServer, serving
from verify.acquire import remote
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.options import AcquisitionOptions
from verify.acquire.playlist import MAX_PLAYLIST_ITEMS, PlaylistEntry, list_playlist
from verify.errors import AcquisitionFailedError, AcquisitionRefusedError, InvalidUsageError, VerifyError

LIMITS = AcquisitionLimits(
    max_bytes=20_000_000, max_seconds=20, max_page_bytes=1_000_000, socket_timeout_s=5, retries=0
)


@pytest.fixture
def server() -> Iterator[TestServer]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is left in the folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def listed(url: str, max_items: int = 10, *, allow_private: bool = True) -> tuple[PlaylistEntry, ...]:
    options = AcquisitionOptions(allow_private=allow_private, limits=LIMITS)
    return list_playlist(url, options=options, max_items=max_items)


def feed(*items: tuple[str, str]) -> str:
    texts = [f"<item><title>{title}</title><enclosure url='{url}'/></item>" for title, url in items]
    return f"<?xml version='1.0'?><rss version='2.0'><channel><title>Feed</title>{''.join(texts)}</channel></rss>"


def test_page_with_several_videos(server: TestServer) -> None:
    videos = "".join(f"<video src='clip-{number}.mp4'></video>" for number in range(3))
    url = server.add("/page", f"<html><title>Three &amp; one</title>{videos}</html>")
    entries = listed(url)
    assert [entry.url for entry in entries] == [server.url(f"/clip-{number}.mp4") for number in range(3)]
    assert [entry.title for entry in entries] == [f"Three & one ({number})" for number in (1, 2, 3)]
    assert not any("clip" in request for request in server.requests)  # nothing is fetched


def test_feed(server: TestServer) -> None:
    items = [("One\u202e", "http://127.0.0.1/1.mp4"), ("Two", "http://127.0.0.1/2.mp4?sig=abc")]
    url = server.add("/feed", feed(*items, *items), "application/rss+xml")
    assert listed(url) == (
        PlaylistEntry(url="http://127.0.0.1/1.mp4", title="One"),
        PlaylistEntry(url="http://127.0.0.1/2.mp4?sig=abc", title="Two"),
    )


def test_entries_beyond_the_number_are_left_out(server: TestServer) -> None:
    items = [(f"T{number}", f"http://127.0.0.1/{number}.mp4") for number in range(2000)]
    url = server.add("/feed", feed(*items), "application/rss+xml")
    assert [entry.title for entry in listed(url, 3)] == ["T0", "T1", "T2"]
    assert len(listed(url, MAX_PLAYLIST_ITEMS)) == MAX_PLAYLIST_ITEMS


def test_longest_texts_fit_the_workers_answer(server: TestServer) -> None:
    tail = "x" * 1900
    items = [("\N{OLD PERSIAN SIGN A}" * 1000, f"http://127.0.0.1/{number}?{tail}") for number in range(30)]
    url = server.add("/feed", feed(*items), "application/rss+xml")
    assert {len(entry.title) for entry in listed(url, 30)} == {500}


def test_xspf_playlist(server: TestServer) -> None:
    tracks = "".join(
        f"<track><title>{number}</title><location>clip-{number}.mp4</location></track>" for number in (1, 2)
    )
    playlist = f"<playlist version='1' xmlns='http://xspf.org/ns/0/'><trackList>{tracks}</trackList></playlist>"
    entries = listed(server.add("/list.xspf", f"<?xml version='1.0'?>{playlist}", "application/xspf+xml"))
    assert [(entry.title, entry.url) for entry in entries] == [
        (str(number), server.url(f"/clip-{number}.mp4")) for number in (1, 2)
    ]


def test_single_video_is_a_list_of_one(server: TestServer) -> None:
    url = server.add("/clip.mp4", b"x" * 5000, "video/mp4")
    assert [entry.url for entry in listed(url)] == [url]


def test_other_schemes_are_left_out(server: TestServer) -> None:
    bad = ["file:///etc/passwd", "javascript:alert(1)", "ftp://a/b.mp4", "http://", "http://a:99999/x", "data:,x"]
    items = [("bad", url) for url in bad]
    url = server.add("/feed", feed(*items, ("good", "https://example.org/v.mp4")), "application/rss+xml")
    assert [entry.url for entry in listed(url)] == ["https://example.org/v.mp4"]
    with pytest.raises(AcquisitionFailedError, match="a list without videos"):
        listed(server.add("/feed", feed(*items), "application/rss+xml"))


def test_streams_are_named_by_their_manifest(server: TestServer) -> None:
    variants = "#EXTM3U\n" + "".join(
        f"#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION=160x120\nv{rate}.m3u8\n" for rate in (100, 900)
    )
    server.add("/list.m3u8", variants, "application/vnd.apple.mpegurl")
    page = "<html><title>t</title><video src='list.m3u8'></video><video src='clip.mp4'></video></html>"
    entries = listed(server.add("/page", page))
    assert [entry.url for entry in entries] == [server.url("/list.m3u8"), server.url("/clip.mp4")]


def test_empty_page(server: TestServer) -> None:
    with pytest.raises(AcquisitionFailedError, match="no video was found") as caught:
        listed(server.add("/page", "<html><title>t</title></html>"))
    assert caught.value.exit_code == 10


def test_private_address(server: TestServer) -> None:
    with pytest.raises(AcquisitionRefusedError, match="loopback") as caught:
        listed(server.add("/feed", feed(("a", "http://127.0.0.1/1.mp4"))), allow_private=False)
    assert caught.value.exit_code == 11
    assert server.requests == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "clip.mp4", "http://", "http://a b/"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(InvalidUsageError):
        listed(url)


@pytest.mark.parametrize("count", [0, -1, MAX_PLAYLIST_ITEMS + 1])
def test_numbers_out_of_range(count: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 1000"):
        listed("https://example.org/", count)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"entries": "x"},
        {"entries": [None, 3, {"url": 5}, {"url": "file:///x"}, {"url": "http://a/ b"}, {"url": "http://a/\x1b"}]},
        {"entries": [{"url": "http://a/" + "x" * 3000}]},
    ],
)
def test_the_workers_word_is_checked(monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]) -> None:
    monkeypatch.setattr(remote, "_run_worker", lambda *_, **__: answer)
    with pytest.raises(VerifyError, match="a list without videos"):
        listed("https://example.org/")


def test_more_entries_than_asked_for_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [{"url": f"http://a/{number}", "title": None} for number in range(50)]
    monkeypatch.setattr(remote, "_run_worker", lambda *_, **__: {"entries": entries})
    assert len(listed("https://example.org/", 5)) == 5
