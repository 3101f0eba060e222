"""Motion signatures: what changes in the picture, wherever it was darkened, mirrored or reversed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.match_samples import Scene, filmed, grid
from verify.fingerprint.motion_signatures import DIMENSIONS, VERSION, MotionSignatures, mirrored, signatures_of
from verify.model import MotionSet, ProxyClip

OURS, THEIRS = Scene(1, mover=1), Scene(1, mover=2)
NIGHT = np.zeros((90, 160), np.uint8)


def codes(clip: ProxyClip) -> np.ndarray:
    return signatures_of(clip).codes.astype(np.float32)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Median cosine of moments, one by one."""
    products = (one * other).sum(axis=1)
    return float(np.median(products / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)))


def test_moments_lie_in_the_middle_of_their_changes():
    found = signatures_of(filmed(OURS, grid(2.0, start_s=3.0)))
    assert found.version == VERSION
    assert found.codes.shape == (22, DIMENSIONS)
    assert found.codes.dtype == np.int8
    assert found.times_s == pytest.approx(3.12 + np.arange(22) / 12.5)


def test_same_moments_have_like_signatures_and_others_do_not():
    shown_s = grid(3.0)
    here = codes(filmed(OURS, shown_s, noise=0.0))
    again = codes(filmed(OURS, shown_s, size=(320, 180), edit=lambda picture: (picture * 0.6 + 20).astype(np.uint8)))
    assert likeness(here, again) > 0.8
    assert likeness(here, codes(filmed(THEIRS, shown_s))) < 0.3
    assert likeness(here, codes(filmed(OURS, shown_s, shown_s + 4.0))) < 0.3


def test_mirror_image_has_mirrored_signatures():
    clip = filmed(OURS, grid(2.0), noise=0.0)
    turned = ProxyClip(times_s=clip.times_s, pictures=np.ascontiguousarray(clip.pictures[:, :, ::-1]))
    assert likeness(mirrored(codes(clip)), codes(turned)) > 0.99


def test_inverted_and_reversed_footage_has_signatures_of_the_other_sign():
    clip = filmed(OURS, grid(2.0), noise=0.0)
    inverted = ProxyClip(times_s=clip.times_s, pictures=255 - clip.pictures)
    backwards = ProxyClip(times_s=clip.times_s, pictures=np.ascontiguousarray(clip.pictures[::-1]))
    assert likeness(-codes(clip), codes(inverted)) > 0.99
    assert likeness(-codes(clip)[::-1], codes(backwards)) > 0.99


def test_still_footage_has_no_moments():
    still = ProxyClip(times_s=grid(2.0), pictures=np.stack([NIGHT] * 25))
    assert len(signatures_of(still).times_s) == 0
    assert signatures_of(still).codes.shape == (0, DIMENSIONS)


def test_change_in_brightness_alone_is_no_moment():
    pictures = np.stack([np.full((90, 160), 40 + 5 * number, np.uint8) for number in range(25)])
    assert len(signatures_of(ProxyClip(times_s=grid(2.0), pictures=pictures)).times_s) == 0


def test_faint_flash_in_the_dark_is_a_moment():
    pictures = np.stack([NIGHT] * 25)
    pictures[12, 40:50, 60:70] = 12
    found = signatures_of(ProxyClip(times_s=grid(2.0), pictures=pictures))
    assert found.times_s == pytest.approx([0.84, 1.08])
    assert likeness(found.codes[:1].astype(np.float32), -found.codes[1:].astype(np.float32)) > 0.99


def test_what_changes_under_an_overlay_does_not_count():
    pictures = np.random.default_rng(1).integers(0, 255, (25, 90, 160)).astype(np.uint8)
    pictures[:, :, :80] = 90
    clip = ProxyClip(times_s=grid(2.0), pictures=pictures)
    free = np.full((45, 80), 255, np.uint8)
    free[:, 40:] = 0
    assert len(signatures_of(clip).times_s) == 22
    assert len(signatures_of(clip, free).times_s) == 0


def test_pictures_that_are_missing_leave_a_gap():
    clip = filmed(OURS, np.concatenate([grid(1.0), grid(1.0, start_s=5.0)]))
    times_s = signatures_of(clip).times_s
    assert len(times_s) == 18
    assert not ((times_s > 1.0) & (times_s < 5.0)).any()


def test_nothing_comes_of_nothing():
    assert len(MotionSignatures().finish().times_s) == 0


def test_times_and_codes_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="do not fit together"):
        MotionSet(version=1, times_s=np.zeros(2), codes=np.zeros((3, DIMENSIONS), np.int8))
