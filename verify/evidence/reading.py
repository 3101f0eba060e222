"""Read folders that anyone may have written to: links are never followed, and everything is bounded."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_BLOCK_BYTES = 1024**2
# A file is opened without following a link, and without waiting for the other end of a pipe.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; raises OSError for anything else, a link included."""
    if stat.S_ISLNK(path.lstat().st_mode):  # where the flag does not exist
        raise OSError(None, "a link")
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(None, "not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bounded(path: Path, limit_bytes: int) -> bytes:
    """Read a regular file; raises OSError if it cannot be read or is larger than the limit."""
    with open_regular(path) as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OSError(None, f"larger than {limit_bytes} bytes")
    return content


def digest_of(path: Path, limit_bytes: int | None = None) -> tuple[str, int]:
    """Return SHA-256 (lower-case hex) and size in bytes of a regular file, read block by block.

    Raises
    ------
    OSError
        It cannot be read, or is larger than the limit; then no more than that was read.
    """
    digest = hashlib.sha256()
    size = 0
    with open_regular(path) as file:
        while block := file.read(_BLOCK_BYTES if limit_bytes is None else min(_BLOCK_BYTES, limit_bytes - size + 1)):
            digest.update(block)
            size += len(block)
            if limit_bytes is not None and size > limit_bytes:
                raise OSError(None, f"larger than {limit_bytes} bytes")
    return digest.hexdigest(), size


def is_there(path: Path) -> bool:
    """Tell whether there is anything of a name; also if this user may not look, and reading it will say so."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def shown(text: str, limit: int = 300) -> str:
    """Write a name from outside so that it acts on no terminal, and is not endless."""
    cut = text if len(text) <= limit else text[:limit] + "..."
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in cut
    )


@dataclass(slots=True)
class Tree:
    """What lies in a folder, by POSIX path from it.

    `files` gives sizes in bytes. `others` says of what is neither a file nor a folder what it is; folders below
    the deepest level, and such that cannot be read, are there too. `closed` are those of `others` that this user may
    not read. `is_complete` is False if the listing was cut off.
    """

    files: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    is_complete: bool = True

    def note_unreadable(self, path: str, what: str, error: OSError) -> None:
        """Note that something cannot be read."""
        self.others[path] = f"{what}cannot be read ({error.strerror})"
        if isinstance(error, PermissionError):
            self.closed.add(path)


def list_tree(folder: Path, *, max_depth: int, max_entries: int) -> Tree:
    """List a folder without following links; raises OSError if the folder itself cannot be read."""
    tree = Tree()
    waiting = [""]
    count = 0
    while waiting:
        below = waiting.pop()
        try:
            entries = os.scandir(folder / below)
        except OSError as error:
            if not below:
                raise
            tree.note_unreadable(below, "is a folder that ", error)
            continue
        with entries:
            for entry in entries:
                count += 1
                if count > max_entries:
                    tree.is_complete = False
                    return tree
                path = f"{below}/{entry.name}" if below else entry.name
                if _put(tree, entry, path, max_depth):
                    waiting.append(path)
    return tree


def _put(tree: Tree, entry: os.DirEntry[str], path: str, max_depth: int) -> bool:
    """Note an entry; tell whether it is a folder to look into."""
    try:
        state = entry.stat(follow_symlinks=False)
    except OSError as error:
        tree.note_unreadable(path, "", error)
        return False
    if stat.S_ISREG(state.st_mode):
        tree.files[path] = state.st_size
    elif stat.S_ISDIR(state.st_mode) and not _is_junction(entry):
        tree.folders.add(path)
        return path.count("/") + 1 < max_depth
    else:
        tree.others[path] = "is a link" if entry.is_symlink() else "is neither a file nor a folder"
    return False


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is one of Windows' links to folders, which count as folders otherwise."""
    return bool(getattr(entry, "is_junction", lambda: False)())
