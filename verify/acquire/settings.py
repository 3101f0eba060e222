"""The options yt-dlp is given."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from verify.acquire.comments import MAX_COMMENTS
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.retries import pause_s

# Which of the forms in which a site offers a video is taken, first choice first:
#   1. the file that its publisher uploaded, where the site still has it and says so by the name of the form ('source',
#      'original'); it must have picture and sound, or not say;
#   2. the best picture and the best sound, which many sites serve apart; both are kept as they are served, and only
#      the working copy joins them, without re-encoding ('*': a form with picture and sound may be the best picture);
#   3. the best form with both in one.
# 'Best' is yt-dlp's order: resolution, frame rate and dynamic range before codec, and codec before size.
# Forms called 'download' are not among the first: on some sites they carry the site's watermark.
FORMAT = "best[format_id~='(?i)^(source|original)$']/bestvideo*+bestaudio/best"
# Downloads that break off make progress each time, requests for pages do not.
_BREAKS_PER_RETRY = 3


def downloader_options(
    folder: Path,
    limits: AcquisitionLimits,
    log: object,
    *,
    ffmpeg: str,
    javascript: Mapping[str, str],
    progress_hook: Callable[[dict[str, Any]], None],
    cookies: str = "",
    comments: bool = False,
    rate_bytes_per_s: int | None = None,
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
    cookies
        Text of a file of cookies, checked before; yt-dlp writes them back into nothing but this text.
    comments
        Prepare to fetch what people wrote below the video.
    rate_bytes_per_s
        Bound on the speed of transfers, in bytes per second.
    """
    return {
        "outtmpl": {"default": "media.%(ext)s"},
        "paths": {"home": str(folder)},
        "restrictfilenames": True,
        "format": FORMAT,
        "keepvideo": True,
        # Repairs rewrite the file; the bytes are to stay as they were served.
        "fixup": "never",
        "noplaylist": True,
        "extract_flat": "in_playlist",
        "playlist_items": "1:2",
        "lazy_playlist": True,
        "overwrites": False,
        "continuedl": True,
        "updatetime": False,
        "cachedir": False,
        "geo_bypass": False,
        "enable_file_urls": False,
        "external_downloader": {"default": "native"},
        "nocheckcertificate": False,
        "legacyserverconnect": False,
        "allow_unplayable_formats": False,
        "hls_prefer_native": True,
        "proxy": "",
        "usenetrc": False,
        "netrc_cmd": None,
        "cookiesfrombrowser": None,
        "cookiefile": io.StringIO(cookies) if cookies else None,
        "mark_watched": False,
        "getcomments": comments,
        "extractor_args": {"youtube": {"max_comments": [str(MAX_COMMENTS)]}},
        "remote_components": (),
        "js_runtimes": {name: {"path": path} for name, path in javascript.items()},
        "ffmpeg_location": ffmpeg,
        "postprocessor_args": {"merger+ffmpeg_i": ["-protocol_whitelist", "file"]},
        "socket_timeout": limits.socket_timeout_s,
        "retries": _BREAKS_PER_RETRY * limits.retries,
        "fragment_retries": limits.retries,
        "extractor_retries": limits.retries,
        "skip_unavailable_fragments": False,
        "retry_sleep_functions": dict.fromkeys(("http", "fragment", "extractor"), pause_s),
        "ratelimit": rate_bytes_per_s,
        "max_filesize": limits.max_bytes,
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "logger": log,
        "progress_hooks": [progress_hook],
    }
