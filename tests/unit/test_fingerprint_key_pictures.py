"""Key pictures: pieces of a release, key pictures of a reference, and how few frames wait at a time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fixtures import drawing
from verify.fingerprint import local
from verify.fingerprint.key_pictures import (
    MAX_PIECE_S,
    QUERY_KEYPOINTS,
    REFERENCE_KEYPOINTS,
    QueryPiece,
    QueryPieces,
    ReferenceFeatures,
)
from verify.fingerprint.local import Keypoints
from verify.model import LocalFeatureSet, SampledFrame

Grey = npt.NDArray[np.uint8]


def noise(seed: int, shape: tuple[int, int] = (36, 64)) -> Grey:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def drawn(seed: int, number: int = 0) -> Grey:
    """One picture of a scene at the canonical size."""
    *_, picture = drawing.scene(seed, number + 1)
    return np.asarray(cv2.cvtColor(cv2.resize(picture, (512, 288)), cv2.COLOR_BGR2GRAY), np.uint8)


def frame(time_s: float, *, starts_shot: bool = False) -> SampledFrame:
    return SampledFrame(
        pts=round(time_s * 1000),
        time_base=Fraction(1, 1000),
        time_s=time_s,
        pixels_bgr=np.zeros((1, 1, 3), np.uint8),
        starts_shot=starts_shot,
    )


def sampled(*shots: tuple[float, float], per_second: float = 8.0) -> list[SampledFrame]:
    """Frames as sampling gives them: a grid, and both sides of every cut of a video at 25 frames per second."""
    frames = {
        number / 25: frame(number / 25, starts_shot=number / 25 in {start_s for start_s, _ in shots[1:]})
        for start_s, end_s in shots
        for number in range(round(start_s * 25), round(end_s * 25))
        if number in (round(start_s * 25), round(end_s * 25) - 1) or number * per_second % 25 < per_second
    }
    return [frames[time_s] for time_s in sorted(frames)]


def pieces_of(frames: Iterable[SampledFrame], end_s: float, grey: Grey | None = None) -> tuple[QueryPiece, ...]:
    collector = QueryPieces()
    for each in frames:
        collector.add(each, np.full((36, 64), 90, np.uint8) if grey is None else grey)
    return collector.finish(end_s)


def intervals(pieces: Iterable[QueryPiece]) -> list[float]:
    return [round(value, 3) for piece in pieces for value in (piece.interval.start_s, piece.interval.end_s)]


# --- pieces of a release --------------------------------------------------------------------------------------------


def test_short_shots_are_pieces():
    pieces = pieces_of(sampled((0.0, 1.2), (1.2, 3.0), (3.0, 7.0)), 7.0)
    assert intervals(pieces) == [0.0, 1.2, 1.2, 3.0, 3.0, 7.0]
    assert {(piece.width_px, piece.height_px, piece.free.shape) for piece in pieces} == {(64, 36, (36, 64))}


def test_long_shots_are_divided_equally():
    pieces = pieces_of(sampled((0.0, 5.0), (5.0, 12.2)), 12.2)
    assert intervals(pieces) == [0.0, 2.5, 2.5, 5.0, 5.0, 8.6, 8.6, 12.2]


def test_pieces_of_a_very_long_shot_follow_each_other():
    pieces = pieces_of(sampled((0.0, 100.5)), 100.5)
    edges = intervals(pieces)
    assert (edges[0], edges[-1]) == (0.0, 100.5)
    assert edges[1:-1:2] == edges[2::2]
    assert all(1.9 < piece.interval.duration_s <= MAX_PIECE_S + 1e-9 for piece in pieces)


def test_key_pictures_keep_away_from_the_ends():
    for piece in pieces_of(sampled((0.0, 1.2), (1.2, 3.0), (3.0, 9.0)), 9.0):
        times_s = [each.time_s for each in piece.key_pictures]
        assert len(times_s) == 3
        assert times_s == sorted(times_s)
        assert piece.interval.start_s + 0.1 < times_s[0] < times_s[-1] < piece.interval.end_s - 0.1


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_shots_of_a_few_frames_have_key_pictures(length: int):
    pieces = pieces_of(sampled((0.0, 1.0), (1.0, 1.0 + length / 25), (1.0 + length / 25, 3.0), per_second=25), 3.0)
    assert len(pieces) == 3
    assert 1 <= len(pieces[1].key_pictures) <= 3


def test_cuts_at_every_frame():
    pieces = pieces_of([frame(number / 25, starts_shot=number > 0) for number in range(50)], 2.0)
    assert len(pieces) == 50
    assert [piece.key_pictures[0].time_s for piece in pieces] == [number / 25 for number in range(50)]


def test_one_frame_is_a_piece():
    (piece,) = pieces_of([frame(0.0)], 0.0)
    assert piece.interval.end_s > 0
    assert len(piece.key_pictures) == 1


def test_no_frames_no_pieces():
    assert QueryPieces().finish(0.0) == ()


def test_a_gap_between_frames_is_no_piece_and_costs_nothing():
    times_s = [0.0, 0.125, 0.25, 2e6, 2e6 + 0.125, 2e6 + 20, 4e6]
    pieces = pieces_of([frame(time_s) for time_s in times_s], 1e9)
    assert [each.time_s for piece in pieces for each in piece.key_pictures] == [0.125, 0.25, *times_s[4:]]
    assert all(
        piece.interval.start_s <= each.time_s < piece.interval.end_s for piece in pieces for each in piece.key_pictures
    )


def test_a_picture_of_another_size_starts_a_piece():
    collector = QueryPieces()
    for number, each in enumerate(sampled((0.0, 3.0))):
        collector.add(each, noise(number, (36, 64) if each.time_s < 1.5 else (48, 64)))
    pieces = collector.finish(3.0)
    assert [piece.height_px for piece in pieces] == [36, 48]
    assert [piece.free.shape for piece in pieces] == [(36, 64), (48, 64)]


def test_keypoints_are_those_of_the_frame():
    grey = drawn(1)
    (piece,) = pieces_of(sampled((0.0, 2.0)), 2.0, grey)
    alone = local.detect(grey, keep=QUERY_KEYPOINTS)
    for each in piece.key_pictures:
        assert (each.keypoints.points == alone.points).all()
        assert (each.keypoints.descriptors == alone.descriptors).all()
    assert piece.free.shape == (90, 160)
    assert (piece.free == 255).all()


def test_overlays_are_masked_in_all_shots_and_all_pieces_of_them(monkeypatch: pytest.MonkeyPatch):
    masks: list[Grey | None] = []

    def detected(grey: Grey, free: Grey | None, keep: int) -> Keypoints:
        masks.append(free)
        return local._no_keypoints()

    monkeypatch.setattr(local, "detect", detected)
    collector = QueryPieces()
    shots = ((0.0, 2.0), (2.0, 4.0), (4.0, 14.0), (14.0, 15.0))
    for each in sampled(*shots):
        seed = sum(start_s <= each.time_s for start_s, _ in shots)
        grey = drawn(seed, int(each.time_s * 8) % 16)
        cv2.putText(grey, "LIVE", (400, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3)
        collector.add(each, grey)
    pieces = collector.finish(15.0)
    assert len(pieces) == 6
    assert len(masks) == 18
    for piece in pieces:
        assert (piece.free[12:20, 128:150] == 0).mean() > 0.4
        assert (piece.free == 0).mean() < 0.15
    assert all(mask is not None and mask.shape == (288, 512) for mask in masks)


def test_few_frames_wait_at_a_time():
    collector = QueryPieces()
    most = 0
    for each in sampled((0.0, 300.0)):
        collector.add(each, noise(1))
        shot = collector._shot
        assert shot is not None
        most = max(most, len(shot.frames) + sum(len(piece.frames) for piece in collector._waiting))
    assert most < 2 * 8 * MAX_PIECE_S + 2 + 13 * 3
    assert len(collector.finish(300.0)) > 70


# --- key pictures of a reference ------------------------------------------------------------------------------------


def features_of(frames: Iterable[tuple[SampledFrame, Grey]]) -> LocalFeatureSet:
    collector = ReferenceFeatures()
    for each, grey in frames:
        collector.add(each, grey)
    return collector.finish()


def moving(frames: list[SampledFrame]) -> Iterable[tuple[SampledFrame, Grey]]:
    return ((each, noise(number)) for number, each in enumerate(frames))


def test_about_one_key_picture_a_second_of_every_shot():
    found = features_of(moving(sampled((0.0, 4.0), (4.0, 4.8), (4.8, 7.0), per_second=4.0)))
    assert found.times_s == pytest.approx([0.28, 1.28, 2.28, 3.28, 4.28, 5.04, 6.0, 6.96], abs=0.05)
    assert (found.until_s == found.times_s).all()
    assert (found.width_px, found.height_px, found.version) == (64, 36, local.VERSION)


def test_a_shot_of_two_frames_has_one_key_picture():
    found = features_of(moving(sampled((0.0, 1.0), (1.0, 1.08), (1.08, 2.0), per_second=4.0)))
    assert found.times_s == pytest.approx([0.28, 1.04, 1.28], abs=0.05)


def test_a_lone_frame_is_a_key_picture():
    found = features_of(moving([frame(0.0), frame(1.0, starts_shot=True), frame(2.0, starts_shot=True), frame(9.0)]))
    assert found.times_s == pytest.approx([0.0, 1.0, 2.0, 9.0])


def test_a_still_picture_is_examined_once():
    frames = sampled((0.0, 9.0), (9.0, 12.0), per_second=4.0)
    found = features_of((each, noise(3 if each.time_s < 9 else int(each.time_s * 25))) for each in frames)
    assert found.times_s == pytest.approx([0.28, 9.28, 10.28, 11.28], abs=0.05)
    assert found.until_s[0] == pytest.approx(8.96)


def test_a_picture_that_changes_slowly_is_not_still_for_ever():
    frames = sampled((0.0, 20.0), per_second=4.0)
    found = features_of((each, np.full((36, 64), round(each.time_s * 4), np.uint8)) for each in frames)
    assert len(found.times_s) == 20
    assert (found.until_s - found.times_s < 1).all()


def test_a_still_picture_that_is_interrupted_is_examined_anew():
    frames = sampled((0.0, 9.0), per_second=4.0)
    found = features_of((each, noise(8 if 4 < each.time_s < 4.4 else 3)) for each in frames)
    assert found.times_s == pytest.approx([0.28, 4.28, 5.28], abs=0.3)


def test_points_are_in_px_of_the_canonical_picture():
    grey = drawn(2)
    found = features_of([(frame(0.0), grey), (frame(0.25), grey)])
    whole = local.detect(grey, keep=400)
    assert len(found.points) <= REFERENCE_KEYPOINTS
    assert found.codes.shape == (len(found.points), local.DIMENSIONS)
    nearest = np.linalg.norm(found.points[:, None] - whole.points[None], axis=2).min(axis=1)
    assert np.median(nearest) < 1.5
    assert found.rows_of(0) == slice(0, len(found.points))


def test_a_picture_of_another_size_is_measured_in_px_of_the_first():
    grey = drawn(2)
    half = np.asarray(cv2.resize(grey, (256, 144), interpolation=cv2.INTER_AREA), np.uint8)
    found = features_of([(frame(0.0), grey), (frame(1.0, starts_shot=True), half)])
    assert found.points[found.rows_of(1), 0].max() > 400
    assert (found.width_px, found.height_px) == (512, 288)


def test_nothing_to_see_is_kept_as_nothing():
    found = features_of([(frame(0.0), np.zeros((36, 64), np.uint8))])
    assert (len(found.times_s), len(found.points)) == (1, 0)
    empty = features_of([])
    assert (len(empty.times_s), empty.codes.shape) == (0, (0, local.DIMENSIONS))
