"""Candidates: which references share enough close frames with the query to be worth aligning, and where in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from verify.model import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from verify.archive.index import ReferenceIndex
    from verify.match.query import Query
    from verify.model import Transform

#: Distance, as a share of the bits, up to which a frame pair is a candidate. Far wider than what one frame alone would
#: justify: agreement is judged over the frames of a segment.
RADIUS_SHARE = {"pdq": 0.33, "phash": 0.22}

#: Searching a large archive takes a second of computing for fifty frames, so only every second one names references:
#: one close frame of those for each two in a row. They are aligned with all frames.
_EVERY = 2
_MIN_FRAMES = 1
_MAX_CANDIDATES = 240
_MARGIN_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A reference to align with one view of the query, and the part of it that its close frames span."""

    reference_id: str
    view: Transform
    reference: Interval
    votes: float


def find_candidates(query: Query, index: ReferenceIndex) -> list[Candidate]:
    """Search the index with every second usable query frame and rank the references by rarity-weighted votes.

    A query frame that is close to frames of many references says little, so its vote is shared among them.
    """
    views = list(query.views)
    usable = np.nonzero(query.weight > 0)[0][::_EVERY]
    count = len(index.reference_ids)
    close = np.zeros((len(views), len(usable), count), bool)
    first_s = np.full((len(views), count), np.inf)
    last_s = np.full((len(views), count), -np.inf)
    for algorithm, share in RADIUS_SHARE.items():
        own = [query.views[view][algorithm] for view in views]
        codes = np.concatenate([fingerprint.codes[usable] for fingerprint in own])
        for hits in index.search(algorithm, codes, int(share * own[0].bits)):
            of_views, frames = np.divmod(hits.query_rows, max(len(usable), 1))
            close[of_views, frames, hits.reference_numbers] = True
            np.minimum.at(first_s, (of_views, hits.reference_numbers), hits.reference_times_s)
            np.maximum.at(last_s, (of_views, hits.reference_numbers), hits.reference_times_s)
    return sorted(
        (
            Candidate(
                reference_id=index.reference_ids[reference],
                view=view,
                reference=Interval(
                    start_s=max(0.0, first_s[number, reference] - _MARGIN_S),
                    end_s=last_s[number, reference] + _MARGIN_S,
                ),
                votes=float(votes[reference]),
            )
            for number, view in enumerate(views)
            for votes in [_votes(close[number])]
            for reference in np.nonzero(close[number].sum(axis=0) >= _MIN_FRAMES)[0]
        ),
        key=lambda candidate: (-candidate.votes, candidate.reference_id),
    )[:_MAX_CANDIDATES]


def _votes(close: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Share each frame's one vote among the references it is close to; (R,)."""
    popularity = np.maximum(close.sum(axis=1, keepdims=True), 1)
    votes: npt.NDArray[np.float64] = (close / popularity).sum(axis=0)
    return votes
