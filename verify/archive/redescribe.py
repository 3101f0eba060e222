"""Make the vectors of a learned descriptor of what an archive keeps: its thumbnails, without the videos."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from verify.archive.catalogue import BACKUP_HINT
from verify.archive.origins import without_vectors
from verify.archive.thumbnails import THUMBNAIL_INTERVAL_S, THUMBNAIL_SIDE_PX, THUMBNAIL_TOLERANCE_S
from verify.errors import ArchiveDamagedError
from verify.model import DescriptorSet

if TYPE_CHECKING:
    import numpy.typing as npt

    from verify.archive.store import Archive
    from verify.fingerprint.learned import Descriptor

#: Between pictures that are described, a little less than the second between key pictures.
_INTERVAL_S = 0.95


def lacking(archive: Archive, learned: Descriptor) -> list[str]:
    """Return the references that have no vectors of this descriptor and can be given some, by id."""
    there = {each.reference_id for each in archive.descriptor_digests() if each.model_sha256 == learned.sha256}
    there |= without_vectors(archive)
    return [reference.id for reference in archive.references() if reference.id not in there]


def count_described(archive: Archive) -> tuple[int, int]:
    """Count the references that have vectors of any descriptor, and all that could; retracted ones are neither."""
    there = {each.reference_id for each in archive.descriptor_digests()}
    without = without_vectors(archive) - there
    searched = [each.id for each in archive.references() if not each.retracted and each.id not in without]
    return sum(name in there for name in searched), len(searched)


def describe_kept(archive: Archive, reference_id: str, learned: Descriptor) -> None:
    """Give a reference the vectors of this descriptor, made of its thumbnails, in place of any other's.

    Raises
    ------
    ArchiveDamagedError
        A thumbnail is none, or there are none at all: without vectors it would count as searched.
    OutputNotWritableError
        The archive cannot be written; the reference keeps what it had.
    """
    times_s = _chosen([time_s for time_s, _, _ in archive.thumbnails(reference_id)])
    if not times_s:
        raise ArchiveDamagedError(archive.folder, f"{reference_id} has no thumbnails", BACKUP_HINT)
    vectors = [learned.describe([_picture(archive, reference_id, time_s)])[0] for time_s in times_s]
    archive.replace_descriptors(
        reference_id,
        DescriptorSet(
            model_sha256=learned.sha256,
            times_s=np.array(times_s, np.float64),
            vectors=np.array(vectors, np.float16),
        ),
    )


def _chosen(times_s: list[float]) -> list[float]:
    """Choose about one picture a second, and the first of every shot: it follows sooner than the interval."""
    chosen: list[float] = []
    before = float("-inf")
    for time_s in times_s:
        starts_shot = time_s - before < THUMBNAIL_INTERVAL_S - THUMBNAIL_TOLERANCE_S
        if not chosen or starts_shot or time_s - chosen[-1] >= _INTERVAL_S:
            chosen.append(time_s)
        before = time_s
    return chosen


def _picture(archive: Archive, reference_id: str, time_s: float) -> npt.NDArray[np.uint8]:
    """Decode a thumbnail, (H, W, 3) uint8 BGR; its size is looked at first."""
    try:
        with Image.open(io.BytesIO(archive.thumbnail(reference_id, time_s) or b""), formats=["JPEG"]) as picture:
            if max(picture.size) > THUMBNAIL_SIDE_PX:
                raise OSError(f"{picture.width} x {picture.height} px")
            rgb = np.asarray(picture.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        problem = f"the thumbnail of {reference_id} at {time_s:g} s cannot be used ({error})"
        raise ArchiveDamagedError(archive.folder, problem, BACKUP_HINT) from error
    return np.ascontiguousarray(rgb[:, :, ::-1])
