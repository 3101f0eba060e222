"""What the tests with hostile servers have in common."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from verify.acquire.limits import AcquisitionLimits
from verify.acquire.options import AcquisitionOptions
from verify.acquire.source import acquire
from verify.errors import AcquisitionFailedError, AcquisitionRefusedError, UnreadableMediaError, VerifyError
from verify.model import Acquisition, SilentProgress

LIMITS = AcquisitionLimits(max_bytes=3_000_000, max_seconds=20, max_page_bytes=1_000_000, socket_timeout_s=2, retries=0)
FAILED, REFUSED, UNREADABLE = AcquisitionFailedError, AcquisitionRefusedError, UnreadableMediaError
CODES = {FAILED: 10, REFUSED: 11, UNREADABLE: 30}
# What the slowest of machines may need beyond the work itself: two interpreters with yt-dlp are started.
START_S = 12.0
VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(3000)
SLOW = pytest.mark.slow


def fetch(url: str, staging: Path, limits: AcquisitionLimits = LIMITS, **options: object) -> Acquisition:
    chosen = AcquisitionOptions(limits=limits, **options)  # type: ignore[arg-type]
    taken = acquire(url, staging, options=chosen, progress=SilentProgress())
    assert {file.path for file in taken.files} == set(staging.iterdir())
    return taken


def check_refusal(
    url: str,
    staging: Path,
    error_class: type[VerifyError],
    words: str,
    *,
    limits: AcquisitionLimits = LIMITS,
    within_s: float = 2.0,
) -> None:
    """Check that an acquisition fails in a documented way, in time, and leaves nothing."""
    started = time.monotonic()
    with pytest.raises(VerifyError) as caught:
        fetch(url, staging, limits)
    taken_s = time.monotonic() - started
    error = caught.value
    assert (type(error), error.exit_code) == (error_class, CODES[error_class]), str(error)
    assert words in str(error)
    assert not re.search("its process|import|Traceback|object has no attribute", str(error)), "a fault of our own"
    assert error.subject == url
    assert error.remedy
    assert str(error).isprintable()
    assert len(str(error)) < 1000
    assert list(staging.iterdir()) == []
    assert taken_s < START_S + within_s
