"""`data/manifest.json`: what a case folder holds, read back with suspicion."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from verify.errors import EvidenceMismatchError, NewerFormatError
from verify.evidence.custody import canonical_json
from verify.model import EvidenceFile, EvidenceManifest, FileRole

FORMAT_VERSION = 1
MANIFEST_PATH = "data/manifest.json"
_MAX_MANIFEST_BYTES = 4 * 1024**2
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RESTORE = "Give the folder of a preserved case; if it is one, restore it from a copy."


def manifest_bytes(manifest: EvidenceManifest) -> bytes:
    """Write a manifest as canonical JSON."""
    return canonical_json({"format_version": FORMAT_VERSION, **asdict(manifest)})


def load_manifest(case_dir: Path) -> EvidenceManifest:
    """Read the manifest of a case. The files it names are not hashed here.

    Raises
    ------
    EvidenceMismatchError
        There is no case, or its manifest is malformed.
    NewerFormatError
        A newer version of this program wrote it.
    """
    path = case_dir / MANIFEST_PATH
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise EvidenceMismatchError(
            case_dir, f"holds no readable {MANIFEST_PATH} ({error.strerror})", _RESTORE
        ) from error
    try:
        if len(content) > _MAX_MANIFEST_BYTES:
            raise ValueError(f"larger than {_MAX_MANIFEST_BYTES} bytes")
        document = json.loads(content)
        _check_version(path, document)
        return _parse(document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EvidenceMismatchError(path, f"is malformed ({type(error).__name__}: {error})", _RESTORE) from error


def _check_version(path: Path, document: Any) -> None:
    version = document["format_version"]
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"format version {version!r}")
    if version > FORMAT_VERSION:
        raise NewerFormatError(
            path, f"is of format {version}, this program knows up to {FORMAT_VERSION}", "Upgrade verify-video."
        )


def _parse(document: dict[str, Any]) -> EvidenceManifest:
    files = tuple(_parse_file(entry) for entry in document["files"])
    paths = [file.relative_path for file in files]
    if len(set(paths)) < len(paths):
        raise ValueError("a file is listed twice")
    if document["media_path"] not in paths:
        raise ValueError("the media file is not listed")
    return EvidenceManifest(
        case_id=_text(document["case_id"]),
        sealed_utc=_text(document["sealed_utc"]),
        media_path=document["media_path"],
        files=files,
    )


def _parse_file(entry: dict[str, Any]) -> EvidenceFile:
    path, digest, size = _text(entry["relative_path"]), _text(entry["sha256"]), entry["size_bytes"]
    parts = PurePosixPath(path).parts
    if len(parts) < 2 or parts[0] != "data" or "/".join(parts) != path or not all(map(_PLAIN_PART.fullmatch, parts)):
        raise ValueError(f"path {path[:100]!r}")
    if not _SHA256.fullmatch(digest):
        raise ValueError(f"digest of {path[:100]!r}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ValueError(f"size of {path[:100]!r}")
    return EvidenceFile(relative_path=path, role=FileRole(entry["role"]), sha256=digest, size_bytes=size)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r:.100} is not a text")
    return value


def media_file(case_dir: Path, manifest: EvidenceManifest) -> Path:
    """Return the path of the file to analyse.

    Raises
    ------
    EvidenceMismatchError
        It is gone, no regular file, or of another size than recorded.
    """
    path = case_dir / manifest.media_path
    recorded = next(file for file in manifest.files if file.relative_path == manifest.media_path)
    try:
        state = path.lstat()
        inside = path.resolve().is_relative_to(case_dir.resolve())
    except OSError as error:
        raise EvidenceMismatchError(path, f"is missing ({error.strerror})", _RESTORE) from error
    if not stat.S_ISREG(state.st_mode) or not inside:
        raise EvidenceMismatchError(path, "is not a regular file inside the case", _RESTORE)
    if state.st_size != recorded.size_bytes:
        raise EvidenceMismatchError(path, f"has {state.st_size} bytes, {recorded.size_bytes} were preserved", _RESTORE)
    return path
