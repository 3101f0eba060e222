"""Find in an archive, as it is now, the references that a report was checked against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.archive.history import AMENDED, DESCRIBED, FORGOTTEN, RESTORED, RETRACTED, SEEN
from verify.archive.origins import without_vectors
from verify.archive.store import Archive
from verify.errors import ArchiveLockedError, InvalidUsageError
from verify.match.library import library_of, open_library
from verify.media.proxies import ProxyReader

if TYPE_CHECKING:
    from pathlib import Path

    from verify.archive.history import LogEntry
    from verify.fingerprint.learned import Descriptor
    from verify.match.library import Library

#: Changes that leave fingerprints, keypoints, motion and proxy of a reference as they were.
_OF_WORDS = frozenset({SEEN, AMENDED, RETRACTED, RESTORED})
_TURNS = (RETRACTED, RESTORED)
_NOT_LOGGED = "the archive holds another state of it than its log tells"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A reference that was searched then and cannot be now, with the reason."""

    reference_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Searchable:
    """Which references of an earlier state can be searched as they were then.

    `is_current` says that the archive, as it is, would search exactly these.
    """

    reference_ids: tuple[str, ...]
    unusable: tuple[Unusable, ...]
    is_current: bool
    snapshot_now: str


@contextmanager
def opened(folder: Path, snapshot_id: str, learned: Descriptor | None) -> Iterator[tuple[Library | None, Searchable]]:
    """Load what can be searched of an earlier state of an archive; no library if that is nothing.

    Where later changes leave exactly the same references to be searched, the archive is loaded as a search loads it;
    else those references are loaded, all of what is searched of them in memory.

    Raises
    ------
    InvalidUsageError
        There is no archive, or it never was in that state.
    ArchiveDamagedError, NewerFormatError, FingerprintVersionError
        It cannot be searched.
    """
    with Archive.open(folder) as archive, ProxyReader() as proxies:
        found = searchable(archive, snapshot_id, learned)
        if not found.reference_ids:
            yield None, found
        elif not found.is_current:
            yield library_of(archive, found.reference_ids, proxies, learned), found
    if found.reference_ids and found.is_current:
        with open_library(folder, learned) as library:
            if library.snapshot.snapshot_id != found.snapshot_now:
                raise ArchiveLockedError(folder, "it was changed in this moment", "Run the command again.")
            yield library, found


def searchable(archive: Archive, snapshot_id: str, learned: Descriptor | None) -> Searchable:
    """Tell which references of a state can be searched as they were then; raises as `opened` does."""
    with archive.reading():
        entries = archive.history.entries()
        present = {each.id: each for each in archive.references()}
        digests = dict(archive.connection.execute("SELECT id, digest FROM reference").fetchall())
        now = archive.history.snapshot_id()
        described = _described(archive, learned)
        then = digests if now == snapshot_id else archive.history.state(snapshot_id)
    if then is None:
        raise InvalidUsageError(
            archive.folder,
            f"this archive never was in the state {snapshot_id[:64]} that the report was checked against; "
            f"its state now is {now}",
            "Give the archive that was searched, or a copy of it, with --archive.",
        )
    later = [] if now == snapshot_id else _entries_after(entries, snapshot_id)
    by_reference: dict[str, list[LogEntry]] = {}
    for entry in later:
        by_reference.setdefault(entry.reference_id, []).append(entry)
    retracted_now = {name for name, each in present.items() if each.retracted}
    retracted = _retracted(entries[: len(entries) - len(later)], by_reference, retracted_now)
    usable, unusable = [], []
    for name in sorted(set(then) - retracted):
        why = ""
        if digests.get(name) != then[name]:
            changes = by_reference.get(name, [])
            why = _why_unusable(changes, is_described=learned is not None) if changes else _NOT_LOGGED
        if not why and described is not None and name not in described:
            why = "its vectors of the learned descriptor that was used are not kept any more"
        if why:
            unusable.append(Unusable(reference_id=name, why=why))
        else:
            usable.append(name)
    return Searchable(
        reference_ids=tuple(usable),
        unusable=tuple(unusable),
        is_current=set(usable) == set(present) - retracted_now,
        snapshot_now=now,
    )


def usable_releases(archive: Archive, release_ids: Sequence[str], created_utc: str) -> tuple[list[str], list[Unusable]]:
    """Tell which remembered releases can be searched as they were when a report was made, and which cannot.

    Parameters
    ----------
    created_utc
        When the report was made; what was changed later is looked at.
    """
    usable, unusable = [], []
    for name in sorted(set(release_ids)):
        entries = [entry for entry in archive.history.entries(reference_id=name) if entry.utc > created_utc]
        is_there = archive.reference(name) is not None
        why = _why_unusable(entries, is_described=False, is_there=is_there)
        if why:
            unusable.append(Unusable(reference_id=name, why=why))
        else:
            usable.append(name)
    return usable, unusable


def _described(archive: Archive, learned: Descriptor | None) -> set[str] | None:
    """Name the references that can be searched by a descriptor as its index does it; None without one."""
    if learned is None:
        return None
    there = {each.reference_id for each in archive.descriptor_digests() if each.model_sha256 == learned.sha256}
    return there | without_vectors(archive)


def _entries_after(entries: Sequence[LogEntry], snapshot_id: str) -> list[LogEntry]:
    """Return what was logged after the archive had first come to a state, as `History.state` takes it."""
    numbers = [number for number, entry in enumerate(entries) if entry.snapshot_id == snapshot_id]
    last = numbers[0]
    while last + 1 < len(entries) and entries[last + 1].snapshot_id == snapshot_id:
        last += 1
    return list(entries[last + 1 :])


def _retracted(before: Sequence[LogEntry], after: Mapping[str, Sequence[LogEntry]], now: set[str]) -> set[str]:
    """Name the references that were retracted in a state.

    The first change after it that retracts or restores one says what it was before. One without such a change is what
    it is `now`, unless it was taken out in between: then what was logged before tells.
    """
    found = {name for name in now if name not in after}
    last = {entry.reference_id: entry.action for entry in before if entry.action in _TURNS}
    for name, entries in after.items():
        turn = next((entry.action for entry in entries if entry.action in _TURNS), "")
        is_same_one = all(entry.action in _OF_WORDS or entry.action == DESCRIBED for entry in entries)
        was_retracted = name in now if is_same_one else last.get(name) == RETRACTED
        if turn == RESTORED or (not turn and was_retracted):
            found.add(name)
    return found


def _why_unusable(later: Sequence[LogEntry], *, is_described: bool, is_there: bool = True) -> str:
    """Say why a reference cannot be searched as it was before these changes; empty if it can."""
    harmless = _OF_WORDS if is_described else _OF_WORDS | {DESCRIBED}
    changes = [entry for entry in later if entry.action not in harmless]
    if not changes:
        return "" if is_there else "the archive does not have it"
    last = next((entry for entry in reversed(changes) if entry.action == FORGOTTEN), changes[0])
    told = "; ".join(part for part in (last.reason, last.detail) if part)
    return f"it was {last.action} on {last.utc[:10]}" + (f" ({told})" if told else "")
