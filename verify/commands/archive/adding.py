"""`verify archive add`: make references of videos."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.archive.adding_rows import (
    DEFAULT_KIND,
    DEFAULT_SOURCE,
    Told,
    rows_of_manifest,
    rows_of_sources,
)
from verify.commands.archive.history import KINDS, SIGHTING_SOURCES
from verify.commands.options import (
    acquisition_options,
    archive_folder,
    archive_option,
    descriptor_options,
    lock_wait_option,
    tell_note,
)
from verify.commands.progress import RunProgress
from verify.commands.sources import playlist_options
from verify.errors import EXIT_DONE, EXIT_WARNINGS, InvalidUsageError, VerifyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verify.acquire.options import AcquisitionOptions
    from verify.archive.ingest_pool import AddingRules
    from verify.archive.manifest import ManifestRow
    from verify.archive.recognition import Addition
    from verify.archive.store import Archive
    from verify.commands.options import DescriptorChoice
    from verify.fingerprint.learned import Descriptor
    from verify.model import Progress


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@archive_option
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Table of references; see docs/archive.md.",
)
@playlist_options("add")
@click.option(
    "--id", "reference_id", default="", help="Id of the reference. Default: the file's stem. Only with one SOURCE."
)
@click.option("--kind", type=click.Choice(KINDS), default=DEFAULT_KIND, show_default=True, help="What the footage is.")
@click.option("--title", default="", help="Title, as published. Default: what the page says.")
@click.option("--publisher", default="", help="Who published it. Default: what the page says.")
@click.option(
    "--first-seen",
    default="",
    metavar="DATE",
    help="Year, month, day or moment by which it had been seen (2021, 2021-03, 2021-03-14, 2021-03-14T08:30:00Z). "
    "Default: the date of publication that the page states.",
)
@click.option(
    "--first-seen-source",
    type=click.Choice(SIGHTING_SOURCES),
    default=DEFAULT_SOURCE,
    show_default=True,
    help="Who or what says so.",
)
@click.option("--first-seen-basis", default="", help="How that date is known.")
@click.option("--first-seen-url", default="", metavar="URL", help="Where that can be looked up.")
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
@click.option("--keep-media", is_flag=True, help="Keep the videos themselves in the archive too.")
@click.option(
    "--link-copies/--no-link-copies",
    default=True,
    show_default=True,
    help="Add a re-upload of an archived video to that as a sighting, not as a reference of its own.",
)
@click.option("--forgotten-too", is_flag=True, help="Add videos again that were forgotten.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Get and examine so many videos at once, at most one for each core.",
)
@lock_wait_option
@descriptor_options
@acquisition_options
def add(
    *,
    sources: tuple[str, ...],
    archive: Path | None,
    manifest: Path | None,
    playlist: bool,
    playlist_items: int,
    reference_id: str,
    kind: str,
    first_seen: str,
    first_seen_source: str,
    first_seen_url: str,
    source_url: str,
    with_proxy: bool,
    keep_media: bool,
    link_copies: bool,
    forgotten_too: bool,
    jobs: int,
    lock_wait: float | None,
    descriptor: DescriptorChoice,
    options: AcquisitionOptions,
    **texts: str,
) -> int:
    """Add videos to the archive.

    A SOURCE is a file, a URL, or a folder, which stands for every video below it. Metadata options apply to every
    SOURCE given; a manifest has a row for each reference. Fingerprints, keypoints, thumbnails and a small grey copy
    are kept, and what the learned descriptor gives; the videos only with --keep-media.

    What is in the archive already is recognised by its address or its bytes and left as it is; a date or place that is
    new is added to it as a sighting. So a run that was interrupted is resumed by the same command.
    """
    from verify.archive.ingest_pool import AddingRules  # noqa: PLC0415 - keeps `verify --help` instant
    from verify.archive.linking import copy_in  # noqa: PLC0415
    from verify.archive.redescribe import count_described  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415
    from verify.fingerprint.learned import OWN_MODEL  # noqa: PLC0415

    if bool(sources) == (manifest is not None):
        raise InvalidUsageError("archive add", "give either SOURCE... or --manifest", "See verify archive add --help.")
    told = Told(
        reference_id=reference_id,
        kind=kind,
        first_seen=first_seen,
        first_seen_source=first_seen_source,
        first_seen_url=first_seen_url,
        source_url=source_url,
        texts=texts,
    )
    if manifest is not None:
        rows = rows_of_manifest(manifest, told, playlist=playlist)
    else:
        rows = rows_of_sources(sources, told, options, playlist_items if playlist else None)
    learned = descriptor.load()
    rules = AddingRules(
        options=options,
        with_proxy=with_proxy,
        keep_media=keep_media,
        forgotten_too=forgotten_too,
        descriptor=(descriptor.path or OWN_MODEL, learned.sha256) if learned else None,
        copy_rule=copy_in if link_copies else None,
    )
    workers = _workers(jobs)
    progress = RunProgress(len(rows))
    summary = _Summary()
    folder = archive_folder(archive)
    with Archive.create_or_open(folder, lock_wait_s=lock_wait, tell=tell_note) as opened:
        try:
            for number, result in _results(opened, rows, rules, learned, progress, workers=workers):
                summary.count(number, rows[number].reference.id, result)
                words = f"failed: {result}" if isinstance(result, VerifyError) else _addition_words(result)
                progress.tell(f"[{number + 1}/{len(rows)}] {rows[number].reference.id}: {words}")
                progress.count(
                    failed=isinstance(result, VerifyError),
                    recognised=not isinstance(result, VerifyError) and result.outcome is None,
                )
        finally:
            progress.finish()
        references = opened.count()
        described, searched = count_described(opened)
    if described not in (0, searched):
        click.echo(
            f"note: {searched - described} of {searched} references have no vectors of a learned descriptor; searches "
            "are refused until all have them.\n"
            f"      Make them: verify archive reindex --archive {folder}",
            err=True,
        )
    return summary.conclude(references)


def _workers(jobs: int) -> int:
    """Return how many processes are worth while; more than there are cores only wait for each other."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if jobs > cores:
        tell_note(f"{jobs} jobs are more than this machine has cores; {cores} at once.")
    return min(jobs, cores) if jobs > 1 else 0


def _results(
    opened: Archive,
    rows: list[ManifestRow],
    rules: AddingRules,
    learned: Descriptor | None,
    progress: RunProgress,
    *,
    workers: int,
) -> Iterator[tuple[int, Addition | VerifyError]]:
    """Add all rows, with worker processes or, with none, in this one; yields the number of each and what became of it.

    One row alone is added in this process, which is simpler.
    """
    from verify.archive.ingest_pool import IngestPool  # noqa: PLC0415

    if workers and len(rows) > 1:
        with IngestPool(opened, workers, rules, progress.stage) as pool:
            yield from pool.results(rows)
        return
    stage = progress.stage()
    for number, row in enumerate(rows):
        try:
            yield number, _add_row(opened, row, rules, learned, stage)
        except VerifyError as error:
            yield number, error


def _add_row(
    opened: Archive, row: ManifestRow, rules: AddingRules, learned: Descriptor | None, stage: Progress
) -> Addition:
    from verify.archive.ingest import add_video  # noqa: PLC0415
    from verify.archive.obtaining import obtained  # noqa: PLC0415
    from verify.archive.recognition import recognised_by_address  # noqa: PLC0415

    known = recognised_by_address(opened, row.reference, row.source)
    if known is not None:
        return known
    with obtained(row.source, row.reference, rules.options, stage) as (path, reference):
        return add_video(
            opened,
            path,
            reference,
            stage,
            with_proxy=rules.with_proxy,
            learned=learned,
            keep_media=rules.keep_media,
            forgotten_too=rules.forgotten_too,
            copy_rule=rules.copy_rule,
        )


def _addition_words(addition: Addition) -> str:
    if addition.recognised is not None:
        words = _recognition_words(addition)
        words += "; sighting added" if addition.sighting_added else ""
        return words + ("; descriptors added" if addition.described else "")
    words = f"added, {addition.reference.duration_s:.1f} s"
    if addition.outcome and addition.outcome.failure:
        words += f" (only up to there: {addition.outcome.failure})"
    return words


def _recognition_words(addition: Addition) -> str:
    from verify.archive.recognition import Recognition  # noqa: PLC0415

    retracted = ", retracted" if addition.reference.retracted else ""
    if addition.recognised is Recognition.COPY:
        return f"a copy of {addition.reference.id}{retracted}"
    return f"already there as {addition.reference.id} ({addition.recognised}{retracted})"


@dataclass
class _Summary:
    """What became of all videos of a run."""

    added: int = 0
    present: int = 0
    copies: int = 0
    sightings: int = 0
    partial: int = 0
    failures: list[tuple[int, str, VerifyError]] = field(default_factory=list)

    def count(self, number: int, name: str, result: Addition | VerifyError) -> None:
        """Count one."""
        from verify.archive.recognition import Recognition  # noqa: PLC0415

        if isinstance(result, VerifyError):
            self.failures.append((number, name, result))
            return
        self.added += result.recognised is None
        self.copies += result.recognised is Recognition.COPY
        self.present += result.recognised in (Recognition.BYTES, Recognition.ADDRESS)
        self.sightings += result.sighting_added
        self.partial += bool(result.recognised is None and result.outcome and result.outcome.failure)

    def conclude(self, references: int) -> int:
        """Sum up; if every video failed, the exit code is that of the first one."""
        failures = sorted(self.failures, key=lambda each: each[0])
        if failures and not (self.added or self.present or self.copies):
            raise failures[0][2]
        copies = f"{self.copies} copies, " if self.copies else ""
        click.echo(
            f"{self.added} added, {self.present} already there, {copies}{len(failures)} failed; "
            f"the archive has {references} references."
        )
        if self.sightings:
            click.echo(f"{self.sightings} sightings were added to what is there.")
        for _, name, error in failures:
            click.echo(f"  failed: {name} (exit code {error.exit_code}): {error}")
        return EXIT_WARNINGS if failures or self.partial else EXIT_DONE
