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
from pathlib import Path

import pytest
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from fixtures.footage import CHECKOUT
from tests.unit.case_samples import make_case, rewrite
from tests.unit.timestamp_authority import Authority
from verify.commands.evidence import evidence as command
from verify.errors import InvalidUsageError, NewerFormatError
from verify.evidence.bag import listing, read_listing
from verify.evidence.check import check_evidence
from verify.evidence.custody import add_custody_file
from verify.evidence.keys import SigningKey
from verify.evidence.problems import MAX_PROBLEMS, EvidenceCheck
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
    assert "Not signed: digests show accidental change" in said
    assert "those of the machine that wrote them" in said


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


def test_intact_case_of_a_newer_format(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    content = (case / "data" / "manifest.json").read_bytes().replace(b'"format_version":2', b'"format_version":3')
    rewrite(case / "data" / "manifest.json", content)
    assert list(problems(check_evidence(case))) == ["evidence/data/manifest.json"]
    text = subprocess.run(
        ["sha256sum", case / "data" / "manifest.json"], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    files = read_listing((case / "manifest-sha256.txt").read_bytes())
    rewrite(case / "manifest-sha256.txt", listing({**files, "data/manifest.json": text}))
    with pytest.raises(NewerFormatError):
        check_evidence(case)


# --- the command ----------------------------------------------------------------------------------------------------


def test_command_tells_what_was_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_case(tmp_path, private=True)
    assert run(tmp_path) == 0
    told = capsys.readouterr().out
    assert told.startswith("Case case-1 in ")
    assert told.endswith("\nNo change was found.\n")
    assert run(tmp_path / "evidence") == 0


def test_command_names_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path)
    (case / "data" / "more").touch()
    (case / "bag-info.txt").unlink()
    assert run(case, "--json") == 20
    told = json.loads(capsys.readouterr().out)
    assert told["intact"] is False
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
    assert run(case, "--key", SigningKey.generate().public.encoded) == 20
    capsys.readouterr()
    for wrong in ("x", "x" * 5000, "\x00", str(tmp_path)):
        with pytest.raises(InvalidUsageError, match="no minisign public key"):
            run(case, "--key", wrong)


def test_command_without_a_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidUsageError, match="no such folder"):
        run(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(InvalidUsageError, match="is a file"):
        run(tmp_path / "file")
    case = make_case(tmp_path / "broken")
    shutil.rmtree(case)
    assert run(tmp_path / "broken") == 20
    assert "evidence: is missing" in capsys.readouterr().out


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
    working = tmp_path / "working"
    working.mkdir()
    (case.with_name("evidence-custody") / "authority.pem").symlink_to(authority.root)
    told = subprocess.run(
        ["sh", "-e", "-c", "\n".join(lines)], cwd=case.parent, capture_output=True, text=True, check=True
    ).stdout
    assert "Signature and comment signature verified" in told
    (case.with_name("evidence-custody") / "authority.pem").unlink()
    listed = sum(len(text.splitlines()) for text in (path.read_text() for path in case.glob("*manifest-sha256.txt")))
    assert f"\n{listed + 1}\n" in told
    code = page[page.index("```python\n") + 10 : page.index("```\n\n`verify evidence check`")]
    reader = [sys.executable, "-W", "ignore", "-c", code, str(case)]
    subprocess.run(reader, cwd=working, capture_output=True, check=True)
    head = ["minisign", "-V", "-p", case.with_name("evidence-custody") / "signing-key.pub", "-m", "head.json"]
    subprocess.run(head, cwd=working, capture_output=True, check=True)
    log = case.with_name("evidence-custody") / "custody.jsonl"
    rows = log.read_bytes().splitlines(keepends=True)
    rewrite(log, b"".join([*rows[:-2], rows[-1]]))
    assert b"cut off" in subprocess.run(reader, cwd=working, capture_output=True, check=False).stderr


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
print(json.dumps([[f"{each.path}: {each.problem}" for each in found.problems], found.notices]))
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
        assert any(path.relative_to(reachable).as_posix() in line and "Permission denied" in line for line in told)
