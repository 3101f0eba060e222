"""Record a live HLS stream: its segments, as they appear, in order, as they were served.

yt-dlp hands live streams to ffmpeg, which opens connections that the network policy cannot see. Here every playlist,
segment and key goes through the bounded downloader like all other requests.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from yt_dlp.aes import aes_cbc_decrypt_bytes
from yt_dlp.networking.common import Request
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import YoutubeDLError

from verify.acquire.classify import FailedAcquisition
from verify.acquire.downloader import BoundedDownloader
from verify.acquire.failures import FailureKind
from verify.acquire.fetching import TransferProgress
from verify.acquire.live_playlist import (
    LivePlaylist,
    LiveSegment,
    Resource,
    UnusablePlaylistError,
    read_media_playlist,
)
from verify.model import FileRole

MAX_SEGMENT_BYTES = 256 * 1024**2
_MAX_PLAYLIST_BYTES = 4 * 1024**2
_MAX_RANGES_TOLD = 20
_BLOCK_BYTES = 16
# RFC 8216, 6.3.3: a client should not begin nearer to the end of a live playlist than three segments.
_SEGMENTS_BEFORE_THE_END = 3
# A playlist of a running stream gains a segment within about one target duration; a few are granted.
_STALLED_AFTER_TARGETS = 5
_SHORTEST_STALL_S = 2.0
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.1, 10.0
# Durations are decimal fractions; their sum misses a whole number by a little.
_ROUNDING_S = 1e-6
_ATTEMPTS = 3
_PAUSE_S = 0.3


def record_live(
    downloader: BoundedDownloader,
    information: Mapping[str, Any],
    folder: Path,
    seconds: float,
    progress: TransferProgress,
) -> list[tuple[str, FileRole]]:
    """Record at least `seconds` of a live HLS stream into one file, from now on.

    The file holds whole segments one after the other, as they were served (encrypted ones decrypted), fragmented MP4
    after its header. Recording ends earlier if the stream ends, stops moving, or falls far behind its own clock; then,
    and where segments are missing, the log has a warning. The log names every segment with its number and SHA-256.

    Parameters
    ----------
    information
        yt-dlp's information about the stream, formats chosen.
    folder
        Where the file is written.
    seconds
        Seconds of media wanted, by the durations that the playlist declares.

    Returns
    -------
    list of (str, FileRole)
        Name of the one file, as the master.

    Raises
    ------
    FailedAcquisition
        It is no HLS stream, serves pictures and sound apart only, is encrypted otherwise than with AES-128, gave no
        segment in time, or broke the network policy or a limit.
    """
    stream = stream_to_record(information)
    reader = _Reader(downloader, stream.get("http_headers") or {})
    try:
        playlist = reader.playlist(str(stream["url"]))
    except UnusablePlaylistError as error:
        raise FailedAcquisition(FailureKind.STREAM_TYPE, str(error)) from error
    fragmented = any(segment.init for segment in playlist.segments)
    name = "media.mp4" if fragmented else "media.ts"
    with (folder / name).open("xb") as file:
        recording = _Recording(reader, file, seconds, progress, name)
        why = _follow(reader, str(stream["url"]), playlist, recording)
    if not recording.taken:
        raise FailedAcquisition(FailureKind.LIVE, f"no segment could be had: {why or 'all were lost'}")
    recording.tell(downloader, why)
    return [(name, FileRole.MASTER)]


def stream_to_record(information: Mapping[str, Any]) -> Mapping[str, Any]:
    """Choose the one stream to record: the chosen format if it is one, else the best with pictures and sound in one.

    Raises
    ------
    FailedAcquisition
        There is no HLS stream, or none with pictures and sound together.
    """
    chosen = information.get("requested_formats") or [information]
    offered = [one for one in information.get("formats") or () if isinstance(one, Mapping)]
    muxed = [one for one in offered if one.get("vcodec") != "none" and one.get("acodec") != "none"]
    usable = [one for one in (chosen if len(chosen) == 1 else reversed(muxed)) if one.get("url")]
    for one in usable:
        if str(one.get("protocol")).startswith("m3u8"):
            return one
    if not usable:
        raise FailedAcquisition(FailureKind.STREAM_TYPE, "a live stream with pictures and sound apart")
    raise FailedAcquisition(FailureKind.STREAM_TYPE, f"a live stream by {str(usable[0].get('protocol'))[:30]}, not HLS")


def _follow(reader: _Reader, url: str, playlist: LivePlaylist, recording: _Recording) -> str:
    """Take segments until there are enough; returns why it ended earlier, or an empty string."""
    stalled_after_s = max(_STALLED_AFTER_TARGETS * playlist.target_s, _SHORTEST_STALL_S)
    started = moved = time.monotonic()
    trouble = ""
    while True:
        added = recording.take(playlist)
        if added:
            moved = time.monotonic()
        if recording.complete:
            return ""
        if playlist.ended:
            return "the stream ended"
        now = time.monotonic()
        if now - moved > stalled_after_s:
            return trouble or f"nothing was added to its playlist for {stalled_after_s:g} s"
        if now - started > recording.seconds + 2 * stalled_after_s:
            return "it came more slowly than it plays"
        last_s = playlist.segments[-1].duration_s if playlist.segments else 0.0
        # RFC 8216, 6.3.4: half a target duration where nothing was new.
        wait_s = last_s if added else playlist.target_s / 2
        time.sleep(min(max(wait_s, _SHORTEST_WAIT_S), _LONGEST_WAIT_S))
        try:
            playlist, trouble = reader.playlist(url), ""
        except (YoutubeDLError, UnusablePlaylistError) as error:
            trouble = f"its playlist could not be read again ({error})"


class _Reader:
    """Reads playlists, segments and keys through the downloader, in bounded pieces."""

    def __init__(self, downloader: BoundedDownloader, headers: Mapping[str, str]) -> None:
        self._downloader = downloader
        # Bytes as served: a compressed segment would be kept unpacked.
        self._headers = {**headers, "Accept-Encoding": "identity"}
        self._keys: dict[str, bytes] = {}

    def playlist(self, url: str) -> LivePlaylist:
        """Fetch and parse a media playlist; raises UnusablePlaylistError and what the downloader raises."""
        content, final_url, _ = self._read(Resource(url=url), _MAX_PLAYLIST_BYTES)
        return read_media_playlist(content.decode("utf-8", "replace"), final_url)

    def resource(self, resource: Resource) -> bytes:
        """Fetch a segment or the header of segments.

        Raises
        ------
        YoutubeDLError
            It could not be had, in several attempts unless the server says that it is not there.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                content, _, status = self._read(resource, MAX_SEGMENT_BYTES)
            except YoutubeDLError as error:
                gone = isinstance(error, HTTPError) and error.status in (404, 410)
                if gone or attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE_S * attempt)
                continue
            if resource.length is not None and status != 206:
                raise FailedAcquisition(FailureKind.STREAM_TYPE, "the server does not serve the byte ranges it names")
            if resource.length is not None and len(content) != resource.length:
                raise YoutubeDLError(f"{len(content)} bytes of a range of {resource.length}")
            return content
        raise YoutubeDLError("no attempt was made")

    def decrypted(self, segment: LiveSegment, content: bytes) -> bytes:
        """Decrypt a segment if its playlist names a key (AES-128 in CBC mode, padded as in PKCS #7)."""
        if segment.key_url is None:
            return content
        if segment.key_url not in self._keys:
            self._keys[segment.key_url] = self.resource(Resource(url=segment.key_url))
        key = self._keys[segment.key_url]
        if len(key) != _BLOCK_BYTES or not content or len(content) % _BLOCK_BYTES:
            raise YoutubeDLError("an encrypted segment or its key is malformed")
        plain: bytes = aes_cbc_decrypt_bytes(content, key, segment.iv)
        padding = plain[-1]
        if not 1 <= padding <= _BLOCK_BYTES or plain[-padding:] != bytes([padding]) * padding:
            raise YoutubeDLError("an encrypted segment does not fit its key")
        return plain[:-padding]

    def _read(self, resource: Resource, most: int) -> tuple[bytes, str, int]:
        headers = dict(self._headers)
        if resource.length is not None:
            headers["Range"] = f"bytes={resource.first_byte}-{resource.first_byte + resource.length - 1}"
        try:
            opened = self._downloader.urlopen(Request(resource.url, headers=headers))
        except HTTPError as error:
            error.close()
            raise
        with contextlib.closing(opened) as response:
            content = bytearray()
            while piece := response.read(64 * 1024):
                content += piece
                if len(content) > most:
                    raise FailedAcquisition(FailureKind.TOO_LARGE, f"a piece of a stream of more than {most} bytes")
        return bytes(content), str(response.url), int(response.status)


class _Taken(NamedTuple):
    """A recorded segment, for the log."""

    segment: LiveSegment
    start_s: float
    size_bytes: int
    sha256: str


class _Recording:
    """What has been recorded so far.

    Attributes
    ----------
    seconds
        Media wanted, in seconds.
    taken
        Recorded segments in order.
    """

    def __init__(self, reader: _Reader, file: IO[bytes], seconds: float, progress: TransferProgress, name: str) -> None:
        self.seconds = seconds
        self.taken: list[_Taken] = []
        self._reader = reader
        self._file = file
        self._progress = progress
        self._name = name
        self._next_number: int | None = None
        self._recorded_s = 0.0
        self._written_bytes = 0
        self._header: tuple[Resource, bytes] | None = None
        self._header_changes: list[int] = []
        self._missing: list[tuple[int, int, str]] = []

    @property
    def complete(self) -> bool:
        """Whether enough has been recorded."""
        return self._recorded_s >= self.seconds - _ROUNDING_S

    def take(self, playlist: LivePlaylist) -> bool:
        """Record what is new in a playlist; returns whether anything was."""
        if self._next_number is None and playlist.segments:
            self._next_number = playlist.segments[-_SEGMENTS_BEFORE_THE_END:][0].number
        added = False
        for segment in playlist.segments:
            if self.complete:
                break
            if self._next_number is None or segment.number < self._next_number:
                continue
            if segment.number > self._next_number:
                self._miss(self._next_number, segment.number - 1, "had left the playlist")
            self._next_number = segment.number + 1
            added = True
            if segment.absent:
                self._miss(segment.number, segment.number, "was never published")
                continue
            try:
                self._take_segment(segment)
            except YoutubeDLError as error:
                self._miss(segment.number, segment.number, f"could not be fetched: {error}")
        return added

    def _take_segment(self, segment: LiveSegment) -> None:
        header = self._header_for(segment)
        content = self._reader.decrypted(segment, self._reader.resource(segment.resource))
        if header is not None and segment.init is not None:
            self._write_header(segment.init, header, segment.number)
        self._file.write(content)
        digest = hashlib.sha256(content).hexdigest()
        self.taken.append(_Taken(segment, self._recorded_s, len(content), digest))
        self._recorded_s += segment.duration_s
        self._written_bytes += len(content)
        self._progress({"filename": self._name, "downloaded_bytes": self._written_bytes, "status": "downloading"})

    def _header_for(self, segment: LiveSegment) -> bytes | None:
        """Fetch the header that belongs before a segment; None where it is the one written last, or there is none."""
        if segment.init is None or (self._header and self._header[0] == segment.init):
            return None
        return self._reader.resource(segment.init)

    def _write_header(self, init: Resource, content: bytes, number: int) -> None:
        if self._header is None or self._header[1] != content:
            if self._header:
                self._header_changes.append(number)
            self._file.write(content)
            self._written_bytes += len(content)
        self._header = (init, content)

    def _miss(self, first: int, last: int, why: str) -> None:
        if self._missing and self._missing[-1][1] == first - 1 and self._missing[-1][2] == why:
            first = self._missing.pop()[0]
        self._missing.append((first, last, why))

    def tell(self, downloader: BoundedDownloader, why_short: str) -> None:
        """Write to the log what was recorded and what was not."""
        # The sum before its parts: the log has a longest length.
        first, last = self.taken[0].segment, self.taken[-1].segment
        downloader.to_screen(
            f"live: media sequence {first.number} to {last.number}, {len(self.taken)} segments, "
            f"{self._recorded_s:.3f} s declared, {self._written_bytes} bytes"
        )
        times = [one.segment.program_utc for one in self.taken if one.segment.program_utc]
        if times:
            downloader.to_screen(f"live: program date times {times[0]} to {times[-1]}, as the publisher states them")
        for warning in self._warnings(why_short):
            downloader.report_warning(warning)
        for segment, start_s, size_bytes, sha256 in self.taken:
            downloader.to_screen(
                f"live segment {segment.number} from {start_s:.3f} s: {size_bytes} bytes, SHA-256 {sha256}"
                + (f", program date time {segment.program_utc}" if segment.program_utc else "")
            )

    def _warnings(self, why_short: str) -> list[str]:
        warnings = []
        if why_short:
            wanted = f"{self._recorded_s:.1f} of the {self.seconds:g} s wanted were recorded"
            warnings.append(f"the live recording is short: {wanted}, because {why_short}")
        if self._missing:
            told = "; ".join(
                f"{first}{f' to {last}' if last > first else ''} {why}"
                for first, last, why in self._missing[:_MAX_RANGES_TOLD]
            )
            count = sum(last - first + 1 for first, last, _ in self._missing)
            warnings.append(f"the live recording lacks {count} segments between those it has: {told}")
        breaks = [str(one.segment.number) for one in self.taken[1:] if one.segment.discontinuity]
        if breaks:
            warnings.append(
                "the publisher marks a break (discontinuity) before live segment "
                + ", ".join(breaks[:_MAX_RANGES_TOLD])
            )
        if self._header_changes:
            numbers = ", ".join(str(number) for number in self._header_changes[:_MAX_RANGES_TOLD])
            warnings.append(f"the container's header changes before live segment {numbers}; decoders may stop there")
        if any(one.segment.key_url for one in self.taken):
            warnings.append("the live segments were served encrypted (AES-128); what is kept is decrypted")
        return warnings
