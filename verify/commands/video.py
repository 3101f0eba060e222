"""`verify video`: check one release."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.options import archive_folder, check_date, check_moment, default_report_folder, tell_note
from verify.commands.progress import make_progress
from verify.commands.releases import exit_code, keeping_evidence_known, opened_library, release_options
from verify.errors import InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.commands.options import DescriptorChoice
    from verify.model import Report
    from verify.pipeline import Library


@click.command()
@click.argument("source")
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
    "--published", default="", metavar="DATE", help="When the release was published, if its page does not say."
)
@click.option("--offline", is_flag=True, help="Fetch nothing: what SOURCE leads to is preserved already.")
@release_options
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON to standard output.")
def video(
    *,
    source: str,
    archive: Path | None,
    descriptor: DescriptorChoice,
    out: Path | None,
    claimed_date: str,
    claims: Path | None,
    publisher: str,
    published: str,
    offline: bool,
    settings: dict[str, Any],
    fail_on: str | None,
    as_json: bool,
) -> int:
    """Check one release: fetch, preserve, compare, report.

    SOURCE is the URL of a page, file or HLS/DASH playlist with one video, or a local file, or a case that was preserved
    earlier. The bytes are preserved in DIR/evidence, the report is DIR/report.html and DIR/report.json, its matches
    DIR/matches.csv.
    """
    from verify.findings.claims import load_claims  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.pipeline import Request, verify_release  # noqa: PLC0415

    if offline and (settings["seal"].timestamp_url or settings["seal"].calendars):
        raise InvalidUsageError(
            "--offline",
            "nobody can be asked for the time without the network",
            "Use `verify evidence timestamp` later.",
        )
    destination = out or default_report_folder(source)
    request = Request(
        source=source,
        destination=destination,
        claimed_date=check_date(claimed_date, "--claimed-date"),
        publisher=publisher,
        published=check_moment(published, "--published"),
        claims=load_claims(claims) if claims else (),
        offline=offline,
        **settings,
    )
    with library_for(archive, descriptor) as library, keeping_evidence_known(destination):
        report = verify_release(request, library, make_progress(), tell_note)
    if as_json:
        from verify.report.json_report import encode_report  # noqa: PLC0415

        click.echo(encode_report(report), nl=False)
    else:
        click.echo(summary(report, destination))
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
    return exit_code(report, fail_on)


@contextlib.contextmanager
def library_for(given: Path | None, descriptor: DescriptorChoice) -> Iterator[Library | None]:
    """Open the archive to search. A default archive that is not there yet is no error: the report then says so."""
    folder = archive_folder(given)
    if given is None and not os.environ.get("VERIFY_ARCHIVE") and not os.path.lexists(folder):
        click.echo(
            f"note: there is no reference archive at {folder} yet, so nothing will be searched.\n"
            "      Make one: verify archive add VIDEO...",
            err=True,
        )
        yield None
        return
    with opened_library(folder, descriptor) as library:
        yield library


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
    if report.earlier_releases:
        lines.append(f"  used before by the same publisher: {len(report.earlier_releases)} (see the report)")
    if report.repeats:
        lines.append(f"  repeats inside the release: {len(report.repeats)} (see the report)")
    if len(lines) > 2:
        lines.append("")
    shown = destination / ("report.html" if (destination / "report.html").exists() else "report.json")
    signed = f"signed with key {report.seal.key_id}" if report.seal and report.seal.key_id else "not signed"
    return "\n".join([*lines, f"Report:   {shown}", f"Evidence: {destination / 'evidence'} ({signed})"])
