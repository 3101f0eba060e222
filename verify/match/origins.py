"""What rests on a partner's word: matches of references that came with packs, held to what the pack allows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from verify.model import MatchLevel, TrustGrade
from verify.translation import marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from verify.model import Match, Reference

UNVERIFIED_PACK = marked("the reference comes from a pack that nobody vouches for")
NO_CONFIRMATION_SENT = marked("the pack that the reference comes from has no small pictures to compare the motion with")
_PROXY = "proxy"


def held_to_origins(matches: Iterable[Match], references: Mapping[str, Reference]) -> tuple[Match, ...]:
    """Make matches 'possible' at most whose reference came with an unverified pack, or with no confirmation data.

    Parameters
    ----------
    references
        What is known of the references that were searched, by id.
    """
    return tuple(_held(match, references[match.reference_id]) for match in matches)


def _held(match: Match, reference: Reference) -> Match:
    pack = reference.pack
    if pack is None:
        return match
    if _PROXY not in pack.parts:
        return replace(match, level=MatchLevel.POSSIBLE, caveat=match.caveat or NO_CONFIRMATION_SENT)
    if pack.grade is TrustGrade.UNVERIFIED and match.level is MatchLevel.CONFIRMED:
        return replace(match, level=MatchLevel.POSSIBLE, caveat=UNVERIFIED_PACK)
    return match
