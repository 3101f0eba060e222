"""Reads clips frame by frame with their own times, and writes videos whose times are exact.

Every clip is copied once into a *working copy*: scaled to a longest side of 640 px, hardly compressed, every frame at
its own time, a key frame a second. References and releases are both made from working copies, so that the truth can be
counted in frames of these.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from benchmarks.accuracy.truth import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    Frame = npt.NDArray[np.uint8]

CLIPS_LIST = "sources.csv"
SUFFIXES = frozenset((".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".ogv", ".wmv", ".ts"))
_LONGEST_SIDE_PX = 640
#: Working copies end here: one long film must not crowd out everything else.
_LONGEST_S = 180.0
_TIME_BASE = Fraction(1, 90_000)
_WORKING_QUALITY = 12
#: The same bytes each time: with several threads, or its macroblock tree, x264 does not choose by the pictures alone.
_REPEATABLE = "threads=1:mbtree=0"
_KEY_FRAME_EVERY = 25
#: Times nearer than this are the same: half a tick of the coarsest time base in use (1/1000 s).
_TICK_S = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One clip. `group` is its scene or event: other recordings of it have the same. `category` is a free word."""

    id: str
    path: Path
    group: str
    category: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """A working copy. `times_s` are those of its frames from the first one on, `end_s` when the last one ends."""

    source: Source
    path: Path
    times_s: tuple[float, ...]
    end_s: float

    def index_at(self, time_s: float) -> int:
        """Return the number of the frame that is shown at a time; the first or last one outside."""
        found = int(np.searchsorted(self.times_s, time_s + _TICK_S, side="right")) - 1
        return min(max(found, 0), len(self.times_s) - 1)

    def frames(self, first: int, last: int) -> list[Frame]:
        """Decode the frames first <= number < last, each (h, w, 3) uint8 BGR."""
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            if first:
                container.seek(round(self.times_s[first] * av.time_base))
            wanted = (frame for frame in container.decode(stream) if self.index_at(_seconds(frame)) >= first)
            pictures = [to_picture(frame) for frame in itertools.islice(wanted, last - first)]
        if len(pictures) != last - first:
            raise BenchmarkError(f"{self.path}: {len(pictures)} frames from number {first} on, {last - first} expected")
        return pictures


def _seconds(frame: Any) -> float:
    """Time of a frame or packet."""
    return float(frame.pts * frame.time_base)


def to_picture(frame: av.VideoFrame) -> Frame:
    """Convert a decoded frame: (h, w, 3) uint8, BGR."""
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def read_sources(folder: Path) -> list[Source]:
    """List the clips of a folder, by name.

    `sources.csv` in it, if there is one, names file, source, group, category and licence of each; without it every file
    is a source and a group of its own.

    Raises
    ------
    BenchmarkError
        There is no clip in the folder.
    """
    listed = {}
    if (folder / CLIPS_LIST).is_file():
        with (folder / CLIPS_LIST).open(newline="", encoding="utf-8") as file:
            listed = {row["file"]: row for row in csv.DictReader(file)}
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not paths:
        raise BenchmarkError(f"{folder} holds no clip ({', '.join(sorted(SUFFIXES))})")
    sources = []
    for path in paths:
        row = listed.get(path.name, {})
        name = row.get("source") or path.stem
        source = Source(
            id=name,
            path=path,
            group=row.get("group") or name,
            category=row.get("category") or "",
            licence=row.get("licence") or "",
        )
        sources.append(source)
    return sources


def one_half(sources: Sequence[Source], half: str) -> list[Source]:
    """Keep the clips of every other group, `a` or `b`: what is fitted on one half can be scored on the other.

    Groups of one category go to both halves in turns.
    """
    categories = {source.group: source.category for source in sources}
    order = sorted(categories, key=lambda group: (categories[group], hashlib.sha256(group.encode()).digest()))
    kept = set(order["ab".index(half) :: 2])
    return [source for source in sources if source.group in kept]


def working_copy(source: Source, folder: Path) -> Footage:
    """Copy a clip's pictures into `folder`, if they are not there yet; see the head of this file.

    Raises
    ------
    BenchmarkError
        The clip has no two frames that can be decoded.
    """
    try:
        with source.path.open("rb") as file:
            path = folder / f"{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}.mp4"
        if not path.exists():
            unfinished = folder / f"{path.stem}.{os.getpid()}.part"
            pictures = _kept(source.path)
            encode(pictures, unfinished, quality=_WORKING_QUALITY, key_frame_every=_KEY_FRAME_EVERY, preset="ultrafast")
            unfinished.replace(path)
        times = _times(path)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise BenchmarkError(f"{source.path}: cannot be read ({error})") from error
    if len(times) < 2:
        raise BenchmarkError(f"{source.path}: has fewer than two pictures")
    return Footage(source=source, path=path, times_s=tuple(times), end_s=times[-1] + (times[-1] - times[-2]))


def _times(path: Path) -> list[float]:
    """Return when the frames of a working copy are shown, without decoding them."""
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        return sorted(_seconds(packet) for packet in packets if packet.pts is not None)


def _kept(path: Path) -> Iterator[tuple[float, Frame]]:
    """Yield scaled pictures with rising times from 0 on."""
    start = latest = None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if frame.pts is None:
                continue
            start = _seconds(frame) if start is None else start
            time_s = _seconds(frame) - start
            if latest is not None and time_s <= latest + _TICK_S:
                continue
            if time_s > _LONGEST_S:
                return
            latest = time_s
            yield time_s, _scaled(to_picture(frame))


def _scaled(picture: Frame) -> Frame:
    height, width = picture.shape[:2]
    factor = min(1.0, _LONGEST_SIDE_PX / max(height, width))
    # Video with two colour samples fewer needs even sides.
    size = [max(2, round(side * factor / 2) * 2) for side in (width, height)]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode(
    pictures: Iterable[tuple[float, Frame]],
    path: Path,
    *,
    quality: int,
    key_frame_every: int = 250,
    preset: str = "veryfast",
) -> None:
    """Write pictures at their own times (seconds, rising) as H.264 of a constant quality (x264's, 0 best to 51).

    The same pictures give the same bytes on the same build.
    """
    options = {"crf": str(quality), "preset": preset, "x264-params": _REPEATABLE}
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream: Any = None
        for time_s, picture in pictures:
            if stream is None:
                stream = container.add_stream("libx264", options=options)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt, stream.gop_size = "yuv420p", key_frame_every
                stream.codec_context.time_base = stream.time_base = _TIME_BASE
                stream.codec_context.flags |= av.codec.context.Flags.bitexact
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = round(time_s / _TIME_BASE), _TIME_BASE
            container.mux(stream.encode(frame))
        if stream is None:
            raise ValueError("no pictures")
        container.mux(stream.encode(None))


def write_part(footage: Footage, first: int, last: int, path: Path, *, quality: int) -> None:
    """Write the frames first <= number < last of a working copy as a video of its own, from time 0 on."""
    start = footage.times_s[first]
    chunk = 250
    parts = ((begin, min(begin + chunk, last)) for begin in range(first, last, chunk))
    pictures = (
        (footage.times_s[begin + offset] - start, picture)
        for begin, end in parts
        for offset, picture in enumerate(footage.frames(begin, end))
    )
    encode(pictures, path, quality=quality)


def recode(pictures: Sequence[Frame], *, size_px: tuple[int, int], quality: int) -> list[Frame]:
    """Send pictures through a small and bad encoding, as another platform would, and back to their size."""
    height, width = pictures[0].shape[:2]
    stream: Any = av.CodecContext.create("libx264", "w")
    stream.width, stream.height = size_px
    stream.pix_fmt, stream.time_base, stream.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    stream.options = {"crf": str(quality), "preset": "veryfast", "x264-params": _REPEATABLE}
    reader: Any = av.CodecContext.create("h264", "r")
    reader.thread_count = 1
    packets: list[Any] = []
    for number, picture in enumerate(pictures):
        small = np.asarray(cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA), np.uint8)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(small), format="bgr24")
        frame.pts = number
        packets += stream.encode(frame)
    packets += stream.encode(None)
    decoded = [frame for packet in [*packets, None] for frame in reader.decode(packet)]
    if len(decoded) != len(pictures):
        raise BenchmarkError(f"re-encoding returned {len(decoded)} pictures of {len(pictures)}")
    return [
        np.asarray(cv2.resize(to_picture(frame), (width, height)), np.uint8) for frame in decoded
    ]  # fmt: skip
