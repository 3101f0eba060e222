"""What releases do to pictures: the edits that a descriptor learns to see through.

Each edit takes a random generator and a picture, (H, W, 3) uint8 BGR, and gives one. `edited` draws some of them in the
order in which an editor, a broadcaster and a platform would apply them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]
    Edit = Callable[[np.random.Generator, Picture], Picture]

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_PLAIN)
_LETTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVWXYZ0123456789 :.-/"))


def edited(random: np.random.Generator, picture: Picture, other: Picture, *, strong: bool) -> Picture:
    """Edit a picture as a release might; `other` is an unrelated one, to lay it on or blend it with."""
    chosen: list[Edit] = []

    def maybe(chance: float, *edits: Edit) -> None:
        if random.random() < chance * (1.0 if strong else 0.35):
            chosen.append(edits[int(random.integers(len(edits)))])

    maybe(0.25, mirrored)
    maybe(0.65, cropped, cropped, turned, tilted, squashed)
    maybe(0.5, graded, greyed, night_vision, darkened, low_contrast, tinted)
    maybe(0.1, inverted)
    maybe(0.25, noisy, blurred, motion_blurred, scan_lines)
    for edit in chosen:
        picture = edit(random, picture)
    chosen.clear()
    if random.random() < (0.3 if strong else 0.05):
        picture = inset(random, picture, other)
    elif random.random() < (0.1 if strong else 0.03):
        picture = blended(random, picture, other)
    maybe(0.25, letterboxed, blurred_sides, framed)
    maybe(0.35, logo, caption, head_up_display, lower_third)
    maybe(0.2, caption, logo, head_up_display)
    maybe(0.12, graded, greyed)
    maybe(0.6, compressed, shrunk)
    for edit in chosen:
        picture = edit(random, picture)
    return picture


def mirrored(_: np.random.Generator, picture: Picture) -> Picture:
    """Exchange left and right."""
    return np.asarray(cv2.flip(picture, 1), np.uint8)


def inverted(_: np.random.Generator, picture: Picture) -> Picture:
    """Exchange dark and light, as white-hot and black-hot."""
    return np.asarray(cv2.bitwise_not(picture), np.uint8)


def cropped(random: np.random.Generator, picture: Picture) -> Picture:
    """Cut out 38 % of each side and more."""
    height, width = picture.shape[:2]
    share = random.uniform(0.45, 0.95)
    tall, wide = (int(side * np.clip(share * random.uniform(0.85, 1.15), 0.35, 1)) for side in (height, width))
    top, left = int(random.integers(height - tall + 1)), int(random.integers(width - wide + 1))
    return picture[top : top + tall, left : left + wide]


def turned(random: np.random.Generator, picture: Picture) -> Picture:
    """Turn by up to 12 degrees, enlarged to leave few corners empty."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-12, 12), random.uniform(1.0, 1.25))
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=_border(random)), np.uint8)


def tilted(random: np.random.Generator, picture: Picture) -> Picture:
    """See from the side, as a screen that is filmed."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + random.uniform(-0.12, 0.12, (4, 2)).astype(np.float32) * [width, height]
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return np.asarray(cv2.warpPerspective(picture, matrix, (width, height), borderMode=_border(random)), np.uint8)


def squashed(random: np.random.Generator, picture: Picture) -> Picture:
    """Change the ratio of the sides by cutting one; the network's input is square whatever the picture's form."""
    height, width = picture.shape[:2]
    share = random.uniform(0.4, 0.85)
    if random.random() < 0.5:
        left = int(random.integers(width - int(width * share) + 1))
        return picture[:, left : left + int(width * share)]
    top = int(random.integers(height - int(height * share) + 1))
    return picture[top : top + int(height * share)]


def graded(random: np.random.Generator, picture: Picture) -> Picture:
    """Change brightness, contrast, gamma and colour."""
    values = picture.astype(np.float32) / 255
    values = values ** random.uniform(0.5, 2.0) * random.uniform(0.6, 1.4, 3) + random.uniform(-0.15, 0.15)
    return _levels(values * 255)


def tinted(random: np.random.Generator, picture: Picture) -> Picture:
    """Colour a grey picture, as thermal palettes do."""
    palettes = (cv2.COLORMAP_JET, cv2.COLORMAP_INFERNO, cv2.COLORMAP_HOT, cv2.COLORMAP_BONE, cv2.COLORMAP_OCEAN)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.applyColorMap(grey, palettes[int(random.integers(len(palettes)))]), np.uint8)


def greyed(_: np.random.Generator, picture: Picture) -> Picture:
    """Take the colour out."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def night_vision(random: np.random.Generator, picture: Picture) -> Picture:
    """Grey, green, grainy and dark at the edges."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    height, width = grey.shape
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    grey = grey * (1 - random.uniform(0, 0.6) * np.clip(rows**2 + columns**2, 0, 1.5))
    grey += random.normal(0, random.uniform(2, 14), grey.shape)
    return _levels(grey[..., None] * np.array([0.25, 1.0, 0.3]))


def darkened(random: np.random.Generator, picture: Picture) -> Picture:
    """Leave 5 to 40 % of the light, with the noise of the sensor."""
    values = picture.astype(np.float32) * float(np.exp(random.uniform(np.log(0.05), np.log(0.4))))
    return _levels(values + random.normal(0, random.uniform(0.3, 3), picture.shape))


def low_contrast(random: np.random.Generator, picture: Picture) -> Picture:
    """Press the levels into a narrow range, as haze and thermal cameras do."""
    return _levels(picture.astype(np.float32) * random.uniform(0.2, 0.6) + random.uniform(0, 120))


def noisy(random: np.random.Generator, picture: Picture) -> Picture:
    """Add grain."""
    return _levels(picture + random.normal(0, random.uniform(4, 25), picture.shape))


def blurred(random: np.random.Generator, picture: Picture) -> Picture:
    """Put out of focus."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), random.uniform(0.8, 4)), np.uint8)


def motion_blurred(random: np.random.Generator, picture: Picture) -> Picture:
    """Smear along a line, as a fast camera does."""
    length = int(random.integers(5, 22))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), random.uniform(0, 180), 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return np.asarray(cv2.filter2D(picture, -1, kernel / max(float(kernel.sum()), 1e-3)), np.uint8)


def scan_lines(random: np.random.Generator, picture: Picture) -> Picture:
    """Darken lines, as a screen that is photographed."""
    period = int(random.integers(2, 6))
    values = picture.astype(np.float32)
    values[::period] *= random.uniform(0.3, 0.8)
    if random.random() < 0.5:
        rows = np.arange(len(values))[:, None, None]
        values *= 1 + 0.15 * np.sin(rows / random.uniform(8, 30) + random.uniform(0, 6))
    return _levels(values)


def inset(random: np.random.Generator, picture: Picture, other: Picture) -> Picture:
    """Show the picture in a part of another: picture in picture, or a split screen."""
    height, width = other.shape[:2]
    laid = other.copy()
    if random.random() < 0.3:
        if random.random() < 0.5:
            left = int(random.integers(2)) * (width // 2)
            laid[:, left : left + width // 2] = cv2.resize(picture, (width // 2, height), interpolation=cv2.INTER_AREA)
        else:
            top = int(random.integers(2)) * (height // 2)
            laid[top : top + height // 2] = cv2.resize(picture, (width, height // 2), interpolation=cv2.INTER_AREA)
        return laid
    share = random.uniform(0.4, 0.8)
    tall, wide = int(height * share), int(width * share)
    top, left = int(random.integers(height - tall + 1)), int(random.integers(width - wide + 1))
    laid[top : top + tall, left : left + wide] = cv2.resize(picture, (wide, tall), interpolation=cv2.INTER_AREA)
    if random.random() < 0.5:
        cv2.rectangle(laid, (left, top), (left + wide, top + tall), _colour(random), int(random.integers(1, 4)))
    return laid


def blended(random: np.random.Generator, picture: Picture, other: Picture) -> Picture:
    """Dissolve into another picture."""
    shaped = cv2.resize(other, picture.shape[1::-1], interpolation=cv2.INTER_AREA)
    share = random.uniform(0.55, 0.85)
    return np.asarray(cv2.addWeighted(picture, share, shaped, 1 - share, 0), np.uint8)


def letterboxed(random: np.random.Generator, picture: Picture) -> Picture:
    """Add plain bars, above and below or at the sides."""
    height, width = picture.shape[:2]
    share = random.uniform(0.08, 0.45)
    colour = (0, 0, 0) if random.random() < 0.7 else _colour(random)
    if random.random() < 0.5:
        bar = int(height * share)
        return np.asarray(cv2.copyMakeBorder(picture, bar, bar, 0, 0, cv2.BORDER_CONSTANT, value=colour), np.uint8)
    bar = int(width * share)
    return np.asarray(cv2.copyMakeBorder(picture, 0, 0, bar, bar, cv2.BORDER_CONSTANT, value=colour), np.uint8)


def blurred_sides(random: np.random.Generator, picture: Picture) -> Picture:
    """Lay an upright or narrow cut on a blurred, enlarged copy of itself."""
    height, width = picture.shape[:2]
    share = random.uniform(0.32, 0.75)
    wide = max(8, int(width * share))
    left = int(random.integers(width - wide + 1))
    narrow = picture[:, left : left + wide] if random.random() < 0.5 else picture
    behind = cv2.GaussianBlur(cv2.resize(picture, (width, height)), (0, 0), random.uniform(6, 14))
    behind = _levels(behind * random.uniform(0.5, 1.0))
    front = cv2.resize(narrow, (wide, height if narrow is not picture else max(8, int(height * share))))
    top = (height - front.shape[0]) // 2
    start = (width - wide) // 2
    behind[top : top + front.shape[0], start : start + wide] = front
    return behind


def framed(random: np.random.Generator, picture: Picture) -> Picture:
    """Put a border of one colour around."""
    height, width = picture.shape[:2]
    edge = [int(side * random.uniform(0.02, 0.15)) for side in (height, height, width, width)]
    return np.asarray(cv2.copyMakeBorder(picture, *edge, cv2.BORDER_CONSTANT, value=_colour(random)), np.uint8)


def logo(random: np.random.Generator, picture: Picture) -> Picture:
    """Put a sign into a corner."""
    height, width = picture.shape[:2]
    size = max(6, int(min(height, width) * random.uniform(0.06, 0.2)))
    at = [int(edge if random.random() < 0.5 else full - edge) for full, edge in ((width, size), (height, size))]
    laid = picture.copy()
    if random.random() < 0.5:
        cv2.circle(laid, (at[0], at[1]), size // 2, _colour(random), -1)
    else:
        cv2.rectangle(
            laid, (at[0] - size // 2, at[1] - size // 3), (at[0] + size // 2, at[1] + size // 3), _colour(random), -1
        )
    _write(random, laid, (max(0, at[0] - size // 2), at[1]), 3)
    return _mixed(picture, laid, random.uniform(0.5, 1.0))


def caption(random: np.random.Generator, picture: Picture) -> Picture:
    """Write a line or two."""
    laid = picture.copy()
    height, width = laid.shape[:2]
    for _ in range(int(random.integers(1, 4))):
        at = int(width * random.uniform(0.02, 0.4)), int(height * random.uniform(0.12, 0.97))
        _write(random, laid, at, int(random.integers(8, 34)))
    return laid


def lower_third(random: np.random.Generator, picture: Picture) -> Picture:
    """Lay a band with writing over the lower part."""
    height, width = picture.shape[:2]
    laid = picture.copy()
    top = int(height * random.uniform(0.68, 0.88))
    bottom = int(min(height, top + height * random.uniform(0.08, 0.28)))
    cv2.rectangle(laid, (0, top), (width, bottom), _colour(random), -1)
    laid = _mixed(picture, laid, random.uniform(0.5, 1.0))
    _write(random, laid, (int(width * 0.05), (top + bottom) // 2), int(random.integers(10, 30)))
    return laid


def head_up_display(random: np.random.Generator, picture: Picture) -> Picture:
    """Draw a reticle, brackets and figures, as drones and sights do."""
    laid = picture.copy()
    height, width = laid.shape[:2]
    colour = (255, 255, 255) if random.random() < 0.5 else _colour(random)
    middle = int(width * random.uniform(0.4, 0.6)), int(height * random.uniform(0.4, 0.6))
    reach = int(min(height, width) * random.uniform(0.05, 0.25))
    cv2.line(laid, (middle[0] - reach, middle[1]), (middle[0] + reach, middle[1]), colour, 1)
    cv2.line(laid, (middle[0], middle[1] - reach), (middle[0], middle[1] + reach), colour, 1)
    if random.random() < 0.6:
        half = reach // 2 + 2
        cv2.rectangle(laid, (middle[0] - half, middle[1] - half), (middle[0] + half, middle[1] + half), colour, 1)
    for _ in range(int(random.integers(2, 7))):
        at = int(width * random.choice([0.02, 0.75])), int(height * random.uniform(0.05, 0.98))
        _write(random, laid, at, int(random.integers(4, 12)), colour)
    return laid


def compressed(random: np.random.Generator, picture: Picture) -> Picture:
    """Encode badly."""
    quality = int(random.integers(6, 50))
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)


def shrunk(random: np.random.Generator, picture: Picture) -> Picture:
    """Make small and large again, encoded in between."""
    height, width = picture.shape[:2]
    scale = random.uniform(0.25, 0.7)
    small = cv2.resize(picture, (max(8, int(width * scale)), max(8, int(height * scale))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(compressed(random, np.asarray(small, np.uint8)), (width, height)), np.uint8)


def _border(random: np.random.Generator) -> int:
    return int((cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT)[int(random.integers(3))])


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    blue, green, red = (int(level) for level in random.integers(0, 256, 3))
    return blue, green, red


def _mixed(below: Picture, above: Picture, share: float) -> Picture:
    return np.asarray(cv2.addWeighted(above, share, below, 1 - share, 0), np.uint8)


def _write(
    random: np.random.Generator,
    picture: Picture,
    at: tuple[int, int],
    letters: int,
    colour: tuple[int, int, int] | None = None,
) -> None:
    text = "".join(random.choice(_LETTERS, letters))
    size = picture.shape[0] / 400 * random.uniform(0.5, 1.6)
    font = _FONTS[int(random.integers(len(_FONTS)))]
    if random.random() < 0.4:
        cv2.putText(picture, text, (at[0] + 1, at[1] + 1), font, size, (0, 0, 0), 2)
    cv2.putText(picture, text, at, font, size, colour or _colour(random), 1 + (random.random() < 0.3))


def _levels(values: npt.NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
