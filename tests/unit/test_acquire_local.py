"""Local files, and SOURCE arguments that are neither file nor URL."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verify.acquire.limits import AcquisitionLimits
from verify.acquire.options import AcquisitionOptions
from verify.acquire.source import acquire, is_url
from verify.errors import (
    AcquisitionFailedError,
    AcquisitionRefusedError,
    InvalidUsageError,
    OutputNotWritableError,
)
from verify.model import Acquisition, FileRole, Progress, SilentProgress


class CountingProgress:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []

    def start(self, label: str, total: float | None, unit: str) -> None:
        self.events.append(("start", (label, total, unit)))

    def advance(self, amount: float) -> None:
        self.events.append(("advance", amount))

    def finish(self) -> None:
        self.events.append(("finish", None))


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


def take(source: object, staging: Path, max_bytes: int = 10**6, progress: Progress | None = None) -> Acquisition:
    options = AcquisitionOptions(limits=AcquisitionLimits(max_bytes=max_bytes))
    return acquire(str(source), staging, options=options, progress=progress or SilentProgress())


@pytest.mark.parametrize("source", ["http://example.org/a", "https://example.org", "HTTPS://EXAMPLE.ORG/x"])
def test_web_urls_are_urls(source: str) -> None:
    assert is_url(source)


@pytest.mark.parametrize(
    "source", ["clip.mp4", "ftp://example.org/a", "file:///etc/passwd", "www.example.org", "", "http:"]
)
def test_other_texts_are_not(source: str) -> None:
    assert not is_url(source)


def test_file_is_copied_and_left_alone(tmp_path: Path, staging: Path) -> None:
    original = tmp_path / "Strike on the bridge \u202e.MP4"
    original.write_bytes(b"bytes" * 1000)
    original.chmod(0o400)
    before = original.stat()
    taken = take(original, staging)
    assert (taken.source, taken.is_local_file, taken.final_url) == (str(original), True, None)
    assert taken.media.role is FileRole.MASTER
    assert taken.media.path == staging / "media.mp4"
    assert taken.media.path.read_bytes() == original.read_bytes()
    assert original.stat().st_mtime_ns == before.st_mtime_ns
    assert {"verify", "python"} <= set(taken.tool_versions)
    assert taken.started_utc <= taken.finished_utc


@pytest.mark.parametrize(
    ("name", "copy"),
    [("clip", "media.bin"), ("clip.m$v", "media.bin"), ("clip.averylongone", "media.bin"), ("a.b.MKV", "media.mkv")],
)
def test_copy_has_a_plain_name(tmp_path: Path, staging: Path, name: str, copy: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert take(tmp_path / name, staging).media.path.name == copy


def test_empty_file_is_taken_since_the_probe_judges_it(tmp_path: Path, staging: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert take(tmp_path / "empty.mp4", staging).media.path.stat().st_size == 0


def test_progress_counts_the_bytes(tmp_path: Path, staging: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x" * 3_000_000)
    progress = CountingProgress()
    acquire(str(tmp_path / "clip.mp4"), staging, options=AcquisitionOptions(), progress=progress)
    assert progress.events[0] == ("start", ("copy", 3_000_000, "B"))
    assert sum(amount for kind, amount in progress.events if kind == "advance") == 3_000_000  # type: ignore[misc]
    assert progress.events[-1] == ("finish", None)


def test_file_beyond_the_limit_is_refused_and_leaves_nothing(tmp_path: Path, staging: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x" * 1001)
    with pytest.raises(AcquisitionRefusedError, match="larger than the 1000 bytes") as caught:
        take(tmp_path / "clip.mp4", staging, max_bytes=1000)
    assert caught.value.exit_code == 11
    assert list(staging.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no-such-file.mp4", "neither an http\\(s\\) URL nor an existing file"),
        ("ftp://example.org/clip.mp4", "ftp is neither http nor https"),
        ("file:///etc/passwd", "file is neither http nor https"),
        ("www.example.org/watch", "write https://www.example.org/watch"),
        ("", "\\(empty\\)"),
        ("a\x00b", "neither"),
        ("x" * 5000, "neither"),
        ("http://", "not a complete URL"),
        ("https:///path", "not a complete URL"),
        ("http://example.org:99999/", "not a complete URL"),
        ("http://exa mple.org/", "not a complete URL"),
        ("http://[::1/", "not a complete URL"),
    ],
)
def test_source_that_is_nothing(staging: Path, source: str, message: str) -> None:
    with pytest.raises(InvalidUsageError, match=message) as caught:
        take(source, staging)
    assert caught.value.exit_code == 2
    assert "Give the http(s) URL of one video, or the path of a video file." in str(caught.value)
    assert len(str(caught.value)) < 900


def test_folder_is_no_source(tmp_path: Path, staging: Path) -> None:
    with pytest.raises(InvalidUsageError, match="is a folder"):
        take(tmp_path, staging)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe_is_no_source_and_does_not_hang(tmp_path: Path, staging: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InvalidUsageError, match="not a regular file"):
        take(tmp_path / "pipe.mp4", staging)


def test_unreadable_file(tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions do not stop the superuser, so the operating system's answer is played.
    (tmp_path / "clip.mp4").touch()

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("verify.acquire.local.os.open", refuse)
    with pytest.raises(AcquisitionFailedError, match=r"cannot be read \(Permission denied\)") as caught:
        take(tmp_path / "clip.mp4", staging)
    assert caught.value.exit_code == 10


def test_staging_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(OutputNotWritableError, match="cannot be written") as caught:
        take(tmp_path / "clip.mp4", tmp_path / "gone")
    assert caught.value.exit_code == 51


def test_file_that_grows_is_not_taken(tmp_path: Path, staging: Path) -> None:
    original = tmp_path / "clip.mp4"
    original.write_bytes(b"x" * 100)

    class Appending(SilentProgress):
        def advance(self, amount: float) -> None:
            with original.open("ab") as file:
                file.write(b"y")

    with pytest.raises(AcquisitionFailedError, match="changed while it was copied"):
        take(original, staging, max_bytes=1500, progress=Appending())
    assert list(staging.iterdir()) == []


def test_interruption_leaves_nothing(tmp_path: Path, staging: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x" * 100)

    class Interrupting(SilentProgress):
        def advance(self, amount: float) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        acquire(str(tmp_path / "clip.mp4"), staging, options=AcquisitionOptions(), progress=Interrupting())
    assert list(staging.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"max_bytes": 0}, {"max_seconds": -1}, {"retries": -1}])
def test_limits_are_positive(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        AcquisitionLimits(**wrong)  # type: ignore[arg-type]
