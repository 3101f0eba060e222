"""What the page shows of a report, put in the order and the bounds in which it shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.findings.wording import seconds_words
from verify.model import CoverageState, FindingKind, FrameClass, MatchLevel
from verify.report.timeline import span_styles, state_names
from verify.translation import _

if TYPE_CHECKING:
    from verify.model import Bearing, Claim, CoverageSpan, Finding, Report, Shot, ShotView

_RELEASE_ITSELF = "the release itself"
#: Longer tables name report.json for the rest.
MOST_SPAN_ROWS = 500
MOST_SHOTS_LISTED = 300
MOST_REJECTIONS = 100
_MOST_IN_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures under the answer, in seconds and counts.

    `examined_words` are the seconds that could be examined, `examined_share` their share of the running time, in words.
    """

    total_s: float
    examined_s: float
    examined_words: str
    matched_s: float
    confirmed: int
    possible: int
    examined_percent: float
    examined_share: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    """A style that occurs on the timeline, its name, and how many seconds it takes."""

    style: str
    name: str
    length_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedClaim:
    """A claim with its number in the report, from 1, and what the footage found has to do with it."""

    number: int
    claim: Claim
    bearings: tuple[Bearing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedShot:
    """A shot with its number from 1, and what it looks like where that is kept."""

    number: int
    shot: Shot
    view: ShotView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an annotation can be about: the anchor of its place on the page, and its name."""

    anchor: str
    name: str


def summarise(report: Report) -> Summary:
    """Count what stands under the answer. Shares and seconds that were examined are never rounded up."""
    lengths = dict.fromkeys(CoverageState, 0.0)
    for span in report.coverage:
        lengths[span.state] += span.interval.duration_s
    total_s = sum(lengths.values())
    examined_s = sum(
        lengths[state] for state in (CoverageState.MATCHED, CoverageState.REPEATED, CoverageState.NO_MATCH)
    )
    confirmed = sum(entry.match.level is MatchLevel.CONFIRMED for entry in report.matches)
    percent = 100 * examined_s / total_s if total_s > 0 else 0.0
    return Summary(
        total_s=total_s,
        examined_s=math.floor(examined_s * 10 + 1e-6) / 10,
        examined_words=f"{math.floor(examined_s * 10 + 1e-6) / 10:.1f}"
        if total_s < _MOST_IN_SECONDS
        else length_words(examined_s),
        matched_s=lengths[CoverageState.MATCHED],
        confirmed=confirmed,
        possible=len(report.matches) - confirmed,
        examined_percent=round(percent, 2),
        examined_share=_("less than 1%") if 0 < percent < 1 else f"{math.floor(percent + 1e-6)}%",
    )


def length_words(seconds: float) -> str:
    """Write a length in seconds, from ten minutes on as '2 h 39 min 7 s', never rounded up."""
    if seconds < _MOST_IN_SECONDS:
        return seconds_words(seconds)
    whole = math.floor(seconds + 1e-6)
    parts = [
        (whole // 3600, _("{count} h")),
        (whole % 3600 // 60, _("{count} min")),
        (whole % 60, _("{count} s")),
    ]
    return " ".join(unit.format(count=count) for count, unit in parts if count)


def legend(report: Report) -> list[LegendEntry]:
    """List the styles that occur on the timeline."""
    lengths: dict[str, float] = {}
    for span, style in zip(report.coverage, span_styles(report), strict=True):
        lengths[style] = lengths.get(style, 0.0) + span.interval.duration_s
    names = state_names()
    return [LegendEntry(style=style, name=names[style], length_s=lengths[style]) for style in names if style in lengths]


def span_rows(report: Report) -> list[tuple[CoverageSpan, str]]:
    """List spans with the names of their states, as many as a table of the page holds."""
    names = state_names()
    styles = span_styles(report)[:MOST_SPAN_ROWS]
    return [(span, names[style]) for span, style in zip(report.coverage, styles, strict=False)]


def loose_findings(report: Report) -> list[Finding]:
    """List the findings that belong to no match, repeat or earlier release."""
    in_sections = {entry.finding for entry in (*report.matches, *report.same_scene, *report.earlier_releases)}
    in_sections |= {entry.finding for entry in report.repeats}
    return [
        finding
        for finding in report.findings
        if finding not in in_sections and finding.kind is not FindingKind.SAME_SCENE
    ]


def claims_by_side(report: Report, recorded: Report | None = None) -> tuple[list[NumberedClaim], list[NumberedClaim]]:
    """Part the claims: those of the release and its publisher, and those of others; each side in its order.

    `recorded` is the report as it was recorded, where `report` says the same in another language: whose a claim is can
    be read in the recorded words only.
    """
    own: list[NumberedClaim] = []
    others: list[NumberedClaim] = []
    told = (recorded or report).claims
    for number, (claim, origin) in enumerate(zip(report.claims, told, strict=True), 1):
        numbered = NumberedClaim(
            number=number,
            claim=claim,
            bearings=tuple(bearing for bearing in report.bearings if bearing.claim == number),
        )
        (own if _is_by_release(origin, report.release.publisher) else others).append(numbered)
    return own, others


def _is_by_release(claim: Claim, publisher: str) -> bool:
    is_publisher = bool(publisher.strip()) and claim.claimant.strip().casefold() == publisher.strip().casefold()
    return is_publisher or claim.origin.startswith(_RELEASE_ITSELF)


def listed_shots(report: Report) -> list[NumberedShot]:
    """List all shots if they are few, else those that have a picture, as many as the page holds."""
    views = {view.shot: view for view in report.shot_views}
    shots = [
        NumberedShot(number=number, shot=shot, view=views.get(number)) for number, shot in enumerate(report.shots, 1)
    ]
    if len(shots) > MOST_SHOTS_LISTED and views:
        shots = [shot for shot in shots if shot.view]
    return shots[:MOST_SHOTS_LISTED]


def subjects(report: Report) -> dict[str, Subject]:
    """Say what the subjects of annotations are: '3' is match 3, 'S1' a same scene, 'R2' a repeat, 'E1' used before."""
    found = {}
    for letter, anchor, name, numbers in (
        ("", "match", _("Match {number}"), [entry.number for entry in report.matches]),
        ("S", "scene", _("Same scene {number}"), [entry.number for entry in report.same_scene]),
        ("R", "repeat", _("Repeat {number}"), [entry.number for entry in report.repeats]),
        ("E", "earlier", _("Earlier release {number}"), [entry.number for entry in report.earlier_releases]),
    ):
        for number in numbers:
            found[f"{letter}{number}"] = Subject(anchor=f"{anchor}-{number}", name=name.format(number=number))
    return found


def frame_class_name(frame_class: FrameClass) -> str:
    """Say in words what kind of picture a shot is."""
    return {
        FrameClass.TEXTURED: _("footage"),
        FrameClass.TEMPLATE: _("title card, logo or bars"),
        FrameClass.DARK: _("dark"),
        FrameClass.EMPTY: _("empty"),
    }[frame_class]
