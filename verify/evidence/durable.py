"""Write so that what is seen is whole, and stays after a power cut."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

FILE_MODE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
PRIVATE_FILE_MODE = stat.S_IRUSR
_APPENDED_FILE_MODE = FILE_MODE | stat.S_IWUSR
# Some network file systems cannot synchronise folders.
_NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})


def write_whole(path: Path, content: bytes, working: Path, *, read_only: bool = False) -> None:
    """Write a file so that either all of it is there under its name or, after a failure, what was there before.

    Parameters
    ----------
    working
        A folder on the same disk for the unfinished file, which gets a hidden name.

    Raises
    ------
    OSError
        It cannot be written.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.parent.name[:50]}-", dir=working)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.chmod(FILE_MODE if read_only else _APPENDED_FILE_MODE)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
    synchronise(path.parent)


def make_durable(folder: Path, *, file_mode: int = FILE_MODE, folder_mode: int = 0o755) -> None:
    """Set the modes of all that a folder holds, and force it to disk, so that a rename cannot be there before it."""
    for path in (*folder.rglob("*"), folder):
        path.chmod(file_mode if path.is_file() else folder_mode)
    force_to_disk(folder)


def force_to_disk(folder: Path) -> None:
    """Force all that a folder holds to disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file():
            # Read-only files too: what is forced is the file, whoever holds it open.
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            synchronise(path)
    synchronise(folder)


def synchronise(folder: Path) -> None:
    """Force the names in a folder to disk."""
    if os.name != "posix":  # elsewhere folders cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)


def remove(folder: Path) -> None:
    """Remove a folder and all in it, as far as that can be done."""
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IWUSR)  # Windows deletes no read-only files
    shutil.rmtree(folder, ignore_errors=True)
