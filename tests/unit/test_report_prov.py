"""prov.json: W3C PROV that the `prov` library reads, with times of the custody log and ids of our own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prov.model import (
    ProvActivity,
    ProvAgent,
    ProvAssociation,
    ProvDelegation,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
    ProvRecord,
)

from tests.unit.explained_samples import build_full_report
from tests.unit.form_samples import HOSTILE, MATCH_COUNTS, hostile_report, report_of, report_with_views
from tests.unit.report_samples import build_report
from verify.model import (
    AnalystDecision,
    Annotation,
    CustodyEvent,
    EvidenceFile,
    FileRole,
    Report,
    ReportFile,
)
from verify.report.forms import FORMS
from verify.report.json_report import encode_report
from verify.report.options import RenderOptions
from verify.report.prov_json import render_prov

UTC = "2025-05-08T08:30:0{}Z"


def prov_of(report: Report, folder: Path, options: RenderOptions = RenderOptions()) -> ProvDocument:  # noqa: B008
    """Render, read with the library, and write and read again: what comes back is the same."""
    content = render_prov(report, folder, options).content.decode()
    document = ProvDocument.deserialize(content=content, format="json")
    again = ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
    assert again == document
    return document


def named(document: ProvDocument, kind: type[ProvRecord]) -> dict[str, Any]:
    return {record.identifier.localpart: record for record in document.get_records(kind)}


def attributes(record: Any) -> dict[str, Any]:
    return {name.localpart: value for name, value in record.attributes}


def pairs(document: ProvDocument, kind: type[ProvRecord]) -> set[tuple[str, str]]:
    """The first two members of every relation of a kind, by their local names."""
    return {
        tuple(value.localpart for _, value in record.formal_attributes[:2]) for record in document.get_records(kind)
    }


def test_what_was_made_of_what(tmp_path: Path) -> None:
    report = report_with_views(build_full_report(tmp_path))
    document = prov_of(report, tmp_path)
    entities, activities = named(document, ProvEntity), named(document, ProvActivity)
    assert set(activities) == {"acquisition", "preservation", "examination", "matching", "reporting"}
    assert {"release", "file-1", "file-2", "case", "fingerprints", "archive", "report", "timestamp-1"} <= set(entities)
    assert attributes(entities["file-1"])["sha256"] == "ab" * 32
    assert attributes(entities["archive"])["snapshotId"] == "cd" * 32
    assert attributes(entities["frame-1"])["label"] == "frames/shot-0001.jpg"
    assert {
        ("file-1", "acquisition"), ("case", "preservation"), ("fingerprints", "examination"), ("match-1", "matching"),
        ("same-scene-1", "matching"), ("repeat-2", "matching"), ("report", "reporting"), ("frame-3", "reporting"),
    } <= pairs(document, ProvGeneration)  # fmt: skip
    assert {
        ("file-1", "release"), ("fingerprints", "file-1"), ("match-1", "fingerprints"), ("match-1", "reference-1"),
    } <= pairs(document, ProvDerivation)  # fmt: skip


def test_no_release_is_said_to_derive_from_a_reference(tmp_path: Path) -> None:
    derived = pairs(prov_of(build_full_report(tmp_path), tmp_path), ProvDerivation)
    assert all(made.startswith(("match-", "same-scene-")) for made, used in derived if used.startswith("reference-"))
    assert not any(made == "release" for made, _ in derived)


def test_times_are_those_of_the_custody_events(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    assert report.seal is not None
    told = [("acquisition started", 0), ("acquisition finished", 2), ("preserved", 3), ("sealed", 4), ("sealed", 5)]
    events = tuple(
        CustodyEvent(utc=UTC.format(second), actor="verify-video 0.1.0", action=action, detail="x")
        for action, second in told
    )
    document = prov_of(replace(report, seal=replace(report.seal, events=events)), tmp_path)
    activities = named(document, ProvActivity)
    times = {
        name: tuple(time.isoformat() if time else None for time in (activity.get_startTime(), activity.get_endTime()))
        for name, activity in activities.items()
    }
    assert times == {
        "acquisition": ("2025-05-08T08:30:00+00:00", "2025-05-08T08:30:02+00:00"),
        "preservation": ("2025-05-08T08:30:03+00:00", "2025-05-08T08:30:05+00:00"),
        "examination": (None, None),
        "matching": (None, None),
        "reporting": (None, "2025-05-08T08:31:12+00:00"),
    }


def test_later_events_are_activities_and_operators_are_agents(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    assert report.seal is not None
    both, other = "A. Nobody, with verify-video 0.2.0", "B, with verify-video 0.2.0"
    events = (
        *report.seal.events,
        CustodyEvent(utc=UTC.format(7), actor=both, action="file added", detail="rfc3161.tsr: x", digest="9f" * 32),
        CustodyEvent(utc=UTC.format(8), actor=both, action="taken up again", detail="x"),
        CustodyEvent(utc=UTC.format(9), actor=other, action="taken up again", detail="x"),
    )
    document = prov_of(replace(report, seal=replace(report.seal, events=events)), tmp_path)
    agents = {name: attributes(agent).get("label") for name, agent in named(document, ProvAgent).items()}
    assert agents == {
        "program-1": "verify-video 0.1.0",
        "program-2": "verify-video 0.2.0",
        "operator-1": "A. Nobody",
        "operator-2": "B",
        "publisher": "Example Ministry",
        "authority-1": "Example Timestamps",
    }
    added = attributes(named(document, ProvActivity)["event-1"])
    assert (added["label"], added["addedSha256"]) == ("file added", "9f" * 32)
    assert {("event-2", "operator-1"), ("event-2", "program-2"), ("acquisition", "program-1")} <= pairs(
        document, ProvAssociation
    )
    assert pairs(document, ProvDelegation) == {("program-2", "operator-1"), ("program-2", "operator-2")}


def test_a_working_copy_comes_from_its_streams(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    roles = (FileRole.STREAM, FileRole.STREAM, FileRole.WORKING_COPY, FileRole.METADATA)
    files = tuple(
        EvidenceFile(relative_path=f"data/{number}", role=role, sha256=f"{number:064x}", size_bytes=number)
        for number, role in enumerate(roles)
    )
    evidence = replace(report.evidence, files=files, media_path="data/2")
    derived = pairs(prov_of(replace(report, evidence=evidence), tmp_path), ProvDerivation)
    assert {used for made, used in derived if made == "file-3"} == {"file-1", "file-2"}
    assert ("file-1", "release") in derived
    assert ("fingerprints", "file-3") in derived
    assert not any(made == "file-4" for made, _ in derived)


def test_the_log_of_the_acquisition_is_made_at_the_sealing(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    assert report.seal is not None
    event = CustodyEvent(utc=UTC.format(3), actor="x", action="preserved", detail="data/media/statement-17.mp4: master")
    document = prov_of(replace(report, seal=replace(report.seal, events=(event,))), tmp_path)
    assert {("file-1", "acquisition"), ("file-2", "preservation")} <= pairs(document, ProvGeneration)


def test_digests_of_the_stored_examination_and_of_the_report(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    stored = ReportFile(path="fingerprints.zip", sha256="77" * 32, size_bytes=5)
    report = replace(report, examination="fingerprints.zip", files=(stored,))
    entities = named(prov_of(report, tmp_path), ProvEntity)
    assert attributes(entities["fingerprints"])["sha256"] == "77" * 32
    assert "frame-1" not in entities
    assert attributes(entities["report"])["sha256"] == hashlib.sha256(encode_report(report)).hexdigest()
    (tmp_path / "report.json").write_bytes(b"as it was written")
    entities = named(prov_of(report, tmp_path), ProvEntity)
    assert attributes(entities["report"])["sha256"] == hashlib.sha256(b"as it was written").hexdigest()


def test_annotations_are_attributed(tmp_path: Path) -> None:
    annotation = Annotation(
        number=1, utc=UTC.format(9), by="A. Nobody", subject="1", decision=AnalystDecision.UNCLEAR, note="smoke",
        report_sha256="00" * 32,
    )  # fmt: skip
    document = prov_of(build_report(tmp_path), tmp_path, RenderOptions(annotations=(annotation,)))
    told = attributes(named(document, ProvEntity)["annotation-1"])
    assert (told["label"], told["decision"], told["subject"]) == ("smoke", "unclear", "1")
    assert attributes(named(document, ProvAgent)["annotator-1"])["label"] == "A. Nobody"


def test_a_report_without_archive_seal_or_publisher(tmp_path: Path) -> None:
    report = build_report(tmp_path, searched=False)
    report = replace(report, seal=None, release=replace(report.release, publisher=""))
    document = prov_of(report, tmp_path)
    assert "archive" not in named(document, ProvEntity)
    assert set(named(document, ProvAgent)) == {"program-1"}
    assert named(document, ProvActivity)["acquisition"].get_endTime().isoformat() == "2025-05-08T08:30:00+00:00"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_and_ids(tmp_path: Path, name: str) -> None:
    report = hostile_report(tmp_path, HOSTILE[name])
    content = render_prov(report, tmp_path, RenderOptions()).content
    assert not set(b"<>&\x00\x1b") & set(content)
    document = prov_of(report, tmp_path)
    assert "match-1" in named(document, ProvEntity)
    assert len(content) < 300_000
    for record in document.get_records():
        if record.identifier is not None:
            assert record.identifier.localpart.replace("-", "").isalnum()
    namespace = json.loads(content)["prefix"]["report"]
    assert namespace.isascii()
    assert namespace.isprintable()
    assert " " not in namespace


@pytest.mark.parametrize("utc", ["2025-13-45T99:99:99Z", "2025-05-08T08:30:00", "yesterday", "2025-02-30T00:00:00Z"])
def test_what_is_no_moment_is_left_out(tmp_path: Path, utc: str) -> None:
    document = prov_of(replace(build_report(tmp_path), created_utc=utc), tmp_path)
    assert named(document, ProvActivity)["reporting"].get_endTime() is None


@pytest.mark.parametrize("count", MATCH_COUNTS)
def test_many_matches(tmp_path: Path, count: int) -> None:
    report = report_of(tmp_path, count)
    assert render_prov(report, tmp_path, RenderOptions()) == render_prov(report, tmp_path, RenderOptions())
    found = [name for name in named(prov_of(report, tmp_path), ProvEntity) if name.startswith("match-")]
    assert len(found) == count


def test_the_form_is_registered(tmp_path: Path) -> None:
    report = build_report(tmp_path)
    assert FORMS["prov"].file_name == "prov.json"
    assert FORMS["prov"].render(report, tmp_path, RenderOptions()) == render_prov(report, tmp_path, RenderOptions())
