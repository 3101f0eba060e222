"""The parent does not trust its worker: it has met hostile pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from verify.acquire import remote
from verify.acquire.options import AcquisitionOptions
from verify.errors import AcquisitionFailedError
from verify.model import ClockReading, FileRole, SilentProgress

MASTER = {"name": "media.mp4", "role": "master"}


def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: Any, fields: Any = None, clock: Any = None) -> Any:
    """Run `acquire_url` with a worker that leaves media.mp4, a stream and a link, and answers `listed`."""
    staging = tmp_path / "staging"
    staging.mkdir()

    def run_worker(url: str, folder: Path, *_: object, **__: object) -> dict[str, Any]:
        for name in ("media.mp4", "media.f1.webm"):
            (folder / name).write_bytes(b"x")
        (folder / "link.mp4").symlink_to("/etc/hostname")
        (folder / "media.mp4.part").write_bytes(b"rest")
        return {"files": listed, "fields": fields, "warnings": ["a\x1bb", 3, ""], "clock": clock}

    monkeypatch.setattr(remote, "_run_worker", run_worker)
    return remote.acquire_url(
        "http://u:p@example.org/", staging, options=AcquisitionOptions(), progress=SilentProgress()
    )


@pytest.mark.parametrize(
    "listed",
    [
        None,
        "media.mp4",
        [],
        ["media.mp4"],
        [{"name": "media.mp4"}],
        [{"name": "media.mp4", "role": "boss"}],
        [{"name": "../media.mp4", "role": "master"}],
        [{"name": "/etc/hostname", "role": "master"}],
        [{"name": ".hidden", "role": "master"}],
        [{"name": "missing.mp4", "role": "master"}],
        [{"name": "link.mp4", "role": "master"}],
        [MASTER, {"name": "media.f1.webm", "role": "working_copy"}],
        [MASTER] * 101,
    ],
)
def test_malformed_lists_of_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: Any) -> None:
    with pytest.raises(AcquisitionFailedError, match="malformed"):
        take(tmp_path, monkeypatch, listed)
    assert list((tmp_path / "staging").iterdir()) == []


def test_only_listed_files_are_kept_under_plain_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = take(tmp_path, monkeypatch, [{"name": "media.f1.webm", "role": "stream"}, MASTER])
    assert [(file.path.name, file.role) for file in taken.files] == [
        ("stream-1.webm", FileRole.STREAM),
        ("media.mp4", FileRole.MASTER),
    ]
    assert sorted(path.name for path in (tmp_path / "staging").iterdir()) == ["media.mp4", "stream-1.webm"]


def test_texts_are_cleaned_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {
        "title": "a\x1b\u202eb" + "c" * 9999,
        "final_url": "javascript:x",
        "description": "l1\nl2",
        "publisher": 7,
    }
    taken = take(tmp_path, monkeypatch, [MASTER], fields)
    assert taken.title is not None
    assert (taken.title[:2], len(taken.title)) == ("ab", 500)
    assert (taken.final_url, taken.description, taken.publisher) == (None, "l1\nl2", None)
    assert taken.source == "http://example.org/"
    assert taken.warnings == ("ab",)


def test_worker_that_dies_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_WORKER_MODULE", "verify.no_such_module")
    with pytest.raises(AcquisitionFailedError, match="yt-dlp could not fetch it") as caught:
        remote.acquire_url("http://example.org/", tmp_path, options=AcquisitionOptions(), progress=SilentProgress())
    assert "No module named" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "clock",
    [
        None,
        "fast",
        {"offset_s": "1", "uncertainty_s": 1.0, "basis": "b"},
        {"offset_s": float("nan"), "uncertainty_s": 1.0, "basis": "b"},
        {"offset_s": 1.0, "uncertainty_s": -1.0, "basis": "b"},
        {"offset_s": 1.0, "uncertainty_s": 1.0, "basis": ""},
    ],
)
def test_malformed_clock_reading_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    assert take(tmp_path, monkeypatch, [MASTER], clock=clock).clock is None


def test_clock_reading_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"offset_s": -2.5, "uncertainty_s": 1.2, "basis": "Date header of example.org"}
    assert take(tmp_path, monkeypatch, [MASTER], clock=clock).clock == ClockReading(**clock)
