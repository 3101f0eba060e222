"""Sample reports for tests: whole `Report` values with rendered pictures, as a pipeline would make them."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from verify.findings.claims import release_claims
from verify.findings.coverage import coverage
from verify.findings.limits import standard_limits
from verify.findings.statements import (
    answer,
    match_finding,
    no_match_finding,
    not_examinable_finding,
    same_scene_finding,
)
from verify.model import (
    Acquisition,
    AlignedPair,
    ArchiveSnapshot,
    Claim,
    ClockReading,
    ContentCredentials,
    CredentialAction,
    CredentialIngredient,
    CredentialState,
    CueEvidence,
    CustodyEvent,
    DecodeOutcome,
    EvidenceFile,
    EvidenceManifest,
    EvidenceSeal,
    FileRole,
    FrameClass,
    FramePair,
    Interval,
    Match,
    MatchLevel,
    MediaInfo,
    Observation,
    Picture,
    Reference,
    ReferenceKind,
    Release,
    Report,
    ReportedMatch,
    Shot,
    TimeMap,
    Transform,
    TrustedTime,
)
from verify.report.json_report import SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 320, 180
CLAIMED_DATE = "2025-05-07"
CLAIMED_BASIS = "publication date stated by the source"
TITLES = ("Harbour at dawn", "City towers at night", "Field exercise, day two", "Road along the coast")
KINDS = (ReferenceKind.NEWS, ReferenceKind.GAME, ReferenceKind.EXERCISE, ReferenceKind.STOCK)
DATES = ("2019-03-14", "2021", "2024-11", "2025-06-01")


def interval(start_s: float, end_s: float) -> Interval:
    return Interval(start_s=start_s, end_s=end_s)


def draw_picture(path: Path, seed: int, mirrored: bool = False, shade: float = 1.0) -> None:
    """Render a hilly landscape out of gradients; the same seed gives the same hills."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    sky = Image.merge("RGB", [image.point(lambda v, k=k: int((70 + v * 0.5 + k * 20) * shade)) for k in range(3)])
    draw = ImageDraw.Draw(sky)
    for layer in range(4):
        base, swing = 70 + layer * 28, 24 - layer * 3
        hill = [
            (x, base + swing * math.sin(x / (38 + 11 * layer) + seed * 1.7 + layer) + 6 * math.sin(x / 9 + seed))
            for x in range(0, WIDTH + 4, 4)
        ]
        tone = int((120 - 26 * layer) * shade)
        draw.polygon([*hill, (WIDTH, HEIGHT), (0, HEIGHT)], fill=(tone, tone + 8, tone - 10 + seed % 3 * 8))
    x = 40 + seed * 53 % 220
    draw.ellipse((x, 18, x + 26, 44), fill=tuple(int(value * shade) for value in (235, 225, 190)))
    if mirrored:
        sky = sky.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    sky.save(path, "JPEG", quality=82)


def picture(folder: Path, name: str, time_s: float, seed: int, mirrored: bool = False, shade: float = 1.0) -> Picture:
    draw_picture(folder / "frames" / name, seed, mirrored, shade)
    return Picture(path=f"frames/{name}", time_s=time_s, width_px=WIDTH, height_px=HEIGHT)


def match(
    start_s: float = 14.25,
    end_s: float = 17.5,
    *,
    reference_id: str = "ref-a",
    reference_start_s: float = 3.0,
    rate: float = 1.0,
    mirrored: bool = False,
    level: MatchLevel = MatchLevel.POSSIBLE,
    same_scene_only: bool = False,
    score: float = 0.9,
) -> Match:
    """Make a match of one family of evidence if possible, of two if confirmed."""
    duration_s = end_s - start_s
    cues = [
        CueEvidence(
            cue="phash",
            family="perceptual hash",
            median_distance_bits=6.0,
            threshold_bits=14,
            bits=64,
            agreeing_frames=14,
            compared_frames=15,
        ),
        CueEvidence(
            cue="pdq",
            family="perceptual hash",
            median_distance_bits=38.5,
            threshold_bits=70,
            bits=256,
            agreeing_frames=13,
            compared_frames=15,
        ),
    ]
    if level is MatchLevel.CONFIRMED:
        cues.append(
            CueEvidence(
                cue="local",
                family="keypoint geometry",
                median_distance_bits=0.0,
                threshold_bits=0,
                bits=0,
                agreeing_frames=8,
                compared_frames=8,
            )
        )
    time_map = TimeMap(rate=rate, offset_s=reference_start_s - rate * start_s)
    return Match(
        query=interval(start_s, end_s),
        reference_id=reference_id,
        reference=interval(*sorted((reference_start_s, reference_start_s + rate * duration_s))),
        time_map=time_map,
        transform=Transform(mirrored=mirrored),
        cues=tuple(cues),
        score=score,
        distinctness=0.02 if same_scene_only else 0.41,
        level=level,
        same_scene_only=same_scene_only,
        pairs=tuple(
            AlignedPair(query_time_s=time_s, reference_time_s=time_map.reference_time_s(time_s), distance_bits=6)
            for time_s in (start_s, (start_s + end_s) / 2, end_s)
        ),
    )


def reference(number: int = 0, **changes: object) -> Reference:
    """Make a reference of an invented archive; `changes` replace its fields."""
    made = Reference(
        id=f"ref-{'abcdefghijklmnopqrstuvwxyz'[number % 26]}{number // 26 or ''}",
        kind=KINDS[number % len(KINDS)],
        title=TITLES[number % len(TITLES)],
        publisher="Example Agency" if number % 2 == 0 else "",
        source_url=f"https://footage.example/watch/{number}",
        first_seen=DATES[number % len(DATES)],
        first_seen_basis="upload date stated by the platform",
        licence="CC BY 4.0",
        duration_s=64.0,
        sha256=f"{number:02x}" * 32,
        added_utc="2025-01-02T09:00:00Z",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def reported(folder: Path, number: int, entry: Match, ref: Reference) -> ReportedMatch:
    """Wrap a match with its finding and up to three pairs of pictures."""
    prefix = "scene" if entry.same_scene_only else "match"
    pairs = tuple(
        FramePair(
            query=picture(
                folder,
                f"{prefix}-{number}-{index}-query.jpg",
                pair.query_time_s,
                number * 7 + index,
                entry.transform.mirrored,
                0.8,
            ),
            reference=picture(
                folder, f"{prefix}-{number}-{index}-reference.jpg", pair.reference_time_s, number * 7 + index
            ),
            distance_bits=pair.distance_bits,
        )
        for index, pair in enumerate(entry.pairs)
    )
    finding = (
        same_scene_finding(entry, ref)
        if entry.same_scene_only
        else match_finding(entry, ref, CLAIMED_DATE, CLAIMED_BASIS)
    )
    return ReportedMatch(number=number, finding=finding, match=entry, reference=ref, frame_pairs=pairs)


def sample_matches(folder: Path, count: int) -> tuple[ReportedMatch, ...]:
    """Make `count` matches that follow one another: untouched, mirrored, slowed, in turn, every second one possible."""
    made = []
    for index in range(count):
        start_s = 4.0 + index * 50 / max(count, 3)
        ref = reference(index)
        entry = match(
            start_s,
            start_s + 40 / max(count, 4),
            reference_id=ref.id,
            reference_start_s=3.0 + index,
            rate=0.5 if index % 3 == 2 else 1.0,
            mirrored=index % 3 == 1,
            level=MatchLevel.POSSIBLE if index % 2 else MatchLevel.CONFIRMED,
            score=0.97 - index * 0.01,
        )
        made.append(reported(folder, index + 1, entry, ref))
    return tuple(made)


def sample_shots() -> tuple[Shot, ...]:
    """Make the shots of a release of 60 s: a card, footage, a dark stretch, a closing card."""
    cuts = [3.0, 11.0, 14.25, 17.5, 24.0, 31.5, 36.0, 44.0, 50.0, 56.0]
    shots = [Shot(interval=interval(0.0, 3.0), frame_class=FrameClass.TEMPLATE, reason="title card")]
    for start_s, end_s in pairwise(cuts):
        dark = start_s == 44.0
        shots.append(
            Shot(
                interval=interval(start_s, end_s),
                frame_class=FrameClass.DARK if dark else FrameClass.TEXTURED,
                reason="too dark to carry evidence" if dark else "",
            )
        )
    shots.append(Shot(interval=interval(56.0, 60.0), frame_class=FrameClass.TEMPLATE, reason="title card"))
    return tuple(shots)


def sample_release(folder: Path) -> Release:
    return Release(
        source="https://releases.example/statement-17.html",
        final_url="https://media.releases.example/statement-17.mp4",
        title="Statement on last night's operation",
        publisher="Example Ministry",
        publisher_url="https://releases.example/about",
        description="Footage of last night's operation, filmed on 7 May.",
        published=CLAIMED_DATE,
        claimed_date=CLAIMED_DATE,
        claimed_date_basis=CLAIMED_BASIS,
        acquired_utc="2025-05-08T08:30:00Z",
        copy_statement="This is the platform's copy, not the camera original.",
        media_sha256="ab" * 32,
        media=MediaInfo(
            container="mp4",
            duration_s=62.04,
            video_codec="h264",
            width_px=1280,
            height_px=720,
            frames_per_second=25.0,
            audio_codec="aac",
            size_bytes=9_412_345,
        ),
        decoded=DecodeOutcome(
            decoded=interval(0.0, 60.0),
            frame_count=1500,
            cut_times_s=(3.0, 11.0),
            failure="the file breaks off here",
            missing_s=2.04,
        ),
        first_frame=picture(folder, "first.jpg", 0.0, 99),
        query_id="statement-17",
    )


def sample_claims() -> tuple[Claim, ...]:
    acquisition = Acquisition(
        source="https://releases.example/statement-17.html",
        is_local_file=False,
        title="Statement on last night's operation",
        description="Footage of last night's operation, filmed on 7 May.",
        publisher="Example Ministry",
        published=CLAIMED_DATE,
        started_utc="2025-05-08T08:29:50Z",
        finished_utc="2025-05-08T08:30:00Z",
        tool_versions={},
        files=(),
    )
    return (
        *release_claims(acquisition),
        Claim(
            claimant="Example Observers",
            statement="The opening clip was broadcast years earlier.",
            date="2025-05-08",
            source_url="https://observers.example/post/1",
        ),
    )


def sample_credentials() -> ContentCredentials:
    return ContentCredentials(
        state=CredentialState.VALID_UNTRUSTED,
        statement="Content Credentials are present and intact; their signer is not on a trust list known here.",
        limits="An untrusted signer is not a sign of tampering.",
        signer="Example Camera",
        issuer="Example Issuing Authority",
        signed_utc="2025-05-07T21:00:00Z",
        signed_basis="time of the signer's own clock",
        claim_generator="example-camera/3.1",
        actions=(CredentialAction(action="c2pa.created", software="example-camera 3.1"),),
        ingredients=(CredentialIngredient(title="clip-17.mov", relationship="parentOf"),),
        digital_source_types=("digitalCapture: captured by a camera, says the signer",),
    )


def sample_observations() -> tuple[Observation, ...]:
    return (
        Observation(
            topic="encoder",
            observed="The container names its writer 'Lavf61.7.100'.",
            meaning="The file was written by a program built on FFmpeg, as many platforms do.",
            limits="It does not tell what happened before that.",
            details={"muxer": "Lavf61.7.100"},
        ),
    )


def sample_seal() -> EvidenceSeal:
    return EvidenceSeal(
        bag_sha256="1a" * 32,
        manifest_sha256="2b" * 32,
        key_id="0123456789ABCDEF",
        public_key="RWTvzasJZ0UjAQ",
        timestamps=(
            TrustedTime(
                kind="RFC 3161",
                authority="Example Timestamps",
                utc="2025-05-08T08:30:04Z",
                statement="Example Timestamps states that the manifest existed at 2025-05-08 08:30:04 UTC.",
            ),
        ),
        events=(
            CustodyEvent(
                utc="2025-05-08T08:29:50Z",
                actor="verify-video 0.1.0",
                action="acquisition started",
                detail="fetched from https://releases.example/statement-17.html",
                clock=ClockReading(offset_s=-2.0, uncertainty_s=1.2, basis="Date header of releases.example"),
            ),
            CustodyEvent(
                utc="2025-05-08T08:30:02Z",
                actor="verify-video 0.1.0",
                action="sealed",
                detail="BagIt bag with SHA-256",
                digest="1a" * 32,
                previous_sha256="3c" * 32,
            ),
        ),
    )


def build_report(folder: Path, match_count: int = 1, scene_count: int = 0, searched: bool = True) -> Report:
    """Build a whole report with its pictures below `folder`/frames."""
    release = sample_release(folder)
    matches = sample_matches(folder, match_count if searched else 0)
    scenes = tuple(
        reported(folder, 1 + index, match(50.5 + index * 2, 52.0 + index * 2, same_scene_only=True), reference(index))
        for index in range(scene_count if searched else 0)
    )
    found = [entry.match for entry in (*matches, *scenes)]
    shots = sample_shots()
    archive = (
        ArchiveSnapshot(
            snapshot_id="cd" * 32,
            reference_count=42,
            frame_count=9120,
            duration_s=2280.5,
            algorithms=("pdq 1", "phash 1"),
        )
        if searched
        else None
    )
    spans = coverage(release.decoded, release.media.duration_s, shots, found if searched else None)
    notes = [not_examinable_finding(spans)]
    if not matches:
        notes.insert(0, no_match_finding(archive.reference_count if archive else 0))
    return Report(
        schema_version=SCHEMA_VERSION,
        report_id="20250508T083000Z-statement-17",
        created_utc="2025-05-08T08:31:12Z",
        tool_version="0.1.0",
        command=("verify", "video", release.source, "--archive", "archive", "--out", "reports/statement 17"),
        answer=answer(matches, scenes, spans, archive),
        release=release,
        archive=archive,
        coverage=spans,
        shots=shots,
        matches=matches,
        same_scene=scenes,
        findings=(*(entry.finding for entry in (*matches, *scenes)), *(note for note in notes if note)),
        claims=sample_claims(),
        evidence=EvidenceManifest(
            case_id="20250508T083000Z-statement-17",
            sealed_utc="2025-05-08T08:30:02Z",
            media_path="data/media/statement-17.mp4",
            files=(
                EvidenceFile(
                    relative_path="data/media/statement-17.mp4",
                    role=FileRole.MASTER,
                    sha256="ab" * 32,
                    size_bytes=9_412_345,
                ),
                EvidenceFile(
                    relative_path="data/metadata/info.json", role=FileRole.METADATA, sha256="0f" * 32, size_bytes=18_204
                ),
            ),
        ),
        limits=standard_limits(archive, release.decoded, found),
        parameters={"sample rate (per second)": 4.0, "phash threshold (bits)": 14, "mirror search": True},
        versions={"verify": "0.1.0", "yt-dlp": "2026.7.4", "opencv": "4.12.0", "ffmpeg": "7.0.2-static"},
        observations=sample_observations(),
        credentials=sample_credentials(),
        seal=sample_seal(),
    )
