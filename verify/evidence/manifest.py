"""`data/manifest.json`: what a case folder holds, read back with suspicion."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from verify.errors import EvidenceMismatchError, NewerFormatError
from verify.evidence.canonical import canonical_json
from verify.evidence.layout import MANIFEST_PATH, MAX_MANIFEST_BYTES
from verify.evidence.reading import read_bounded
from verify.model import EvidenceFile, EvidenceManifest, FileRole

__all__ = ["MANIFEST_PATH", "is_newer_format", "load_manifest", "manifest_bytes", "media_file", "parse_manifest"]

FORMAT_VERSION = 2
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_PLAIN_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RESTORE = "Give the folder of a preserved case; if it is one, restore it from a copy."


def manifest_bytes(manifest: EvidenceManifest) -> bytes:
    """Write a manifest as canonical JSON, byte for byte what is signed and timestamped."""
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
        content = read_bounded(path, MAX_MANIFEST_BYTES)
    except OSError as error:
        raise EvidenceMismatchError(
            case_dir, f"holds no readable {MANIFEST_PATH} ({error.strerror})", _RESTORE
        ) from error
    try:
        return parse_manifest(content)
    except _OtherVersionError as error:
        if error.version > FORMAT_VERSION:
            raise NewerFormatError(path, str(error), "Upgrade verify-video.") from error
        raise EvidenceMismatchError(path, str(error), "Acquire the source again, or use that version.") from error
    except ValueError as error:
        raise EvidenceMismatchError(path, f"is malformed ({error})", _RESTORE) from error


def parse_manifest(content: bytes) -> EvidenceManifest:
    """Read the bytes of a manifest, with suspicion.

    Raises
    ------
    ValueError
        They are malformed, or of another version of the format.
    """
    if len(content) > MAX_MANIFEST_BYTES:
        raise ValueError(f"larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        document = json.loads(content)
        _check_version(document)
        return _parse(document)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def is_newer_format(content: bytes) -> bool:
    """Tell whether a manifest is of a later version of the format than this program knows."""
    try:
        parse_manifest(content)
    except _OtherVersionError as error:
        return error.version > FORMAT_VERSION
    except ValueError:
        return False
    return False


class _OtherVersionError(ValueError):
    """A manifest of another version of the format."""

    def __init__(self, version: int) -> None:
        self.version = version
        age = f"this program knows up to {FORMAT_VERSION}" if version > FORMAT_VERSION else "which is no longer read"
        super().__init__(f"is of format {version}, {age}")


def _check_version(document: Any) -> None:
    version = document["format_version"]
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version < 1_000_000:
        raise ValueError(f"format version {version!r:.100}")
    if version != FORMAT_VERSION:
        raise _OtherVersionError(version)


def _parse(document: dict[str, Any]) -> EvidenceManifest:
    files = tuple(_parse_file(entry, _is_bag_path) for entry in document["files"])
    private_files = tuple(_parse_file(entry, _is_plain_name) for entry in document["private_files"])
    paths = [file.relative_path for file in files]
    for names in (paths, [file.relative_path for file in private_files]):
        if len(set(names)) < len(names):
            raise ValueError("a file is listed twice")
    if document["media_path"] not in paths:
        raise ValueError("the media file is not listed")
    return EvidenceManifest(
        case_id=_of_form(document["case_id"], is_case_id),
        sealed_utc=_of_form(document["sealed_utc"], is_utc),
        media_path=document["media_path"],
        files=files,
        private_files=private_files,
    )


def _parse_file(entry: dict[str, Any], is_path: Callable[[str], bool]) -> EvidenceFile:
    path, digest, size = _text(entry["relative_path"]), _text(entry["sha256"]), entry["size_bytes"]
    if not is_path(path):
        raise ValueError(f"path {path[:100]!r}")
    if not is_sha256(digest):
        raise ValueError(f"digest of {path[:100]!r}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ValueError(f"size of {path[:100]!r}")
    return EvidenceFile(relative_path=path, role=FileRole(entry["role"]), sha256=digest, size_bytes=size)


def _is_bag_path(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return 2 <= len(parts) <= 3 and parts[0] == "data" and "/".join(parts) == path and all(map(_is_plain_name, parts))


def _is_plain_name(name: str) -> bool:
    return _PLAIN_PART.fullmatch(name) is not None


def is_case_id(text: str) -> bool:
    """Tell whether a text can be a case id: letters, digits, '.', '_' and '-', at most 128."""
    return _CASE_ID.fullmatch(text) is not None


def is_utc(text: str) -> bool:
    """Tell whether a text is a moment in UTC, 2026-01-31T12:00:00Z; fractions of a second may follow."""
    if _UTC.fullmatch(text) is None:
        return False
    try:
        datetime.strptime(f"{text[:19]}Z", "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:  # a month 13, or the year 0
        return False
    return True


def is_sha256(text: str) -> bool:
    """Tell whether a text is a SHA-256 in lower-case hex."""
    return _SHA256.fullmatch(text) is not None


def _of_form(value: object, is_form: Callable[[str], bool]) -> str:
    if not isinstance(value, str) or not is_form(value):
        raise ValueError(f"{value!r:.100} is not of the form it must have")
    return value


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
