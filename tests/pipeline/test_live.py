"""Recording of live HLS streams: playlists that grow in real time, and all that can happen to them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import ffmpeg
import pytest
from yt_dlp.aes import aes_cbc_encrypt_bytes

from tests.http_server import Answer, TestServer, serving
from verify.acquire import live
from verify.acquire.classify import FailedAcquisition
from verify.acquire.downloader import BoundedDownloader, LogFile
from verify.acquire.failures import FailureKind
from verify.acquire.fetching import TransferProgress
from verify.acquire.guard import ConnectionGuard
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.live import record_live, stream_to_record
from verify.acquire.options import AcquisitionOptions
from verify.acquire.source import acquire
from verify.model import FileRole, SilentProgress
from verify.tools import find_ffmpeg

HLS = "application/vnd.apple.mpegurl"
SEGMENT_S = 0.2
SEGMENT_FRAMES = 5
LIMITS = AcquisitionLimits(max_bytes=20_000_000, max_seconds=60, socket_timeout_s=5, retries=0)
KEY = bytes(range(16))


class Pieces(NamedTuple):
    """A recording cut into segments of `SEGMENT_S`; `init` is empty for MPEG-TS."""

    init: bytes
    segments: tuple[bytes, ...]


def cut(source: Path, folder: Path, kind: str) -> Pieces:
    """Cut footage into segments of five frames, each beginning with a keyframe."""
    pictures = {"c:v": "libx264", "preset": "ultrafast", "g": SEGMENT_FRAMES, "sc_threshold": 0, "bf": 0}
    ffmpeg.output(
        ffmpeg.input(str(source)).video,
        str(folder / "list.m3u8"),
        **pictures,
        format="hls",
        hls_time=SEGMENT_S,
        hls_list_size=0,
        hls_segment_type=kind,
        hls_segment_filename=str(folder / "piece-%03d"),
        hls_fmp4_init_filename="init",
    ).run(cmd=find_ffmpeg().path, quiet=True)
    init = folder / "init"
    pieces = tuple(path.read_bytes() for path in sorted(folder.glob("piece-*")))
    return Pieces(init.read_bytes() if init.exists() else b"", pieces)


@pytest.fixture(scope="module")
def transport(footage: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    return cut(footage["scene"], tmp_path_factory.mktemp("ts"), "mpegts")


@pytest.fixture(scope="module")
def fragmented(footage: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    return cut(footage["scene"], tmp_path_factory.mktemp("fmp4"), "fmp4")


@pytest.fixture
def server() -> Iterator[TestServer]:
    with serving() as running:
        yield running


def playlist(first: int, entries: list[str], *, head: str = "", ended: bool = False) -> str:
    """Write a media playlist; an entry is the lines of one segment after its EXTINF, the last one its URI."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    for entry in entries:
        lines += [f"#EXTINF:{SEGMENT_S},", entry]
    return "\n".join([*lines[:4], *([head] if head else []), *lines[4:], *(["#EXT-X-ENDLIST"] if ended else []), ""])


class Growing:
    """A stream on the air: every `SEGMENT_S` a segment is added and, beyond `window`, one leaves."""

    def __init__(self, server: TestServer, pieces: Pieces, *, window: int = 6, ends: bool = True) -> None:
        self._server, self._pieces, self._window, self._ends = server, pieces, window, ends
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.url = server.url("/live.m3u8")

    def __enter__(self) -> Growing:
        self._publish(3)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for count in range(4, len(self._pieces.segments) + 1):
            if self._stop.wait(SEGMENT_S):
                return
            self._publish(count)

    def _publish(self, count: int) -> None:
        first = max(0, count - self._window)
        if self._pieces.init:
            self._server.add("/init", self._pieces.init, "video/mp4")
        for number in range(first, count):
            self._server.add(f"/{number}", self._pieces.segments[number], "video/mp2t")
        head = '#EXT-X-MAP:URI="init"' if self._pieces.init else ""
        ended = self._ends and count == len(self._pieces.segments)
        entries = [str(number) for number in range(first, count)]
        entries[0] = f"#EXT-X-PROGRAM-DATE-TIME:2026-03-01T10:00:{first * SEGMENT_S:06.3f}Z\n{entries[0]}"
        self._server.add("/live.m3u8", playlist(first, entries, head=head, ended=ended), HLS)


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def first_recorded(pieces: Pieces, content: bytes) -> int:
    """Tell with which segment a recording begins."""
    return next(n for n, piece in enumerate(pieces.segments) if content.startswith(pieces.init + piece))


class Recorded(NamedTuple):
    name: str
    content: bytes
    warnings: list[str]
    log: str
    sent: list[int]


def record(
    url: str, folder: Path, seconds: float, *, limits: AcquisitionLimits = LIMITS, **information: Any
) -> Recorded:
    """Record in this process, without the worker around it."""
    log = LogFile(folder / "log", folder)
    sent: list[int] = []
    guard = ConnectionGuard(allow_private=True, programs=())
    with BoundedDownloader({"quiet": True, "logger": log, "proxy": ""}, guard, limits) as downloader:
        told = {"url": url, "protocol": "m3u8_native", **information}
        progress = TransferProgress(lambda done, _: sent.append(done))
        ((name, role),) = record_live(downloader, told, folder, seconds, progress)
    assert role is FileRole.MASTER
    return Recorded(name, (folder / name).read_bytes(), log.warnings, (folder / "log").read_text(), sent)


def failure(url: str, folder: Path, **rest: Any) -> FailedAcquisition:
    with pytest.raises(FailedAcquisition) as caught:
        record(url, folder, 1, **rest)
    return caught.value


@pytest.fixture
def quick_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_STALLED_AFTER_TARGETS", 0.3)
    monkeypatch.setattr(live, "_SHORTEST_STALL_S", 0.3)


# --- streams on the air ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["transport", "fragmented"])
def test_growing_playlist(request: pytest.FixtureRequest, server: TestServer, tmp_path: Path, kind: str) -> None:
    pieces: Pieces = request.getfixturevalue(kind)
    with Growing(server, pieces) as stream:
        recorded = record(stream.url, tmp_path, 1.6)
    assert recorded.name == ("media.ts" if kind == "transport" else "media.mp4")
    first = first_recorded(pieces, recorded.content)
    assert recorded.content == pieces.init + b"".join(pieces.segments[first : first + 8])
    assert frames_in(tmp_path / recorded.name) == 8 * SEGMENT_FRAMES
    assert recorded.warnings == []
    assert f"media sequence {first} to {first + 7}, 8 segments, 1.600 s" in recorded.log
    assert "program date times 2026-03-01T10:00:0" in recorded.log
    assert recorded.sent[-1] <= len(recorded.content)


def test_stream_that_ends_early(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    pieces = transport._replace(segments=transport.segments[:5])
    with Growing(server, pieces) as stream:
        recorded = record(stream.url, tmp_path, 60)
    first = first_recorded(pieces, recorded.content)
    assert recorded.content == b"".join(pieces.segments[first:])
    (warning,) = recorded.warnings
    assert re.fullmatch("the live recording is short: .* of the 60 s wanted .*, because the stream ended", warning)


@pytest.mark.usefixtures("quick_stall")
def test_stream_that_stops_moving(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    pieces = transport._replace(segments=transport.segments[:5])
    with Growing(server, pieces, ends=False) as stream:
        recorded = record(stream.url, tmp_path, 60)
    first = first_recorded(pieces, recorded.content)
    assert recorded.content == b"".join(pieces.segments[first:])
    assert "nothing was added to its playlist for 0.3 s" in recorded.warnings[0]


@pytest.mark.usefixtures("quick_stall")
def test_stream_that_never_begins(server: TestServer, tmp_path: Path) -> None:
    error = failure(server.add("/live.m3u8", playlist(0, []), HLS), tmp_path)
    assert (error.kind, "nothing was added" in error.detail) == (FailureKind.LIVE, True)


@pytest.mark.usefixtures("quick_stall")
def test_playlist_that_vanishes(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    server.answers = Changing(server.answers, [playlist(0, ["a", "b"]), None])
    server.add("/a", transport.segments[0])
    server.add("/b", transport.segments[1])
    recorded = record(server.url("/live.m3u8"), tmp_path, 60)
    assert recorded.content == b"".join(transport.segments[:2])
    assert "its playlist could not be read again" in recorded.warnings[0]


def test_through_the_worker(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    options = AcquisitionOptions(allow_private=True, limits=LIMITS, live_seconds=1)
    with Growing(server, transport, window=30) as stream:
        taken = acquire(stream.url, tmp_path, options=options, progress=SilentProgress())
    content = taken.media.path.read_bytes()
    first = first_recorded(transport, content)
    assert content == b"".join(transport.segments[first : first + 5])
    assert frames_in(taken.media.path) == 5 * SEGMENT_FRAMES
    (log,) = (file.path.read_text() for file in taken.files if file.role is FileRole.LOG)
    assert f"media sequence {first} to {first + 4}" in log
    assert taken.warnings == ()


# --- what can happen to segments -------------------------------------------------------------------------------------


class Changing(dict[str, Answer]):
    """Answers of which /live.m3u8 is another each time, the last one for ever; None is 'not found'."""

    def __init__(self, others: dict[str, Answer], playlists: list[str | None]) -> None:
        super().__init__(others)
        self._playlists = playlists

    def get(self, path: str, default: Any = None) -> Any:
        if path != "/live.m3u8":
            return super().get(path, default)
        text = self._playlists.pop(0) if len(self._playlists) > 1 else self._playlists[0]
        return default if text is None else Answer(text.encode(), HLS)


def serve(server: TestServer, pieces: Pieces, *playlists: str) -> str:
    for number, piece in enumerate(pieces.segments):
        server.add(f"/{number}", piece, "video/mp2t")
    server.answers = Changing(server.answers, list(playlists))
    return server.url("/live.m3u8")


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


def test_it_begins_near_the_end(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    recorded = record(serve(server, transport, playlist(0, numbers(0, 9), ended=True)), tmp_path, 0.3)
    assert recorded.content == b"".join(transport.segments[7:9])


def test_segments_that_left_before_they_could_be_fetched(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    url = serve(server, transport, playlist(0, numbers(0, 2)), playlist(6, numbers(6, 8), ended=True))
    recorded = record(url, tmp_path, 60)
    assert recorded.content == b"".join(transport.segments[n] for n in (0, 1, 2, 6, 7, 8))
    assert recorded.warnings[1] == (
        "the live recording lacks 3 segments between those it has: 3 to 5 had left the playlist"
    )


def test_segments_that_cannot_be_had(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    entries = ["0", "missing", "#EXT-X-GAP\n2", "3"]
    url = serve(server, transport, playlist(0, entries[:3]), playlist(0, entries, ended=True))
    recorded = record(url, tmp_path, 0.4)
    assert recorded.content == transport.segments[0] + transport.segments[3]
    (warning,) = recorded.warnings
    assert "lacks 2 segments" in warning
    assert "1 could not be fetched: HTTP Error 404" in warning
    assert "2 was never published" in warning


def test_discontinuities_are_told(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    entries = ["0", "#EXT-X-DISCONTINUITY\n1", "2"]
    recorded = record(serve(server, transport, playlist(40, entries)), tmp_path, 0.6)
    assert recorded.content == b"".join(transport.segments[:3])
    assert recorded.warnings == ["the publisher marks a break (discontinuity) before live segment 41"]


def test_byte_ranges(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    whole, entries, first = b"".join(transport.segments), [], 0
    for number, piece in enumerate(transport.segments[:3]):
        at = f"@{first}" if number == 0 else ""
        entries.append(f"#EXT-X-BYTERANGE:{len(piece)}{at}\nwhole.ts")
        first += len(piece)
    server.add("/whole.ts", whole, "video/mp2t")
    recorded = record(serve(server, transport, playlist(0, entries)), tmp_path, 0.6)
    assert recorded.content == whole[:first]


def test_server_that_ignores_ranges(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    server.add("/whole.ts", b"", "video/mp2t", endless=True)
    server.answers["/whole.ts"].body = b"".join(transport.segments)
    limits = AcquisitionLimits(max_bytes=3_000_000, socket_timeout_s=5)
    entries = ["#EXT-X-BYTERANGE:188@0\nwhole.ts"]
    error = failure(serve(server, transport, playlist(0, entries)), tmp_path, limits=limits)
    assert error.kind is FailureKind.TOO_LARGE
    server.answers["/whole.ts"] = Answer(b"x" * 1000, status=203)
    (tmp_path / "media.ts").unlink()
    error = failure(server.url("/live.m3u8"), tmp_path)
    assert (error.kind, "byte ranges" in error.detail) == (FailureKind.STREAM_TYPE, True)


def test_encrypted_segments_are_decrypted(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    def sealed(number: int, iv: bytes) -> bytes:
        content = transport.segments[number]
        padding = 16 - len(content) % 16
        return aes_cbc_encrypt_bytes(content, list(KEY), list(iv), padding_mode="pkcs7")[: len(content) + padding]

    server.add("/key", KEY, "application/octet-stream")
    server.add("/sealed-0", sealed(0, (7).to_bytes(16, "big")))
    server.add("/sealed-1", sealed(1, bytes(15) + b"\x2a"))
    entries = [
        '#EXT-X-KEY:METHOD=AES-128,URI="key"\nsealed-0',
        '#EXT-X-KEY:METHOD=AES-128,URI="key",IV=0x2A\nsealed-1',
        "#EXT-X-KEY:METHOD=NONE\n2",
    ]
    recorded = record(serve(server, transport, playlist(7, entries)), tmp_path, 0.6)
    assert recorded.content == b"".join(transport.segments[:3])
    assert recorded.warnings == ["the live segments were served encrypted (AES-128); what is kept is decrypted"]
    assert server.requests.count("GET /key") == 1


@pytest.mark.usefixtures("quick_stall")
@pytest.mark.parametrize("key", [b"short", b"another key of 16"[:16]])
def test_segments_that_do_not_fit_their_key(server: TestServer, transport: Pieces, tmp_path: Path, key: bytes) -> None:
    server.add("/key", key)
    server.add("/sealed", bytes(16 * 40))
    entries = ['#EXT-X-KEY:METHOD=AES-128,URI="key"\nsealed']
    error = failure(serve(server, transport, playlist(0, entries)), tmp_path)
    assert (error.kind, "no segment could be had" in error.detail) == (FailureKind.LIVE, True)


def test_header_that_changes_is_written_where_it_changes(
    server: TestServer, fragmented: Pieces, tmp_path: Path
) -> None:
    for name, content in {"a": b"first", "b": b"second", "c": b"second"}.items():
        server.add(f"/{name}", content)
    entries = ['#EXT-X-MAP:URI="a"\n0', '#EXT-X-MAP:URI="b"\n1', '#EXT-X-MAP:URI="c"\n2']
    recorded = record(serve(server, fragmented, playlist(0, entries)), tmp_path, 0.6)
    zero, one, two = fragmented.segments[:3]
    assert recorded.content == b"first" + zero + b"second" + one + two
    assert recorded.warnings == ["the container's header changes before live segment 1; decoders may stop there"]


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ("file:///etc/passwd", FailureKind.SCHEME),
        ("data:video/mp2t;base64,AAAA", FailureKind.SCHEME),
        ('#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/passwd"\n0', FailureKind.SCHEME),
        ('#EXT-X-MAP:URI="file:///etc/passwd"\n0', FailureKind.SCHEME),
        ('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="key"\n0', FailureKind.STREAM_TYPE),
        ("#EXT-X-BYTERANGE:-5@0\n0", FailureKind.STREAM_TYPE),
        ("#EXT-X-PROGRAM-DATE-TIME:yesterday\n0", FailureKind.STREAM_TYPE),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1\nother.m3u8", FailureKind.STREAM_TYPE),
    ],
)
def test_hostile_playlists(
    server: TestServer, transport: Pieces, tmp_path: Path, entry: str, kind: FailureKind
) -> None:
    assert failure(serve(server, transport, playlist(0, [entry])), tmp_path).kind is kind


def test_endless_segment(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    server.add("/endless", bytes(100_000), "video/mp2t", endless=True)
    limits = AcquisitionLimits(max_bytes=2_000_000, socket_timeout_s=5)
    url = serve(server, transport, playlist(0, ["endless"]))
    assert failure(url, tmp_path, limits=limits).kind is FailureKind.TOO_LARGE


@pytest.mark.usefixtures("quick_stall")
def test_segments_without_length_do_not_go_on_for_ever(server: TestServer, transport: Pieces, tmp_path: Path) -> None:
    lists = [playlist(n, numbers(n, n)).replace(str(SEGMENT_S), "0") for n in range(30)]
    recorded = record(serve(server, transport, *lists), tmp_path, 0.2)
    assert "it came more slowly than it plays" in recorded.warnings[0]


# --- which stream ----------------------------------------------------------------------------------------------------

MUXED: dict[str, Any] = {"url": "http://a/muxed", "protocol": "m3u8_native", "vcodec": "avc1", "acodec": "mp4a"}
PICTURES: dict[str, Any] = {**MUXED, "url": "http://a/pictures", "acodec": "none"}
SOUND: dict[str, Any] = {**MUXED, "url": "http://a/sound", "vcodec": "none"}


@pytest.mark.parametrize(
    ("information", "url"),
    [
        (MUXED, "http://a/muxed"),
        (PICTURES, "http://a/pictures"),
        ({"requested_formats": [MUXED]}, "http://a/muxed"),
        ({"requested_formats": [PICTURES, SOUND], "formats": [SOUND, MUXED, PICTURES]}, "http://a/muxed"),
    ],
)
def test_choice_of_stream(information: dict[str, Any], url: str) -> None:
    assert stream_to_record(information)["url"] == url


@pytest.mark.parametrize(
    ("information", "words"),
    [
        ({"requested_formats": [PICTURES, SOUND], "formats": [SOUND, PICTURES]}, "pictures and sound apart"),
        ({**MUXED, "protocol": "http_dash_segments"}, "http_dash_segments, not HLS"),
    ],
)
def test_streams_that_are_not_recorded(information: dict[str, Any], words: str) -> None:
    with pytest.raises(FailedAcquisition) as caught:
        stream_to_record(information)
    assert caught.value.kind is FailureKind.STREAM_TYPE
    assert words in caught.value.detail
