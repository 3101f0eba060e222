"""Finding external programs: a system one first, the bundled one else, and words for neither."""

from __future__ import annotations

import stat
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

import imageio_ffmpeg
import pytest

from verify import tools
from verify.errors import ToolMissingError
from verify.tools import find_ffmpeg, find_javascript_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs of these tests are shell scripts")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder that is all there is on PATH, with nothing remembered from before."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for search in (find_ffmpeg, find_javascript_runtime):
        search.cache_clear()
    yield folder
    for search in (find_ffmpeg, find_javascript_runtime):
        search.cache_clear()


def install(folder: Path, name: str, body: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_system_ffmpeg_is_preferred(programs: Path):
    path = install(programs, "ffmpeg", "echo ffmpeg version 99; echo more")
    found = find_ffmpeg()
    assert (found.name, found.path, found.version, found.origin) == ("ffmpeg", str(path), "ffmpeg version 99", "system")


@pytest.mark.parametrize("body", ["exit 1", "kill -9 $$", ":"])
def test_system_ffmpeg_that_does_not_work_is_passed_over(programs: Path, body: str):
    install(programs, "ffmpeg", body)
    assert find_ffmpeg().origin == "bundled"


def test_bundled_ffmpeg_works(programs: Path):
    found = find_ffmpeg()
    assert found.origin == "bundled"
    assert found.version.startswith("ffmpeg version")
    assert Path(found.path).is_file()


def test_no_ffmpeg_at_all(programs: Path, monkeypatch: pytest.MonkeyPatch):
    def none() -> str:
        raise RuntimeError("no ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    with pytest.raises(ToolMissingError, match=r"ffmpeg: neither on PATH nor bundled\. Install it"):
        find_ffmpeg()
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ToolMissingError):
        find_ffmpeg()


def test_program_that_never_answers_is_passed_over(programs: Path, monkeypatch: pytest.MonkeyPatch):
    install(programs, "deno", "sleep 60")
    real = subprocess.run

    def soon(command: list[str], *, timeout: float, **options: object) -> object:
        assert timeout <= 60
        return real(command, timeout=0.05, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(
        tools, "subprocess", types.SimpleNamespace(run=soon, SubprocessError=subprocess.SubprocessError)
    )
    assert find_javascript_runtime() is None


def test_deno_comes_before_node(programs: Path):
    install(programs, "node", "echo v24.1.0")
    install(programs, "deno", "echo deno 2.1.4")
    found = find_javascript_runtime()
    assert found is not None
    assert (found.name, found.version) == ("deno", "deno 2.1.4")


@pytest.mark.parametrize(
    ("version", "is_usable"),
    [("v22.0.0", True), ("v24.3.1", True), ("v20.19.0", False), ("v9", False), ("what", False)],
)
def test_node_counts_from_version_22(programs: Path, version: str, is_usable: bool):
    install(programs, "node", f"echo {version}")
    found = find_javascript_runtime()
    assert (found is not None) == is_usable
    if found:
        assert (found.name, found.version, found.origin) == ("node", version, "system")


def test_version_may_come_on_standard_error(programs: Path):
    install(programs, "node", "echo v23.0.0 >&2")
    found = find_javascript_runtime()
    assert found is not None
    assert found.version == "v23.0.0"


def test_no_javascript_runtime(programs: Path):
    assert find_javascript_runtime() is None
