"""What is read off a transform, and what supports a match, as text."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.explained_samples import HASHES, KEYPOINTS, MOTION, crop, explained
from tests.unit.report_samples import match
from verify.findings.changes import filled_share, picture_changes
from verify.findings.support import false_alarm_words, family_words, support_words, supporting_families
from verify.model import FalseAlarmBound, Geometry, Match, MatchLevel, Transform

ASPECT = 9 / 16


def changes(geometry: Geometry | None, **transform: bool) -> tuple[str, ...]:
    return picture_changes(replace(match(), geometry=geometry, transform=Transform(**transform)))


def laid(a: float, b: float, c: float, d: float, e: float, f: float, covered: float = 1.0) -> Geometry:
    """Make the geometry of a matrix for two pictures of 16 to 9."""
    corners = [(a * x + b * y + c, (d * x + e * y + f) / ASPECT) for x, y in ((0, 0), (1, 0), (1, ASPECT), (0, ASPECT))]
    return replace(crop(), matrix=(a, b, c, d, e, f), outline=tuple(corners), covered=covered)


# --- what was done to the picture ---


def test_an_untouched_picture_has_no_changes() -> None:
    assert changes(None) == ()
    assert changes(crop(0.0, 0.0, 1.0)) == ()
    assert changes(crop(0.01, 0.01, 0.98)) == ()


def test_what_the_search_found_out_needs_no_transform() -> None:
    assert changes(None, mirrored=True, inverted=True, bars_removed=True) == (
        "mirrored",
        "with inverted polarity (bright and dark exchanged)",
        "compared without its black bars",
    )


def test_a_transform_that_was_only_assumed_says_nothing() -> None:
    assert changes(replace(crop(), frame_pairs=0, cells=0, keypoints=())) == ()


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (crop(0.2, 0.1, 0.6), "cropped to about 35% of the picture (enlarged about 1.7 times)"),
        (crop(0.2, 0.1, 0.6, mirrored=True), "cropped to about 35% of the picture (enlarged about 1.7 times)"),
        (crop(-0.4, -0.3, 1.6), "as an inset on about 40% of the picture"),
        (crop(-0.05, -0.05, 1.1), "filling about 85% of the picture"),
        (laid(1, 0, 0, 0, 0.75, 0.07, 0.75), "cropped to about 75% of the picture"),
    ],
)
def test_crops_and_insets(geometry: Geometry, words: str) -> None:
    assert changes(geometry)[0] == words


def test_a_stretched_picture() -> None:
    assert changes(laid(1, 0, 0, 0, 0.75, 0.07, 0.75))[1] == "stretched by about 35% in one direction"


@pytest.mark.parametrize("degrees", [-170.0, -90.0, -12.0, 5.0, 45.0, 179.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_picture_by_its_angle(degrees: float, mirrored: bool) -> None:
    cosine, sine = (0.3 * part for part in (math.cos(math.radians(degrees)), math.sin(math.radians(degrees))))
    sign = -1 if mirrored else 1
    turned = laid(sign * cosine, -sine, 0.5, sign * sine, cosine, 0.3, 0.09)
    assert changes(turned)[0] == f"rotated by about {abs(degrees):.0f} degrees"
    assert not [words for words in changes(turned) if "stretched" in words]


def test_a_flat_outline_is_no_crash() -> None:
    flat = replace(crop(), outline=((0.1, 0.1),) * 4, matrix=(0.0,) * 6, covered=0.0)
    assert filled_share(flat) == 1.0
    assert changes(flat) == ("cropped to about 1% of the picture",)


# --- what supports a match ---


def test_families_in_plain_words_each_once() -> None:
    named = (
        "global perceptual hash",
        "perceptual_hash",
        "keypoint geometry",
        "keypoints",
        "motion",
        "learned descriptor",
    )
    assert supporting_families(replace(match(), families=named)) == (
        "perceptual hashes",
        "keypoints under one geometric transform",
        "motion at the same moments",
        "a learned descriptor of the picture or a part of it",
    )
    assert family_words("flash_constellation") == "flash constellation"


def test_families_of_the_cues_where_the_match_names_none() -> None:
    assert supporting_families(match()) == ("perceptual hashes",)


def test_keypoints_and_motion_with_their_measures() -> None:
    assert support_words(explained(match(level=MatchLevel.CONFIRMED))) == (
        "Supported by 2 independent families of evidence: keypoints under one geometric transform and motion at the "
        "same moments. Keypoints agree at 23 places of the picture; the transform was found in 3 pairs of pictures. "
        "What moves agrees in time and place: correlation 0.82 here, 0.11 at best at other times of the same "
        "reference. In 1,240 searches for footage that was not in the archive, none reached this score; that bounds "
        "the rate at about 0.24% (95% confidence)."
    )


def test_hashes_with_their_distances() -> None:
    assert support_words(match()) == (
        "Supported by one family of evidence: perceptual hashes. "
        "pHash: 14 of 15 compared frames agree, median distance 6.0 of 64 bits (at most 14 counts as agreement); "
        "PDQ: 13 of 15 compared frames agree, median distance 38.5 of 256 bits (at most 70 counts as agreement). "
        "How often footage that is not in the archive reaches this score has not been measured. Together this is "
        "not enough to call it confirmed. A person must compare the pictures before relying on it."
    )


def test_a_hash_that_is_no_support_is_not_counted() -> None:
    words = support_words(replace(match(), families=(KEYPOINTS,)))
    assert words.startswith("Supported by one family of evidence: keypoints under one geometric transform. How often")


def test_why_a_possible_match_is_not_confirmed() -> None:
    caveat = "the archive keeps no confirmation data for this reference"
    entry = explained(match(), families=(HASHES, KEYPOINTS), motion=None, caveat=caveat)
    assert f"It is not confirmed: {caveat}. A person must compare" in support_words(entry)
    assert caveat not in support_words(replace(entry, level=MatchLevel.CONFIRMED))
    assert "Together this is not enough to call it confirmed. A person must" in support_words(replace(entry, caveat=""))


def unsupported() -> Match:
    return replace(explained(match(same_scene_only=True)), families=(KEYPOINTS,))


def test_motion_that_does_not_agree_is_told() -> None:
    words = support_words(unsupported())
    assert "Motion was compared too and does not support it: correlation 0.82 here, 0.11 at best at other" in words
    assert family_words(MOTION) not in words.partition(". ")[0]
    nothing = replace(unsupported(), families=())
    assert support_words(nothing).startswith("No independent family of evidence supports it. Motion was compared too")
    assert support_words(replace(nothing, motion=None)) == "No measured agreement is recorded."


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        (
            FalseAlarmBound(alarms=0, trials=24, rate_at_most=3 / 24),
            "In 24 searches for footage that was not in the archive, none reached this score; that bounds the rate at "
            "about 12% (95% confidence).",
        ),
        (
            FalseAlarmBound(alarms=7, trials=10_000, rate_at_most=0.00131),
            "In 10,000 searches for footage that was not in the archive, 7 reached this score; that bounds the rate at "
            "about 0.13% (95% confidence).",
        ),
        (None, "How often footage that is not in the archive reaches this score has not been measured."),
        (
            FalseAlarmBound(alarms=0, trials=0, rate_at_most=1.0),
            "How often footage that is not in the archive reaches this score has not been measured.",
        ),
    ],
)
def test_how_often_chance_reaches_the_score(bound: FalseAlarmBound | None, words: str) -> None:
    assert false_alarm_words(bound) == words
