"""Dissolves and fades on thumbnails drawn by rule."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from tests.unit.fingerprint_samples import grey_picture
from verify.media.transitions import BoundaryFinder

HEIGHT, WIDTH = 36, 64
FRAMES_PER_SECOND = 25
DETAIL = 3


@functools.cache
def scene(seed: int) -> np.ndarray:
    return grey_picture(seed, DETAIL * HEIGHT, 8 * DETAIL * WIDTH).astype(np.float32)


def view(seed: int, shift: float = 0) -> np.ndarray:
    """Take a thumbnail of a larger drawn scene, moved right by some pixels of the thumbnail."""
    left = round(DETAIL * shift)
    return cv2.resize(scene(seed)[:, left : left + DETAIL * WIDTH], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def shot(seed: int, frames: int, per_frame: float = 0.06) -> list[np.ndarray]:
    """Draw a shot that pans slowly."""
    return [view(seed, per_frame * number) for number in range(frames)]


def plain(level: float, frames: int) -> list[np.ndarray]:
    return [np.full((HEIGHT, WIDTH), level, np.float32)] * frames


def dissolved(one: list[np.ndarray], other: list[np.ndarray], frames: int) -> list[np.ndarray]:
    """Let the end of one shot and the start of another blend into each other over some frames."""
    shares = [(number + 1) / (frames + 1) for number in range(frames)]
    both = zip(shares, one[-frames:], other[:frames], strict=True)
    return [*one[:-frames], *((1 - share) * a + share * b for share, a, b in both), *other[frames:]]


def faded(pictures: list[np.ndarray], level: float, *, out: bool) -> list[np.ndarray]:
    """Let a shot go to a plain level, or come from it."""
    shares = np.linspace(1, 0, len(pictures)).tolist()
    return [
        level + share * (picture - level)
        for share, picture in zip(shares if out else shares[::-1], pictures, strict=True)
    ]


def boundaries(
    pictures: Sequence[np.ndarray], cuts: Sequence[int] = (), rate: float = FRAMES_PER_SECOND
) -> list[float]:
    """Numbers of the frames at which shots begin, given those that hard cuts lie before.

    Checks besides that what is called final stays so, and that it is called so in time.
    """
    finder = BoundaryFinder()
    found: list[float] = []
    for number, picture in enumerate(pictures):
        finder.add(number / rate, picture, follows_cut=number in cuts)
        final = finder.take()
        assert all(time_s < finder.settled_s <= number / rate for time_s in final)
        assert not found or not final or final[0] > found[-1]
        assert finder.settled_s >= (number - 60) / rate
        found += final
    finder.finish()
    found += finder.take()
    assert found == sorted(found)
    assert finder.take() == []
    return [time_s * rate for time_s in found]


@pytest.mark.parametrize("frames", [4, 6, 12, 25, 40])
@pytest.mark.parametrize(("one", "other"), [(1, 30), (4, 22), (9, 35)])
def test_boundary_lies_in_the_middle_of_a_dissolve(frames: int, one: int, other: int):
    pictures = dissolved(shot(one, 40 + frames), shot(other, 40 + frames), frames)
    (found,) = boundaries(pictures)
    assert found == pytest.approx(40 + (frames - 1) / 2, abs=max(2.5, 0.2 * frames))


def test_dissolve_between_dark_shots():
    pictures = dissolved(shot(1, 50), shot(30, 50), 12)
    assert len(boundaries([picture * 0.05 for picture in pictures])) == 1


def test_dissolves_in_a_row():
    pictures = dissolved(dissolved(shot(1, 60), shot(30, 60), 10), shot(4, 60), 10)
    assert boundaries(pictures) == pytest.approx([54.5, 104.5], abs=2.5)


@pytest.mark.parametrize("level", [0, 255, 90])
@pytest.mark.parametrize("frames", [5, 10, 20])
@pytest.mark.parametrize("held", [1, 6])
def test_boundary_lies_where_a_fade_is_plain(level: float, frames: int, held: int):
    before = [*shot(1, 40), *faded(shot(1, frames), level, out=True)]
    pictures = [*before, *plain(level, held), *faded(shot(30, frames), level, out=False), *shot(30, 40)]
    (found,) = boundaries(pictures)
    assert len(before) - 2 <= found <= len(before) + held + 2


def test_logo_that_stays_does_not_hide_a_fade():
    pictures = [*faded(shot(1, 40), 0, out=True), *faded(shot(30, 40), 0, out=False)]
    with_logo = [picture.copy() for picture in pictures]
    for picture in with_logo:
        picture[2:6, 56:61] = 230
    assert boundaries(with_logo) == pytest.approx([40], abs=2)


def test_black_that_is_held_is_a_shot_of_its_own():
    out, come = faded(shot(1, 12), 0, out=True), faded(shot(30, 12), 0, out=False)
    pictures = [*shot(1, 40), *out, *plain(0, 70), *come, *shot(30, 40)]
    assert boundaries(pictures) == pytest.approx([46, 128], abs=4)


def test_shot_that_is_faded_in_or_out_is_one_shot():
    assert boundaries([*faded(shot(1, 12), 0, out=False), *shot(1, 60)]) == []
    assert boundaries([*shot(1, 60), *faded(shot(1, 12), 0, out=True)]) == []


@pytest.mark.parametrize("per_frame", [0.0, 0.3, 1.0, 3.0])
def test_pan_is_no_transition(per_frame: float):
    assert boundaries(shot(1, 100, per_frame)) == []


@pytest.mark.parametrize("frames", [1, 3, 8, 20])
def test_flash_is_no_transition(frames: int):
    pictures = shot(1, 100)
    pictures[45 : 45 + frames] = [0.1 * picture + 225 for picture in pictures[45 : 45 + frames]]
    assert boundaries(pictures) == []


@pytest.mark.parametrize("darkest", [0.7, 0.4])
def test_change_of_light_is_no_transition(darkest: float):
    gains = np.interp(range(100), [40, 60], [1, darkest]).tolist()
    assert boundaries([gain * picture for gain, picture in zip(gains, shot(1, 100), strict=True)]) == []


def test_noise_is_no_transition():
    generator = np.random.default_rng(2)
    noise = generator.normal(0, 2, (80, HEIGHT, WIDTH)).astype(np.float32)
    assert boundaries([3 + picture for picture in noise]) == []
    assert boundaries([view(1) + picture for picture in noise]) == []


def test_cuts_pass_through():
    pictures = [*shot(1, 30), *shot(30, 30), *shot(4, 30)]
    assert boundaries(pictures, (30, 60)) == [30, 60]
    assert boundaries(pictures[:31], (30,)) == [30]


def test_cut_and_dissolve_after_each_other():
    pictures = [*shot(1, 30), *dissolved(shot(30, 40), shot(4, 50), 12)]
    assert boundaries(pictures, (30,)) == pytest.approx([30, 63.5], abs=2.5)


def test_explosion_that_dies_down_takes_its_cut_back():
    shares = np.linspace(1, 0, 24, endpoint=False).tolist()
    dying = [255 * share + (1 - share) * view(1) for share in shares]
    assert boundaries([*[view(1)] * 40, *dying, *[view(1)] * 40], (40,)) == []


def test_cut_to_a_picture_that_cuts_back_stays():
    pictures = [*[view(1)] * 30, *[view(30)] * 10, *[view(1)] * 40]
    assert boundaries(pictures, (30, 40)) == [30, 40]


def test_cut_to_black_is_not_taken_back_by_fading_into_something_dark():
    pictures = [*shot(1, 30), *faded(shot(30, 25), 0, out=True), *plain(0, 20)]
    assert 30 in boundaries([0.2 * picture for picture in pictures[:30]] + pictures[30:], (30,))


@pytest.mark.parametrize("rate", [24, 30, 50, 60, 120, 240])
def test_frame_rates(rate: int):
    """The same dissolve of half a second at another rate is found within three frames of a usual rate."""
    per_frame = 5.0 / rate
    length = rate // 2
    pictures = dissolved(shot(1, 2 * rate, per_frame), shot(30, 2 * rate, per_frame), length)
    (found,) = boundaries_at_any_rate(pictures, rate)
    assert found / rate == pytest.approx(1.75, abs=0.1)


def boundaries_at_any_rate(pictures: Sequence[np.ndarray], rate: int) -> list[float]:
    finder = BoundaryFinder()
    for number, picture in enumerate(pictures):
        finder.add(number / rate, picture)
    finder.finish()
    return [time_s * rate for time_s in finder.take()]


def test_few_frames_and_none():
    assert boundaries([]) == []
    assert boundaries([view(1)]) == []
    assert boundaries([view(1), view(30)], (1,)) == [1]


def test_frames_seconds_apart_are_not_compared():
    assert boundaries(dissolved(shot(1, 20), shot(30, 20), 10), rate=1.0) == []
