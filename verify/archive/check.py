"""Look whether an archive is as it was written: every digest, every file, the log, and what SQLite says."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from verify.archive.catalogue import translated
from verify.archive.origins import may_lack, origin_of
from verify.archive.records import fingerprints_of_row
from verify.archive.thumbnails import thumbnail_digest
from verify.errors import ArchiveDamagedError, FingerprintVersionError
from verify.fingerprint.registry import CUES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from verify.archive.store import Archive
    from verify.model import Progress

_MOST_TOLD = 20


class Part(StrEnum):
    """What of an archive a problem is about."""

    CATALOGUE = "catalogue"
    LOG = "log"
    STRAYS = "stray rows"
    REFERENCE = "reference"
    HASHES = "hashes"
    KEYPOINTS = "keypoints"
    MOTION = "motion signatures"
    VECTORS = "vectors"
    PROXY = "proxy"
    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    VERSION = "version"
    LEFT_OVER = "left-over file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is not as it was written.

    `reference_id` is empty where it is about the whole archive. `is_damage` is false for what does no harm.
    """

    part: Part
    text: str
    reference_id: str = ""
    is_damage: bool = True


def check_archive(archive: Archive, progress: Progress) -> list[Problem]:
    """Check everything that an archive holds, and return what is wrong.

    Raises
    ------
    ArchiveDamagedError
        Not even the names of what it holds can be read.
    ArchiveLockedError
        It cannot be read at all just now.
    """
    problems = check_catalogue(archive)
    if problems:
        # Nothing that is read from such a file can be relied on.
        return problems
    with translated(archive.folder):
        # In short transactions: others may write meanwhile, and are not to be kept from it for long.
        with archive.reading():
            problems += [*_strays(archive), *check_log(archive)]
            names = [name for (name,) in archive.connection.execute("SELECT id FROM reference ORDER BY id")]
        progress.start("checking", len(names), "references")
        for name in names:
            with archive.reading():
                if archive.connection.execute("SELECT 1 FROM reference WHERE id = ?", (name,)).fetchone():
                    problems += check_reference(archive, name)
            progress.advance(1)
        progress.finish()
        with archive.reading():
            return [*problems, *_left_over(archive)]


def check_catalogue(archive: Archive) -> list[Problem]:
    """Let SQLite look at the file of the catalogue."""
    try:
        found = [row[0] for row in archive.connection.execute(f"PRAGMA integrity_check({_MOST_TOLD})")]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return [Problem(part=Part.CATALOGUE, text=f"SQLite cannot read it ({error})")]
    return [Problem(part=Part.CATALOGUE, text=text) for text in found if text != "ok"]


def _strays(archive: Archive) -> list[Problem]:
    strays = archive.connection.execute("PRAGMA foreign_key_check").fetchall()
    if not strays:
        return []
    text = f"{len(strays)} rows belong to no reference, in {strays[0][0]} for one"
    return [Problem(part=Part.STRAYS, text=text)]


def check_log(archive: Archive) -> list[Problem]:
    """Look whether the log is whole, and leads to what is there."""
    history = archive.history
    if (line := history.broken_line()) is not None:
        return [Problem(part=Part.LOG, text=f"line {line} of the log is not as it was written, or missing")]
    present = dict(archive.connection.execute("SELECT id, digest FROM reference").fetchall())
    last = history.entries(1)
    try:
        held = (history.state(last[-1].snapshot_id) if last else None) or {}
    except ArchiveDamagedError as error:
        return [Problem(part=Part.LOG, text=error.problem)]
    problems = []
    for name in sorted({*held, *present}):
        if name not in present:
            text = "it is in the log and not in the catalogue"
        elif name not in held:
            text = "it is in the catalogue and not in the log"
        elif held[name] != present[name]:
            text = "the log has another digest of it"
        else:
            continue
        problems.append(Problem(part=Part.REFERENCE, reference_id=name, text=text))
    return problems


def check_reference(archive: Archive, reference_id: str) -> list[Problem]:
    """Check all that is kept of one reference."""
    problems: list[Problem] = []

    def attempt(part: Part, look: Callable[[], object]) -> None:
        try:
            look()
        except FingerprintVersionError as error:
            problems.append(Problem(part=Part.VERSION, reference_id=reference_id, text=error.problem, is_damage=False))
        except ArchiveDamagedError as error:
            problems.append(Problem(part=part, reference_id=reference_id, text=error.problem))
        except (sqlite3.DatabaseError, ValueError, OverflowError, TypeError) as error:
            problems.append(Problem(part=part, reference_id=reference_id, text=f"it cannot be read ({error})"))

    def look_at_metadata() -> None:
        archive.reference(reference_id)
        stored = archive.connection.execute("SELECT digest FROM reference WHERE id = ?", (reference_id,)).fetchone()
        if stored is None or archive.history.digest(reference_id) != stored[0]:
            raise ValueError("what is told of it does not have its digest")

    attempt(Part.REFERENCE, look_at_metadata)
    attempt(Part.HASHES, lambda: _check_hashes(archive, reference_id))
    attempt(Part.KEYPOINTS, lambda: _check_keypoints(archive, reference_id))
    attempt(Part.MOTION, lambda: _check_motion(archive, reference_id))
    attempt(Part.VECTORS, lambda: _check_vectors(archive, reference_id))
    attempt(Part.PROXY, lambda: archive.proxy_path(reference_id))
    attempt(Part.VIDEO, lambda: _check_video(archive, reference_id))
    attempt(Part.THUMBNAIL, lambda: _check_thumbnails(archive, reference_id))
    return problems


def _check_hashes(archive: Archive, reference_id: str) -> None:
    query = (
        "SELECT version, bits, sha256, times_s, codes, quality, frame_count FROM fingerprint "
        "WHERE reference_id = ? AND algorithm = ?"
    )
    pack = origin_of(archive.folder, archive.connection, reference_id)
    for cue in CUES:
        row = archive.connection.execute(query, (reference_id, cue.algorithm)).fetchone()
        if row is None and may_lack(pack, cue.algorithm):
            continue
        if row is None:
            raise ValueError(f"the {cue.algorithm} fingerprints are missing")
        version, bits, *stored, count = row
        if (version, bits) != (cue.version, cue.bits):
            problem = f"{cue.algorithm} fingerprints of {reference_id} are version {version}, not {cue.version}"
            raise FingerprintVersionError(archive.folder, problem)
        if len(fingerprints_of_row(cue, *stored).times_s) != count:
            raise ValueError(f"the {cue.algorithm} fingerprints are not {count}")


def _check_keypoints(archive: Archive, reference_id: str) -> None:
    archive.local_features(reference_id)


def _check_motion(archive: Archive, reference_id: str) -> None:
    if archive.motion(reference_id) is None and archive.stored_proxy(reference_id) is not None:
        raise ValueError("they are missing, and there is a proxy")


def _check_vectors(archive: Archive, reference_id: str) -> None:
    for stored in archive.descriptor_digests(reference_id):
        archive.descriptors(stored)


def _check_video(archive: Archive, reference_id: str) -> Path | None:
    stored = archive.stored_media(reference_id)
    return archive.media.checked(reference_id, stored) if stored else None


def _check_thumbnails(archive: Archive, reference_id: str) -> None:
    if times_s := list(damaged_thumbnails(archive, reference_id)):
        raise ValueError(f"{len(times_s)} of them do not have their digest, the first at {times_s[0]:g} s")


def damaged_thumbnails(archive: Archive, reference_id: str) -> Iterator[float]:
    """Yield the times of the thumbnails of a reference that are not as they were stored, in s."""
    query = "SELECT sha256, time_s, width_px, height_px, jpeg FROM thumbnail WHERE reference_id = ? ORDER BY time_s"
    for sha256, *thumbnail in archive.connection.execute(query, (reference_id,)):
        if thumbnail_digest(*thumbnail) != sha256:
            yield thumbnail[0]


def _left_over(archive: Archive) -> list[Problem]:
    problems = []
    for store, table in ((archive.proxies, "proxy"), (archive.media, "media")):
        kept = {sha256 for (sha256,) in archive.connection.execute(f"SELECT sha256 FROM {table}")}  # noqa: S608
        problems += [
            Problem(
                part=Part.LEFT_OVER,
                text=f"{name} belongs to no reference; the next addition deletes it",
                is_damage=False,
            )
            for name in store.unnamed(kept)
        ]
    return problems
