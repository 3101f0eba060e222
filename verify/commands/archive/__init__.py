"""`verify archive`: keep the reference archive."""

from __future__ import annotations

import click

from verify.commands.archive.adding import add
from verify.commands.archive.checking import check, repair
from verify.commands.archive.history import amend, forget, log, restore, retract, seen
from verify.commands.archive.packs import export_references, import_references, list_packs
from verify.commands.archive.rechecking import recheck
from verify.commands.archive.searching import search
from verify.commands.archive.showing import list_references, show, stats
from verify.commands.archive.vectors import reindex


@click.group()
def archive() -> None:
    """Keep the reference archive that releases are checked against."""


_COMMANDS = (
    add,
    list_references,
    show,
    stats,
    search,
    log,
    seen,
    amend,
    retract,
    restore,
    forget,
    check,
    repair,
    reindex,
    recheck,
    export_references,
    import_references,
    list_packs,
)
for command in _COMMANDS:
    archive.add_command(command)
