"""A release that was stored is compared like the release itself: the same matches, to the last digit."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
import pytest

from fixtures import drawing
from fixtures.footage import FRAMES_PER_SECOND, _ffmpeg, encode
from verify.archive.ingest import add_video
from verify.archive.store import Archive
from verify.fingerprint.examine import examine_query
from verify.fingerprint.learned import OWN_MODEL, Descriptor
from verify.fingerprint.stored_examination import read_examination, write_examination
from verify.match.matcher import find_matches
from verify.match.repeats import find_repeats
from verify.media.proxies import ProxyReader
from verify.model import Reference, SilentProgress
from verify.pipeline import open_library, query_material

if TYPE_CHECKING:
    from pathlib import Path

    from verify.fingerprint.examine import Examination
    from verify.pipeline import Library

QUIET = SilentProgress()


@pytest.fixture(scope="module")
def learned() -> Descriptor:
    return Descriptor(OWN_MODEL)


@pytest.fixture(scope="module")
def archive(footage: dict[str, Path], learned: Descriptor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored") / "archive"
    with Archive.create_or_open(folder) as opened:
        for name in ("scene", "hard-cuts", "other-scene"):
            add_video(opened, footage[name], Reference(id=name), QUIET, learned=learned)
    return folder


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unseen seconds, three of 'scene', the unseen ones again, and 'scene' small, mirrored and within black bars."""
    folder = tmp_path_factory.mktemp("release")
    unseen = list(drawing.scene(77, 2 * FRAMES_PER_SECOND))
    shown = list(itertools.islice(drawing.scene(1, 150), FRAMES_PER_SECOND, 4 * FRAMES_PER_SECOND))
    encode(itertools.chain(unseen, shown, unseen), folder / "plain.mp4")
    encode(iter(shown), folder / "cut.mp4")
    _ffmpeg(
        *("-i", folder / "plain.mp4", "-i", folder / "cut.mp4", "-filter_complex"),
        "[1:v]hflip,scale=iw*0.6:ih*0.6,pad=iw/0.6:ih/0.6:(ow-iw)/2:(oh-ih)/2,setsar=1[b];[0:v]setsar=1[a];"
        "[a][b]concat=n=2[out]",
        *("-map", "[out]", "-c:v", "libx264", "-crf", "24", "-pix_fmt", "yuv420p", folder / "release.mp4"),
    )
    return folder / "release.mp4"


def found_in(examination: Examination, proxy: Path, library: Library) -> tuple[bytes, bytes]:
    """Matches and repeats, encoded."""
    with ProxyReader() as proxies:
        query = query_material(examination, proxy, proxies, library.learned)
        matches = find_matches(query, library.hashes, library.material, QUIET)
        return msgspec.json.encode(matches), msgspec.json.encode(find_repeats(query, QUIET))


@pytest.mark.parametrize("described", [True, False])
def test_the_same_matches_to_the_last_digit(
    described: bool, release: Path, archive: Path, learned: Descriptor, tmp_path: Path
):
    descriptor = learned if described else None
    proxy, stored = tmp_path / "proxy.mkv", tmp_path / "examination.npz"
    examination = examine_query(release, QUIET, "", proxy, descriptor)
    write_examination(stored, examination, proxy, descriptor)
    with open_library(archive, descriptor) as library:
        expected = found_in(examination, proxy, library)
    read = read_examination(stored, tmp_path / "read.mkv")
    # As after years: nothing is loaded or cached of before.
    with open_library(archive, descriptor) as library:
        assert found_in(read.examination, tmp_path / "read.mkv", library) == expected
    matches, repeats = (msgspec.json.decode(each) for each in expected)
    assert {match["reference_id"] for match in matches} == {"scene"}
    assert len(matches) == len(repeats) == 2
    assert any(match["motion"] for match in matches)
    assert any("learned descriptor" in match["families"] for match in matches) is described
    assert read.model_sha256 == (learned.sha256 if described else "")


def test_it_is_the_same_bytes_on_every_run(release: Path, tmp_path: Path):
    for number in (1, 2):
        proxy = tmp_path / f"{number}.mkv"
        write_examination(tmp_path / f"{number}.npz", examine_query(release, QUIET, "", proxy), proxy)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
