"""`verify archive recheck`: old verdicts and new references."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.archive.texts import as_json_text, shown_text
from verify.commands.options import (
    archive_folder,
    archive_option,
    descriptor_options,
    lock_wait_option,
    tell_note,
)
from verify.commands.progress import make_progress
from verify.errors import EXIT_DONE, EXIT_WARNINGS, InvalidUsageError, OutputNotWritableError

if TYPE_CHECKING:
    from verify.commands.options import DescriptorChoice
    from verify.recheck import Rechecked


@click.command()
@archive_option
@descriptor_options
@lock_wait_option
@click.option("--everything", is_flag=True, help="Compare with all references, not only with new and changed ones.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="New folder for the correction notes, one file for each report that changes.",
)
@click.option("--json", "as_json", is_flag=True, help="Write what changes as JSON to standard output.")
def recheck(
    *,
    archive: Path | None,
    descriptor: DescriptorChoice,
    lock_wait: float | None,
    everything: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Compare the releases that were checked before with the references that arrived since.

    Every `verify video` is remembered beside the archive. What changes in the findings of such a report is told, with a
    correction note that can be published. A release is compared with references that were added or changed since it was
    last checked; it is not fetched or decoded again.
    """
    import msgspec  # noqa: PLC0415 - keeps `verify --help` instant

    from verify.archive.cases import open_cases  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415
    from verify.recheck import correction_note  # noqa: PLC0415
    from verify.recheck import recheck as recheck_cases  # noqa: PLC0415

    folder = archive_folder(archive)
    if out is not None and os.path.lexists(out):
        raise InvalidUsageError(out, "it is there already", "Give a new folder with --out.")
    learned = descriptor.load()
    done: list[Rechecked] = []
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(Archive.open(folder))
        cases = stack.enter_context(open_cases(folder, lock_wait_s=lock_wait, tell=tell_note))
        count = len(cases.cases()) if cases else 0
        if cases and (unnoted := cases.unnoted()):
            tell_note(f"{unnoted} releases were being remembered when a process was cut off; they are not compared.")
        for each in recheck_cases(opened, cases, learned, make_progress(), everything=everything) if cases else ():
            if out is not None and each.changes:
                _write(out, f"correction-{each.case.release.id}.md", correction_note(each))
            done.append(each)
            if not as_json:
                _tell(each)
    changed = [each for each in done if each.changes]
    failed = [each for each in done if each.failure]
    if as_json:
        click.echo(as_json_text(msgspec.to_builtins([*changed, *failed])))
    else:
        told = f"{count} releases remembered, {len(done)} compared, {len(changed)} with findings that change"
        click.echo(f"{told}, {len(failed)} failed." if failed else f"{told}.")
        if out is not None and changed:
            click.echo(f"Correction notes: {out}")
    return EXIT_WARNINGS if failed else EXIT_DONE


def _tell(rechecked: Rechecked) -> None:
    release = rechecked.case.release
    if not rechecked.changes and not rechecked.failure:
        return
    click.echo(f"{release.id}  {shown_text(release.title)}")
    if rechecked.failure:
        click.echo(f"  failed: {shown_text(rechecked.failure)}", err=True)
    for change in rechecked.changes:
        click.echo(f"  {change.kind.value} ({shown_text(change.why)})")
        for name, text in (("before", change.before), ("now", change.now)):
            if text is not None:
                click.echo(f"    {name}: {shown_text(text)}")


def _write(folder: Path, name: str, text: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / name)
    except OSError as error:
        raise OutputNotWritableError(
            folder, f"a correction note cannot be written ({error.strerror})", "Choose another --out."
        ) from error
