"""The process that gets and examines videos for an archive that another process writes.

Requests: `settings` once (options, descriptor, what to keep), then `video` for each (`source`, `reference`, `folder`).
For each video it sends `progress` messages, then `digest`, which is answered by `decision` (`examine` or not), and at
last `done`, `skipped` or `error`. A video that is done lies as the only reference of an archive in `folder`. When its
input ends, its parent is gone or done: it ends at once, with all that it started, and removes that folder.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any

import msgspec

from verify.errors import OutputNotWritableError, VerifyError
from verify.model import Reference
from verify.processes import BrokenMessageError, kill_running, receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from verify.fingerprint.learned import Descriptor

    Message = dict[str, Any]

STAGED_NAME = "staged"
_PROGRESS_INTERVAL_S = 0.2


class SentProgress:
    """Progress that is sent to the parent, a few times a second."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._amount = 0.0
        self._sent = 0.0

    def start(self, label: str, total: float | None, unit: str) -> None:
        """Send the start of a stage."""
        self._flush()
        self._send({"kind": "progress", "what": "start", "label": label, "total": total, "unit": unit})

    def advance(self, amount: float) -> None:
        """Add to what is sent next."""
        self._amount += amount
        if time.monotonic() - self._sent >= _PROGRESS_INTERVAL_S:
            self._flush()

    def finish(self) -> None:
        """Send the end of a stage."""
        self._flush()
        self._send({"kind": "progress", "what": "finish"})

    def _flush(self) -> None:
        if self._amount:
            self._send({"kind": "progress", "what": "advance", "amount": self._amount})
        self._amount, self._sent = 0.0, time.monotonic()


class VideoWorker:
    """Gets and examines one video after the other.

    Parameters
    ----------
    send
        Sends a message to the parent.
    decide
        Waits for the parent's decision on a video whose digest was sent; None if there is none any more.
    """

    def __init__(
        self, settings: Message, send: Callable[[Message], None], decide: Callable[[], Message | None]
    ) -> None:
        self._settings = settings
        self._send = send
        self._decide = decide
        self._learned: Descriptor | None = None

    def serve(self, request: Message) -> None:
        """Get and examine the video of a request, and send what became of it."""
        try:
            self._send(self._made(request))
        except VerifyError as error:
            told = {"subject": error.subject, "problem": error.problem, "remedy": error.remedy}
            self._send({"kind": "error", "class": type(error).__name__, **told})
        except OSError as error:
            # Files are met only in the folders for temporary ones; what is wrong with a source is told otherwise.
            problem = f"cannot be written ({error.strerror})"
            told = {"subject": str(error.filename or "temporary files"), "problem": problem}
            remedy = "Free some disk space, or set TMPDIR."
            self._send({"kind": "error", "class": OutputNotWritableError.__name__, **told, "remedy": remedy})

    def _made(self, request: Message) -> Message:
        from verify.archive.ingest import add_video, file_sha256  # noqa: PLC0415 - after the parent is being watched
        from verify.archive.obtaining import obtained  # noqa: PLC0415
        from verify.archive.store import Archive  # noqa: PLC0415

        progress = SentProgress(self._send)
        folder = Path(request["folder"])
        given = msgspec.convert(request["reference"], Reference)
        with obtained(request["source"], given, _options(self._settings["options"]), progress, folder) as (path, told):
            sha256 = file_sha256(path)
            reference = msgspec.to_builtins(told)
            self._send({"kind": "digest", "sha256": sha256, "reference": reference, "name": path.name})
            decision = self._decide()
            if decision is None or not decision["examine"]:
                return {"kind": "skipped"}
            with Archive.create_or_open(folder / STAGED_NAME) as staged:
                addition = add_video(
                    staged,
                    path,
                    told,
                    progress,
                    with_proxy=self._settings["with_proxy"],
                    learned=self._descriptor(),
                    keep_media=self._settings["keep_media"],
                    sha256=sha256,
                )
        return {"kind": "done", "outcome": msgspec.to_builtins(asdict(addition.outcome) if addition.outcome else None)}

    def _descriptor(self) -> Descriptor | None:
        from verify.fingerprint.learned import Descriptor  # noqa: PLC0415

        if self._learned is None and self._settings["descriptor"]:
            self._learned = Descriptor(Path(self._settings["descriptor"]))
        return self._learned


def options_message(options: Any) -> Message:
    """Write the options of an acquisition as a message."""
    told = asdict(options)
    return {**told, "cookies": str(options.cookies) if options.cookies else None}


def _options(message: Message) -> Any:
    from verify.acquire.limits import AcquisitionLimits  # noqa: PLC0415
    from verify.acquire.options import AcquisitionOptions  # noqa: PLC0415

    cookies = Path(message["cookies"]) if message["cookies"] else None
    return AcquisitionOptions(**{**message, "cookies": cookies, "limits": AcquisitionLimits(**message["limits"])})


class _Input:
    """What the parent sends, read by a thread, which sees to it that nothing goes on without the parent."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._folder = ""
        self._messages: SimpleQueue[Message | None] = SimpleQueue()
        self._open_requests = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> Message | None:
        """Wait for a message; None at the end."""
        return self._messages.get()

    def request_is_done(self) -> None:
        """Note that the last request was answered."""
        with self._lock:
            self._open_requests -= 1

    def _listen(self) -> None:
        while (message := self._received()) is not None:
            if message.get("kind") == "video":
                self._folder = str(message["folder"])
                with self._lock:
                    self._open_requests += 1
            self._messages.put(message)
        with self._lock:
            is_busy = self._open_requests > 0
            if is_busy:
                kill_running()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
            if is_busy:
                os._exit(1)
        self._messages.put(None)

    def _received(self) -> Message | None:
        try:
            message = receive_message(self._stream)
        except (BrokenMessageError, OSError):
            return None
        return message[0] if message else None


def main() -> int:
    """Serve requests on standard input until it ends."""
    # Not sys.stdin, which Python closes at its end, and fails to while a thread waits for it.
    arrived = _Input(os.fdopen(0, "rb", closefd=False))
    settings = arrived.next()
    if settings is None:
        return 0
    worker = VideoWorker(settings, lambda message: send_message(sys.stdout.buffer, message), arrived.next)
    while (request := arrived.next()) is not None:
        # So that nothing is left of what is begun when this process is ended.
        tempfile.tempdir = request["folder"]
        worker.serve(request)
        arrived.request_is_done()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
