"""The whole path on real media: every second in one state, equal reports of equal input, no part left by failures."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fixtures import drawing
from fixtures.footage import encode
from tests.cli.helpers.command import CASE_PARTS, REPORT_PARTS, check_case, names_in
from verify import pipeline
from verify.archive.ingest import add_video
from verify.archive.store import Archive
from verify.errors import EvidenceExistsError, UnreadableMediaError, VerifyError
from verify.evidence import securing
from verify.evidence.check import check_evidence
from verify.evidence.custody import read_log
from verify.model import CoverageState, Reference, Report, SilentProgress
from verify.pipeline import Library, Request, compare_videos, open_library, verify_release

SECOND = 25
FORMATS = frozenset({"html", "json"})


@pytest.fixture(scope="module")
def archive(footage: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline") / "archive"
    with Archive.create_or_open(folder) as opened:
        add_video(opened, footage["scene"], Reference(id="scene", first_seen="2020"), SilentProgress())
    return folder


@pytest.fixture
def library(archive: Path) -> Iterator[Library]:
    with open_library(archive) as opened:
        yield opened


@pytest.fixture(scope="module")
def montage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second each of: black, an unseen scene, 'scene' from its third second on, a dark scene."""
    path = tmp_path_factory.mktemp("montage") / "montage.mp4"
    unseen = list(drawing.scene(91, SECOND))
    black = [picture * 0 for picture in unseen]
    reused = itertools.islice(drawing.scene(1, 6 * SECOND), 3 * SECOND, 4 * SECOND)
    encode(itertools.chain(black, unseen, reused, drawing.darkened(drawing.scene(92, SECOND), 6)), path)
    return path


@pytest.fixture(scope="module")
def montage_report(montage: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """The report on the montage and the folder that it was written to. Only to be read."""
    folder = tmp_path_factory.mktemp("montage-report") / "out"
    with open_library(archive) as opened:
        return verify_release(request(montage, folder), opened, SilentProgress()), folder


def request(source: Path, destination: Path, **changed: Any) -> Request:
    settings = {"command": ("verify", "video"), "formats": FORMATS, **changed}
    return Request(source=str(source), destination=destination, **settings)


def check_partition(report: Report, end_s: float) -> None:
    """Every moment from 0 to the end lies in exactly one span; neighbours differ."""
    spans = report.coverage
    assert spans[0].interval.start_s == 0
    assert spans[-1].interval.end_s == pytest.approx(end_s, abs=0.001)
    for before, after in pairwise(spans):
        assert before.interval.end_s == after.interval.start_s
        assert (before.state, before.reason) != (after.state, after.reason)
    assert all(span.interval.duration_s > 0 and span.reason for span in spans)


def state_at(report: Report, time_s: float) -> CoverageState:
    (span,) = [span for span in report.coverage if span.interval.start_s <= time_s < span.interval.end_s]
    return span.state


# --- coverage --------------------------------------------------------------------------------------------------------


def test_every_second_of_a_montage_is_in_the_state_that_it_shows(montage_report: tuple[Report, Path]):
    report, folder = montage_report
    check_partition(report, 4.0)
    assert [state_at(report, time_s) for time_s in (0.5, 1.5, 2.5, 3.5)] == [
        CoverageState.NOT_EXAMINABLE,
        CoverageState.NO_MATCH,
        CoverageState.MATCHED,
        CoverageState.NOT_EXAMINABLE,
    ]
    (entry,) = report.matches
    assert entry.match.reference.start_s == pytest.approx(3, abs=0.1)
    assert names_in(folder) == {*REPORT_PARTS, *CASE_PARTS}


@pytest.mark.parametrize(
    ("name", "end_s"),
    [
        ("truncated", 6.0),
        ("static", 4.0),
        ("variable-frame-rate", 6.0),
        pytest.param("dark", 4.0, marks=pytest.mark.slow),
        pytest.param("hard-cuts", 9.0, marks=pytest.mark.slow),
        pytest.param("rotated", 6.0, marks=pytest.mark.slow),
        pytest.param("with-sound", 6.0, marks=pytest.mark.slow),
    ],
)
def test_every_second_is_in_one_state(
    name: str, end_s: float, footage: dict[str, Path], library: Library, tmp_path: Path
):
    report = verify_release(request(footage[name], tmp_path / "out"), library, SilentProgress())
    check_partition(report, end_s)


def test_without_a_library_nothing_counts_as_examined(footage: dict[str, Path], tmp_path: Path):
    report = verify_release(request(footage["static"], tmp_path / "out"), None, SilentProgress())
    check_partition(report, 4.0)
    assert {span.state for span in report.coverage} == {CoverageState.NOT_EXAMINABLE}
    assert (report.archive, report.matches) == (None, ())


# --- repetition ------------------------------------------------------------------------------------------------------

# What may differ between two runs: ids, moments, and the digests of the files in the case that hold them.
MOMENTS = {"report_id", "created_utc", "case_id", "sealed_utc", "acquired_utc", "seal"}


def without_moments(value: Any) -> Any:
    if isinstance(value, dict):
        if str(value.get("relative_path", "")).endswith((".json", ".jsonl")):
            return value["relative_path"]
        return {name: without_moments(item) for name, item in value.items() if name not in MOMENTS}
    return [without_moments(item) for item in value] if isinstance(value, list) else value


def test_same_input_gives_the_same_report(
    montage: Path, archive: Path, montage_report: tuple[Report, Path], tmp_path: Path
):
    with open_library(archive) as library:
        verify_release(request(montage, tmp_path / "out"), library, SilentProgress())
    seen = []
    for folder in (montage_report[1], tmp_path / "out"):
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        pictures = {path.name: path.read_bytes() for path in (folder / "frames").iterdir()}
        seen.append((without_moments(report), (folder / "matches.csv").read_bytes(), pictures))
    assert seen[0] == seen[1]
    assert seen[0][0]["matches"]


def test_one_library_serves_many_releases(montage: Path, footage: dict[str, Path], library: Library, tmp_path: Path):
    counts = []
    for number, source in enumerate((montage, footage["dark"])):
        report = verify_release(request(source, tmp_path / str(number)), library, SilentProgress())
        counts.append(len(report.matches))
    assert counts == [1, 0]


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "query_id"),
    [("R0012.mp4", "R0012"), ("two.dots.mp4", "two.dots"), ("a\nb.mp4", "a b"), ("\u202e\x1b.mp4", "release")],
)
def test_release_is_named_by_its_stem(name: str, query_id: str, brief: Path, tmp_path: Path):
    (tmp_path / name).write_bytes(brief.read_bytes())
    report = verify_release(request(tmp_path / name, tmp_path / "out"), None, SilentProgress())
    assert report.release.query_id == query_id


def test_given_name_comes_first(brief: Path, tmp_path: Path):
    asked = request(brief, tmp_path / "out", query_id="Q1")
    assert verify_release(asked, None, SilentProgress()).release.query_id == "Q1"


# --- failures --------------------------------------------------------------------------------------------------------

SECURING = ("acquire", "preserve")
STAGES = (
    *SECURING,
    "examine_query",
    "read_credentials",
    "examine_container",
    "search",
    "find_repeats",
    "PictureBook",
    "describe_seal",
    "assemble",
    "write_report",
)


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        *((stage, KeyboardInterrupt()) for stage in STAGES),
        ("search", VerifyError("x", "fails")),
        ("write_report", RuntimeError("a bug")),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_failed_stage_leaves_evidence_at_most(
    stage: str,
    error: BaseException,
    brief: Path,
    library: Library,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(securing if stage in SECURING else pipeline, stage, fail)
    with pytest.raises(type(error)):
        verify_release(request(brief, tmp_path / "new" / "out"), library, SilentProgress())
    if stage in SECURING:
        assert names_in(tmp_path) == set()
        return
    assert names_in(tmp_path / "new" / "out") == set(CASE_PARTS)
    case = tmp_path / "new" / "out" / "evidence"
    check_case(case)
    assert check_evidence(case).problems == ()
    # What is no failure of ours but a bug is told on the screen, not in the log of the evidence.
    told = [] if isinstance(error, RuntimeError) else ["examination failed"]
    assert [event.action for event in read_log(case).events] == ["sealed", *told]


def test_error_about_the_copy_names_the_source(footage: dict[str, Path], tmp_path: Path):
    with pytest.raises(UnreadableMediaError) as caught:
        verify_release(request(footage["text"], tmp_path / "out"), None, SilentProgress())
    assert caught.value.subject == str(footage["text"])


def test_interruption_after_the_report_leaves_it_whole(
    brief: Path, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    remove = pipeline.shutil.rmtree

    def interrupt(path: Path, **options: Any) -> None:
        remove(path, **options)
        if Path(path).name.startswith(".working-"):
            raise KeyboardInterrupt

    monkeypatch.setattr(pipeline.shutil, "rmtree", interrupt)
    with pytest.raises(KeyboardInterrupt):
        verify_release(request(brief, tmp_path / "out"), library, SilentProgress())
    assert names_in(tmp_path / "out") == {*REPORT_PARTS, *CASE_PARTS}


@pytest.mark.parametrize("taken", ["evidence", *REPORT_PARTS])
def test_taken_destination_is_refused_before_anything_is_read(taken: str, tmp_path: Path):
    (tmp_path / taken).symlink_to("nowhere")
    with pytest.raises(EvidenceExistsError, match="there is a case or report here already"):
        verify_release(request(tmp_path / "missing.mp4", tmp_path), None, SilentProgress())
    assert names_in(tmp_path) == {taken}


# --- two videos ------------------------------------------------------------------------------------------------------


def test_videos_are_compared_without_an_archive(montage: Path, footage: dict[str, Path]):
    (match,) = compare_videos(montage, footage["scene"], SilentProgress())
    assert match.query.start_s == pytest.approx(2, abs=0.13)
    assert match.query.end_s == pytest.approx(3, abs=0.13)
    assert compare_videos(footage["other-scene"], footage["scene"], SilentProgress()) == ()
