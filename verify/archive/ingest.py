"""Turn a video file into a reference: fingerprints, keypoints, thumbnails and proxy, duration and digest."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from verify.archive.linking import Examined, examined_in, linked_to
from verify.archive.obtaining import temporary_folder
from verify.archive.recognition import (
    Addition,
    check_addable,
    recognised_as_copy,
    recognised_by_bytes,
)
from verify.archive.store import Archive
from verify.archive.thumbnails import Thumbnails
from verify.archive.transfer import copy_reference
from verify.dates import utc_now
from verify.errors import AcquisitionFailedError, InvalidUsageError
from verify.fingerprint.examine import examine_reference

if TYPE_CHECKING:
    from pathlib import Path

    from verify.archive.linking import CopyRule
    from verify.fingerprint.learned import Descriptor
    from verify.model import DecodeOutcome, Progress, Reference


def add_video(
    archive: Archive,
    path: Path,
    reference: Reference,
    progress: Progress,
    *,
    with_proxy: bool = True,
    learned: Descriptor | None = None,
    keep_media: bool = False,
    forgotten_too: bool = False,
    copy_rule: CopyRule | None = None,
    sha256: str = "",
) -> Addition:
    """Fingerprint the video at `path` and add it to the archive under the given metadata.

    Parameters
    ----------
    with_proxy
        Keep a proxy too, without which nothing that is found in the reference can be confirmed.
    learned
        Keep what this descriptor gives too. A reference that is there already gets that, if it lacks it.
    keep_media
        Keep the video itself too.
    forgotten_too
        Add it although it was forgotten.
    copy_rule
        What tells whether it is a copy of an archived one; it is then added to that as a sighting.
    sha256
        Its digest, if it was made already.

    Raises
    ------
    InvalidUsageError
        The archive has a different video under that id, or this one was forgotten.
    UnreadableMediaError, NoUsableFramesError
        The file is no video that can be decoded; nothing was added.
    OutputNotWritableError
        The archive or the folder for temporary files cannot be written; nothing was added.
    """
    sha256 = sha256 or file_sha256(path)
    present = recognised_by_bytes(archive, reference, sha256)
    if present is not None:
        described = learned is not None and _describe(archive, path, present.reference, progress, learned)
        return replace(present, described=described)
    check_addable(archive, reference, path.name, sha256, forgotten_too=forgotten_too)
    thumbnails = Thumbnails()
    with temporary_folder() as folder:
        proxy = folder / "proxy.mkv"
        examination, fingerprints = examine_reference(
            path, progress, reference.id, thumbnails.add, proxy if with_proxy else None, learned=learned
        )
        if examination.local is None:
            raise TypeError("an examined reference has keypoints")
        added = replace(reference, sha256=sha256, duration_s=examination.outcome.decoded.end_s, added_utc=utc_now())
        examined = Examined(
            sha256=sha256, duration_s=added.duration_s, fingerprints=fingerprints, motion=examination.motion
        )
        if (original := linked_to(archive, examined, copy_rule)) is not None:
            copy = recognised_as_copy(archive, reference, sha256, original)
            return replace(copy, outcome=examination.outcome)
        try:
            archive.add(
                added,
                fingerprints,
                thumbnails.kept,
                examination.local,
                proxy if proxy.exists() else None,
                motion=examination.motion,
                descriptors=examination.descriptors,
                media=path if keep_media else None,
            )
        except InvalidUsageError:
            # Another process may have added this very video meanwhile.
            present = recognised_by_bytes(archive, reference, sha256)
            if present is None:
                raise
            return replace(present, outcome=examination.outcome)
    return Addition(reference=added, outcome=examination.outcome)


def add_staged(
    archive: Archive,
    staged: Archive,
    reference: Reference,
    outcome: DecodeOutcome | None,
    *,
    name: str,
    forgotten_too: bool = False,
    copy_rule: CopyRule | None = None,
) -> Addition:
    """Add a video that was examined elsewhere, and lies as the only reference in an archive of its own.

    What was added since it was begun is looked at again: it may have been the same video.

    Parameters
    ----------
    reference
        What is told of it, as in the staged archive.
    name
        What to call it in a message.

    Raises
    ------
    InvalidUsageError
        The archive has a different video under that id, or this one was forgotten.
    OutputNotWritableError
        The archive cannot be written; nothing was added.
    """
    examined = examined_in(staged, reference.id)
    present = recognised_by_bytes(archive, reference, examined.sha256)
    if present is not None:
        described = _take_descriptors(archive, staged, present.reference.id, reference.id)
        return replace(present, described=described)
    check_addable(archive, reference, name, examined.sha256, forgotten_too=forgotten_too)
    if (original := linked_to(archive, examined, copy_rule)) is not None:
        return replace(recognised_as_copy(archive, reference, examined.sha256, original), outcome=outcome)
    copy_reference(staged, archive, reference.id)
    added = archive.reference(reference.id)
    if added is None:
        raise TypeError("a reference that was copied is there")
    return Addition(reference=added, outcome=outcome)


def lacks_descriptors(archive: Archive, reference_id: str, model_sha256: str) -> bool:
    """Say whether a reference has no vectors of the learned descriptor with that digest."""
    return all(each.model_sha256 != model_sha256 for each in archive.descriptor_digests(reference_id))


def _take_descriptors(archive: Archive, staged: Archive, present_id: str, staged_id: str) -> bool:
    """Give an archived reference the vectors of its staged copy; says whether it lacked any."""
    lacking = [
        each
        for each in staged.descriptor_digests(staged_id)
        if lacks_descriptors(archive, present_id, each.model_sha256)
    ]
    for each in lacking:
        archive.add_descriptors(present_id, staged.descriptors(each))
    return bool(lacking)


def _describe(archive: Archive, path: Path, reference: Reference, progress: Progress, learned: Descriptor) -> bool:
    """Give an archived reference the vectors of a learned descriptor; says whether it lacked them."""
    if not lacks_descriptors(archive, reference.id, learned.sha256):
        return False
    examination, _ = examine_reference(path, progress, reference.id, learned=learned)
    if examination.descriptors is None:
        raise TypeError("a reference that was described has descriptors")
    archive.add_descriptors(reference.id, examination.descriptors)
    return True


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, lower-case hex; raises AcquisitionFailedError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AcquisitionFailedError(
            path, f"cannot be read ({error.strerror})", "Check the file and its permissions."
        ) from error
