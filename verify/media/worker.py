"""The process that decodes hostile media. It reads one request, answers in messages, and ends.

Request: `operation` (probe, sample, frames, picture), `path`, `samples_per_second` or `times_s`; with `frames` also
`side_px`, where they are wanted in another than the canonical size; with `sample` also
`proxy_side_px` and `proxies_per_second`, where small grey pictures are wanted besides, and `second_per_second` and
`second_proxy_side_px`, where the video is to be sampled in a second way in the same pass. Answers: `info`, then `frame`
and `proxy` messages with pixels as payload and `time` messages, then `end`; or `error` with the problem in a user's
words.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from verify.processes import receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from av.video.frame import VideoFrame

    from verify.model import SampledFrame

MEMORY_LIMIT_BYTES = 6 * 1024**3
_DECODER_THREADS = 2


def main() -> int:
    """Serve the one request on standard input."""
    received = receive_message(sys.stdin.buffer)
    if received is None:
        return 1
    limit_resources()
    serve(received[0], sys.stdout.buffer)
    return 0


def serve(request: dict[str, Any], output: IO[bytes]) -> None:
    """Answer one request on `output`."""
    import cv2  # noqa: PLC0415 - after the limits are set

    from verify.media import luma, probe, sampling  # noqa: PLC0415

    cv2.setNumThreads(1)

    def send_frame(frame: SampledFrame) -> None:
        height, width, _ = frame.pixels_bgr.shape
        header = {
            "kind": "frame",
            "pts": frame.pts,
            "time_s": frame.time_s,
            "height": height,
            "width": width,
            "starts_shot": frame.starts_shot,
            "in_first": frame.in_first,
            "in_second": frame.in_second,
        }
        header |= {"time_base": [frame.time_base.numerator, frame.time_base.denominator]}
        send_message(output, header, frame.pixels_bgr.tobytes())

    def send_proxy(kind: str, time_s: float, picture: npt.NDArray[np.uint8]) -> None:
        height, width = picture.shape
        send_message(output, {"kind": kind, "time_s": time_s, "height": height, "width": width}, picture.tobytes())

    try:
        if request["operation"] == "picture":
            _send_picture(Path(request["path"]), output, send_frame)
            return
        with probe.open_container(Path(request["path"])) as container:
            stream = probe.video_stream(container)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = _DECODER_THREADS
            declared_s = sampling.declared_duration_s(container, stream)
            info = probe.media_info(container, stream, declared_s, _rotation(Path(request["path"])))
            send_message(output, {"kind": "info", "info": dataclasses.asdict(info)})
            if request["operation"] == "sample":
                proxies = [
                    luma.ProxySampler(stream, request[member], request["proxies_per_second"], partial(send_proxy, kind))
                    for kind, member in (("proxy", "proxy_side_px"), ("second proxy", "second_proxy_side_px"))
                    if request.get(member)
                ]

                def also(frame: VideoFrame, time_s: float) -> None:
                    for each in proxies:
                        each.add(frame, time_s)

                outcome = sampling.sample_frames(
                    container,
                    stream,
                    request["samples_per_second"],
                    send_frame,
                    lambda time_s: send_message(output, {"kind": "time", "time_s": time_s}),
                    also=also if proxies else None,
                    second_per_second=request.get("second_per_second"),
                )
                send_message(output, {"kind": "end", "outcome": dataclasses.asdict(outcome)})
            elif request["operation"] == "frames":
                sampling.frames_at(container, stream, request["times_s"], send_frame, side_px=request.get("side_px"))
                send_message(output, {"kind": "end"})
    except probe.NotAVideoError as error:
        send_message(output, {"kind": "error", "problem": str(error)})


def _send_picture(path: Path, output: IO[bytes], send_frame: Callable[[SampledFrame], None]) -> None:
    """Answer with the one frame of a still picture."""
    from verify.media import probe, sampling  # noqa: PLC0415

    found: list[SampledFrame] = []
    with probe.open_picture(path) as container:
        stream = probe.video_stream(container)
        sampling.frames_at(container, stream, [0.0], found.append)
        if not found:
            raise probe.NotAVideoError("it is a still picture that cannot be decoded")
        info = probe.media_info(container, stream, None, 0)
    send_message(output, {"kind": "info", "info": dataclasses.asdict(info)})
    send_frame(found[0])
    send_message(output, {"kind": "end"})


def _rotation(path: Path) -> int:
    """Degrees by which frames are stored turned, as its first frame says; 0 if none can be decoded.

    The file is opened anew for this, because not every container can be rewound.
    """
    import av.error  # noqa: PLC0415

    from verify.media import probe  # noqa: PLC0415

    with probe.open_container(path) as container:
        try:
            return int(next(container.decode(probe.video_stream(container))).rotation)
        except (av.error.FFmpegError, StopIteration):
            return 0  # whatever stops decoding here is met and reported by the run itself


def limit_resources() -> None:
    """Bound the memory this process can take. Where the platform has no such limit, nothing is done."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    for which, wanted in ((resource.RLIMIT_AS, MEMORY_LIMIT_BYTES), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(which)[1]
        lower = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        # macOS has the name of the memory limit but may refuse to set it.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (lower, lower))


if __name__ == "__main__":
    raise SystemExit(main())
