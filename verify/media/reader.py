"""The parent's side of decoding: ask the worker process, check what it answers, hand on typed frames."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from verify.errors import NoUsableFramesError, UnreadableMediaError
from verify.media.proxies import PROXY_PICTURES_PER_SECOND
from verify.media.watchdog import Watchdog
from verify.model import DecodeOutcome, MediaInfo, SampledFrame, SilentProgress
from verify.processes import BrokenMessageError, Worker, receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from verify.model import Progress

    Grey = npt.NDArray[np.uint8]

_MODULE = "verify.media.worker"
#: Longest side of the largest frames that are asked for.
MAX_SIDE_PX = 1280
_MAX_FRAME_BYTES = MAX_SIDE_PX * MAX_SIDE_PX * 3
#: A worker that says nothing for this long is taken for stuck. It reports twice per second of video.
STALL_LIMIT_S = 120.0
_PICTURE_REMEDY = "Give a picture that a viewer can show, as JPEG, PNG or WebP; if one shows it, save it anew."
_REMEDY = "Give a file that a video player can play; if one plays it, convert it first and say so in your notes."


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondSampling:
    """A second way to sample a video in one pass: the density of its grid, and the longer side in px of its small grey
    pictures, None for none.
    """

    samples_per_second: float
    proxy_side_px: int | None = None


class VideoReader:
    """One pass over a video, decoded in a worker process.

    Iterate over `frames()` once; afterwards `outcome` says how decoding ended. Use `open_video`.
    """

    def __init__(self, path: Path, worker: Worker, request: dict[str, Any]) -> None:
        self._path = path
        self._worker = worker
        self._watchdog = Watchdog(worker.kill)
        self.outcome: DecodeOutcome | None = None
        # A worker that is dead already is met, with its reason, when its answer is read.
        with suppress(BrokenPipeError):
            send_message(worker.input, {**request, "path": str(path.resolve())})
        self.info = self._read_info()

    def frames(
        self,
        progress: Progress | None = None,
        on_proxy: Callable[[float, Grey], None] | None = None,
        on_second_proxy: Callable[[float, Grey], None] | None = None,
    ) -> Iterator[SampledFrame]:
        """Yield the sampled frames in order of time.

        `on_proxy` takes the small grey pictures besides, if the video was opened for them: time in seconds, increasing,
        and (height, width) uint8, all of one size. `on_second_proxy` takes those of the second sampling.

        Raises
        ------
        UnreadableMediaError
            The decoder crashed or was stopped before it gave a single frame.
        NoUsableFramesError
            Decoding ended without a frame.
        """
        shown = progress or SilentProgress()
        reached_s = 0.0
        last: SampledFrame | None = None
        takers = {"proxy": on_proxy, "second proxy": on_second_proxy}
        last_proxies: dict[str, tuple[float, Grey]] = {}
        try:
            while (message := self._receive()) is not None:
                header, payload = message
                match header.get("kind"):
                    case "frame":
                        last = self._frame(header, payload, last.time_s if last else 0.0)
                        yield last
                    case "proxy" | "second proxy" as kind:
                        last_proxies[kind] = _proxy(header, payload, last_proxies.get(kind))
                        if taker := takers[kind]:
                            taker(*last_proxies[kind])
                    case "time":
                        time_s = _seconds(header)
                        shown.advance(time_s - reached_s)
                        reached_s = time_s
                    case "end":
                        self._end(header, last)
                        return
                    case _:
                        raise BrokenMessageError("an answer of no known kind")
            raise BrokenMessageError("the decoder ended without a word")
        except BrokenMessageError as error:
            self._crashed(error, last)

    def _end(self, header: dict[str, Any], last: SampledFrame | None) -> None:
        if "outcome" in header:
            try:
                self.outcome = msgspec.convert(header["outcome"], DecodeOutcome)
            except msgspec.ValidationError as error:
                raise BrokenMessageError("an outcome that is none") from error
        if last is None:
            reason = (self.outcome.failure if self.outcome else None) or "it declares a video stream but holds no frame"
            raise NoUsableFramesError(self._path.name, f"no frame could be decoded: {reason}", _REMEDY)

    def _crashed(self, error: BrokenMessageError, last: SampledFrame | None) -> None:
        """Turn a decoder that died into the outcome of a partly readable file, or into an error if it gave nothing."""
        reason = f"the decoder stopped: {self._crash_reason() or error}"
        if last is None:
            raise UnreadableMediaError(self._path.name, reason, _REMEDY) from error
        declared_s = self.info.duration_s or last.time_s
        self.outcome = msgspec.convert(
            {
                "decoded": {"start_s": 0.0, "end_s": last.time_s},
                "frame_count": 0,
                "cut_times_s": [],
                "failure": reason,
                "missing_s": max(0.0, declared_s - last.time_s),
            },
            DecodeOutcome,
        )

    def _crash_reason(self) -> str:
        code = self._worker.exit_code()
        if code is not None and code < 0:
            return f"it was ended by signal {-code}"
        return "it ran out of memory" if "MemoryError" in self._worker.stderr_tail() else ""

    def _read_info(self) -> MediaInfo:
        try:
            message = self._receive()
        except BrokenMessageError as error:
            raise UnreadableMediaError(self._path.name, f"the decoder stopped: {error}", _REMEDY) from error
        header = message[0] if message else {}
        if "problem" in header:
            raise UnreadableMediaError(self._path.name, str(header["problem"]), _REMEDY)
        if "info" not in header:
            reason = self._crash_reason() or "it gave no answer"
            raise UnreadableMediaError(self._path.name, f"the decoder stopped: {reason}", _REMEDY)
        try:
            return msgspec.convert(header["info"], MediaInfo)
        except msgspec.ValidationError as error:
            problem = "the decoder stopped: it described the file in a way that makes no sense"
            raise UnreadableMediaError(self._path.name, problem, _REMEDY) from error

    def _receive(self) -> tuple[dict[str, Any], bytes] | None:
        """Read the worker's next message; a worker that stays silent too long is ended, which ends the stream."""
        with self._watchdog.watching(STALL_LIMIT_S):
            return receive_message(self._worker.output, _MAX_FRAME_BYTES)

    def _frame(self, header: dict[str, Any], payload: bytes, not_before_s: float) -> SampledFrame:
        """Check and type one frame; what does not describe a frame is a broken message."""
        time_s = _seconds(header)
        if time_s < not_before_s:
            raise BrokenMessageError("a frame out of order")
        try:
            height, width, (numerator, denominator) = header["height"], header["width"], header["time_base"]
            if min(height, width) < 1 or height * width * 3 != len(payload):
                raise BrokenMessageError("a frame whose size is not that of its pixels")
            return SampledFrame(
                pts=int(header["pts"]),
                time_base=Fraction(int(numerator), int(denominator)),
                time_s=time_s,
                pixels_bgr=np.frombuffer(payload, np.uint8).reshape(height, width, 3),
                starts_shot=bool(header["starts_shot"]),
                in_first=bool(header.get("in_first", True)),
                in_second=bool(header.get("in_second", False)),
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise BrokenMessageError("a frame that is none") from error


def _proxy(header: dict[str, Any], payload: bytes, last: tuple[float, Grey] | None) -> tuple[float, Grey]:
    """Check and type one small picture, which must fit the `last` one; what does not is a broken message."""
    time_s = _seconds(header)
    height, width = header.get("height"), header.get("width")
    if not isinstance(height, int) or not isinstance(width, int) or min(height, width) < 1:
        raise BrokenMessageError("a small picture without a size")
    if height * width != len(payload) or (last is not None and (time_s <= last[0] or last[1].shape != (height, width))):
        raise BrokenMessageError("a small picture that does not follow the one before it")
    return time_s, np.frombuffer(payload, np.uint8).reshape(height, width)


def _seconds(header: dict[str, Any]) -> float:
    """Time in a worker's message, finite and not negative."""
    time_s = header.get("time_s")
    if not isinstance(time_s, int | float) or not math.isfinite(time_s) or time_s < 0:
        raise BrokenMessageError(f"a time of {str(time_s)[:20]} s")
    return float(time_s)


@contextmanager
def _open(path: Path, request: dict[str, Any]) -> Iterator[VideoReader]:
    if not path.is_file():
        raise UnreadableMediaError(path, "there is no such file", "Check the path.")
    with Worker(_MODULE) as worker:
        yield VideoReader(path, worker, request)


@contextmanager
def open_video(
    path: Path,
    samples_per_second: float,
    *,
    proxy_side_px: int | None = None,
    second: SecondSampling | None = None,
) -> Iterator[VideoReader]:
    """Open a video for one sampling pass: a time grid of the given density, and both frames at every cut.

    With `proxy_side_px`, the longer side of a picture in px, the pass gives the small grey pictures of a proxy besides.
    With `second` it samples in a second way too, as a pass of its own would.

    Raises
    ------
    UnreadableMediaError
        The file is no video that can be decoded; the message says what it is instead.
    """
    request = {"operation": "sample", "samples_per_second": samples_per_second}
    if proxy_side_px:
        request |= {"proxy_side_px": proxy_side_px, "proxies_per_second": PROXY_PICTURES_PER_SECOND}
    if second:
        request |= {"second_per_second": second.samples_per_second, "proxies_per_second": PROXY_PICTURES_PER_SECOND}
        request |= {"second_proxy_side_px": second.proxy_side_px}
    with _open(path, request) as reader:
        yield reader


def probe_video(path: Path) -> MediaInfo:
    """Read what a video's container declares; raises UnreadableMediaError as `open_video` does."""
    with _open(path, {"operation": "probe"}) as reader:
        return reader.info


def frames_at(path: Path, times_s: Sequence[float]) -> list[SampledFrame]:
    """Decode the frames presented at the given times (seconds), sorted; fewer if the file ends early."""
    return list(each_frame_at(path, times_s))


def each_frame_at(path: Path, times_s: Sequence[float], side_px: int | None = None) -> Iterator[SampledFrame]:
    """Yield the frames presented at the given times (seconds), sorted, as they are decoded; fewer if the file ends.

    Parameters
    ----------
    side_px
        Longest side of the frames, at most `MAX_SIDE_PX`; a smaller frame keeps its size. None: the canonical size.
    """
    if times_s:
        with _open(path, {"operation": "frames", "times_s": sorted(times_s), "side_px": side_px}) as reader:
            yield from reader.frames()


def read_picture(path: Path) -> SampledFrame:
    """Decode a still picture (JPEG, PNG, WebP) as a frame at time 0.

    Raises
    ------
    UnreadableMediaError
        It is none that can be decoded, or larger than is decoded.
    """
    try:
        with _open(path, {"operation": "picture"}) as reader:
            (frame,) = reader.frames()
    except UnreadableMediaError as error:
        raise UnreadableMediaError(error.subject, error.problem, _PICTURE_REMEDY) from error
    return frame
