"""`verify key`: the key that cases are signed with."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from verify.errors import EXIT_DONE, InvalidUsageError, OutputNotWritableError

_path_option = click.option(
    "--path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The secret key file. Default: VERIFY_KEY, else 'signing.key' in the user's config folder.",
)


@click.group()
def key() -> None:
    """Keep the key that cases are signed with."""


@key.command()
@_path_option
@click.option(
    "--password/--no-password",
    default=None,
    help="Protect the key with a password, from VERIFY_KEY_PASSWORD or asked for. Default: only if that is set.",
)
def new(path: Path | None, password: bool | None) -> int:
    """Make a new signing key. None is ever overwritten.

    Without a password, whoever can read the file can sign in your name.
    """
    from verify.evidence.keys import PASSWORD_VARIABLE, SigningKey, default_key_path  # noqa: PLC0415 - slow to import

    where = path or default_key_path()
    if os.path.lexists(where):  # before a password is asked for
        raise InvalidUsageError(
            where, "is already there, and a key is never overwritten", "Choose another --path, or move it away."
        )
    given = os.environ.get(PASSWORD_VARIABLE)
    chosen = None
    if password or (password is None and given):
        chosen = given or _ask("Password for the new key", twice=True)
    made = SigningKey.generate()
    made.save(where, chosen)
    click.echo(f"key ID      {made.public.key_id}")
    click.echo(f"public key  {made.public.encoded}")
    click.echo(f"secret key  {where} ({'protected by a password' if chosen else 'no password'})")
    click.echo(
        "\nPublish key ID and public key where your readers trust you, on your own web site for example;\n"
        "`verify key export` writes the file for it. Keep a copy of the secret key in a safe place: nobody\n"
        "can make it again, and never give it to anyone."
    )
    if path is not None and path != default_key_path():
        click.echo(f"To sign with it, set VERIFY_KEY to {path.absolute()}.")
    return EXIT_DONE


@key.command()
@_path_option
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON to standard output.")
def show(path: Path | None, as_json: bool) -> int:
    """Show which key cases are signed with: its ID, its public half, and where it lies.

    The secret half is never shown. The password of a protected key is needed, since its public half is protected too.
    """
    from verify.evidence.keys import default_key_path, key_is_encrypted, load_key  # noqa: PLC0415 - slow to import

    where = path or default_key_path()
    protected = key_is_encrypted(where)
    public = load_key(where, ask_password).public
    if as_json:
        told = {
            "key_id": public.key_id,
            "public_key": public.encoded,
            "path": str(where),
            "protected_by_password": protected,
        }
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(f"key ID      {public.key_id}")
        click.echo(f"public key  {public.encoded}")
        click.echo(f"secret key  {where} ({'protected by a password' if protected else 'no password'})")
    return EXIT_DONE


@key.command()
@_path_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to a file, which must not be there yet. Default: standard output.",
)
def export(path: Path | None, out: Path | None) -> int:
    """Write the public key as a minisign .pub file, to be published."""
    from verify.evidence.keys import default_key_path, load_key  # noqa: PLC0415 - slow to import

    text = load_key(path or default_key_path(), ask_password).public.text
    if out is None:
        click.echo(text, nl=False)
        return EXIT_DONE
    try:
        with out.open("x", encoding="ascii", newline="") as file:
            file.write(text)
    except FileExistsError as error:
        raise InvalidUsageError(out, "is already there", "Choose another --out.") from error
    except OSError as error:
        raise OutputNotWritableError(out, f"cannot be written ({error.strerror})", "Choose another --out.") from error
    return EXIT_DONE


def ask_password() -> str:
    """Ask for the password of the signing key on the terminal; it is not shown.

    Raises
    ------
    InvalidUsageError
        Nobody is there to be asked.
    """
    return _ask("Password of the signing key")


def _ask(question: str, *, twice: bool = False) -> str:
    if not _at_a_terminal():
        raise InvalidUsageError(
            "VERIFY_KEY_PASSWORD", "is not set, and there is no terminal to ask for the password on", "Set it."
        )
    password: str = click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True)
    return password


def _at_a_terminal() -> bool:
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
