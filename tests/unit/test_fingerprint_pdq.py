"""PDQ: the bits are those of the reference implementation."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.fingerprint_samples import grey_picture
from verify.fingerprint import pdq

# What `pdqhash.compute` of pdqhash 0.2.8 (bindings of the reference implementation, 2019) says of `grey_picture`, given
# three times over as red, green and blue: (seed, height, width, bits packed from its bit vector, quality in per cent).
GOLDEN = (
    (1, 288, 512, "55550000aaaafbaa5100eaaa5555ffffaaaa5555aaaa5555caaa7fffd5558000", 100),
    (2, 288, 512, "f7e5aaba006000151560aebfb3e0a2bfb7e0a0bff5609ab5ca1f5d41081f5fca", 100),
    (4, 512, 288, "a155f200a1107645e1757645e375f665e775b200a375fe60a34ffe1054aa11ff", 100),
    (5, 512, 288, "b07e1dfc307e1dbc107f5d2abf801dff4a82e00089d7e355ce82e354ce82e354", 100),
    (7, 512, 512, "0fffa5000fffa555f0005aaaf35558aab35559aaa3fd56aaf4005eaaf4005aaa", 100),
    (8, 512, 512, "3e876af23fa76aa23fff9555c0049551c0069002d5579553d5579553d5479553", 100),
    (10, 218, 512, "adffe800add7e800adffe800adff68002554e80ab5551d550dffb80052aa17ff", 100),
    (11, 218, 512, "aaa70010aaa700105405fff20005fff0555ae28f555ae2aff55aeaaffffa540d", 100),
    (13, 384, 512, "feba0070feba0070aae7ffae5404d5ae5400ff040355ff8c0155ff8c0155ff8c", 100),
    (14, 384, 512, "0a6a557f0a6a557f026a557f006a0035aa6affc002957fdf00105555ffdfaaea", 100),
    (16, 512, 384, "547bd078507f0079007f007f552aff80552aff88556aff88556a00bfaa95ff88", 100),
    (17, 512, 384, "dae05020fae25020faeaf2a0054fad3f051daf1f051daf1f051daf1f051daf1f", 100),
    (19, 64, 64, "6aa5c00195653ff996233c8596e13fcd8aa13d0f9ea4440f455fbbbfd59a3044", 95),
    (20, 64, 64, "b812b9753fd34b64a257c8e4aad38b1545fbcdb4a2a70086401d0898aa9fffcf", 73),
    (22, 63, 65, "757588bd3c70a83d637d82bd207c2abd37b0823d7778ffc0408dd7400001ffeb", 100),
    (23, 63, 65, "f77cf9f0b67cd1f4527c05f48c7c54bcc8fc6670aab4ffe4884cccc40050152a", 99),
    (25, 130, 97, "d2363c921f310a92853a307e85d5c076e2f440f6ea555f56755ccb01eaa9ebad", 100),
    (26, 130, 97, "9fddd04ced39444ce05a554c60115c0be0da400fe2a5caf1e000b7f51ffdbff5", 100),
    (28, 2, 512, "0000000000000000000000000000000000000000000000000000000000000000", 0),
    (29, 2, 512, "0000000000000000000000000000000000000000000000000000000000000000", 0),
)


@pytest.mark.parametrize(("seed", "height", "width", "code", "quality"), GOLDEN)
def test_code_and_quality_are_the_reference_implementations(
    seed: int, height: int, width: int, code: str, quality: int
):
    found = pdq.encode(grey_picture(seed, height, width))
    assert found.bits.tobytes().hex() == code
    assert int(found.quality * 100) == quality


@pytest.mark.parametrize("shape", [(288, 512), (512, 288), (213, 512), (512, 512), (77, 130)])
def test_code_equals_pdqhash_where_it_is_installed(shape: tuple[int, int]):
    pdqhash = pytest.importorskip("pdqhash")
    for seed in range(100, 112):
        picture = grey_picture(seed, *shape)
        expected, quality = pdqhash.compute(np.dstack([picture] * 3))
        found = pdq.encode(picture)
        assert found.bits.tobytes() == np.packbits(expected).tobytes()
        assert int(found.quality * 100) == quality


def test_code_has_as_many_ones_as_zeros():
    assert np.bitwise_count(pdq.encode(grey_picture(3, 288, 512)).bits).sum() == pdq.BITS // 2


def test_brightness_and_contrast_leave_nearly_all_bits():
    picture = grey_picture(2, 288, 512)
    darker = (picture.astype(np.int64) * 6 // 10 + 20).astype(np.uint8)
    distance = np.bitwise_count(pdq.encode(picture).bits ^ pdq.encode(darker).bits).sum()
    assert distance <= 6


def test_strangers_differ_in_about_half_of_the_bits():
    codes = [pdq.encode(grey_picture(seed, 288, 512)).bits for seed in range(1, 9)]
    distances = [np.bitwise_count(a ^ b).sum() for i, a in enumerate(codes) for b in codes[:i]]
    assert 0.4 * pdq.BITS < np.mean(distances) < 0.6 * pdq.BITS


@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_flat_picture_has_no_quality(level: int):
    assert pdq.encode(np.full((288, 512), level, np.uint8)).quality == 0.0


@pytest.mark.parametrize("shape", [(4, 512), (512, 4), (1, 1), (0, 512)])
def test_picture_too_narrow_to_hash_has_no_quality(shape: tuple[int, int]):
    found = pdq.encode(np.full(shape, 200, np.uint8))
    assert (found.quality, found.bits.tobytes()) == (0.0, bytes(32))
