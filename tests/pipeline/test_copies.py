"""A rendered video that is encoded anew is told for a copy, and what only looks like it is not."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures import drawing
from fixtures.footage import FRAMES_PER_SECOND, encode
from tests.cli.helpers.command import verify
from verify.archive.copies import Recording, find_copy
from verify.archive.ingest import add_video, file_sha256
from verify.archive.store import Archive
from verify.fingerprint.examine import examine_reference
from verify.fingerprint.registry import CUES
from verify.model import Reference, SilentProgress

if TYPE_CHECKING:
    from verify.archive.copies import Copy

SECONDS = 12
SILENT = SilentProgress()


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a scene, and with the same scene later on: what follows it in the same recording."""
    folder = tmp_path_factory.mktemp("copies")
    frames = SECONDS * FRAMES_PER_SECOND
    encode(islice(drawing.scene(9, 2 * frames), frames), folder / "scene.mp4")
    encode(islice(drawing.scene(9, 2 * frames), frames, None), folder / "later.mp4")
    with Archive.create_or_open(folder / "archive") as archive:
        for name in ("scene", "later"):
            add_video(archive, folder / f"{name}.mp4", Reference(id=name), SILENT)
    return folder


def copy_of(path: Path, archived: Path, tmp_path: Path, *only: str) -> Copy | None:
    """Look for what a file is a copy of, among some of the references or all."""
    examination, fingerprints = examine_reference(path, SILENT, path.stem, proxy_path=tmp_path / "proxy.mkv")
    video = Recording(
        fingerprints=fingerprints,
        motion=examination.motion,
        duration_s=examination.outcome.decoded.end_s,
    )
    with Archive.open(archived / "archive") as archive:
        kept = {cue.algorithm: dict(archive.fingerprints(cue)) for cue in CUES}
        return find_copy(
            video,
            [(each.id, each.duration_s) for each in archive.references() if not only or each.id in only],
            lambda reference_id: {algorithm: sets[reference_id] for algorithm, sets in kept.items()},
            archive.motion,
        )


def test_scene_encoded_anew_is_a_copy(archived: Path, tmp_path: Path):
    frames = SECONDS * FRAMES_PER_SECOND
    # The same pictures, without the first 0.6 s, smaller, at another rate and worse: as a platform would show them.
    path = tmp_path / "again.mp4"
    encode(
        islice(drawing.scene(9, 2 * frames), 15, frames), path, "-vf", "fps=30,scale=426:240", "-crf", "30"
    )  # fmt: skip
    copy = copy_of(path, archived, tmp_path)
    assert copy is not None
    assert copy.reference_id == "scene"
    assert copy.likeness.offset_s == pytest.approx(0.6, abs=0.1)
    assert copy.likeness.agreeing > 0.9
    assert copy.likeness.motion > 0.9
    assert copy.likeness.motion_elsewhere is not None
    assert copy.likeness.motion_elsewhere < 0.4
    assert copy_of(path, archived, tmp_path, "later") is None


def test_archived_video_is_no_copy_of_what_follows_it(archived: Path, tmp_path: Path):
    for name, other in (("scene", "later"), ("later", "scene")):
        assert copy_of(archived / f"{name}.mp4", archived, tmp_path, other) is None
        own = copy_of(archived / f"{name}.mp4", archived, tmp_path)
        assert own is not None
        assert own.reference_id == name


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_re_upload_becomes_a_sighting(jobs: str, archived: Path, tmp_path: Path):
    frames = SECONDS * FRAMES_PER_SECOND
    path, stranger = tmp_path / "upload.mp4", tmp_path / "stranger.mp4"
    encode(islice(drawing.scene(9, 2 * frames), frames), path, "-vf", "scale=426:240", "-crf", "30")
    encode(drawing.scene(4, 30), stranger)
    folder = Path(shutil.copytree(archived / "archive", tmp_path / "archive"))
    told = ["--first-seen", "2018-02-03", "--publisher", "Another", "--no-descriptor", "--archive", folder]
    done = verify("archive", "add", path, stranger, *told, "--jobs", jobs)
    assert done.code == 0, done.err
    assert "upload: a copy of scene; sighting added" in done.err
    assert "1 added, 0 already there, 1 copies, 0 failed; the archive has 3 references." in done.out
    with Archive.open(folder) as archive:
        reference = archive.reference("scene")
        assert reference is not None
        assert archive.reference("upload") is None
        assert (reference.first_seen, [each.publisher for each in reference.sightings]) == (
            "2018-02-03",
            ["", "Another"],
        )
        assert archive.reference_with_digest(file_sha256(path)) == reference
    done = verify("archive", "add", path, *told)
    assert "already there as scene (same bytes)" in done.err
    done = verify("archive", "add", archived / "later.mp4", "--id", "x", "--no-link-copies", *told)
    assert "already there as later (same bytes)" in done.err


def test_copies_are_added_where_that_is_wanted(archived: Path, tmp_path: Path):
    frames = SECONDS * FRAMES_PER_SECOND
    path = tmp_path / "upload.mp4"
    encode(islice(drawing.scene(9, 2 * frames), frames), path, "-vf", "scale=426:240", "-crf", "30")
    folder = Path(shutil.copytree(archived / "archive", tmp_path / "archive"))
    done = verify("archive", "add", path, "--no-link-copies", "--no-descriptor", "--archive", folder)
    assert "upload: added, 12.0 s" in done.err
