"""What matching is given: the release in pieces, and the references with their keypoints and small pictures."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.match.motion import ReferenceMotion
from verify.model import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verify.archive.descriptor_index import DescriptorIndex
    from verify.archive.local_index import LocalIndex
    from verify.archive.motion_index import MotionIndex
    from verify.fingerprint.key_pictures import QueryPiece
    from verify.fingerprint.learned import Descriptor
    from verify.match.query import Query
    from verify.model import ProxyClip

    #: Small pictures of a stretch of one video; None where there are none.
    Clips = Callable[[str, Interval], ProxyClip | None]

#: Longest stretch of a reference that is compared at once, in seconds; a longer one is taken in parts.
MAX_STRETCH_S = 240.0
_MARGIN_S = 2.0
_FASTEST = 4.0
_MAX_STRETCHES = 4
_CACHE_BYTES = 400 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueryMaterial:
    """The release: hashes of its frames, its pieces with their keypoints, and its small pictures.

    `learned` is the descriptor that its key pictures were described by, if any.
    """

    hashes: Query
    pieces: Sequence[QueryPiece]
    clip: Callable[[Interval], ProxyClip | None]
    learned: Descriptor | None = None


class ReferenceMaterial:
    """The references: keypoints, and small pictures where the archive keeps them.

    Parameters
    ----------
    local
        Index over the keypoints of all references that are searched.
    durations_s
        Length of each reference, by id.
    clips
        Gives the small pictures of a stretch of a reference.
    learned
        Vectors that the learned descriptor gave for the references, numbered as in `local`; None without one.
    motions
        Motion signatures of the references, numbered as in `local`; None to search without them.
    """

    def __init__(
        self,
        local: LocalIndex,
        durations_s: Mapping[str, float],
        clips: Clips,
        learned: DescriptorIndex | None = None,
        motions: MotionIndex | None = None,
    ) -> None:
        self.local = local
        self.motions = motions
        self.learned = learned
        self._durations_s = durations_s
        self._clips = clips
        self._motions: OrderedDict[tuple[str, Interval], ReferenceMotion | None] = OrderedDict()
        self._bytes = 0

    def duration_s(self, reference_id: str) -> float:
        """Length of a reference in seconds."""
        return self._durations_s[reference_id]

    def stretches(self, reference_id: str, seen: Sequence[Interval], piece_s: float) -> list[Interval]:
        """Choose the parts of a reference in which a piece of `piece_s` may lie.

        A short reference is taken whole. Of a long one the surroundings of `seen`, where something alike was found,
        are taken, the first ones of the list first.
        """
        end_s = self.duration_s(reference_id)
        if end_s <= MAX_STRETCH_S or not seen:
            return _parts(Interval(start_s=0.0, end_s=end_s))[:_MAX_STRETCHES]
        reach_s = _FASTEST * piece_s + _MARGIN_S
        stretches: list[Interval] = []
        for span in seen:
            wanted = Interval(start_s=max(0.0, span.start_s - reach_s), end_s=min(end_s, span.end_s + reach_s))
            if not any(wanted.overlap_s(other) >= 0.8 * wanted.duration_s for other in stretches):
                stretches += _parts(wanted)
        return stretches[:_MAX_STRETCHES]

    def motion(self, reference_id: str, stretch: Interval) -> ReferenceMotion | None:
        """Small pictures of a stretch, ready to be compared; None where the archive keeps none."""
        key = (reference_id, stretch)
        if key in self._motions:
            self._motions.move_to_end(key)
            return self._motions[key]
        clip = self._clips(reference_id, stretch)
        motion = ReferenceMotion(clip) if clip is not None and len(clip.times_s) > 1 else None
        self._motions[key] = motion
        self._bytes += motion.pictures.nbytes if motion else 0
        while self._bytes > _CACHE_BYTES and len(self._motions) > 1:
            _, dropped = self._motions.popitem(last=False)
            self._bytes -= dropped.pictures.nbytes if dropped else 0
        return motion


def _parts(interval: Interval) -> list[Interval]:
    """Divide a stretch that is too long to be compared at once into overlapping parts."""
    parts = []
    start_s = interval.start_s
    while True:
        end_s = min(interval.end_s, start_s + MAX_STRETCH_S)
        parts.append(Interval(start_s=start_s, end_s=end_s))
        if end_s >= interval.end_s:
            return parts
        start_s = end_s - MAX_STRETCH_S / 8
