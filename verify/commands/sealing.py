"""Options of who answers for a case and who states its time."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.options import add_options
from verify.errors import InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from verify.evidence.sealing import SealOptions


def seal_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of sealing; the command receives them as `seal`, a `SealOptions`."""

    @functools.wraps(command)
    def sealing(
        *,
        operator: str,
        sign: bool = True,
        timestamp_url: str,
        timestamp_ca: Path | None,
        opentimestamps: bool,
        calendars: tuple[str, ...],
        **rest: Any,
    ) -> int:
        from verify.evidence.sealing import PUBLIC_CALENDARS  # noqa: PLC0415 - keeps `verify --help` instant

        named = calendars or (PUBLIC_CALENDARS if opentimestamps else ())
        return command(seal=_seal(operator, sign, timestamp_url, timestamp_ca, named), **rest)

    return add_options(
        sealing,
        click.option(
            "--operator",
            default="",
            envvar="VERIFY_OPERATOR",
            metavar="NAME",
            help="Who answers for this, for the custody log and the report.",
        ),
        click.option(
            "--timestamp-url",
            default="",
            metavar="URL",
            help="Have this RFC 3161 authority state when the evidence existed.",
        ),
        click.option(
            "--timestamp-ca",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Certificates (PEM) that the authority's statement must lead to.",
        ),
        click.option("--opentimestamps", is_flag=True, help="Anchor the evidence in Bitcoin through public calendars."),
        click.option(
            "--calendar",
            "calendars",
            multiple=True,
            metavar="URL",
            help="OpenTimestamps calendar to use instead. Can be given several times.",
        ),
    )


sign_option = click.option(
    "--no-sign",
    "sign",
    flag_value=False,
    default=True,
    help="Leave the case unsigned, although there is a signing key.",
)


def _seal(operator: str, sign: bool, timestamp_url: str, roots: Path | None, calendars: tuple[str, ...]) -> SealOptions:
    """Read the key and the certificates, and look at the URLs, before anything is fetched.

    Raises
    ------
    InvalidUsageError
        One of them cannot be used.
    """
    from verify.acquire.post import check_service_url  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.commands.key import ask_password  # noqa: PLC0415
    from verify.evidence.keys import load_default_key  # noqa: PLC0415
    from verify.evidence.sealing import SealOptions, actor_name  # noqa: PLC0415
    from verify.evidence.timestamps import load_roots  # noqa: PLC0415

    for option, url in (("--timestamp-url", timestamp_url), *(("--calendar", url) for url in calendars)):
        if url and (problem := check_service_url(url)):
            raise InvalidUsageError(option, f"the address {problem}", "Give the http(s) URL of the service.")
    return SealOptions(
        actor=actor_name(operator),
        signing_key=load_default_key(ask_password) if sign else None,
        timestamp_url=timestamp_url,
        timestamp_roots=load_roots(roots) if roots else (),
        calendars=calendars,
    )
