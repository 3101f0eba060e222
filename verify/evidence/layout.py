"""Where the parts of a case lie: the bag, what is kept private, and what comes after sealing."""

from __future__ import annotations

import os
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
