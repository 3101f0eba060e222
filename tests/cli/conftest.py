"""What the tests of the commands share: one archive, one release, one report of it."""

from __future__ import annotations

import hashlib
import itertools
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from fixtures import drawing
from fixtures.footage import FRAMES_PER_SECOND, encode
from tests.cli.helpers.command import Done, verify
from tests.cli.helpers.reports import Page, copied
from verify import pipeline
from verify.report import html_report

if TYPE_CHECKING:
    from verify.archive.index import ReferenceIndex
    from verify.match.materials import QueryMaterial, ReferenceMaterial
    from verify.model import Match, Progress

UNSEEN_S, REUSED_S, SKIPPED_S = 2.0, 3.0, 1.0


class Checked(NamedTuple):
    """A finished verification."""

    done: Done
    folder: Path


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two unseen seconds, then three seconds of 'scene', from its second second on."""
    unseen, reused, skipped = (int(length * FRAMES_PER_SECOND) for length in (UNSEEN_S, REUSED_S, SKIPPED_S))
    path = tmp_path_factory.mktemp("release") / "release.mp4"
    shown = itertools.islice(drawing.scene(1, 150), skipped, skipped + reused)
    encode(itertools.chain(drawing.scene(77, unseen), shown), path)
    return path


@pytest.fixture(scope="session")
def archive(footage: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archive of 'scene' (a game, first seen 2020-05) and 'hard-cuts' (nothing known). Only to be read."""
    folder = tmp_path_factory.mktemp("references") / "archive"
    told = ["--title", "Range day", "--publisher", "Studio", "--first-seen", "2020-05", "--first-seen-basis", "upload"]
    assert verify("archive", "add", footage["scene"], "--archive", folder, "--kind", "game", *told).code == 0
    assert verify("archive", "add", footage["hard-cuts"], "--archive", folder).code == 0
    return folder


@pytest.fixture(scope="session")
def checked(release: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The release checked against the archive, with claims, as JSON on standard output."""
    folder = tmp_path_factory.mktemp("checked")
    claims = folder / "claims.yaml"
    claims.write_text(
        "- claimant: Office of Example\n  statement: Filmed in <October> 2025.\n  date: 2025-10\n"
        "- claimant: A resident\n  statement: This was seen years ago.\n",
        encoding="utf-8",
    )
    done = verify(
        *("video", release, "--archive", archive, "--out", folder / "report", "--claims", claims, "--json"),
        *("--claimed-date", "2025-10", "--publisher", "Office of Example"),
    )
    return Checked(done, folder / "report")


@pytest.fixture(scope="session")
def sought() -> dict[bytes, tuple[Match, ...]]:
    """What has been found so far by tests that use `sought_once`, by a digest of what was compared."""
    return {}


@pytest.fixture
def sought_once(sought: dict[bytes, tuple[Match, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Seek the same release in the same references once only: for tests of what is made of matches, not of finding.

    It takes most of the time of a verification; that it finds the same every time is tested in
    tests/pipeline/test_pipeline.py.
    """
    find_matches = pipeline.find_matches

    def found(
        query: QueryMaterial, hashes: ReferenceIndex, material: ReferenceMaterial, progress: Progress
    ) -> tuple[Match, ...]:
        compared = (query.hashes.views, query.hashes.shots, query.hashes.weight, hashes.fingerprints)
        key = hashlib.sha256(pickle.dumps(compared)).digest()
        if key not in sought:
            sought[key] = find_matches(query, hashes, material, progress)
        return sought[key]

    monkeypatch.setattr(pipeline, "find_matches", found)


@pytest.fixture(scope="session")
def signed_report(release: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A report whose case is signed, and the key."""
    folder = tmp_path_factory.mktemp("signed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERIFY_KEY", str(folder / "signing.key"))
        assert verify("key", "new").code == 0
        assert verify("video", release, "--archive", archive, "--out", folder / "report").code == 0
    return folder / "report", folder / "signing.key"


@pytest.fixture(params=["unsigned", "signed"])
def folder(
    request: pytest.FixtureRequest,
    checked: Checked,
    signed_report: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A copy of a report, and the key that belongs to it."""
    if request.param == "signed":
        monkeypatch.setenv("VERIFY_KEY", str(signed_report[1]))
    return copied(signed_report[0] if request.param == "signed" else checked.folder, tmp_path)


@pytest.fixture
def unsigned(checked: Checked, tmp_path: Path) -> Path:
    return copied(checked.folder, tmp_path)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    standing = Page()
    monkeypatch.setattr(html_report, "render_html", standing)
    return standing
