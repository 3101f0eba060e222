"""From yt-dlp's exceptions to the errors a user meets."""

from __future__ import annotations

import errno
import importlib.metadata
import io
import re
import time

import pytest
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

from verify.acquire.classify import FailedAcquisition, describe_failure
from verify.acquire.failures import FailureKind, failure_error
from verify.acquire.guard import RefusedProgramError
from verify.errors import (
    AcquisitionFailedError,
    AcquisitionRefusedError,
    OutputNotWritableError,
    UnreadableMediaError,
    VerifyError,
)

URL = "https://user:hunter2@example.org/watch?v=1"


def http_error(status: int) -> HTTPError:
    return HTTPError(Response(io.BytesIO(), "https://example.org", {}, status=status))


def wrapped(cause: BaseException) -> DownloadError:
    """Wrap an exception as yt-dlp does: told again in a DownloadError that keeps the triple of sys.exc_info."""
    inner = ExtractorError("Unable to download webpage", cause=cause, expected=True)
    return DownloadError(f"ERROR: {inner}", (type(inner), inner, None))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.LOGIN),
        (403, FailureKind.FORBIDDEN),
        (404, FailureKind.NOT_FOUND),
        (410, FailureKind.REMOVED),
        (429, FailureKind.RATE_LIMITED),
        (451, FailureKind.GEO_BLOCKED),
        (500, FailureKind.SERVER_ERROR),
        (503, FailureKind.SERVER_ERROR),
        (418, FailureKind.UNREACHABLE),
    ],
)
def test_status_codes(status: int, kind: FailureKind) -> None:
    assert describe_failure(wrapped(http_error(status)))[0] is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransportError("Name or service not known"), FailureKind.UNREACHABLE),
        (wrapped(TransportError("timed out")), FailureKind.UNREACHABLE),
        (GeoRestrictedError("not here"), FailureKind.GEO_BLOCKED),
        (UserNotLive(), FailureKind.LIVE),
        (UnsupportedError("https://example.org"), FailureKind.NO_VIDEO),
        (wrapped(RefusedProgramError("ffmpeg")), FailureKind.STREAM_TYPE),
        (wrapped(OSError(errno.ENOSPC, "No space left on device")), FailureKind.DISK),
        (MemoryError(), FailureKind.TOO_LARGE),
        (DownloadError("ERROR: Sign in to confirm you\u2019re not a bot"), FailureKind.RATE_LIMITED),
        (DownloadError("Private video. Sign in if you've been granted access"), FailureKind.PRIVATE_VIDEO),
        (DownloadError("This account is private"), FailureKind.PRIVATE_VIDEO),
        (DownloadError("This video is private"), FailureKind.PRIVATE_VIDEO),
        (DownloadError("This video is only available for registered users"), FailureKind.LOGIN),
        (DownloadError("This video is DRM protected"), FailureKind.DRM),
        (DownloadError("The uploader has not made this video available in your country"), FailureKind.GEO_BLOCKED),
        (DownloadError("This live event will begin in 3 hours"), FailureKind.UPCOMING),
        (DownloadError("Premieres in 20 minutes"), FailureKind.UPCOMING),
        (DownloadError("The channel is not currently live"), FailureKind.LIVE),
        (DownloadError("Video unavailable. This video has been removed by the uploader"), FailureKind.REMOVED),
        (
            DownloadError("This video is no longer available because the account has been terminated"),
            FailureKind.REMOVED,
        ),
        (DownloadError("Video unavailable"), FailureKind.NOT_FOUND),
        (DownloadError("[download] Got error: 5 bytes read, 95 more expected"), FailureKind.INCOMPLETE),
        (wrapped(IncompleteRead(5, 95)), FailureKind.INCOMPLETE),
        (wrapped(CertificateVerifyError("certificate verify failed")), FailureKind.CERTIFICATE),
        (DownloadError("No video could be found in this post"), FailureKind.NO_VIDEO),
        (DownloadError("Unable to extract player data"), FailureKind.EXTRACTOR),
        (KeyError("playerResponse"), FailureKind.EXTRACTOR),
        (wrapped(FailedAcquisition(FailureKind.TOO_LARGE, "more came")), FailureKind.TOO_LARGE),
    ],
)
def test_exceptions(error: BaseException, kind: FailureKind) -> None:
    assert describe_failure(error)[0] is kind


def test_advice_for_yt_dlps_command_line_is_left_out() -> None:
    said = describe_failure(
        DownloadError(
            "\x1b[0;31mERROR:\x1b[0m [Site] 1: Broken; please report this issue on  https://example.org/issues"
        )
    )[1]
    assert said == "[Site] 1: Broken"


CLASSES = {
    AcquisitionRefusedError: {
        "private_address", "scheme", "redirections", "login", "private_video", "upcoming",
        "forbidden", "geo_blocked", "rate_limited", "drm", "playlist", "live",
        "too_large", "too_slow",
    },
    AcquisitionFailedError: {
        "not_found", "removed", "certificate", "incomplete", "no_javascript",
        "server_error", "unreachable", "no_video", "stream_type", "extractor", "something else",
    },
    UnreadableMediaError: {"audio_only"},
    OutputNotWritableError: {"disk"},
}  # fmt: skip


@pytest.mark.parametrize(("error_class", "kind"), [(c, k) for c, kinds in CLASSES.items() for k in sorted(kinds)])
def test_each_kind_has_its_class_and_says_what_to_do(error_class: type[VerifyError], kind: str) -> None:
    error = failure_error(kind, URL, "what was {said}\x1b[2J")
    assert type(error) is error_class
    assert error.subject == "https://example.org/watch?v=1"
    assert "hunter2" not in str(error)
    assert "\x1b" not in str(error)
    assert error.remedy.endswith(".")


def test_every_kind_is_covered_above() -> None:
    assert set().union(*CLASSES.values()) == {*FailureKind, "something else"}


def test_details_are_bounded_and_hold_no_secrets() -> None:
    error = failure_error("extractor", URL, "https://a:b@example.org/?token=hunter2 " + "x" * 10_000)
    assert len(str(error)) < 700
    assert "hunter2" not in str(error)


def test_private_address_names_the_address_and_the_option() -> None:
    error = failure_error("private_address", URL, "10.0.0.1 (a private address)")
    assert "10.0.0.1" in str(error)
    assert "--allow-private" in error.remedy


def test_broken_extractor_advises_an_upgrade_and_names_version_and_age() -> None:
    remedy = failure_error("extractor", URL, "").remedy
    assert "pip install --upgrade yt-dlp" in remedy
    version = importlib.metadata.version("yt-dlp")
    assert re.search(rf"this is version {re.escape(version)}, \d+ days old", remedy)


def test_missing_javascript_runtime_is_told_by_name() -> None:
    assert "Install Deno" in failure_error("no_javascript", URL, "").remedy


def test_login_names_the_option_for_cookies() -> None:
    for kind in ("login", "private_video"):
        assert "--cookies" in failure_error(kind, URL, "").remedy


def test_message_of_megabytes_is_told_at_once() -> None:
    began = time.monotonic()
    kind, said = describe_failure(DownloadError("ERROR: " + " " * 5_000_000 + "Private video" + "x" * 5_000_000))
    assert time.monotonic() - began < 1
    assert kind is FailureKind.EXTRACTOR
    assert len(said) <= 2_000
