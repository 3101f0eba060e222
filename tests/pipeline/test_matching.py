"""Matching real files: edited cuts are found where they are; the same place at another time is no reuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from fixtures import drawing
from fixtures.footage import FRAMES_PER_SECOND, _ffmpeg, encode
from verify.archive.ingest import add_video
from verify.archive.store import Archive
from verify.fingerprint.examine import Examination, examine_query
from verify.match.matcher import find_matches
from verify.match.repeats import find_repeats
from verify.match.scoring import MOTION_FAMILY
from verify.match.segments import MOTION_DIFFERS, TOO_STATIC
from verify.media.proxies import ProxyReader
from verify.model import Interval, Match, MatchLevel, Reference, SilentProgress, Transform
from verify.pipeline import compare_videos, open_library, query_material

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

X264 = ("-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "24", "-pix_fmt", "yuv420p")
CANVAS = "scale=640:360,setsar=1,fps=25"


def edited(path: Path, destination: Path, filters: str = "null", *options: str) -> Path:
    """Re-encode a file through video filters."""
    _ffmpeg("-i", path, "-vf", filters, *X264, *options, destination)
    return destination


@dataclass(frozen=True)
class Cut:
    """What a release shows between two cuts: `duration_s` of a clip from `from_s` on, through video filters.

    `inset` lays it, at half size, on another clip.
    """

    clip: str
    from_s: float
    duration_s: float
    filters: str = "null"
    rate: float = 1.0
    inset_in: str = ""

    @property
    def shown_s(self) -> float:
        """How long it is on the screen, in s."""
        return self.duration_s / abs(self.rate)


def assemble(cuts: list[Cut], clips: Mapping[str, Path], destination: Path) -> Path:
    """Put cuts one after the other, 640 x 360 at 25 pictures a second."""
    inputs: list[str | Path] = []
    graph = []
    number = 0
    for place, cut in enumerate(cuts):
        inputs += ["-ss", str(cut.from_s), "-t", str(cut.duration_s), "-i", clips[cut.clip]]
        if cut.inset_in:
            inputs += ["-ss", "0.2", "-t", str(cut.duration_s), "-i", clips[cut.inset_in]]
            graph += [
                f"[{number}:v]{cut.filters},scale=320:180,setsar=1,fps=25[in{place}]",
                f"[{number + 1}:v]{CANVAS}[on{place}]",
                f"[on{place}][in{place}]overlay=280:150:shortest=1[p{place}]",
            ]
        else:
            graph.append(f"[{number}:v]{cut.filters},{CANVAS}[p{place}]")
        number += 2 if cut.inset_in else 1
    graph.append("".join(f"[p{place}]" for place in range(len(cuts))) + f"concat=n={len(cuts)}[out]")
    _ffmpeg(*inputs, "-filter_complex", ";".join(graph), "-map", "[out]", *X264, destination)
    return destination


# --- one release with everything in it -------------------------------------------------------------------------------

EARLY_S = 8.0
RELEASE = {
    "robot": Cut("robot", 0.5, 1.0),
    "cropped and mirrored": Cut("bikes", 7.0, 1.5, "crop=iw*0.7:ih*0.7:iw*0.2:ih*0.15,hflip"),
    "doorway": Cut("doorway", 0.5, 1.0),
    "slowed": Cut("carphone", 0.6, 1.2, "setpts=2*(PTS-STARTPTS)", rate=0.5),
    "sky": Cut("sky-title", 1.0, 1.0),
    "reversed": Cut("portrait", 3.0, 1.5, "reverse", rate=-1.0),
    "robot again": Cut("robot", 3.0, 1.0),
    "inset": Cut("bikes", 0.3, 1.5, inset_in="doorway"),
    "inverted": Cut("carphone", 2.2, 1.5, "negate"),
    "later": Cut("portrait", 12.0, 2.0),
}
REUSED = ("cropped and mirrored", "slowed", "reversed", "inset", "inverted")
#: A second and a half at half size scores .6 to .7, which is not enough.
POSSIBLE = ("inset",)


def spans() -> dict[str, Interval]:
    """Where each cut of the release lies, in s."""
    ends = np.cumsum([0.0, *(cut.shown_s for cut in RELEASE.values())])
    return {
        name: Interval(start_s=float(start), end_s=float(end))
        for name, start, end in zip(RELEASE, ends[:-1], ends[1:], strict=True)
    }


def lies_on(match: Match, span: Interval) -> bool:
    return match.query.overlap_s(span) > 0.1


class Examined(NamedTuple):
    """The release, examined, with the file of its small pictures."""

    examination: Examination
    proxy: Path


@pytest.fixture(scope="module")
def release(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Examined:
    folder = tmp_path_factory.mktemp("release")
    path = assemble(list(RELEASE.values()), clips, folder / "release.mp4")
    return Examined(examine_query(path, SilentProgress(), "", folder / "proxy.mkv"), folder / "proxy.mkv")


def searched(release: Examined, archive: Path) -> tuple[Match, ...]:
    with open_library(archive) as library, ProxyReader() as proxies:
        material = query_material(release.examination, release.proxy, proxies)
        return find_matches(material, library.hashes, library.material, SilentProgress())


@pytest.fixture(scope="module")
def found(release: Examined, clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Match, ...]:
    """What is found of the release among 'bikes', 'carphone' and the beginning of 'portrait'."""
    folder = tmp_path_factory.mktemp("known")
    early = edited(clips["portrait"], folder / "early.mp4", "null", "-t", str(EARLY_S))
    with Archive.create_or_open(folder / "archive") as archive:
        for name, path in (("bikes", clips["bikes"]), ("carphone", clips["carphone"]), ("portrait", early)):
            add_video(archive, path, Reference(id=name), SilentProgress())
    return searched(release, folder / "archive")


@pytest.mark.parametrize("name", REUSED)
def test_edited_cut_is_found_at_its_times(found: tuple[Match, ...], name: str):
    cut, span = RELEASE[name], spans()[name]
    (match,) = [match for match in found if lies_on(match, span)]
    level = MatchLevel.POSSIBLE if name in POSSIBLE else MatchLevel.CONFIRMED
    assert (match.reference_id, match.level, match.same_scene_only) == (cut.clip, level, False)
    assert match.score > 0.6
    assert (match.query.start_s, match.query.end_s) == pytest.approx((span.start_s, span.end_s), abs=0.1)
    end_s = cut.from_s + cut.duration_s
    # Where the rate is not native, or not taken for it, it is known to a sixth.
    within_s = 0.1 if abs(cut.rate) == 1 == abs(match.time_map.rate) else 0.16
    assert (match.reference.start_s, match.reference.end_s) == pytest.approx((cut.from_s, end_s), abs=within_s)
    assert match.time_map.rate == pytest.approx(cut.rate, rel=0.2)
    assert match.transform == Transform(mirrored="mirrored" in name, inverted=name == "inverted")
    assert MOTION_FAMILY in match.families
    assert len(match.families) >= 2
    assert match.pairs
    assert match.similarity is not None
    assert match.false_alarms is not None


def test_inset_is_laid_where_it_is(found: tuple[Match, ...]):
    """The reference lies in the query, 320 x 180 at 280, 150 of 640 x 360, not the query in the reference."""
    (match,) = [match for match in found if lies_on(match, spans()["inset"])]
    assert match.geometry is not None
    linear = np.array(match.geometry.matrix).reshape(2, 3)
    corners = np.array([[280, 150], [600, 150], [600, 330], [280, 330]]) / 640
    placed = corners @ linear[:, :2].T + linear[:, 2]
    assert placed == pytest.approx(np.array([[0, 0], [640, 0], [640, 272], [0, 272]]) / 640, abs=0.06)
    assert match.geometry.covered > 0.95


def test_strangers_are_not_accused(found: tuple[Match, ...]):
    strangers = [span for name, span in spans().items() if name not in (*REUSED, "later")]
    assert [match for match in found for span in strangers if lies_on(match, span)] == []


def test_later_part_of_a_known_recording_is_never_confirmed(found: tuple[Match, ...]):
    """The archive has the first eight seconds, the release shows the thirteenth: the same face, another moment."""
    matches = [match for match in found if lies_on(match, spans()["later"])]
    assert {match.level for match in matches} <= {MatchLevel.POSSIBLE}
    assert {match.caveat for match in matches if match.same_scene_only} <= {MOTION_DIFFERS, TOO_STATIC}
    assert [match for match in matches if not match.same_scene_only] == []


def test_release_repeats_nothing(release: Examined):
    with ProxyReader() as proxies:
        assert find_repeats(query_material(release.examination, release.proxy, proxies), SilentProgress()) == ()


def test_reference_without_small_pictures_is_possible_at_most(
    release: Examined, clips: dict[str, Path], tmp_path: Path
):
    with Archive.create_or_open(tmp_path / "archive") as archive:
        add_video(archive, clips["carphone"], Reference(id="carphone"), SilentProgress(), with_proxy=False)
    matches = searched(release, tmp_path / "archive")
    assert {match.level for match in matches} == {MatchLevel.POSSIBLE}
    assert any(lies_on(match, spans()[name]) for match in matches for name in ("slowed", "inverted"))
    assert all(MOTION_FAMILY not in match.families and match.motion is None for match in matches)


# --- repeats ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("filters", ["null", "hflip", "crop=iw*0.6:ih*0.6", "hflip,crop=iw*0.7:ih*0.7"])
def test_cut_shown_again_is_found(clips: dict[str, Path], tmp_path: Path, filters: str):
    cuts = [Cut("robot", 0.5, 1.0), Cut("bikes", 7.0, 1.5), Cut("doorway", 0.5, 1.0), Cut("bikes", 7.0, 1.5, filters)]
    path = assemble(cuts, clips, tmp_path / "release.mp4")
    examination = examine_query(path, SilentProgress(), "", tmp_path / "proxy.mkv")
    with ProxyReader() as proxies:
        (match,) = find_repeats(query_material(examination, tmp_path / "proxy.mkv", proxies), SilentProgress())
    assert (match.query.start_s, match.query.end_s) == pytest.approx((3.5, 5.0), abs=0.1)
    assert (match.reference.start_s, match.reference.end_s) == pytest.approx((1.0, 2.5), abs=0.1)
    assert match.transform == Transform(mirrored="hflip" in filters)
    assert match.level is MatchLevel.CONFIRMED


# --- copies ----------------------------------------------------------------------------------------------------------

EDITS = {
    "re-encoded": ("null", ("-crf", "36")),
    "small": ("scale=240:-2", ("-crf", "30")),
    "darkened": ("eq=brightness=-0.25:contrast=0.7", ()),
    "grey": ("hue=s=0", ()),
    "mirrored": ("hflip", ()),
    "letterboxed": ("pad=iw:ih*4/3:0:(oh-ih)/2", ()),
    "pillarboxed": ("pad=iw*4/3:ih:(ow-iw)/2:0", ()),
    "mirrored and letterboxed": ("hflip,pad=iw:ih*4/3:0:(oh-ih)/2", ()),
    "at 15 frames a second": ("fps=15", ()),
    "at 8 frames a second": ("fps=8", ()),
}


def reuse(query: Path, reference: Path) -> list[Match]:
    return [match for match in compare_videos(query, reference, SilentProgress()) if not match.same_scene_only]


def shares(matches: list[Match], start_s: float, end_s: float) -> float:
    """Share of start_s..end_s of the query that the matches cover."""
    return sum(match.query.overlap_s(Interval(start_s=start_s, end_s=end_s)) for match in matches) / (end_s - start_s)


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS)
def test_edited_copy_is_found(footage: dict[str, Path], tmp_path: Path, edit: str):
    filters, options = EDITS[edit]
    copy = edited(footage["hard-cuts"], tmp_path / "copy.mp4", filters, *options)
    matches = reuse(copy, footage["hard-cuts"])
    assert shares(matches, 0.0, 9.0) > 0.9
    assert all(match.transform.mirrored == ("mirrored" in edit) for match in matches)
    assert {match.reference_id for match in matches} == {"hard-cuts"}
    confirmed = [match for match in matches if match.level is MatchLevel.CONFIRMED]
    assert shares(confirmed, 0.0, 9.0) > 0.9
    # Few pictures a second say less of the moment, and fifteen here less of the rate of the shortest shot.
    within_s = 0.15 if "frames a second" in edit else 0.1
    for match in matches:
        assert match.time_map.rate == pytest.approx(1.0, abs=0.16 if "at 15" in edit else 0)
        assert match.reference.start_s == pytest.approx(match.query.start_s, abs=within_s)
        assert match.reference.end_s == pytest.approx(match.query.end_s, abs=within_s)


@pytest.mark.slow
@pytest.mark.parametrize("edit", ["re-encoded", "darkened", "mirrored", "letterboxed", "at 8 frames a second"])
@pytest.mark.parametrize("clip", ["bikes", "carphone"])
def test_edited_copy_of_real_footage_is_found(clips: dict[str, Path], tmp_path: Path, clip: str, edit: str):
    filters, options = EDITS[edit]
    copy = edited(clips[clip], tmp_path / "copy.mp4", filters, *options)
    matches = reuse(copy, clips[clip])
    assert shares(matches, 0.5, 3.5) > 0.9
    assert all(match.transform.mirrored == (edit == "mirrored") for match in matches)
    assert MatchLevel.CONFIRMED in {match.level for match in matches}


@pytest.mark.slow
def test_copy_of_footage_that_hardly_moves_is_found_at_least_as_the_same_scene(clips: dict[str, Path], tmp_path: Path):
    copy = edited(clips["robot"], tmp_path / "copy.mp4", *EDITS["darkened"][:1])
    assert shares(list(compare_videos(copy, clips["robot"], SilentProgress())), 0.5, 5.0) > 0.7


@pytest.mark.slow
def test_copy_within_other_footage_is_found_at_its_seconds(footage: dict[str, Path], tmp_path: Path):
    pictures = [*drawing.scene(30, 50), *drawing.scene(10, 40), *drawing.scene(31, 50)]
    release = tmp_path / "release.mp4"
    encode(iter(pictures), release)
    (match,) = reuse(release, footage["hard-cuts"])
    assert (match.query.start_s, match.query.end_s) == pytest.approx((2.0, 3.6), abs=0.05)
    assert (match.reference.start_s, match.reference.end_s) == pytest.approx((0.0, 1.6), abs=0.1)
    assert match.transform == Transform()
    assert match.level is MatchLevel.CONFIRMED


# --- no copies -------------------------------------------------------------------------------------------------------


def sensor_noise(pictures: Iterator[drawing.Frame], seed: int) -> Iterator[drawing.Frame]:
    generator = np.random.default_rng(seed)
    for picture in pictures:
        noise = generator.integers(-6, 7, picture.shape, np.int16)
        yield np.clip(picture.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def watched(path: Path, seed: int, seconds: float) -> Path:
    """Record the same place with a fixed camera, at a time of its own."""
    frames = round(seconds * FRAMES_PER_SECOND)
    encode(sensor_noise(drawing.static(7, frames), seed), path)
    return path


@pytest.mark.parametrize("is_mirrored", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_same_place_at_another_time_is_no_reuse(tmp_path: Path, is_mirrored: bool):
    earlier, later = watched(tmp_path / "earlier.mp4", 1, 5.0), watched(tmp_path / "later.mp4", 2, 3.0)
    if is_mirrored:
        later = edited(later, tmp_path / "mirrored.mp4", "hflip")
    (match,) = compare_videos(later, earlier, SilentProgress())
    assert match.same_scene_only
    assert match.caveat == TOO_STATIC
    assert match.transform.mirrored == is_mirrored
    assert match.distinctness < 0.03


@pytest.mark.slow
def test_two_parts_of_a_static_clip_are_no_reuse_of_each_other(footage: dict[str, Path], tmp_path: Path):
    first = edited(footage["static"], tmp_path / "first.mp4", "null", "-t", "2")
    second = edited(footage["static"], tmp_path / "second.mp4", "null", "-ss", "2")
    assert reuse(first, second) == []
    assert reuse(second, first) == []
    assert reuse(first, footage["static"]) == []


@pytest.mark.slow
def test_two_scenes_of_a_kind_have_nothing_in_common(footage: dict[str, Path]):
    assert compare_videos(footage["other-scene"], footage["scene"], SilentProgress()) == ()
    assert compare_videos(footage["scene"], footage["hard-cuts"], SilentProgress()) == ()


@pytest.mark.slow
def test_real_parts_of_one_recording_are_not_confirmed_as_each_other(clips: dict[str, Path], tmp_path: Path):
    for clip, split_s in (("portrait", 10.0), ("carphone", 2.0), ("robot", 2.7)):
        first = edited(clips[clip], tmp_path / f"{clip}-1.mp4", "null", "-t", str(split_s))
        second = edited(clips[clip], tmp_path / f"{clip}-2.mp4", "null", "-ss", str(split_s))
        for query, reference in ((first, second), (second, first)):
            levels = {match.level for match in compare_videos(query, reference, SilentProgress())}
            assert levels <= {MatchLevel.POSSIBLE}


@pytest.mark.slow
def test_no_real_clip_is_taken_for_another(clips: dict[str, Path], tmp_path: Path):
    with Archive.create_or_open(tmp_path / "archive") as archive:
        for name, path in clips.items():
            add_video(archive, path, Reference(id=name), SilentProgress())
    for name, path in clips.items():
        proxy = tmp_path / f"{name}.mkv"
        matches = searched(Examined(examine_query(path, SilentProgress(), "", proxy), proxy), tmp_path / "archive")
        assert {match.reference_id for match in matches} == {name}
