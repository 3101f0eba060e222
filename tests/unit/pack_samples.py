"""Archives and packs for tests: small, with everything that a reference can have, made in a blink."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tests.unit.archive_samples import features_of
from verify.archive.packs.export import export_pack
from verify.archive.packs.importing import Imported, Terms, import_pack
from verify.archive.packs.layout import BODY_AT, FIXED, MAGIC, OPTIONAL_PARTS, RECORD_LENGTH
from verify.archive.packs.reading import opened_pack
from verify.archive.store import Archive, Thumbnail
from verify.evidence.canonical import canonical_json
from verify.evidence.keys import SigningKey
from verify.fingerprint.motion_signatures import DIMENSIONS, VERSION
from verify.fingerprint.registry import CUES
from verify.media.pictures import encode_jpeg
from verify.media.proxies import ProxyWriter
from verify.model import (
    DescriptorSet,
    FingerprintSet,
    MotionSet,
    Reference,
    ReferenceKind,
    SilentProgress,
    TrustGrade,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

KEY = SigningKey.generate()
MODEL = "a" * 64
DURATION_S = 4.0


def sha256_of(number: int) -> str:
    return f"{number:064x}"


def fingerprints_of(number: int) -> dict[str, FingerprintSet]:
    random = np.random.default_rng(number)
    return {
        cue.algorithm: FingerprintSet(
            algorithm=cue.algorithm,
            version=cue.version,
            bits=cue.bits,
            times_s=np.arange(16) / 4,
            codes=random.integers(0, 256, (16, cue.bits // 8), np.uint8),
            quality=random.uniform(0.5, 1, 16).astype(np.float32),
        )
        for cue in CUES
    }


def thumbnails_of(number: int) -> list[Thumbnail]:
    picture = np.random.default_rng(number).integers(0, 256, (144, 256, 3), np.uint8)
    return [Thumbnail(time_s, 256, 144, encode_jpeg(picture, 60)) for time_s in (0.0, 0.5, 1.0)]


def motion_of(number: int) -> MotionSet:
    codes = np.random.default_rng(number).integers(-90, 91, (30, DIMENSIONS)).astype(np.int8)
    return MotionSet(version=VERSION, times_s=0.12 + np.arange(30) / 12.5, codes=codes)


def vectors_of(number: int) -> DescriptorSet:
    vectors = np.random.default_rng(number).normal(size=(4, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return DescriptorSet(model_sha256=MODEL, times_s=np.arange(4.0), vectors=vectors.astype(np.float16))


def proxy_of(number: int, path: Path, width_px: int = 160) -> Path:
    random = np.random.default_rng(number)
    with ProxyWriter(path) as writer:
        for frame in range(8):
            writer.add(frame / 2, random.integers(0, 256, (90, width_px), np.uint8))
    return path


def add_reference(archive: Archive, number: int, reference: Reference, *, with_proxy: bool = True) -> None:
    archive.add(
        reference,
        fingerprints_of(number),
        thumbnails_of(number),
        features_of(number),
        proxy_of(number, archive.folder.with_name("proxy.mkv")) if with_proxy else None,
        motion=motion_of(number) if with_proxy else None,
        descriptors=vectors_of(number),
    )


def reference_of(number: int, name: str, **told: Any) -> Reference:
    values: dict[str, Any] = {
        "title": f"Clip {number}",
        "publisher": "Agency",
        "kind": ReferenceKind.NEWS,
        "source_url": f"https://example.org/{number}",
        "first_seen": f"20{10 + number}-03-04",
        "first_seen_basis": "upload",
        "notes": "two\nlines",
        "added_utc": "2026-01-31T12:00:00Z",
    }
    return Reference(id=name, sha256=sha256_of(number), duration_s=DURATION_S, **{**values, **told})


def archive_at(folder: Path, names: Sequence[str] = ("one", "two"), first: int = 1) -> Path:
    """An archive with a reference of each name."""
    with Archive.create_or_open(folder) as archive:
        for number, name in enumerate(names, first):
            add_reference(archive, number, reference_of(number, name))
    return folder


def exported(
    folder: Path, path: Path, *, parts: Sequence[str] = OPTIONAL_PARTS, key: SigningKey | None = KEY, **rest: Any
) -> Path:
    with Archive.open(folder) as archive:
        export_pack(archive, path, SilentProgress(), parts=parts, signing_key=key, **rest)
    return path


def imported(
    folder: Path,
    path: Path,
    *,
    key: SigningKey | None = KEY,
    grade: TrustGrade = TrustGrade.TRUSTED,
    name: str = "Desk North",
    prefix: str = "",
) -> Imported:
    trusted = [key.public] if key else []
    with (
        opened_pack(path, SilentProgress(), trusted=trusted, accept_unsigned=key is None) as pack,
        Archive.create_or_open(folder) as archive,
    ):
        return import_pack(archive, pack, Terms(name=name, grade=grade, prefix=prefix), SilentProgress())


def rows_of(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    with Archive.open(folder) as archive:
        tables = [name for (name,) in archive.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: sorted(archive.connection.execute(f"SELECT * FROM {table}"), key=repr)  # noqa: S608
            for table in tables
        }


def records_of(path: Path) -> list[tuple[dict[str, Any], list[bytes]]]:
    """The records of a pack as plain values, with their arrays."""
    data = path.read_bytes()[BODY_AT:]
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        record = msgspec.json.decode(data[at + 4 : at + 4 + length])
        at += 4 + length
        blobs = []
        for size in record.get("blobs", ()):
            blobs.append(data[at : at + size])
            at += size
        found.append((record, blobs))
    return found


def head_of(path: Path) -> dict[str, Any]:
    data = path.read_bytes()[:BODY_AT]
    _, length, _, _ = FIXED.unpack_from(data)
    head: dict[str, Any] = msgspec.json.decode(data[FIXED.size : FIXED.size + length])
    return head


def write_pack(
    path: Path,
    head: dict[str, Any],
    records: Sequence[tuple[dict[str, Any], Sequence[bytes]]],
    *,
    key: SigningKey | None = KEY,
    claims: dict[str, Any] | None = None,
) -> Path:
    """Write a pack as a sender might who knows the format well: everything fits together but for `claims`."""
    body = b""
    for record, blobs in records:
        encoded = msgspec.json.encode(record)
        body += RECORD_LENGTH.pack(len(encoded)) + encoded + b"".join(blobs)
    told = {
        **head,
        "public_key": key.public.encoded if key else "",
        "reference_count": sum(record.get("record") == "reference" for record, _ in records),
        "record_count": len(records),
        "body_bytes": len(body),
        "body_sha256": hashlib.sha256(body).hexdigest(),
        **(claims or {}),
    }
    encoded = canonical_json(told)
    signature = key.sign(encoded, "verify pack").encode() if key else b""
    start = FIXED.pack(MAGIC, len(encoded), len(signature), hashlib.sha256(encoded).digest()) + encoded + signature
    path.write_bytes(start.ljust(BODY_AT, b"\0") + body)
    return path


def changed_pack(
    source: Path, path: Path, change: Callable[[dict[str, Any], list[bytes]], None], *, kind: str = "reference"
) -> Path:
    """Change the first record of a kind, and sign the result as its sender would."""
    records = records_of(source)
    record, blobs = next(each for each in records if each[0]["record"] == kind)
    change(record, blobs)
    return write_pack(path, head_of(source), records)
