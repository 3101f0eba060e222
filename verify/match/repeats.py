"""Repeats: footage that one release shows twice, found by taking its own earlier pieces for the references."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from verify.archive.local_index import LocalIndex
from verify.fingerprint.local import VERSION, project
from verify.match.confirmation import Confirmation
from verify.match.joining import join_neighbours, without_weaker_twins
from verify.match.materials import ReferenceMaterial
from verify.match.proposals import VIEWS, propose
from verify.match.segments import BRIEF_MOTION, segment
from verify.model import Interval, LocalFeatureSet, MatchLevel, ProxyClip, TimeMap

if TYPE_CHECKING:
    from verify.fingerprint.key_pictures import QueryPiece
    from verify.match.confirmation import PieceEvidence
    from verify.match.materials import QueryMaterial
    from verify.model import Match, Progress

#: The reference of a repeat is the release itself.
ITSELF = ""
#: A release seldom shows a passage again with its polarity reversed.
_VIEWS = tuple(view for view in VIEWS if not view.inverted)
_SAME_TIME_S = 0.01
_NO_TIMES = np.zeros(0, np.float64)


def find_repeats(query: QueryMaterial, progress: Progress) -> tuple[Match, ...]:
    """Find the segments of a release that show an earlier segment of it again, by time.

    Each is a confirmed match whose `reference` is the earlier segment, on the release's own clock. What is only
    possible is left out: cuts of one fixed camera resemble each other too much.
    """
    pieces = query.pieces
    names = {_name(number): number for number in range(len(pieces))}
    index = LocalIndex.of({name: _features(pieces[number]) for name, number in names.items()})
    material = _EarlierPieces(query, index, names)
    confirmation = Confirmation(query, material)
    starts_s = np.array([shot.interval.start_s for shot in query.hashes.shots])
    # Within one shot, what moves to and fro resembles itself a little later, and no editor repeated it.
    shots = [int((starts_s <= piece.interval.start_s + _SAME_TIME_S).sum()) for piece in pieces]
    progress.start("repeats", len(pieces), "pieces")
    found: list[Match] = []
    for number, proposed in enumerate(propose(pieces, index, _VIEWS)):
        earlier = [
            each for each in proposed if shots[names[index.reference_ids[each.reference_number]]] < shots[number]
        ]
        for evidence in confirmation.check(pieces[number], earlier, ()):
            match = _repeat(evidence, pieces[names[evidence.reference_id]])
            # What is too short to tell by itself may go on from what is confirmed.
            if match is not None and (match.level is MatchLevel.CONFIRMED or match.caveat == BRIEF_MOTION):
                found.append(match)
        progress.advance(1)
    progress.finish()
    by_view: dict[object, list[Match]] = {}
    for match in found:
        by_view.setdefault(match.transform, []).append(match)
    joined = [match for matches in by_view.values() for match in join_neighbours(matches)]
    confirmed = [match for match in joined if match.level is MatchLevel.CONFIRMED]
    return tuple(sorted(without_weaker_twins(confirmed), key=lambda match: match.query.start_s))


class _EarlierPieces(ReferenceMaterial):
    """The pieces of a release as references, each on a clock of its own."""

    def __init__(self, query: QueryMaterial, index: LocalIndex, names: dict[str, int]) -> None:
        durations_s = {name: query.pieces[number].interval.duration_s for name, number in names.items()}

        def clip(name: str, _stretch: Interval) -> ProxyClip | None:
            interval = query.pieces[names[name]].interval
            found = query.clip(interval)
            if found is None:
                return None
            return ProxyClip(times_s=found.times_s - interval.start_s, pictures=found.pictures)

        super().__init__(index, durations_s, clip)


def _repeat(evidence: PieceEvidence, earlier: QueryPiece) -> Match | None:
    """Make a match on the release's own clock of what two pieces share."""
    match = segment(evidence, earlier.interval.duration_s, _NO_TIMES, inside_release=True)
    if match is None:
        return None
    shift_s = earlier.interval.start_s
    geometry = match.geometry
    similarity = match.similarity
    return replace(
        match,
        reference_id=ITSELF,
        reference=Interval(start_s=match.reference.start_s + shift_s, end_s=match.reference.end_s + shift_s),
        time_map=TimeMap(rate=match.time_map.rate, offset_s=round(match.time_map.offset_s + shift_s, 4)),
        geometry=replace(geometry, reference_time_s=geometry.reference_time_s + shift_s) if geometry else None,
        similarity=replace(
            similarity, reference_times_s=tuple(round(time_s + shift_s, 3) for time_s in similarity.reference_times_s)
        )
        if similarity
        else None,
    )


def _features(piece: QueryPiece) -> LocalFeatureSet:
    """Keypoints of a piece as an archive would keep them, on the piece's clock."""
    pictures = [
        (picture.time_s - piece.interval.start_s, picture.keypoints.points, project(picture.keypoints.descriptors))
        for picture in piece.key_pictures
    ]
    times_s = np.array([time_s for time_s, _, _ in pictures], np.float64)
    counts = [len(points) for _, points, _ in pictures]
    return LocalFeatureSet(
        version=VERSION,
        width_px=piece.width_px,
        height_px=piece.height_px,
        times_s=times_s,
        until_s=times_s.copy(),
        first_rows=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        points=np.concatenate([points for _, points, _ in pictures] or [np.zeros((0, 2), np.float32)]),
        codes=np.concatenate([codes for _, _, codes in pictures] or [np.zeros((0, 48), np.int8)]),
    )


def _name(number: int) -> str:
    return f"piece-{number:06d}"
