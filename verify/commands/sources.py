"""Sources as users give them: files, URLs, and folders that stand for the videos below them."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from verify.commands.options import add_options
from verify.commands.progress import make_progress
from verify.errors import InvalidUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verify.acquire.options import AcquisitionOptions

VIDEO_SUFFIXES = frozenset(
    {
        ".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
        ".mxf", ".ogg", ".ogv", ".ts", ".vob", ".webm", ".wmv",
    }
)  # fmt: skip


def expand_sources(sources: tuple[str, ...]) -> list[str]:
    """Replace each folder by the videos below it, sorted; other sources stay as they are.

    Raises
    ------
    InvalidUsageError
        A folder has no video below it, or a source is empty: taken for a path, that would be the working folder.
    """
    expanded: list[str] = []
    for source in sources:
        if not source.strip():
            raise InvalidUsageError("SOURCE", "one of them is empty", "Give a file, a folder or an http(s) URL.")
        folder = Path(source)
        if "://" in source or not _is_folder(folder):
            expanded.append(source)
            continue
        videos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
        if not videos:
            raise InvalidUsageError(folder, "there is no video below this folder", "Give a folder with video files.")
        expanded += [str(path) for path in videos]
    return expanded


class Listed(NamedTuple):
    """A source, and the title that a playlist gives it; empty if it comes from none."""

    source: str
    title: str = ""
    is_from_list: bool = False


def playlist_options(what: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return what adds the options by which a URL may stand for several videos; `what` is done with each."""
    return lambda command: add_options(
        command,
        click.option(
            "--playlist", is_flag=True, help=f"A URL may be a playlist or channel: {what} every video that it lists."
        ),
        click.option(
            "--playlist-items",
            type=click.IntRange(1, 999),
            default=50,
            show_default=True,
            metavar="N",
            help="With --playlist: no more than the first N of each.",
        ),
    )


def listed_videos(sources: list[str], options: AcquisitionOptions, max_items: int, verb: str) -> list[Listed]:
    """Replace each URL by the videos that it lists, at most `max_items`, which are then `verb`: 'checked'."""
    from verify.acquire.playlist import list_playlist  # noqa: PLC0415
    from verify.acquire.source import is_url  # noqa: PLC0415
    from verify.acquire.texts import shown_url  # noqa: PLC0415

    listed: list[Listed] = []
    for source in sources:
        # One more than wanted, to tell whether there are more.
        entries = list_playlist(source, options=options, max_items=max_items + 1) if is_url(source) else ()
        listed += [Listed(entry.url, entry.title, True) for entry in entries[:max_items]] or [Listed(source)]
        if len(entries) > max_items:
            click.echo(f"note: {shown_url(source)} lists more videos; the first {max_items} are {verb}.", err=True)
    return listed


def existing_file(source: str) -> Path:
    """Return the path of a local source.

    Raises
    ------
    InvalidUsageError
        There is no such file, or it is a folder or a device.
    """
    path = Path(source)
    try:
        is_file = bool(source) and path.is_file()
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        raise InvalidUsageError(
            source or "SOURCE", "there is no such file", "Give the path of a video file or an http(s) URL."
        )
    return path


@contextlib.contextmanager
def local_copy(source: str, options: AcquisitionOptions) -> Iterator[Path]:
    """Give a path to the bytes of a file or URL; what was fetched for it goes at the end.

    Raises
    ------
    InvalidUsageError
        There is no such file.
    VerifyError
        The URL cannot be fetched.
    """
    from verify.acquire.source import acquire, is_url  # noqa: PLC0415 - keeps `verify --help` instant

    if not is_url(source):
        yield existing_file(source)
        return
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        yield acquire(source, Path(folder), options=options, progress=make_progress()).media.path


def _is_folder(path: Path) -> bool:
    """Say whether this is a folder; what cannot be looked at, such as a name that is too long, is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
