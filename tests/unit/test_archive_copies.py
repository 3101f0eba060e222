"""Copies of archived videos: the same recording encoded anew is one, the same scene at another time is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.fingerprint_samples import Film, fingerprints_of
from verify.archive.copies import Likeness, Recording, find_copy, likeness_of, may_agree, of_like_duration
from verify.fingerprint.motion_signatures import DIMENSIONS, VERSION
from verify.model import MotionSet

if TYPE_CHECKING:
    from verify.archive.copies import Copy
    from verify.model import FingerprintSet

LENGTH_S = 12.0
#: A scene that a fixed camera films: its pictures hardly differ.
FIXED = Film(1, 40.0, memory=0.99999)
DRONE = Film(2, 40.0, memory=0.998)


def moments(seed: int, duration_s: float = 40.0, memory: float = 0.8) -> np.ndarray:
    """What changes, 25 times a second; of moments a second apart nothing is alike."""
    generator = np.random.default_rng(seed)
    state = generator.standard_normal(DIMENSIONS)
    rows = []
    for _ in range(round(duration_s * 25)):
        rows.append(state)
        state = memory * state + (1 - memory**2) ** 0.5 * generator.standard_normal(DIMENSIONS)
    return np.array(rows) * 8


def recording(
    look: Film,
    motion: np.ndarray | None,
    *,
    start_s: float = 0.0,
    length_s: float = LENGTH_S,
    noise: float = 0.0,
    quality: float = 1.0,
    seed: int = 0,
) -> Recording:
    """A part of a film; `noise` is the share of turned bits and of what is added to its motion."""
    times_s = np.arange(0, length_s, 0.25)
    changed_s = np.arange(0.12, length_s - 0.12, 0.08)
    signatures = None
    if motion is not None:
        codes = motion[np.floor((start_s + changed_s) * 25 + 1e-6).astype(int)]
        codes = codes + noise * 40 * np.random.default_rng(seed).standard_normal(codes.shape)
        kept = np.linalg.norm(codes, axis=1) >= 15
        signatures = MotionSet(
            version=VERSION,
            times_s=changed_s[kept],
            codes=np.clip(np.rint(codes[kept]), -127, 127).astype(np.int8),
        )
    return Recording(
        fingerprints=fingerprints_of(look.at(start_s + times_s, noise, seed), times_s, quality),
        motion=signatures,
        duration_s=length_s,
    )


def found(video: Recording, **references: Recording) -> Copy | None:
    return find_copy(
        video,
        [(name, each.duration_s) for name, each in references.items()],
        lambda name: references[name].fingerprints,
        lambda name: references[name].motion,
    )


def likeness(video: Recording, reference: Recording) -> Likeness:
    compared = likeness_of(video, reference)
    assert compared is not None
    return compared


def patched(base: Recording, other: Recording, begin_s: float, end_s: float) -> Recording:
    """A recording with a part of another's pictures in its middle, and the motion as it was."""

    def mixed(algorithm: str) -> FingerprintSet:
        one, two = base.fingerprints[algorithm], other.fingerprints[algorithm]
        inside = (one.times_s >= begin_s) & (one.times_s < end_s)
        return replace(one, codes=np.where(inside[:, None], two.codes, one.codes))

    return replace(base, fingerprints={name: mixed(name) for name in base.fingerprints})


@pytest.mark.parametrize("look", [FIXED, DRONE])
def test_identical_video_is_a_copy(look: Film):
    video = recording(look, moments(1))
    copy = found(video, a=video)
    assert copy is not None
    assert copy.reference_id == "a"
    assert (copy.likeness.offset_s, copy.likeness.covered, copy.likeness.median_pdq_bits) == (0, 1, 0)
    assert copy.likeness.motion == pytest.approx(1)
    assert copy.likeness.motion_elsewhere is not None
    assert copy.likeness.motion_elsewhere < 0.4


@pytest.mark.parametrize(("start_s", "length_s"), [(0.5, 11.5), (0.0, 11.0), (0.32, 11.2), (0.8, 11.2)])
def test_trimmed_and_encoded_anew_it_still_is(start_s: float, length_s: float):
    reference = recording(DRONE, moments(1))
    video = recording(DRONE, moments(1), start_s=start_s, length_s=length_s, noise=0.05)
    copy = found(video, other=recording(Film(3, 40.0), moments(3)), a=reference)
    assert copy is not None
    assert copy.reference_id == "a"
    assert copy.likeness.offset_s == pytest.approx(start_s, abs=0.05)
    assert copy.likeness.covered == pytest.approx(length_s / LENGTH_S, abs=0.01)
    # The longer one may come second as well.
    back = found(reference, a=video)
    assert back is not None
    assert back.likeness.offset_s == pytest.approx(-start_s, abs=0.05)


def test_closest_of_several_copies_is_named():
    motion = moments(1)
    references = {name: recording(DRONE, motion, noise=noise, seed=5) for name, noise in (("a", 0.06), ("b", 0.01))}
    copy = found(recording(DRONE, motion), **references)
    assert copy is not None
    assert copy.reference_id == "b"


def test_same_camera_at_another_time_is_no_copy():
    motion = moments(1)
    video, reference = recording(FIXED, motion), recording(FIXED, motion, start_s=20.0)
    compared = likeness(video, reference)
    assert compared.agreeing == 1
    assert compared.motion < 0.3
    assert found(video, a=reference) is None


def test_other_take_of_the_same_view_is_no_copy():
    assert found(recording(DRONE, moments(1)), a=recording(DRONE, moments(2))) is None


def test_same_motion_under_another_picture_is_no_copy():
    motion = moments(1)
    assert found(recording(DRONE, motion), a=recording(Film(3, 40.0), motion)) is None


@pytest.mark.parametrize("shift_s", [1.7, 3.0])
def test_further_shifted_part_of_the_same_recording_is_no_copy(shift_s: float):
    motion = moments(1)
    assert found(recording(FIXED, motion), a=recording(FIXED, motion, start_s=shift_s)) is None


@pytest.mark.parametrize("memory", [1.0, 0.9999])
def test_what_stands_still_is_no_copy(memory: float):
    look = Film(4, 40.0, memory=memory)
    for motion in (None, np.zeros((1000, DIMENSIONS)), moments(1) * 0.1):
        video = recording(look, motion)
        assert found(video, a=video) is None


def test_motion_that_repeats_itself_proves_nothing():
    motion = np.tile(moments(1, 2.0), (20, 1))
    video = recording(FIXED, motion)
    compared = likeness(video, video)
    assert compared.motion_elsewhere is not None
    assert compared.motion == pytest.approx(1)
    assert compared.motion_elsewhere > 0.9
    assert found(video, a=video) is None


def test_motion_in_a_few_seconds_only_is_not_enough():
    motion = moments(1)
    motion[75:] = 0
    video = recording(FIXED, motion)
    assert likeness(video, video).proven < 0.5
    assert found(video, a=video) is None


def test_same_beginning_and_another_ending_is_no_copy():
    motion, other = moments(1), moments(1)
    other[250:] = moments(2)[250:]
    video, reference = recording(FIXED, motion), recording(FIXED, other)
    compared = likeness(video, reference)
    assert compared.motion > 0.75
    assert compared.least_window_motion is not None
    assert compared.least_window_motion < 0.4
    assert found(video, a=reference) is None


def test_jolt_that_two_recordings_share_is_no_proof():
    motion, other = moments(1), moments(2)
    for each in (motion, other):
        each[100:110] = moments(3)[:10] * 15
    compared = likeness(recording(FIXED, motion), recording(FIXED, other))
    assert compared.motion > 0.5
    assert not compared.is_copy


def test_other_title_of_two_seconds_is_no_copy():
    video = recording(DRONE, moments(1))
    with_title = patched(video, recording(Film(3, 40.0), None), 5.0, 7.0)
    with_blink = patched(video, recording(Film(3, 40.0), None), 5.0, 5.5)
    assert likeness(video, with_title).gap_s == pytest.approx(2.0, abs=0.3)
    assert found(video, a=with_title) is None
    assert found(video, a=with_blink) is not None


def test_pictures_without_structure_prove_nothing():
    video = recording(DRONE, moments(1), quality=0.2)
    assert likeness(video, video).usable == 0
    assert found(video, a=video) is None


@pytest.mark.parametrize("length_s", [1.0, 9.5])
def test_too_short_a_video_is_no_copy(length_s: float):
    video = recording(DRONE, moments(1), length_s=length_s)
    assert found(video, a=video) is None


def test_other_duration_is_not_even_read():
    def read(reference_id: str) -> dict[str, FingerprintSet]:
        raise AssertionError(reference_id)

    assert find_copy(recording(DRONE, moments(1)), [("a", LENGTH_S + 1.6), ("b", 3.0)], read, lambda _: None) is None


@pytest.mark.parametrize("missing", ["video", "reference"])
def test_without_motion_signatures_nothing_is_a_copy(missing: str):
    with_motion, without = recording(DRONE, moments(1)), recording(DRONE, None)
    video, reference = (without, with_motion) if missing == "video" else (with_motion, without)
    assert likeness_of(video, reference) is None
    assert found(video, a=reference) is None


def test_motion_is_read_only_where_pictures_agree():
    references = {"a": recording(Film(3, 40.0), moments(3)), "b": recording(DRONE, moments(1))}
    asked: list[str] = []

    def motion_of(reference_id: str) -> MotionSet | None:
        asked.append(reference_id)
        return references[reference_id].motion

    pairs = [(name, each.duration_s) for name, each in references.items()]
    copy = find_copy(references["b"], pairs, lambda name: references[name].fingerprints, motion_of)
    assert copy is not None
    assert asked == ["b"]


@pytest.mark.parametrize("algorithm", ["pdq", "phash"])
def test_fingerprints_of_another_version_are_not_compared(algorithm: str):
    video = recording(DRONE, moments(1))
    newer = replace(video.fingerprints[algorithm], version=99)
    assert found(video, a=replace(video, fingerprints={**video.fingerprints, algorithm: newer})) is None
    assert video.motion is not None
    assert found(video, a=replace(video, motion=replace(video.motion, version=99))) is None


def test_video_without_frames_is_no_copy():
    video = recording(DRONE, moments(1))
    empty = {
        name: replace(each, times_s=each.times_s[:0], codes=each.codes[:0], quality=each.quality[:0])
        for name, each in video.fingerprints.items()
    }
    assert not may_agree(video.fingerprints, empty)
    assert not may_agree(empty, video.fingerprints)
    assert not likeness(video, replace(video, fingerprints=empty)).is_copy


def test_references_of_like_duration_nearest_first():
    pairs = [("a", 12.0), ("b", 13.5), ("c", 13.6), ("d", 11.75), ("e", 10.4), ("f", 12.25)]
    assert of_like_duration(pairs, 12.0) == [("a", 12.0), ("d", 11.75), ("f", 12.25), ("b", 13.5)]
    assert of_like_duration([("a", 9.0)], 9.0) == []
    assert of_like_duration([("a", 4.0)], float("nan")) == []
