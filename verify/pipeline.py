"""The story of `verify video`, stage by stage: acquire, preserve, examine, match, report."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from verify.acquire.options import AcquisitionOptions
from verify.acquire.texts import MAX_TITLE_CHARACTERS, clean_text
from verify.archive.cases import open_cases
from verify.archive.descriptor_index import DescriptorIndex
from verify.archive.index import ReferenceIndex
from verify.archive.local_index import LocalIndex
from verify.archive.metadata import id_from_name
from verify.archive.motion_index import MotionIndex
from verify.dates import utc_now
from verify.errors import (
    ArchiveDamagedError,
    ArchiveLockedError,
    EvidenceExistsError,
    FingerprintVersionError,
    NewerFormatError,
    NoUsableFramesError,
    OutputNotWritableError,
    UnreadableMediaError,
    VerifyError,
)
from verify.evidence.layout import custody_folder, private_folder
from verify.evidence.manifest import media_file
from verify.evidence.sealing import SealOptions, actor_name, describe_seal
from verify.evidence.securing import case_to_reuse, fetch_and_preserve, noting_examination, take_up
from verify.fingerprint.examine import (
    QUERY_SAMPLES_PER_SECOND,
    REFERENCE_SAMPLES_PER_SECOND,
    examine_query,
    examine_reference,
)
from verify.fingerprint.stored_examination import write_examination
from verify.match.hash_lines import MIN_DISTINCTNESS
from verify.match.library import Library, open_library
from verify.match.matcher import find_matches, search
from verify.match.materials import QueryMaterial, ReferenceMaterial
from verify.match.origins import held_to_origins
from verify.match.pairing import AGREEMENT_LIMIT
from verify.match.query import MIN_QUALITY, make_query
from verify.match.rejections import Rejected
from verify.match.repeats import find_repeats
from verify.match.scoring import calibration
from verify.media.container import decoding_observations, examine_container
from verify.media.credentials import read_credentials
from verify.media.proxies import ProxyReader
from verify.model import ProxyClip, Sighting, SightingSource
from verify.remembering import NONE_EARLIER, Checked, Memory, release_as_reference, search_earlier
from verify.report.assemble import NOTHING_DRAWN, Material, assemble
from verify.report.options import RenderOptions
from verify.report.pictures import PictureBook
from verify.report.shot_texts import NOTHING_READ, with_texts
from verify.report.writer import EXAMINATION_NAME, REPORT_PARTS, report_files, write_report
from verify.translation import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verify.evidence.securing import Preserved
    from verify.fingerprint.examine import Examination
    from verify.fingerprint.learned import Descriptor
    from verify.model import (
        Acquisition,
        Claim,
        Interval,
        Match,
        Progress,
        Report,
    )

__all__ = ["Library", "Request", "compare_videos", "open_library", "parameters", "query_material", "verify_release"]

EVIDENCE_FOLDER = "evidence"
PARAMETERS: dict[str, str | int | float | bool] = {
    "query_samples_per_second": QUERY_SAMPLES_PER_SECOND,
    "reference_samples_per_second": REFERENCE_SAMPLES_PER_SECOND,
    "agreement_limit_share_of_bits": AGREEMENT_LIMIT,
    "min_distinctness_share_of_bits": MIN_DISTINCTNESS,
    "min_pdq_quality": MIN_QUALITY,
    "confirmed_from_score": calibration().confirmed_from,
    "possible_from_score": calibration().possible_from,
}
#: Stands for the digest of a learned descriptor where the archive was searched without.
NO_DESCRIPTOR = "none"
_PROXY_NAME = "proxy.mkv"
_EDGE_S = 0.001
#: A clip is a piece of the release, at most some 3 MB.
_CLIPS_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks of one verification. `destination` gets the report and, in evidence/, the case.

    `query_id` names the release in matches.csv; empty means the stem of its file or URL. With `offline` nothing is
    fetched: `source` is a case, a local file, or the URL of what lies in evidence/ already. With `remember` the release
    is remembered beside the archive, and compared with earlier ones of its publisher that are. `look` is how the
    report is to look; with `keep_fingerprints` it keeps what `verify replay` needs to run the search again. With
    `reads_text` the text in the pictures of shots is read, by a reader that must be installed.
    """

    source: str
    destination: Path
    command: tuple[str, ...]
    formats: frozenset[str]
    claimed_date: str = ""
    publisher: str = ""
    published: str = ""
    claims: tuple[Claim, ...] = ()
    options: AcquisitionOptions = field(default_factory=AcquisitionOptions)
    seal: SealOptions = field(default_factory=lambda: SealOptions(actor=actor_name()))
    c2pa_trust: Path | None = None
    query_id: str = ""
    offline: bool = False
    remember: bool = True
    look: RenderOptions = field(default_factory=RenderOptions)
    keep_fingerprints: bool = True
    reads_text: bool = False


def verify_release(
    request: Request, library: Library | None, progress: Progress, tell: Callable[[str], None] = lambda _: None
) -> Report:
    """Check one release against the library and write its report.

    Parameters
    ----------
    library
        The archive to search. None: the release is preserved and reported on, and the report says that nothing was
        searched.
    tell
        Takes what the user should know besides: characters of a form that no font has, that the release could not be
        remembered.

    Raises
    ------
    VerifyError
        A stage failed. What was preserved by then stays in the destination; no part of a report does.
    """
    report_id = f"{utc_now().replace('-', '').replace(':', '')}-{uuid.uuid4().hex[:8]}"
    case = request.destination / EVIDENCE_FOLDER
    found = case_to_reuse(request.source, case, offline=request.offline)
    with _working_folder(request.destination, evidence_stays=found == case) as working:
        if found:
            preserved = take_up(
                request.source, found, case, seal=request.seal, allow_private=request.options.allow_private
            )
        else:
            preserved = fetch_and_preserve(
                request.source,
                _new_folder(working / "staging"),
                case,
                case_id=report_id,
                command=request.command,
                options=request.options,
                seal=request.seal,
                progress=progress,
            )
        with noting_examination(preserved, request.destination, request.seal):
            checked = _examine(request, preserved, library, working, report_id=report_id, progress=progress)
            write_report(checked.report, working, request.destination, request.formats, request.look, tell=tell)
        if library and checked.memory:
            try:
                checked.memory.keep(library.archive.folder, checked, request.destination, library.learned, tell)
            except VerifyError as error:
                tell(f"the report is written, but the release cannot be remembered: {error}")
        return checked.report


def _examine(
    request: Request,
    preserved: Preserved,
    library: Library | None,
    working: Path,
    *,
    report_id: str,
    progress: Progress,
) -> Checked:
    """Examine what was preserved, compare it with the library, and put the report together."""
    acquisition, manifest = preserved.acquisition, preserved.manifest
    media = media_file(preserved.case_dir, manifest)
    proxy = working / _PROXY_NAME
    memory = Memory(working) if request.remember and library and library.snapshot.reference_count else None
    with _naming(acquisition.source):
        examination = examine_query(
            media,
            progress,
            "examine",
            proxy,
            library.learned if library else None,
            reference_side=memory.side if memory else None,
        )
    credentials = read_credentials(media, trust_anchors=request.c2pa_trust)
    observations = (
        *examine_container(media, acquired_utc=acquisition.finished_utc),
        *decoding_observations(examination.info, examination.outcome),
    )
    publisher = request.publisher or acquisition.publisher or ""
    published = _published(request, acquisition)
    release = release_as_reference(report_id, preserved, publisher, published, examination)
    matches: tuple[Match, ...] | None = None
    rejected = Rejected()
    earlier = NONE_EARLIER
    with ExitStack() as stack:
        proxies = stack.enter_context(ProxyReader())
        query = query_material(examination, proxy, proxies, library.learned if library else None)
        if library is not None and library.snapshot.reference_count:
            searched = search(query, library.hashes, library.material, progress)
            matches, rejected = held_to_origins(searched.matches, library.references), searched.rejected
        repeats = find_repeats(query, progress)
        cases, warnings = None, preserved.warnings
        try:
            cases = stack.enter_context(open_cases(library.archive.folder)) if library and request.remember else None
            if cases:
                earlier = search_earlier(cases, release, query, progress)
        except (ArchiveDamagedError, FingerprintVersionError, NewerFormatError, ArchiveLockedError) as error:
            cases, earlier = None, NONE_EARLIER
            warnings = (*warnings, f"Earlier releases of the publisher could not be searched: {error}")
        drawn = NOTHING_DRAWN
        if request.look.has_pictures:
            drawn = PictureBook(working, media, library.archive if library else None).draw(
                examination.shots, matches or (), repeats, earlier.matches, cases.archive if cases else None
            )
    reading = NOTHING_READ
    if request.reads_text:
        drawn, reading = with_texts(drawn, working, progress)
    stored = EXAMINATION_NAME if request.keep_fingerprints else ""
    if stored:
        write_examination(working / stored, examination, proxy, library.learned if library else None)
    claimed_date, basis = _claimed_date(request, acquisition)
    report = assemble(
        Material(
            report_id=report_id,
            query_id=request.query_id or _query_id(acquisition),
            command=request.command,
            acquisition=acquisition,
            manifest=manifest,
            examination=examination,
            archive=library.snapshot if library else None,
            references=library.references if library else {},
            matches=matches,
            is_by_looks=library is None or library.learned is not None,
            repeats=repeats,
            rejected=rejected,
            earlier=earlier.matches,
            earlier_releases=earlier.releases,
            earlier_searched=earlier.searched,
            drawn=drawn,
            reading=reading,
            files=report_files(working),
            stored_examination=stored,
            claimed_date=claimed_date,
            claimed_date_basis=basis,
            publisher=publisher,
            published=published.date,
            claims=request.claims,
            parameters={
                **parameters(library),
                "earlier_releases_searched": len(earlier.searched),
                "earlier_releases_remembered": earlier.known,
            },
            seal=describe_seal(preserved.case_dir, request.seal.timestamp_roots),
            credentials=credentials,
            observations=observations,
            warnings=warnings,
        )
    )
    return Checked(
        report=report,
        release=release,
        examination=examination,
        query_proxy=proxy,
        stored_examination=stored,
        memory=memory,
    )


def parameters(library: Library | None) -> dict[str, str | int | float | bool]:
    """Return what a report states of how it was searched."""
    if library is None:
        return PARAMETERS
    return {**PARAMETERS, "learned_descriptor_sha256": library.learned.sha256 if library.learned else NO_DESCRIPTOR}


def compare_videos(
    query_path: Path, reference_path: Path, progress: Progress, learned: Descriptor | None = None
) -> tuple[Match, ...]:
    """Find the segments of one video that agree with segments of another; no archive, no evidence, no report."""
    with tempfile.TemporaryDirectory(prefix="verify-") as folder, ProxyReader() as proxies:
        query_proxy, reference_proxy = (Path(folder) / name for name in ("a.mkv", "b.mkv"))
        query = examine_query(query_path, progress, query_path.name, query_proxy, learned)
        reference, fingerprints = examine_reference(
            reference_path, progress, reference_path.name, proxy_path=reference_proxy, learned=learned
        )
        name = id_from_name(reference_path.stem)
        hashes = ReferenceIndex({name: fingerprints}, MIN_QUALITY)
        material = ReferenceMaterial(
            LocalIndex.of({name: reference.local} if reference.local else {}),
            {name: reference.outcome.decoded.end_s},
            lambda _, stretch: proxies.read(reference_proxy, stretch),
            DescriptorIndex.of([name], {name: reference.descriptors}) if reference.descriptors else None,
            MotionIndex([name], {name: reference.motion}) if reference.motion else None,
        )
        return find_matches(query_material(query, query_proxy, proxies, learned), hashes, material, progress)


def query_material(
    examination: Examination, proxy: Path, proxies: ProxyReader, learned: Descriptor | None = None
) -> QueryMaterial:
    """Put together what matching needs of a release, its small pictures read from the proxy as they are asked for.

    `learned` is the descriptor that it was examined with.
    """

    @lru_cache(maxsize=_CLIPS_KEPT)
    def clip(interval: Interval) -> ProxyClip | None:
        if not proxy.exists():
            return None
        found = proxies.read(proxy, interval)
        # The picture that is shown when the interval begins may belong to the shot before it.
        inside = (found.times_s >= interval.start_s - _EDGE_S) & (found.times_s < interval.end_s - _EDGE_S)
        return ProxyClip(times_s=found.times_s[inside], pictures=found.pictures[inside])

    return QueryMaterial(
        hashes=make_query(examination.fingerprints, examination.shots),
        pieces=examination.pieces,
        clip=clip,
        learned=learned,
    )


def _published(request: Request, acquisition: Acquisition) -> Sighting:
    """Return when the release was published, and who says so."""
    if request.published:
        basis = "publication date stated by the operator"
        return Sighting(date=request.published, source=SightingSource.STATEMENT, basis=basis)
    return Sighting(date=acquisition.published or "", source=SightingSource.PLATFORM, basis="publication date")


def _claimed_date(request: Request, acquisition: Acquisition) -> tuple[str, str]:
    """Return the date to hold references against, and who states it."""
    if request.claimed_date:
        return request.claimed_date, marked("stated by the operator")
    if request.published:
        return request.published, marked("publication date stated by the operator")
    if acquisition.published:
        return acquisition.published, marked("publication date stated by the platform")
    return "", ""


def _query_id(acquisition: Acquisition) -> str:
    """Name of the release in matches.csv: the file's stem, or the last part of the URL."""
    if acquisition.is_local_file:
        return clean_text(Path(acquisition.source).stem, MAX_TITLE_CHARACTERS) or "release"
    path = (acquisition.final_url or acquisition.source).partition("?")[0].partition("#")[0].rstrip("/")
    name = path.rpartition("/")[2]
    return id_from_name(name.rpartition(".")[0] or name)


def _new_folder(path: Path) -> Path:
    path.mkdir()
    return path


@contextmanager
def _working_folder(destination: Path, *, evidence_stays: bool) -> Iterator[Path]:
    """Give a temporary folder inside the destination, removed at the end whatever happens.

    Folders that were made for this run and hold nothing in the end are removed too. With `evidence_stays` the
    destination may hold a case already, which is the one to examine; a report it may not hold.
    """
    missing = [folder for folder in (destination, *destination.parents) if not os.path.lexists(folder)]
    case = destination / EVIDENCE_FOLDER
    folders = () if evidence_stays else (case, custody_folder(case), private_folder(case))
    for path in (*folders, *(destination / name for name in REPORT_PARTS)):
        if os.path.lexists(path):
            raise EvidenceExistsError(
                path,
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
