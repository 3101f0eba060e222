"""Words of a match card that are not recorded in the report: what kind, how exact a date, which of two comes first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.dates import possible_days
from verify.findings.changes import picture_changes
from verify.findings.wording import cleaned, grouped, rate_words, share_words
from verify.model import AnalystDecision, FindingKind, ReferenceKind
from verify.translation import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from verify.model import FalseAlarmBound, Finding, Match, Reference

_PRECISION = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\dZ)?)?)?", re.ASCII)
_DATE_LIMIT = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherVideo:
    """What the second video of a match is called: at the start of a label, inside one, and where its pictures lack."""

    label: str
    name: str
    no_picture: str
    as_shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRelation:
    """How the reference's date lies to the one claimed for the release. `is_earlier` only where that is shown."""

    is_earlier: bool
    heading: str
    sentence: str


def other_video(what: str) -> OtherVideo:
    """Name the second video of a match: `what` is 'reference', 'earlier release' or 'earlier part'."""
    missing = _("This picture is not available.")
    if what == "earlier release":
        return OtherVideo(
            label=_("Earlier release"),
            name=_("earlier release"),
            no_picture=missing,
            as_shown=_("The frames of the earlier release are shown as they are there."),
        )
    if what == "earlier part":
        return OtherVideo(
            label=_("Earlier part"),
            name=_("earlier part"),
            no_picture=missing,
            as_shown=_("The frames of the earlier part are shown as they are there."),
        )
    return OtherVideo(
        label=_("Reference"),
        name=_("reference"),
        no_picture=_("The archive keeps no pictures of this reference."),
        as_shown=_("The frames of the reference are shown as archived."),
    )


def kind_words(kind: ReferenceKind) -> str:
    """Say what a reference is classed as."""
    words = {
        ReferenceKind.NEWS: _("news"),
        ReferenceKind.OFFICIAL_RELEASE: _("official release"),
        ReferenceKind.EXERCISE: _("exercise"),
        ReferenceKind.GAME: _("game"),
        ReferenceKind.FILM: _("film"),
        ReferenceKind.STOCK: _("stock"),
        ReferenceKind.USER_GENERATED: _("user generated"),
        ReferenceKind.OTHER: _("other"),
    }
    return words[kind]


def made_up_words(kind: ReferenceKind) -> str:
    """Say that a reference is no footage of an event, as its archivist classed it; empty for any other kind."""
    if kind is ReferenceKind.GAME:
        return _("Pictures of a game, as classed in the archive")
    if kind is ReferenceKind.FILM:
        return _("Scenes of a film, as classed in the archive")
    return ""


def precision_words(moment: str) -> str:
    """Say how exactly a date is known, by how it is written; empty for what is no date."""
    found = _PRECISION.fullmatch(moment.strip())
    if found is None:
        return ""
    month, day, second = found.groups()
    if second:
        return _("known to the second")
    if day:
        return _("known to the day")
    return _("known to the month") if month else _("known to the year")


def date_relation(finding: Finding, reference: Reference, claimed_date: str) -> DateRelation:
    """Say whether the reference's date precedes the claimed one, never more than the finding does."""
    seen, claimed = possible_days(reference.first_seen), possible_days(claimed_date)
    dates = {"seen": _shown(reference.first_seen), "claimed": _shown(claimed_date)}
    not_shown = _("Not shown to be earlier than the claimed date.")
    if not reference.first_seen.strip():
        open_question = _("When it was first seen is not known, so nothing is said about which of the two is earlier.")
    elif not claimed_date.strip():
        open_question = _("No date is claimed for this release, so nothing is said about which of the two is earlier.")
    elif seen is None or claimed is None:
        open_question = _("{seen} and {claimed}, the date claimed for this release, cannot be compared.").format(
            **dates
        )
    elif seen[1] < claimed[0]:
        return _earlier(finding, dates, not_shown)
    elif seen[0] >= claimed[1]:
        open_question = _("{seen} does not precede {claimed}, the date claimed for this release.").format(**dates)
    else:
        open_question = _(
            "At the precision given, {seen} is not shown to precede {claimed}, the date claimed for this release."
        ).format(**dates)
    return DateRelation(is_earlier=False, heading=not_shown, sentence=open_question)


def _earlier(finding: Finding, dates: dict[str, str], not_shown: str) -> DateRelation:
    sentence = _("{seen} precedes {claimed}, the date claimed for this release.").format(**dates)
    if finding.kind is FindingKind.SAME_SCENE:
        aside = _("The recording is not shown to be the same, so this is not counted as reuse.")
        return DateRelation(is_earlier=False, heading=_("Only the scene is alike."), sentence=f"{sentence} {aside}")
    if finding.kind is not FindingKind.REUSE_EARLIER:
        return DateRelation(is_earlier=False, heading=not_shown, sentence=sentence)
    return DateRelation(is_earlier=True, heading=_("Dated before the claimed date."), sentence=sentence)


def _shown(moment: str) -> str:
    return cleaned(moment, _DATE_LIMIT)


def chance_words(bound: FalseAlarmBound | None) -> str:
    """Say in one line how often a score is reached without reuse, with the bound that follows."""
    if bound is None or bound.trials <= 0:
        return _("not measured how often unrelated footage reaches it")
    reached = grouped(bound.alarms) if bound.alarms > 0 else _("none")
    return _(
        "{reached} in {trials} searches for footage that was not in the archive: at most about {rate} (95% confidence)"
    ).format(reached=reached, trials=grouped(bound.trials), rate=share_words(bound.rate_at_most))


def family_count_words(count: int) -> str:
    """Count the independent families of evidence."""
    return ngettext("one family", "{count} independent families", count).format(count=count)


def change_words(match: Match) -> tuple[str, ...]:
    """Name what the release did to picture and speed, each by itself; none if nothing."""
    speed = rate_words(match.time_map.rate)
    return (*picture_changes(match), *([speed] if speed else []))


def decision_words(decision: AnalystDecision | None) -> str:
    """Say what a person decided, as a label."""
    words = {
        AnalystDecision.CONFIRMED: _("confirmed"),
        AnalystDecision.REJECTED: _("rejected"),
        AnalystDecision.UNCLEAR: _("unclear"),
    }
    return words[decision] if decision else _("remark")


#: For the templates of the card.
CARD_FILTERS: dict[str, Callable[..., Any]] = {
    "other_video": other_video,
    "kind": kind_words,
    "family_count": family_count_words,
    "made_up": made_up_words,
    "precision": precision_words,
    "date_relation": date_relation,
    "chance": chance_words,
    "changes": change_words,
    "decision": decision_words,
}
