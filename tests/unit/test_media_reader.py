"""The parent's side of decoding, against workers that only play answers: sense, nonsense, silence and sudden ends."""

from __future__ import annotations

import io
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verify.errors import NoUsableFramesError, UnreadableMediaError
from verify.media import reader
from verify.media.reader import VideoReader, frames_at, open_video
from verify.model import DecodeOutcome, Interval, SilentProgress
from verify.processes import send_message

INFO = {
    "container": "mov",
    "duration_s": 10.0,
    "video_codec": "h264",
    "width_px": 4,
    "height_px": 2,
    "frames_per_second": 25.0,
}
OUTCOME = {"decoded": {"start_s": 0.0, "end_s": 10.0}, "frame_count": 250, "cut_times_s": [1.0]}
PIXELS = bytes(range(24))


class PlayedWorker:
    """Plays messages: (header, payload) each, or raw bytes."""

    def __init__(self, *messages: Any, code: int | None = 0, stderr: str = "") -> None:
        self.input = io.BytesIO()
        self.output = io.BytesIO()
        self._code = code
        self._stderr = stderr
        for message in messages:
            if isinstance(message, bytes):
                self.output.write(message)
            else:
                send_message(self.output, *message)
        self.output.seek(0)

    def kill(self) -> None:
        raise AssertionError("nothing to kill")

    def exit_code(self) -> int | None:
        return self._code

    def stderr_tail(self) -> str:
        return self._stderr


def told(*messages: Any, **end: Any) -> VideoReader:
    return VideoReader(Path("clip.mp4"), PlayedWorker(*messages, **end), {"operation": "sample"})  # type: ignore[arg-type]


def info(**changed: Any) -> tuple[dict[str, Any]]:
    return ({"kind": "info", "info": {**INFO, **changed}},)


def frame(time_s: Any = 0.0, payload: bytes = PIXELS, **changed: Any) -> tuple[dict[str, Any], bytes]:
    header = {"kind": "frame", "pts": 3, "time_s": time_s, "time_base": [1, 25], "height": 2, "width": 4}
    return {**header, "starts_shot": False, **changed}, payload


def proxy(time_s: Any, payload: bytes = b"1234", **changed: Any) -> tuple[dict[str, Any], bytes]:
    return {"kind": "proxy", "time_s": time_s, "height": 2, "width": 2, **changed}, payload


def end(**changed: Any) -> tuple[dict[str, Any]]:
    return ({"kind": "end", "outcome": {**OUTCOME, **changed}},)


class Steps(SilentProgress):
    def __init__(self) -> None:
        self.amounts: list[float] = []

    def advance(self, amount: float) -> None:
        self.amounts.append(amount)


def test_frames_progress_and_outcome_are_handed_on():
    read = told(info(), frame(), ({"kind": "time", "time_s": 0.5},), frame(0.6, starts_shot=True), end())
    steps = Steps()
    first, second = read.frames(steps)
    assert (first.pts, first.time_base, first.time_s, first.starts_shot) == (3, Fraction(1, 25), 0.0, False)
    assert first.pixels_bgr.tolist() == np.arange(24).reshape(2, 4, 3).tolist()
    assert (second.time_s, second.starts_shot) == (0.6, True)
    assert steps.amounts == [0.5]
    assert read.info.duration_s == 10.0
    assert read.outcome == DecodeOutcome(
        decoded=Interval(start_s=0.0, end_s=10.0), frame_count=250, cut_times_s=(1.0,), failure=None
    )


def test_small_pictures_come_between_the_frames():
    read = told(info(), proxy(0.0), frame(0.0), proxy(0.08, b"5678"), frame(0.6), proxy(0.64), end())
    heard: list[tuple[float, list[list[int]]]] = []
    frames = [each.time_s for each in read.frames(on_proxy=lambda time_s, grey: heard.append((time_s, grey.tolist())))]
    assert frames == [0.0, 0.6]
    assert [time_s for time_s, _ in heard] == [0.0, 0.08, 0.64]
    assert heard[1][1] == [[53, 54], [55, 56]]


def test_small_pictures_that_nobody_takes_are_passed_over():
    read = told(info(), proxy(0.0), frame(0.0), end())
    assert [each.time_s for each in read.frames()] == [0.0]


@pytest.mark.parametrize("second", [proxy(0.0), proxy(0.5, b"12", height=1)])
def test_small_pictures_must_follow_each_other(second: Any):
    read = told(info(), frame(0.0), proxy(0.0), second)
    assert len(list(read.frames())) == 1
    assert read.outcome is not None
    assert "does not follow the one before it" in (read.outcome.failure or "")


def test_problem_told_by_the_worker_is_the_error():
    with pytest.raises(UnreadableMediaError, match=r"clip\.mp4: it is text, not a video\. Give a file"):
        told(({"kind": "error", "problem": "it is text, not a video"},))


@pytest.mark.parametrize(
    ("messages", "ending", "words"),
    [
        ((), {}, "it gave no answer"),
        ((), {"code": -9}, "it was ended by signal 9"),
        ((), {"code": 1, "stderr": "...\nMemoryError"}, "it ran out of memory"),
        ((b"rubbish",), {}, "the decoder stopped: "),
        ((({"kind": "hello"},),), {}, "it gave no answer"),
        ((({"info": 3},),), {}, "makes no sense"),
        ((({"info": {"container": "mov"}},),), {}, "makes no sense"),
        ((info(duration_s="long"),), {}, "makes no sense"),
    ],
)
def test_worker_without_a_sensible_description(messages: tuple[Any, ...], ending: dict[str, Any], words: str):
    with pytest.raises(UnreadableMediaError, match=words):
        told(*messages, **ending)


NONSENSE = [
    (({"kind": "dance"},), "no known kind"),
    (({},), "no known kind"),
    (frame(5.0, payload=PIXELS[:-1]), "not that of its pixels"),
    (frame(5.0, height=0, payload=b""), "not that of its pixels"),
    (frame(5.0, height=-2, width=-4), "not that of its pixels"),
    (frame(5.0, height="2"), "a frame that is none"),
    (({"kind": "frame", "time_s": 5.0}, PIXELS), "a frame that is none"),
    (frame(5.0, time_base=[1, 0]), "a frame that is none"),
    (frame(5.0, time_base=[1]), "a frame that is none"),
    (frame(5.0, pts="x"), "a frame that is none"),
    (frame(None), "a time of None s"),
    (frame(float("nan")), "a time of nan s"),
    (frame(float("inf")), "a time of inf s"),
    (frame(-1.0), "a time of -1.0 s"),
    (frame(0.1), "out of order"),
    (proxy(None), "a time of None s"),
    (proxy(5.0, payload=b"123"), "does not follow"),
    (proxy(5.0, height=0, payload=b""), "without a size"),
    (proxy(5.0, height=-2, width=-2), "without a size"),
    (proxy(5.0, height="2"), "without a size"),
    (proxy(5.0, width=None), "without a size"),
    (({"kind": "time"},), "a time of None s"),
    (({"kind": "time", "time_s": "soon"},), "a time of soon s"),
    (end(decoded={"start_s": 5.0, "end_s": 1.0}), "an outcome that is none"),
    (end(frame_count="many"), "an outcome that is none"),
    (b"\xff\xff\xff\xff", "a header of"),
    (b"\x00", "in the middle of a message"),
]


@pytest.mark.parametrize(("message", "words"), NONSENSE)
def test_nonsense_after_some_frames_ends_the_readable_part(message: Any, words: str):
    read = told(info(), frame(0.0), frame(4.0), message)
    assert [each.time_s for each in read.frames()] == [0.0, 4.0]
    outcome = read.outcome
    assert outcome is not None
    assert outcome.failure is not None
    assert outcome.failure.startswith("the decoder stopped: ")
    assert words in outcome.failure
    assert (outcome.decoded.end_s, outcome.missing_s) == (4.0, 6.0)


@pytest.mark.parametrize(("message", "words"), [each for each in NONSENSE if each[1] != "out of order"])
def test_nonsense_before_any_frame_is_an_error(message: Any, words: str):
    with pytest.raises(UnreadableMediaError, match=words):
        list(told(info(), message).frames())


def test_worker_that_dies_midway_leaves_what_it_gave():
    read = told(info(duration_s=None), frame(0.0), frame(4.0), code=-11)
    assert len(list(read.frames())) == 2
    assert read.outcome is not None
    assert read.outcome.failure == "the decoder stopped: it was ended by signal 11"
    assert read.outcome.missing_s == 0.0


def test_worker_that_still_runs_is_reported_by_what_it_said():
    read = told(info(), frame(0.0), code=None)
    assert len(list(read.frames())) == 1
    assert read.outcome is not None
    assert read.outcome.failure == "the decoder stopped: the decoder ended without a word"


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (end(), "holds no frame"),
        (end(failure="reading stopped: Input/output error"), "reading stopped: Input/output error"),
        (({"kind": "end"},), "holds no frame"),
    ],
)
def test_end_without_a_frame(last: Any, words: str):
    with pytest.raises(NoUsableFramesError, match=words):
        list(told(info(), last).frames())


class SilentWorker(PlayedWorker):
    """Describes the file, gives one frame and falls silent until it is killed."""

    def __init__(self) -> None:
        super().__init__(info(), frame(), code=-9)
        listening, self._speaking = os.pipe()
        os.write(self._speaking, self.output.getvalue())
        self.output = os.fdopen(listening, "rb")  # type: ignore[assignment]

    def kill(self) -> None:
        os.close(self._speaking)


def test_silent_worker_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reader, "STALL_LIMIT_S", 0.3)
    worker = SilentWorker()
    read = VideoReader(Path("clip.mp4"), worker, {})  # type: ignore[arg-type]
    with worker.output:
        assert len(list(read.frames())) == 1
    assert read.outcome is not None
    assert read.outcome.failure == "the decoder stopped: it was ended by signal 9"


def test_worker_dead_before_it_is_asked_is_an_error():
    worker = PlayedWorker(code=-9)
    listening, speaking = os.pipe()
    os.close(listening)
    worker.input = os.fdopen(speaking, "wb", buffering=0)  # type: ignore[assignment]
    with worker.input, pytest.raises(UnreadableMediaError, match="signal 9"):
        VideoReader(Path("clip.mp4"), worker, {})  # type: ignore[arg-type]


def test_file_that_is_not_there(tmp_path: Path):
    with (
        pytest.raises(UnreadableMediaError, match=r"nothing\.mp4: there is no such file"),
        open_video(tmp_path / "nothing.mp4", 8.0),
    ):
        pass
    with pytest.raises(UnreadableMediaError, match="there is no such file"):
        frames_at(tmp_path, [0.0])


def test_no_times_need_no_worker(tmp_path: Path):
    assert frames_at(tmp_path / "nothing.mp4", []) == []
