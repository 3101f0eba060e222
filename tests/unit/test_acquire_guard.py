"""The audit hook, judged by calling it; installing it in the test process could not be undone."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from verify.acquire.guard import ConnectionGuard, RefusedConnectionError, RefusedProgramError


@pytest.fixture
def internet() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET) as connection:
        yield connection


def guard(*, allow_private: bool = False, programs: tuple[str, ...] = ()) -> ConnectionGuard:
    return ConnectionGuard(allow_private=allow_private, programs=programs)


@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
def test_private_address_is_refused_and_remembered(internet: socket.socket, event: str) -> None:
    watcher = guard()
    with pytest.raises(RefusedConnectionError, match=r"10\.0\.0\.1 refused: a private address"):
        watcher.audit(event, (internet, ("10.0.0.1", 80)))
    assert watcher.refused_addresses == ["10.0.0.1 (a private address)"]


def test_public_address_and_connected_socket_pass(internet: socket.socket) -> None:
    watcher = guard()
    watcher.audit("socket.connect", (internet, ("8.8.8.8", 443)))
    watcher.audit("socket.sendmsg", (internet, None))
    assert watcher.refused_addresses == []


def test_host_name_is_refused_because_it_may_resolve_to_anything(internet: socket.socket) -> None:
    with pytest.raises(RefusedConnectionError, match="not a numeric address"):
        guard().audit("socket.connect", (internet, ("localhost", 80)))


def test_allow_private_permits_private_addresses_but_no_other_families(internet: socket.socket) -> None:
    watcher = guard(allow_private=True)
    watcher.audit("socket.connect", (internet, ("127.0.0.1", 80)))
    with socket.socket(socket.AF_UNIX) as local, pytest.raises(RefusedConnectionError, match="not an internet address"):
        watcher.audit("socket.connect", (local, "/run/some.sock"))


def test_only_listed_programs_start(tmp_path: Path) -> None:
    tool = tmp_path / "ffmpeg"
    tool.touch()
    watcher = guard(programs=(str(tool),))
    watcher.audit("subprocess.Popen", (str(tool), [str(tool), "-i", "file:a.mp4"], None, None))
    watcher.audit("subprocess.Popen", (None, [str(tool)], None, None))
    for executable, arguments in [("curl", ["curl"]), ("ffmpeg", ["ffmpeg"]), (b"/bin/sh", "sh -c true")]:
        with pytest.raises(RefusedProgramError):
            watcher.audit("subprocess.Popen", (executable, arguments, None, None))
    assert watcher.refused_programs == ["curl", "ffmpeg", "sh"]


def test_listed_program_gets_no_network_address(tmp_path: Path) -> None:
    tool = str(tmp_path / "ffmpeg")
    with pytest.raises(RefusedProgramError):
        guard(programs=(tool,)).audit("subprocess.Popen", (tool, [tool, "-i", "http://10.0.0.1/a.m3u8"], None, None))


@pytest.mark.parametrize("event", ["os.system", "os.exec", "os.posix_spawn"])
def test_other_ways_to_start_programs_are_closed(event: str) -> None:
    with pytest.raises(RefusedProgramError):
        guard().audit(event, (b"true",))


def test_installed_guard_stops_a_real_connection() -> None:
    program = (
        "import socket\n"
        "from verify.acquire.guard import ConnectionGuard\n"
        "ConnectionGuard(allow_private=False, programs=()).install()\n"
        "socket.create_connection(('127.0.0.1', 9))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RefusedConnectionError: connection to 127.0.0.1 refused: a loopback address" in done.stderr
