"""Every kind of unusable SOURCE: its message, its exit code, and that no part of a report is left."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.helpers.command import CASE_PARTS, REPORT_PARTS, check_case, check_failure, names_in, verify
from tests.http_server import TestServer, serving
from verify.tools import find_ffmpeg

HLS = "application/vnd.apple.mpegurl"
TWO_VIDEOS = "<html><title>t</title><video src='a.mp4'></video><video src='b.mp4'></video></html>"
LIVE = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n"


@pytest.fixture(scope="module")
def server(footage: dict[str, Path]) -> Iterator[TestServer]:
    with serving() as running:
        for name in ("audio-only", "zero-bytes", "text", "without-index", "truncated"):
            running.add(f"/{name}.mp4", footage[name].read_bytes(), "video/mp4")
        running.add("/image.mp4", footage["image"].read_bytes(), "video/mp4")
        running.add("/image.png", footage["image"].read_bytes(), "image/png")
        running.add("/sound.mp3", b"ID3" * 100, "audio/mpeg")
        running.add("/login.mp4", b"log in", status=401)
        running.add("/forbidden.mp4", b"no", status=403)
        running.add("/broken.mp4", b"oops", status=500)
        running.add("/words.html", "<html><title>Words</title><p>Only words.</p></html>")
        running.add("/two.html", TWO_VIDEOS)
        running.add("/live.m3u8", LIVE, HLS)
        yield running


# --- nothing was fetched ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("releases of today", "neither an http(s) URL nor an existing file"),
        ("missing.mp4", "neither an http(s) URL nor an existing file"),
        ("ftp://example.org/a.mp4", "ftp is neither http nor https"),
        ("http://", "is not a complete URL"),
        ("https://exa mple.org/", "is not a complete URL"),
        ("http://[::1/a", "is not a complete URL"),
        ("news.example.org/watch", "write https://news.example.org/watch"),
        ("x" * 300, "neither"),
        ("/dev/zero", "is not a regular file"),
    ],
)
def test_source_that_is_neither_url_nor_file(source: str, words: str, archive: Path, tmp_path: Path):
    done = verify("video", source, "--archive", archive, "--out", tmp_path / "out")
    subject = "http://REMOVED" if "[" in source else source
    check_failure(done, tmp_path / "out", code=2, subject=subject, words=words, preserved=False)


def test_empty_source(archive: Path, tmp_path: Path):
    done = verify("video", "", "--archive", archive, "--out", tmp_path / "out")
    check_failure(done, tmp_path / "out", code=2, subject="(empty)", words="neither", preserved=False)


def test_folder(archive: Path, tmp_path: Path):
    done = verify("video", tmp_path, "--archive", archive, "--out", tmp_path / "out")
    check_failure(done, tmp_path / "out", code=2, subject=str(tmp_path), words="is a folder", preserved=False)


def test_named_pipe_is_not_waited_for(archive: Path, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.mp4")
    done = verify("video", tmp_path / "pipe.mp4", "--archive", archive, "--out", tmp_path / "out")
    subject = str(tmp_path / "pipe.mp4")
    check_failure(done, tmp_path / "out", code=2, subject=subject, words="is not a regular file", preserved=False)


def test_file_beyond_the_size_limit(archive: Path, tmp_path: Path):
    with (tmp_path / "large.mp4").open("wb") as file:
        file.truncate(9_000_000_000)
    done = verify("video", tmp_path / "large.mp4", "--archive", archive, "--out", tmp_path / "out")
    words = "is larger than the 8000000000 bytes"
    check_failure(done, tmp_path / "out", code=11, subject=str(tmp_path / "large.mp4"), words=words, preserved=False)


def test_unreachable_port(archive: Path, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.mp4"
        done = verify("video", url, "--allow-private", "--archive", archive, "--out", tmp_path / "out")
    check_failure(done, tmp_path / "out", code=10, subject=url, words="could not be reached", preserved=False)


def test_host_that_has_no_address(archive: Path, tmp_path: Path):
    url = "http://no-such-host.invalid/a.mp4"
    done = verify("video", url, "--archive", archive, "--out", tmp_path / "out")
    check_failure(done, tmp_path / "out", code=10, subject=url, words="could not be reached", preserved=False)


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/missing.mp4", 10, "is not there or was removed"),
        ("/words.html", 10, "no video was found there"),
        ("/login.mp4", 11, "only shown to people who log in"),
        ("/two.html", 11, "holds more than one video"),
        ("/live.m3u8", 11, "is live"),
        pytest.param("/broken.mp4", 10, "the server answered with an error", marks=pytest.mark.slow),
        pytest.param("/forbidden.mp4", 11, "the server refuses access", marks=pytest.mark.slow),
        pytest.param("/sound.mp3", 30, "has sound but no pictures", marks=pytest.mark.slow),
    ],
)
def test_page_without_one_recorded_video(
    path: str, code: int, words: str, server: TestServer, archive: Path, tmp_path: Path
):
    url = server.url(path)
    done = verify("video", url, "--allow-private", "--archive", archive, "--out", tmp_path / "out")
    check_failure(done, tmp_path / "out", code=code, subject=url, words=words, preserved=False)


def test_private_address_without_permission(server: TestServer, archive: Path, tmp_path: Path):
    before = len(server.requests)
    url = server.url("/truncated.mp4")
    done = verify("video", url, "--archive", archive, "--out", tmp_path / "out")
    check_failure(done, tmp_path / "out", code=11, subject=url, words="--allow-private", preserved=False)
    assert len(server.requests) == before


def test_password_in_a_url_is_not_repeated(archive: Path, tmp_path: Path):
    url = "http://user:hunter2@no-such-host.invalid/a.mp4?token=hunter3"
    done = verify("video", url, "--archive", archive, "--out", tmp_path / "out")
    assert done.code == 10
    assert "hunter" not in done.out + done.err


# --- the bytes were had, and are no video ----------------------------------------------------------------------------

UNREADABLE = [
    ("zero-bytes", "it is empty (0 bytes)"),
    ("text", "it is text, not a video"),
    ("audio-only", "it has sound but no video stream"),
    ("without-index", "it is no video that can be read"),
]


@pytest.mark.parametrize(("name", "words"), [*UNREADABLE, ("image", "it is a still image, not a video")])
def test_local_file_that_is_no_video(name: str, words: str, footage: dict[str, Path], archive: Path, tmp_path: Path):
    source = footage[name]
    done = verify("video", source, "--archive", archive, "--out", tmp_path / "out")
    check_failure(done, tmp_path / "out", code=30, subject=str(source), words=words, preserved=True)
    (kept,) = (tmp_path / "out" / "evidence" / "data" / "master").iterdir()
    assert kept.read_bytes() == source.read_bytes()


IMAGE = "it is a still image, not a video"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/zero-bytes.mp4", "it is empty (0 bytes)"),
        ("/image.png", IMAGE),
        pytest.param("/image.mp4", IMAGE, marks=pytest.mark.slow),
        pytest.param("/text.mp4", "it is text, not a video", marks=pytest.mark.slow),
        pytest.param("/audio-only.mp4", "it has sound but no video stream", marks=pytest.mark.slow),
    ],
)
def test_fetched_file_that_is_no_video(path: str, words: str, server: TestServer, archive: Path, tmp_path: Path):
    url = server.url(path)
    done = verify("video", url, "--allow-private", "--archive", archive, "--out", tmp_path / "out")
    check_failure(done, tmp_path / "out", code=30, subject=url, words=words, preserved=True)


def test_container_without_any_video_stream(archive: Path, tmp_path: Path):
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nHello\n", encoding="utf-8")
    source = tmp_path / "words.mkv"
    subprocess.run([find_ffmpeg().path, "-v", "error", "-i", tmp_path / "words.srt", source], check=True)
    done = verify("video", source, "--archive", archive, "--out", tmp_path / "out")
    check_failure(done, tmp_path / "out", code=30, subject=str(source), words="it has no video stream", preserved=True)


@pytest.mark.usefixtures("sought_once")
@pytest.mark.parametrize("where", ["local", "fetched"])
def test_truncated_file_is_examined_as_far_as_it_goes(
    where: str, footage: dict[str, Path], server: TestServer, archive: Path, tmp_path: Path
):
    source = str(footage["truncated"]) if where == "local" else server.url("/truncated.mp4")
    done = verify("video", source, "--allow-private", "--archive", archive, "--out", tmp_path / "out")
    assert done.code == 100, done.err
    assert "warning: The file could be decoded only up to" in done.err
    assert "The rest is not examinable." in done.err
    assert names_in(tmp_path / "out") - {"evidence-private"} == {*REPORT_PARTS, *CASE_PARTS}
    check_case(tmp_path / "out" / "evidence")
    assert "could not be examined" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


# --- an archive that is none -----------------------------------------------------------------------------------------


def test_archive_that_is_not_there_is_told_before_anything_is_fetched(server: TestServer, tmp_path: Path):
    before = len(server.requests)
    missing = tmp_path / "missing"
    url = server.url("/truncated.mp4")
    done = verify("video", url, "--allow-private", "--archive", missing, "--out", tmp_path / "out")
    check_failure(
        done, tmp_path / "out", code=2, subject=str(missing), words="there is no archive here", preserved=False
    )
    assert f"verify archive add VIDEO... --archive {missing}" in done.message
    assert len(server.requests) == before
    assert not missing.exists()


@pytest.mark.parametrize("kind", ["folder", "file", "long"])
def test_archive_folder_that_is_not_one(kind: str, footage: dict[str, Path], tmp_path: Path):
    folder = tmp_path / ("thing" if kind != "long" else "x" * 300)
    if kind == "folder":
        folder.mkdir()
        (folder / "holiday.jpg").write_bytes(b"x")
    if kind == "file":
        folder.write_bytes(b"x")
    for command in (
        ["video", footage["scene"], "--out", tmp_path / "out"],
        ["batch", footage["scene"], "--out", tmp_path / "out"],
        ["archive", "list"],
        ["archive", "stats"],
        ["archive", "show", "scene"],
    ):
        done = verify(*command, "--archive", folder)
        assert done.code == 2, done.err
        assert str(folder) in done.message
        assert not (tmp_path / "out").exists()
    done = verify("archive", "add", footage["scene"], "--archive", folder)
    assert done.code == (2 if kind == "folder" else 51)
    assert str(folder) in done.message
    assert names_in(folder) == ({"holiday.jpg"} if kind == "folder" else set())


# --- options that cannot be used -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--claimed-date", "yesterday"], "--claimed-date: 'yesterday' is not a date"),
        (["--claimed-date", "2021-02-30"], "--claimed-date: "),
        (["--claimed-date", "2021-00"], "--claimed-date: "),
        (["--claims", "missing.yaml"], "missing.yaml: cannot be read"),
        (["--format", "docx"], "--format: docx is not a form of the report"),
        (["--max-gigabytes", "nan"], "--max-gigabytes: nan is not a number up to"),
        (["--max-gigabytes", "inf"], "--max-gigabytes: inf is not a number up to"),
        (["--max-minutes", "1e300"], "--max-minutes: 1e+300 is not a number up to"),
        (["--max-minutes", "0"], "Invalid value for '--max-minutes'"),
        (["--fail-on", "war"], "Invalid value for '--fail-on'"),
        (["--speed", "2"], "No such option"),
        (["another.mp4"], "unexpected extra argument"),
    ],
)
def test_option_that_cannot_be_used(
    options: list[str], words: str, footage: dict[str, Path], archive: Path, tmp_path: Path
):
    done = verify("video", footage["scene"], "--archive", archive, "--out", tmp_path / "out", *options)
    assert done.code == 2, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "- claimant: A\n- claimant: B\n  statement: x\n  colour: red\n",
            "entry 1: statement is missing; entry 2: unkn",
        ),
        ("just words", "is not a list of claims"),
        ("- {", "is not readable as YAML at line"),
    ],
)
def test_claims_that_cannot_be_used(text: str, words: str, footage: dict[str, Path], archive: Path, tmp_path: Path):
    claims = tmp_path / "claims.yaml"
    claims.write_text(text, encoding="utf-8")
    done = verify("video", footage["scene"], "--archive", archive, "--out", tmp_path / "out", "--claims", claims)
    check_failure(done, tmp_path / "out", code=2, subject=str(claims), words=words, preserved=False)


# --- an output that is taken -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", ["evidence", *REPORT_PARTS])
def test_output_that_holds_part_of_a_report(taken: str, footage: dict[str, Path], archive: Path, tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    (out / taken).mkdir() if taken in ("evidence", "frames") else (out / taken).write_text("kept", encoding="utf-8")
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    done = verify("video", footage["scene"], "--archive", archive, "--out", out)
    assert done.code == 21
    assert done.message.startswith(f"error: {out / taken}: there is a case or report here already.")
    assert names_in(out) == {taken, "notes.txt"}


def test_output_that_is_a_file(footage: dict[str, Path], archive: Path, tmp_path: Path):
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    done = verify("video", footage["scene"], "--archive", archive, "--out", tmp_path / "out")
    assert done.code == 51
    assert str(tmp_path / "out") in done.message
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_output_with_a_name_that_no_disk_takes(footage: dict[str, Path], archive: Path, tmp_path: Path):
    done = verify("video", footage["scene"], "--archive", archive, "--out", tmp_path / ("x" * 300))
    assert done.code == 51
    assert "the output folder cannot be written (File name too long)" in done.message
    assert names_in(tmp_path) == set()


def test_folders_made_for_a_report_that_fails_go_again(archive: Path, tmp_path: Path):
    done = verify("video", "missing.mp4", "--archive", archive, "--out", tmp_path / "a" / "b" / "c")
    assert done.code == 2
    assert names_in(tmp_path) == set()


def test_default_output_is_a_folder_below_reports(
    footage: dict[str, Path], archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert verify("video", "missing.mp4", "--archive", archive).code == 2
    assert names_in(tmp_path) == set()
    done = verify("video", footage["text"], "--archive", archive)
    assert done.code == 30
    (folder,) = (tmp_path / "reports").iterdir()
    assert folder.name.endswith("Z-text")
    assert names_in(folder) == set(CASE_PARTS)
