"""Rows of the catalogue: how references, fingerprints and keypoints are written to it and read from it.

Every row of arrays has a digest over them. What does not have the form this program writes raises ValueError; the
archive says which reference it is about.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from verify.archive.metadata import check_id
from verify.dates import latest_day
from verify.model import FingerprintSet, LocalFeatureSet, Reference, ReferenceKind, Sighting, SightingSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.fingerprint.registry import Cue
    from verify.model import PackOrigin

#: All columns of a reference but its digest, which is over them.
REFERENCE_COLUMNS = (
    "id, sha256, kind, title, publisher, source_url, licence, event, notes, origin, retracted, duration_s, added_utc"
)
_REFERENCE_FIELDS = tuple(REFERENCE_COLUMNS.split(", "))
#: All columns of a sighting but the reference's id and the number.
SIGHTING_COLUMNS = "date, source, basis, url, sha256, title, publisher, added_utc"
_SIGHTING_FIELDS = tuple(SIGHTING_COLUMNS.split(", "))
_NO_DATE = (1, "")


class LocalRow(NamedTuple):
    """What is read of a row of keypoints."""

    version: int
    dimensions: int
    width_px: int
    height_px: int
    sha256: str
    times_s: bytes
    until_s: bytes
    first_rows: bytes
    words: bytes
    points: bytes
    codes: bytes


LOCAL_COLUMNS = ", ".join(LocalRow._fields)


def digest_of(*parts: bytes) -> str:
    """SHA-256 over the parts, each preceded by its length in bytes as 8 bytes, little-endian; lower-case hex."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.hexdigest()


def reference_row(reference: Reference) -> tuple[object, ...]:
    """Return the row of a reference, in the order of REFERENCE_COLUMNS."""
    return tuple(
        int(reference.retracted) if name == "retracted" else getattr(reference, name) for name in _REFERENCE_FIELDS
    )


def first_sighting(reference: Reference) -> Sighting:
    """Make the sighting that a reference was added with: of the very copy that it was made of."""
    return Sighting(
        date=reference.first_seen,
        source=reference.first_seen_source,
        basis=reference.first_seen_basis,
        url=reference.first_seen_url,
        sha256=reference.sha256,
        title=reference.title,
        publisher=reference.publisher,
        added_utc=reference.added_utc,
    )


def sighting_row(sighting: Sighting) -> tuple[object, ...]:
    """Return the row of a sighting, in the order of SIGHTING_COLUMNS."""
    return tuple(getattr(sighting, name) for name in _SIGHTING_FIELDS)


def sighting_of_row(row: tuple[object, ...]) -> Sighting:
    """Make a sighting of its row; raises ValueError if it is none of ours."""
    values = dict(zip(_SIGHTING_FIELDS, row, strict=True))
    values["source"] = SightingSource(str(values["source"]))
    return Sighting(**values)  # type: ignore[arg-type]  # columns are STRICT


def earliest(sightings: Sequence[Sighting]) -> Sighting:
    """Return the sighting that says most: the one whose latest possible day is the earliest, of equal ones the first.

    One without a date says least.
    """
    return min(sightings, key=lambda each: (0, latest_moment(each.date)) if each.date else _NO_DATE)


def latest_moment(date: str) -> str:
    """Return a text that sorts as the last moment that a date can mean."""
    day, _, clock = date.partition("T")
    return f"{latest_day(day).isoformat()}T{clock or '24'}"


def reference_of_row(
    row: tuple[object, ...], sightings: Sequence[Sighting], pack: PackOrigin | None = None
) -> Reference:
    """Make a reference of its row, its sightings and the pack it came with, checking what the schema does not; ids
    become parts of file names.
    """
    values = dict(zip(_REFERENCE_FIELDS, row, strict=True))
    check_id(str(values["id"]))
    values["kind"] = ReferenceKind(str(values["kind"]))
    values["retracted"] = bool(values["retracted"])
    if not sightings:
        raise ValueError("it has no sighting")
    if values["origin"] != (pack.pack_id if pack else ""):
        # Without it, a partner's word would pass for one's own.
        raise ValueError("the pack it came with is not known")
    first = earliest(sightings)
    reference = Reference(
        **values,  # type: ignore[arg-type]  # columns are STRICT
        first_seen=first.date,
        first_seen_source=first.source,
        first_seen_basis=first.basis,
        first_seen_url=first.url,
        sightings=tuple(sightings) if len(sightings) > 1 else (),
        pack=pack,
    )
    if not math.isfinite(reference.duration_s):
        raise ValueError(f"a duration of {reference.duration_s} s")
    return reference


def fingerprint_row(fingerprint: FingerprintSet) -> tuple[object, ...]:
    """Return the row of fingerprints, but for the reference's id."""
    times_s = fingerprint.times_s.astype("<f8").tobytes()
    codes = fingerprint.codes.tobytes()
    quality = fingerprint.quality.astype("<f4").tobytes()
    head = (fingerprint.algorithm, fingerprint.version, fingerprint.bits, len(fingerprint.times_s))
    return (*head, digest_of(times_s, codes, quality), times_s, codes, quality)


def fingerprints_of_row(cue: Cue, sha256: str, times_s: bytes, codes: bytes, quality: bytes) -> FingerprintSet:
    """Make fingerprints of their row; raises ValueError if they do not have their digest."""
    if digest_of(times_s, codes, quality) != sha256:
        raise ValueError("they do not have their digest")
    return FingerprintSet(
        algorithm=cue.algorithm,
        version=cue.version,
        bits=cue.bits,
        times_s=np.frombuffer(times_s, "<f8"),
        codes=np.frombuffer(codes, np.uint8).reshape(-1, cue.bits // 8),
        quality=np.frombuffer(quality, "<f4"),
    )


def local_row(local: LocalFeatureSet, words: npt.NDArray[np.uint16]) -> tuple[object, ...]:
    """Return the row of keypoints, but for the reference's id: columns as in schema.sql."""
    head = (local.version, local.codes.shape[1], local.width_px, local.height_px)
    arrays = (
        local.times_s.astype("<f8").tobytes(),
        local.until_s.astype("<f8").tobytes(),
        local.first_rows.astype("<i8").tobytes(),
        words.astype("<u2").tobytes(),
        local.points.astype("<f4").tobytes(),
        local.codes.tobytes(),
    )
    digest = digest_of(_packed(head), *arrays)
    return (*head, len(local.times_s), len(local.points), digest, *arrays)


def local_of_row(row: LocalRow, word_count: int) -> tuple[LocalFeatureSet, npt.NDArray[np.uint16]]:
    """Make keypoints and their words of their row; raises ValueError if it does not hold together.

    Parameters
    ----------
    word_count
        Words that there are.
    """
    arrays = (row.times_s, row.until_s, row.first_rows, row.words, row.points, row.codes)
    if digest_of(_packed((row.version, row.dimensions, row.width_px, row.height_px)), *arrays) != row.sha256:
        raise ValueError("they do not have their digest")
    try:
        local = LocalFeatureSet(
            version=row.version,
            width_px=row.width_px,
            height_px=row.height_px,
            times_s=np.frombuffer(row.times_s, "<f8"),
            until_s=np.frombuffer(row.until_s, "<f8"),
            first_rows=np.frombuffer(row.first_rows, "<i8"),
            points=np.frombuffer(row.points, "<f4").reshape(-1, 2),
            codes=np.frombuffer(row.codes, np.int8).reshape(-1, row.dimensions),
        )
    except IndexError as error:
        raise ValueError("no rows of key pictures") from error
    words = words_of_row(row.words)
    if len(words) != len(local.codes) or (words >= word_count).any():
        raise ValueError("words that do not belong to the keypoints")
    if not all(np.isfinite(array).all() for array in (local.times_s, local.until_s, local.points)):
        raise ValueError("a time or place that is no number")
    return local, words


def words_of_row(words: bytes) -> npt.NDArray[np.uint16]:
    """Return words as they are stored, (N,), without a half one at the end."""
    return np.frombuffer(words, "<u2", len(words) // 2)


def _packed(numbers: tuple[int, ...]) -> bytes:
    return np.array(numbers, "<i8").tobytes()
