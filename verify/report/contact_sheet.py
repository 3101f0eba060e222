"""contact-sheet.png: the shots of a release on one picture, each with its number, times and state."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, NamedTuple

from verify.errors import InvalidUsageError
from verify.findings.wording import timecode
from verify.report.localising import localised
from verify.report.machine_json import bounded_text
from verify.report.options import Rendered
from verify.report.stretches import Stretch, stretches
from verify.report.texts import utc_words
from verify.report.timeline import state_names
from verify.translation import _, ngettext, speaking

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image, ImageDraw

    from verify.model import Interval, Picture, Report, ShotView
    from verify.report.options import RenderOptions

_MOST_TILES = 60
_COLUMNS = 6
_TILE_PX, _PICTURE_PX = (224, 126), (224, 126)
_GAP_PX, _MARGIN_PX, _BAND_PX, _CAPTION_PX, _HEADER_PX = 14, 28, 16, 42, 116
_MAX_PICTURE_BYTES, _MAX_SIDE_PX = 2 * 1024 * 1024, 1300
_BLUR_RADIUS_PX = 14
_PAPER, _INK, _SOFT, _EMPTY = (253, 253, 251), (27, 30, 35), (86, 92, 102), (232, 232, 226)
_MAX_TITLE = 300


class _Look(NamedTuple):
    """How a state is drawn: a letter and a pattern, so that it can be told apart in grey, and two colours."""

    letter: str
    pattern: str
    ground: tuple[int, int, int]
    line: tuple[int, int, int]


_LOOKS = {
    "confirmed": _Look("C", "plain", (23, 64, 111), (255, 255, 255)),
    "possible": _Look("P", "rising", (228, 236, 245), (77, 120, 168)),
    "repeated": _Look("R", "dots", (191, 224, 216), (31, 110, 99)),
    "template": _Look("T", "upright", (201, 203, 208), (125, 130, 139)),
    "not_examinable": _Look("X", "crossed", (251, 251, 249), (139, 144, 152)),
    "no_match": _Look("N", "plain", (236, 235, 228), (86, 92, 102)),
}


def render_contact_sheet(report: Report, folder: Path, options: RenderOptions) -> Rendered:
    """Render the sheet as PNG.

    Parameters
    ----------
    report
        The report. Where it has many shots, those shown are spread over the release.
    folder
        Folder that the paths of its pictures start from. A picture that is missing, is no JPEG or is too large leaves
        its tile empty.
    options
        How it is to look: pictures can be left out or blurred beyond recognition.

    Raises
    ------
    InvalidUsageError
        The path of a picture leads out of `folder`.
    """
    with speaking(options.language):
        sheet = _Sheet(localised(report), folder, options)
        return Rendered(content=sheet.png(), notes=tuple(sheet.notes))


class _Sheet:
    """The picture while it is drawn, and the notes that come of it."""

    def __init__(self, report: Report, folder: Path, options: RenderOptions) -> None:
        from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - only where a sheet is asked for

        self.notes: list[str] = []
        self._report = report
        self._folder = folder.resolve()
        self._options = options
        self._views = {view.shot: view for view in report.shot_views}
        self._shots = _spread(sorted(self._views) or list(range(1, len(report.shots) + 1)))
        self._stretches = stretches(report)
        self._fonts = {size: ImageFont.load_default(size) for size in (12, 14, 18, 26)}
        rows = -(-len(self._shots) // _COLUMNS)
        width = 2 * _MARGIN_PX + _COLUMNS * (_TILE_PX[0] + _GAP_PX) - _GAP_PX
        height = 2 * _MARGIN_PX + _HEADER_PX + rows * self._row_px
        self._image = Image.new("RGB", (width, height), _PAPER)
        self._draw = ImageDraw.Draw(self._image)

    @property
    def _row_px(self) -> int:
        return _PICTURE_PX[1] + _BAND_PX + _CAPTION_PX + _GAP_PX

    def png(self) -> bytes:
        """Draw everything and encode it."""
        self._draw_header()
        for index, shot in enumerate(self._shots):
            row, column = divmod(index, _COLUMNS)
            left = _MARGIN_PX + column * (_TILE_PX[0] + _GAP_PX)
            self._draw_tile(shot, left, _MARGIN_PX + _HEADER_PX + row * self._row_px)
        written = io.BytesIO()
        self._image.save(written, "PNG")
        return written.getvalue()

    def _draw_header(self) -> None:
        report = self._report
        count, total = len(self._shots), len(report.shots)
        shown = ngettext("{count} of {total} shot", "{count} of {total} shots", total).format(count=count, total=total)
        parts = (_plain(report.report_id[:60]), _plain(utc_words(report.created_utc)[:40]), self._words(shown))
        self._write((_MARGIN_PX, _MARGIN_PX), self._title(), 26)
        self._write((_MARGIN_PX, _MARGIN_PX + 40), "  |  ".join(filter(None, parts)), 14, colour=_SOFT)
        left = _MARGIN_PX
        for style, look in _LOOKS.items():
            self._draw_band((left, _MARGIN_PX + 74, left + 34, _MARGIN_PX + 74 + _BAND_PX), look)
            name = self._words(state_names()[style], style.replace("_", " "))
            self._write((left + 42, _MARGIN_PX + 74), f"{look.letter}  {name}", 14)
            left += 74 + round(self._fonts[14].getlength(f"{look.letter}  {name}"))

    def _title(self) -> str:
        """Return the release's title if it can be drawn; a note says where it cannot."""
        title = " ".join(bounded_text(self._report.release.title, _MAX_TITLE).split())
        if not self._can_draw(title):
            self.notes.append(
                _("contact-sheet.png: the title has characters that its font cannot draw, so it is left out.")
            )
            title = ""
        return title or _plain(f"Release {self._report.release.media_sha256[:16]}")

    def _words(self, text: str, otherwise: str = "") -> str:
        """Return words of the program's own if they can be drawn, else the English ones."""
        return text if self._can_draw(text) else otherwise

    def _can_draw(self, text: str) -> bool:
        """Tell whether the font has every character; it shows the same box for all that it lacks."""
        font = self._fonts[14]
        missing = bytes(font.getmask("\uffff"))
        odd = {letter for letter in text if not (letter.isascii() and letter.isprintable())}
        return all(letter.isprintable() and bytes(font.getmask(letter)) != missing for letter in odd)

    def _write(
        self,
        place: tuple[int, int],
        text: str,
        size: int,
        *,
        width: int | None = None,
        colour: tuple[int, int, int] = _INK,
    ) -> None:
        """Write one line, cut to `width` px; unless given, that is up to the margin of the sheet."""
        font = self._fonts[size]
        room = self._image.width - _MARGIN_PX - place[0] if width is None else width
        kept = text
        while kept and font.getlength(kept) > room:
            kept = kept[: min(len(kept) - 4, int(len(kept) * room / font.getlength(kept)))].rstrip() + "..."
        self._draw.text(place, kept, fill=colour, font=font)

    def _draw_tile(self, shot: int, left: int, top: int) -> None:
        interval = self._report.shots[shot - 1].interval if 0 < shot <= len(self._report.shots) else None
        self._draw_picture(self._views.get(shot), left, top, shot)
        bottom = top + _PICTURE_PX[1]
        if interval is None:
            return
        parts = [part for part in self._stretches if part.interval.overlap_s(interval) > 0]
        self._draw_states(parts, interval, left, bottom)
        times = f"{timecode(interval.start_s)} - {timecode(interval.end_s)}"
        names = " ".join(dict.fromkeys(named.name for part in parts for named in part.named))
        below = bottom + _BAND_PX + 4
        self._write((left, below), f"#{shot}  {times}", 14, width=_TILE_PX[0])
        self._write((left, below + 19), f"{self._states_words(parts)}  {names}", 12, width=_TILE_PX[0], colour=_SOFT)

    def _states_words(self, parts: list[Stretch]) -> str:
        """Name the state of a shot, or give the letters of its states in their order."""
        styles = list(dict.fromkeys(part.style for part in parts))
        if len(styles) == 1:
            return f"{_LOOKS[styles[0]].letter} {self._words(state_names()[styles[0]])}"
        return " ".join(_LOOKS[style].letter for style in styles)

    def _draw_picture(self, view: ShotView | None, left: int, top: int, shot: int) -> None:
        box = (left, top, left + _PICTURE_PX[0], top + _PICTURE_PX[1])
        self._draw.rectangle(box, fill=_EMPTY)
        picture = self._loaded(view.picture) if view and self._options.has_pictures else None
        if picture is None:
            self._write((left + 12, top + 52), f"#{shot}", 18, width=_PICTURE_PX[0] - 24, colour=_SOFT)
            return
        offset = ((_PICTURE_PX[0] - picture.width) // 2, (_PICTURE_PX[1] - picture.height) // 2)
        self._image.paste(picture, (left + offset[0], top + offset[1]))

    def _loaded(self, picture: Picture) -> Image.Image | None:
        """Read a picture and fit it into a tile; None if it cannot be shown."""
        from PIL import Image, ImageFilter, ImageOps  # noqa: PLC0415 - only where a sheet is asked for

        path = (self._folder / picture.path).resolve()
        if not path.is_relative_to(self._folder):
            raise InvalidUsageError(picture.path, "leads out of the report folder", "The report was tampered with.")
        try:
            if not path.is_file():  # a pipe would be waited for
                return None
            with path.open("rb") as file:
                data = file.read(_MAX_PICTURE_BYTES + 1)
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                found = Image.open(io.BytesIO(data), formats=["JPEG"])
            if len(data) > _MAX_PICTURE_BYTES or max(found.size) > _MAX_SIDE_PX:
                return None
            fitted = ImageOps.contain(found.convert("RGB"), _PICTURE_PX)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
            return None
        return fitted.filter(ImageFilter.GaussianBlur(_BLUR_RADIUS_PX)) if self._options.is_blurred else fitted

    def _draw_states(self, parts: list[Stretch], interval: Interval, left: int, top: int) -> None:
        """Draw a band as long as the shot, in it each state where it holds."""
        per_second = _TILE_PX[0] / max(interval.duration_s, 1e-6)
        for part in parts:
            start_s = max(part.interval.start_s, interval.start_s) - interval.start_s
            end_s = min(part.interval.end_s, interval.end_s) - interval.start_s
            box = (left + round(start_s * per_second), top, left + round(end_s * per_second), top + _BAND_PX)
            if box[2] > box[0]:
                self._draw_band(box, _LOOKS[part.style])

    def _draw_band(self, box: tuple[int, int, int, int], look: _Look) -> None:
        """Fill a box with the ground and pattern of a state, and its letter where there is room."""
        from PIL import Image, ImageDraw  # noqa: PLC0415 - only where a sheet is asked for

        width, height = box[2] - box[0], box[3] - box[1]
        band = Image.new("RGB", (width, height), look.ground)
        pen = ImageDraw.Draw(band)
        _draw_pattern(pen, width, height, look)
        if width >= 18:
            pen.rectangle((2, 2, 14, height - 3), fill=look.ground)
            pen.text((4, 1), look.letter, fill=look.line if look.letter == "C" else _INK, font=self._fonts[12])
        pen.rectangle((0, 0, width - 1, height - 1), outline=_SOFT)
        self._image.paste(band, box[:2])


def _draw_pattern(pen: ImageDraw.ImageDraw, width: int, height: int, look: _Look) -> None:
    if look.pattern in ("rising", "crossed"):
        for start in range(-height, width, 7):
            pen.line((start, height, start + height, 0), fill=look.line, width=2 if look.pattern == "rising" else 1)
    if look.pattern == "crossed":
        for start in range(-height, width, 7):
            pen.line((start, 0, start + height, height), fill=look.line)
    if look.pattern == "upright":
        for start in range(3, width, 6):
            pen.line((start, 0, start, height), fill=look.line, width=2)
    if look.pattern == "dots":
        for x in range(4, width, 7):
            for y in range(4, height, 7):
                pen.ellipse((x - 1, y - 1, x + 1, y + 1), fill=look.line)


def _spread(shots: list[int]) -> list[int]:
    """Choose at most as many shots as the sheet holds, spread over all of them."""
    count = len(shots)
    return shots if count <= _MOST_TILES else [shots[index * count // _MOST_TILES] for index in range(_MOST_TILES)]


def _plain(text: str) -> str:
    """Write a text with what is not printable ASCII replaced, bounded."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text[:_MAX_TITLE])
