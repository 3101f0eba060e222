"""Vectors of learned descriptors in the catalogue, and the search over those of one model.

The table is made with the first vectors that are added: an archive that never got any has none. Vectors of different
models are never compared; a reference may have those of several.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from verify.archive.catalogue import BACKUP_HINT, translated
from verify.archive.records import digest_of
from verify.errors import ArchiveDamagedError, FingerprintVersionError
from verify.model import DescriptorSet

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from verify.archive.store import Archive

    Floats = npt.NDArray[np.float32]

# `reference_id` first: SQLite keeps the rows of a reference together.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS descriptor (
    reference_id TEXT NOT NULL REFERENCES reference (id),
    model_sha256 TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    picture_count INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    times_s BLOB NOT NULL,
    vectors BLOB NOT NULL,
    PRIMARY KEY (reference_id, model_sha256)
) STRICT
"""
_BLOCK_ROWS = 8192
_MAKE_HINT = (
    "Make them of the thumbnails that are kept: verify archive reindex --descriptor FILE. Or search without it."
)
_NAMED_DIGITS = 16
_DIGEST = re.compile(r"[0-9a-f]{64}")


class DescriptorDigest(NamedTuple):
    """What the catalogue says of a reference's vectors without reading them."""

    reference_id: str
    model_sha256: str
    dimensions: int
    picture_count: int
    sha256: str


class DescriptorTable:
    """The vectors in the catalogue of the archive at `folder`."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self._folder = folder
        self._connection = connection

    def insert(self, reference_id: str, descriptors: DescriptorSet) -> None:
        """Add the vectors of a reference; what it has of that model is replaced. To be called in a transaction."""
        times_s = descriptors.times_s.astype("<f8").tobytes()
        vectors = descriptors.vectors.astype("<f2").tobytes()
        count, dimensions = descriptors.vectors.shape
        head = (descriptors.model_sha256, dimensions, count, digest_of(times_s, vectors))
        self._connection.execute(_SCHEMA)
        self._connection.execute(
            "INSERT OR REPLACE INTO descriptor VALUES (?, ?, ?, ?, ?, ?, ?)", (reference_id, *head, times_s, vectors)
        )

    def replace(self, reference_id: str, descriptors: DescriptorSet) -> None:
        """Add the vectors of a reference and remove those of all other models. To be called in a transaction."""
        self.insert(reference_id, descriptors)
        self._connection.execute(
            "DELETE FROM descriptor WHERE reference_id = ? AND model_sha256 != ?",
            (reference_id, descriptors.model_sha256),
        )

    def digests(self) -> list[DescriptorDigest]:
        """Return what is kept, by reference id, then model; raises ArchiveDamagedError if a row is none of ours."""
        query = "SELECT reference_id, model_sha256, dimensions, picture_count, sha256 FROM descriptor ORDER BY 1, 2"
        with translated(self._folder):
            if not self._is_there():
                return []
            found = [DescriptorDigest(*row) for row in self._connection.execute(query)]
        for each in found:
            if not _DIGEST.fullmatch(each.model_sha256) or each.dimensions < 1 or each.picture_count < 0:
                raise self._damage(each.reference_id, "are malformed")
        return found

    def read(self, stored: DescriptorDigest) -> DescriptorSet:
        """Return vectors that are kept.

        Raises
        ------
        ArchiveDamagedError
            They are missing, or not as they were stored.
        """
        query = "SELECT times_s, vectors FROM descriptor WHERE reference_id = ? AND model_sha256 = ?"
        with translated(self._folder):
            row = self._connection.execute(query, (stored.reference_id, stored.model_sha256)).fetchone()
        if row is None:
            raise self._damage(stored.reference_id, "are missing")
        if digest_of(*row) != stored.sha256:
            raise self._damage(stored.reference_id, "do not have their digest")
        try:
            read = DescriptorSet(
                model_sha256=stored.model_sha256,
                times_s=np.frombuffer(row[0], "<f8"),
                vectors=np.frombuffer(row[1], "<f2").reshape(stored.picture_count, stored.dimensions),
            )
        except ValueError as error:
            raise self._damage(stored.reference_id, f"are damaged ({error})") from error
        if not (np.isfinite(read.times_s).all() and np.isfinite(read.vectors).all()):
            raise self._damage(stored.reference_id, "hold what is no number")
        return read

    def stored_bytes(self) -> int:
        """Size of all vectors with their times, in bytes."""
        with translated(self._folder):
            if not self._is_there():
                return 0
            (size,) = self._connection.execute(
                "SELECT total(length(times_s) + length(vectors)) FROM descriptor"
            ).fetchone()
        return int(size)

    def _damage(self, reference_id: str, problem: str) -> ArchiveDamagedError:
        return ArchiveDamagedError(self._folder, f"the learned descriptors of {reference_id} {problem}", BACKUP_HINT)

    def _is_there(self) -> bool:
        query = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'descriptor'"
        return bool(self._connection.execute(query).fetchone()[0])


class DescriptorIndex:
    """The vectors of a set of references, compared exactly. Use `load` or `of`.

    References are numbered as in `reference_ids`.
    """

    def __init__(self, reference_ids: Sequence[str], descriptors: Mapping[str, DescriptorSet]) -> None:
        self.reference_ids = tuple(reference_ids)
        self._sets = [descriptors[reference_id] for reference_id in self.reference_ids]

    @classmethod
    def load(
        cls, archive: Archive, reference_ids: Sequence[str], model_sha256: str, dimensions: int
    ) -> DescriptorIndex:
        """Read the vectors, of so many dimensions, that one model gave for references of an archive.

        Raises
        ------
        FingerprintVersionError
            Some reference has none of that model: nothing is left out of a search silently.
        ArchiveDamagedError
            Vectors are not as they were stored.
        """
        digests = archive.descriptor_digests()
        stored = {each.reference_id: each for each in digests if each.model_sha256 == model_sha256}
        lacking = [reference_id for reference_id in reference_ids if reference_id not in stored]
        if lacking:
            others = sorted({each.model_sha256[:_NAMED_DIGITS] for each in digests} - {model_sha256[:_NAMED_DIGITS]})
            problem = (
                f"{len(lacking)} of {len(reference_ids)} references ({lacking[0]} is the first) have no learned "
                f"descriptors of the model {model_sha256[:_NAMED_DIGITS]}"
            )
            if others:
                problem += f"; the archive has some of {', '.join(others)}"
            raise FingerprintVersionError(archive.folder, problem, _MAKE_HINT)
        for each in reference_ids:
            if stored[each].dimensions != dimensions:
                raise ArchiveDamagedError(
                    archive.folder, f"the learned descriptors of {each} are not those of their model", BACKUP_HINT
                )
        return cls(reference_ids, {each: archive.descriptors(stored[each]) for each in reference_ids})

    def similarities(self, queries: Floats) -> Floats:
        """Return the cosine of each query, (Q, D), and the most similar picture of each reference, (Q, R).

        It is -1 for a reference without pictures.
        """
        best = np.full((len(queries), len(self._sets)), -1, np.float32)
        numbers: list[int] = []
        rows = 0
        for number, each in enumerate(self._sets):
            if len(each.vectors):
                numbers.append(number)
                rows += len(each.vectors)
            if numbers and (rows >= _BLOCK_ROWS or number == len(self._sets) - 1):
                self._compare(queries, numbers, best)
                numbers, rows = [], 0
        return best

    def closest_times_s(
        self, query: npt.NDArray[np.float16], reference_number: int, most: int, margin: float
    ) -> tuple[float, ...]:
        """Return when a reference is most similar to one query, (D,): times of up to `most` pictures in s, best first.

        Their cosines are at most `margin` lower than the best.
        """
        found = self._sets[reference_number]
        if not len(found.vectors):
            return ()
        cosines = found.vectors.astype(np.float32) @ query.astype(np.float32)
        order = np.argsort(-cosines, kind="stable")[:most]
        return tuple(float(found.times_s[row]) for row in order if cosines[row] >= cosines[order[0]] - margin)

    def _compare(self, queries: Floats, numbers: list[int], best: Floats) -> None:
        """Compare queries with some references, none of them empty."""
        counts = [len(self._sets[number].vectors) for number in numbers]
        rows = np.concatenate([self._sets[number].vectors for number in numbers]).astype(np.float32)
        starts = np.cumsum([0, *counts[:-1]])
        best[:, numbers] = np.maximum.reduceat(queries @ rows.T, starts, axis=1)
