"""Check the statements of third parties of when the manifest of a case existed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verify.evidence.layout import MANIFEST_PATH, MAX_PROOF_BYTES, PROOF_NAME
from verify.evidence.problems import Findings, ProblemKind
from verify.evidence.reading import Tree, read_bounded

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def is_proof(name: str, content: bytes, manifest: bytes) -> bool:
    """Tell whether a file of a name such as manifest.json.tsr is a statement about this manifest; how far it is to be
    believed is another question.
    """
    scratch = Findings()
    if PROOF_NAME.fullmatch(name) is None:
        return False
    _check_proof(name, content, manifest, (), scratch)
    return not scratch.problems


def note_unlogged(folder: Path, tree: Tree, logged: set[str], manifest: bytes | None, findings: Findings) -> set[str]:
    """Note timestamps that hold, but are not in the log yet; returns their names. All others are for others to note."""
    found = set()
    for name in sorted(tree.files.keys() - logged):
        if manifest is None or not PROOF_NAME.fullmatch(name):
            continue
        try:
            content = read_bounded(folder / name, MAX_PROOF_BYTES)
        except OSError:
            continue
        if is_proof(name, content, manifest):
            found.add(name)
            findings.add(
                f"{folder.name}/{name}",
                "was added, but is not yet in the log: run `verify evidence timestamp CASE` again",
                ProblemKind.NOT_LOGGED,
            )
    return found


def check_proofs(
    folder: Path, names: Sequence[str], manifest: bytes | None, roots: Sequence[Certificate], findings: Findings
) -> None:
    """Check those files of the custody folder that are such statements."""
    found = [name for name in sorted(names) if PROOF_NAME.fullmatch(name)]
    if not found:
        findings.limits.append(
            "No third party has stated the time: the times in the logs are those of the machines that wrote them."
        )
    if manifest is None:
        return
    for name in found:
        try:
            content = read_bounded(folder / name, MAX_PROOF_BYTES)
        except OSError as error:
            findings.add_error(f"{folder.name}/{name}", error)
            continue
        _check_proof(f"{folder.name}/{name}", content, manifest, roots, findings)


def _check_proof(path: str, content: bytes, manifest: bytes, roots: Sequence[Certificate], findings: Findings) -> None:
    if path.endswith(".tsr"):
        _check_authority(path, content, manifest, roots, findings)
    else:
        _check_calendar(path, content, manifest, findings)


def _check_authority(
    path: str, content: bytes, manifest: bytes, roots: Sequence[Certificate], findings: Findings
) -> None:
    from verify.evidence.timestamps import TimestampError, check_timestamp  # noqa: PLC0415 - only where there is one

    try:
        checked = check_timestamp(content, manifest, roots)
    except TimestampError as error:
        findings.add(path, f"is no timestamp of {MANIFEST_PATH}: {error}")
        return
    said = f"The timestamp says that the manifest existed by {checked.utc}, in the word of {checked.authority}"
    if checked.state == "trusted":
        findings.statements.append(f"{said}, whose certificate leads to one that was given.")
    else:
        findings.notices.append(
            f"{said}. Whether that authority is to be believed could not be checked: {checked.problem}."
        )


def _check_calendar(path: str, content: bytes, manifest: bytes, findings: Findings) -> None:
    from verify.evidence.opentimestamps_proof import check_proof  # noqa: PLC0415 - only where there is one
    from verify.evidence.timestamps import TimestampError  # noqa: PLC0415

    try:
        checked = check_proof(content, manifest)
    except TimestampError as error:
        findings.add(path, f"is no OpenTimestamps proof of {MANIFEST_PATH}: {error}")
        return
    for height, root in checked.blocks:
        findings.notices.append(
            f"The OpenTimestamps proof {path} leads to block {height} of the Bitcoin chain. The chain was not asked: "
            f"if the Merkle root of that block is {root}, the manifest existed by the time of the block."
        )
    if not checked.complete:
        promised = ", ".join(checked.calendars) or "nobody that this program knows"
        findings.notices.append(
            f"The OpenTimestamps proof {path} is not complete: so far it holds a promise by {promised}, and no time."
        )
