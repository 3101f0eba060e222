"""All of matching on made-up footage: what was taken from a reference is found, what only looks like it is not."""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.fingerprint_samples import Edit
from tests.unit.match_samples import Cut, Library, Release, Scene, evidence_of, inverse, laid
from verify.match.matcher import _add, find_matches
from verify.match.scoring import GEOMETRY_FAMILY, HASH_FAMILY, MOTION_FAMILY, calibration
from verify.match.segments import HELD_STILL, MOTION_DIFFERS, NO_CONFIRMATION_DATA, NO_OTHER_TIMES, TOO_STATIC
from verify.model import Interval, Match, MatchLevel, SilentProgress, Transform

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from tests.unit.match_samples import Grey

REFERENCE_S = 10.0
OURS, OTHER_DAY, THIEVES = Scene(1, mover=1), Scene(1, mover=2), Scene(1, mover=3)
THEIRS, STRANGER, OTHER_STRANGER = Scene(2, mover=1), Scene(5, mover=5), Scene(6, mover=5)
EMPTY_PLACE = Scene(1)


@lru_cache
def library(proxies: bool = True) -> Library:
    return Library(REFERENCE_S, proxies, ours=OURS, theirs=THEIRS)


@lru_cache
def library_of_two_days() -> Library:
    return Library(REFERENCE_S, ours=OURS, other_day=OTHER_DAY, theirs=THEIRS)


def assert_span(found: Interval, start_s: float, end_s: float, within_s: float = 0.1) -> None:
    assert (found.start_s, found.end_s) == pytest.approx((start_s, end_s), abs=within_s)


def assert_level(match: Match, level: MatchLevel, *families: str) -> None:
    assert (match.level, match.families, match.same_scene_only) == (level, families, False)


@lru_cache
def library_with_signatures() -> Library:
    return Library(REFERENCE_S, motions=True, ours=OURS, theirs=THEIRS)


# --- what was taken --------------------------------------------------------------------------------------------------


def test_cut_among_strangers_is_confirmed_and_its_rival_dropped():
    """Another day of the place is in the archive too; nothing is said of it."""
    release = Release(Cut(STRANGER, 0.0, 2.0), Cut(OURS, 4.3, 1.6), Cut(OTHER_STRANGER, 0.0, 2.0))
    (match,) = library_of_two_days().matches(release)
    assert match.reference_id == "ours"
    assert (match.query.start_s, match.query.end_s) == (2.0, 3.6)
    assert_span(match.reference, 4.3, 5.9)
    assert match.time_map.rate == 1.0
    assert match.transform == Transform()
    assert_level(match, MatchLevel.CONFIRMED, GEOMETRY_FAMILY, MOTION_FAMILY)
    assert match.caveat == ""


CROP = np.array([[0.7, 0.0, 90.0], [0.0, 0.7, 40.0]])
MIRROR_CROP = np.array([[-0.7, 0.0, 420.0], [0.0, 0.7, 70.0]])
INSET = np.array([[2.0, 0.0, -480.0], [0.0, 2.0, -30.0]])


@pytest.mark.parametrize(
    ("matrix", "inverted"),
    [
        pytest.param(MIRROR_CROP, False, id="mirrored and cropped"),
        pytest.param(INSET, True, id="inset and inverted"),
        pytest.param(CROP, False, id="cropped", marks=pytest.mark.slow),
        pytest.param(INSET, False, id="inset", marks=pytest.mark.slow),
        pytest.param(CROP, True, id="cropped and inverted", marks=pytest.mark.slow),
        pytest.param(MIRROR_CROP, True, id="all of it", marks=pytest.mark.slow),
    ],
)
def test_edited_cut_is_confirmed_with_its_transform(matrix: npt.NDArray[np.float64], inverted: bool):
    def edit(picture: Grey) -> Grey:
        shown = laid(picture, inverse(matrix))
        return 255 - shown if inverted else shown

    (match,) = library().matches(Release(Cut(OURS, 4.3, 1.6, edit=edit)))
    assert match.reference_id == "ours"
    assert match.transform == Transform(mirrored=bool(matrix[0, 0] < 0), inverted=inverted)
    assert_span(match.reference, 4.3, 5.9)
    assert match.level is MatchLevel.CONFIRMED
    assert match.geometry is not None
    expected = (np.array([[0, 0], [512, 0], [512, 288], [0, 288]]) @ matrix[:, :2].T + matrix[:, 2]) / (512, 288)
    assert np.array(match.geometry.outline) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("rate", [0.5, *(pytest.param(rate, marks=pytest.mark.slow) for rate in (2.0, -1.0))])
def test_slowed_quickened_and_reversed_cuts_are_confirmed(rate: float):
    from_s = 4.3 if rate > 0 else 7.1
    (match,) = library().matches(Release(Cut(OURS, from_s, 2.0, rate=rate)))
    assert match.level is MatchLevel.CONFIRMED
    assert match.time_map.rate == pytest.approx(rate, rel=0.1)
    assert_span(match.reference, *sorted((from_s, from_s + 2.0 * rate)))


def test_two_cuts_of_one_reference_lie_on_their_own_lines():
    found = library().matches(Release(Cut(OURS, 7.0, 1.6), Cut(THEIRS, 1.0, 1.6), Cut(OURS, 2.0, 1.6)))
    spans = {(match.reference_id, match.query.start_s): match.reference.start_s for match in found}
    assert spans == {
        ("ours", 0.0): pytest.approx(7.0, abs=0.1),
        ("theirs", 1.6): pytest.approx(1.0, abs=0.1),
        ("ours", 3.2): pytest.approx(2.0, abs=0.1),
    }
    assert {match.level for match in found} == {MatchLevel.CONFIRMED}


@pytest.mark.slow
def test_order_is_by_score_and_the_same_every_time():
    release = Release(Cut(THEIRS, 1.0, 1.6, noise=12.0), Cut(OURS, 7.0, 1.6))
    first, second = (library().matches(release) for _ in range(2))
    assert first == second
    assert {match.reference_id for match in first} == {"ours", "theirs"}
    assert all(one.score >= other.score for one, other in pairwise(first))


# --- within a shot ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_pieces_of_one_shot_are_one_match():
    (match,) = library().matches(
        Release(Cut(OURS, 2.0, 2.4), Cut(OURS, 4.4, 2.4, joined=True), Cut(STRANGER, 0.0, 1.6))
    )
    assert (match.query.start_s, match.query.end_s) == (0.0, 4.8)
    assert_span(match.reference, 2.0, 6.8)


@pytest.mark.parametrize(
    "joined", [pytest.param(True, id="in the shot"), pytest.param(False, id="after a cut", marks=pytest.mark.slow)]
)
def test_piece_without_keypoints_follows_its_neighbour(joined: bool):
    release = Release(Cut(OURS, 2.0, 2.0), Cut(OURS, 4.0, 2.0, joined=joined, keypoints=False))
    (match,) = library().matches(release)
    assert (match.query.start_s, match.query.end_s) == (0.0, 4.0)
    assert_span(match.reference, 2.0, 6.0)


def test_calm_piece_follows_within_a_shot():
    """For a while nothing moves; the picture is still that of the reference."""
    calm = Scene(1, mover=1, calm=(6.0, 9.0))
    release = Release(Cut(calm, 4.0, 2.0), Cut(calm, 6.0, 2.0, joined=True, keypoints=False))
    moving, still = sorted(Library(REFERENCE_S, ours=calm).matches(release), key=lambda match: match.query.start_s)
    assert (moving.level, still.level) == (MatchLevel.CONFIRMED, MatchLevel.POSSIBLE)
    assert (moving.query.start_s, moving.query.end_s) == (0.0, 2.0)
    assert (still.query.start_s, still.query.end_s) == (2.0, 4.0)
    assert_span(still.reference, 6.0, 8.0, 0.3)
    assert still.caveat == TOO_STATIC


def test_empty_place_does_not_follow_where_something_moves_in_the_reference():
    """A cut that nobody sees: the same camera, later, when nothing happened."""
    release = Release(Cut(OURS, 2.0, 2.0), Cut(EMPTY_PLACE, 4.0, 2.0, joined=True, keypoints=False))
    reused = [match for match in library().matches(release) if not match.same_scene_only]
    assert [(match.query.start_s, match.query.end_s, match.level) for match in reused] == [
        (0.0, 2.0, MatchLevel.CONFIRMED)
    ]


def test_reference_without_other_times_confirms_nothing():
    """With nothing to compare with, the reference may show what recurs."""
    (match,) = Library(2.0, ours=OURS).matches(Release(Cut(STRANGER, 0.0, 2.0), Cut(OURS, 0.2, 1.6)))
    assert (match.level, match.caveat) == (MatchLevel.POSSIBLE, NO_OTHER_TIMES)
    assert match.motion is not None
    assert match.motion.elsewhere is None
    assert match.distinctness == 0.0


def test_another_recording_does_not_follow():
    release = Release(Cut(OURS, 2.0, 2.0), Cut(THIEVES, 4.0, 2.0, keypoints=False))
    (match,) = [match for match in library().matches(release) if not match.same_scene_only]
    assert (match.query.start_s, match.query.end_s) == (0.0, 2.0)


def test_cut_that_outlasts_the_reference_ends_with_it():
    (match,) = library().matches(Release(Cut(OURS, REFERENCE_S - 1.6, 2.4)))
    assert match.query.start_s == 0.0
    # Without a cut there, the end is known to the quarter of a second that a change takes.
    assert match.query.end_s == pytest.approx(1.6, abs=0.33)
    assert match.reference.end_s <= REFERENCE_S


# --- the same scene --------------------------------------------------------------------------------------------------


def test_another_recording_of_the_place_is_the_same_scene():
    (match,) = library().matches(Release(Cut(STRANGER, 0.0, 1.6), Cut(THIEVES, 4.3, 2.0)))
    assert match.reference_id == "ours"
    assert match.same_scene_only
    assert match.caveat == MOTION_DIFFERS
    assert match.level is MatchLevel.POSSIBLE
    assert MOTION_FAMILY not in match.families
    assert match.transform == Transform()
    assert (match.query.start_s, match.query.end_s) == (1.6, 3.6)


@pytest.mark.slow
@pytest.mark.parametrize("matrix", [CROP, MIRROR_CROP, INSET], ids=["cropped", "mirrored and cropped", "inset"])
def test_edited_picture_of_another_recording_is_never_reuse(matrix: npt.NDArray[np.float64]):
    found = library().matches(Release(Cut(THIEVES, 4.3, 2.0, edit=partial(laid, matrix=inverse(matrix)))))
    assert [match for match in found if not match.same_scene_only] == []


@pytest.mark.parametrize(
    "later_s", [4.0, *(pytest.param(later_s, marks=pytest.mark.slow) for later_s in (1.0, 2.0, 9.0))]
)
def test_later_part_of_the_recording_is_never_confirmed(later_s: float):
    for match in library().matches(Release(Cut(OURS, REFERENCE_S + later_s, 2.0))):
        assert match.level is MatchLevel.POSSIBLE


def test_place_where_nothing_moves_is_too_static_to_tell():
    (match,) = Library(REFERENCE_S, ours=EMPTY_PLACE).matches(Release(Cut(EMPTY_PLACE, 4.3, 2.0)))
    assert match.same_scene_only
    assert match.caveat == TOO_STATIC
    assert match.level is MatchLevel.POSSIBLE


def test_still_picture_without_any_noise_is_too_static_to_tell():
    """The archive has its small pictures: that they are missing would be untrue."""
    (match,) = Library(REFERENCE_S, ours=EMPTY_PLACE).matches(Release(Cut(EMPTY_PLACE, 4.3, 2.0, noise=0.0)))
    assert match.same_scene_only
    assert match.caveat == TOO_STATIC


def test_picture_held_still_is_possible_at_most():
    (match,) = library().matches(Release(Cut(STRANGER, 0.0, 1.6), Cut(OURS, 6.0, 2.0, rate=0.0)))
    assert match.level is MatchLevel.POSSIBLE
    assert match.caveat == HELD_STILL
    assert match.time_map.rate == 0.0
    assert match.reference.start_s == pytest.approx(6.0, abs=0.1)
    assert (match.query.start_s, match.query.end_s) == (1.6, 3.6)


def test_unrelated_release_gives_nothing():
    assert library().matches(Release(Cut(STRANGER, 0.0, 2.0), Cut(OTHER_STRANGER, 3.0, 2.0))) == ()


# --- hashes and small pictures ---------------------------------------------------------------------------------------


def claimed(release: Release, name: str = "ours", from_s: float = 4.3) -> Edit:
    """Hashes that agree with a reference for the whole of a release."""
    duration_s = release.spans[-1][1].end_s
    return Edit().add(library().films[name], from_s, duration_s)


def test_hashes_alone_stay_possible():
    release = Release(Cut(THIEVES, 4.3, 2.0, keypoints=False))
    (match,) = library(proxies=False).matches(release, claimed(release))
    assert_level(match, MatchLevel.POSSIBLE, HASH_FAMILY)
    assert match.score < calibration().confirmed_from
    assert match.false_alarms is None
    assert_span(match.reference, 4.3, 6.3, 0.2)


def test_hashes_that_motion_contradicts_are_the_same_scene():
    for keypoints in (True, False):
        release = Release(Cut(THIEVES, 4.3, 2.0, keypoints=keypoints))
        for match in library().matches(release, claimed(release)):
            assert (match.same_scene_only, match.caveat) == (True, MOTION_DIFFERS)
            assert match.score <= calibration().possible_from
            assert MOTION_FAMILY not in match.families


def test_hashes_with_motion_are_two_families():
    release = Release(Cut(OURS, 4.3, 2.0, keypoints=False))
    (match,) = library().matches(release, claimed(release))
    assert_level(match, MatchLevel.CONFIRMED, HASH_FAMILY, MOTION_FAMILY)
    assert match.geometry is not None
    assert (match.geometry.cells, match.geometry.frame_pairs) == (0, 0)
    assert {"pdq", "motion"} <= {cue.cue for cue in match.cues}
    assert_span(match.reference, 4.3, 6.3)


@pytest.mark.slow
def test_hashes_and_keypoints_and_motion_are_three_families():
    release = Release(Cut(OURS, 4.3, 2.0))
    (match,) = library().matches(release, claimed(release))
    assert_level(match, MatchLevel.CONFIRMED, HASH_FAMILY, GEOMETRY_FAMILY, MOTION_FAMILY)


def test_hashes_of_another_second_do_not_support_the_line():
    release = Release(Cut(OURS, 4.3, 2.0))
    found = library().matches(release, claimed(release, from_s=7.5))
    (match,) = [match for match in found if match.level is MatchLevel.CONFIRMED]
    assert HASH_FAMILY not in match.families
    assert_span(match.reference, 4.3, 6.3)


@pytest.mark.parametrize(
    "matrix", [pytest.param(None, id="as shown"), pytest.param(MIRROR_CROP, id="mirrored", marks=pytest.mark.slow)]
)
def test_without_small_pictures_nothing_is_confirmed(matrix: npt.NDArray[np.float64] | None):
    edit = None if matrix is None else partial(laid, matrix=inverse(matrix))
    (match,) = library(proxies=False).matches(Release(Cut(OURS, 4.3, 2.0, edit=edit)))
    assert match.reference_id == "ours"
    assert match.level is MatchLevel.POSSIBLE
    assert match.caveat == NO_CONFIRMATION_DATA
    assert match.motion is None
    release = Release(Cut(OURS, 4.3, 2.0))
    for supported in library(proxies=False).matches(release, claimed(release)):
        assert supported.level is MatchLevel.POSSIBLE


def test_release_without_small_pictures_is_never_confirmed():
    release = Release(Cut(OURS, 4.3, 2.0))
    material = release.material()
    blind = type(material)(hashes=material.hashes, pieces=material.pieces, clip=lambda _: None)
    found = find_matches(blind, library().hashes, library().material, SilentProgress())
    assert found
    assert {match.level for match in found} == {MatchLevel.POSSIBLE}


def test_progress_is_reported():
    class Counting(SilentProgress):
        total, done = 0.0, 0.0

        def start(self, label: str, total: float | None, unit: str) -> None:
            self.total += total or 0

        def advance(self, amount: float) -> None:
            self.done += amount

    shown = Counting()
    material = Release(Cut(OURS, 4.3, 1.6)).material()
    find_matches(material, library().hashes, library().material, shown)
    assert shown.total == shown.done >= 1


# --- what scrolls ----------------------------------------------------------------------------------------------------


def test_place_that_scrolls_by_is_found_near_its_own_time():
    """Shifted far enough, every moment of a steady scroll moves like every other; a shift of a few percent passes."""

    def scrolled(time_s: float) -> npt.NDArray[np.float64]:
        return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -14.0 * time_s]])

    page = Scene(7, camera=scrolled)
    (match,) = Library(REFERENCE_S, page=page).matches(Release(Cut(STRANGER, 0.0, 2.0), Cut(page, 5.2, 1.6)))
    assert (match.query.start_s, match.query.end_s) == (2.0, 3.6)
    assert_span(match.reference, 5.2, 6.8, 1.0)
    assert match.geometry is not None
    assert match.geometry.covered > 0.9


# --- what only motion finds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "edit"), [(1.0, None), (-1.0, None), (1.0, np.fliplr), (1.0, np.bitwise_not)])
def test_cut_without_keypoints_is_found_by_its_motion(rate: float, edit: Callable[[Grey], Grey] | None):
    from_s = 4.0 if rate > 0 else 6.0
    cut = Cut(OURS, from_s, 2.0, rate, edit=edit, keypoints=False)
    release = Release(Cut(STRANGER, 0.0, 2.0), cut, Cut(OTHER_STRANGER, 0.0, 2.0))
    (match,) = library_with_signatures().matches(release)
    assert match.reference_id == "ours"
    assert (match.query.start_s, match.query.end_s) == (2.0, 4.0)
    assert_span(match.reference, 4.0, 6.0)
    assert match.transform == Transform(mirrored=edit is np.fliplr, inverted=edit is np.bitwise_not)
    # One kind of evidence alone confirms nothing.
    assert_level(match, MatchLevel.POSSIBLE, MOTION_FAMILY)


@pytest.mark.parametrize("stranger", [OTHER_DAY, THIEVES])
def test_same_place_without_keypoints_on_another_day_is_not_found_by_motion(stranger: Scene):
    release = Release(Cut(STRANGER, 0.0, 2.0), Cut(stranger, 4.0, 2.0, keypoints=False))
    assert library_with_signatures().matches(release) == ()


def test_what_is_found_later_leaves_nothing_out():
    """Weaker evidence of the same reference may name a scene, or contradict what hashes find."""
    evidence = [[evidence_of(score=0.02, cells=40)]]
    _add(evidence, 0, [evidence_of(score=0.03, cells=0)])
    assert [(each.score, each.overlay.cells) for each in evidence[0]] == [(0.03, 0), (0.02, 40)]
