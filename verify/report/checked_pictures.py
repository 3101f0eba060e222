"""The pictures of a report that was written earlier: read once, compared with the digests that it gives."""

from __future__ import annotations

import hashlib
import html
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from verify.errors import EvidenceMismatchError, InvalidUsageError
from verify.evidence.reading import is_there, list_tree, read_bounded
from verify.report.pictures import FRAMES_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.report.opening import OpenedReport

_MAX_PICTURE_BYTES = 32 * 1024**2
_MAX_PICTURES_BYTES = 1024**3
_MAX_PICTURES = 20_000
_LINK = re.compile(rb"""\b(?:href|src)\s*=\s*["']?(?:\./)?(frames/[^"'\s<>?#]+)""", re.IGNORECASE)
_RESTORE = "Restore it from a copy, or leave all pictures out with --no-pictures."


def take_pictures(opened: OpenedReport, into: Path) -> tuple[str, ...]:
    """Copy the pictures of a report to another folder, where they lie under the paths that the report names.

    Returns
    -------
    tuple of str
        What the user should know: that the report gives no digests to compare with.

    Raises
    ------
    EvidenceMismatchError
        A picture is missing, or not the one that the report was made with.
    InvalidUsageError
        The report lists pictures that no report of this program has.
    OSError
        They cannot be copied.
    """
    (into / FRAMES_FOLDER).mkdir()
    listed = [file for file in opened.report.files if file.path.startswith(f"{FRAMES_FOLDER}/")]
    if len(listed) > _MAX_PICTURES or sum(file.size_bytes for file in listed) > _MAX_PICTURES_BYTES:
        raise InvalidUsageError("report.json", "lists more pictures than a report has", "Leave them out.")
    for file in listed:
        content = _read(opened.folder, file.path, file.size_bytes)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise EvidenceMismatchError(
                opened.folder / file.path, "is not the picture that the report was made with", _RESTORE
            )
        (into / file.path).write_bytes(content)
    if listed or not is_there(opened.folder / FRAMES_FOLDER):
        return ()
    for path, content in _unlisted(opened.folder):
        (into / path).write_bytes(content)
    return ("The report gives no digests of its pictures: they are shown as they are found.",)


def linked_pictures(page: bytes) -> set[str]:
    """Return the paths of the pictures that a page links to."""
    return {unquote(html.unescape(found.decode("utf-8", "replace"))) for found in _LINK.findall(page)}


def _read(folder: Path, path: str, size_bytes: int) -> bytes:
    parts = PurePosixPath(path).parts
    is_plain = len(parts) == 2 and parts[1] not in ("", ".", "..") and not set(path) & set("\\:\0")
    if not is_plain or not 0 <= size_bytes <= _MAX_PICTURE_BYTES:
        raise InvalidUsageError(path, "is no picture of a report", "The report was tampered with.")
    try:
        return read_bounded(folder / path, size_bytes)
    except OSError as error:
        raise EvidenceMismatchError(folder / path, f"cannot be read ({error.strerror or error})", _RESTORE) from error


def _unlisted(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Read the pictures of a report that lists none; what is no file there is passed over."""
    frames = folder / FRAMES_FOLDER
    if frames.is_symlink():  # it could lead to anybody's pictures
        raise EvidenceMismatchError(frames, "is a link", _RESTORE)
    left_bytes = _MAX_PICTURES_BYTES
    for name, size_bytes in list_tree(frames, max_depth=1, max_entries=_MAX_PICTURES).files.items():
        left_bytes -= size_bytes
        if size_bytes <= _MAX_PICTURE_BYTES and left_bytes >= 0:
            yield f"{FRAMES_FOLDER}/{name}", read_bounded(frames / name, _MAX_PICTURE_BYTES)
