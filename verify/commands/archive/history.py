"""`verify archive log`, `retract`, `restore`, `amend`, `seen` and `forget`: what was changed, and changing it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.archive.texts import as_json_text, shown_text
from verify.commands.options import archive_folder, archive_option, lock_wait_option, tell_note
from verify.errors import EXIT_DONE, InvalidUsageError

if TYPE_CHECKING:
    from verify.archive.history import LogEntry
    from verify.archive.store import Archive

KINDS = ("news", "official-release", "exercise", "game", "film", "stock", "user-generated", "other")
SIGHTING_SOURCES = ("platform", "archived-page", "broadcast-log", "statement", "other")
_MOST_REASON_CHARACTERS = 1000
_SHOWN_DIGITS = 16

_id_argument = click.argument("reference_id", metavar="ID")
_reason_option = click.option("--reason", required=True, help="Why; it is kept in the log.")


@click.command()
@archive_option
@click.option("--last", type=click.IntRange(min=1), default=30, show_default=True, help="Tell only the last changes.")
@click.option("--all", "is_all", is_flag=True, help="Tell all changes.")
@click.option("--id", "reference_id", default="", metavar="ID", help="Tell only changes of this reference.")
@click.option("--snapshot", default="", metavar="SNAPSHOT", help="Tell what the archive held in this earlier state.")
@click.option("--json", "as_json", is_flag=True, help="Write the log as JSON to standard output.")
def log(*, archive: Path | None, last: int, is_all: bool, reference_id: str, snapshot: str, as_json: bool) -> int:
    """Tell what was changed, and the snapshot that each change led to.

    A report names the snapshot that was searched: --snapshot tells which references that was.
    """
    from verify.archive.store import Archive  # noqa: PLC0415 - keeps `verify --help` instant

    folder = archive_folder(archive)
    with Archive.open(folder) as opened:
        if snapshot:
            return _show_state(opened.history.state(_whole_id(opened, snapshot)), snapshot, folder, as_json=as_json)
        entries = opened.history.entries(0 if is_all else last, reference_id)
    if as_json:
        click.echo(as_json_text([entry._asdict() for entry in entries]))
        return EXIT_DONE
    for entry in entries:
        click.echo(_line(entry))
    click.echo(f"{len(entries)} changes told, the newest last.", err=True)
    return EXIT_DONE


def _line(entry: LogEntry) -> str:
    words = [entry.utc, entry.snapshot_id[:_SHOWN_DIGITS], f"{entry.action:14}", entry.reference_id]
    words += [f"({shown_text(entry.detail)})"] if entry.detail else []
    words += [f"reason: {shown_text(entry.reason)}"] if entry.reason else []
    return "  ".join(words).rstrip()


def _whole_id(opened: Archive, begun: str) -> str:
    """Complete the beginning of a snapshot id as the log has it."""
    found = {entry.snapshot_id for entry in opened.history.entries() if entry.snapshot_id.startswith(begun)}
    if len(found) > 1:
        raise InvalidUsageError("--snapshot", f"{len(found)} snapshots begin with {begun}", "Give more of it.")
    return found.pop() if found else begun


def _show_state(state: dict[str, str] | None, snapshot: str, folder: Path, *, as_json: bool) -> int:
    if state is None:
        raise InvalidUsageError(
            "--snapshot", f"the archive at {folder} never was in the state {snapshot}", "See verify archive log --all."
        )
    if as_json:
        click.echo(as_json_text(state))
        return EXIT_DONE
    for name, digest in sorted(state.items()):
        click.echo(f"{digest}  {name}")
    click.echo(f"{len(state)} references.", err=True)
    return EXIT_DONE


@click.command()
@_id_argument
@archive_option
@lock_wait_option
@_reason_option
def retract(reference_id: str, archive: Path | None, lock_wait: float | None, reason: str) -> int:
    """Take a reference out of the search. It stays in the archive and can be restored."""
    from verify.archive.changes import retract as retract_reference  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    with Archive.open(archive_folder(archive), lock_wait_s=lock_wait, tell=tell_note) as opened:
        retract_reference(opened, reference_id, checked_reason(reason))
        click.echo(f"{reference_id} is retracted; snapshot {opened.history.snapshot_id()}.")
    return EXIT_DONE


@click.command()
@_id_argument
@archive_option
@lock_wait_option
@_reason_option
def restore(reference_id: str, archive: Path | None, lock_wait: float | None, reason: str) -> int:
    """Put a retracted reference back into the search."""
    from verify.archive.changes import restore as restore_reference  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    with Archive.open(archive_folder(archive), lock_wait_s=lock_wait, tell=tell_note) as opened:
        restore_reference(opened, reference_id, checked_reason(reason))
        click.echo(f"{reference_id} is restored; snapshot {opened.history.snapshot_id()}.")
    return EXIT_DONE


@click.command()
@_id_argument
@archive_option
@lock_wait_option
@_reason_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(reference_id: str, archive: Path | None, lock_wait: float | None, reason: str, yes: bool) -> int:
    """Erase a reference for good, for example because the law demands it. It cannot be undone.

    A tombstone stays: its id, the SHA-256 of the video, the day and the reason. To take a reference out of the search
    only, retract it.
    """
    from verify.archive.changes import forget as forget_reference  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    checked = checked_reason(reason)
    with Archive.open(archive_folder(archive), lock_wait_s=lock_wait, tell=tell_note) as opened:
        if not yes and not sys.stdin.isatty():
            raise InvalidUsageError("archive forget", "nobody can be asked whether it is meant", "Give --yes.")
        if not yes and not click.confirm(f"Erase {shown_text(reference_id)} for good?", err=True):
            click.echo("Nothing was changed.")
            return EXIT_DONE
        forget_reference(opened, reference_id, checked)
        click.echo(f"{reference_id} is forgotten; snapshot {opened.history.snapshot_id()}.")
    click.echo(
        "Backups, exported packs, reports that were made before, and what a repair has set aside in 'quarantine' still "
        "hold what they held; reasons given before stay in the log.",
        err=True,
    )
    return EXIT_DONE


@click.command()
@_id_argument
@archive_option
@lock_wait_option
@_reason_option
@click.option("--kind", type=click.Choice(KINDS), help="What the footage is.")
@click.option("--title", help="Title, as published.")
@click.option("--publisher", help="Who published it.")
@click.option("--source-url", metavar="URL", help="Where it was published.")
@click.option("--licence", help="Its licence.")
@click.option("--event", help="The event it shows, as far as known.")
@click.option("--notes", help="Anything else.")
@click.option("--sighting", type=click.IntRange(min=1), default=1, show_default=True, help="Sighting to change.")
@click.option("--first-seen", metavar="DATE", help="Date of that sighting.")
@click.option("--first-seen-source", type=click.Choice(SIGHTING_SOURCES), help="Who or what says so.")
@click.option("--first-seen-basis", help="How that date is known.")
@click.option("--first-seen-url", metavar="URL", help="Where that can be looked up.")
def amend(
    *,
    reference_id: str,
    archive: Path | None,
    lock_wait: float | None,
    reason: str,
    sighting: int,
    first_seen: str | None,
    first_seen_source: str | None,
    first_seen_basis: str | None,
    first_seen_url: str | None,
    **texts: str | None,
) -> int:
    """Correct what is said of a reference. What was said before is kept, and shown by `verify archive show`."""
    from verify.archive.changes import amend as amend_reference  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    given = {
        **texts,
        "date": first_seen,
        "source": first_seen_source,
        "basis": first_seen_basis,
        "url": first_seen_url,
    }
    changed = checked_texts({name: value for name, value in given.items() if value is not None})
    if not changed:
        raise InvalidUsageError("archive amend", "nothing to change was given", "See verify archive amend --help.")
    with Archive.open(archive_folder(archive), lock_wait_s=lock_wait, tell=tell_note) as opened:
        amended = amend_reference(opened, reference_id, changed, checked_reason(reason), sighting=sighting)
        told = f"amended: {', '.join(amended)}" if amended else "said so already; nothing was changed"
        click.echo(f"{reference_id} {told}; snapshot {opened.history.snapshot_id()}.")
    return EXIT_DONE


@click.command()
@_id_argument
@archive_option
@lock_wait_option
@click.option("--first-seen", default="", metavar="DATE", help="Date by which it was seen there.")
@click.option(
    "--first-seen-source",
    type=click.Choice(SIGHTING_SOURCES),
    default="other",
    show_default=True,
    help="Who or what says so.",
)
@click.option("--first-seen-basis", default="", help="How that date is known.")
@click.option("--first-seen-url", default="", metavar="URL", help="Where it was seen, or where that can be looked up.")
@click.option("--title", default="", help="Title that it had there.")
@click.option("--publisher", default="", help="Who published it there.")
def seen(
    *,
    reference_id: str,
    archive: Path | None,
    lock_wait: float | None,
    first_seen: str,
    first_seen_source: str,
    first_seen_basis: str,
    first_seen_url: str,
    title: str,
    publisher: str,
) -> int:
    """Add a sighting: another place or an earlier date at which the footage of a reference was seen.

    Of all sightings of a reference the earliest counts; reports list all of them.
    """
    from verify.archive.changes import see_again  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415
    from verify.dates import utc_now  # noqa: PLC0415
    from verify.model import Sighting, SightingSource  # noqa: PLC0415

    told = checked_texts(
        {"date": first_seen, "basis": first_seen_basis, "url": first_seen_url, "title": title, "publisher": publisher}
    )
    if not (told["date"] or told["url"]):
        raise InvalidUsageError("archive seen", "neither a date nor a place was given", "Give --first-seen DATE.")
    sighting = Sighting(source=SightingSource(first_seen_source), added_utc=utc_now(), **told)
    with Archive.open(archive_folder(archive), lock_wait_s=lock_wait, tell=tell_note) as opened:
        is_new = see_again(opened, reference_id, sighting)
        reference = opened.reference(reference_id)
        earliest = reference.first_seen if reference and reference.first_seen else "not known"
        words = "has a sighting more" if is_new else "has this sighting already"
        click.echo(f"{reference_id} {words}; first seen no later than: {earliest}.")
    return EXIT_DONE


def checked_reason(reason: str) -> str:
    """Return a reason that can be kept; raises InvalidUsageError if it says nothing or too much."""
    if not reason.strip():
        raise InvalidUsageError("--reason", "it is empty", "Say why, for whoever reads the log in some years.")
    if len(reason) > _MOST_REASON_CHARACTERS:
        raise InvalidUsageError(
            "--reason", f"it has more than {_MOST_REASON_CHARACTERS} characters", "Write a shorter one."
        )
    return shown_text(reason)


def checked_texts(given: dict[str, str]) -> dict[str, str]:
    """Check texts about a reference or a sighting, by field; raises InvalidUsageError naming the option."""
    from verify.archive.manifest import MAX_FIELD_CHARACTERS  # noqa: PLC0415
    from verify.archive.metadata import is_url  # noqa: PLC0415
    from verify.dates import checked_moment  # noqa: PLC0415

    checked = dict(given)
    options = {"date": "first-seen", "url": "first-seen-url", "basis": "first-seen-basis"}
    for field, value in given.items():
        option = f"--{options.get(field, field).replace('_', '-')}"
        if len(value) > MAX_FIELD_CHARACTERS:
            raise InvalidUsageError(option, f"it has more than {MAX_FIELD_CHARACTERS} characters", "Write less.")
        if field in ("url", "source_url") and value and not is_url(value):
            raise InvalidUsageError(option, f"{shown_text(value)} is no http(s) URL", "Give the whole address.")
    if checked.get("date"):
        try:
            checked["date"] = checked_moment(checked["date"])
        except ValueError as error:
            raise InvalidUsageError("--first-seen", str(error), "Write for example 2021-03-14 or 2021.") from error
    return checked
