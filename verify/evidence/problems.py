"""What a check of a case found, collected without end but told within bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from verify.evidence.reading import shown

if TYPE_CHECKING:
    from verify.evidence.keys import PublicKey

MAX_PROBLEMS = 1000
_MAX_SENTENCE_CHARACTERS = 2000


class ProblemKind(StrEnum):
    """What a problem means.

    `CHANGED`: a file or folder is not as it was sealed. `NOT_LOGGED`: a valid timestamp whose event is still to be
    written. `NOT_CONFIRMED`: it is not what the reader expects, or what lies beside it is not what its log tells of.
    `UNREADABLE`: this user may not read it, so it can be as it was sealed or not.
    """

    CHANGED = "changed"
    NOT_LOGGED = "not logged"
    NOT_CONFIRMED = "not confirmed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceProblem:
    """One way in which a case is not as it was sealed. `path` begins with the name of the case's folder."""

    path: str
    problem: str
    kind: ProblemKind = ProblemKind.CHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceCheck:
    """What a check of a case found.

    Parameters
    ----------
    case_id
        As its manifest says; empty if there is none that can be read.
    bag_sha256
        Digest of the bag as found, None without a tag manifest.
    manifest_sha256
        SHA-256 of data/manifest.json as found, None if there is none that can be read.
    key_id, public_key
        The key beside the case, None if there is none that can be read.
    is_signed
        None if that cannot be told, because nothing lies beside the bag.
    problems
        What is not as it was sealed, at most 1,000 and a last one that counts the rest. None: nothing was changed,
        added, removed or renamed, as far as this can be told; `statements` say how far.
    notices
        What could not be checked and why, as whole sentences.
    limits
        Who and what does not vouch for the case, as whole sentences.
    statements
        What was checked and holds, and how far that reaches, as whole sentences.
    """

    case_id: str
    bag_sha256: str | None
    manifest_sha256: str | None
    key_id: str | None
    public_key: str | None
    is_signed: bool | None
    problems: tuple[EvidenceProblem, ...]
    notices: tuple[str, ...]
    limits: tuple[str, ...]
    statements: tuple[str, ...]

    def count(self, *kinds: ProblemKind) -> int:
        """Return the number of problems of some kinds."""
        return sum(each.kind in kinds for each in self.problems)


@dataclass(slots=True)
class Findings:
    """Collects problems, notices, limits and statements, and which key there is."""

    problems: list[EvidenceProblem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    public_key: PublicKey | None = None
    is_signed: bool | None = None
    untold: int = 0

    def add(self, path: str, problem: str, kind: ProblemKind = ProblemKind.CHANGED) -> None:
        """Note a problem at a path."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(EvidenceProblem(path=shown(path), problem=shown(problem, 1000), kind=kind))
        else:
            self.untold += 1

    def add_error(self, path: str, error: OSError, problem: str = "") -> None:
        """Note that something cannot be read; where only this user may not read it, that is told apart."""
        kind = ProblemKind.UNREADABLE if isinstance(error, PermissionError) else ProblemKind.CHANGED
        words = f"cannot be read ({error.strerror or error})"
        self.add(path, f"{problem}: it {words}" if problem else words, kind)

    @property
    def count(self) -> int:
        """Number of problems, told or not."""
        return len(self.problems) + self.untold

    def outcome(
        self, case_name: str, *, case_id: str, bag_sha256: str | None, manifest_sha256: str | None
    ) -> EvidenceCheck:
        """Return what was found. What holds is told also where something else does not; no text acts on a terminal."""
        problems = list(self.problems)
        if self.untold:
            problems.append(
                EvidenceProblem(path=shown(case_name), problem=f"and {self.untold} more problems that are not listed")
            )
        return EvidenceCheck(
            case_id=case_id,
            bag_sha256=bag_sha256,
            manifest_sha256=manifest_sha256,
            key_id=self.public_key.key_id if self.public_key else None,
            public_key=self.public_key.encoded if self.public_key else None,
            is_signed=self.is_signed,
            problems=tuple(problems),
            notices=_sentences(self.notices),
            limits=_sentences(self.limits),
            statements=_sentences(self.statements),
        )


def _sentences(texts: list[str]) -> tuple[str, ...]:
    return tuple(shown(text, _MAX_SENTENCE_CHARACTERS) for text in texts)
