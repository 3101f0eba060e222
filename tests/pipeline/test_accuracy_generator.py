"""The benchmark's generator on rendered footage: is the truth true?"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from benchmarks.accuracy import casting
from benchmarks.accuracy.footage import read_sources
from benchmarks.accuracy.generation import Recipe, generate_set
from benchmarks.accuracy.peers import Phash, describe, find_reuse
from benchmarks.accuracy.scoring import score_matches
from benchmarks.accuracy.truth import BenchmarkError, Truth, load_truth
from fixtures.footage import rendered_footage

RECIPE = Recipe(releases=2, clean_share=0.5, shortest_s=1.0, longest_s=1.4, pieces=(5, 5), reused_share=0.8)
FRAME_S = 1 / 25


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    footage = rendered_footage()
    for name in ("scene", "other-scene", "variable-frame-rate", "hard-cuts"):
        shutil.copyfile(footage[name], folder / footage[name].name)
    (folder / "sources.csv").write_text(
        "file,source,group,category,licence\nother-scene.mp4,other-scene,b,,\nvariable-frame-rate.mp4,vfr,b,,\n"
    )
    return folder


@pytest.fixture(scope="module")
def made(clips, tmp_path_factory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("set") / "bench"
    with pytest.MonkeyPatch.context() as patch:
        # Pictures are to be compared, so only the pace is changed.
        patch.setattr(casting, "EDITS", ("none", "slow", "fast", "reverse", "freeze"))
        return folder, generate_set(clips, folder, 5, RECIPE)


def frames(path: Path):
    with av.open(str(path)) as container:
        return [
            (float(frame.time or 0), small(frame.to_ndarray(format="bgr24"))) for frame in container.decode(video=0)
        ]


def small(picture):
    """The middle of a picture, without the logo's corners and a lower third."""
    picture = cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(picture[15:65, 40:120], cv2.COLOR_BGR2GRAY).astype(np.float32)


def paces(folder: Path) -> dict[tuple[str, float], float]:
    with (folder / "segments.csv").open(newline="") as file:
        return {(row["query_id"], float(row["query_start"])): float(row["pace"]) for row in csv.DictReader(file)}


def test_every_frame_of_a_reused_segment_shows_the_frame_of_the_reference_that_the_truth_names(made):
    folder, truth = made
    pace_of = paces(folder)
    off: list[int] = []
    for box in truth.boxes:
        query = frames(folder / "releases" / f"{box.query_id}.mp4")
        reference = frames(folder / "refs" / f"{box.ref_id}.mp4")
        pace = pace_of[box.query_id, box.query_start]
        inside = [shown for shown in query if box.query_start - 1e-3 < shown[0] < box.query_end - 1e-3]
        step = query[1][0] - query[0][0]
        assert len(inside) * step == pytest.approx(box.query_end - box.query_start, abs=1e-3)
        for time_s, picture in inside[2:-2:5]:
            gone = time_s - box.query_start
            named = box.ref_start + gone * pace if pace >= 0 else box.ref_end + (gone + step) * pace
            expected = max(number for number, shown in enumerate(reference) if shown[0] <= named + 1e-3)
            distances = [float(np.abs(shown[1] - picture).mean()) for shown in reference]
            off.append(abs(int(np.argmin(distances)) - expected))
    assert len(off) > 20
    # Neighbouring frames may look alike after encoding.
    assert max(off) <= 1
    assert sum(off) <= len(off) * 0.1


def test_clean_releases_reuse_nothing_and_others_do(made):
    folder, truth = made
    reusing = {box.query_id for box in truth.boxes}
    assert len(truth.clean) == len(reusing) == 1
    assert not reusing & truth.clean
    for query_id in truth.query_ids:
        segments = [segment for segment in truth.segments if segment.query_id == query_id]
        assert segments[0].kind == segments[-1].kind == "card"
        starts, ends = [segment.start_s for segment in segments], [segment.end_s for segment in segments]
        assert starts[0] == 0 and starts[1:] == ends[:-1]
        (*_, (last, _)) = frames(folder / "releases" / f"{query_id}.mp4")
        assert last < ends[-1] <= last + 0.05


def test_the_same_seed_gives_the_same_files(made, clips, tmp_path, monkeypatch):
    folder, _ = made
    monkeypatch.setattr(casting, "EDITS", ("none", "slow", "fast", "reverse", "freeze"))
    generate_set(clips, tmp_path / "again", 5, RECIPE)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    again = tmp_path / "again"
    assert names == sorted(str(path.relative_to(again)) for path in again.rglob("*") if path.is_file())
    for name in names:
        assert (folder / name).read_bytes() == (again / name).read_bytes(), name


def test_a_peer_finds_unedited_reuse_and_the_scorer_says_so(made, tmp_path):
    folder, truth = made
    peer = Phash()
    found = score_matches(truth, find_reuse(peer, describe(folder, peer, tmp_path)))
    assert found.any_score.recall.found >= len(truth.boxes) / 2
    kept = list(tmp_path.glob("phash-*.npy"))
    assert len(kept) == len(truth.reference_ids) + len(truth.query_ids)
    again = score_matches(truth, find_reuse(peer, describe(folder, peer, tmp_path)))
    assert again.segment_ap == found.segment_ap


def test_sources_are_listed_with_their_groups(clips):
    assert {source.id: source.group for source in read_sources(clips)} == {
        "hard-cuts": "hard-cuts", "other-scene": "b", "scene": "scene", "vfr": "b",
    }  # fmt: skip


def test_a_folder_that_is_there_is_not_overwritten(clips, made):
    folder, truth = made
    with pytest.raises(BenchmarkError, match="cannot be made"):
        generate_set(clips, folder, 5, RECIPE)
    assert load_truth(folder) == truth


def test_a_folder_without_clips_is_an_error(tmp_path):
    with pytest.raises(BenchmarkError, match="holds no clip"):
        generate_set(tmp_path, tmp_path / "out", 1, RECIPE)


def test_a_clip_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "broken.mp4").write_text("This is not a video.")
    with pytest.raises(BenchmarkError, match=r"broken\.mp4: cannot be read"):
        generate_set(tmp_path, tmp_path / "out", 1, RECIPE)
