"""yt-dlp with bounds: every request goes through one place that checks its scheme and counts its bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yt_dlp
from yt_dlp.networking.common import Request, Response
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import YoutubeDLError, unified_timestamp

from verify.acquire.classify import FailedAcquisition
from verify.acquire.failures import FailureKind
from verify.acquire.guard import ConnectionGuard
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.texts import without_secrets_inside

# True of most pages, and nothing that a reader of the report need know.
_COMMON_WARNINGS = ("Falling back on generic information extractor", "could be a direct video link")
_READ_BYTES = 64 * 1024
_MAX_LOG_CHARACTERS = 500_000
_MAX_LOG_LINE_CHARACTERS = 2_000
_LONGEST_PAUSE_S = 8


class LogFile:
    """yt-dlp's logger: a bounded text file without secrets or paths of this machine; warnings are kept as well."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._folder = str(folder)
        self._left = _MAX_LOG_CHARACTERS

    def debug(self, message: str) -> None:
        """Log a line of progress."""
        self._write("info", message)

    def info(self, message: str) -> None:
        """Log a line of information."""
        self._write("info", message)

    def warning(self, message: str) -> None:
        """Log a warning."""
        text = self._write("warning", message)
        if not any(common in text for common in _COMMON_WARNINGS):
            self.warnings.append(text)

    def error(self, message: str) -> None:
        """Log an error."""
        self._write("error", message)

    def _write(self, level: str, message: str) -> str:
        text = without_secrets_inside(str(message)).replace(self._folder, "").strip()[:_MAX_LOG_LINE_CHARACTERS]
        line = f"{level}: {text!r}\n" if not text.isprintable() else f"{level}: {text}\n"
        if self._left > 0:
            self._left -= len(line)
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(line)
        return text


class BoundedDownloader(yt_dlp.YoutubeDL):  # type: ignore[misc]  # yt-dlp has no types
    """A `YoutubeDL` that refuses other schemes than http and https and stops at the byte limits.

    Attributes
    ----------
    reading_pages
        While true, an answer may be no longer than `limits.max_page_bytes`.
    taken_bytes
        Bytes read from all answers so far.
    last_modified
        Times that servers gave for files, as Unix seconds. yt-dlp offers them as dates of publication, which they
        are not.
    """

    def __init__(self, options: Mapping[str, Any], guard: ConnectionGuard, limits: AcquisitionLimits) -> None:
        self.reading_pages = True
        self.taken_bytes = 0
        self.last_modified: set[int] = set()
        self._guard = guard
        self._limits = limits
        super().__init__(dict(options), auto_init="no_verbose_header")

    def urlopen(self, request: str | Request) -> Response:
        """Open a URL within the policy.

        Raises
        ------
        FailedAcquisition
            The scheme, the address or the declared length is not permitted.
        """
        url = request if isinstance(request, str) else request.url
        self._check_scheme(url)
        refused_before = len(self._guard.refused_addresses)
        try:
            response = super().urlopen(request)
        except HTTPError as error:
            # Extractors look into error pages, which can be as endless as any other.
            self._bound_reading(error.response)
            raise
        except YoutubeDLError:
            refused = self._guard.refused_addresses[refused_before:]
            if refused:
                raise FailedAcquisition(FailureKind.PRIVATE_ADDRESS, refused[0]) from None
            raise
        self._check_scheme(response.url)
        declared = response.headers.get("Content-Length") or ""
        if declared.isascii() and declared.isdigit() and int(declared) > self._limits.max_bytes:
            response.close()
            raise self._too_large(f"the server announces {int(declared)} bytes")
        with contextlib.suppress(TypeError):
            self.last_modified.add(int(unified_timestamp(response.headers.get("Last-Modified"))))
        self._bound_reading(response)
        return response

    def _check_scheme(self, url: str) -> None:
        scheme = urlsplit(url).scheme.lower()
        if scheme not in ("http", "https"):
            raise FailedAcquisition(FailureKind.SCHEME, f"{scheme[:30]}:")

    def _too_large(self, what: str) -> FailedAcquisition:
        limits = self._limits
        return FailedAcquisition(FailureKind.TOO_LARGE, f"{what}; at most {limits.max_bytes} bytes are taken")

    def _bound_reading(self, response: Response) -> None:
        """Count what is read from a response, and let nothing be read in one unbounded piece."""
        read: Callable[[int], bytes] = response.read
        taken_here = 0

        def bounded_read(amount: int | None = None) -> bytes:
            nonlocal taken_here
            pieces: list[bytes] = []
            wanted = amount if amount is not None and amount >= 0 else None
            while wanted is None or wanted > 0:
                piece = read(_READ_BYTES if wanted is None else wanted)
                pieces.append(piece)
                taken_here += len(piece)
                self.taken_bytes += len(piece)
                if self.taken_bytes > self._limits.max_bytes:
                    raise self._too_large("more came")
                if self.reading_pages and taken_here > self._limits.max_page_bytes:
                    raise FailedAcquisition(
                        FailureKind.TOO_LARGE, f"a page of more than {self._limits.max_page_bytes} bytes"
                    )
                if wanted is not None or not piece:
                    break
            return b"".join(pieces)

        response.read = bounded_read


def downloader_options(
    folder: Path,
    limits: AcquisitionLimits,
    log: LogFile,
    *,
    ffmpeg: str,
    javascript: Mapping[str, str],
    progress_hook: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Build the options: one video, in the form its publisher serves it, nothing from this machine's configuration.

    Parameters
    ----------
    folder
        Where files are written, under names that do not depend on the page.
    ffmpeg
        Path of the program that puts separate picture and sound into one file.
    javascript
        Runtimes that YouTube's pages need, name to path; may be empty.
    progress_hook
        Called by yt-dlp with the state of a transfer.
    """
    return {
        "outtmpl": {"default": "media.%(ext)s"},
        "paths": {"home": str(folder)},
        "restrictfilenames": True,
        "format": "bestvideo*+bestaudio/best",
        "keepvideo": True,
        # Repairs rewrite the file; the bytes are to stay as they were served.
        "fixup": "never",
        "noplaylist": True,
        "extract_flat": "in_playlist",
        "playlist_items": "1:2",
        "lazy_playlist": True,
        "overwrites": False,
        "updatetime": False,
        "cachedir": False,
        "geo_bypass": False,
        "enable_file_urls": False,
        "external_downloader": {"default": "native"},
        "hls_prefer_native": True,
        "proxy": "",
        "usenetrc": False,
        "remote_components": (),
        "js_runtimes": {name: {"path": path} for name, path in javascript.items()},
        "ffmpeg_location": ffmpeg,
        "postprocessor_args": {"merger+ffmpeg_i": ["-protocol_whitelist", "file"]},
        "socket_timeout": limits.socket_timeout_s,
        "retries": limits.retries,
        "fragment_retries": limits.retries,
        "extractor_retries": limits.retries,
        "skip_unavailable_fragments": False,
        "retry_sleep_functions": dict.fromkeys(("http", "fragment", "extractor"), _pause_s),
        "max_filesize": limits.max_bytes,
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "logger": log,
        "progress_hooks": [progress_hook],
    }


def _pause_s(n: int) -> float:
    """Seconds to wait before attempt `n` (yt-dlp passes it by this name), doubling up to a bound."""
    return float(min(2**n, _LONGEST_PAUSE_S))
