"""What the check of a case says, beyond finding every change (see reliability/test_evidence_tampering.py)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from fixtures.footage import CHECKOUT
from tests.unit.case_samples import acquisition, make_case, rewrite, seal
from tests.unit.timestamp_authority import Authority
from verify.commands.evidence import evidence as command
from verify.errors import EvidenceMismatchError, InvalidUsageError, NewerFormatError
from verify.evidence import reading
from verify.evidence.bag import listing, read_listing
from verify.evidence.check import check_evidence, refuse_changed
from verify.evidence.custody import add_custody_file, append_event, read_log
from verify.evidence.custody_log import log_bytes
from verify.evidence.keys import SigningKey
from verify.evidence.manifest import load_manifest
from verify.evidence.preserve import _begin_custody as begin_custody
from verify.evidence.problems import MAX_PROBLEMS, EvidenceCheck, Findings, ProblemKind
from verify.evidence.timestamps import load_roots
from verify.model import FileRole


def problems(found: EvidenceCheck) -> dict[str, str]:
    return {each.path: each.problem for each in found.problems}


def run(*arguments: str | Path) -> int:
    code = command.main(["check", *map(str, arguments)], standalone_mode=False)
    assert isinstance(code, int)
    return code


def test_whole_case_without_a_signature(tmp_path: Path) -> None:
    found = check_evidence(make_case(tmp_path, private=True))
    assert (found.case_id, found.problems, found.notices) == ("case-1", (), ())
    said = " ".join(found.statements)
    assert "All 9 preserved files" in said
    assert "Every private file beside the bag, 2 in all" in said
    assert "for every file but these two themselves" in said
    assert "compare the number of events, here 3" in said
    assert found.is_signed is False
    limits = " ".join(found.limits)
    assert "Not signed: digests show accidental change" in limits
    assert "No third party has stated the time" in limits


def test_signature_is_of_a_key_whose_owner_the_reader_must_know(tmp_path: Path) -> None:
    key = SigningKey.generate()
    case = make_case(tmp_path, key=key)
    found = check_evidence(case)
    assert (found.problems, found.notices) == ((), ())
    assert f"signed with key {key.public.key_id}. Whose key that is" in " ".join(found.statements)
    expected = check_evidence(case, public_key=key.public)
    assert expected.problems == ()
    assert "with the key that was given" in " ".join(expected.statements)
    other = SigningKey.generate().public
    assert problems(check_evidence(case, public_key=other)) == {
        "evidence-custody/signing-key.pub": f"is key {key.public.key_id}, not the expected key {other.key_id}"
    }


def test_missing_signature_is_a_problem_for_who_expects_one(tmp_path: Path) -> None:
    key = SigningKey.generate().public
    case = make_case(tmp_path)
    assert list(problems(check_evidence(case, public_key=key))) == ["evidence-custody"]
    shutil.rmtree(tmp_path / "evidence-custody")
    assert list(problems(check_evidence(case, public_key=key))) == ["evidence-custody"]


def test_case_resealed_with_another_key_is_found_by_the_expected_one(tmp_path: Path) -> None:
    key = SigningKey.generate()
    forged = make_case(tmp_path, key=SigningKey.generate())
    assert check_evidence(forged).problems == ()
    assert check_evidence(forged, public_key=key.public).problems


def test_log_cut_and_closed_with_the_old_head(tmp_path: Path) -> None:
    case = make_case(tmp_path, key=SigningKey.generate())
    log = tmp_path / "evidence-custody" / "custody.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    rewrite(log, b"".join([*lines[:-2], lines[-1]]))
    assert "some were taken out or put in" in problems(check_evidence(case))["evidence-custody/custody.jsonl"]


def test_signature_taken_off_the_head(tmp_path: Path) -> None:
    case = make_case(tmp_path, key=SigningKey.generate())
    log = tmp_path / "evidence-custody" / "custody.jsonl"
    *lines, last = log.read_bytes().splitlines(keepends=True)
    head = last[: last.index(b'"signature":')] + b'"signature":null}\n'
    rewrite(log, b"".join([*lines, head]))
    assert "no valid signature" in problems(check_evidence(case))["evidence-custody/custody.jsonl"]


def test_case_without_its_custody_folder_cannot_be_checked_in_full(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    shutil.rmtree(tmp_path / "evidence-custody")
    found = check_evidence(case)
    assert found.problems == ()
    assert "signature and timestamps cannot be checked" in found.notices[0]
    assert run(case) == 100


def test_private_files_may_be_withheld_as_a_whole_only(tmp_path: Path) -> None:
    case = make_case(tmp_path, private=True)
    (tmp_path / "evidence-private" / "info-full.json").unlink()
    assert problems(check_evidence(case)) == {
        "evidence-private/info-full.json": "is missing, while its folder is there"
    }
    shutil.rmtree(tmp_path / "evidence-private")
    found = check_evidence(case)
    assert found.problems == ()
    assert "were withheld" in found.notices[0]
    (tmp_path / "evidence-private").symlink_to(tmp_path)
    assert problems(check_evidence(case)) == {"evidence-private": "is a link, not a folder"}


def test_private_folder_that_is_not_the_case_s(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    (tmp_path / "evidence-private").mkdir()
    assert list(problems(check_evidence(case))) == ["evidence-private"]


def test_change_in_the_bag_that_is_consistent_in_itself(tmp_path: Path) -> None:
    """Whoever adapts the bag's own digests is found by the digest that was sealed beside it."""
    case = make_case(tmp_path)
    text = (case / "bag-info.txt").read_bytes().replace(b"Bagging-Date: 2", b"Bagging-Date: 1")
    rewrite(case / "bag-info.txt", text)
    tags = read_listing((case / "tagmanifest-sha256.txt").read_bytes())
    digests = subprocess.run(["sha256sum", case / "bag-info.txt"], capture_output=True, text=True, check=True).stdout
    rewrite(case / "tagmanifest-sha256.txt", listing({**tags, "bag-info.txt": digests.split()[0]}))
    assert problems(check_evidence(case)) == {
        "evidence/tagmanifest-sha256.txt": "is not the one that was sealed: evidence-custody/custody.jsonl begins with "
        "another SHA-256"
    }


def test_folder_of_another_case(tmp_path: Path) -> None:
    case = make_case(tmp_path / "one")
    other = make_case(tmp_path / "two", files={"media.mp4": FileRole.MASTER})
    shutil.rmtree(case.with_name("evidence-custody"))
    other.with_name("evidence-custody").rename(case.with_name("evidence-custody"))
    assert list(problems(check_evidence(case))) == ["evidence/tagmanifest-sha256.txt"]


def test_hostile_names_act_on_nothing(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    (case / "data" / "\x1b[2J\u202e\n").touch()
    os.mkfifo(case / "data" / "pipe")
    told = problems(check_evidence(case))
    assert set(told) == {"evidence/data/\\x1b[2J\\u202e\\n", "evidence/data/pipe"}
    assert told["evidence/data/pipe"] == "is neither a file nor a folder"


@pytest.mark.parametrize("name", ["evidence/data/more", "evidence/bagit.txt", "evidence-custody/custody.jsonl"])
def test_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path, name: str) -> None:
    case = make_case(tmp_path)
    path = tmp_path / name
    if path.exists():
        path.unlink()
    os.mkfifo(path)
    assert problems(check_evidence(case))[name] == "is neither a file nor a folder"


def test_link_in_place_of_the_payload(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    (case / "data").rename(tmp_path / "elsewhere")
    (case / "data").symlink_to(tmp_path / "elsewhere")
    assert problems(check_evidence(case))["evidence/data"] == "is a link"


def test_link_in_place_of_the_case(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    case.rename(tmp_path / "elsewhere")
    case.symlink_to(tmp_path / "elsewhere")
    assert problems(check_evidence(case)) == {"evidence": "is a link, not a folder"}


def test_problems_are_told_within_bounds(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    for number in range(MAX_PROBLEMS + 5):
        (case / "data" / f"x{number}").touch()
    found = check_evidence(case)
    assert len(found.problems) == MAX_PROBLEMS + 1
    assert found.problems[-1].problem == "and 5 more problems that are not listed"


@pytest.mark.parametrize(
    "content", [b"", b"[" * 100_000, b"{}", b"null", b" " * (4 * 1024**2 + 1), b'{"format_version":1}', b"\xff"]
)
def test_hostile_manifest(tmp_path: Path, content: bytes) -> None:
    case = make_case(tmp_path)
    rewrite(case / "data" / "manifest.json", content)
    told = problems(check_evidence(case))
    assert set(told) <= {"evidence/data/manifest.json"}
    assert told


def newer(tmp_path: Path, key: SigningKey | None = None) -> Path:
    """A case of format 3 whose digests, head and signatures are in order."""
    case = make_case(tmp_path, key=key)
    custody = case.with_name("evidence-custody")
    log = read_log(case)
    content = (case / "data" / "manifest.json").read_bytes().replace(b'"format_version":2', b'"format_version":3')
    rewrite(case / "data" / "manifest.json", content)
    relist(case, "manifest-sha256.txt", "data/manifest.json")
    bag = relist(case, "tagmanifest-sha256.txt", "manifest-sha256.txt")
    events = [replace(log.events[0], digest=bag), *log.events[1:]]
    if key is not None:
        rewrite(custody / "manifest.json.minisig", key.sign(content, "later").encode())
    rewrite(custody / "custody.jsonl", log_bytes(events, "case-1", bag, key))
    return case


def relist(case: Path, name: str, path: str) -> str:
    """Give a list of the bag the digest of a file as it is; returns the list's own."""
    digests = read_listing((case / name).read_bytes())
    text = listing({**digests, path: hashlib.sha256((case / path).read_bytes()).hexdigest()})
    rewrite(case / name, text)
    return hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("signed", [False, True])
def test_intact_case_of_a_newer_format(tmp_path: Path, signed: bool) -> None:
    case = newer(tmp_path, SigningKey.generate() if signed else None)
    with pytest.raises(NewerFormatError, match="is of format 3") as caught:
        check_evidence(case)
    assert caught.value.exit_code == 43
    rewrite(case.with_name("evidence-custody") / "custody.jsonl", b"a log as nobody writes it yet\n")
    with pytest.raises(NewerFormatError):
        check_evidence(case)


def test_changed_case_that_says_it_is_of_a_newer_format(tmp_path: Path) -> None:
    case = newer(tmp_path / "payload")
    rewrite(case / "data" / "working" / "media.mkv", b"other")
    assert "evidence/data/working/media.mkv" in problems(check_evidence(case))
    case = newer(tmp_path / "manifest")
    content = (case / "data" / "manifest.json").read_bytes()
    rewrite(case / "data" / "manifest.json", content.replace(b'"case-1"', b'"case-2"'))
    relist(case, "manifest-sha256.txt", "data/manifest.json")
    relist(case, "tagmanifest-sha256.txt", "manifest-sha256.txt")
    assert list(problems(check_evidence(case))) == ["evidence/tagmanifest-sha256.txt"]
    case = newer(tmp_path / "signature", SigningKey.generate())
    log = case.with_name("evidence-custody") / "custody.jsonl"
    *rows, last = log.read_bytes().splitlines(keepends=True)
    rewrite(log, b"".join([*rows, last[: last.index(b'"signature":')] + b'"signature":null}\n']))
    assert "no valid signature" in problems(check_evidence(case))["evidence-custody/custody.jsonl"]


# --- what the sealed log says of the signature ----------------------------------------------------------------------


def custody_of(case: Path, key: SigningKey | None) -> None:
    """Write the custody folder of a case anew, as if it had been sealed with this key."""
    folder = case.with_name("evidence-custody")
    log = read_log(case)
    shutil.rmtree(folder)
    begin_custody(folder, load_manifest(case), log.events[0], key)


@pytest.mark.parametrize("left", ["stripped", "swapped", "added"])
def test_signature_of_the_same_bag_cannot_be_taken_away_or_replaced(tmp_path: Path, left: str) -> None:
    case = make_case(tmp_path, key=None if left == "added" else SigningKey.generate())
    custody_of(case, None if left == "stripped" else SigningKey.generate())
    told = problems(check_evidence(case))
    assert (
        told
        == {
            "stripped": {
                "evidence-custody/manifest.json.minisig": "is missing, while the case is signed",
                "evidence-custody/signing-key.pub": "is missing, while the case is signed",
            },
            "swapped": {"evidence-custody/signing-key.pub": "is not the key that data/custody.jsonl names"},
            "added": {
                "evidence-custody/manifest.json.minisig": "was not there: data/custody.jsonl says that the case is not "
                "signed"
            },
        }[left]
    )


def test_bag_alone_still_names_the_key(tmp_path: Path) -> None:
    key = SigningKey.generate()
    case = make_case(tmp_path, key=key)
    shutil.rmtree(case.with_name("evidence-custody"))
    found = check_evidence(case)
    assert f"signed with the public key {key.public.encoded}" in found.notices[0]
    assert (found.is_signed, found.public_key) == (None, None)


# --- times ----------------------------------------------------------------------------------------------------------


def test_times_that_run_backwards_are_noticed(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    log = read_log(case)
    events = [*log.events[:-1], replace(log.events[-1], utc="2001-01-01T00:00:00Z")]
    rewrite(
        case.with_name("evidence-custody") / "custody.jsonl", log_bytes(events, "case-1", log.head.bag_sha256, None)
    )
    found = check_evidence(case)
    assert found.problems == ()
    (notice,) = found.notices
    assert "evidence-custody/custody.jsonl cannot all be right: event 3 says 2001-01-01T00:00:00Z" in notice


def test_later_log_that_begins_before_the_acquisition_is_noticed(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    log = read_log(case)
    events = [replace(event, utc="2001-01-01T00:00:00Z") for event in log.events]
    rewrite(
        case.with_name("evidence-custody") / "custody.jsonl", log_bytes(events, "case-1", log.head.bag_sha256, None)
    )
    (notice,) = check_evidence(case).notices
    assert "begins at 2001-01-01T00:00:00Z, before evidence/data/custody.jsonl ends" in notice


def test_acquisition_whose_clock_was_set_back_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    taken = acquisition(tmp_path / "staging", finished_utc="2026-01-02T03:04:04Z")
    seal(tmp_path / "staging", tmp_path / "evidence", taken)
    (notice,) = check_evidence(tmp_path / "evidence").notices
    assert "event 2 says 2026-01-02T03:04:04Z, the one before it 2026-01-02T03:04:05Z" in notice


# --- the report beside it -------------------------------------------------------------------------------------------


def note(case: Path, name: str, content: bytes) -> None:
    """Write a file of a report, and tell the log of it."""
    (case.parent / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    append_event(case, actor="a test", action="report written", detail=name, digest=digest, signing_key=None)


def test_report_beside_the_case_is_compared_with_the_log(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    names = ("report.json", "report.html", "matches.csv")
    for name in names:
        note(case, name, b"first")
        note(case, name, b"second")
    found = check_evidence(case, report_folder=tmp_path)
    assert (found.problems, found.notices) == ((), ())
    assert any(", ".join(names) in said and "gives last" in said for said in found.statements)
    for name in names:
        (tmp_path / name).write_bytes(b"first")  # what was true once
    found = check_evidence(case, report_folder=tmp_path)
    assert list(problems(found)) == list(names)
    assert {each.kind for each in found.problems} == {ProblemKind.NOT_CONFIRMED}
    assert check_evidence(case).problems == ()


def test_report_that_cannot_be_compared_is_told(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    assert (
        "The report beside the case was not checked: there is none."
        in check_evidence(case, report_folder=tmp_path).limits
    )
    (tmp_path / "report.json").write_bytes(b"{}")
    found = check_evidence(case, report_folder=tmp_path)
    assert found.notices == ("report.json beside the case was not checked: the later log tells of none.",)
    note(case, "report.html", b"x")
    (tmp_path / "report.html").unlink()
    found = check_evidence(case, report_folder=tmp_path)
    assert "report.html was not checked: the later log tells of it, but it is not there." in found.limits
    (tmp_path / "report.html").symlink_to(tmp_path / "report.json")
    assert problems(check_evidence(case, report_folder=tmp_path)) == {"report.html": "cannot be read (a link)"}


# --- what is too large, too many, or made by a system ---------------------------------------------------------------


def sparse(path: Path, size_bytes: int) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(size_bytes)


@pytest.mark.parametrize(
    "name",
    [
        "evidence-custody/decision.json",
        "evidence-custody/signing-key.pub",
        "evidence-custody/manifest.json.minisig",
        "evidence-custody/custody.jsonl",
        "evidence/tagmanifest-sha256.txt",
        "evidence/data/manifest.json",
        "evidence/data/working/media.mkv",
        "evidence/data/custody.jsonl",
    ],
)
def test_hole_of_a_terabyte_keeps_nobody_busy(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case(tmp_path, key=SigningKey.generate())
    sparse(tmp_path / name, 1024**4)
    monkeypatch.setattr("verify.evidence.layout.MAX_ADDED_BYTES", 1024**2)  # else 64 MiB are read
    assert name in problems(check_evidence(case))


def test_hole_where_no_manifest_tells_the_size(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    (case / "data" / "manifest.json").unlink()
    sparse(case / "data" / "working" / "media.mkv", 1024**4)
    told = problems(check_evidence(case))
    assert told["evidence/data/working/media.mkv"] == "was not read: it is larger than what bag-info.txt leaves for it"
    rewrite(case / "bag-info.txt", b"")
    assert "was not read" in problems(check_evidence(case))["evidence/data/metadata/info.json"]


def test_files_beyond_the_bound_are_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case(tmp_path)
    monkeypatch.setattr("verify.evidence.check_folder.MAX_ENTRIES", 5)
    told = problems(check_evidence(case))
    assert "not all were looked at" in told["evidence"]
    assert not any("is missing" in problem for problem in told.values())


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._media.mkv"])
def test_files_that_systems_make_are_named_as_such(tmp_path: Path, name: str) -> None:
    case = make_case(tmp_path)
    (case / "data" / "working" / name).touch()
    assert problems(check_evidence(case)) == {
        f"evidence/data/working/{name}": "is not part of the case; it is a file that systems make by themselves: "
        "delete it and check again"
    }


def test_texts_from_the_case_act_on_no_terminal(tmp_path: Path) -> None:
    findings = Findings()
    for texts in (findings.notices, findings.limits, findings.statements):
        texts.append("a \x1b[2J\u202e b" + "x" * 3000)
    found = findings.outcome("case", case_id="", bag_sha256=None, manifest_sha256=None)
    for told in (*found.notices, *found.limits, *found.statements):
        assert told.startswith("a \\x1b[2J\\u202e b")
        assert len(told) < 2100


def test_changed_case_is_refused(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    assert refuse_changed(case).case_id == "case-1"
    (case / "data" / "more").touch()
    with pytest.raises(EvidenceMismatchError, match="is not as it was sealed: evidence/data/more") as caught:
        refuse_changed(case)
    assert caught.value.exit_code == 20


# --- the command ----------------------------------------------------------------------------------------------------


def test_command_tells_what_was_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_case(tmp_path, private=True)
    assert run(tmp_path) == 0
    told = capsys.readouterr().out
    assert told.startswith("Case case-1 in ")
    assert told.endswith("\nNo change was found; the case is not signed.\n")
    assert "\nWhat does not vouch for it:\n  Not signed: " in told
    assert run(tmp_path / "evidence") == 0
    for name in ("data/manifest.json", "tagmanifest-sha256.txt"):
        assert hashlib.sha256((tmp_path / "evidence" / name).read_bytes()).hexdigest() in told


def test_command_names_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path)
    (case / "data" / "more").touch()
    (case / "bag-info.txt").unlink()
    assert run(case, "--json") == 20
    told = json.loads(capsys.readouterr().out)
    assert told["no_change_found"] is False
    assert told["problems"][0]["kind"] == "changed"
    assert [each["path"] for each in told["problems"]] == ["evidence/bag-info.txt", "evidence/data/more"]
    assert run(case) == 20
    lines = capsys.readouterr().out.splitlines()
    assert "  evidence/bag-info.txt: is missing" in lines
    assert lines[-1].startswith("2 problems: this is not the case as it was sealed.")


def test_command_with_the_expected_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = SigningKey.generate()
    case = make_case(tmp_path / "case", key=key)
    (tmp_path / "my.pub").write_text(key.public.text)
    assert run(case, "--key", tmp_path / "my.pub") == 0
    assert run(case, "--key", key.public.encoded) == 0
    told = capsys.readouterr().out
    assert told.endswith("\nNo change was found.\n")
    assert f"Public key {key.public.key_id}: {key.public.encoded}\n" in told
    assert run(case, "--key", SigningKey.generate().public.encoded) == 20
    told = capsys.readouterr().out
    assert "\nWhat is not confirmed:\n  evidence-custody/signing-key.pub: is key" in told
    assert told.endswith("\n1 problem: the case is not confirmed as what was expected.\n")
    for wrong in ("", "x", "x" * 5000, "\x00", str(tmp_path)):
        with pytest.raises(InvalidUsageError, match="no minisign public key"):
            run(case, "--key", wrong)


def test_command_without_a_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidUsageError, match="no such folder"):
        run(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(InvalidUsageError, match="is a file"):
        run(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidUsageError, match="holds no case"):
        run(tmp_path / "empty")
    with pytest.raises(InvalidUsageError, match="CASE: is empty"):
        run("")
    case = make_case(tmp_path / "broken")
    shutil.rmtree(case)
    assert run(tmp_path / "broken") == 20
    assert "evidence: is missing" in capsys.readouterr().out


def test_command_with_the_expected_digest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path)
    assert run(case, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["no_change_found"] is True
    expected = hashlib.sha256((case / "data" / "manifest.json").read_bytes()).hexdigest()
    assert told["manifest_sha256"] == expected
    assert told["bag_sha256"] == hashlib.sha256((case / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
    assert run(case, "--manifest-sha256", expected.upper()) == 0
    assert "data/manifest.json has the SHA-256 that was given." in capsys.readouterr().out
    assert run(case, "--manifest-sha256", "ab" * 32) == 20
    assert f"not the expected {'ab' * 32}" in capsys.readouterr().out
    for wrong in ("", "ab", "g" * 64):
        with pytest.raises(InvalidUsageError, match="is no SHA-256"):
            run(case, "--manifest-sha256", wrong)


def test_forged_case_around_a_whole_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The case inside must not vouch for the one that was given."""
    outer = make_case(tmp_path / "f")
    make_case(tmp_path / "g").rename(outer / "evidence")
    (tmp_path / "g" / "evidence-custody").rename(outer / "evidence-custody")
    rewrite(outer / "data" / "working" / "media.mkv", b"forged")
    for name in ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"):
        (outer / name).unlink()
        assert run(outer) == 20
    shutil.rmtree(outer.with_name("evidence-custody"))
    assert run(outer) == 20
    assert "evidence/bagit.txt: is missing" in capsys.readouterr().out


def test_link_that_the_reader_gives_is_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_case(tmp_path / "real")
    (tmp_path / "report").symlink_to(tmp_path / "real")
    (tmp_path / "case").symlink_to(tmp_path / "real" / "evidence")
    for name in ("report", "case"):
        assert run(tmp_path / name) == 0
        assert str(tmp_path / "real" / "evidence") in capsys.readouterr().out
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidUsageError):
        run(tmp_path / "loop")


def test_command_with_names_that_no_case_can_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidUsageError, match="cannot be read"):
        run(tmp_path / ("x" * 300))
    monkeypatch.setattr("verify.evidence.layout._CASE_NAME", "no-such-folder-anywhere")
    with pytest.raises(InvalidUsageError, match="holds no case"):
        run("/")
    long = make_case(tmp_path).rename(tmp_path / ("x" * 250))  # no name is left for what lies beside it
    assert run(long) == 100
    capsys.readouterr()
    odd = tmp_path / os.fsdecode(b"\xff\x1b")
    long.rename(odd)
    (tmp_path / "evidence-custody").rename(tmp_path / f"{odd.name}-custody")
    (odd / os.fsdecode(b"\xfe")).touch()
    assert run(odd, "--json") == 20
    told = json.loads(capsys.readouterr().out)
    assert told["case"].endswith("\\udcff\\x1b")
    assert run(odd) == 20


def test_command_in_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for name in (".", "evidence"):
        with pytest.raises(InvalidUsageError):
            run(name)


# --- timestamps -----------------------------------------------------------------------------------------------------


def test_timestamps_are_checked_offline(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    key = SigningKey.generate()
    case = make_case(tmp_path / "case", key=key)
    manifest = (case / "data" / "manifest.json").read_bytes()
    response = authority.timestamp(manifest)
    add_custody_file(case, "manifest.json.tsr", response, actor="a test", signing_key=key)
    found = check_evidence(case, timestamp_roots=load_roots(authority.root))
    assert (found.problems, found.notices) == ((), ())
    assert any("existed by 2" in said and "CN=Example signer" in said for said in found.statements)
    assert run(case, "--timestamp-ca", authority.root) == 0
    untrusted = check_evidence(case)
    assert untrusted.problems == ()
    assert "Whether that authority is to be believed could not be checked" in untrusted.notices[0]
    rewrite(case.with_name("evidence-custody") / "manifest.json.tsr", response[:-1])
    assert list(problems(check_evidence(case))) == ["evidence-custody/manifest.json.tsr"]


@pytest.mark.parametrize("name", ["manifest.json.tsr", "manifest.json.2.tsr", "manifest.json.ots"])
def test_proofs_of_something_else_are_problems(tmp_path: Path, name: str) -> None:
    case = make_case(tmp_path / "case")
    content = proof_of(b"other") if name.endswith("ots") else Authority(tmp_path / "authority").timestamp(b"other")
    add_custody_file(case, name, content, actor="a test", signing_key=None)
    assert "over other data" in problems(check_evidence(case))[f"evidence-custody/{name}"]


def test_proof_that_is_not_yet_in_the_log(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    folder = case.with_name("evidence-custody")
    proof = proof_of((case / "data" / "manifest.json").read_bytes())
    (folder / "manifest.json.ots").write_bytes(proof)
    (folder / "manifest.json.2.ots").write_bytes(proof_of(b"other"))
    found = check_evidence(case)
    assert problems(found) == {
        "evidence-custody/manifest.json.ots": "was added, but is not yet in the log: run `verify evidence timestamp "
        "CASE` again",
        "evidence-custody/manifest.json.2.ots": "is not part of the case",
    } | {path: problem for path, problem in problems(found).items() if path.endswith(".2.ots")}
    (folder / "manifest.json.2.ots").unlink()
    with pytest.raises(EvidenceMismatchError, match="not yet in the log"):
        refuse_changed(case)
    assert refuse_changed(case, allow_unlogged=True).problems
    assert run(case) == 20
    add_custody_file(case, "manifest.json.ots", proof, actor="a test", signing_key=None)
    assert check_evidence(case).problems == ()


def test_open_timestamps_say_how_far_they_lead(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    manifest = (case / "data" / "manifest.json").read_bytes()
    add_custody_file(case, "manifest.json.ots", proof_of(manifest), actor="a test", signing_key=None)
    found = check_evidence(case)
    assert found.problems == ()
    assert "promise by https://calendar.example.org" in found.notices[0]
    add_custody_file(case, "manifest.json.2.ots", proof_of(manifest, 800_000), actor="a test", signing_key=None)
    found = check_evidence(case)
    assert found.problems == ()
    assert any(
        "block 800000" in said and hashlib.sha256(manifest).digest()[::-1].hex() in said for said in found.notices
    )


def proof_of(data: bytes, height: int | None = None) -> bytes:
    """A detached proof: a calendar's promise, or a block whose Merkle root is the digest itself."""
    root = Timestamp(hashlib.sha256(data).digest())
    promise = PendingAttestation("https://calendar.example.org")
    root.attestations.add(promise if height is None else BitcoinBlockHeaderAttestation(height))
    context = BytesSerializationContext()
    DetachedTimestampFile(OpSHA256(), root).serialize(context)
    return bytes(context.getbytes())


# --- without this program -------------------------------------------------------------------------------------------


@pytest.mark.skipif(not all(map(shutil.which, ("minisign", "openssl", "sha256sum"))), reason="needs these programs")
def test_recipe_of_the_format_page_works(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    key = SigningKey.generate()
    case = make_case(tmp_path / "case", key=key)
    response = authority.timestamp((case / "data" / "manifest.json").read_bytes())
    add_custody_file(case, "manifest.json.tsr", response, actor="a test", signing_key=key)
    page = (CHECKOUT / "docs" / "internals" / "case-format.md").read_text(encoding="utf-8")
    shell = page[page.index("    cd evidence\n") : page.index("The two chains, the head")]
    lines = [line for line in shell.splitlines() if "pip install" not in line]
    assert len(lines) > 5
    (case.parent / "authority.pem").symlink_to(authority.root)
    told = subprocess.run(
        ["sh", "-e", "-c", "\n".join(lines)], cwd=case.parent, capture_output=True, text=True, check=True
    ).stdout
    assert "Signature and comment signature verified" in told
    assert " GMT\n" in told
    listed = sum(len(text.splitlines()) for text in (path.read_text() for path in case.glob("*manifest-sha256.txt")))
    assert f"\n{listed + 1}\n" in told
    reader = [sys.executable, "-W", "ignore", "-c"]
    reader.append(page[page.index("```python\n") + 10 : page.index("```\n\nThis leaves out")])

    def read(*words: str | Path, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*reader, *words], cwd=cwd, capture_output=True, text=True, check=False)

    for found in (read(case), read(".", cwd=case)):
        assert found.returncode == 0, found.stderr
        folder = Path(found.stdout.splitlines()[-1])
        head = ["minisign", "-V", "-p", case.with_name("evidence-custody") / "signing-key.pub", "-m", "head.json"]
        subprocess.run(head, cwd=folder, capture_output=True, check=True)
        shutil.rmtree(folder)
    assert check_evidence(case, timestamp_roots=load_roots(authority.root)).problems == ()  # nothing was left there
    log = case.with_name("evidence-custody") / "custody.jsonl"
    rows = log.read_bytes().splitlines(keepends=True)
    rewrite(log, b"".join([*rows[:-2], rows[-1]]))
    assert "cut off" in read(case).stderr
    assert read(make_case(tmp_path / "unsigned")).returncode == 0
    for name, new_key, words in (("stripped", None, "signature"), ("swapped", SigningKey.generate(), "another key")):
        changed = make_case(tmp_path / name, key=key)
        custody_of(changed, new_key)
        assert f"AssertionError: {words}" in read(changed).stderr


# --- permissions ----------------------------------------------------------------------------------------------------

AS_NOBODY = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import verify.evidence.check
# What it imports on the way is had before privileges go: an ordinary user may not be able to read this environment.
verify.evidence.check.check_evidence(Path(sys.argv[2]))
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
found = verify.evidence.check.check_evidence(Path(sys.argv[2]))
print(json.dumps([[f"{each.path}: {each.kind}: {each.problem}" for each in found.problems], found.notices]))
"""


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def as_nobody(case: Path) -> tuple[list[str], list[str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    words = [sys.executable, "-W", "ignore", "-c", AS_NOBODY, str(CHECKOUT), str(case)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", env=environment)
    assert done.returncode == 0, done.stderr
    problems, notices = json.loads(done.stdout)
    return problems, notices


@pytest.mark.skipif(not hasattr(os, "setuid") or os.geteuid() != 0, reason="needs two users")
def test_other_users_can_check_all_but_the_private_files(reachable: Path) -> None:
    case = make_case(reachable, private=True)
    told, notices = as_nobody(case)
    assert told == []
    assert notices == [
        "The private files could not be checked: this user may not read evidence-private. Its owner can."
    ]


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="no Unix users here")
def test_what_may_not_be_read_is_named(reachable: Path) -> None:
    case = make_case(reachable)
    closed = [case / "data" / "working" / "media.mkv", case / "data" / "streams", case / "bag-info.txt"]
    for path in closed:
        path.chmod(0)
    told, _ = as_nobody(case)
    for path in closed:
        path.chmod(0o755)
    for path in closed:
        name = path.relative_to(reachable).as_posix()
        assert any(line.startswith(f"{name}: unreadable: ") and "Permission denied" in line for line in told)
    assert len(told) == len(closed)  # what lies in the closed folder is not called missing


def test_what_this_user_may_not_read_is_no_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(tmp_path)
    original = reading.open_regular

    def closed(path: Path) -> BinaryIO:
        if path.name == "media.mkv":
            raise PermissionError(13, "Permission denied")
        return original(path)

    monkeypatch.setattr(reading, "open_regular", closed)
    assert run(case) == 100
    told = capsys.readouterr().out
    assert "\nWhat this user may not read:\n  evidence/data/working/media.mkv: cannot be read" in told
    assert told.endswith("\nNo change was found in what could be checked; the case is not signed.\n")
    with pytest.raises(EvidenceMismatchError, match="cannot be checked: evidence/data/working"):
        refuse_changed(case)
