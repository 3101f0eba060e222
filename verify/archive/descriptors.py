"""Vectors of learned descriptors in the catalogue.

Vectors of different models are never compared; a reference may have those of several.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from verify.archive.catalogue import BACKUP_HINT, translated
from verify.archive.records import digest_of
from verify.errors import ArchiveDamagedError
from verify.model import DescriptorSet

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

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

    def digests(self, reference_id: str = "") -> list[DescriptorDigest]:
        """Return what is kept, of one reference if one is named, by reference id, then model.

        Raises
        ------
        ArchiveDamagedError
            A row is none of ours.
        """
        columns, where = ", ".join(DescriptorDigest._fields), "WHERE reference_id = ?" if reference_id else ""
        query = f"SELECT {columns} FROM descriptor {where} ORDER BY 1, 2"  # noqa: S608 - nothing of the user's
        with translated(self._folder):
            rows = self._connection.execute(query, (reference_id,) if reference_id else ())
            found = [DescriptorDigest(*row) for row in rows]
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
            (size,) = self._connection.execute(
                "SELECT total(length(times_s) + length(vectors)) FROM descriptor"
            ).fetchone()
        return int(size)

    def _damage(self, reference_id: str, problem: str) -> ArchiveDamagedError:
        return ArchiveDamagedError(self._folder, f"the learned descriptors of {reference_id} {problem}", BACKUP_HINT)
