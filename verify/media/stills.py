"""Still pictures as files: which kinds are read, told by their first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: How many of a file's first bytes tell what it is.
HEAD_BYTES = 12
_JPEG, _PNG, _RIFF, _WEBP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"WEBP"


def picture_kind(head: bytes) -> str | None:
    """Return what kind of picture a file with these first bytes is: 'jpeg', 'png' or 'webp'; None if it is no such."""
    if head.startswith(_JPEG):
        return "jpeg"
    if head.startswith(_PNG):
        return "png"
    if head.startswith(_RIFF) and head[8:HEAD_BYTES] == _WEBP:
        return "webp"
    return None


def is_picture(path: Path) -> bool:
    """Say whether a file is a still picture of a kind that is read; what cannot be opened is none."""
    try:
        with path.open("rb") as file:
            return picture_kind(file.read(HEAD_BYTES)) is not None
    except OSError:
        return False
