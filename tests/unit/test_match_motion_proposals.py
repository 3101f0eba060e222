"""Proposals by motion: found where the same changes in the same order, however fast, mirrored or reversed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.match_samples import Scene, filmed, grid
from verify.archive.motion_index import WINDOW_S, MotionIndex
from verify.fingerprint.motion_signatures import DIMENSIONS, VERSION, signatures_of
from verify.match.motion_proposals import PROPOSED, MotionProposal, propose_by_motion
from verify.model import MotionSet, ProxyClip, Transform

REFERENCE_S = 20.0
SCENES = {"a": Scene(1, mover=1), "b": Scene(1, mover=2), "c": Scene(2, mover=3), "d": Scene(3)}
STILL = MotionSet(version=VERSION, times_s=np.zeros(0), codes=np.zeros((0, DIMENSIONS), np.int8))


@pytest.fixture(scope="module")
def index() -> MotionIndex:
    shown_s = grid(REFERENCE_S)
    return MotionIndex.of({name: signatures_of(filmed(scene, shown_s)) for name, scene in SCENES.items()})


def piece(scene: Scene, from_s: float, rate: float = 1.0, duration_s: float = 2.0) -> ProxyClip:
    shown_s = grid(duration_s, start_s=50.0)
    return filmed(scene, shown_s, from_s + rate * (shown_s - 50.0), size=(320, 180))


def found(clip: ProxyClip, index: MotionIndex) -> list[MotionProposal]:
    (proposals,) = propose_by_motion([signatures_of(clip)], index)
    return proposals


@pytest.mark.parametrize(
    ("from_s", "rate"), [(3.1, 1.0), (7.3, 1.0), (15.0, 1.0), (12.0, -1.0), (6.0, 0.5), (5.0, 2.0), (9.0, 0.8)]
)
def test_piece_is_proposed_at_its_time(index: MotionIndex, from_s: float, rate: float):
    best = found(piece(SCENES["b"], from_s, rate), index)[0]
    assert (index.reference_ids[best.reference_number], best.view) == ("b", Transform())
    middle_s = from_s + rate * (best.query_time_s - 50.0)
    assert best.reference_time_s == pytest.approx(middle_s, abs=0.3)
    assert best.agreement > 0.6


def test_mirrored_and_inverted_pieces_are_proposed_as_such(index: MotionIndex):
    clip = piece(SCENES["a"], 4.0)
    turned = ProxyClip(times_s=clip.times_s, pictures=np.ascontiguousarray(clip.pictures[:, :, ::-1]))
    both = ProxyClip(times_s=clip.times_s, pictures=255 - turned.pictures)
    for changed, view in ((turned, Transform(mirrored=True)), (both, Transform(mirrored=True, inverted=True))):
        best = found(changed, index)[0]
        assert (index.reference_ids[best.reference_number], best.view) == ("a", view)


def test_best_comes_first_and_few_are_proposed(index: MotionIndex, monkeypatch: pytest.MonkeyPatch):
    proposals = found(piece(SCENES["c"], 10.0), index)
    assert 2 <= len(proposals) <= PROPOSED
    monkeypatch.setattr("verify.match.motion_proposals.PROPOSED", 1)
    assert found(piece(SCENES["c"], 10.0), index) == proposals[:1]
    assert [each.agreement for each in proposals] == sorted((each.agreement for each in proposals), reverse=True)
    assert len({(each.reference_number, each.view) for each in proposals}) == len(proposals)


def test_piece_in_which_nothing_moves_is_proposed_nothing(index: MotionIndex):
    assert propose_by_motion([STILL, signatures_of(piece(SCENES["a"], 1.0))], index)[0] == []


def test_nothing_is_proposed_of_an_empty_archive():
    for empty in (MotionIndex.of({}), MotionIndex.of({"still": STILL})):
        assert found(piece(SCENES["a"], 1.0), empty) == []


def test_windows_belong_to_one_reference_and_are_short(index: MotionIndex):
    for window, owner in enumerate(index.owners):
        rows = slice(index.starts[window], index.starts[window + 1])
        times_s = index.times_s[rows]
        assert len(times_s) > 0
        assert times_s[-1] - times_s[0] < WINDOW_S
        around_s, _ = index.around(window)
        assert around_s[-1] - around_s[0] < 4 * WINDOW_S
        assert (np.diff(around_s) > 0).all()
        assert index.reference_ids[owner] != "d" or len(times_s)


def test_windows_far_apart_are_not_taken_together():
    near, far = signatures_of(filmed(SCENES["a"], grid(4.0))), signatures_of(filmed(SCENES["b"], grid(4.0, 4000.0)))
    motion = MotionSet(
        version=VERSION,
        times_s=np.concatenate([near.times_s, far.times_s]),
        codes=np.concatenate([near.codes, far.codes]),
    )
    index = MotionIndex.of({"long": motion})
    assert [len(index.around(window)[0]) for window in range(2)] == [len(near.times_s), len(far.times_s)]
    best = found(piece(SCENES["b"], 4001.0), index)[0]
    assert best.reference_time_s == pytest.approx(4002.0, abs=0.3)
