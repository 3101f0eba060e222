"""The files of an archive's proxies: named by their digest, written whole, checked before they are used.

All writing is done while the catalogue is locked for writing, so that a file that no row names is nobody's.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from verify.errors import ArchiveDamagedError, OutputNotWritableError
from verify.evidence.durable import synchronise

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

PROXIES_NAME = "proxies"
_SUFFIX = ".mkv"
_UNFINISHED = ".adding" + _SUFFIX
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART_BYTES = 1 << 20
_DAMAGE_HINT = "Restore the folder from a backup, or build the archive anew."


class StoredProxy(NamedTuple):
    """Digest, lower-case hex, and size of a proxy's file."""

    sha256: str
    size_bytes: int


class ProxyFolder:
    """The proxies below an archive's folder; the folder is made with the first one."""

    def __init__(self, archive_folder: Path) -> None:
        self._archive_folder = archive_folder
        self._folder = archive_folder / PROXIES_NAME
        self._checked: dict[StoredProxy, Path] = {}

    def keep(self, path: Path) -> StoredProxy:
        """Copy the file at `path` into the folder. The catalogue must be locked for writing.

        Raises
        ------
        OutputNotWritableError
            It cannot be copied; nothing is left of it under its name.
        """
        unfinished = self._folder / _UNFINISHED
        try:
            self._folder.mkdir(exist_ok=True)
            with path.open("rb") as source, unfinished.open("wb") as copy:
                stored = _copied(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            unfinished.replace(self._path(stored))
            synchronise(self._folder)
            synchronise(self._archive_folder)
        except OSError as error:
            raise OutputNotWritableError(
                self._folder,
                f"a proxy cannot be written ({error.strerror})",
                "Check the folder's permissions and the free space, or add without one (--no-proxy).",
            ) from error
        finally:
            with suppress(OSError):  # it has its name already
                unfinished.unlink()
        return stored

    def sweep(self, kept: set[str]) -> None:
        """Delete what interrupted additions left: every proxy whose digest is not in `kept`. Locked, as for `keep`."""
        with suppress(OSError):  # there is no folder, or it may not be listed
            for path in list(self._folder.iterdir()):
                is_orphan = path.suffix == _SUFFIX and _DIGEST.fullmatch(path.stem) and path.stem not in kept
                if is_orphan or path.name == _UNFINISHED:
                    with suppress(OSError):
                        path.unlink()

    def check_sizes(self, proxies: Iterable[tuple[str, StoredProxy]]) -> None:
        """Look whether the proxies of references are there, without reading them.

        Raises
        ------
        ArchiveDamagedError
            One is missing or has another size.
        """
        for reference_id, stored in proxies:
            if not _DIGEST.fullmatch(stored.sha256):
                raise self._damage(reference_id, "has a digest that is none")
            try:
                size_bytes = self._path(stored).stat().st_size
            except FileNotFoundError as error:
                raise self._damage(reference_id, "is missing") from error
            except OSError as error:
                raise self._damage(reference_id, f"cannot be read ({error.strerror})") from error
            if size_bytes != stored.size_bytes:
                raise self._damage(reference_id, "is damaged")

    def checked(self, reference_id: str, stored: StoredProxy) -> Path:
        """Return the path of a reference's proxy once it was seen to have its digest; read only once.

        Raises
        ------
        ArchiveDamagedError
            It is missing, cannot be read, or has other bytes.
        """
        if stored not in self._checked:
            self.check_sizes([(reference_id, stored)])
            path = self._path(stored)
            try:
                with path.open("rb") as file:
                    is_whole = hashlib.file_digest(file, "sha256").hexdigest() == stored.sha256
            except OSError as error:
                raise self._damage(reference_id, f"cannot be read ({error.strerror})") from error
            if not is_whole:
                raise self._damage(reference_id, "is damaged")
            self._checked[stored] = path
        return self._checked[stored]

    def _path(self, stored: StoredProxy) -> Path:
        return self._folder / f"{stored.sha256}{_SUFFIX}"

    def _damage(self, reference_id: str, problem: str) -> ArchiveDamagedError:
        return ArchiveDamagedError(self._archive_folder, f"the proxy of {reference_id} {problem}", _DAMAGE_HINT)


def _copied(source: BinaryIO, copy: BinaryIO) -> StoredProxy:
    digest, size_bytes = hashlib.sha256(), 0
    while part := source.read(_PART_BYTES):
        digest.update(part)
        copy.write(part)
        size_bytes += len(part)
    return StoredProxy(digest.hexdigest(), size_bytes)
