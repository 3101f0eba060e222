"""Text that is shown in the shots of a release, read in the large pictures that the report has of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from verify.media.text_reading import READ_SCRIPTS, PictureTexts, read_texts

if TYPE_CHECKING:
    from pathlib import Path

    from verify.model import Progress
    from verify.report.pictures import Drawn

NOTHING_READ = PictureTexts()


def with_texts(drawn: Drawn, working: Path, progress: Progress) -> tuple[Drawn, PictureTexts]:
    """Read the text in the pictures of shots, and return them with it.

    Parameters
    ----------
    drawn
        The pictures of a report, whose paths are relative to `working`.
    """
    paths = {view.shot: working / view.still.path for view in drawn.shot_views if view.still}
    if not paths:
        return drawn, NOTHING_READ
    reading = read_texts(list(paths.values()), progress)
    by_shot = dict(zip(paths, reading.texts, strict=not reading.problem))
    views = tuple(replace(view, texts=by_shot.get(view.shot, ())) for view in drawn.shot_views)
    return replace(drawn, shot_views=views), reading


def reading_limits(reading: PictureTexts) -> tuple[str, ...]:
    """Say what the reading of text does not show; nothing where none was read."""
    if not reading.reader:
        return ()
    return (
        f"On-screen text was read by a machine in one picture of a shot, and is often wrong. It knows {READ_SCRIPTS}; "
        "text in other scripts, among them Arabic, Urdu, Persian, Hebrew, Cyrillic and Devanagari, is not read or is "
        "taken for something else. That no text is listed does not show that none is there.",
    )


def reading_warnings(reading: PictureTexts) -> tuple[str, ...]:
    """Warn that no text was read although it was asked for."""
    if not reading.problem:
        return ()
    return (f"On-screen text could not be read ({reading.problem}); none is listed.",)
