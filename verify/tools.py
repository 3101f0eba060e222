"""Where the external programs are: a system one is preferred, a bundled one is the fallback."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

from verify.errors import ToolMissingError

_VERSION_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalTool:
    """A program that was found: `version` is the first line it prints of itself, `origin` is system or bundled."""

    name: str
    path: str
    version: str
    origin: str


def _version_line(path: str, flag: str) -> str:
    """Ask a program for its version; an empty string if it cannot be started."""
    try:
        done = subprocess.run([path, flag], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def _on_path(name: str, flag: str) -> ExternalTool | None:
    path = shutil.which(name)
    version = _version_line(path, flag) if path else ""
    return ExternalTool(name=name, path=path, version=version, origin="system") if path and version else None


@cache
def find_ffmpeg() -> ExternalTool:
    """Find ffmpeg: on PATH first, else the one that imageio-ffmpeg ships.

    Raises
    ------
    ToolMissingError
        Neither is there.
    """
    if found := _on_path("ffmpeg", "-version"):
        return found
    try:
        import imageio_ffmpeg  # noqa: PLC0415 - slow, and only needed without a system ffmpeg

        path = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise ToolMissingError(
            "ffmpeg", "neither on PATH nor bundled", "Install it (Debian: apt-get install ffmpeg)."
        ) from error
    return ExternalTool(name="ffmpeg", path=path, version=_version_line(path, "-version"), origin="bundled")


@cache
def find_javascript_runtime() -> ExternalTool | None:
    """Find a runtime that yt-dlp can use for YouTube: Deno, else Node.js 22 or newer, else None."""
    if deno := _on_path("deno", "--version"):
        return deno
    node = _on_path("node", "--version")
    if node is None:
        return None
    major = node.version.lstrip("v").partition(".")[0]
    return node if major.isdigit() and int(major) >= 22 else None
