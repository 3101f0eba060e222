"""Dissolves, fades and flashes between real clips, rendered by ffmpeg and read as every video is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.footage import _ffmpeg
from verify.media.reader import open_video
from verify.media.shots import ShotClasses
from verify.model import DecodeOutcome, FrameClass, SampledFrame, SilentProgress

FRAME_S = 1 / 25
SIZE = "scale=480:270,setsar=1,fps=25,format=yuv420p,settb=1/25"
# Where one shot of each clip begins, and that it lasts for 2 s.
SHOTS = {"bikes": 3.08, "bigbuckbunny": 1.0, "robot": 1.0, "portrait": 2.0, "doorway": 0.2, "city": 0.0}
ENCODING = ("-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-threads", "1")


def render(path: Path, graph: str, *sources: tuple[Path, float]) -> Path:
    inputs = [word for clip, start_s in sources for word in ("-ss", str(start_s), "-t", "2", "-i", str(clip))]
    _ffmpeg(*inputs, "-filter_complex", graph, *ENCODING, path)
    return path


def joined(clips: dict[str, Path], one: str, other: str, path: Path, transition: str, duration_s: float) -> Path:
    """Join 2 s of two clips by a transition of ffmpeg's xfade that ends with the first."""
    graph = f"[0]{SIZE}[a];[1]{SIZE}[b];[a][b]xfade={transition}:duration={duration_s}:offset={2 - duration_s}"
    return render(path, graph, (clips[one], SHOTS[one]), (clips[other], SHOTS[other]))


def sampled(path: Path) -> tuple[list[SampledFrame], DecodeOutcome]:
    with open_video(path, 8.0) as video:
        frames = list(video.frames(SilentProgress()))
        assert video.outcome is not None
        return frames, video.outcome


PAIRS = [("bikes", "bigbuckbunny"), ("robot", "portrait"), ("doorway", "bikes"), ("bigbuckbunny", "city")]


@pytest.mark.parametrize("duration_s", [0.2, 0.48, 1.0])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_dissolve_parts_two_shots(clips: dict[str, Path], tmp_path: Path, one: str, other: str, duration_s: float):
    path = joined(clips, one, other, tmp_path / "joined.mp4", "fade", duration_s)
    frames, outcome = sampled(path)
    (boundary_s,) = outcome.cut_times_s
    assert boundary_s == pytest.approx(2 - duration_s / 2, abs=max(3 * FRAME_S, 0.2 * duration_s))
    begun = [frame.time_s for frame in frames if frame.starts_shot]
    assert begun == [min(frame.time_s for frame in frames if frame.time_s >= boundary_s)]
    times = [frame.time_s for frame in frames]
    assert times == sorted(times)
    assert times[0] == 0.0


@pytest.mark.parametrize("colour", ["black", "white"])
@pytest.mark.parametrize(("one", "other"), PAIRS[:2])
def test_fade_parts_two_shots_where_it_is_darkest_or_brightest(
    clips: dict[str, Path], tmp_path: Path, one: str, other: str, colour: str
):
    out, come = (f"fade={way}:st={start_s}:d=0.4:color={colour}" for way, start_s in (("out", 1.6), ("in", 0)))
    graph = f"[0]{SIZE},{out}[a];[1]{SIZE},{come}[b];[a][b]concat"
    sources = (clips[one], SHOTS[one]), (clips[other], SHOTS[other])
    _, outcome = sampled(render(tmp_path / "joined.mp4", graph, *sources))
    (boundary_s,) = outcome.cut_times_s
    assert boundary_s == pytest.approx(2.0, abs=3 * FRAME_S)


@pytest.mark.parametrize("transition", ["fadeblack", "fadewhite", "dissolve", "fadegrays"])
def test_other_transitions_part_two_shots(clips: dict[str, Path], tmp_path: Path, transition: str):
    _, outcome = sampled(joined(clips, "robot", "portrait", tmp_path / "joined.mp4", transition, 0.8))
    (boundary_s,) = outcome.cut_times_s
    assert 1.2 <= boundary_s <= 2.0


@pytest.mark.parametrize("gain", [0.25, 0.08])
def test_transitions_of_dark_footage_are_found(clips: dict[str, Path], tmp_path: Path, gain: float):
    one, other = (clips["bikes"], SHOTS["bikes"]), (clips["robot"], SHOTS["robot"])
    dim = f"{SIZE},colorlevels=romax={gain}:gomax={gain}:bomax={gain}"
    cut = render(tmp_path / "cut.mp4", f"[0]{dim}[a];[1]{dim}[b];[a][b]concat", one, other)
    assert sampled(cut)[1].cut_times_s == pytest.approx((2.0,))
    graph = f"[0]{dim}[a];[1]{dim}[b];[a][b]xfade=fade:duration=0.48:offset=1.52"
    (boundary_s,) = sampled(render(tmp_path / "dissolved.mp4", graph, one, other))[1].cut_times_s
    assert boundary_s == pytest.approx(1.76, abs=4 * FRAME_S)


NO_TRANSITIONS = {
    "flash": "geq=lum='if(between(N,22,24),235,lum(X,Y))':cb=128:cr=128",
    "flash that dies down": "fade=in:st=0.8:d=0.6:color=white:enable='gte(t,0.8)'",
    "dimmed": "colorlevels=romax=0.6:gomax=0.6:bomax=0.6:enable='gte(t,1)'",
    "fast pan": "scale=1440:-2,crop=480:270:'min(960,max(0,(t-0.6)*1600))':100",
}


@pytest.mark.parametrize("what", NO_TRANSITIONS)
@pytest.mark.parametrize("name", ["robot", "portrait"])
def test_flashes_lamps_and_pans_are_no_transitions(clips: dict[str, Path], tmp_path: Path, name: str, what: str):
    path = render(tmp_path / "one.mp4", f"[0]{SIZE},{NO_TRANSITIONS[what]},format=yuv420p", (clips[name], SHOTS[name]))
    assert sampled(path)[1].cut_times_s == ()


@pytest.mark.parametrize("name", ["robot", "portrait", "doorway", "carphone", "bigbuckbunny"])
def test_continuous_recording_has_no_boundaries(clips: dict[str, Path], name: str):
    assert sampled(clips[name])[1].cut_times_s == ()


def test_dissolve_between_a_card_and_footage_keeps_their_classes_apart(clips: dict[str, Path], tmp_path: Path):
    words = "color=c=0x202060:s=480x270:r=25:d=2,drawgrid=w=480:h=40:t=3:c=white@0.9,format=yuv420p,settb=1/25,setsar=1"
    graph = f"{words}[a];[0]{SIZE}[b];[a][b]xfade=fade:duration=0.48:offset=1.52"
    frames, outcome = sampled(render(tmp_path / "card.mp4", graph, (clips["bikes"], SHOTS["bikes"])))
    classes = ShotClasses()
    for frame in frames:
        classes.add(frame, frame.pixels_bgr[..., 1].copy())
    assert [shot.frame_class for shot in classes.finish(outcome)] == [FrameClass.TEMPLATE, FrameClass.TEXTURED]
