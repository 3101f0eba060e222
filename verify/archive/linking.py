"""Whether a video that was just examined is a copy of an archived one: where that is asked.

What decides it is given by whoever adds; without such a rule, nothing is taken for a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from verify.archive.copies import MAX_DIFFERENCE_S, Recording, find_copy
from verify.fingerprint.registry import CUES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verify.archive.store import Archive
    from verify.model import FingerprintSet, MotionSet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examined:
    """A video that was examined and is not archived yet: its fingerprints by algorithm, its length in seconds.

    `motion` is None if no proxy was made of it.
    """

    sha256: str
    duration_s: float
    fingerprints: Mapping[str, FingerprintSet]
    motion: MotionSet | None = None


class CopyRule(Protocol):
    """Says of which reference in an archive a video is a copy, if of any. Must not change the archive."""

    def __call__(self, archive: Archive, examined: Examined) -> str | None:
        """Return the id of that reference, or None."""
        ...


def copy_in(archive: Archive, examined: Examined) -> str | None:
    """Return the id of the reference that a video is a re-upload of, None if of none: the `CopyRule` in use.

    Retracted references are not asked: a copy of what turned out to be wrong is looked at by a person.
    """
    video = Recording(fingerprints=examined.fingerprints, motion=examined.motion, duration_s=examined.duration_s)
    found = find_copy(
        video,
        archive.lengths(examined.duration_s, MAX_DIFFERENCE_S),
        lambda name: {cue.algorithm: archive.fingerprints_of(name, cue) for cue in CUES},
        archive.motion,
    )
    return found.reference_id if found else None


def linked_to(archive: Archive, examined: Examined, rule: CopyRule | None) -> str | None:
    """Return the id of the reference that a video is a copy of, None if of none or if there is no rule."""
    return rule(archive, examined) if rule else None


def examined_in(staged: Archive, reference_id: str) -> Examined:
    """Read what was found out about a video from an archive that holds nothing else; raises its reading errors."""
    reference = staged.reference(reference_id)
    if reference is None:
        raise ValueError(f"no reference {reference_id!r} in {staged.folder}")
    return Examined(
        sha256=reference.sha256,
        duration_s=reference.duration_s,
        fingerprints={cue.algorithm: found for cue in CUES for _, found in staged.fingerprints(cue, reference_id)},
        motion=staged.motion(reference_id),
    )
