"""What a report says of references that came with a partner's pack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import counted, quoted
from verify.model import TrustGrade

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verify.model import PackOrigin, Reference

_NAME_CHARACTERS = 100
_GRADES = {
    TrustGrade.VERIFIED: "whose references were checked by whoever imported it",
    TrustGrade.TRUSTED: "which its sender vouches for",
    TrustGrade.UNVERIFIED: "which nobody vouches for",
}


def origin_words(reference: Reference) -> str:
    """Say, as a sentence with a blank before it, which pack a reference came with; empty for one's own."""
    pack = reference.pack
    if pack is None:
        return ""
    name, day = quoted(pack.name, _NAME_CHARACTERS), pack.imported_utc.partition("T")[0]
    if pack.kind == "vpdq":
        return (
            f" The reference is a list of PDQ hashes from {name}, {_GRADES[pack.grade]} ({pack.grade}, not signed), "
            f"imported on {day}; of which footage they were made cannot be checked."
        )
    return (
        f" The reference comes from the pack of {name}, {_GRADES[pack.grade]} ({pack.grade}, {_signed(pack)}), "
        f"imported on {day}; what is said of it, its date too, is what {name} says."
    )


def _signed(pack: PackOrigin) -> str:
    return f"signed with the key {pack.key_id}" if pack.key_id else "not signed"


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
    names = sorted({pack.name for pack in packs})
    shown = ", ".join(quoted(name, _NAME_CHARACTERS) for name in names[:10])
    more = f" and {len(names) - 10} others" if len(names) > 10 else ""
    limits = [
        f"{counted(len(packs), 'reference')} of the archive came with packs of {shown}{more}. What is said of them is "
        "their senders' word."
    ]
    lacking = [
        (sum("keypoints" not in pack.parts for pack in packs), "keypoints (crops, insets and turned pictures)"),
        (sum("proxy" not in pack.parts for pack in packs), "small pictures (nothing found in them can be confirmed)"),
        (sum("phash" not in pack.parts for pack in packs), "pHash (by PDQ hashes alone, at whatever rate they have)"),
    ]
    sparse = sum("sparse" in pack.parts for pack in packs)
    lacking.append((sparse, "enough hashes (passages of theirs are seldom found)"))
    if is_by_looks:
        without = sum(not {"vectors", "thumbnails"} & set(pack.parts) for pack in packs)
        lacking.append((without, "vectors of the learned descriptor"))
    told = [f"{count} without {what}" for count, what in lacking if count]
    if told:
        limits.append(
            f"Some references from packs were searched with less than the others: {'; '.join(told)}. Footage of "
            "theirs may be missed more often than usual."
        )
    return limits
