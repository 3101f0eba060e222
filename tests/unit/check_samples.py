"""What the tests of checking a case have in common."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from verify.commands.evidence import evidence as command
from verify.evidence.custody import read_log
from verify.evidence.keys import SigningKey
from verify.evidence.manifest import load_manifest
from verify.evidence.preserve import _begin_custody as begin_custody
from verify.evidence.problems import EvidenceCheck


def problems(found: EvidenceCheck) -> dict[str, str]:
    return {each.path: each.problem for each in found.problems}


def run(*arguments: str | Path) -> int:
    code = command.main(["check", *map(str, arguments)], standalone_mode=False)
    assert isinstance(code, int)
    return code


def custody_of(case: Path, key: SigningKey | None) -> None:
    """Write the custody folder of a case anew, as if it had been sealed with this key."""
    folder = case.with_name("evidence-custody")
    log = read_log(case)
    shutil.rmtree(folder)
    begin_custody(folder, load_manifest(case), log.events[0], key)


def proof_of(data: bytes, height: int | None = None) -> bytes:
    """A detached proof: a calendar's promise, or a block whose Merkle root is the digest itself."""
    root = Timestamp(hashlib.sha256(data).digest())
    promise = PendingAttestation("https://calendar.example.org")
    root.attestations.add(promise if height is None else BitcoinBlockHeaderAttestation(height))
    context = BytesSerializationContext()
    DetachedTimestampFile(OpSHA256(), root).serialize(context)
    return bytes(context.getbytes())
