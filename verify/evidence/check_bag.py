"""Check the bag of a case: every file byte for byte, every text in its one form, and nothing besides."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from verify.errors import NewerFormatError
from verify.evidence.bag import BAGIT_TEXT, LISTED_TAG_FILES, judge_bag, read_listing
from verify.evidence.check_folder import check_digest, check_file, check_nothing_else, listed, note_missing
from verify.evidence.custody_log import (
    KEPT_PRIVATE,
    PRESERVED,
    first_unordered,
    named_file,
    parse_chain,
    sealed_signer,
)
from verify.evidence.layout import (
    ACQUISITION_LOG_PATH,
    BAG_INFO_NAME,
    BAGIT_NAME,
    MANIFEST_PATH,
    MAX_MANIFEST_BYTES,
    PAYLOAD_LIST_NAME,
    TAG_LIST_NAME,
)
from verify.evidence.manifest import is_newer_format, manifest_bytes, parse_manifest
from verify.evidence.problems import Findings
from verify.evidence.reading import Tree, open_regular, read_bounded
from verify.model import CustodyEvent, EvidenceManifest

_MAX_DEPTH = 4
_TAG_FILES = (*LISTED_TAG_FILES, TAG_LIST_NAME)
_OXUM = re.compile(rb"\nPayload-Oxum: ([0-9]{1,18})\.[0-9]{1,9}\n\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class BagFound:
    """What the check of a bag came upon; each is None where there is none that can be read.

    Parameters
    ----------
    content, manifest
        The manifest as bytes, and read.
    sha256
        Digest of the bag.
    events
        The log of the acquisition.
    signer
        The public key that this log says the case is signed with; empty: it is not signed.
    newer
        What to raise if nothing else is wrong: the case is of a format that this program does not know.
    """

    content: bytes | None = None
    manifest: EvidenceManifest | None = None
    sha256: str | None = None
    events: tuple[CustodyEvent, ...] | None = None
    signer: str | None = None
    newer: NewerFormatError | None = None


def check_bag(case_dir: Path, findings: Findings) -> BagFound:
    """Check the folder of a bag."""
    name = case_dir.name
    try:
        tree = listed(case_dir, findings, max_depth=_MAX_DEPTH)
    except PermissionError as error:
        findings.add_error(name, error)
        return BagFound()
    if tree is None:
        return BagFound()
    before = findings.count
    texts = _texts(case_dir, tree, findings)
    tag_list = _listing(name, TAG_LIST_NAME, texts, findings)
    payload_list = _listing(name, PAYLOAD_LIST_NAME, texts, findings)
    _check_tag_files(name, texts, tag_list, findings)
    content = texts.get(MANIFEST_PATH)
    manifest, newer = _manifest(case_dir, content, payload_list, findings)
    if manifest is None:
        payload = _check_listed(case_dir, tree, payload_list, texts.get(BAG_INFO_NAME, b""), findings)
    else:
        payload = _check_payload(case_dir, tree, manifest, findings)
    check_nothing_else(name, tree, {*_TAG_FILES, MANIFEST_PATH, *payload}, findings)
    events, signer = None, None
    if manifest is not None:
        _check_agreement(name, texts, manifest, payload_list, findings)
        events, signer = _check_acquisition_log(case_dir, tree, manifest, findings)
    if findings.count == before and newer is None:
        if problem := judge_bag(case_dir):
            findings.add(name, f"is not a valid BagIt bag: {problem}")
        else:
            _state(tree, payload, findings)
    digest = hashlib.sha256(texts[TAG_LIST_NAME]).hexdigest() if TAG_LIST_NAME in texts else None
    return BagFound(content=content, manifest=manifest, sha256=digest, events=events, signer=signer, newer=newer)


def _texts(case_dir: Path, tree: Tree, findings: Findings) -> dict[str, bytes]:
    """Read the texts that say what is in the bag."""
    texts: dict[str, bytes] = {}
    for path in (*_TAG_FILES, MANIFEST_PATH):
        if path not in tree.files:
            note_missing(case_dir.name, tree, path, findings)
            continue
        try:
            texts[path] = read_bounded(case_dir / path, MAX_MANIFEST_BYTES)
        except OSError as error:
            findings.add_error(f"{case_dir.name}/{path}", error)
    return texts


def _listing(name: str, path: str, texts: Mapping[str, bytes], findings: Findings) -> dict[str, str]:
    if path not in texts:
        return {}
    try:
        return read_listing(texts[path])
    except ValueError as error:
        findings.add(f"{name}/{path}", f"is not written as it was sealed: {error}")
        return {}


def _check_tag_files(name: str, texts: Mapping[str, bytes], tag_list: Mapping[str, str], findings: Findings) -> None:
    if texts.get(BAGIT_NAME, BAGIT_TEXT) != BAGIT_TEXT:
        findings.add(f"{name}/{BAGIT_NAME}", "does not hold the text that a bag begins with")
    if not tag_list:
        return
    if set(tag_list) != set(LISTED_TAG_FILES):
        findings.add(f"{name}/{TAG_LIST_NAME}", f"does not list {', '.join(LISTED_TAG_FILES)} and nothing else")
    for path in LISTED_TAG_FILES:
        if path in texts and path in tag_list and hashlib.sha256(texts[path]).hexdigest() != tag_list[path]:
            findings.add(f"{name}/{path}", f"does not have the SHA-256 that {TAG_LIST_NAME} gives")


def _manifest(
    case_dir: Path, content: bytes | None, payload_list: Mapping[str, str], findings: Findings
) -> tuple[EvidenceManifest | None, NewerFormatError | None]:
    """Read the manifest; one of a later format, if the bag lists it as it is, gives the error to raise in the end."""
    if content is None:
        return None, None
    path = f"{case_dir.name}/{MANIFEST_PATH}"
    is_listed = payload_list.get(MANIFEST_PATH) == hashlib.sha256(content).hexdigest()
    if payload_list and not is_listed:
        findings.add(path, f"does not have the SHA-256 that {PAYLOAD_LIST_NAME} gives")
    try:
        manifest = parse_manifest(content)
    except ValueError as error:
        if is_listed and is_newer_format(content):
            return None, NewerFormatError(case_dir / MANIFEST_PATH, str(error), "Upgrade verify-video.")
        findings.add(path, f"is malformed ({error})")
        return None, None
    if manifest_bytes(manifest) != content:
        findings.add(path, "is not written in the canonical form")
    return manifest, None


def _check_payload(case_dir: Path, tree: Tree, manifest: EvidenceManifest, findings: Findings) -> set[str]:
    """Check what is to be below data/ besides the manifest; returns the paths."""
    for file in manifest.files:
        if file.relative_path in tree.files:
            check_file(case_dir, tree, file, findings)
        else:
            note_missing(case_dir.name, tree, file.relative_path, findings)
    return {file.relative_path for file in manifest.files}


def _check_listed(
    case_dir: Path, tree: Tree, payload_list: Mapping[str, str], information: bytes, findings: Findings
) -> set[str]:
    """Check the same without a manifest, by the bag's own list of digests.

    It gives no sizes, so no more is read of the files than bag-info.txt says that they have together.
    """
    oxum = _OXUM.search(information)
    left_bytes = int(oxum[1]) if oxum else 0
    paths = set(payload_list) - {MANIFEST_PATH}
    for path in sorted(paths):
        if path not in tree.files:
            note_missing(case_dir.name, tree, path, findings)
            continue
        told, size_bytes = f"{case_dir.name}/{path}", tree.files[path]
        if size_bytes > left_bytes:
            findings.add(told, f"was not read: it is larger than what {BAG_INFO_NAME} leaves for it")
            continue
        left_bytes -= size_bytes
        check_digest(case_dir / path, told, payload_list[path], size_bytes, findings)
    return paths


def _check_agreement(
    name: str,
    texts: Mapping[str, bytes],
    manifest: EvidenceManifest,
    payload_list: Mapping[str, str],
    findings: Findings,
) -> None:
    """Check that the texts of the bag say what the manifest says."""
    expected = {file.relative_path: file.sha256 for file in manifest.files}
    listed = {path: digest for path, digest in payload_list.items() if path != MANIFEST_PATH}
    if payload_list and (listed != expected or MANIFEST_PATH not in payload_list):
        findings.add(f"{name}/{PAYLOAD_LIST_NAME}", f"does not list the files that {MANIFEST_PATH} lists")
    if BAG_INFO_NAME in texts:
        total = sum(file.size_bytes for file in manifest.files) + len(texts[MANIFEST_PATH])
        ending = f"External-Identifier: {manifest.case_id}\nPayload-Oxum: {total}.{len(manifest.files) + 1}\n"
        if not texts[BAG_INFO_NAME].endswith(ending.encode()):
            findings.add(f"{name}/{BAG_INFO_NAME}", f"names another case or size than {MANIFEST_PATH}")


def _check_acquisition_log(
    case_dir: Path, tree: Tree, manifest: EvidenceManifest, findings: Findings
) -> tuple[tuple[CustodyEvent, ...] | None, str | None]:
    """Check the chain of the acquisition, and that it tells of the files of the manifest; read which key it names."""
    told = f"{case_dir.name}/{ACQUISITION_LOG_PATH}"
    if ACQUISITION_LOG_PATH not in tree.files:
        return None, None
    try:
        with open_regular(case_dir / ACQUISITION_LOG_PATH) as file:
            events = parse_chain(file)
        if not events:
            raise ValueError("it has no events")
        signer = sealed_signer(events[-1], manifest.case_id)
    except OSError:  # told already
        return None, None
    except ValueError as error:
        findings.add(told, f"is not an unbroken custody log: {error}")
        return None, None
    logged = {(event.action, named_file(event), event.digest) for event in events if event.digest is not None}
    expected = {
        (PRESERVED, file.relative_path, file.sha256)
        for file in manifest.files
        if file.relative_path != ACQUISITION_LOG_PATH
    } | {(KEPT_PRIVATE, file.relative_path, file.sha256) for file in manifest.private_files}
    if logged != expected:
        findings.add(told, f"tells of other files or digests than {MANIFEST_PATH}")
        return events, signer
    findings.statements.append(
        f"The log of the acquisition is an unbroken chain of {len(events)} events, from {events[0].utc} to "
        f"{events[-1].utc}. It gives the same digests as {MANIFEST_PATH}, for every file but these two themselves."
    )
    note_order(told, events, findings)
    return events, signer


def note_order(told: str, events: tuple[CustodyEvent, ...], findings: Findings) -> None:
    """Note times of a log that run backwards: then the clock that they were read from was wrong, or was set."""
    if number := first_unordered(events):
        findings.notices.append(
            f"The times in {told} cannot all be right: event {number} says {events[number - 1].utc}, the one before it "
            f"{events[number - 2].utc}. The clock of a machine was wrong, or was set meanwhile."
        )


def _state(tree: Tree, payload: set[str], findings: Findings) -> None:
    size = sum(tree.files[path] for path in payload)
    findings.statements.insert(
        0,
        f"All {len(payload)} preserved files, {size} bytes, were read in full. Each has the SHA-256 that was recorded; "
        "none is missing, none was added. The bagit library finds the bag valid.",
    )
