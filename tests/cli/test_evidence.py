"""Evidence from the command line: signed, timestamped, checked, and examined again."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Checked
from tests.cli.helpers.command import CASE_PARTS, REPORT_PARTS, names_in, verify
from tests.http_server import serving
from tests.unit.test_evidence_opentimestamps import open_calendar
from tests.unit.timestamp_authority import Authority, answering
from verify.evidence.custody import read_log

#: One event each for report.json, report.html and matches.csv.
REPORTED = ["report written"] * 3


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A signing key of the user's, and its public half beside it."""
    path = tmp_path / "keys" / "signing.key"
    monkeypatch.setenv("VERIFY_KEY", str(path))
    assert verify("key", "new").code == 0
    assert verify("key", "export", "--out", path.with_suffix(".pub")).code == 0
    return path


def report_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def actions(folder: Path) -> list[str]:
    return [event.action for event in read_log(folder / "evidence").events]


def test_signed_timestamped_and_checked_by_another_program(brief: Path, key: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    out = tmp_path / "out"
    with answering(authority.reply) as (url, received):
        done = verify(
            *("video", brief, "--out", out, "--operator", "A <b>desk</b>\u202e", "--allow-private"),
            *("--timestamp-url", url, "--timestamp-ca", authority.root),
        )
    assert done.code == 100, done.err  # because no archive was searched, and for nothing else
    assert [line for line in done.err.splitlines() if line.startswith("warning")] == [
        "warning: No reference archive was searched."
    ]
    assert len(received) == 1
    seal = report_in(out)["seal"]
    assert {event["actor"] for event in seal["events"]} == {"A <b>desk</b>, with verify-video 0.1.0"}
    (time,) = seal["timestamps"]
    assert "its certificate leads to one that the operator trusts" in time["statement"]
    assert actions(out) == ["sealed", "file added", "file added", "file added", *REPORTED]
    checked = verify("evidence", "check", out, "--key", key.with_suffix(".pub"), "--timestamp-ca", authority.root)
    assert checked.code == 0, checked.out
    manifest, custody = out / "evidence" / "data" / "manifest.json", out / "evidence-custody"
    timestamp = custody / "manifest.json.tsr"
    for tool, *words in (
        ("minisign", "-V", "-p", key.with_suffix(".pub"), "-m", manifest, "-x", custody / "manifest.json.minisig"),
        ("openssl", "ts", "-verify", "-data", manifest, "-in", timestamp, "-CAfile", authority.root),
    ):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool} (Debian: apt-get install {tool})")
        subprocess.run([tool, *words], check=True, capture_output=True, timeout=60)


def test_a_timestamp_that_cannot_be_had_is_told_and_had_later(brief: Path, key: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    out = tmp_path / "out"
    with answering(lambda _: b"no timestamp") as (url, _):
        done = verify("video", brief, "--out", out, "--allow-private", "--timestamp-url", url)
    assert done.code == 100
    assert f"warning: No RFC 3161 timestamp could be had from {url}" in done.err
    assert "The evidence is preserved without it; try again with `verify evidence timestamp`." in done.err
    assert "RFC 3161 timestamp failed" in actions(out)
    assert report_in(out)["seal"]["timestamps"] == []
    with answering(authority.reply) as (url, _):
        done = verify("evidence", "timestamp", out, "--timestamp-url", url, "--allow-private")
        again = verify("evidence", "timestamp", out, "--timestamp-url", url, "--allow-private")
    assert done.code == again.code == 0, done.err
    assert names_in(out / "evidence-custody") >= {"manifest.json.tsr", "manifest.json.2.tsr"}
    checked = verify("evidence", "check", out, "--timestamp-ca", authority.root)
    assert checked.code == 0, checked.out


def test_a_timestamp_of_another_authority_than_the_given_one_is_not_taken(brief: Path, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "authority"), Authority(tmp_path / "other", name="Other")
    out = tmp_path / "out"
    with answering(authority.reply) as (url, _):
        done = verify(
            *("video", brief, "--out", out, "--allow-private"),
            *("--timestamp-url", url, "--timestamp-ca", other.root),
        )
    assert done.code == 100
    assert "does not lead to a certificate of --timestamp-ca" in done.err
    assert not (out / "evidence-custody" / "manifest.json.tsr").exists()


def test_a_promise_of_a_calendar_is_told_as_a_promise(brief: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with open_calendar() as calendar:
        done = verify("video", brief, "--out", out, "--allow-private", "--calendar", calendar.url)
    assert done.code == 100, done.err
    (time,) = report_in(out)["seal"]["timestamps"]
    assert time["statement"] == f"Promised by {calendar.url}; not yet in the block chain when this report was made."
    checked = verify("evidence", "check", out)
    assert checked.code == 100
    assert "is not complete" in checked.out


def test_a_proof_is_completed_when_the_calendar_has_a_block(brief: Path, key: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    custody = out / "evidence-custody"
    with open_calendar() as calendar:
        words = ("--allow-private", "--calendar", calendar.url)
        assert verify("video", brief, "--out", out, *words).code == 100
        promise = (custody / "manifest.json.ots").read_bytes()
        early = verify("evidence", "timestamp", out, "--upgrade", "--allow-private")
        calendar.height = 900_000
        done = verify("evidence", "timestamp", out, "--upgrade", "--allow-private")
    assert early.code == 100
    assert "could not be completed" in early.err or "nothing new yet" in early.err
    assert done.code == 0, done.err
    assert (custody / "manifest.json.ots").read_bytes() == promise
    checked = verify("evidence", "check", out / "evidence", "--key", key.with_suffix(".pub"))
    assert checked.code == 100
    assert "manifest.json.2.ots leads to block 900000 of the Bitcoin chain" in checked.out


def test_there_must_be_a_proof_to_complete(checked: Checked, tmp_path: Path) -> None:
    shutil.copytree(checked.folder, tmp_path / "case")
    done = verify("evidence", "timestamp", tmp_path / "case", "--upgrade")
    assert done.code == 100
    assert done.err == "warning: There is no OpenTimestamps proof to complete.\n"


def test_an_answer_that_was_not_logged_yet_is_taken_up(brief: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    out = tmp_path / "out"
    assert verify("video", brief, "--out", out).code == 100
    manifest = (out / "evidence" / "data" / "manifest.json").read_bytes()
    # As after a kill between the answer and its entry.
    (out / "evidence-custody" / "manifest.json.tsr").write_bytes(authority.timestamp(manifest))
    checked = verify("evidence", "check", out)
    assert checked.code == 20
    assert "not yet in the log" in checked.out
    with answering(authority.reply) as (url, _):
        done = verify("evidence", "timestamp", out, "--timestamp-url", url, "--allow-private")
    assert done.code == 0, done.err
    assert verify("evidence", "check", out, "--timestamp-ca", authority.root).code == 0
    assert actions(out) == ["sealed", *REPORTED, "file added", "file added"]


def test_nobody_is_asked_for_a_case_of_somebody_elses(
    brief: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify("video", brief, "--out", tmp_path / "theirs").code == 100
    monkeypatch.setenv("VERIFY_KEY", str(tmp_path / "mine.key"))
    assert verify("key", "new").code == 0
    with answering(lambda _: b"") as (url, received):
        done = verify("evidence", "timestamp", tmp_path / "theirs", "--timestamp-url", url, "--allow-private")
    assert done.code == 2
    assert "is signed with another key" in done.message
    assert received == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--timestamp-url", "ftp://tsa.example"), "--timestamp-url: the address is neither http nor https"),
        (("--calendar", "https://"), "--calendar: the address names no host"),
        (("--timestamp-url", "https://tsa.example", "--timestamp-ca", "missing.pem"), "missing.pem: "),
        (("--c2pa-trust", "missing.pem"), "missing.pem: "),
        (("--limit-rate", "nan"), "--limit-rate: "),
        (("--live-seconds", "nan"), "--live-seconds: "),
        (("--format", " , "), "--format: names no form of the report"),
        (("--cookies", "missing.txt"), "missing.txt: "),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_anything_is_fetched(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving() as server:
        url = server.add("/video.mp4", b"", "video/mp4")
        done = verify("video", url, "--allow-private", "--out", "out", *words)
        assert done.code == 2, done.err
        assert done.message.startswith(f"error: {said}")
        assert server.requests == []
    assert names_in(tmp_path) == set()


# --- examined again --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["", "evidence"])
def test_a_case_is_examined_again_in_a_copy(named: str, checked: Checked, archive: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in checked.folder.rglob("*") if path.is_file()}
    out = tmp_path / "again"
    done = verify("video", checked.folder / named, "--offline", "--archive", archive, "--out", out)
    assert done.code == 0, done.err
    assert names_in(out) == {*REPORT_PARTS, *CASE_PARTS}
    first, second = report_in(checked.folder), report_in(out)
    assert [entry["match"] for entry in second["matches"]] == [entry["match"] for entry in first["matches"]]
    assert second["evidence"] == first["evidence"]
    assert second["release"]["media_sha256"] == first["release"]["media_sha256"]
    assert second["release"]["source"] == first["release"]["source"]
    assert actions(out)[-4:] == ["taken up again", *REPORTED]
    assert verify("evidence", "check", out).code == 0
    assert {path: path.read_bytes() for path in checked.folder.rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("sought_once")
def test_a_case_that_is_examined_again_can_be_timestamped_then(checked: Checked, archive: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    out = tmp_path / "again"
    with answering(authority.reply) as (url, _):
        asked = ("--timestamp-url", url, "--allow-private", "--archive", archive, "--out", out)
        refused = verify("video", checked.folder, "--offline", *asked)
        done = verify("video", checked.folder, *asked)
    assert refused.code == 2
    assert "--offline: nobody can be asked for the time without the network" in refused.message
    assert done.code == 0, done.err
    assert len(report_in(out)["seal"]["timestamps"]) == 1
    assert verify("evidence", "check", out, "--timestamp-ca", authority.root).code == 0


def test_a_case_that_somebody_else_signed_keeps_its_log(
    brief: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify("video", brief, "--out", tmp_path / "theirs").code == 100
    monkeypatch.setenv("VERIFY_KEY", str(tmp_path / "mine.key"))
    assert verify("key", "new").code == 0
    done = verify("video", tmp_path / "theirs", "--out", tmp_path / "mine")
    assert done.code == 100
    assert "The case was signed with another key than yours" in done.err
    log = Path("evidence-custody", "custody.jsonl")
    assert (tmp_path / "mine" / log).read_bytes() == (tmp_path / "theirs" / log).read_bytes()
    assert verify("evidence", "check", tmp_path / "mine" / "evidence", "--key", key.with_suffix(".pub")).code == 0
    # Their log tells of their report; of mine it cannot.
    found = verify("evidence", "check", tmp_path / "mine", "--key", key.with_suffix(".pub"))
    assert found.code == 20
    assert "report.json: is not the one that custody.jsonl tells of last" in found.out
    assert "the case is not confirmed as what was expected" in found.out


def test_a_changed_case_is_not_examined_again(checked: Checked, tmp_path: Path) -> None:
    shutil.copytree(checked.folder, tmp_path / "changed")
    media = tmp_path / "changed" / "evidence" / "data" / "master" / "media.mp4"
    media.chmod(0o644)
    media.write_bytes(media.read_bytes()[:-1] + b"\0")
    done = verify("video", tmp_path / "changed", "--out", tmp_path / "out")
    assert done.code == 20
    assert "data/master/media.mp4" in done.message
    assert names_in(tmp_path) == {"changed"}


def test_offline_finishes_what_was_fetched_and_not_examined(
    brief: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    with serving() as server:
        url = server.add("/scene.mp4", brief.read_bytes(), "video/mp4")
        with monkeypatch.context() as patch:
            patch.setattr("verify.report.pictures.encode_jpeg", fail)
            assert verify("video", url, "--allow-private", "--archive", archive, "--out", out).code == 51
        asked = len(server.requests)
        refused = verify("video", url + "?other", "--offline", "--archive", archive, "--out", out)
        done = verify("video", url, "--offline", "--archive", archive, "--out", out)
        assert len(server.requests) == asked
    assert refused.code == 10
    assert "holds another release" in refused.message
    assert done.code == 0, done.err
    assert names_in(out) == {*REPORT_PARTS, *CASE_PARTS, "evidence-private"}
    assert actions(out) == ["sealed", "examination failed", "taken up again", *REPORTED]
    assert verify("evidence", "check", out).code == 0


def test_offline_without_a_case_says_what_to_do(tmp_path: Path) -> None:
    done = verify("video", "https://example.org/v", "--offline", "--out", tmp_path / "out")
    assert done.code == 10
    assert "there is no case at" in done.message
    assert names_in(tmp_path) == set()
