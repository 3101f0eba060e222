"""Which findings have to do with which claim, as far as footage goes.

A bearing puts two dates side by side: when what a claim is about had been seen, and how the claim is dated. It does not
say which of them is right, and nothing of whether the claim is true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.dates import possible_days
from verify.findings.claims import RELEASE_DESCRIPTION, RELEASE_TITLE
from verify.findings.naming import reference_words
from verify.findings.statements import dated_words, first_seen_words
from verify.findings.wording import cleaned, isolated, span_words
from verify.model import Bearing, MatchLevel
from verify.translation import _, translated_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.model import Claim, Interval, Match, ReportedMatch

#: Of one claim, by the release's time; the confirmed ones first where there are more.
MOST_BEARINGS = 20
# Less than half a second, or half of a shorter passage, can be the error of an edge.
_LEAST_SHARED_S = 0.5


def bearings(
    claims: Sequence[Claim], matches: Sequence[ReportedMatch], claimed_date: str, claimed_date_basis: str
) -> tuple[Bearing, ...]:
    """Say what the matches have to do with the claims.

    A match bears on a claim that names a part of the release which it overlaps. On the release's own words it bears
    without that, once, if both the reference and the release are dated: they stand for the date that the release
    claims. On any other claim nothing bears: what it is about is not for this tool to guess.

    Parameters
    ----------
    claims, matches
        Those of the report, in its order. Same-scene findings are no matches.
    claimed_date, claimed_date_basis
        When the release claims to be from, empty if it does not, and who says so.
    """
    own = next((number for number, claim in enumerate(claims, 1) if _is_of_release(claim)), 0)
    found = []
    for number, claim in enumerate(claims, 1):
        if claim.span is not None:
            dated = _claim_date(claim)
            concerned = [entry for entry in matches if _shares(claim.span, entry.match)]
        elif number == own and possible_days(claimed_date):
            date_told = dated_words(claimed_date, translated_sentence(claimed_date_basis))
            dated = _("the date claimed for this release is {date}").format(date=date_told)
            concerned = [entry for entry in matches if possible_days(entry.reference.first_seen)]
        else:
            continue
        found += [
            Bearing(claim=number, match=entry.number, statement=_statement(entry, dated)) for entry in _most(concerned)
        ]
    return tuple(found)


def _is_of_release(claim: Claim) -> bool:
    return claim.origin in (RELEASE_TITLE, RELEASE_DESCRIPTION)


def _shares(span: Interval, match: Match) -> bool:
    shortest_s = min(span.duration_s, match.query.duration_s)
    return span.overlap_s(match.query) >= min(_LEAST_SHARED_S, shortest_s / 2) > 0


def _most(matches: Sequence[ReportedMatch]) -> list[ReportedMatch]:
    kept = sorted(matches, key=lambda entry: (entry.match.level is not MatchLevel.CONFIRMED, entry.number))
    return sorted(kept[:MOST_BEARINGS], key=lambda entry: entry.number)


def _claim_date(claim: Claim) -> str:
    if not claim.date:
        return _("no date is stated for the claim")
    return _("the claim is dated {date}").format(date=cleaned(claim.date, 40))


def _statement(entry: ReportedMatch, dated: str) -> str:
    reference = entry.reference
    if entry.match.level is MatchLevel.CONFIRMED:
        if reference.first_seen:
            told = _(
                "Match {number}: what the release shows at {here} is visually consistent with {reference}, first seen "
                "no later than {seen}; {dated}. This says nothing about whether the claim is true."
            )
        else:
            told = _(
                "Match {number}: what the release shows at {here} is visually consistent with {reference}, and when "
                "that was first seen is not known; {dated}. This says nothing about whether the claim is true."
            )
    elif reference.first_seen:
        told = _(
            "Match {number} is a possible one, for a person to confirm: what the release shows at {here} may be "
            "visually consistent with {reference}, first seen no later than {seen}; {dated}. This says nothing about "
            "whether the claim is true."
        )
    else:
        told = _(
            "Match {number} is a possible one, for a person to confirm: what the release shows at {here} may be "
            "visually consistent with {reference}, and when that was first seen is not known; {dated}. This says "
            "nothing about whether the claim is true."
        )
    return told.format(
        number=isolated(str(entry.number)),
        here=span_words(entry.match.query),
        reference=reference_words(reference),
        seen=first_seen_words(reference),
        dated=dated,
    )
