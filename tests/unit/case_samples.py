"""Small cases for the tests of evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from verify.evidence.custody import add_custody_file, append_event
from verify.evidence.keys import SigningKey
from verify.evidence.preserve import preserve
from verify.model import AcquiredFile, Acquisition, ClockReading, EvidenceManifest, FileRole

COMMAND = ("verify", "video", "https://example.org/v")
CLOCK = ClockReading(offset_s=0.25, uncertainty_s=1.0, basis="the server's Date header")
ROLES = {
    "media.mkv": FileRole.WORKING_COPY,
    "stream-1.webm": FileRole.STREAM,
    "stream-2.m4a": FileRole.STREAM,
    "info.json": FileRole.METADATA,
    "subtitles-1-en.vtt": FileRole.SUBTITLES,
    "subtitles-2-fr.vtt": FileRole.SUBTITLES,
    "download.log": FileRole.LOG,
}
PRIVATE_ROLES = {"info-full.json": FileRole.PRIVATE, "http-full.json": FileRole.PRIVATE}


def acquisition(staging: Path, files: dict[str, FileRole] | None = None, **fields: Any) -> Acquisition:
    """Acquire some files by writing them into `staging`."""
    named = files or {"media.mp4": FileRole.MASTER}
    acquired = []
    for name, role in named.items():
        (staging / name).write_bytes(f"bytes of {name}".encode() * 100)
        acquired.append(AcquiredFile(path=staging / name, role=role))
    values: dict[str, Any] = {
        "source": "https://example.org/v",
        "is_local_file": False,
        "title": "A \u202e title",
        "started_utc": "2026-01-02T03:04:05Z",
        "finished_utc": "2026-01-02T03:05:05Z",
        "tool_versions": {"verify": "1"},
        "files": tuple(acquired),
    }
    return Acquisition(**{**values, **fields})


def make_case(
    folder: Path, *, key: SigningKey | None = None, private: bool = False, files: dict[str, FileRole] | None = None
) -> Path:
    """Seal a case of a few kilobytes at `folder`/evidence, with two events and a file after its sealing."""
    staging = folder / "staging"
    staging.mkdir(parents=True)
    roles = {**(files or ROLES), **(PRIVATE_ROLES if private else {})}
    case = folder / "evidence"
    seal(staging, case, acquisition(staging, roles, clock=CLOCK), signing_key=key)
    staging.rmdir()
    append_event(case, actor="a test", action="examined", detail="by a test", digest="ab" * 32, signing_key=key)
    add_custody_file(case, "decision.json", b'{"decided":true}', actor="a test", detail="a decision", signing_key=key)
    return case


def seal(
    staging: Path,
    case: Path,
    taken: Acquisition | None = None,
    *,
    case_id: str = "case-1",
    signing_key: SigningKey | None = None,
) -> EvidenceManifest:
    """Preserve what was acquired."""
    return preserve(
        taken or acquisition(staging),
        staging,
        case,
        case_id=case_id,
        command=COMMAND,
        signing_key=signing_key,
        actor="a test",
    )


def rewrite(path: Path, content: bytes) -> None:
    """Replace the bytes of a file that may be read-only."""
    path.unlink()
    path.write_bytes(content)
