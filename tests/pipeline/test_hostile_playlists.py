"""Hostile playlists and manifests: nothing in them is followed out of the network policy, or without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.hostile_checks import FAILED, REFUSED, SLOW, check_refusal, fetch
from tests.pipeline.hostile_server import DASH, HLS, HostileServer, dash_manifest, media_playlist, whole
from verify.acquire.limits import AcquisitionLimits
from verify.errors import AcquisitionFailedError, AcquisitionRefusedError, VerifyError

pytestmark = pytest.mark.usefixtures("watched_places", "public_loopback")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("file:///etc/passwd", "neither http nor https (file:)"),
        ("http://127.0.0.2:{port}/secret.ts", "127.0.0.2 (a loopback address)"),
        ('#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/passwd"\n#EXTINF:1,\na.ts', "(file:)"),
        ('#EXT-X-MAP:URI="file:///etc/passwd"\n#EXTINF:1,\na.ts', "(file:)"),
        pytest.param("data:video/mp2t;base64,R0BA", "(data:)", marks=SLOW),
        pytest.param("concat:a.ts|/etc/passwd", "(concat:)", marks=SLOW),
        pytest.param("crypto+file:/etc/passwd", "(crypto+file:)", marks=SLOW),
        pytest.param("rtmp://127.0.0.1/x", "(rtmp:)", marks=SLOW),
        pytest.param("gopher://127.0.0.1/x", "(gopher:)", marks=SLOW),
        pytest.param("//169.254.169.254/latest/meta-data/", "a cloud metadata address", marks=SLOW),
        pytest.param(
            '#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.2:{port}/secret"\n#EXTINF:1,\na.ts', "loopback", marks=SLOW
        ),
    ],
)
def test_hls_segments_elsewhere(hostile: HostileServer, staging: Path, line: str, words: str) -> None:
    hostile.add("/a.ts", whole(b"G" * 188, "video/mp2t"))
    url = hostile.add("/list.m3u8", media_playlist(*line.format(port=hostile.port).split("\n")))
    check_refusal(url, staging, REFUSED, words)
    assert not any("secret" in request for request in hostile.requests)


@pytest.mark.parametrize(
    ("variant", "error_class", "words"),
    [
        ("file:///etc/passwd", REFUSED, "(file:)"),
        pytest.param("http://127.0.0.2/a.m3u8", REFUSED, "127.0.0.2 (a loopback address)", marks=SLOW),
        pytest.param("list.m3u8", REFUSED, "", marks=SLOW, id="itself"),
    ],
)
def test_hls_variants_elsewhere(
    hostile: HostileServer, staging: Path, variant: str, error_class: type[VerifyError], words: str
) -> None:
    text = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{variant}\n"
    check_refusal(hostile.add("/list.m3u8", whole(text, HLS)), staging, error_class, words)


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=SLOW)])
def test_hls_with_many_variants(hostile: HostileServer, staging: Path, count: int) -> None:
    hostile.add("/v/*", media_playlist("/a.ts"))
    hostile.add("/a.ts", whole(b"G" * 188, "video/mp2t"))
    lines = (f"#EXT-X-STREAM-INF:BANDWIDTH={number + 1}\nv/{number}.m3u8" for number in range(count))
    url = hostile.add("/list.m3u8", whole("#EXTM3U\n" + "\n".join(lines), HLS))
    # yt-dlp sorts and lists them all; time grows with their number, not faster.
    taken = fetch(url, staging, AcquisitionLimits(max_bytes=3_000_000, max_seconds=300, retries=0))
    assert taken.media.path.read_bytes() == b"G" * 188
    assert len(hostile.requests) < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "#EXT-X-MEDIA-SEQUENCE:" + "9" * 5000,
        "#EXT-X-BYTERANGE:99999999999999@0",
        "#EXT-X-BYTERANGE:-1@-1",
        '#EXT-X-KEY:METHOD=AES-128,URI="a.ts",IV=0x' + "f" * 5000,
        "#EXT-X-KEY:METHOD=AES-128",
        '#EXT-X-MAP:BYTERANGE="1@1"',
        "#EXTINF:nan,",
    ],
)
def test_hls_with_absurd_tags(hostile: HostileServer, staging: Path, line: str) -> None:
    hostile.add("/a.ts", whole(b"G" * 188, "video/mp2t"))
    url = hostile.add("/list.m3u8", media_playlist(line, "a.ts"))
    try:
        taken = fetch(url, staging)
    except (AcquisitionFailedError, AcquisitionRefusedError):
        assert list(staging.iterdir()) == []
    else:
        assert taken.media.path.read_bytes() == b"G" * 188


def test_live_stream_that_leads_elsewhere(hostile: HostileServer, staging: Path) -> None:
    hostile.add("/0.ts", whole(b"G" * 188, "video/mp2t"))
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", "0.ts", "#EXTINF:1,", "http://127.0.0.2/secret.ts"]
    url = hostile.add("/live.m3u8", whole("\n".join(lines), HLS))
    with pytest.raises(AcquisitionRefusedError, match=r"127\.0\.0\.2"):
        fetch(url, staging, live_seconds=60.0)
    assert list(staging.iterdir()) == []


@pytest.mark.slow
def test_hls_with_very_many_segments(hostile: HostileServer, staging: Path) -> None:
    hostile.add("/a.ts", whole(b"G" * 188, "video/mp2t"))
    url = hostile.add("/list.m3u8", media_playlist(*["a.ts"] * 40_000))
    limits = AcquisitionLimits(max_bytes=3_000_000, max_seconds=5, max_page_bytes=2_000_000, retries=0)
    check_refusal(url, staging, REFUSED, "more than 5 s", limits=limits, within_s=5)


SEGMENTS = '<SegmentTemplate media="a-$Number$.m4s" initialization="a.mp4" duration="1" timescale="1"/>'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(12))


NO_SUCH_FILE, NOT_UNDERSTOOD, OUT_OF_TIME = "HTTP Error 404", "no video was found", "more than 8 s"


@pytest.mark.parametrize(
    ("manifest", "error_class", "words"),
    [
        # Taken for the name of a file on the server.
        pytest.param(dash_manifest(SEGMENTS, base="<BaseURL>file:///etc/</BaseURL>"), FAILED, NO_SUCH_FILE, id="file"),
        pytest.param(
            dash_manifest(SEGMENTS, base="<BaseURL>http://127.0.0.2/</BaseURL>"), REFUSED, "loopback", id="private"
        ),
        pytest.param(
            dash_manifest(SEGMENTS, base="<BaseURL>http://169.254.169.254/</BaseURL>"),
            REFUSED,
            "metadata",
            id="cloud",
            marks=SLOW,
        ),
        pytest.param(
            dash_manifest("<BaseURL>&l11;</BaseURL>", doctype=f"<!DOCTYPE x [{LAUGHS}]>"),
            FAILED,
            NOT_UNDERSTOOD,
            id="entity-bomb",
        ),
        pytest.param(
            dash_manifest(
                "<BaseURL>http://127.0.0.2/&f;</BaseURL>",
                doctype='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>',
            ),
            FAILED,
            NOT_UNDERSTOOD,
            id="external-entity",
            marks=SLOW,
        ),
        pytest.param(dash_manifest("<x>" * 100_000), FAILED, NOT_UNDERSTOOD, id="deep", marks=SLOW),
        pytest.param(whole("<MPD", DASH), FAILED, NOT_UNDERSTOOD, id="broken", marks=SLOW),
        pytest.param(dash_manifest(SEGMENTS, duration="PT999999999H"), REFUSED, OUT_OF_TIME, id="long", marks=SLOW),
        pytest.param(
            dash_manifest(SEGMENTS.replace("$Number$", "$Number%0999999d$")),
            FAILED,
            NO_SUCH_FILE,
            id="wide",
            marks=SLOW,
        ),
        pytest.param(
            dash_manifest(
                '<SegmentTemplate media="a-$Time$.m4s" timescale="1"><SegmentTimeline><S t="0" d="1" r="999999999"/>'
                "</SegmentTimeline></SegmentTemplate>"
            ),
            REFUSED,
            OUT_OF_TIME,
            id="repeated",
            marks=SLOW,
        ),
    ],
)
def test_dash_manifests(
    hostile: HostileServer, staging: Path, manifest: bytes, error_class: type[VerifyError], words: str
) -> None:
    limits = AcquisitionLimits(max_bytes=3_000_000, max_seconds=8, socket_timeout_s=2, retries=0)
    check_refusal(hostile.add("/set.mpd", manifest), staging, error_class, words, limits=limits, within_s=5)
