"""yt-dlp with bounds: every request goes through one place that checks, counts and records it."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yt_dlp
from yt_dlp.networking.common import Request, Response
from yt_dlp.networking.exceptions import HTTPError, RequestError
from yt_dlp.utils import YoutubeDLError, unified_timestamp

from verify.acquire.classify import FailedAcquisition, describe_failure
from verify.acquire.cookies import Secrets
from verify.acquire.exchanges import Exchange, ExchangeLog
from verify.acquire.failures import FailureKind
from verify.acquire.guard import ConnectionGuard
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.redirects import OneHopRH, redirection
from verify.acquire.resumption import Resumption, is_part, is_rest, starts_where_asked
from verify.acquire.retries import seconds_before_retry
from verify.acquire.texts import without_secrets_inside
from verify.acquire.wire import WireWatch

# True of most pages, and nothing that a reader of the report need know.
_COMMON_WARNINGS = ("Falling back on generic information extractor", "could be a direct video link")
_READ_BYTES = 64 * 1024
_MAX_LOG_CHARACTERS = 500_000
_MAX_LOG_LINE_CHARACTERS = 2_000


class LogFile:
    """yt-dlp's logger: a bounded text file without secrets or paths of this machine; warnings are kept as well."""

    def __init__(self, path: Path, folder: Path, secrets: Secrets | None = None) -> None:
        self.warnings: list[str] = []
        self._secrets = secrets or Secrets()
        self._path = path
        self._folder = str(folder)
        self._left = _MAX_LOG_CHARACTERS

    def debug(self, message: str) -> None:
        """Log a line of progress."""
        self._write("info", message)

    def info(self, message: str) -> None:
        """Log a line of information."""
        self._write("info", message)

    def warning(self, message: str) -> None:
        """Log a warning."""
        text = self._write("warning", message)
        if not any(common in text for common in _COMMON_WARNINGS):
            self.warnings.append(text)

    def error(self, message: str) -> None:
        """Log an error."""
        self._write("error", message)

    def _write(self, level: str, message: str) -> str:
        # Cut first: a title of megabytes may be in it. Blanked before: a secret may lie across the cut.
        text = self._secrets.blank(str(message))[: 4 * _MAX_LOG_LINE_CHARACTERS]
        text = without_secrets_inside(text).replace(self._folder, "").strip()[:_MAX_LOG_LINE_CHARACTERS]
        line = f"{level}: {text!r}\n" if not text.isprintable() else f"{level}: {text}\n"
        if self._left > 0:
            self._left -= len(line)
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(line)
        return text


class BoundedDownloader(yt_dlp.YoutubeDL):  # type: ignore[misc]  # yt-dlp has no types
    """A `YoutubeDL` whose every request is checked, bounded, recorded and, where that may help, tried again.

    Attributes
    ----------
    exchanges
        Record of all requests.
    reading_pages
        While true, an answer may be no longer than `limits.max_page_bytes`.
    retries
        How often a request that failed is made again.
    taken_bytes
        Bytes read from all answers so far.
    last_modified
        Times that servers gave for files, as Unix seconds. yt-dlp offers them as dates of publication, which they
        are not.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        guard: ConnectionGuard,
        limits: AcquisitionLimits,
        exchanges: ExchangeLog | None = None,
        wire: WireWatch | None = None,
    ) -> None:
        self.exchanges = exchanges or ExchangeLog(Secrets())
        self.reading_pages = True
        self.retries = limits.retries
        self.taken_bytes = 0
        self.last_modified: set[int] = set()
        self._guard = guard
        self._limits = limits
        self._wire = wire or WireWatch()
        self._resumption = Resumption()
        # URLs of files that are being downloaded whole; None while nothing is being downloaded.
        self._whole_files: frozenset[str] | None = None
        self._told_encoding = False
        super().__init__(dict(options), auto_init="no_verbose_header")

    def build_request_director(self, handlers: object, preferences: object = None) -> Any:  # noqa: ARG002
        """Speak http and https by one library only; no WebSockets, data: URLs or second attempt by another one."""
        return super().build_request_director([OneHopRH], preferences)

    @staticmethod
    def post_extract(info_dict: dict[str, Any]) -> None:
        """Put off what extractors leave for later, which is comments: they come after the video, or not at all."""

    def fetch_late(self, information: dict[str, Any]) -> None:
        """Let the extractor fetch what it left for later, into `information`."""
        super().post_extract(information)

    @contextlib.contextmanager
    def downloading(self, whole_files: Iterable[str]) -> Iterator[None]:
        """For the length of the block, answers are media: resumed safely, and given up for good once tried enough.

        yt-dlp's downloaders make requests again by themselves; what `urlopen` has tried often enough ends them.
        """
        self.reading_pages = False
        # As requests will name them.
        self._whole_files = frozenset(Request(url).url for url in whole_files)
        try:
            yield
        finally:
            self._whole_files = None

    def urlopen(self, request: str | Request) -> Response:
        """Open a URL within the policy.

        Raises
        ------
        FailedAcquisition
            The scheme, the address, the declared length or the number of redirections is not permitted; or, while
            downloading, the request failed for good.
        """
        asked = Request(request) if isinstance(request, str) else request
        for attempt in itertools.count(1):
            try:
                return self._open(asked.copy())
            except YoutubeDLError as error:
                pause_s = seconds_before_retry(error, asked, attempt, self.retries)
                if pause_s is None:
                    if self._whole_files is not None and not _is_for_downloader(error):
                        raise FailedAcquisition(*describe_failure(error)) from error
                    raise
                if isinstance(error, HTTPError):
                    error.close()
                said = describe_failure(error)[1]
                self.to_screen(f"[retry] {said}; attempt {attempt + 1} of {self.retries + 1} in {pause_s:g} s")
                time.sleep(pause_s)
        raise AssertionError("an endless loop has ended")

    def _open(self, request: Request) -> Response:
        """Make one attempt, and begin anew where a transfer cannot be continued."""
        if self._whole_files is None:
            return self._accept(*self._follow(request))
        may_restart = is_rest(request) or request.url in self._whole_files
        self._resumption.prepare(request)
        try:
            response, exchange = self._follow(request.copy())
        except HTTPError as error:
            # yt-dlp would take a file for complete whose length differs by less than 100 bytes.
            if error.status != 416 or not may_restart:
                raise
            error.close()
            return self._open_whole(request)
        same = self._resumption.is_same(request, response)
        wrong_start = response.status == 206 and not starts_where_asked(request, response)
        if response.status == 206 and (wrong_start or not same) and "Range" in request.headers:
            response.close()
            if not may_restart:
                raise FailedAcquisition(FailureKind.INCOMPLETE, "the file changed while parts of it were fetched")
            return self._open_whole(request)
        if response.status != 206 and is_part(request) and not may_restart:
            response.close()
            raise FailedAcquisition(FailureKind.STREAM_TYPE, "the server does not serve the byte ranges that it names")
        self._tell_encoding(response)
        return self._accept(response, exchange)

    def _open_whole(self, request: Request) -> Response:
        whole = request.copy()
        for name in ("Range", "If-Range"):
            whole.headers.pop(name, None)
        response, exchange = self._follow(whole.copy())
        self._resumption.is_same(whole, response)
        return self._accept(response, exchange)

    def _follow(self, request: Request) -> tuple[Response, Exchange]:
        """Make a request and those that its answers redirect to; the last answer must be a success."""
        exchange = self.exchanges.begin(request.method, request.url)
        try:
            for _ in range(self._limits.max_redirects + 1):
                response, failure = self._hop(request, exchange)
                following = self._redirection(request, response)
                if following is None and failure is None:
                    return response, exchange
                if following is None:
                    # Extractors look into error pages, which can be as endless as any other.
                    self._bound_reading(response, exchange)
                    raise failure or RequestError("a failure without a reason")
                response.close()
                request = following
        except (YoutubeDLError, FailedAcquisition) as error:
            exchange.failure = str(error) or type(error).__name__
            raise
        exchange.failure = f"more than {self._limits.max_redirects} redirections"
        raise FailedAcquisition(FailureKind.REDIRECTIONS, exchange.failure)

    def _hop(self, request: Request, exchange: Exchange) -> tuple[Response, HTTPError | None]:
        self._check_scheme(request.url)
        refused_before = len(self._guard.refused_addresses)
        self._wire.take()
        failure = None
        try:
            response = super().urlopen(request)
        except HTTPError as error:
            failure, response = error, error.response
        except YoutubeDLError:
            refused = self._guard.refused_addresses[refused_before:]
            if refused:
                raise FailedAcquisition(FailureKind.PRIVATE_ADDRESS, refused[0]) from None
            raise
        headers = tuple((str(name), str(value)) for name, value in response.headers.items())
        self.exchanges.add_hop(exchange, request.url, response.status, headers, self._wire.take())
        return response, failure

    def _redirection(self, request: Request, response: Response) -> Request | None:
        try:
            return redirection(request, response)
        except ValueError as error:
            response.close()
            raise FailedAcquisition(FailureKind.UNREACHABLE, "redirected to a malformed address") from error

    def _accept(self, response: Response, exchange: Exchange) -> Response:
        """Bound an answer before anything of its body is read."""
        declared = response.headers.get("Content-Length") or ""
        if declared.isascii() and declared.isdigit() and int(declared) > self._limits.max_bytes:
            response.close()
            raise self._too_large(f"the server announces {int(declared)} bytes")
        with contextlib.suppress(TypeError):
            self.last_modified.add(int(unified_timestamp(response.headers.get("Last-Modified"))))
        self._bound_reading(response, exchange)
        return response

    def _tell_encoding(self, response: Response) -> None:
        encoding = (response.headers.get("Content-Encoding") or "identity").lower()
        if encoding != "identity" and not self._told_encoding:
            self._told_encoding = True
            self.report_warning(
                f"the server compressed the file for the transfer ({encoding[:30]}) although it was asked not to; "
                "what is kept is the file after decompression"
            )

    def _check_scheme(self, url: str) -> None:
        scheme = urlsplit(url).scheme.lower()
        if scheme not in ("http", "https"):
            raise FailedAcquisition(FailureKind.SCHEME, f"{scheme[:30]}:")

    def _too_large(self, what: str) -> FailedAcquisition:
        limits = self._limits
        return FailedAcquisition(FailureKind.TOO_LARGE, f"{what}; at most {limits.max_bytes} bytes are taken")

    def _bound_reading(self, response: Response, exchange: Exchange) -> None:
        """Count what is read from a response, and let nothing be read in one unbounded piece."""
        read: Callable[[int], bytes] = response.read
        taken_here = 0

        def bounded_read(amount: int | None = None) -> bytes:
            nonlocal taken_here
            pieces: list[bytes] = []
            wanted = amount if amount is not None and amount >= 0 else None
            while wanted is None or wanted > 0:
                piece = read(_READ_BYTES if wanted is None else wanted)
                pieces.append(piece)
                exchange.count(piece)
                taken_here += len(piece)
                self.taken_bytes += len(piece)
                if self.taken_bytes > self._limits.max_bytes:
                    raise self._too_large("more came")
                if self.reading_pages and taken_here > self._limits.max_page_bytes:
                    raise FailedAcquisition(
                        FailureKind.TOO_LARGE, f"a page of more than {self._limits.max_page_bytes} bytes"
                    )
                if wanted is not None or not piece:
                    break
            return b"".join(pieces)

        response.read = bounded_read


def _is_for_downloader(error: YoutubeDLError) -> bool:
    """Tell whether yt-dlp's downloaders know what to do with an error: the server refuses a range."""
    return isinstance(error, HTTPError) and error.status == 416
