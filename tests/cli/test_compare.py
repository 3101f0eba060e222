"""`verify compare`: two videos against each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import REUSED_S, UNSEEN_S
from tests.cli.helpers.command import names_in, verify
from tests.http_server import serving


def test_common_part_is_found(release: Path, footage: dict[str, Path]):
    done = verify("compare", release, footage["scene"])
    assert (done.code, done.err) == (0, "")
    title, line = done.out.splitlines()
    assert title == "Parts of A that are visually consistent with parts of B:"
    assert line.startswith("  A 0:02.00-0:05.00  ~  B 0:01.0")
    assert "confirmed, score 0." in line


def test_json_and_url(release: Path, footage: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with serving() as server:
        url = server.add("/release.mp4", release.read_bytes(), "video/mp4")
        refused = verify("compare", url, footage["scene"], "--json")
        done = verify("compare", url, footage["scene"], "--json", "--allow-private")
    assert (refused.code, refused.out) == (11, "")
    assert (done.code, done.err) == (0, "")
    (match,) = json.loads(done.out)
    assert match["reference_id"] == "scene"
    assert match["query"]["start_s"] == pytest.approx(UNSEEN_S, abs=0.13)
    assert match["query"]["end_s"] == pytest.approx(UNSEEN_S + REUSED_S, abs=0.13)
    assert names_in(tmp_path) == set()


def test_unrelated_videos(footage: dict[str, Path]):
    done = verify("compare", footage["scene"], footage["other-scene"])
    assert done.code == 0
    assert done.out == "No part of A was found in B; this is not evidence that they share no footage.\n"
    assert json.loads(verify("compare", footage["scene"], footage["other-scene"], "--json").out) == []


@pytest.mark.parametrize(
    ("a", "b", "code", "words"),
    [
        ("missing.mp4", "scene", 2, "missing.mp4: there is no such file"),
        ("scene", "missing.mp4", 2, "missing.mp4: there is no such file"),
        ("", "scene", 2, "SOURCE: there is no such file"),
        ("x" * 300, "scene", 2, "there is no such file"),
        (".", "scene", 2, ".: there is no such file"),
        ("text", "scene", 30, "text.mp4: it is text, not a video"),
        ("scene", "zero-bytes", 30, "zero-bytes.mp4: it is empty (0 bytes)"),
        ("scene", "ftp://example.org/a.mp4", 2, "ftp://example.org/a.mp4: there is no such file"),
    ],
)
def test_what_cannot_be_compared(a: str, b: str, code: int, words: str, footage: dict[str, Path]):
    done = verify("compare", footage.get(a, a), footage.get(b, b))
    assert (done.code, done.out) == (code, ""), done.err
    assert words in done.message
