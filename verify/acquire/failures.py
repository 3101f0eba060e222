"""What can go wrong while a URL is fetched: one table from the kind of failure to the error that a user meets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from verify.acquire.texts import clean_text, shown_url, without_secrets_inside
from verify.acquire.versions import tool_versions
from verify.errors import (
    AcquisitionFailedError,
    AcquisitionRefusedError,
    OutputNotWritableError,
    UnreadableMediaError,
    VerifyError,
)

MAX_DETAIL_CHARACTERS = 300


class FailureKind(StrEnum):
    """Why an acquisition ended without a video."""

    PRIVATE_ADDRESS = "private_address"
    SCHEME = "scheme"
    REDIRECTIONS = "redirections"
    CERTIFICATE = "certificate"
    LOGIN = "login"
    PRIVATE_VIDEO = "private_video"
    FORBIDDEN = "forbidden"
    GEO_BLOCKED = "geo_blocked"
    RATE_LIMITED = "rate_limited"
    DRM = "drm"
    PLAYLIST = "playlist"
    LIVE = "live"
    UPCOMING = "upcoming"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    NOT_FOUND = "not_found"
    REMOVED = "removed"
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    INCOMPLETE = "incomplete"
    NO_VIDEO = "no_video"
    AUDIO_ONLY = "audio_only"
    STREAM_TYPE = "stream_type"
    EXTRACTOR = "extractor"
    NO_JAVASCRIPT = "no_javascript"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class _Explanation:
    error: type[VerifyError]
    problem: str
    remedy: str


_GIVE_FILE = "If you may use the video, save it by other means and give the file instead of the URL."
# {yt-dlp} stands for the installed version and its age.
_UPGRADE = "Upgrade yt-dlp (pip install --upgrade yt-dlp) and try again: sites change often, and this is {yt-dlp}."

_EXPLANATIONS: dict[FailureKind, _Explanation] = {
    FailureKind.PRIVATE_ADDRESS: _Explanation(
        AcquisitionRefusedError,
        "leads to {detail}, which is not on the public internet",
        "If you trust this page and network, add --allow-private.",
    ),
    FailureKind.SCHEME: _Explanation(
        AcquisitionRefusedError, "leads to an address that is neither http nor https ({detail})", _GIVE_FILE
    ),
    FailureKind.REDIRECTIONS: _Explanation(
        AcquisitionRefusedError,
        "is sent on from one address to the next without end ({detail})",
        "Open it in a browser and give the URL that it ends at.",
    ),
    FailureKind.CERTIFICATE: _Explanation(
        AcquisitionFailedError,
        "the server's TLS certificate is not valid, so it may be another server ({detail})",
        "Check the URL and this machine's clock. The check cannot be turned off; if you have the video by other "
        "means, give the file.",
    ),
    FailureKind.LOGIN: _Explanation(
        AcquisitionRefusedError,
        "is only shown to people who log in ({detail})",
        "If you have an account that may see it, give its cookies with --cookies FILE. " + _GIVE_FILE,
    ),
    FailureKind.PRIVATE_VIDEO: _Explanation(
        AcquisitionRefusedError,
        "is private: only people whom its publisher invited may see it ({detail})",
        "If you are one of them, give your cookies with --cookies FILE. " + _GIVE_FILE,
    ),
    FailureKind.FORBIDDEN: _Explanation(AcquisitionRefusedError, "the server refuses access ({detail})", _GIVE_FILE),
    FailureKind.GEO_BLOCKED: _Explanation(
        AcquisitionRefusedError,
        "is not shown in this country ({detail})",
        "Run the check from a permitted country, or give a file.",
    ),
    FailureKind.RATE_LIMITED: _Explanation(
        AcquisitionRefusedError, "the site refuses further requests for now ({detail})", "Wait some time and try again."
    ),
    FailureKind.DRM: _Explanation(AcquisitionRefusedError, "is protected against copying (DRM)", _GIVE_FILE),
    FailureKind.PLAYLIST: _Explanation(
        AcquisitionRefusedError,
        "holds more than one video: a playlist, a channel or a page with several ({detail})",
        "Give the URL of the one video to check; `verify batch` takes several URLs.",
    ),
    FailureKind.LIVE: _Explanation(
        AcquisitionRefusedError,
        "is a live stream, which has no fixed bytes yet ({detail})",
        "Record a part of it with --live-seconds SECONDS, or try again when the recording is published.",
    ),
    FailureKind.UPCOMING: _Explanation(
        AcquisitionRefusedError,
        "has not begun yet: a premiere or a coming stream ({detail})",
        "Try again when it has been published.",
    ),
    FailureKind.TOO_LARGE: _Explanation(
        AcquisitionRefusedError,
        "is larger than an acquisition may be ({detail})",
        "Save a smaller copy and give the file.",
    ),
    FailureKind.TOO_SLOW: _Explanation(
        AcquisitionRefusedError,
        "took longer than an acquisition may take ({detail})",
        "Try again later, or save it and give the file.",
    ),
    FailureKind.NOT_FOUND: _Explanation(
        AcquisitionFailedError,
        "is not there or was removed ({detail})",
        "Check the URL; if it was there before, look for an archived copy.",
    ),
    FailureKind.REMOVED: _Explanation(
        AcquisitionFailedError,
        "was removed, by its publisher or by the site ({detail})",
        "Look for an archived copy and give the file; that it was removed is worth noting, with the date of this try.",
    ),
    FailureKind.SERVER_ERROR: _Explanation(
        AcquisitionFailedError, "the server answered with an error ({detail})", "Try again later."
    ),
    FailureKind.UNREACHABLE: _Explanation(
        AcquisitionFailedError,
        "could not be reached ({detail})",
        "Check the URL and your network connection, then try again.",
    ),
    FailureKind.INCOMPLETE: _Explanation(
        AcquisitionFailedError,
        "did not come whole: the server broke off each time ({detail})",
        "Try again later; a part of a file is not kept as if it were all of it.",
    ),
    FailureKind.NO_VIDEO: _Explanation(
        AcquisitionFailedError,
        "no video was found there ({detail})",
        "Give the URL of the page that shows the video, or of the video itself. " + _UPGRADE,
    ),
    FailureKind.AUDIO_ONLY: _Explanation(
        UnreadableMediaError, "has sound but no pictures", "Give the URL of a video; sound alone cannot be checked."
    ),
    FailureKind.STREAM_TYPE: _Explanation(
        AcquisitionFailedError, "is a kind of stream that cannot be fetched safely ({detail})", _GIVE_FILE
    ),
    FailureKind.EXTRACTOR: _Explanation(AcquisitionFailedError, "yt-dlp could not fetch it ({detail})", _UPGRADE),
    FailureKind.NO_JAVASCRIPT: _Explanation(
        AcquisitionFailedError,
        "this site needs a JavaScript runtime, and none was found ({detail})",
        "Install Deno (https://deno.com) or Node.js 22 or newer and try again; `verify doctor` tells whether it is "
        "found.",
    ),
    FailureKind.DISK: _Explanation(
        OutputNotWritableError,
        "cannot be written to disk ({detail})",
        "Free some disk space, or work on a larger disk (--out, or TMPDIR where there is no --out).",
    ),
}


def failure_error(kind: str, url: str, detail: str) -> VerifyError:
    """Turn a failure into the error to raise.

    Parameters
    ----------
    kind
        A `FailureKind`; an unknown one counts as a failure of the extractor.
    url
        The URL that was asked for; shown without secrets.
    detail
        What the server, yt-dlp or the operating system said; cleaned and bounded here.
    """
    known = FailureKind(kind) if kind in list(FailureKind) else FailureKind.EXTRACTOR
    explanation = _EXPLANATIONS[known]
    cleaned = clean_text(without_secrets_inside(detail), MAX_DETAIL_CHARACTERS) or "no details given"
    # A plain replacement: texts from outside may hold braces.
    problem = explanation.problem.replace("{detail}", cleaned.rstrip("."))
    return explanation.error(shown_url(url), problem, explanation.remedy.replace("{yt-dlp}", _told_version()))


def _told_version() -> str:
    """Name the installed yt-dlp, whose version is its date, and its age."""
    version = tool_versions("yt-dlp")["yt-dlp"]
    try:
        year, month, day = (int(part) for part in version.split(".")[:3])
        age_days = (datetime.now(UTC).date() - date(year, month, day)).days
    except ValueError:
        return f"version {version}"
    return f"version {version}, {max(age_days, 0)} days old"
