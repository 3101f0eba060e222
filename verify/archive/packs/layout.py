"""The form of a pack, and its bounds: a head that is signed, and a body of records that the head has the digest of.

On-disk format: docs/internals/pack-format.md. A record is a line of JSON with a fixed set of members, and arrays of
bytes whose sizes it tells: nothing of a pack is run, opened as a database or unpacked.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

import msgspec

from verify.archive.origins import KEYPOINTS, MOTION, PROXY, THUMBNAILS, VECTORS
from verify.evidence.canonical import canonical_json

MAGIC = b"VRFYPACK"
FORMAT_NAME = "verify-pack"
FORMAT_VERSION = 1
#: Where the body begins: the head is written last, into room that was left for it.
BODY_AT = 65_536
#: Magic; lengths of head and signature in bytes; SHA-256 of the head, so that an unsigned one is checked too.
FIXED = struct.Struct("<8sII32s")
RECORD_LENGTH = struct.Struct("<I")

MAX_REFERENCES = 1_000_000
MAX_RECORDS = 100_000_000
MAX_RECORD_BYTES = 4 * 1024**2
#: SQLite holds no larger one in a row.
MAX_BLOB_BYTES = 1_000_000_000
MAX_DURATION_S = 360_000.0
MAX_SIGHTINGS = 1000
MAX_TEXT_CHARACTERS = 4000
MAX_NAME_CHARACTERS = 100
#: More moments of a reference than any video has pictures.
MAX_PER_SECOND = 130
PART_BYTES = 1 << 20

#: What is left out on wish, with what it brings.
CONFIRMATION_PARTS = (KEYPOINTS, MOTION, PROXY)
OPTIONAL_PARTS = (*CONFIRMATION_PARTS, VECTORS, THUMBNAILS)


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. `fingerprints` are the versions of what is compared; `public_key` is empty if nobody signed."""

    format: str
    format_version: int
    made_by: str
    made_utc: str
    publisher: str
    public_key: str
    snapshot_id: str
    parts: tuple[str, ...]
    fingerprints: dict[str, int]
    reference_count: int
    record_count: int
    body_bytes: int
    body_sha256: str

    def encoded(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical_json(msgspec.to_builtins(self))


class HeadVersion(msgspec.Struct):
    """What the heads of all versions have."""

    format: str
    format_version: int


class SightingRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place where the footage was seen; members as in the table `sighting` of an archive."""

    date: str
    source: str
    basis: str
    url: str
    sha256: str
    title: str
    publisher: str
    added_utc: str


class ReferenceRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record", tag="reference"):
    """Begins a reference, to which all records up to the next of this kind belong."""

    id: str
    sha256: str
    kind: str
    title: str
    publisher: str
    source_url: str
    licence: str
    event: str
    notes: str
    duration_s: float
    sightings: tuple[SightingRecord, ...]


class FingerprintRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record", tag="fingerprint"):
    """Hashes; followed by times_s, codes and quality."""

    algorithm: str
    version: int
    bits: int
    frame_count: int
    sha256: str
    blobs: tuple[int, ...]


class KeypointsRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record", tag="keypoints"):
    """Keypoints; followed by times_s, until_s, first_rows, words, points and codes."""

    version: int
    dimensions: int
    width_px: int
    height_px: int
    picture_count: int
    keypoint_count: int
    sha256: str
    blobs: tuple[int, ...]


class MotionRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record", tag="motion"):
    """Motion signatures; followed by times_s and codes."""

    version: int
    moment_count: int
    sha256: str
    blobs: tuple[int, ...]


class VectorsRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record", tag="vectors"):
    """What a learned descriptor gave; followed by times_s and vectors."""

    model_sha256: str
    dimensions: int
    picture_count: int
    sha256: str
    blobs: tuple[int, ...]


class ThumbnailRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record", tag="thumbnail"):
    """A small picture; followed by its JPEG."""

    time_s: float
    width_px: int
    height_px: int
    sha256: str
    blobs: tuple[int, ...]


class ProxyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record", tag="proxy"):
    """The small grey copy; followed by the file."""

    sha256: str
    blobs: tuple[int, ...]


PartRecord = FingerprintRecord | KeypointsRecord | MotionRecord | VectorsRecord | ThumbnailRecord | ProxyRecord
Record = ReferenceRecord | PartRecord


class TableForm(NamedTuple):
    """How a kind of record lies in the archive: its table, the columns of its arrays, and what part it brings."""

    table: str
    blobs: tuple[str, ...]
    part: str


FORMS: dict[type[PartRecord], TableForm] = {
    FingerprintRecord: TableForm("fingerprint", ("times_s", "codes", "quality"), ""),
    KeypointsRecord: TableForm(
        "local_features", ("times_s", "until_s", "first_rows", "words", "points", "codes"), KEYPOINTS
    ),
    MotionRecord: TableForm("motion", ("times_s", "codes"), MOTION),
    VectorsRecord: TableForm("descriptor", ("times_s", "vectors"), VECTORS),
    ThumbnailRecord: TableForm("thumbnail", ("jpeg",), THUMBNAILS),
    ProxyRecord: TableForm("proxy", ("file",), PROXY),
}


def fingerprint_versions() -> dict[str, int]:
    """Return the versions of all that this program compares, by name."""
    from verify.fingerprint import local, motion_signatures  # noqa: PLC0415 - imports OpenCV
    from verify.fingerprint.registry import CUES  # noqa: PLC0415

    return {
        **{cue.algorithm: cue.version for cue in CUES},
        KEYPOINTS: local.VERSION,
        MOTION: motion_signatures.VERSION,
    }


def pack_id_of(head: bytes) -> str:
    """Return the id of a pack: the SHA-256 of its head, lower-case hex."""
    return hashlib.sha256(head).hexdigest()
