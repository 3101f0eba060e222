"""The report put together: findings stated, repeats numbered, every second accounted for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.explained_samples import explained
from tests.unit.report_samples import build_report, match, reference, sample_seal, sample_shots
from verify.model import (
    AcquiredFile,
    Acquisition,
    CoverageState,
    DecodeOutcome,
    FileRole,
    FindingKind,
    FramePair,
    Interval,
    Match,
    MatchLevel,
    Report,
)
from verify.report.assemble import Material, assemble
from verify.report.pictures import Drawn

if TYPE_CHECKING:
    from collections.abc import Sequence


def pair(report: Report, time_s: float) -> FramePair:
    assert report.release.first_frame is not None
    return FramePair(query=replace(report.release.first_frame, time_s=time_s), reference=None, distance_bits=-1)


def material(folder: Path, matches: Sequence[Match] | None, repeats: Sequence[Match] = (), **changes: Any) -> Material:
    """Make the material of a release of 60 s; every match and repeat has one pair, at its own start."""
    report = build_report(folder, 0)
    acquisition = Acquisition(
        source="https://releases.example/statement-17.html",
        is_local_file=False,
        started_utc="2025-05-08T08:29:50Z",
        finished_utc="2025-05-08T08:30:00Z",
        tool_versions={},
        files=(AcquiredFile(path=folder / "statement-17.mp4", role=FileRole.MASTER),),
    )
    outcome = DecodeOutcome(decoded=Interval(start_s=0, end_s=60), frame_count=1500, cut_times_s=())
    assert report.credentials is not None
    made = Material(
        report_id="r1",
        query_id="statement-17",
        command=("verify",),
        acquisition=acquisition,
        manifest=report.evidence,
        examination=SimpleNamespace(  # type: ignore[arg-type]
            info=replace(report.release.media, duration_s=60.0), outcome=outcome, shots=sample_shots()
        ),
        archive=report.archive if matches is not None else None,
        references={"ref-a": reference()},
        matches=matches,
        repeats=repeats,
        drawn=Drawn(
            first_frame=report.release.first_frame,
            frame_pairs=tuple((pair(report, entry.query.start_s),) for entry in (*(matches or ()), *repeats)),
        ),
        claimed_date="2025-05-07",
        claimed_date_basis="stated by the operator",
        publisher="",
        claims=(),
        parameters={},
        seal=sample_seal(),
        credentials=report.credentials,
        observations=(),
    )
    return replace(made, **changes)


def states(report: Report) -> list[tuple[float, float, str]]:
    return [(span.interval.start_s, span.interval.end_s, span.state.value) for span in report.coverage]


def test_repeats_are_numbered_stated_and_covered(tmp_path: Path) -> None:
    found = [explained(match(24.0, 31.5, level=MatchLevel.CONFIRMED))]
    repeats = [
        match(36.0, 44.0, reference_start_s=24.0),
        explained(match(30.0, 33.0, reference_start_s=12.0, level=MatchLevel.CONFIRMED)),
    ]
    report = assemble(material(tmp_path, found, repeats))
    assert [(entry.number, entry.match.query.start_s) for entry in report.repeats] == [(1, 30.0), (2, 36.0)]
    assert {entry.finding.kind for entry in report.repeats} == {FindingKind.REPEATED_IN_RELEASE}
    assert [span for span in states(report) if span[2] in ("matched", "repeated")] == [
        (24.0, 31.5, "matched"),
        (31.5, 33.0, "repeated"),
        (36.0, 44.0, "repeated"),
    ]
    assert report.answer.endswith(
        "Within the release, 2 passages show again what it shows earlier (1 of them possibly)."
    )
    assert [entry.frame_pairs[0].query.time_s for entry in (*report.matches, *report.repeats)] == [24.0, 30.0, 36.0]


def test_a_scene_that_comes_back_is_no_repeat(tmp_path: Path) -> None:
    report = assemble(material(tmp_path, [], [match(36.0, 44.0, reference_start_s=24.0, same_scene_only=True)]))
    assert report.repeats == ()
    assert CoverageState.REPEATED.value not in {state for _, _, state in states(report)}
    assert "Within the release" not in report.answer


def test_repeats_are_reported_where_no_archive_was_searched(tmp_path: Path) -> None:
    report = assemble(material(tmp_path, None, [match(36.0, 44.0, reference_start_s=24.0)]))
    assert (36.0, 44.0, "repeated") in states(report)
    assert report.answer == (
        "No reference was searched, so this report cannot say whether the footage was seen before. Within the release, "
        "1 passage may show again what it shows earlier."
    )
    assert report.warnings == ("No reference archive was searched.",)


def test_matches_and_scenes_are_kept_apart(tmp_path: Path) -> None:
    found = [match(50.0, 56.0, same_scene_only=True), match(36.0, 44.0), match(11.0, 14.0, score=0.5)]
    report = assemble(material(tmp_path, found))
    assert [(entry.number, entry.match.query.start_s) for entry in report.matches] == [(1, 11.0), (2, 36.0)]
    assert [(entry.number, entry.match.query.start_s) for entry in report.same_scene] == [(1, 50.0)]
    assert [entry.frame_pairs[0].query.time_s for entry in report.same_scene] == [50.0]
    assert [finding.kind for finding in report.findings] == [FindingKind.NOT_EXAMINABLE]


def test_a_confirmed_match_of_one_family_makes_no_report(tmp_path: Path) -> None:
    alone = explained(match(level=MatchLevel.CONFIRMED), families=("motion",))
    for arguments in (([alone],), ([], [alone])):
        with pytest.raises(ValueError, match="with 1 families of evidence"):
            assemble(material(tmp_path, *arguments))
