"""What was proposed for parts of the release, compared and not reported, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.match.scoring import STILL, calibration
from verify.match.segments import MOTION_DIFFERS, NO_CONFIRMATION_DATA, TOO_SHORT, TOO_STATIC
from verify.model import Interval, Rejection
from verify.translation import marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from verify.match.confirmation import PieceEvidence
    from verify.model import Match

OUTDONE = marked("something else agrees better with these seconds")
TOO_LITTLE_LEFT = marked("too little is left of the passage once its ends are trimmed to what agrees")
_MOST_KEPT = 50
_GAP_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The strongest of what was rejected, by the release's time, and how many passages were in all."""

    strongest: tuple[Rejection, ...] = ()
    count: int = 0


def rejections(evidence: Sequence[Sequence[PieceEvidence]], reported: Sequence[Match]) -> Rejected:
    """List what was proposed for each piece and is in no reported match of the same reference there.

    Parameters
    ----------
    evidence
        What was found for each piece of the release, whatever its score.
    reported
        The matches that are reported, same-scene ones too.
    """
    refused = [
        Rejection(
            query=each.piece.interval,
            reference_id=each.reference_id,
            score=round(each.score, 4),
            reason=_reason(each, reported),
        )
        for own in evidence
        for each in own
        if not any(_reports(match, each) for match in reported)
    ]
    passages = _joined(refused)
    strongest = sorted(passages, key=lambda each: (-each.score, each.query.start_s, each.reference_id))[:_MOST_KEPT]
    return Rejected(
        strongest=tuple(sorted(strongest, key=lambda each: (each.query.start_s, -each.score, each.reference_id))),
        count=len(passages),
    )


def _reports(match: Match, evidence: PieceEvidence) -> bool:
    return match.reference_id == evidence.reference_id and match.query.overlap_s(evidence.piece.interval) > 0


def _reason(evidence: PieceEvidence, reported: Sequence[Match]) -> str:
    """Say why evidence was not enough."""
    if evidence.score >= calibration().possible_from:
        span = evidence.piece.interval
        outdone = any(match.query.overlap_s(span) > 0 and not match.same_scene_only for match in reported)
        return OUTDONE if outdone else TOO_LITTLE_LEFT
    if evidence.too_short:
        return TOO_SHORT
    if not evidence.compared:
        return NO_CONFIRMATION_DATA
    if evidence.line is not None and evidence.line.strength < STILL:
        return TOO_STATIC
    return MOTION_DIFFERS


def _joined(refused: Iterable[Rejection]) -> list[Rejection]:
    """Join what is said of one reference for one reason about pieces that follow each other."""
    joined: dict[tuple[str, str], list[Rejection]] = {}
    for each in sorted(refused, key=lambda one: one.query.start_s):
        passages = joined.setdefault((each.reference_id, each.reason), [])
        if passages and each.query.start_s - passages[-1].query.end_s <= _GAP_S:
            last = passages.pop()
            each = Rejection(  # noqa: PLW2901 - goes on where the last one ends
                query=Interval(start_s=last.query.start_s, end_s=max(last.query.end_s, each.query.end_s)),
                reference_id=each.reference_id,
                score=max(last.score, each.score),
                reason=each.reason,
            )
        passages.append(each)
    return [each for passages in joined.values() for each in passages]
