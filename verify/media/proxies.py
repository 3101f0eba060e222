"""Proxies: a video again in small grey pictures, 12.5 per second, to compare what moves when the video is gone.

A proxy is H.264 at constant quality in Matroska, with the true presentation times in milliseconds. Proxies can come
from other people's archives, so they are decoded in a worker process like any other media.
"""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from verify.errors import OutputNotWritableError, UnreadableMediaError
from verify.media.watchdog import Watchdog
from verify.model import ProxyClip
from verify.processes import BrokenMessageError, Worker, receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    import numpy.typing as npt
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from verify.model import Interval

#: Pictures per second of every proxy.
PROXY_PICTURES_PER_SECOND = 12.5
#: At most this much is read of a proxy at once.
MAX_PICTURES = 20_000
MAX_CLIP_BYTES = 512 * 1024 * 1024

CONTAINER_FORMAT = "matroska"
TIME_BASE = Fraction(1, 1000)
_KEY_PICTURE_EVERY = 100
_WORKER_MODULE = "verify.media.proxy_worker"
_STALL_LIMIT_S = 60.0
_REMEDY = "Add the reference again from its video, or leave its proxy out with --no-proxy."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyForm:
    """How a proxy is made: longer side in px, constant quality of H.264 (0 best, 51 worst), and x264's preset."""

    side_px: int
    quality: int
    preset: str


#: What an archive keeps of a reference, and what is made of a release for one run, where room matters less than time.
REFERENCE_PROXY = ProxyForm(side_px=160, quality=23, preset="medium")
QUERY_PROXY = ProxyForm(side_px=320, quality=18, preset="superfast")


class ProxyWriter:
    """Writes a proxy picture by picture; a context manager.

    The file is whole once the block was left without an error; after an error, and without pictures, there is none.
    Settings are fixed and one thread encodes, so the same pictures give the same bytes on the same build of x264.

    Parameters
    ----------
    path
        File to write.
    form
        How to encode; the size is that of the first picture.
    """

    def __init__(self, path: Path, form: ProxyForm = REFERENCE_PROXY) -> None:
        self._path = path
        self._form = form
        self._open: tuple[OutputContainer, VideoStream] | None = None
        self._last_pts = -1
        self.pictures = 0

    def __enter__(self) -> Self:
        return self

    def add(self, time_s: float, picture: npt.NDArray[np.uint8]) -> None:
        """Append a picture, (height, width) uint8, shown at `time_s` seconds; all of one size, in order of time.

        Raises
        ------
        ValueError
            The picture has another size than the one before it.
        OutputNotWritableError
            The file cannot be written.
        """
        import av  # noqa: PLC0415 - slow to import

        height, width = picture.shape
        with self._naming():
            container, stream = self._opened(width, height)
            if (stream.width, stream.height) != (width, height):
                raise ValueError(f"a picture of {width}x{height} pixels in a proxy of another size")
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="gray")
            frame.pts = max(round(time_s / TIME_BASE), self._last_pts + 1)
            frame.time_base = TIME_BASE
            self._last_pts = frame.pts
            container.mux(stream.encode(frame))
        self.pictures += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is None:
            return
        container, stream = self._open
        whole = False
        try:
            with self._naming():
                if kind is None:
                    container.mux(stream.encode(None))
                container.close()
                whole = kind is None
        finally:
            if not whole:
                with suppress(OSError):
                    container.close()
                self._path.unlink(missing_ok=True)

    def _opened(self, width: int, height: int) -> tuple[OutputContainer, VideoStream]:
        """Open the file at the first picture, whose size becomes that of all."""
        if self._open is not None:
            return self._open
        import av  # noqa: PLC0415 - slow to import

        # Bit-exact: no random identifiers and no date, so that equal proxies have equal digests.
        container = av.open(str(self._path), "w", format=CONTAINER_FORMAT, options={"fflags": "+bitexact"})
        stream = container.add_stream("libx264", rate=Fraction(PROXY_PICTURES_PER_SECOND))
        stream.width, stream.height, stream.pix_fmt = width, height, "gray"
        stream.time_base = stream.codec_context.time_base = TIME_BASE
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = _KEY_PICTURE_EVERY
        # What moves is to be measured, not to please the eye.
        quality = str(self._form.quality)
        # x264's macroblock tree reads memory that nothing was written to: equal pictures would give other bytes.
        repeatable = {"flags": "+bitexact", "x264-params": "mbtree=0"}
        stream.options = {"preset": self._form.preset, "tune": "psnr", "crf": quality, **repeatable}
        self._open = (container, stream)
        return self._open

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Turn an error of the file system into one that names the file."""
        try:
            yield
        except OSError as error:
            raise OutputNotWritableError(
                self._path, f"the proxy cannot be written ({error.strerror})", "Make room, or choose another folder."
            ) from error


class ProxyReader:
    """Reads proxies in one worker process that serves many requests; a context manager.

    A worker that crashes is replaced once for each request, because the next file is another one.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._worker: Worker | None = None
        self._watchdog = Watchdog(self._end_worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def read(self, path: Path, interval: Interval | None = None) -> ProxyClip:
        """Return the pictures of the proxy at `path`, or those shown during `interval` (seconds).

        A picture is shown until the next one, so the first may have been presented before the interval starts.

        Raises
        ------
        UnreadableMediaError
            The file is no proxy that can be decoded, or it has more than `MAX_PICTURES` pictures in that time.
        """
        request = {
            "path": str(path.resolve()),
            "interval": None if interval is None else [interval.start_s, interval.end_s],
        }
        try:
            header, payload = self._asked(request)
        except (BrokenMessageError, OSError):
            self._stop()
            try:
                header, payload = self._asked(request)
            except (BrokenMessageError, OSError) as error:
                self._stop()
                raise UnreadableMediaError(path.name, f"the decoder of proxies stopped: {error}", _REMEDY) from error
        if "problem" in header:
            raise UnreadableMediaError(path.name, str(header["problem"]), _REMEDY)
        return _clip(path, header, payload)

    def _asked(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if self._worker is None:
            self._worker = self._stack.enter_context(Worker(_WORKER_MODULE))
        send_message(self._worker.input, request)
        with self._watchdog.watching(_STALL_LIMIT_S):
            answer = receive_message(self._worker.output, MAX_CLIP_BYTES)
        if answer is None:
            raise BrokenMessageError("it ended without a word")
        return answer

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.kill()

    def _stop(self) -> None:
        self._worker = None
        with suppress(OSError):
            self._stack.close()


def _clip(path: Path, header: dict[str, Any], payload: bytes) -> ProxyClip:
    """Check and type what the worker sent."""
    try:
        height, width = int(header["height"]), int(header["width"])
        times_s = np.array(header["times_s"], np.float64)
        whole = times_s.ndim == 1 and len(times_s) > 0 and min(height, width) > 0
        whole = whole and len(payload) == len(times_s) * height * width
        if not whole or not np.isfinite(times_s).all() or (np.diff(times_s) <= 0).any():
            raise ValueError("pictures and times that do not fit together")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableMediaError(path.name, f"the decoder of proxies answered nonsense: {error}", _REMEDY) from error
    return ProxyClip(times_s=times_s, pictures=np.frombuffer(payload, np.uint8).reshape(-1, height, width))


def proxy_size(width_px: int, height_px: int, side_px: int) -> tuple[int, int]:
    """Width and height in px of the proxy of a picture of that size: longer side `side_px`, both even."""
    scale = side_px / max(width_px, height_px)
    return max(2, 2 * round(width_px * scale / 2)), max(2, 2 * round(height_px * scale / 2))


def grid_step_after(time_s: float, per_second: float) -> float:
    """Return the first time after `time_s` on the grid of so many times per second, in seconds."""
    return (math.floor(time_s * per_second + 1e-6) + 1) / per_second
