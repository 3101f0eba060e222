"""The child process that meets the network: `python -m verify.acquire.worker`, driven by `verify.acquire.remote`.

It reads one request from standard input and answers with messages of `kind` progress, result or error.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import IO, Any

from verify.acquire.failures import MAX_DETAIL_CHARACTERS
from verify.acquire.guard import ConnectionGuard
from verify.acquire.limits import AcquisitionLimits
from verify.model import FileRole
from verify.processes import receive_message, send_message

LOG_NAME = "download.log"
INFORMATION_NAME = "info.json"
DESCRIPTION_NAME = "description.txt"
_MEMORY_BYTES = 4 * 1024**3
_FILE_SIZE_SLACK_BYTES = 64 * 1024**2


def main() -> None:
    """Carry out the request on standard input."""
    answers = _take_over_standard_output()
    received = receive_message(sys.stdin.buffer)
    if received is None:
        return
    request = received[0]
    guard = _confine(request)
    # Only now: nothing of yt-dlp may run outside the guard.
    from verify.acquire.classify import describe_failure  # noqa: PLC0415

    try:
        result = _fetch(request, guard, answers)
    except Exception as error:  # noqa: BLE001 - whatever yt-dlp raises is an outcome to report, not a bug of ours
        kind, detail = describe_failure(error)
        send_message(answers, {"kind": "error", "failure": kind.value, "detail": detail[: 4 * MAX_DETAIL_CHARACTERS]})
    else:
        send_message(answers, {"kind": "result", **result})


def _take_over_standard_output() -> IO[bytes]:
    """Keep standard output for messages; whatever else prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _confine(request: dict[str, Any]) -> ConnectionGuard:
    """Restrict this process before it meets the network."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    # Its connections are made by a C library, where the guard cannot see them.
    sys.modules["curl_cffi"] = None  # type: ignore[assignment]
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import resource  # noqa: PLC0415 - not on Windows

        _lower_limit(resource.RLIMIT_FSIZE, int(request["limits"]["max_bytes"]) + _FILE_SIZE_SLACK_BYTES)
        _lower_limit(resource.RLIMIT_DATA, _MEMORY_BYTES)
    guard = ConnectionGuard(
        allow_private=bool(request["allow_private"]),
        programs=[*_ffmpeg_programs(request["ffmpeg"]), *request["javascript"].values()],
    )
    guard.install()
    return guard


def _ffmpeg_programs(ffmpeg: str) -> list[str]:
    path = Path(ffmpeg)
    return [ffmpeg, str(path.with_name(path.name.replace("ffmpeg", "ffprobe"))), str(path.with_name("ffprobe"))]


def _lower_limit(which: int, wanted: int) -> None:
    import resource  # noqa: PLC0415 - not on Windows

    hard = resource.getrlimit(which)[1]
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(which, (wanted, hard))


def _fetch(request: dict[str, Any], guard: ConnectionGuard, answers: IO[bytes]) -> dict[str, Any]:
    from verify.acquire.downloader import BoundedDownloader, LogFile, downloader_options  # noqa: PLC0415
    from verify.acquire.fetching import TransferProgress, fetch_media, fetch_side_files, look_up  # noqa: PLC0415

    folder = Path(request["folder"])
    limits = AcquisitionLimits(**request["limits"])
    log = LogFile(folder / LOG_NAME, folder)

    def send_progress(done_bytes: int, total_bytes: int | None) -> None:
        send_message(answers, {"kind": "progress", "done_bytes": done_bytes, "total_bytes": total_bytes})

    progress = TransferProgress(send_progress)
    options = downloader_options(
        folder, limits, log, ffmpeg=request["ffmpeg"], javascript=request["javascript"], progress_hook=progress
    )
    with BoundedDownloader(options, guard, limits) as downloader:
        information = look_up(downloader, request["url"])
        files = fetch_media(downloader, information, folder, progress)
        side_files, warnings = fetch_side_files(downloader, information, folder)
        last_modified = downloader.last_modified
    _undo_guesses(information, last_modified)
    files += [*side_files, *_write_texts(information, folder), (LOG_NAME, FileRole.LOG)]
    return _result(information, files, [*warnings, *log.warnings])


def _undo_guesses(information: dict[str, Any], last_modified: set[int]) -> None:
    """Take back what yt-dlp makes up where a page says nothing: it would be quoted as the publisher's word."""
    if information.get("timestamp") in last_modified:  # a file's date on the server is no date of publication
        information.update(timestamp=None, upload_date=None)
    title = information.get("title")
    if information.get("extractor_key") == "HTML5MediaEmbed" and isinstance(title, str):
        information["title"] = title.removesuffix(" (1)")


def _write_texts(information: dict[str, Any], folder: Path) -> list[tuple[str, FileRole]]:
    from verify.acquire.record import MAX_RAW_CHARACTERS, information_json  # noqa: PLC0415

    (folder / INFORMATION_NAME).write_text(information_json(information), encoding="ascii")
    files = [(INFORMATION_NAME, FileRole.METADATA)]
    description = information.get("description")
    if isinstance(description, str) and description:
        text = description[:MAX_RAW_CHARACTERS]
        (folder / DESCRIPTION_NAME).write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        files.append((DESCRIPTION_NAME, FileRole.METADATA))
    return files


def _result(information: dict[str, Any], files: list[tuple[str, FileRole]], warnings: list[str]) -> dict[str, Any]:
    from verify.acquire.record import quoted_fields  # noqa: PLC0415

    return {
        "fields": quoted_fields(information),
        "files": [{"name": name, "role": role.value} for name, role in files],
        "warnings": [warning[:1000] for warning in warnings[:50]],
    }


if __name__ == "__main__":
    main()
