"""Sample matches with everything that was measured, and a report that has every kind of finding."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image

from tests.unit.report_samples import build_report, draw_picture, match, reference, reported
from verify.findings.coverage import coverage
from verify.findings.statements import answer, repeat_finding
from verify.model import (
    NOT_MEASURED_BITS,
    FalseAlarmBound,
    FramePair,
    Geometry,
    KeypointPair,
    MatchLevel,
    MotionAgreement,
    Picture,
    ReportedRepeat,
    SimilarityMatrix,
    Transform,
)

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Interval, Match, Report, TimeMap

KEYPOINTS, MOTION, HASHES = "local keypoints", "motion over time", "global perceptual hash"
NONE_OF_1240 = FalseAlarmBound(alarms=0, trials=1240, rate_at_most=3 / 1240)
WIDTH, HEIGHT = 320, 180


def crop(left: float = 0.2, top: float = 0.1, share: float = 0.6, *, mirrored: bool = False) -> Geometry:
    """Make the transform of a query that shows part of a reference of its own shape, times 0:15.00 and 0:03.75.

    `left`, `top` are the corner of the part in fractions of the reference, `share` its side; beyond 1 it is an inset.
    """
    corners = [(left + x * share, top + y * share) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
    if mirrored:
        corners = [corners[1], corners[0], corners[3], corners[2]]
    width = [max(0.0, min(1.0, start + share) - max(0.0, start)) for start in (left, top)]
    across = -share if mirrored else share
    aspect = HEIGHT / WIDTH
    return Geometry(
        matrix=(across, 0.0, corners[0][0], 0.0, share, corners[0][1] * aspect),
        outline=tuple(corners),
        covered=width[0] * width[1],
        cells=23,
        frame_pairs=3,
        query_time_s=15.0,
        reference_time_s=3.75,
        keypoints=tuple(keypoint(corners, number) for number in range(30)),
    )


def keypoint(corners: list[tuple[float, float]], number: int) -> KeypointPair:
    """Place a keypoint somewhere in the query and where it then lies in the reference."""
    x, y = (0.06 + (number * step) % 89 / 100 for step in (37, 53))
    (x0, y0), (x1, _), (_, y1) = corners[0], corners[1], corners[3]
    return KeypointPair(query_x=x, query_y=y, reference_x=x0 + x * (x1 - x0), reference_y=y0 + y * (y1 - y0))


def motion(query: Interval, correlation: float = 0.82, elsewhere: float = 0.11) -> MotionAgreement:
    """Make curves with two events, as a camera that sees a truck pass and a door close would give."""
    count = 40
    times_s = tuple(query.start_s + query.duration_s * index / (count - 1) for index in range(count))
    strength = [
        1 + 3 * math.exp(-(((index - 12) / 4) ** 2)) + 2 * math.exp(-(((index - 29) / 3) ** 2))
        for index in range(count)
    ]
    return MotionAgreement(
        correlation=correlation,
        per_moment=correlation - 0.04,
        elsewhere=elsewhere,
        appearance=0.91,
        times_s=times_s,
        query_change=tuple(0.7 * value + 0.1 * math.sin(index) for index, value in enumerate(strength)),
        reference_change=tuple(value + 0.1 * math.cos(2 * index) for index, value in enumerate(strength)),
        moments=tuple(correlation + 0.12 * math.sin(1.7 * index) for index in range(count)),
    )


def similarity(query: Interval, time_map: TimeMap) -> SimilarityMatrix:
    """Make a matrix with a dark diagonal, a second after the match on both sides in the reference."""
    side = 24
    query_s = [query.start_s + query.duration_s * index / (side - 1) for index in range(side)]
    ends = sorted(time_map.reference_time_s(time_s) for time_s in (query_s[0], query_s[-1]))
    start_s, end_s = max(0.0, ends[0] - 1), ends[1] + 1
    reference_s = [start_s + (end_s - start_s) * index / (side - 1) for index in range(side)]
    rows = tuple(
        tuple(
            round(
                35 + 60 * math.exp(-(((time_map.reference_time_s(here) - there) / 0.3) ** 2)) + 5 * math.sin(3 * there)
            )
            for there in reference_s
        )
        for here in query_s
    )
    return SimilarityMatrix(query_times_s=tuple(query_s), reference_times_s=tuple(reference_s), percent=rows)


def explained(entry: Match, geometry: Geometry | None = None, **changes: object) -> Match:
    """Give a match what the matcher measures: a crop, motion that agrees, their similarity, a bound on false alarms."""
    geometry = geometry or crop(mirrored=entry.transform.mirrored)
    shown = entry.pairs[1]
    full = replace(
        entry,
        cues=(),
        families=(KEYPOINTS, MOTION),
        false_alarms=NONE_OF_1240,
        geometry=replace(geometry, query_time_s=shown.query_time_s, reference_time_s=shown.reference_time_s),
        motion=motion(entry.query),
        similarity=similarity(entry.query, entry.time_map),
        pairs=tuple(replace(pair, distance_bits=NOT_MEASURED_BITS) for pair in entry.pairs),
    )
    return replace(full, **changes)  # type: ignore[arg-type]


def _cropped(folder: Path, picture: Picture, outline: tuple[tuple[float, float], ...]) -> None:
    """Draw a query's picture again as the part of its reference that it shows."""
    path = folder / picture.path
    shown = Image.open(path)
    (x0, y0), (x1, _), (_, y1) = outline[0], outline[1], outline[3]
    across, down = (x1 - x0, y1 - y0)
    shown.transform((WIDTH, HEIGHT), Image.Transform.AFFINE, (across, 0, x0 * WIDTH, 0, down, y0 * HEIGHT)).save(
        path, quality=85
    )


def _draw_as_cropped(folder: Path, entry: Match, pairs: tuple[FramePair, ...], seed: int) -> None:
    if entry.geometry is None:
        return
    for index, pair in enumerate(pairs):
        draw_picture(folder / pair.query.path, seed + index, shade=0.85)
        _cropped(folder, pair.query, entry.geometry.outline)


def _repeat(folder: Path, number: int, entry: Match) -> ReportedRepeat:
    wrapped = reported(folder, 900 + number, entry, reference())
    _draw_as_cropped(folder, entry, wrapped.frame_pairs, 7 * (900 + number))
    return ReportedRepeat(number=number, finding=repeat_finding(entry), match=entry, frame_pairs=wrapped.frame_pairs)


def build_full_report(folder: Path) -> Report:
    """Build a report with confirmed and possible matches, a held picture, same scenes and repeats."""
    report = build_report(folder, 0)
    confirmed = {"level": MatchLevel.CONFIRMED}
    entries = [
        explained(match(3.5, 8.0, mirrored=True, **confirmed)),  # type: ignore[arg-type]
        explained(
            match(11.0, 14.25, rate=0.5, level=MatchLevel.POSSIBLE),
            families=(KEYPOINTS,),
            motion=None,
            caveat="the archive keeps no confirmation data for this reference",
        ),
        explained(
            match(17.5, 24.0, rate=-1.0, reference_start_s=12.0, **confirmed),
            crop(-0.4, -0.3, 1.6),  # type: ignore[arg-type]
            transform=Transform(inverted=True),
        ),
        explained(
            match(24.0, 26.0, rate=0.0), families=(HASHES, KEYPOINTS), motion=None, similarity=None, false_alarms=None
        ),
    ]
    scene = explained(
        match(50.5, 52.0, same_scene_only=True),
        crop(0.0, 0.0, 1.0),
        motion=motion(match(50.5, 52.0).query, 0.08, 0.07),
        families=(KEYPOINTS,),
        caveat="what moves does not agree",
    )
    matches = []
    for number, entry in enumerate(entries, start=1):
        ref = reference(number - 1)
        wrapped = reported(folder, number, replace(entry, reference_id=ref.id), ref)
        _draw_as_cropped(folder, entry, wrapped.frame_pairs, number * 7)
        matches.append(wrapped)
    scenes = (reported(folder, 1, scene, reference()),)
    repeats = tuple(
        _repeat(folder, number, entry)
        for number, entry in enumerate(
            [
                explained(match(36.0, 40.0, reference_start_s=5.0, **confirmed), crop(0.25, 0.25, 0.5)),  # type: ignore[arg-type]
                explained(match(53.0, 55.0, reference_start_s=20.0, mirrored=True), families=(KEYPOINTS,), motion=None),
            ],
            start=1,
        )
    )
    found = [entry.match for entry in (*matches, *scenes)]
    spans = coverage(
        report.release.decoded,
        report.release.media.duration_s,
        report.shots,
        found,
        [entry.match.query for entry in repeats],
    )
    return replace(
        report,
        matches=tuple(matches),
        same_scene=scenes,
        repeats=repeats,
        coverage=spans,
        findings=(),
        answer=answer(matches, scenes, spans, report.archive, repeats),
    )
