"""Rendered footage of the kinds in which matchers accuse falsely, and which nobody may film for a benchmark.

Night skies with flashes, near-black pictures, infrared seen from the air under a head-up display, a street camera,
flames, cards. A *camera* seed fixes place and camera, an *event* seed what happens before it: two clips of one camera
and different events are the same scene and not the same footage. Nothing repeats within a clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.accuracy.drawing import Template, card, head_up_display, make_template, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Frame = npt.NDArray[np.uint8]
    Grey = npt.NDArray[np.float32]
    Generator = np.random.Generator

WIDTH_PX, HEIGHT_PX = 640, 360
FRAMES_PER_SECOND = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """One rendered clip. Clips of the same kind and camera are of one group."""

    kind: str
    camera: int
    event: int
    seconds: float

    @property
    def id(self) -> str:
        """Name, unique by kind, camera and event."""
        return f"{self.kind}-{self.camera}-{self.event}"

    @property
    def group(self) -> str:
        """Scene that it shows."""
        return f"{self.kind}-{self.camera}"


RENDERINGS = tuple(
    Rendering(kind=kind, camera=camera, event=event, seconds=seconds)
    for kind, cameras, events, seconds in (
        ("night-sky", 2, 2, 16), ("near-black", 1, 2, 12), ("thermal", 2, 2, 16), ("street", 2, 2, 16),
        ("fire", 2, 1, 12), ("card", 1, 1, 10),
    )
    for camera in range(1, cameras + 1)
    for event in range(1, events + 1)
)  # fmt: skip


def render(rendering: Rendering) -> Iterator[tuple[float, Frame]]:
    """Draw a clip.

    Yields
    ------
    tuple of float and ndarray
        The time in seconds, and (360, 640, 3) uint8, BGR.
    """
    frames = round(rendering.seconds * FRAMES_PER_SECOND)
    pictures = _KINDS[rendering.kind](rendering.camera, rendering.event, frames)
    for number, picture in enumerate(pictures):
        yield number / FRAMES_PER_SECOND, picture


def _generators(kind: int, camera: int, event: int) -> tuple[Generator, Generator]:
    return np.random.default_rng((kind, camera)), np.random.default_rng((kind, camera, event))


def _cloud(generator: Generator, height: int, width: int, sizes_px: tuple[int, ...]) -> Grey:
    """Smooth noise of several sizes, about -1 to 1."""
    total: Grey = np.zeros((height, width), np.float32)
    for size in sizes_px:
        coarse = generator.uniform(-1, 1, (height // size + 3, width // size + 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(total / len(sizes_px), np.float32)


def _walk(generator: Generator, frames: int, size: float) -> npt.NDArray[np.float64]:
    """Draw a smooth wandering about 0, (frames, 2), in pixels: a hand-held camera."""
    steps = generator.normal(0, 1, (frames + 50, 2))
    kernel = np.hanning(25) / np.hanning(25).sum()
    smooth = np.stack([np.convolve(axis, kernel, "same")[:frames] for axis in steps.T], 1)
    return np.asarray(smooth * size / max(1e-6, float(smooth.std())), np.float64)


def _blob(canvas: Grey, x: float, y: float, radius: float, strength: float) -> None:
    """Add a soft round light, in place."""
    reach = int(radius * 3) + 1
    left, right = max(0, int(x) - reach), min(canvas.shape[1], int(x) + reach + 1)
    top, bottom = max(0, int(y) - reach), min(canvas.shape[0], int(y) + reach + 1)
    if left >= right or top >= bottom:
        return
    across = np.arange(left, right, dtype=np.float32) - x
    down = np.arange(top, bottom, dtype=np.float32)[:, None] - y
    canvas[top:bottom, left:right] += strength * np.exp(-(across**2 + down**2) / (2 * radius**2))


def _shifted(canvas: Grey, shift: npt.NDArray[np.float64]) -> Grey:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    return np.asarray(
        cv2.warpAffine(canvas, matrix, (canvas.shape[1], canvas.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    )


def _picture(grey: Grey, tint: tuple[float, float, float], noise: float, generator: Generator) -> Frame:
    noisy = grey + noise * generator.standard_normal(grey.shape, np.float32)
    return np.asarray(np.clip(noisy[..., None] * np.array(tint, np.float32), 0, 255), np.uint8)


def _night_sky(camera: int, event: int, frames: int) -> Iterator[Frame]:
    """Draw a dark skyline under flashes near the horizon and rising points of light."""
    place, happening = _generators(1, camera, event)
    ground = np.linspace(22, 9, HEIGHT_PX, dtype=np.float32)[:, None] + 3 * _cloud(
        place, HEIGHT_PX, WIDTH_PX, (160, 60)
    )
    horizon = HEIGHT_PX * 0.68 + 24 * _cloud(place, 1, WIDTH_PX, (90, 25))[0]
    ground[np.arange(HEIGHT_PX)[:, None] > horizon] *= 0.35
    for _ in range(40):
        _blob(ground, place.uniform(0, WIDTH_PX), place.uniform(HEIGHT_PX * 0.74, HEIGHT_PX), 1.0, place.uniform(8, 40))
    shake = _walk(happening, frames, 1.2)
    count = happening.poisson(frames / FRAMES_PER_SECOND * 1.1)
    flashes = np.stack([
        happening.uniform(0, frames, count), happening.uniform(0, WIDTH_PX, count), happening.uniform(190, 250, count),
        happening.uniform(12, 60, count), happening.uniform(50, 220, count), happening.uniform(2, 9, count),
    ], 1)  # fmt: skip
    lights = happening.poisson(frames / FRAMES_PER_SECOND * 0.8)
    tracks = happening.uniform((0, 0, -3, -5), (frames, WIDTH_PX, 3, -1.5), (lights, 4))
    for number in range(frames):
        canvas = ground.copy()
        for start, x, y, radius, peak, fall in flashes:
            if 0 <= number - start < 6 * fall:
                _blob(canvas, x, y, radius, peak * np.exp(-(number - start) / fall))
        for start, x, right, up in tracks:
            age = number - start
            if 0 <= age < 60:
                _blob(canvas, x + right * age, HEIGHT_PX * 0.66 + up * age, 1.6, 130)
        yield _picture(_shifted(canvas, shake[number]), (1.05, 0.95, 0.9), 2.4, happening)


def _near_black(camera: int, event: int, frames: int) -> Iterator[Frame]:
    """Draw a room without light: a few grey levels, one of them moving, and noise."""
    place, happening = _generators(2, camera, event)
    ground = 6 + 3 * _cloud(place, HEIGHT_PX, WIDTH_PX, (120, 40))
    path = np.cumsum(_walk(happening, frames, 3.0), 0) + happening.uniform((160, 90), (480, 270))
    for number in range(frames):
        canvas = ground.copy()
        _blob(canvas, path[number, 0] % WIDTH_PX, path[number, 1] % HEIGHT_PX, 26, 7)
        yield _picture(canvas, (1, 1, 1), 1.8, happening)


def _thermal(camera: int, event: int, frames: int) -> Iterator[Frame]:
    """Draw ground from the air in infrared, the camera circling it, warm things moving, a head-up display."""
    place, happening = _generators(3, camera, event)
    wide = 110 + 45 * _cloud(place, HEIGHT_PX * 2, WIDTH_PX * 2, (200, 60, 18, 6))
    for _ in range(14):
        x, y = place.integers(0, WIDTH_PX * 2), place.integers(0, HEIGHT_PX * 2)
        cv2.rectangle(wide, (int(x), int(y)), (int(x + place.integers(20, 90)), int(y + place.integers(20, 70))),
                      float(place.uniform(60, 170)), -1)  # fmt: skip
    movers = happening.uniform((160, 90, -1.6, -1.2, 1.5, 60), (1120, 630, 1.6, 1.2, 5, 130), (7, 6))
    bearing, turning = happening.uniform(0, 360), happening.uniform(-6, 6) / FRAMES_PER_SECOND
    drift = np.cumsum(_walk(happening, frames, 0.5), 0)
    for number in range(frames):
        canvas = wide.copy()
        for x, y, right, down, radius, warmth in movers:
            _blob(canvas, x + right * number, y + down * number, radius, warmth)
        zoom = 1.1 + 0.15 * np.sin(number / 200 + bearing)
        matrix = cv2.getRotationMatrix2D((WIDTH_PX, HEIGHT_PX), bearing + turning * number, zoom)
        matrix[:, 2] += np.array((-WIDTH_PX / 2, -HEIGHT_PX / 2)) + drift[number]
        seen = cv2.warpAffine(canvas, matrix, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT)
        picture = _picture(np.asarray(seen, np.float32), (1, 1, 1), 2.0, happening)
        head_up_display(picture, number, camera * 1000 + event * 137)
        yield picture


def _street(camera: int, event: int, frames: int) -> Iterator[Frame]:
    """Draw a road below a fixed camera: things of several sizes pass along the same two lanes."""
    place, happening = _generators(4, camera, event)
    ground = 95 + 50 * _cloud(place, HEIGHT_PX, WIDTH_PX, (150, 40, 12, 5))
    slope, level = place.uniform(-0.25, 0.25), place.uniform(170, 210)
    fall = slope * WIDTH_PX
    corners = (0, level - 38), (WIDTH_PX, level - 38 + fall), (WIDTH_PX, level + 38 + fall), (0, level + 38)
    edges = np.array(corners, np.int32)
    cv2.fillPoly(ground, [edges], 72.0)
    count = int(frames / FRAMES_PER_SECOND * 0.9) + 3
    passing = happening.uniform((-150, 2.5, 18, 8, 20), (frames, 7, 60, 20, 235), (count, 5))
    lanes = happening.integers(0, 2, count)
    for number in range(frames):
        canvas = ground.copy()
        for (start, speed, length, high, grey), lane in zip(passing, lanes, strict=True):
            x = (number - start) * speed - length if lane else WIDTH_PX - (number - start) * speed
            y = level + slope * x + (18 if lane else -18)
            cv2.rectangle(canvas, (int(x), int(y - high)), (int(x + length), int(y + high / 2)), float(grey), -1)
        yield _picture(canvas, (0.95, 1.0, 1.03), 2.2, happening)


def _fire(camera: int, event: int, frames: int) -> Iterator[Frame]:
    """Draw flames: clouds of light that rise and change faster than they repeat."""
    place, happening = _generators(5, camera, event)
    shape = np.exp(-(((np.arange(WIDTH_PX) - place.uniform(220, 420)) / place.uniform(70, 130)) ** 2)).astype(
        np.float32
    )
    height = np.clip(np.linspace(-0.6, 1.2, HEIGHT_PX, dtype=np.float32), 0, 1)[:, None] * shape
    tall = frames * 5 + HEIGHT_PX
    layers = [_cloud(happening, tall, WIDTH_PX, sizes) for sizes in ((60, 22), (34, 12))]
    for number in range(frames):
        flames = layers[0][number * 3 : number * 3 + HEIGHT_PX] + layers[1][number * 5 : number * 5 + HEIGHT_PX]
        light = np.clip((flames + 0.9) * height * 190, 0, 255)
        yield _picture(light + 6, (0.25, 0.62, 1.0), 2.0, happening)


def _cards(camera: int, event: int, frames: int) -> Iterator[Frame]:
    """Draw cards of one template with different words, two and a half seconds each."""
    generator = np.random.default_rng((6, camera, event))
    template: Template = make_template(np.random.default_rng((6, camera)))
    text = ""
    for number in range(frames):
        if number % 62 == 0:
            text = words(generator, 3)
        yield card(template, text, (WIDTH_PX, HEIGHT_PX))


_KINDS: dict[str, Callable[[int, int, int], Iterator[Frame]]] = {
    "night-sky": _night_sky,
    "near-black": _near_black,
    "thermal": _thermal,
    "street": _street,
    "fire": _fire,
    "card": _cards,
}
