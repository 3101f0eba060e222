"""Parts of the worker that need no network."""

from __future__ import annotations

from typing import Any

import pytest
from yt_dlp.utils import DownloadError

from verify.acquire.classify import FailedAcquisition
from verify.acquire.failures import FailureKind
from verify.acquire.worker import _explaining_javascript

WARNING = "[youtube] No supported JavaScript runtime could be found. Only deno is enabled by default"
UNCLEAR = DownloadError("ERROR: [youtube] x: Requested format is not available")


def outcome(error: Exception, warnings: list[str], javascript: dict[str, str]) -> Exception:
    request: dict[str, Any] = {"javascript": javascript}
    with pytest.raises(Exception) as caught, _explaining_javascript(request, warnings):
        raise error
    return caught.value


def test_missing_runtime_explains_an_unclear_failure() -> None:
    told = outcome(UNCLEAR, [WARNING], {})
    assert isinstance(told, FailedAcquisition)
    assert told.kind is FailureKind.NO_JAVASCRIPT
    assert "Requested format" in told.detail


@pytest.mark.parametrize(
    ("error", "warnings", "javascript"),
    [
        (UNCLEAR, [], {}),
        (UNCLEAR, [WARNING], {"deno": "/usr/bin/deno"}),
        (DownloadError("This video has been removed by the uploader"), [WARNING], {}),
        (FailedAcquisition(FailureKind.TOO_LARGE), [WARNING], {}),
    ],
)
def test_other_failures_stay_what_they_are(error: Exception, warnings: list[str], javascript: dict[str, str]) -> None:
    assert outcome(error, warnings, javascript) is error
