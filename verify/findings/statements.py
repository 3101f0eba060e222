"""What a report may say: every statement, its basis and its limits, in one place and tested as text.

A statement says where and when footage was seen before, never why it was shown again; pictures are 'visually
consistent with' each other, and a reference was 'first seen no later than' its date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.dates import earliest_day, latest_day
from verify.findings.changes import picture_changes
from verify.findings.origins import origin_words
from verify.findings.support import support_words, supporting_families
from verify.findings.wording import counted, listed, quoted, rate_words, seconds_words, timecode
from verify.model import CoverageState, Finding, FindingKind, Interval, MatchLevel, ReferenceKind, SightingSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from verify.model import ArchiveSnapshot, CoverageSpan, Match, Reference, ReportedMatch, ReportedRepeat

# A container often declares a few hundredths of a second more than its last frame covers; that is no finding.
_NEGLIGIBLE_S = 0.1
_BASIS_LIMIT = 300
_CONFIRMING_FAMILIES = 2
_NO_CAVEAT = "what was measured does not tell two recordings of it apart"

#: What is no footage of an event, however old it is.
_MADE_UP = {ReferenceKind.GAME: "pictures of a game", ReferenceKind.FILM: "scenes of a film"}
_SOURCES = {
    SightingSource.PLATFORM: "stated by the platform",
    SightingSource.ARCHIVED_PAGE: "by an archived page",
    SightingSource.BROADCAST_LOG: "by a broadcaster's log",
    SightingSource.STATEMENT: "by a person's statement",
}

_MATCH_LIMITS = (
    "Visually consistent means that the pictures agree; which recording came first, and whether both come from one "
    "original, is for a person to establish. Reuse may be disclosed or routine (b-roll): this tool says where and "
    "when footage was seen before, not why it is shown again."
)
_ONE_DAY_LIMIT = " The two dates are one day apart, which time zones alone can explain."
_SAME_SCENE_LIMITS = (
    "A place filmed twice, or one fixed camera at two times, looks like this too. It is listed for a person to look "
    "at and is not counted as reuse."
)
_EARLIER_LIMITS = (
    "The earlier release was checked with this archive and is remembered by it; it is no reference, and nothing is "
    "said about where its footage comes from. Publishers show their own footage again for many reasons (series, "
    "trailers, summaries); why it is shown again is not said here."
)
_REPEAT_LIMITS = (
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
    seen, claimed = _days(reference.first_seen), _days(claimed_date)
    earlier = seen is not None and claimed is not None and seen[1] < claimed[0]
    here, there = _span(match.query), _reference_words(reference)
    if match.time_map.rate == 0:
        held = f"one picture, visually consistent with {timecode(match.reference.start_s)} of {there}"
        opening = f"In this release, {here} holds {held}"
    else:
        opening = f"In this release, {here} is visually consistent with {_span(match.reference)} of {there}"
    opening = _hedged(opening, match, "Possible match") + _change_words(match)
    adjacent = seen is not None and claimed is not None and earlier and (claimed[0] - seen[1]).days == 1
    return Finding(
        kind=FindingKind.REUSE_EARLIER if earlier else FindingKind.APPEARS_IN_REFERENCE,
        statement=f"{opening}. {_date_words(reference, claimed_date, claimed_date_basis)}{origin_words(reference)}",
        basis=support_words(match),
        limits=_MATCH_LIMITS + (_ONE_DAY_LIMIT if adjacent else ""),
    )


def same_scene_finding(match: Match, reference: Reference) -> Finding:
    """State that a scene also appears in a reference, without saying that the recording does; `match.caveat` is why."""
    return Finding(
        kind=FindingKind.SAME_SCENE,
        statement=(
            f"In this release, {_span(match.query)} shows a scene visually consistent with {_span(match.reference)} of "
            f"{_reference_words(reference)}{_change_words(match)}. It is not shown to be the same recording: "
            f"{match.caveat or _NO_CAVEAT}. {_first_seen_words(reference)}.{origin_words(reference)}"
        ),
        basis=support_words(match),
        limits=_SAME_SCENE_LIMITS,
    )


def earlier_release_finding(match: Match, release: Reference) -> Finding:
    """State that a part of the release was used before in an earlier release of the same publisher.

    Parameters
    ----------
    release
        What is known of the earlier release; `first_seen` is when it was published or fetched.
    """
    _check_level(match)
    there = f"{_span(match.reference)} of the release {quoted(release.title or release.id)}"
    who = f" of {quoted(release.publisher, 80)[1:-1]}" if release.publisher else ""
    opening = f"In this release, {_span(match.query)} is visually consistent with {there}{who}"
    basis = basis_words(release.first_seen_source, release.first_seen_basis)
    return Finding(
        kind=FindingKind.USED_IN_EARLIER_RELEASE,
        statement=(
            f"{_hedged(opening, match, 'Possible match')}{_change_words(match)}: used before in the release of "
            f"{_dated(release.first_seen, basis)}."
        ),
        basis=support_words(match),
        limits=_EARLIER_LIMITS,
    )


def repeat_finding(match: Match) -> Finding:
    """State that a part of the release shows an earlier part of it again; `match.reference` is the earlier part."""
    _check_level(match)
    here, there = _span(match.query), _span(match.reference)
    if match.time_map.rate == 0:
        opening = f"In this release, {here} holds one picture of what is shown at {timecode(match.reference.start_s)}"
    else:
        opening = f"In this release, {here} shows again what is shown at {there}"
    return Finding(
        kind=FindingKind.REPEATED_IN_RELEASE,
        statement=(
            f"{_hedged(opening, match, 'Possible repeat')}{_change_words(match)}; the two are visually consistent."
        ),
        basis=support_words(match, inside_release=True),
        limits=_REPEAT_LIMITS,
    )


def no_match_finding(reference_count: int) -> Finding:
    """State that nothing matched among `reference_count` references; 0 says that nothing was searched."""
    if reference_count <= 0:
        statement = "No reference was searched, so this report cannot say whether the footage was seen before."
        basis = "No archive of references was given, or the archive was empty."
    else:
        among = "the 1 reference" if reference_count == 1 else f"the {reference_count} references"
        statement = f"No match among {among} searched; this is not evidence that the footage is new."
        basis = "Every sampled frame that can carry evidence was compared with the archive."
    return Finding(
        kind=FindingKind.NO_MATCH,
        statement=statement,
        basis=basis,
        limits="An archive holds a small part of the footage ever published.",
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
    listing = "; ".join(f"{seconds_words(length)}: {reason or 'no reason recorded'}" for reason, length in reasons)
    return Finding(
        kind=FindingKind.NOT_EXAMINABLE,
        statement=f"{_number(missing_s)} of the release's {seconds_words(total_s)} could not be examined.",
        basis=f"{listing}.",
        limits="Nothing is said about these seconds, neither that they were seen before nor that they were not.",
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
        *_earlier_answer(earlier),
        *_repeat_answer(repeats),
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
        return "None of this release could be examined, so this report cannot say whether the footage was seen before."
    if not matches:
        return _no_match_answer(len(same_scene), archive.reference_count)
    matched_s = sum(span.interval.duration_s for span in coverage if span.state is CoverageState.MATCHED)
    total_s = sum(span.interval.duration_s for span in coverage)
    confirmed = any(entry.match.level is MatchLevel.CONFIRMED for entry in matches)
    verb = "is visually consistent with" if confirmed else "may be visually consistent with"
    possible = sum(entry.match.level is MatchLevel.POSSIBLE for entry in matches)
    to_confirm = f"; a person must confirm the possible {'one' if possible == 1 else 'ones'}" if possible else ""
    return (
        f"For {_number(matched_s)} of its {seconds_words(total_s)}, this release {verb} footage in the reference "
        f"archive: {listed(_match_groups(matches))}{to_confirm}."
    )


def _no_match_answer(same_scene_count: int, reference_count: int) -> str:
    statement = no_match_finding(reference_count).statement
    if not same_scene_count:
        return statement
    passages = counted(same_scene_count, "passage")
    shows = "shows" if same_scene_count == 1 else "show"
    return (
        f"{statement[:-1]}; {passages} {shows} a scene that a reference shows too, and that is not shown to be the "
        "same recording."
    )


def _earlier_answer(earlier: Sequence[ReportedMatch]) -> list[str]:
    """Count what was used in earlier releases of the publisher in a sentence, if anything was."""
    if not earlier:
        return []
    is_confirmed = any(entry.match.level is MatchLevel.CONFIRMED for entry in earlier)
    verb = ("may be" if not is_confirmed else "is" if len(earlier) == 1 else "are") + " visually consistent with"
    releases = len({entry.reference.id for entry in earlier})
    which = "an earlier release" if releases == 1 else f"{releases} earlier releases"
    passages = counted(len(earlier), "passage")
    return [f"{passages} of this release {verb} footage in {which} of the same publisher."]


def _repeat_answer(repeats: Sequence[ReportedRepeat]) -> list[str]:
    """Count the repeats inside the release in a sentence, if there are any."""
    if not repeats:
        return []
    confirmed = sum(entry.match.level is MatchLevel.CONFIRMED for entry in repeats)
    verb = "may show" if not confirmed else "shows" if len(repeats) == 1 else "show"
    possible = len(repeats) - confirmed
    aside = f" ({possible} of them possibly)" if confirmed and possible else ""
    return [f"Within the release, {counted(len(repeats), 'passage')} {verb} again what it shows earlier{aside}."]


def _match_groups(matches: Sequence[ReportedMatch]) -> list[str]:
    """Count matches by what they show, then by how well they are supported: '2 confirmed and 1 possible match ...'."""
    groups = []
    for kind, when in (
        (FindingKind.REUSE_EARLIER, "first seen before its claimed date"),
        (FindingKind.APPEARS_IN_REFERENCE, "not shown to be earlier"),
    ):
        for what in ("footage", *_MADE_UP.values()):
            levels = [
                entry.match.level
                for entry in matches
                if entry.finding.kind is kind and _MADE_UP.get(entry.reference.kind, "footage") == what
            ]
            counts = [(levels.count(level), level.value) for level in MatchLevel if level in levels]
            if counts:
                noun = "match" if counts[-1][0] == 1 else "matches"
                levels_told = listed([f"{count} {level}" for count, level in counts])
                groups.append(f"{levels_told} {noun} with {what} {when}")
    return groups


def _number(seconds: float) -> str:
    """Return the figure of `seconds_words` alone, for 'n of m seconds'."""
    return seconds_words(seconds).partition(" ")[0]


def _check_level(match: Match) -> None:
    """Refuse to state as confirmed what fewer than two independent families of evidence support."""
    families = len(supporting_families(match))
    if match.level is MatchLevel.CONFIRMED and families < _CONFIRMING_FAMILIES:
        raise ValueError(f"a confirmed match of {match.reference_id} with {families} families of evidence")


def _hedged(sentence: str, match: Match, what: str) -> str:
    if match.level is MatchLevel.CONFIRMED:
        return sentence
    return f"{what}, for a person to confirm: {sentence[0].lower()}{sentence[1:]}"


def _change_words(match: Match) -> str:
    """Say what was done to picture and speed, as the end of a sentence; empty if nothing was."""
    speed = rate_words(match.time_map.rate) if match.time_map.rate else ""
    changes = [*picture_changes(match), *([speed] if speed else [])]
    return f", {listed(changes)}" if changes else ""


def _span(interval: Interval) -> str:
    return f"{timecode(interval.start_s)} to {timecode(interval.end_s)}"


def _reference_words(reference: Reference) -> str:
    kind = reference.kind.value.replace("-", " ")
    about = ", ".join([kind] + ([quoted(reference.publisher, 80)[1:-1]] if reference.publisher else []))
    return f"the reference {quoted(reference.title or reference.id)} ({about})"


def _first_seen_words(reference: Reference) -> str:
    if not reference.first_seen:
        return "When the reference was first seen is not known"
    basis = basis_words(reference.first_seen_source, reference.first_seen_basis)
    return f"The reference was first seen no later than {_dated(reference.first_seen, basis)}"


def basis_words(source: SightingSource, basis: str) -> str:
    """Say how the date of a sighting is known: who or what says so, and the archivist's own words."""
    return "; ".join(part for part in (_SOURCES.get(source, ""), basis.strip()) if part)


def _dated(day: str, basis: str) -> str:
    shown = quoted(day, 40)[1:-1]
    return f"{shown} ({quoted(basis, _BASIS_LIMIT)[1:-1] if basis.strip() else 'basis not stated'})"


def _date_words(reference: Reference, claimed_date: str, claimed_date_basis: str) -> str:
    """Say when the reference was first seen and how that relates to the date the release claims."""
    first_seen = _first_seen_words(reference)
    seen, claimed = _days(reference.first_seen), _days(claimed_date)
    if not reference.first_seen:
        return f"{first_seen}, so nothing is said about which of the two is earlier."
    if not claimed_date.strip():
        return (
            f"{first_seen}. No date is claimed for this release, so nothing is said about which of the two is earlier."
        )
    claim = f"the claimed date of this release, {_dated(claimed_date, claimed_date_basis)}"
    if seen is None or claimed is None:
        return f"{first_seen}, which cannot be compared with {claim}."
    if seen[1] < claimed[0]:
        return f"{first_seen}, which precedes {claim}."
    if seen[0] >= claimed[1]:
        return f"{first_seen}, which does not precede {claim}."
    return f"{first_seen}, which at the precision given is not shown to precede {claim}."


def _days(text: str) -> tuple[date, date] | None:
    """Return the first and last day a date can mean, None if there is no date or it cannot be read as one."""
    day = text.strip().partition("T")[0]
    try:
        return earliest_day(day), latest_day(day)
    except ValueError:
        return None
