"""The child process that meets the network: `python -m verify.acquire.worker`, driven by `verify.acquire.remote`.

It reads one request from standard input and answers with messages of `kind` progress, result or error.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from verify.acquire.cookies import Secrets
from verify.acquire.failures import MAX_DETAIL_CHARACTERS, FailureKind
from verify.acquire.guard import ConnectionGuard
from verify.acquire.limits import AcquisitionLimits
from verify.model import FileRole
from verify.processes import receive_message, send_message

if TYPE_CHECKING:
    from verify.acquire.downloader import BoundedDownloader
    from verify.acquire.exchanges import ExchangeLog
    from verify.acquire.fetching import TransferProgress

LOG_NAME = "download.log"
INFORMATION_NAME = "info.json"
DESCRIPTION_NAME = "description.txt"
HTTP_NAME = "http.json"
CERTIFICATE_NAME = "tls-certificate.pem"
FULL_HTTP_NAME = "http-full.json"
FULL_INFORMATION_NAME = "info-full.json"
_MEMORY_BYTES = 2 * 1024**3
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
        detail = Secrets(request["cookies"], request["url"]).blank(detail)
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
    from verify.acquire.downloader import BoundedDownloader, LogFile  # noqa: PLC0415
    from verify.acquire.exchanges import ExchangeLog  # noqa: PLC0415
    from verify.acquire.fetching import TransferProgress  # noqa: PLC0415
    from verify.acquire.listing import list_entries  # noqa: PLC0415
    from verify.acquire.settings import downloader_options  # noqa: PLC0415
    from verify.acquire.wire import WireWatch  # noqa: PLC0415

    folder = Path(request["folder"])
    limits = AcquisitionLimits(**request["limits"])
    secrets = Secrets(request["cookies"], request["url"])
    log = LogFile(folder / LOG_NAME, folder, secrets)
    wire = WireWatch()
    wire.install()
    exchanges = ExchangeLog(secrets, cookies_given=bool(request["cookies"]))

    def send_progress(done_bytes: int, total_bytes: int | None) -> None:
        send_message(answers, {"kind": "progress", "done_bytes": done_bytes, "total_bytes": total_bytes})

    progress = TransferProgress(send_progress)
    options = downloader_options(
        folder,
        limits,
        log,
        ffmpeg=request["ffmpeg"],
        javascript=request["javascript"],
        progress_hook=progress,
        cookies=request["cookies"],
        comments=request["comments"],
        rate_bytes_per_s=request["rate_bytes_per_s"],
    )
    with BoundedDownloader(options, guard, limits, exchanges, wire) as downloader:
        if request["list_items"]:
            return {"entries": list_entries(downloader, request["url"], int(request["list_items"]))}
        with _explaining_javascript(request, log.warnings):
            information, files, warnings = _fetch_parts(request, downloader, folder, progress)
        last_modified = downloader.last_modified
    _undo_guesses(information, last_modified)
    files += [*_write_texts(information, folder, secrets), (LOG_NAME, FileRole.LOG)]
    written, more_warnings = _write_records(information, exchanges, folder, secrets)
    return _result(information, [*files, *written], [*warnings, *more_warnings, *log.warnings], exchanges)


def _fetch_parts(
    request: dict[str, Any], downloader: BoundedDownloader, folder: Path, progress: TransferProgress
) -> tuple[dict[str, Any], list[tuple[str, FileRole]], list[str]]:
    """Fetch the video and what belongs to it; returns yt-dlp's information, the files and warnings."""
    from verify.acquire.fetching import fetch_comments, fetch_media, fetch_side_files, look_up  # noqa: PLC0415

    seconds = request["live_seconds"]
    information = look_up(downloader, request["url"], live=seconds is not None)
    if information.get("live_status") == "is_live":
        from verify.acquire.live import record_live  # noqa: PLC0415

        downloader.reading_pages = False
        downloader.retries = 0  # a stream moves on: what is late is lost, and it has attempts of its own
        files = record_live(downloader, information, folder, seconds, progress)
    else:
        files = fetch_media(downloader, information, folder, progress)
    side_files, warnings = fetch_side_files(downloader, information, folder)
    files += side_files
    if request["comments"]:
        comments, more_warnings = fetch_comments(downloader, information, folder)
        files += comments
        warnings += more_warnings
    return information, files, warnings


@contextlib.contextmanager
def _explaining_javascript(request: dict[str, Any], warnings: list[str]) -> Iterator[None]:
    """Where a site's pages need a JavaScript runtime, say so: what they answer without one is misleading."""
    from verify.acquire.classify import FailedAcquisition, describe_failure  # noqa: PLC0415

    try:
        yield
    except Exception as error:
        kind, said = describe_failure(error)
        unclear = (FailureKind.EXTRACTOR, FailureKind.NO_VIDEO, FailureKind.FORBIDDEN, FailureKind.NOT_FOUND)
        asked_for = any("javascript runtime" in warning.lower() for warning in warnings)
        if request["javascript"] or kind not in unclear or not asked_for:
            raise
        raise FailedAcquisition(FailureKind.NO_JAVASCRIPT, said) from error


def _undo_guesses(information: dict[str, Any], last_modified: set[int]) -> None:
    """Take back what yt-dlp makes up where a page says nothing: it would be quoted as the publisher's word."""
    if information.get("timestamp") in last_modified:  # a file's date on the server is no date of publication
        information.update(timestamp=None, upload_date=None)
    title = information.get("title")
    if information.get("extractor_key") == "HTML5MediaEmbed" and isinstance(title, str):
        information["title"] = title.removesuffix(" (1)")


def _write_texts(information: dict[str, Any], folder: Path, secrets: Secrets) -> list[tuple[str, FileRole]]:
    from verify.acquire.record import MAX_RAW_CHARACTERS, information_json  # noqa: PLC0415

    (folder / INFORMATION_NAME).write_text(information_json(information, secrets), encoding="ascii")
    files = [(INFORMATION_NAME, FileRole.METADATA)]
    description = information.get("description")
    if isinstance(description, str) and description:
        text = secrets.blank(description[:MAX_RAW_CHARACTERS])
        (folder / DESCRIPTION_NAME).write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        files.append((DESCRIPTION_NAME, FileRole.METADATA))
    return files


def _write_records(
    information: dict[str, Any], exchanges: ExchangeLog, folder: Path, secrets: Secrets
) -> tuple[list[tuple[str, FileRole]], list[str]]:
    """Write how the bytes travelled, and the complete information, which stays private."""
    from verify.acquire.certificates import certificate_pem  # noqa: PLC0415
    from verify.acquire.exchanges import record_json  # noqa: PLC0415
    from verify.acquire.record import complete_information_json  # noqa: PLC0415

    texts = [
        (HTTP_NAME, FileRole.METADATA, record_json(exchanges.published())),
        (FULL_HTTP_NAME, FileRole.PRIVATE, record_json(exchanges.full())),
    ]
    if peer := exchanges.page_peer:
        texts.append((CERTIFICATE_NAME, FileRole.METADATA, certificate_pem(peer)))
    warnings = []
    try:
        texts.append((FULL_INFORMATION_NAME, FileRole.PRIVATE, complete_information_json(information, secrets)))
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        warnings.append(f"the complete information about the video could not be kept ({type(error).__name__})")
    for name, role, text in texts:
        mode = 0o600 if role is FileRole.PRIVATE else 0o644
        with os.fdopen(
            os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii"
        ) as file:
            file.write(text)
    return [(name, role) for name, role, _ in texts], warnings


def _result(
    information: dict[str, Any], files: list[tuple[str, FileRole]], warnings: list[str], exchanges: ExchangeLog
) -> dict[str, Any]:
    from verify.acquire.record import quoted_fields  # noqa: PLC0415

    clock = exchanges.clock()
    return {
        "fields": quoted_fields(information),
        "files": [{"name": name, "role": role.value} for name, role in files],
        "warnings": [warning[:1000] for warning in warnings[:50]],
        "clock": asdict(clock) if clock else None,
    }


if __name__ == "__main__":
    main()
