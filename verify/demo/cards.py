"""Still pictures that the demo's releases are made with: title cards, a logo, bands with a caption."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.ImageDraw import ImageDraw

RELEASE_SIZE_PX = (1280, 720)
_BAND_HEIGHT_PX = 76
_GROUND, _BRIGHT, _ACCENT = (30, 45, 70), (245, 245, 245), (230, 170, 60)


def draw_card(path: Path, text: str) -> None:
    """Draw words and a rule on a dark blue ground, and write them as PNG; lines after the first are smaller."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only needed when a release is composed

    width, height = RELEASE_SIZE_PX
    card = Image.new("RGB", RELEASE_SIZE_PX, _GROUND)
    draw = ImageDraw.Draw(card)
    heading, *rest = text.split("\n")
    wide = _centred(draw, heading, height / 2 - 40, 64)
    draw.rectangle(((width - wide) / 2, height / 2 + 14, (width + wide) / 2, height / 2 + 20), fill=_ACCENT)
    for number, words in enumerate(rest):
        _centred(draw, words, height / 2 + 64 + 46 * number, 32)
    card.save(path)


def draw_caption(path: Path, text: str) -> None:
    """Draw a dark band of the release's width with a caption at its left, and write it as PNG."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - see draw_card

    band = Image.new("RGBA", (RELEASE_SIZE_PX[0], _BAND_HEIGHT_PX), (*_GROUND, 225))
    draw = ImageDraw.Draw(band)
    draw.rectangle((0, 0, RELEASE_SIZE_PX[0], 4), fill=(*_ACCENT, 255))
    font = ImageFont.load_default(34)
    draw.text((48, _BAND_HEIGHT_PX / 2 + 2), text, fill=(*_BRIGHT, 255), font=font, anchor="lm")
    band.save(path)


def draw_logo(path: Path) -> None:
    """Draw a small half-transparent badge with a ring, and write it as PNG."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - see draw_card

    logo = Image.new("RGBA", (116, 52), (*_GROUND, 200))
    draw = ImageDraw.Draw(logo)
    draw.ellipse((10, 10, 42, 42), outline=(*_BRIGHT, 255), width=4)
    draw.text((52, 27), "DEMO", fill=(*_BRIGHT, 255), font=ImageFont.load_default(20), anchor="lm")
    logo.save(path)


def _centred(draw: ImageDraw, text: str, middle: float, size_px: float) -> float:
    """Write a line about the middle of the card; returns its width in px."""
    from PIL import ImageFont  # noqa: PLC0415 - see draw_card

    font = ImageFont.load_default(size_px)
    draw.text((RELEASE_SIZE_PX[0] / 2, middle), text, fill=_BRIGHT, font=font, anchor="mm")
    return float(draw.textlength(text, font=font))
