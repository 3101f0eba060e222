"""The nearest references by hashes and by looks: exact, in every view, without a threshold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.unit.fingerprint_samples import AS_SHOWN, MIRRORED, Film, fingerprints_of, reference_of
from verify.archive.descriptor_index import DescriptorIndex
from verify.archive.index import ReferenceIndex
from verify.findings.nearness import (
    STATEMENT,
    TOO_FLAT,
    WITHOUT_VECTORS,
    nearness_lines,
    nearness_notes,
    view_words,
)
from verify.fingerprint.glance import Glance
from verify.match import nearest_references
from verify.match.nearest_references import HashDistance, NearestReferences, find_nearest, hash_distance
from verify.match.query import MIN_QUALITY
from verify.model import DescriptorSet, FingerprintSet, Reference, ReferenceKind, SilentProgress, Transform

Codes = dict[str, npt.NDArray[np.uint8]]

QUIET = SilentProgress()
INVERTED = Transform(inverted=True)


def strangers(count: int = 6, duration_s: float = 5.0) -> dict[str, dict[str, FingerprintSet]]:
    return {f"film-{seed}": dict(reference_of(Film(seed, duration_s), duration_s)) for seed in range(count)}


def turned(codes: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    """The same codes with the first so many bits the other way."""
    changed = codes.copy()
    mask = np.packbits(np.arange(codes.shape[1] * 8) < bits)
    return changed ^ mask


def clip_of(film: Film, times_s: list[float], pdq: int = 0, phash: int = 0) -> Codes:
    codes = film.at(np.array(times_s))
    return {"pdq": turned(codes["pdq"], pdq), "phash": turned(codes["phash"], phash)}


def glance_of(
    views: dict[Transform, dict[str, FingerprintSet]], vectors: npt.NDArray[np.float16] | None = None
) -> Glance:
    described_s = np.arange(0 if vectors is None else len(vectors), dtype=np.float64)
    return Glance(is_picture=False, fingerprints=views, described_s=described_s, vectors=vectors)


def shown(codes: Codes, times_s: list[float], quality: float = 1.0) -> dict[str, FingerprintSet]:
    return dict(fingerprints_of(codes, np.array(times_s), quality))


def searched(glance: Glance, references: dict[str, dict[str, FingerprintSet]], top: int = 10) -> NearestReferences:
    return find_nearest(glance, ReferenceIndex(references, MIN_QUALITY), None, top, QUIET)


# --- by hashes -------------------------------------------------------------------------------------------------------


def test_the_source_is_nearest_and_the_pair_is_named():
    codes = clip_of(Film(3, 5.0), [2.0, 2.25], pdq=20, phash=5)
    nearest = searched(glance_of({AS_SHOWN: shown(codes, [0.0, 0.25])}), strangers())
    first = nearest.by_hashes[0]
    assert (first.reference_id, nearest.searched, nearest.is_flat) == ("film-3", 6, False)
    assert first.hashes is not None
    assert (first.hashes.pdq_bits, first.hashes.phash_bits) == (20, 5)
    assert (first.hashes.at.query_time_s, first.hashes.at.reference_time_s) == (0.0, 2.0)
    assert first.hashes.at.view == AS_SHOWN
    assert len(nearest.by_hashes) == 6, "there is no threshold"
    distances = [each.hashes.pdq_bits for each in nearest.by_hashes if each.hashes]
    assert distances == sorted(distances)
    assert nearest.by_looks is None


def test_only_so_many_are_listed():
    glance = glance_of({AS_SHOWN: shown(clip_of(Film(3, 5.0), [2.0]), [0.0])})
    assert [each.reference_id for each in searched(glance, strangers(), top=1).by_hashes] == ["film-3"]
    assert len(searched(glance, strangers(), top=4).by_hashes) == 4


@pytest.mark.parametrize(
    ("view", "inverted", "found"),
    [
        (MIRRORED, False, MIRRORED),
        (AS_SHOWN, True, INVERTED),
        (MIRRORED, True, Transform(mirrored=True, inverted=True)),
        (Transform(bars_removed=True), False, Transform(bars_removed=True)),
    ],
)
def test_every_view_is_compared(view: Transform, inverted: bool, found: Transform):
    codes = clip_of(Film(2, 5.0), [1.0], pdq=9)
    if inverted:
        codes = {name: ~each for name, each in codes.items()}
    elsewhere = clip_of(Film(77, 5.0), [1.0])
    views = {AS_SHOWN: shown(elsewhere, [0.0]), MIRRORED: shown(elsewhere, [0.0]), view: shown(codes, [0.0])}
    first = searched(glance_of(views), strangers()).by_hashes[0]
    assert first.hashes is not None
    assert (first.reference_id, first.hashes.pdq_bits, first.hashes.at.view) == ("film-2", 9, found)


def test_it_is_what_comparing_one_by_one_gives(monkeypatch: pytest.MonkeyPatch):
    """Blocks of three rows against the plainest possible search."""
    monkeypatch.setattr(nearest_references, "_BLOCK_ROWS", 3)
    own = shown(Film(9, 3.0).at(np.arange(0, 2.0, 0.25)), list(np.arange(0, 2.0, 0.25)))
    reference = reference_of(Film(4, 5.0), 5.0)
    pairs = []
    for row in range(8):
        for column in range(20):
            for inverted in (False, True):
                bits = [
                    int(np.bitwise_count(own[name].codes[row] ^ reference[name].codes[column]).sum())
                    for name in ("pdq", "phash")
                ]
                pairs.append(([256 - bits[0], 64 - bits[1]] if inverted else bits, inverted, row, column))
    (pdq, phash), inverted, row, column = min(pairs)
    found = hash_distance({AS_SHOWN: own}, reference)
    assert found is not None
    assert (found.pdq_bits, found.phash_bits, found.at.view.inverted) == (pdq, phash, inverted)
    assert (found.at.query_time_s, found.at.reference_time_s) == (row * 0.25, column * 0.25)


def test_of_equally_near_pairs_the_one_nearer_by_phash_counts_then_the_earlier():
    film = Film(5, 5.0)
    base = film.at(np.array([1.0]))
    pdq = np.repeat(base["pdq"], 3, axis=0)
    phash = np.concatenate([turned(base["phash"], 4), turned(base["phash"], 1), turned(base["phash"], 1)])
    own = {AS_SHOWN: shown({name: each[:1] for name, each in base.items()}, [0.0])}
    found = hash_distance(own, shown({"pdq": pdq, "phash": phash}, [0.0, 1.0, 2.0]))
    assert found is not None
    assert (found.pdq_bits, found.phash_bits, found.at.reference_time_s) == (0, 1, 1.0)


def test_flat_frames_are_not_compared():
    codes = clip_of(Film(1, 5.0), [1.0, 2.0])
    quality = np.array([MIN_QUALITY - 0.1, MIN_QUALITY], np.float32)
    own = {AS_SHOWN: dict(fingerprints_of(codes, np.array([0.0, 1.0]), quality))}
    found = hash_distance(own, reference_of(Film(1, 5.0), 5.0))
    assert found is not None
    assert found.at.query_time_s == 1.0
    assert hash_distance(own, shown(codes, [0.0, 1.0], quality=0.1)) is None
    flat = searched(glance_of({AS_SHOWN: shown(codes, [0.0, 1.0], quality=0.2)}), strangers())
    assert (flat.is_flat, flat.by_hashes, flat.searched) == (True, (), 6)
    assert nearness_notes(flat) == [f"{TOO_FLAT}.", WITHOUT_VECTORS]


def test_an_archive_without_references():
    nearest = searched(glance_of({AS_SHOWN: shown(clip_of(Film(1, 5.0), [1.0]), [0.0])}), {})
    assert (nearest.searched, nearest.by_hashes) == (0, ())
    assert nearness_notes(nearest) == ["The archive has no reference that is searched."]


# --- by looks --------------------------------------------------------------------------------------------------------


def unit(*values: float) -> npt.NDArray[np.float16]:
    vector = np.array(values, np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float16)


def test_looks_have_an_order_of_their_own():
    references = strangers(3)
    sets = {
        "film-0": [unit(1, 0, 0, 0), unit(0, 1, 0, 0)],
        "film-1": [unit(1, 1, 0, 0), unit(0, 0, 1, 0.1)],
        "film-2": [],
    }
    index = DescriptorIndex.of(
        sorted(sets),
        {
            name: DescriptorSet(
                model_sha256="0" * 64,
                times_s=np.arange(len(own)) + 0.5,
                vectors=np.array(own, np.float16).reshape(-1, 4),
            )
            for name, own in sets.items()
        },
    )
    away = unit(0, 0, 0, 1)
    vectors = np.stack([np.stack([away] * 4), np.stack([away, unit(0, 0, 1, 0), away, away])])
    codes = clip_of(Film(0, 5.0), [1.0])
    nearest = find_nearest(
        glance_of({AS_SHOWN: shown(codes, [0.0])}, vectors), ReferenceIndex(references, MIN_QUALITY), index, 10, QUIET
    )
    assert nearest.by_hashes[0].reference_id == "film-0"
    assert nearest.by_looks is not None
    assert [each.reference_id for each in nearest.by_looks] == ["film-1", "film-0"]
    best = nearest.by_looks[0].looks
    assert best is not None
    assert best.cosine == pytest.approx(0.995, abs=0.002)
    assert (best.at.query_time_s, best.at.reference_time_s, best.at.view) == (1.0, 1.5, MIRRORED)
    assert nearness_notes(nearest) == []
    (without,) = [each for each in nearest.by_hashes if each.reference_id == "film-2"]
    assert without.looks is None
    assert "cosine" not in nearness_lines(without, Reference(id="film-2"), by_looks=False, of_picture=False)[0]


# --- words -----------------------------------------------------------------------------------------------------------


def test_the_words_claim_nothing():
    assert "nearness is not a match" in STATEMENT
    assert view_words(AS_SHOWN) == ""
    assert view_words(Transform(mirrored=True, inverted=True, bars_removed=True)) == (
        "mirrored, inverted and black bars removed"
    )
    glance = glance_of({MIRRORED: shown(clip_of(Film(3, 5.0), [2.0], pdq=7, phash=2), [0.5])})
    near = searched(glance, strangers()).by_hashes[0]
    reference = Reference(
        id="film-3",
        title="Range\x1b[31m day",
        publisher="Studio",
        first_seen="2020-05",
        first_seen_basis="upload",
        kind=ReferenceKind.GAME,
    )
    assert nearness_lines(near, reference, by_looks=False, of_picture=False) == [
        "film-3: PDQ 7, pHash 2, 0:00.50 ~ 0:02.00, mirrored",
        "'Range[31m day', by 'Studio', first seen no later than 2020-05 ('upload'), game",
    ]
    bare = nearness_lines(near, Reference(id="film-3"), by_looks=False, of_picture=True)
    assert bare == [
        "film-3: PDQ 7, pHash 2, at 0:02.00, mirrored",
        "no title, publisher not stated, date unknown, other",
    ]


def test_a_reference_too_flat_for_hashes_is_told_by_looks():
    at = nearest_references.FramePair(query_time_s=0.0, reference_time_s=3.0, view=AS_SHOWN)
    looks = nearest_references.LooksDistance(cosine=0.5, at=at)
    near = nearest_references.NearReference(reference_id="a", hashes=None, looks=looks)
    told = nearness_lines(near, Reference(id="a"), by_looks=True, of_picture=True)[0]
    assert told == "a: cosine 0.500, no frame with enough structure for hashes, at 0:03.00"
    flat = NearestReferences(searched=1, is_flat=True, by_hashes=(), by_looks=(near,))
    assert nearness_notes(flat) == [f"{TOO_FLAT}; how it looks says as little."]
    both = nearest_references.NearReference(
        reference_id="a", hashes=HashDistance(pdq_bits=1, phash_bits=2, at=at), looks=looks
    )
    assert nearness_lines(both, Reference(id="a"), by_looks=True, of_picture=True)[0] == (
        "a: cosine 0.500, PDQ 1, pHash 2, at 0:03.00"
    )
