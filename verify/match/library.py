"""An archive as matching needs it: opened, loaded, ready for any number of releases."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from verify.archive.descriptor_index import DescriptorIndex
from verify.archive.index import ReferenceIndex
from verify.archive.local_index import LocalIndex
from verify.archive.motion_index import MotionIndex
from verify.archive.origins import may_lack, without_vectors
from verify.archive.store import Archive
from verify.errors import ArchiveDamagedError, ArchiveLockedError
from verify.fingerprint.registry import CUES
from verify.match.materials import ReferenceMaterial
from verify.match.query import MIN_QUALITY
from verify.media.proxies import ProxyReader
from verify.model import DescriptorSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from verify.fingerprint.learned import Descriptor
    from verify.match.materials import Clips
    from verify.model import ArchiveSnapshot, FingerprintSet, Interval, ProxyClip, Reference


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Library:
    """A reference archive, opened and loaded once for any number of releases.

    `learned` is a descriptor by which releases are compared with it too, if any.
    """

    archive: Archive
    hashes: ReferenceIndex
    material: ReferenceMaterial
    snapshot: ArchiveSnapshot
    references: Mapping[str, Reference]
    learned: Descriptor | None = None


@contextmanager
def open_library(folder: Path, learned: Descriptor | None = None) -> Iterator[Library]:
    """Open an archive for searching, by a learned descriptor too if one is given; raises the errors of `Archive.open`
    and `DescriptorIndex.load`.
    """
    with Archive.open(folder) as archive, ProxyReader() as proxies:
        with archive.reading():
            references = {reference.id: reference for reference in archive.references()}
            local = LocalIndex.load(archive)
            library = Library(
                archive=archive,
                hashes=ReferenceIndex.load(archive, MIN_QUALITY),
                material=ReferenceMaterial(
                    local,
                    {reference_id: reference.duration_s for reference_id, reference in references.items()},
                    clips_of(archive, proxies),
                    DescriptorIndex.load(archive, local.reference_ids, learned.sha256, learned.dimensions)
                    if learned
                    else None,
                    MotionIndex.load(archive, local.reference_ids),
                ),
                snapshot=archive.snapshot(),
                references=references,
                learned=learned,
            )
        try:
            yield library
        except ArchiveDamagedError as error:
            if archive.history.snapshot_id() == library.snapshot.snapshot_id:
                raise
            raise ArchiveLockedError(
                folder, f"it was changed while it was being searched ({error.problem})", "Run the command again."
            ) from error


def library_of(
    archive: Archive, reference_ids: Sequence[str], proxies: ProxyReader, learned: Descriptor | None = None
) -> Library:
    """Load some references of an open archive, all of what is searched of them in memory.

    Parameters
    ----------
    reference_ids
        Which references, in order; retracted ones too.
    learned
        Descriptor to search by where all of them have vectors of it, or came with a pack that lets none be made; where
        not, they are searched without.
    """
    ids = sorted(reference_ids)
    with archive.reading():
        references = {name: found for name in ids if (found := archive.reference(name))}
        local = LocalIndex.of({name: archive.local_features(name)[0] for name in ids})
        motions = {name: motion for name in ids if (motion := archive.motion(name))}
        hashes: dict[str, dict[str, FingerprintSet]] = {name: {} for name in ids}
        for cue in CUES:
            for name in (each for each in ids if not may_lack(references[each].pack, cue.algorithm)):
                hashes[name][cue.algorithm] = archive.fingerprints_of(name, cue)
        vectors = {}
        for name in ids:
            for stored in archive.descriptor_digests(name):
                if learned and stored.model_sha256 == learned.sha256:
                    vectors[name] = archive.descriptors(stored)
        if learned:
            for name in (without_vectors(archive) & set(ids)) - set(vectors):
                none = np.zeros((0, learned.dimensions), np.float16)
                vectors[name] = DescriptorSet(model_sha256=learned.sha256, times_s=np.zeros(0), vectors=none)
        is_described = bool(learned) and len(vectors) == len(ids)
        return Library(
            archive=archive,
            hashes=ReferenceIndex(hashes, MIN_QUALITY),
            material=ReferenceMaterial(
                local,
                {name: reference.duration_s for name, reference in references.items()},
                clips_of(archive, proxies),
                DescriptorIndex.of(ids, vectors) if is_described else None,
                MotionIndex(ids, motions),
            ),
            snapshot=archive.snapshot(),
            references=references,
            learned=learned if is_described else None,
        )


def clips_of(archive: Archive, proxies: ProxyReader) -> Clips:
    """Return what gives the small pictures of a stretch of a reference of an archive."""

    def clip(reference_id: str, stretch: Interval) -> ProxyClip | None:
        path = archive.proxy_path(reference_id)
        return None if path is None else proxies.read(path, stretch)

    return clip
