"""Proposals by a learned descriptor: references with key pictures that look like those of a piece of the query.

A descriptor finds what keypoints miss, and takes one title card for another, or a place for itself on another day. So
what it says of a reference is held against what it says of others (a picture that is like many says little) and of the
release's other pieces (a reference that is like all of them says little), and it only proposes: motion decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from verify.fingerprint.learned import VIEWS
from verify.match.proposals import Proposal, Resemblance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.archive.descriptors import DescriptorIndex
    from verify.archive.local_index import LocalIndex
    from verify.fingerprint.key_pictures import QueryPiece
    from verify.match.motion import MotionLine

    Floats = npt.NDArray[np.float32]

#: How many references and views are proposed for a piece; a descriptor may not tell a picture from its mirror image.
PROPOSED = 6
_MIN_CLEARNESS = 0.1
_NOISE_SHARE = _BACKGROUND_SHARE = 0.5
_NOISE_REFERENCES = 3
_BACKGROUND_PIECES = 5
_KEY_PICTURES = 2
#: Moments of a reference that are told apart from no other: as like a picture as the best, but for this much.
_MOMENTS, _MOMENT_MARGIN = 64, 0.1
_PIECES_AT_ONCE = 64
#: Cosine, and how far it lies above the noise, from which pictures are taken to lie on each other as a whole.
_ALIKE, _ALIKE_MARGIN = 0.5, 0.15
#: Key pictures of a reference are about a second apart.
_KEY_TOLERANCE_S = 1.0


def propose_alike(pieces: Sequence[QueryPiece], index: DescriptorIndex, local: LocalIndex) -> list[list[Proposal]]:
    """Rank, for every piece, the references that look most like it; the lists run parallel to `pieces`.

    Parameters
    ----------
    index
        Vectors of the references of `local`, numbered as there.
    """
    if not len(index.reference_ids) or not pieces:
        return [[] for _ in pieces]
    parts = [
        _similarities(pieces[start : start + _PIECES_AT_ONCE], index)
        for start in range(0, len(pieces), _PIECES_AT_ONCE)
    ]
    similar = np.concatenate(parts)
    background = np.median(similar, axis=0) if len(pieces) >= _BACKGROUND_PIECES else np.zeros(similar.shape[1:])
    return [
        _elected(piece, own, np.asarray(background, np.float32), index=index, local=local)
        for piece, own in zip(pieces, similar, strict=True)
    ]


def merged(by_keypoints: Sequence[Proposal], alike: Sequence[Proposal]) -> list[Proposal]:
    """Merge what is proposed for one piece in both ways; key pictures that either names are tried in turn."""
    others = {(each.reference_number, each.view): each for each in alike}
    both = []
    for each in by_keypoints:
        other = others.pop((each.reference_number, each.view), None)
        if other is not None:
            pictures = zip(each.key_pictures, other.key_pictures, strict=True)
            key_pictures = tuple(_in_turn(one, two) for one, two in pictures)
            both.append(replace(each, key_pictures=key_pictures, alike=other.alike))
        else:
            both.append(each)
    return [*both, *others.values()]


def stands_out(alike: Resemblance | None) -> bool:
    """Say whether a reference looks so much more like a piece than others do that the pictures may be the same."""
    return alike is not None and alike.similarity >= _ALIKE and alike.similarity - alike.noise >= _ALIKE_MARGIN


def most_alike(alike: Resemblance, piece: QueryPiece) -> tuple[float, float]:
    """Return a moment of a piece and the moment of the reference that looks most like it, in s."""
    moments = [
        (picture.time_s, times_s[0])
        for picture, times_s in zip(piece.key_pictures, alike.times_s, strict=True)
        if times_s
    ]
    return moments[len(moments) // 2]


def pictures_on_line(alike: Resemblance, piece: QueryPiece, line: MotionLine) -> int:
    """Count the key pictures of a piece that look like the reference at the time when the motion agrees."""
    count = 0
    for picture, times_s in zip(piece.key_pictures, alike.times_s, strict=True):
        reference_s = line.rate * picture.time_s + line.offset_s
        count += any(abs(time_s - reference_s) <= _KEY_TOLERANCE_S for time_s in times_s)
    return count


def _similarities(pieces: Sequence[QueryPiece], index: DescriptorIndex) -> Floats:
    """Return how much each piece, in each of `VIEWS`, looks like each reference: cosines, (P, V, R) float32.

    It is the mean of the key pictures that were described in that view, 0 where none was.
    """
    similar = np.zeros((len(pieces), len(VIEWS), len(index.reference_ids)), np.float32)
    counts = np.zeros((len(pieces), len(VIEWS)), np.int64)
    described = [
        (number, view, vector)
        for number, piece in enumerate(pieces)
        for picture in piece.key_pictures
        if picture.vectors is not None
        for view, vector in enumerate(picture.vectors)
    ]
    if not described:
        return similar
    cosines = index.similarities(np.array([vector for _, _, vector in described], np.float32))
    for (number, view, _), row in zip(described, cosines, strict=True):
        similar[number, view] += row
        counts[number, view] += 1
    return np.asarray(similar / np.maximum(counts, 1)[:, :, None], np.float32)


def _elected(
    piece: QueryPiece, similar: Floats, background: Floats, *, index: DescriptorIndex, local: LocalIndex
) -> list[Proposal]:
    """Choose what to propose for one piece; similarities and their background are (V, R)."""
    noise = _noise(similar)
    clearness = similar - _BACKGROUND_SHARE * np.maximum(background, 0) - _NOISE_SHARE * noise
    proposals = []
    for place in np.argsort(-clearness, axis=None, kind="stable")[:PROPOSED]:
        view, reference = (int(each) for each in np.unravel_index(place, clearness.shape))
        if clearness[view, reference] < _MIN_CLEARNESS:
            break
        times_s = tuple(_closest(picture.vectors, view, reference, index) for picture in piece.key_pictures)
        features = local.features(index.reference_ids[reference])
        if not len(features.times_s):
            continue
        proposals.append(
            Proposal(
                reference_number=reference,
                view=VIEWS[view],
                votes=float(clearness[view, reference]),
                key_pictures=tuple(
                    tuple(int(np.abs(features.times_s - time_s).argmin()) for time_s in some[:_KEY_PICTURES])
                    for some in times_s
                ),
                alike=Resemblance(
                    similarity=float(similar[view, reference]), noise=float(noise[view, reference]), times_s=times_s
                ),
            )
        )
    return proposals


def _noise(similar: Floats) -> Floats:
    """Return, for every reference, (V, R), how much the others that are most like the piece are: the mean of three."""
    count = similar.shape[1]
    highest = np.zeros((len(similar), _NOISE_REFERENCES + 1), np.float32)
    kept = min(count, highest.shape[1])
    highest[:, :kept] = -np.sort(-np.maximum(similar, 0), axis=1)[:, :kept]
    others = highest[:, :-1].sum(axis=1, keepdims=True)
    # What is among the highest itself is no other: the next one stands in for it.
    replaced = others - np.maximum(similar, 0) + highest[:, -1:]
    return np.asarray(np.where(similar >= highest[:, -2:-1], replaced, others) / _NOISE_REFERENCES, np.float32)


def _closest(
    vectors: npt.NDArray[np.float16] | None, view: int, reference: int, index: DescriptorIndex
) -> tuple[float, ...]:
    if vectors is None or view >= len(vectors):
        return ()
    return index.closest_times_s(vectors[view], reference, _MOMENTS, _MOMENT_MARGIN)


def _in_turn(one: tuple[int, ...], two: tuple[int, ...]) -> tuple[int, ...]:
    """Take from both lists in turn, each entry once."""
    longest = max(len(one), len(two))
    both = [each for place in range(longest) for some in (one, two) for each in some[place : place + 1]]
    return tuple(dict.fromkeys(both))
