"""The story of `verify video`, stage by stage: acquire, preserve, examine, match, report."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verify.acquire.source import acquire, is_url
from verify.acquire.texts import MAX_TITLE_CHARACTERS, clean_text
from verify.archive.index import ReferenceIndex
from verify.archive.metadata import id_from_name
from verify.archive.store import Archive
from verify.dates import utc_now
from verify.errors import EvidenceExistsError, NoUsableFramesError, OutputNotWritableError, UnreadableMediaError
from verify.evidence.manifest import media_file
from verify.evidence.preserve import preserve
from verify.fingerprint.examine import (
    QUERY_SAMPLES_PER_SECOND,
    REFERENCE_SAMPLES_PER_SECOND,
    examine_query,
    examine_reference,
)
from verify.match.matcher import MIN_DISTINCTNESS, find_matches
from verify.match.pairing import AGREEMENT_LIMIT
from verify.match.query import MIN_QUALITY, make_query
from verify.report.assemble import Material, assemble
from verify.report.pictures import PictureBook
from verify.report.writer import REPORT_PARTS, write_report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from verify.acquire.limits import AcquisitionLimits
    from verify.model import Acquisition, ArchiveSnapshot, Claim, Match, Progress, Reference, Report

EVIDENCE_FOLDER = "evidence"
PARAMETERS: dict[str, str | int | float | bool] = {
    "query_samples_per_second": QUERY_SAMPLES_PER_SECOND,
    "reference_samples_per_second": REFERENCE_SAMPLES_PER_SECOND,
    "agreement_limit_share_of_bits": AGREEMENT_LIMIT,
    "min_distinctness_share_of_bits": MIN_DISTINCTNESS,
    "min_pdq_quality": MIN_QUALITY,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Library:
    """A reference archive, opened and loaded once for any number of releases."""

    archive: Archive
    index: ReferenceIndex
    snapshot: ArchiveSnapshot
    references: Mapping[str, Reference]


@contextmanager
def open_library(folder: Path) -> Iterator[Library]:
    """Open an archive for searching; raises the errors of `Archive.open`."""
    with Archive.open(folder) as archive:
        yield Library(
            archive=archive,
            index=ReferenceIndex.load(archive, MIN_QUALITY),
            snapshot=archive.snapshot(),
            references={reference.id: reference for reference in archive.references()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks of one verification. `destination` gets the report and, in evidence/, the case.

    `query_id` names the release in matches.csv; empty means the stem of its file or URL.
    """

    source: str
    destination: Path
    command: tuple[str, ...]
    formats: frozenset[str]
    claimed_date: str = ""
    publisher: str = ""
    claims: tuple[Claim, ...] = ()
    allow_private: bool = False
    limits: AcquisitionLimits | None = None
    query_id: str = ""


def verify_release(request: Request, library: Library | None, progress: Progress) -> Report:
    """Check one release against the library and write its report.

    Parameters
    ----------
    library
        The archive to search. None: the release is preserved and reported on, and the report says that nothing was
        searched.

    Raises
    ------
    VerifyError
        A stage failed. What was preserved by then stays in the destination; no part of a report does.
    """
    with _working_folder(request.destination) as working:
        report_id = f"{utc_now().replace('-', '').replace(':', '')}-{uuid.uuid4().hex[:8]}"
        staging = working / "staging"
        staging.mkdir()
        acquisition = acquire(
            request.source, staging, allow_private=request.allow_private, limits=request.limits, progress=progress
        )
        case = request.destination / EVIDENCE_FOLDER
        manifest = preserve(acquisition, staging, case, case_id=report_id, command=request.command)
        media = media_file(case, manifest)
        with _naming(acquisition.source):
            examination = examine_query(media, progress, "examine")
        matches: tuple[Match, ...] | None = None
        if library is not None and library.snapshot.reference_count:
            query = make_query(examination.fingerprints, examination.shots)
            matches = find_matches(query, library.index, progress)
        pictures = PictureBook(working, media, library.archive if library else None)
        first_frame, frame_pairs = pictures.draw(matches or ())
        claimed_date, basis = _claimed_date(request, acquisition)
        report = assemble(
            Material(
                report_id=report_id,
                query_id=request.query_id or _query_id(request.source, acquisition),
                command=request.command,
                acquisition=acquisition,
                manifest=manifest,
                examination=examination,
                archive=library.snapshot if library else None,
                references=library.references if library else {},
                matches=matches,
                frame_pairs=frame_pairs,
                first_frame=first_frame,
                claimed_date=claimed_date,
                claimed_date_basis=basis,
                publisher=request.publisher,
                claims=request.claims,
                parameters=PARAMETERS,
            )
        )
        write_report(report, working, request.destination, request.formats)
        return report


def compare_videos(query_path: Path, reference_path: Path, progress: Progress) -> tuple[Match, ...]:
    """Find the segments of one video that agree with segments of another; no archive, no evidence, no report."""
    query = examine_query(query_path, progress, query_path.name)
    _, fingerprints = examine_reference(reference_path, progress, reference_path.name)
    index = ReferenceIndex({id_from_name(reference_path.stem): fingerprints}, MIN_QUALITY)
    return find_matches(make_query(query.fingerprints, query.shots), index, progress)


def _claimed_date(request: Request, acquisition: Acquisition) -> tuple[str, str]:
    """Return the date to hold references against, and who states it."""
    if request.claimed_date:
        return request.claimed_date, "stated by the operator"
    if acquisition.published:
        return acquisition.published, "publication date stated by the platform"
    return "", ""


def _query_id(source: str, acquisition: Acquisition) -> str:
    """Name of the release in matches.csv: the file's stem, or the last part of the URL."""
    if not is_url(source):
        return clean_text(Path(source).stem, MAX_TITLE_CHARACTERS) or "release"
    path = (acquisition.final_url or source).partition("?")[0].partition("#")[0].rstrip("/")
    name = path.rpartition("/")[2]
    return id_from_name(name.rpartition(".")[0] or name)


@contextmanager
def _working_folder(destination: Path) -> Iterator[Path]:
    """Give a temporary folder inside the destination, removed at the end whatever happens.

    Folders that were made for this run and hold nothing in the end are removed too.
    """
    missing = [folder for folder in (destination, *destination.parents) if not os.path.lexists(folder)]
    for name in (EVIDENCE_FOLDER, *REPORT_PARTS):
        if os.path.lexists(destination / name):
            raise EvidenceExistsError(
                destination / name,
                "there is a case or report here already",
                "Choose another --out; nothing is overwritten.",
            )
    try:
        destination.mkdir(parents=True, exist_ok=True)
        working = Path(tempfile.mkdtemp(prefix=".working-", dir=destination))
    except OSError as error:
        raise OutputNotWritableError(
            destination, f"the output folder cannot be written ({error.strerror})", "Choose another --out."
        ) from error
    try:
        yield working
    finally:
        shutil.rmtree(working, ignore_errors=True)
        for folder in missing:
            with suppress(OSError):  # not empty
                folder.rmdir()


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """Let an error about the preserved copy name what the user gave."""
    try:
        yield
    except (UnreadableMediaError, NoUsableFramesError) as error:
        raise type(error)(source, error.problem, error.remedy) from error
