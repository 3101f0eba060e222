"""The same inputs and versions give a report.json of the same bytes, but for moments, ids, and what hangs on them."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures import drawing
from fixtures.footage import encode
from verify.archive.ingest import add_video
from verify.archive.store import Archive
from verify.findings.claims import load_claims
from verify.fingerprint.learned import OWN_MODEL, Descriptor
from verify.model import Reference, SilentProgress
from verify.pipeline import Request, open_library, verify_release

SECOND = 25
#: Members of report.json that differ between two runs, each with why; docs/replay.md lists the same.
DIFFERING = {
    "report_id": "an id",
    "created_utc": "a moment",
    "release.acquired_utc": "a moment",
    "evidence.case_id": "an id",
    "evidence.sealed_utc": "a moment",
    "evidence.files[].sha256 of .json and .jsonl files": "they hold moments",
    "seal.bag_sha256": "over the above",
    "seal.manifest_sha256": "over the above",
    "seal.events[].utc": "a moment",
    "seal.events[].detail": "it names the case",
    "seal.events[].digest": "over the above",
    "seal.events[].previous_sha256": "over the above",
}


def masked(report: dict[str, Any]) -> dict[str, Any]:
    """Take out of a report exactly the members that are listed above."""
    for path in (name.split(" ")[0] for name in DIFFERING):
        parts = path.replace("[]", ".[]").split(".")
        if parts[0] == "evidence" and parts[1] == "files":
            continue
        take_out(report, parts)
    for file in report["evidence"]["files"]:
        if file["relative_path"].endswith((".json", ".jsonl")):
            del file["sha256"]
    return report


def take_out(value: Any, parts: list[str]) -> None:
    head, *rest = parts
    if head == "[]":
        for each in value:
            take_out(each, rest)
    elif rest:
        take_out(value[head], rest)
    else:
        del value[head]


@pytest.fixture(scope="module")
def archive(footage: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bytes") / "archive"
    with Archive.create_or_open(folder) as opened:
        for name in ("scene", "hard-cuts"):
            told = Reference(id=name, first_seen="2020")
            add_video(opened, footage[name], told, SilentProgress(), learned=Descriptor(OWN_MODEL))
    return folder


@pytest.fixture(scope="module")
def montage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two unseen seconds, two of 'scene', the unseen ones again, and a dark one."""
    path = tmp_path_factory.mktemp("montage") / "montage.mp4"
    unseen = list(drawing.scene(77, 2 * SECOND))
    reused = itertools.islice(drawing.scene(1, 6 * SECOND), 3 * SECOND, 5 * SECOND)
    encode(itertools.chain(unseen, reused, unseen, drawing.darkened(drawing.scene(92, SECOND), 6)), path)
    return path


def run(number: int, montage: Path, archive: Path, folder: Path) -> dict[str, Any]:
    """Verify in a folder and an archive of this run's own."""
    claims = folder / "claims.yaml"
    claims.write_text("- claimant: Office\n  statement: Filmed in 2025.\n  date: 2025-10\n", encoding="utf-8")
    own = Path(shutil.copytree(archive, folder / f"archive-{number}"))
    request = Request(
        source=str(montage),
        destination=folder / str(number),
        command=("verify", "video"),
        formats=frozenset({"json"}),
        claimed_date="2025-10",
        publisher="Office",
        claims=load_claims(claims),
    )
    with open_library(own, Descriptor(OWN_MODEL)) as library:
        verify_release(request, library, SilentProgress())
    return json.loads((folder / str(number) / "report.json").read_text(encoding="utf-8"))


def test_two_runs_give_the_same_bytes(montage: Path, archive: Path, tmp_path: Path):
    first, second = (run(number, montage, archive, tmp_path) for number in (1, 2))
    assert first["matches"]
    assert first["repeats"]
    assert first["files"][0]["path"] == "fingerprints.zip"
    assert first["files"] == second["files"], "pictures and stored fingerprints are the same, byte for byte"
    encoded = [msgspec.json.encode(masked(report)) for report in (first, second)]
    assert encoded[0] == encoded[1]
    tables = [(tmp_path / str(number) / "matches.csv").read_bytes() for number in (1, 2)]
    assert tables[0] == tables[1]
    stored = hashlib.sha256((tmp_path / "1" / "fingerprints.zip").read_bytes()).hexdigest()
    assert first["files"][0]["sha256"] == stored


def test_the_documentation_lists_what_differs():
    page = (Path(__file__).parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE))
    assert {path.split(" ")[0] for path in DIFFERING} <= named
