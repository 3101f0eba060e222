"""What rests on a pack is held to what the pack allows, and says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from verify.findings.origins import origin_limits
from verify.findings.statements import match_finding, same_scene_finding
from verify.match.origins import NO_CONFIRMATION_SENT, UNVERIFIED_PACK, held_to_origins
from verify.match.scoring import GEOMETRY_FAMILY, MOTION_FAMILY
from verify.model import (
    Interval,
    Match,
    MatchLevel,
    PackOrigin,
    Reference,
    TimeMap,
    Transform,
    TrustGrade,
)

ALL = ("pdq", "phash", "keypoints", "motion", "proxy", "vectors", "thumbnails")
MATCH = Match(
    query=Interval(start_s=1, end_s=3),
    reference_id="clip",
    reference=Interval(start_s=0, end_s=2),
    time_map=TimeMap(rate=1.0, offset_s=-1.0),
    transform=Transform(),
    cues=(),
    score=0.9,
    distinctness=0.5,
    level=MatchLevel.CONFIRMED,
    families=(GEOMETRY_FAMILY, MOTION_FAMILY),
)


def reference(parts: tuple[str, ...] = ALL, grade: TrustGrade = TrustGrade.TRUSTED, **told: Any) -> Reference:
    pack = PackOrigin(
        pack_id="f" * 64, name="Desk North", grade=grade, imported_utc="2026-02-03T04:05:06Z", parts=parts, **told
    )
    return Reference(id="clip", title="A clip", origin=pack.pack_id, pack=pack)


def held(known: Reference, match: Match = MATCH) -> Match:
    (found,) = held_to_origins([match], {"clip": known})
    return found


@pytest.mark.parametrize("grade", [TrustGrade.VERIFIED, TrustGrade.TRUSTED])
def test_grades_that_are_vouched_for_cap_nothing(grade: TrustGrade):
    assert held(reference(grade=grade)) is MATCH
    assert held(Reference(id="clip")) is MATCH


def test_what_nobody_vouches_for_is_possible_at_most():
    found = held(reference(grade=TrustGrade.UNVERIFIED))
    assert (found.level, found.caveat, found.score) == (MatchLevel.POSSIBLE, UNVERIFIED_PACK, MATCH.score)
    already = replace(MATCH, level=MatchLevel.POSSIBLE, caveat="too short")
    assert held(reference(grade=TrustGrade.UNVERIFIED), already) is already


@pytest.mark.parametrize("grade", list(TrustGrade))
def test_what_came_without_confirmation_data_is_possible_at_most(grade: TrustGrade):
    found = held(reference(("pdq", "phash"), grade))
    assert (found.level, found.caveat) == (MatchLevel.POSSIBLE, NO_CONFIRMATION_SENT)
    assert held(reference(("pdq",), grade), replace(MATCH, caveat="moves else")).caveat == "moves else"


def test_a_finding_names_the_pack_and_its_grade():
    known = reference(grade=TrustGrade.UNVERIFIED, key_id="2FD41FD5E2AB382C")
    words = (
        "The reference comes from the pack of 'Desk North', which nobody vouches for (unverified, signed with the key "
        "2FD41FD5E2AB382C), imported on 2026-02-03; what is said of it, its date too, is what 'Desk North' says."
    )
    finding = match_finding(held(known), known, "", "")
    assert finding.statement.startswith("Possible match, for a person to confirm")
    assert finding.statement.endswith(words)
    assert "It is not confirmed: the reference comes from a pack that nobody vouches for." in finding.basis
    scene = replace(MATCH, same_scene_only=True, level=MatchLevel.POSSIBLE)
    assert same_scene_finding(scene, known).statement.endswith(words)
    assert "pack" not in match_finding(MATCH, Reference(id="clip"), "", "").statement


def test_grades_have_their_words():
    trusted = match_finding(MATCH, reference(), "", "").statement
    assert "which its sender vouches for (trusted, not signed)" in trusted
    verified = match_finding(MATCH, reference(grade=TrustGrade.VERIFIED), "", "").statement
    assert "whose references were checked by whoever imported it (verified, not signed)" in verified
    text = match_finding(MATCH, reference(("pdq",), TrustGrade.TRUSTED, kind="vpdq"), "", "").statement
    assert "is a list of PDQ hashes from 'Desk North'" in text
    assert "of which footage they were made cannot be checked" in text


def test_limits_say_what_was_searched_with_less():
    own, whole = Reference(id="own"), reference()
    assert origin_limits([own], is_by_looks=True) == []
    assert origin_limits([own, replace(whole, retracted=True)], is_by_looks=True) == []
    (told,) = origin_limits([own, whole], is_by_looks=True)
    assert told == (
        "1 reference of the archive came with packs of 'Desk North'. What is said of them is their senders' word."
    )
    _, less = origin_limits([own, whole, reference(("pdq", "phash")), reference(("pdq",))], is_by_looks=True)
    assert "2 without keypoints" in less
    assert "2 without small pictures" in less
    assert "1 without pHash" in less
    assert "2 without vectors of the learned descriptor" in less
    _, sparse = origin_limits([reference((*ALL, "sparse"))], is_by_looks=True)
    assert "1 without enough hashes (passages of theirs are seldom found)" in sparse
    _, without = origin_limits([reference(("pdq", "phash"))], is_by_looks=False)
    assert "vectors" not in without
    _, pictures = origin_limits([reference(("pdq", "phash", "thumbnails"))], is_by_looks=True)
    assert "vectors" not in pictures
    many = [replace(whole, pack=replace(whole.pack, name=f"Desk {n:02d}")) for n in range(13) if whole.pack]
    (told,) = origin_limits(many, is_by_looks=True)
    assert "and 3 others" in told
