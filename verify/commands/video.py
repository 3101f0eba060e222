"""`verify video`: check one release."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.options import (
    archive_folder,
    archive_option,
    check_date,
    default_report_folder,
    limit_options,
    limits_from,
    private_option,
    told_command,
)
from verify.commands.progress import make_progress
from verify.errors import EXIT_DONE, EXIT_FAIL_ON, EXIT_WARNINGS, InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.model import Report
    from verify.pipeline import Library

_FORMATS = ("html", "json")


@click.command()
@click.argument("source")
@archive_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, readable=False),
    metavar="DIR",
    help="Folder for the report. Default: a new one in reports/.",
)
@click.option(
    "--claimed-date",
    default="",
    metavar="DATE",
    help="Date the release claims for its footage (2025-10-11, 2025-10, 2025).",
)
@click.option(
    "--claims", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="YAML list of claims to quote."
)
@click.option("--publisher", default="", metavar="NAME", help="Who published the release, if its page does not say.")
@click.option(
    "--format", "formats", default="html,json", show_default=True, help="Forms of the report, with commas between."
)
@click.option(
    "--fail-on",
    type=click.Choice(["reuse"]),
    help="End with exit code 60 if any match is found, possible or confirmed.",
)
@private_option
@limit_options
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON to standard output.")
def video(
    *,
    source: str,
    archive: Path | None,
    out: Path | None,
    claimed_date: str,
    claims: Path | None,
    publisher: str,
    formats: str,
    fail_on: str | None,
    allow_private: bool,
    max_minutes: float,
    max_gigabytes: float,
    as_json: bool,
) -> int:
    """Check one release: fetch, preserve, compare, report.

    SOURCE is the URL of a page, file or HLS/DASH playlist with one video, or a local file. The bytes are preserved in
    DIR/evidence, the report is DIR/report.html and DIR/report.json, its matches DIR/matches.csv.
    """
    from verify.findings.claims import load_claims  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.pipeline import Request, verify_release  # noqa: PLC0415

    destination = out or default_report_folder(source)
    request = Request(
        source=source,
        destination=destination,
        command=told_command(),
        formats=check_formats(formats),
        claimed_date=check_date(claimed_date, "--claimed-date"),
        publisher=publisher,
        claims=load_claims(claims) if claims else (),
        allow_private=allow_private,
        limits=limits_from(max_gigabytes, max_minutes),
    )
    with library_for(archive) as library, keeping_evidence_known(destination):
        report = verify_release(request, library, make_progress())
    if as_json:
        from verify.report.json_report import encode_report  # noqa: PLC0415

        click.echo(encode_report(report), nl=False)
    else:
        click.echo(summary(report, destination))
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
    return exit_code(report, fail_on)


def check_formats(text: str) -> frozenset[str]:
    """Return the wanted forms of the report; raises InvalidUsageError for an unknown one."""
    wanted = {part.strip() for part in text.split(",") if part.strip()}
    if unknown := wanted - set(_FORMATS):
        raise InvalidUsageError(
            "--format",
            f"{', '.join(sorted(unknown))} is not a form of the report",
            f"Choose from {', '.join(_FORMATS)}.",
        )
    return frozenset(wanted)


@contextlib.contextmanager
def library_for(given: Path | None) -> Iterator[Library | None]:
    """Open the archive to search. A default archive that is not there yet is no error: the report then says so."""
    from verify.pipeline import open_library  # noqa: PLC0415

    folder = archive_folder(given)
    if given is None and not os.environ.get("VERIFY_ARCHIVE") and not os.path.lexists(folder):
        click.echo(
            f"note: there is no reference archive at {folder} yet, so nothing will be searched.\n"
            "      Make one: verify archive add VIDEO...",
            err=True,
        )
        yield None
        return
    with open_library(folder) as library:
        yield library


@contextlib.contextmanager
def keeping_evidence_known(destination: Path) -> Iterator[None]:
    """If a stage fails after the bytes were preserved, say where they are."""
    case = destination / "evidence"
    existed = os.path.lexists(case)
    try:
        yield
    except BaseException:
        if not existed and os.path.lexists(case):
            report = "the report is whole" if os.path.lexists(destination / "report.json") else "no report was written"
            click.echo(f"note: what was fetched is preserved in {case}; {report}.", err=True)
        raise


def summary(report: Report, destination: Path) -> str:
    """Tell the report's answer and its matches in plain lines."""
    from verify.findings.wording import timecode  # noqa: PLC0415

    lines = [report.answer, ""]
    for entry in report.matches:
        match = entry.match
        spans = " ~ ".join(
            f"{timecode(interval.start_s)}-{timecode(interval.end_s)}" for interval in (match.query, match.reference)
        )
        lines.append(f"  {entry.number}. {match.level}: {spans} of {entry.reference.id}, score {match.score:.2f}")
    if report.same_scene:
        lines.append(f"  same scene, not shown to be the same recording: {len(report.same_scene)} (see the report)")
    if len(lines) > 2:
        lines.append("")
    shown = destination / ("report.html" if (destination / "report.html").exists() else "report.json")
    return "\n".join([*lines, f"Report:   {shown}", f"Evidence: {destination / 'evidence'}"])


def exit_code(report: Report, fail_on: str | None) -> int:
    """Exit code of a finished verification: 60 beats 100 beats 0."""
    if fail_on == "reuse" and report.matches:
        return EXIT_FAIL_ON
    return EXIT_WARNINGS if report.warnings else EXIT_DONE
