"""From a release and the references to aligned, confirmed, scored segments.

Two ways propose where a piece of the release may come from: lines of agreeing perceptual hashes, and keypoints that
vote for references. Where neither finds anything, motion signatures are a third; where nothing is confirmed by then, a
learned descriptor is a fourth. Each proposal is then confirmed by geometry and by motion. The same camera on the same
scene at another time agrees in geometry and not in motion, and is reported as the same scene, never as reuse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from verify.match.confirmation import Confirmation, PieceEvidence, seen_in
from verify.match.hash_lines import find_hash_matches
from verify.match.joining import join_neighbours, without_weaker_twins
from verify.match.learned_proposals import propose_alike, propose_in_regions
from verify.match.motion_proposals import propose_by_motion
from verify.match.proposals import propose
from verify.match.rejections import Rejected, rejections
from verify.match.scoring import HASH_FAMILY, STILL, calibration
from verify.match.segments import (
    MOTION_DIFFERS,
    NO_CONFIRMATION_DATA,
    TOO_SHORT,
    TOO_STATIC,
    same_scene,
    segment,
)
from verify.model import Interval, MatchLevel, Transform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.archive.index import ReferenceIndex
    from verify.archive.motion_index import MotionIndex
    from verify.fingerprint.key_pictures import QueryPiece
    from verify.match.materials import QueryMaterial, ReferenceMaterial
    from verify.match.proposals import Proposal
    from verify.model import Match, Progress, Shot

#: Share of the best score on a piece below which another reference is taken for a look-alike.
_RIVAL_SHARE = 0.5
_FOLLOWED_SHARE = 0.7
#: What only looks alike was tried in many ways on one piece: its score counts from this multiple of 'possible' on.
_LEAST_BY_LOOKS = 2.0
_SAME_SCENE_CELLS = 12
_SAME_SCENE_LIKENESS = 0.6
_COVERED = 0.5
_FOLLOWED_MOTION = 0.1
_SAME_TIME_S = 0.01
#: Change in grey levels with which motion that agrees nowhere contradicts hashes, and how far the correlation of a line
#: that agrees lies above all others.
_CLEAR_MOTION = 1.0
_CLEAR_LINE = 0.1
#: Range of scores that matches by hashes alone are given: always below what motion confirms.
_HASH_ONLY_SHARE = 0.5


class Found(NamedTuple):
    """What a search gave: matches, strongest first, and what was proposed and is none of them."""

    matches: tuple[Match, ...]
    rejected: Rejected


def find_matches(
    query: QueryMaterial, hashes: ReferenceIndex, references: ReferenceMaterial, progress: Progress
) -> tuple[Match, ...]:
    """Find the segments of the query that agree with segments of the references, strongest first.

    Matches with `same_scene_only` set agree in picture, and the recording was not shown to be the same.
    """
    return search(query, hashes, references, progress).matches


def search(query: QueryMaterial, hashes: ReferenceIndex, references: ReferenceMaterial, progress: Progress) -> Found:
    """Find matches as `find_matches` does, and tell what was compared and rejected besides."""
    hashed = find_hash_matches(query.hashes, hashes, progress)
    evidence = gather_evidence(query, references, hashed, progress)
    found = _segments(evidence, hashes, references)
    found += _by_hashes_alone(hashed, found, evidence, references)
    accepted = [match for match in found if not match.same_scene_only]
    scenes = [match for match in found if match.same_scene_only] + _scenes(evidence, hashes, references, accepted)
    kept = without_weaker_twins([*accepted, *scenes])
    return Found(
        matches=tuple(sorted(kept, key=lambda match: (-match.score, match.query.start_s, match.reference_id))),
        rejected=rejections(evidence, kept),
    )


def gather_evidence(
    query: QueryMaterial, references: ReferenceMaterial, hashed: Sequence[Match], progress: Progress
) -> list[list[PieceEvidence]]:
    """Check what is proposed for every piece, then let pieces follow the lines of their neighbours.

    Returns the evidence for each piece of the query, strongest first, whatever its score.
    """
    confirmation = Confirmation(query, references)
    pieces = query.pieces
    proposals = propose(pieces, references.local)
    progress.start("confirm", len(pieces), "pieces")
    evidence = []
    for piece, proposed in zip(pieces, proposals, strict=True):
        evidence.append(confirmation.check(piece, proposed, hashed))
        progress.advance(1)
    progress.finish()
    if references.motions is not None:
        _add_by_motion(evidence, pieces, references.motions, confirmation)
    if references.learned is not None:
        # Last, and only where nothing is confirmed: what is found without a descriptor is sought in the same way.
        alike = propose_alike(pieces, references.learned, references.local)
        _add_proposed(evidence, pieces, alike, confirmation, progress, below=calibration().confirmed_from)
    if references.learned is not None and query.learned is not None:
        open_ones = _below(evidence, calibration().possible_from)
        regions: list[list[Proposal]] = [[] for _ in pieces]
        asked = propose_in_regions(
            [pieces[number] for number in open_ones], query.learned, references.learned, references.local
        )
        for number, proposed in zip(open_ones, asked, strict=True):
            regions[number] = proposed
        _add_proposed(evidence, pieces, regions, confirmation, progress, below=calibration().possible_from)
    return _followed(evidence, query, confirmation)


def _below(evidence: Sequence[Sequence[PieceEvidence]], score: float) -> list[int]:
    """Return the numbers of the pieces for which nothing of this score was found."""
    return [number for number, own in enumerate(evidence) if not own or own[0].score < score]


def _add_proposed(
    evidence: list[list[PieceEvidence]],
    pieces: Sequence[QueryPiece],
    proposals: Sequence[Sequence[Proposal]],
    confirmation: Confirmation,
    progress: Progress,
    *,
    below: float,
) -> None:
    """Check what is proposed for the pieces for which nothing of a score was found; the lists run parallel."""
    least = _LEAST_BY_LOOKS * calibration().possible_from
    open_ones = [number for number in _below(evidence, below) if proposals[number]]
    progress.start("look-alikes", len(open_ones), "pieces")
    for number in open_ones:
        found = confirmation.check(pieces[number], proposals[number], ())
        # What does not count may still show one scene.
        _add(evidence, number, [each if each.score >= least else replace(each, score=0.0) for each in found])
        progress.advance(1)
    progress.finish()


def _add(evidence: list[list[PieceEvidence]], number: int, found: Sequence[PieceEvidence]) -> None:
    """Add what was found for a piece; the strongest stays first, and nothing is left out."""
    evidence[number] = sorted([*evidence[number], *found], key=lambda each: (-each.score, each.reference_id))


def _add_by_motion(
    evidence: list[list[PieceEvidence]],
    pieces: Sequence[QueryPiece],
    motions: MotionIndex,
    confirmation: Confirmation,
) -> None:
    """Look, for pieces for which nothing else was found, where the same changes."""
    open_ones = _below(evidence, calibration().possible_from)
    signatures = [confirmation.signatures(pieces[number]) for number in open_ones]
    for number, proposed in zip(open_ones, propose_by_motion(signatures, motions), strict=True):
        _add(evidence, number, confirmation.check_motion(pieces[number], proposed))


def _followed(
    evidence: list[list[PieceEvidence]], query: QueryMaterial, confirmation: Confirmation
) -> list[list[PieceEvidence]]:
    """Let accepted lines go on into neighbouring pieces that they explain about as well as anything else does.

    Within a shot a piece may follow with less evidence of its own: where little moves for a while, the picture must
    still look alike.
    """
    possible = calibration().possible_from
    order = sorted(
        ((own[0].score, number) for number, own in enumerate(evidence) if own and own[0].score >= possible),
        reverse=True,
    )
    for _, start in order:
        leader = evidence[start][0]
        if leader.score < possible:
            continue
        for step in (-1, 1):
            number = start + step
            while 0 <= number < len(evidence):
                own = evidence[number][0] if evidence[number] else None
                if own is not None and own.score >= leader.score and own.reference_id != leader.reference_id:
                    break
                if own is not None and _on_one_line(own, leader):
                    break
                following = confirmation.follow(leader, query.pieces[number])
                one_shot = _in_one_shot(query.hashes.shots, query.pieces[number - step], query.pieces[number])
                if following is None or not _accepts(following, own, one_shot=one_shot):
                    break
                if one_shot:
                    following = replace(following, score=max(following.score, possible))
                evidence[number] = [following, *evidence[number]]
                number += step
    return evidence


def _accepts(following: PieceEvidence, own: PieceEvidence | None, *, one_shot: bool) -> bool:
    possible = calibration().possible_from
    own_score = own.score if own is not None else 0.0
    line = following.line
    if one_shot and own_score < possible and line is not None and line.appearance >= _SAME_SCENE_LIKENESS:
        stands_still = line.strength < STILL and float(np.sqrt((line.reference_change**2).mean())) < STILL
        return stands_still or line.per_moment >= _FOLLOWED_MOTION
    return following.score >= max(possible, _FOLLOWED_SHARE * own_score)


def _on_one_line(one: PieceEvidence, other: PieceEvidence) -> bool:
    if one.line is None or other.line is None or (one.reference_id, one.view) != (other.reference_id, other.view):
        return False
    middle_s = one.piece.interval.start_s
    step_s = (one.line.rate - other.line.rate) * middle_s + one.line.offset_s - other.line.offset_s
    return abs(step_s) < 0.2


def _in_one_shot(shots: Sequence[Shot], one: QueryPiece, other: QueryPiece) -> bool:
    """Say whether no cut lies between two neighbouring pieces."""
    joint_s = max(one.interval.start_s, other.interval.start_s)
    return not any(abs(shot.interval.start_s - joint_s) < _SAME_TIME_S for shot in shots)


def _segments(
    evidence: list[list[PieceEvidence]], hashes: ReferenceIndex, references: ReferenceMaterial
) -> list[Match]:
    """Make matches of what was accepted, joined where they follow each other on one line."""
    by_line: dict[tuple[str, Transform], list[Match]] = {}
    for own in evidence:
        strongest = own[0].score if own else 0.0
        for each in own:
            if each.score < max(calibration().possible_from, _RIVAL_SHARE * strongest):
                continue
            shown_s = hashes.fingerprints[each.reference_id]["pdq"].times_s
            match = segment(each, references.duration_s(each.reference_id), shown_s)
            if match is not None:
                by_line.setdefault((each.reference_id, each.view), []).append(match)
    return [joined for matches in by_line.values() for joined in join_neighbours(matches)]


def _by_hashes_alone(
    hashed: Sequence[Match],
    found: Sequence[Match],
    evidence: Sequence[Sequence[PieceEvidence]],
    references: ReferenceMaterial,
) -> list[Match]:
    """Keep what the hashes found where nothing else was confirmed: 'possible' at most, and ranked below.

    Where something moves and agrees nowhere, it is the same scene and no more.
    """
    kept = []
    for match in hashed:
        if any(
            other.reference_id == match.reference_id
            and other.query.overlap_s(match.query) >= _COVERED * match.query.duration_s
            for other in found
        ):
            continue
        own = _on_match(match, evidence)
        contradicted = not match.same_scene_only and _contradicted(own)
        caveat = MOTION_DIFFERS if contradicted else _unconfirmed(own) if match.same_scene_only else ""
        end_s = min(match.reference.end_s, references.duration_s(match.reference_id))
        highest = calibration().possible_from if contradicted else 1.0
        kept.append(
            replace(
                match,
                reference=Interval(start_s=min(match.reference.start_s, end_s), end_s=end_s),
                score=round(min(_HASH_ONLY_SHARE * calibration().confirmed_from * match.score, highest), 4),
                level=MatchLevel.POSSIBLE,
                same_scene_only=match.same_scene_only or contradicted,
                families=(HASH_FAMILY,),
                false_alarms=None,
                caveat=caveat,
            )
        )
    return kept


def _on_match(match: Match, evidence: Sequence[Sequence[PieceEvidence]]) -> list[PieceEvidence]:
    """Return what was found on the pieces of a match of its reference, seen as the match sees it."""
    return [
        each
        for own in evidence
        for each in own
        if each.reference_id == match.reference_id
        and each.view == seen_in(match)
        and each.piece.interval.overlap_s(match.query) >= _COVERED * each.piece.interval.duration_s
    ]


def _contradicted(own: Sequence[PieceEvidence]) -> bool:
    """Say whether motion was compared, much moves, and no line in time stands out."""
    moving = [each.line for each in own if each.line is not None and each.line.strength >= _CLEAR_MOTION]
    return bool(moving) and all(line.correlation - line.elsewhere < _CLEAR_LINE for line in moving)


def _unconfirmed(own: Sequence[PieceEvidence]) -> str:
    """Say why motion did not tell whether it is the same recording."""
    if any(each.line is not None and each.line.strength >= STILL for each in own):
        return MOTION_DIFFERS
    if own and not any(each.compared for each in own):
        return TOO_SHORT if any(each.too_short for each in own) else NO_CONFIRMATION_DATA
    return TOO_STATIC


def _scenes(
    evidence: list[list[PieceEvidence]],
    hashes: ReferenceIndex,
    references: ReferenceMaterial,
    accepted: Sequence[Match],
) -> list[Match]:
    """Name the best look-alike of every piece that nothing was accepted for."""
    scenes = []
    for own in evidence:
        alike = [each for each in own if _shows_one_scene(each)]
        if not alike or any(match.query.overlap_s(alike[0].piece.interval) > 0 for match in accepted):
            continue
        best = max(alike, key=lambda each: (each.overlay.cells, each.reference_id))
        shown_s = hashes.fingerprints[best.reference_id]["pdq"].times_s
        scenes.append(same_scene(best, references.duration_s(best.reference_id), shown_s))
    return scenes


def _shows_one_scene(evidence: PieceEvidence) -> bool:
    if evidence.overlay.cells < _SAME_SCENE_CELLS:
        return False
    return evidence.line is None or evidence.line.appearance >= _SAME_SCENE_LIKENESS
