"""Media playlists of live streams, read into what recording needs."""

from __future__ import annotations

import pytest

from verify.acquire.live_playlist import LivePlaylist, Resource, UnusablePlaylistError, read_media_playlist

URL = "https://example.org/a/live.m3u8?token=1"


def read(*lines: str) -> LivePlaylist:
    return read_media_playlist("\n".join(["#EXTM3U", *lines]), URL)


def test_segments_are_numbered_and_resolved() -> None:
    playlist = read(
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-MEDIA-SEQUENCE:17",
        "#EXT-X-PROGRAM-DATE-TIME:2026-03-01T10:00:00.000+01:00",
        *("#EXTINF:3.5,", "one.ts", "#EXT-X-DISCONTINUITY", "#EXTINF:4,a title", "/two.ts"),
        *("#EXT-X-GAP", "#EXTINF:4,", "//other.org/three.ts"),
    )
    assert (playlist.target_s, playlist.ended) == (4.0, False)
    assert [segment.number for segment in playlist.segments] == [17, 18, 19]
    assert [segment.resource.url for segment in playlist.segments] == [
        "https://example.org/a/one.ts",
        "https://example.org/two.ts",
        "https://other.org/three.ts",
    ]
    assert [segment.duration_s for segment in playlist.segments] == [3.5, 4.0, 4.0]
    assert [segment.discontinuity for segment in playlist.segments] == [False, True, False]
    assert [segment.absent for segment in playlist.segments] == [False, False, True]
    assert [segment.program_utc for segment in playlist.segments][:2] == [
        "2026-03-01T10:00:00+01:00",
        "2026-03-01T10:00:03.500000+01:00",
    ]


def test_byte_ranges_go_on_where_the_last_one_ended() -> None:
    playlist = read(
        '#EXT-X-MAP:URI="all.mp4",BYTERANGE="100@0"',
        *("#EXTINF:1,", "#EXT-X-BYTERANGE:50@100", "all.mp4", "#EXTINF:1,", "#EXT-X-BYTERANGE:60", "all.mp4"),
        *("#EXTINF:1,", "#EXT-X-BYTERANGE:7", "other.mp4"),
    )
    ranges = [(segment.resource.first_byte, segment.resource.length) for segment in playlist.segments]
    assert ranges == [(100, 50), (150, 60), (0, 7)]
    assert {segment.init for segment in playlist.segments} == {
        Resource(url="https://example.org/a/all.mp4", first_byte=0, length=100)
    }


def test_keys() -> None:
    playlist = read(
        "#EXT-X-MEDIA-SEQUENCE:258",
        *('#EXT-X-KEY:METHOD=AES-128,URI="k"', "#EXTINF:1,", "a"),
        *('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0xAB', "#EXTINF:1,", "b"),
        *("#EXT-X-KEY:METHOD=NONE", "#EXTINF:1,", "c"),
    )
    first, second, third = playlist.segments
    assert (first.key_url, first.iv) == ("https://example.org/a/k", bytes(14) + b"\x01\x02")
    assert second.iv == bytes(15) + b"\xab"
    assert third.key_url is None


@pytest.mark.parametrize(
    ("line", "target_s"), [("#EXT-X-TARGETDURATION:0", 7.0), ("#EXT-X-TARGETDURATION:999999", 7.0), ("", 7.0)]
)
def test_absurd_target_durations_are_replaced(line: str, target_s: float) -> None:
    assert read(line, "#EXTINF:7,", "a").target_s == target_s
    assert read(line).target_s == 1.0


@pytest.mark.parametrize("duration", ["nan", "inf", "-5", "0"])
def test_absurd_durations_count_nothing(duration: str) -> None:
    assert read(f"#EXTINF:{duration},", "a").segments[0].duration_s == 0.0


def test_parts_of_a_coming_segment_are_left_out() -> None:
    playlist = read("#EXTINF:1,", "a", '#EXT-X-PART:DURATION=0.3,URI="b.0"')
    assert [segment.resource.url for segment in playlist.segments] == ["https://example.org/a/a"]


def test_end() -> None:
    assert read("#EXT-X-ENDLIST").ended


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["#EXT-X-STREAM-INF:BANDWIDTH=1", "a.m3u8"], "variants"),
        (["#EXT-X-KEY:METHOD=SAMPLE-AES,URI=k", "#EXTINF:1,", "a"], "SAMPLE-AES"),
        (['#EXT-X-KEY:METHOD=AES-128,URI="k",KEYFORMAT="com.apple"', "#EXTINF:1,", "a"], "AES-128"),
        (["#EXT-X-KEY:METHOD=AES-128", "#EXTINF:1,", "a"], "malformed"),
        (["#EXT-X-MAP:BYTERANGE=1", "#EXTINF:1,", "a"], "malformed"),
        (["#EXTINF:1,", "#EXT-X-BYTERANGE:x@0", "a"], "malformed"),
        (["#EXTINF:1,", "#EXT-X-BYTERANGE:0@0", "a"], "without bytes"),
        (["#EXTINF:1,", "#EXT-X-BYTERANGE:5@-1", "a"], "without bytes"),
        (["#EXTINF:long,", "a"], "malformed"),
        (["#EXT-X-MEDIA-SEQUENCE:first", "#EXTINF:1,", "a"], "malformed"),
        (["#EXT-X-MEDIA-SEQUENCE:-1", '#EXT-X-KEY:METHOD=AES-128,URI="k"', "#EXTINF:1,", "a"], "malformed"),
        (["#EXT-X-PROGRAM-DATE-TIME:noon", "#EXTINF:1,", "a"], "malformed"),
        (["#EXTINF:1,", "http://[bad"], "malformed"),
    ],
)
def test_unusable_playlists(lines: list[str], words: str) -> None:
    with pytest.raises(UnusablePlaylistError, match=words):
        read(*lines)


def test_what_is_no_playlist() -> None:
    with pytest.raises(UnusablePlaylistError, match="no HLS playlist"):
        read_media_playlist("<html></html>", URL)
    assert read_media_playlist("\ufeff\n#EXTM3U\n#EXTINF:1,\na", URL).segments
