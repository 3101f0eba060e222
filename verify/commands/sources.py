"""Sources as users give them: files, URLs, and folders that stand for the videos below them."""

from __future__ import annotations

from pathlib import Path

from verify.errors import InvalidUsageError

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
        A folder has no video below it.
    """
    expanded: list[str] = []
    for source in sources:
        folder = Path(source)
        if "://" in source or not folder.is_dir():
            expanded.append(source)
            continue
        videos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
        if not videos:
            raise InvalidUsageError(folder, "there is no video below this folder", "Give a folder with video files.")
        expanded += [str(path) for path in videos]
    return expanded
