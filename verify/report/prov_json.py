"""prov.json: how the report came about, as W3C PROV (PROV-JSON, W3C member submission of 24 April 2013).

That footage of a release agrees with a reference is a match, which was derived from both. Nothing here says that the
release was derived from the reference: that is for a person to judge.
"""

from __future__ import annotations

import hashlib
import shlex
from typing import TYPE_CHECKING

from verify.evidence.custody_log import FILE_ADDED, KEPT_PRIVATE, PRESERVED, SEALED, named_file
from verify.evidence.reading import digest_of
from verify.model import FileRole, MatchLevel
from verify.report.json_report import encode_report
from verify.report.machine_json import machine_json
from verify.report.options import Rendered
from verify.report.prov_records import (
    Agents,
    ProvDocument,
    prov_address,
    prov_decimal,
    prov_integer,
    prov_text,
    prov_time,
)

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import (
        Annotation,
        CustodyEvent,
        EvidenceFile,
        Interval,
        Reference,
        Report,
        ReportedMatch,
        ReportedRepeat,
    )
    from verify.report.options import RenderOptions
    from verify.report.prov_records import Value

_STARTED, _FINISHED = "acquisition started", "acquisition finished"
#: Events that say when one of the activities was; every other one becomes an activity of its own.
_OF_ACTIVITIES = frozenset({_STARTED, _FINISHED, PRESERVED, KEPT_PRIVATE, SEALED})
_MOST_EVENTS = 500
#: What a preserved file was made from, by its role; files of the other roles came with the release.
_MADE_FROM = {FileRole.WORKING_COPY: FileRole.STREAM}


def render_prov(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    """Render the document. Identifiers are made here and numbered, so that no id from outside can be an invalid one.

    Times are those of the custody events and of the report; what has no recorded time (examination, matching) gets
    none. `folder` may hold the report.json whose digest is stated; otherwise it is that of the report as it is written.
    """
    document = ProvDocument(report.report_id)
    agents = Agents(document, report.tool_version)
    _add_release(document, report)
    _add_acquisition(document, report, agents)
    _add_preservation(document, report, agents)
    _add_examination(document, report, agents)
    _add_matching(document, report, agents)
    _add_reporting(document, report, agents, folder)
    for annotation in options.annotations:
        _add_annotation(document, annotation)
    return Rendered(content=machine_json(document.records))


def _add_release(document: ProvDocument, report: Report) -> None:
    release = report.release
    document.add(
        "entity",
        "release",
        "verify:Release",
        prov__label=prov_text(release.title or release.source),
        verify__source=prov_address(release.source),
        verify__finalUrl=prov_address(release.final_url or ""),
        verify__statedPublicationDate=prov_text(release.published),
    )
    if release.publisher:
        publisher = document.add(
            "agent",
            "publisher",
            "verify:Publisher",
            prov__label=prov_text(release.publisher),
            verify__url=prov_address(release.publisher_url or ""),
            verify__basis="as quoted from the release's source or the operator; not assessed",
        )
        document.relate("wasAttributedTo", entity="report:release", agent=publisher)


def _add_acquisition(document: ProvDocument, report: Report, agents: Agents) -> None:
    """Add the obtaining of the bytes, and every preserved file, which it left."""
    started = _first(report, _STARTED)
    finished = _first(report, _FINISHED)
    ended = prov_time(finished.utc) if finished else prov_time(report.release.acquired_utc)
    acquisition = document.add(
        "activity",
        "acquisition",
        "verify:Acquisition",
        prov__label="obtaining the bytes of the release",
        prov__startTime=prov_time(started.utc) if started else "",
        prov__endTime=ended,
    )
    agents.carried_out(acquisition, [event.actor for event in (started, finished) if event])
    document.relate("used", activity=acquisition, entity="report:release")
    for number, file in enumerate(_files(report), 1):
        _add_file(document, file, f"file-{number}")
        if _was_acquired(report, file):
            document.generated(f"report:file-{number}", acquisition, ended)
    _derive_files(document, report)


def _files(report: Report) -> tuple[EvidenceFile, ...]:
    return (*report.evidence.files, *report.evidence.private_files)


def _was_acquired(report: Report, file: EvidenceFile) -> bool:
    """Tell whether a file came with the release; the log of the acquisition itself is written at the sealing."""
    events = report.seal.events if report.seal else ()
    named = {named_file(event) for event in events if event.action in (PRESERVED, KEPT_PRIVATE)}
    return file.relative_path in named or not named


def _add_file(document: ProvDocument, file: EvidenceFile, name: str) -> None:
    document.add(
        "entity",
        name,
        "verify:PreservedFile",
        prov__label=prov_text(file.relative_path),
        verify__role=file.role.value,
        verify__sha256=prov_text(file.sha256),
        verify__sizeBytes=prov_integer(file.size_bytes),
    )


def _derive_files(document: ProvDocument, report: Report) -> None:
    """Say what the media files were made from: a working copy from the streams beside it, all else from the release."""
    names = {f"report:file-{number}": file for number, file in enumerate(_files(report), 1)}
    for name, file in names.items():
        wanted = _MADE_FROM.get(file.role)
        sources = [other for other, candidate in names.items() if wanted and candidate.role is wanted]
        if file.role in (FileRole.MASTER, FileRole.STREAM, FileRole.WORKING_COPY):
            for source in sources or ["report:release"]:
                document.derived(name, source)


def _add_preservation(document: ProvDocument, report: Report, agents: Agents) -> None:
    """Add the sealing of the case, and what was done to it later, as the custody logs tell it."""
    events = report.seal.events if report.seal else ()
    told = [event for event in events if event.action in (PRESERVED, KEPT_PRIVATE, SEALED)]
    preservation = document.add(
        "activity",
        "preservation",
        "verify:Preservation",
        prov__label="sealing the files in a case",
        prov__startTime=prov_time(told[0].utc) if told else "",
        prov__endTime=prov_time(told[-1].utc) if told else prov_time(report.evidence.sealed_utc),
    )
    agents.carried_out(preservation, [event.actor for event in told])
    case = document.add(
        "entity",
        "case",
        "prov:Collection",
        prov__label=prov_text(report.evidence.case_id),
        verify__bagSha256=prov_text(report.seal.bag_sha256) if report.seal else "",
        verify__manifestSha256=prov_text(report.seal.manifest_sha256) if report.seal else "",
    )
    document.generated(case, preservation, prov_time(report.evidence.sealed_utc))
    for number, file in enumerate(_files(report), 1):
        if _was_acquired(report, file):
            document.relate("used", activity=preservation, entity=f"report:file-{number}")
        else:
            document.generated(f"report:file-{number}", preservation, prov_time(report.evidence.sealed_utc))
        document.relate("hadMember", collection=case, entity=f"report:file-{number}")
    later = [event for event in events if event.action not in _OF_ACTIVITIES]
    for number, event in enumerate(later[:_MOST_EVENTS], 1):
        _add_event(document, agents, event, number)
    for number, stated in enumerate(report.seal.timestamps if report.seal else (), 1):
        entity = document.add(
            "entity",
            f"timestamp-{number}",
            "verify:TrustedTime",
            prov__label=prov_text(stated.statement),
            verify__kind=prov_text(stated.kind),
            verify__statedUtc=prov_text(stated.utc),
        )
        authority = document.add(
            "agent", f"authority-{number}", "verify:TimestampAuthority", prov__label=prov_text(stated.authority)
        )
        document.relate("wasAttributedTo", entity=entity, agent=authority)


def _add_event(document: ProvDocument, agents: Agents, event: CustodyEvent, number: int) -> None:
    activity = document.add(
        "activity",
        f"event-{number}",
        "verify:CustodyEvent",
        prov__label=prov_text(event.action),
        prov__startTime=prov_time(event.utc),
        prov__endTime=prov_time(event.utc),
        verify__detail=prov_text(event.detail),
        verify__addedSha256=prov_text(event.digest or "") if event.action == FILE_ADDED else "",
    )
    agents.carried_out(activity, [event.actor])
    document.relate("used", activity=activity, entity="report:case")


def _add_examination(document: ProvDocument, report: Report, agents: Agents) -> None:
    """Add the decoding and fingerprinting of the media file; when it was is not recorded."""
    activity = document.add(
        "activity", "examination", "verify:Examination", prov__label="decoding and fingerprinting the media file"
    )
    agents.carried_out(activity, [])
    media = _media(report)
    document.relate("used", activity=activity, entity=media)
    stored = next((file for file in report.files if file.path == report.examination), None)
    made = document.add(
        "entity",
        "fingerprints",
        "verify:Fingerprints",
        prov__label=prov_text(report.examination or "fingerprints, which the report does not keep"),
        verify__sha256=prov_text(stored.sha256) if stored else "",
    )
    document.generated(made, activity)
    document.derived(made, media)


def _media(report: Report) -> str:
    """Return the id of the file that was analysed; the release itself where the manifest does not list it."""
    paths = [file.relative_path for file in _files(report)]
    media_path = report.evidence.media_path
    return f"report:file-{paths.index(media_path) + 1}" if media_path in paths else "report:release"


def _add_matching(document: ProvDocument, report: Report, agents: Agents) -> None:
    """Add the search of the archive and what came of it, where there was one."""
    activity = document.add("activity", "matching", "verify:Matching", prov__label="comparing with the references")
    agents.carried_out(activity, [])
    document.relate("used", activity=activity, entity="report:fingerprints")
    if report.archive:
        archive = document.add(
            "entity",
            "archive",
            "prov:Collection",
            prov__label="snapshot of the reference archive",
            verify__snapshotId=prov_text(report.archive.snapshot_id),
            verify__referenceCount=prov_integer(report.archive.reference_count),
        )
        document.relate("used", activity=activity, entity=archive)
    references = _add_references(document, report)
    found: list[tuple[str, ReportedMatch | ReportedRepeat]] = [
        *((f"match-{entry.number}", entry) for entry in report.matches),
        *((f"same-scene-{entry.number}", entry) for entry in report.same_scene),
        *((f"repeat-{entry.number}", entry) for entry in report.repeats),
        *((f"earlier-release-{entry.number}", entry) for entry in report.earlier_releases),
    ]
    for name, entry in found:
        made = _add_match(document, name, entry)
        document.generated(made, activity)
        document.derived(made, "report:fingerprints")
        if source := references.get(entry.match.reference_id if not name.startswith("repeat-") else ""):
            document.derived(made, source)


def _add_references(document: ProvDocument, report: Report) -> dict[str, str]:
    """Add every reference that something matched, once; returns their ids in the document by their own."""
    known: dict[str, str] = {}
    archived = {entry.match.reference_id for entry in (*report.matches, *report.same_scene)}
    for entry in (*report.matches, *report.same_scene, *report.earlier_releases):
        own_id = entry.match.reference_id
        if own_id in known:
            continue
        known[own_id] = _add_reference(document, entry.reference, f"reference-{len(known) + 1}", own_id)
        if report.archive and own_id in archived:
            document.relate("hadMember", collection="report:archive", entity=known[own_id])
    return known


def _add_reference(document: ProvDocument, reference: Reference, name: str, own_id: str) -> str:
    return document.add(
        "entity",
        name,
        "verify:Reference",
        prov__label=prov_text(reference.title or own_id),
        verify__referenceId=prov_text(own_id),
        verify__publisher=prov_text(reference.publisher),
        verify__url=prov_address(reference.source_url),
        verify__firstSeenNoLaterThan=prov_text(reference.first_seen),
        verify__firstSeenBasis=prov_text(reference.first_seen_basis),
        verify__sha256=prov_text(reference.sha256),
    )


def _add_match(document: ProvDocument, name: str, entry: ReportedMatch | ReportedRepeat) -> str:
    match = entry.match
    level = "same scene" if match.same_scene_only else match.level.value
    return document.add(
        "entity",
        name,
        "verify:ConfirmedMatch" if level == MatchLevel.CONFIRMED.value else "verify:Match",
        prov__label=prov_text(entry.finding.statement),
        verify__level=level,
        verify__score=prov_decimal(match.score),
        **_bounds("query", match.query),
        **_bounds("reference", match.reference),
    )


def _bounds(which: str, interval: Interval) -> dict[str, Value]:
    return {
        f"verify__{which}StartSeconds": prov_decimal(interval.start_s),
        f"verify__{which}EndSeconds": prov_decimal(interval.end_s),
    }


def _add_reporting(document: ProvDocument, report: Report, agents: Agents, folder: Path) -> None:
    """Add the making of the report, report.json itself, and the pictures that lie beside it."""
    activity = document.add(
        "activity",
        "reporting",
        "verify:Reporting",
        prov__label="putting the report together",
        prov__endTime=prov_time(report.created_utc),
        verify__command=prov_text(shlex.join(report.command)),
    )
    agents.carried_out(activity, [])
    written = folder / "report.json"
    sha256 = digest_of(written)[0] if written.is_file() else hashlib.sha256(encode_report(report)).hexdigest()
    made = document.add(
        "entity", "report", "verify:Report", prov__label="report.json", verify__sha256=sha256
    )  # fmt: skip
    document.generated(made, activity, prov_time(report.created_utc))
    for used in ("case", "fingerprints", *(["archive"] if report.archive else [])):
        document.relate("used", activity=activity, entity=f"report:{used}")
    document.derived(made, "report:fingerprints")
    pictures = [file for file in report.files if file.path != report.examination]
    for number, file in enumerate(pictures, 1):
        picture = document.add(
            "entity",
            f"frame-{number}",
            "verify:Frame",
            prov__label=prov_text(file.path),
            verify__sha256=prov_text(file.sha256),
            verify__sizeBytes=prov_integer(file.size_bytes),
        )
        document.generated(picture, activity)


def _add_annotation(document: ProvDocument, annotation: Annotation) -> None:
    """Add a person's word on the report, as it was signed into the case's log."""
    entity = document.add(
        "entity",
        f"annotation-{annotation.number}",
        "verify:Annotation",
        prov__label=prov_text(annotation.note),
        verify__subject=prov_text(annotation.subject),
        verify__decision=annotation.decision.value if annotation.decision else "",
        verify__utc=prov_text(annotation.utc),
    )
    person = document.add(
        "agent", f"annotator-{annotation.number}", "verify:Annotator", prov__label=prov_text(annotation.by)
    )
    document.relate("wasAttributedTo", entity=entity, agent=person)
    document.derived(entity, "report:report")


def _first(report: Report, action: str) -> CustodyEvent | None:
    return next((event for event in (report.seal.events if report.seal else ()) if event.action == action), None)
