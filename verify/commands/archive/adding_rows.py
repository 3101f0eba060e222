"""What `verify archive add` is to add: sources, playlists and tables become rows, everything checked beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verify.commands.sources import Listed, existing_file, expand_sources, listed_videos
from verify.errors import InvalidUsageError

if TYPE_CHECKING:
    from verify.acquire.options import AcquisitionOptions
    from verify.archive.manifest import ManifestRow

DEFAULT_KIND = "other"
DEFAULT_SOURCE = "other"
_MOST_TITLE_IN_ID = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the options say of every source."""

    reference_id: str
    kind: str
    first_seen: str
    first_seen_source: str
    first_seen_url: str
    source_url: str
    texts: dict[str, str]

    @property
    def is_default(self) -> bool:
        """Whether nothing is said."""
        named = (self.reference_id, self.first_seen, self.first_seen_url, self.source_url, *self.texts.values())
        return not any(named) and (self.kind, self.first_seen_source) == (DEFAULT_KIND, DEFAULT_SOURCE)


def rows_of_manifest(manifest: Path, told: Told, *, playlist: bool) -> list[ManifestRow]:
    """Return the rows of a table; raises InvalidUsageError if it or the options cannot be used."""
    from verify.archive.manifest import read_manifest  # noqa: PLC0415 - keeps `verify --help` instant

    if not told.is_default:
        raise InvalidUsageError(
            "--manifest", "it cannot be combined with metadata options", "Write the metadata into its columns."
        )
    if playlist:
        raise InvalidUsageError(
            "--playlist", "it cannot be combined with --manifest", "Add the playlist by itself, or name its videos."
        )
    return read_manifest(manifest)


def rows_of_sources(
    sources: tuple[str, ...], told: Told, options: AcquisitionOptions, playlist_items: int | None
) -> list[ManifestRow]:
    """Return a row for each video that sources stand for.

    Parameters
    ----------
    playlist_items
        How many videos a URL may stand for; None if it stands for one only.

    Raises
    ------
    InvalidUsageError
        A source is not there, or what is told cannot be used.
    AcquisitionFailedError, AcquisitionRefusedError
        A playlist cannot be listed.
    """
    from verify.archive.addresses import kept_address  # noqa: PLC0415
    from verify.archive.manifest import ManifestRow  # noqa: PLC0415
    from verify.archive.metadata import BadCellError, is_url, numbered_apart, reference_from  # noqa: PLC0415

    expanded = expand_sources(sources)
    for source in expanded:
        if not is_url(source):
            existing_file(source)
    listed = [Listed(source) for source in expanded]
    _check_texts(told.texts)
    if playlist_items is not None:
        _check(told, "checked-first")
        listed = listed_videos(expanded, options, playlist_items, "added")
    if told.reference_id and len(listed) != 1:
        raise InvalidUsageError("--id", f"it names one reference, but {len(listed)} videos are given", "Leave it out.")
    rows: list[ManifestRow] = []
    taken: set[str] = set()
    for each in listed:
        reference_id = told.reference_id or numbered_apart(_id_of(each), taken)
        taken.add(reference_id)
        texts = {**told.texts, "title": told.texts.get("title") or each.title}
        try:
            reference = reference_from(
                reference_id=reference_id,
                kind=told.kind,
                first_seen=told.first_seen,
                first_seen_source=told.first_seen_source,
                first_seen_url=told.first_seen_url,
                source_url=told.source_url or (kept_address(each.source) if is_url(each.source) else ""),
                texts=texts,
            )
        except BadCellError as error:
            raise _named(error) from error
        rows.append(ManifestRow(source=each.source, reference=reference))
    return rows


def _check(told: Told, reference_id: str) -> None:
    """Check what is told before a playlist is fetched; raises InvalidUsageError."""
    from verify.archive.metadata import cell_problems  # noqa: PLC0415

    for problem in cell_problems(
        reference_id=told.reference_id or reference_id,
        kind=told.kind,
        first_seen=told.first_seen,
        first_seen_source=told.first_seen_source,
        first_seen_url=told.first_seen_url,
        source_url=told.source_url,
    ):
        raise _named(problem)


def _check_texts(texts: dict[str, str]) -> None:
    from verify.archive.manifest import MAX_FIELD_CHARACTERS  # noqa: PLC0415

    for name, text in texts.items():
        if len(text) > MAX_FIELD_CHARACTERS:
            option = f"--{name.replace('_', '-')}"
            raise InvalidUsageError(option, f"it has more than {MAX_FIELD_CHARACTERS} characters", "Write less.")


def _named(problem: Exception) -> InvalidUsageError:
    column = getattr(problem, "column", "")
    option = "--id" if column == "id" else f"--{column.replace('_', '-')}"
    return InvalidUsageError(option, str(problem), "Nothing was added.")


def _id_of(listed: Listed) -> str:
    """Make an id of a file's stem, or of what names a video in its address, after its title in a playlist."""
    from verify.archive.metadata import id_from_name, is_url, name_in_url  # noqa: PLC0415

    if not is_url(listed.source):
        return id_from_name(Path(listed.source).stem)
    name = name_in_url(listed.source) or listed.source
    return id_from_name(f"{listed.title[:_MOST_TITLE_IN_ID]} {name}" if listed.is_from_list else name)
