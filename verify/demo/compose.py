"""Composes the demo's 'official release': reused and unseen clips under a title card, a corner logo and music.

Edit lists are counted in frames of the release, so the times of everything planted are exact.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.demo.cards import RELEASE_SIZE_PX, draw_caption, draw_card, draw_logo
from verify.errors import OutputNotWritableError, ToolMissingError
from verify.model import Interval
from verify.tools import find_ffmpeg

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from verify.demo.scenes.paint import Frame

FRAMES_PER_SECOND = 25
WIDTH_PX, HEIGHT_PX = RELEASE_SIZE_PX
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
    CROPPED_MIRRORED = "cropped and mirrored"
    SLOWED = "at half speed"
    ENLARGED = "enlarged, under a caption"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One entry of an edit list. A card shows `text`, whose further lines are smaller; a clip is played from `start_s`,
    at `speed` times its pace, under a `caption` if there is one.
    """

    frames: int
    text: str = ""
    clip_id: str = ""
    start_s: float = 0.0
    speed: float = 1.0
    edit: Edit = Edit.NONE
    caption: str = ""

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


def piece_intervals(edit_list: Sequence[Piece] = EDIT_LIST) -> tuple[Interval, ...]:
    """Return when each piece of an edit list is shown, in seconds of the release."""
    intervals = []
    start = 0
    for piece in edit_list:
        end = start + piece.frames
        intervals.append(Interval(start_s=start / FRAMES_PER_SECOND, end_s=end / FRAMES_PER_SECOND))
        start = end
    return tuple(intervals)


def planted_clips(
    edit_list: Sequence[Piece] = EDIT_LIST, reference_ids: Collection[str] = REFERENCE_IDS
) -> tuple[Planted, ...]:
    """Return what a release reuses from the references, in its order."""
    return tuple(
        Planted(query=shown, reference_id=piece.clip_id, reference=piece.clip_interval, edit=piece.edit.value)
        for piece, shown in zip(edit_list, piece_intervals(edit_list), strict=True)
        if piece.clip_id in reference_ids
    )


def compose_release(
    clips: Mapping[str, Path],
    output: Path,
    edit_list: Sequence[Piece] = EDIT_LIST,
    reference_ids: Collection[str] = REFERENCE_IDS,
) -> tuple[Planted, ...]:
    """Write a release as MP4 (H.264, 1280x720, 25 frames per second, AAC), about half a minute long.

    The same ffmpeg build writes the same bytes again.

    Parameters
    ----------
    clips
        Paths of the clips by id.
    output
        File to write; its folder must exist.
    edit_list
        What it consists of.
    reference_ids
        The clips that an archive holds.

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
        sources = _sources(clips, edit_list)
        pieces = [_piece(sources, piece, folder, number) for number, piece in enumerate(edit_list)]
        draw_logo(folder / "logo.png")
        logo = ffmpeg.input(str(folder / "logo.png"), loop=1, framerate=FRAMES_PER_SECOND)
        picture = ffmpeg.concat(*pieces, v=1, a=0).overlay(logo, x=40, y=36, shortest=1)
        finished = folder / "release.mp4"
        _run(
            ffmpeg.output(
                picture,
                _music(piece_intervals(edit_list)[-1].end_s),
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
    return planted_clips(edit_list, reference_ids)


def encode_scene(pictures: Iterable[Frame], width_px: int, height_px: int, output: Path) -> None:
    """Encode (height, width, 3) uint8 BGR pictures, 25 a second, as MP4 (H.264) without sound.

    Raises
    ------
    ToolMissingError
        There is no ffmpeg, or it cannot encode H.264.
    """
    import ffmpeg  # noqa: PLC0415 - only needed when a release is composed

    size = f"{width_px}x{height_px}"
    raw = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="bgr24", s=size, framerate=FRAMES_PER_SECOND)
    finished = ffmpeg.output(raw, str(output), format="mp4", movflags="+faststart", **_encoding(20))
    _run(finished, (picture.tobytes() for picture in pictures))


def _encoding(quality: int) -> dict[str, Any]:
    """Options of every encoding here: x264 at constant quality, without names, dates or versions in the file."""
    return {
        "vcodec": "libx264", "crf": quality, "preset": "veryfast", "pix_fmt": "yuv420p", "threads": _ENCODER_THREADS,
        "fflags": "+bitexact", "flags": "+bitexact", "map_metadata": -1,
        # x264's macroblock tree reads memory that nothing was written to: equal pictures would give other bytes.
        "x264-params": "mbtree=0",
    }  # fmt: skip


def _sources(clips: Mapping[str, Path], edit_list: Sequence[Piece]) -> dict[str, Iterator[Any]]:
    """Open every clip once; returns as many streams of it, from its first picture on, as it is used times."""
    import ffmpeg  # noqa: PLC0415 - see compose_release

    sources: dict[str, Iterator[Any]] = {}
    for clip_id, times in Counter(piece.clip_id for piece in edit_list if piece.clip_id).items():
        stream = ffmpeg.input(str(clips[clip_id])).video.setpts("PTS-STARTPTS")
        split = stream.filter_multi_output("split", times)
        sources[clip_id] = iter([split[index] for index in range(times)] if times > 1 else [stream])
    return sources


def _piece(sources: Mapping[str, Iterator[Any]], piece: Piece, folder: Path, number: int) -> Any:
    """Build the ffmpeg stream of one piece: exactly `piece.frames` frames of the release's size."""
    import ffmpeg  # noqa: PLC0415 - see compose_release

    if piece.text:
        card = folder / f"card{number}.png"
        draw_card(card, piece.text)
        stream = ffmpeg.input(str(card), loop=1, framerate=FRAMES_PER_SECOND)
        return _exactly(stream.filter("format", "yuv420p"), piece.frames)
    stream = _cut(next(sources[piece.clip_id]), piece)
    if piece.edit is Edit.REGRADED_SMALL:
        small = folder / f"small{number}.mp4"
        _run(ffmpeg.output(_regrade(stream), str(small), format="mp4", **_encoding(31)))
        stream = ffmpeg.input(str(small)).video
    elif piece.edit is Edit.MIRRORED_SLOWED:
        stream = stream.hflip()
    elif piece.edit is Edit.CROPPED_MIRRORED:
        stream = stream.filter("crop", "iw*0.8", "ih*0.8", "iw*0.12", "ih*0.06").hflip()
    elif piece.edit is Edit.ENLARGED:
        stream = stream.filter("crop", "iw*0.74", "ih*0.74", "iw*0.13", "ih*0.14")
    stream = _fit(stream)
    if piece.caption:
        band = folder / f"band{number}.png"
        draw_caption(band, piece.caption)
        stream = stream.overlay(ffmpeg.input(str(band), loop=1, framerate=FRAMES_PER_SECOND), x=0, y=594)
    return _exactly(stream, piece.frames)


def _cut(stream: Any, piece: Piece) -> Any:
    """Take a clip's part by its own timestamps, stretch it to its pace and lay it on the release's frame times."""
    part = piece.clip_interval
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


def _music(duration_s: float) -> Any:
    """Render a quiet bed of four chords, two seconds each, with a slow swell."""
    import ffmpeg  # noqa: PLC0415 - see compose_release

    chords_hz = ((220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (130.81, 164.81, 196.0), (196.0, 246.94, 293.66))
    bars = [
        f"between(mod(t,8),{2 * number},{2 * number + 2})*({'+'.join(f'sin(2*PI*{tone}*t)' for tone in chord)})"
        for number, chord in enumerate(chords_hz)
    ]
    # A bare comma would end the filter.
    sound = f"0.08*(0.6+0.4*sin(2*PI*0.25*t))*({'+'.join(bars)})".replace(",", r"\,")
    return ffmpeg.input(f"aevalsrc={sound}:s=44100:d={duration_s}", format="lavfi").audio


def _run(output: Any, blocks: Iterable[bytes] = ()) -> None:
    """Run ffmpeg on a finished graph, feeding it blocks of bytes if there are any."""
    import ffmpeg  # noqa: PLC0415 - see compose_release

    arguments = ffmpeg.compile(output, cmd=find_ffmpeg().path, overwrite_output=True)
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [arguments[0], "-hide_banner", "-loglevel", "error", *arguments[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=words,
        )
        # Whatever happens here, ffmpeg does not outlive it.
        watchdog = threading.Timer(_FFMPEG_TIMEOUT_S, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            if process.stdin is not None:
                # If ffmpeg ends early, its own words are the better message.
                with contextlib.suppress(BrokenPipeError):
                    for block in blocks:
                        process.stdin.write(block)
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
            code = process.wait()
        finally:
            process.kill()
            process.wait()
            is_late = not watchdog.is_alive()
            watchdog.cancel()
        words.seek(0)
        problem = words.read().decode("utf-8", "replace").strip()[-_STDERR_TAIL_CHARACTERS:]
    if code != 0:
        problem = f"it did not end within {_FFMPEG_TIMEOUT_S} s" if is_late else problem
        raise ToolMissingError(
            "ffmpeg", f"could not compose the demo's release: {problem}", "Try another build of ffmpeg."
        )
