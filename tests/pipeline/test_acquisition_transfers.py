"""Transfers that break, change or lie: byte for byte what the server has, or an error."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.script_server import Answer, Asked, ScriptServer, scripted
from verify.acquire.limits import AcquisitionLimits
from verify.acquire.options import AcquisitionOptions
from verify.acquire.source import acquire
from verify.errors import AcquisitionFailedError, AcquisitionRefusedError, VerifyError
from verify.model import Acquisition, SilentProgress

OLD = bytes(range(256)) * 1500
NEW = OLD[::-1]
VIDEO = "video/mp4"
STRONG = {"ETag": '"one"', "Accept_Ranges": "bytes"}
MODIFIED = {
    "Last_Modified": "Sun, 01 Mar 2026 10:00:00 GMT",
    "Date": "Mon, 02 Mar 2026 10:00:00 GMT",
    "Accept_Ranges": "bytes",
}


@pytest.fixture
def server() -> Iterator[ScriptServer]:
    with scripted() as running:
        yield running


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


def fetch(url: str, staging: Path, retries: int = 1, **more: Any) -> Acquisition:
    bounds = {"max_bytes": 20_000_000, "max_seconds": 60, "socket_timeout_s": 5, "max_page_bytes": 1_000_000}
    limits = AcquisitionLimits(**{**bounds, "retries": retries, **more})
    options = AcquisitionOptions(allow_private=True, limits=limits)
    return acquire(url, staging, options=options, progress=SilentProgress())


def failure(url: str, staging: Path, **more: Any) -> VerifyError:
    with pytest.raises(VerifyError) as caught:
        fetch(url, staging, **more)
    assert list(staging.iterdir()) == []
    return caught.value


def exchanges(staging: Path) -> list[dict[str, Any]]:
    found = json.loads((staging / "http.json").read_text())["exchanges"]
    assert isinstance(found, list)
    return found


def breaking(
    *contents: bytes, ranges: bool = True, if_range: bool = True, each: list[dict[str, Any]] | None = None
) -> Answer:
    """Serve a file whose transfer breaks off once; the first request is yt-dlp's look at it.

    `contents` are what the file is for the look, the broken transfer and all later requests; the last one stays.
    `each` are the headers that go with them.
    """
    headers = each or [STRONG]
    count = 0

    def answer(asked: Asked) -> None:
        nonlocal count
        number, count = count, count + 1
        content = contents[min(number, len(contents) - 1)]
        about = headers[min(number, len(headers) - 1)]
        wanted = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        condition = asked.headers.get("if-range")
        valid = not if_range or condition in (None, about.get("ETag"), about.get("Last_Modified"))
        if wanted and ranges and valid:
            first = int(wanted[1])
            span = f"bytes {first}-{len(content) - 1}/{len(content)}"
            asked.whole(content[first:], 206, Content_Type=VIDEO, Content_Range=span, **about)
            return
        asked.head(200, Content_Type=VIDEO, Content_Length=len(content), **about)
        if number == 1:
            asked.body(content[: len(content) // 2])
            asked.hang_up()
            return
        asked.body(content)

    return answer


@pytest.mark.parametrize(
    ("headers", "validator"), [(STRONG, '"one"'), (MODIFIED, MODIFIED["Last_Modified"])], ids=["etag", "date"]
)
def test_broken_transfer_is_continued(
    server: ScriptServer, staging: Path, headers: dict[str, str], validator: str
) -> None:
    server.answers["/clip.mp4"] = breaking(OLD, each=[headers])
    taken = fetch(server.url("/clip.mp4"), staging)
    assert taken.media.path.read_bytes() == OLD
    _, broken, rest = server.paths("/clip.mp4")
    assert (broken.headers["accept-encoding"], "range" in broken.headers) == ("identity", False)
    found = re.fullmatch(r"bytes=(\d+)-", rest.headers["range"])
    assert found is not None
    assert 0 < int(found[1]) <= len(OLD) // 2
    assert rest.headers["if-range"] == validator
    told = exchanges(staging)
    assert [one["status"] for one in told] == [200, 200, 206]
    assert sum(one["body_bytes"] for one in told[1:]) == len(OLD)


WEAK = {"ETag": 'W/"one"'}
RECENT = {"Last_Modified": "Sun, 01 Mar 2026 10:00:00 GMT", "Date": "Sun, 01 Mar 2026 10:00:00 GMT"}
CHANGED = [STRONG, STRONG, {**STRONG, "ETag": '"two"'}]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (breaking(OLD, OLD, NEW, each=CHANGED), NEW),
        (breaking(OLD, OLD, NEW, each=CHANGED, if_range=False), NEW),
        (breaking(OLD, OLD, NEW + b"more", if_range=False), NEW + b"more"),
        (breaking(OLD, ranges=False), OLD),
        (breaking(OLD, OLD, NEW, each=[{}]), NEW),
        (breaking(OLD, OLD, NEW, each=[WEAK]), NEW),
        (breaking(OLD, OLD, NEW, each=[RECENT]), NEW),
        (breaking(OLD, OLD, NEW[:100_000], each=CHANGED), NEW[:100_000]),
        (breaking(OLD, OLD, NEW[:100_000], each=[{}]), NEW[:100_000]),
    ],
    ids=[
        "changed", "changed-if-range-ignored", "other-length", "no-ranges", "no-validator", "weak-etag", "recent-date",
        "shorter", "shorter-no-validator",
    ],
)  # fmt: skip
def test_bytes_of_two_versions_never_mix(server: ScriptServer, staging: Path, answer: Answer, expected: bytes) -> None:
    server.answers["/clip.mp4"] = answer
    assert fetch(server.url("/clip.mp4"), staging).media.path.read_bytes() == expected


def test_partial_answer_that_begins_elsewhere_is_not_taken(server: ScriptServer, staging: Path) -> None:
    inner = breaking(OLD)

    def answer(asked: Asked) -> None:
        if "range" in asked.headers:
            asked.whole(OLD[7:], 206, Content_Type=VIDEO, Content_Range=f"bytes 7-{len(OLD) - 1}/{len(OLD)}", **STRONG)
        else:
            inner(asked)

    server.answers["/clip.mp4"] = answer
    assert fetch(server.url("/clip.mp4"), staging).media.path.read_bytes() == OLD


def test_refused_range_leads_to_the_whole_file(server: ScriptServer, staging: Path) -> None:
    # Fifty bytes less than was there: yt-dlp by itself would keep the old bytes as if they were the file.
    inner = breaking(OLD)

    def answer(asked: Asked) -> None:
        if "range" in asked.headers:
            asked.whole(b"", 416, Content_Range=f"bytes */{len(OLD)}")
        else:
            inner(asked)

    server.answers["/clip.mp4"] = answer
    assert fetch(server.url("/clip.mp4"), staging).media.path.read_bytes() == OLD


def test_transfer_that_always_breaks_is_no_short_file(server: ScriptServer, staging: Path) -> None:
    def answer(asked: Asked) -> None:
        asked.head(200, Content_Type=VIDEO, Content_Length=1000)
        asked.body(b"x" * 400)
        asked.hang_up()

    server.answers["/clip.mp4"] = answer
    error = failure(server.url("/clip.mp4"), staging, retries=0)
    assert (type(error), error.exit_code) == (AcquisitionFailedError, 10)
    assert "did not come whole" in str(error)


def test_no_more_is_taken_than_was_declared(server: ScriptServer, staging: Path) -> None:
    def answer(asked: Asked) -> None:
        asked.head(200, Content_Type=VIDEO, Content_Length=1000)
        asked.body(b"x" * 5000)
        asked.hang_up()

    server.answers["/clip.mp4"] = answer
    assert fetch(server.url("/clip.mp4"), staging).media.path.read_bytes() == b"x" * 1000


# --- retries ---------------------------------------------------------------------------------------------------------


def failing_first(times: int, then: Answer, **headers: object) -> Callable[[int], Answer]:
    def with_status(status: int) -> Answer:
        count = 0

        def answer(asked: Asked) -> None:
            nonlocal count
            count += 1
            if count > times:
                then(asked)
            elif status:
                asked.whole(b"later", status, **headers)
            else:
                asked.hang_up()

        return answer

    return with_status


def video(asked: Asked) -> None:
    asked.whole(OLD, Content_Type=VIDEO, **STRONG)


@pytest.mark.parametrize("status", [503, 0])
def test_page_and_file_are_asked_for_again(server: ScriptServer, staging: Path, status: int) -> None:
    page = b"<html><title>t</title><video src='clip.mp4'></video></html>"
    server.answers["/page"] = failing_first(1, lambda asked: asked.whole(page, Content_Type="text/html"))(status)
    server.answers["/clip.mp4"] = failing_first(1, video)(status)
    taken = fetch(server.url("/page"), staging)
    assert taken.media.path.read_bytes() == OLD
    assert "[retry]" in (staging / "download.log").read_text()


def test_retry_after_is_respected(server: ScriptServer, staging: Path) -> None:
    server.answers["/clip.mp4"] = failing_first(1, video, Retry_After=3)(429)
    began = time.monotonic()
    fetch(server.url("/clip.mp4"), staging)
    assert time.monotonic() - began >= 3


def test_server_that_asks_for_a_long_pause_is_left_alone(server: ScriptServer, staging: Path) -> None:
    server.answers["/clip.mp4"] = failing_first(9, video, Retry_After=3600)(429)
    began = time.monotonic()
    error = failure(server.url("/clip.mp4"), staging, retries=3)
    assert time.monotonic() - began < 10
    assert (type(error), len(server.asked)) == (AcquisitionRefusedError, 1)
    assert "Wait some time" in error.remedy


def test_attempts_are_bounded_and_do_not_multiply(server: ScriptServer, staging: Path) -> None:
    looked = False

    def answer(asked: Asked) -> None:
        nonlocal looked
        if not looked:
            looked = True
            video(asked)
        else:
            asked.whole(b"no", 503)

    server.answers["/clip.mp4"] = answer
    error = failure(server.url("/clip.mp4"), staging, retries=1)
    assert type(error) is AcquisitionFailedError
    assert len(server.asked) == 3  # the look, the download, and once again


@pytest.mark.parametrize("status", [404, 410, 403])
def test_answers_that_will_not_change_are_taken_at_their_word(server: ScriptServer, staging: Path, status: int) -> None:
    server.answers["/page"] = lambda asked: asked.whole(b"no", status)
    failure(server.url("/page"), staging, retries=3)
    assert len(server.asked) == 1


# --- redirections, encodings, speed ----------------------------------------------------------------------------------


def test_redirections_are_bounded(server: ScriptServer, staging: Path) -> None:
    server.answers["/loop"] = lambda asked: asked.whole(b"", 302, Location="/loop")
    error = failure(server.url("/loop"), staging, max_redirects=4)
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "more than 4 redirections" in str(error)
    assert len(server.asked) == 5


def test_endless_body_of_a_redirection_is_not_read(server: ScriptServer, staging: Path) -> None:
    def endless(asked: Asked) -> None:
        asked.head(302, Location="/clip.mp4", Connection="close")
        while True:
            asked.body(b"x" * 100_000)

    server.answers["/go"] = endless
    server.answers["/clip.mp4"] = video
    began = time.monotonic()
    assert fetch(server.url("/go"), staging).media.path.read_bytes() == OLD
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("location", ["file:///etc/passwd", "data:,x"])
def test_redirection_to_another_scheme(server: ScriptServer, staging: Path, location: str) -> None:
    server.answers["/go"] = lambda asked: asked.whole(b"", 302, Location=location)
    error = failure(server.url("/go"), staging)
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "neither http nor https" in str(error)


@pytest.mark.parametrize("location", ["http://[::1", "http://127.0.0.1:99999/"])
def test_redirection_to_nowhere(server: ScriptServer, staging: Path, location: str) -> None:
    server.answers["/go"] = lambda asked: asked.whole(b"", 302, Location=location)
    error = failure(server.url("/go"), staging, retries=0)
    assert (type(error), error.exit_code) == (AcquisitionFailedError, 10)


def test_gzip_bomb_counts_as_what_it_becomes(server: ScriptServer, staging: Path) -> None:
    bomb = gzip.compress(b"<html>" + bytes(50_000_000))
    assert len(bomb) < 100_000
    server.answers["/page"] = lambda asked: asked.whole(bomb, Content_Type="text/html", Content_Encoding="gzip")
    error = failure(server.url("/page"), staging)
    assert (type(error), error.exit_code) == (AcquisitionRefusedError, 11)
    assert "a page of more than 1000000 bytes" in str(error)


def test_file_compressed_unasked_is_kept_unpacked_and_told(server: ScriptServer, staging: Path) -> None:
    packed = gzip.compress(OLD)
    server.answers["/clip.mp4"] = lambda asked: asked.whole(packed, Content_Type=VIDEO, Content_Encoding="gzip")
    taken = fetch(server.url("/clip.mp4"), staging)
    assert taken.media.path.read_bytes() == OLD
    assert any("after decompression" in warning for warning in taken.warnings)


def test_speed_is_bounded(server: ScriptServer, staging: Path) -> None:
    server.answers["/clip.mp4"] = video
    options = AcquisitionOptions(allow_private=True, rate_bytes_per_s=len(OLD) // 2)
    began = time.monotonic()
    acquire(server.url("/clip.mp4"), staging, options=options, progress=SilentProgress())
    assert time.monotonic() - began >= 1.8
