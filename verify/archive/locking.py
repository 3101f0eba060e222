"""One writer at a time: who waits is told for whom, and nobody waits for ever.

The lock is SQLite's own on the catalogue. The system lets go of it when a process ends, however it ends, so it is never
stale; a note beside the catalogue says who holds it, and what a killed writer left is told by that note.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from verify.dates import utc_now
from verify.errors import ArchiveLockedError, OutputNotWritableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: How long a command waits for another to finish writing, in seconds, unless it is told otherwise.
LOCK_WAIT_S = 60.0
_NOTE_NAME = ".writer.json"
_NOTE_MOST_BYTES = 2000
_TELL_AFTER_S = 1.0
_LONGEST_PAUSE_S = 0.25
_MOUNTS = Path("/proc/self/mountinfo")
#: File systems whose locks and whose order of writing SQLite cannot rely on.
_NETWORK_FILE_SYSTEMS = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs",
        "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "smb3", "smbfs",
    }
)  # fmt: skip


class WriterLock:
    """The right to change the archive in `folder`, over its open catalogue.

    Parameters
    ----------
    wait_s
        How long to wait for another writer, in seconds; None for the usual time.
    tell
        Takes what the user should know: for whom it is being waited, and that a writer was killed.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        wait_s: float | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._folder = folder
        self._connection = connection
        self._wait_s = LOCK_WAIT_S if wait_s is None else wait_s
        self._tell = tell or (lambda _: None)
        self._note = folder / _NOTE_NAME

    @contextmanager
    def held(self) -> Iterator[None]:
        """Begin a transaction that no other process can write beside; commit it at the end, or undo all of it.

        Raises
        ------
        ArchiveLockedError
            Another process went on writing for longer than is to be waited.
        OutputNotWritableError
            The archive lies on a network file system.
        """
        refuse_network(self._folder)
        self._patiently("BEGIN IMMEDIATE")
        try:
            self._take_note()
            try:
                yield
            finally:
                with suppress(OSError):
                    self._note.unlink()
            self._patiently("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise

    def _patiently(self, statement: str) -> None:
        """Execute a statement that needs a lock, again and again while another process holds it."""
        (usual_ms,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
        # SQLite would wait by itself, without a word.
        self._connection.execute("PRAGMA busy_timeout = 0")
        try:
            self._repeat(statement)
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {usual_ms}")

    def _repeat(self, statement: str) -> None:
        # At the end readers are waited for too.
        verb = "reading" if statement == "COMMIT" else "writing to"
        began = time.monotonic()
        told = False
        pause_s = 0.005
        while True:
            try:
                self._connection.execute(statement)
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                waited_s = time.monotonic() - began
                if waited_s >= self._wait_s:
                    raise ArchiveLockedError(
                        self._folder,
                        f"another process is {verb} it{self._holder()}; waited {waited_s:.0f} s",
                        "Try again when it is done, or wait longer with --lock-wait.",
                    ) from error
            if not told and waited_s >= _TELL_AFTER_S:
                told = True
                self._tell(
                    f"waiting for another process that writes to {self._folder}{self._holder()}, "
                    f"for up to {self._wait_s:.0f} s (--lock-wait)"
                )
            time.sleep(min(pause_s, max(0.001, self._wait_s - waited_s)))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _take_note(self) -> None:
        """Say who is writing. The lock is held: a note that is there was left by a writer that was killed."""
        if left := self._read_note():
            self._tell(f"the last writer{_named(left)} was cut off; what it had not finished is undone")
        with suppress(OSError):  # the note is a courtesy
            self._note.write_text(
                json.dumps({"pid": os.getpid(), "host": platform.node(), "since": utc_now()}), encoding="utf-8"
            )

    def _holder(self) -> str:
        return _named(self._read_note())

    def _read_note(self) -> dict[str, object]:
        with suppress(OSError, ValueError):
            with self._note.open("rb") as file:
                note = json.loads(file.read(_NOTE_MOST_BYTES))
            if isinstance(note, dict):
                return note
        return {}


def _named(note: dict[str, object]) -> str:
    """Name a writer by its note, with a blank before it; empty if nothing is known."""
    pid, since = note.get("pid"), str(note.get("since", ""))[:20]
    if not isinstance(pid, int):
        return ""
    elsewhere = "" if note.get("host") == platform.node() else " on another machine"
    return f" (process {pid}{elsewhere}, since {since})"


def refuse_network(folder: Path) -> None:
    """Raise OutputNotWritableError if a folder lies on a network file system, as far as the system tells (Linux)."""
    if (kind := file_system_of(folder)) in _NETWORK_FILE_SYSTEMS:
        raise OutputNotWritableError(
            folder,
            f"it lies on a network file system ({kind}), where what is written can be lost or mixed up",
            "Keep the archive on a disk of this machine, and share it with verify archive export and import.",
        )


def file_system_of(folder: Path) -> str:
    """Name the kind of file system that a folder lies on, as Linux does; empty where that cannot be told."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        place = folder.resolve()
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        # 36 35 98:0 /root /mount/point options ... - type source options
        before, _, after = line.partition(" - ")
        fields, told = before.split(), after.split()
        if len(fields) < 5 or not told:
            continue
        mounted = fields[4].encode("latin-1", "replace").decode("unicode_escape", "replace")
        # The last of several mounts at one place is the one that is seen.
        if place.is_relative_to(mounted) and len(mounted) >= len(best):
            best, kind = mounted, told[0]
    return kind
