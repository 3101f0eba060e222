"""Files that an archive keeps beside its catalogue: named by their digest, written whole, checked before they are used.

All writing is done while the catalogue is locked for writing, so that a file that no row names is nobody's.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from verify.archive.catalogue import BACKUP_HINT
from verify.errors import ArchiveDamagedError, OutputNotWritableError
from verify.evidence.durable import synchronise

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO, Protocol

    class Readable(Protocol):
        """What bytes can be read from."""

        def read(self, size: int, /) -> bytes:
            """Return up to `size` bytes; none at the end."""
            ...


PROXIES_NAME = "proxies"
MEDIA_NAME = "media"
_UNFINISHED = ".adding"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}|")
_PART_BYTES = 1 << 20


class StoredFile(NamedTuple):
    """Digest, lower-case hex, size, and the end of the name of a file that is kept ('.mkv', or empty)."""

    sha256: str
    size_bytes: int
    suffix: str


class FileStore:
    """The files of one sort below an archive's folder; their own folder is made with the first one.

    Parameters
    ----------
    name
        Name of their folder.
    what
        What such a file is, in an error message: 'proxy'.
    suffix
        What the names of all of them end with; empty if each has its own.
    """

    def __init__(self, archive_folder: Path, name: str, what: str, suffix: str = "") -> None:
        self._archive = archive_folder
        self.folder = archive_folder / name
        self._what = what
        self._suffix = re.compile(re.escape(suffix)) if suffix else _SUFFIX
        self._checked: dict[StoredFile, Path] = {}

    def keep(self, path: Path, suffix: str) -> StoredFile:
        """Copy the file at `path` into the folder. The catalogue must be locked for writing.

        Raises
        ------
        OutputNotWritableError
            It cannot be copied; nothing is left of it under its name.
        """
        try:
            with path.open("rb") as source:
                return self.keep_from(source, suffix)
        except OSError as error:
            raise self._not_written(error) from error

    def keep_from(self, source: Readable, suffix: str) -> StoredFile:
        """Copy what can be read from `source` into the folder, as `keep` does."""
        suffix = suffix.lower() if self._suffix.fullmatch(suffix.lower()) else ""
        unfinished = self.folder / _UNFINISHED
        try:
            self.folder.mkdir(exist_ok=True)
            with unfinished.open("wb") as copy:
                stored = StoredFile(*_copied(source, copy), suffix)
                copy.flush()
                os.fsync(copy.fileno())
            unfinished.replace(self.path(stored))
            synchronise(self.folder)
            synchronise(self._archive)
        except OSError as error:
            raise self._not_written(error) from error
        finally:
            with suppress(OSError):  # it has its name already
                unfinished.unlink()
        return stored

    def _not_written(self, error: OSError) -> OutputNotWritableError:
        return OutputNotWritableError(
            self.folder,
            f"a {self._what} cannot be written ({error.strerror})",
            f"Check the folder's permissions and the free space, or add without one (--no-{self._what})."
            if self._what == "proxy"
            else "Check the folder's permissions and the free space, or add without --keep-media.",
        )

    def sweep(self, kept: set[str]) -> None:
        """Delete what interrupted additions left: every file whose digest is not in `kept`. Locked, as for `keep`."""
        for name in self.unnamed(kept):
            with suppress(OSError):
                (self.folder / name).unlink()

    def unnamed(self, kept: set[str]) -> list[str]:
        """Name the files that this program wrote and whose digest is not in `kept`; other files are none."""
        try:
            paths = list(self.folder.iterdir())
        except OSError:  # there is no folder, or it may not be listed
            return []
        return sorted(
            path.name
            for path in paths
            if path.name.startswith(_UNFINISHED)
            or (_DIGEST.fullmatch(path.stem) and self._suffix.fullmatch(path.suffix) and path.stem not in kept)
        )

    def check_sizes(self, files: Iterable[tuple[str, StoredFile]]) -> None:
        """Look whether the files of references are there, without reading them.

        Raises
        ------
        ArchiveDamagedError
            One is missing or has another size.
        """
        for reference_id, stored in files:
            if not _DIGEST.fullmatch(stored.sha256) or not self._suffix.fullmatch(stored.suffix):
                raise self._damage(reference_id, "has a digest that is none")
            try:
                size_bytes = self.path(stored).stat().st_size
            except FileNotFoundError as error:
                raise self._damage(reference_id, "is missing") from error
            except OSError as error:
                raise self._damage(reference_id, f"cannot be read ({error.strerror})") from error
            if size_bytes != stored.size_bytes:
                raise self._damage(reference_id, "is damaged")

    def checked(self, reference_id: str, stored: StoredFile) -> Path:
        """Return the path of a reference's file once it was seen to have its digest; read only once.

        Raises
        ------
        ArchiveDamagedError
            It is missing, cannot be read, or has other bytes.
        """
        if stored not in self._checked:
            self.check_sizes([(reference_id, stored)])
            path = self.path(stored)
            try:
                with path.open("rb") as file:
                    is_whole = hashlib.file_digest(file, "sha256").hexdigest() == stored.sha256
            except OSError as error:
                raise self._damage(reference_id, f"cannot be read ({error.strerror})") from error
            if not is_whole:
                raise self._damage(reference_id, "is damaged")
            self._checked[stored] = path
        return self._checked[stored]

    def path(self, stored: StoredFile) -> Path:
        """Return where a file lies or would lie."""
        return self.folder / f"{stored.sha256}{stored.suffix}"

    def _damage(self, reference_id: str, problem: str) -> ArchiveDamagedError:
        return ArchiveDamagedError(self._archive, f"the {self._what} of {reference_id} {problem}", BACKUP_HINT)


def _copied(source: Readable, copy: BinaryIO) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    while part := source.read(_PART_BYTES):
        digest.update(part)
        copy.write(part)
        size_bytes += len(part)
    return digest.hexdigest(), size_bytes
