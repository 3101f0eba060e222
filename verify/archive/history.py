"""What an archive held, state after state: digests of references, snapshots, and the log of changes.

The state of a reference has a digest over all that is told of it and over the digests of all that is searched of it.
The snapshot is a digest over those of all references in order of their ids. Every change is a line of the log, which
names the snapshot that it led to; each line has a digest over the one before, so that none can be left out unseen.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from verify.archive.catalogue import BACKUP_HINT, translated
from verify.archive.records import REFERENCE_COLUMNS, SIGHTING_COLUMNS, digest_of
from verify.dates import utc_now
from verify.errors import ArchiveDamagedError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: What a line of the log may tell.
ADDED, SEEN, DESCRIBED, AMENDED = "added", "sighting added", "described", "amended"
RETRACTED, RESTORED, FORGOTTEN = "retracted", "restored", "forgotten"
MIGRATED, REPAIRED, QUARANTINED = "migrated", "repaired", "quarantined"
IMPORTED, UNDONE = "imported", "import undone"

_PARTS = (
    ("fingerprint", "algorithm, version, frame_count, sha256", "algorithm"),
    ("local_features", "version, picture_count, keypoint_count, sha256", "version"),
    ("proxy", "size_bytes, sha256", "sha256"),
    ("motion", "version, moment_count, sha256", "version"),
    ("descriptor", "model_sha256, dimensions, picture_count, sha256", "model_sha256"),
)


class Change(NamedTuple):
    """What is to be noted of a change of one reference."""

    action: str
    reference_id: str
    reason: str = ""
    detail: str = ""


class LogEntry(NamedTuple):
    """A line of the log.

    `digest` is that of the reference after the change, empty if it is not there any more; `snapshot_id` that of the
    archive after the change, and after those that were committed together with it.
    """

    number: int
    utc: str
    action: str
    reference_id: str
    digest: str
    reason: str
    detail: str
    snapshot_id: str
    sha256: str


class History:
    """Digests and log of the archive at `folder`, over its open catalogue."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self._folder = folder
        self._connection = connection

    def digest(self, reference_id: str) -> str:
        """Make the digest of a reference's present state, lower-case hex; empty if there is no such reference."""
        row = self._one(f"SELECT {REFERENCE_COLUMNS} FROM reference WHERE id = ?", reference_id)  # noqa: S608
        if not row:
            return ""
        sightings = self._connection.execute(
            f"SELECT {SIGHTING_COLUMNS} FROM sighting WHERE reference_id = ? ORDER BY number",  # noqa: S608
            (reference_id,),
        ).fetchall()
        parts = {
            table: self._connection.execute(
                f"SELECT {columns} FROM {table} WHERE reference_id = ? ORDER BY {order}",  # noqa: S608
                (reference_id,),
            ).fetchall()
            for table, columns, order in _PARTS
        }
        told = {
            "reference": dict(zip(REFERENCE_COLUMNS.split(", "), row, strict=True)),
            "sightings": [dict(zip(SIGHTING_COLUMNS.split(", "), each, strict=True)) for each in sightings],
            "parts": parts,
        }
        return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()

    def snapshot_id(self) -> str:
        """Make the id of the present state: SHA-256, lower-case hex, over a line 'digest  id' for each reference."""
        content = hashlib.sha256()
        with translated(self._folder):
            for reference_id, digest in self._connection.execute("SELECT id, digest FROM reference ORDER BY id"):
                content.update(f"{digest}  {reference_id}\n".encode())
        return content.hexdigest()

    def record(self, changes: Sequence[Change]) -> None:
        """Bring the digests of changed references up to date, and write the log. To be called in a transaction."""
        for reference_id in {change.reference_id for change in changes if change.reference_id}:
            self._connection.execute(
                "UPDATE reference SET digest = ? WHERE id = ?", (self.digest(reference_id), reference_id)
            )
        snapshot_id, utc = self.snapshot_id(), utc_now()
        last = self._one("SELECT number, sha256 FROM log ORDER BY number DESC LIMIT 1")
        number, before = (int(last[0]), str(last[1])) if last else (0, "")
        for change in changes:
            number += 1
            row = self._one("SELECT digest FROM reference WHERE id = ?", change.reference_id)
            entry = LogEntry(
                number=number,
                utc=utc,
                action=change.action,
                reference_id=change.reference_id,
                digest=str(row[0]) if row else "",
                reason=change.reason,
                detail=change.detail,
                snapshot_id=snapshot_id,
                sha256="",
            )
            before = chained(before, entry)
            self._connection.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*entry[:-1], before))

    def entries(self, newest: int = 0, reference_id: str = "") -> list[LogEntry]:
        """Return the log, oldest line first.

        Parameters
        ----------
        newest
            Return only so many of the last lines; 0 for all.
        reference_id
            Return only lines about this reference.
        """
        where = "WHERE reference_id = ?" if reference_id else ""
        limit = f"LIMIT {int(newest)}" if newest else ""
        query = f"SELECT * FROM log {where} ORDER BY number DESC {limit}"  # noqa: S608 - nothing of the user's
        with translated(self._folder):
            rows = self._connection.execute(query, (reference_id,) if reference_id else ()).fetchall()
        return [LogEntry(*row) for row in reversed(rows)]

    def state(self, snapshot_id: str) -> dict[str, str] | None:
        """Return the references of an earlier state, id to digest; None if the archive never had that state.

        Raises
        ------
        ArchiveDamagedError
            The log does not lead to that state.
        """
        held: dict[str, str] = {}
        found: dict[str, str] | None = None
        for entry in self._all():
            if found is not None and entry.snapshot_id != snapshot_id:
                break
            if entry.digest:
                held[entry.reference_id] = entry.digest
            else:
                held.pop(entry.reference_id, None)
            if entry.snapshot_id == snapshot_id:
                found = held
        if found is None:
            return None
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(found.items()))
        if hashlib.sha256(lines.encode()).hexdigest() != snapshot_id:
            raise ArchiveDamagedError(self._folder, f"the log does not lead to the snapshot {snapshot_id}", BACKUP_HINT)
        return found

    def broken_line(self) -> int | None:
        """Return the number of the first line of the log that is not as it was written, None if all are."""
        before, expected = "", 1
        for entry in self._all():
            if entry.number != expected or chained(before, entry) != entry.sha256:
                return expected
            before, expected = entry.sha256, expected + 1
        return None

    def _all(self) -> Iterator[LogEntry]:
        with translated(self._folder):
            for row in self._connection.execute("SELECT * FROM log ORDER BY number"):
                yield LogEntry(*row)

    def _one(self, query: str, *values: object) -> tuple[Any, ...]:
        found: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        return found or ()


def chained(before: str, entry: LogEntry) -> str:
    """Make the digest of a line of the log: over the digest of the line before and its own other fields."""
    return digest_of(*(str(part).encode("utf-8", "surrogatepass") for part in (before, *entry[:-1])))
