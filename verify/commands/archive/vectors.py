"""`verify archive reindex`: make the vectors of a learned descriptor anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.options import archive_folder, archive_option, descriptor_options
from verify.commands.progress import make_progress
from verify.errors import EXIT_DONE, InvalidUsageError

if TYPE_CHECKING:
    from verify.commands.options import DescriptorChoice


@click.command()
@archive_option
@descriptor_options
def reindex(archive: Path | None, descriptor: DescriptorChoice) -> int:
    """Make the vectors of a learned descriptor for all references that lack them.

    They are made of the thumbnails that the archive keeps, without the videos, and take the place of any other
    descriptor's. All else stays. What was interrupted goes on when it is run again.
    """
    from verify.archive.redescribe import describe_kept, lacking  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.archive.store import Archive  # noqa: PLC0415

    learned = descriptor.load()
    if learned is None:
        raise InvalidUsageError("--no-descriptor", "there is nothing to make then", "Leave it out.")
    with Archive.open(archive_folder(archive)) as opened:
        names = lacking(opened, learned)
        progress = make_progress()
        progress.start("describing", len(names), "references")
        try:
            for name in names:
                describe_kept(opened, name, learned)
                progress.advance(1)
        finally:
            progress.finish()
        count = opened.count()
    click.echo(f"{len(names)} described, {count - len(names)} had vectors of this descriptor already.")
    return EXIT_DONE
