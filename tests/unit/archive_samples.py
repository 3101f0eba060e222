"""Keypoints and archives for tests: made by rule, in a blink."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import numpy as np

from verify.archive.words import Dictionary
from verify.fingerprint import local
from verify.fingerprint.local import Vocabulary
from verify.model import LocalFeatureSet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    Codes = npt.NDArray[np.int8]


def codes_of(seed: int, count: int, around: Codes | None = None, shake: int = 40) -> Codes:
    """Codes, (count, 48), each near one of `around`, or anywhere."""
    random = np.random.default_rng(seed)
    shaken = random.integers(-shake, shake + 1, (count, local.DIMENSIONS))
    if around is not None:
        shaken += around[random.integers(0, len(around), count)]
    return np.clip(shaken, -127, 127).astype(np.int8)


def features_of(seed: int, pictures: int = 4, each: int = 12, codes: Codes | None = None) -> LocalFeatureSet:
    """Keypoints of `pictures` key pictures, one a second, with `each` keypoints, of given codes or made-up ones."""
    random = np.random.default_rng(seed)
    times_s = np.arange(pictures, dtype=np.float64)
    return LocalFeatureSet(
        version=local.VERSION,
        width_px=512,
        height_px=288,
        times_s=times_s,
        until_s=times_s + 0.75,
        first_rows=np.arange(pictures + 1, dtype=np.int64) * each,
        points=random.uniform(0, 288, (pictures * each, 2)).astype(np.float32),
        codes=codes_of(seed, pictures * each) if codes is None else codes.copy(),
    )


def small_dictionary(words: int = 16) -> Dictionary:
    """A dictionary of few words."""
    centroids = np.random.default_rng(3).integers(-60, 61, (words, local.DIMENSIONS)).astype(np.float32)
    mean, projection = np.zeros(128, np.float32), np.zeros((128, local.DIMENSIONS), np.float32)
    return Dictionary(Vocabulary(mean=mean, projection=projection, scale=240.0, centroids=centroids))


def nearest_by_hand(rows: Codes, query: Codes, among: npt.NDArray[np.int64], count: int) -> list[tuple[int, int]]:
    """(Squared distance, row) of the rows of `among` nearest to a query, one after the other."""
    distances = [(int(((rows[row].astype(int) - query.astype(int)) ** 2).sum()), int(row)) for row in among]
    return sorted(distances)[:count]


def proxy_in(folder: Path, content: bytes = b"a proxy") -> Path:
    """A file as a finished proxy is handed over."""
    path = folder / "handed-over.mkv"
    path.write_bytes(content)
    return path


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody, because permission bits do not hold root."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
