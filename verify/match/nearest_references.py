"""The references nearest to a picture or clip, without any threshold: an aid to looking, never a finding.

Every frame of the query is compared with every frame of every reference, in every view, so that nothing nearer is
missed. By hashes, a reference is as near as its nearest pair of frames by PDQ; of equally near pairs the one with the
least pHash distance counts, and then the earliest. By looks, it is as near as its most similar picture by the cosine of
a learned descriptor. The two orders are kept apart: nothing says how many bits a cosine is worth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from verify.fingerprint.learned import VIEWS
from verify.match.pairing import hamming
from verify.match.query import MIN_QUALITY

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from verify.archive.descriptor_index import DescriptorIndex
    from verify.archive.index import ReferenceIndex
    from verify.fingerprint.fingerprinter import Fingerprints
    from verify.fingerprint.glance import Glance
    from verify.model import FingerprintSet, Progress, Transform

    Bits = npt.NDArray[np.float32]
    Rows = npt.NDArray[np.int64]

#: Rows of the query that are compared at once with all of a reference, to bound the memory this takes.
_BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePair:
    """The two frames at which a query and a reference are nearest, and the view of the query in which they are."""

    query_time_s: float
    reference_time_s: float
    view: Transform


@dataclass(frozen=True, slots=True, kw_only=True)
class HashDistance:
    """How far the nearest pair of frames is apart: differing bits of 256 (PDQ) and of 64 (pHash)."""

    pdq_bits: int
    phash_bits: int
    at: FramePair


@dataclass(frozen=True, slots=True, kw_only=True)
class LooksDistance:
    """How alike the most similar pictures look to a learned descriptor: a cosine, -1..1."""

    cosine: float
    at: FramePair


@dataclass(frozen=True, slots=True, kw_only=True)
class NearReference:
    """A reference and how near it is.

    `hashes` is None where one side has no frame with enough structure, `looks` where there are no vectors.
    """

    reference_id: str
    hashes: HashDistance | None
    looks: LooksDistance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestReferences:
    """The nearest references by hashes, and by looks where there are vectors, nearest first.

    `searched` is how many references were compared. `is_flat` says that no frame of the query has enough structure for
    its hashes to mean anything; then there are none by hashes.
    """

    searched: int
    is_flat: bool
    by_hashes: tuple[NearReference, ...]
    by_looks: tuple[NearReference, ...] | None


def find_nearest(
    glance: Glance, index: ReferenceIndex, vectors: DescriptorIndex | None, top: int, progress: Progress
) -> NearestReferences:
    """Find the `top` references nearest to what was looked at, by hashes and by looks.

    Parameters
    ----------
    vectors
        Those of the same references by the same descriptor, numbered as in `index`; None to go by hashes only.
    """
    progress.start("nearest", len(index.reference_ids), "references")
    hashes = {}
    for reference_id in index.reference_ids:
        hashes[reference_id] = hash_distance(glance.fingerprints, index.fingerprints[reference_id])
        progress.advance(1)
    progress.finish()
    looks = _looks(glance, vectors) if vectors is not None and glance.vectors is not None else None
    found = [
        NearReference(reference_id=each, hashes=hashes[each], looks=looks.get(each) if looks else None)
        for each in index.reference_ids
    ]
    return NearestReferences(
        searched=len(found),
        is_flat=not any((own["pdq"].quality >= MIN_QUALITY).any() for own in glance.fingerprints.values()),
        by_hashes=tuple(sorted((each for each in found if each.hashes), key=_by_hashes)[:top]),
        by_looks=None if looks is None else tuple(sorted((each for each in found if each.looks), key=_by_looks)[:top]),
    )


def hash_distance(
    views: Mapping[Transform, Fingerprints], reference: Mapping[str, FingerprintSet]
) -> HashDistance | None:
    """Find the nearest pair of frames of a query, in all its views and in those with dark and light exchanged.

    Frames too flat for their codes to mean anything are left out, on both sides; None if that leaves no pair.
    """
    columns = np.nonzero(reference["pdq"].quality >= MIN_QUALITY)[0]
    found: list[tuple[int, int, float, int, HashDistance]] = []
    for number, (view, own) in enumerate(views.items()):
        rows = np.nonzero(own["pdq"].quality >= MIN_QUALITY)[0]
        for inverted in (False, True):
            pair = _nearest_pair(own, rows, reference, columns, inverted=inverted)
            if pair is None:
                continue
            pdq_bits, phash_bits, row, column = pair
            at = FramePair(
                query_time_s=float(own["pdq"].times_s[row]),
                reference_time_s=float(reference["pdq"].times_s[column]),
                view=replace(view, inverted=inverted),
            )
            distance = HashDistance(pdq_bits=pdq_bits, phash_bits=phash_bits, at=at)
            # Of equal ones the plainest view counts, and in it the earliest pair.
            found.append((pdq_bits, phash_bits, float(inverted), number, distance))
    return min(found, key=lambda each: each[:4])[4] if found else None


def _nearest_pair(
    own: Fingerprints, rows: Rows, reference: Mapping[str, FingerprintSet], columns: Rows, *, inverted: bool
) -> tuple[int, int, int, int] | None:
    """Return PDQ and pHash distance in bits of the nearest pair of one view, its row and its column."""
    codes, phashes = reference["pdq"].codes[columns], reference["phash"].codes[columns]
    best: tuple[int, int, int, int] | None = None
    for start in range(0, len(rows) if len(columns) else 0, _BLOCK_ROWS):
        some = rows[start : start + _BLOCK_ROWS]
        bits = _distances(own["pdq"].codes[some], codes, inverted=inverted)
        least = bits.min()
        if best is not None and least > best[0]:
            continue
        # Equally near pairs can be many, where a picture stands still: one row of them at a time.
        for row in np.nonzero(bits.min(axis=1) == least)[0]:
            equal = np.nonzero(bits[row] == least)[0]
            other = _distances(own["phash"].codes[some[row]][None], phashes[equal], inverted=inverted)[0]
            place = int(other.argmin())
            pair = (int(least), int(other[place]), int(some[row]), int(columns[equal[place]]))
            best = pair if best is None else min(best, pair)
    return best


def _distances(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8], *, inverted: bool) -> Bits:
    """Hamming distances of all pairs, in bits; of the negative of the left, which has every bit the other way."""
    bits = hamming(left, right)
    return np.asarray(left.shape[1] * 8 - bits if inverted else bits, np.float32)


def _looks(glance: Glance, index: DescriptorIndex) -> dict[str, LooksDistance]:
    """Find the most similar picture of every reference that has any."""
    assert glance.vectors is not None  # noqa: S101 - the caller asked
    pictures, views, dimensions = glance.vectors.shape
    queries = glance.vectors.reshape(pictures * views, dimensions)
    cosines = index.similarities(queries.astype(np.float32), np.arange(len(index.reference_ids)))
    found = {}
    for number, reference_id in enumerate(index.reference_ids):
        row = int(cosines[:, number].argmax())
        times_s = index.closest_times_s(queries[row], number, 1, 0.0)
        if times_s:
            picture, view = divmod(row, views)
            at = FramePair(
                query_time_s=float(glance.described_s[picture]), reference_time_s=times_s[0], view=VIEWS[view]
            )
            found[reference_id] = LooksDistance(cosine=round(float(cosines[row, number]), 6), at=at)
    return found


def _by_hashes(near: NearReference) -> tuple[int, int, str]:
    assert near.hashes is not None  # noqa: S101 - others are not sorted by it
    return near.hashes.pdq_bits, near.hashes.phash_bits, near.reference_id


def _by_looks(near: NearReference) -> tuple[float, str]:
    assert near.looks is not None  # noqa: S101 - others are not sorted by it
    return -near.looks.cosine, near.reference_id
