"""Reading a manifest back, from a folder that may hold anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verify.errors import EvidenceMismatchError, NewerFormatError
from verify.evidence.manifest import is_utc, load_manifest, manifest_bytes, media_file
from verify.model import EvidenceFile, EvidenceManifest, FileRole

MEDIA = EvidenceFile(relative_path="data/master/media.mp4", role=FileRole.MASTER, sha256="ab" * 32, size_bytes=5)
LOG = EvidenceFile(relative_path="data/metadata/download.log", role=FileRole.LOG, sha256="cd" * 32, size_bytes=0)
MANIFEST = EvidenceManifest(
    case_id="case-1", sealed_utc="2026-01-02T03:04:05Z", media_path=MEDIA.relative_path, files=(MEDIA, LOG)
)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A folder with a manifest and its media file of five bytes."""
    folder = tmp_path / "case"
    (folder / "data" / "master").mkdir(parents=True)
    (folder / "data" / "manifest.json").write_bytes(manifest_bytes(MANIFEST))
    (folder / MEDIA.relative_path).write_bytes(b"12345")
    return folder


def rewrite(case: Path, content: bytes | str | dict[str, Any]) -> None:
    text = json.dumps(content) if isinstance(content, dict) else content
    (case / "data" / "manifest.json").write_bytes(text.encode() if isinstance(text, str) else text)


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(manifest_bytes(MANIFEST)), **changes}


def with_file(**changes: Any) -> dict[str, Any]:
    entry = {**document()["files"][0], **changes}
    return document(files=[entry], media_path=entry["relative_path"])


def test_manifest_is_canonical_and_reads_back(case: Path) -> None:
    assert load_manifest(case) == MANIFEST
    content = manifest_bytes(MANIFEST)
    assert content == json.dumps(json.loads(content), sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", ["nothing", "case/data/manifest.json"])
def test_no_case(tmp_path: Path, case: Path, name: str) -> None:
    with pytest.raises(EvidenceMismatchError, match="holds no readable") as caught:
        load_manifest(tmp_path / name)
    assert caught.value.exit_code == 20
    assert "folder of a preserved case" in caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"3",
        b"[" * 100_000,
        {},
        document(format_version="1"),
        document(format_version=0),
        document(case_id=None),
        document(sealed_utc=""),
        document(format_version=True),
        document(format_version=10**12),
        document(case_id="a/b"),
        document(case_id="\u202e"),
        document(sealed_utc="yesterday"),
        document(private_files=None),
        document(private_files=[{**document()["files"][0]}]),
        document(private_files=[{**document()["files"][0], "relative_path": ".."}]),
        document(private_files=[{**document()["files"][0], "relative_path": "x"}] * 2),
        document(files=None),
        document(files=[3]),
        document(files=[]),
        document(media_path="data/other.mp4"),
        document(files=[document()["files"][0]] * 2),
        with_file(relative_path="../../etc/passwd"),
        with_file(relative_path="/etc/passwd"),
        with_file(relative_path="data/../../x"),
        with_file(relative_path="data//x"),
        with_file(relative_path="data/.hidden"),
        with_file(relative_path="data"),
        with_file(relative_path="data/a\\..\\b"),
        with_file(relative_path="C:/data/x"),
        with_file(sha256="AB" * 32),
        with_file(sha256="ab"),
        with_file(sha256=7),
        with_file(size_bytes=-1),
        with_file(size_bytes=True),
        with_file(size_bytes="5"),
        with_file(role="boss"),
    ],
)
def test_malformed_manifest(case: Path, content: Any) -> None:
    rewrite(case, content)
    with pytest.raises(EvidenceMismatchError, match="is malformed") as caught:
        load_manifest(case)
    assert caught.value.remedy
    assert len(str(caught.value)) < 700


def test_manifest_that_is_too_large_is_not_read(case: Path) -> None:
    rewrite(case, b" " * (4 * 1024**2 + 1))
    with pytest.raises(EvidenceMismatchError, match="larger than 4194304 bytes"):
        load_manifest(case)


@pytest.mark.parametrize(
    ("text", "is_moment"),
    [
        ("2026-02-28T23:59:59Z", True),
        ("2026-02-28T23:59:59.123456789Z", True),
        ("9999-99-99T99:99:99Z", False),
        ("2026-02-29T00:00:00Z", False),
        ("0000-01-01T00:00:00Z", False),
        ("2026-02-28T23:59:60Z", False),
        ("2026-02-28T23:59:59+00:00", False),
    ],
)
def test_moments_are_real(text: str, is_moment: bool) -> None:
    assert is_utc(text) is is_moment


def test_newer_format(case: Path) -> None:
    rewrite(case, document(format_version=3))
    with pytest.raises(NewerFormatError, match="is of format 3, this program knows up to 2") as caught:
        load_manifest(case)
    assert caught.value.exit_code == 43


def test_older_format(case: Path) -> None:
    rewrite(case, document(format_version=1))
    with pytest.raises(EvidenceMismatchError, match="is of format 1, which is no longer read") as caught:
        load_manifest(case)
    assert "Acquire the source again" in caught.value.remedy


def test_media_file(case: Path) -> None:
    assert media_file(case, MANIFEST) == case / "data" / "master" / "media.mp4"


def test_media_file_that_is_gone(case: Path) -> None:
    (case / MEDIA.relative_path).unlink()
    with pytest.raises(EvidenceMismatchError, match="is missing"):
        media_file(case, MANIFEST)


def test_media_file_of_another_size(case: Path) -> None:
    (case / MEDIA.relative_path).write_bytes(b"123456")
    with pytest.raises(EvidenceMismatchError, match="has 6 bytes, 5 were preserved"):
        media_file(case, MANIFEST)


@pytest.mark.parametrize("level", ["file", "folder"])
def test_media_file_behind_a_link(tmp_path: Path, case: Path, level: str) -> None:
    path = case / MEDIA.relative_path
    outside = tmp_path / "outside"
    path.parent.rename(outside)
    if level == "folder":
        path.parent.symlink_to(outside)
    else:
        path.parent.mkdir()
        path.symlink_to(outside / "media.mp4")
    with pytest.raises(EvidenceMismatchError, match="not a regular file inside the case"):
        media_file(case, MANIFEST)
