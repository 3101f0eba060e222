"""What an operator may choose about an acquisition."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from verify.acquire.limits import AcquisitionLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionOptions:
    """How a release is to be fetched; the defaults are the careful ones.

    Parameters
    ----------
    allow_private
        Permit addresses outside the public internet.
    limits
        Bounds of size and time.
    cookies
        A file of cookies in Netscape's format to send to the site; it is only read, and nothing of it is kept.
    live_seconds
        Record a live stream for this long, in seconds. None: live streams are refused.
    comments
        Also fetch what people wrote below the video.
    rate_bytes_per_s
        Take no more than this from the network, in bytes per second. None: as fast as it comes.
    """

    allow_private: bool = False
    limits: AcquisitionLimits = field(default_factory=AcquisitionLimits)
    cookies: Path | None = None
    live_seconds: float | None = None
    comments: bool = False
    rate_bytes_per_s: int | None = None

    def __post_init__(self) -> None:
        for name in ("live_seconds", "rate_bytes_per_s"):
            value = getattr(self, name)
            # The first half is false for NaN, which is greater than nothing.
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} must be positive, not {value}")
