"""Real files become references: once each, with thumbnails, whole or not at all."""

from __future__ import annotations

import hashlib
import tempfile
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.cli.helpers.command import names_in
from verify.archive.catalogue import CATALOGUE_NAME
from verify.archive.files import PROXIES_NAME
from verify.archive.index import ReferenceIndex
from verify.archive.ingest import add_video, file_sha256
from verify.archive.local_index import LocalIndex
from verify.archive.store import Archive
from verify.errors import AcquisitionFailedError, InvalidUsageError, OutputNotWritableError, UnreadableMediaError
from verify.fingerprint.registry import CUES
from verify.match.query import MIN_QUALITY
from verify.media.proxies import ProxyReader
from verify.media.reader import frames_at
from verify.model import Reference, ReferenceKind, SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verify.archive.ingest import Addition

SILENT = SilentProgress()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.create_or_open(tmp_path / "archive") as opened:
        yield opened


def added(archive: Archive, path: Path, **metadata: str) -> Addition:
    return add_video(archive, path, Reference(**{"id": path.stem, **metadata}), SILENT)  # type: ignore[arg-type]


def test_video_becomes_a_reference(archive: Archive, footage: dict[str, Path]):
    path = footage["hard-cuts"]
    given = Reference(id="cuts", kind=ReferenceKind.NEWS, title="Five scenes", first_seen="2021-03")
    addition = add_video(archive, path, given, SILENT)
    stored = archive.reference("cuts")
    assert stored is not None
    assert addition.reference == stored
    assert not addition.already_there
    assert addition.outcome is not None
    assert addition.outcome.failure is None
    assert (stored.kind, stored.title, stored.first_seen) == (ReferenceKind.NEWS, "Five scenes", "2021-03")
    assert stored.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == file_sha256(path)
    assert stored.duration_s == pytest.approx(9.0, abs=0.01)
    assert stored.added_utc.endswith("Z")
    for cue in CUES:
        ((_, fingerprint),) = archive.fingerprints(cue)
        assert len(fingerprint.times_s) >= 9 * 4
        assert (np.diff(fingerprint.times_s) > 0).all()
        assert np.median(fingerprint.quality) > MIN_QUALITY


def test_thumbnails_show_the_frames_of_their_times(archive: Archive, footage: dict[str, Path]):
    path = footage["scene"]
    added(archive, path)
    thumbnails = archive.thumbnails("scene")
    times = [time_s for time_s, _, _ in thumbnails]
    assert times[0] == 0.0
    assert all(0.2 < after - before < 1.3 for before, after in pairwise(times))
    assert len(times) >= 5
    for (time_s, width, height), frame in zip(thumbnails, frames_at(path, times), strict=True):
        shown = cv2.imdecode(np.frombuffer(archive.thumbnail("scene", time_s) or b"", np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == (height, width, 3) == (144, 256, 3)
        small = cv2.resize(frame.pixels_bgr, (width, height), interpolation=cv2.INTER_AREA)
        assert np.abs(shown.astype(int) - small).mean() < 12


def test_keypoints_lie_in_the_key_pictures(archive: Archive, footage: dict[str, Path]):
    added(archive, footage["hard-cuts"])
    (digest,) = archive.local_digests()
    features, words = archive.local_features("hard-cuts")
    assert (digest.picture_count, digest.keypoint_count) == (len(features.times_s), len(features.points))
    assert len(words) == len(features.codes) > 100
    # Five scenes in 9 s: about one key picture a second, and none stands for another scene.
    assert 5 <= len(features.times_s) <= 18
    assert (np.diff(features.times_s) > 0).all()
    assert (features.until_s >= features.times_s).all()
    assert (features.until_s[:-1] < features.times_s[1:]).all()
    assert (features.points >= -0.5).all()
    assert (features.points < [features.width_px, features.height_px]).all()


def test_keypoints_are_found_again(archive: Archive, footage: dict[str, Path]):
    for name in ("scene", "other-scene", "hard-cuts"):
        added(archive, footage[name])
    index = LocalIndex.load(archive)
    for name in index.reference_ids:
        distances, rows = index.search(index.features(name).codes, 1, 1)
        assert (distances == 0).all()
        found = [index.reference_ids[number] for number in index.reference_numbers[rows[:, 0]]]
        assert found.count(name) > 0.95 * len(found)


def test_proxy_shows_the_video_small_and_grey(archive: Archive, footage: dict[str, Path]):
    added(archive, footage["scene"])
    path = archive.proxy_path("scene")
    assert path is not None
    with ProxyReader() as proxies:
        clip = proxies.read(path)
    assert len(clip.times_s) == pytest.approx(6 * 12.5, abs=2)
    assert max(clip.pictures.shape[1:]) == 160
    times = [0.0, 3.0, 5.5]
    for time_s, frame in zip(times, frames_at(footage["scene"], times), strict=True):
        shown = clip.pictures[np.searchsorted(clip.times_s, time_s + 1e-3) - 1]
        grey = cv2.cvtColor(frame.pixels_bgr, cv2.COLOR_BGR2GRAY)
        small = cv2.resize(grey, shown.shape[::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(shown.astype(int) - small).mean() < 6


def test_proxy_can_be_left_out(archive: Archive, footage: dict[str, Path]):
    addition = add_video(archive, footage["scene"], Reference(id="scene"), SILENT, with_proxy=False)
    assert not addition.already_there
    assert archive.proxy_path("scene") is None
    assert archive.references_without_proxy() == 1
    assert LocalIndex.load(archive).reference_ids == ("scene",)
    assert names_in(archive.folder) == {CATALOGUE_NAME}


def test_same_video_gives_the_same_snapshot(archive: Archive, footage: dict[str, Path], tmp_path: Path):
    with Archive.create_or_open(tmp_path / "other") as other:
        identities = set()
        for each in (archive, other):
            added(each, footage["scene"])
            (reference,) = each.references()
            identities.add((each.proxy_path("scene") or tmp_path).name)
            (digest,) = each.local_digests()
            identities.add(digest.sha256)
    assert len(identities) == 2, "equal proxies and equal keypoints"
    assert reference.sha256


def test_same_bytes_are_added_once_under_whatever_name(archive: Archive, footage: dict[str, Path], tmp_path: Path):
    first = added(archive, footage["scene"])
    before = archive.snapshot()
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(footage["scene"].read_bytes())
    again = added(archive, copy, title="another title")
    assert again.already_there
    assert again.outcome is None
    assert again.reference == first.reference
    assert archive.snapshot() == before


def test_id_of_another_video_is_refused(archive: Archive, footage: dict[str, Path]):
    added(archive, footage["scene"], id="clip")
    before = archive.snapshot()
    with pytest.raises(InvalidUsageError, match=r"clip: the archive has another video under this id.*static\.mp4"):
        added(archive, footage["static"], id="clip")
    assert archive.snapshot() == before


@pytest.mark.parametrize("name", ["text", "zero-bytes", "audio-only", "image", "without-index"])
def test_what_is_no_video_adds_nothing(archive: Archive, footage: dict[str, Path], name: str):
    with pytest.raises(UnreadableMediaError):
        added(archive, footage[name])
    assert archive.references() == []
    assert names_in(archive.folder) == {CATALOGUE_NAME}


def test_truncated_video_is_added_as_far_as_it_goes(archive: Archive, footage: dict[str, Path]):
    addition = added(archive, footage["truncated"])
    assert addition.outcome is not None
    assert addition.outcome.failure is not None
    assert 1.0 < addition.reference.duration_s < 5.5
    assert addition.reference.duration_s == addition.outcome.decoded.end_s


class _Impatient(SilentProgress):
    """A user who presses Ctrl-C once decoding is under way."""

    def advance(self, amount: float) -> None:
        raise KeyboardInterrupt


def test_interrupted_addition_leaves_the_archive_as_it_was(
    archive: Archive, footage: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    added(archive, footage["static"])
    before, files = archive.snapshot(), names_in(archive.folder / PROXIES_NAME)
    with pytest.raises(KeyboardInterrupt):
        add_video(archive, footage["scene"], Reference(id="scene"), _Impatient())
    assert archive.snapshot() == before
    assert names_in(archive.folder / PROXIES_NAME) == files
    assert names_in(tmp_path / "temporary") == set()
    assert not added(archive, footage["scene"]).already_there


def test_archive_is_loaded_for_searching(archive: Archive, footage: dict[str, Path]):
    for name in ("scene", "other-scene"):
        added(archive, footage[name])
    index = ReferenceIndex.load(archive, MIN_QUALITY)
    assert index.reference_ids == ("other-scene", "scene")
    codes = index.fingerprints["scene"]["pdq"].codes[:1]
    (hits,) = index.search("pdq", codes, 0)
    assert {index.reference_ids[number] for number in hits.reference_numbers} == {"scene"}
    assert hits.reference_times_s[0] == 0.0


def test_file_that_went_away_cannot_be_added(archive: Archive, tmp_path: Path):
    with pytest.raises(AcquisitionFailedError, match=r"gone\.mp4: cannot be read"):
        added(archive, tmp_path / "gone.mp4")
    assert archive.references() == []


def test_no_room_for_temporary_files(
    archive: Archive, footage: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OutputNotWritableError, match="temporary files: no folder can be made for them"):
        added(archive, footage["scene"])
    assert archive.references() == []
