"""What the check says of timestamps and of a report, and the recipe for checking without this program."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.footage import CHECKOUT
from tests.unit.case_samples import make_case, rewrite
from tests.unit.check_samples import custody_of, problems, proof_of, run
from tests.unit.timestamp_authority import Authority
from verify.errors import EvidenceMismatchError
from verify.evidence.check import check_evidence, refuse_changed
from verify.evidence.custody import add_custody_file, append_event
from verify.evidence.keys import SigningKey
from verify.evidence.problems import ProblemKind
from verify.evidence.timestamps import load_roots

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
