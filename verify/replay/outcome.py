"""What a replay of a report gave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """Whether a finding came out as it is recorded."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_RUN = "could not be re-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A file of the report, by its path, and what is wrong with it."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What of a finding differs: what is recorded, and what came out now; empty where there is nothing."""

    what: str
    recorded: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedFinding:
    """A finding of the report, or one that came out only now, and how the two compare.

    `label` names it as the report does ('match 3'), `about` says in short what it tells of. `differences` are those of
    a different finding, `why` says why one could not be re-run, or what a difference may come from. `score_change`,
    `time_change_s` and `place_change` (of a corner of the picture, in shares of the reference's) are the largest
    absolute differences of numbers, None where there was nothing to compare.
    """

    label: str
    about: str
    result: Result
    differences: tuple[Difference, ...] = ()
    why: str = ""
    score_change: float | None = None
    time_change_s: float | None = None
    place_change: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a replay gave.

    `changed` are files that do not hold the bytes that were recorded, `unreadable` those that this user may not read.
    `holds` says in whole sentences what does hold, `unchecked` what could not be checked. `snapshot_id` is that of the
    archive that the report was checked against, empty if none was searched, and `searched` says what was searched now.
    `versions` are what differs between this program with its settings and the one that wrote the report: information,
    no finding.
    """

    report_id: str
    report_sha256: str
    snapshot_id: str
    searched: str
    findings: tuple[ReplayedFinding, ...]
    changed: tuple[Problem, ...]
    unreadable: tuple[Problem, ...]
    holds: tuple[str, ...]
    unchecked: tuple[str, ...]
    versions: tuple[Difference, ...]
    score_tolerance: float
    time_tolerance_s: float

    def count(self, result: Result) -> int:
        """Return the number of findings with a result."""
        return sum(each.result is result for each in self.findings)

    @property
    def is_same(self) -> bool:
        """Whether every finding could be re-run and came out as it is recorded."""
        return self.count(Result.SAME) == len(self.findings)
