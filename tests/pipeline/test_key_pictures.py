"""Keypoints and proxies of real media: one pass gives them, and they say when and what the frames say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fixtures.footage import CUT_TIMES_S, VARIABLE_TIMES_S, _ffmpeg
from verify.errors import OutputNotWritableError, UnreadableMediaError
from verify.fingerprint import local
from verify.fingerprint.examine import examine_query, examine_reference
from verify.fingerprint.key_pictures import MAX_PIECE_S
from verify.media.proxies import ProxyReader
from verify.model import ProxyClip, SilentProgress

PROGRESS = SilentProgress()
GIGABYTE = 1024**3
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def query_proxy(path: Path, folder: Path) -> ProxyClip:
    examine_query(path, PROGRESS, "", folder / "proxy.mkv")
    with ProxyReader() as reader:
        return reader.read(folder / "proxy.mkv")


# --- proxies --------------------------------------------------------------------------------------------------------


def test_proxies_show_the_frames_at_their_times(tmp_path: Path, clips: dict[str, Path]):
    clip = query_proxy(clips["bikes"], tmp_path)
    assert clip.pictures.shape[1:] == (136, 320)
    with av.open(str(clips["bikes"])) as container:
        stream = container.streams.video[0]
        frames = {
            float(frame.pts * frame.time_base): frame.to_ndarray(format="gray") for frame in container.decode(stream)
        }
    times_s = np.array(sorted(frames))
    for number in range(0, len(clip.times_s), 9):
        nearest = float(times_s[np.abs(times_s - clip.times_s[number]).argmin()])
        assert nearest == pytest.approx(clip.times_s[number], abs=0.001)
        shown = cv2.resize(frames[nearest], (320, 136), interpolation=cv2.INTER_AREA)
        assert np.corrcoef(shown.ravel(), clip.pictures[number].ravel())[0, 1] > 0.98
    assert np.diff(clip.times_s) == pytest.approx(0.08, abs=0.001)


def test_true_times_at_variable_frame_rate(tmp_path: Path, footage: dict[str, Path]):
    clip = query_proxy(footage["variable-frame-rate"], tmp_path)
    assert {round(step_s * 25) for step_s in np.diff(clip.times_s)} == {1, 2, 3}
    assert np.abs(np.array(VARIABLE_TIMES_S)[None] - clip.times_s[:, None]).min(axis=1).max() < 0.001


def test_upright_proxies_of_turned_video(tmp_path: Path, footage: dict[str, Path]):
    turned = query_proxy(footage["rotated"], tmp_path)
    assert turned.pictures.shape[1] > turned.pictures.shape[2]


def test_the_reference_is_kept_smaller_than_the_release(tmp_path: Path, clips: dict[str, Path]):
    examine_reference(clips["portrait"], PROGRESS, "", None, tmp_path / "reference.mkv")
    examine_query(clips["portrait"], PROGRESS, "", tmp_path / "query.mkv")
    assert (tmp_path / "reference.mkv").stat().st_size < 0.5 * (tmp_path / "query.mkv").stat().st_size
    with ProxyReader() as reader:
        kept = reader.read(tmp_path / "reference.mkv")
    assert kept.pictures.shape[1:] == (90, 160)
    assert (tmp_path / "reference.mkv").stat().st_size / kept.times_s[-1] * 3600 < 60e6


def test_the_same_video_gives_the_same_proxy_and_keypoints(tmp_path: Path, clips: dict[str, Path]):
    found = [
        examine_reference(clips["robot"], PROGRESS, "", None, tmp_path / f"{number}.mkv")[0].local for number in (1, 2)
    ]
    assert (tmp_path / "1.mkv").read_bytes() == (tmp_path / "2.mkv").read_bytes()
    first, second = found
    assert first is not None
    assert second is not None
    assert (first.codes == second.codes).all()
    assert (first.points == second.points).all()


@pytest.mark.parametrize("name", ["text", "audio-only", "zero-bytes"])
def test_what_is_no_video_leaves_no_proxy(tmp_path: Path, footage: dict[str, Path], name: str):
    with pytest.raises(UnreadableMediaError):
        examine_query(footage[name], PROGRESS, "", tmp_path / "proxy.mkv")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_video_has_a_proxy_of_what_decodes(tmp_path: Path, footage: dict[str, Path]):
    clip = query_proxy(footage["truncated"], tmp_path)
    assert len(clip.times_s) > 10


def test_a_proxy_that_cannot_be_written_is_told(tmp_path: Path, footage: dict[str, Path]):
    with pytest.raises(OutputNotWritableError, match="the proxy cannot be written"):
        examine_query(footage["scene"], PROGRESS, "", tmp_path / "missing" / "proxy.mkv")


@pytest.mark.parametrize("size", ["1024x4", "8x1000", "2x2"])
def test_extreme_shapes_have_proxies_and_key_pictures(tmp_path: Path, size: str):
    path = tmp_path / "banner.mkv"
    _ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration=1", "-c:v", "ffv1", path)
    examination = examine_query(path, PROGRESS, "", tmp_path / "proxy.mkv")
    reference, _ = examine_reference(path, PROGRESS, "", None, tmp_path / "reference.mkv")
    assert len(examination.pieces) == 1
    assert reference.local is not None
    assert len(reference.local.times_s) >= 1
    with ProxyReader() as reader:
        assert len(reader.read(tmp_path / "proxy.mkv").times_s) == 13


# --- key pictures ---------------------------------------------------------------------------------------------------


def test_pieces_follow_the_cuts(footage: dict[str, Path]):
    examination = examine_query(footage["hard-cuts"], PROGRESS, "")
    edges = [piece.interval.start_s for piece in examination.pieces] + [examination.pieces[-1].interval.end_s]
    assert edges[0] == 0.0
    assert edges[-1] == pytest.approx(examination.outcome.decoded.end_s)
    assert set(np.round(CUT_TIMES_S, 2)) <= set(np.round(edges, 2))
    assert examination.local is None
    for piece in examination.pieces:
        assert piece.interval.duration_s <= MAX_PIECE_S
        assert (piece.width_px, piece.height_px, piece.free.shape) == (512, 288, (90, 160))
        for picture in piece.key_pictures:
            assert piece.interval.start_s + 0.03 <= picture.time_s < piece.interval.end_s - 0.03
            assert len(picture.keypoints) > 20


def test_a_release_and_its_reference_share_keypoints(clips: dict[str, Path]):
    query = examine_query(clips["bikes"], PROGRESS, "")
    reference = examine_reference(clips["bikes"], PROGRESS, "")[0]
    assert reference.pieces == ()
    kept = reference.local
    assert kept is not None
    assert (kept.width_px, kept.height_px) == (query.pieces[0].width_px, query.pieces[0].height_px)
    for piece in query.pieces[:-1]:
        picture = piece.key_pictures[1]
        nearest = int(np.abs(kept.times_s - picture.time_s).argmin())
        codes = kept.codes[kept.rows_of(nearest)].astype(float)
        own = local.project(picture.keypoints.descriptors).astype(float)
        distances = ((own[:, None] - codes[None]) ** 2).sum(axis=2) / local.vocabulary().scale ** 2
        assert (distances.min(axis=1) < 0.15).sum() > 20


MEMORY = """
import resource, sys
from pathlib import Path
from verify.fingerprint.examine import examine_query, examine_reference
from verify.model import SilentProgress
path, proxy = Path(sys.argv[1]), Path(sys.argv[2])
if sys.argv[3] == "query":
    examine_query(path, SilentProgress(), "", proxy)
else:
    examine_reference(path, SilentProgress(), "", None, proxy)
print(*(resource.getrusage(which).ru_maxrss for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["query", "reference"])
def test_memory_does_not_grow_with_the_frames_of_a_long_video(tmp_path: Path, clips: dict[str, Path], kind: str):
    """Eight minutes of full HD: what grows with time is the keypoints, and no picture."""
    path = tmp_path / "long.mp4"
    _ffmpeg(
        "-stream_loop", "100", "-i", clips["portrait"], "-t", "480", "-vf", "scale=1920:1080,fps=5",
        "-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-an", path,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, path, tmp_path / "proxy.mkv", kind],
        check=True, timeout=900, capture_output=True, text=True,
    )  # fmt: skip
    own, worker = (int(size) * RSS_UNIT_BYTES for size in done.stdout.split())
    assert own < 0.4 * GIGABYTE
    assert worker < 0.6 * GIGABYTE
