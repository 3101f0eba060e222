"""What was compared and is not reported, with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.match_samples import Cut, Library, Release, Scene, evidence_of, hash_match, motion_line
from verify.match.matcher import search
from verify.match.rejections import OUTDONE, TOO_LITTLE_LEFT, rejections
from verify.match.scoring import STILL, calibration
from verify.match.segments import MOTION_DIFFERS, NO_CONFIRMATION_DATA, TOO_SHORT, TOO_STATIC
from verify.model import Interval, Match, Rejection, SilentProgress, TimeMap

LOW = calibration().possible_from / 2
HIGH = calibration().possible_from * 2


def match_on(start_s: float, end_s: float, reference_id: str = "ours") -> Match:
    span = Interval(start_s=start_s, end_s=end_s)
    return hash_match(span, TimeMap(rate=1.0, offset_s=10.0), reference_id=reference_id)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"too_short": True}, TOO_SHORT),
        ({}, NO_CONFIRMATION_DATA),
        ({"compared": True}, MOTION_DIFFERS),
        ({"compared": True, "line": None}, MOTION_DIFFERS),
    ],
)
def test_each_rejection_has_its_reason(changed: dict[str, object], reason: str):
    (found,) = rejections([[replace(evidence_of(score=LOW), **changed)]], []).strongest  # type: ignore[arg-type]
    assert found == Rejection(
        query=Interval(start_s=2.0, end_s=4.0), reference_id="ours", score=round(LOW, 4), reason=reason
    )


def test_a_still_picture_is_told_as_such():
    still = replace(motion_line(shown=Interval(start_s=2.0, end_s=4.0)), strength=STILL / 2)
    (found,) = rejections([[replace(evidence_of(still, score=LOW), compared=True)]], []).strongest
    assert found.reason == TOO_STATIC


def test_what_is_reported_is_not_rejected():
    assert rejections([[evidence_of(score=HIGH)]], [match_on(2.0, 4.0)]).count == 0


def test_what_another_reference_explains_better_is_told_as_that():
    evidence = [[evidence_of(score=HIGH)]]
    assert rejections(evidence, [match_on(2.0, 4.0, "theirs")]).strongest[0].reason == OUTDONE
    assert rejections(evidence, []).strongest[0].reason == TOO_LITTLE_LEFT


def test_neighbouring_pieces_become_one_passage():
    pieces = [
        [replace(evidence_of(start_s=start_s, end_s=start_s + 2.0, score=score), compared=True)]
        for start_s, score in ((0.0, LOW), (2.0, LOW / 2), (6.0, LOW / 4))
    ]
    found = rejections(pieces, [])
    assert found.count == 2
    assert [(each.query.start_s, each.query.end_s, each.score) for each in found.strongest] == [
        (0.0, 4.0, round(LOW, 4)),
        (6.0, 8.0, round(LOW / 4, 4)),
    ]


def test_only_the_strongest_are_kept_and_all_are_counted():
    pieces = [
        [replace(evidence_of(start_s=4.0 * number, end_s=4.0 * number + 2, score=LOW * number / 80), compared=True)]
        for number in range(80)
    ]
    found = rejections(pieces, [])
    assert (found.count, len(found.strongest)) == (80, 50)
    assert [each.query.start_s for each in found.strongest] == [4.0 * number for number in range(30, 80)]


def test_another_day_of_one_place_is_a_scene_and_not_rejected_twice():
    library = Library(10.0, ours=Scene(1, mover=1), theirs=Scene(2, mover=1))
    found = search(
        Release(Cut(Scene(1, mover=3), 2.0, 3.0)).material(), library.hashes, library.material, SilentProgress()
    )
    assert [match.same_scene_only for match in found.matches] == [True]
    assert {each.reference_id for each in found.rejected.strongest} <= {"theirs"}
