"""How much an acquisition may take."""

from __future__ import annotations

from dataclasses import dataclass

_GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionLimits:
    """Bounds of one acquisition; beyond one of them it is refused.

    Parameters
    ----------
    max_bytes
        Bytes taken from the network, or size of a local file.
    max_seconds
        Wall time from the first request to the last byte written, in seconds. Does not bound local copies.
    max_page_bytes
        Size of a web page, playlist or other answer that is read to find the video, in bytes.
    socket_timeout_s
        Silence of a server after which a request is given up, in seconds.
    retries
        How often a request that failed is made again, with growing pauses; a download that breaks off is continued
        three times as often.
    max_redirects
        How often one request may be sent on to another address.
    """

    max_bytes: int = 8 * _GIB
    max_seconds: float = 3600.0
    max_page_bytes: int = 64 * 1024**2
    socket_timeout_s: float = 30.0
    retries: int = 3
    max_redirects: int = 10

    def __post_init__(self) -> None:
        positive = (self.max_bytes, self.max_seconds, self.max_page_bytes, self.socket_timeout_s)
        if min(positive) <= 0 or min(self.retries, self.max_redirects) < 0:
            raise ValueError("limits of an acquisition must be positive")
