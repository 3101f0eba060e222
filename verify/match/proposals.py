"""Proposals by keypoints: which references, seen in which way, share rare local detail with a piece of the query.

Every keypoint of a piece votes for the references in which something very like it occurs. What occurs in many
references says little and its vote is shared among them; what a reference gathers from all pieces of the release alike
is background and is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    first; `votes` ranks proposals. `alike` is there where a learned descriptor proposes it too.
    """

    reference_number: int
    view: Transform
    votes: float
    key_pictures: tuple[tuple[int, ...], ...]
    alike: Resemblance | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ballot:
    """Votes of one piece: for (reference, view) pairs, and for (query picture, reference, view, key picture)."""

    candidates: dict[tuple[int, int], float]
    pictures: dict[tuple[int, int], list[tuple[float, int, int]]]


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
    ballots = [_Ballot(candidates={}, pictures={}) for _ in pieces]
    if len(index.reference_numbers):
        for start in range(0, len(pieces), _PIECES_AT_ONCE):
            some = slice(start, start + _PIECES_AT_ONCE)
            _vote(pieces[some], ballots[some], index, views)
    background = _background(ballots)
    return [_elected(piece, ballot, background)[:limit] for piece, ballot in zip(pieces, ballots, strict=True)]


def _vote(
    pieces: Sequence[QueryPiece], ballots: Sequence[_Ballot], index: LocalIndex, views: Sequence[Transform]
) -> None:
    """Let all keypoints of some pieces vote in every view; searching for many at once is what the index is good at."""
    descriptors = [picture.keypoints.descriptors for piece in pieces for picture in piece.key_pictures]
    if not sum(map(len, descriptors)):
        return
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
            _count(ballot, VIEWS.index(view), owner[used[own], 1], found, index=index, speaks_for=speaks_for)


def _count(
    ballot: _Ballot,
    view: int,
    own: npt.NDArray[np.int64],
    neighbours: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]],
    *,
    index: LocalIndex,
    speaks_for: int,
) -> None:
    """Add the votes of one view: (Q, K) squared distances and rows of the index, -1 where there is none."""
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
    for reference, total in zip(numbers, np.bincount(inverse, weights=share[first]), strict=True):
        ballot.candidates[int(reference), view] = float(total)
    voted = weight > 0
    keys = np.stack(
        [
            references[voted].astype(np.int64),
            np.broadcast_to(own[:, None], weight.shape)[voted],
            index.key_pictures[np.maximum(rows, 0)][voted].astype(np.int64),
        ],
        axis=1,
    )
    if not len(keys):
        return
    kinds, inverse = np.unique(keys, axis=0, return_inverse=True)
    totals = np.bincount(inverse.ravel(), weights=share[voted])
    for (reference, picture, key_picture), total in zip(kinds, totals, strict=True):
        ballot.pictures.setdefault((int(reference), view), []).append((float(total), int(picture), int(key_picture)))


def _background(ballots: Sequence[_Ballot]) -> dict[tuple[int, int], float]:
    """Say what a (reference, view) pair gets from the median piece; nothing where too few pieces can tell."""
    if len(ballots) < _BACKGROUND_PIECES:
        return {}
    gathered: dict[tuple[int, int], list[float]] = {}
    for ballot in ballots:
        for candidate, votes in ballot.candidates.items():
            gathered.setdefault(candidate, []).append(votes)
    return {
        candidate: float(np.median(votes + [0.0] * (len(ballots) - len(votes))))
        for candidate, votes in gathered.items()
        if 2 * len(votes) > len(ballots)
    }


def _elected(piece: QueryPiece, ballot: _Ballot, background: dict[tuple[int, int], float]) -> list[Proposal]:
    ranked = sorted(
        (
            (votes - _BACKGROUND_SHARE * background.get(candidate, 0.0), candidate)
            for candidate, votes in ballot.candidates.items()
        ),
        key=lambda entry: (-entry[0], entry[1]),
    )[:PROPOSED]
    proposals = []
    for votes, candidate in ranked:
        pictures = sorted(ballot.pictures.get(candidate, ()), reverse=True)
        proposals.append(
            Proposal(
                reference_number=candidate[0],
                view=VIEWS[candidate[1]],
                votes=votes,
                key_pictures=tuple(
                    tuple(key for _, picture, key in pictures if picture == number)[:_KEY_PICTURES]
                    for number in range(len(piece.key_pictures))
                ),
            )
        )
    return proposals
