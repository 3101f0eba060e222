"""Hostile texts, names and pages, and what the command makes of hostile servers."""

from __future__ import annotations

import html
import json
import re
import time
from pathlib import Path

import pytest

from tests.cli.helpers.command import check_failure, verify
from tests.pipeline.hostile_checks import FAILED, REFUSED, SLOW, START_S, VIDEO, check_refusal, fetch
from tests.pipeline.hostile_server import HostileServer, endless, head, redirect, whole
from verify.acquire.limits import AcquisitionLimits
from verify.errors import AcquisitionFailedError, AcquisitionRefusedError, VerifyError
from verify.model import FileRole

pytestmark = pytest.mark.usefixtures("watched_places", "public_loopback")

NASTY = "../../../../../../tmp/evil\x1b[31m\x00\x07 \u202egpj.exe\u2066 <script>alert(1)</script>\r\n--exec %(id)s {x}"


def page_of(title: str, *, more: str = "", body: str = "<video src='clip.mp4'></video>") -> bytes:
    return whole(f"<html><head><title>{html.escape(title)}</title>{more}</head><body>{body}</body></html>")


def is_clean(text: str | None) -> bool:
    return text is None or not any((ord(c) < 32 and c not in "\n\t") or c in "\u202e\u2066\x7f" for c in text)


def test_nasty_texts_in_every_field(hostile: HostileServer, staging: Path) -> None:
    quoted = html.escape(NASTY, quote=True)
    linked = {"@context": "https://schema.org", "@type": "VideoObject", "name": NASTY, "description": NASTY}
    linked |= {"contentUrl": hostile.url("/clip.mp4"), "author": {"@type": "Person", "name": NASTY}}
    more = (
        "".join(f'<meta property="og:{name}" content="{quoted}">' for name in ("title", "description", "site_name"))
        + f"<script type='application/ld+json'>{json.dumps(linked).replace('</', '<!/')}</script>"
    )
    track = f'<track src="words.vtt" srclang="{quoted}" kind="subtitles">'
    hostile.add("/words.vtt", whole("WEBVTT\n", "text/vtt"))
    hostile.add("/clip.mp4", whole(VIDEO, "video/mp4"))
    url = hostile.add("/page", page_of(NASTY, more=more, body=f"<video src='clip.mp4'>{track}</video>"))
    taken = fetch(url, staging)
    assert taken.title is not None
    assert "evil" in taken.title
    texts = (taken.title, taken.description, taken.publisher, taken.media_id, taken.extractor, *taken.warnings)
    assert all(is_clean(text) for text in texts)
    assert all(re.fullmatch(r"[a-z]+(-[A-Za-z0-9]+)*\.[a-z0-9]+", file.path.name) for file in taken.files)
    for file in taken.files:
        if file.role in (FileRole.LOG, FileRole.METADATA):
            assert b"\x1b" not in file.path.read_bytes().replace(NASTY.encode(), b"")


@pytest.mark.parametrize(
    "name", ["../../../evil.mp4", pytest.param("/etc/cron.d/evil", marks=SLOW), pytest.param("a" * 5000, marks=SLOW)]
)
def test_names_given_by_the_server(hostile: HostileServer, staging: Path, name: str) -> None:
    headers = [f'Content-Disposition: attachment; filename="{name}"']
    taken = fetch(hostile.add("/x.mp4", whole(VIDEO, "video/mp4", headers=headers)), staging)
    assert taken.media.path == staging / "media.mp4"


@pytest.mark.parametrize(
    "path", ["/%2e%2e%2f%2e%2e%2fevil.mp4", pytest.param("/a/..%5c..%5cevil.mp4", marks=SLOW), "/x.part"]
)
def test_names_in_the_url(hostile: HostileServer, staging: Path, path: str) -> None:
    hostile.add("/*", whole(VIDEO, "video/mp4"))
    taken = fetch(hostile.url(path), staging)
    assert taken.media.path.parent == staging
    assert taken.media.path.stem == "media"


def test_name_of_a_program_in_the_url(hostile: HostileServer, staging: Path) -> None:
    check_refusal(hostile.add("/evil.sh", whole(VIDEO, "video/mp4")), staging, FAILED, "unusual")


def test_title_of_ten_megabytes(hostile: HostileServer, staging: Path) -> None:
    hostile.add("/clip.mp4", whole(VIDEO, "video/mp4"))
    url = hostile.add("/page", page_of("\N{OLD PERSIAN SIGN A}x" * 2_000_000))
    started = time.monotonic()
    limits = AcquisitionLimits(max_bytes=60_000_000, max_page_bytes=20_000_000, max_seconds=60, retries=0)
    taken = fetch(url, staging, limits)
    assert time.monotonic() - started < START_S + 10
    assert taken.title is not None
    assert len(taken.title) == 500
    shown = [file.path.stat().st_size for file in taken.files if file.role is not FileRole.PRIVATE]
    assert sum(shown) < 3_000_000


@pytest.mark.parametrize(
    ("video", "error_class"),
    [
        ("file:///etc/passwd", REFUSED),
        pytest.param("javascript:alert(1)", None, marks=SLOW),
        pytest.param("http://127.0.0.2/secret.mp4", REFUSED, marks=SLOW),
        pytest.param("data:video/mp4;base64,AAAA", None, marks=SLOW),
    ],
)
@pytest.mark.parametrize("way", ["og", pytest.param("element", marks=SLOW), pytest.param("linked-data", marks=SLOW)])
def test_video_elsewhere(
    hostile: HostileServer, staging: Path, video: str, error_class: type[VerifyError] | None, way: str
) -> None:
    linked = f'{{"@context": "https://schema.org", "@type": "VideoObject", "name": "n", "contentUrl": "{video}"}}'
    more = {
        "og": f'<meta property="og:video" content="{video}">',
        "linked-data": f"<script type='application/ld+json'>{linked}</script>",
    }.get(way, "")
    body = f"<video src='{video}'></video>" if way == "element" else ""
    url = hostile.add("/page", page_of("t", more=more, body=body))
    with pytest.raises((AcquisitionFailedError, AcquisitionRefusedError)):
        fetch(url, staging)
    assert list(staging.iterdir()) == []


@pytest.mark.slow
def test_content_that_never_comes_does_not_hold_the_command(hostile: HostileServer, tmp_path: Path) -> None:
    url = hostile.add("/x", endless(head("video/mp4"), b"x", 0.5))
    started = time.monotonic()
    done = verify("video", url, "--out", tmp_path / "report", "--max-minutes", "0.05")
    check_failure(done, tmp_path / "report", code=11, subject=url, words="more than 3 s", preserved=False)
    assert time.monotonic() - started < START_S + 5


def test_side_files_elsewhere_are_only_warned_of(hostile: HostileServer, staging: Path) -> None:
    hostile.add("/clip.mp4", whole(VIDEO, "video/mp4"))
    more = '<meta property="og:image" content="http://127.0.0.2/secret.jpg">'
    track = "<track src='http://169.254.169.254/secret.vtt' srclang='en' kind='subtitles'>"
    url = hostile.add("/page", page_of("t", more=more, body=f"<video src='clip.mp4'>{track}</video>"))
    taken = fetch(url, staging)
    assert {file.role for file in taken.files} & {FileRole.THUMBNAIL, FileRole.SUBTITLES} == set()
    assert len(taken.warnings) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        "<script type='application/ld+json'>" + "[" * 100_000 + "</script>",
        "<script type='application/ld+json'>" * 10_000,
        "<video " * 50_000,
        "<video src='a" * 30_000,
        "<iframe src='" * 50_000,
        "<a href='" + "\\" * 300_000,
        "<" * 900_000,
        "\x00" * 900_000,
        "jwplayer(" * 50_000 + "{" * 50_000,
    ],
    ids=["deep", "scripts", "tags", "sources", "frames", "slashes", "brackets", "nulls", "players"],
)
def test_pages_that_are_hard_to_read(hostile: HostileServer, staging: Path, content: str) -> None:
    url = hostile.add("/page", whole(f"<html><title>t</title>{content}"))
    limits = AcquisitionLimits(max_bytes=3_000_000, max_page_bytes=1_000_000, max_seconds=8, retries=0)
    with pytest.raises(VerifyError) as caught:
        fetch(url, staging, limits)
    assert caught.value.exit_code in (10, 11)
    assert list(staging.iterdir()) == []


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (redirect("http://169.254.169.254/"), 11, "a cloud metadata address"),
        (whole(b"", status="410 Gone"), 10, "HTTP Error 410"),
        pytest.param(whole(b"ID3" * 900, "audio/mpeg"), 30, "sound but no pictures", marks=SLOW),
    ],
)
def test_command_leaves_nothing(hostile: HostileServer, tmp_path: Path, reply: bytes, code: int, words: str) -> None:
    url = hostile.add("/x", reply)
    done = verify("video", url, "--out", tmp_path / "report")
    check_failure(done, tmp_path / "report", code=code, subject=url, words=words, preserved=False)


@pytest.mark.parametrize("url", ["http://", "http://a b/", "https://[", "file:///etc/passwd", "data:video/mp4,x"])
def test_command_refuses_what_is_no_url(tmp_path: Path, url: str) -> None:
    done = verify("video", url, "--out", tmp_path / "report")
    assert done.code == 2
    assert not (tmp_path / "report").exists()


def test_command_keeps_what_a_server_calls_a_video(hostile: HostileServer, tmp_path: Path) -> None:
    url = hostile.add("/x.mp4", whole("<script>alert(1)</script>", "video/mp4"))
    done = verify("video", url, "--out", tmp_path / "report")
    assert done.code == 30
    assert "it is text, not a video" in done.message
    (kept,) = (tmp_path / "report" / "evidence" / "data" / "master").iterdir()
    assert kept.read_bytes() == b"<script>alert(1)</script>"


def test_nasty_texts_do_not_act_in_the_report(hostile: HostileServer, tmp_path: Path, footage: dict[str, Path]) -> None:
    hostile.add("/clip.mp4", whole(footage["flash"].read_bytes(), "video/mp4"))
    described = f'<meta property="og:description" content="{html.escape(NASTY)}">'
    url = hostile.add("/page", page_of(NASTY, more=described))
    done = verify("video", url, "--out", tmp_path / "report")
    assert done.code in (0, 100), done.err
    assert is_clean(done.out.replace("\n", ""))
    assert is_clean(done.err.replace("\n", ""))
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert not set("\u202e\u2066\x1b\x00") & set(page)
