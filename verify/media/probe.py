"""What a container declares of itself, read without decoding. Runs in the worker process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.error

from verify.media.stills import HEAD_BYTES, picture_kind
from verify.model import MediaInfo

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

MAX_PIXELS = 8192 * 8192
MAX_STREAMS = 64

#: Containers of moving pictures. Left out are still images, playlists that name other files, and raw devices.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,live_flv,asf,ogg,wtv,mxf,gxf,ivf,"
    "h264,hevc,m4v,dv,rm,nut,obu,av1,gif,amv,vob,3gpp,y4m,yuv4mpegpipe,mjpeg,wav,mp3,aac,flac"
)


class NotAVideoError(Exception):
    """The file cannot be read as a video; the message says why, for the user."""


def open_container(path: Path) -> InputContainer:
    """Open a local file for reading, with no way to reach another file or a network address from within it.

    Raises
    ------
    NotAVideoError
        No known container of moving pictures.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    try:
        return av.open(f"file:{path}", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise NotAVideoError(_open_problem(path, error)) from error


def open_picture(path: Path) -> InputContainer:
    """Open a still picture, which is then a video of one frame.

    The kind is told by the first bytes and not left to FFmpeg, which would take a name such as '%03d.jpg' for a
    pattern of further files.

    Raises
    ------
    NotAVideoError
        It is no picture of a kind that is read.
    """
    try:
        with path.open("rb") as file:
            kind = picture_kind(file.read(HEAD_BYTES))
        if kind is None:
            raise NotAVideoError("it is no still picture that can be read: JPEG, PNG or WebP")
        return av.open(f"file:{path}", format=f"{kind}_pipe", options={"protocol_whitelist": "file"})
    except OSError as error:  # FFmpeg's errors are among them
        raise NotAVideoError(_picture_problem(error)) from error


def _picture_problem(error: Exception) -> str:
    return f"it is a still picture that cannot be decoded ({getattr(error, 'strerror', None) or error})"


def video_stream(container: InputContainer) -> VideoStream:
    """Return the stream to examine: the first real video stream, not a cover picture.

    Raises
    ------
    NotAVideoError
        There is none, there are too many streams, or its pictures are larger than is decoded.
    """
    if len(container.streams) > MAX_STREAMS:
        raise NotAVideoError(f"it has {len(container.streams)} streams, more than {MAX_STREAMS}")
    videos = [stream for stream in container.streams.video if "attached_pic" not in (stream.disposition.name or "")]
    if not videos:
        kind = "it has sound but no video stream" if container.streams.audio else "it has no video stream"
        raise NotAVideoError(kind)
    stream = videos[0]
    if stream.codec_context is None:
        raise NotAVideoError("its video codec is not known to the decoder")
    if stream.width * stream.height > MAX_PIXELS:
        raise NotAVideoError(f"its pictures of {stream.width}x{stream.height} pixels are larger than is decoded")
    return stream


def media_info(container: InputContainer, stream: VideoStream, declared_s: float | None, rotation: int) -> MediaInfo:
    """Describe a container and its video stream."""
    width, height = picture_size(stream.width, stream.height, stream.sample_aspect_ratio)
    if rotation % 180:
        width, height = height, width
    audio = container.streams.audio
    return MediaInfo(
        container=container.format.name,
        duration_s=declared_s,
        video_codec=stream.codec_context.name,
        width_px=width,
        height_px=height,
        frames_per_second=float(stream.average_rate) if stream.average_rate else None,
        rotation_degrees=rotation,
        audio_codec=audio[0].codec_context.name if audio else None,
        size_bytes=container.size,
    )


def picture_size(width: int, height: int, sample_aspect_ratio: Fraction | None) -> tuple[int, int]:
    """Size in square pixels of a picture stored as width x height samples. Absurd aspect ratios are ignored."""
    if sample_aspect_ratio and 0.25 <= sample_aspect_ratio <= 4:
        return round(width * sample_aspect_ratio), height
    return width, height


_IMAGE_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*", b"8BPS")


def _open_problem(path: Path, error: Exception) -> str:
    """Say in a user's words why a file could not be opened, from its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as failure:
        return f"it cannot be opened ({failure.strerror})"
    if not head:
        return "it is empty (0 bytes)"
    if head.startswith(_IMAGE_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "it is a still image, not a video"
    if head.startswith(b"#EXTM3U"):
        return "it is a playlist that names other files, not a video"
    if b"\x00" not in head and all(byte in b"\t\n\r\f\x1b" or byte >= 32 for byte in head):
        return "it is text, not a video"
    reason = getattr(error, "strerror", None) or str(error)
    return f"it is no video that can be read ({reason})"
