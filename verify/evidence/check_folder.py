"""What the checks of bag, private and custody folder have in common."""

from __future__ import annotations

import stat
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath

from verify.evidence.problems import Findings, ProblemKind
from verify.evidence.reading import Tree, digest_of, list_tree
from verify.model import EvidenceFile

MAX_ENTRIES = 20_000
_NAMES_BY_SYSTEMS = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_NOT_OF_THE_CASE = "is not part of the case"


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
        findings.add_error(folder.name, error)
    return None


def check_file(folder: Path, tree: Tree, recorded: EvidenceFile, findings: Findings) -> None:
    """Check a file of a folder against its record; no more than the recorded size is read."""
    path = recorded.relative_path
    told = f"{folder.name}/{path}"
    if tree.files[path] != recorded.size_bytes:
        findings.add(told, f"has {tree.files[path]} bytes, {recorded.size_bytes} were recorded")
    else:
        check_digest(folder / path, told, recorded.sha256, recorded.size_bytes, findings)


def check_digest(path: Path, told: str, sha256: str, limit_bytes: int, findings: Findings) -> bool:
    """Check a file of a size that was not recorded; tells whether it is as it was."""
    try:
        found, _ = digest_of(path, limit_bytes)
    except OSError as error:
        findings.add_error(told, error)
        return False
    if found != sha256:
        findings.add(told, "does not hold the bytes that were recorded: its SHA-256 differs")
    return found == sha256


def note_missing(name: str, tree: Tree, path: str, findings: Findings, why: str = "is missing") -> None:
    """Note that an expected file is not there, unless it may be, or something else in its place is noted anyway."""
    above = {parent.as_posix() for parent in PurePosixPath(path).parents}
    if tree.is_complete and path not in tree.others and path not in tree.folders and not above & tree.closed:
        findings.add(f"{name}/{path}", why)


def check_nothing_else(name: str, tree: Tree, expected: AbstractSet[str], findings: Findings) -> None:
    """Note everything in a folder that is neither an expected file nor a folder that holds one."""
    folders = {parent.as_posix() for path in expected for parent in PurePosixPath(path).parents}
    for path in sorted(tree.files.keys() - expected):
        findings.add(f"{name}/{path}", _stray(path))
    for path in sorted(tree.folders - folders):
        findings.add(f"{name}/{path}", "is a folder that is not part of the case")
    for path in sorted(tree.others):
        kind = ProblemKind.UNREADABLE if path in tree.closed else ProblemKind.CHANGED
        findings.add(f"{name}/{path}", tree.others[path], kind)
    if not tree.is_complete:
        findings.add(name, f"holds more than {MAX_ENTRIES} files and folders; not all were looked at")


def _stray(path: str) -> str:
    name = path.rpartition("/")[2]
    if name.lower() in _NAMES_BY_SYSTEMS or name.startswith("._"):
        return f"{_NOT_OF_THE_CASE}; it is a file that systems make by themselves: delete it and check again"
    return _NOT_OF_THE_CASE
