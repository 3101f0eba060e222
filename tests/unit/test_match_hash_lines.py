"""Matching on made-up footage: what was planted is found, with its times; nothing else is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.fingerprint_samples import AS_SHOWN, MIRRORED, Edit, Film, fingerprints_of, reference_of
from verify.archive import index as index_module
from verify.archive.index import ReferenceIndex
from verify.match.candidates import find_candidates
from verify.match.hash_lines import find_hash_matches
from verify.match.pairing import MAX_PAIRS, hamming, lay_against
from verify.match.query import MIN_QUALITY, make_query
from verify.model import FrameClass, Interval, Match, MatchLevel, Shot, SilentProgress, TimeMap

OURS, THEIRS, STRANGER = Film(1, 60.0), Film(2, 60.0), Film(3, 60.0)
REFERENCES = {"ours": reference_of(OURS, 60.0), "theirs": reference_of(THEIRS, 60.0)}


def reuse(matches: tuple[Match, ...]) -> list[Match]:
    return sorted((match for match in matches if not match.same_scene_only), key=lambda match: match.query.start_s)


def assert_span(found: Interval, start_s: float, end_s: float, within_s: float) -> None:
    assert found.start_s == pytest.approx(start_s, abs=within_s)
    assert found.end_s == pytest.approx(end_s, abs=within_s)


# --- what was planted -----------------------------------------------------------------------------------------------


def test_plain_segment_between_cuts_has_exact_ends():
    matches = Edit().add(STRANGER, 0.0, 4.0).add(OURS, 20.0, 6.0).add(STRANGER, 30.0, 5.0).matches(REFERENCES)
    (match,) = matches
    assert match.reference_id == "ours"
    assert (match.query.start_s, match.query.end_s) == (4.0, 10.0)
    assert_span(match.reference, 20.0, 26.0, 0.15)
    assert match.time_map.rate == 1.0
    assert match.time_map.offset_s == pytest.approx(16.0, abs=0.15)
    assert match.transform == AS_SHOWN
    assert match.level is MatchLevel.POSSIBLE
    assert 0.5 < match.score <= 1.0
    assert match.distinctness > 0.1


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.15])
@pytest.mark.parametrize("start_s", [0.0, 17.3, 52.0])
def test_segment_under_noise(noise: float, start_s: float):
    (match,) = Edit(noise).add(STRANGER, 0.0, 3.0).add(OURS, start_s, 5.0).matches(REFERENCES)
    assert_span(match.query, 3.0, 8.0, 0.01)
    assert_span(match.reference, start_s, start_s + 5.0, 0.2)


def test_mirrored_segment_is_found_mirrored():
    (match,) = Edit().add(STRANGER, 0.0, 4.0).add(OURS, 20.0, 6.0, mirrored=True).matches(REFERENCES)
    assert match.transform == MIRRORED
    assert_span(match.query, 4.0, 10.0, 0.01)
    assert_span(match.reference, 20.0, 26.0, 0.15)


@pytest.mark.parametrize("mirrored", [False, True])
def test_negative_is_found_inverted(mirrored: bool):
    edit = Edit().add(STRANGER, 0.0, 4.0).add(OURS, 20.0, 6.0, mirrored=mirrored)
    negative = {
        view: {name: replace(each, codes=~each.codes) for name, each in own.items()}
        for view, own in edit.views().items()
    }
    query = make_query(negative, edit.shots())
    (match,) = find_hash_matches(query, ReferenceIndex(REFERENCES, MIN_QUALITY), SilentProgress())
    assert match.transform == replace(MIRRORED if mirrored else AS_SHOWN, inverted=True)
    assert_span(match.query, 4.0, 10.0, 0.01)
    assert_span(match.reference, 20.0, 26.0, 0.15)


@pytest.mark.parametrize(
    ("rate", "duration_s"), [(0.5, 8.0), (2.0, 5.0), (0.25, 10.0), (4.0, 5.0), (0.8, 6.0), (1.5, 6.0)]
)
def test_slowed_and_quickened_segments(rate: float, duration_s: float):
    edit = Edit().add(STRANGER, 0.0, 4.0).add(OURS, 20.0, duration_s, rate=rate).add(STRANGER, 40.0, 3.0)
    (match,) = edit.matches(REFERENCES)
    assert match.time_map.rate == pytest.approx(rate, rel=0.06)
    assert_span(match.query, 4.0, 4.0 + duration_s, 0.3)
    assert_span(match.reference, 20.0, 20.0 + rate * duration_s, 0.5)


def test_segment_shown_backwards():
    (match,) = Edit().add(STRANGER, 0.0, 4.0).add(OURS, 30.0, 6.0, rate=-1.0).matches(REFERENCES)
    assert match.time_map.rate == -1.0
    assert_span(match.query, 4.0, 10.0, 0.01)
    assert_span(match.reference, 24.0, 30.0, 0.3)


def test_segment_inside_a_shot():
    edit = Edit().add(STRANGER, 0.0, 5.0).add(OURS, 20.0, 6.0, cut=False).add(STRANGER, 30.0, 3.0, cut=False)
    assert len(edit.shots()) == 1
    (match,) = edit.matches(REFERENCES)
    assert_span(match.query, 5.0, 11.0, 0.3)
    assert_span(match.reference, 20.0, 26.0, 0.4)


def test_two_shots_on_one_line_are_one_match():
    (match,) = Edit().add(OURS, 20.0, 4.0).add(OURS, 24.0, 3.0).add(STRANGER, 0.0, 3.0).matches(REFERENCES)
    assert_span(match.query, 0.0, 7.0, 0.01)
    assert_span(match.reference, 20.0, 27.0, 0.2)
    assert sum(cue.compared_frames for cue in match.cues if cue.cue == "pdq") == 7 * 8


def test_two_shots_on_two_lines_stay_two():
    first, second = reuse(Edit().add(OURS, 20.0, 4.0).add(OURS, 40.0, 4.0).matches(REFERENCES))
    assert_span(first.reference, 20.0, 24.0, 0.2)
    assert_span(second.reference, 40.0, 44.0, 0.2)


def test_montage_of_two_references():
    edit = Edit().add(OURS, 10.0, 4.0).add(STRANGER, 0.0, 3.0).add(THEIRS, 30.0, 5.0).add(OURS, 50.0, 3.0)
    found = [(match.reference_id, match.query.start_s, match.query.end_s) for match in reuse(edit.matches(REFERENCES))]
    assert found == [("ours", 0.0, 4.0), ("theirs", 7.0, 12.0), ("ours", 12.0, 15.0)]


def test_one_shot_in_two_references_is_found_in_both():
    references = {**REFERENCES, "copy": reference_of(OURS, 60.0)}
    matches = reuse(Edit().add(OURS, 20.0, 5.0).matches(references))
    assert {match.reference_id for match in matches} == {"ours", "copy"}


def test_short_segment():
    (match,) = Edit(0.05).add(STRANGER, 0.0, 3.0).add(OURS, 20.0, 1.0).add(STRANGER, 9.0, 3.0).matches(REFERENCES)
    assert_span(match.query, 3.0, 4.0, 0.01)


# --- what was not ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10, 16))
def test_unrelated_footage_gives_nothing(seed: int):
    film = Film(seed, 30.0)
    assert Edit().add(film, 0.0, 10.0).add(film, 12.0, 10.0, rate=0.5).matches(REFERENCES) == ()


def test_no_references_give_nothing():
    assert Edit().add(OURS, 0.0, 5.0).matches({}) == ()


def test_two_frames_are_no_evidence():
    assert Edit().add(STRANGER, 0.0, 4.0).add(OURS, 20.0, 0.25).add(STRANGER, 30.0, 4.0).matches(REFERENCES) == ()


@pytest.mark.parametrize("kind", [FrameClass.TEMPLATE, FrameClass.DARK, FrameClass.EMPTY])
def test_shots_that_carry_no_evidence_are_not_matched(kind: FrameClass):
    edit = Edit().add(OURS, 20.0, 5.0).add(OURS, 40.0, 5.0)
    shots = (replace(edit.shots()[0], frame_class=kind), edit.shots()[1])
    (match,) = edit.matches(REFERENCES, shots)
    assert_span(match.query, 5.0, 10.0, 0.01)


def test_frames_of_low_quality_carry_no_evidence():
    edit = Edit(0.0).add(OURS, 20.0, 5.0)
    times_s = edit.views()[AS_SHOWN]["pdq"].times_s
    codes = {name: each.codes for name, each in edit.views()[AS_SHOWN].items()}
    flat = {view: fingerprints_of(codes, times_s, 0.2) for view in (AS_SHOWN, MIRRORED)}
    index = ReferenceIndex(REFERENCES, MIN_QUALITY)
    assert find_hash_matches(make_query(flat, edit.shots()), index, SilentProgress()) == ()


def test_static_reference_is_the_same_scene_never_reuse():
    still = Film(4, 40.0, memory=1.0)
    matches = Edit(0.05).add(still, 0.0, 8.0).matches({"still": reference_of(still, 40.0)})
    assert [match.reference_id for match in matches] == ["still"]
    assert all(match.same_scene_only for match in matches)
    assert matches[0].distinctness < 0.03


def test_reference_too_short_to_shift_cannot_show_reuse():
    """With no other second to compare with, agreement in picture says nothing about time."""
    short = {"short": reference_of(OURS, 1.0)}
    matches = Edit(0.0).add(OURS, 0.0, 1.0).matches(short)
    assert [match.distinctness for match in matches] == [0.0] * len(matches)
    assert matches
    assert reuse(matches) == []


# --- order and evidence ---------------------------------------------------------------------------------------------


def montage() -> Edit:
    return Edit().add(OURS, 10.0, 4.0).add(THEIRS, 30.0, 5.0).add(OURS, 40.0, 4.0, mirrored=True).add(OURS, 5.0, 2.0)


def test_order_is_by_score_and_always_the_same():
    matches = montage().matches(REFERENCES)
    turned = {name: REFERENCES[name] for name in reversed(REFERENCES)}
    assert matches == montage().matches(REFERENCES) == montage().matches(turned)
    assert len(matches) == 4
    scores = [match.score for match in matches]
    assert scores == sorted(scores, reverse=True)


def test_evidence_of_every_cue():
    (match,) = Edit(0.1).add(STRANGER, 0.0, 3.0).add(OURS, 20.0, 5.0).matches(REFERENCES)
    pdq, phash = match.cues
    assert [(cue.cue, cue.bits, cue.family) for cue in match.cues] == [
        ("pdq", 256, "global perceptual hash"),
        ("phash", 64, "global perceptual hash"),
    ]
    assert pdq.threshold_bits == round(0.36 * 256)
    assert 0.1 * 256 * 0.5 < pdq.median_distance_bits < pdq.threshold_bits
    assert pdq.agreeing_frames <= pdq.compared_frames == phash.compared_frames == 40
    assert pdq.agreeing_frames >= 36


def test_aligned_pairs_are_true_distances():
    edit = Edit(0.1).add(STRANGER, 0.0, 3.0).add(OURS, 20.0, 5.0)
    (match,) = edit.matches(REFERENCES)
    query, reference = edit.views()[AS_SHOWN]["pdq"], REFERENCES["ours"]["pdq"]
    assert 30 <= len(match.pairs) <= 40
    for pair in match.pairs:
        left = query.codes[query.times_s.tolist().index(pair.query_time_s)]
        right = reference.codes[reference.times_s.tolist().index(pair.reference_time_s)]
        assert pair.distance_bits == np.unpackbits(left ^ right).sum()
        assert abs(match.time_map.reference_time_s(pair.query_time_s) - pair.reference_time_s) <= 0.2


def test_number_of_pairs_is_bounded():
    (match,) = Edit(0.0).add(OURS, 1.0, 58.0).matches(REFERENCES)
    assert len(match.pairs) == MAX_PAIRS


def test_progress_is_reported():
    class Counting(SilentProgress):
        total, done = 0.0, 0.0

        def start(self, label: str, total: float | None, unit: str) -> None:
            self.total += total or 0

        def advance(self, amount: float) -> None:
            self.done += amount

    shown = Counting()
    edit = montage()
    find_hash_matches(make_query(edit.views(), edit.shots()), ReferenceIndex(REFERENCES, MIN_QUALITY), shown)
    assert shown.total == shown.done > 0


# --- parts ----------------------------------------------------------------------------------------------------------


def test_candidates_are_ranked_by_what_is_rare():
    copies = {f"copy-{number}": reference_of(THEIRS, 60.0) for number in range(4)}
    edit = Edit().add(OURS, 20.0, 4.0).add(THEIRS, 20.0, 4.0)
    index = ReferenceIndex({"ours": REFERENCES["ours"], **copies}, MIN_QUALITY)
    candidates = find_candidates(make_query(edit.views(), edit.shots()), index)
    assert candidates[0].reference_id == "ours"
    assert candidates[0].votes > 2 * candidates[1].votes
    assert [candidate.reference_id for candidate in candidates[1:5]] == sorted(copies)
    assert candidates[0].reference.start_s <= 20.0
    assert candidates[0].reference.end_s >= 24.0


def test_number_of_candidates_is_bounded():
    copies = {f"copy-{number:03d}": reference_of(OURS, 30.0) for number in range(300)}
    edit = Edit().add(OURS, 10.0, 3.0)
    assert len(find_candidates(make_query(edit.views(), edit.shots()), ReferenceIndex(copies, MIN_QUALITY))) == 240


def test_large_archives_name_the_same_candidates(monkeypatch: pytest.MonkeyPatch):
    edit = Edit().add(OURS, 10.0, 3.0).add(THEIRS, 5.0, 2.0).add(STRANGER, 0.0, 2.0)
    query = make_query(edit.views(), edit.shots())
    of_small = find_candidates(query, ReferenceIndex(REFERENCES, MIN_QUALITY))
    monkeypatch.setattr(index_module, "LARGE_FRAMES", 1)
    assert find_candidates(query, ReferenceIndex(REFERENCES, MIN_QUALITY)) == of_small
    assert {candidate.reference_id for candidate in of_small} == {"ours", "theirs"}


def test_weights_are_zero_for_flat_frames_and_other_shots():
    edit = Edit().add(OURS, 0.0, 1.0).add(OURS, 10.0, 1.0)
    shots = (edit.shots()[0], replace(edit.shots()[1], frame_class=FrameClass.DARK))
    times_s = edit.views()[AS_SHOWN]["pdq"].times_s
    quality = np.where(times_s < 0.5, 0.1, 0.9).astype(np.float32)
    codes = {name: each.codes for name, each in edit.views()[AS_SHOWN].items()}
    query = make_query({AS_SHOWN: fingerprints_of(codes, times_s, quality)}, shots)
    assert query.weight.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    assert query.frames_of(shots[1]) == slice(8, 16)
    outside = Shot(interval=Interval(start_s=5.0, end_s=6.0), frame_class=FrameClass.TEXTURED)
    assert query.frames_of(outside) == slice(16, 16)


def test_reference_of_a_single_frame_is_not_laid_against():
    edit = Edit().add(OURS, 0.0, 2.0)
    query = make_query(edit.views(), edit.shots())
    single = {"single": reference_of(OURS, 0.25)}
    (candidate, *_) = find_candidates(query, ReferenceIndex(REFERENCES, MIN_QUALITY))
    assert lay_against(query, candidate, single["single"]) is None


def test_hamming_distances_of_all_pairs():
    generator = np.random.default_rng(1)
    for width in (8, 32):
        left, right = (generator.integers(0, 256, (count, width), np.uint8) for count in (5, 7))
        expected = [[int(np.unpackbits(a ^ b).sum()) for b in right] for a in left]
        assert hamming(left, right).tolist() == expected


def test_reference_starts_no_earlier_than_zero():
    (match,) = Edit().add(OURS, 0.0, 4.0).matches(REFERENCES)
    assert match.reference.start_s >= 0.0
    assert isinstance(match.time_map, TimeMap)
