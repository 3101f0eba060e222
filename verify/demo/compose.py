"""Composes the demo's 'official release': reused and unseen clips under a title card, a corner logo and music.

The edit list below is counted in frames of the release, so the times of everything planted are exact.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.errors import OutputNotWritableError, ToolMissingError
from verify.model import Interval
from verify.tools import find_ffmpeg

if TYPE_CHECKING:
    from collections.abc import Mapping

FRAMES_PER_SECOND = 25
WIDTH_PX, HEIGHT_PX = 1280, 720
_SMALL_WIDTH_PX, _SMALL_HEIGHT_PX = 320, 180
_FFMPEG_TIMEOUT_S = 300
_STDERR_TAIL_CHARACTERS = 400
# One thread count for every machine: the bytes that x264 writes depend on it.
_ENCODER_THREADS = 2


class Edit(StrEnum):
    """What is done to a clip besides the logo and the release's own encoding."""

    NONE = "as it is"
    REGRADED_SMALL = "darker, more contrast, shifted colours, encoded at 320x180"
    MIRRORED_SLOWED = "mirrored, at half speed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One entry of the edit list. A card shows `text`; a clip is played from `start_s`, at `speed` times its pace."""

    frames: int
    text: str = ""
    clip_id: str = ""
    start_s: float = 0.0
    speed: float = 1.0
    edit: Edit = Edit.NONE

    @property
    def clip_interval(self) -> Interval:
        """The part of the clip that is shown, in seconds of the clip."""
        return Interval(start_s=self.start_s, end_s=self.start_s + self.frames / FRAMES_PER_SECOND * self.speed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A reused clip: where it is in the release, what it was taken from, and what was done to it."""

    query: Interval
    reference_id: str
    reference: Interval
    edit: str


EDIT_LIST = (
    Piece(frames=75, text="DEMONSTRATION RELEASE"),
    Piece(frames=70, clip_id="sky-title", start_s=0.8),
    Piece(frames=105, clip_id="bikes", start_s=3.2),
    Piece(frames=130, clip_id="robot", start_s=0.1),
    Piece(frames=105, clip_id="portrait", start_s=4.6, edit=Edit.REGRADED_SMALL),
    Piece(frames=55, clip_id="doorway", start_s=0.0),
    Piece(frames=175, clip_id="bigbuckbunny", start_s=0.4, speed=0.5, edit=Edit.MIRRORED_SLOWED),
    Piece(frames=50, text="END OF DEMONSTRATION"),
)

# What the demo's archive holds: the sources of the reused pieces, and two videos the release has nothing of.
REFERENCE_IDS = ("bikes", "portrait", "bigbuckbunny", "carphone", "city")


def piece_intervals() -> tuple[Interval, ...]:
    """Return when each piece of the edit list is shown, in seconds of the release."""
    intervals = []
    start = 0
    for piece in EDIT_LIST:
        end = start + piece.frames
        intervals.append(Interval(start_s=start / FRAMES_PER_SECOND, end_s=end / FRAMES_PER_SECOND))
        start = end
    return tuple(intervals)


def planted_clips() -> tuple[Planted, ...]:
    """Return what the release reuses from the references, in its order."""
    return tuple(
        Planted(query=shown, reference_id=piece.clip_id, reference=piece.clip_interval, edit=piece.edit.value)
        for piece, shown in zip(EDIT_LIST, piece_intervals(), strict=True)
        if piece.clip_id in REFERENCE_IDS
    )


def compose_release(clips: Mapping[str, Path], output: Path) -> tuple[Planted, ...]:
    """Write the release as MP4 (H.264, 1280x720, 25 frames per second, AAC), about half a minute long.

    The same ffmpeg build writes the same bytes again.

    Parameters
    ----------
    clips
        Paths of the clips by id, as `fetch_clips` returns them.
    output
        File to write; its folder must exist.

    Returns
    -------
    tuple of Planted
        What was planted, in the order of the release.

    Raises
    ------
    ToolMissingError
        There is no ffmpeg, or it lacks what the composition needs.
    OutputNotWritableError
        `output` cannot be written.
    """
    import ffmpeg  # noqa: PLC0415 - only needed when a release is composed

    if not output.parent.is_dir():
        raise OutputNotWritableError(output, "cannot be written, its folder does not exist")
    with tempfile.TemporaryDirectory(prefix="verify-demo-") as temporary:
        folder = Path(temporary)
        pieces = [_piece(clips, piece, folder, number) for number, piece in enumerate(EDIT_LIST)]
        _draw_logo(folder / "logo.png")
        logo = ffmpeg.input(str(folder / "logo.png"), loop=1, framerate=FRAMES_PER_SECOND)
        picture = ffmpeg.concat(*pieces, v=1, a=0).overlay(logo, x=40, y=36, shortest=1)
        finished = folder / "release.mp4"
        _run(
            ffmpeg.output(
                picture,
                _music(),
                str(finished),
                **{"format": "mp4", "movflags": "+faststart", "b:a": "96k", "ar": 44100},
                **_encoding(23),
                acodec="aac",
            )
        )
        try:
            output.write_bytes(finished.read_bytes())
        except OSError as error:
            raise OutputNotWritableError(output, f"cannot be written ({error.strerror})") from error
    return planted_clips()


def _encoding(quality: int) -> dict[str, Any]:
    """Options of every encoding here: x264 at constant quality, without names, dates or versions in the file."""
    return {
        "vcodec": "libx264", "crf": quality, "preset": "veryfast", "pix_fmt": "yuv420p", "threads": _ENCODER_THREADS,
        "fflags": "+bitexact", "flags": "+bitexact", "map_metadata": -1,
    }  # fmt: skip


def _piece(clips: Mapping[str, Path], piece: Piece, folder: Path, number: int) -> Any:
    """Build the ffmpeg stream of one piece: exactly `piece.frames` frames of the release's size."""
    import ffmpeg  # noqa: PLC0415 - see compose_release

    if piece.text:
        card = folder / f"card{number}.png"
        _draw_card(card, piece.text)
        stream = ffmpeg.input(str(card), loop=1, framerate=FRAMES_PER_SECOND)
        return _exactly(stream.filter("format", "yuv420p"), piece.frames)
    stream = _cut(clips[piece.clip_id], piece)
    if piece.edit is Edit.REGRADED_SMALL:
        small = folder / f"small{number}.mp4"
        _run(ffmpeg.output(_regrade(stream), str(small), format="mp4", **_encoding(31)))
        stream = ffmpeg.input(str(small)).video
    elif piece.edit is Edit.MIRRORED_SLOWED:
        stream = stream.hflip()
    return _exactly(_fit(stream), piece.frames)


def _cut(path: Path, piece: Piece) -> Any:
    """Take a clip's part by its own timestamps, stretch it to its pace and lay it on the release's frame times."""
    import ffmpeg  # noqa: PLC0415 - see compose_release

    part = piece.clip_interval
    stream = ffmpeg.input(str(path)).video.setpts("PTS-STARTPTS")
    # The end is left open by a frame: rounding to the release's frame times must not run short of pictures.
    stream = stream.trim(start=part.start_s, end=part.end_s + 0.1).setpts(f"(PTS-{part.start_s}/TB)/{piece.speed}")
    return stream.filter("fps", fps=FRAMES_PER_SECOND, start_time=0, round="near")


def _regrade(stream: Any) -> Any:
    """Make a picture small, darker, harder and bluer."""
    return (
        stream.filter("scale", _SMALL_WIDTH_PX, _SMALL_HEIGHT_PX, flags="bilinear")
        .filter("eq", brightness=-0.03, contrast=1.12, saturation=1.3, gamma=0.88)
        .filter("colorbalance", rm=-0.08, bs=0.08, bm=0.12)
    )


def _fit(stream: Any) -> Any:
    """Scale a picture into the release's frame, keeping its shape between black bars."""
    return (
        stream.filter("scale", WIDTH_PX, HEIGHT_PX, force_original_aspect_ratio="decrease", flags="bicubic")
        .filter("pad", WIDTH_PX, HEIGHT_PX, "(ow-iw)/2", "(oh-ih)/2")
        .filter("setsar", 1)
        .filter("format", "yuv420p")
    )


def _exactly(stream: Any, frames: int) -> Any:
    return stream.trim(end_frame=frames).setpts("PTS-STARTPTS")


def _music() -> Any:
    """Render a quiet bed of four chords, two seconds each, with a slow swell."""
    import ffmpeg  # noqa: PLC0415 - see compose_release

    chords_hz = ((220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (130.81, 164.81, 196.0), (196.0, 246.94, 293.66))
    bars = [
        f"between(mod(t,8),{2 * number},{2 * number + 2})*({'+'.join(f'sin(2*PI*{tone}*t)' for tone in chord)})"
        for number, chord in enumerate(chords_hz)
    ]
    duration_s = piece_intervals()[-1].end_s
    # A bare comma would end the filter.
    sound = f"0.08*(0.6+0.4*sin(2*PI*0.25*t))*({'+'.join(bars)})".replace(",", r"\,")
    return ffmpeg.input(f"aevalsrc={sound}:s=44100:d={duration_s}", format="lavfi").audio


def _draw_card(path: Path, text: str) -> None:
    """Draw white words and a rule on a dark blue ground, and write them as PNG."""
    import cv2  # noqa: PLC0415 - slow, and only needed when a release is composed
    import numpy as np  # noqa: PLC0415

    card = np.full((HEIGHT_PX, WIDTH_PX, 3), (70, 45, 30), dtype=np.uint8)
    scale, thickness = 1.8, 3
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    left, baseline = (WIDTH_PX - width) // 2, (HEIGHT_PX + height) // 2
    cv2.putText(card, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, scale, (245, 245, 245), thickness, cv2.LINE_AA)
    cv2.rectangle(card, (left, baseline + 30), (left + width, baseline + 36), (60, 170, 230), -1)
    path.write_bytes(cv2.imencode(".png", card)[1].tobytes())


def _draw_logo(path: Path) -> None:
    """Draw a small half-transparent badge with a ring, and write it as PNG."""
    import cv2  # noqa: PLC0415 - slow, and only needed when a release is composed
    import numpy as np  # noqa: PLC0415

    logo = np.zeros((52, 104, 4), dtype=np.uint8)
    cv2.rectangle(logo, (0, 0), (103, 51), (70, 45, 30, 200), -1)
    cv2.circle(logo, (26, 26), 16, (245, 245, 245, 255), 4, cv2.LINE_AA)
    cv2.putText(logo, "DEMO", (48, 33), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (245, 245, 245, 255), 1, cv2.LINE_AA)
    path.write_bytes(cv2.imencode(".png", logo)[1].tobytes())


def _run(output: Any) -> None:
    """Run ffmpeg on a finished graph."""
    import ffmpeg  # noqa: PLC0415 - see compose_release

    arguments = ffmpeg.compile(output, cmd=find_ffmpeg().path, overwrite_output=True)
    quiet = ["-hide_banner", "-nostdin", "-loglevel", "error"]
    try:
        done = subprocess.run(
            [arguments[0], *quiet, *arguments[1:]], capture_output=True, timeout=_FFMPEG_TIMEOUT_S, check=False
        )
        problem = done.stderr.decode("utf-8", "replace").strip()[-_STDERR_TAIL_CHARACTERS:]
    except subprocess.TimeoutExpired:
        problem = f"it did not end within {_FFMPEG_TIMEOUT_S} s"
    else:
        if done.returncode == 0:
            return
    raise ToolMissingError("ffmpeg", f"could not compose the demo's release: {problem}", "Try another build of ffmpeg.")
