"""`verify archive add`: make references of videos."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.options import acquisition_options, archive_folder, archive_option, descriptor_options
from verify.commands.progress import make_progress
from verify.commands.sources import existing_file, expand_sources
from verify.errors import EXIT_DONE, EXIT_WARNINGS, InvalidUsageError, VerifyError

if TYPE_CHECKING:
    from verify.acquire.options import AcquisitionOptions
    from verify.archive.ingest import Addition
    from verify.archive.manifest import ManifestRow
    from verify.archive.store import Archive
    from verify.commands.options import DescriptorChoice
    from verify.fingerprint.learned import Descriptor

_KINDS = ("news", "official-release", "exercise", "game", "film", "stock", "user-generated", "other")


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@archive_option
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Table of references; see docs/archive.md.",
)
@click.option(
    "--id", "reference_id", default="", help="Id of the reference. Default: the file's stem. Only with one SOURCE."
)
@click.option("--kind", type=click.Choice(_KINDS), default="other", show_default=True, help="What the footage is.")
@click.option("--title", default="", help="Title, as published.")
@click.option("--publisher", default="", help="Who published it.")
@click.option(
    "--first-seen",
    default="",
    metavar="DATE",
    help="Day, month or year by which it had been seen (2021-03-14, 2021-03, 2021).",
)
@click.option("--first-seen-basis", default="", help="How that date is known.")
@click.option("--source-url", default="", metavar="URL", help="Where it was published, if SOURCE is a file.")
@click.option("--licence", default="", help="Its licence.")
@click.option("--event", default="", help="The event it shows, as far as known.")
@click.option("--notes", default="", help="Anything else.")
@click.option(
    "--proxy/--no-proxy",
    "with_proxy",
    default=True,
    show_default=True,
    help="Keep a small grey copy too, to compare what moves. Without it a match is never confirmed.",
)
@descriptor_options
@acquisition_options
def add(
    *,
    sources: tuple[str, ...],
    archive: Path | None,
    manifest: Path | None,
    reference_id: str,
    kind: str,
    first_seen: str,
    source_url: str,
    with_proxy: bool,
    descriptor: DescriptorChoice,
    options: AcquisitionOptions,
    **texts: str,
) -> int:
    """Add videos to the archive.

    A SOURCE is a file, a URL, or a folder, which stands for every video below it. Metadata options apply to every
    SOURCE given; a manifest has a row for each reference. Fingerprints, keypoints, thumbnails and a small grey copy
    are kept, and what the learned descriptor gives, not the videos. What is in the archive already is recognised by its
    bytes and left as it is; it only gets what the descriptor gives, if it has none of that.
    """
    from verify.archive.redescribe import count_described  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.archive.store import Archive  # noqa: PLC0415

    rows = _rows(
        sources=sources,
        manifest=manifest,
        reference_id=reference_id,
        kind=kind,
        first_seen=first_seen,
        source_url=source_url,
        texts=texts,
    )
    learned = descriptor.load()
    failures: list[tuple[str, VerifyError]] = []
    partial = 0
    added = present = 0
    with Archive.create_or_open(archive_folder(archive)) as opened:
        for number, row in enumerate(rows, 1):
            told = f"[{number}/{len(rows)}] {row.reference.id}"
            try:
                addition = _add_row(opened, row, options, with_proxy=with_proxy, learned=learned)
            except VerifyError as error:
                failures.append((row.reference.id, error))
                click.echo(f"{told}: failed: {error}", err=True)
                continue
            present += addition.already_there
            added += not addition.already_there
            partial += bool(addition.outcome and addition.outcome.failure)
            click.echo(f"{told}: {_addition_words(addition)}", err=True)
        count = opened.snapshot().reference_count
        described, searched = count_described(opened)
    if described not in (0, searched):
        click.echo(
            f"note: {searched - described} of {searched} references have no vectors of a learned descriptor; searches "
            "are refused until all have them.\n"
            f"      Make them: verify archive reindex --archive {archive_folder(archive)}",
            err=True,
        )
    return _conclude(added, present, partial, failures, count)


def _rows(
    *,
    sources: tuple[str, ...],
    manifest: Path | None,
    reference_id: str,
    kind: str,
    first_seen: str,
    source_url: str,
    texts: dict[str, str],
) -> list[ManifestRow]:
    """Return what is to be added, everything checked beforehand."""
    from verify.archive.manifest import ManifestRow, read_manifest  # noqa: PLC0415
    from verify.archive.metadata import BadCellError, id_from_name, is_url, reference_from  # noqa: PLC0415

    if bool(sources) == (manifest is not None):
        raise InvalidUsageError("archive add", "give either SOURCE... or --manifest", "See verify archive add --help.")
    if manifest is not None:
        if kind != _KINDS[-1] or any((reference_id, first_seen, source_url, *texts.values())):
            raise InvalidUsageError(
                "--manifest", "it cannot be combined with metadata options", "Write the metadata into its columns."
            )
        return read_manifest(manifest)
    expanded = expand_sources(sources)
    if reference_id and len(expanded) != 1:
        raise InvalidUsageError(
            "--id", f"it names one reference, but {len(expanded)} videos are given", "Leave it out."
        )
    rows = []
    for source in expanded:
        if not is_url(source):
            existing_file(source)
        stem = Path(source.partition("?")[0].rstrip("/") if is_url(source) else source).stem
        try:
            reference = reference_from(
                reference_id=reference_id or id_from_name(stem),
                kind=kind,
                first_seen=first_seen,
                source_url=source_url or (source if is_url(source) else ""),
                texts=texts,
            )
        except BadCellError as error:
            raise InvalidUsageError(
                f"--{error.column.replace('_', '-')}", error.problem, "Nothing was added."
            ) from error
        rows.append(ManifestRow(source=source, reference=reference))
    return rows


def _add_row(
    opened: Archive,
    row: ManifestRow,
    options: AcquisitionOptions,
    *,
    with_proxy: bool,
    learned: Descriptor | None,
) -> Addition:
    from verify.acquire.source import acquire  # noqa: PLC0415
    from verify.archive.ingest import add_video  # noqa: PLC0415
    from verify.archive.metadata import is_url  # noqa: PLC0415

    progress = make_progress()
    if not is_url(row.source):
        return add_video(opened, Path(row.source), row.reference, progress, with_proxy=with_proxy, learned=learned)
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        acquisition = acquire(row.source, Path(folder), options=options, progress=progress)
        path = acquisition.media.path
        return add_video(opened, path, row.reference, progress, with_proxy=with_proxy, learned=learned)


def _addition_words(addition: Addition) -> str:
    if addition.already_there:
        told = "; descriptors added" if addition.described else ""
        return f"already there as {addition.reference.id}{told}"
    words = f"added, {addition.reference.duration_s:.1f} s"
    if addition.outcome and addition.outcome.failure:
        words += f" (only up to there: {addition.outcome.failure})"
    return words


def _conclude(added: int, present: int, partial: int, failures: list[tuple[str, VerifyError]], count: int) -> int:
    """Sum up; if every video failed, the exit code is the first one's."""
    if failures and not added and not present:
        raise failures[0][1]
    click.echo(f"{added} added, {present} already there, {len(failures)} failed; the archive has {count} references.")
    for name, error in failures:
        click.echo(f"  failed: {name} (exit code {error.exit_code}): {error}")
    return EXIT_WARNINGS if failures or partial else EXIT_DONE
