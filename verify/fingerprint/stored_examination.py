"""What matching needs of a release, in one file: it can be compared again, without its media, with what comes later.

On-disk format: docs/internals/examination-format.md. What is read back gives the same matches to the last digit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import numpy as np

from verify.errors import FingerprintVersionError, NewerFormatError, OutputNotWritableError
from verify.fingerprint import local
from verify.fingerprint.examine import Examination
from verify.fingerprint.key_pictures import KeyPicture, QueryPiece
from verify.fingerprint.learned import MAX_DIMENSIONS, VIEWS
from verify.fingerprint.local import DESCRIPTOR_DIMENSIONS, Keypoints
from verify.fingerprint.member_file import MAX_FILE_BYTES, Member, npy, open_members, write_members
from verify.fingerprint.registry import CUES
from verify.model import DecodeOutcome, FingerprintSet, Interval, MediaInfo, Shot, Transform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from verify.fingerprint.fingerprinter import Fingerprints
    from verify.fingerprint.learned import Descriptor
    from verify.fingerprint.member_file import MemberFile

#: Raised whenever a file has another form. A file of a newer version is refused.
FORMAT_VERSION = 1
FORMAT = "verify examination"
DOCUMENT_NAME, PICTURES_NAME, PROXY_NAME = "examination.json", "pictures.bin", "proxy.mkv"

_MAX_DOCUMENT_BYTES = 16 * 1024**2
_MAX_TIME_S = 1e7
_MAX_VIEWS = 16
_ANEW = "Examine the release again from its case: verify video CASE --out DIR."

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_FILE_BYTES)]
VectorCount = Annotated[int, msgspec.Meta(ge=0, le=len(VIEWS))]
Dimensions = Annotated[int, msgspec.Meta(ge=0, le=MAX_DIMENSIONS)]
Digest = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
Pixels = Annotated[int, msgspec.Meta(ge=1, le=8192)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredCue:
    """A cue by which all frames were hashed in all views."""

    algorithm: str
    version: Count
    bits: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredPicture:
    """A key picture: how many rows of `points` and `descriptors`, and of `vectors`, are its own."""

    time_s: float
    keypoints: Count
    vectors: VectorCount | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredPiece:
    """A piece: how many bytes of masks and pictures are its own follows from these sizes."""

    interval: Interval
    width_px: Pixels
    height_px: Pixels
    mask_width_px: Pixels
    mask_height_px: Pixels
    picture_bytes: Count
    key_pictures: tuple[_StoredPicture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """All that is no array; `frames` are the sampled ones, `dimensions` those of a vector."""

    format: str
    version: int
    frames: Count
    cues: tuple[_StoredCue, ...]
    views: tuple[Transform, ...]
    keypoint_version: Count
    model_sha256: Digest
    dimensions: Dimensions
    has_proxy: bool
    info: MediaInfo
    outcome: DecodeOutcome
    shots: tuple[Shot, ...]
    pieces: tuple[_StoredPiece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """What is read of a document before all else."""

    format: str
    version: int


class StoredExamination(NamedTuple):
    """An examination that was read back, and the SHA-256 of the descriptor's model that its vectors are of, or ''."""

    examination: Examination
    model_sha256: str


def write_examination(
    path: Path, examination: Examination, proxy: Path | None, learned: Descriptor | None = None
) -> None:
    """Write what matching needs of a release to one file, whole or not at all.

    Parameters
    ----------
    examination
        What `examine_query` gave.
    proxy
        The proxy that was written besides; None, or no such file, if there is none.
    learned
        The descriptor that it was examined with.

    Raises
    ------
    ValueError
        It is the examination of a reference, or not what `examine_query` gives.
    OutputNotWritableError
        The file cannot be written, or the release is too long for one.
    """
    if examination.local or examination.motion or examination.descriptors:
        raise ValueError("the examination of a reference, which an archive keeps")
    has_proxy = proxy is not None and proxy.is_file()
    document = _document(examination, learned, has_proxy=has_proxy)
    encoded = msgspec.json.encode(document)
    if len(encoded) > _MAX_DOCUMENT_BYTES:
        raise OutputNotWritableError(path, "the release has too many pieces for one file", "Divide it.")
    members = [Member(DOCUMENT_NAME, encoded)]
    members += [Member(f"{name}.npy", npy(array)) for name, array in _arrays(examination, document).items()]
    members.append(Member(PICTURES_NAME, b"".join(piece.picture for piece in examination.pieces), compressed=False))
    if has_proxy and proxy is not None:
        members.append(Member(PROXY_NAME, proxy, compressed=False))
    write_members(path, members)


def read_examination(path: Path, proxy_path: Path) -> StoredExamination:
    """Read back what `write_examination` wrote; its proxy is written to the new file `proxy_path`, if it has one.

    Raises
    ------
    EvidenceMismatchError
        The file is missing or damaged.
    NewerFormatError
        It was written by a newer version of this program.
    FingerprintVersionError
        It was made by another version of a hash or of the keypoints, which do not compare with today's.
    OutputNotWritableError
        The proxy cannot be written, or there is such a file already.
    """
    with open_members(path) as file:
        document = _read_document(path, file)
        arrays = _read_arrays(document, file)
        examination = _examination(document, arrays, file)
        if document.has_proxy:
            file.extract(PROXY_NAME, proxy_path)
        return StoredExamination(examination, document.model_sha256)


# --- writing ---------------------------------------------------------------------------------------------------------


def _document(examination: Examination, learned: Descriptor | None, *, has_proxy: bool) -> _Document:
    pictures = [picture for piece in examination.pieces for picture in piece.key_pictures]
    if learned is None and any(picture.vectors is not None for picture in pictures):
        raise ValueError("vectors of a descriptor that is not named")
    times_s = examination.fingerprints[Transform()][CUES[0].algorithm].times_s
    for own in examination.fingerprints.values():
        for cue in CUES:
            if not np.array_equal(own[cue.algorithm].times_s, times_s):
                raise ValueError("views or hashes of different frames")
    return _Document(
        format=FORMAT,
        version=FORMAT_VERSION,
        frames=len(times_s),
        cues=tuple(_StoredCue(algorithm=cue.algorithm, version=cue.version, bits=cue.bits) for cue in CUES),
        views=tuple(examination.fingerprints),
        keypoint_version=local.VERSION,
        model_sha256=learned.sha256 if learned else "",
        dimensions=learned.dimensions if learned else 0,
        has_proxy=has_proxy,
        info=examination.info,
        outcome=examination.outcome,
        shots=examination.shots,
        pieces=tuple(_stored_piece(piece) for piece in examination.pieces),
    )


def _stored_piece(piece: QueryPiece) -> _StoredPiece:
    height, width = piece.free.shape
    return _StoredPiece(
        interval=piece.interval,
        width_px=piece.width_px,
        height_px=piece.height_px,
        mask_width_px=width,
        mask_height_px=height,
        picture_bytes=len(piece.picture),
        key_pictures=tuple(
            _StoredPicture(
                time_s=picture.time_s,
                keypoints=len(picture.keypoints),
                vectors=None if picture.vectors is None else len(picture.vectors),
            )
            for picture in piece.key_pictures
        ),
    )


def _arrays(examination: Examination, document: _Document) -> dict[str, npt.NDArray[Any]]:
    """Put the arrays of an examination together, by name, in the order of the file."""
    pictures = [picture for piece in examination.pieces for picture in piece.key_pictures]
    views = [examination.fingerprints[view] for view in document.views]
    parts: dict[str, Sequence[npt.NDArray[Any]]] = {"times_s": [views[0][CUES[0].algorithm].times_s]}
    for cue in CUES:
        parts[f"{cue.algorithm}_codes"] = [own[cue.algorithm].codes for own in views]
        parts[f"{cue.algorithm}_quality"] = [own[cue.algorithm].quality for own in views]
    parts["points"] = [picture.keypoints.points for picture in pictures]
    parts["descriptors"] = [picture.keypoints.descriptors for picture in pictures]
    parts["vectors"] = [picture.vectors for picture in pictures if picture.vectors is not None]
    parts["masks"] = [piece.free.ravel() for piece in examination.pieces]
    found = {}
    for name, (dtype, shape) in _shapes(document).items():
        gathered = np.concatenate(parts[name]) if parts[name] else np.empty(0, dtype)
        if gathered.size and gathered.dtype != np.dtype(dtype):
            raise ValueError(f"{name} of the type {gathered.dtype}, not {dtype}")
        found[name] = np.ascontiguousarray(gathered, dtype).reshape(shape)
    return found


def _shapes(document: _Document) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return type and shape of every array that belongs to a document, by name, in the order of the file."""
    pictures = [picture for piece in document.pieces for picture in piece.key_pictures]
    views, frames = len(document.views), document.frames
    keypoints = sum(picture.keypoints for picture in pictures)
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {"times_s": ("<f8", (frames,))}
    for cue in document.cues:
        shapes[f"{cue.algorithm}_codes"] = ("|u1", (views, frames, cue.bits // 8))
        shapes[f"{cue.algorithm}_quality"] = ("<f4", (views, frames))
    shapes["points"] = ("<f4", (keypoints, 2))
    shapes["descriptors"] = ("|u1", (keypoints, DESCRIPTOR_DIMENSIONS))
    shapes["vectors"] = ("<f2", (sum(picture.vectors or 0 for picture in pictures), document.dimensions))
    shapes["masks"] = ("|u1", (sum(piece.mask_width_px * piece.mask_height_px for piece in document.pieces),))
    return shapes


# --- reading ---------------------------------------------------------------------------------------------------------


def _read_document(path: Path, file: MemberFile) -> _Document:
    encoded = file.read(DOCUMENT_NAME, _MAX_DOCUMENT_BYTES)
    try:
        stated = msgspec.json.decode(encoded, type=_Version)
        if stated.format == FORMAT and stated.version > FORMAT_VERSION:
            raise NewerFormatError(
                path,
                f"it has version {stated.version} of the format, this program knows up to {FORMAT_VERSION}",
                "Use the version of the program that wrote it, or a newer one.",
            )
        document = msgspec.json.decode(encoded, type=_Document)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise file.damaged("its description is not one") from error
    if (document.format, document.version) != (FORMAT, FORMAT_VERSION):
        raise file.damaged(f"it is no {FORMAT} of version {FORMAT_VERSION}")
    _check_versions(path, document)
    views = document.views
    if not _is_sound(document) or Transform() not in views or len(set(views)) != len(views) or len(views) > _MAX_VIEWS:
        raise file.damaged("its description holds what cannot be")
    return document


def _check_versions(path: Path, document: _Document) -> None:
    """Refuse hashes and keypoints that do not compare with those of this program."""
    made = [(cue.algorithm, cue.version, cue.bits) for cue in document.cues]
    if made == [(cue.algorithm, cue.version, cue.bits) for cue in CUES] and document.keypoint_version == local.VERSION:
        return
    told = ", ".join(f"{algorithm[:20]} {version}" for algorithm, version, _ in made[: len(CUES)])
    raise FingerprintVersionError(
        path,
        f"it was made by other versions of hashes or keypoints ({told}, keypoints {document.keypoint_version})",
        _ANEW,
    )


def _is_sound(document: _Document) -> bool:
    """Say whether all times lie where a video can have them."""
    spans = [document.outcome.decoded, *document.outcome.gaps, *document.outcome.held]
    spans += [shot.interval for shot in document.shots] + [piece.interval for piece in document.pieces]
    times_s = [*document.outcome.cut_times_s, *(time_s for span in spans for time_s in (span.start_s, span.end_s))]
    times_s += [picture.time_s for piece in document.pieces for picture in piece.key_pictures]
    return all(math.isfinite(time_s) and 0 <= time_s <= _MAX_TIME_S for time_s in times_s)


def _read_arrays(document: _Document, file: MemberFile) -> dict[str, npt.NDArray[Any]]:
    """Read all arrays; what is not exactly as the document says is damage, and so is any number that is none."""
    shapes = _shapes(document)
    expected = {DOCUMENT_NAME, PICTURES_NAME, *(f"{name}.npy" for name in shapes)}
    if file.names != expected | ({PROXY_NAME} if document.has_proxy else set()):
        raise file.damaged("it has other parts than it should have")
    arrays = {}
    for name, (dtype, shape) in shapes.items():
        array = file.array(f"{name}.npy", dtype, shape)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise file.damaged(f"its part {name}.npy holds what is no number")
        arrays[name] = array
    times_s = arrays["times_s"]
    if not len(times_s) or times_s[0] < 0 or times_s[-1] > _MAX_TIME_S or (np.diff(times_s) <= 0).any():
        raise file.damaged("its frames are not in order of time")
    return arrays


def _examination(document: _Document, arrays: Mapping[str, npt.NDArray[Any]], file: MemberFile) -> Examination:
    size = sum(piece.picture_bytes for piece in document.pieces)
    pictures = file.read(PICTURES_NAME, size)
    if len(pictures) != size:
        raise file.damaged(f"its part {PICTURES_NAME} has not the size it should have")
    return Examination(
        info=document.info,
        outcome=document.outcome,
        shots=document.shots,
        fingerprints={view: _fingerprints(document, arrays, number) for number, view in enumerate(document.views)},
        pieces=_pieces(document, arrays, pictures),
    )


def _fingerprints(document: _Document, arrays: Mapping[str, npt.NDArray[Any]], view: int) -> Fingerprints:
    return {
        cue.algorithm: FingerprintSet(
            algorithm=cue.algorithm,
            version=cue.version,
            bits=cue.bits,
            times_s=arrays["times_s"],
            codes=arrays[f"{cue.algorithm}_codes"][view],
            quality=arrays[f"{cue.algorithm}_quality"][view],
        )
        for cue in document.cues
    }


def _pieces(document: _Document, arrays: Mapping[str, npt.NDArray[Any]], pictures: bytes) -> tuple[QueryPiece, ...]:
    """Give every piece its rows of the arrays, which lie in the order of the pieces."""
    pieces = []
    row = vector = mask = picture = 0
    for piece in document.pieces:
        key_pictures = []
        for each in piece.key_pictures:
            rows = slice(row, row + each.keypoints)
            row = rows.stop
            own = None
            if each.vectors is not None:
                own = arrays["vectors"][vector : vector + each.vectors]
                vector += each.vectors
            keypoints = Keypoints(points=arrays["points"][rows], descriptors=arrays["descriptors"][rows])
            key_pictures.append(KeyPicture(time_s=each.time_s, keypoints=keypoints, vectors=own))
        shape = (piece.mask_height_px, piece.mask_width_px)
        free = arrays["masks"][mask : mask + shape[0] * shape[1]].reshape(shape)
        mask += shape[0] * shape[1]
        pieces.append(
            QueryPiece(
                interval=piece.interval,
                key_pictures=tuple(key_pictures),
                free=free,
                width_px=piece.width_px,
                height_px=piece.height_px,
                picture=pictures[picture : picture + piece.picture_bytes],
            )
        )
        picture += piece.picture_bytes
    return tuple(pieces)
