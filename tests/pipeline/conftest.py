"""Fixtures of the tests with hostile servers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.hostile_server import HostileServer, hostile_server
from verify.acquire import remote


@pytest.fixture
def hostile() -> Iterator[HostileServer]:
    """A server that does as it is told, to any client."""
    with hostile_server() as running:
        yield running


@pytest.fixture
def watched_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every place where a program might leave something by default is a folder of the test's, empty at the end."""
    folders = [tmp_path / name for name in ("home", "temporary", "working")]
    for folder in folders:
        folder.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(folders[0]))
    monkeypatch.setenv("TMPDIR", str(folders[1]))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(folders[2])
    yield
    for folder in folders:
        assert list(folder.rglob("*")) == []
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "temporary", "working", "staging", "report"}


@pytest.fixture
def public_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """See tests/loopback_worker.py: 127.0.0.1 passes for public, every other loopback address does not."""
    monkeypatch.setattr(remote, "_WORKER_MODULE", "tests.loopback_worker")


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """An empty folder for an acquisition."""
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder
