"""Taking up a case again: what is found, what is copied, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.case_samples import make_case
from verify.errors import EvidenceExistsError, EvidenceMismatchError, OutputNotWritableError
from verify.evidence.keys import SigningKey
from verify.evidence.manifest import load_manifest
from verify.evidence.reuse import copy_case, find_case, load_acquisition
from verify.evidence.sealing import can_continue_log, describe_seal
from verify.model import FileRole

KEY = SigningKey.generate()


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_case_is_found_by_itself_and_by_the_folder_it_is_in(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    assert find_case(case) == case
    assert find_case(tmp_path) == case
    assert find_case(case / "data") is None


def test_the_record_of_the_acquisition_is_read_back(tmp_path: Path) -> None:
    case = make_case(tmp_path, private=True)
    acquisition = load_acquisition(case, load_manifest(case))
    assert acquisition.source == "https://example.org/v"
    assert acquisition.clock is not None
    assert acquisition.clock.offset_s == 0.25
    assert acquisition.media.role is FileRole.WORKING_COPY
    assert acquisition.media.path == case / "data" / "working" / "media.mkv"
    assert acquisition.media.path.is_file()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b'{"source": 1}', b'{"files": []}', b"[" * 100_000, b" " * (16 * 1024**2 + 1)],
    ids=["empty", "list", "nothing", "no-text", "wrong-type", "no-files", "deep", "large"],
)
def test_a_malformed_record_is_refused(content: bytes, tmp_path: Path) -> None:
    case = make_case(tmp_path)
    manifest = load_manifest(case)
    record = case / "data" / "metadata" / "acquisition.json"
    record.chmod(0o644)
    record.write_bytes(content)
    with pytest.raises(EvidenceMismatchError, match=r"acquisition\.json: is malformed"):
        load_acquisition(case, manifest)


def test_a_missing_record_is_refused(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    manifest = load_manifest(case)
    (case / "data" / "metadata" / "acquisition.json").unlink()
    with pytest.raises(EvidenceMismatchError, match="cannot be read"):
        load_acquisition(case, manifest)


def test_a_copy_holds_everything_and_nothing_else_appears(tmp_path: Path) -> None:
    case = make_case(tmp_path / "first", private=True)
    (tmp_path / "second").mkdir()
    copy_case(case, tmp_path / "second" / "evidence")
    assert files_below(tmp_path / "second") == files_below(tmp_path / "first")
    assert (tmp_path / "second" / "evidence-private").stat().st_mode == (
        case.with_name("evidence-private")
    ).stat().st_mode


@pytest.mark.parametrize("taken", ["evidence", "evidence-custody", "evidence-private"])
def test_a_copy_overwrites_nothing(taken: str, tmp_path: Path) -> None:
    case = make_case(tmp_path / "first")
    (tmp_path / "second" / taken).mkdir(parents=True)
    with pytest.raises(EvidenceExistsError):
        copy_case(case, tmp_path / "second" / "evidence")
    assert [path.name for path in (tmp_path / "second").iterdir()] == [taken]


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case(tmp_path / "first", private=True)
    (tmp_path / "second").mkdir()
    rename = Path.rename

    def fail_at_last(self: Path, target: Path) -> Path:
        if target.name == "evidence":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_at_last)
    with pytest.raises(OutputNotWritableError, match="No space left on device"):
        copy_case(case, tmp_path / "second" / "evidence")
    assert list((tmp_path / "second").iterdir()) == []


def test_who_may_continue_a_log(tmp_path: Path) -> None:
    unsigned, signed = make_case(tmp_path / "unsigned"), make_case(tmp_path / "signed", key=KEY)
    assert can_continue_log(unsigned, None)
    assert can_continue_log(unsigned, KEY)
    assert can_continue_log(signed, KEY)
    assert not can_continue_log(signed, None)
    assert not can_continue_log(signed, SigningKey.generate())


def test_the_seal_tells_of_both_logs(tmp_path: Path) -> None:
    case = make_case(tmp_path, key=KEY)
    seal = describe_seal(case)
    assert seal.key_id == KEY.public.key_id
    assert [event.action for event in seal.events].count("sealed") == 2
    assert seal.events[-1].detail == "decision.json: a decision"


def test_a_proof_that_does_not_hold_is_told_as_that(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    for name in ("manifest.json.tsr", "manifest.json.ots"):
        (case.with_name("evidence-custody") / name).write_bytes(b"nothing of the kind")
    first, second = describe_seal(case).timestamps
    assert first.statement.startswith("A timestamp that does not hold: ")
    assert second.statement.startswith("A proof that does not hold: ")


def test_the_seal_of_a_case_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    log = case / "data" / "custody.jsonl"
    log.chmod(0o644)
    log.write_text(json.dumps({"no": "event"}) + "\n", encoding="utf-8")
    with pytest.raises(EvidenceMismatchError, match="cannot be read"):
        describe_seal(case)
