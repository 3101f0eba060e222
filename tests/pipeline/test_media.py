"""Decoding real files: true times, both sides of every cut, upright pictures, and words for what is no video."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import struct
import sys
import types
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from fixtures import drawing
from fixtures.footage import CUT_TIMES_S, FLASH_FRAMES, SCENE_FRAMES, VARIABLE_TIMES_S, _ffmpeg, encode
from verify.errors import NoUsableFramesError, UnreadableMediaError
from verify.fingerprint.examine import examine
from verify.media import probe, reader, sampling, worker
from verify.media.reader import frames_at, open_video, probe_video
from verify.model import DecodeOutcome, FrameClass, SilentProgress, Transform
from verify.processes import receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from verify.model import MediaInfo, SampledFrame

FRAME_S = 1 / drawing.FRAMES_PER_SECOND
EVERY_FRAME = 1000.0


def sampled(path: Path, per_second: float) -> tuple[list[SampledFrame], DecodeOutcome, MediaInfo]:
    with open_video(path, per_second) as video:
        frames = list(video.frames())
        assert video.outcome is not None
        return frames, video.outcome, video.info


def decoded_pts(path: Path) -> list[int]:
    """Presentation timestamps by PyAV alone, until the file ends or breaks."""
    found: list[int] = []
    with av.open(str(path)) as container, contextlib.suppress(av.error.FFmpegError):
        # Taken one by one: what was decoded before the break counts.
        found.extend(frame.pts for frame in container.decode(video=0))
    return found


def times_of(frames: Sequence[SampledFrame]) -> list[float]:
    return [frame.time_s for frame in frames]


def difference(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.abs(left.astype(int) - right.astype(int)).mean())


def canonical(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = 512 / max(height, width)
    return cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)


# --- times ----------------------------------------------------------------------------------------------------------


def test_times_are_the_files_own_at_variable_frame_rate(footage: dict[str, Path]):
    path = footage["variable-frame-rate"]
    frames, outcome, _ = sampled(path, EVERY_FRAME)
    assert [frame.pts for frame in frames] == decoded_pts(path)
    assert [float((frame.pts - frames[0].pts) * frame.time_base) for frame in frames] == times_of(frames)
    assert times_of(frames) == pytest.approx(VARIABLE_TIMES_S, abs=1e-4)
    assert outcome.frame_count == len(VARIABLE_TIMES_S)


@pytest.mark.parametrize("name", ["scene", "variable-frame-rate"])
@pytest.mark.parametrize("per_second", [1.0, 4.0, 8.0])
def test_samples_lie_on_the_grid_in_time(footage: dict[str, Path], name: str, per_second: float):
    frames, _, _ = sampled(footage[name], per_second)
    steps = [after - before for before, after in pairwise(times_of(frames))]
    assert times_of(frames)[0] == 0.0
    longest_frame_s = 3 * FRAME_S if name == "variable-frame-rate" else FRAME_S
    assert max(steps) <= 1 / per_second + longest_frame_s + 1e-6
    assert len(frames) <= per_second * SCENE_FRAMES * FRAME_S + 1


def test_end_is_the_end_of_the_last_frame(footage: dict[str, Path]):
    for name in ("scene", "with-sound", "hard-cuts"):
        _, outcome, info = sampled(footage[name], 1.0)
        assert outcome.decoded.start_s == 0.0
        assert outcome.decoded.end_s == pytest.approx(outcome.frame_count * FRAME_S, abs=1e-4)
        assert (outcome.failure, outcome.missing_s, outcome.damaged_packets) == (None, 0.0, 0)
        assert info.duration_s == pytest.approx(outcome.decoded.end_s, abs=0.1)


@pytest.mark.parametrize("name", ["late.mkv", "late.ts", "late.mp4"])
def test_first_presented_frame_is_time_zero_wherever_the_clock_starts(
    footage: dict[str, Path], tmp_path: Path, name: str
):
    late = tmp_path / name
    _ffmpeg("-i", footage["scene"], "-c", "copy", "-avoid_negative_ts", "disabled", "-output_ts_offset", "5", late)
    frames, outcome, _ = sampled(late, 2.0)
    if not name.endswith("mp4"):
        assert float(frames[0].pts * frames[0].time_base) >= 4.9
    assert frames[0].time_s == 0.0
    assert outcome.decoded.end_s == pytest.approx(SCENE_FRAMES * FRAME_S, abs=0.01)
    originals, _, _ = sampled(footage["scene"], 2.0)
    assert times_of(frames) == pytest.approx(times_of(originals), abs=0.002)
    assert all(difference(a.pixels_bgr, b.pixels_bgr) < 1 for a, b in zip(frames, originals, strict=True))


# --- cuts -----------------------------------------------------------------------------------------------------------


def test_both_frames_at_every_cut_are_sampled(footage: dict[str, Path]):
    frames, outcome, _ = sampled(footage["hard-cuts"], 0.25)
    assert outcome.cut_times_s == pytest.approx(CUT_TIMES_S)
    times = np.array(times_of(frames))
    for cut_s in CUT_TIMES_S:
        assert np.abs(times - cut_s).min() < 1e-4
        assert np.abs(times - (cut_s - FRAME_S)).min() < 1e-4
    assert [frame.time_s for frame in frames if frame.starts_shot] == pytest.approx(CUT_TIMES_S)
    assert len(frames) == 2 * len(CUT_TIMES_S) + len({0.0, 4.0, 8.0})


@pytest.mark.parametrize("name", ["flash", "scene", "other-scene", "static", "dark", "variable-frame-rate", "rotated"])
def test_one_shot_has_no_cut(footage: dict[str, Path], name: str):
    frames, outcome, _ = sampled(footage[name], 1.0)
    assert outcome.cut_times_s == ()
    assert not any(frame.starts_shot for frame in frames)


def test_flash_is_there_all_the_same(footage: dict[str, Path]):
    frames, _, _ = sampled(footage["flash"], EVERY_FRAME)
    bright = [number for number, frame in enumerate(frames) if frame.pixels_bgr.mean() > 240]
    assert bright == list(FLASH_FRAMES)


def test_cuts_of_real_footage(clips: dict[str, Path]):
    _, outcome, _ = sampled(clips["bikes"], 1.0)
    assert outcome.cut_times_s == pytest.approx((1.2, 3.04, 5.48, 7.48, 9.68))
    _, outcome, _ = sampled(clips["bigbuckbunny"], 1.0)
    assert outcome.cut_times_s == ()


# --- pictures -------------------------------------------------------------------------------------------------------


def test_pictures_are_what_was_drawn(footage: dict[str, Path]):
    frames, _, _ = sampled(footage["scene"], EVERY_FRAME)
    drawn = drawing.scene(1, SCENE_FRAMES)
    for number, (frame, picture) in enumerate(zip(frames, drawn, strict=True)):
        assert frame.pixels_bgr.shape == (288, 512, 3)
        assert frame.pixels_bgr.dtype == np.uint8
        if number % 30 == 0:
            assert difference(frame.pixels_bgr, canonical(picture)) < 6


def test_rotated_clip_is_upright(footage: dict[str, Path]):
    frames, _, info = sampled(footage["rotated"], 1.0)
    stored, _, _ = sampled(footage["scene"], 1.0)
    assert (info.width_px, info.height_px, abs(info.rotation_degrees)) == (270, 480, 90)
    for frame, as_stored in zip(frames, stored, strict=True):
        clockwise = np.rot90(as_stored.pixels_bgr, -1)
        assert frame.pixels_bgr.shape == (512, 288, 3)
        assert difference(frame.pixels_bgr, clockwise) < 1
        assert difference(frame.pixels_bgr, np.rot90(as_stored.pixels_bgr, 1)) > 20


def test_anamorphic_samples_become_square_pixels(tmp_path: Path):
    path = tmp_path / "wide.mp4"
    encode(drawing.scene(1, 10), path, "-vf", "setsar=4/3")
    frames, _, info = sampled(path, 1.0)
    assert (info.width_px, info.height_px) == (640, 270)
    assert frames[0].pixels_bgr.shape == (216, 512, 3)
    wide = cv2.resize(next(drawing.scene(1, 10)), (512, 216), interpolation=cv2.INTER_AREA)
    assert difference(frames[0].pixels_bgr, wide) < 6


def test_anamorphic_real_clip(clips: dict[str, Path]):
    info = probe_video(clips["carphone"])
    assert (info.width_px, info.height_px) == (193, 144)
    assert frames_at(clips["carphone"], [1.0])[0].pixels_bgr.shape == (382, 512, 3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ten-bit.mp4", ("-pix_fmt", "yuv420p10le")),
        ("full-chroma.mkv", ("-pix_fmt", "yuv444p")),
        ("grey.mkv", ("-pix_fmt", "gray")),
        ("colours.mkv", ("-c:v", "libx264rgb", "-pix_fmt", "bgr24")),
        ("palette.gif", ("-c:v", "gif", "-pix_fmt", "rgb8")),
        ("old.avi", ("-c:v", "mpeg4", "-q:v", "3")),
        ("old.mpg", ("-c:v", "mpeg2video", "-q:v", "3")),
        ("web.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
    ],
)
def test_pixel_formats_and_codecs(tmp_path: Path, name: str, options: tuple[str, ...]):
    path = tmp_path / name
    pictures = [*drawing.scene(10, 12), *drawing.scene(11, 12)]
    encode(iter(pictures), path, *options)
    frames, outcome, _ = sampled(path, EVERY_FRAME)
    assert outcome.frame_count == len(frames) == 24
    assert outcome.cut_times_s == pytest.approx((12 * FRAME_S,), abs=0.01)
    for number in (0, 11, 12, 23):
        shown = cv2.cvtColor(frames[number].pixels_bgr, cv2.COLOR_BGR2GRAY)
        assert difference(shown, cv2.cvtColor(canonical(pictures[number]), cv2.COLOR_BGR2GRAY)) < 12


@pytest.mark.parametrize("size", ["1024x4", "8x1000", "2x2"])
def test_extreme_shapes_are_examined(tmp_path: Path, size: str):
    path = tmp_path / "banner.mkv"
    _ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration=1", "-c:v", "ffv1", path)
    examination = examine(
        path,
        samples_per_second=8.0,
        views=(Transform(), Transform(bars_removed=True)),
        progress=SilentProgress(),
        label="",
    )
    assert examination.outcome.frame_count == 25
    assert len(examination.fingerprints[Transform()]["pdq"].times_s) >= 8


# --- frames at given times ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["variable-frame-rate", "hard-cuts"])
def test_frames_presented_at_given_times(footage: dict[str, Path], name: str):
    path = footage[name]
    pts = decoded_pts(path)
    with av.open(str(path)) as container:
        starts = [float((each - pts[0]) * container.streams.video[0].time_base) for each in pts]
    wanted = [0.0, 0.01, 0.119, 0.121, 0.5, 1.6, 2.99, 3.0, 3.001, 4.44, 5.0]
    frames = frames_at(path, wanted)
    expected = [max(start for start in starts if start <= time_s + 1e-6) for time_s in wanted]
    assert times_of(frames) == pytest.approx(expected, abs=1e-6)


def test_frames_asked_for_in_any_order_come_in_order_of_time(footage: dict[str, Path]):
    assert times_of(frames_at(footage["scene"], [2.0, 0.0, 1.0])) == pytest.approx([0.0, 1.0, 2.0])


def test_the_last_frame_is_shown_to_its_end(footage: dict[str, Path]):
    assert times_of(frames_at(footage["scene"], [5.99])) == pytest.approx([5.96])


def test_samples_and_frames_at_their_times_are_the_same_pictures(clips: dict[str, Path]):
    frames, _, _ = sampled(clips["robot"], 1.0)
    again = frames_at(clips["robot"], times_of(frames))
    assert [frame.pts for frame in again] == [frame.pts for frame in frames]
    assert all(np.array_equal(a.pixels_bgr, b.pixels_bgr) for a, b in zip(frames, again, strict=True))


# --- broken files ---------------------------------------------------------------------------------------------------


def test_truncated_file_is_read_to_where_it_breaks(footage: dict[str, Path]):
    path = footage["truncated"]
    frames, outcome, info = sampled(path, 8.0)
    readable = len(decoded_pts(path))
    assert outcome.failure is not None
    assert info.duration_s == pytest.approx(6.0, abs=0.01)
    assert outcome.decoded.end_s == pytest.approx(readable * FRAME_S, abs=2 * FRAME_S)
    assert outcome.decoded.end_s + outcome.missing_s == pytest.approx(6.0, abs=0.01)
    assert frames[-1].time_s < outcome.decoded.end_s


def test_truncated_to_nothing_is_an_error(footage: dict[str, Path], tmp_path: Path):
    data = footage["truncated"].read_bytes()
    stub = tmp_path / "stub.mp4"
    stub.write_bytes(data[: data.index(b"mdat") + 8])
    with pytest.raises(NoUsableFramesError, match=r"stub\.mp4: no frame could be decoded"):
        sampled(stub, 8.0)


def test_damage_in_the_middle_costs_only_its_own_frames(footage: dict[str, Path], tmp_path: Path):
    data = bytearray(footage["hard-cuts"].read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[middle : middle + 3000] = bytes(3000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    frames, outcome, _ = sampled(damaged, 8.0)
    assert outcome.frame_count > 150
    assert frames[-1].time_s > 8.5
    assert outcome.decoded.end_s == pytest.approx(9.0, abs=0.1)


def test_nothing_but_damage_is_an_error(footage: dict[str, Path], tmp_path: Path):
    data = bytearray(footage["scene"].read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = bytes(len(data) - start)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    with pytest.raises(NoUsableFramesError, match="no frame could be decoded"):
        sampled(damaged, 8.0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("audio-only", "it has sound but no video stream"),
        ("zero-bytes", r"it is empty \(0 bytes\)"),
        ("text", "it is text, not a video"),
        ("image", "it is a still image, not a video"),
        ("without-index", "it is no video that can be read"),
    ],
)
@pytest.mark.parametrize("read", [probe_video, lambda path: sampled(path, 8.0), lambda path: frames_at(path, [0.0])])
def test_what_is_no_video_is_named(footage: dict[str, Path], name: str, words: str, read: Any):
    with pytest.raises(UnreadableMediaError, match=words) as caught:
        read(footage[name])
    assert caught.value.subject == footage[name].name
    assert caught.value.exit_code == 30


@pytest.mark.parametrize("form", ["png", "jpeg", "bmp", "tiff", "webp"])
@pytest.mark.parametrize("suffix", ["own", "mp4"])
def test_still_image_is_named_whatever_its_suffix(tmp_path: Path, form: str, suffix: str):
    path = tmp_path / f"still.{form if suffix == 'own' else suffix}"
    Image.fromarray(next(drawing.scene(1, 1))).save(path, form)
    with pytest.raises(UnreadableMediaError, match="it is a still image, not a video"):
        probe_video(path)


def test_cover_picture_is_no_video_stream(tmp_path: Path):
    picture, song = tmp_path / "cover.png", tmp_path / "song.mp3"
    Image.fromarray(next(drawing.scene(1, 1))).save(picture)
    sine = ("-f", "lavfi", "-i", "sine=frequency=440:duration=1")
    _ffmpeg(*sine, "-i", picture, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic", song)
    with pytest.raises(UnreadableMediaError, match="it has sound but no video stream"):
        probe_video(song)


def test_random_bytes_are_no_video(tmp_path: Path):
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(1).bytes(5000))
    with pytest.raises(UnreadableMediaError, match="it is no video that can be read"):
        probe_video(path)


def test_missing_file_and_folder(tmp_path: Path):
    for path in (tmp_path / "nothing.mp4", tmp_path):
        with pytest.raises(UnreadableMediaError, match="there is no such file"):
            probe_video(path)


# --- files that would reach others ----------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Listen on 127.0.0.1 for a visitor that must not come."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


@pytest.mark.parametrize("suffix", ["m3u8", "mp4", "ffconcat", "mpd", "sdp", "txt"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
            "a playlist that names other files",
        ),
        ("ffconcat version 1.0\nfile '{target}'\nduration 5\n", "it is text"),
        ("v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n# {target}\n", "it is text"),
        ('<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{target}</BaseURL></MPD>\n', "it is text"),
    ],
)
@pytest.mark.parametrize("kind", ["local", "web"])
def test_list_of_other_files_is_refused_and_nothing_is_fetched(
    footage: dict[str, Path], tmp_path: Path, listener: socket.socket, text: str, words: str, suffix: str, kind: str
):
    if kind == "local":
        target = "/etc/passwd" if suffix == "txt" else str(footage["scene"])
    else:
        target = f"http://127.0.0.1:{listener.getsockname()[1]}/scene.mp4"
    path = tmp_path / f"list.{suffix}"
    path.write_text(text.format(target=target), encoding="utf-8")
    output = io.BytesIO()
    worker.serve({"operation": "sample", "samples_per_second": 8.0, "path": str(path)}, output)
    output.seek(0)
    answer = receive_message(output)
    assert answer is not None
    assert words in answer[0]["problem"]
    assert "root:" not in answer[0]["problem"]
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_movie_that_refers_to_another_file_for_its_samples_is_not_followed(footage: dict[str, Path], tmp_path: Path):
    """A QuickTime alias in the data reference box may name any path of the machine."""
    data = footage["scene"].read_bytes()
    at = data.index(b"url \x00\x00\x00\x01") - 4
    moov = data.index(b"moov") - 4
    assert moov < at < data.index(b"mdat")
    name = str(footage["other-scene"]).encode() + b"\0"
    record = bytearray(150)
    record[4:8] = struct.pack(">I", 150)
    record += struct.pack(">HH", 2, len(name)) + name + b"\0" * (len(name) % 2) + struct.pack(">HH", 0xFFFF, 0)
    alias = struct.pack(">I4sI", 12 + len(record), b"alis", 0) + bytes(record)
    grown = len(alias) - 12
    moved = bytearray(data[:at] + alias + data[at + 12 :])
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        start = data.rindex(box, 0, at) - 4
        moved[start : start + 4] = struct.pack(">I", struct.unpack(">I", data[start : start + 4])[0] + grown)
    path = tmp_path / "referring.mov"
    path.write_bytes(moved)
    with pytest.raises((NoUsableFramesError, UnreadableMediaError)):
        sampled(path, 1.0)


@pytest.mark.parametrize(
    "name",
    [
        "%03d.mp4", "http:--x.mp4", "-i.mp4", "concat:a|b.mp4", "pipe:0", "a#b?c=d.mp4", "two words.mp4", "فيلم.mp4",
        "*.mp4", "no-suffix", "file:x.mp4", ".hidden.mp4", "new\nline.mp4", os.fsdecode(b"latin-\xe9.mp4"),
    ],
)  # fmt: skip
def test_odd_name_is_read_as_that_file(
    footage: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(footage["scene"].read_bytes())
    frames, _, info = sampled(Path(name), 0.5)
    assert info.duration_s == pytest.approx(6.0)
    assert times_of(frames) == pytest.approx([0, 2, 4])


# --- the worker -----------------------------------------------------------------------------------------------------


def killed_midway(path: Path, how: signal.Signals, then: Callable[[], None]) -> tuple[int, DecodeOutcome]:
    """Send the worker a signal after the first frame, do something, and read on to whatever end that makes."""
    with open_video(path, EVERY_FRAME) as video:
        frames = video.frames()
        next(frames)
        os.kill(video._worker._process.pid, how)
        then()
        count = 1 + sum(1 for _ in frames)
        assert video.outcome is not None
        return count, video.outcome


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_worker_killed_midway_leaves_a_partial_outcome_with_the_reason(footage: dict[str, Path]):
    count, outcome = killed_midway(footage["scene"], signal.SIGKILL, lambda: None)
    assert count < SCENE_FRAMES
    assert outcome.failure == "the decoder stopped: it was ended by signal 9"
    assert outcome.decoded.end_s + outcome.missing_s == pytest.approx(6.0)
    assert outcome.missing_s > 1.0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_worker_that_falls_silent_is_ended_at_the_stall_limit(
    footage: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    count, outcome = killed_midway(
        footage["scene"], signal.SIGSTOP, lambda: monkeypatch.setattr(reader, "STALL_LIMIT_S", 0.5)
    )
    assert count < SCENE_FRAMES
    assert outcome.failure == "the decoder stopped: it was ended by signal 9"


def served(path: Path, **request: Any) -> list[tuple[dict[str, Any], bytes]]:
    """What a worker in this process answers."""
    output = io.BytesIO()
    worker.serve({"path": str(path), **request}, output)
    output.seek(0)
    answers = []
    while (answer := receive_message(output, 512 * 512 * 3)) is not None:
        answers.append(answer)
    return answers


def test_worker_answers_in_order(footage: dict[str, Path]):
    answers = served(footage["hard-cuts"], operation="sample", samples_per_second=2.0)
    kinds = [header["kind"] for header, _ in answers]
    assert (kinds[0], kinds[-1]) == ("info", "end")
    assert set(kinds[1:-1]) == {"frame", "time"}
    reached = [header["time_s"] for header, _ in answers if header["kind"] == "time"]
    assert reached == sorted(reached)
    assert all(0.5 <= after - before < 0.6 for before, after in pairwise([0.0, *reached]))
    assert answers[0][0]["info"]["width_px"] == 480
    assert answers[-1][0]["outcome"]["frame_count"] == 225
    assert all(len(payload) == 288 * 512 * 3 for header, payload in answers if header["kind"] == "frame")


def test_worker_answers_probes_and_wishes_for_frames(footage: dict[str, Path]):
    assert [header["kind"] for header, _ in served(footage["rotated"], operation="probe")] == ["info"]
    answers = served(footage["rotated"], operation="frames", times_s=[1.0, 2.0])
    assert [header["kind"] for header, _ in answers] == ["info", "frame", "frame", "end"]
    assert (answers[1][0]["height"], answers[1][0]["width"]) == (512, 288)


def test_worker_tells_what_is_no_video(footage: dict[str, Path]):
    assert served(footage["text"], operation="probe")[0][0]["problem"] == "it is text, not a video"
    assert served(footage["zero-bytes"], operation="sample")[0][0]["kind"] == "error"


def test_worker_serves_the_one_request_on_its_input(footage: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    asked, answered = io.BytesIO(), io.BytesIO()
    send_message(asked, {"operation": "probe", "path": str(footage["scene"])})
    asked.seek(0)
    monkeypatch.setattr(worker, "limit_resources", lambda: None)
    monkeypatch.setattr(
        worker,
        "sys",
        types.SimpleNamespace(stdin=types.SimpleNamespace(buffer=asked), stdout=types.SimpleNamespace(buffer=answered)),
    )
    assert worker.main() == 0
    answered.seek(0)
    answer = receive_message(answered)
    assert answer is not None
    assert answer[0]["info"]["video_codec"] == "h264"
    assert worker.main() == 1


def test_pictures_too_large_are_refused(footage: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probe, "MAX_PIXELS", 480 * 270 - 1)
    assert "480x270 pixels are larger than is decoded" in served(footage["scene"], operation="probe")[0][0]["problem"]


def test_picture_that_grows_too_large_midway_ends_the_readable_part(
    footage: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sampling, "MAX_PIXELS", 480 * 270 - 1)
    outcome = served(footage["scene"], operation="sample", samples_per_second=1.0)[-1][0]["outcome"]
    assert outcome["failure"] == "a frame of 480x270 pixels, larger than is decoded"
    assert outcome["frame_count"] == 0


def test_declared_sizes_that_are_a_lie_do_not_exhaust_memory(footage: dict[str, Path], tmp_path: Path):
    """A sample table that claims four thousand million samples costs an error, not the machine."""
    data = bytearray(footage["scene"].read_bytes())
    at = data.index(b"stsz") + 12
    data[at : at + 4] = struct.pack(">I", 0xFFFFFFF0)
    path = tmp_path / "bomb.mp4"
    path.write_bytes(data)
    try:
        _, outcome, _ = sampled(path, 1.0)
    except (UnreadableMediaError, NoUsableFramesError):
        return
    assert outcome.frame_count <= SCENE_FRAMES


# --- one pass over a video ------------------------------------------------------------------------------------------


class Shown(SilentProgress):
    def __init__(self) -> None:
        self.log: list[Any] = []

    def start(self, label: str, total: float | None, unit: str) -> None:
        self.log.append((label, total, unit))

    def advance(self, amount: float) -> None:
        self.log.append(amount)

    def finish(self) -> None:
        self.log.append("finish")


def test_examination_has_shots_and_fingerprints_of_one_set_of_frames(footage: dict[str, Path]):
    shown, seen = Shown(), []
    found = examine(
        footage["hard-cuts"],
        samples_per_second=4.0,
        views=(Transform(), Transform(mirrored=True)),
        progress=shown,
        label="examine",
        also=seen.append,
    )
    assert [shot.interval.start_s for shot in found.shots] == pytest.approx([0.0, *CUT_TIMES_S])
    assert found.shots[-1].interval.end_s == pytest.approx(9.0)
    assert {shot.frame_class for shot in found.shots} == {FrameClass.TEXTURED}
    for view in found.fingerprints.values():
        for fingerprint in view.values():
            assert fingerprint.times_s.tolist() == times_of(seen)
    assert shown.log[0] == ("examine", pytest.approx(9.0), "s")
    assert shown.log[-1] == "finish"
    assert sum(shown.log[1:-1]) == pytest.approx(9.0, abs=0.5)


def test_static_and_dark_footage_is_classed(footage: dict[str, Path]):
    for name, kinds in (("static", {FrameClass.TEXTURED}), ("dark", {FrameClass.DARK, FrameClass.EMPTY})):
        found = examine(
            footage[name], samples_per_second=4.0, views=(Transform(),), progress=SilentProgress(), label=""
        )
        assert len(found.shots) == 1
        assert found.shots[0].frame_class in kinds
