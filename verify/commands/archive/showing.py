"""`verify archive list`, `show` and `stats`: tell what the archive holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.archive.texts import as_json_text, shown_text
from verify.commands.options import archive_folder, archive_option
from verify.errors import EXIT_DONE, InvalidUsageError

if TYPE_CHECKING:
    from verify.archive.store import Amendment
    from verify.model import PackOrigin, Reference, Sighting


@click.command("list")
@archive_option
@click.option("--json", "as_json", is_flag=True, help="Write the references as JSON to standard output.")
def list_references(archive: Path | None, as_json: bool) -> int:
    """List the references."""
    from verify.archive.store import Archive  # noqa: PLC0415

    with Archive.open(archive_folder(archive)) as opened:
        references = opened.references()
    if as_json:
        click.echo(as_json_text(references))
        return EXIT_DONE
    for reference in references:
        seen = reference.first_seen or "date unknown"
        mark = " (retracted)" if reference.retracted else ""
        mark += f" (from {shown_text(reference.pack.name)}, {reference.pack.grade})" if reference.pack else ""
        click.echo(
            f"{reference.id}  {reference.duration_s:8.1f} s  {seen:12}  {reference.kind:16}  "
            f"{shown_text(reference.title)}{mark}"
        )
    click.echo(f"{len(references)} references.", err=True)
    return EXIT_DONE


@click.command()
@click.argument("reference_id", metavar="ID")
@archive_option
@click.option("--json", "as_json", is_flag=True, help="Write the reference as JSON to standard output.")
def show(reference_id: str, archive: Path | None, as_json: bool) -> int:
    """Show one reference with all its metadata."""
    import msgspec  # noqa: PLC0415

    from verify.archive.store import Archive  # noqa: PLC0415

    folder = archive_folder(archive)
    with Archive.open(folder) as opened:
        reference = opened.reference(reference_id)
        thumbnails = len(opened.thumbnails(reference_id))
        keypoints = sum(each.keypoint_count for each in opened.local_digests() if each.reference_id == reference_id)
        proxy = opened.stored_proxy(reference_id)
        media = opened.stored_media(reference_id)
        sightings = opened.sightings(reference_id)
        amendments = opened.amendments(reference_id)
        models = [each.model_sha256 for each in opened.descriptor_digests() if each.reference_id == reference_id]
    if reference is None:
        raise InvalidUsageError(
            reference_id, f"the archive at {folder} has no such reference", "See verify archive list."
        )
    if as_json:
        told = msgspec.to_builtins(reference) | {"sightings": msgspec.to_builtins(sightings)}
        click.echo(as_json_text(told | {"amendments": [each._asdict() for each in amendments]}))
        return EXIT_DONE
    for name, value in msgspec.to_builtins(reference).items():
        if name not in ("sightings", "pack"):
            click.echo(f"{name.replace('_', ' '):18} {shown_text(value)}")
    if reference.pack:
        click.echo(f"{'from':18} {shown_text(_pack_words(reference.pack))}")
    for number, sighting in enumerate(sightings, 1):
        click.echo(f"{f'sighting {number}':18} {shown_text(_sighting_words(sighting))}")
    for each in amendments:
        click.echo(f"{'amended':18} {shown_text(_amendment_words(each))}")
    click.echo(f"{'thumbnails':18} {thumbnails}")
    click.echo(f"{'keypoints':18} {keypoints}")
    click.echo(f"{'proxy':18} {f'{proxy.size_bytes} bytes' if proxy else 'none'}")
    click.echo(f"{'video':18} {f'{media.size_bytes} bytes' if media else 'not kept'}")
    click.echo(f"{'descriptors':18} {', '.join(models) or 'none'}")
    return EXIT_DONE


def _pack_words(pack: PackOrigin) -> str:
    signed = f"signed with the key {pack.key_id}" if pack.key_id else "not signed"
    told = f"{pack.name} ({pack.grade}, {signed}), imported {pack.imported_utc}, called {pack.id_there} there"
    return f"{told}; it brought {', '.join(pack.parts)}"


def _sighting_words(sighting: Sighting) -> str:
    known = ", ".join(part for part in (sighting.source.value, sighting.basis) if part and part != "other")
    parts = [f"no later than {sighting.date}" if sighting.date else "date not known", known]
    parts += [sighting.url, sighting.publisher, sighting.title]
    return "; ".join(part for part in parts if part)


def _amendment_words(amendment: Amendment) -> str:
    return f"{amendment.utc}, {amendment.field}: was {amendment.before!r}, reason: {amendment.reason}"


@click.command()
@archive_option
@click.option("--json", "as_json", is_flag=True, help="Write the figures as JSON to standard output.")
def stats(archive: Path | None, as_json: bool) -> int:
    """Tell how much the archive holds."""
    from verify.archive.catalogue import CATALOGUE_NAME  # noqa: PLC0415
    from verify.archive.store import Archive  # noqa: PLC0415

    folder = archive_folder(archive)
    with Archive.open(folder) as opened:
        snapshot = opened.snapshot()
        references: list[Reference] = opened.references()
        keypoints = sum(each.keypoint_count for each in opened.local_digests())
        stored = opened.stored_bytes()
        without_proxy = opened.references_without_proxy()
        models = [each.model_sha256 for each in opened.descriptor_digests()]
    kinds: dict[str, int] = {}
    for reference in references:
        kinds[reference.kind] = kinds.get(reference.kind, 0) + 1
    hours = snapshot.duration_s / 3600
    figures: dict[str, Any] = {
        "folder": str(folder),
        "snapshot": snapshot.snapshot_id,
        "references": len(references),
        "retracted": sum(reference.retracted for reference in references),
        "hours": round(hours, 3),
        "frames": snapshot.frame_count,
        "fingerprints": list(snapshot.algorithms),
        "keypoints": keypoints,
        "catalogue_bytes": (folder / CATALOGUE_NAME).stat().st_size,
        "bytes": stored,
        "bytes_per_hour": {kind: round(size / hours) if hours else 0 for kind, size in stored.items()},
        "kinds": kinds,
        "undated": sum(not reference.first_seen for reference in references),
        "from_packs": sum(reference.pack is not None for reference in references),
        "without_proxy": without_proxy,
        "descriptors": {name: models.count(name) for name in sorted(set(models))},
    }
    if as_json:
        click.echo(as_json_text(figures))
        return EXIT_DONE
    for name, value in figures.items():
        shown = ", ".join(f"{key} {number}" for key, number in value.items()) if isinstance(value, dict) else value
        shown = ", ".join(shown) if isinstance(shown, list) else shown
        click.echo(f"{name.replace('_', ' '):16} {shown}")
    return EXIT_DONE
