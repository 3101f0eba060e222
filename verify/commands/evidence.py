"""`verify evidence`: is a case byte for byte what was sealed?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.sealing import seal_options
from verify.errors import EXIT_DONE, EXIT_WARNINGS, EvidenceMismatchError, InvalidUsageError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from verify.evidence.keys import PublicKey
    from verify.evidence.problems import EvidenceCheck
    from verify.evidence.sealing import SealOptions

_CASE_NAME = "evidence"
_MAX_KEY_BYTES = 16_384


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def evidence() -> None:
    """Check a preserved case, or have its time stated."""


@evidence.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.option(
    "--key",
    metavar="FILE_OR_TEXT",
    help="Public key that the case must be signed with: a minisign .pub file, or the key itself.",
)
@click.option(
    "--timestamp-ca",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PEM",
    help="Root certificates of the timestamp authorities that you believe.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the outcome as JSON to standard output.")
def check(*, case: Path, key: str | None, timestamp_ca: Path | None, as_json: bool) -> int:
    """Check a case: bag, custody logs, signatures, timestamps.

    CASE is a case folder, or a report folder that holds one in evidence/. Nothing is written and no network is used.
    Every file that was changed, added, removed or renamed is named.
    """
    from verify.evidence.check import check_evidence  # noqa: PLC0415 - keeps `verify --help` instant

    roots: tuple[Certificate, ...] = ()
    if timestamp_ca is not None:
        from verify.evidence.timestamps import load_roots  # noqa: PLC0415

        roots = load_roots(timestamp_ca)
    folder = _case_folder(case)
    found = check_evidence(folder, public_key=_public_key(key) if key else None, timestamp_roots=roots)
    if as_json:
        import msgspec  # noqa: PLC0415

        told = {"case": str(folder), "intact": not found.problems, **msgspec.to_builtins(found)}
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
    else:
        click.echo("\n".join(_lines(folder, found)))
    if found.problems:
        return EvidenceMismatchError.exit_code
    return EXIT_WARNINGS if found.notices else EXIT_DONE


@evidence.command()
@click.argument("case", type=click.Path(path_type=Path))
@seal_options
@click.option("--allow-private", is_flag=True, help="Permit services that are not on the public internet.")
def timestamp(*, case: Path, seal: SealOptions, allow_private: bool) -> int:
    """Have the time of a case stated by third parties.

    CASE is a case folder, or a report folder that holds one in evidence/. The case itself stays as it is: what they
    answer is put beside it. A case that is signed needs the same key again.
    """
    from verify.evidence.check import check_evidence  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.evidence.sealing import stamp_case  # noqa: PLC0415

    if not seal.timestamp_url and not seal.calendars:
        raise InvalidUsageError(
            "verify evidence timestamp", "nobody is named to state the time", "Add --timestamp-url or --opentimestamps."
        )
    folder = _case_folder(case)
    found = check_evidence(folder)
    if found.problems:
        first = found.problems[0]
        raise EvidenceMismatchError(
            folder,
            f"is not as it was sealed: {first.path}: {first.problem}",
            f"See all of it with: verify evidence check {folder}",
        )
    warnings = stamp_case(folder, seal, allow_private=allow_private)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if not warnings:
        click.echo(f"The answers are beside the case; see: verify evidence check {folder}")
    return EXIT_WARNINGS if warnings else EXIT_DONE


def _case_folder(given: Path) -> Path:
    """Return the case that is meant; raises InvalidUsageError if there is nothing."""
    from verify.evidence.layout import BAGIT_NAME, custody_folder  # noqa: PLC0415

    inside = given / _CASE_NAME
    if not (given / BAGIT_NAME).exists() and (inside.exists() or custody_folder(inside).exists()):
        return inside
    if not given.exists() and not custody_folder(given).exists():
        raise InvalidUsageError(given, "there is no such folder", "Give a case folder, or the report folder it is in.")
    if given.is_file():
        raise InvalidUsageError(given, "is a file", "Give a case folder, or the report folder it is in.")
    return given


def _public_key(given: str) -> PublicKey:
    """Read the key that the user expects, from a file or as it stands."""
    from verify.evidence.keys import PublicKey, SignatureError  # noqa: PLC0415
    from verify.evidence.reading import read_bounded  # noqa: PLC0415

    try:
        path = Path(given)
        text = read_bounded(path, _MAX_KEY_BYTES).decode("utf-8") if _is_file(path) else given
        return PublicKey.from_text(text)
    except (OSError, UnicodeDecodeError, SignatureError) as error:
        raise InvalidUsageError(
            "--key",
            f"gives no minisign public key ({getattr(error, 'strerror', None) or error})",
            "Give a .pub file, or the second line of one.",
        ) from error


def _is_file(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text too long for a name, or with a null character
        return False


def _lines(folder: Path, found: EvidenceCheck) -> list[str]:
    from verify.evidence.reading import shown  # noqa: PLC0415

    lines = [f"Case {found.case_id or '(unknown)'} in {shown(str(folder))}"]
    for heading, sentences in (
        ("What was checked:", found.statements),
        ("What could not be checked:", found.notices),
        ("What is not as it was sealed:", [f"{each.path}: {each.problem}" for each in found.problems]),
    ):
        if sentences:
            lines += ["", heading, *(f"  {sentence}" for sentence in sentences)]
    if found.problems:
        result = f"{len(found.problems)} {'problem' if len(found.problems) == 1 else 'problems'}: this is not the case "
        result += "as it was sealed. Compare with a copy."
    elif found.notices:
        result = "No change was found in what could be checked."
    else:
        result = "No change was found."
    return [*lines, "", result]
