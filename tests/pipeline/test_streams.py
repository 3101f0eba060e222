"""Segmented streams made with ffmpeg from footage of known length, served over HTTP: every frame arrives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import ffmpeg
import pytest

from fixtures.footage import SCENE_FRAMES
from tests.http_server import TestServer, serving
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.options import AcquisitionOptions
from verify.acquire.source import acquire
from verify.errors import AcquisitionFailedError
from verify.model import Acquisition, FileRole, SilentProgress
from verify.tools import find_ffmpeg

SCENE_S = 6.0
# The sound of the footage ends with an encoder's last packet, which may be longer than the rest of the sound.
ONE_PACKET_S = 1024 / 44100
KEY = bytes(range(16))
TYPES = {
    ".mp4": "video/mp4",
    ".m4s": "video/mp4",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".mpd": "application/dash+xml",
    ".key": "application/octet-stream",
}
OPTIONS = AcquisitionOptions(
    allow_private=True,
    limits=AcquisitionLimits(
        max_bytes=50_000_000, max_seconds=60, max_page_bytes=1_000_000, socket_timeout_s=5, retries=0
    ),
)


class Counted(NamedTuple):
    """What a file decodes to."""

    frames: int
    sound_s: float


def count(path: Path) -> Counted:
    """Decode a whole file."""
    frames, sound_s = 0, 0.0
    with av.open(str(path)) as container:
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                frames += 1
            elif isinstance(frame, av.AudioFrame):
                sound_s += frame.samples / frame.sample_rate
    return Counted(frames, sound_s)


def make(source: Path, path: Path, *, sound: bool = True, **options: object) -> None:
    """Cut `source` into a stream at `path`; the pictures get a keyframe each second so that they can be cut there."""
    opened = ffmpeg.input(str(source))
    streams = [opened.video, opened.audio] if sound else [opened.video]
    pictures = {"c:v": "libx264", "preset": "ultrafast", "g": 25, "sc_threshold": 0}
    output = ffmpeg.output(*streams, str(path), **pictures, **({"c:a": "copy"} if sound else {}), **options)
    output.run(cmd=find_ffmpeg().path, quiet=True)


def hls(source: Path, folder: Path, **options: object) -> None:
    given = {"format": "hls", "hls_time": 1, "hls_list_size": 0, "hls_playlist_type": "vod", **options}
    make(source, folder / "list.m3u8", **given)


def hls_encrypted(source: Path, folder: Path) -> None:
    (folder / "stream.key").write_bytes(KEY)
    (folder / "key-info").write_text(f"stream.key\n{folder / 'stream.key'}\n")
    hls(source, folder, hls_key_info_file=str(folder / "key-info"))


def hls_with_separate_sound(source: Path, folder: Path) -> None:
    given = {
        "format": "hls",
        "hls_time": 1,
        "hls_list_size": 0,
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "var_stream_map": "v:0,agroup:sound a:0,agroup:sound,default:yes",
        "master_pl_name": "list.m3u8",
        "hls_fmp4_init_filename": "init-%v.mp4",
        "hls_segment_filename": str(folder / "piece-%v-%d.m4s"),
    }
    make(source, folder / "part-%v.m3u8", **given)


def hls_with_discontinuity(source: Path, folder: Path) -> None:
    """One playlist of two encodings of half the footage each, the second with timestamps of its own."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for number, start_s in enumerate((0, SCENE_S / 2)):
        opened = ffmpeg.input(str(source))
        video = opened.video.trim(start=start_s, end=start_s + SCENE_S / 2).setpts("PTS-STARTPTS")
        name = f"half-{number}.ts"
        given = {"c:v": "libx264", "preset": "ultrafast", "g": 25, "format": "mpegts"}
        ffmpeg.output(video, str(folder / name), **given).run(cmd=find_ffmpeg().path, quiet=True)
        lines += [*(["#EXT-X-DISCONTINUITY"] if number else []), "#EXTINF:3.0,", name]
    (folder / "list.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))


def dash(source: Path, folder: Path, **options: object) -> None:
    make(source, folder / "list.mpd", format="dash", seg_duration=1, **options)


def dash_on_demand(source: Path, folder: Path) -> None:
    """One file for each stream, which the player reads in pieces by the index at its start (on-demand profile)."""
    dash(source, folder, single_file=1, global_sidx=1)
    manifest = folder / "list.mpd"
    # ffmpeg lists the pieces, other packagers name the index; it follows the header at once.
    text = re.sub(
        r'<SegmentList.*?<Initialization range="0-(\d+)" />.*?</SegmentList>',
        r'<SegmentBase indexRange="0-\1"><Initialization range="0-\1" /></SegmentBase>',
        manifest.read_text(),
        flags=re.DOTALL,
    )
    manifest.write_text(text)


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


@pytest.fixture
def server() -> Iterator[TestServer]:
    with serving() as running:
        yield running


def serve_folder(server: TestServer, folder: Path) -> None:
    for file in folder.iterdir():
        if file.suffix in TYPES:
            server.add(f"/{file.name}", file.read_bytes(), TYPES[file.suffix])


def fetch(server: TestServer, folder: Path, staging: Path) -> Acquisition:
    """Serve a folder and acquire the stream in it."""
    serve_folder(server, folder)
    (entrance,) = (name for name in ("list.m3u8", "list.mpd") if (folder / name).exists())
    return acquire(server.url(f"/{entrance}"), staging, options=OPTIONS, progress=SilentProgress())


def made(tmp_path: Path, source: Path, recipe: Callable[..., None], **options: object) -> Path:
    folder = tmp_path / "stream"
    folder.mkdir()
    recipe(source, folder, **options)
    return folder


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        pytest.param(hls, {}, id="mpegts"),
        pytest.param(hls, {"hls_segment_type": "fmp4"}, id="fmp4"),
        pytest.param(hls_encrypted, {}, id="aes-128"),
        pytest.param(hls, {"hls_flags": "single_file"}, id="mpegts-byte-ranges", marks=SLOW),
        pytest.param(hls, {"hls_segment_type": "fmp4", "hls_flags": "single_file"}, id="fmp4-byte-ranges"),
    ],
)
def test_hls(
    footage: dict[str, Path],
    server: TestServer,
    tmp_path: Path,
    staging: Path,
    recipe: Callable[..., None],
    options: dict[str, object],
) -> None:
    folder = made(tmp_path, footage["with-sound"], recipe, **options)
    assert (folder / "list.m3u8").read_text().count("#EXTINF") == SCENE_S
    taken = fetch(server, folder, staging)
    assert taken.media.role is FileRole.MASTER
    counted, source = count(taken.media.path), count(footage["with-sound"])
    assert counted.frames == source.frames == SCENE_FRAMES
    assert counted.sound_s == pytest.approx(source.sound_s, abs=2 * ONE_PACKET_S)


def test_hls_of_two_encodings(footage: dict[str, Path], server: TestServer, tmp_path: Path, staging: Path) -> None:
    folder = made(tmp_path, footage["scene"], hls_with_discontinuity)
    taken = fetch(server, folder, staging)
    halves = [(folder / f"half-{number}.ts").read_bytes() for number in (0, 1)]
    assert taken.media.path.read_bytes() == b"".join(halves)
    assert count(taken.media.path).frames == SCENE_FRAMES


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        pytest.param(hls_with_separate_sound, {}, id="hls"),
        pytest.param(dash, {}, id="dash-segment-timeline"),
        pytest.param(dash, {"use_timeline": 0}, id="dash-segment-template", marks=SLOW),
        pytest.param(dash_on_demand, {}, id="dash-single-file"),
    ],
)
def test_pictures_and_sound_served_apart(
    footage: dict[str, Path],
    server: TestServer,
    tmp_path: Path,
    staging: Path,
    recipe: Callable[..., None],
    options: dict[str, object],
) -> None:
    taken = fetch(server, made(tmp_path, footage["with-sound"], recipe, **options), staging)
    source = count(footage["with-sound"])
    assert taken.media.role is FileRole.WORKING_COPY
    whole = count(taken.media.path)
    assert whole.frames == source.frames == SCENE_FRAMES
    assert whole.sound_s == pytest.approx(source.sound_s, abs=2 * ONE_PACKET_S)
    apart = [count(file.path) for file in taken.files if file.role is FileRole.STREAM]
    assert sorted((one.frames, one.sound_s > 0) for one in apart) == [(0, True), (SCENE_FRAMES, False)]


def test_dash_by_lists_of_byte_ranges_is_not_understood(
    footage: dict[str, Path], server: TestServer, tmp_path: Path, staging: Path
) -> None:
    folder = made(tmp_path, footage["with-sound"], dash, single_file=1)
    assert "<SegmentURL mediaRange=" in (folder / "list.mpd").read_text()
    with pytest.raises(AcquisitionFailedError, match="yt-dlp could not fetch it"):
        fetch(server, folder, staging)
    assert list(staging.iterdir()) == []
