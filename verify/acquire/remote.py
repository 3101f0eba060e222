"""Fetch one video over http(s) by a worker that holds yt-dlp."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from verify.acquire.failures import FailureKind, failure_error
from verify.acquire.texts import clean_text, web_url, without_secrets
from verify.acquire.versions import tool_versions
from verify.dates import utc_now
from verify.model import AcquiredFile, Acquisition, FileRole
from verify.processes import BrokenMessageError, Worker, receive_message, send_message
from verify.tools import find_ffmpeg, find_javascript_runtime

if TYPE_CHECKING:
    from verify.acquire.limits import AcquisitionLimits
    from verify.model import Progress

_WORKER_MODULE = "verify.acquire.worker"
_MAX_FILES = 100
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_MEDIA_ROLES = frozenset({FileRole.MASTER, FileRole.WORKING_COPY})


def acquire_url(
    url: str, staging: Path, *, allow_private: bool, limits: AcquisitionLimits, progress: Progress
) -> Acquisition:
    """Fetch the one video that `url` leads to into `staging`.

    Raises
    ------
    AcquisitionFailedError, AcquisitionRefusedError, UnreadableMediaError, OutputNotWritableError
        As `verify.acquire.failures` tells them apart; nothing is left in `staging`.
    """
    started_utc = utc_now()
    try:
        folder = Path(tempfile.mkdtemp(prefix=".fetching-", dir=staging))
    except OSError as error:
        raise failure_error(FailureKind.DISK, url, error.strerror or str(error)) from error
    try:
        result = _run_worker(url, folder, allow_private, limits, progress)
        files = _take_files(url, result.get("files"), folder, staging)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    fields = result.get("fields")
    return Acquisition(
        source=without_secrets(url),
        is_local_file=False,
        **_texts(fields if isinstance(fields, dict) else {}),
        started_utc=started_utc,
        finished_utc=utc_now(),
        tool_versions=tool_versions("yt-dlp") | _merging_tool(files),
        files=tuple(files),
        warnings=tuple(_warning_texts(result.get("warnings"))),
    )


def _run_worker(
    url: str, folder: Path, allow_private: bool, limits: AcquisitionLimits, progress: Progress
) -> dict[str, Any]:
    javascript = find_javascript_runtime()
    request = {
        "url": url,
        "folder": str(folder.resolve()),
        "allow_private": allow_private,
        "limits": asdict(limits),
        "ffmpeg": find_ffmpeg().path,
        "javascript": {javascript.name: javascript.path} if javascript else {},
    }
    out_of_time = threading.Event()
    with Worker(_WORKER_MODULE, {"YTDLP_NO_PLUGINS": "1"}) as worker:

        def end_worker() -> None:
            out_of_time.set()
            worker.kill()

        timer = threading.Timer(limits.max_seconds, end_worker)
        timer.daemon = True
        timer.start()
        try:
            send_message(worker.input, request)
            result = _await_result(worker.output, progress)
        except (BrokenMessageError, OSError) as error:
            result = {"kind": "error", "failure": FailureKind.EXTRACTOR, "detail": f"its process broke off: {error}"}
        finally:
            timer.cancel()
        if result is None and not out_of_time.is_set():
            said = worker.stderr_tail().rpartition("\n")[2]
            result = {"kind": "error", "failure": FailureKind.EXTRACTOR, "detail": f"its process ended: {said}"}
        if out_of_time.is_set():
            raise failure_error(FailureKind.TOO_SLOW, url, f"more than {limits.max_seconds:g} s")
        worker.exit_code()
    if result is None or result.get("kind") != "result":
        answer = result or {}
        raise failure_error(str(answer.get("failure")), url, str(answer.get("detail")))
    return result


def _await_result(messages: IO[bytes], progress: Progress) -> dict[str, Any] | None:
    """Follow the worker's messages to its result or error; None if it ended without one."""
    started = False
    shown_bytes = 0
    try:
        while (message := receive_message(messages)) is not None:
            answer = message[0]
            if answer.get("kind") != "progress":
                return answer
            done, total = answer.get("done_bytes"), answer.get("total_bytes")
            if not started:
                progress.start("download", total if isinstance(total, int) else None, "B")
                started = True
            if isinstance(done, int) and done > shown_bytes:
                progress.advance(done - shown_bytes)
                shown_bytes = done
        return None
    finally:
        if started:
            progress.finish()


def _take_files(url: str, listed: object, folder: Path, staging: Path) -> list[AcquiredFile]:
    """Move the files that the worker names out of its folder, under plain names.

    The worker has met hostile pages, so its word is checked: a name is no path, a file is no link.
    """
    problem = failure_error(FailureKind.EXTRACTOR, url, "the worker's list of files is malformed")
    if not isinstance(listed, list) or len(listed) > _MAX_FILES:
        raise problem
    checked: list[tuple[Path, FileRole]] = []
    for entry in listed:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not _PLAIN_NAME.fullmatch(name) or entry.get("role") not in list(FileRole):
            raise problem
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise problem
        checked.append((path, FileRole(entry["role"])))
    if sum(role in _MEDIA_ROLES for _, role in checked) != 1:
        raise problem
    files = []
    stream_count = 0
    for path, role in checked:
        name = path.name
        if role is FileRole.STREAM:  # yt-dlp's names hold the site's own names of formats
            stream_count += 1
            name = f"stream-{stream_count}{path.suffix}"
        files.append(AcquiredFile(path=path.replace(staging / name), role=role))
    return files


def _texts(fields: dict[str, Any]) -> dict[str, str | None]:
    """Pick the quoted fields from the worker's answer; bounds and cleaning are repeated on this side."""
    urls = {name: web_url(fields.get(name)) for name in ("final_url", "publisher_url")}
    description = clean_text(fields.get("description"), 20_000, multiline=True)
    short = ("extractor", "media_id", "title", "publisher", "published")
    return {**urls, "description": description, **{name: clean_text(fields.get(name), 500) for name in short}}


def _merging_tool(files: list[AcquiredFile]) -> dict[str, str]:
    """Name ffmpeg among the tools if it has put streams together."""
    merged = any(file.role is FileRole.WORKING_COPY for file in files)
    return {"ffmpeg": find_ffmpeg().version} if merged else {}


def _warning_texts(warnings: object) -> list[str]:
    texts = (clean_text(warning, 500) for warning in (warnings if isinstance(warnings, list) else []))
    return [text for text in texts if text]
