"""Look at what a URL leads to, then fetch that one video and what its publisher put beside it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from yt_dlp.networking.common import Request
from yt_dlp.utils import DownloadError, YoutubeDLError, determine_ext

from verify.acquire.classify import FailedAcquisition, describe_failure
from verify.acquire.comments import comments_json
from verify.acquire.downloader import BoundedDownloader
from verify.acquire.failures import FailureKind
from verify.model import FileRole

COMMENTS_NAME = "comments.json"
MAX_SUBTITLES = 8
_MAX_SIDE_FILE_BYTES = 16 * 1024**2
_MAX_REDIRECTIONS = 3
_SUBTITLE_EXTENSIONS = ("vtt", "srt", "ttml", "ass", "srv3", "json3")
_PROGRESS_INTERVAL_S = 0.2

Information = dict[str, Any]
SendProgress = Callable[[int, int | None], None]


class TransferProgress:
    """yt-dlp's progress hook: adds up the files of one video and passes the sum on a few times a second."""

    def __init__(self, send: SendProgress) -> None:
        self.expected_bytes: int | None = None
        self._send = send
        self._files: dict[str, int] = {}
        self._last_sent = 0.0

    def __call__(self, state: dict[str, Any]) -> None:
        """Take in one report of yt-dlp's."""
        name, done = str(state.get("filename")), state.get("downloaded_bytes")
        if not isinstance(done, int):
            return
        self._files[name] = done
        total = state.get("total_bytes")
        if self.expected_bytes is None and len(self._files) == 1 and isinstance(total, int):
            self.expected_bytes = total
        now = time.monotonic()
        if state.get("status") == "finished" or now - self._last_sent >= _PROGRESS_INTERVAL_S:
            self._last_sent = now
            self._send(sum(self._files.values()), self.expected_bytes)


def look_up(downloader: BoundedDownloader, url: str, *, live: bool = False) -> Information:
    """Find the one video behind a URL without downloading it.

    Parameters
    ----------
    live
        Permit a stream that is running now; its `live_status` is then 'is_live'.

    Raises
    ------
    FailedAcquisition
        There is no video, more than one, no picture, or it is not recorded yet.
    """
    information: Information = {"_type": "url", "url": url}
    for _ in range(_MAX_REDIRECTIONS):
        kind = information.get("_type", "video")
        if kind in ("url", "url_transparent"):
            information = downloader.process_ie_result(information, download=False)
        elif kind in ("playlist", "multi_video", "compat_list"):
            information = _only_entry(information)
        else:
            break
        if not isinstance(information, dict):
            raise FailedAcquisition(FailureKind.NO_VIDEO, "nothing was returned")
    if information.get("_type", "video") != "video":
        raise FailedAcquisition(FailureKind.PLAYLIST, "lists inside lists")
    if running := _why_running(downloader, information):
        if not live:
            raise FailedAcquisition(FailureKind.LIVE, running)
        information["live_status"] = "is_live"
    chosen = information.get("requested_formats") or [information]
    if all(one.get("vcodec") == "none" for one in chosen):
        raise FailedAcquisition(FailureKind.AUDIO_ONLY)
    return information


def _only_entry(playlist: Mapping[str, Any]) -> Information:
    entries = [entry for entry in playlist.get("entries") or () if entry]
    count = playlist.get("playlist_count")
    if not entries:
        raise FailedAcquisition(FailureKind.NO_VIDEO, "an empty list")
    if len(entries) > 1 or (isinstance(count, int) and count > 1):
        raise FailedAcquisition(FailureKind.PLAYLIST, f"{count} videos" if isinstance(count, int) else "several videos")
    return dict(entries[0])


def _why_running(downloader: BoundedDownloader, information: Information) -> str | None:
    """Say how a stream that is running now is known; None for a recorded video.

    Raises
    ------
    FailedAcquisition
        It has not begun, or its recording is not published yet.
    """
    status = information.get("live_status")
    if status == "is_upcoming":
        raise FailedAcquisition(FailureKind.UPCOMING, "it is announced")
    if status == "post_live":
        raise FailedAcquisition(FailureKind.UPCOMING, "the stream is over and its recording not published yet")
    if status is not None or information.get("is_live"):
        return "is live" if status == "is_live" or information.get("is_live") else None
    # Pages that only embed a playlist do not say whether it is still growing; the playlist itself does.
    for one in information.get("requested_formats") or [information]:
        if str(one.get("protocol")).startswith("m3u8") and not _is_complete_playlist(downloader, one):
            return "its playlist has no end"
    return None


def _is_complete_playlist(downloader: BoundedDownloader, one: Mapping[str, Any]) -> bool:
    data = one.get("hls_media_playlist_data")
    if not isinstance(data, str):
        response = downloader.urlopen(Request(one["url"], headers=one.get("http_headers") or {}))
        data = response.read().decode("utf-8", "replace")
    return "#EXT-X-ENDLIST" in data or "#EXT-X-PLAYLIST-TYPE:VOD" in data


def fetch_media(
    downloader: BoundedDownloader, information: Information, folder: Path, progress: TransferProgress
) -> list[tuple[str, FileRole]]:
    """Download the video; returns the names of its files in `folder` with their roles."""
    formats = information.get("requested_formats") or [information]
    sizes = [one.get("filesize") for one in formats]
    if all(isinstance(size, int) for size in sizes):
        progress.expected_bytes = sum(size for size in sizes if isinstance(size, int))
    elif len(formats) > 1:
        progress.expected_bytes = None
    whole_files = [str(one.get("url")) for one in formats if one.get("protocol") in ("http", "https")]
    downloader.params["noplaylist"] = True
    try:
        with downloader.downloading(whole_files):
            result = downloader.process_ie_result(dict(information), download=True)
    except DownloadError as error:
        # Preserving that a server sent nothing is evidence too; whether it is a video is judged when it is probed.
        if "Did not get any data blocks" not in str(error) or len(formats) > 1:
            raise
        (folder / "media.bin").touch()
        return [("media.bin", FileRole.MASTER)]
    return _media_files(result, folder)


def _media_files(result: Information, folder: Path) -> list[tuple[str, FileRole]]:
    downloads = result.get("requested_downloads") or []
    if len(downloads) != 1:
        raise FailedAcquisition(FailureKind.EXTRACTOR, "yt-dlp wrote no file")
    final = Path(downloads[0].get("filepath") or "")
    streams = [Path(one["filepath"]) for one in downloads[0].get("requested_formats") or () if one.get("filepath")]
    if not final.is_file() or not all(stream.is_file() for stream in streams):
        raise FailedAcquisition(FailureKind.EXTRACTOR, "yt-dlp left its file unfinished")
    if len(streams) < 2:
        return [(_name_in(folder, final), FileRole.MASTER)]
    files = [(_name_in(folder, stream), FileRole.STREAM) for stream in streams]
    return [*files, (_name_in(folder, final), FileRole.WORKING_COPY)]


def _name_in(folder: Path, path: Path) -> str:
    return path.resolve().relative_to(folder.resolve()).as_posix()


def fetch_comments(
    downloader: BoundedDownloader, information: Information, folder: Path
) -> tuple[list[tuple[str, FileRole]], list[str]]:
    """Fetch what people wrote below the video; a failure is a warning. Returns files and warnings, as for side files.

    What an extractor raises here is of any class: this part of it runs outside of its own error handling.
    """
    try:
        downloader.fetch_late(information)
    except Exception as error:  # noqa: BLE001 - see above
        kind, said = describe_failure(error)
        return [], [f"the comments could not be fetched ({kind.value.replace('_', ' ')}: {said})"]
    text = comments_json(information, downloader.exchanges.secrets)
    if text is None:
        return [], ["no comments were found: there are none, or yt-dlp cannot read them on this site"]
    (folder / COMMENTS_NAME).write_text(text, encoding="ascii")
    return [(COMMENTS_NAME, FileRole.COMMENTS)], []


def fetch_side_files(
    downloader: BoundedDownloader, information: Mapping[str, Any], folder: Path
) -> tuple[list[tuple[str, FileRole]], list[str]]:
    """Fetch thumbnail and subtitles; a failure is a warning, the video does not depend on them.

    Returns
    -------
    files
        Names in `folder` with their roles.
    warnings
        One line for each that could not be had.
    """
    files: list[tuple[str, FileRole]] = []
    warnings: list[str] = []
    wanted = [*_thumbnail(information), *_subtitles(information)]
    for name, role, source in wanted:
        try:
            _fetch_side_file(downloader, source, folder / name)
        except (YoutubeDLError, FailedAcquisition, OSError, ValueError) as error:
            (folder / name).unlink(missing_ok=True)
            kind, said = describe_failure(error)
            warnings.append(f"{name} could not be fetched ({kind.value.replace('_', ' ')}: {said})")
        else:
            files.append((name, role))
    return files, warnings


def _thumbnail(information: Mapping[str, Any]) -> list[tuple[str, FileRole, Mapping[str, Any]]]:
    thumbnails = [one for one in information.get("thumbnails") or () if isinstance(one, Mapping) and one.get("url")]
    if not thumbnails:
        return []
    best = thumbnails[-1]
    extension = _plain_extension(best.get("ext") or determine_ext(best["url"], "jpg"), "jpg")
    return [(f"thumbnail.{extension}", FileRole.THUMBNAIL, best)]


def _subtitles(information: Mapping[str, Any]) -> list[tuple[str, FileRole, Mapping[str, Any]]]:
    """Choose one file for each of the first languages, in order of language; machine-made ones are left out."""
    chosen: list[tuple[str, FileRole, Mapping[str, Any]]] = []
    languages = information.get("subtitles")
    for language, offers in sorted(languages.items()) if isinstance(languages, Mapping) else ():
        usable = [one for one in offers or () if isinstance(one, Mapping) and one.get("ext") in _SUBTITLE_EXTENSIONS]
        usable = [one for one in usable if one.get("protocol") in (None, "http", "https")]
        if not usable or len(chosen) >= MAX_SUBTITLES:
            continue
        best = min(usable, key=lambda one: _SUBTITLE_EXTENSIONS.index(one["ext"]))
        plain = "".join(c for c in str(language) if c.isascii() and (c.isalnum() or c == "-"))[:20] or "unknown"
        chosen.append((f"subtitles-{len(chosen) + 1}-{plain}.{best['ext']}", FileRole.SUBTITLES, best))
    return chosen


def _plain_extension(extension: str, otherwise: str) -> str:
    plain = extension.isascii() and extension.isalnum() and len(extension) <= 8
    return extension.lower() if plain else otherwise


def _fetch_side_file(downloader: BoundedDownloader, source: Mapping[str, Any], path: Path) -> None:
    if isinstance(source.get("data"), str):
        path.write_text(source["data"][:_MAX_SIDE_FILE_BYTES], encoding="utf-8", errors="replace", newline="")
        return
    with contextlib.closing(
        downloader.urlopen(Request(source["url"], headers=source.get("http_headers") or {}))
    ) as response:
        content = bytearray()
        while piece := response.read(64 * 1024):
            content += piece
            if len(content) > _MAX_SIDE_FILE_BYTES:
                raise FailedAcquisition(FailureKind.TOO_LARGE, f"more than {_MAX_SIDE_FILE_BYTES} bytes")
    path.write_bytes(bytes(content))
