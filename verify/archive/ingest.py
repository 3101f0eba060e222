"""Turn a video file into a reference: fingerprints, keypoints, thumbnails and proxy, duration and digest."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from verify.archive.store import Archive
from verify.archive.thumbnails import Thumbnails
from verify.dates import utc_now
from verify.errors import AcquisitionFailedError, InvalidUsageError, OutputNotWritableError
from verify.fingerprint.examine import examine_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.fingerprint.learned import Descriptor
    from verify.model import DecodeOutcome, Progress, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What became of one video: `already_there` if its bytes are archived; `outcome` says how far it decoded.

    `described` says that learned descriptors were added to what was there.
    """

    reference: Reference
    already_there: bool
    outcome: DecodeOutcome | None = None
    described: bool = False


def add_video(
    archive: Archive,
    path: Path,
    reference: Reference,
    progress: Progress,
    *,
    with_proxy: bool = True,
    learned: Descriptor | None = None,
) -> Addition:
    """Fingerprint the video at `path` and add it to the archive under the given metadata.

    Parameters
    ----------
    with_proxy
        Keep a proxy too, without which nothing that is found in the reference can be confirmed.
    learned
        Keep what this descriptor gives too. A reference that is there already gets that, if it lacks it.

    Raises
    ------
    InvalidUsageError
        The archive has a different video under that id.
    UnreadableMediaError, NoUsableFramesError
        The file is no video that can be decoded; nothing was added.
    OutputNotWritableError
        The archive or the folder for temporary files cannot be written; nothing was added.
    """
    sha256 = file_sha256(path)
    present = archive.reference_with_digest(sha256)
    if present is not None:
        described = learned is not None and _describe(archive, path, present, progress, learned)
        return Addition(reference=present, already_there=True, described=described)
    if archive.reference(reference.id) is not None:
        raise InvalidUsageError(
            reference.id,
            f"the archive has another video under this id, so {path.name} was not added",
            "Give it an id of its own with --id, or in the manifest's id column.",
        )
    thumbnails = Thumbnails()
    with _temporary_folder() as folder:
        proxy = folder / "proxy.mkv"
        examination, fingerprints = examine_reference(
            path, progress, reference.id, thumbnails.add, proxy if with_proxy else None, learned=learned
        )
        if examination.local is None:
            raise TypeError("an examined reference has keypoints")
        added = replace(reference, sha256=sha256, duration_s=examination.outcome.decoded.end_s, added_utc=utc_now())
        archive.add(
            added,
            fingerprints,
            thumbnails.kept,
            examination.local,
            proxy if proxy.exists() else None,
            motion=examination.motion,
            descriptors=examination.descriptors,
        )
    return Addition(reference=added, already_there=False, outcome=examination.outcome)


def _describe(archive: Archive, path: Path, reference: Reference, progress: Progress, learned: Descriptor) -> bool:
    """Give an archived reference the vectors of a learned descriptor; says whether it lacked them."""
    if any(
        (each.reference_id, each.model_sha256) == (reference.id, learned.sha256)
        for each in archive.descriptor_digests()
    ):
        return False
    examination, _ = examine_reference(path, progress, reference.id, learned=learned)
    if examination.descriptors is None:
        raise TypeError("a reference that was described has descriptors")
    archive.add_descriptors(reference.id, examination.descriptors)
    return True


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = tempfile.mkdtemp(prefix="verify-")
    except OSError as error:
        raise OutputNotWritableError(
            "temporary files", f"no folder can be made for them ({error.strerror})", "Make room, or set TMPDIR."
        ) from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, lower-case hex; raises AcquisitionFailedError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AcquisitionFailedError(
            path, f"cannot be read ({error.strerror})", "Check the file and its permissions."
        ) from error
