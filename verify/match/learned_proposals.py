"""Proposals by a learned descriptor: references with key pictures that look like those of a piece of the query.

A descriptor finds what keypoints miss, and takes one title card for another, or a place for itself on another day. So
what it says of a reference is held against what it says of others (a picture that is like many says little) and of the
pieces around (a reference that is like all of them says little), and it only proposes: motion decides.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from verify.fingerprint.learned import VIEWS
from verify.fingerprint.regions import find_regions
from verify.match.proposals import Proposal, Resemblance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.archive.descriptor_index import DescriptorIndex
    from verify.archive.local_index import LocalIndex
    from verify.fingerprint.key_pictures import QueryPiece
    from verify.fingerprint.learned import Descriptor
    from verify.fingerprint.regions import Region
    from verify.match.motion import MotionLine
    from verify.model import LocalFeatureSet, Transform

    Floats = npt.NDArray[np.float32]
    Numbers = npt.NDArray[np.int64]

#: How many references and views are proposed for a piece; a descriptor may not tell a picture from its mirror image.
PROPOSED = 6
_PROPOSED_IN_REGIONS = 4
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
    proposals = []
    for some in _blocks(pieces):
        numbers, similar = _similarities(some, index)
        background = np.median(similar, axis=0) if len(some) >= _BACKGROUND_PIECES else np.zeros(similar.shape[1:])
        for piece, own in zip(some, similar, strict=True):
            clearness = own - _BACKGROUND_SHARE * np.maximum(background, 0) - _NOISE_SHARE * _noise(own)
            proposals.append(_elected(piece, own, clearness, numbers, index=index, local=local))
    return proposals


def propose_in_regions(
    pieces: Sequence[QueryPiece], learned: Descriptor, index: DescriptorIndex, local: LocalIndex
) -> list[list[Proposal]]:
    """Rank, for every piece, the references that look most like a part of it: an inset, half of a split screen.

    Parameters
    ----------
    learned
        The descriptor that the vectors of `index` are of.
    """
    proposals = []
    for some in _blocks(pieces):
        shown = [_shown_in_regions(piece, learned) for piece in some]
        numbers = index.nearest(np.array([each.vector for own in shown for each in own], np.float32))
        for piece, own in zip(some, shown, strict=True):
            proposals.append(_elected_in_regions(piece, own, numbers, index, local) if own and len(numbers) else [])
    return proposals


class _Shown(NamedTuple):
    """A region of a piece, seen in one way, and its vector (D,)."""

    region: Region
    view: Transform
    vector: npt.NDArray[np.float16]


def _shown_in_regions(piece: QueryPiece, learned: Descriptor) -> list[_Shown]:
    """Describe the regions of a piece's middle key picture."""
    read: Any = cv2.imdecode(np.frombuffer(piece.picture, np.uint8), cv2.IMREAD_COLOR) if piece.picture else None
    if read is None:
        return []
    picture = np.asarray(read, np.uint8)
    return [
        _Shown(region, view, vector)
        for region in find_regions(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
        for view, vector in zip(VIEWS, learned.describe_views(region.cut(picture), with_inverted=False), strict=False)
    ]


def _elected_in_regions(
    piece: QueryPiece, shown: Sequence[_Shown], numbers: Numbers, index: DescriptorIndex, local: LocalIndex
) -> list[Proposal]:
    similar = index.similarities(np.array([each.vector for each in shown], np.float32), numbers)
    noise = _noise(similar)
    clearness = similar - _NOISE_SHARE * noise
    chosen: dict[tuple[int, Transform], tuple[int, int]] = {}
    for best in np.argsort(-clearness, axis=None, kind="stable"):
        row, place = (int(each) for each in np.unravel_index(best, clearness.shape))
        if clearness[row, place] < _MIN_CLEARNESS:
            break
        if len(local.features(index.reference_ids[int(numbers[place])]).times_s):
            chosen.setdefault((int(numbers[place]), shown[row].view), (row, place))
        if len(chosen) == _PROPOSED_IN_REGIONS:
            break
    middle = len(piece.key_pictures) // 2
    proposals = []
    for (number, view), (row, place) in chosen.items():
        times_s = index.closest_times_s(shown[row].vector, number, _MOMENTS, _MOMENT_MARGIN)
        alike = Resemblance(
            similarity=float(similar[row, place]),
            noise=float(noise[row, place]),
            times_s=tuple(times_s if picture == middle else () for picture in range(len(piece.key_pictures))),
        )
        proposals.append(
            Proposal(
                reference_number=number,
                view=view,
                votes=float(clearness[row, place]),
                key_pictures=_key_pictures(alike, local.features(index.reference_ids[number])),
                alike=alike,
                region=shown[row].region,
            )
        )
    return proposals


def _blocks(pieces: Sequence[QueryPiece]) -> list[Sequence[QueryPiece]]:
    """Divide the pieces into blocks of about one size, none of which is small if there are many."""
    count = -(-len(pieces) // _PIECES_AT_ONCE)
    ends = [len(pieces) * number // count for number in range(count + 1)] if count else []
    return [pieces[start:end] for start, end in pairwise(ends)]


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


def _similarities(pieces: Sequence[QueryPiece], index: DescriptorIndex) -> tuple[Numbers, Floats]:
    """Compare some pieces with the references that are most like any of them.

    Returns
    -------
    numbers (R,)
        Which references these are.
    similar (P, V, R) float32
        How much each piece, in each of `VIEWS`, looks like each of them: the mean of the cosines of those of its key
        pictures that were described in that view, 0 where none was.
    """
    described = [
        (number, view, vector)
        for number, piece in enumerate(pieces)
        for picture in piece.key_pictures
        if picture.vectors is not None
        for view, vector in enumerate(picture.vectors)
    ]
    vectors = np.array([vector for _, _, vector in described], np.float32)
    numbers = index.nearest(vectors)
    similar = np.zeros((len(pieces), len(VIEWS), len(numbers)), np.float32)
    counts = np.zeros((len(pieces), len(VIEWS)), np.int64)
    if len(numbers):
        for (number, view, _), row in zip(described, index.similarities(vectors, numbers), strict=True):
            similar[number, view] += row
            counts[number, view] += 1
    return numbers, np.asarray(similar / np.maximum(counts, 1)[:, :, None], np.float32)


def _elected(
    piece: QueryPiece,
    similar: Floats,
    clearness: Floats,
    numbers: Numbers,
    *,
    index: DescriptorIndex,
    local: LocalIndex,
) -> list[Proposal]:
    """Choose what to propose for one piece, of references `numbers`; similarities and how clear they are, (V, R)."""
    noise = _noise(similar)
    proposals = []
    for best in np.argsort(-clearness, axis=None, kind="stable")[:PROPOSED]:
        view, place = (int(each) for each in np.unravel_index(best, clearness.shape))
        if clearness[view, place] < _MIN_CLEARNESS:
            break
        reference = int(numbers[place])
        alike = Resemblance(
            similarity=float(similar[view, place]),
            noise=float(noise[view, place]),
            times_s=tuple(_closest(picture.vectors, view, reference, index) for picture in piece.key_pictures),
        )
        features = local.features(index.reference_ids[reference])
        if not len(features.times_s):
            continue
        proposals.append(
            Proposal(
                reference_number=reference,
                view=VIEWS[view],
                votes=float(clearness[view, place]),
                key_pictures=_key_pictures(alike, features),
                alike=alike,
            )
        )
    return proposals


def _key_pictures(alike: Resemblance, features: LocalFeatureSet) -> tuple[tuple[int, ...], ...]:
    """Name the key pictures of a reference at the times when it looks most like those of a piece."""
    return tuple(
        tuple(int(np.abs(features.times_s - time_s).argmin()) for time_s in some[:_KEY_PICTURES])
        for some in alike.times_s
    )


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
