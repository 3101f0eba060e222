"""Versions that an acquisition record names."""

from __future__ import annotations

import importlib.metadata
import platform

import verify


def tool_versions(*distributions: str) -> dict[str, str]:
    """Return the versions of this program, of Python and of the named distributions."""
    versions = {name: importlib.metadata.version(name) for name in distributions}
    return {"verify": verify.__version__, "python": platform.python_version(), **versions}
