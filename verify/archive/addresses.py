"""Web addresses as an archive keeps them: without passwords and signatures, which packs and reports would spread."""

from __future__ import annotations

from verify.acquire.cookies import REMOVED
from verify.acquire.texts import without_secrets


def kept_address(url: str) -> str:
    """Return an address as it is kept: without user, password, keys and signatures."""
    return without_secrets(url)


def tells_apart(url: str) -> bool:
    """Say whether what is kept of an address still names one video.

    Where a value was blanked, two addresses of different videos can look the same.
    """
    return kept_address(url).count(REMOVED) == url.count(REMOVED)
