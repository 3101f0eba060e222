"""Entry point: builds the command group, and is the only place where the program ends.

Command modules are imported when their command runs, so that `verify --help` stays instant.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import traceback
from typing import NoReturn

import click

from verify import __version__
from verify.errors import EXIT_BUG, EXIT_DONE, EXIT_INTERRUPTED, EXIT_USAGE, OutputNotWritableError, VerifyError

#: Command name -> module, and the line that `verify --help` shows (tests compare it with the command's own).
COMMANDS: dict[str, tuple[str, str]] = {
    "video": ("verify.commands.video", "Check one release: fetch, preserve, compare, report."),
    "batch": ("verify.commands.batch", "Check many releases against one archive."),
    "report": ("verify.commands.report", "Add people's words to a report, or make its other forms."),
    "compare": ("verify.commands.compare", "Compare two videos with each other, without an archive."),
    "archive": ("verify.commands.archive", "Keep the reference archive that releases are checked against."),
    "evidence": ("verify.commands.evidence", "Check a preserved case, or have its time stated."),
    "key": ("verify.commands.key", "Keep the key that cases are signed with."),
    "replay": ("verify.commands.replay", "Check a report again: hash, search, compare finding by finding."),
    "doctor": ("verify.commands.doctor", "Say what works on this machine and what to install."),
    "demo": ("verify.commands.demo", "Run the main job on real footage, and compare with what was planted."),
}

#: Signals that end the program as Ctrl-C does. Windows has no SIGHUP.
_INTERRUPTING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


#: The matrix products here are many and small: divided among threads they cost several times the CPU time they save.
#: Read by NumPy's and FAISS's libraries when they are loaded; what the user has set stays.
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


class LazyGroup(click.Group):
    """A command group whose commands are imported only when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands in the order of a newcomer's need."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import and return a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the commands from the table above, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="verify")
def verify() -> None:
    """Has this footage been seen before?

    Fetches a video release, preserves it as evidence, compares it with an archive of earlier footage and writes a
    provenance report. It states what was seen before, where and when; intent is left to people.
    """


def main() -> NoReturn:
    """Run the program and end with the exit code that docs/usage.md documents."""
    for number in _INTERRUPTING:
        # Where one is ignored, as below nohup, it stays so.
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _interrupt_once)
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # in the moment before or after
        code = _interrupted()
    sys.exit(code)


def _interrupt_once(_number: int, _frame: object) -> NoReturn:
    """Interrupt the program, and let no impatient second Ctrl-C interrupt the clearing up that follows."""
    for number in _INTERRUPTING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; errors are told on standard error."""
    try:
        result = verify.main(args=arguments, prog_name="verify", standalone_mode=False)
    except VerifyError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except SystemExit:
        # Click's way to say that whoever read the output has gone, as `head` does; the work itself was done.
        return EXIT_DONE
    except Exception as error:  # noqa: BLE001 - the last resort
        return _unforeseen(error)
    return result if isinstance(result, int) else EXIT_DONE


def _interrupted() -> int:
    click.echo("interrupted: nothing half-written was left.", err=True)
    return EXIT_INTERRUPTED


def _unforeseen(error: Exception) -> int:
    """Tell of a full disk, which can be met wherever something is written; all else is a bug, told with its trace."""
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        where = error.filename or "the output"
        problem = f"cannot be written ({error.strerror})"
        told = OutputNotWritableError(where, problem, "Free some disk space and try again.")
        click.echo(f"error: {told}", err=True)
        return told.exit_code
    traceback.print_exception(error)
    click.echo("error: this is a bug in verify. Please report it with the lines above.", err=True)
    return EXIT_BUG


if __name__ == "__main__":
    main()
