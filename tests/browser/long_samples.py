"""Reports of long releases with many matches, whose pictures are shared so that they are made quickly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.unit.explained_samples import explained
from tests.unit.report_samples import build_report, interval, match, picture, reference
from verify.findings.coverage import coverage
from verify.findings.statements import answer, match_finding
from verify.model import FrameClass, FramePair, MatchLevel, ReportedMatch, Shot, ShotView

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Report

SHOT_S = 4.0


def build_long_report(folder: Path, match_count: int, duration_s: float = 10_800.0) -> Report:
    """Build a report of a release made of shots of 4 s, every seventh a card, with matches spread over it."""
    report = build_report(folder, 0)
    frames = [picture(folder, f"shared-{number}.jpg", 0, number) for number in range(6)]
    count = max(1, int(duration_s / SHOT_S))
    shots = tuple(
        Shot(
            interval=interval(number * SHOT_S, (number + 1) * SHOT_S),
            frame_class=FrameClass.TEMPLATE if number % 7 == 6 else FrameClass.TEXTURED,
            reason="title card" if number % 7 == 6 else "",
        )
        for number in range(count)
    )
    entries = tuple(_entry(number, match_count, duration_s, tuple(frames)) for number in range(1, match_count + 1))
    found = [entry.match for entry in entries]
    decoded = replace(report.release.decoded, decoded=interval(0, duration_s), failure=None, missing_s=0.0)
    spans = coverage(decoded, duration_s, shots, found)
    release = replace(
        report.release, decoded=decoded, media=replace(report.release.media, duration_s=duration_s, size_bytes=10**9)
    )
    return replace(
        report,
        release=release,
        shots=shots,
        shot_views=tuple(
            ShotView(shot=number, picture=replace(frames[number % 6], time_s=SHOT_S * number))
            for number in range(1, min(count, 200) + 1)
        ),
        matches=entries,
        coverage=spans,
        findings=(),
        answer=answer(entries, (), spans, report.archive),
    )


def _entry(number: int, count: int, duration_s: float, frames: tuple[object, ...]) -> ReportedMatch:
    start_s = (number - 1) * duration_s / count
    ref = reference(number)
    level = MatchLevel.POSSIBLE if number % 3 == 0 else MatchLevel.CONFIRMED
    found = explained(
        match(start_s, start_s + min(SHOT_S, duration_s / count), reference_id=ref.id, level=level), level=level
    )
    pairs = tuple(
        FramePair(
            query=replace(frames[(number + index) % 6], time_s=pair.query_time_s),  # type: ignore[type-var]
            reference=replace(frames[(number + index) % 6], time_s=pair.reference_time_s),  # type: ignore[type-var]
            distance_bits=pair.distance_bits,
        )
        for index, pair in enumerate(found.pairs[:1])
    )
    finding = match_finding(found, ref, "2025-05-07", "publication date stated by the source")
    return ReportedMatch(number=number, finding=finding, match=found, reference=ref, frame_pairs=pairs)
