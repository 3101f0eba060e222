"""Put every second of a release in exactly one state."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from verify.findings.wording import in_a_row
from verify.model import CoverageSpan, CoverageState, FrameClass, Interval, MatchLevel
from verify.translation import _, marked, ngettext, translated_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import DecodeOutcome, Match, Shot

NO_ARCHIVE_REASON = marked("no reference archive was searched")
_NO_PICTURE_REASON = marked("the file declares more time than its last picture covers")
_NO_FRAME_REASON = marked("no frame was sampled here")
_GAP_REASON = marked("no picture could be decoded here: the file is damaged, or its times leave a gap")
_DEFAULT_REASONS = {
    FrameClass.TEMPLATE: marked("title card, logo or colour bars"),
    FrameClass.DARK: marked("too dark to carry evidence"),
    FrameClass.EMPTY: marked("too little picture structure to carry evidence"),
}
_MOST_REFERENCES_NAMED = 3
# Below the microsecond that a report resolves.
_SAME_TIME_S = 1e-6


def coverage(
    decoded: DecodeOutcome,
    declared_duration_s: float | None,
    shots: Sequence[Shot],
    matches: Sequence[Match] | None,
    repeats: Sequence[Interval] = (),
) -> tuple[CoverageSpan, ...]:
    """Divide a release into spans of one state each, without gap or overlap.

    Where several states apply the first of these holds: matched, repeated, template, not examinable, no match.

    Parameters
    ----------
    decoded
        How decoding ended; what was not decoded, at the end or in between, is not examinable.
    declared_duration_s
        Length the container declares, in seconds, None if it declares none. The spans run from 0 to this or to the
        end of the decoded part, whichever is later.
    shots
        Shots with their frame classes.
    matches
        What was found; None if no reference archive was searched. Same-scene matches do not make a second 'matched'.
    repeats
        Spans of the release that show an earlier one of its spans again.
    """
    end_s = max(0.0, decoded.decoded.end_s, _usable(declared_duration_s))
    bounds = _bounds(end_s, decoded, shots, matches or (), repeats)
    overlapping_shots = Overlaps([shot.interval for shot in shots])
    overlapping_matches = Overlaps([match.query for match in matches or ()])
    spans: list[CoverageSpan] = []
    for start_s, stop_s in pairwise(bounds):
        middle_s = (start_s + stop_s) / 2
        shots_here = [shots[index] for index in overlapping_shots.at(middle_s)]
        matches_here = None if matches is None else [matches[index] for index in overlapping_matches.at(middle_s)]
        repeated = any(repeat.start_s <= middle_s < repeat.end_s for repeat in repeats)
        state, reason = state_at(middle_s, decoded, shots_here, matches_here, repeated=repeated)
        if spans and (spans[-1].state, spans[-1].reason) == (state, reason):
            start_s = spans.pop().interval.start_s  # noqa: PLW2901 - the span grows backwards over its neighbour
        spans.append(CoverageSpan(interval=Interval(start_s=start_s, end_s=stop_s), state=state, reason=reason))
    return tuple(spans)


class Overlaps:
    """Which of many intervals hold a time, asked for times that only grow."""

    def __init__(self, intervals: Sequence[Interval]) -> None:
        self._intervals = intervals
        self._waiting = sorted(range(len(intervals)), key=lambda index: intervals[index].start_s, reverse=True)
        self._open: list[int] = []

    def at(self, time_s: float) -> list[int]:
        """Return the positions of the intervals that hold `time_s`, in their original order."""
        while self._waiting and self._intervals[self._waiting[-1]].start_s <= time_s:
            self._open.append(self._waiting.pop())
        self._open = [index for index in self._open if time_s < self._intervals[index].end_s]
        return sorted(self._open)


def _usable(duration_s: float | None) -> float:
    return duration_s if duration_s is not None and math.isfinite(duration_s) else 0.0


def _bounds(
    end_s: float,
    decoded: DecodeOutcome,
    shots: Sequence[Shot],
    matches: Sequence[Match],
    repeats: Sequence[Interval],
) -> list[float]:
    """Collect every time at which the state can change, from 0 to `end_s`."""
    intervals = [
        decoded.decoded,
        *decoded.gaps,
        *(shot.interval for shot in shots),
        *(match.query for match in matches),
        *repeats,
    ]
    times = {time_s for interval in intervals for time_s in (interval.start_s, interval.end_s) if 0 < time_s < end_s}
    bounds = [0.0] if end_s > 0 else []
    for time_s in sorted(times):
        # Times that differ by rounding alone would make a span of no length.
        if bounds and min(time_s - bounds[-1], end_s - time_s) > _SAME_TIME_S:
            bounds.append(time_s)
    return [*bounds, end_s] if bounds else []


def state_at(
    time_s: float,
    decoded: DecodeOutcome,
    shots: Sequence[Shot],
    matches: Sequence[Match] | None,
    *,
    repeated: bool,
) -> tuple[CoverageState, str]:
    """Return the state that holds at one moment, with its reason.

    Parameters
    ----------
    shots, matches
        Those that hold this moment; `matches` is None where nothing was searched.
    repeated
        Whether an earlier part of the release is shown again at this moment.
    """
    if missing := _why_no_picture(time_s, decoded):
        return CoverageState.NOT_EXAMINABLE, missing
    if matched := [match for match in matches or () if not match.same_scene_only]:
        reason = _("visually consistent with {references}").format(references=_references(matched))
        return CoverageState.MATCHED, reason
    if repeated:
        return CoverageState.REPEATED, _("visually consistent with an earlier part of this release")
    if (without_evidence := _without_evidence(shots)) is not None:
        return without_evidence
    if matches is None:
        return CoverageState.NOT_EXAMINABLE, _(NO_ARCHIVE_REASON)
    return CoverageState.NO_MATCH, _no_match_reason(matches)


def _no_match_reason(scenes: Sequence[Match]) -> str:
    if not scenes:
        return _("no match among the references searched")
    return _(
        "no match among the references searched: a scene also seen in {references}, not shown to be one recording"
    ).format(references=_references(scenes))


def _why_no_picture(time_s: float, decoded: DecodeOutcome) -> str | None:
    """Say why there is no decoded picture at one moment, None if there is one."""
    if not decoded.decoded.start_s <= time_s < decoded.decoded.end_s:
        return translated_sentence(decoded.failure) if decoded.failure else _(_NO_PICTURE_REASON)
    return _(_GAP_REASON) if any(gap.start_s <= time_s < gap.end_s for gap in decoded.gaps) else None


def _without_evidence(shots: Sequence[Shot]) -> tuple[CoverageState, str] | None:
    """Return the state of pictures that can carry no evidence, None if those of `shots` can."""
    if not shots:
        return CoverageState.NOT_EXAMINABLE, _(_NO_FRAME_REASON)
    for frame_class, reason in _DEFAULT_REASONS.items():
        for shot in shots:
            if shot.frame_class is frame_class:
                is_template = frame_class is FrameClass.TEMPLATE
                state = CoverageState.TEMPLATE if is_template else CoverageState.NOT_EXAMINABLE
                return state, translated_sentence(shot.reason or reason)
    return None


def _references(matches: Sequence[Match]) -> str:
    """Name the references that match here, the best first, each with the level of its match."""
    best = {match.reference_id: match for match in sorted(matches, key=lambda match: match.score)}
    named = sorted(best.values(), key=lambda match: (-match.score, match.reference_id))
    shown = in_a_row(_reference(match) for match in named[:_MOST_REFERENCES_NAMED])
    more = len(named) - _MOST_REFERENCES_NAMED
    if more <= 0:
        return shown
    return ngettext("{references} and {count} more", "{references} and {count} more", more).format(
        references=shown, count=more
    )


def _reference(match: Match) -> str:
    if match.same_scene_only:
        return match.reference_id
    told = _("{reference} (confirmed)") if match.level is MatchLevel.CONFIRMED else _("{reference} (possible)")
    return told.format(reference=match.reference_id)
