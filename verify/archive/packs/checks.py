"""What a reference must be like to be shared or taken over: texts, numbers, arrays, pictures.

All of it raises ValueError, whose text says what is wrong without repeating what a stranger wrote.
"""

from __future__ import annotations

import io
import math
import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from verify.archive.metadata import is_url
from verify.archive.packs.layout import (
    MAX_DURATION_S,
    MAX_NAME_CHARACTERS,
    MAX_PER_SECOND,
    MAX_SIGHTINGS,
    MAX_TEXT_CHARACTERS,
    FingerprintRecord,
    KeypointsRecord,
    MotionRecord,
    ProxyRecord,
    ThumbnailRecord,
    VectorsRecord,
)
from verify.archive.thumbnails import THUMBNAIL_SIDE_PX
from verify.dates import checked_moment
from verify.fingerprint.registry import CUES
from verify.model import ReferenceKind, SightingSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from verify.archive.packs.layout import PartRecord, ReferenceRecord, SightingRecord

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_TEXTS = ("title", "publisher", "source_url", "licence", "event", "notes")
_SIGHTING_TEXTS = ("basis", "url", "title", "publisher")
_LEAST_JPEG_BYTES, _MOST_JPEG_BYTES = 100, 1_000_000
_MOST_DIMENSIONS = 4096
_MOST_SIDE_PX = 4096
#: How far the last moment may lie behind the end of the last picture, in s.
_END_TOLERANCE_S = 1.0
_LONGEST_VECTOR = 1.01


def check_reference_record(record: ReferenceRecord) -> None:
    """Check what is told of a reference but its id."""
    if not _DIGEST.fullmatch(record.sha256):
        raise ValueError("its SHA-256 is none")
    if record.kind not in set(ReferenceKind):
        raise ValueError("its kind is none that there is")
    if not 0 < record.duration_s <= MAX_DURATION_S:
        raise ValueError(f"a duration that is not between 0 and {MAX_DURATION_S:g} s")
    for name in _TEXTS:
        check_text(getattr(record, name), name)
    if record.source_url and not is_url(record.source_url):
        raise ValueError("source_url is no http(s) URL")
    if not 1 <= len(record.sightings) <= MAX_SIGHTINGS:
        raise ValueError(f"{len(record.sightings)} sightings, not between 1 and {MAX_SIGHTINGS}")
    for sighting in record.sightings:
        _check_sighting(sighting)


def _check_sighting(sighting: SightingRecord) -> None:
    if sighting.source not in set(SightingSource):
        raise ValueError("the source of a sighting is none that there is")
    if sighting.sha256 and not _DIGEST.fullmatch(sighting.sha256):
        raise ValueError("the SHA-256 of a sighting is none")
    if sighting.added_utc and not _MOMENT.fullmatch(sighting.added_utc):
        raise ValueError("the moment at which a sighting was added is none")
    if sighting.date:
        try:
            is_plain = checked_moment(sighting.date) == sighting.date
        except ValueError:
            is_plain = False
        if not is_plain:
            raise ValueError("the date of a sighting is none")
    for name in _SIGHTING_TEXTS:
        check_text(getattr(sighting, name), f"{name} of a sighting")
    if sighting.url and not is_url(sighting.url):
        raise ValueError("url of a sighting is no http(s) URL")


def check_text(text: str, name: str, most: int = MAX_TEXT_CHARACTERS) -> None:
    """Check the length of a text, and that no character of it acts on a terminal."""
    if len(text) > most:
        raise ValueError(f"{name} has more than {most} characters")
    if any(unicodedata.category(each) in ("Cc", "Cs") and each not in "\n\t" for each in text):
        raise ValueError(f"{name} has control characters")


def check_name(text: str, name: str) -> None:
    """Check the name of a sender: one line, not long, nothing that turns the text around it."""
    check_text(text, name, MAX_NAME_CHARACTERS)
    if not text.isprintable():
        raise ValueError(f"{name} has characters that cannot be shown")


def most_moments(duration_s: float) -> int:
    """Return how many moments of a reference of that length there can be something for."""
    return int(100 + MAX_PER_SECOND * duration_s)


def check_sizes(record: PartRecord, duration_s: float) -> None:
    """Check counts, and that the arrays have the sizes that follow, before any of them is read."""
    most = most_moments(duration_s)
    sizes = record.blobs
    expected: Sequence[int] = sizes
    match record:
        case FingerprintRecord(bits=bits, frame_count=count):
            _check_count(count, most)
            if (record.algorithm, bits) not in {(cue.algorithm, cue.bits) for cue in CUES}:
                raise ValueError("hashes of an algorithm that is none of ours")
            expected = (8 * count, bits // 8 * count, 4 * count)
        case KeypointsRecord(dimensions=dimensions, picture_count=pictures, keypoint_count=points):
            _check_count(pictures, most)
            if not (0 < dimensions <= _MOST_DIMENSIONS and points >= 0):
                raise ValueError("keypoints in numbers that cannot be")
            if not (0 < record.width_px <= _MOST_SIDE_PX and 0 < record.height_px <= _MOST_SIDE_PX):
                raise ValueError("keypoints in a picture of a size that cannot be")
            moments, rows = 8 * pictures, 8 * (pictures + 1)
            expected = (moments, moments, rows, 2 * points, 8 * points, dimensions * points)
        case MotionRecord(moment_count=count):
            from verify.fingerprint.motion_signatures import DIMENSIONS  # noqa: PLC0415 - imports OpenCV

            _check_count(count, most)
            expected = (8 * count, DIMENSIONS * count)
        case VectorsRecord(dimensions=dimensions, picture_count=count):
            _check_count(count, most)
            if not 0 < dimensions <= _MOST_DIMENSIONS or not _DIGEST.fullmatch(record.model_sha256):
                raise ValueError("vectors of a model that cannot be")
            expected = (8 * count, 2 * dimensions * count)
        case ThumbnailRecord() | ProxyRecord():
            _check_file_size(record, duration_s)
    if tuple(sizes) != tuple(expected):
        raise ValueError("arrays that have not the sizes that follow from their numbers")


def _check_file_size(record: ThumbnailRecord | ProxyRecord, duration_s: float) -> None:
    sizes = record.blobs
    if isinstance(record, ProxyRecord):
        if len(sizes) != 1 or sizes[0] < 1 or not _DIGEST.fullmatch(record.sha256):
            raise ValueError("a proxy of no size or digest")
        return
    is_size = all(0 < side <= THUMBNAIL_SIDE_PX for side in (record.width_px, record.height_px))
    if not is_size or not 0 <= record.time_s <= duration_s + _END_TOLERANCE_S or len(sizes) != 1:
        raise ValueError("a thumbnail of a size or time that cannot be")
    if not _LEAST_JPEG_BYTES <= sizes[0] <= _MOST_JPEG_BYTES:
        raise ValueError("a thumbnail of a number of bytes that cannot be")


def _check_count(count: int, most: int) -> None:
    if not 0 <= count <= most:
        raise ValueError(f"{count} moments, more than the {most} that its duration allows")


def check_arrays(record: PartRecord, blobs: Sequence[bytes], duration_s: float) -> None:
    """Check that arrays hold numbers that matching can do with; their digests are checked elsewhere."""
    if isinstance(record, ThumbnailRecord):
        _check_jpeg(record, blobs[0])
        return
    times_s = np.frombuffer(blobs[0], "<f8")
    _check_times(times_s, duration_s)
    match record:
        case FingerprintRecord():
            quality = np.frombuffer(blobs[2], "<f4")
            if not ((quality >= 0) & (quality <= 1)).all():  # NaN is neither
                raise ValueError("a quality that is not between 0 and 1")
        case KeypointsRecord():
            _check_times(np.frombuffer(blobs[1], "<f8"), duration_s, increasing=False)
            points = np.frombuffer(blobs[4], "<f4").reshape(-1, 2)
            inside = (points >= -1) & (points <= np.array([record.width_px + 1, record.height_px + 1], np.float32))
            if not inside.all():
                raise ValueError("a keypoint outside its picture")
        case VectorsRecord():
            vectors = np.frombuffer(blobs[1], "<f2").reshape(record.picture_count, record.dimensions)
            with np.errstate(invalid="ignore", over="ignore"):
                lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
            if not (lengths <= _LONGEST_VECTOR).all():  # what is no number is not
                raise ValueError("a vector that is longer than 1")
        case _:
            pass


def _check_times(times_s: npt.NDArray[np.float64], duration_s: float, *, increasing: bool = True) -> None:
    inside = (times_s >= 0) & (times_s <= duration_s + _END_TOLERANCE_S)
    if not inside.all() or (increasing and (np.diff(times_s) < 0).any()):
        raise ValueError("times that do not go from 0 to the end of the reference")


def _check_jpeg(record: ThumbnailRecord, jpeg: bytes) -> None:
    if not math.isfinite(record.time_s):
        raise ValueError("a thumbnail at no time")
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
            if picture.size != (record.width_px, record.height_px):  # before anything is decoded
                raise ValueError("a thumbnail of another size than is said")
            picture.load()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("a thumbnail that is no JPEG") from error
