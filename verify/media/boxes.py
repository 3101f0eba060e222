"""What the boxes of an MP4 or QuickTime file say that the demuxer acts on but does not tell: order, edit lists, times.

Box layouts are those of ISO/IEC 14496-12. Nothing is read but box headers and a few small boxes, and no more of either
than the limits below, so that a hostile file costs no more than an honest one. Runs in the worker process.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_BOXES = 20_000
_MAX_LEAF_BYTES = 64 * 1024
_MAX_EDITS = 200
_MAX_TRACKS = 64
_MAX_DEPTH = 4
_CONTAINERS = (b"trak", b"mdia", b"edts")
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One entry of an edit list: for how long (s) which part of the track is shown, from `media_time_s` on.

    `media_time_s` is None where nothing is shown; `rate` is 1 for normal speed, 0 for a picture that stands still.
    """

    duration_s: float
    media_time_s: float | None
    rate: float


@dataclass(slots=True, kw_only=True)
class Track:
    """One track. `created` is as stored: seconds since 1904-01-01 UTC, 0 where it was not set, None where absent."""

    track_id: int = 0
    timescale: int = 0
    created: int | None = None
    edits: list[tuple[int, int, int]] = field(default_factory=list)
    movie_timescale: int = 0

    def edit_list(self) -> tuple[Edit, ...]:
        """Return the edit list in seconds; empty if there is none or its clocks are not known."""
        if not (self.timescale and self.movie_timescale):
            return ()
        return tuple(
            Edit(
                duration_s=duration / self.movie_timescale,
                media_time_s=None if media_time < 0 else media_time / self.timescale,
                rate=rate / 0x10000,
            )
            for duration, media_time, rate in self.edits
        )


@dataclass(slots=True, kw_only=True)
class Layout:
    """What the boxes say. `index_first` is None where there is no index or no media; times as in `Track`."""

    index_first: bool | None = None
    fragmented: bool = False
    created: int | None = None
    modified: int | None = None
    tracks: list[Track] = field(default_factory=list)


def read_layout(path: Path) -> Layout | None:
    """Read the boxes of a file; None if it does not begin with one. A damaged file gives what could be read."""
    layout = Layout()
    with path.open("rb") as file:
        size = file.seek(0, 2)
        reader = _Reader(file)
        seen: list[bytes] = []
        for kind, start, end in reader.boxes(0, size):
            if not seen and kind not in _FIRST_BOXES:
                return None
            seen.append(kind)
            if kind == b"moov":
                _read_movie(reader, start, end, layout)
        if not seen:
            return None
    layout.fragmented = layout.fragmented or b"moof" in seen
    if b"moov" in seen and b"mdat" in seen:
        layout.index_first = seen.index(b"moov") < seen.index(b"mdat")
    return layout


class _Reader:
    """Walks boxes, counting them against one limit for the whole file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = _MAX_BOXES

    def boxes(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield kind, start and end of the content of each box between two places; ends at the first nonsense."""
        while start + 8 <= end and self._left:
            self._left -= 1
            self._file.seek(start)
            header = self._file.read(16)
            if len(header) < 8:
                return
            size, kind = struct.unpack(">I4s", header[:8])
            content = start + 8
            if size == 1 and len(header) == 16:
                (size,) = struct.unpack(">Q", header[8:])
                content = start + 16
            elif size == 0:
                size = end - start
            if size < content - start or start + size > end:
                # A box that is cut off: what is there of it can be read, nothing follows it.
                yield kind, content, end
                return
            yield kind, content, start + size
            start += size

    def leaf(self, start: int, end: int) -> bytes:
        """Read the content of a small box."""
        self._file.seek(start)
        return self._file.read(min(end - start, _MAX_LEAF_BYTES))


def _read_movie(reader: _Reader, start: int, end: int, layout: Layout) -> None:
    timescale = 0
    for kind, inner, inner_end in reader.boxes(start, end):
        if kind == b"mvhd":
            times = _header_times(reader.leaf(inner, inner_end))
            if times:
                layout.created, layout.modified, timescale = times
        elif kind == b"mvex":
            layout.fragmented = True
        elif kind == b"trak" and len(layout.tracks) < _MAX_TRACKS:
            track = Track()
            _read_track(reader, inner, inner_end, track, _MAX_DEPTH)
            layout.tracks.append(track)
    for track in layout.tracks:
        track.movie_timescale = timescale


def _read_track(reader: _Reader, start: int, end: int, track: Track, depth: int) -> None:
    for kind, inner, inner_end in reader.boxes(start, end):
        if kind in _CONTAINERS:
            if depth:
                _read_track(reader, inner, inner_end, track, depth - 1)
        elif kind == b"tkhd":
            content = reader.leaf(inner, inner_end)
            place = 20 if content[:1] == b"\x01" else 12
            track.track_id = int.from_bytes(content[place : place + 4], "big")
        elif kind == b"mdhd":
            times = _header_times(reader.leaf(inner, inner_end))
            if times:
                track.created, _, track.timescale = times
        elif kind == b"elst":
            track.edits = _edits(reader.leaf(inner, inner_end))


def _header_times(content: bytes) -> tuple[int, int, int] | None:
    """Creation time, modification time and time scale of a movie or media header, version 0 or 1."""
    form = ">4xQQI" if content[:1] == b"\x01" else ">4xIII"
    if len(content) < struct.calcsize(form):
        return None
    created, modified, timescale = struct.unpack_from(form, content)
    return created, modified, timescale


def _edits(content: bytes) -> list[tuple[int, int, int]]:
    """Duration, media time and rate of each entry of an edit list, version 0 or 1, in the units of the file."""
    form = struct.Struct(">Qqi" if content[:1] == b"\x01" else ">Iii")
    if len(content) < 8:
        return []
    count = min(int.from_bytes(content[4:8], "big"), (len(content) - 8) // form.size, _MAX_EDITS)
    return [form.unpack_from(content, 8 + number * form.size) for number in range(count)]
