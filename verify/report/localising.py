"""A report said again in another language, from what it records.

What is recorded is English. Each text is made anew from the recorded data, in English first: only if that is, letter by
letter, what was recorded, it is made in the language wanted. So a translation says what was recorded and nothing else;
what another version of this program worded otherwise stays in English.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from verify.findings.bearing import bearings
from verify.findings.claims import RELEASE_DESCRIPTION, RELEASE_TITLE, UNKNOWN_PUBLISHER
from verify.findings.coverage import Overlaps, state_at
from verify.findings.limits import standard_limits
from verify.findings.restating import restated_sentences
from verify.findings.statements import (
    answer,
    earlier_release_finding,
    match_finding,
    no_match_finding,
    not_examinable_finding,
    repeat_finding,
)
from verify.findings.warnings import decoding_warnings
from verify.model import Finding, FindingKind
from verify.translation import ENGLISH, keep_english, speaking, spoken, translated_sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from verify.model import (
        Bearing,
        Claim,
        ContentCredentials,
        CoverageSpan,
        Observation,
        Rejection,
        Release,
        Report,
        ReportedMatch,
        ReportedRepeat,
        Shot,
    )


_Made = TypeVar("_Made")


def localised(report: Report) -> Report:
    """Return the report with its texts in the language spoken at present; in English, the report as it is.

    What others said is quoted and stays as it is: titles, claims, names, the words of archivists.
    """
    if spoken() == ENGLISH:
        return report
    release, claimed = report.release, (report.release.claimed_date, report.release.claimed_date_basis)
    matches = tuple(
        _match(entry, partial(match_finding, entry.match, entry.reference, *claimed))
        for entry in (*report.matches, *report.same_scene)
    )
    repeats = tuple(_repeat(entry) for entry in report.repeats)
    earlier = tuple(
        _match(entry, partial(earlier_release_finding, entry.match, entry.reference))
        for entry in report.earlier_releases
    )
    recorded: list[ReportedMatch | ReportedRepeat]
    again: list[ReportedMatch | ReportedRepeat]
    recorded = [*report.matches, *report.same_scene, *report.repeats, *report.earlier_releases]
    again = [*matches, *repeats, *earlier]
    said = dict(zip((entry.finding for entry in recorded), (entry.finding for entry in again), strict=True))
    count = len(report.matches)
    return replace(
        report,
        answer=_answer(report),
        release=_release(release),
        coverage=_coverage(report),
        shots=tuple(_shot(shot) for shot in report.shots),
        matches=matches[:count],
        same_scene=matches[count:],
        repeats=repeats,
        earlier_releases=earlier,
        findings=tuple(said.get(finding) or _other_finding(finding, report) for finding in report.findings),
        claims=tuple(_claim(claim) for claim in report.claims),
        limits=_limits(report),
        warnings=_warnings(report),
        observations=tuple(_observation(one) for one in report.observations),
        credentials=_credentials(report.credentials) if report.credentials else None,
        bearings=_bearings(report),
        rejected=tuple(_rejection(one) for one in report.rejected),
    )


def _made(make: Callable[[], _Made]) -> tuple[_Made, _Made] | None:
    """Make something in English and in the language spoken; None where the recorded data do not allow it."""
    try:
        with speaking(ENGLISH.code):
            english = make()
        return english, make()
    except ValueError:
        return None


def _said_again(recorded: str, english: str, translation: str) -> str:
    return translation if recorded == english else restated_sentences(recorded)


def _finding(recorded: Finding, make: Callable[[], Finding | None]) -> Finding:
    made = _made(make)
    if made is None or made[0] is None or made[1] is None:
        for text in (recorded.statement, recorded.basis, recorded.limits):
            keep_english(text)
        return recorded
    english, translation = made[0], made[1]
    return Finding(
        kind=recorded.kind,
        statement=_said_again(recorded.statement, english.statement, translation.statement),
        basis=_said_again(recorded.basis, english.basis, translation.basis),
        limits=_said_again(recorded.limits, english.limits, translation.limits),
    )


def _match(entry: ReportedMatch, make: Callable[[], Finding]) -> ReportedMatch:
    match = replace(entry.match, caveat=translated_sentence(entry.match.caveat))
    return replace(entry, finding=_finding(entry.finding, make), match=match)


def _repeat(entry: ReportedRepeat) -> ReportedRepeat:
    match = replace(entry.match, caveat=translated_sentence(entry.match.caveat))
    return replace(entry, finding=_finding(entry.finding, lambda: repeat_finding(entry.match)), match=match)


def _other_finding(finding: Finding, report: Report) -> Finding:
    if finding.kind is FindingKind.NO_MATCH:
        count = report.archive.reference_count if report.archive else 0
        return _finding(finding, lambda: no_match_finding(count))
    if finding.kind is FindingKind.NOT_EXAMINABLE:
        english = report.coverage
        localised_spans = _coverage(report)
        return _finding(finding, lambda: not_examinable_finding(english if spoken() == ENGLISH else localised_spans))
    return _finding(finding, lambda: None)


def _answer(report: Report) -> str:
    made = _made(
        lambda: answer(
            report.matches,
            report.same_scene,
            report.coverage,
            report.archive,
            report.repeats,
            earlier=report.earlier_releases,
        )
    )
    return _said_again(report.answer, *made) if made else keep_english(report.answer)


def _coverage(report: Report) -> tuple[CoverageSpan, ...]:
    """Give every span its reason again: it is found at its middle, as when the spans were made."""
    found = [entry.match for entry in (*report.matches, *report.same_scene)]
    repeats = [entry.match.query for entry in report.repeats]
    shots_at = Overlaps([shot.interval for shot in report.shots])
    matches_at = Overlaps([match.query for match in found])
    repeats_at = Overlaps(repeats)
    spans = []
    for span in report.coverage:
        middle_s = (span.interval.start_s + span.interval.end_s) / 2
        shots = [report.shots[index] for index in shots_at.at(middle_s)]
        matches = [found[index] for index in matches_at.at(middle_s)]
        made = _made(
            partial(
                state_at,
                middle_s,
                report.release.decoded,
                shots,
                None if report.archive is None else matches,
                repeated=bool(repeats_at.at(middle_s)),
            )
        )
        reason = _said_again(span.reason, made[0][1], made[1][1]) if made else keep_english(span.reason)
        spans.append(replace(span, reason=reason))
    return tuple(spans)


def _limits(report: Report) -> tuple[str, ...]:
    found = [entry.match for entry in (*report.matches, *report.same_scene)]
    known: dict[str, str] = {}
    for is_by_looks in (True, False):
        made = _made(partial(standard_limits, report.archive, report.release.decoded, found, is_by_looks=is_by_looks))
        known |= dict(zip(*made, strict=True)) if made else {}
    return tuple(known.get(limit) or restated_sentences(limit) for limit in report.limits)


def _warnings(report: Report) -> tuple[str, ...]:
    made = _made(lambda: decoding_warnings(report.release.decoded, report.archive))
    known = dict(zip(*made, strict=True)) if made else {}
    return tuple(known.get(warning) or restated_sentences(warning) for warning in report.warnings)


def _bearings(report: Report) -> tuple[Bearing, ...]:
    release = report.release
    made = _made(
        lambda: {
            (bearing.claim, bearing.match): bearing.statement
            for bearing in bearings(report.claims, report.matches, release.claimed_date, release.claimed_date_basis)
        }
    )
    english, translation = made or ({}, {})
    return tuple(
        replace(
            bearing,
            statement=_said_again(
                bearing.statement,
                english.get((bearing.claim, bearing.match), ""),
                translation.get((bearing.claim, bearing.match), ""),
            ),
        )
        for bearing in report.bearings
    )


def _release(release: Release) -> Release:
    failure = release.decoded.failure
    return replace(
        release,
        claimed_date_basis=translated_sentence(release.claimed_date_basis),
        copy_statement=translated_sentence(release.copy_statement),
        decoded=replace(release.decoded, failure=translated_sentence(failure)) if failure else release.decoded,
    )


def _claim(claim: Claim) -> Claim:
    """Translate what this tool says of where a claim is from; never the claim."""
    is_own = claim.origin in (RELEASE_TITLE, RELEASE_DESCRIPTION)
    is_unnamed = is_own and claim.claimant == UNKNOWN_PUBLISHER
    return replace(
        claim,
        claimant=translated_sentence(claim.claimant) if is_unnamed else claim.claimant,
        origin=translated_sentence(claim.origin),
    )


def _shot(shot: Shot) -> Shot:
    return replace(shot, reason=translated_sentence(shot.reason))


def _observation(one: Observation) -> Observation:
    return replace(
        one,
        topic=translated_sentence(one.topic),
        observed=restated_sentences(one.observed),
        meaning=translated_sentence(one.meaning),
        limits=translated_sentence(one.limits),
    )


def _credentials(credentials: ContentCredentials) -> ContentCredentials:
    return replace(
        credentials,
        statement=restated_sentences(credentials.statement),
        limits=restated_sentences(credentials.limits),
        signed_basis=translated_sentence(credentials.signed_basis),
    )


def _rejection(rejection: Rejection) -> Rejection:
    return replace(rejection, reason=translated_sentence(rejection.reason))
