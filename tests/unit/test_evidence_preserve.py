"""The case folder: written once, whole or not at all, a valid bag."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.case_samples import CLOCK, COMMAND, PRIVATE_ROLES, acquisition, seal
from verify.errors import EvidenceExistsError, InvalidUsageError, OutputNotWritableError
from verify.evidence import preserve as preserve_module
from verify.evidence.keys import SigningKey
from verify.evidence.manifest import load_manifest, media_file
from verify.evidence.preserve import copy_statement, preserve
from verify.model import AcquiredFile, FileRole


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


def validate(case: Path) -> None:
    """Let the library of the Library of Congress judge the bag, in a process without this package."""
    program = f"import bagit; bagit.Bag({str(case)!r}).validate()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_case_of_a_platform_with_separate_streams(tmp_path: Path, staging: Path) -> None:
    roles = {
        "media.mkv": FileRole.WORKING_COPY,
        "stream-1.webm": FileRole.STREAM,
        "stream-2.m4a": FileRole.STREAM,
        "info.json": FileRole.METADATA,
        "thumbnail.jpg": FileRole.THUMBNAIL,
        "subtitles-1-en.vtt": FileRole.SUBTITLES,
        "download.log": FileRole.LOG,
    }
    case = tmp_path / "out" / "evidence"
    manifest = seal(staging, case, acquisition(staging, roles))
    validate(case)
    paths = {file.relative_path: file.role for file in manifest.files}
    assert paths == {
        "data/working/media.mkv": FileRole.WORKING_COPY,
        "data/streams/stream-1.webm": FileRole.STREAM,
        "data/streams/stream-2.m4a": FileRole.STREAM,
        "data/metadata/info.json": FileRole.METADATA,
        "data/metadata/thumbnail.jpg": FileRole.THUMBNAIL,
        "data/metadata/subtitles-1-en.vtt": FileRole.SUBTITLES,
        "data/metadata/download.log": FileRole.LOG,
        "data/metadata/acquisition.json": FileRole.METADATA,
        "data/custody.jsonl": FileRole.METADATA,
    }
    assert manifest.media_path == "data/working/media.mkv"
    assert [file.relative_path for file in manifest.files] == sorted(paths)


def test_recorded_digests_are_those_of_the_files(tmp_path: Path, staging: Path) -> None:
    manifest = seal(staging, tmp_path / "case")
    for file in manifest.files:
        content = (tmp_path / "case" / file.relative_path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size_bytes)


def test_manifest_reads_back(tmp_path: Path, staging: Path) -> None:
    manifest = seal(staging, tmp_path / "case")
    assert load_manifest(tmp_path / "case") == manifest
    assert media_file(tmp_path / "case", manifest).read_bytes() == b"bytes of media.mp4" * 100


def test_files_are_moved_out_of_staging_and_read_only(tmp_path: Path, staging: Path) -> None:
    seal(staging, tmp_path / "case")
    assert list(staging.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case", "case-custody", "staging"]
    for path in (tmp_path / "case").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o444)


def test_file_outside_staging_is_copied(tmp_path: Path, staging: Path) -> None:
    outside = tmp_path / "clip.mp4"
    outside.write_bytes(b"mine")
    taken = acquisition(staging, files={"x.log": FileRole.LOG})
    taken = replace(taken, files=(*taken.files, AcquiredFile(path=outside, role=FileRole.MASTER)))
    seal(staging, tmp_path / "case", taken)
    assert outside.read_bytes() == b"mine"
    assert (tmp_path / "case" / "data" / "master" / "media.mp4").read_bytes() == b"mine"


def test_acquisition_log_is_a_chain_with_an_event_for_each_file(tmp_path: Path, staging: Path) -> None:
    taken = acquisition(staging, {"media.mp4": FileRole.MASTER, **PRIVATE_ROLES}, clock=CLOCK)
    manifest = seal(staging, tmp_path / "case", taken)
    lines = (tmp_path / "case" / "data" / "custody.jsonl").read_bytes().splitlines(keepends=True)
    events = [json.loads(line) for line in lines]
    assert [event["action"] for event in events] == [
        "acquisition started",
        "acquisition finished",
        "preserved",
        "preserved",
        "kept private",
        "kept private",
        "sealed",
    ]
    assert events[0]["previous_sha256"] is None
    for before, event in zip(lines, events[1:], strict=False):
        assert event["previous_sha256"] == hashlib.sha256(before).hexdigest()
    assert {event["actor"] for event in events} == {"a test"}
    assert all(event["clock"] == {"basis": CLOCK.basis, "offset_s": 0.25, "uncertainty_s": 1} for event in events)
    told = [(event["detail"].partition(":")[0], event["digest"]) for event in events[2:6]]
    logged = [file for file in manifest.files if file.relative_path != "data/custody.jsonl"]
    assert told == [(file.relative_path, file.sha256) for file in (*logged, *manifest.private_files)]
    for line, event in zip(lines, events, strict=True):
        assert line == json.dumps(event, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def test_sealed_log_says_whether_and_with_which_key_the_case_is_signed(tmp_path: Path, staging: Path) -> None:
    key = SigningKey.generate()
    for name, signer, said in (
        ("unsigned", None, "not signed"),
        ("signed", key, f"signed with key {key.public.key_id}, public key {key.public.encoded}"),
    ):
        seal(staging, tmp_path / name, acquisition(staging), signing_key=signer)
        *_, last = (tmp_path / name / "data" / "custody.jsonl").read_bytes().splitlines()
        assert json.loads(last)["detail"] == f"case case-1, BagIt bag with SHA-256; {said}"


def test_private_files_lie_beside_the_case_and_only_their_digests_in_it(tmp_path: Path, staging: Path) -> None:
    taken = acquisition(staging, {"media.mp4": FileRole.MASTER, **PRIVATE_ROLES})
    manifest = seal(staging, tmp_path / "case", taken)
    folder = tmp_path / "case-private"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [file.relative_path for file in manifest.private_files] == ["http-full.json", "info-full.json"]
    assert sorted(path.name for path in folder.iterdir()) == ["http-full.json", "info-full.json"]
    for file in manifest.private_files:
        path = folder / file.relative_path
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
        content = path.read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size_bytes)
        for published in (tmp_path / "case").rglob("*"):
            assert published.is_dir() or content not in published.read_bytes()
    validate(tmp_path / "case")


def test_text_that_json_cannot_hold_is_made_safe(tmp_path: Path, staging: Path) -> None:
    seal(staging, tmp_path / "case", acquisition(staging, title="a\ud800b", description="2**53: \U0001f3ac"))
    record = json.loads((tmp_path / "case" / "data" / "metadata" / "acquisition.json").read_bytes())
    assert record["title"] == "a\ufffdb"
    assert record["description"] == "2**53: \U0001f3ac"


@pytest.mark.parametrize("name", ["case-custody", "case-private"])
def test_remains_of_a_broken_acquisition_are_not_built_upon(tmp_path: Path, staging: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(EvidenceExistsError, match="without its case") as caught:
        seal(staging, tmp_path / "case")
    assert caught.value.subject == str(tmp_path / name)
    assert not (tmp_path / "case").exists()
    assert list((tmp_path / name).iterdir()) == []


@pytest.mark.parametrize("lost", ["case-private", "case-custody", "case"])
def test_failure_between_the_renames_leaves_nothing(
    tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    original = Path.rename

    def full(self: Path, target: Path) -> Path:
        if Path(target).name == lost:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(self, target)

    taken = acquisition(staging, {"media.mp4": FileRole.MASTER, **PRIVATE_ROLES})
    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OutputNotWritableError, match="No space left"):
        seal(staging, tmp_path / "case", taken)
    assert [path.name for path in tmp_path.iterdir()] == ["staging"]


def test_record_and_bag_say_whose_copy_it_is(tmp_path: Path, staging: Path) -> None:
    seal(staging, tmp_path / "case")
    record = json.loads((tmp_path / "case" / "data" / "metadata" / "acquisition.json").read_bytes())
    assert record["command"] == list(COMMAND)
    assert record["title"] == "A \u202e title"
    assert record["files"] == [{"relative_path": "data/master/media.mp4", "role": "master"}]
    assert record["original_name"] is None
    assert str(tmp_path) not in json.dumps(record)
    information = (tmp_path / "case" / "bag-info.txt").read_text()
    assert "External-Identifier: case-1\n" in information
    assert "not the camera original" in information


def test_name_of_a_local_file_is_recorded_but_not_used(tmp_path: Path, staging: Path) -> None:
    source = "/somewhere/Bridge \u202e strike.MP4"
    taken = acquisition(staging, {"media.MP4": FileRole.MASTER}, source=source, is_local_file=True)
    manifest = seal(staging, tmp_path / "case", taken)
    assert manifest.media_path == "data/master/media.mp4"
    record = json.loads((tmp_path / "case" / "data" / "metadata" / "acquisition.json").read_bytes())
    assert record["original_name"] == "Bridge \u202e strike.MP4"
    assert "that the operator supplied" in copy_statement(taken)
    assert "camera original" not in (tmp_path / "case" / "bag-info.txt").read_text()


def test_odd_extension_is_replaced(tmp_path: Path, staging: Path) -> None:
    taken = acquisition(staging, {"media.m$v": FileRole.MASTER})
    assert seal(staging, tmp_path / "case", taken).media_path == "data/master/media.bin"


@pytest.mark.parametrize("kind", ["folder", "full folder", "file", "dangling link"])
def test_existing_case_is_never_touched(tmp_path: Path, staging: Path, kind: str) -> None:
    case = tmp_path / "case"
    if "folder" in kind:
        case.mkdir()
    if kind == "full folder":
        (case / "x").touch()
    if kind == "file":
        case.write_text("x")
    if kind == "dangling link":
        case.symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(EvidenceExistsError, match="written only once") as caught:
        seal(staging, case)
    assert caught.value.exit_code == 21
    assert "--out" in caught.value.remedy
    assert sorted(tmp_path.rglob("*")) == sorted([*before, staging / "media.mp4"])


def test_case_that_another_process_makes_meanwhile(
    tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.rename
    case = tmp_path / "case"

    def lose_the_race(self: Path, target: Path) -> Path:
        if target == case:
            case.mkdir()
            (case / "theirs").touch()
        return original(self, target)

    monkeypatch.setattr(Path, "rename", lose_the_race)
    with pytest.raises(EvidenceExistsError):
        seal(staging, case)
    assert [path.name for path in case.iterdir()] == ["theirs"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case", "staging"]


def test_full_disk_leaves_nothing(tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputNotWritableError, match="No space left on device") as caught:
        seal(staging, tmp_path / "out" / "deep" / "case")
    assert caught.value.exit_code == 51
    assert [path.name for path in tmp_path.iterdir()] == ["staging"]


def test_place_that_is_no_folder(tmp_path: Path, staging: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputNotWritableError, match="evidence cannot be written") as caught:
        seal(staging, tmp_path / "out" / "case")
    assert caught.value.exit_code == 51


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, where nobody can make a folder")
def test_place_where_nothing_can_be_made(staging: Path) -> None:
    with pytest.raises(OutputNotWritableError):
        seal(staging, Path("/proc/case"))


@pytest.mark.parametrize("step", ["_fill", "seal_bag", "_begin_custody", "make_durable"])
def test_interruption_leaves_nothing(tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    original = getattr(preserve_module, step)

    def interrupted(*arguments: Any, **named: Any) -> None:
        original(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(preserve_module, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        seal(staging, tmp_path / "out" / "case")
    assert [path.name for path in tmp_path.iterdir()] == ["staging"]


def test_disk_that_returns_other_bytes(tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = preserve_module.seal_bag

    def corrupt_first(folder: Path, *rest: Any) -> Any:
        (folder / "data" / "master" / "media.mp4").write_bytes(b"other")
        return original(folder, *rest)

    monkeypatch.setattr(preserve_module, "seal_bag", corrupt_first)
    with pytest.raises(OutputNotWritableError, match="reads back differently"):
        seal(staging, tmp_path / "case")
    assert not (tmp_path / "case").exists()


def test_folder_that_cannot_be_synchronised(tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.fsync

    def network_disk(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", network_disk)
    seal(staging, tmp_path / "case")
    validate(tmp_path / "case")


@pytest.mark.parametrize("case_id", ["", "a/b", "../x", "a\nPayload-Oxum: 0.0", "x" * 129, "\u202ecase", "-x"])
def test_case_id_is_plain(tmp_path: Path, staging: Path, case_id: str) -> None:
    with pytest.raises(InvalidUsageError, match="is no case id"):
        seal(staging, tmp_path / "case", case_id=case_id)


@pytest.mark.parametrize(
    "files",
    [
        {"media.mp4": FileRole.MASTER, "a b.vtt": FileRole.SUBTITLES},
        {"media.mp4": FileRole.MASTER, "acquisition.json": FileRole.METADATA},
        {"one.mp4": FileRole.MASTER, "two.mp4": FileRole.MASTER},
    ],
)
def test_acquisition_with_impossible_names(tmp_path: Path, staging: Path, files: dict[str, FileRole]) -> None:
    with pytest.raises(ValueError, match="acquired file"):
        seal(staging, tmp_path / "case", acquisition(staging, files))
    assert not (tmp_path / "case").exists()


def test_link_is_not_preserved(tmp_path: Path, staging: Path) -> None:
    taken = acquisition(staging)
    (staging / "media.mp4").unlink()
    (staging / "media.mp4").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="not a regular file"):
        seal(staging, tmp_path / "case", taken)


def test_own_warnings_still_show_after_sealing(tmp_path: Path, staging: Path) -> None:
    seal(staging, tmp_path / "case")
    with pytest.raises(DeprecationWarning, match="ours"):
        warnings.warn("ours", DeprecationWarning, stacklevel=1)


def test_working_folder_is_kept(tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    taken = acquisition(staging)
    preserve(taken, Path("staging"), Path("case"), case_id="case-1", command=COMMAND)
    assert Path.cwd() == tmp_path
    validate(tmp_path / "case")
