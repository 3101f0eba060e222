"""Where the parts of a case lie: the bag, what is kept private, and what comes after sealing."""

from __future__ import annotations

import os
import re
from pathlib import Path

MANIFEST_PATH = "data/manifest.json"
ACQUISITION_LOG_PATH = "data/custody.jsonl"
ACQUISITION_RECORD_PATH = "data/metadata/acquisition.json"

BAGIT_NAME = "bagit.txt"
BAG_INFO_NAME = "bag-info.txt"
PAYLOAD_LIST_NAME = "manifest-sha256.txt"
TAG_LIST_NAME = "tagmanifest-sha256.txt"

CUSTODY_LOG_NAME = "custody.jsonl"
SIGNATURE_NAME = "manifest.json.minisig"
PUBLIC_KEY_NAME = "signing-key.pub"
TIMESTAMP_NAME = "manifest.json.tsr"
OPEN_TIMESTAMP_NAME = "manifest.json.ots"

#: Of files whose names come from this program or its caller; also bounds them.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
#: Statements of third parties: the first of a kind, or a later one such as manifest.json.2.tsr.
PROOF_NAME = re.compile(r"manifest\.json(?:\.[A-Za-z0-9]{1,20})?\.(tsr|ots)")

# What is larger is not read, so that no file, and no hole in one, can keep a check busy for ever.
MAX_MANIFEST_BYTES = 4 * 1024**2
MAX_KEY_BYTES = 16 * 1024
MAX_PROOF_BYTES = 1024**2
MAX_ADDED_BYTES = 64 * 1024**2

_CASE_NAME = "evidence"
_OWN_NAMES = ("data", BAGIT_NAME, BAG_INFO_NAME, PAYLOAD_LIST_NAME, TAG_LIST_NAME)


def case_in(folder: Path) -> Path | None:
    """Return the case that is meant by a folder: itself, or the one in `evidence/` of a report folder; None: neither.

    A folder that has anything of a case is meant itself, however little that is: else a forged or broken case could
    have a whole one inside vouch for it. Nothing is opened here, and whether the case is whole is not looked at.

    Raises
    ------
    OSError
        The folder is given relative to a working folder that is gone.
    """
    if Path(os.path.abspath(folder)).name:  # noqa: PTH100 - links stay; the root of a disk has nothing beside it
        own = [folder / name for name in _OWN_NAMES]
        if any(os.path.lexists(path) for path in (*own, private_folder(folder), custody_folder(folder))):
            return folder
    return case_inside(folder)


def case_inside(folder: Path) -> Path | None:
    """Return the case in `evidence/` of a report folder, None if there is nothing of one."""
    inside = folder / _CASE_NAME
    is_any = any(os.path.lexists(path) for path in (inside, private_folder(inside), custody_folder(inside)))
    return inside if is_any else None


def limit_of(name: str) -> int:
    """Return how many bytes a file of the custody folder may have, apart from the log."""
    if name in (SIGNATURE_NAME, PUBLIC_KEY_NAME):
        return MAX_KEY_BYTES
    return MAX_PROOF_BYTES if PROOF_NAME.fullmatch(name) else MAX_ADDED_BYTES


def private_folder(case_dir: Path) -> Path:
    """Return the folder beside a case for what is never published."""
    return _sibling(case_dir, "-private")


def custody_folder(case_dir: Path) -> Path:
    """Return the folder beside a case for its later log, its signature and its timestamps."""
    return _sibling(case_dir, "-custody")


def _sibling(case_dir: Path, ending: str) -> Path:
    # Not resolved: a link is a thing to be found, not followed. But '.' and '..' have no name to add to.
    named = case_dir if case_dir.name not in ("", "..") else Path(os.path.abspath(case_dir))  # noqa: PTH100
    return named.with_name(named.name + ending)
