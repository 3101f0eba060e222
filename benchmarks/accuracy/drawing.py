"""What a release carries over and between its footage: cards, logo, lower third, captions, head-up display.

Words are drawn from syllables: they mean nothing. All pictures are (h, w, 3) uint8 BGR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Frame = npt.NDArray[np.uint8]
    Colour = tuple[int, int, int]
    Generator = np.random.Generator

_FONT = cv2.FONT_HERSHEY_DUPLEX
_WHITE: Colour = (240, 240, 240)
_SYLLABLES = ("KA", "LO", "MIR", "TEN", "VAR", "SO", "DEL", "NU", "RIS", "PA", "GOR", "ELM", "TI", "BRA", "ZUN", "HO")


def words(generator: Generator, count: int) -> str:
    """Make up some words."""
    made = ["".join(generator.choice(_SYLLABLES, int(generator.integers(2, 4)))) for _ in range(count)]
    return " ".join(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The look of one publisher: the same in all its releases."""

    ground: Colour
    accent: Colour
    name: str
    logo_corner: int
    emblem: int


def make_template(generator: Generator) -> Template:
    """Draw a look by chance."""
    return Template(
        ground=_colour(generator, 20, 90),
        accent=_colour(generator, 120, 250),
        name=words(generator, 1)[:6],
        logo_corner=int(generator.integers(4)),
        emblem=int(generator.integers(3, 7)),
    )


def _colour(generator: Generator, low: int, high: int) -> Colour:
    blue, green, red = (int(value) for value in generator.integers(low, high, 3))
    return blue, green, red


def card(template: Template, text: str, size_px: tuple[int, int]) -> Frame:
    """Draw a title or end card."""
    width, height = size_px
    fall = np.linspace(1.25, 0.6, height)[:, None, None] * np.array(template.ground, np.float32)
    picture = np.clip(np.broadcast_to(fall, (height, width, 3)), 0, 255).astype(np.uint8)
    _emblem(picture, template, (width // 2, int(height * 0.3)), int(height * 0.13))
    _text(picture, text, (width // 2, int(height * 0.6)), height / 480, _WHITE)
    cv2.rectangle(
        picture, (int(width * 0.3), int(height * 0.66)), (int(width * 0.7), int(height * 0.67)), template.accent, -1
    )
    _text(picture, template.name + " OFFICE", (width // 2, int(height * 0.78)), height / 720, template.accent)
    return picture


def _emblem(picture: Frame, template: Template, centre: tuple[int, int], radius: int) -> None:
    cv2.circle(picture, centre, radius, template.accent, max(2, radius // 8), cv2.LINE_AA)
    turns = np.arange(template.emblem) * 2 * np.pi / template.emblem + 0.3
    points = np.stack([centre[0] + radius * 0.7 * np.cos(turns), centre[1] + radius * 0.7 * np.sin(turns)], 1)
    cv2.polylines(picture, [points.astype(np.int32)], True, _WHITE, max(1, radius // 12), cv2.LINE_AA)


def _text(picture: Frame, text: str, middle: tuple[int, int], scale: float, colour: Colour) -> None:
    """Write words about a point, no wider than nine tenths of the picture."""
    thickness = max(1, round(scale * 2))
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    fitting = min(1.0, 0.9 * picture.shape[1] / max(1, width))
    place = int(middle[0] - width * fitting / 2), int(middle[1] + height * fitting / 2)
    cv2.putText(picture, text, place, _FONT, scale * fitting, colour, thickness, cv2.LINE_AA)


def logo(picture: Frame, template: Template) -> None:
    """Draw the publisher's half-transparent badge into its corner of a picture, in place."""
    height, width = picture.shape[:2]
    box_width, box_height = int(width * 0.14), int(height * 0.1)
    left = int(width * 0.03) if template.logo_corner % 2 == 0 else int(width * 0.97) - box_width
    top = int(height * 0.05) if template.logo_corner < 2 else int(height * 0.95) - box_height
    part = picture[top : top + box_height, left : left + box_width]
    badge = np.empty_like(part)
    badge[:] = template.ground
    _emblem(badge, template, (box_height // 2, box_height // 2), int(box_height * 0.38))
    _text(badge, template.name, (int(box_width * 0.65), box_height // 2), box_height / 80, _WHITE)
    part[:] = cv2.addWeighted(part, 0.25, badge, 0.75, 0)


def lower_third(picture: Frame, template: Template, text: str) -> None:
    """Draw a band with a line of words over the lower part of a picture, in place."""
    height, width = picture.shape[:2]
    top, bottom, right = int(height * 0.78), int(height * 0.88), int(width * 0.62)
    band = picture[top:bottom, :right]
    ground = np.empty_like(band)
    ground[:] = template.ground
    band[:] = cv2.addWeighted(band, 0.15, ground, 0.85, 0)
    cv2.rectangle(picture, (0, bottom), (right, bottom + 3), template.accent, -1)
    _text(band, text, (right // 2, band.shape[0] // 2), height / 700, _WHITE)


def caption(picture: Frame, text: str) -> None:
    """Draw subtitles with a dark rim, in place."""
    height, width = picture.shape[:2]
    place = (width // 2, int(height * 0.92))
    scale = height / 560
    thickness = max(1, round(scale * 2))
    (text_width, text_height), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    fitting = min(1.0, 0.9 * width / max(1, text_width))
    origin = int(place[0] - text_width * fitting / 2), int(place[1] + text_height * fitting / 2)
    cv2.putText(picture, text, origin, _FONT, scale * fitting, (0, 0, 0), thickness * 3, cv2.LINE_AA)
    cv2.putText(picture, text, origin, _FONT, scale * fitting, _WHITE, thickness, cv2.LINE_AA)


def head_up_display(picture: Frame, number: int, seed: int) -> None:
    """Draw cross-hairs, ladders and running numerals, in place. One look for all seeds; the numerals differ."""
    height, width = picture.shape[:2]
    colour, unit = (225, 235, 225), height / 360
    middle = width // 2, height // 2
    reach, gap = int(46 * unit), int(10 * unit)
    for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        start = middle[0] + across * gap, middle[1] + down * gap
        end = middle[0] + across * reach, middle[1] + down * reach
        cv2.line(picture, start, end, colour, 1, cv2.LINE_AA)
    for left, top in ((0.3, 0.25), (0.7, 0.25), (0.3, 0.75), (0.7, 0.75)):
        corner, inward = (int(left * width), int(top * height)), int(16 * unit)
        cv2.line(picture, corner, (corner[0] + (inward if left < 0.5 else -inward), corner[1]), colour, 1)
        cv2.line(picture, corner, (corner[0], corner[1] + (inward if top < 0.5 else -inward)), colour, 1)
    for step in range(7):
        level = int(height * (0.3 + step * 0.066))
        cv2.line(picture, (int(width * 0.9), level), (int(width * (0.92 + 0.01 * (step % 2))), level), colour, 1)
    lines = (
        f"ALT {3000 + seed % 900 + number // 12}",
        f"AZ {(seed * 7 + number // 3) % 360:03d}",
        f"R {1400 + seed % 700 - number // 8}",
        f"{(seed // 60) % 24:02d}:{seed % 60:02d}:{number // 25 % 60:02d}",
    )
    places = ((0.04, 0.12), (0.45, 0.08), (0.04, 0.9), (0.8, 0.94))
    for text, (left, top) in zip(lines, places, strict=True):
        place = int(width * left), int(height * top)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_PLAIN, 0.9 * unit, colour, max(1, int(unit)), cv2.LINE_AA)
