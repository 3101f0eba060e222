"""The process that hands a hostile file to the C2PA library. It reads one request, answers once, and ends.

Request: `path`, `media_type`, `trust_anchors` (PEM text, or None), `cpu_seconds`. Answers: `facts` (see
`credentials_facts`), `absent`, `remote` with the URL that was not fetched, `unreadable` with the library's words and
whether it was the `file` or the `store` of credentials that it could not read, `anchors` if the trust list was refused.

The library is native code, so Python's audit hooks see nothing of it. It is told to fetch nothing; and where the system
lets it, this process gives up its network and then the right to open anything at all before the file is looked at.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from verify.media.credentials_facts import read_facts
from verify.processes import receive_message, send_message

MEMORY_LIMIT_BYTES = 2 * 1024**3
_MAX_REPORT_CHARACTERS = 64 * 1024**2
_MAX_PROBLEM_CHARACTERS = 500
_STDERR_LIMIT_BYTES = 1024**2
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

SETTINGS: dict[str, Any] = {
    "verify": {
        "verify_after_reading": True,
        "verify_trust": True,
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
    },
    # An empty list of hosts permits none; credentials may be compressed, which hostile ones use to grow.
    "core": {"allowed_network_hosts": [], "max_decompressed_manifest_size_in_mb": 64},
}


def main() -> int:
    """Serve the one request on standard input."""
    received = receive_message(sys.stdin.buffer)
    if received is None:
        return 1
    request = received[0]
    leave_network()
    with Path(request["path"]).open("rb") as file:
        serve(request, file, sys.stdout.buffer)
    return 0


def serve(request: dict[str, Any], file: IO[bytes], output: IO[bytes], settings: dict[str, Any] = SETTINGS) -> None:
    """Read the credentials of `file` and answer on `output`.

    From here on the process can open nothing, so this is the last thing that it does.
    """
    # A library of 20 MB, of no use to anything but this process.
    import c2pa  # type: ignore[import-untyped]  # noqa: PLC0415

    library = f"c2pa-python {version('c2pa-python')}, c2pa-rs {c2pa.sdk_version()}"
    anchors = request.get("trust_anchors")
    chosen = settings | ({"trust": {"trust_anchors": anchors}} if anchors else {})
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(chosen))
    except c2pa.C2paError as error:
        send_message(output, {"kind": "anchors", "problem": str(error)[:_MAX_PROBLEM_CHARACTERS]})
        return
    limit_resources(request.get("cpu_seconds"))
    try:
        answer = _read(c2pa, context, request["media_type"], file)
    except c2pa.C2paError as error:
        answer = _problem(str(error))
    send_message(output, {**answer, "library": library})


def _read(c2pa: Any, context: Any, media_type: str, file: IO[bytes]) -> dict[str, Any]:
    reader = c2pa.Reader.try_create(media_type, file, context=context)
    if reader is None:
        return {"kind": "absent"}
    with reader:
        store = _parsed(reader.json())
        try:
            details = _parsed(reader.crjson())
        except c2pa.C2paError:
            details = {}  # only the issuer's name is lost
    if not isinstance(store, dict):
        return {"kind": "unreadable", "what": "store", "problem": "the description of the credentials is too large"}
    return {"kind": "facts", "facts": dataclasses.asdict(read_facts(store, details))}


def _parsed(text: str) -> Any:
    if len(text) > _MAX_REPORT_CHARACTERS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _problem(message: str) -> dict[str, Any]:
    """Tell the library's errors apart, for which it has words but, mostly, no kinds."""
    kind, _, rest = message.partition(": ")
    if kind in ("Remote", "RemoteManifest"):
        return {"kind": "remote", "url": rest.partition(" url ")[2][:_MAX_PROBLEM_CHARACTERS]}
    about_file = kind in ("Io", "NotSupported") or rest.startswith("asset could not be parsed")
    # A part that is missing from the store gives a kind of error without a word of explanation.
    named = f"{kind}, says the C2PA library" if kind else "the C2PA library gave no reason"
    words = rest.strip() or named
    return {"kind": "unreadable", "what": "file" if about_file else "store", "problem": words[:_MAX_PROBLEM_CHARACTERS]}


def leave_network() -> None:
    """Move this process to a network of its own that has no way out. Linux only, and only where it is permitted.

    A process with rights does so directly, others need a user namespace of their own, which some systems refuse.
    Nothing is done elsewhere: see `limit_resources` for what holds there.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        unshare = ctypes.CDLL(None, use_errno=True).unshare
        if unshare(_CLONE_NEWNET) != 0:
            unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def limit_resources(cpu_seconds: int | None) -> None:
    """Bound what this process can take, and keep it from opening any further file or socket.

    The limit on open files counts upwards from zero, so at zero those that are open stay usable and no other can be
    had: no connection, no file named by a manifest, no helper's pipe. Where the platform has no such limits (Windows)
    nothing is done, and the library's settings alone keep it from the network.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    wanted = [
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _STDERR_LIMIT_BYTES),
        (resource.RLIMIT_NOFILE, 0),
    ]
    if cpu_seconds:
        wanted.append((resource.RLIMIT_CPU, cpu_seconds))
    for which, limit in wanted:
        hard = resource.getrlimit(which)[1]
        lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # macOS has the name of the memory limit but may refuse to set it.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (lower, lower))


if __name__ == "__main__":
    raise SystemExit(main())
