"""`verify doctor`: every state of every check, and how it ends."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import sys
from collections import namedtuple
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers.command import verify
from verify import tools
from verify.archive.store import Archive
from verify.commands import doctor as command
from verify.errors import ToolMissingError
from verify.tools import ExternalTool

TODAY = datetime.now(UTC).date()
Usage = namedtuple("Usage", "total used free")


class Distribution:
    def __init__(self, name: str, version: str) -> None:
        self.metadata = {"Name": name}
        self.version = version


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine on which all is well, whatever this one is like."""
    versions = {"yt-dlp": dotted(TODAY), "faiss-cpu": "1.15.1", "onnxruntime": "1.32.0", "rapidocr": "3.10.0"}
    monkeypatch.setattr(command.importlib.metadata, "version", lambda name: versions[name])
    monkeypatch.setattr(
        command.importlib.metadata, "distributions", lambda: [Distribution("opencv-python-headless", "5.0")]
    )
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(command.shutil, "disk_usage", lambda _: Usage(0, 0, 100 * 1024**3))
    node = ExternalTool(name="node", path="/usr/bin/node", version="v22.1.0", origin="system")
    monkeypatch.setattr(tools, "find_javascript_runtime", lambda: node)
    return monkeypatch


def dotted(day: date) -> str:
    return f"{day.year}.{day.month}.{day.day}"


def states(archive: Path) -> tuple[int, dict[str, dict[str, str]]]:
    done = verify("doctor", "--archive", archive, "--json")
    return done.code, {check["name"]: check for check in json.loads(done.out)}


def test_all_is_well(healthy: pytest.MonkeyPatch, archive: Path):
    code, checks = states(archive)
    assert code == 0
    assert {check["state"] for check in checks.values()} == {"ok"}
    assert set(checks) == {
        "ffmpeg", "JavaScript runtime", "yt-dlp", "OpenCV", "FAISS", "learned descriptor", "text reader",
        "signing key", "disk", "reference archive",
    }  # fmt: skip
    assert not any(check["mend"] for check in checks.values())
    assert checks["reference archive"]["told"] == f"2 references at {archive}"
    done = verify("doctor", "--archive", archive)
    assert (done.code, done.err) == (0, "")
    assert all(f"ok       {name}" in done.out for name in checks)


def test_this_machine_has_what_is_needed(archive: Path):
    done = verify("doctor", "--archive", archive)
    assert done.code in (0, 100), done.out + done.err


def no_ffmpeg() -> ExternalTool:
    raise ToolMissingError("ffmpeg", "neither on PATH nor bundled", "Install it.")


def versions(**changed: str) -> Any:
    def version(name: str) -> str:
        found = {"yt-dlp": dotted(TODAY), "faiss-cpu": "1.15.1", "onnxruntime": "1.32.0", "rapidocr": "3.10.0"} | {
            key.replace("_", "-"): changed[key] for key in changed
        }
        if found[name] == "none":
            raise importlib.metadata.PackageNotFoundError(name)
        return found[name]

    return version


CASES: dict[str, tuple[str, Any, Any, str, int, str, str]] = {
    "no ffmpeg": (
        "ffmpeg", tools, ("find_ffmpeg", no_ffmpeg), "missing", 50, "neither on PATH", "apt-get install ffmpeg",
    ),
    "no JavaScript": (
        "JavaScript runtime", tools, ("find_javascript_runtime", lambda: None), "warning", 100, "none found", "Deno",
    ),
    "yt-dlp below the floor": (
        "yt-dlp", importlib.metadata, ("version", versions(yt_dlp="2026.7.3")), "missing", 50,
        "known security holes; the floor is 2026.7.4", "pip install --upgrade 'yt-dlp[default]'",
    ),
    "old yt-dlp": (
        "yt-dlp", importlib.metadata, ("version", versions(yt_dlp=dotted(TODAY - timedelta(days=91)))), "warning", 100,
        "91 days old", "pip install --upgrade",
    ),
    "yt-dlp of a branch": (
        "yt-dlp", importlib.metadata, ("version", versions(yt_dlp="nightly.build")), "warning", 100,
        "version nightly.build has no date in it", "pip install",
    ),
    "no yt-dlp": (
        "yt-dlp", importlib.metadata, ("version", versions(yt_dlp="none")), "missing", 50, "not installed", "pip",
    ),
    "two OpenCVs": (
        "OpenCV", importlib.metadata,
        ("distributions", lambda: [Distribution("opencv-python", "4"), Distribution("Opencv-Python-Headless", "5")]),
        "missing", 50, "opencv-python and opencv-python-headless are both installed",
        "pip uninstall -y opencv-python opencv-python-headless; pip install opencv-python-headless",
    ),
    "no OpenCV": ("OpenCV", importlib.metadata, ("distributions", list), "missing", 50, "not installed", "pip install"),
    "no FAISS": (
        "FAISS", importlib.util, ("find_spec", lambda _: None), "warning", 100, "not installed; searching", "faiss",
    ),
    "another FAISS": (
        "FAISS", importlib.metadata, ("version", versions(faiss_cpu="none")), "ok", 0, "not from faiss-cpu", "",
    ),
    "another onnxruntime": (
        "learned descriptor", importlib.metadata, ("version", versions(onnxruntime="none")), "ok", 0,
        "not from the package of that name", "",
    ),
    "no text reader": (
        "text reader", importlib.metadata, ("version", versions(rapidocr="none")), "ok", 0,
        "Install it: pip install 'rapidocr>=3.10'", "",
    ),
    "low disk": (
        "disk", shutil, ("disk_usage", lambda _: Usage(0, 0, 2 * 1024**3)), "warning", 100, "2 GiB free here", "--out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_wrong_is_told_with_what_mends_it(case: Any, healthy: pytest.MonkeyPatch, archive: Path):
    name, owner, (attribute, stand_in), state, code, words, mend = case
    if (owner, attribute) == (tools, "find_ffmpeg"):
        tools.find_ffmpeg.cache_clear()
    healthy.setattr(owner, attribute, stand_in)
    ended, checks = states(archive)
    assert (ended, checks[name]["state"]) == (code, state)
    assert words in checks[name]["told"]
    assert mend in checks[name]["mend"]
    assert bool(checks[name]["mend"]) is (state != "ok")
    if code == 50:
        assert (
            f"error: {name}: missing or not usable. See the lines above." in verify("doctor", "--archive", archive).err
        )


def test_library_that_descriptors_need_is_missed(healthy: pytest.MonkeyPatch, archive: Path):
    healthy.setitem(sys.modules, "onnxruntime", None)
    code, checks = states(archive)
    assert (code, checks["learned descriptor"]["state"]) == (50, "missing")
    assert "pip install onnxruntime" in checks["learned descriptor"]["mend"]


def test_no_archive_yet(healthy: pytest.MonkeyPatch, tmp_path: Path):
    code, checks = states(tmp_path / "none")
    assert (code, checks["reference archive"]["state"]) == (100, "warning")
    assert checks["reference archive"]["mend"] == f"verify archive add VIDEO... --archive {tmp_path / 'none'}"
    assert not (tmp_path / "none").exists()


def test_empty_archive(healthy: pytest.MonkeyPatch, tmp_path: Path):
    Archive.create_or_open(tmp_path / "empty").close()
    code, checks = states(tmp_path / "empty")
    assert (code, checks["reference archive"]["told"]) == (100, f"{tmp_path / 'empty'} is empty")


@pytest.mark.parametrize("content", [None, b"", b"not a catalogue at all" * 50])
def test_archive_that_is_none_or_damaged(content: bytes | None, healthy: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "archive").mkdir()
    if content is not None:
        (tmp_path / "archive" / "catalogue.sqlite").write_bytes(content)
    code, checks = states(tmp_path / "archive")
    assert (code, checks["reference archive"]["state"]) == (50, "missing")
    assert checks["reference archive"]["mend"]


def test_a_signing_key_is_looked_at(healthy: pytest.MonkeyPatch, archive: Path, tmp_path: Path):
    path = tmp_path / "signing.key"
    healthy.setenv("VERIFY_KEY", str(path))
    code, checks = states(archive)
    assert code == 50
    assert checks["signing key"]["state"] == "missing"
    assert "verify key new" in checks["signing key"]["mend"]
    assert verify("key", "new", "--path", path).code == 0
    code, checks = states(archive)
    assert code == 0
    assert checks["signing key"]["told"] == f"{path} (without a password)"
