"""Archives of made-up references, of any size, and a release that shows parts of them.

Hashes: `made_hashes`. Keypoints have codes that lie around the words of the vocabulary, some words far more frequent
than others, as with real pictures. There are 12.5 motion signatures a second, as if something moved all the time, and
vectors of the learned descriptor in runs that are alike, as those of a shot are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import made_hashes
from verify.archive.store import Archive
from verify.fingerprint import local, motion_signatures
from verify.fingerprint.learned import OWN_MODEL, Descriptor
from verify.fingerprint.registry import CUES
from verify.model import DescriptorSet, FingerprintSet, LocalFeatureSet, MotionSet, Reference

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Generator = np.random.Generator
    Codes = npt.NDArray[np.int8]

REFERENCE_S = 600
KEYPOINTS_PER_PICTURE = 150
SKEW, SPREAD = 0.75, 12.0
POOL = 400_000
VIEWS = 4
MOMENTS_PER_SECOND = 12.5
#: Vectors of a shot, and how far they spread around its own.
SHOT_VECTORS, VECTOR_SPREAD = 5, 0.6
#: A release of 60 s: pieces of 10 s, at 8 frames a second; these of them are of the archive, the others of none.
PIECES, PIECE_FRAMES, KNOWN_PIECES = 6, 80, 4


class Size(NamedTuple):
    """What an archive is to have: frames, and, if not only those, keypoints and vectors."""

    frames: int
    keypoints: int
    vectors: int

    @property
    def references(self) -> int:
        """Videos of ten minutes."""
        return max(2, round(self.frames / made_hashes.HASHES_PER_SECOND / REFERENCE_S))


def pool(random: Generator) -> Codes:
    """Codes as they may be found: words of log-normal frequency, and numbers spread around each."""
    centroids = local.vocabulary().centroids
    share = random.lognormal(0, SKEW, len(centroids))
    words = random.choice(len(centroids), POOL, p=share / share.sum())
    values = centroids[words] + random.normal(0, SPREAD, (POOL, centroids.shape[1]))
    return np.asarray(np.clip(np.rint(values), -127, 127), np.int8)


def shaken(random: Generator, codes: Codes, most: int) -> Codes:
    """Change every number by as much at most."""
    shake = random.integers(-most, most + 1, codes.shape, np.int8)
    return np.asarray(np.clip(codes.astype(np.int16) + shake, -127, 127), np.int8)


def features(random: Generator, codes: Codes, keypoints: int) -> LocalFeatureSet:
    """Keypoints of a reference."""
    pictures = max(1, keypoints // KEYPOINTS_PER_PICTURE)
    rows = pictures * KEYPOINTS_PER_PICTURE
    times_s = np.linspace(0, REFERENCE_S, pictures, endpoint=False)
    return LocalFeatureSet(
        version=local.VERSION,
        width_px=512,
        height_px=288,
        times_s=times_s,
        until_s=times_s.copy(),
        first_rows=np.arange(0, rows + 1, KEYPOINTS_PER_PICTURE),
        points=random.uniform(0, 288, (rows, 2)).astype(np.float32),
        codes=shaken(random, codes[random.integers(0, len(codes), rows)], 8),
    )


def motion(random: Generator, duration_s: float) -> MotionSet:
    """Signatures that change slowly, as those of footage do."""
    count = int(duration_s * MOMENTS_PER_SECOND)
    steps = random.normal(0, 40, (count + 4, motion_signatures.DIMENSIONS)).astype(np.float32)
    slow = np.sum([steps[shift : shift + count] for shift in range(4)], axis=0) / 2
    return MotionSet(
        version=motion_signatures.VERSION,
        times_s=np.arange(count) / MOMENTS_PER_SECOND,
        codes=np.clip(np.rint(slow), -127, 127).astype(np.int8),
    )


def directions(random: Generator, count: int, dimensions: int) -> npt.NDArray[np.float16]:
    """Vectors of length 1, in runs that are alike, (count, D) float16."""
    shots = random.normal(size=(-(-count // SHOT_VECTORS), dimensions)).repeat(SHOT_VECTORS, axis=0)[:count]
    vectors = shots + VECTOR_SPREAD * random.normal(size=(count, dimensions))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float16)


def make(folder: Path, size: Size, random: Generator, *, only_hashes: bool) -> None:
    """Make an archive, and beside it what a release asks of it, `<folder>.npz`: keypoints, and hashes by algorithm."""
    codes = pool(random)
    learned = Descriptor(OWN_MODEL)
    count, frames = size.references, REFERENCE_S * made_hashes.HASHES_PER_SECOND
    shown = random.choice(count, min(KNOWN_PIECES, count), replace=False).tolist()
    pieces: dict[str, list[npt.NDArray[np.uint8]]] = {cue.algorithm: [] for cue in CUES}

    def show(hashes: dict[str, FingerprintSet]) -> None:
        first = int(random.integers(0, frames - PIECE_FRAMES))
        for algorithm, found in hashes.items():
            pieces[algorithm].append(found.codes[first : first + PIECE_FRAMES])

    empty = Reference(id="", duration_s=REFERENCE_S)
    few = features(random, codes, 0)
    with Archive.create_or_open(folder) as archive:
        for number, hashes in enumerate(made_hashes.references(random, count, frames)):
            reference = replace(empty, id=f"r{number:05}", sha256=f"{number:064x}")
            if number in shown:
                show(hashes)
            if only_hashes:
                archive.add(reference, hashes, (), few)
                continue
            local_set = features(random, codes, size.keypoints // count)
            described = DescriptorSet(
                model_sha256=learned.sha256,
                times_s=np.linspace(0, REFERENCE_S, size.vectors // count, endpoint=False),
                vectors=directions(random, size.vectors // count, learned.dimensions),
            )
            moving = motion(random, REFERENCE_S)
            archive.add(reference, hashes, (), local_set, motion=moving, descriptors=described)
    for hashes in made_hashes.references(random, PIECES - len(shown), frames):
        show(hashes)
    asked: dict[str, Any] = {name: made_hashes.release(random, own, PIECE_FRAMES) for name, own in pieces.items()}
    np.savez(folder.with_suffix(".npz"), pool=codes, **asked)
