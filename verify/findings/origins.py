"""What a report says of references that came with a partner's pack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import grouped, in_a_row, in_parts, isolated, quoted
from verify.model import TrustGrade
from verify.translation import _, marked, ngettext

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verify.model import PackOrigin, Reference

_NAME_CHARACTERS = 100
_MOST_NAMES = 10
_GRADES = {
    TrustGrade.VERIFIED: marked("whose references were checked by whoever imported it"),
    TrustGrade.TRUSTED: marked("which its sender vouches for"),
    TrustGrade.UNVERIFIED: marked("which nobody vouches for"),
}
_GRADE_NAMES = {
    TrustGrade.VERIFIED: marked("verified"),
    TrustGrade.TRUSTED: marked("trusted"),
    TrustGrade.UNVERIFIED: marked("unverified"),
}


def origin_words(reference: Reference) -> str:
    """Say, as a sentence with a blank before it, which pack a reference came with; empty for one's own."""
    pack = reference.pack
    if pack is None:
        return ""
    if pack.kind == "vpdq":
        told = _(
            "The reference is a list of PDQ hashes from {name}, {standing} ({grade}, not signed), imported on {day}; "
            "of which footage they were made cannot be checked."
        )
    else:
        told = _(
            "The reference comes from the pack of {name}, {standing} ({grade}, {signature}), imported on {day}; what "
            "is said of it, its date too, is what {name} says."
        )
    sentence = told.format(
        name=quoted(pack.name, _NAME_CHARACTERS),
        standing=_(_GRADES[pack.grade]),
        grade=_(_GRADE_NAMES[pack.grade]),
        signature=_signed(pack),
        day=isolated(pack.imported_utc.partition("T")[0]),
    )
    return f" {sentence}"


def _signed(pack: PackOrigin) -> str:
    if not pack.key_id:
        return _("not signed")
    return _("signed with the key {key}").format(key=isolated(pack.key_id))


def origin_limits(references: Iterable[Reference], *, is_by_looks: bool) -> list[str]:
    """Say how many of the references that were searched came with packs, and what they were searched without.

    Parameters
    ----------
    is_by_looks
        Whether a learned descriptor was used.
    """
    packs = [reference.pack for reference in references if reference.pack and not reference.retracted]
    if not packs:
        return []
    limits = [_senders_words(packs)]
    lacking = [
        (sum("keypoints" not in pack.parts for pack in packs), _("keypoints (crops, insets and turned pictures)")),
        (
            sum("proxy" not in pack.parts for pack in packs),
            _("small pictures (nothing found in them can be confirmed)"),
        ),
        (
            sum("phash" not in pack.parts for pack in packs),
            _("pHash (by PDQ hashes alone, at whatever rate they have)"),
        ),
        (sum("sparse" in pack.parts for pack in packs), _("enough hashes (passages of theirs are seldom found)")),
    ]
    if is_by_looks:
        without = sum(not {"vectors", "thumbnails"} & set(pack.parts) for pack in packs)
        lacking.append((without, _("vectors of the learned descriptor")))
    told = [_("{count} without {what}").format(count=count, what=what) for count, what in lacking if count]
    if told:
        limits.append(
            _(
                "Some references from packs were searched with less than the others: {parts}. Footage of theirs may "
                "be missed more often than usual."
            ).format(parts=in_parts(told))
        )
    return limits


def _senders_words(packs: list[PackOrigin]) -> str:
    names = sorted({pack.name for pack in packs})
    more = len(names) - _MOST_NAMES
    shown = in_a_row(quoted(name, _NAME_CHARACTERS) for name in names[:_MOST_NAMES])
    if more > 0:
        shown = _("{names} and {count} others").format(names=shown, count=more)
    return ngettext(
        "{count} reference of the archive came with packs of {names}. What is said of them is their senders' word.",
        "{count} references of the archive came with packs of {names}. What is said of them is their senders' word.",
        len(packs),
    ).format(count=grouped(len(packs)), names=shown)
