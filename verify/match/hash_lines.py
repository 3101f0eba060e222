"""From a query and an index of references to aligned, scored segments.

Each shot of the query is aligned with each candidate reference on its own, because a cut is where footage from another
source may begin. A line is accepted as reuse only if the frames agree distinctly better there than in the same
reference at other times: the same camera on the same scene at another time agrees everywhere about equally, and that
is reported as the same scene, never as reuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from verify.match.alignment import best_line, judge
from verify.match.candidates import find_candidates
from verify.match.joining import join_neighbours, without_weaker_twins
from verify.match.pairing import AGREEMENT_LIMIT, lay_against
from verify.model import FrameClass, Interval, Match, MatchLevel, TimeMap

if TYPE_CHECKING:
    import numpy.typing as npt

    from verify.archive.index import ReferenceIndex
    from verify.match.alignment import FrameField, Line
    from verify.match.pairing import Pairing
    from verify.match.query import Query
    from verify.model import Progress, Shot

#: How much closer, in share of bits, the frames must be here than at other times of the reference.
MIN_DISTINCTNESS = 0.03
#: The same for a changed speed or direction, which can be fitted to more.
_MIN_DISTINCTNESS_CHANGED = 0.1
#: How far below the limit the mean distance of a match must lie.
_MIN_GAIN = 0.07
_FULL_DISTINCTNESS = 0.12
_MIN_FRAMES = 3
_MIN_SEGMENT_S = 0.3
_MIN_AGREEING_SHARE = 0.5
_SAME_SCENE_GAIN = 0.1
_CLOSE_PAIR = 0.06
_MIN_CLOSE_PAIRS = 2
_FULL_FRAMES = 8
_SNAP_S = 0.26
#: Time between two samples of a reference, as far as its video may go on beyond the last.
_SAMPLE_S = 0.27
#: Reference frames that a match must extend over, at a changed speed and at native speed.
_MIN_REFERENCE_FRAMES = {False: 5, True: 3}
#: Share of its own line's gain with which a shot follows a neighbour's line.
_CONTINUED_GAIN = 0.75
_SHIFTS_S = np.concatenate([np.arange(-6.0, -0.9, 0.25), np.arange(1.0, 6.1, 0.25)])
_MIN_SHIFTED_SHARE = 0.25


def find_hash_matches(query: Query, index: ReferenceIndex, progress: Progress) -> tuple[Match, ...]:
    """Find the segments of the query that agree with segments of the references, strongest first.

    Matches with `same_scene_only` set agree in picture but not distinctly in time.
    """
    candidates = find_candidates(query, index)
    progress.start("align", len(candidates), "references")
    found: list[Match] = []
    for candidate in candidates:
        pairing = lay_against(query, candidate, index.fingerprints[candidate.reference_id])
        if pairing is not None:
            found += _align(pairing)
        progress.advance(1)
    progress.finish()
    return tuple(
        sorted(without_weaker_twins(found), key=lambda match: (-match.score, match.query.start_s, match.reference_id))
    )


def _align(pairing: Pairing) -> list[Match]:
    """Align every textured shot with one reference, then join neighbours that lie on one line."""
    lines: list[tuple[Shot, Line]] = []
    for shot in pairing.query.shots:
        if shot.frame_class is not FrameClass.TEXTURED:
            continue
        frames = pairing.query.frames_of(shot)
        if (pairing.field.distance[frames] < AGREEMENT_LIMIT - _CLOSE_PAIR).sum() < _MIN_CLOSE_PAIRS:
            continue
        line = best_line(pairing.field, frames, AGREEMENT_LIMIT)
        if line:
            lines.append((shot, line))
    matches = (_match_on(line, pairing, shot) for shot, line in _continued(pairing, lines))
    return join_neighbours([match for match in matches if match], pairing.field.cut_near)


def _continued(pairing: Pairing, lines: list[tuple[Shot, Line]]) -> list[tuple[Shot, Line]]:
    """Let a shot take the line of a neighbour that explains it about as well: the reference then has that cut too."""
    settled = []
    for number, (shot, line) in enumerate(lines):
        chosen = line
        frames = pairing.query.frames_of(shot)
        for neighbour in (number - 1, number + 1):
            if not 0 <= neighbour < len(lines):
                continue
            other = lines[neighbour][1]
            tried = judge(pairing.field, frames, other.rate, other.offset_s, AGREEMENT_LIMIT)
            simpler = abs(other.rate) == 1.0 != abs(line.rate) or other.gain > line.gain
            if simpler and tried.gain >= _CONTINUED_GAIN * line.gain:
                chosen = tried
        settled.append((shot, chosen))
    return settled


def _match_on(line: Line, pairing: Pairing, shot: Shot) -> Match | None:
    """Make a match of the part of a shot that agrees along a line; None if too little does."""
    query, field = pairing.query, pairing.field
    frames = query.frames_of(shot)
    distance = field.along(line.rate, line.offset_s, frames)
    agreeing = (np.nan_to_num(distance, nan=1.0) < AGREEMENT_LIMIT) & (query.weight[frames] > 0)
    first, last = _longest_run(agreeing)
    agreeing[:first] = agreeing[last:] = False
    count = int(agreeing.sum())
    if count < _MIN_FRAMES or count < _MIN_AGREEING_SHARE * (last - first):
        return None
    time_map = TimeMap(rate=line.rate, offset_s=line.offset_s)
    times_s = query.times_s[frames]
    if _reference_frames(field, time_map, times_s[agreeing]) < _MIN_REFERENCE_FRAMES[abs(line.rate) == 1.0]:
        return None
    interval = _snapped(Interval(start_s=float(times_s[first]), end_s=float(times_s[last - 1])), shot, field, time_map)
    distinctness = _distinctness(field, line, frames, agreeing)
    gain = float(AGREEMENT_LIMIT - distance[agreeing].mean())
    same_scene_only = distinctness < (MIN_DISTINCTNESS if line.rate == 1.0 else _MIN_DISTINCTNESS_CHANGED)
    if interval.duration_s < _MIN_SEGMENT_S or gain < (_SAME_SCENE_GAIN if same_scene_only else _MIN_GAIN):
        return None
    rows = np.arange(frames.start, frames.stop)[agreeing]
    return Match(
        query=interval,
        reference_id=pairing.candidate.reference_id,
        reference=_mapped(interval, time_map),
        time_map=time_map,
        transform=pairing.candidate.view,
        cues=pairing.cue_evidence(time_map, rows, last - first),
        score=_score(gain, distinctness, count),
        distinctness=distinctness,
        level=MatchLevel.POSSIBLE,
        same_scene_only=same_scene_only,
        pairs=pairing.aligned_pairs(time_map, rows),
    )


def _longest_run(agreeing: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Rows first..last-1 of the stretch in which agreeing frames most outnumber the others (maximum-sum run)."""
    best = (0, 0, 0)
    start, total = 0, 0
    for row, agrees in enumerate(agreeing):
        total += 1 if agrees else -1
        if total <= 0:
            start, total = row + 1, 0
        elif total > best[0]:
            best = (total, start, row + 1)
    return best[1], best[2]


def _reference_frames(field: FrameField, time_map: TimeMap, times_s: npt.NDArray[np.float64]) -> int:
    """Count the different reference samples that lie nearest to the mapped times.

    Slowed far enough, anything resembles two or three frames of anything.
    """
    mapped = time_map.rate * times_s + time_map.offset_s
    return len(np.unique(np.abs(field.reference_times_s[None, :] - mapped[:, None]).argmin(axis=1)))


def _snapped(interval: Interval, shot: Shot, field: FrameField, time_map: TimeMap) -> Interval:
    """Let the ends fall on the shot's cuts where they are near them and the reference reaches that far."""
    start_s, end_s = interval.start_s, interval.end_s
    first_s, last_s = (float(field.reference_times_s[end]) for end in (0, -1))

    def reachable(time_s: float) -> bool:
        return first_s - _SAMPLE_S <= time_map.reference_time_s(time_s) <= last_s + _SAMPLE_S

    if start_s - shot.interval.start_s <= _SNAP_S and reachable(shot.interval.start_s):
        start_s = shot.interval.start_s
    if shot.interval.end_s - end_s <= _SNAP_S and reachable(shot.interval.end_s):
        end_s = shot.interval.end_s
    return Interval(start_s=start_s, end_s=end_s)


def _mapped(interval: Interval, time_map: TimeMap) -> Interval:
    ends = sorted(time_map.reference_time_s(time_s) for time_s in (interval.start_s, interval.end_s))
    return Interval(start_s=max(0.0, ends[0]), end_s=max(0.0, ends[1]))


def _distinctness(field: FrameField, line: Line, frames: slice, run: npt.NDArray[np.bool_]) -> float:
    """How much closer the agreeing frames are on this line than on the best line shifted by up to 6 s, at least 0.

    Only shifts within the same shot of the reference count: that another shot looks different says nothing about
    whether this one was filmed at the same time. A shifted line must still cover enough of the frames; where the shot
    leaves no room for that, nothing can be said, and the result is 0.
    """
    here = field.along(line.rate, line.offset_s, frames)
    shots_here = field.shots_along(line.rate, line.offset_s, frames)
    margins = []
    for shift_s in _SHIFTS_S:
        there = field.along(line.rate, line.offset_s + shift_s, frames)
        same_shot = field.shots_along(line.rate, line.offset_s + shift_s, frames) == shots_here
        both = run & ~np.isnan(there) & same_shot & (shots_here >= 0)
        if both.sum() >= max(_MIN_FRAMES, _MIN_SHIFTED_SHARE * run.sum()):
            margins.append(float((there[both] - here[both]).mean()))
    return max(0.0, min(margins)) if margins else 0.0


def _score(gain: float, distinctness: float, count: int) -> float:
    """Rank from 0 to 1: closeness, distinctness in time, and number of agreeing frames. Not yet calibrated."""
    closeness = gain / AGREEMENT_LIMIT
    distinct = min(1.0, distinctness / _FULL_DISTINCTNESS)
    return round(float(closeness**0.5 * distinct**0.5 * min(1.0, count / _FULL_FRAMES) ** 0.5), 4)
