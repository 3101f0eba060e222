"""Every error a user can meet, each class with the exit code it ends the program with.

Exit codes are a contract (docs/usage.md lists them). An error names the object it is about, what failed, and what to
do next; `verify.__main__` is the only place that turns one into an exit.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_FAIL_ON = 60
EXIT_WARNINGS = 100
EXIT_INTERRUPTED = 130


class VerifyError(Exception):
    """Base of all errors that are not bugs.

    Parameters
    ----------
    subject
        The object the error is about: a path, a URL, an option, a row of a file.
    problem
        What is wrong with it, without a final full stop.
    remedy
        What the reader can do next, as a whole sentence.
    """

    exit_code: ClassVar[int] = EXIT_BUG

    def __init__(self, subject: object, problem: str, remedy: str = "") -> None:
        self.subject = _harmless(str(subject))
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{self.subject}: {problem}." + (f" {remedy}" if remedy else ""))


def _harmless(text: str) -> str:
    """Write out the characters of a name that would act on a terminal instead of being shown."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


class InvalidUsageError(VerifyError):
    """An option, argument or input table that cannot be used as given."""

    exit_code = EXIT_USAGE


class AcquisitionFailedError(VerifyError):
    """The bytes could not be obtained: unreachable host, 404, removed, extractor broken."""

    exit_code = 10


class AcquisitionRefusedError(VerifyError):
    """The bytes may not be obtained: login, geo-block, playlist, live stream, network policy, size or time limit."""

    exit_code = 11


class EvidenceMismatchError(VerifyError):
    """Preserved bytes differ from their recorded digest."""

    exit_code = 20


class EvidenceExistsError(VerifyError):
    """A case is already preserved where a new one was to be written."""

    exit_code = 21


class ReplayDiffersError(VerifyError):
    """A re-run of a report came to another result."""

    exit_code = 22


class UnreadableMediaError(VerifyError):
    """The file is no video that can be decoded."""

    exit_code = 30


class NoUsableFramesError(VerifyError):
    """The video decodes, but no frame could be sampled from it."""

    exit_code = 31


class ArchiveDamagedError(VerifyError):
    """The reference archive is not intact."""

    exit_code = 40


class FingerprintVersionError(VerifyError):
    """The archive's fingerprints were made by another version of an algorithm."""

    exit_code = 41


class ArchiveLockedError(VerifyError):
    """Another process is writing to the archive."""

    exit_code = 42


class NewerFormatError(VerifyError):
    """The archive was written by a newer version of this program."""

    exit_code = 43


class PackRefusedError(VerifyError):
    """A pack of shared references failed its checks."""

    exit_code = 44


class ToolMissingError(VerifyError):
    """An external tool is missing."""

    exit_code = 50


class OutputNotWritableError(VerifyError):
    """An output folder cannot be written, or the disk is full."""

    exit_code = 51
