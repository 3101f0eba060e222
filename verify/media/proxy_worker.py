"""The process that decodes proxies. It answers one request after another until its input ends.

Request: `path`, and `interval` (start and end in seconds) or null for all. Answer: one message with `times_s`, `height`
and `width`, and the grey pictures as payload; or `problem` in a user's words.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from verify.media.proxies import CONTAINER_FORMAT, MAX_CLIP_BYTES, MAX_PICTURES
from verify.media.worker import limit_resources
from verify.processes import receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.video.frame import VideoFrame

#: Proxies are small; a file that pretends to be one is not decoded at full size.
_MAX_PIXELS = 1024 * 1024
#: H.264 without colour is decoded into one of these; the first plane is the picture in both.
_FORMATS = ("gray", "yuv420p")


class _NotAProxyError(Exception):
    """The file is no proxy; the message says why in a user's words."""


def main() -> int:
    """Serve the requests on standard input."""
    limit_resources()
    while (received := receive_message(sys.stdin.buffer)) is not None:
        serve(received[0], sys.stdout.buffer)
    return 0


def serve(request: dict[str, Any], output: IO[bytes]) -> None:
    """Answer one request on `output`."""
    import av  # noqa: PLC0415 - after the limits are set
    import av.error  # noqa: PLC0415

    try:
        times_s, pictures, size = _decoded(Path(request["path"]), request["interval"])
    except _NotAProxyError as error:
        send_message(output, {"problem": str(error)})
    except (av.error.FFmpegError, OSError) as error:
        send_message(output, {"problem": f"it cannot be decoded ({error.strerror})"})
    else:
        send_message(output, {"times_s": times_s, "width": size[0], "height": size[1]}, memoryview(pictures))


def _decoded(path: Path, interval: list[float] | None) -> tuple[list[float], bytearray, tuple[int, int]]:
    """Return times in seconds, the grey pictures one after another, and width and height."""
    import av  # noqa: PLC0415

    start_s, end_s = interval or (0.0, float("inf"))
    times_s: list[float] = []
    pictures = bytearray()
    with av.open(str(path), format=CONTAINER_FORMAT) as container:
        size = _prepared(container, start_s)
        for frame, time_s in _frames(container, size):
            if time_s >= end_s and times_s:
                break
            if times_s and time_s <= start_s:
                # The one before was over before the interval starts.
                times_s.clear()
                pictures.clear()
            times_s.append(time_s)
            pictures += _pixels(frame)
            if len(times_s) > MAX_PICTURES or len(pictures) > MAX_CLIP_BYTES:
                raise _NotAProxyError("it has more pictures in that time than are read at once")
    if not times_s:
        raise _NotAProxyError("it holds no picture")
    return times_s, pictures, size


def _prepared(container: InputContainer, start_s: float) -> tuple[int, int]:
    """Go to the key picture before `start_s`; return width and height."""
    if not container.streams.video:
        raise _NotAProxyError("it holds no picture")
    stream = container.streams.video[0]
    size = (stream.width, stream.height)
    if not 0 < size[0] * size[1] <= _MAX_PIXELS:
        raise _NotAProxyError("it declares a size that no proxy has")
    stream.codec_context.thread_count = 1
    if start_s > 0 and stream.time_base:
        container.seek(int(start_s / stream.time_base), stream=stream)
    return size


def _frames(container: InputContainer, size: tuple[int, int]) -> Iterator[tuple[VideoFrame, float]]:
    """Yield the frames with their times in seconds; raises _NotAProxyError for what no proxy has."""
    stream = container.streams.video[0]
    last_s = -1.0
    for frame in container.decode(stream):
        if frame.pts is None or not stream.time_base:
            raise _NotAProxyError("its pictures have no times")
        time_s = float(frame.pts * stream.time_base)
        if (frame.width, frame.height) != size or frame.format.name not in _FORMATS or not last_s < time_s:
            raise _NotAProxyError("its pictures are not those of a proxy")
        last_s = time_s
        yield frame, time_s


def _pixels(frame: VideoFrame) -> bytes:
    """Grey levels of a picture as they were encoded, row by row; no conversion of their range."""
    plane = frame.planes[0]
    rows = memoryview(plane).cast("B")
    stride = plane.line_size
    if stride == frame.width:
        return bytes(rows[: frame.width * frame.height])
    return b"".join(rows[row * stride : row * stride + frame.width] for row in range(frame.height))


if __name__ == "__main__":
    raise SystemExit(main())
