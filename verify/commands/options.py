"""Options that several commands share, and what they mean when left out."""

from __future__ import annotations

import functools
import math
import os
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.errors import InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from verify.acquire.limits import AcquisitionLimits
    from verify.fingerprint.learned import Descriptor

# A petabyte and ten weeks: beyond, system calls that take these numbers overflow.
_MOST_GIGABYTES = 1_000_000
_MOST_MINUTES = 100_000
_MOST_MEGABYTES_PER_S = 100_000

archive_option = click.option(
    "--archive",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Reference archive. Default: VERIFY_ARCHIVE, else 'archive' in the user's data folder.",
)


_MOST_LOCK_WAIT_S = 1e6


def _a_number(context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Refuse NaN, which lies in every range."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("it is no number.", context, option)
    return value


lock_wait_option = click.option(
    "--lock-wait",
    type=click.FloatRange(min=0, max=_MOST_LOCK_WAIT_S),
    callback=_a_number,
    metavar="SECONDS",
    help="How long to wait while another process writes to the archive.  [default: 60]",
)


def tell_note(text: str) -> None:
    """Tell the user something in passing, on standard error."""
    click.echo(f"note: {text}", err=True)


def descriptor_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the choice of a learned descriptor; the command receives it as `descriptor`, a `DescriptorChoice`."""

    @functools.wraps(command)
    def choosing(*, descriptor: Path | None, no_descriptor: bool, **rest: Any) -> int:
        if descriptor is not None and no_descriptor:
            raise InvalidUsageError("--no-descriptor", "it contradicts --descriptor", "Leave one of them out.")
        return command(descriptor=DescriptorChoice(path=descriptor, is_none=no_descriptor), **rest)

    return add_options(
        choosing,
        click.option(
            "--descriptor",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Learned descriptor of your choice (ONNX) in place of the program's own.",
        ),
        click.option("--no-descriptor", is_flag=True, help="Do without a learned descriptor."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptorChoice:
    """The learned descriptor that the user wants: the file at `path`, none if `is_none`, else the program's own."""

    path: Path | None = None
    is_none: bool = False

    @property
    def is_own(self) -> bool:
        """Whether the program chose it."""
        return self.path is None and not self.is_none

    def load(self) -> Descriptor | None:
        """Load it; raises the errors of `Descriptor`."""
        if self.is_none:
            return None
        from verify.fingerprint.learned import OWN_MODEL, Descriptor  # noqa: PLC0415 - keeps `verify --help` instant

        return Descriptor(self.path or OWN_MODEL)


def archive_folder(given: Path | None) -> Path:
    """Return the archive folder that applies."""
    if given is not None:
        return given
    if named := os.environ.get("VERIFY_ARCHIVE"):
        return Path(named)
    import platformdirs  # noqa: PLC0415 - only where the default is needed

    return Path(platformdirs.user_data_dir("verify", appauthor=False)) / "archive"


def check_date(value: str, option: str) -> str:
    """Return an ISO date of year, month or day precision; raises InvalidUsageError for anything else."""
    from verify.dates import earliest_day  # noqa: PLC0415 - keeps `verify --help` instant

    if not value:
        return ""
    try:
        earliest_day(value)
    except ValueError as error:
        raise InvalidUsageError(option, str(error), "Write for example 2021-03-14, 2021-03 or 2021.") from error
    return value.strip()


def check_moment(value: str, option: str) -> str:
    """Return a date as `check_date` does, or a moment with its zone, in UTC."""
    from verify.dates import checked_moment  # noqa: PLC0415 - keeps `verify --help` instant

    try:
        return checked_moment(value) if value else ""
    except ValueError as error:
        raise InvalidUsageError(option, str(error), "Write for example 2021-03-14 or 2021-03-14T08:30:00Z.") from error


def limits_from(max_gigabytes: float, max_minutes: float) -> AcquisitionLimits:
    """Build the bounds of an acquisition from the two options; raises InvalidUsageError if one is no usable number."""
    from verify.acquire.limits import AcquisitionLimits  # noqa: PLC0415

    for option, value, largest in (
        ("--max-gigabytes", max_gigabytes, _MOST_GIGABYTES),
        ("--max-minutes", max_minutes, _MOST_MINUTES),
    ):
        # Written so that NaN, which compares false with everything, is refused too.
        if not value <= largest:
            raise InvalidUsageError(option, f"{value} is not a number up to {largest}", "Give a smaller one.")
    return AcquisitionLimits(max_bytes=int(max_gigabytes * 1e9), max_seconds=max_minutes * 60)


def acquisition_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add what every command that fetches takes; the command receives it as `options`, an `AcquisitionOptions`."""

    @functools.wraps(command)
    def fetching(
        *,
        allow_private: bool,
        max_minutes: float,
        max_gigabytes: float,
        limit_rate: float | None,
        cookies: Path | None,
        **rest: Any,
    ) -> int:
        from verify.acquire.options import AcquisitionOptions  # noqa: PLC0415 - keeps `verify --help` instant

        options = AcquisitionOptions(
            allow_private=allow_private,
            limits=limits_from(max_gigabytes, max_minutes),
            rate_bytes_per_s=bytes_per_second(limit_rate),
            cookies=cookies,
        )
        return command(options=options, **rest)

    return add_options(
        fetching,
        click.option(
            "--allow-private",
            is_flag=True,
            help="Permit addresses that are not on the public internet (this machine, local networks).",
        ),
        click.option(
            "--cookies",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Cookies of your login in Netscape's format, to be sent; values of 6 characters and more are blanked.",
        ),
        click.option(
            "--limit-rate",
            type=click.FloatRange(min=0, min_open=True),
            metavar="MB",
            help="Download at most this many megabytes a second (not for live recordings).",
        ),
        click.option(
            "--max-gigabytes",
            type=click.FloatRange(min=0.001),
            default=8,
            show_default=True,
            help="Bound on the size of one download.",
        ),
        click.option(
            "--max-minutes",
            type=click.FloatRange(min=0.01),
            default=60,
            show_default=True,
            help="Bound on the time of one download.",
        ),
    )


def bytes_per_second(megabytes: float | None) -> int | None:
    """Turn --limit-rate into bytes a second; raises InvalidUsageError if it is no usable number."""
    if megabytes is None:
        return None
    # Written so that NaN, which compares false with everything, is refused too.
    if not 1e-3 <= megabytes <= _MOST_MEGABYTES_PER_S:
        raise InvalidUsageError(
            "--limit-rate", f"{megabytes} is not between 0.001 and {_MOST_MEGABYTES_PER_S}", "Give another rate."
        )
    return int(megabytes * 1e6)


def add_options(command: Callable[..., int], *options: Callable[[Any], Any]) -> Callable[..., int]:
    """Add options to a command, in the order in which its help is to show them."""
    for option in reversed(options):
        command = option(command)
    return command


def default_report_folder(source: str) -> Path:
    """Name a new folder below ./reports for a report on `source`."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", source.partition("://")[2] or Path(source).stem).strip("-")[:50]
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path("reports") / f"{stamp}-{name or 'release'}"


def told_command() -> tuple[str, ...]:
    """Return the command line as it is recorded in the report: as typed, with passwords in URLs left out."""
    from verify.acquire.texts import without_secrets_inside  # noqa: PLC0415

    return ("verify", *(without_secrets_inside(argument) for argument in sys.argv[1:]))
