"""`verify evidence`: is a case byte for byte what was sealed?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.sealing import seal_options
from verify.errors import EXIT_DONE, EXIT_WARNINGS, EvidenceMismatchError, InvalidUsageError
from verify.evidence.problems import ProblemKind

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from verify.evidence.keys import PublicKey
    from verify.evidence.problems import EvidenceCheck
    from verify.evidence.sealing import SealOptions

_GIVE = "Give a case folder, or the report folder it is in."
_SHA256_DIGITS = 64
_MAX_PATH_CHARACTERS = 4096


class _CaseFolder(click.Path):
    """The argument CASE; an empty one would be the working folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            raise InvalidUsageError("CASE", "is empty", _GIVE)
        return super().convert(value, param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def evidence() -> None:
    """Check a preserved case, or have its time stated."""


@evidence.command()
@click.argument("case", type=_CaseFolder())
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
@click.option(
    "--manifest-sha256",
    metavar="HEX",
    help="SHA-256 that data/manifest.json must have, as you were told it by somebody you believe.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the outcome as JSON to standard output.")
def check(*, case: Path, key: str | None, timestamp_ca: Path | None, manifest_sha256: str | None, as_json: bool) -> int:
    """Check a case: bag, custody logs, signatures, timestamps.

    CASE is a case folder, or a report folder that holds one in evidence/. Nothing is written and no network is used.
    Every file that was changed, added, removed or renamed is named.
    """
    from verify.evidence.check import check_evidence  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.evidence.reading import shown  # noqa: PLC0415

    roots: tuple[Certificate, ...] = ()
    if timestamp_ca is not None:
        from verify.evidence.timestamps import load_roots  # noqa: PLC0415

        roots = load_roots(timestamp_ca)
    given = _resolved(case)
    folder = _case_folder(given)
    found = check_evidence(
        folder,
        public_key=_public_key(key) if key is not None else None,
        timestamp_roots=roots,
        manifest_sha256=_digest(manifest_sha256) if manifest_sha256 is not None else None,
        report_folder=given if folder != given else None,
    )
    if as_json:
        import msgspec  # noqa: PLC0415

        told = {
            "case": shown(str(folder), _MAX_PATH_CHARACTERS),
            "no_change_found": not found.problems,
            **msgspec.to_builtins(found),
        }
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
    else:
        click.echo("\n".join(_lines(folder, found)))
    if found.count(ProblemKind.UNREADABLE) < len(found.problems):
        return EvidenceMismatchError.exit_code
    return EXIT_WARNINGS if found.problems or found.notices else EXIT_DONE


@evidence.command()
@click.argument("case", type=_CaseFolder())
@click.option("--upgrade", is_flag=True, help="Complete an earlier OpenTimestamps proof, some hours later.")
@seal_options
@click.option("--allow-private", is_flag=True, help="Permit services that are not on the public internet.")
def timestamp(*, case: Path, upgrade: bool, seal: SealOptions, allow_private: bool) -> int:
    """Have the time of a case stated by third parties.

    CASE is a case folder, or a report folder that holds one in evidence/. The case itself stays as it is: what they
    answer is put beside it. A case that is signed needs the same key again.
    """
    from verify.evidence.check import refuse_changed  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.evidence.sealing import adopt_unlogged, complete_proofs, stamp_case  # noqa: PLC0415

    if not (seal.timestamp_url or seal.calendars or upgrade):
        raise InvalidUsageError(
            "verify evidence timestamp",
            "nobody is named to state the time",
            "Add --timestamp-url, --opentimestamps or --upgrade.",
        )
    folder = _case_folder(case)
    refuse_changed(folder, allow_unlogged=True)
    # An earlier call may have been interrupted between an answer and its entry in the log.
    adopt_unlogged(folder, seal)
    warnings = [*stamp_case(folder, seal, allow_private=allow_private)]
    if upgrade:
        warnings += complete_proofs(folder, seal, allow_private=allow_private)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if not warnings:
        click.echo(f"The answers are beside the case; see: verify evidence check {folder}")
    return EXIT_WARNINGS if warnings else EXIT_DONE


def _resolved(given: Path) -> Path:
    """Follow the links that the user gives; those inside a case are for the check to find."""
    try:
        return given.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # no working folder, a loop, or a null character
        raise InvalidUsageError(
            given, f"cannot be found ({getattr(error, 'strerror', None) or error})", _GIVE
        ) from error


def _case_folder(given: Path) -> Path:
    """Return the case that is meant; raises InvalidUsageError if there is nothing."""
    from verify.evidence.layout import case_in  # noqa: PLC0415

    folder = _resolved(given)
    if (case := case_in(folder)) is not None:
        return case
    try:
        with os.scandir(folder):
            pass
    except FileNotFoundError as error:
        raise InvalidUsageError(given, "there is no such folder", _GIVE) from error
    except NotADirectoryError as error:
        raise InvalidUsageError(given, "is a file", _GIVE) from error
    except OSError as error:
        raise InvalidUsageError(given, f"cannot be read ({error.strerror})", _GIVE) from error
    raise InvalidUsageError(given, "holds no case", _GIVE)


def _digest(given: str) -> str:
    digest = given.strip().lower()
    if len(digest) != _SHA256_DIGITS or not set(digest) <= set("0123456789abcdef"):
        raise InvalidUsageError("--manifest-sha256", "is no SHA-256", "Give its 64 hexadecimal digits.")
    return digest


def _public_key(given: str) -> PublicKey:
    """Read the key that the user expects, from a file or as it stands."""
    from verify.evidence.keys import PublicKey, SignatureError  # noqa: PLC0415
    from verify.evidence.layout import MAX_KEY_BYTES  # noqa: PLC0415
    from verify.evidence.reading import read_bounded  # noqa: PLC0415

    try:
        path = Path(given)
        text = read_bounded(path, MAX_KEY_BYTES).decode("utf-8") if _is_file(path) else given
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

    lines = [f"Case {found.case_id or '(unknown)'} in {shown(str(folder), _MAX_PATH_CHARACTERS)}"]
    for name, value in (
        ("SHA-256 of data/manifest.json", found.manifest_sha256),
        ("SHA-256 of the bag", found.bag_sha256),
        (f"Public key {found.key_id}", found.public_key),
    ):
        if value is not None:
            lines.append(f"  {name}: {value}")
    for heading, sentences in (
        ("What was checked:", found.statements),
        ("What does not vouch for it:", found.limits),
        ("What could not be checked:", found.notices),
        ("What this user may not read:", _told(found, ProblemKind.UNREADABLE)),
        ("What is not confirmed:", _told(found, ProblemKind.NOT_CONFIRMED)),
        ("What is not as it was sealed:", _told(found, ProblemKind.CHANGED, ProblemKind.NOT_LOGGED)),
    ):
        if sentences:
            lines += ["", heading, *(f"  {sentence}" for sentence in sentences)]
    return [*lines, "", _result(found)]


def _told(found: EvidenceCheck, *kinds: ProblemKind) -> list[str]:
    return [f"{each.path}: {each.problem}" for each in found.problems if each.kind in kinds]


def _result(found: EvidenceCheck) -> str:
    """Say the outcome in one line."""
    number = len(found.problems)
    problems = f"{number} {'problem' if number == 1 else 'problems'}"
    if found.count(ProblemKind.CHANGED, ProblemKind.NOT_LOGGED):
        return f"{problems}: this is not the case as it was sealed. Compare with a copy."
    if found.count(ProblemKind.NOT_CONFIRMED):
        return f"{problems}: the case is not confirmed as what was expected."
    result = "No change was found" + (" in what could be checked" if found.problems or found.notices else "")
    return result + ("; the case is not signed." if found.is_signed is False else ".")
