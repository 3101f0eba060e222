"""`verify archive search`: the references nearest to a picture or clip, without a threshold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.archive.texts import as_json_text
from verify.commands.options import acquisition_options, archive_folder, archive_option, descriptor_options
from verify.commands.progress import make_progress
from verify.commands.sources import local_copy
from verify.errors import EXIT_DONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verify.acquire.options import AcquisitionOptions
    from verify.archive.store import Archive
    from verify.commands.options import DescriptorChoice
    from verify.fingerprint.glance import Glance
    from verify.match.nearest_references import NearestReferences, NearReference
    from verify.model import Reference

_MOST = 1000


@click.command()
@click.argument("source", metavar="IMAGE_OR_CLIP")
@archive_option
@click.option(
    "--top",
    type=click.IntRange(1, _MOST),
    default=10,
    show_default=True,
    metavar="N",
    help="How many references to list.",
)
@descriptor_options
@acquisition_options
@click.option("--json", "as_json", is_flag=True, help="Write the references as JSON to standard output.")
def search(
    *,
    source: str,
    archive: Path | None,
    top: int,
    descriptor: DescriptorChoice,
    options: AcquisitionOptions,
    as_json: bool,
) -> int:
    """List the references nearest to a picture or clip, without a threshold.

    IMAGE_OR_CLIP is a picture (JPEG, PNG, WebP), a video file, or the URL of either. The references are ordered by the
    nearest pair of frames, once by hashes and once by how they look to the learned descriptor. Nearness is not a match:
    something is always nearest. To learn what is visually consistent, use `verify video`.
    """
    from verify.archive.store import Archive  # noqa: PLC0415 - keeps `verify --help` instant

    with local_copy(source, options) as path, Archive.open(archive_folder(archive)) as opened:
        references = {reference.id: reference for reference in opened.references()}
        glance, nearest = _searched(opened, path, descriptor, top)
    if as_json:
        click.echo(as_json_text(_told(source, glance, nearest, references)))
    else:
        click.echo("\n".join(_lines(glance, nearest, references)))
    return EXIT_DONE


def _searched(opened: Archive, path: Path, descriptor: DescriptorChoice, top: int) -> tuple[Glance, NearestReferences]:
    """Compare a picture or clip with every reference that is not retracted."""
    from verify.archive.descriptor_index import DescriptorIndex  # noqa: PLC0415
    from verify.archive.index import ReferenceIndex  # noqa: PLC0415
    from verify.archive.redescribe import count_described  # noqa: PLC0415
    from verify.fingerprint.glance import glance_at  # noqa: PLC0415
    from verify.match.nearest_references import find_nearest  # noqa: PLC0415
    from verify.match.query import MIN_QUALITY  # noqa: PLC0415

    # As in checking a release, an archive without any vectors is searched without; one that has some must have all.
    is_without = descriptor.is_own and not count_described(opened)[0]
    learned = None if is_without else descriptor.load()
    index = ReferenceIndex.load(opened, MIN_QUALITY)
    vectors = DescriptorIndex.load(opened, index.reference_ids, learned.sha256, learned.dimensions) if learned else None
    progress = make_progress()
    glance = glance_at(path, progress, learned)
    return glance, find_nearest(glance, index, vectors, top, progress)


def _lines(glance: Glance, nearest: NearestReferences, references: Mapping[str, Reference]) -> list[str]:
    from verify.findings.nearness import (  # noqa: PLC0415
        HASHES,
        LOOKS,
        STATEMENT,
        counted_references,
        nearness_lines,
        nearness_notes,
    )

    lines = [STATEMENT, *nearness_notes(nearest)]
    for heading, found, by_looks in ((HASHES, nearest.by_hashes, False), (LOOKS, nearest.by_looks or (), True)):
        lines += ["", heading] if found else []
        for number, near in enumerate(found, 1):
            told = nearness_lines(near, references[near.reference_id], by_looks=by_looks, of_picture=glance.is_picture)
            lines += [f"{number:4d}. {told[0]}", *(f"      {each}" for each in told[1:])]
    return [*lines, "", counted_references(nearest)]


def _told(
    source: str, glance: Glance, nearest: NearestReferences, references: Mapping[str, Reference]
) -> dict[str, Any]:
    from verify.acquire.texts import without_secrets_inside  # noqa: PLC0415
    from verify.findings.nearness import STATEMENT, nearness_notes  # noqa: PLC0415

    def entries(found: tuple[NearReference, ...] | None) -> list[dict[str, Any]] | None:
        if found is None:
            return None
        return [
            {"reference": references[near.reference_id], "hashes": near.hashes, "looks": near.looks} for near in found
        ]

    return {
        "statement": STATEMENT,
        "notes": nearness_notes(nearest),
        "source": without_secrets_inside(source),
        "is_picture": glance.is_picture,
        "is_flat": nearest.is_flat,
        "searched": nearest.searched,
        "by_hashes": entries(nearest.by_hashes),
        "by_looks": entries(nearest.by_looks),
    }
