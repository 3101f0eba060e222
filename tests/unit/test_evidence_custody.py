"""The log that goes on after a case is sealed, and the files that come to lie beside it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.footage import CHECKOUT
from tests.unit.case_samples import CLOCK, acquisition, rewrite, seal
from verify.errors import EvidenceExistsError, EvidenceMismatchError, InvalidUsageError, OutputNotWritableError
from verify.evidence import custody, custody_log
from verify.evidence.canonical import canonical_json
from verify.evidence.check import check_evidence
from verify.evidence.custody import add_custody_file, append_event, next_proof_name, read_log
from verify.evidence.custody_log import MAX_LINE_BYTES, log_bytes
from verify.evidence.keys import SigningKey, verify_signature


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(params=["unsigned", "signed"])
def signer(request: pytest.FixtureRequest, key: SigningKey) -> SigningKey | None:
    return key if request.param == "signed" else None


def new_case(folder: Path, signing_key: SigningKey | None = None) -> Path:
    (folder / "staging").mkdir()
    taken = acquisition(folder / "staging", clock=CLOCK)
    seal(folder / "staging", folder / "case", taken, signing_key=signing_key)
    return folder / "case"


def log_of(case: Path) -> Path:
    return case.with_name("case-custody") / "custody.jsonl"


def append(case: Path, signing_key: SigningKey | None = None, action: str = "examined") -> None:
    append_event(case, actor="a test", action=action, detail="some detail", signing_key=signing_key)


# --- canonical JSON -------------------------------------------------------------------------------------------------


def test_canonical_json_is_that_of_rfc_8785() -> None:
    # From section 3.2.2 and 3.2.3 of the RFC.
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_json(value) == expected.encode()
    names = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical_json(names)).values()) == [2, 4, 6, 7, 1, 5, 3]


def test_what_canonical_json_cannot_hold_is_made_safe() -> None:
    value = {"\udfff": ("\ud800", 2**53, -(2**60), 2**53 - 1, True)}
    assert json.loads(canonical_json(value)) == {
        "\ufffd": ["\ufffd", "9007199254740992", "-1152921504606846976", 2**53 - 1, True]
    }
    with pytest.raises(ValueError, match="not representable"):
        canonical_json(float("nan"))


# --- the log --------------------------------------------------------------------------------------------------------


def test_log_begins_with_the_bag_and_ends_in_a_head(tmp_path: Path) -> None:
    case = new_case(tmp_path)
    append_event(
        case, actor="A. Person", action="examined", detail="x", digest="ab" * 32, clock=CLOCK, signing_key=None
    )
    lines = log_of(case).read_bytes().splitlines(keepends=True)
    first, second, last = map(json.loads, lines)
    bag = hashlib.sha256((case / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
    assert (first["action"], first["digest"], first["previous_sha256"]) == ("sealed", bag, None)
    assert second["previous_sha256"] == hashlib.sha256(lines[0]).hexdigest()
    assert (second["actor"], second["action"], second["digest"]) == ("A. Person", "examined", "ab" * 32)
    assert last == {
        "head": {
            "bag_sha256": bag,
            "case_id": "case-1",
            "events": 2,
            "last_event_sha256": hashlib.sha256(lines[1]).hexdigest(),
            "utc": second["utc"],
        },
        "signature": None,
    }
    log = read_log(case)
    assert [event.clock for event in log.events] == [CLOCK, CLOCK]


def test_head_and_manifest_are_signed(tmp_path: Path, key: SigningKey) -> None:
    case = new_case(tmp_path, key)
    append(case, key)
    log = read_log(case)
    assert log.head.signature is not None
    assert verify_signature(key.public, log.head.signed_bytes(), log.head.signature) == "case case-1, 4 custody events"
    signature = (log_of(case).parent / "manifest.json.minisig").read_text()
    manifest = (case / "data" / "manifest.json").read_bytes()
    assert verify_signature(key.public, manifest, signature).startswith("case case-1, manifest sealed 2")
    assert (log_of(case).parent / "signing-key.pub").read_text() == key.public.text


def test_log_is_only_continued_with_the_key_of_the_case(tmp_path: Path, key: SigningKey) -> None:
    case = new_case(tmp_path, key)
    before = log_of(case).read_bytes()
    for other in (None, SigningKey.generate()):
        with pytest.raises(InvalidUsageError, match=f"is signed with key {key.public.key_id}"):
            append(case, other)
    assert log_of(case).read_bytes() == before


def test_log_of_an_unsigned_case_stays_unsigned(tmp_path: Path, key: SigningKey) -> None:
    case = new_case(tmp_path)
    append(case, key)
    assert read_log(case).head.signature is None
    assert check_evidence(case).problems == ()


def test_nothing_is_added_to_a_log_that_was_changed(tmp_path: Path, key: SigningKey) -> None:
    """Else the key's holder would sign what somebody else wrote."""
    case = new_case(tmp_path, key)
    append(case, key)
    log = read_log(case)
    shorter = log_bytes(log.events[:-1], "case-1", log.head.bag_sha256, SigningKey.generate())
    rewrite(log_of(case), shorter)
    with pytest.raises(EvidenceMismatchError, match="without a valid signature") as caught:
        append(case, key)
    assert caught.value.exit_code == 20
    assert log_of(case).read_bytes() == shorter


def test_nothing_is_added_to_the_log_of_another_bag(tmp_path: Path, signer: SigningKey | None) -> None:
    case = new_case(tmp_path, signer)
    rewrite(case / "tagmanifest-sha256.txt", b"")
    with pytest.raises(EvidenceMismatchError, match="is not the one that was sealed"):
        append(case, signer)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no events and a head"),
        (b"{}\n", "no events and a head"),
        (b"{}\n{}\n", "line 1 is not an event"),
        (b"[" * 100_000 + b"\n{}\n", "line 1 is not an event"),
        (b"9" * 5000 + b"\n{}\n", "line 1 is not an event"),
        (b"\xff\n\xff\n", "line 1 is not an event"),
        (b"x" * (MAX_LINE_BYTES + 1), "longer than"),
    ],
)
def test_hostile_log(tmp_path: Path, content: bytes, words: str) -> None:
    case = new_case(tmp_path)
    rewrite(log_of(case), content)
    with pytest.raises(EvidenceMismatchError, match=words):
        read_log(case)
    assert any(words in each.problem for each in check_evidence(case).problems)


def test_missing_log(tmp_path: Path) -> None:
    with pytest.raises(EvidenceMismatchError, match="cannot be read"):
        read_log(tmp_path / "case")


def test_long_texts_are_cut_and_still_read(tmp_path: Path) -> None:
    case = new_case(tmp_path)
    append_event(case, actor="\U0001f3ac" * 50_000, action="a\ud800", detail='"' * 50_000, signing_key=None)
    assert read_log(case).events[-1].action == "a\ufffd"
    assert check_evidence(case).problems == ()


def test_line_that_could_not_be_read_back_is_refused(tmp_path: Path) -> None:
    case = new_case(tmp_path)
    before = log_of(case).read_bytes()
    long = "\x01" * 20_000  # six bytes each in JSON
    with pytest.raises(OutputNotWritableError, match="cannot hold this event"):
        append_event(case, actor=long, action=long, detail=long, signing_key=None)
    assert log_of(case).read_bytes() == before


def test_log_that_is_full_is_not_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = new_case(tmp_path)
    while log_of(case).stat().st_size < (case / "data" / "custody.jsonl").stat().st_size:  # which is read too
        append(case)
    before = log_of(case).read_bytes()
    count = len(read_log(case).events)
    monkeypatch.setattr(custody_log, "MAX_LOG_BYTES", len(before) + 10)
    with pytest.raises(OutputNotWritableError, match="cannot hold this event") as caught:
        append(case)
    assert caught.value.exit_code == 51
    assert log_of(case).read_bytes() == before
    assert len(read_log(case).events) == count


@pytest.mark.parametrize("action", ["sealed", "file added", "annotated", ""])
def test_actions_that_are_not_for_others(tmp_path: Path, action: str) -> None:
    case = new_case(tmp_path)
    with pytest.raises(ValueError, match=r"not for others|without actor"):
        append(case, action=action)


def test_failed_write_leaves_the_old_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = new_case(tmp_path)
    before = log_of(case).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputNotWritableError, match="No space left on device"):
        append(case)
    monkeypatch.undo()
    assert log_of(case).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case", "case-custody", "staging"]
    append(case)


def test_many_processes_add_at_once(tmp_path: Path, signer: SigningKey | None) -> None:
    case = new_case(tmp_path, signer)
    key_path = tmp_path / "key"
    if signer:
        signer.save(key_path)
    program = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from verify.evidence.custody import append_event
from verify.evidence.keys import SigningKey
key = SigningKey.load(Path(sys.argv[3])) if Path(sys.argv[3]).exists() else None
for number in range(5):
    append_event(Path(sys.argv[2]), actor="a", action="b", detail=f"{sys.argv[4]}-{number}", signing_key=key)
"""
    words = [sys.executable, "-c", program, str(CHECKOUT), str(case), str(key_path)]
    children = [subprocess.Popen([*words, str(number)]) for number in range(4)]
    assert [child.wait(timeout=60) for child in children] == [0, 0, 0, 0]
    details = [event.detail for event in read_log(case).events if event.action == "b"]
    assert sorted(details) == sorted(f"{child}-{number}" for child in range(4) for number in range(5))
    assert check_evidence(case).problems == ()


def test_lock_that_is_never_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = new_case(tmp_path)
    monkeypatch.setattr(custody, "_LOCK_WAIT_S", 0.05)
    with custody._locked(case), pytest.raises(OutputNotWritableError, match="another process is writing to it"):
        append(case)
    append(case)


# --- files beside the log -------------------------------------------------------------------------------------------


def test_added_file_is_in_the_log_and_never_overwritten(tmp_path: Path, signer: SigningKey | None) -> None:
    case = new_case(tmp_path, signer)
    add_custody_file(case, "note.txt", b"one", actor="a test", detail="a note", signing_key=signer)
    event = read_log(case).events[-1]
    digest = hashlib.sha256(b"one").hexdigest()
    assert (event.action, event.detail, event.digest) == ("file added", "note.txt: a note", digest)
    for content in (b"one", b"two"):
        with pytest.raises(EvidenceExistsError, match="is not overwritten"):
            add_custody_file(case, "note.txt", content, actor="a test", signing_key=signer)
    assert (log_of(case).parent / "note.txt").read_bytes() == b"one"
    assert check_evidence(case).problems == ()


def test_addition_that_was_broken_off_can_be_completed(tmp_path: Path) -> None:
    case = new_case(tmp_path)
    path = log_of(case).parent / "note.txt"
    path.write_bytes(b"one")
    assert [each.path for each in check_evidence(case).problems] == ["case-custody/note.txt"]
    with pytest.raises(EvidenceExistsError):
        add_custody_file(case, "note.txt", b"two", actor="a test", signing_key=None)
    add_custody_file(case, "note.txt", b"one", actor="a test", signing_key=None)
    assert check_evidence(case).problems == ()


def test_file_that_the_log_cannot_tell_of_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = new_case(tmp_path)
    monkeypatch.setattr(custody, "log_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OutputNotWritableError):
        add_custody_file(case, "note.txt", b"one", actor="a test", signing_key=None)
    assert [path.name for path in log_of(case).parent.iterdir()] == ["custody.jsonl"]


def test_added_file_that_is_gone_is_not_replaced(tmp_path: Path) -> None:
    case = new_case(tmp_path)
    add_custody_file(case, "note.txt", b"one", actor="a test", signing_key=None)
    (log_of(case).parent / "note.txt").unlink()
    with pytest.raises(EvidenceMismatchError, match="is gone"):
        add_custody_file(case, "note.txt", b"one", actor="a test", signing_key=None)


@pytest.mark.parametrize("name", ["custody.jsonl", "../x", ".hidden", "", "a b", "a/b"])
def test_names_of_added_files_are_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        add_custody_file(new_case(tmp_path), name, b"", actor="a test", signing_key=None)


@pytest.mark.parametrize(("name", "limit"), [("manifest.json.minisig", 16_384), ("manifest.json.3.ots", 1024**2)])
def test_file_that_could_not_be_read_back_is_not_added(tmp_path: Path, name: str, limit: int) -> None:
    case = new_case(tmp_path)
    with pytest.raises(InvalidUsageError, match="is larger than"):
        add_custody_file(case, name, bytes(limit + 1), actor="a test", signing_key=None)
    add_custody_file(case, name, bytes(limit), actor="a test", signing_key=None)


def test_further_proofs_get_the_next_free_name(tmp_path: Path) -> None:
    case = new_case(tmp_path)
    assert next_proof_name(case, "tsr") == "manifest.json.tsr"
    add_custody_file(case, "manifest.json.tsr", b"one", actor="a test", signing_key=None)
    (log_of(case).parent / "manifest.json.2.tsr").touch()  # not in the log yet
    assert next_proof_name(case, "tsr") == "manifest.json.3.tsr"
    assert next_proof_name(case, "ots") == "manifest.json.ots"
    (log_of(case).parent / "manifest.json.tsr").unlink()  # in the log still
    assert next_proof_name(case, "tsr") == "manifest.json.3.tsr"
