"""The parent's side of examining a container, against workers that only play answers, and the words for outcomes."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest

from verify.errors import UnreadableMediaError
from verify.media import container
from verify.media.container import decoding_observations, duration_observation, examine_container
from verify.model import DecodeOutcome, Interval, MediaInfo, Observation
from verify.processes import send_message

SEEN = Observation(topic="file", observed="It is a file.", meaning="Nothing.", limits="Everything.", details={"a": 1})
TOLD = {"kind": "observation", "observation": dataclasses.asdict(SEEN)}


class PlayedWorker:
    """Plays messages in place of the worker process."""

    messages: tuple[Any, ...] = ()
    code: int | None = 0
    stderr = ""
    last: PlayedWorker

    def __init__(self, module: str) -> None:
        assert module == "verify.media.container_worker"
        self.input, self.output = io.BytesIO(), io.BytesIO()
        for message in self.messages:
            if isinstance(message, bytes):
                self.output.write(message)
            else:
                send_message(self.output, message)
        self.output.seek(0)
        self.killed = False
        PlayedWorker.last = self

    def __enter__(self) -> PlayedWorker:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def kill(self) -> None:
        self.killed = True

    def exit_code(self) -> int | None:
        return self.code

    def stderr_tail(self) -> str:
        return self.stderr


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")

    def examined(*messages: Any, code: int | None = 0, stderr: str = "") -> tuple[Observation, ...]:
        played_worker = type("Played", (PlayedWorker,), {"messages": messages, "code": code, "stderr": stderr})
        monkeypatch.setattr(container, "Worker", played_worker)
        return examine_container(path)

    return examined


def test_observations_are_handed_on(played: Any):
    assert played(TOLD, {"kind": "alive"}, TOLD, {"kind": "end"}) == (SEEN, SEEN)
    assert not PlayedWorker.last.killed


def test_problem_told_by_the_worker_is_the_error(played: Any):
    with pytest.raises(UnreadableMediaError, match=r"clip\.mp4: it is text, not a video"):
        played({"kind": "error", "problem": "it is text, not a video"})


def changed(**fields: Any) -> dict[str, Any]:
    return {"kind": "observation", "observation": {**TOLD["observation"], **fields}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"kind": "dance"}, "no known kind"),
        ({}, "no known kind"),
        (changed(topic=3), "an observation that is none"),
        (changed(details={"a": [1]}), "an observation that is none"),
        ({"kind": "observation"}, "an observation that is none"),
        (changed(observed="x" * 5000), "longer than is taken"),
        (changed(details={"a": "x" * 1001}), "longer than is taken"),
        (changed(details={"x" * 1001: 1}), "longer than is taken"),
        (changed(details={str(number): 1 for number in range(1001)}), "longer than is taken"),
        (b"\xff\xff\xff\xff", "a header of"),
        (b"\x00", "in the middle of a message"),
    ],
)
def test_nonsense_ends_the_examination_and_is_said(played: Any, message: Any, words: str):
    first, last = played(TOLD, message)
    assert first == SEEN
    assert last.topic == "examination"
    assert words in last.observed


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ({"code": -9}, "it was ended by signal 9"),
        ({"code": 1, "stderr": "...\nMemoryError"}, "it ran out of memory"),
        ({"code": None}, "it ended without a word"),
    ],
)
def test_worker_that_dies_is_said(played: Any, ending: dict[str, Any], words: str):
    first, last = played(TOLD, **ending)
    assert (first, last.topic) == (SEEN, "examination")
    assert words in last.observed


def test_endless_answers_are_not_taken(played: Any):
    told = played(*[{"kind": "alive"}] * 4001)
    assert [each.topic for each in told] == ["examination"]
    assert "more answers than are taken" in told[0].observed


def test_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(UnreadableMediaError, match="there is no such file"):
        examine_container(tmp_path / "nothing.mp4")


# --- words for the outcome of decoding ------------------------------------------------------------------------------

INFO = MediaInfo(
    container="mov", duration_s=10.0, video_codec="h264", width_px=640, height_px=360, frames_per_second=25.0
)


def outcome(**fields: Any) -> DecodeOutcome:
    whole: dict[str, Any] = {"decoded": Interval(start_s=0.0, end_s=10.0), "frame_count": 250, "cut_times_s": ()}
    return DecodeOutcome(**{**whole, **fields})


@pytest.mark.parametrize(
    ("declared_s", "decoded_s", "words"),
    [
        (10.0, 10.0, "The declared duration of 10.00 s agrees with what is there: 250 pictures, 10.00 s"),
        (10.4, 10.0, "agrees with"),
        (12.0, 10.0, "The declared duration of 12.00 s differs from what is there"),
        (8.0, 10.0, "differs from"),
        (None, 10.0, "The file declares no duration; 250 pictures, 10.00 s, could be decoded."),
    ],
)
def test_duration(declared_s: float | None, decoded_s: float, words: str):
    info = dataclasses.replace(INFO, duration_s=declared_s)
    told = duration_observation(info, outcome(decoded=Interval(start_s=0.0, end_s=decoded_s)))
    assert words in told.observed
    assert told.details["declared_s"] == declared_s


def test_sound_file_gives_its_duration_alone():
    assert [each.topic for each in decoding_observations(INFO, outcome())] == ["duration"]


def test_what_decoding_showed_is_told():
    spans = tuple(Interval(start_s=float(number), end_s=number + 0.5) for number in range(8))
    told = decoding_observations(
        INFO, outcome(gaps=spans[:1], held=spans, damaged_packets=7, repeated_frames=50, repeat_every_frames=5)
    )
    by_topic = {each.topic: each.observed for each in told}
    assert by_topic["missing pictures"] == (
        "7 packets or pictures were damaged. Pictures are missing at 0.00 to 0.50 s."
    )
    assert by_topic["still pictures"].endswith("5.00 to 5.50 s and 2 more.")
    assert by_topic["repeated pictures"].startswith("50 of 250 pictures repeat the one before")


def test_damage_without_a_gap_is_told():
    told = decoding_observations(INFO, outcome(damaged_packets=1))
    assert told[1].observed == "One packet or picture was damaged. No gap came of it."


def test_jump_without_damage_is_told():
    told = decoding_observations(INFO, outcome(gaps=(Interval(start_s=1.0, end_s=3.0),)))
    assert told[1].observed == "No packet was damaged. Pictures are missing at 1.00 to 3.00 s."
