"""The process that examines a hostile container. It reads one request, answers in messages, and ends.

Request: `path`, `now_utc` (ISO 8601), `seconds` that the whole may take. Answers: `alive` now and then, `observation`
messages, then `end`; or `error` with the problem in a user's words.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from verify.processes import receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from av.video.frame import VideoFrame

    from verify.media.packets import Timing
    from verify.media.signatures import Signature
    from verify.model import Observation

_KEY_FRAMES_LOOKED_AT = 8
_PACKETS_PER_LOOK = 400
#: How the time is shared out: packets may take up to here of it, then key frames, then sound.
_PACKETS_SHARE, _PICTURES_SHARE, _SOUND_SHARE = 0.4, 0.6, 0.95


def main() -> int:
    """Serve the one request on standard input."""
    from verify.media.worker import limit_resources  # noqa: PLC0415

    received = receive_message(sys.stdin.buffer)
    if received is None:
        return 1
    limit_resources()
    serve(received[0], sys.stdout.buffer)
    return 0


def serve(request: dict[str, Any], output: IO[bytes]) -> None:
    """Answer one request on `output`."""
    from verify.media import probe  # noqa: PLC0415 - after the limits are set

    def tell(observation: Observation | None) -> None:
        answer = {"kind": "observation", "observation": dataclasses.asdict(observation)} if observation else {}
        send_message(output, answer or {"kind": "alive"})

    path = Path(request["path"])
    try:
        with probe.open_container(path):
            pass
        _Examination(path, datetime.fromisoformat(request["now_utc"]), float(request["seconds"]), tell).run()
    except probe.NotAVideoError as error:
        send_message(output, {"kind": "error", "problem": str(error)})
        return
    send_message(output, {"kind": "end"})


@dataclass(slots=True)
class _KeyPictures:
    """Key frames, as (H, W) uint8 grey levels of one size, and what the first of them carries besides."""

    greys: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    rotation: int = 0
    signatures: list[Signature] = field(default_factory=list)
    times: set[int | None] = field(default_factory=set)

    def add(self, frame: VideoFrame, place: str) -> None:
        """Take one decoded picture, unless it was taken before or is of another size."""
        import numpy as np  # noqa: PLC0415

        from verify.media.signatures import frame_signatures  # noqa: PLC0415

        if not self.greys:
            self.rotation = int(frame.rotation)
            self.signatures = frame_signatures(frame, place)
        elif frame.pts in self.times or self.greys[0].shape != (frame.height, frame.width):
            return
        self.times.add(frame.pts)
        self.greys.append(np.asarray(frame.to_ndarray(format="gray"), np.uint8))


class _Examination:
    """Reads a file in a few bounded passes, from cheap to dear, telling what each gave as soon as it is known."""

    def __init__(self, path: Path, now: datetime, seconds: float, tell: Callable[[Observation | None], None]) -> None:
        self._path = path
        self._now = now
        self._start = time.monotonic()
        self._seconds = seconds
        self._tell = tell
        self._quiet: list[str] = []

    def run(self) -> None:
        """Tell all observations, the quiet ones in one sentence at the end."""
        import av.error  # noqa: PLC0415

        from verify.media.observe_file import observe_quiet, stopped_early  # noqa: PLC0415
        from verify.media.signatures import quoted  # noqa: PLC0415

        for stage in (self._container_and_packets, self._names_and_borders, self._sound):
            try:
                stage()
            except (av.error.FFmpegError, ArithmeticError, ValueError) as error:
                # What a file made to confuse can lead PyAV to; the other stages may still tell something.
                self._tell(stopped_early(quoted(str(error))))
        self._tell(observe_quiet(self._quiet))

    def _deadline(self, share: float) -> float:
        return self._start + share * self._seconds

    def _container_and_packets(self) -> None:
        from verify.media import observe_file, observe_pictures, packets, probe  # noqa: PLC0415
        from verify.media.boxes import read_layout  # noqa: PLC0415

        layout = read_layout(self._path)
        with probe.open_container(self._path) as container:
            self._tell(observe_file.observe_file(container, layout))
            video = _picture_index(container)
            passed = packets.read_packets(container, video, self._deadline(_PACKETS_SHARE))
            self._tell(observe_file.observe_streams(container, passed))
            timing: Timing | None = None
            if video is not None:
                timing = packets.picture_timing(passed.streams[video])
                keys = packets.key_frames(passed.streams[video])
                self._tell(
                    observe_pictures.observe_key_frames(keys, timing.step_s if timing else None) if keys else None
                )
                self._tell(observe_pictures.observe_timing(timing, passed.cut_short) if timing else None)
            self._tell(observe_file.observe_times(container, layout, self._now, self._quiet))
            self._tell(observe_file.observe_location(container, self._quiet))
            self._tell(observe_file.observe_edits(container, layout, timing, self._quiet))
            sounds = [passed.streams[stream.index].span_s for stream in container.streams.audio]
            picture = passed.streams[video].span_s if video is not None else None
            self._tell(observe_pictures.observe_sound_span(picture, [each for each in sounds if each], self._quiet))

    def _names_and_borders(self) -> None:
        from verify.media import observe_file, observe_pictures, probe, signatures  # noqa: PLC0415

        with probe.open_container(self._path) as container:
            found = signatures.metadata_signatures(container)
            found += signatures.packet_signatures(container)
        pictures = self._key_pictures()
        told = {(each.place, each.text) for each in found}
        found += [each for each in pictures.signatures if (each.place, each.text) not in told]
        self._tell(observe_file.observe_encoders(found, self._quiet))
        self._tell(observe_file.observe_earlier_encodings(found, self._quiet))
        if pictures.greys:
            self._tell(observe_file.observe_rotation(pictures.rotation, self._quiet))
            self._tell(observe_pictures.observe_borders(pictures.greys, self._quiet))

    def _key_pictures(self) -> _KeyPictures:
        """Decode the first picture and key frames spread over the file, as far as they can be had."""
        import av.error  # noqa: PLC0415

        from verify.media import probe  # noqa: PLC0415

        pictures = _KeyPictures()
        with probe.open_container(self._path) as container:
            try:
                stream = probe.video_stream(container)
            except probe.NotAVideoError:
                return pictures
            length, start = stream.duration or 0, stream.start_time or 0
            for number in range(_KEY_FRAMES_LOOKED_AT if length > 0 else 1):
                try:
                    if number:
                        container.seek(start + number * length // _KEY_FRAMES_LOOKED_AT, stream=stream)
                    frame = _next_picture(container, stream, self._deadline(_PICTURES_SHARE))
                except av.error.FFmpegError:
                    break
                self._tell(None)
                if frame and frame.width * frame.height <= probe.MAX_PIXELS:
                    pictures.add(frame, f"stream {stream.index}")
        return pictures

    def _sound(self) -> None:
        from verify.media import observe_pictures, probe, sound  # noqa: PLC0415

        with probe.open_container(self._path) as container:
            if not container.streams.audio:
                self._tell(observe_pictures.observe_no_sound())
                return
            stream = container.streams.audio[0]
            heard = sound.listen(container, stream, self._deadline(_SOUND_SHARE), lambda: self._tell(None))
            if heard.heard_s or heard.cut_short:
                self._tell(observe_pictures.observe_sound(heard))


def _picture_index(container: Any) -> int | None:
    """Index of the first video stream that is no cover picture."""
    for stream in container.streams.video:
        if "attached_pic" not in (stream.disposition.name or ""):
            return int(stream.index)
    return None


def _next_picture(container: Any, stream: Any, deadline: float) -> VideoFrame | None:
    """Decode on to the next whole picture; None if there is none within reach or before the deadline."""
    import av.error  # noqa: PLC0415

    for number, packet in enumerate(container.demux(stream)):
        if number > _PACKETS_PER_LOOK or time.monotonic() > deadline:
            return None
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return None
        except av.error.FFmpegError:
            continue
        for frame in frames:
            if not frame.is_corrupt:
                return frame  # type: ignore[no-any-return]
    return None


if __name__ == "__main__":
    raise SystemExit(main())
