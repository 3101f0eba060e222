"""What the checks of bag, private and custody folder have in common."""

from __future__ import annotations

import stat
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath

from verify.evidence.problems import Findings
from verify.evidence.reading import Tree, digest_of, list_tree

MAX_ENTRIES = 20_000


def listed(folder: Path, findings: Findings, *, max_depth: int) -> Tree | None:
    """List a folder; if it is none or cannot be read, note that as a problem and return None.

    Raises
    ------
    PermissionError
        This user may not read it.
    """
    try:
        mode = folder.lstat().st_mode
        if stat.S_ISDIR(mode):
            return list_tree(folder, max_depth=max_depth, max_entries=MAX_ENTRIES)
        findings.add(folder.name, "is a link, not a folder" if stat.S_ISLNK(mode) else "is not a folder")
    except FileNotFoundError:
        findings.add(folder.name, "is missing")
    except PermissionError:
        raise
    except OSError as error:
        findings.add(folder.name, f"cannot be read ({error.strerror})")
    return None


def file_problem(path: Path, found_bytes: int, sha256: str, size_bytes: int | None) -> str | None:
    """Say how a file differs from its record; None if it does not."""
    if size_bytes is not None and found_bytes != size_bytes:
        return f"has {found_bytes} bytes, {size_bytes} were recorded"
    try:
        found, _ = digest_of(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found == sha256 else "does not hold the bytes that were recorded: its SHA-256 differs"


def note_missing(name: str, tree: Tree, path: str, findings: Findings, why: str = "is missing") -> None:
    """Note that an expected file is not there, unless something else in its place is noted anyway."""
    if path not in tree.others and path not in tree.folders:
        findings.add(f"{name}/{path}", why)


def check_nothing_else(name: str, tree: Tree, expected: AbstractSet[str], findings: Findings) -> None:
    """Note everything in a folder that is neither an expected file nor a folder that holds one."""
    folders = {parent.as_posix() for path in expected for parent in PurePosixPath(path).parents}
    for path in sorted(tree.files.keys() - expected):
        findings.add(f"{name}/{path}", "is not part of the case")
    for path in sorted(tree.folders - folders):
        findings.add(f"{name}/{path}", "is a folder that is not part of the case")
    for path in sorted(tree.others):
        findings.add(f"{name}/{path}", tree.others[path])
    if not tree.is_complete:
        findings.add(name, f"holds more than {MAX_ENTRIES} files and folders; not all were looked at")
