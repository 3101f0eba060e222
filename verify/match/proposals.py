"""Proposals by keypoints: which references, seen in which way, share rare local detail with a piece of the query.

Every keypoint of a piece votes for the references in which something very like it occurs. What occurs in many
references says little and its vote is shared among them; what a reference gathers from all pieces of the release alike
is background and is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from verify.fingerprint.local import project, viewed
from verify.match.geometry import NEAR
from verify.model import Transform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.archive.local_index import LocalIndex
    from verify.fingerprint.key_pictures import QueryPiece

#: Ways to look at a piece: as it is, turned left to right, with dark and light exchanged, and both.
VIEWS = (
    Transform(),
    Transform(mirrored=True),
    Transform(inverted=True),
    Transform(mirrored=True, inverted=True),
)
_NEIGHBOURS = 8
_PROBES = 4
#: How many references and views are proposed for a piece.
PROPOSED = 8
_BACKGROUND_SHARE = 0.8
_BACKGROUND_PIECES = 5
_KEY_PICTURES = 3
_PIECES_AT_ONCE = 64
#: Candidates of a piece whose pairs of pictures are remembered until all pieces have voted.
_REMEMBERED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """What a learned descriptor says of a reference, seen in one way, and a piece of the query.

    `similarity` is the cosine of their pictures, -1..1, and `noise` that of the other references that are most like the
    piece. `times_s[n]` lists when the reference looks most like the n-th key picture of the piece, or hardly less so,
    best first.
    """

    similarity: float
    noise: float
    times_s: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A reference, seen in one way, that a piece of the query may show.

    `key_pictures[n]` lists the reference's key pictures that share most with the n-th key picture of the piece, best
    first; `votes` ranks proposals. `alike` is there where a learned descriptor proposes it too. `region` is the part of
    the picture that shows it, (left, top, right, bottom) in px, None for any.
    """

    reference_number: int
    view: Transform
    votes: float
    key_pictures: tuple[tuple[int, ...], ...]
    alike: Resemblance | None = None
    region: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ballot:
    """Votes of one piece. A candidate, a reference seen in one way, is 4 * reference number + number of the view.

    `candidates` (C,) int64 got `votes` (C,). `pairs` (N, 3) int32 are candidate, picture of the query and key picture,
    and `shares` (N,) what of the votes came from each; of many candidates only the likeliest keep their pairs, since a
    long release has thousands of pieces.
    """

    candidates: npt.NDArray[np.int64]
    votes: npt.NDArray[np.float64]
    pairs: npt.NDArray[np.int32]
    shares: npt.NDArray[np.float64]


_NO_VOTES = _Ballot(
    candidates=np.zeros(0, np.int64), votes=np.zeros(0), pairs=np.zeros((0, 3), np.int32), shares=np.zeros(0)
)


def propose(
    pieces: Sequence[QueryPiece], index: LocalIndex, views: Sequence[Transform] = VIEWS, limit: int = PROPOSED
) -> list[list[Proposal]]:
    """Rank, for every piece, the references that its keypoints vote for; the lists run parallel to `pieces`.

    Parameters
    ----------
    views
        Ways to look at the pieces, of `VIEWS`.
    limit
        How many to propose for a piece.
    """
    if not len(index.reference_numbers):
        return [[] for _ in pieces]
    ballots = [
        ballot
        for start in range(0, len(pieces), _PIECES_AT_ONCE)
        for ballot in _vote(pieces[start : start + _PIECES_AT_ONCE], index, views)
    ]
    background = _background(ballots, len(index.reference_ids) * len(VIEWS))
    return [_elected(piece, ballot, background)[:limit] for piece, ballot in zip(pieces, ballots, strict=True)]


def _vote(pieces: Sequence[QueryPiece], index: LocalIndex, views: Sequence[Transform]) -> list[_Ballot]:
    """Let all keypoints of some pieces vote in every view; searching for many at once is what the index is good at."""
    descriptors = [picture.keypoints.descriptors for piece in pieces for picture in piece.key_pictures]
    ballots: list[list[_Ballot]] = [[_NO_VOTES] for _ in pieces]
    if not sum(map(len, descriptors)):
        return [_NO_VOTES for _ in pieces]
    owners = [(piece, picture) for piece, own in enumerate(pieces) for picture in range(len(own.key_pictures))]
    owner = np.repeat(np.array(owners, np.int64), list(map(len, descriptors)), axis=0)
    together = np.concatenate(descriptors)
    middles = np.array([len(piece.key_pictures) // 2 for piece in pieces])
    every = np.arange(len(together))
    middle = every[owner[:, 1] == middles[owner[:, 0]]]
    for view in views:
        # Reversed polarity is rare: one picture of each piece is enough to propose it, and speaks for all of them.
        used = middle if view.inverted else every
        codes = project(viewed(together[used], mirrored=view.mirrored, inverted=view.inverted))
        distance, rows = index.search(codes, _NEIGHBOURS, _PROBES)
        bounds = np.searchsorted(owner[used, 0], np.arange(len(pieces) + 1))
        for piece, ballot in enumerate(ballots):
            own = slice(bounds[piece], bounds[piece + 1])
            speaks_for = len(pieces[piece].key_pictures) if view.inverted else 1
            found = distance[own], rows[own]
            ballot.append(_count(VIEWS.index(view), owner[used[own], 1], found, index=index, speaks_for=speaks_for))
    whole = [_together(ballot) for ballot in ballots]
    background = _background(whole, len(index.reference_ids) * len(VIEWS))
    return [_trimmed(ballot, background) for ballot in whole]


def _count(
    view: int,
    own: npt.NDArray[np.int64],
    neighbours: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]],
    *,
    index: LocalIndex,
    speaks_for: int,
) -> _Ballot:
    """Count the votes of one view: (Q, K) squared distances and rows of the index, -1 where there is none."""
    distance, rows = neighbours
    weight = speaks_for * np.where(rows >= 0, np.clip(NEAR - distance, 0, None), 0.0)
    references = index.reference_numbers[np.maximum(rows, 0)]
    first = weight > 0
    for later in range(1, weight.shape[1]):
        for earlier in range(later):
            first[:, later] &= ~((references[:, later] == references[:, earlier]) & (weight[:, earlier] > 0))
    popularity = np.maximum(first.sum(axis=1, keepdims=True), 1)
    share = weight / popularity
    numbers, inverse = np.unique(references[first], return_inverse=True)
    voted = weight > 0
    keys = np.stack(
        [
            references[voted].astype(np.int32) * len(VIEWS) + view,
            np.broadcast_to(own[:, None], weight.shape)[voted],
            index.key_pictures[np.maximum(rows, 0)][voted],
        ],
        axis=1,
    ).astype(np.int32)
    kinds, places = np.unique(keys, axis=0, return_inverse=True)
    return _Ballot(
        candidates=numbers.astype(np.int64) * len(VIEWS) + view,
        votes=np.asarray(np.bincount(inverse, weights=share[first], minlength=len(numbers)), np.float64),
        pairs=kinds,
        shares=np.asarray(np.bincount(places.ravel(), weights=share[voted], minlength=len(kinds)), np.float64),
    )


def _together(ballots: Sequence[_Ballot]) -> _Ballot:
    """Put the votes of all views together."""
    return _Ballot(
        candidates=np.concatenate([ballot.candidates for ballot in ballots]),
        votes=np.concatenate([ballot.votes for ballot in ballots]),
        pairs=np.concatenate([ballot.pairs for ballot in ballots]),
        shares=np.concatenate([ballot.shares for ballot in ballots]),
    )


def _trimmed(ballot: _Ballot, background: npt.NDArray[np.float64]) -> _Ballot:
    """Forget the pairs of candidates that have no chance; the background is that of the pieces it voted with."""
    best = _ranked(ballot, background)[:_REMEMBERED]
    kept = np.isin(ballot.pairs[:, 0], ballot.candidates[best])
    return replace(ballot, pairs=ballot.pairs[kept], shares=ballot.shares[kept])


def _ranked(ballot: _Ballot, background: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Rank the places of candidates by their votes less what they get from any piece."""
    worth = ballot.votes - _BACKGROUND_SHARE * background[ballot.candidates]
    return np.lexsort((ballot.candidates, -worth))


def _background(ballots: Sequence[_Ballot], count: int) -> npt.NDArray[np.float64]:
    """Say what each of `count` candidates gets from the median piece, (count,); 0 where too few pieces can tell."""
    background = np.zeros(count)
    if len(ballots) < _BACKGROUND_PIECES:
        return background
    candidates = np.concatenate([ballot.candidates for ballot in ballots])
    votes = np.concatenate([ballot.votes for ballot in ballots])
    frequent = np.flatnonzero(2 * np.bincount(candidates, minlength=count) > len(ballots))
    order = np.argsort(candidates, kind="stable")
    starts, ends = (np.searchsorted(candidates[order], frequent, side) for side in ("left", "right"))
    for candidate, start, end in zip(frequent, starts, ends, strict=True):
        own = np.zeros(len(ballots))
        own[: end - start] = votes[order[start:end]]
        background[candidate] = np.median(own)
    return background


def _elected(piece: QueryPiece, ballot: _Ballot, background: npt.NDArray[np.float64]) -> list[Proposal]:
    proposals = []
    for place in _ranked(ballot, background)[:PROPOSED]:
        candidate = int(ballot.candidates[place])
        own = ballot.pairs[:, 0] == candidate
        pictures = sorted(
            zip(ballot.shares[own], ballot.pairs[own, 1], ballot.pairs[own, 2], strict=True), reverse=True
        )
        proposals.append(
            Proposal(
                reference_number=candidate // len(VIEWS),
                view=VIEWS[candidate % len(VIEWS)],
                votes=float(ballot.votes[place] - _BACKGROUND_SHARE * background[candidate]),
                key_pictures=tuple(
                    tuple(int(key) for _, picture, key in pictures if picture == number)[:_KEY_PICTURES]
                    for number in range(len(piece.key_pictures))
                ),
            )
        )
    return proposals
