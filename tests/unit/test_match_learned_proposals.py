"""Proposals by a learned descriptor: what is like a piece and like nothing else is proposed, and motion decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.unit.match_samples import (
    Cut,
    Library,
    Release,
    Scene,
    descriptors,
    features_of,
    keypoints_of,
    motion_line,
    place,
)
from tests.unit.match_samples import piece_of as plain_piece_of
from verify.archive.descriptor_index import DescriptorIndex
from verify.archive.local_index import LocalIndex
from verify.fingerprint.key_pictures import QueryPiece
from verify.fingerprint.learned import VIEWS
from verify.match.learned_proposals import (
    PROPOSED,
    most_alike,
    pictures_on_line,
    propose_alike,
    propose_in_regions,
    stands_out,
)
from verify.match.matcher import find_matches
from verify.match.materials import QueryMaterial, ReferenceMaterial
from verify.match.proposals import Resemblance
from verify.match.scoring import LEARNED_FAMILY, MOTION_FAMILY, families_of, fused_score, level_of
from verify.model import DescriptorSet, Interval, Match, MatchLevel, SilentProgress, Transform

MODEL = "ab" * 32
DIMENSIONS = 64  # as many as `layout` gives
AS_IT_IS, MIRRORED = VIEWS[0], VIEWS[1]


def direction(number: int) -> np.ndarray:
    """One of many unit vectors that have little in common."""
    found = np.random.default_rng(number).normal(size=DIMENSIONS)
    return found / np.linalg.norm(found)


def like(vector: np.ndarray, cosine: float, seed: int = 0) -> np.ndarray:
    """A unit vector with this cosine to another."""
    other = direction(9000 + seed)
    other -= (other @ vector) * vector
    return cosine * vector + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)


def views(as_it_is: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Vectors of a key picture in every view; those not given have nothing in common with anything."""
    return np.array([as_it_is, *others, *(direction(5000 + number) for number in range(3 - len(others)))], np.float16)


def piece(*vectors: np.ndarray | None, start_s: float = 0.0) -> QueryPiece:
    """A piece without keypoints, with a key picture a fifth of a second for each array of vectors."""
    nothing = keypoints_of(descriptors()[:0])
    pictures = [(start_s + 0.2 * number, nothing) for number in range(len(vectors))]
    made = plain_piece_of(pictures, Interval(start_s=start_s, end_s=start_s + 1.0))
    described = zip(made.key_pictures, vectors, strict=True)
    return replace(made, key_pictures=tuple(replace(picture, vectors=each) for picture, each in described))


def references(**vectors: list[np.ndarray]) -> tuple[DescriptorIndex, LocalIndex]:
    """References with a key picture a second."""
    nothing = keypoints_of(descriptors()[:0])
    local = LocalIndex.of(
        {name: features_of([(float(number), nothing) for number in range(len(each))]) for name, each in vectors.items()}
    )
    sets = {
        name: DescriptorSet(
            model_sha256=MODEL,
            times_s=np.arange(len(each), dtype=np.float64),
            vectors=np.array(each, np.float16).reshape(-1, DIMENSIONS),
        )
        for name, each in vectors.items()
    }
    return DescriptorIndex.of(local.reference_ids, sets), local


def strangers(count: int, first: int = 100) -> dict[str, list[np.ndarray]]:
    return {f"stranger{number}": [direction(first + number)] for number in range(count)}


# --- who is proposed -------------------------------------------------------------------------------------------------


def test_reference_that_looks_like_a_piece_is_proposed_with_its_pictures():
    index, local = references(ours=[direction(8), direction(1), direction(2)], **strangers(5))
    one, two = (like(direction(number), 0.8) for number in (1, 2))
    ((best, *others),) = propose_alike([piece(views(one), views(two))], index, local)
    assert (local.reference_ids[best.reference_number], best.view) == ("ours", AS_IT_IS)
    assert [pictures[0] for pictures in best.key_pictures] == [1, 2]
    assert best.alike is not None
    assert best.alike.similarity == pytest.approx(0.8, abs=0.01)
    assert [times_s[0] for times_s in best.alike.times_s] == [1.0, 2.0]
    assert stands_out(best.alike)
    assert not any(stands_out(each.alike) for each in others)
    assert len(others) < PROPOSED


@pytest.mark.parametrize("view", VIEWS[1:])
def test_view_in_which_it_looks_alike_is_proposed(view: Transform):
    index, local = references(ours=[direction(1)], **strangers(5))
    others = [direction(6000 + number) for number in range(3)]
    others[VIEWS.index(view) - 1] = like(direction(1), 0.9)
    ((best, *_),) = propose_alike([piece(views(direction(7), *others))], index, local)
    assert (local.reference_ids[best.reference_number], best.view) == ("ours", view)


def test_reversed_polarity_is_proposed_by_the_middle_picture_alone():
    index, local = references(ours=[direction(1)], **strangers(5))
    outer = views(direction(7))[:2]
    middle = views(direction(7), direction(6000), like(direction(1), 0.9))
    ((best, *_),) = propose_alike([piece(outer, middle, outer)], index, local)
    assert best.view == Transform(inverted=True)
    assert best.key_pictures == ((), (0,), ())
    assert best.alike is not None
    assert most_alike(best.alike, piece(outer, middle, outer)) == (0.2, 0.0)


def test_what_looks_like_many_references_does_not_stand_out():
    """A title card resembles every card."""
    cards = {f"card{number}": [like(direction(1), 0.9, number)] for number in range(6)}
    index, local = references(**cards, **strangers(4))
    (proposed,) = propose_alike([piece(views(direction(1)))], index, local)
    assert proposed
    assert not any(stands_out(each.alike) for each in proposed)


def test_one_reference_archived_twice_still_stands_out():
    index, local = references(ours=[direction(1)], again=[direction(1)], **strangers(5))
    (proposed,) = propose_alike([piece(views(like(direction(1), 0.8)))], index, local)
    assert {local.reference_ids[each.reference_number] for each in proposed if stands_out(each.alike)} == {
        "ours",
        "again",
    }


def test_reference_that_looks_like_the_whole_release_ranks_lower():
    usual, rare = direction(1), direction(2)
    index, local = references(usual=[usual], rare=[rare], **strangers(5))
    both = (0.7 * usual + 0.6 * rare) / np.linalg.norm(0.7 * usual + 0.6 * rare)
    pieces = [piece(views(both)), *(piece(views(like(usual, 0.8, number))) for number in range(6))]
    first, *_ = propose_alike(pieces, index, local)
    assert local.reference_ids[first[0].reference_number] == "rare"
    ((alone, *_),) = propose_alike(pieces[:1], index, local)
    assert local.reference_ids[alone.reference_number] == "usual"


def test_nothing_alike_proposes_nothing():
    index, local = references(**strangers(8), empty=[])
    assert propose_alike([piece(views(direction(7))), piece(None)], index, local)[1] == []
    assert not any(stands_out(each.alike) for each in propose_alike([piece(views(direction(7)))], index, local)[0])
    assert propose_alike([], index, local) == []
    assert propose_alike([piece(views(direction(7)))], *references()) == [[]]


def test_one_long_reference_does_not_stand_out_for_having_all_the_nearest_pictures():
    """A studio that is on for hours looks more like a piece than others do, but hardly more."""
    hours = [like(direction(1), 0.6, number) for number in range(400)]
    others = {f"other{number}": [like(direction(1), 0.58, 500 + number)] for number in range(6)}
    index, local = references(studio=hours, **others)
    (proposed,) = propose_alike([piece(views(direction(1)))], index, local)
    (studio,) = [each for each in proposed if local.reference_ids[each.reference_number] == "studio" if each.alike][:1]
    assert studio.alike.noise == pytest.approx(0.58, abs=0.02)
    assert not stands_out(studio.alike)


@pytest.mark.parametrize("count", [64, 65, 66, 128, 129])
def test_no_piece_is_without_others_beside_it(count: int):
    """What looks like the whole release says little of its last pieces too."""
    index, local = references(usual=[direction(1)], **strangers(5))
    found = propose_alike([piece(views(like(direction(1), 0.9, number))) for number in range(count)], index, local)
    assert {len(each) for each in found} == {1}
    assert max(each[0].votes for each in found) < 0.5


def test_many_pieces_are_compared_in_parts():
    index, local = references(ours=[direction(1)], theirs=[direction(2)], **strangers(5))
    pieces = [piece(views(like(direction(1 + number % 2), 0.8))) for number in range(130)]
    found = [local.reference_ids[best.reference_number] for best, *_ in propose_alike(pieces, index, local)]
    assert found == ["ours", "theirs"] * 65


# --- what it counts --------------------------------------------------------------------------------------------------


def test_pictures_count_where_the_motion_says_they_are():
    alike = Resemblance(similarity=0.9, noise=0.1, times_s=((12.0, 30.0), (14.0,), ()))
    some = piece(None, None, None, start_s=2.0)
    line = motion_line(rate=1.0, offset_s=10.0, shown=some.interval)
    assert pictures_on_line(alike, some, line) == 1
    assert pictures_on_line(alike, some, replace(line, offset_s=10.9)) == 2
    assert pictures_on_line(alike, some, replace(line, offset_s=20.0)) == 0


def test_it_is_a_family_beside_motion_only_and_supports_the_score():
    moving = motion_line(rate=1.0, offset_s=10.0, shown=Interval(start_s=2.0, end_s=4.0))
    still = replace(moving, correlation=0.01)
    assert families_of(moving, 0, hashes_agree=False, looks_alike=True) == (MOTION_FAMILY, LEARNED_FAMILY)
    assert families_of(still, 0, hashes_agree=False, looks_alike=True) == ()
    assert families_of(None, 0, hashes_agree=False, looks_alike=True) == ()
    assert level_of(1.0, (LEARNED_FAMILY,)) is MatchLevel.POSSIBLE
    assert fused_score(moving, 0, hashes_agree=False) == 0
    alone = fused_score(moving, 0, hashes_agree=False, looks_alike=True)
    assert 0 < alone < fused_score(moving, 0, hashes_agree=True)


def test_reference_without_key_pictures_is_not_proposed_for_a_region():
    index, local = references(ours=[layout(place(1)), layout(place(2))], **{"other": [layout(place(3))]})
    bare = LocalIndex.of({name: features_of([]) for name in local.reference_ids})
    shown = replace(piece(None), picture=cv2.imencode(".png", laid_on(place(77) // 2 + 120)(place(1)))[1].tobytes())
    assert propose_in_regions([shown], Layouts(), index, local)[0]
    assert propose_in_regions([shown], Layouts(), index, bare) == [[]]
    assert propose_in_regions([replace(shown, picture=b"no picture"), piece(None)], Layouts(), index, local) == [[], []]


# --- all of matching -------------------------------------------------------------------------------------------------


def without_keypoints(release: Release, vector: np.ndarray) -> QueryMaterial:
    """A release that keypoints find nothing in, all of whose pictures have one vector."""
    material = release.material()
    nothing = keypoints_of(descriptors()[:0])
    vectors = views(vector)
    pieces = [
        replace(
            each,
            key_pictures=tuple(replace(picture, keypoints=nothing, vectors=vectors) for picture in each.key_pictures),
        )
        for each in material.pieces
    ]
    return replace(material, pieces=pieces)


def searched(library: Library, query: QueryMaterial, vectors: dict[str, np.ndarray]) -> list[tuple[str, bool]]:
    """What is found, and whether only as a scene, where each reference looks like one vector all the time."""
    local = library.material.local
    sets = {
        name: DescriptorSet(
            model_sha256=MODEL,
            times_s=local.features(name).times_s.copy(),
            vectors=np.repeat(vectors[name][None], len(local.features(name).times_s), axis=0).astype(np.float16),
        )
        for name in local.reference_ids
    }
    material = ReferenceMaterial(
        local,
        {name: library.material.duration_s(name) for name in local.reference_ids},
        library.material._clips,
        DescriptorIndex.of(local.reference_ids, sets),
    )
    matches = find_matches(query, library.hashes, material, SilentProgress())
    assert all(match.families == (MOTION_FAMILY, LEARNED_FAMILY) for match in matches)
    return [(match.reference_id, match.same_scene_only) for match in matches]


def test_what_only_a_descriptor_proposes_is_found_by_its_motion_and_nothing_else_is():
    """The same place on another day looks the same, and is not found: a descriptor alone confirms nothing."""
    library = Library(10.0, ours=Scene(1, mover=1), theirs=Scene(2, mover=1))
    looks = {"ours": like(direction(1), 0.9), "theirs": direction(2)}
    taken = without_keypoints(Release(Cut(Scene(1, mover=1), 4.3, 1.6)), direction(1))
    assert searched(library, taken, looks) == [("ours", False)]
    other_day = without_keypoints(Release(Cut(Scene(1, mover=2), 4.3, 1.6)), direction(1))
    assert searched(library, other_day, looks) == []
    assert searched(library, taken, {"ours": direction(3), "theirs": direction(2)}) == []


# --- regions ---------------------------------------------------------------------------------------------------------


def layout(picture: np.ndarray) -> np.ndarray:
    """What is bright where, (64,) of length 1: it tells places apart, and does not see through an inset."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if picture.ndim == 3 else picture
    small = cv2.resize(grey, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    small -= small.mean()
    return small / np.linalg.norm(small)


class Layouts:
    """Stands in for a descriptor."""

    def describe_views(self, picture: np.ndarray, *, with_inverted: bool) -> np.ndarray:
        assert not with_inverted
        return np.array([layout(each) for each in (picture, picture[:, ::-1])], np.float16)


BOX = (60, 40, 300, 175)


def laid_on(ground: np.ndarray, *, mirrored: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """An edit that reduces the picture and lays it on another."""
    left, top, right, bottom = BOX

    def edit(picture: np.ndarray) -> np.ndarray:
        shown = picture[:, ::-1] if mirrored else picture
        made = ground.copy()
        made[top:bottom, left:right] = cv2.resize(shown, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        return made

    return edit


def found_in_regions(scene: Scene, learned: Layouts | None, *, mirrored: bool = False) -> list[Match]:
    """What is found of a release that shows a scene as an inset, and that keypoints find nothing in."""
    edit = laid_on(place(77) // 2 + 120, mirrored=mirrored)
    library = Library(10.0, ours=Scene(1, mover=1), **{f"other{number}": Scene(number) for number in range(2, 7)})
    release = Release(Cut(scene, 4.3, 2.4, edit=edit))
    query = without_keypoints(release, direction(7))
    picture = cv2.imencode(".png", cv2.cvtColor(edit(scene.at(6.1)), cv2.COLOR_GRAY2BGR))[1].tobytes()
    query = replace(query, pieces=[replace(each, picture=picture) for each in query.pieces], learned=learned)
    local = library.material.local
    scenes = {"ours": Scene(1, mover=1)} | {f"other{number}": Scene(number) for number in range(2, 7)}
    sets = {
        name: DescriptorSet(
            model_sha256=MODEL,
            times_s=local.features(name).times_s.copy(),
            vectors=np.array([layout(scenes[name].at(each)) for each in local.features(name).times_s], np.float16),
        )
        for name in local.reference_ids
    }
    durations_s = {name: library.material.duration_s(name) for name in local.reference_ids}
    index = DescriptorIndex.of(local.reference_ids, sets)
    material = ReferenceMaterial(local, durations_s, library.material._clips, index)
    return list(find_matches(query, library.hashes, material, SilentProgress()))


@pytest.mark.parametrize("mirrored", [False, True])
def test_inset_is_found_by_its_region(mirrored: bool):
    (match,) = found_in_regions(Scene(1, mover=1), Layouts(), mirrored=mirrored)
    assert (match.reference_id, match.same_scene_only, match.transform.mirrored) == ("ours", False, mirrored)
    assert match.families == (MOTION_FAMILY, LEARNED_FAMILY)
    assert match.reference.start_s == pytest.approx(4.3, abs=0.15)
    assert found_in_regions(Scene(1, mover=1), None) == [], "nobody can be asked about regions"


def test_inset_of_the_same_place_on_another_day_is_not_found():
    assert found_in_regions(Scene(1, mover=2), Layouts()) == []


def test_region_of_a_place_that_is_not_archived_is_not_proposed():
    assert found_in_regions(Scene(40, mover=1), Layouts()) == []
