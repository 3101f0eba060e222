"""The entrance of this stage: SOURCE, a URL or a file, becomes files in a staging folder and a record of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from verify.acquire.local import acquire_file
from verify.acquire.remote import acquire_url
from verify.acquire.texts import clean_text, shown_url
from verify.errors import InvalidUsageError

if TYPE_CHECKING:
    from verify.acquire.options import AcquisitionOptions
    from verify.model import Acquisition, Progress

_WEB_URL = re.compile(r"https?://", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_WHAT_TO_GIVE = "Give the http(s) URL of one video, or the path of a video file."


def is_url(source: str) -> bool:
    """Tell whether SOURCE is to be fetched over http or https, rather than read from disk."""
    return _WEB_URL.match(source) is not None


def acquire(
    source: str,
    staging: Path,
    *,
    options: AcquisitionOptions,
    progress: Progress,
) -> Acquisition:
    """Obtain the bytes of one release, and what its publisher says of it.

    Whether the bytes are a video is not judged here: what was obtained can be preserved whatever it is.

    Parameters
    ----------
    source
        http(s) URL of a page, a file or a playlist of segments; or the path of a local file, which is copied.
    staging
        Existing folder of the caller's, in which the files are left. After an error nothing of this call is in it.
    options
        Bounds, permissions and what else to fetch.

    Raises
    ------
    InvalidUsageError
        Neither a URL nor a file, or cookies that cannot be used.
    AcquisitionFailedError
        Unreachable, not there, no video, or not readable.
    AcquisitionRefusedError
        Login, geo-block, playlist, live stream, network policy, size or time limit.
    UnreadableMediaError
        The page offers sound without pictures.
    OutputNotWritableError
        The staging folder cannot be written, or the disk is full.
    """
    if is_url(source):
        check_url(source)
        return acquire_url(source, staging, options=options, progress=progress)
    return acquire_file(_existing_file(source), staging, limits=options.limits, progress=progress)


def check_url(url: str) -> None:
    """Raise InvalidUsageError unless `url` is a complete http(s) URL."""
    try:
        usable = is_url(url) and bool(urlsplit(url).hostname) and (urlsplit(url).port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() or ord(character) < 32 for character in url):
        raise InvalidUsageError(shown_url(url), "is not a complete URL", _WHAT_TO_GIVE)


def _existing_file(source: str) -> Path:
    shown = clean_text(source, 300) or "(empty)"
    try:
        path = Path(source)
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError) as error:
        raise InvalidUsageError(shown, "is neither a URL nor a file", _WHAT_TO_GIVE) from error
    if source and exists and not is_folder:
        return path
    if source and is_folder:
        raise InvalidUsageError(shown, "is a folder", _WHAT_TO_GIVE)
    if scheme := _OTHER_SCHEME.match(source):
        raise InvalidUsageError(shown_url(source), f"{scheme[1]} is neither http nor https", _WHAT_TO_GIVE)
    hint = f" For a page, write https://{shown}." if re.match(r"[\w-]+(\.[\w-]+)+/", source) else ""
    raise InvalidUsageError(shown, "is neither an http(s) URL nor an existing file", _WHAT_TO_GIVE + hint)
