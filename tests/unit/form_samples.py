"""Reports for the tests of the forms for machines: many matches, pictures of shots, hostile texts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from PIL import Image

from tests.unit.report_samples import (
    CLAIMED_BASIS,
    CLAIMED_DATE,
    build_report,
    draw_picture,
    interval,
    match,
    reference,
)
from verify.findings.coverage import coverage
from verify.findings.statements import match_finding
from verify.model import (
    FrameClass,
    MatchLevel,
    Picture,
    ReportedMatch,
    ReportFile,
    Shot,
    ShotView,
    TextInPicture,
)

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Report

RIGHT_TO_LEFT_OVERRIDE = "\u202e"
HOSTILE = {
    "markup": '</script><script>alert(1)</script><img src=x onerror="alert(2)">&lt;&amp;',
    "arrow": "quiet\n\n00:00:00.000 --> 99:00:00.000\nforged cue --> NOTE",
    "quotes": "a \"quoted\" 'title' \\ with {braces} {{ 7*7 }} {% raw %}",
    "line ends": "one\r\ntwo\rthree\u2028four\u2029five\x85six\x0bseven\x1ceight",
    "override": f"harmless{RIGHT_TO_LEFT_OVERRIDE}gpj.exe\u2066\u2069\u202c",
    "long": "W" * 10_000,
    "nul": "before\x00after\x1b[31m\x7f",
    "half a pair": "half \ud800 of a pair",
    "urdu": "رات گئے ہونے والی کارروائی پر بیان",
    "empty": "",
    "blank": " \t ",
}
MATCH_COUNTS = (0, 1, 60, 500)


def hostile_report(folder: Path, text: str) -> Report:
    """Put `text` wherever a report quotes somebody, in ids and dates too."""
    report = report_with_views(build_report(folder, 2, scene_count=1))
    release = replace(
        report.release,
        title=text,
        source=text,
        final_url=text,
        publisher=text,
        publisher_url=text,
        description=text,
        published=text,
        claimed_date=text,
        query_id=text,
    )
    ref = reference(
        0,
        id=text,
        title=text,
        publisher=text,
        source_url=text,
        first_seen=text,
        first_seen_basis=text,
        first_seen_url=text,
        sha256=text,
    )
    assert report.seal is not None
    return replace(
        report,
        report_id=text,
        created_utc=text,
        command=("verify", text),
        release=release,
        matches=tuple(
            replace(entry, reference=ref, match=replace(entry.match, reference_id=text)) for entry in report.matches
        ),
        claims=tuple(
            replace(claim, claimant=text, statement=text, date=text, source_url=text) for claim in report.claims
        ),
        seal=replace(
            report.seal,
            events=tuple(replace(event, utc=text, actor=text, detail=text) for event in report.seal.events),
        ),
        shot_views=tuple(
            replace(view, texts=(replace(read("x"), text=text),)) for view in report.shot_views
        ),
    )  # fmt: skip


def read(text: str) -> TextInPicture:
    return TextInPicture(text=text, confidence=0.9, left=0.1, top=0.8, width=0.3, height=0.1)


def report_of(folder: Path, count: int) -> Report:
    """Build a report with `count` matches that follow one another, every second one possible, without frame pairs."""
    report = build_report(folder, 0)
    entries = tuple(_entry(index, count) for index in range(count))
    spans = coverage(
        report.release.decoded, report.release.media.duration_s, report.shots, [entry.match for entry in entries]
    )
    return replace(report, matches=entries, coverage=spans)


def _entry(index: int, count: int) -> ReportedMatch:
    ref = reference(index)
    start_s = 4.0 + index * 50 / max(count, 3)
    found = match(
        start_s,
        start_s + 40 / max(count, 4),
        reference_id=ref.id,
        level=MatchLevel.POSSIBLE if index % 2 else MatchLevel.CONFIRMED,
    )
    finding = match_finding(found, ref, CLAIMED_DATE, CLAIMED_BASIS)
    return ReportedMatch(number=index + 1, finding=finding, match=found, reference=ref, frame_pairs=())


def report_with_views(report: Report) -> Report:
    """List a picture and a still for every shot, as a report of this version has them; `drawn_views` makes files."""
    views = tuple(
        ShotView(
            shot=number,
            picture=Picture(path=f"frames/shot-{number:04d}.jpg", time_s=1.0, width_px=200, height_px=112),
            still=Picture(path=f"frames/still-{number:04d}.jpg", time_s=1.0, width_px=320, height_px=180),
            texts=(read(f"Caption {number}"),) if number % 2 else (),
        )
        for number in range(1, len(report.shots) + 1)
    )
    stored = tuple(
        ReportFile(path=picture.path, sha256=f"{number:064x}", size_bytes=1000 + number)
        for number, picture in enumerate(view.picture for view in views)
    )
    return replace(report, shot_views=views, files=stored, texts_read=True)


def drawn_views(folder: Path, report: Report) -> Report:
    """Draw what `report_with_views` lists."""
    listed = report_with_views(report)
    for view in listed.shot_views:
        assert view.still is not None
        draw_picture(folder / view.still.path, view.shot)
        with Image.open(folder / view.still.path) as still:
            still.resize((200, 112)).save(folder / view.picture.path, "JPEG")
    return listed


def with_shots(report: Report, count: int) -> Report:
    """Cut the release into `count` shots of equal length."""
    bounds = [60 * index / count for index in range(count + 1)]
    shots = tuple(
        Shot(interval=interval(start_s, end_s), frame_class=FrameClass.TEXTURED) for start_s, end_s in pairwise(bounds)
    )
    return replace(report, shots=shots)
