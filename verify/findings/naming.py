"""What references are called in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.findings.wording import cleaned, quoted
from verify.model import ReferenceKind
from verify.translation import _, marked

if TYPE_CHECKING:
    from verify.model import Reference

_KINDS = {
    ReferenceKind.NEWS: marked("news"),
    ReferenceKind.OFFICIAL_RELEASE: marked("official release"),
    ReferenceKind.EXERCISE: marked("exercise"),
    ReferenceKind.GAME: marked("game"),
    ReferenceKind.FILM: marked("film"),
    ReferenceKind.STOCK: marked("stock"),
    ReferenceKind.USER_GENERATED: marked("user generated"),
    ReferenceKind.OTHER: marked("other"),
}


def reference_words(reference: Reference) -> str:
    """Name a reference with its kind and publisher: "the reference 'Harbour at dawn' (news, Example Agency)"."""
    title, kind = quoted(reference.title or reference.id), _(_KINDS[reference.kind])
    if not reference.publisher:
        return _("the reference {title} ({kind})").format(title=title, kind=kind)
    return _("the reference {title} ({kind}, {publisher})").format(
        title=title, kind=kind, publisher=cleaned(reference.publisher, 80)
    )
