"""What the check of a case says, beyond finding every change (see reliability/test_evidence_tampering.py)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.case_samples import acquisition, make_case, rewrite, seal
from tests.unit.check_samples import custody_of, problems, run
from verify.errors import EvidenceMismatchError, NewerFormatError
from verify.evidence.bag import listing, read_listing
from verify.evidence.check import check_evidence, refuse_changed
from verify.evidence.custody import read_log
from verify.evidence.custody_log import log_bytes
from verify.evidence.keys import SigningKey
from verify.evidence.problems import MAX_PROBLEMS, Findings
from verify.model import FileRole


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
