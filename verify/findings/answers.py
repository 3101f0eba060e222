"""The sentences of the answer: for how much of a release something was found, counted by what it is and how sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import grouped, isolated, listed, seconds_number, seconds_words
from verify.model import FindingKind, MatchLevel, ReferenceKind
from verify.translation import _, marked, ngettext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import ReportedMatch, ReportedRepeat

#: Of what is and is not shown to be earlier: footage, and what is none however old it is.
_COUNTED_AS = {
    FindingKind.REUSE_EARLIER: {
        None: marked("{matches} with footage first seen before its claimed date"),
        ReferenceKind.GAME: marked("{matches} with pictures of a game first seen before its claimed date"),
        ReferenceKind.FILM: marked("{matches} with scenes of a film first seen before its claimed date"),
    },
    FindingKind.APPEARS_IN_REFERENCE: {
        None: marked("{matches} with footage not shown to be earlier"),
        ReferenceKind.GAME: marked("{matches} with pictures of a game not shown to be earlier"),
        ReferenceKind.FILM: marked("{matches} with scenes of a film not shown to be earlier"),
    },
}


def footage_answer(matches: Sequence[ReportedMatch], matched_s: float, total_s: float) -> str:
    """Say for how much of the release there are matches, of what, and how sure they are."""
    return _footage_message(matches).format(
        matched=isolated(seconds_number(matched_s)),
        total=seconds_words(total_s),
        matches=listed(_match_groups(matches)),
    )


def _footage_message(matches: Sequence[ReportedMatch]) -> str:
    """Choose the sentence that says how sure the matches are."""
    possible = sum(entry.match.level is MatchLevel.POSSIBLE for entry in matches)
    if not possible:
        return _(
            "For {matched} of its {total}, this release is visually consistent with footage in the reference archive: "
            "{matches}."
        )
    if possible < len(matches):
        return ngettext(
            "For {matched} of its {total}, this release is visually consistent with footage in the reference archive: "
            "{matches}; a person must confirm the possible one.",
            "For {matched} of its {total}, this release is visually consistent with footage in the reference archive: "
            "{matches}; a person must confirm the possible ones.",
            possible,
        )
    return ngettext(
        "For {matched} of its {total}, this release may be visually consistent with footage in the reference archive: "
        "{matches}; a person must confirm the possible one.",
        "For {matched} of its {total}, this release may be visually consistent with footage in the reference archive: "
        "{matches}; a person must confirm the possible ones.",
        possible,
    )


def scenes_answer(same_scene_count: int, reference_count: int) -> str:
    """Say that nothing matched, and in how many passages a scene of a reference is seen."""
    passages = ngettext(
        "{count} passage shows a scene that a reference shows too, and that is not shown to be the same recording.",
        "{count} passages show a scene that a reference shows too, and that is not shown to be the same recording.",
        same_scene_count,
    ).format(count=grouped(same_scene_count))
    return ngettext(
        "No match among the 1 reference searched; this is not evidence that the footage is new; {passages}",
        "No match among the {count} references searched; this is not evidence that the footage is new; {passages}",
        reference_count,
    ).format(count=reference_count, passages=passages)


def earlier_answer(earlier: Sequence[ReportedMatch]) -> list[str]:
    """Count what was used in earlier releases of the publisher in a sentence, if anything was."""
    if not earlier:
        return []
    releases = len({entry.reference.id for entry in earlier})
    which = ngettext("an earlier release", "{count} earlier releases", releases).format(count=releases)
    if any(entry.match.level is MatchLevel.CONFIRMED for entry in earlier):
        told = ngettext(
            "{count} passage of this release is visually consistent with footage in {releases} of the same publisher.",
            "{count} passages of this release are visually consistent with footage in {releases} of the same "
            "publisher.",
            len(earlier),
        )
    else:
        told = ngettext(
            "{count} passage of this release may be visually consistent with footage in {releases} of the same "
            "publisher.",
            "{count} passages of this release may be visually consistent with footage in {releases} of the same "
            "publisher.",
            len(earlier),
        )
    return [told.format(count=grouped(len(earlier)), releases=which)]


def repeat_answer(repeats: Sequence[ReportedRepeat]) -> list[str]:
    """Count the repeats inside the release in a sentence, if there are any."""
    if not repeats:
        return []
    count = len(repeats)
    possible = sum(entry.match.level is MatchLevel.POSSIBLE for entry in repeats)
    if possible == count:
        told = ngettext(
            "Within the release, {count} passage may show again what it shows earlier.",
            "Within the release, {count} passages may show again what it shows earlier.",
            count,
        )
    elif possible:
        told = ngettext(
            "Within the release, {count} passage shows again what it shows earlier ({possible} of them possibly).",
            "Within the release, {count} passages show again what it shows earlier ({possible} of them possibly).",
            count,
        )
    else:
        told = ngettext(
            "Within the release, {count} passage shows again what it shows earlier.",
            "Within the release, {count} passages show again what it shows earlier.",
            count,
        )
    return [told.format(count=grouped(count), possible=possible)]


def _match_groups(matches: Sequence[ReportedMatch]) -> list[str]:
    """Count matches by what they show, then by how well they are supported: '2 confirmed and 1 possible match ...'."""
    groups = []
    for kind, messages in _COUNTED_AS.items():
        for made_up, message in messages.items():
            levels = [
                entry.match.level
                for entry in matches
                if entry.finding.kind is kind
                and (entry.reference.kind if entry.reference.kind in messages else None) is made_up
            ]
            if levels:
                groups.append(_(message).format(matches=_levels_words(levels)))
    return groups


def _levels_words(levels: Sequence[MatchLevel]) -> str:
    confirmed, possible = levels.count(MatchLevel.CONFIRMED), levels.count(MatchLevel.POSSIBLE)
    if not possible:
        told = ngettext("{confirmed} confirmed match", "{confirmed} confirmed matches", confirmed)
    elif not confirmed:
        told = ngettext("{possible} possible match", "{possible} possible matches", possible)
    else:
        told = ngettext(
            "{confirmed} confirmed and {possible} possible match",
            "{confirmed} confirmed and {possible} possible matches",
            possible,
        )
    return told.format(confirmed=confirmed, possible=possible)
