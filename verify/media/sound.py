"""Loudness and silences of a file's first sound stream, by FFmpeg's filters. Runs in the worker process.

Loudness is that of EBU R 128 (2020): integrated loudness in LUFS and loudness range in LU, by the filter `ebur128`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av
import av.error
from av.filter import Graph

from verify.model import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.filter.context import FilterContext

SILENCE_DB = -50
SILENCE_S = 2.0
_MAX_SILENCES = 1000
_MAX_SAMPLE_RATE = 384_000
_MAX_CHANNELS = 32


@dataclass(slots=True)
class Sound:
    """What was heard. `heard_s` is how much was decoded; loudness is None where the filter gave none.

    `silences` are at least `SILENCE_S` long and below `SILENCE_DB` throughout; their times, like `start_s`, are on the
    clock of the file.
    """

    start_s: float = 0.0
    heard_s: float = 0.0
    loudness_lufs: float | None = None
    range_lu: float | None = None
    peak: float | None = None
    silences: list[Interval] = field(default_factory=list)
    damaged_packets: int = 0
    cut_short: str | None = None


def listen(container: InputContainer, stream: AudioStream, deadline: float, alive: Callable[[], None]) -> Sound:
    """Decode `stream` and measure it, until it ends or `deadline` (a moment of `time.monotonic`) has passed.

    `alive` is called about every second.
    """
    next_sign = time.monotonic() + 1.0
    sound = Sound()
    meter: _Meter | None = None
    packets = container.demux(stream)
    while sound.cut_short is None:
        if (moment := time.monotonic()) > next_sign:
            alive()
            next_sign = moment + 1.0
        if moment > deadline:
            sound.cut_short = "it took longer than is allowed"
            break
        try:
            packet = next(packets)
        except StopIteration:
            break
        except av.error.FFmpegError as error:
            sound.cut_short = f"reading stopped: {error.strerror}"
            break
        try:
            frames = packet.decode()
        except av.error.EOFError:
            break
        except av.error.FFmpegError:
            sound.damaged_packets += 1
            continue
        for frame in frames:
            meter = meter or _Meter(frame, sound)
            if not meter.hear(frame):
                break
    if meter:
        meter.end()
    return sound


class _Meter:
    """A chain of filters that takes frames of one form and notes what they measure."""

    def __init__(self, frame: AudioFrame, sound: Sound) -> None:
        self._sound = sound
        self._form = (frame.sample_rate, frame.format.name, frame.layout.name)
        self._silence_start_s: float | None = None
        sound.start_s = frame.time or 0.0
        self._graph: Graph | None = None
        if not 0 < frame.sample_rate <= _MAX_SAMPLE_RATE or not 0 < len(frame.layout.channels) <= _MAX_CHANNELS:
            sound.cut_short = "its sampling rate or number of channels makes no sense"
            return
        self._graph = Graph()
        self._source = self._graph.add_abuffer(
            sample_rate=frame.sample_rate, format=frame.format.name, layout=frame.layout.name, time_base=frame.time_base
        )
        loudness = self._graph.add("ebur128", "metadata=1:framelog=quiet:peak=sample")
        silence = self._graph.add("silencedetect", f"noise={SILENCE_DB}dB:d={SILENCE_S}")
        self._sink: FilterContext = self._graph.add("abuffersink")
        self._graph.link_nodes(self._source, loudness, silence, self._sink).configure()

    def hear(self, frame: AudioFrame) -> bool:
        """Take one frame; False if it cannot be measured together with those before it."""
        if self._graph is None:
            return False
        if (frame.sample_rate, frame.format.name, frame.layout.name) != self._form:
            at_s = self._sound.heard_s
            self._sound.cut_short = f"the form of the sound changes after {at_s:.2f} s"
            return False
        try:
            self._source.push(frame)
        except (av.error.FFmpegError, ValueError) as error:
            self._sound.cut_short = f"measuring stopped: {error}"
            return False
        self._sound.heard_s += frame.samples / frame.sample_rate
        self._collect()
        return True

    def end(self) -> None:
        """Take what the filters still hold."""
        if self._graph is None:
            return
        self._source.push(None)
        self._collect()
        if self._silence_start_s is not None:
            self._note_silence(self._sound.start_s + self._sound.heard_s)

    def _collect(self) -> None:
        while True:
            try:
                told = self._sink.pull().metadata
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            self._sound.loudness_lufs = _number(told.get("lavfi.r128.I"), self._sound.loudness_lufs)
            self._sound.range_lu = _number(told.get("lavfi.r128.LRA"), self._sound.range_lu)
            self._sound.peak = _number(told.get("lavfi.r128.sample_peak"), self._sound.peak)
            start_s = _number(told.get("lavfi.silence_start"), None)
            end_s = _number(told.get("lavfi.silence_end"), None)
            if end_s is not None and self._silence_start_s is not None:
                self._note_silence(end_s)
            if start_s is not None:
                self._silence_start_s = start_s

    def _note_silence(self, end_s: float) -> None:
        start_s, self._silence_start_s = self._silence_start_s, None
        if start_s is not None and end_s > start_s and len(self._sound.silences) < _MAX_SILENCES:
            self._sound.silences.append(Interval(start_s=start_s, end_s=end_s))


def _number(text: str | None, otherwise: float | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return otherwise
    return number if math.isfinite(number) else otherwise
