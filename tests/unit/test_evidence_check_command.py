"""The command that checks a case: exit codes, last lines, JSON, and arguments that no case has."""

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
from typing import BinaryIO

import pytest

from fixtures.footage import CHECKOUT
from tests.unit.case_samples import make_case, rewrite
from tests.unit.check_samples import run
from verify.errors import EvidenceMismatchError, InvalidUsageError
from verify.evidence import reading
from verify.evidence.check import refuse_changed
from verify.evidence.keys import SigningKey

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
