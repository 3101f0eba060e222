"""Tidying a list of matches: neighbours on one line become one, weaker duplicates go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from verify.match.pairing import MAX_PAIRS
from verify.match.scoring import MOTION_FAMILY, calibration
from verify.match.segments import BRIEF_MOTION
from verify.model import Interval, MatchLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verify.model import CueEvidence, Match

_SAME_LINE_S = 0.35
_SAME_RATE = 0.12
_JOIN_GAP_S = 0.3
#: Share of the score of 'confirmed' from which motion on the line of a confirmed neighbour is of the same footage.
_OWN_SHARE = 0.6


def join_neighbours(
    matches: Sequence[Match], reference_cut_near: Callable[[float], bool] = lambda _: False
) -> list[Match]:
    """Join matches of one reference that follow each other in time on one line.

    A scene that is too static to tell is joined to a distinct match only across a cut that the reference has too
    (`reference_cut_near` says so of a reference time in s): without that cut, the release may go on with the same
    camera at another time.
    """
    joined: list[Match] = []
    for match in sorted(matches, key=lambda each: each.query.start_s):
        if joined and _continues(joined[-1], match, reference_cut_near):
            joined[-1] = _joined(joined[-1], match)
        else:
            joined.append(match)
    return joined


def _continues(before: Match, after: Match, reference_cut_near: Callable[[float], bool]) -> bool:
    if after.query.start_s - before.query.end_s > _JOIN_GAP_S:
        return False
    rate = before.time_map.rate
    rates_agree = abs(rate - after.time_map.rate) <= _SAME_RATE * abs(rate)
    joint_s = (before.query.end_s + after.query.start_s) / 2
    step_s = after.time_map.reference_time_s(joint_s) - before.time_map.reference_time_s(joint_s)
    if not rates_agree or abs(step_s) > _SAME_LINE_S:
        return False
    alike = before.same_scene_only == after.same_scene_only and (before.level == after.level or _moves(before, after))
    return alike or reference_cut_near(before.time_map.reference_time_s(joint_s))


def _moves(*matches: Match) -> bool:
    """Say whether each has motion of its own that agrees well: what was confirmed confirms nothing beside it."""
    return all(
        match.score >= _OWN_SHARE * calibration().confirmed_from
        and MOTION_FAMILY in match.families
        and match.caveat in ("", BRIEF_MOTION)
        for match in matches
    )


def _joined(before: Match, after: Match) -> Match:
    stronger = max(
        before, after, key=lambda match: (match.level is MatchLevel.CONFIRMED, match.query.duration_s * match.score)
    )
    query = Interval(start_s=before.query.start_s, end_s=after.query.end_s)
    return replace(
        stronger,
        query=query,
        same_scene_only=before.same_scene_only and after.same_scene_only,
        reference=Interval(
            start_s=min(before.reference.start_s, after.reference.start_s),
            end_s=max(before.reference.end_s, after.reference.end_s),
        ),
        cues=_joined_cues(before.cues, after.cues),
        score=stronger.score,
        pairs=(before.pairs + after.pairs)[:MAX_PAIRS],
    )


def _joined_cues(before: tuple[CueEvidence, ...], after: tuple[CueEvidence, ...]) -> tuple[CueEvidence, ...]:
    """Add up what each cue contributes to both; a cue that only one has stays as it is."""
    others = {cue.cue: cue for cue in after}
    joined = [_joined_cue(cue, others.pop(cue.cue)) if cue.cue in others else cue for cue in before]
    return (*joined, *others.values())


def _joined_cue(before: CueEvidence, after: CueEvidence) -> CueEvidence:
    frames = max(before.agreeing_frames + after.agreeing_frames, 1)
    weighted = before.median_distance_bits * before.agreeing_frames + after.median_distance_bits * after.agreeing_frames
    return replace(
        before,
        median_distance_bits=round(weighted / frames, 1),
        agreeing_frames=before.agreeing_frames + after.agreeing_frames,
        compared_frames=before.compared_frames + after.compared_frames,
    )


def without_weaker_twins(matches: Sequence[Match]) -> list[Match]:
    """Keep, of matches of one reference over the same query seconds (as shown and mirrored), the stronger."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda each: (each.same_scene_only, -each.score, each.transform.bars_removed)):
        twin = any(
            other.reference_id == match.reference_id
            and other.query.overlap_s(match.query) > 0.5 * match.query.duration_s
            for other in kept
        )
        if not twin:
            kept.append(match)
    return kept
