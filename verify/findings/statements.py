"""What a report may say: every statement, its basis and its limits, in one place and tested as text.

A statement says where and when footage was seen before, never why it was shown again; pictures are 'visually
consistent with' each other, and a reference was 'first seen no later than' its date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.dates import possible_days
from verify.findings.answers import earlier_answer, footage_answer, repeat_answer, scenes_answer
from verify.findings.changes import picture_changes
from verify.findings.naming import reference_words
from verify.findings.origins import origin_words
from verify.findings.support import support_words, supporting_families
from verify.findings.wording import (
    cleaned,
    in_parts,
    isolated,
    listed,
    quoted,
    rate_words,
    seconds_number,
    seconds_words,
    span_words,
    timecode,
)
from verify.model import CoverageState, Finding, FindingKind, MatchLevel, SightingSource
from verify.translation import _, marked, ngettext, translated_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import ArchiveSnapshot, CoverageSpan, Match, Reference, ReportedMatch, ReportedRepeat

# A container often declares a few hundredths of a second more than its last frame covers; that is no finding.
_NEGLIGIBLE_S = 0.1
_BASIS_LIMIT = 300
_CONFIRMING_FAMILIES = 2
_NO_CAVEAT = marked("what was measured does not tell two recordings of it apart")
_SOURCES = {
    SightingSource.PLATFORM: marked("stated by the platform"),
    SightingSource.ARCHIVED_PAGE: marked("by an archived page"),
    SightingSource.BROADCAST_LOG: marked("by a broadcaster's log"),
    SightingSource.STATEMENT: marked("by a person's statement"),
}
_MATCH_LIMITS = marked(
    "Visually consistent means that the pictures agree; which recording came first, and whether both come from one "
    "original, is for a person to establish. Reuse may be disclosed or routine (b-roll): this tool says where and "
    "when footage was seen before, not why it is shown again."
)
_ONE_DAY_LIMIT = marked("The two dates are one day apart, which time zones alone can explain.")
_SAME_SCENE_LIMITS = marked(
    "A place filmed twice, or one fixed camera at two times, looks like this too. It is listed for a person to look "
    "at and is not counted as reuse."
)
_EARLIER_LIMITS = marked(
    "The earlier release was checked with this archive and is remembered by it; it is no reference, and nothing is "
    "said about where its footage comes from. Publishers show their own footage again for many reasons (series, "
    "trailers, summaries); why it is shown again is not said here."
)
_REPEAT_LIMITS = marked(
    "Replays, summaries and recurring shots are ordinary editing; why a passage is shown again is not said here. Two "
    "events that look and move alike are for a person to tell apart."
)


def match_finding(match: Match, reference: Reference, claimed_date: str, claimed_date_basis: str) -> Finding:
    """State a match, and whether the reference's date precedes the release's.

    Parameters
    ----------
    match
        The match; one that is `same_scene_only` is stated as such and never as reuse.
    reference
        What is known of the matched reference.
    claimed_date
        When the release claims to be from: ISO date of year, month or day precision (a time of day is ignored), or
        empty when no date is claimed.
    claimed_date_basis
        Who claims that date.
    """
    if match.same_scene_only:
        return same_scene_finding(match, reference)
    _check_level(match)
    seen, claimed = possible_days(reference.first_seen), possible_days(claimed_date)
    earlier = seen is not None and claimed is not None and seen[1] < claimed[0]
    adjacent = seen is not None and claimed is not None and earlier and (claimed[0] - seen[1]).days == 1
    limits = [_(_MATCH_LIMITS), *([_(_ONE_DAY_LIMIT)] if adjacent else [])]
    return Finding(
        kind=FindingKind.REUSE_EARLIER if earlier else FindingKind.APPEARS_IN_REFERENCE,
        statement=(
            f"{_with_changes(_match_words(match, reference), match)} "
            f"{_date_words(reference, claimed_date, claimed_date_basis)}{origin_words(reference)}"
        ),
        basis=support_words(match),
        limits=" ".join(limits),
    )


def _match_words(match: Match, reference: Reference) -> str:
    if match.time_map.rate == 0:
        told = _hedged(
            match,
            _("In this release, {here} holds one picture, visually consistent with {there} of {reference}"),
            _(
                "Possible match, for a person to confirm: in this release, {here} holds one picture, visually "
                "consistent with {there} of {reference}"
            ),
        )
        there = isolated(timecode(match.reference.start_s))
    else:
        told = _hedged(
            match,
            _("In this release, {here} is visually consistent with {there} of {reference}"),
            _(
                "Possible match, for a person to confirm: in this release, {here} is visually consistent with {there} "
                "of {reference}"
            ),
        )
        there = span_words(match.reference)
    return told.format(here=span_words(match.query), there=there, reference=reference_words(reference))


def same_scene_finding(match: Match, reference: Reference) -> Finding:
    """State that a scene also appears in a reference, without saying that the recording does; `match.caveat` is why."""
    scene = _("In this release, {here} shows a scene visually consistent with {there} of {reference}").format(
        here=span_words(match.query), there=span_words(match.reference), reference=reference_words(reference)
    )
    why = _("It is not shown to be the same recording: {reason}.").format(
        reason=translated_sentence(match.caveat or _NO_CAVEAT)
    )
    return Finding(
        kind=FindingKind.SAME_SCENE,
        statement=f"{_with_changes(scene, match)} {why} {_first_seen_sentence(reference)}{origin_words(reference)}",
        basis=support_words(match),
        limits=_(_SAME_SCENE_LIMITS),
    )


def earlier_release_finding(match: Match, release: Reference) -> Finding:
    """State that a part of the release was used before in an earlier release of the same publisher.

    Parameters
    ----------
    release
        What is known of the earlier release; `first_seen` is when it was published or fetched.
    """
    _check_level(match)
    told = _hedged(
        match,
        _("In this release, {here} is visually consistent with {there} of the release {release}"),
        _(
            "Possible match, for a person to confirm: in this release, {here} is visually consistent with {there} of "
            "the release {release}"
        ),
    )
    title = quoted(release.title or release.id)
    if release.publisher:
        title = _("{title} of {publisher}").format(title=title, publisher=cleaned(release.publisher, 80))
    opening = told.format(here=span_words(match.query), there=span_words(match.reference), release=title)
    date_told = dated_words(release.first_seen, basis_words(release.first_seen_source, release.first_seen_basis))
    return Finding(
        kind=FindingKind.USED_IN_EARLIER_RELEASE,
        statement=_("{finding}: used before in the release of {date}.").format(
            finding=_changed(opening, match), date=date_told
        ),
        basis=support_words(match),
        limits=_(_EARLIER_LIMITS),
    )


def repeat_finding(match: Match) -> Finding:
    """State that a part of the release shows an earlier part of it again; `match.reference` is the earlier part."""
    _check_level(match)
    if match.time_map.rate == 0:
        told = _hedged(
            match,
            _("In this release, {here} holds one picture of what is shown at {there}"),
            _(
                "Possible repeat, for a person to confirm: in this release, {here} holds one picture of what is shown "
                "at {there}"
            ),
        )
        there = isolated(timecode(match.reference.start_s))
    else:
        told = _hedged(
            match,
            _("In this release, {here} shows again what is shown at {there}"),
            _("Possible repeat, for a person to confirm: in this release, {here} shows again what is shown at {there}"),
        )
        there = span_words(match.reference)
    opening = told.format(here=span_words(match.query), there=there)
    return Finding(
        kind=FindingKind.REPEATED_IN_RELEASE,
        statement=_("{finding}; the two are visually consistent.").format(finding=_changed(opening, match)),
        basis=support_words(match, inside_release=True),
        limits=_(_REPEAT_LIMITS),
    )


def no_match_finding(reference_count: int) -> Finding:
    """State that nothing matched among `reference_count` references; 0 says that nothing was searched."""
    if reference_count <= 0:
        statement = _("No reference was searched, so this report cannot say whether the footage was seen before.")
        basis = _("No archive of references was given, or the archive was empty.")
    else:
        statement = ngettext(
            "No match among the 1 reference searched; this is not evidence that the footage is new.",
            "No match among the {count} references searched; this is not evidence that the footage is new.",
            reference_count,
        ).format(count=reference_count)
        basis = _("Every sampled frame that can carry evidence was compared with the archive.")
    return Finding(
        kind=FindingKind.NO_MATCH,
        statement=statement,
        basis=basis,
        limits=_("An archive holds a small part of the footage ever published."),
    )


def not_examinable_finding(coverage: Sequence[CoverageSpan]) -> Finding | None:
    """State how many seconds could not be examined, and why; None where that is less than a tenth of a second."""
    by_reason: dict[str, float] = {}
    for span in coverage:
        if span.state is CoverageState.NOT_EXAMINABLE:
            by_reason[span.reason] = by_reason.get(span.reason, 0.0) + span.interval.duration_s
    missing_s = sum(by_reason.values())
    if missing_s < _NEGLIGIBLE_S:
        return None
    total_s = sum(span.interval.duration_s for span in coverage)
    reasons = sorted(by_reason.items(), key=lambda item: (-item[1], item[0]))
    listing = in_parts(
        _("{length}: {reason}").format(length=seconds_words(length_s), reason=reason or _("no reason recorded"))
        for reason, length_s in reasons
    )
    return Finding(
        kind=FindingKind.NOT_EXAMINABLE,
        statement=_("{missing} of the release's {total} could not be examined.").format(
            missing=isolated(seconds_number(missing_s)), total=seconds_words(total_s)
        ),
        basis=_("{sentence}.").format(sentence=listing),
        limits=_("Nothing is said about these seconds, neither that they were seen before nor that they were not."),
    )


def answer(
    matches: Sequence[ReportedMatch],
    same_scene: Sequence[ReportedMatch],
    coverage: Sequence[CoverageSpan],
    archive: ArchiveSnapshot | None,
    repeats: Sequence[ReportedRepeat] = (),
    *,
    earlier: Sequence[ReportedMatch] = (),
) -> str:
    """Answer 'has this footage been seen before?' in a sentence that an editor can quote, one more for repeats, and one
    for what was used in earlier releases of the publisher.
    """
    told = [
        _archive_answer(matches, same_scene, coverage, archive),
        *earlier_answer(earlier),
        *repeat_answer(repeats),
    ]
    return " ".join(told)


def _archive_answer(
    matches: Sequence[ReportedMatch],
    same_scene: Sequence[ReportedMatch],
    coverage: Sequence[CoverageSpan],
    archive: ArchiveSnapshot | None,
) -> str:
    if archive is None or archive.reference_count == 0:
        return no_match_finding(0).statement
    examined_s = sum(
        span.interval.duration_s
        for span in coverage
        if span.state in (CoverageState.MATCHED, CoverageState.REPEATED, CoverageState.NO_MATCH)
    )
    if not matches and examined_s == 0:
        return _(
            "None of this release could be examined, so this report cannot say whether the footage was seen before."
        )
    if not matches and not same_scene:
        return no_match_finding(archive.reference_count).statement
    if not matches:
        return scenes_answer(len(same_scene), archive.reference_count)
    matched_s = sum(span.interval.duration_s for span in coverage if span.state is CoverageState.MATCHED)
    total_s = sum(span.interval.duration_s for span in coverage)
    return footage_answer(matches, matched_s, total_s)


def _check_level(match: Match) -> None:
    """Refuse to state as confirmed what fewer than two independent families of evidence support."""
    families = len(supporting_families(match))
    if match.level is MatchLevel.CONFIRMED and families < _CONFIRMING_FAMILIES:
        raise ValueError(f"a confirmed match of {match.reference_id} with {families} families of evidence")


def _hedged(match: Match, confirmed: str, possible: str) -> str:
    return confirmed if match.level is MatchLevel.CONFIRMED else possible


def _changed(finding: str, match: Match) -> str:
    """Add to a sentence without its end what was done to picture and speed, if anything was."""
    speed = rate_words(match.time_map.rate) if match.time_map.rate else ""
    changes = [*picture_changes(match), *([speed] if speed else [])]
    return _("{finding}, {changes}").format(finding=finding, changes=listed(changes)) if changes else finding


def _with_changes(finding: str, match: Match) -> str:
    return _("{sentence}.").format(sentence=_changed(finding, match))


def _first_seen_sentence(reference: Reference) -> str:
    if not reference.first_seen:
        return _("When the reference was first seen is not known.")
    return _("The reference was first seen no later than {date}.").format(date=first_seen_words(reference))


def first_seen_words(reference: Reference) -> str:
    """Write the date by which a reference had been seen, with its basis."""
    return dated_words(reference.first_seen, basis_words(reference.first_seen_source, reference.first_seen_basis))


def basis_words(source: SightingSource, basis: str) -> str:
    """Say how the date of a sighting is known: who or what says so, and the archivist's own words."""
    return in_parts(part for part in (_(_SOURCES.get(source, "")), basis.strip()) if part)


def dated_words(day: str, basis: str) -> str:
    """Write a date with its basis: '2021-01-03 (stated by the platform)'."""
    told = cleaned(basis, _BASIS_LIMIT) if basis.strip() else _("basis not stated")
    return _("{date} ({basis})").format(date=cleaned(day, 40), basis=told)


def _date_words(reference: Reference, claimed_date: str, claimed_date_basis: str) -> str:
    """Say when the reference was first seen and how that relates to the date the release claims."""
    if not reference.first_seen:
        return _(
            "When the reference was first seen is not known, so nothing is said about which of the two is earlier."
        )
    seen, claimed = possible_days(reference.first_seen), possible_days(claimed_date)
    if not claimed_date.strip():
        told = _(
            "The reference was first seen no later than {seen}. No date is claimed for this release, so nothing is "
            "said about which of the two is earlier."
        )
    elif seen is None or claimed is None:
        told = _(
            "The reference was first seen no later than {seen}, which cannot be compared with the claimed date of this "
            "release, {claimed}."
        )
    elif seen[1] < claimed[0]:
        told = _(
            "The reference was first seen no later than {seen}, which precedes the claimed date of this release, "
            "{claimed}."
        )
    elif seen[0] >= claimed[1]:
        told = _(
            "The reference was first seen no later than {seen}, which does not precede the claimed date of this "
            "release, {claimed}."
        )
    else:
        told = _(
            "The reference was first seen no later than {seen}, which at the precision given is not shown to precede "
            "the claimed date of this release, {claimed}."
        )
    claimed_words = dated_words(claimed_date, translated_sentence(claimed_date_basis))
    return told.format(seen=first_seen_words(reference), claimed=claimed_words)
