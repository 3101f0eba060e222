"""`verify archive export`, `import` and `packs`: share references with partners."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.archive.history import KINDS, checked_texts
from verify.commands.archive.texts import as_json_text, shown_text
from verify.commands.options import archive_folder, archive_option, lock_wait_option, tell_note
from verify.commands.progress import make_progress
from verify.errors import EXIT_DONE, EXIT_WARNINGS, InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verify.archive.packs.importing import Imported, Terms
    from verify.archive.store import Archive
    from verify.evidence.keys import PublicKey, SigningKey
    from verify.model import Reference

_GRADES = ("verified", "trusted", "unverified")
_MOST_TOLD = 20
_MOST_KEY_BYTES = 10_000
_SHOWN_DIGITS = 16


@click.command("export")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@archive_option
@click.option("--id", "ids", multiple=True, metavar="ID", help="Share only this one. Can be given several times.")
@click.option(
    "--confirmation/--no-confirmation",
    default=True,
    show_default=True,
    help="With keypoints, motion signatures and small grey copies. Without them nothing found in it is confirmed.",
)
@click.option("--thumbnails/--no-thumbnails", default=True, show_default=True, help="With the pictures for reports.")
@click.option("--vectors/--no-vectors", default=True, show_default=True, help="With what the learned descriptor gives.")
@click.option("--publisher-name", default="", metavar="TEXT", help="Who shares it, as the pack is to tell.")
@click.option("--unsigned", is_flag=True, help="Leave the pack unsigned; then anyone could have written it.")
@click.option("--vpdq", is_flag=True, help="Write the PDQ hashes of one --id as a vPDQ text instead.")
def export_references(
    *,
    path: Path,
    archive: Path | None,
    ids: tuple[str, ...],
    confirmation: bool,
    thumbnails: bool,
    vectors: bool,
    publisher_name: str,
    unsigned: bool,
    vpdq: bool,
) -> int:
    """Share references: write one signed file with what is told and searched of them, and no video.

    All of your own that are not retracted are shared, or those named with --id. The file is signed with the key that
    cases are signed with (verify key).
    """
    from verify.archive.origins import THUMBNAILS, VECTORS  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.archive.packs.checks import check_name  # noqa: PLC0415
    from verify.archive.packs.export import chosen_references, export_pack  # noqa: PLC0415
    from verify.archive.packs.layout import CONFIRMATION_PARTS  # noqa: PLC0415
    from verify.archive.packs.vpdq import write_vpdq  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    try:
        check_name(publisher_name, "the name")
    except ValueError as error:
        raise InvalidUsageError("--publisher-name", str(error), "Give a shorter or plainer one.") from error
    if vpdq:
        if len(ids) != 1:
            raise InvalidUsageError("--vpdq", "it writes one reference", "Name it with --id.")
        with Archive.open(archive_folder(archive)) as opened:
            (name,) = chosen_references(opened, ids)
            lines = write_vpdq(opened, name, path)
        click.echo(f"{path}: {lines} PDQ hashes of {name}, not signed.")
        return EXIT_DONE
    key = None if unsigned else _signing_key()
    parts = [
        *(CONFIRMATION_PARTS if confirmation else ()),
        *([THUMBNAILS] if thumbnails else []),
        *([VECTORS] if vectors else []),
    ]
    with Archive.open(archive_folder(archive)) as opened:
        done = export_pack(
            opened, path, make_progress(), ids=ids, parts=parts, publisher=publisher_name, signing_key=key
        )
    click.echo(f"{path}: {done.reference_count} references, {done.size_bytes} bytes.")
    click.echo(f"pack        {done.pack_id}")
    if key:
        click.echo(f"signed with {key.public.key_id}  {key.public.encoded}")
    else:
        click.echo("not signed: those who get it can only take it with --accept-unsigned")
    return EXIT_DONE


def _signing_key() -> SigningKey:
    from verify.commands.key import ask_password  # noqa: PLC0415
    from verify.evidence.keys import load_default_key  # noqa: PLC0415

    key = load_default_key(ask_password)
    if key is None:
        raise InvalidUsageError(
            "archive export",
            "there is no key to sign the pack with",
            "Make one with verify key new, or add --unsigned.",
        )
    return key


@click.command("import")
@click.argument("path", metavar="[FILE]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@archive_option
@lock_wait_option
@click.option("--from", "sender", default="", metavar="NAME", help="What reports call the sender.")
@click.option(
    "--grade",
    type=click.Choice(_GRADES),
    help="How far you rely on it: 'unverified' confirms nothing.  [default: trusted if its key is, else unverified]",
)
@click.option(
    "--trust",
    "keys",
    multiple=True,
    metavar="KEY",
    help="Public key that it must be signed with: a .pub file, or the key itself. Can be given several times.",
)
@click.option("--accept-unsigned", is_flag=True, help="Take it although nobody you know signed it.")
@click.option("--prefix", default="", metavar="TEXT", help="Put this before all its ids.")
@click.option("--undo", default="", metavar="PACK", help="Take out all that a pack brought; the beginning of its id.")
@click.option("--id", "reference_id", default="", help="Id of the reference. For a vPDQ text only, as all below.")
@click.option("--kind", type=click.Choice(KINDS), default="other", show_default=True, help="What the footage is.")
@click.option("--title", default="", help="Title, as published.")
@click.option("--publisher", default="", help="Who published the footage.")
@click.option("--first-seen", default="", metavar="DATE", help="Date by which it had been seen.")
@click.option("--first-seen-basis", default="", help="How that date is known.")
@click.option("--source-url", default="", metavar="URL", help="Where it was published.")
@click.option("--notes", default="", help="Anything else.")
def import_references(
    *,
    path: Path | None,
    archive: Path | None,
    lock_wait: float | None,
    sender: str,
    grade: str | None,
    keys: tuple[str, ...],
    accept_unsigned: bool,
    prefix: str,
    undo: str,
    reference_id: str,
    kind: str,
    **texts: str,
) -> int:
    """Take over the references of a partner's pack, or of a vPDQ text.

    Signature, versions and every digest are checked, and it is taken over whole or not at all. What is in the archive
    already stays as it is. Reports say which findings rest on a pack.
    """
    if bool(path) == bool(undo):
        raise InvalidUsageError("archive import", "give either FILE or --undo", "See verify archive import --help.")
    folder = archive_folder(archive)
    if path is None:
        return _undo(folder, undo, lock_wait)
    from verify.archive.packs.reading import is_pack  # noqa: PLC0415 - keeps `verify --help` instant

    is_native = is_pack(path) or path.suffix.lower() == ".pack"
    if keys and accept_unsigned:
        raise InvalidUsageError("--accept-unsigned", "it contradicts --trust", "Leave one of them out.")
    trusted = [_public_key(text) for text in keys]
    if is_native and (reference_id or kind != KINDS[-1] or any(texts.values())):
        raise InvalidUsageError("archive import", "a pack brings its own metadata", "Leave --id and the texts out.")
    if is_native:
        return _take_over(
            folder, path, sender, grade, trusted, accept_unsigned=accept_unsigned, prefix=prefix, lock_wait=lock_wait
        )
    from verify.archive.packs.reading import refused  # noqa: PLC0415
    from verify.archive.packs.vpdq import import_vpdq, read_vpdq  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    reference = _described(path, reference_id, kind, texts)
    if not accept_unsigned:
        raise refused(
            path,
            "it is no pack, and a vPDQ text has no signature",
            "Nothing was imported. To take it as a vPDQ text, add --accept-unsigned.",
        )
    terms = _terms(sender or path.stem, grade or "unverified", prefix)
    hashes = read_vpdq(path)
    with Archive.create_or_open(folder, lock_wait_s=lock_wait, tell=tell_note) as opened:
        return _conclude(opened, import_vpdq(opened, path, hashes, reference, terms))


def _take_over(
    folder: Path,
    path: Path,
    sender: str,
    grade: str | None,
    trusted: Sequence[PublicKey],
    *,
    accept_unsigned: bool,
    prefix: str,
    lock_wait: float | None,
) -> int:
    """Import a pack. One that is refused for its head or its digest leaves no new archive behind."""
    from verify.archive.packs.importing import import_pack  # noqa: PLC0415
    from verify.archive.packs.reading import opened_pack  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    progress = make_progress()
    with opened_pack(path, progress, trusted=trusted, accept_unsigned=accept_unsigned) as pack:
        given = grade or ("trusted" if trusted else "unverified")
        terms = _terms(sender or pack.head.publisher or path.stem, given, prefix)
        with Archive.create_or_open(folder, lock_wait_s=lock_wait, tell=tell_note) as opened:
            return _conclude(opened, import_pack(opened, pack, terms, progress))


def _terms(sender: str, grade: str, prefix: str) -> Terms:
    from verify.archive.metadata import check_id  # noqa: PLC0415
    from verify.archive.packs.checks import check_name  # noqa: PLC0415
    from verify.archive.packs.importing import Terms  # noqa: PLC0415
    from verify.model import TrustGrade  # noqa: PLC0415

    option = "--from"
    try:
        check_name(sender, "the name")
        option = "--prefix"
        check_id(f"{prefix}a")
    except ValueError as error:
        raise InvalidUsageError(option, str(error), "Give another.") from error
    return Terms(name=sender, grade=TrustGrade(grade), prefix=prefix)


def _public_key(text: str) -> PublicKey:
    """Read a key that is given as a file, or as itself."""
    from verify.evidence.keys import PublicKey, SignatureError  # noqa: PLC0415

    content = text
    path = Path(text)
    with suppress(OSError, ValueError):
        if path.is_file():
            with path.open("rb") as file:
                content = file.read(_MOST_KEY_BYTES).decode("utf-8", "replace")
    try:
        return PublicKey.from_text(content)
    except SignatureError as error:
        raise InvalidUsageError("--trust", str(error), "Give a .pub file, or the key in it.") from error


def _described(path: Path, reference_id: str, kind: str, texts: dict[str, str]) -> Reference:
    """Return what is to be told of a vPDQ text's reference, checked."""
    from verify.archive.metadata import BadCellError, id_from_name, reference_from  # noqa: PLC0415

    checked = checked_texts(
        {
            "date": texts["first_seen"],
            "basis": texts["first_seen_basis"],
            **{name: texts[name] for name in ("title", "publisher", "source_url", "notes")},
        }
    )
    try:
        return reference_from(
            reference_id=reference_id or id_from_name(path.stem),
            kind=kind,
            first_seen=checked["date"],
            texts={**checked, "first_seen_basis": checked["basis"]},
            source_url=checked["source_url"],
        )
    except BadCellError as error:
        option = f"--{error.column.replace('_', '-')}"
        raise InvalidUsageError(option, error.problem, "Nothing was imported.") from error


def _conclude(opened: Archive, done: Imported) -> int:
    """Tell what became of the pack."""
    from verify.archive.redescribe import count_described  # noqa: PLC0415

    if done.was_there:
        click.echo(f"This pack was imported before ({done.pack_id[:_SHOWN_DIGITS]}); nothing was changed.")
        return EXIT_DONE
    for there, here in done.renamed[:_MOST_TOLD]:
        click.echo(f"note: the id {there} is taken, so it is {here} here", err=True)
    for there, here in done.known[:_MOST_TOLD]:
        click.echo(f"note: {there} is in the archive already as {here}, which stays as it is", err=True)
    for here, date in done.earlier[:_MOST_TOLD]:
        click.echo(
            f"note: {done.name} dates {here} earlier: {date}. If that convinces you: verify archive seen {here} "
            f"--first-seen {date}",
            err=True,
        )
    for there in done.forgotten[:_MOST_TOLD]:
        click.echo(f"note: {there} was erased here for good, so it was not taken over", err=True)
    if done.is_sparse:
        tell_note("it has fewer than three hashes a second, so passages of it are seldom found, and reports say so")
    click.echo(
        f"{len(done.added)} imported from {done.name} ({done.grade.value}), {len(done.known)} already there, "
        f"{len(done.forgotten)} erased before; the archive has {opened.count()} references."
    )
    if not done.added:
        return EXIT_WARNINGS
    click.echo(f"pack {done.pack_id}; take it out with: verify archive import --undo {done.pack_id[:_SHOWN_DIGITS]}")
    described, searched = count_described(opened)
    if described not in (0, searched):
        tell_note(
            f"{searched - described} of {searched} references have no vectors of a learned descriptor; searches are "
            f"refused until all have them.\n      Make them: verify archive reindex --archive {opened.folder}"
        )
    return EXIT_DONE


def _undo(folder: Path, pack_id: str, lock_wait: float | None) -> int:
    from verify.archive.packs.importing import undo_import  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    with Archive.open(folder, lock_wait_s=lock_wait, tell=tell_note) as opened:
        names = undo_import(opened, pack_id)
        count = opened.count()
    click.echo(f"{len(names)} references of the pack taken out; the archive has {count} references.")
    return EXIT_DONE


@click.command("packs")
@archive_option
@click.option("--json", "as_json", is_flag=True, help="Write the packs as JSON to standard output.")
def list_packs(archive: Path | None, as_json: bool) -> int:
    """List the packs that references came with."""
    import msgspec  # noqa: PLC0415

    from verify.archive.packs.importing import packs_in  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    with Archive.open(archive_folder(archive)) as opened:
        packs: list[Any] = packs_in(opened)
    if as_json:
        click.echo(as_json_text(msgspec.to_builtins(packs)))
        return EXIT_DONE
    for each in packs:
        signed = f"key {each.key_id}" if each.key_id else "not signed"
        click.echo(
            f"{each.pack_id[:_SHOWN_DIGITS]}  {each.imported_utc}  {each.grade.value:10}  "
            f"{each.reference_count:6} references  {signed}  {shown_text(each.name)}"
        )
    click.echo(f"{len(packs)} packs.", err=True)
    return EXIT_DONE
