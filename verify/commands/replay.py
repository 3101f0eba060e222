"""`verify replay`: is a report still what its bytes, its fingerprints and its archive say?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.options import archive_folder, archive_option
from verify.commands.progress import make_progress
from verify.errors import EXIT_DONE, EXIT_WARNINGS, EvidenceMismatchError, InvalidUsageError, ReplayDiffersError

if TYPE_CHECKING:
    from verify.replay.outcome import Difference, Problem, Replay, ReplayedFinding

_GIVE = "Give the folder of a report, which holds a report.json."
_LABEL_WIDTH, _RESULT_WIDTH = 20, 21
_MAX_PATH_CHARACTERS = 4096


@click.command()
@click.argument("report", metavar="REPORT_DIR")
@archive_option
@click.option(
    "--descriptor",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Learned descriptor (ONNX) that the report was made with, if it was not the program's own.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the outcome as JSON to standard output.")
def replay(*, report: str, archive: Path | None, descriptor: Path | None, as_json: bool) -> int:
    """Check a report again: hash, search, compare finding by finding.

    REPORT_DIR is the folder of a report. Its files are hashed again, the search is run again from its stored
    fingerprints in the state of the archive that it names, and each finding is said to be the same or different. The
    exit code is 22 if one differs or could not be re-run, 20 if bytes have changed. Nothing is changed in either
    folder, and no network is used.
    """
    from verify.replay.replaying import replay as replay_report  # noqa: PLC0415 - keeps `verify --help` instant

    outcome = replay_report(_folder(report), archive_folder(archive), descriptor, make_progress())
    if as_json:
        import msgspec  # noqa: PLC0415

        told = {"result": _result(outcome), **msgspec.to_builtins(outcome)}
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
    else:
        click.echo("\n".join(_lines(outcome)))
    return _exit_code(outcome)


def _folder(given: str) -> Path:
    """Follow the links that the user gives; those inside the folder are for the check to find."""
    if not given:  # which would be the working folder
        raise InvalidUsageError("REPORT_DIR", "is empty", _GIVE)
    try:
        folder = Path(given).resolve()
        is_folder, is_there = folder.is_dir(), folder.exists()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidUsageError(given, f"cannot be found ({reason})", _GIVE) from error
    if not is_folder:
        raise InvalidUsageError(given, "is no folder" if is_there else "there is no such folder", _GIVE)
    return folder


def _exit_code(outcome: Replay) -> int:
    if outcome.changed:
        return EvidenceMismatchError.exit_code
    if not outcome.is_same:
        return ReplayDiffersError.exit_code
    return EXIT_WARNINGS if outcome.unreadable else EXIT_DONE


def _lines(outcome: Replay) -> list[str]:
    lines = [f"Report {outcome.report_id}, SHA-256 {outcome.report_sha256}"]
    if outcome.searched:
        lines.append(f"Searched: {outcome.searched}")
    lines.append("")
    for finding in outcome.findings:
        lines += _finding_lines(finding)
    for heading, sentences in (
        ("What holds its bytes:", outcome.holds),
        ("What could not be checked:", outcome.unchecked),
        ("What this user may not read:", _problems(outcome.unreadable)),
        ("What has changed:", _problems(outcome.changed)),
        ("What is another than when the report was made (no finding):", _told_differences(outcome.versions)),
    ):
        if sentences:
            lines += ["", heading, *(f"  {sentence}" for sentence in sentences)]
    return [*lines, "", _result(outcome)]


def _finding_lines(finding: ReplayedFinding) -> list[str]:
    lines = [f"{finding.result.value:<{_RESULT_WIDTH}} {finding.label:<{_LABEL_WIDTH}} {finding.about}"]
    lines += [f"{'':<{_RESULT_WIDTH}} {told}" for told in _told_differences(finding.differences)]
    if finding.why:
        lines.append(f"{'':<{_RESULT_WIDTH}} {finding.why}")
    return lines


def _told_differences(differences: tuple[Difference, ...]) -> list[str]:
    return [f"{each.what}: {each.recorded or '(none)'} then, {each.now or '(none)'} now" for each in differences]


def _problems(problems: tuple[Problem, ...]) -> list[str]:
    return [f"{each.path}: {each.problem}" for each in problems]


def _result(outcome: Replay) -> str:
    """Say the outcome in one line."""
    from verify.findings.wording import counted  # noqa: PLC0415
    from verify.replay.outcome import Result  # noqa: PLC0415

    different, not_run = outcome.count(Result.DIFFERENT), outcome.count(Result.NOT_RUN)
    same = f"{outcome.count(Result.SAME)} of {counted(len(outcome.findings), 'finding')} are the same"
    rest = f", {different} different, {not_run} could not be re-run" if different or not_run else ""
    bytes_told = "no byte was found changed"
    if outcome.changed:
        bytes_told = f"{counted(len(outcome.changed), 'file')} changed: this is not the report as it was made"
    elif outcome.unreadable or outcome.unchecked:
        bytes_told += " in what could be checked"
    return f"{same}{rest}; {bytes_told}."
