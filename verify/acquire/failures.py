"""What can go wrong while a URL is fetched: one table from the kind of failure to the error that a user meets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from verify.acquire.texts import clean_text, shown_url, without_secrets_inside
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
    LOGIN = "login"
    FORBIDDEN = "forbidden"
    GEO_BLOCKED = "geo_blocked"
    RATE_LIMITED = "rate_limited"
    DRM = "drm"
    PLAYLIST = "playlist"
    LIVE = "live"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    NOT_FOUND = "not_found"
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    NO_VIDEO = "no_video"
    AUDIO_ONLY = "audio_only"
    STREAM_TYPE = "stream_type"
    EXTRACTOR = "extractor"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class _Explanation:
    error: type[VerifyError]
    problem: str
    remedy: str


_GIVE_FILE = "If you may use the video, save it by other means and give the file instead of the URL."
_UPGRADE = "Upgrade yt-dlp (pip install --upgrade yt-dlp) and try again; sites change often."

_EXPLANATIONS: dict[FailureKind, _Explanation] = {
    FailureKind.PRIVATE_ADDRESS: _Explanation(
        AcquisitionRefusedError,
        "leads to {detail}, which is not on the public internet",
        "If you trust this page and network, add --allow-private.",
    ),
    FailureKind.SCHEME: _Explanation(
        AcquisitionRefusedError, "leads to an address that is neither http nor https ({detail})", _GIVE_FILE
    ),
    FailureKind.LOGIN: _Explanation(
        AcquisitionRefusedError, "is only shown to people who log in, or is private ({detail})", _GIVE_FILE
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
        "is a live or coming stream, which has no fixed bytes yet ({detail})",
        "Try again when the recording is published.",
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
        "Check the URL; if it was removed, look for an archived copy.",
    ),
    FailureKind.SERVER_ERROR: _Explanation(
        AcquisitionFailedError, "the server answered with an error ({detail})", "Try again later."
    ),
    FailureKind.UNREACHABLE: _Explanation(
        AcquisitionFailedError,
        "could not be reached ({detail})",
        "Check the URL and your network connection, then try again.",
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
    return explanation.error(shown_url(url), problem, explanation.remedy)
