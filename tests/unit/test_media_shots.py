"""Frame classes and the division into shots, on drawn frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from fixtures import drawing
from tests.unit.fingerprint_samples import grey_picture
from verify.media.shots import ShotClasses
from verify.model import DecodeOutcome, FrameClass, Interval, SampledFrame, Shot

HEIGHT, WIDTH = 288, 512
WHITE = (255, 255, 255)
GROUNDS = {"black": (0, 0, 0), "navy": (60, 20, 10), "grey": (90, 90, 90), "red": (20, 20, 160)}


def outcome(*cuts_s: float, end_s: float = 4.0) -> DecodeOutcome:
    return DecodeOutcome(decoded=Interval(start_s=0.0, end_s=end_s), frame_count=100, cut_times_s=cuts_s)


def shots_of(pictures: Iterable[tuple[float, np.ndarray]], found: DecodeOutcome) -> tuple[Shot, ...]:
    """Class pictures by time; shots start where the outcome says, as the sampler marks them."""
    classes, begun = ShotClasses(), 0
    for time_s, picture in pictures:
        colours = picture if picture.ndim == 3 else np.dstack([picture] * 3)
        starts = sum(cut_s <= time_s for cut_s in found.cut_times_s) > begun
        begun = sum(cut_s <= time_s for cut_s in found.cut_times_s)
        frame = SampledFrame(pts=0, time_base=Fraction(1, 1000), time_s=time_s, pixels_bgr=colours, starts_shot=starts)
        classes.add(frame, cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY))
    return classes.finish(found)


def classed(pictures: Sequence[np.ndarray]) -> FrameClass:
    times = [number / 8 for number in range(len(pictures))]
    (shot,) = shots_of(zip(times, pictures, strict=True), outcome(end_s=100.0))
    return shot.frame_class


def plain(colour: tuple[int, int, int] | int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def lettered(picture: np.ndarray, size: float = 1.0, colour: tuple[int, int, int] = WHITE) -> np.ndarray:
    picture = picture.copy()
    for line, words in enumerate(("FOOTAGE", "of the day", "12 May")):
        (width, _), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, 2)
        place = (WIDTH - width) // 2, 110 + int(40 * size * line)
        cv2.putText(picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 2, cv2.LINE_AA)
    return picture


def card(ground: str = "navy") -> np.ndarray:
    return lettered(plain(GROUNDS[ground]))


def with_logo(picture: np.ndarray, x: int = 470, y: int = 30) -> np.ndarray:
    picture = picture.copy()
    cv2.circle(picture, (x, y), 12, WHITE, 2, cv2.LINE_AA)
    cv2.putText(picture, "V", (x - 6, y + 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, WHITE, 2)
    return picture


def with_ticker(picture: np.ndarray, number: int) -> np.ndarray:
    picture = picture.copy()
    picture[256:] = (120, 30, 30)
    place = -30 * number, 278
    cv2.putText(picture, "LINES RUN HERE " * 6, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, WHITE, 2, cv2.LINE_AA)
    return picture


def overlaid(picture: np.ndarray) -> np.ndarray:
    """Lay a logo and a lower third over footage."""
    picture = with_logo(picture)
    picture[258:278] = 60
    cv2.putText(picture, "Press service, night of 12 May", (8, 273), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1)
    return picture


def night(*lights: tuple[int, int], level: float = 3, light: float = 250, size: float = 2.0) -> np.ndarray:
    """Draw a nearly black picture with soft lights at some places."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.full((HEIGHT, WIDTH), level, np.float64)
    for x, y in lights:
        picture += light * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * size**2))
    return np.dstack([np.clip(picture, 0, 255).astype(np.uint8)] * 3)


# --- templates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", GROUNDS)
def test_title_card_is_a_template(ground: str):
    assert classed([card(ground)] * 6) is FrameClass.TEMPLATE
    assert classed([card(ground)]) is FrameClass.TEMPLATE
    assert classed([overlaid(card(ground))] * 6) is FrameClass.TEMPLATE


def test_dark_lettering_on_white_is_a_template():
    assert classed([lettered(plain(WHITE), colour=(0, 0, 0))] * 6) is FrameClass.TEMPLATE


def test_small_lettering_is_enough():
    assert classed([lettered(plain(GROUNDS["navy"]), 0.5)] * 6) is FrameClass.TEMPLATE


@pytest.mark.parametrize("ground", GROUNDS)
def test_card_is_a_template_whatever_moves_on_it_besides(ground: str):
    logo_wanders = [with_logo(card(ground), 60 + 15 * number, 240) for number in range(16)]
    assert classed(logo_wanders) is FrameClass.TEMPLATE
    assert classed([with_ticker(card(ground), number) for number in range(16)]) is FrameClass.TEMPLATE


def test_card_that_is_faded_in_is_a_template():
    gains = np.linspace(0, 1, 6).tolist() + [1.0] * 4
    assert classed([(gain * card()).astype(np.uint8) for gain in gains]) is FrameClass.TEMPLATE


def bars(lying: bool = False) -> np.ndarray:
    levels = np.array([180, 160, 140, 112, 84, 65, 35, 16], np.uint8)
    picture = np.repeat(levels, HEIGHT // 8)[:, None] if lying else np.repeat(levels, WIDTH // 8)[None]
    return np.dstack([np.ascontiguousarray(np.broadcast_to(picture, (HEIGHT, WIDTH)))] * 3)


@pytest.mark.parametrize("lying", [False, True])
def test_colour_bars_are_a_template(lying: bool):
    assert classed([bars(lying)] * 6) is FrameClass.TEMPLATE


def test_colour_bars_with_a_ticker_are_a_template():
    assert classed([with_ticker(bars(), number) for number in range(6)]) is FrameClass.TEMPLATE


# --- footage is never a template ------------------------------------------------------------------------------------


def test_shape_that_moves_on_a_plain_ground_is_no_card():
    pictures = [plain(GROUNDS["grey"]) for _ in range(8)]
    for number, picture in enumerate(pictures):
        cv2.circle(picture, (60 + 40 * number, 140), 18, WHITE, -1)
    assert classed(pictures) is FrameClass.TEXTURED


def test_scenes_are_textured():
    assert classed(list(drawing.scene(1, 8))) is FrameClass.TEXTURED
    assert classed([grey_picture(1, HEIGHT, WIDTH)]) is FrameClass.TEXTURED
    assert classed([lettered(picture) for picture in drawing.scene(1, 8)]) is FrameClass.TEXTURED


def test_dim_scene_with_detail_is_textured():
    assert classed([(grey_picture(seed, HEIGHT, WIDTH) // 4) for seed in range(3)]) is FrameClass.TEXTURED


@pytest.mark.parametrize("gain", [1.0, 0.25])
def test_empty_sky_with_numerals_at_its_border_is_textured(gain: float):
    sky = np.repeat((np.linspace(110, 140, HEIGHT) * gain).astype(np.uint8)[:, None], WIDTH, axis=1)
    pictures = []
    for number in range(8):
        picture = overlaid(np.dstack([sky] * 3))
        cv2.putText(picture, "ALT 1240M", (10, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.5, WHITE, 1, cv2.LINE_AA)
        cv2.line(picture, (236, 144), (276, 144), WHITE, 1)
        cv2.ellipse(picture, (80 + 20 * number, 100), (8, 3), 0, 0, 360, (20, 20, 20), -1)
        pictures.append(picture)
    assert classed(pictures) is FrameClass.TEXTURED


NIGHTS = {
    "a lone light that moves": [night((60 + 30 * number, 150)) for number in range(8)],
    "a lone light that stays": [night((160, 150))] * 8,
    "lights that stay": [night((60, 150), (200, 100), (330, 180), (420, 120), size=3)] * 8,
    "flashes": [night(*([(250, 150)] if number in (2, 3, 6) else []), size=50) for number in range(8)],
    "a flash of the whole sky": [night(level=180 if number == 4 else 3) for number in range(8)],
}


@pytest.mark.parametrize("what", NIGHTS)
def test_night_is_dark_whatever_lies_over_it(what: str):
    assert classed(NIGHTS[what]) is FrameClass.DARK
    assert classed([overlaid(picture) for picture in NIGHTS[what]]) is FrameClass.DARK


def test_nearly_black_picture_is_dark():
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture[180:260, 200:300] = 40
    assert classed([np.roll(picture, 20 * number, axis=1) for number in range(5)]) is FrameClass.DARK
    assert classed([picture] * 5) is FrameClass.DARK


# --- nothing there --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 15, 128, 255])
def test_uniform_picture_is_empty(level: int):
    assert classed([np.full((HEIGHT, WIDTH), level, np.uint8)] * 3) is FrameClass.EMPTY


def test_plain_sky_with_something_small_in_it_is_not_empty():
    pictures = [plain(128) for _ in range(6)]
    for number, picture in enumerate(pictures):
        cv2.ellipse(picture, (80 + 40 * number, 100), (8, 3), 0, 0, 360, (40, 40, 40), -1)
    assert classed(pictures) is FrameClass.TEXTURED


# --- division -------------------------------------------------------------------------------------------------------


def test_shots_run_from_boundary_to_boundary_without_gaps():
    pictures = [(time_s, card()) for time_s in (0.0, 0.5, 1.0)]
    pictures += [(1.52 + number / 4, picture) for number, picture in enumerate(drawing.scene(1, 4))]
    pictures += [(time_s, np.zeros((HEIGHT, WIDTH), np.uint8)) for time_s in (3.0, 3.5)]
    shots = shots_of(pictures, outcome(1.52, 3.0))
    assert [(shot.interval.start_s, shot.interval.end_s) for shot in shots] == [(0.0, 1.52), (1.52, 3.0), (3.0, 4.0)]
    assert [shot.frame_class for shot in shots] == [FrameClass.TEMPLATE, FrameClass.TEXTURED, FrameClass.EMPTY]
    assert all(a.interval.end_s == b.interval.start_s for a, b in pairwise(shots))


def test_reasons_are_recorded():
    pictures = [(0.0, card()), (1.0, grey_picture(1, HEIGHT, WIDTH)), (2.0, night((90, 90))), (3.0, plain(0))]
    shots = shots_of(pictures, outcome(1.0, 2.0, 3.0))
    assert [shot.reason.split(":")[0] for shot in shots] == [
        "a card, bars or a logo",
        "",
        "nearly black",
        "a uniform picture with nothing in it",
    ]


def test_frame_at_a_boundary_belongs_to_the_shot_it_starts():
    pictures = [(0.0, card()), (1.0, grey_picture(1, HEIGHT, WIDTH))]
    shots = shots_of(pictures, outcome(1.0))
    assert [shot.frame_class for shot in shots] == [FrameClass.TEMPLATE, FrameClass.TEXTURED]


def test_shot_without_samples_says_so():
    pictures = [(0.0, card()), (2.0, grey_picture(1, HEIGHT, WIDTH))]
    shots = shots_of(pictures, outcome(1.0, 1.5))
    assert [shot.frame_class for shot in shots] == [FrameClass.TEMPLATE, FrameClass.EMPTY, FrameClass.TEXTURED]
    assert [shot.reason for shot in shots][1] == "no frame of it was sampled"


def test_frames_of_changing_size():
    pictures = [(0.0, card()), (0.5, cv2.resize(card(), (400, 300))), (1.0, cv2.resize(card(), (400, 300)))]
    (shot,) = shots_of(pictures, outcome())
    assert shot.frame_class in (FrameClass.TEMPLATE, FrameClass.TEXTURED)


def test_nothing_decoded_gives_no_shots():
    assert ShotClasses().finish(outcome(end_s=0.0)) == ()
