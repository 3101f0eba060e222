"""`verify batch`: check many releases against one archive."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.options import archive_folder, tell_note
from verify.commands.progress import make_progress
from verify.commands.releases import exit_code, keeping_evidence_known, opened_library, release_options
from verify.commands.sources import expand_sources, listed_videos, playlist_options
from verify.errors import (
    EXIT_DONE,
    EXIT_FAIL_ON,
    EXIT_WARNINGS,
    InvalidUsageError,
    OutputNotWritableError,
    VerifyError,
)

if TYPE_CHECKING:
    from verify.commands.options import DescriptorChoice
    from verify.model import Match, Report

_TABLE_NAME = "matches.csv"


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, readable=False),
    required=True,
    metavar="DIR",
    help="Folder for the reports, one below it per release.",
)
@playlist_options("check")
@release_options
def batch(
    *,
    sources: tuple[str, ...],
    archive: Path | None,
    descriptor: DescriptorChoice,
    out: Path,
    playlist: bool,
    playlist_items: int,
    settings: dict[str, Any],
    fail_on: str | None,
) -> int:
    """Check many releases against one archive.

    A SOURCE is what `verify video` takes, or a folder, which stands for every video below it. Each release gets its own
    report in DIR; DIR/matches.csv lists the matches of all. A release that fails is told at the end and does not stop
    the others.
    """
    from verify.pipeline import Request, verify_release  # noqa: PLC0415 - keeps `verify --help` instant

    expanded = expand_sources(sources)
    if playlist:
        listed = listed_videos(expanded, settings["options"], playlist_items, "checked")
        expanded = [each.source for each in listed]
    releases = named_releases(expanded)
    if os.path.lexists(out / _TABLE_NAME):
        raise InvalidUsageError(out / _TABLE_NAME, "there is a batch here already", "Choose another --out.")
    rows: list[tuple[str, Match]] = []
    failures: list[tuple[str, VerifyError]] = []
    codes: list[int] = []
    with opened_library(archive_folder(archive), descriptor) as library:
        for number, (name, source) in enumerate(releases.items(), 1):
            request = Request(source=source, destination=out / name, query_id=name, **settings)
            try:
                with keeping_evidence_known(request.destination):
                    report = verify_release(request, library, make_progress(), tell_note)
            except VerifyError as error:
                failures.append((name, error))
                click.echo(f"[{number}/{len(releases)}] {name}: failed: {error}", err=True)
                continue
            rows += [(name, entry.match) for entry in report.matches]
            codes.append(exit_code(report, fail_on))
            click.echo(f"[{number}/{len(releases)}] {name}: {_counts(report)}", err=True)
    if codes:
        _write_table(rows, out / _TABLE_NAME)
    return _conclude(out, len(releases), len(rows), failures, codes)


def named_releases(sources: list[str]) -> dict[str, str]:
    """Give every source the name of its folder and its id in matches.csv: the stem, numbered if it is taken."""
    from verify.archive.metadata import id_from_name, is_url  # noqa: PLC0415

    named: dict[str, str] = {}
    for source in sources:
        path = source.partition("?")[0].rstrip("/") if is_url(source) else source
        stem = id_from_name(Path(path).stem)
        name, number = stem, 1
        while name in named or name == _TABLE_NAME:
            number += 1
            name = f"{stem}-{number}"
        named[name] = source
    return named


def _write_table(rows: list[tuple[str, Match]], path: Path) -> None:
    from verify.report.matches_csv import write_matches_csv  # noqa: PLC0415

    partial = path.with_name(f".{path.name}.partial")
    try:
        write_matches_csv(rows, partial)
        partial.replace(path)
    except OSError as error:
        raise OutputNotWritableError(
            path, f"cannot be written ({error.strerror})", "The reports beside it are whole; free some space."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _counts(report: Report) -> str:
    count = len(report.matches)
    text = f"{count} match{'' if count == 1 else 'es'}" if count else "no match"
    if report.same_scene:
        text += f", same scene {len(report.same_scene)}"
    return text + (" (with warnings)" if report.warnings else "")


def _conclude(out: Path, total: int, matches: int, failures: list[tuple[str, VerifyError]], codes: list[int]) -> int:
    """Sum up; the exit code is the failure's own if nothing succeeded, else 60 before 100 before 0."""
    if not codes:
        raise failures[0][1]
    click.echo(f"{len(codes)} of {total} releases checked, {matches} matches: {out / _TABLE_NAME}")
    for name, error in failures:
        click.echo(f"  failed: {name} (exit code {error.exit_code}): {error}")
    if EXIT_FAIL_ON in codes:
        return EXIT_FAIL_ON
    return EXIT_WARNINGS if failures or EXIT_WARNINGS in codes else EXIT_DONE
