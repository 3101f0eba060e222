"""Examining the containers of real files, in the worker process: each trace is told where it is, and not elsewhere."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures import drawing
from fixtures.footage import (
    FROZEN_FRAMES,
    JUMP_FRAMES,
    SCENE_FRAMES,
    SILENCE_S,
    TRIMMED_S,
    VARIABLE_TIMES_S,
    _ffmpeg,
    encode,
)
from verify.errors import UnreadableMediaError
from verify.media import container, container_worker
from verify.media.container import decoding_observations, examine_container
from verify.media.reader import open_video
from verify.model import DecodeOutcome, MediaInfo, Observation
from verify.processes import receive_message

FRAME_S = 1 / drawing.FRAMES_PER_SECOND
JUDGING_WORDS = ("prove", "fake", "authentic", "manipulat", "tamper", "genuine", "suspicious")


def examined(path: Path, **named: Any) -> dict[str, Observation]:
    told = examine_container(path, **named)
    by_topic = {each.topic: each for each in told}
    assert len(by_topic) == len(told)
    for each in told:
        assert all((each.observed, each.meaning, each.limits))
        text = f"{each.meaning} {each.limits}".lower()
        assert not any(word in text for word in JUDGING_WORDS)
    return by_topic


def decoded(path: Path) -> tuple[MediaInfo, DecodeOutcome]:
    with open_video(path, 4.0) as video:
        for _ in video.frames():
            pass
        assert video.outcome is not None
        return video.info, video.outcome


def test_plain_file_has_its_figures_and_nothing_unusual(footage: dict[str, Path]):
    told = examined(footage["scene"])
    assert set(told) == {"file", "streams", "key frames", "frame timing", "encoder", "sound", "nothing unusual"}
    assert told["file"].details["major_brand"] == "isom"
    assert told["file"].details["index_first"] is True
    facts = told["streams"].details
    assert (facts["streams"], facts["stream_0_codec"], facts["stream_0_width_px"]) == (1, "h264", 480)
    size_bits = 8 * footage["scene"].stat().st_size
    assert facts["stream_0_bit_rate_bits"] == pytest.approx(size_bits / (SCENE_FRAMES * FRAME_S), rel=0.05)
    assert told["frame timing"].details["constant"] is True
    assert told["frame timing"].details["step_s"] == pytest.approx(FRAME_S)
    assert told["sound"].observed == "The file has no sound stream."
    for words in ("a rotation", "an edit list", "a stated location", "a time of creation"):
        assert words in told["nothing unusual"].observed


def test_encoders_are_quoted_from_metadata_and_from_the_stream(footage: dict[str, Path]):
    names = [str(text) for text in examined(footage["with-sound"])["encoder"].details.values()]
    assert any(text.startswith("x264 - core") for text in names)
    assert any(text.startswith("Lavc") and "libx264" not in text for text in names)


def test_names_times_place_and_sound_that_a_file_states(footage: dict[str, Path]):
    told = examined(footage["stated"], acquired_utc="2026-01-01T00:00:00Z")
    assert told["location"].details["container_location"] == "+12.3400-056.7800/"
    assert "2040-01-02T03:04:05" in told["creation time"].observed
    assert told["creation time"].details["notes"] == "a time later than the acquisition of the file"
    assert told["earlier encodings"].details["makers"] == "Apple, FFmpeg (Lavf, Lavc), x264"
    assert (told["key frames"].details["regular"], told["key frames"].details["longest_pictures"]) == (True, 25)
    assert told["sound and picture"].observed == "The sound ends 1.00 s before the picture."
    sound = told["sound"].details
    assert sound["silences"] == 1
    assert sound["silence_0_start_s"] == pytest.approx(SILENCE_S[0], abs=0.05)
    assert sound["silence_0_end_s"] == pytest.approx(SILENCE_S[1], abs=0.05)


def test_time_before_the_acquisition_is_not_remarked_on(footage: dict[str, Path]):
    told = examined(footage["stated"], acquired_utc="2041-01-01T00:00:00Z")
    assert told["creation time"].details["notes"] is None


def test_loudness_is_that_of_a_tone_of_known_level(tmp_path: Path):
    path = tmp_path / "tone.mkv"
    # EBU Tech 3341: a stereo sine of 1 kHz at -23 dBFS reads -23.0 LUFS, within 0.1 LU.
    level = 10 ** (-23 / 20)
    tone = f"aevalsrc={level:.6f}*sin(2*PI*1000*t)|{level:.6f}*sin(2*PI*1000*t):s=48000:d=8"
    _ffmpeg("-f", "lavfi", "-i", tone, "-c:a", "pcm_s24le", path)
    assert examined(path)["sound"].details["loudness_lufs"] == pytest.approx(-23.0, abs=0.1)


def test_silence_throughout_is_said(tmp_path: Path):
    path = tmp_path / "silent.mkv"
    _ffmpeg("-f", "lavfi", "-i", "anullsrc=d=3", "-c:a", "pcm_s16le", path)
    assert "silent throughout" in examined(path)["sound"].observed


def test_edit_list_that_hides_pictures(footage: dict[str, Path]):
    told = examined(footage["trimmed"])["edit list"]
    # Encoders begin two frames late to make room for reordering, which the list takes out as well.
    assert told.details["track_1_edit_1_media_time_s"] == pytest.approx(TRIMMED_S + 2 * FRAME_S, abs=0.01)
    assert told.details["hidden_pictures"] == pytest.approx(TRIMMED_S / FRAME_S, abs=1)
    _, outcome = decoded(footage["trimmed"])
    assert outcome.decoded.end_s == pytest.approx(SCENE_FRAMES * FRAME_S - TRIMMED_S, abs=0.05)


def test_rotation(footage: dict[str, Path]):
    assert "90 degrees clockwise" in examined(footage["rotated"])["rotation"].observed


def test_variable_frame_rate(footage: dict[str, Path]):
    facts = examined(footage["variable-frame-rate"])["frame timing"].details
    assert facts["constant"] is False
    assert facts["longest_step_s"] == pytest.approx(3 * FRAME_S)
    assert facts["missing_pictures"] == SCENE_FRAMES - len(VARIABLE_TIMES_S)


def test_borders_in_the_picture(tmp_path: Path):
    path = tmp_path / "bordered.mp4"
    encode(drawing.scene(1, 100), path, "-g", "10", "-vf", "pad=480:360:0:45")
    facts = examined(path)["borders"].details
    assert (facts["top_px"], facts["bottom_px"]) == (pytest.approx(45, abs=1), pytest.approx(45, abs=1))
    assert facts["key_frames_looked_at"] == 8


def test_open_groups(tmp_path: Path):
    options = ("-g", "27", "-sc_threshold", "0", "-x264-params", "open-gop=1:bframes=3:b-adapt=0")
    encode(drawing.scene(1, 100), tmp_path / "open.mkv", *options)
    facts = examined(tmp_path / "open.mkv")["key frames"].details
    assert facts["open_groups"] == facts["key_frames"] - 1 > 0  # type: ignore[operator]


@pytest.mark.parametrize("suffix", ["mkv", "ts", "avi", "mov", "webm"])
def test_other_containers(footage: dict[str, Path], tmp_path: Path, suffix: str):
    path = tmp_path / f"clip.{suffix}"
    codecs = ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus") if suffix == "webm" else ("-c", "copy")
    _ffmpeg("-i", footage["with-sound"], *codecs, path)
    told = examined(path)
    assert "examination" not in told
    assert told["streams"].details["streams"] == 2
    assert told["frame timing"].details["pictures"] == SCENE_FRAMES
    assert told["frame timing"].details["constant"] is True
    assert told["sound"].details["heard_s"] == pytest.approx(6.0, abs=0.1)


def test_sound_without_pictures_is_examined(footage: dict[str, Path]):
    told = examined(footage["audio-only"])
    assert "frame timing" not in told
    assert told["sound"].details["heard_s"] == pytest.approx(3.0, abs=0.1)


def test_text_in_no_known_encoding_stops_nothing(footage: dict[str, Path], tmp_path: Path):
    path = tmp_path / "title.mp4"
    _ffmpeg("-i", footage["scene"], "-c", "copy", "-metadata", "location=@@@@", "-metadata", "comment=@@@@", path)
    path.write_bytes(path.read_bytes().replace(b"@@@@", b"\xff\xfe\x1b["))
    told = examined(path)
    assert "examination" not in told
    assert "\x1b" not in "".join(str(text) for each in told.values() for text in each.details.values())
    assert decoded(path)[1].frame_count == SCENE_FRAMES


@pytest.mark.parametrize(
    ("name", "words"), [("zero-bytes", "it is empty"), ("text", "it is text"), ("image", "a still image")]
)
def test_what_is_no_container_is_named(footage: dict[str, Path], name: str, words: str):
    with pytest.raises(UnreadableMediaError, match=words):
        examine_container(footage[name])


# --- what decoding adds ---------------------------------------------------------------------------------------------


def test_damage_in_the_middle_is_a_gap(footage: dict[str, Path]):
    info, outcome = decoded(footage["damaged"])
    (gap,) = outcome.gaps
    assert outcome.damaged_packets > 0
    missing = 225 - outcome.frame_count
    assert gap.duration_s == pytest.approx(missing * FRAME_S, abs=10 * FRAME_S)
    told = {each.topic: each.observed for each in decoding_observations(info, outcome)}
    assert f"{gap.start_s:.2f} to {gap.end_s:.2f} s" in told["missing pictures"]


def test_jump_in_time_is_a_gap(footage: dict[str, Path]):
    _, outcome = decoded(footage["jump"])
    (gap,) = outcome.gaps
    assert (gap.start_s, gap.end_s) == pytest.approx((JUMP_FRAMES[0] * FRAME_S, JUMP_FRAMES[1] * FRAME_S))
    assert (outcome.damaged_packets, outcome.failure, outcome.held) == (0, None, ())


def test_frozen_picture_is_held(footage: dict[str, Path]):
    _, outcome = decoded(footage["frozen"])
    (held,) = outcome.held
    assert held.start_s == pytest.approx((FROZEN_FRAMES[0] - 1) * FRAME_S)
    assert held.end_s == pytest.approx(FROZEN_FRAMES[1] * FRAME_S)
    assert outcome.gaps == ()


def test_converted_frame_rate_has_its_rhythm(footage: dict[str, Path]):
    info, outcome = decoded(footage["converted-rate"])
    assert (outcome.repeat_every_frames, outcome.repeated_frames) == (5, SCENE_FRAMES // 5)
    assert "repeated pictures" in {each.topic for each in decoding_observations(info, outcome)}


@pytest.mark.parametrize("name", ["scene", "hard-cuts", "variable-frame-rate", "rotated", "trimmed", "dark", "flash"])
def test_whole_footage_has_neither_gap_nor_hold_nor_rhythm(footage: dict[str, Path], name: str):
    _, outcome = decoded(footage[name])
    assert (outcome.gaps, outcome.held, outcome.repeat_every_frames) == ((), (), None)


def test_real_clips_have_neither_gap_nor_hold_nor_rhythm(clips: dict[str, Path]):
    for name, path in clips.items():
        _, outcome = decoded(path)
        assert (name, outcome.gaps, outcome.held, outcome.repeat_every_frames) == (name, (), (), None)


def test_damage_is_told_alike_every_time(footage: dict[str, Path]):
    outcomes = {str(decoded(footage["damaged"])[1]) for _ in range(3)}
    assert len(outcomes) == 1


# --- hostile files --------------------------------------------------------------------------------------------------


def served(path: Path, seconds: float = 60.0) -> list[dict[str, Any]]:
    """What the worker would answer, in this process."""
    output = io.BytesIO()
    container_worker.serve({"path": str(path), "now_utc": "2026-01-01T00:00:00Z", "seconds": seconds}, output)
    output.seek(0)
    answers = []
    while received := receive_message(output):
        answers.append(received[0])
    return answers


@pytest.mark.parametrize("name", ["stated", "damaged", "truncated"])
def test_damaged_files_end_in_observations_or_in_words(footage: dict[str, Path], tmp_path: Path, name: str):
    whole = footage[name].read_bytes()
    chance = random.Random(name)
    for number in range(6):
        broken = np.frombuffer(whole, np.uint8).copy()
        index = whole.index(b"moov")
        places = [chance.randrange(index, min(index + 4000, len(whole))) for _ in range(30)]
        broken[places] = [chance.randrange(256) for _ in places]
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(broken.tobytes()[: chance.randrange(len(whole) // 2, len(whole))])
        answers = served(path)
        assert answers[-1]["kind"] in {"end", "error"}


def test_no_time_left_is_said(footage: dict[str, Path]):
    answers = served(footage["stated"], seconds=0.0)
    told = [each["observation"] for each in answers if each["kind"] == "observation"]
    sound = next(each for each in told if each["topic"] == "sound")
    assert "took longer than is allowed" in sound["observed"]
    assert answers[-1]["kind"] == "end"


def test_worker_that_takes_too_long_is_ended(footage: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(container, "STALL_LIMIT_S", 0.01)
    told = examine_container(footage["scene"])
    assert [each.topic for each in told] == ["examination"]
    assert "it was ended by signal 9" in told[0].observed


def test_worker_has_a_limit_in_all(footage: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(container, "_GRACE_S", 0.01 - container.EXAMINATION_LIMIT_S)
    told = examine_container(footage["scene"])
    assert told[-1].topic == "examination"
