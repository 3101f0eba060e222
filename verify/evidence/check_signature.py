"""Check the signatures of a case: one over its manifest, one over the head of its later log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verify.evidence.custody_log import CustodyLog
from verify.evidence.layout import (
    ACQUISITION_LOG_PATH,
    CUSTODY_LOG_NAME,
    MANIFEST_PATH,
    MAX_KEY_BYTES,
    PUBLIC_KEY_NAME,
    SIGNATURE_NAME,
)
from verify.evidence.problems import Findings, ProblemKind
from verify.evidence.reading import read_bounded

if TYPE_CHECKING:
    from verify.evidence.keys import PublicKey


@dataclass(frozen=True, slots=True)
class Signatures:
    """What there is to check.

    Parameters
    ----------
    folder
        The custody folder.
    names
        The regular files in it.
    log
        The later log, None if it cannot be read.
    manifest
        The bytes of the manifest as found, None if there is none.
    signer
        The public key that the log in the bag names; empty: it says that the case is not signed. None: unknown.
    """

    folder: Path
    names: frozenset[str]
    log: CustodyLog | None
    manifest: bytes | None
    signer: str | None

    def check(self, expected: PublicKey | None, findings: Findings) -> None:
        """Check both signatures, or say plainly that there are none."""
        missing = {PUBLIC_KEY_NAME, SIGNATURE_NAME} - self.names
        if len(missing) == 2 and not self.signer and (self.log is None or self.log.head.signature is None):
            self._tell_unsigned(expected, findings)
            return
        findings.is_signed = True
        for name in sorted(missing):
            findings.add(self._told(name), "is missing, while the case is signed")
        if self.signer == "":
            name = min({PUBLIC_KEY_NAME, SIGNATURE_NAME} - missing, default=CUSTODY_LOG_NAME)
            findings.add(self._told(name), f"was not there: {ACQUISITION_LOG_PATH} says that the case is not signed")
        key = None if PUBLIC_KEY_NAME in missing else self._key(findings)
        if key is None:
            return
        findings.public_key = key
        before = findings.count
        if expected is not None and key != expected:
            findings.add(
                self._told(PUBLIC_KEY_NAME),
                f"is key {key.key_id}, not the expected key {expected.key_id}",
                ProblemKind.NOT_CONFIRMED,
            )
        if self.signer and key.encoded != self.signer:
            findings.add(self._told(PUBLIC_KEY_NAME), f"is not the key that {ACQUISITION_LOG_PATH} names")
        if self.manifest is not None and SIGNATURE_NAME not in missing:
            with self._noting(SIGNATURE_NAME, f"is not the signature of {MANIFEST_PATH}", findings):
                _check(key, self.manifest, self._text(SIGNATURE_NAME))
        if self.log is not None:
            with self._noting(CUSTODY_LOG_NAME, "has no valid signature in its head", findings):
                _check(key, self.log.head.signed_bytes(), self.log.head.signature or "")
        if findings.count == before and not missing and self.manifest is not None and self.log is not None:
            findings.statements.append(_statement(key, expected))

    def _tell_unsigned(self, expected: PublicKey | None, findings: Findings) -> None:
        findings.is_signed = False
        if expected is not None:
            findings.add(
                self.folder.name,
                f"holds no signature, and one of key {expected.key_id} is expected",
                ProblemKind.NOT_CONFIRMED,
            )
        else:
            findings.limits.append(
                "Not signed: digests show accidental change; whoever can write the folder could replace all of it."
            )

    def _key(self, findings: Findings) -> PublicKey | None:
        from verify.evidence.keys import PublicKey, SignatureError  # noqa: PLC0415 - only for signed cases

        key: PublicKey | None = None
        with self._noting(PUBLIC_KEY_NAME, "is not the public key of a case", findings):
            text = self._text(PUBLIC_KEY_NAME)
            found = PublicKey.from_text(text)
            if found.text != text:
                raise SignatureError("it is not written as this program writes it")
            key = found
        return key

    def _text(self, name: str) -> str:
        return read_bounded(self.folder / name, MAX_KEY_BYTES).decode("ascii")

    def _told(self, name: str) -> str:
        return f"{self.folder.name}/{name}"

    @contextmanager
    def _noting(self, name: str, problem: str, findings: Findings) -> Iterator[None]:
        """Turn what the block raises into a problem."""
        from verify.evidence.keys import SignatureError  # noqa: PLC0415 - only for signed cases

        try:
            yield
        except SignatureError as error:
            findings.add(self._told(name), f"{problem}: {error}")
        except UnicodeDecodeError:
            findings.add(self._told(name), f"{problem}: it holds other characters than ASCII")
        except OSError as error:
            findings.add_error(self._told(name), error, problem)


def _check(key: PublicKey, data: bytes, signature: str) -> None:
    """Check a signature and, because its first line is covered by nothing, its exact form."""
    from verify.evidence.keys import SignatureError, normal_signature, verify_signature  # noqa: PLC0415

    verify_signature(key, data, signature)
    if normal_signature(key, signature) != signature:
        raise SignatureError("it is not written as this program writes it")


def _statement(key: PublicKey, expected: PublicKey | None) -> str:
    if expected is not None:
        return f"Manifest and custody log are signed with the key that was given, {key.key_id}."
    return (
        f"Manifest and custody log are signed with key {key.key_id}. Whose key that is, the reader has to establish "
        "from another source than this folder, and can then give it with --key."
    )
