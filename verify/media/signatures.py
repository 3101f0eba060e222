"""Names that encoders leave in a file: in its metadata, in codec headers and in the first packets.

Runs in the worker process. Everything found is text by whoever made the file, and is only ever quoted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av.error

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

_MAX_TEXT = 200
_MAX_SIGNATURES = 40
_FIRST_PACKETS = 6
_MAX_PACKETS = 400
_MAX_PACKET_BYTES = 256 * 1024
_UUID_BYTES = 16

#: Metadata keys that name software or equipment.
_KEYS = re.compile(
    r"^(encoder|encoded_by|encoding_tool|software|writing_library|handler_name|vendor_id|make|model|comment"
    r"|com\.apple\.quicktime\.(make|model|software|author)|com\.apple\.\S*"
    r"|com\.android\.\S+|com\.(google|samsung|xiaomi|huawei|oppo|adobe)\S*|aigc\S*|major_brand)$",
    re.IGNORECASE,
)
_IN_PACKETS = re.compile(
    rb"x264 - core[ -~]{0,600}|x265 \(build[ -~]{0,600}|Lav[cf]\d[ -~]{0,40}|XviD\d{2,6}|DivX[ -~]{3,20}"
    rb"|LAME\d\.[ -~]{1,8}|Xiph\.Org libVorbis[ -~]{0,40}|libopus[ -~]{1,20}"
)

#: Makers of software by what they write. FFmpeg's libraries and x264 are told apart: they are often combined.
_MAKERS = (
    ("x264", re.compile(r"x264", re.I)),
    ("x265", re.compile(r"x265", re.I)),
    ("FFmpeg (Lavf, Lavc)", re.compile(r"\bLav[cf]|ffmpeg|^(Video|Sound)Handler$", re.I)),
    ("Apple", re.compile(r"Core Media|com\.apple|^appl$|Apple|QuickTime", re.I)),
    ("Google", re.compile(r"Google", re.I)),
    ("Android", re.compile(r"com\.android|^(Video|Sound)Handle$", re.I)),
    ("Adobe", re.compile(r"Adobe|Mainconcept|Premiere", re.I)),
    ("Blackmagic Design", re.compile(r"Blackmagic|DaVinci", re.I)),
    ("GPAC", re.compile(r"GPAC", re.I)),
    ("Bento4", re.compile(r"Bento4", re.I)),
    ("L-SMASH", re.compile(r"L-SMASH", re.I)),
    ("HandBrake", re.compile(r"HandBrake", re.I)),
    ("X (Twitter)", re.compile(r"Twitter", re.I)),
    ("LAME", re.compile(r"^LAME\d")),
    ("XviD", re.compile(r"XviD", re.I)),
    ("DivX", re.compile(r"DivX", re.I)),
    ("OBS Studio", re.compile(r"\bobs\b|obs-output", re.I)),
    ("CapCut", re.compile(r"capcut", re.I)),
    ("GStreamer", re.compile(r"GStreamer", re.I)),
    ("MKVToolNix", re.compile(r"libmatroska|mkvmerge", re.I)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One name, where it stands ('container', 'stream 0'), under which key, and whose it seems to be ('' unknown)."""

    place: str
    key: str
    text: str
    maker: str


def quoted(text: str, limit: int = _MAX_TEXT) -> str:
    """Bound a text from a file and take out what would act on a reader's screen instead of being shown."""
    shown = "".join(character if character.isprintable() else " " for character in text[: 4 * limit]).strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def maker(text: str) -> str:
    """Whose software writes such a text; empty if it is not known."""
    return next((name for name, pattern in _MAKERS if pattern.search(text)), "")


def metadata_signatures(container: InputContainer) -> list[Signature]:
    """Collect what the metadata of the container and its streams names."""
    places = [("container", container.metadata)]
    places += [(f"stream {stream.index}", stream.metadata) for stream in container.streams]
    found = []
    for place, metadata in places:
        for key, text in metadata.items():
            if _KEYS.match(key) and key != "major_brand" and text.strip(" \0[]0"):
                whose = maker(key) if key.lower().startswith("com.") else ""
                found.append(_signature(place, quoted(key, 60), text, whose))
    return found[:_MAX_SIGNATURES]


def packet_signatures(container: InputContainer) -> list[Signature]:
    """Look into codec headers and the first packets of every stream of `container`, which is used up by this."""
    found: dict[tuple[str, str], Signature] = {}
    wanted = {stream.index: _FIRST_PACKETS for stream in container.streams if stream.type in {"video", "audio"}}
    for stream in container.streams:
        extradata = stream.codec_context.extradata if stream.index in wanted and stream.codec_context else None
        _search(f"stream {stream.index}", "codec header", bytes(extradata or b""), found)
    left = _MAX_PACKETS
    try:
        for packet in container.demux():
            left -= 1
            if not left or not any(wanted.values()):
                break
            if not wanted.get(packet.stream_index):
                continue
            wanted[packet.stream_index] -= 1
            _search(f"stream {packet.stream_index}", "in its data", bytes(packet)[:_MAX_PACKET_BYTES], found)
    except av.error.FFmpegError:
        pass  # what stops reading is met and told by the pass over all packets
    return list(found.values())[:_MAX_SIGNATURES]


def frame_signatures(frame: VideoFrame, place: str) -> list[Signature]:
    """Read the user data that came with a decoded picture (H.264 and H.265 SEI, unregistered)."""
    found: dict[tuple[str, str], Signature] = {}
    all_data: Any = frame.side_data  # a sequence besides the mapping that its stub declares
    for number in range(min(len(all_data), 16)):
        data = all_data[number]
        if data.type.name == "SEI_UNREGISTERED":
            text = bytes(data)[_UUID_BYTES : _UUID_BYTES + 4 * _MAX_TEXT].split(b"\0")[0]
            readable = text.decode("ascii", "replace")
            if len(readable) >= 4 and all(character.isprintable() and character != "\ufffd" for character in readable):
                _note(_signature(place, "in its data", readable), found)
    return list(found.values())


def _search(place: str, key: str, data: bytes, found: dict[tuple[str, str], Signature]) -> None:
    for hit in list(_IN_PACKETS.finditer(data))[:8]:
        _note(_signature(place, key, hit.group().decode("ascii")), found)


def _note(signature: Signature, found: dict[tuple[str, str], Signature]) -> None:
    found.setdefault((signature.place, signature.text), signature)


def _signature(place: str, key: str, text: str, whose: str = "") -> Signature:
    return Signature(place=place, key=key, text=quoted(text), maker=whose or maker(text.strip()))
