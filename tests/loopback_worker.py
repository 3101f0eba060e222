"""The acquisition worker in a world where 127.0.0.1 is public and every other loopback address is not.

Tests have no public address to fetch from; this lets them see what a public page may not lead to. The name
'rebinding.test' resolves to 127.0.0.1 the first time and to 127.0.0.2 ever after.
"""

from __future__ import annotations

import socket
from typing import Any

from verify.acquire import guard, worker

_judge = guard.refusal_reason
_resolve = socket.getaddrinfo
_times_resolved = 0


def _with_public_loopback(address: str) -> str | None:
    return None if address == "127.0.0.1" else _judge(address)


def _rebinding(host: Any, *rest: Any, **named: Any) -> Any:
    global _times_resolved  # noqa: PLW0603 - one count for the process is what is wanted
    if host == "rebinding.test":
        _times_resolved += 1
        host = "127.0.0.1" if _times_resolved == 1 else "127.0.0.2"
    return _resolve(host, *rest, **named)


if __name__ == "__main__":
    guard.refusal_reason = _with_public_loopback
    socket.getaddrinfo = _rebinding
    worker.main()
