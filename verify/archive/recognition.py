"""What is known of a video before it is examined: its address, its bytes, or that it was forgotten.

What is recognised is not added again. But if a date or place is told this time that the archive does not know, it
becomes a sighting of the reference that is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from verify.archive.addresses import kept_address, tells_apart
from verify.archive.changes import see_again, tombstone_of
from verify.archive.metadata import is_url
from verify.dates import utc_now
from verify.errors import InvalidUsageError
from verify.model import Sighting

if TYPE_CHECKING:
    from verify.archive.store import Archive
    from verify.model import DecodeOutcome, Reference

_TOLD_FIELDS = ("date", "source", "basis")


class Recognition(StrEnum):
    """By what a video was recognised."""

    BYTES = "same bytes"
    ADDRESS = "same address"
    COPY = "a copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What became of one video.

    Parameters
    ----------
    reference
        The one that was made of it, or the one that it was recognised as.
    recognised
        By what it was recognised, None if it was added.
    sighting_added
        Something new was told of the one that was there.
    described
        Learned descriptors were added to the one that was there.
    outcome
        How far it decoded, None if it was not decoded.
    """

    reference: Reference
    recognised: Recognition | None = None
    sighting_added: bool = False
    described: bool = False
    outcome: DecodeOutcome | None = None

    @property
    def already_there(self) -> bool:
        """Whether the archive had the video already."""
        return self.recognised is not None


def recognised_by_address(archive: Archive, reference: Reference, source: str) -> Addition | None:
    """Recognise what was fetched from this address before, without fetching it; None if nothing was.

    Parameters
    ----------
    reference
        What is told of the video this time.
    """
    if not is_url(source) or not tells_apart(source):
        return None
    present = archive.reference_with_address(kept_address(source)) or archive.reference_with_address(source)
    if present is None or present.pack is not None:  # what a pack brought goes when the pack does
        return None
    told = tell_again(archive, present, sighting_of(reference))
    return Addition(reference=present, recognised=Recognition.ADDRESS, sighting_added=told)


def recognised_by_bytes(archive: Archive, reference: Reference, sha256: str) -> Addition | None:
    """Recognise a video of which the archive knows a copy with these very bytes; None if it knows none.

    What came with a pack is not one's own: the video is added beside it.
    """
    present = archive.reference_with_digest(sha256)
    if present is None or present.pack is not None:
        return None
    told = tell_again(archive, present, sighting_of(reference, sha256))
    return Addition(reference=present, recognised=Recognition.BYTES, sighting_added=told)


def recognised_as_copy(archive: Archive, reference: Reference, sha256: str, original_id: str) -> Addition:
    """Note a copy, encoded anew, as a sighting of the reference that it is a copy of.

    Raises
    ------
    InvalidUsageError
        The archive has no reference of that id.
    """
    told = see_again(archive, original_id, sighting_of(reference, sha256))
    original = archive.reference(original_id)
    if original is None:
        raise InvalidUsageError(original_id, "it went while a copy of it was added", "Add the copy again.")
    return Addition(reference=original, recognised=Recognition.COPY, sighting_added=told)


def check_addable(archive: Archive, reference: Reference, name: str, sha256: str, *, forgotten_too: bool) -> None:
    """Raise InvalidUsageError if the video called `name` was forgotten, or its id belongs to another one."""
    tombstone = None if forgotten_too else tombstone_of(archive, sha256)
    if tombstone:
        raise InvalidUsageError(
            name,
            f"this video was forgotten on {tombstone.utc[:10]}, when it was {tombstone.reference_id} "
            f"(reason: {tombstone.reason})",
            "To add it all the same, give --forgotten-too.",
        )
    if archive.reference(reference.id) is not None:
        raise InvalidUsageError(
            reference.id,
            f"the archive has another video under this id, so {name} was not added",
            "Give it an id of its own with --id, or in the manifest's id column.",
        )


def sighting_of(reference: Reference, sha256: str = "") -> Sighting:
    """Make the sighting that is told by what is said of a video; `sha256` is that of the copy that is at hand."""
    return Sighting(
        date=reference.first_seen,
        source=reference.first_seen_source,
        basis=reference.first_seen_basis,
        url=reference.first_seen_url or reference.source_url,
        sha256=sha256,
        title=reference.title,
        publisher=reference.publisher,
        added_utc=utc_now(),
    )


def tell_again(archive: Archive, present: Reference, sighting: Sighting) -> bool:
    """Add a sighting to a reference that is there; says whether it tells anything new.

    What was told before and amended since is not told again: the table that it comes from is often not amended.
    """
    if not (sighting.date or sighting.url) or _was_told(archive, present, sighting):
        return False
    return see_again(archive, present.id, sighting)


def _was_told(archive: Archive, present: Reference, sighting: Sighting) -> bool:
    """Say whether a sighting is one that is there, as it is or as it was before it was amended.

    Looked up without the right to write: most videos of a run that is resumed are told again as they were.
    """
    before: dict[tuple[str, str], set[str]] = {}
    for each in archive.amendments(present.id):
        where, _, field = each.field.partition(", ")
        before.setdefault((where, field), set()).add(each.before)
    for number, known in enumerate(archive.sightings(present.id), 1):
        if sighting.url and sighting.url not in (known.url, present.source_url):
            continue
        if not sighting.date or all(
            str(getattr(sighting, field))
            in {str(getattr(known, field)), *before.get((f"sighting {number}", field), ())}
            for field in _TOLD_FIELDS
        ):
            return True
    return False
