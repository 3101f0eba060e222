"""Fetch one video over http(s) by a worker that holds yt-dlp."""

from __future__ import annotations

import math
import re
import shutil
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from verify.acquire.cookies import Secrets, read_cookies
from verify.acquire.failures import FailureKind, failure_error
from verify.acquire.texts import clean_text, web_url, without_secrets
from verify.acquire.versions import tool_versions
from verify.dates import utc_now
from verify.model import AcquiredFile, Acquisition, ClockReading, FileRole, SilentProgress
from verify.processes import BrokenMessageError, Worker, receive_message, send_message
from verify.tools import find_ffmpeg, find_javascript_runtime

if TYPE_CHECKING:
    from verify.acquire.options import AcquisitionOptions
    from verify.model import Progress

_WORKER_MODULE = "verify.acquire.worker"
_MAX_FILES = 100
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_MEDIA_ROLES = frozenset({FileRole.MASTER, FileRole.WORKING_COPY})


def acquire_url(url: str, staging: Path, *, options: AcquisitionOptions, progress: Progress) -> Acquisition:
    """Fetch the one video that `url` leads to into `staging`.

    Raises
    ------
    AcquisitionFailedError, AcquisitionRefusedError, UnreadableMediaError, OutputNotWritableError
        As `verify.acquire.failures` tells them apart; nothing is left in `staging`.
    """
    cookies = read_cookies(options.cookies) if options.cookies else ""
    started_utc = utc_now()
    try:
        folder = Path(tempfile.mkdtemp(prefix=".fetching-", dir=staging))
    except OSError as error:
        raise failure_error(FailureKind.DISK, url, error.strerror or str(error)) from error
    try:
        result = _run_worker(url, folder, options, progress, cookies=cookies)
        files = _take_files(url, result.get("files"), folder, staging)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    secrets = Secrets(cookies, url)
    return Acquisition(
        source=secrets.blank(without_secrets(url)),
        is_local_file=False,
        **_texts(result.get("fields"), secrets),
        started_utc=started_utc,
        finished_utc=utc_now(),
        tool_versions=tool_versions("yt-dlp") | _merging_tool(files),
        files=tuple(files),
        warnings=tuple(_warning_texts(result.get("warnings"), secrets)),
        clock=_clock(result.get("clock")),
    )


def list_url(url: str, *, options: AcquisitionOptions, max_items: int) -> list[object]:
    """List what `url` leads to; see `verify.acquire.playlist`, which checks the entries."""
    cookies = read_cookies(options.cookies) if options.cookies else ""
    with tempfile.TemporaryDirectory(prefix="verify-listing-") as folder:
        result = _run_worker(url, Path(folder), options, SilentProgress(), cookies=cookies, list_items=max_items)
    entries = result.get("entries")
    return entries if isinstance(entries, list) else []


def _run_worker(
    url: str,
    folder: Path,
    options: AcquisitionOptions,
    progress: Progress,
    *,
    cookies: str = "",
    list_items: int | None = None,
) -> dict[str, Any]:
    """Let the worker fetch what `url` leads to or, given `list_items`, only list the first so many videos."""
    javascript = find_javascript_runtime()
    request = {
        "url": url,
        "list_items": list_items,
        "folder": str(folder.resolve()),
        "allow_private": options.allow_private,
        "limits": asdict(options.limits),
        "cookies": cookies,
        "comments": options.comments,
        "live_seconds": options.live_seconds,
        "rate_bytes_per_s": options.rate_bytes_per_s,
        "ffmpeg": find_ffmpeg().path,
        "javascript": {javascript.name: javascript.path} if javascript else {},
    }
    max_seconds = options.limits.max_seconds + (options.live_seconds or 0.0)
    out_of_time = threading.Event()
    with Worker(_WORKER_MODULE, {"YTDLP_NO_PLUGINS": "1"}) as worker:

        def end_worker() -> None:
            out_of_time.set()
            worker.kill()

        timer = threading.Timer(max_seconds, end_worker)
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
            raise failure_error(FailureKind.TOO_SLOW, url, f"more than {max_seconds:g} s")
        worker.exit_code()
    if result is None or result.get("kind") != "result":
        answer = result or {}
        detail = Secrets(cookies, url).blank(str(answer.get("detail")))
        raise failure_error(str(answer.get("failure")), Secrets(cookies).blank(url), detail)
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


def _texts(answer: object, secrets: Secrets) -> dict[str, Any]:
    """Pick the quoted fields from the worker's answer; bounds and cleaning are repeated on this side."""
    found = answer if isinstance(answer, dict) else {}
    fields = {name: secrets.blank(value) if isinstance(value, str) else None for name, value in found.items()}
    urls = {name: web_url(fields.get(name)) for name in ("final_url", "publisher_url")}
    description = clean_text(fields.get("description"), 20_000, multiline=True)
    short = ("extractor", "media_id", "title", "publisher", "published")
    return {**urls, "description": description, **{name: clean_text(fields.get(name), 500) for name in short}}


def _merging_tool(files: list[AcquiredFile]) -> dict[str, str]:
    """Name ffmpeg among the tools if it has put streams together."""
    merged = any(file.role is FileRole.WORKING_COPY for file in files)
    return {"ffmpeg": find_ffmpeg().version} if merged else {}


def _clock(answer: object) -> ClockReading | None:
    if not isinstance(answer, dict):
        return None
    offset_s, uncertainty_s = answer.get("offset_s"), answer.get("uncertainty_s")
    basis = clean_text(answer.get("basis"), 300)
    if not (isinstance(offset_s, float) and isinstance(uncertainty_s, float) and basis):
        return None
    if not (math.isfinite(offset_s) and 0 <= uncertainty_s < math.inf):
        return None
    return ClockReading(offset_s=offset_s, uncertainty_s=uncertainty_s, basis=basis)


def _warning_texts(warnings: object, secrets: Secrets) -> list[str]:
    given = [one for one in warnings if isinstance(one, str)] if isinstance(warnings, list) else []
    texts = (clean_text(secrets.blank(warning), 500) for warning in given)
    return [text for text in texts if text]
