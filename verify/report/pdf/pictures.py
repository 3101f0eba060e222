"""Pictures on their way into the PDF: copied under names of our own, bounded, each with a text beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.errors import InvalidUsageError
from verify.report.pdf.blocks import Block
from verify.translation import _

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Picture
    from verify.report.options import RenderOptions

_MAX_PICTURE_BYTES = 2 * 1024 * 1024
_MAX_PICTURES_BYTES = 32 * 1024 * 1024
_MOST_PICTURES = 1000
_JPEG_START = b"\xff\xd8\xff"
_USUAL_RATIO = 9 / 16
_LEAST_RATIO, _MOST_RATIO = 0.2, 3.0


class PictureTray:
    """Takes pictures of a report folder to a folder of their own, as long as they stay within bounds.

    Parameters
    ----------
    folder
        Folder that the paths of the report's pictures start from.
    tray
        Folder that they are copied to.
    options
        Whether pictures are wanted at all. Where they were to be blurred until asked for they are withheld: paper
        cannot be asked.
    """

    def __init__(self, folder: Path, tray: Path, options: RenderOptions) -> None:
        self._folder = folder.resolve()
        self._tray = tray
        self._left_bytes = _MAX_PICTURES_BYTES
        self._names: dict[str, str] = {}
        self.withheld = ""
        if not options.has_pictures:
            self.withheld = _("Pictures were left out of this report.")
        elif options.is_blurred:
            self.withheld = _("Pictures are withheld here, as they may be graphic; report.html shows each on request.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures taken so far."""
        return tuple(name for name in self._names.values() if name)

    def shown(self, picture: Picture, alternative: str, caption: str = "") -> Block:
        """Describe a picture for the template; a picture that cannot be shown has no path and says so.

        Raises
        ------
        InvalidUsageError
            Its path leads out of the folder.
        """
        missing = self.withheld or _("This picture is not available.")
        return {
            "path": "" if self.withheld else self._take(picture.path),
            "alternative": alternative,
            "caption": caption,
            "missing": missing,
            "ratio": _ratio(picture),
        }

    def _take(self, path: str) -> str:
        """Copy a picture once; return its name in the tray, empty if it cannot be shown."""
        if path not in self._names:
            self._names[path] = self._copy(path)
        return self._names[path]

    def _copy(self, path: str) -> str:
        try:
            source = (self._folder / path).resolve()
        except (OSError, ValueError):
            return ""
        if not source.is_relative_to(self._folder):
            raise InvalidUsageError(path, "leads out of the report folder", "The report was tampered with.")
        if len(self._names) >= _MOST_PICTURES:
            return ""
        try:
            with source.open("rb") as file:
                data = file.read(_MAX_PICTURE_BYTES + 1)
        except OSError:
            return ""
        if len(data) > min(_MAX_PICTURE_BYTES, self._left_bytes) or not data.startswith(_JPEG_START):
            return ""
        self._left_bytes -= len(data)
        name = f"picture-{len(self._names):04d}.jpg"
        (self._tray / name).write_bytes(data)
        return name


def _ratio(picture: Picture) -> float:
    """Height by width, within what a page can hold."""
    if picture.width_px <= 0 or picture.height_px <= 0:
        return _USUAL_RATIO
    return min(max(picture.height_px / picture.width_px, _LEAST_RATIO), _MOST_RATIO)
