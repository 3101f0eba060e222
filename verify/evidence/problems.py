"""What a check of a case found, collected without end but told within bounds."""

from __future__ import annotations

from dataclasses import dataclass, field

from verify.evidence.reading import shown

MAX_PROBLEMS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceProblem:
    """One way in which a case is not as it was sealed. `path` begins with the name of the case's folder."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceCheck:
    """What a check of a case found.

    Parameters
    ----------
    case_id
        As its manifest says; empty if there is none that can be read.
    bag_sha256
        Digest of the bag as found, None without a tag manifest.
    problems
        What is not as it was sealed, at most 1,000 and a last one that counts the rest. None: nothing was changed,
        added, removed or renamed, as far as this can be told; `statements` say how far.
    notices
        What could not be checked and why, as whole sentences.
    statements
        What was checked and holds, and how far that reaches, as whole sentences.
    """

    case_id: str
    bag_sha256: str | None
    problems: tuple[EvidenceProblem, ...]
    notices: tuple[str, ...]
    statements: tuple[str, ...]


@dataclass(slots=True)
class Findings:
    """Collects problems, notices and statements."""

    problems: list[EvidenceProblem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    untold: int = 0

    def add(self, path: str, problem: str) -> None:
        """Note a problem at a path."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(EvidenceProblem(path=shown(path), problem=shown(problem, 1000)))
        else:
            self.untold += 1

    @property
    def count(self) -> int:
        """Number of problems, told or not."""
        return len(self.problems) + self.untold

    def outcome(self, case_name: str, case_id: str, bag_sha256: str | None) -> EvidenceCheck:
        """Return what was found; a case that is not as it was sealed gets no comforting statements."""
        if self.untold:
            self.problems.append(
                EvidenceProblem(path=shown(case_name), problem=f"and {self.untold} more problems that are not listed")
            )
        return EvidenceCheck(
            case_id=case_id,
            bag_sha256=bag_sha256,
            problems=tuple(self.problems),
            notices=tuple(self.notices),
            statements=tuple(self.statements),
        )
