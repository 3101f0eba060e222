"""Put together the report's content from what the stages handed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import verify
from verify.acquire.versions import tool_versions
from verify.dates import utc_now
from verify.evidence.preserve import copy_statement
from verify.findings.bearing import bearings
from verify.findings.claims import release_claims
from verify.findings.coverage import coverage
from verify.findings.limits import standard_limits
from verify.findings.origins import origin_limits
from verify.findings.statements import (
    answer,
    earlier_release_finding,
    match_finding,
    no_match_finding,
    not_examinable_finding,
    repeat_finding,
    same_scene_finding,
)
from verify.findings.warnings import decoding_warnings
from verify.match.rejections import Rejected
from verify.model import Release, Report, ReportedMatch, ReportedRepeat
from verify.report.json_report import SCHEMA_VERSION
from verify.report.pictures import Drawn
from verify.report.shot_texts import NOTHING_READ, reading_limits, reading_warnings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from verify.fingerprint.examine import Examination
    from verify.media.text_reading import PictureTexts
    from verify.model import (
        Acquisition,
        ArchiveSnapshot,
        Claim,
        ContentCredentials,
        CoverageSpan,
        EvidenceManifest,
        EvidenceSeal,
        Finding,
        FramePair,
        Match,
        Observation,
        Reference,
        ReportFile,
    )

#: Whose versions a report names.
DISTRIBUTIONS = (
    "av", "c2pa-python", "faiss-cpu", "opencv-python-headless", "imagehash", "numpy", "onnxruntime", "yt-dlp",
)  # fmt: skip


NOTHING_DRAWN, NOTHING_REJECTED = Drawn(), Rejected()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """All that a report is made of. `matches` is None where no archive was searched; `is_by_looks` says whether a
    learned descriptor was used.

    `repeats` are matches of the release with an earlier part of itself, `earlier` those with the `earlier_releases` of
    its publisher, by id; `earlier_searched` are the ids of all that were searched. `drawn` are the pictures of the
    matches, the repeats and the earlier ones, in this order, with the texts of the `reading`, and `files` what was
    written with them; `stored_examination` is the path of the one that is kept with the report.
    """

    report_id: str
    query_id: str
    command: tuple[str, ...]
    acquisition: Acquisition
    manifest: EvidenceManifest
    examination: Examination
    archive: ArchiveSnapshot | None
    references: Mapping[str, Reference]
    matches: Sequence[Match] | None
    is_by_looks: bool = True
    rejected: Rejected = NOTHING_REJECTED
    repeats: Sequence[Match] = ()
    earlier: Sequence[Match] = ()
    earlier_releases: Mapping[str, Reference] = field(default_factory=dict)
    earlier_searched: tuple[str, ...] = ()
    drawn: Drawn = NOTHING_DRAWN
    reading: PictureTexts = NOTHING_READ
    files: tuple[ReportFile, ...] = ()
    stored_examination: str = ""
    claimed_date: str
    claimed_date_basis: str
    publisher: str
    published: str = ""
    claims: tuple[Claim, ...]
    parameters: dict[str, str | int | float | bool]
    seal: EvidenceSeal
    credentials: ContentCredentials
    observations: tuple[Observation, ...]
    warnings: tuple[str, ...] = ()


def assemble(material: Material) -> Report:
    """Turn the material into a report: findings stated, every second accounted for."""
    found = material.matches or ()
    pairs = dict(zip(map(id, (*found, *material.repeats, *material.earlier)), material.drawn.frame_pairs, strict=False))
    accepted = _reported(material, [match for match in found if not match.same_scene_only], pairs)
    same_scene = _reported(material, [match for match in found if match.same_scene_only], pairs)
    repeats = _reported_repeats(material, pairs)
    earlier = _reported_earlier(material, pairs)
    examination = material.examination
    spans = coverage(
        examination.outcome,
        examination.info.duration_s,
        examination.shots,
        material.matches,
        [entry.match.query for entry in repeats],
    )
    claims = (*release_claims(material.acquisition), *material.claims)
    return Report(
        schema_version=SCHEMA_VERSION,
        report_id=material.report_id,
        created_utc=utc_now(),
        tool_version=verify.__version__,
        command=material.command,
        answer=answer(accepted, same_scene, spans, material.archive, repeats, earlier=earlier),
        release=_release(material),
        archive=material.archive,
        coverage=spans,
        shots=examination.shots,
        matches=accepted,
        same_scene=same_scene,
        findings=_other_findings(material, accepted, spans),
        claims=claims,
        evidence=material.manifest,
        limits=(
            *origin_limits(material.references.values(), is_by_looks=material.is_by_looks),
            *standard_limits(material.archive, examination.outcome, found, is_by_looks=material.is_by_looks),
            *reading_limits(material.reading),
        ),
        parameters={**material.parameters, **_reader_parameter(material.reading)},
        versions=tool_versions(*DISTRIBUTIONS),
        warnings=_warnings(material),
        observations=material.observations,
        credentials=material.credentials,
        seal=material.seal,
        repeats=repeats,
        earlier_releases=earlier,
        files=material.files,
        examination=material.stored_examination,
        shot_views=material.drawn.shot_views,
        rejected=material.rejected.strongest,
        rejected_count=material.rejected.count,
        texts_read=bool(material.reading.reader),
        earlier_searched=material.earlier_searched,
        bearings=bearings(claims, accepted, material.claimed_date, material.claimed_date_basis),
    )


def _reported(
    material: Material, matches: list[Match], pairs: Mapping[int, tuple[FramePair, ...]]
) -> tuple[ReportedMatch, ...]:
    """Give matches their numbers, by the release's time, and their findings."""
    reported = []
    for number, match in enumerate(sorted(matches, key=_in_order), 1):
        reference = material.references[match.reference_id]
        if match.same_scene_only:
            finding = same_scene_finding(match, reference)
        else:
            finding = match_finding(match, reference, material.claimed_date, material.claimed_date_basis)
        reported.append(
            ReportedMatch(
                number=number, finding=finding, match=match, reference=reference, frame_pairs=pairs.get(id(match), ())
            )
        )
    return tuple(reported)


def _reported_repeats(material: Material, pairs: Mapping[int, tuple[FramePair, ...]]) -> tuple[ReportedRepeat, ...]:
    """Give repeats their numbers, by the release's time; a scene that merely comes back is none."""
    shown = sorted((match for match in material.repeats if not match.same_scene_only), key=_in_order)
    return tuple(
        ReportedRepeat(number=number, finding=repeat_finding(match), match=match, frame_pairs=pairs.get(id(match), ()))
        for number, match in enumerate(shown, 1)
    )


def _reported_earlier(material: Material, pairs: Mapping[int, tuple[FramePair, ...]]) -> tuple[ReportedMatch, ...]:
    """Give matches with earlier releases their numbers, by the release's time, and their findings."""
    reported = []
    for number, match in enumerate(sorted(material.earlier, key=_in_order), 1):
        release = material.earlier_releases[match.reference_id]
        reported.append(
            ReportedMatch(
                number=number,
                finding=earlier_release_finding(match, release),
                match=match,
                reference=release,
                frame_pairs=pairs.get(id(match), ()),
            )
        )
    return tuple(reported)


def _in_order(match: Match) -> tuple[float, float]:
    return match.query.start_s, -match.score


def _other_findings(
    material: Material, accepted: tuple[ReportedMatch, ...], spans: Sequence[CoverageSpan]
) -> tuple[Finding, ...]:
    findings = []
    if not accepted:
        findings.append(no_match_finding(material.archive.reference_count if material.archive else 0))
    unexamined = not_examinable_finding(spans)
    return (*findings, unexamined) if unexamined else tuple(findings)


def _release(material: Material) -> Release:
    acquisition = material.acquisition
    digests = {file.relative_path: file.sha256 for file in material.manifest.files}
    return Release(
        source=acquisition.source,
        final_url=acquisition.final_url,
        query_id=material.query_id,
        title=acquisition.title or (Path(acquisition.source).name if acquisition.is_local_file else ""),
        publisher=material.publisher or acquisition.publisher or "",
        publisher_url=acquisition.publisher_url,
        description=acquisition.description or "",
        published=material.published or acquisition.published or "",
        claimed_date=material.claimed_date,
        claimed_date_basis=material.claimed_date_basis,
        acquired_utc=acquisition.finished_utc,
        copy_statement=copy_statement(acquisition),
        media_sha256=digests[material.manifest.media_path],
        media=material.examination.info,
        decoded=material.examination.outcome,
        first_frame=material.drawn.first_frame,
    )


def _reader_parameter(reading: PictureTexts) -> dict[str, str | int | float | bool]:
    return {"text_reader": reading.reader} if reading.reader else {}


def _warnings(material: Material) -> tuple[str, ...]:
    found = decoding_warnings(material.examination.outcome, material.archive)
    return (*material.acquisition.warnings, *material.warnings, *reading_warnings(material.reading), *found)
