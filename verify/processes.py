"""Worker processes: hostile pages and media are parsed in a child, which answers in messages of a plain format.

A message is a 4-byte big-endian length, that many bytes of JSON (an object), and as many payload bytes as the object's
`payload_bytes` says. Nothing a worker sends is ever unpickled or evaluated.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

MAX_HEADER_BYTES = 8 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_STDERR_TAIL_BYTES = 4000
_END_GRACE_S = 5
# What a child that meets hostile content must not know: the password of the signing key.
_SECRET_VARIABLES = frozenset({"VERIFY_KEY_PASSWORD"})


class BrokenMessageError(Exception):
    """A worker ended in the middle of a message, or sent something that is none."""


def send_message(stream: IO[bytes], header: dict[str, Any], payload: bytes | memoryview = b"") -> None:
    """Write one message and flush it."""
    body = json.dumps({**header, "payload_bytes": len(payload)}).encode()
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)
    stream.write(payload)
    stream.flush()


def receive_message(stream: IO[bytes], max_payload_bytes: int = 0) -> tuple[dict[str, Any], bytes] | None:
    """Read one message; None at a clean end of the stream.

    Raises
    ------
    BrokenMessageError
        The stream ended early, or the message is malformed or larger than allowed.
    """
    prefix = stream.read(_LENGTH.size)
    if not prefix:
        return None
    if len(prefix) < _LENGTH.size:
        raise BrokenMessageError("the worker ended in the middle of a message")
    (size,) = _LENGTH.unpack(prefix)
    if size > MAX_HEADER_BYTES:
        raise BrokenMessageError(f"a header of {size} bytes")
    try:
        header = json.loads(_read_exactly(stream, size))
    except (ValueError, RecursionError) as error:
        raise BrokenMessageError("a header that is not JSON") from error
    wanted = header.get("payload_bytes") if isinstance(header, dict) else None
    if not isinstance(wanted, int) or not 0 <= wanted <= max_payload_bytes:
        raise BrokenMessageError(f"a payload of {wanted} bytes, at most {max_payload_bytes} allowed")
    return header, _read_exactly(stream, wanted)


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise BrokenMessageError("the worker ended in the middle of a message")
    return data


class Worker:
    """A Python module of this package running in a child process of its own session.

    Leaving the `with` block ends the child and everything it started, whatever state it is in. The child inherits no
    Python settings of the user's and does not import from the working folder.

    Parameters
    ----------
    module
        Dotted name of the module to run.
    environment
        Variables to add to those inherited.
    """

    def __init__(self, module: str, environment: dict[str, str] | None = None) -> None:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYTHON") and name not in _SECRET_VARIABLES
        }
        package_parent = str(Path(__file__).resolve().parent.parent)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
            env={**inherited, "PYTHONPATH": package_parent, **(environment or {})},
        )
        _running.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()
        self._stderr.close()
        _running.discard(self)

    @property
    def input(self) -> IO[bytes]:
        """The child's standard input."""
        assert self._process.stdin is not None  # noqa: S101 - always a pipe, see __init__
        return self._process.stdin

    @property
    def output(self) -> IO[bytes]:
        """The child's standard output."""
        assert self._process.stdout is not None  # noqa: S101 - always a pipe, see __init__
        return self._process.stdout

    def kill(self) -> None:
        """End the child and its children at once. Harmless if they have ended."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def end(self) -> None:
        """Let the child end by closing its input, so that it ends its own children too; end it if it does not."""
        with contextlib.suppress(OSError):
            self.input.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_GRACE_S)
        self.kill()

    def exit_code(self) -> int | None:
        """Wait briefly for the child to end by itself; negative numbers are signals, None if it still runs."""
        try:
            return self._process.wait(_END_GRACE_S)
        except subprocess.TimeoutExpired:
            return None

    def stderr_tail(self) -> str:
        """Return the end of what the child wrote to standard error, for a person to read."""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _STDERR_TAIL_BYTES))
        return self._stderr.read().decode("utf-8", "replace").strip()


_running: set[Worker] = set()


def kill_running() -> None:
    """End all workers of this process, and their children, at once. For a process that is about to end itself."""
    for worker in list(_running):
        worker.kill()
