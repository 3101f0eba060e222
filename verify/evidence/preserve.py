"""Seal what was acquired in a case that is written once: a BagIt bag, and what lies beside it.

Layout::

    CASE/                       the bag, complete and read-only; may be published
        bagit.txt, bag-info.txt, manifest-sha256.txt, tagmanifest-sha256.txt
        data/manifest.json          what is in the case, see `verify.evidence.manifest`
        data/custody.jsonl          the log of the acquisition, see `verify.evidence.custody_log`
        data/master/media.EXT       the bytes as they were served or given
        data/streams/stream-N.EXT   picture and sound, where they were served apart
        data/working/media.EXT      those streams put into one file, to work on
        data/metadata/              acquisition.json, and what the platform says of the release
    CASE-private/               what is not for publication; its digests are in data/manifest.json
    CASE-custody/               what comes after sealing: the later log, signature, timestamps
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import verify
from verify.dates import utc_now
from verify.errors import EvidenceExistsError, InvalidUsageError, OutputNotWritableError
from verify.evidence.bag import seal_bag
from verify.evidence.canonical import canonical_json
from verify.evidence.custody_log import (
    FILE_ADDED,
    KEPT_PRIVATE,
    PRESERVED,
    SEALED,
    bounded,
    chain_lines,
    log_bytes,
    sealing_detail,
)
from verify.evidence.durable import PRIVATE_FILE_MODE, make_durable, remove, synchronise
from verify.evidence.layout import (
    ACQUISITION_LOG_PATH,
    ACQUISITION_RECORD_PATH,
    CUSTODY_LOG_NAME,
    MANIFEST_PATH,
    PLAIN_NAME,
    PUBLIC_KEY_NAME,
    SIGNATURE_NAME,
    TAG_LIST_NAME,
    custody_folder,
    private_folder,
)
from verify.evidence.manifest import is_case_id, manifest_bytes
from verify.evidence.reading import digest_of
from verify.model import AcquiredFile, Acquisition, ClockReading, CustodyEvent, EvidenceFile, EvidenceManifest, FileRole
from verify.translation import marked

if TYPE_CHECKING:
    from verify.evidence.keys import PublicKey, SigningKey

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}")
_FOLDER_OF_ROLE = {FileRole.MASTER: "master", FileRole.STREAM: "streams", FileRole.WORKING_COPY: "working"}


@dataclass(frozen=True, slots=True)
class _Building:
    """The parts of a case while they are made, below one hidden folder."""

    folder: Path

    @property
    def bag(self) -> Path:
        return self.folder / "bag"

    @property
    def private(self) -> Path:
        return self.folder / "private"

    @property
    def custody(self) -> Path:
        return self.folder / "custody"


def copy_statement(acquisition: Acquisition) -> str:
    """Say whose copy the preserved file is, in the words of the report and the bag."""
    if acquisition.is_local_file:
        return marked(
            "A copy of the file that the operator supplied; how that file came about is not known to this tool."
        )
    return marked("The platform's copy as served to this tool, not the camera original.")


def preserve(
    acquisition: Acquisition,
    staging: Path,
    case_dir: Path,
    *,
    case_id: str,
    command: Sequence[str],
    signing_key: SigningKey | None = None,
    actor: str = f"verify-video {verify.__version__}",
) -> EvidenceManifest:
    """Seal an acquisition in a new case, which appears whole or not at all.

    Parameters
    ----------
    acquisition
        What was obtained. Files of role `private` go to the folder for them beside the case.
    staging
        The folder it was obtained into. Files inside it are moved, others copied.
    case_dir
        The bag to make. Folders above it are made as needed.
    case_id
        Letters, digits, '.', '_' and '-', at most 128.
    command
        The command line that led here, for the record.
    signing_key
        Signs the manifest and the head of the later log. None: the case is sealed without a signature.
    actor
        Who acts, for the custody logs: the program and, where the operator gave a name, that name.

    Raises
    ------
    EvidenceExistsError
        There is something at `case_dir`, or where its private or custody folder goes.
    InvalidUsageError
        `case_id` is not of that form.
    OutputNotWritableError
        The folders cannot be written, or the disk is full. Nothing is left of them.
    """
    if not is_case_id(case_id):
        raise InvalidUsageError(repr(case_id), "is no case id", "Use letters, digits, '.', '_' and '-', at most 128.")
    _refuse_existing(case_dir)
    try:
        with _building(case_dir) as building:
            manifest = _fill(
                acquisition,
                staging,
                building,
                case_id=case_id,
                command=command,
                actor=actor,
                signer=signing_key.public if signing_key else None,
            )
            bag_sha256 = _seal(building.bag, manifest, copy_statement(acquisition))
            begin = _sealing_event(manifest, bag_sha256, acquisition.clock, actor)
            _begin_custody(building.custody, manifest, begin, signing_key)
            make_durable(building.bag)
            make_durable(building.custody)
            (building.custody / CUSTODY_LOG_NAME).chmod(0o644)  # it is the one file that is written again
            if building.private.exists():
                make_durable(building.private, file_mode=PRIVATE_FILE_MODE, folder_mode=0o700)
            _place_all(building, case_dir)
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
    for folder in (custody_folder(case_dir), private_folder(case_dir)):
        if os.path.lexists(folder):
            raise EvidenceExistsError(
                folder,
                "is there already, without its case; an acquisition may have been broken off there",
                "Choose another --out, or move it away.",
            )


@contextmanager
def _building(case_dir: Path) -> Iterator[_Building]:
    """Give a hidden folder beside `case_dir`; if the block fails, it and the folders made for it are gone again."""
    parent = custody_folder(case_dir).parent
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{case_dir.name[:50]}-", dir=parent))
        try:
            yield _Building(folder)
        finally:
            remove(folder)
    except BaseException:
        for made in missing:
            with suppress(OSError):
                made.rmdir()
        raise


def _place_all(building: _Building, case_dir: Path) -> None:
    """Give the finished folders their names, the bag last: who sees it sees the whole case."""
    targets = (
        (building.private, private_folder(case_dir)),
        (building.custody, custody_folder(case_dir)),
        (building.bag, case_dir),
    )
    _refuse_existing(case_dir)
    moves = [(folder, target) for folder, target in targets if folder.exists()]
    try:
        for folder, target in moves:
            folder.rename(target)
            synchronise(target.parent)
    except BaseException:
        for folder, target in reversed(moves):
            if not folder.exists():  # so it is the target now; what others made there is not touched
                remove(target)
        raise


def _fill(
    acquisition: Acquisition,
    staging: Path,
    building: _Building,
    *,
    case_id: str,
    command: Sequence[str],
    actor: str,
    signer: PublicKey | None,
) -> EvidenceManifest:
    """Write the payload and the private files, and return what they are."""
    bag, private = building.bag, building.private
    placed = {_place(bag, private, file): file for file in acquisition.files}
    if len(placed) < len(acquisition.files):
        raise ValueError("two acquired files of one name")
    files: list[EvidenceFile] = []
    private_files: list[EvidenceFile] = []
    for path, file in placed.items():
        path.parent.mkdir(mode=0o700 if file.role is FileRole.PRIVATE else 0o777, parents=True, exist_ok=True)
        _take(file.path, path, staging)
        kept = private_files if file.role is FileRole.PRIVATE else files
        kept.append(_evidence_file(private if file.role is FileRole.PRIVATE else bag, path, file.role))
    record = bag / ACQUISITION_RECORD_PATH
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_bytes(_acquisition_record(acquisition, placed, bag, command))
    files.append(_evidence_file(bag, record, FileRole.METADATA))
    media = next(path for path, file in placed.items() if file == acquisition.media)
    manifest = EvidenceManifest(
        case_id=case_id,
        sealed_utc=utc_now(),
        media_path=media.relative_to(bag).as_posix(),
        files=_sorted(files),
        private_files=_sorted(private_files),
    )
    log = bag / ACQUISITION_LOG_PATH
    log.write_bytes(b"".join(chain_lines(_events(acquisition, manifest, actor, signer))))
    return replace(manifest, files=_sorted([*files, _evidence_file(bag, log, FileRole.METADATA)]))


def _sorted(files: list[EvidenceFile]) -> tuple[EvidenceFile, ...]:
    return tuple(sorted(files, key=lambda file: file.relative_path))


def _seal(bag: Path, manifest: EvidenceManifest, description: str) -> str:
    """Write the manifest and make the folder a bag; returns the bag's digest."""
    path = bag / MANIFEST_PATH
    path.write_bytes(manifest_bytes(manifest))
    payload = {file.relative_path: (file.sha256, file.size_bytes) for file in manifest.files}
    payload[MANIFEST_PATH] = digest_of(path)
    return seal_bag(bag, manifest.case_id, description, manifest.sealed_utc[:10], payload)


def _sealing_event(manifest: EvidenceManifest, bag_sha256: str, clock: ClockReading | None, actor: str) -> CustodyEvent:
    return CustodyEvent(
        utc=utc_now(),
        actor=bounded(actor),
        action=SEALED,
        detail=f"case {manifest.case_id}; the digest is that of {TAG_LIST_NAME}, which covers the whole bag",
        digest=bag_sha256,
        clock=clock,
    )


def _begin_custody(
    folder: Path, manifest: EvidenceManifest, sealing: CustodyEvent, signing_key: SigningKey | None
) -> None:
    """Begin the later log with the bag's digest, and sign if there is a key."""
    folder.mkdir()
    events = [sealing]
    if signing_key is not None:
        comment = f"case {manifest.case_id}, manifest sealed {manifest.sealed_utc}"
        key_id = signing_key.public.key_id
        for name, text, what in (
            (SIGNATURE_NAME, signing_key.sign(manifest_bytes(manifest), comment), f"signature with key {key_id}"),
            (PUBLIC_KEY_NAME, signing_key.public.text, f"public key {key_id}"),
        ):
            (folder / name).write_bytes(text.encode("ascii"))
            digest, _ = digest_of(folder / name)
            events.append(replace(sealing, action=FILE_ADDED, detail=f"{name}: {what}", digest=digest))
    content = log_bytes(events, manifest.case_id, sealing.digest or "", signing_key)
    (folder / CUSTODY_LOG_NAME).write_bytes(content)


def _place(bag: Path, private: Path, file: AcquiredFile) -> Path:
    """Say where a file goes in the case; names from outside never become names in it."""
    extension = file.path.suffix.lower() if _EXTENSION.fullmatch(file.path.suffix) else ".bin"
    if file.role in (FileRole.MASTER, FileRole.WORKING_COPY):
        return bag / "data" / _FOLDER_OF_ROLE[file.role] / f"media{extension}"
    if not PLAIN_NAME.fullmatch(file.path.name) or file.path.name == Path(ACQUISITION_RECORD_PATH).name:
        raise ValueError(f"an acquired file of the name {file.path.name!r}")
    if file.role is FileRole.PRIVATE:
        return private / file.path.name
    return bag / "data" / _FOLDER_OF_ROLE.get(file.role, "metadata") / file.path.name


def _take(source: Path, destination: Path, staging: Path) -> None:
    """Move a file out of staging, or copy one that lies elsewhere or on another disk."""
    if source.is_symlink() or not source.is_file():
        raise ValueError(f"{source.name!r} is not a regular file")
    if source.resolve().is_relative_to(staging.resolve()):
        with suppress(OSError):  # another disk
            source.rename(destination)
            return
    shutil.copyfile(source, destination)


def _evidence_file(folder: Path, path: Path, role: FileRole) -> EvidenceFile:
    digest, size = digest_of(path)
    return EvidenceFile(relative_path=path.relative_to(folder).as_posix(), role=role, sha256=digest, size_bytes=size)


def _acquisition_record(
    acquisition: Acquisition, placed: dict[Path, AcquiredFile], bag: Path, command: Sequence[str]
) -> bytes:
    record = asdict(acquisition)
    record["files"] = [
        {"relative_path": path.relative_to(bag).as_posix(), "role": file.role.value}
        for path, file in placed.items()
        if file.role is not FileRole.PRIVATE
    ]
    record["original_name"] = Path(acquisition.source).name if acquisition.is_local_file else None
    record["copy_statement"] = copy_statement(acquisition)
    record["command"] = list(command)
    return canonical_json({"format_version": 2, **record})


def _events(
    acquisition: Acquisition, manifest: EvidenceManifest, actor: str, signer: PublicKey | None
) -> list[CustodyEvent]:
    """List the events of the acquisition, up to the sealing of these files."""
    how = "copied from a local file" if acquisition.is_local_file else f"fetched from {acquisition.source}"
    told: list[tuple[str, str, str, str | None]] = [
        (acquisition.started_utc, "acquisition started", how, None),
        (acquisition.finished_utc, "acquisition finished", f"{len(acquisition.files)} files", None),
    ]
    for action, kept in ((PRESERVED, manifest.files), (KEPT_PRIVATE, manifest.private_files)):
        told += [
            (manifest.sealed_utc, action, f"{file.relative_path}: {file.role}, {file.size_bytes} bytes", file.sha256)
            for file in kept
        ]
    told.append((manifest.sealed_utc, SEALED, sealing_detail(manifest.case_id, signer), None))
    return [
        CustodyEvent(
            utc=utc, actor=bounded(actor), action=action, detail=bounded(detail), digest=digest, clock=acquisition.clock
        )
        for utc, action, detail, digest in told
    ]
