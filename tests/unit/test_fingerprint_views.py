"""Views of a frame: as shown, mirrored, and without its bars; and the registry of cues."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.unit.fingerprint_samples import grey_picture
from verify.fingerprint.fingerprinter import QUERY_VIEWS, REFERENCE_VIEWS, Fingerprinter
from verify.fingerprint.registry import CUES, cue_named
from verify.media.bars import Bars
from verify.model import SampledFrame, Transform

PLAIN = Transform()
MIRRORED = Transform(mirrored=True)
WITHOUT_BARS = Transform(bars_removed=True)
MIRRORED_WITHOUT_BARS = Transform(mirrored=True, bars_removed=True)


def frame(grey: np.ndarray, time_s: float, starts_shot: bool = False) -> SampledFrame:
    return SampledFrame(
        pts=round(time_s * 1000),
        time_base=Fraction(1, 1000),
        time_s=time_s,
        pixels_bgr=np.dstack([grey] * 3),
        starts_shot=starts_shot,
    )


def barred(seed: int, bar_px: int = 36) -> np.ndarray:
    picture = grey_picture(seed, 288, 512)
    picture[:bar_px] = picture[288 - bar_px :] = 0
    return picture


def fingerprints_of(pictures: list[np.ndarray], views: tuple[Transform, ...] = QUERY_VIEWS):
    fingerprinter = Fingerprinter(views)
    for number, picture in enumerate(pictures):
        fingerprinter.add(frame(picture, number / 8))
    return fingerprinter.fingerprints()


def test_every_cue_hashes_every_frame():
    pictures = [grey_picture(seed, 288, 512) for seed in range(5)]
    found = fingerprints_of(pictures)[PLAIN]
    assert set(found) == {"pdq", "phash"}
    for cue in CUES:
        fingerprint = found[cue.algorithm]
        assert (fingerprint.algorithm, fingerprint.version, fingerprint.bits) == (cue.algorithm, cue.version, cue.bits)
        assert fingerprint.times_s.tolist() == [0.0, 0.125, 0.25, 0.375, 0.5]
        for row, picture in enumerate(pictures):
            code = cue.encode(picture)
            assert fingerprint.codes[row].tobytes() == code.bits.tobytes()
            assert fingerprint.quality[row] == pytest.approx(code.quality)


def test_mirrored_view_is_the_hash_of_the_turned_picture():
    pictures = [grey_picture(seed, 288, 512) for seed in range(4)]
    seen_mirrored = fingerprints_of(pictures)[MIRRORED]
    turned = fingerprints_of([np.ascontiguousarray(picture[:, ::-1]) for picture in pictures])[PLAIN]
    for cue in CUES:
        assert seen_mirrored[cue.algorithm].codes.tobytes() == turned[cue.algorithm].codes.tobytes()


def test_views_without_bars_are_left_out_where_no_frame_has_bars():
    assert list(fingerprints_of([grey_picture(1, 288, 512)])) == [PLAIN, MIRRORED]
    assert list(fingerprints_of([grey_picture(1, 288, 512)], REFERENCE_VIEWS)) == [WITHOUT_BARS]
    assert list(fingerprints_of([barred(1)])) == list(QUERY_VIEWS)


def test_codes_without_bars_are_those_of_the_picture_inside_them():
    pictures = [barred(seed) for seed in (1, 2)]
    found = fingerprints_of(pictures)
    inside = fingerprints_of([picture[37:251] for picture in pictures])
    for cue in CUES:
        for view, same in ((WITHOUT_BARS, PLAIN), (MIRRORED_WITHOUT_BARS, MIRRORED)):
            assert found[view][cue.algorithm].codes.tobytes() == inside[same][cue.algorithm].codes.tobytes()
        assert found[PLAIN][cue.algorithm].codes.tobytes() != found[WITHOUT_BARS][cue.algorithm].codes.tobytes()


@pytest.mark.parametrize("sides", [(40, 0), (0, 60)])
def test_framed_by_bars_a_picture_keeps_its_code(sides: tuple[int, int]):
    rows, columns = sides
    picture = grey_picture(9, 288 - 2 * rows, 512 - 2 * columns)
    framed = np.pad(picture, ((rows, rows), (columns, columns)))
    alone = fingerprints_of([picture], REFERENCE_VIEWS)[WITHOUT_BARS]["pdq"].codes[0]
    kept = fingerprints_of([framed], REFERENCE_VIEWS)[WITHOUT_BARS]["pdq"].codes[0]
    left_in = fingerprints_of([framed], (PLAIN,))[PLAIN]["pdq"].codes[0]
    # The cut goes one pixel into the picture on each side.
    assert np.bitwise_count(alone ^ kept).sum() <= 24
    assert np.bitwise_count(alone ^ left_in).sum() > 40


def test_bars_are_judged_shot_by_shot():
    fingerprinter = Fingerprinter(REFERENCE_VIEWS)
    fingerprinter.add(frame(grey_picture(1, 288, 512), 0.0))
    fingerprinter.add(frame(barred(2), 1.0, starts_shot=True))
    together = Fingerprinter(REFERENCE_VIEWS)
    together.add(frame(grey_picture(1, 288, 512), 0.0))
    together.add(frame(barred(2), 1.0))
    cut_codes = fingerprinter.fingerprints()[WITHOUT_BARS]["pdq"].codes
    uncut_codes = together.fingerprints()[WITHOUT_BARS]["pdq"].codes
    assert cut_codes[0].tobytes() == uncut_codes[0].tobytes()
    assert cut_codes[1].tobytes() == CUES[0].encode(barred(2)[37:251]).bits.tobytes()
    assert uncut_codes[1].tobytes() == CUES[0].encode(barred(2)).bits.tobytes()


def test_frame_size_may_change_midway():
    found = fingerprints_of([grey_picture(1, 288, 512), grey_picture(2, 512, 288), grey_picture(3, 512, 288)])
    assert found[PLAIN]["pdq"].codes.shape == (3, 32)


def test_long_shots_are_judged_in_runs():
    pictures = [grey_picture(1, 72, 128)] * 48 + [np.pad(grey_picture(2, 56, 128), ((8, 8), (0, 0)))] * 10
    found = fingerprints_of(pictures)
    assert found[WITHOUT_BARS]["pdq"].codes.shape == (58, 32)
    same = found[WITHOUT_BARS]["pdq"].codes == found[PLAIN]["pdq"].codes
    assert same[:48].all()
    assert not same[48:].all(axis=1).any()


def test_extreme_banner_costs_quality_not_a_crash():
    found = fingerprints_of([grey_picture(1, 3, 512)])
    assert all(fingerprint.quality[0] == 0.0 for view in found.values() for fingerprint in view.values())


def test_no_frames_give_empty_fingerprints():
    found = fingerprints_of([])
    assert found[PLAIN]["pdq"].codes.shape == (0, 32)
    assert found[PLAIN]["phash"].codes.shape == (0, 8)


def test_cropping_takes_the_bars_off_each_side():
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    assert Bars(top=1, bottom=2, left=3, right=1).cropped(grey).tolist() == grey[1:4, 3:7].tolist()
    assert not Bars()
    assert Bars(left=1)


def test_registry_knows_its_cues():
    assert cue_named("pdq") is CUES[0]
    with pytest.raises(KeyError, match="blockhash"):
        cue_named("blockhash")


def test_negative_has_all_other_bits_but_few():
    """Matching takes the complement of a code for the code of the negative."""
    for seed in range(4):
        picture = grey_picture(seed, 288, 512)
        found, negative = fingerprints_of([picture])[PLAIN], fingerprints_of([255 - picture])[PLAIN]
        for cue in CUES:
            equal = cue.bits - int(np.bitwise_count(found[cue.algorithm].codes ^ negative[cue.algorithm].codes).sum())
            assert equal <= 0.08 * cue.bits
