"""Seal what was acquired in a case folder that is written once: a BagIt bag with a custody log.

Layout, relative to the case folder::

    bagit.txt, bag-info.txt, manifest-sha256.txt, tagmanifest-sha256.txt     the bag
    data/manifest.json          what is in the case, see `verify.evidence.manifest`
    data/custody.jsonl          see `verify.evidence.custody`
    data/master/media.EXT       the bytes as they were served or given
    data/streams/stream-N.EXT   picture and sound, where they were served apart
    data/working/media.EXT      those streams put into one file, to work on
    data/metadata/              acquisition.json; info.json, description, thumbnail, subtitles, log as far as there are
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from verify.dates import utc_now
from verify.errors import EvidenceExistsError, InvalidUsageError, OutputNotWritableError
from verify.evidence.bag import seal_bag
from verify.evidence.custody import canonical_json, custody_log
from verify.evidence.manifest import MANIFEST_PATH, manifest_bytes
from verify.model import AcquiredFile, Acquisition, EvidenceFile, EvidenceManifest, FileRole

_HASH_BYTES = 1024**2
_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_FOLDER_OF_ROLE = {FileRole.MASTER: "master", FileRole.STREAM: "streams", FileRole.WORKING_COPY: "working"}
_ACQUISITION_NAME = "acquisition.json"
_CUSTODY_NAME = "custody.jsonl"
# Some network file systems cannot synchronise folders.
_NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
_READ_ONLY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


def copy_statement(acquisition: Acquisition) -> str:
    """Say whose copy the preserved file is, in the words of the report and the bag."""
    if acquisition.is_local_file:
        return "A copy of the file that the operator supplied; how that file came about is not known to this tool."
    return "The platform's copy as served to this tool, not the camera original."


def preserve(
    acquisition: Acquisition, staging: Path, case_dir: Path, *, case_id: str, command: Sequence[str]
) -> EvidenceManifest:
    """Seal an acquisition in a new case folder, which appears whole or not at all.

    Parameters
    ----------
    acquisition
        What was obtained.
    staging
        The folder it was obtained into. Files inside it are moved, others copied.
    case_dir
        The folder to make. Folders above it are made as needed.
    case_id
        Letters, digits, '.', '_' and '-', at most 128.
    command
        The command line that led here, for the record.

    Raises
    ------
    EvidenceExistsError
        There is something at `case_dir`.
    InvalidUsageError
        `case_id` is not of that form.
    OutputNotWritableError
        The folder cannot be written, or the disk is full. Nothing is left of it.
    """
    if not _CASE_ID.fullmatch(case_id):
        raise InvalidUsageError(repr(case_id), "is no case id", "Use letters, digits, '.', '_' and '-', at most 128.")
    _refuse_existing(case_dir)
    try:
        with _building(case_dir) as folder:
            manifest = _fill(acquisition, staging, folder, case_id, command)
            digests = {file.relative_path: file.sha256 for file in manifest.files}
            seal_bag(folder, case_id, copy_statement(acquisition), manifest.sealed_utc[:10], digests)
            _make_durable(folder)
            _refuse_existing(case_dir)
            folder.rename(case_dir)
            _synchronise(case_dir.parent)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):  # another process was faster
            _refuse_existing(case_dir)
        raise OutputNotWritableError(
            case_dir,
            f"the evidence cannot be written ({error.strerror or error})",
            "Free some disk space, or choose another --out.",
        ) from error
    return manifest


def _refuse_existing(case_dir: Path) -> None:
    if os.path.lexists(case_dir):
        raise EvidenceExistsError(
            case_dir, "is there already, and evidence is written only once", "Choose another --out, or move it away."
        )


@contextmanager
def _building(case_dir: Path) -> Iterator[Path]:
    """Give a hidden folder beside `case_dir`; if the block fails, it and the folders made for it are gone again."""
    missing = [folder for folder in case_dir.parents if not folder.exists()]
    try:
        case_dir.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{case_dir.name[:50]}-", dir=case_dir.parent))
        try:
            folder.chmod(0o755)
            yield folder
        except BaseException:
            _remove(folder)
            raise
    except BaseException:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        raise


def _remove(folder: Path) -> None:
    for path in folder.rglob("*"):
        with suppress(OSError):
            path.chmod(path.lstat().st_mode | stat.S_IWUSR)  # Windows deletes no read-only files
    shutil.rmtree(folder, ignore_errors=True)


def _fill(
    acquisition: Acquisition, staging: Path, folder: Path, case_id: str, command: Sequence[str]
) -> EvidenceManifest:
    """Write all of the payload; the bag later moves it below data/, as the recorded paths say."""
    placed = {_place(folder, file): file for file in acquisition.files}
    if len(placed) < len(acquisition.files):
        raise ValueError("two acquired files of one name")
    files: list[EvidenceFile] = []
    for path, file in placed.items():
        path.parent.mkdir(exist_ok=True)
        _take(file.path, path, staging)
        files.append(_evidence_file(folder, path, file.role))
    record = folder / "metadata" / _ACQUISITION_NAME
    record.parent.mkdir(exist_ok=True)
    record.write_bytes(_acquisition_record(acquisition, placed, folder, command))
    files.append(_evidence_file(folder, record, FileRole.METADATA))
    sealed_utc = utc_now()
    custody = folder / _CUSTODY_NAME
    custody.write_bytes(custody_log(_events(acquisition, case_id, files, sealed_utc)))
    files.append(_evidence_file(folder, custody, FileRole.METADATA))
    media = next(path for path, file in placed.items() if file == acquisition.media)
    manifest = EvidenceManifest(
        case_id=case_id,
        sealed_utc=sealed_utc,
        media_path=_bag_path(folder, media),
        files=tuple(sorted(files, key=lambda file: file.relative_path)),
    )
    (folder / Path(MANIFEST_PATH).name).write_bytes(manifest_bytes(manifest))
    return manifest


def _place(folder: Path, file: AcquiredFile) -> Path:
    """Say where a file goes in the case; names from outside never become names in it."""
    extension = file.path.suffix.lower() if _EXTENSION.fullmatch(file.path.suffix) else ".bin"
    if file.role in (FileRole.MASTER, FileRole.WORKING_COPY):
        return folder / _FOLDER_OF_ROLE[file.role] / f"media{extension}"
    if not _PLAIN_NAME.fullmatch(file.path.name) or file.path.name == _ACQUISITION_NAME:
        raise ValueError(f"an acquired file of the name {file.path.name!r}")
    return folder / _FOLDER_OF_ROLE.get(file.role, "metadata") / file.path.name


def _take(source: Path, destination: Path, staging: Path) -> None:
    """Move a file out of staging, or copy one that lies elsewhere or on another disk."""
    if source.is_symlink() or not source.is_file():
        raise ValueError(f"{source.name!r} is not a regular file")
    if source.resolve().is_relative_to(staging.resolve()):
        with suppress(OSError):  # another disk
            source.rename(destination)
            return
    shutil.copyfile(source, destination)


def _bag_path(folder: Path, path: Path) -> str:
    return f"data/{path.relative_to(folder).as_posix()}"


def _evidence_file(folder: Path, path: Path, role: FileRole) -> EvidenceFile:
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(_HASH_BYTES):
            digest.update(block)
            size += len(block)
    return EvidenceFile(relative_path=_bag_path(folder, path), role=role, sha256=digest.hexdigest(), size_bytes=size)


def _acquisition_record(
    acquisition: Acquisition, placed: dict[Path, AcquiredFile], folder: Path, command: Sequence[str]
) -> bytes:
    record = asdict(acquisition)
    record["files"] = [
        {"relative_path": _bag_path(folder, path), "role": file.role.value} for path, file in placed.items()
    ]
    record["original_name"] = Path(acquisition.source).name if acquisition.is_local_file else None
    record["copy_statement"] = copy_statement(acquisition)
    record["command"] = list(command)
    return canonical_json({"format_version": 1, **record})


def _events(
    acquisition: Acquisition, case_id: str, files: Sequence[EvidenceFile], sealed_utc: str
) -> list[tuple[str, str, str]]:
    how = "copied from a local file" if acquisition.is_local_file else f"fetched from {acquisition.source}"
    kept = "; ".join(f"{file.relative_path} sha256 {file.sha256}" for file in files)
    return [
        (acquisition.started_utc, "acquisition started", how),
        (acquisition.finished_utc, "acquisition finished", f"{len(acquisition.files)} files"),
        (sealed_utc, "preserved", kept),
        (sealed_utc, "sealed", f"case {case_id}, BagIt bag with SHA-256"),
    ]


def _make_durable(folder: Path) -> None:
    """Make files read-only and force all to disk, so that the rename cannot be there before the bytes are."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            path.chmod(_READ_ONLY)
        else:
            path.chmod(0o755)
            _synchronise(path)
    _synchronise(folder)


def _synchronise(folder: Path) -> None:
    if os.name != "posix":  # elsewhere folders cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)
