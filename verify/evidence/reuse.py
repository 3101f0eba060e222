"""Take up a case that was preserved earlier: analyse it again without the network, here or in a copy of it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from verify.errors import EvidenceExistsError, EvidenceMismatchError, OutputNotWritableError
from verify.evidence.durable import force_to_disk, remove, synchronise
from verify.evidence.layout import (
    ACQUISITION_RECORD_PATH,
    MANIFEST_PATH,
    case_in,
    custody_folder,
    private_folder,
)
from verify.model import AcquiredFile, Acquisition, EvidenceManifest

_MAX_RECORD_BYTES = 16 * 1024**2
_NOT_OF_THE_ACQUISITION = ("format_version", "original_name", "copy_statement", "command")


def find_case(folder: Path) -> Path | None:
    """Return the case that a folder is, or that a report folder holds; None if it is neither."""
    try:
        case_dir = case_in(folder) if folder.is_dir() else None
        return case_dir if case_dir and (case_dir / MANIFEST_PATH).is_file() else None
    except (OSError, ValueError):  # a name that is too long, a folder that may not be entered
        return None


def load_acquisition(case_dir: Path, manifest: EvidenceManifest) -> Acquisition:
    """Read the record of how a case was obtained. Check the case first: nothing is hashed here.

    Raises
    ------
    EvidenceMismatchError
        The record is missing or malformed.
    """
    import msgspec  # noqa: PLC0415 - only where a case is taken up again

    path = case_dir / ACQUISITION_RECORD_PATH
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_RECORD_BYTES + 1)
        if len(content) > _MAX_RECORD_BYTES:
            raise ValueError(f"larger than {_MAX_RECORD_BYTES} bytes")
        record: dict[str, Any] = json.loads(content)
        obtained = {file["relative_path"] for file in record.pop("files")}
        fields = {name: value for name, value in record.items() if name not in _NOT_OF_THE_ACQUISITION}
        acquisition = msgspec.convert({**fields, "files": []}, Acquisition)
    except OSError as error:
        raise _mismatch(path, f"cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _mismatch(path, f"is malformed ({type(error).__name__}: {error})") from error
    # Where the files are, and what, is taken from the manifest, which the check has compared with the bytes.
    files = (
        AcquiredFile(path=case_dir / file.relative_path, role=file.role)
        for file in manifest.files
        if file.relative_path in obtained
    )
    return replace(acquisition, files=tuple(files))


def _mismatch(path: Path, problem: str) -> EvidenceMismatchError:
    return EvidenceMismatchError(path, problem, "Restore the case from a copy.")


def copy_case(case_dir: Path, destination: Path) -> tuple[str, ...]:
    """Copy a case, with what lies beside it, to a new place; the case appears there last, whole or not at all.

    Returns
    -------
    tuple of str
        A warning if the private files stay behind, because this user may not read them.

    Raises
    ------
    EvidenceExistsError
        There is something at the destination.
    OutputNotWritableError
        It cannot be written. Nothing is left of the copy.
    """
    private = private_folder(case_dir)
    pairs = [
        (private, private_folder(destination)),
        (custody_folder(case_dir), custody_folder(destination)),
        (case_dir, destination),
    ]
    is_withheld = private.is_dir() and not os.access(private, os.R_OK | os.X_OK)
    for _, target in pairs:
        if os.path.lexists(target):
            raise EvidenceExistsError(
                target, "is there already, and evidence is written only once", "Choose another --out."
            )
    placed: list[Path] = []
    try:
        with tempfile.TemporaryDirectory(prefix=f".{destination.name[:50]}-", dir=destination.parent) as building:
            for source, target in pairs:
                if source.is_dir() and not (source == private and is_withheld):
                    shutil.copytree(source, Path(building) / target.name, symlinks=True)
                    force_to_disk(Path(building) / target.name)
            for _, target in pairs:
                if (Path(building) / target.name).is_dir():
                    placed.append((Path(building) / target.name).rename(target))
            synchronise(destination.parent)
    except BaseException as error:
        for target in placed:
            remove(target)
        if isinstance(error, (OSError, shutil.Error)):
            reason = getattr(error, "strerror", None) or "not all files could be copied"
            raise OutputNotWritableError(
                destination,
                f"the evidence cannot be copied ({reason})",
                "Free some disk space, or choose another --out.",
            ) from error
        raise
    return ("The private files were not copied: this user may not read them.",) if is_withheld else ()
