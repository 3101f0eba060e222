"""Proposals: keypoints vote for the reference that has them, what is rare counts, what is everywhere does not."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.unit.match_samples import descriptors, features_of, keypoints_of, piece_of, place
from verify.archive.local_index import LocalIndex
from verify.fingerprint.local import viewed
from verify.match.proposals import VIEWS, Proposal, propose
from verify.model import Interval, Transform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tests.unit.match_samples import Grey
    from verify.fingerprint.key_pictures import QueryPiece

SECOND = Interval(start_s=0.0, end_s=1.0)


def piece(*described: npt.NDArray[np.uint8]) -> QueryPiece:
    """A piece with one key picture for each array of descriptors."""
    return piece_of([(0.2 * number, keypoints_of(each)) for number, each in enumerate(described)], SECOND)


def index(**references: Sequence[npt.NDArray[np.uint8]]) -> LocalIndex:
    """An index of references with one key picture for each array of descriptors."""
    return LocalIndex.of(
        {
            name: features_of([(float(number), keypoints_of(each)) for number, each in enumerate(pictures)])
            for name, pictures in references.items()
        }
    )


def named(index: LocalIndex, proposals: Sequence[Proposal], view: Transform | None = None) -> dict[str, float]:
    """Votes by reference id, highest first."""
    return {
        index.reference_ids[each.reference_number]: each.votes
        for each in proposals
        if each.view == (view or Transform())
    }


# --- who is proposed -------------------------------------------------------------------------------------------------


def test_reference_that_shares_detail_is_proposed_with_its_key_pictures():
    some = descriptors()
    searched = index(ours=[some[60:80], some[:20], some[20:40]], theirs=[some[80:100], some[100:120]])
    ((best, *others),) = propose([piece(some[:20], some[20:40], some[40:60])], searched)
    assert searched.reference_ids[best.reference_number] == "ours"
    assert best.view == Transform()
    assert best.key_pictures == ((1,), (2,), ())
    assert best.votes == pytest.approx(40 * 0.4, rel=0.05)
    assert all(each.votes < best.votes / 4 for each in others)


def test_key_pictures_are_listed_best_first_and_bounded():
    some = descriptors()
    searched = index(ours=[some[:5], some[:20], some[:10], some[:15], some[:2]])
    ((best, *_),) = propose([piece(some[:20])], searched)
    assert best.key_pictures == ((1, 3, 2),)


def test_number_of_proposals_is_bounded():
    some = descriptors()
    searched = index(**{f"r{number:02d}": [some[4 * number : 4 * number + 4]] for number in range(30)})
    (proposals,) = propose([piece(some)], searched)
    assert len(proposals) == 8
    assert [each.votes for each in proposals] == sorted((each.votes for each in proposals), reverse=True)


def test_lists_run_parallel_to_the_pieces():
    some = descriptors()
    searched = index(ours=[some[:20]], theirs=[some[20:40]])
    first, nothing, second = propose([piece(some[:20]), piece(some[90:110]), piece(some[20:40])], searched)
    assert next(iter(named(searched, first))) == "ours"
    assert next(iter(named(searched, second))) == "theirs"
    assert all(each.votes < 1 for each in nothing)


def test_nothing_to_vote_and_nothing_to_vote_for():
    some = descriptors()
    assert propose([], index(ours=[some[:20]])) == []
    assert propose([piece(some[:0]), piece()], index(ours=[some[:20]])) == [[], []]
    assert propose([piece(some[:20])], index()) == [[]]
    assert propose([piece(some[:20])], index(ours=[some[:0]])) == [[]]


def test_order_does_not_depend_on_chance():
    some = descriptors()
    searched = index(a=[some[:20]], b=[some[:20]], c=[some[:20]])
    first, second = (propose([piece(some[:20])], searched) for _ in range(2))
    assert first == second
    assert list(named(searched, first[0]))[:3] == ["a", "b", "c"]


# --- what counts -----------------------------------------------------------------------------------------------------


def test_rare_detail_outvotes_common_detail():
    """Twice as many keypoints of a channel's logo, which six references have, count for less."""
    some = descriptors()
    common = {f"channel-{number}": [some[:20]] for number in range(6)}
    searched = index(**common, ours=[some[20:30]])
    votes = named(searched, propose([piece(some[:30])], searched)[0])
    assert next(iter(votes)) == "ours"
    assert votes["ours"] == pytest.approx(10 * 0.4, rel=0.05)
    assert votes["channel-0"] == pytest.approx(20 * 0.4 / 6, rel=0.05)


def test_a_picture_that_stands_still_votes_once():
    some = descriptors()
    searched = index(moving=[some[:20]], still=[some[20:40]] * 6)
    votes = named(searched, propose([piece(some[:40])], searched)[0])
    assert votes["still"] == pytest.approx(votes["moving"], rel=0.02)


def overlaid(pieces: int) -> list[QueryPiece]:
    """Pieces that all show one lower third, the first with a little besides."""
    some = descriptors()
    return [piece(np.concatenate([some[:24], some[40:50]])), *(piece(some[:24]) for _ in range(pieces - 1))]


def test_what_a_reference_gathers_from_every_piece_is_background():
    searched = index(channel=[descriptors()[:24]], ours=[descriptors()[40:50]])
    first, *others = propose(overlaid(6), searched)
    assert list(named(searched, first)) == ["ours", "channel"]
    for proposals in others:
        assert named(searched, proposals)["channel"] < 0.25 * 24 * 0.4


def test_few_pieces_cannot_tell_what_is_background():
    searched = index(channel=[descriptors()[:24]], ours=[descriptors()[40:50]])
    first, *_ = propose(overlaid(3), searched)
    assert list(named(searched, first)) == ["channel", "ours"]


def test_reference_of_most_pieces_is_still_proposed():
    """A release made of one reference: the background is taken off, and nobody comes before it."""
    some = descriptors()
    searched = index(ours=[some[:30]], theirs=[some[30:60]])
    for proposals in propose([piece(some[:30]) for _ in range(8)], searched):
        assert next(iter(named(searched, proposals))) == "ours"


# --- ways to look ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS, ids=["as shown", "mirrored", "inverted", "both"])
def test_turned_descriptors_win_in_their_view(view: Transform):
    some = descriptors()
    searched = index(ours=[some[:20]], theirs=[some[20:40]])
    turned = viewed(some[:20], mirrored=view.mirrored, inverted=view.inverted)
    ((best, *others),) = propose([piece(turned)], searched)
    assert (searched.reference_ids[best.reference_number], best.view) == ("ours", view)
    assert all(each.votes < best.votes / 4 for each in others)


@lru_cache
def places() -> LocalIndex:
    return LocalIndex.of({f"place-{seed}": features_of([(0.0, place(seed))]) for seed in range(1, 6)})


def flipped(picture: Grey) -> Grey:
    return np.ascontiguousarray(picture[:, ::-1])


@pytest.mark.parametrize("view", VIEWS, ids=["as shown", "mirrored", "inverted", "both"])
def test_turned_pictures_win_in_their_view(view: Transform):
    """The same with keypoints that were found in pictures, small and noisy ones."""
    picture = cv2.resize(cv2.resize(place(3), (320, 180), interpolation=cv2.INTER_AREA), (512, 288))
    noise = np.random.default_rng(1).normal(0, 3, picture.shape)
    picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    picture = flipped(picture) if view.mirrored else picture
    picture = 255 - picture if view.inverted else picture
    ((best, second, *_),) = propose([piece_of([(0.5, picture)], SECOND)], places())
    assert (places().reference_ids[best.reference_number], best.view) == ("place-3", view)
    assert second.votes < best.votes / 2
