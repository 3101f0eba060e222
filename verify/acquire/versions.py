"""Versions that an acquisition record names."""

from __future__ import annotations

import importlib.metadata
import platform
from contextlib import suppress

import verify


def tool_versions(*distributions: str) -> dict[str, str]:
    """Return the versions of this program, of Python and of those of the named distributions that are installed."""
    versions = {"verify": verify.__version__, "python": platform.python_version()}
    for name in distributions:
        with suppress(importlib.metadata.PackageNotFoundError):  # a build for graphics cards has another name
            versions[name] = importlib.metadata.version(name)
    return versions
