"""The network policy, enforced where connections are made.

Checking a URL before it is fetched is not enough: pages redirect, playlists name other hosts, and a host name may
resolve to another address the second time. An audit hook sees the very address of every connection that Python makes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from verify.acquire.addresses import refusal_reason

_CONNECTION_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_PROGRAM_EVENTS = frozenset({"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn"})


class RefusedConnectionError(PermissionError):
    """A connection that the network policy does not permit."""


class RefusedProgramError(PermissionError):
    """A program that may not be started."""


class ConnectionGuard:
    """Refuses connections outside the public internet and programs outside a list.

    Refusals are raised as kinds of OSError, so that a host with several addresses is still reached by a permitted one;
    they are also kept in `refused_addresses` ('127.0.0.1 (a loopback address)') and `refused_programs`.

    Parameters
    ----------
    allow_private
        Permit every IPv4 and IPv6 address.
    programs
        Paths of the programs that may be started. None of them may be given a network address to work on.
    """

    def __init__(self, *, allow_private: bool, programs: Iterable[str]) -> None:
        self.allow_private = allow_private
        self.refused_addresses: list[str] = []
        self.refused_programs: list[str] = []
        self._programs = frozenset(os.path.realpath(program) for program in programs)

    def install(self) -> None:
        """Guard this process from now on; there is no way back."""
        sys.addaudithook(self.audit)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Judge one audit event of the interpreter.

        Raises
        ------
        RefusedConnectionError, RefusedProgramError
            The connection or program is refused.
        """
        if event in _CONNECTION_EVENTS:
            self._check_connection(arguments[0], arguments[1])
        elif event == "subprocess.Popen":
            self._check_program(arguments[0], arguments[1])
        elif event in _PROGRAM_EVENTS:
            self._start_program_refused(str(arguments[0]) if arguments else event)

    def _check_connection(self, connection: socket.socket, address: object) -> None:
        if address is None:  # sendmsg on a connected socket, whose address was judged before
            return
        internet = connection.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple)
        host = str(address[0]) if internet and isinstance(address, tuple) else str(address)
        reason = refusal_reason(host) if internet else "not an internet address"
        if reason is None or (internet and self.allow_private):
            return
        self.refused_addresses.append(f"{host[:100]} ({reason})")
        raise RefusedConnectionError(f"connection to {host[:100]} refused: {reason}")

    def _check_program(self, executable: Any, arguments: Any) -> None:
        # On Windows the arguments are one command line.
        words = [arguments] if isinstance(arguments, (str, bytes)) else list(arguments or ())
        texts = [os.fsdecode(word) for word in words]
        program = os.fsdecode(executable) if executable else texts[0]
        # ffmpeg opens URLs by itself, out of this guard's sight; a program named without a folder is searched for on
        # PATH and may be another than the permitted one.
        if os.path.realpath(program) not in self._programs or any("://" in text for text in texts):
            self._start_program_refused(program)

    def _start_program_refused(self, program: str) -> None:
        self.refused_programs.append(Path(program).name[:100])
        raise RefusedProgramError(f"program {program[:100]!r} refused")
