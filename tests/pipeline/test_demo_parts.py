"""The demo's parts on real footage: the planted times, the edits, the page."""

from __future__ import annotations

import csv
import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import av
import cv2
import numpy as np
import pytest

from verify.demo import clips as demo_clips
from verify.demo.compose import (
    FRAMES_PER_SECOND,
    HEIGHT_PX,
    REFERENCE_IDS,
    WIDTH_PX,
    Planted,
    compose_release,
    piece_intervals,
    planted_clips,
)
from verify.demo.pages import ReleaseServer, UnsatisfiableRangeError, parse_range
from verify.demo.references import write_manifest
from verify.errors import AcquisitionRefusedError, OutputNotWritableError, ToolMissingError
from verify.model import ReferenceKind, SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

SMALL = (64, 36)


@dataclass
class Decoded:
    """Times (N,) in seconds, grey pictures (N, 36, 64), and mean colours (N, 3) as red, green, blue."""

    times_s: npt.NDArray[np.float64]
    grey: npt.NDArray[np.float64]
    colour: npt.NDArray[np.float64]

    def at(self, time_s: float) -> int:
        return int(np.abs(self.times_s - time_s).argmin())


def decode(path: Path) -> Decoded:
    times, grey, colour = [], [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture = cv2.resize(frame.to_ndarray(format="rgb24"), SMALL, interpolation=cv2.INTER_AREA)
            times.append(float(frame.pts * frame.time_base))
            grey.append(picture.mean(axis=2))
            colour.append(picture.mean(axis=(0, 1)))
    return Decoded(np.array(times) - times[0], np.array(grey), np.array(colour))


@pytest.fixture(scope="module")
def release(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "release.mp4"
    assert compose_release(clips, path) == planted_clips()
    return path


@pytest.fixture(scope="module")
def decoded(release: Path) -> Decoded:
    return decode(release)


def test_the_release_is_h264_with_sound_and_names_nothing(release: Path):
    with av.open(str(release)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", WIDTH_PX, HEIGHT_PX)
        assert [stream.codec_context.name for stream in container.streams.audio] == ["aac"]
        assert not {"title", "creation_time", "encoder"} & set(container.metadata)


def test_every_piece_starts_at_its_exact_frame(decoded: Decoded):
    intervals = piece_intervals()
    assert len(decoded.times_s) == round(intervals[-1].end_s * FRAMES_PER_SECOND)
    assert np.allclose(np.diff(decoded.times_s), 1 / FRAMES_PER_SECOND)
    change = np.abs(np.diff(decoded.grey, axis=0)).mean(axis=(1, 2))
    for interval in intervals[1:]:
        cut = decoded.at(interval.start_s) - 1
        assert change[cut] > 3 * max(change[cut - 1], change[cut + 1])


@pytest.mark.parametrize("planted", planted_clips(), ids=lambda planted: planted.reference_id)
def test_planted_times_agree_with_the_reference_pictures(decoded: Decoded, clips: dict[str, Path], planted: Planted):
    reference = decode(clips[planted.reference_id])
    rate = planted.reference.duration_s / planted.query.duration_s
    offsets_s = np.arange(-8, 9) / FRAMES_PER_SECOND
    likeness = np.zeros(len(offsets_s))
    for time_s in np.arange(planted.query.start_s + 0.4, planted.query.end_s - 0.4, 0.2):
        shown = inner(decoded.grey[decoded.at(time_s)], planted)
        expected_s = planted.reference.start_s + rate * (time_s - planted.query.start_s)
        for index, offset_s in enumerate(offsets_s):
            candidate = reference.grey[reference.at(expected_s + offset_s)]
            likeness[index] += np.corrcoef(shown.ravel(), cv2.resize(candidate, shown.shape[::-1]).ravel())[0, 1]
    assert abs(offsets_s[likeness.argmax()]) <= 1.01 / FRAMES_PER_SECOND


def inner(picture: npt.NDArray[np.float64], planted: Planted) -> npt.NDArray[np.float64]:
    """Undo the edit: the rows between the black bars of the wide clip, the mirrored one turned back."""
    if planted.reference_id == "bikes":
        return picture[5:31]
    return picture[:, ::-1] if planted.edit.startswith("mirrored") else picture


def test_the_regraded_clip_is_darker_and_bluer(decoded: Decoded, clips: dict[str, Path]):
    planted = next(item for item in planted_clips() if item.edit.startswith("darker"))
    reference = decode(clips[planted.reference_id])
    shown = decoded.colour[decoded.at(planted.query.start_s + 2)]
    original = reference.colour[reference.at(planted.reference.start_s + 2)]
    assert shown.mean() < original.mean() - 5
    assert shown[2] - shown[0] > original[2] - original[0] + 5


@pytest.mark.slow
def test_the_same_release_is_written_again(release: Path, clips: dict[str, Path], tmp_path: Path):
    again = tmp_path / "again.mp4"
    compose_release(clips, again)
    assert again.read_bytes() == release.read_bytes()


def test_a_clip_that_is_no_video_and_a_missing_folder_are_named(clips: dict[str, Path], tmp_path: Path):
    text = tmp_path / "text.mp4"
    text.write_text("no video", encoding="utf-8")
    with pytest.raises(ToolMissingError, match=r"ffmpeg.*compose"):
        compose_release({**clips, "portrait": text}, tmp_path / "release.mp4")
    assert not (tmp_path / "release.mp4").exists()
    with pytest.raises(OutputNotWritableError, match="nowhere"):
        compose_release(clips, tmp_path / "nowhere" / "release.mp4")


def test_cached_clips_are_checked_and_need_no_network(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(demo_clips, "_download", lambda *_: pytest.fail("a fetch, though all is cached"))
    cache = clips["bikes"].parent.parent
    assert demo_clips.fetch_clips(cache, SilentProgress()) == clips
    folder = tmp_path / "clips"
    folder.mkdir()
    for path in clips.values():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "city.mpg").write_bytes(b"something else")
    with pytest.raises(AcquisitionRefusedError, match=r"city\.mpg"):
        demo_clips.fetch_clips(tmp_path, SilentProgress())


def test_the_manifest_has_a_dated_row_for_every_reference(clips: dict[str, Path], tmp_path: Path):
    write_manifest(tmp_path / "refs.csv", clips)
    with (tmp_path / "refs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(row["id"] for row in rows) == REFERENCE_IDS
    for row in rows:
        assert row["kind"] in set(ReferenceKind)
        assert row["first_seen"] < "2026-11-01"
        assert all(row[column] for column in ("source", "title", "publisher", "first_seen_basis", "licence", "notes"))


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[ReleaseServer, bytes]]:
    video = tmp_path / "release.mp4"
    data = bytes(range(256)) * 1000
    video.write_bytes(data)
    with ReleaseServer(video, title="A <b>release</b>", published="2026-11-01") as server:
        yield server, data


def fetch(url: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_the_page_shows_the_video_and_escapes_its_title(served: tuple[ReleaseServer, bytes]):
    status, headers, body = fetch(served[0].page_url)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<h1>A &lt;b&gt;release&lt;/b&gt;</h1>" in body
    assert b'<video controls preload="metadata" width="1280" height="720" src="/release.mp4">' in body
    assert b'<time datetime="2026-11-01">' in body
    assert urlsplit(served[0].page_url).hostname == "127.0.0.1"


def test_the_video_is_served_whole_in_part_and_as_headers(served: tuple[ReleaseServer, bytes]):
    server, data = served
    assert fetch(server.video_url)[2] == data
    status, headers, body = fetch(server.video_url, Range="bytes=1000-1999")
    assert (status, body) == (206, data[1000:2000])
    assert headers["Content-Range"] == f"bytes 1000-1999/{len(data)}"
    status, headers, body = fetch(server.video_url, method="HEAD")
    assert (status, body, int(headers["Content-Length"])) == (200, b"", len(data))
    status, headers, _ = fetch(server.video_url, Range=f"bytes={len(data)}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(data)}")


@pytest.mark.parametrize(
    "path", ["/", "/release.html/", "/../release.mp4", "/release.mp4?x=1", "/refs.csv", "//etc/passwd"]
)
def test_nothing_else_is_served(served: tuple[ReleaseServer, bytes], path: str):
    base = served[0].page_url.removesuffix("/release.html")
    assert fetch(base + path)[0] == 404
    assert fetch(served[0].page_url, method="POST")[0] == 501


def test_a_client_that_hangs_up_leaves_no_trace(served: tuple[ReleaseServer, bytes], capfd: pytest.CaptureFixture[str]):
    server, _ = served
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(server.video_url).port, timeout=10)
        connection.request("GET", "/release.mp4")
        connection.getresponse().read(10)
        connection.close()
    assert fetch(server.page_url)[0] == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-500", (90, 100)),
        ("bytes=-7", (93, 100)),
        ("bytes=-700", (0, 100)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("frames=0-1", None),
    ],
)
def test_range_headers(header: str | None, expected: tuple[int, int] | None):
    assert parse_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_ranges_beyond_the_end(header: str):
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(header, 100)
