"""Keep processes from doing the same work at the same time, by a lock of the system on a file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_S = 0.02


@contextmanager
def locked(path: Path, wait_s: float) -> Iterator[None]:
    """Hold a lock on a file, which is made for it; it goes with the process, however that ends.

    Parameters
    ----------
    wait_s
        How long to wait for another process, in seconds.

    Raises
    ------
    OSError
        The file cannot be made, or another process has held the lock all that time.
    """
    descriptor = _take_lock(path, wait_s)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows keeps a file that is open
            path.unlink()
        os.close(descriptor)


def _take_lock(path: Path, wait_s: float) -> int:
    deadline = time.monotonic() + wait_s
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            if _lock(descriptor) and _is_still(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise OSError(None, "another process is writing to it")
        time.sleep(_POLL_S)


def _lock(descriptor: int) -> bool:
    """Lock an open file without waiting; tell whether that worked."""
    try:
        if os.name == "nt":
            import msvcrt  # noqa: PLC0415 - Windows only

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl  # noqa: PLC0415 - POSIX only

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether the locked file still has its name; whoever held the lock before takes the file away."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
