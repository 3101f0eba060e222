"""Take a copy of a local file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING

from verify.acquire.versions import tool_versions
from verify.dates import utc_now
from verify.errors import (
    AcquisitionFailedError,
    AcquisitionRefusedError,
    InvalidUsageError,
    OutputNotWritableError,
)
from verify.model import AcquiredFile, Acquisition, FileRole

if TYPE_CHECKING:
    from verify.acquire.limits import AcquisitionLimits
    from verify.model import Progress

_COPY_BYTES = 1024**2
_MAX_EXTENSION_CHARACTERS = 8


def acquire_file(path: Path, staging: Path, *, limits: AcquisitionLimits, progress: Progress) -> Acquisition:
    """Copy a file into `staging`; the original is only read.

    Raises
    ------
    InvalidUsageError
        It is no regular file.
    AcquisitionFailedError
        It cannot be read, or changed while it was read.
    AcquisitionRefusedError
        It is larger than `limits.max_bytes`.
    OutputNotWritableError
        The copy cannot be written.
    """
    started_utc = utc_now()
    destination = staging / f"media{plain_extension(path)}"
    try:
        _copy(path, destination, limits.max_bytes, progress)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
    return Acquisition(
        source=str(path),
        is_local_file=True,
        started_utc=started_utc,
        finished_utc=utc_now(),
        tool_versions=tool_versions(),
        files=(AcquiredFile(path=destination, role=FileRole.MASTER),),
    )


def plain_extension(path: Path) -> str:
    """Return a file's extension with its dot, lower case, if it is short and alphanumeric; else '.bin'."""
    extension = path.suffix[1:]
    plain = extension.isascii() and extension.isalnum() and len(extension) <= _MAX_EXTENSION_CHARACTERS
    return f".{extension.lower()}" if plain else ".bin"


def _copy(path: Path, destination: Path, max_bytes: int, progress: Progress) -> None:
    with _open_regular(path) as source:
        before = os.fstat(source.fileno())
        if before.st_size > max_bytes:
            raise AcquisitionRefusedError(
                path, f"is larger than the {max_bytes} bytes that are taken", "Give a smaller copy of it."
            )
        progress.start("copy", before.st_size, "B")
        try:
            copied = _copy_blocks(source, destination, path, before.st_size, progress)
        finally:
            progress.finish()
        after = os.fstat(source.fileno())
    if copied != before.st_size or (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, before.st_size):
        raise AcquisitionFailedError(path, "changed while it was copied", "Wait until it is complete and try again.")


def _open_regular(path: Path) -> IO[bytes]:
    # Without O_NONBLOCK, opening a named pipe waits for a writer that may never come.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        source = os.fdopen(os.open(path, flags), "rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
        source.close()
        raise InvalidUsageError(path, "is not a regular file", "Give a video file or a URL.")
    return source


def _copy_blocks(source: IO[bytes], destination: Path, path: Path, expected: int, progress: Progress) -> int:
    """Copy until the end, or until more came than was `expected`; returns how many bytes were read."""
    copied = 0
    try:
        with destination.open("xb") as copy:
            while copied <= expected and (block := _read(source, path)):
                copied += len(block)
                copy.write(block)
                progress.advance(len(block))
    except OSError as error:
        raise OutputNotWritableError(
            destination,
            f"cannot be written ({error.strerror})",
            "Free some disk space, or work on a larger disk (--out, or TMPDIR where there is no --out).",
        ) from error
    return copied


def _read(source: IO[bytes], path: Path) -> bytes:
    try:
        return source.read(_COPY_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> AcquisitionFailedError:
    return AcquisitionFailedError(path, f"cannot be read ({error.strerror})", "Check the file and its permissions.")
