"""Segments: from evidence on single pieces to matches with ends, level and what a reader needs to judge them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from verify.match.geometry import describe
from verify.match.learned_proposals import pictures_on_line
from verify.match.scoring import (
    EVEN,
    GEOMETRY_FAMILY,
    LEARNED_FAMILY,
    MIN_CONFIRMING_MOTION,
    MIN_MOTION,
    MOTION_FAMILY,
    STILL,
    calibration,
    families_of,
    level_of,
)
from verify.model import (
    NOT_MEASURED_BITS,
    AlignedPair,
    CueEvidence,
    Geometry,
    Interval,
    Match,
    MatchLevel,
    MotionAgreement,
    SimilarityMatrix,
    TimeMap,
)
from verify.translation import marked

if TYPE_CHECKING:
    import numpy.typing as npt

    from verify.match.confirmation import PieceEvidence
    from verify.match.motion import HeldPicture, MotionLine

_TRIM_LIKENESS = 0.5
_SNAP_S = 0.26
#: How far a cut may lie beyond what the reference reaches and still be taken for the end, in s: a frame or two.
_REACH_TOLERANCE_S = 0.1
_NATIVE_TOLERANCE = 0.02
_MATRIX_ROWS = 24
_MAX_PAIRS = 40
_MIN_SEGMENT_S = 0.3
_ONE_PICTURE_S = 0.04

HELD_STILL = marked("the release holds one picture still, so no motion can be compared")
TOO_STATIC = marked("the picture changes too little to tell whether it is the same recording")
MOTION_DIFFERS = marked("what moves in the two does not agree")
TOO_SHORT = marked("the passage is too short to compare its motion")
NO_OTHER_TIMES = marked("the reference is too short to compare the motion with other times of it")
EVEN_MOTION = marked("what moves goes on so evenly that another recording of the same path would agree as well")
BRIEF_MOTION = marked("the passage is too short to tell whether another recording could show the same motion")
NO_CONFIRMATION_DATA = marked("the archive keeps no small pictures of this reference to compare the motion with")


def segment(
    evidence: PieceEvidence,
    reference_end_s: float,
    shown_times_s: npt.NDArray[np.float64],
    *,
    inside_release: bool = False,
) -> Match | None:
    """Make a match of the part of a piece that agrees; None where its score says nothing or too little is left.

    Parameters
    ----------
    reference_end_s
        Length of the reference in seconds: the match cannot reach beyond.
    shown_times_s
        Times of the reference whose pictures the archive can show, in s; the aligned pairs are taken at these.
    inside_release
        Whether the reference is a passage of the release itself. Of an archived one a match is 'possible' at most where
        it has no other times to compare the motion with, or where the correlation is one that others reach.
    """
    if evidence.held is not None:
        return _held(evidence, evidence.held)
    line = evidence.line
    families = families_of(
        line,
        evidence.overlay.cells,
        hashes_agree=evidence.hashed is not None,
        looks_alike=evidence.alike is not None,
    )
    level = level_of(evidence.score, families)
    if line is None or level is None:
        return None
    lacks_other_times = not inside_release and not line.has_elsewhere
    agrees_little = not inside_release and line.correlation < MIN_CONFIRMING_MOTION
    recurs = _could_recur(line) if level is MatchLevel.CONFIRMED else ""
    if lacks_other_times or agrees_little or recurs:
        level = MatchLevel.POSSIBLE
    time_map = TimeMap(rate=_tidy_rate(line.rate), offset_s=_anchored_offset(line, evidence))
    query = _trimmed(evidence, line, time_map, reference_end_s)
    if query.duration_s < _MIN_SEGMENT_S:
        return None
    return Match(
        query=query,
        reference_id=evidence.reference_id,
        reference=mapped(query, time_map, reference_end_s),
        time_map=time_map,
        transform=evidence.view,
        cues=_cues(evidence, line),
        score=round(evidence.score, 4),
        distinctness=_distinctness(line),
        level=level,
        caveat=_caveat(line, level, recurs, lacks_other_times=lacks_other_times),
        families=families,
        false_alarms=calibration().bound(evidence.score),
        pairs=_pairs(query, time_map, shown_times_s),
        geometry=_geometry(evidence),
        motion=_motion(line),
        similarity=_similarity(line),
    )


def _caveat(line: MotionLine, level: MatchLevel, recurs: str, *, lacks_other_times: bool) -> str:
    """Say why a match is only possible, where one thing keeps it from more."""
    if level is not MatchLevel.POSSIBLE:
        return ""
    if lacks_other_times:
        return NO_OTHER_TIMES
    if line.strength < STILL:
        return TOO_STATIC
    return recurs


def _could_recur(line: MotionLine) -> str:
    """Say why the motion could be that of another recording; empty where it could not."""
    if line.evenness is None:
        return BRIEF_MOTION
    return EVEN_MOTION if line.evenness >= EVEN else ""


def _distinctness(line: MotionLine) -> float:
    """How much better the motion agrees than at other times of the reference; 0 where there are none."""
    return round(float(np.clip(line.correlation - line.elsewhere, 0, 1)), 4) if line.has_elsewhere else 0.0


def _held(evidence: PieceEvidence, held: HeldPicture) -> Match:
    """Make a match of a still piece that shows one picture of the reference."""
    shown = Interval(start_s=held.reference_time_s, end_s=held.reference_time_s + _ONE_PICTURE_S)
    middle_s = (evidence.piece.interval.start_s + evidence.piece.interval.end_s) / 2
    return Match(
        query=evidence.piece.interval,
        reference_id=evidence.reference_id,
        reference=shown,
        time_map=TimeMap(rate=0.0, offset_s=held.reference_time_s),
        transform=evidence.view,
        cues=_cues(evidence, None),
        score=round(evidence.score, 4),
        distinctness=round(float(np.clip(held.margin, 0, 1)), 4),
        level=MatchLevel.POSSIBLE,
        caveat=HELD_STILL,
        families=families_of(None, evidence.overlay.cells, hashes_agree=False),
        false_alarms=calibration().bound(evidence.score),
        pairs=(
            AlignedPair(
                query_time_s=round(middle_s, 4),
                reference_time_s=held.reference_time_s,
                distance_bits=NOT_MEASURED_BITS,
            ),
        ),
        geometry=_geometry(evidence),
    )


def _geometry(evidence: PieceEvidence) -> Geometry:
    return describe(
        evidence.overlay,
        evidence.overlay_pairs,
        (evidence.piece.width_px, evidence.piece.height_px),
        evidence.reference_size,
    )


def same_scene(evidence: PieceEvidence, reference_end_s: float, shown_times_s: npt.NDArray[np.float64]) -> Match:
    """Make a same-scene match of a piece: the place agrees, the recording is not shown to."""
    line = evidence.line
    if line is None:
        caveat = TOO_STATIC if evidence.compared else TOO_SHORT if evidence.too_short else NO_CONFIRMATION_DATA
    elif line.strength < STILL:
        caveat = TOO_STATIC
    else:
        caveat = MOTION_DIFFERS
    shift_s = evidence.overlay.reference_time_s - evidence.overlay.query_time_s
    time_map = TimeMap(rate=1.0, offset_s=shift_s)
    query = evidence.piece.interval
    return Match(
        query=query,
        reference_id=evidence.reference_id,
        reference=mapped(query, time_map, reference_end_s),
        time_map=time_map,
        transform=evidence.view,
        cues=_cues(evidence, line),
        score=round(min(evidence.score, calibration().possible_from), 4),
        distinctness=0.0,
        level=MatchLevel.POSSIBLE,
        same_scene_only=True,
        caveat=caveat,
        families=tuple(
            family
            for family in families_of(line, evidence.overlay.cells, hashes_agree=evidence.hashed is not None)
            if family != MOTION_FAMILY
        ),
        pairs=_pairs(query, time_map, shown_times_s),
        geometry=_geometry(evidence),
        motion=_motion(line) if line is not None else None,
    )


def mapped(query: Interval, time_map: TimeMap, reference_end_s: float = math.inf) -> Interval:
    """Interval of the reference, which ends at `reference_end_s`, that a time map lays under one of the query."""
    ends = sorted(time_map.reference_time_s(time_s) for time_s in (query.start_s, query.end_s))
    start_s, end_s = (min(max(0.0, each), reference_end_s) for each in ends)
    return Interval(start_s=start_s, end_s=end_s)


def _tidy_rate(rate: float) -> float:
    """Take a rate within two percent of native speed for native speed."""
    return float(np.sign(rate)) if abs(abs(rate) - 1) <= _NATIVE_TOLERANCE else round(float(rate), 4)


def _anchored_offset(line: MotionLine, evidence: PieceEvidence) -> float:
    """Offset that keeps the middle of the piece where it was when the rate is tidied."""
    middle_s = (evidence.piece.interval.start_s + evidence.piece.interval.end_s) / 2
    return round(line.rate * middle_s + line.offset_s - _tidy_rate(line.rate) * middle_s, 4)


def _trimmed(evidence: PieceEvidence, line: MotionLine, time_map: TimeMap, reference_end_s: float) -> Interval:
    """Cut off what the reference does not reach, and ends that do not look alike; cuts are kept exactly."""
    start_s, end_s = evidence.piece.interval.start_s, evidence.piece.interval.end_s
    if time_map.rate != 0:
        reached = sorted((bound - time_map.offset_s) / time_map.rate for bound in (0.0, reference_end_s))
        start_s = start_s if start_s - reached[0] >= -_REACH_TOLERANCE_S else reached[0]
        end_s = end_s if end_s - reached[1] <= _REACH_TOLERANCE_S else reached[1]
    alike = line.inside & (line.looks >= _TRIM_LIKENESS * max(line.appearance, 0.0))
    rows = np.nonzero(alike)[0]
    if len(rows):
        first_s, last_s = float(line.times_s[rows[0]]), float(line.times_s[rows[-1]])
        if first_s - float(line.times_s[0]) > _SNAP_S:
            start_s = max(start_s, first_s)
        if float(line.times_s[-1]) - last_s > _SNAP_S:
            end_s = min(end_s, last_s)
    return Interval(start_s=start_s, end_s=max(start_s, end_s))


def _cues(evidence: PieceEvidence, line: MotionLine | None) -> tuple[CueEvidence, ...]:
    cues = list(evidence.hashed.cues) if evidence.hashed is not None else []
    if evidence.overlay.cells:
        cues.append(_counted("sift", GEOMETRY_FAMILY, evidence.overlay_pairs, evidence.tried_pairs))
    if line is not None:
        agreeing = int((line.moments >= MIN_MOTION).sum())
        cues.append(_counted("motion", MOTION_FAMILY, agreeing, len(line.moments)))
    if line is not None and evidence.alike is not None:
        agreeing = pictures_on_line(evidence.alike, evidence.piece, line)
        cues.append(_counted("learned", LEARNED_FAMILY, agreeing, len(evidence.piece.key_pictures)))
    return tuple(cues)


def _counted(cue: str, family: str, agreeing: int, compared: int) -> CueEvidence:
    return CueEvidence(
        cue=cue,
        family=family,
        median_distance_bits=0.0,
        threshold_bits=0,
        bits=0,
        agreeing_frames=agreeing,
        compared_frames=compared,
    )


def _pairs(query: Interval, time_map: TimeMap, shown_times_s: npt.NDArray[np.float64]) -> tuple[AlignedPair, ...]:
    """Pair the reference's own pictures inside a match with the query times that the time map lays on them."""
    if time_map.rate == 0:
        return ()
    inside = mapped(query, time_map)
    times_s = shown_times_s[(shown_times_s >= inside.start_s) & (shown_times_s < inside.end_s)]
    if len(times_s) > _MAX_PAIRS:
        times_s = times_s[np.linspace(0, len(times_s) - 1, _MAX_PAIRS).round().astype(np.int64)]
    pairs = [
        AlignedPair(
            query_time_s=round((float(time_s) - time_map.offset_s) / time_map.rate, 4),
            reference_time_s=float(time_s),
            distance_bits=NOT_MEASURED_BITS,
        )
        for time_s in times_s
    ]
    return tuple(sorted(pairs, key=lambda pair: pair.query_time_s))


def _motion(line: MotionLine) -> MotionAgreement:
    return MotionAgreement(
        correlation=round(line.correlation, 4),
        per_moment=round(line.per_moment, 4),
        elsewhere=round(line.elsewhere, 4) if line.has_elsewhere else None,
        appearance=round(line.appearance, 4),
        times_s=tuple(round(float(value), 3) for value in line.times_s),
        query_change=tuple(round(float(value), 3) for value in line.query_change),
        reference_change=tuple(round(float(value), 3) for value in line.reference_change),
        moments=tuple(round(float(value), 3) for value in line.moments),
    )


def _similarity(line: MotionLine) -> SimilarityMatrix:
    rows = np.unique(np.linspace(0, len(line.times_s) - 1, min(_MATRIX_ROWS, len(line.times_s))).round().astype(int))
    percent = np.clip(line.similarity[rows] * 100, 0, 100).round().astype(int)
    return SimilarityMatrix(
        query_times_s=tuple(round(float(value), 3) for value in line.times_s[rows]),
        reference_times_s=tuple(round(float(value), 3) for value in line.similarity_times_s),
        percent=tuple(tuple(int(value) for value in row) for row in percent),
    )
