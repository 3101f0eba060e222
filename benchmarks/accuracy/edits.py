"""What an editor does to a clip: its pace, its picture, its place in the frame.

An edit is a name, or several joined by '+'; `make_edit` turns it into an `Edit` whose numbers (how much is cropped, how
fast) are drawn from a generator. All work on (h, w, 3) uint8 BGR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.accuracy.footage import recode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Frame = npt.NDArray[np.uint8]
    #: Takes a picture and how far the segment is (0 to 1).
    Step = Callable[[Frame, float], Frame]
    Generator = np.random.Generator

#: Range of the pace, in seconds of the clip per second of the release.
_PACES = {"slow": (0.25, 0.6), "slowish": (0.6, 0.85), "fastish": (1.2, 1.6), "fast": (1.6, 2.5), "fastest": (2.5, 4.0)}
_LAYOUTS = ("letterbox", "vertical", "pillarbox", "pip", "split")

#: What reused segments go through, one after the other, so that each edit occurs about equally often.
EDITS = (
    "none", "none", "crop_mild", "crop_hard", "mirror", "grade", "gray", "dark", "nightvision", "invert", "letterbox",
    "letterbox+grade", "vertical", "pillarbox", "pip", "split", "caption", "hud", "squash", "blur", "noise",
    "lowbitrate", "slow", "slowish", "fastish", "fast", "fastest", "reverse", "freeze", "shake", "rotate", "push",
    "perspective", "mirror+crop_mild", "dark+crop_mild", "nightvision+crop_mild", "slow+mirror", "reverse+mirror",
    "invert+hud", "crop_mild+grade+lowbitrate", "gray+noise+lowbitrate", "perspective+grade", "fast+crop_mild",
    "crop_mild+caption",
)  # fmt: skip
#: What strangers go through: nothing that would make them easier to tell from reuse.
STRANGER_EDITS = (
    "none", "none", "none", "crop_mild", "mirror", "grade", "gray", "dark", "nightvision", "letterbox", "vertical",
    "caption", "hud", "noise", "lowbitrate", "slowish", "fastish", "shake", "perspective", "crop_mild+grade+lowbitrate",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit with its numbers.

    `pace` is in seconds of the clip per second of the release, negative backwards, 0 for one picture held.
    """

    name: str
    pace: float = 1.0
    steps: tuple[Step, ...] = ()
    layout: str = ""
    noise: float = 0.0
    recoded: tuple[tuple[int, int], int] | None = None
    caption: bool = False
    hud: bool = False


def make_edit(name: str, generator: Generator) -> Edit:
    """Draw the numbers of an edit.

    Raises
    ------
    ValueError
        A part of the name is no edit.
    """
    pace, noise = 1.0, 0.0
    steps: list[Step] = []
    parts = [part for part in name.split("+") if part != "none"]
    for part in parts:
        if part in _PACES:
            pace *= float(generator.uniform(*_PACES[part]))
        elif part == "reverse":
            pace = -pace
        elif part == "freeze":
            pace = 0.0
        elif part in _STEPS:
            steps.append(_STEPS[part](generator))
        elif part not in (*_LAYOUTS, "noise", "lowbitrate", "caption", "hud"):
            raise ValueError(f"no such edit: {part}")
        if part in ("noise", "dark", "nightvision"):
            noise = float(generator.uniform(5, 14) if part == "noise" else generator.uniform(2, 6))
    small = ((320, 180), int(generator.integers(34, 41)))
    return Edit(
        name=name,
        pace=pace,
        steps=tuple(steps),
        layout=next((part for part in parts if part in _LAYOUTS), ""),
        noise=noise,
        recoded=small if "lowbitrate" in parts else None,
        caption="caption" in parts,
        hud="hud" in parts,
    )


def apply_steps(edit: Edit, pictures: Sequence[Frame]) -> list[Frame]:
    """Send the pictures of a segment through the edit's steps, before they are laid into the release's frame."""
    edited = []
    for number, picture in enumerate(pictures):
        progress = number / max(1, len(pictures) - 1)
        for step in edit.steps:
            picture = step(picture, progress)  # noqa: PLW2901 - a chain of steps on one picture
        edited.append(picture)
    return edited


def lay_out(
    edit: Edit, pictures: Sequence[Frame], size_px: tuple[int, int], backdrop: Sequence[Frame], generator: Generator
) -> list[Frame]:
    """Lay pictures into the release's frame of `size_px` (width, height).

    `backdrop` is other footage, as many pictures of any size: what an inset is laid over, or what the other half of a
    split screen shows.
    """
    width, height = size_px
    if edit.layout == "pip":
        share = generator.uniform(0.4, 0.6)
        small = int(width * share), int(height * share)
        left, top = (int(generator.uniform(0.04, 0.96 - share) * side) for side in (width, height))
        return [_inset(_fill(below, size_px), _fill(picture, small), left, top)
                for picture, below in zip(pictures, backdrop, strict=True)]  # fmt: skip
    if edit.layout == "split":
        half, first = (width // 2, height), bool(generator.integers(2))
        pairs = [(_fill(picture, half), _fill(other, half)) for picture, other in zip(pictures, backdrop, strict=True)]
        return [np.hstack(pair if first else pair[::-1]) for pair in pairs]
    if edit.layout == "vertical":
        narrow = int(height * 9 / 16), height
        return [_over_blurred(picture, size_px, narrow) for picture in pictures]
    if edit.layout == "pillarbox":
        colour = generator.integers(0, 90, 3)
        narrow = int(height * generator.uniform(1.0, 1.34)), height
        return [_on_colour(_fill(picture, narrow), size_px, colour) for picture in pictures]
    laid = [_whole(picture, size_px) for picture in pictures]
    if edit.layout == "letterbox":
        bar = int(height * generator.uniform(0.09, 0.14))
        for picture in laid:
            picture[:bar] = picture[height - bar :] = 0
    return laid


def degrade(edit: Edit, pictures: list[Frame], generator: Generator) -> list[Frame]:
    """Add the edit's noise, new in every picture, and its extra encoding."""
    if edit.noise:
        pictures = [add_noise(picture, edit.noise, generator) for picture in pictures]
    if edit.recoded is not None:
        pictures = recode(pictures, size_px=edit.recoded[0], quality=edit.recoded[1])
    return pictures


def add_noise(picture: Frame, strength: float, generator: Generator) -> Frame:
    """Add a sensor's noise of a standard deviation in grey levels, the same in all colours."""
    noise = generator.standard_normal(picture.shape[:2], np.float32)[..., None] * strength
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _fill(picture: Frame, size_px: tuple[int, int]) -> Frame:
    """Scale and cut a picture so that it fills a size."""
    width, height = size_px
    factor = max(width / picture.shape[1], height / picture.shape[0])
    scaled = cv2.resize(
        picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    )
    top, left = max(0, (scaled.shape[0] - height) // 2), max(0, (scaled.shape[1] - width) // 2)
    cut = scaled[top : top + height, left : left + width]
    # A rounded size may be a pixel short.
    return np.asarray(cut if cut.shape[:2] == (height, width) else cv2.resize(cut, size_px), np.uint8)


def _whole(picture: Frame, size_px: tuple[int, int]) -> Frame:
    """Fill the frame if little is lost by it, else lay the whole picture on black."""
    width, height = size_px
    shape = picture.shape[1] / picture.shape[0] / (width / height)
    if min(shape, 1 / shape) >= 0.75:
        return _fill(picture, size_px).copy()
    factor = min(width / picture.shape[1], height / picture.shape[0])
    scaled = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor), np.uint8)
    return _on_colour(scaled, size_px, np.zeros(3))


def _on_colour(picture: Frame, size_px: tuple[int, int], colour: npt.NDArray[np.generic]) -> Frame:
    width, height = size_px
    ground = np.empty((height, width, 3), np.uint8)
    ground[:] = colour
    return _inset(ground, picture, (width - picture.shape[1]) // 2, (height - picture.shape[0]) // 2)


def _inset(ground: Frame, picture: Frame, left: int, top: int) -> Frame:
    ground = ground.copy()
    ground[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return ground


def _over_blurred(picture: Frame, size_px: tuple[int, int], narrow: tuple[int, int]) -> Frame:
    small = cv2.GaussianBlur(cv2.resize(_fill(picture, size_px), None, fx=0.25, fy=0.25), (0, 0), 6)
    ground = np.asarray(cv2.resize(small, size_px) * 0.7, np.uint8)
    return _inset(ground, _fill(picture, narrow), (size_px[0] - narrow[0]) // 2, 0)


# Steps: each takes the generator, draws its numbers once and returns what is done to every picture of the segment.


def _crop(low: float, high: float) -> Callable[[Generator], Step]:
    def make(generator: Generator) -> Step:
        keep = 1 - generator.uniform(low, high)
        across, down = generator.uniform(0, 1 - keep, 2)

        def crop(picture: Frame, _progress: float) -> Frame:
            height, width = picture.shape[:2]
            top, left = int(down * height), int(across * width)
            return picture[top : top + int(keep * height), left : left + int(keep * width)]

        return crop

    return make


def _mirror(_generator: Generator) -> Step:
    return lambda picture, _progress: picture[:, ::-1]


def _values(make_table: Callable[[Generator], npt.NDArray[np.float64]]) -> Callable[[Generator], Step]:
    """Make a step out of a table of 256 values, one for all colours or (256, 3)."""

    def make(generator: Generator) -> Step:
        table = np.clip(make_table(generator), 0, 255).astype(np.uint8).reshape(1, 256, -1)
        table = np.broadcast_to(table, (1, 256, 3))
        return lambda picture, _progress: np.asarray(cv2.LUT(picture, table), np.uint8)

    return make


def _grade_table(generator: Generator) -> npt.NDArray[np.float64]:
    level = np.arange(256)[:, None] / 255
    gamma, contrast = generator.uniform(0.75, 1.35), generator.uniform(0.85, 1.3)
    tint = generator.uniform(0.85, 1.15, 3)
    graded = (level**gamma - 0.5) * contrast + 0.5 + generator.uniform(-0.06, 0.06)
    return np.asarray(255 * graded * tint, np.float64)


def _dark_table(generator: Generator) -> npt.NDArray[np.float64]:
    return np.arange(256, dtype=np.float64) * float(generator.uniform(0.15, 0.35))


def _gray(_generator: Generator) -> Step:
    return lambda picture, _progress: np.asarray(
        cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8
    )


def _nightvision(generator: Generator) -> Step:
    gamma = generator.uniform(0.6, 1.0)
    level = 255 * (np.arange(256) / 255) ** gamma
    table = np.stack([level * 0.3, level * 0.95, level * 0.35], 1).astype(np.uint8)[None]

    def tint(picture: Frame, _progress: float) -> Frame:
        return np.asarray(cv2.LUT(_gray(generator)(picture, 0), table), np.uint8)

    return tint


def _squash(generator: Generator) -> Step:
    factor = generator.uniform(0.72, 0.88) ** generator.choice((-1, 1))
    return lambda picture, _progress: np.asarray(cv2.resize(picture, None, fx=factor, fy=1.0), np.uint8)


def _blur(generator: Generator) -> Step:
    strength = generator.uniform(1.2, 2.8)
    return lambda picture, _progress: np.asarray(cv2.GaussianBlur(picture, (0, 0), strength), np.uint8)


def _rotate(generator: Generator) -> Step:
    degrees = float(generator.uniform(4, 14) * generator.choice((-1, 1)))
    return lambda picture, _progress: _warped(picture, degrees, 1.25, (0.0, 0.0))


def _shake(generator: Generator) -> Step:
    frequencies, phases = generator.uniform(1.5, 7, (3, 3)), generator.uniform(0, 6.3, (3, 3))
    size = generator.uniform(0.012, 0.03)

    def shake(picture: Frame, progress: float) -> Frame:
        across, down, turn = np.sin(6.28 * frequencies * progress * 2 + phases).mean(1)
        return _warped(picture, float(turn) * 1.5, 1.12, (float(across) * size * 2, float(down) * size * 2))

    return shake


def _push(generator: Generator) -> Step:
    begin, end = generator.uniform(1.0, 1.1), generator.uniform(1.25, 1.5)
    return lambda picture, progress: _warped(picture, 0.0, float(begin + (end - begin) * progress), (0.0, 0.0))


def _warped(picture: Frame, degrees: float, zoom: float, shift: tuple[float, float]) -> Frame:
    """Turn, enlarge and shift (shares of width and height) about the middle."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    matrix[:, 2] += shift[0] * width, shift[1] * height
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _perspective(generator: Generator) -> Step:
    """Make a step that looks like a photograph of a screen: slanted, on a dark wall, with a faint glare."""
    inset, colour = generator.uniform(0.02, 0.12, (4, 2)), generator.uniform(10, 45, 3)

    def photograph(picture: Frame, _progress: float) -> Frame:
        height, width = picture.shape[:2]
        size = np.array((width, height))
        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        moved = corners + inset * np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
        matrix = cv2.getPerspectiveTransform((corners * size).astype(np.float32), (moved * size).astype(np.float32))
        seen = cv2.warpPerspective(picture, matrix, (width, height), borderValue=colour.tolist())
        glare = np.linspace(0, 14, width, dtype=np.float32)[None, :, None]
        return np.asarray(np.clip(seen + glare, 0, 255), np.uint8)

    return photograph


_STEPS: dict[str, Callable[[Generator], Step]] = {
    "crop_mild": _crop(0.1, 0.25),
    "crop_hard": _crop(0.35, 0.55),
    "mirror": _mirror,
    "grade": _values(_grade_table),
    "dark": _values(_dark_table),
    "invert": _values(lambda _generator: 255 - np.arange(256, dtype=np.float64)),
    "gray": _gray,
    "nightvision": _nightvision,
    "squash": _squash,
    "blur": _blur,
    "rotate": _rotate,
    "shake": _shake,
    "push": _push,
    "perspective": _perspective,
}
