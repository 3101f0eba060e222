"""PDQ hashes of a video as a text, in the format of ThreatExchange's vPDQ: one line for each frame.

A line is `frame number,quality,hash,timestamp`: quality 0 to 100, the hash as 64 hexadecimal digits, the timestamp in
seconds (facebook/ThreatExchange, vpdq/cpp/vpdq/cpp/io/vpdqio.cpp, 2023). The digits are those of this program's codes:
both write the highest of the 256 bits first.

Such a text tells neither the video's digest nor who made it, and has no signature.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from verify.archive.origins import SPARSE
from verify.archive.packs.importing import (
    Imported,
    check_taken_over,
    finish_pack,
    free_id,
    insert_row,
    keep_pack,
)
from verify.archive.packs.layout import MAX_DURATION_S, MAX_PER_SECOND
from verify.archive.packs.reading import refused
from verify.archive.records import REFERENCE_COLUMNS, SIGHTING_COLUMNS, first_sighting, reference_row, sighting_row
from verify.archive.records import fingerprint_row as row_of
from verify.dates import utc_now
from verify.errors import ArchiveDamagedError, InvalidUsageError, OutputNotWritableError
from verify.fingerprint.pdq import ALGORITHM
from verify.fingerprint.registry import cue_named
from verify.model import FingerprintSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from verify.archive.packs.importing import Terms
    from verify.archive.store import Archive
    from verify.model import Reference

MAX_BYTES = 512 * 1024**2
MAX_LINES = 4_000_000
_MAX_LINE_BYTES = 200
_LINE = re.compile(r"(\d{1,9}),(\d{1,3}),([0-9a-fA-F]{64}),(\d{1,7}(?:\.\d{1,9})?)", re.ASCII)
_HINT = "Nothing was imported. A line is: frame number,quality,64 hexadecimal digits,seconds."
#: Hashes a second below which passages are seldom found; one's own references have four.
_ENOUGH_PER_SECOND = 3.0
#: How long the last frame is shown, where nothing says it, in s.
_LAST_FRAME_S = 0.04


def write_vpdq(archive: Archive, reference_id: str, path: Path) -> int:
    """Write the PDQ hashes of a reference into a new file; returns the number of lines.

    Frame numbers count the frames that are kept, not those of the video.

    Raises
    ------
    InvalidUsageError
        There is something at `path`.
    ArchiveDamagedError, FingerprintVersionError
        The hashes are not as they were stored, or of another version.
    OutputNotWritableError
        The file cannot be written.
    """
    found = next((each for name, each in archive.fingerprints(cue_named(ALGORITHM)) if name == reference_id), None)
    if found is None:
        raise ArchiveDamagedError(archive.folder, f"{reference_id} has no PDQ hashes", "See verify archive check.")
    try:
        with path.open("x", encoding="ascii", newline="\n") as file:
            file.writelines(_lines(found))
    except FileExistsError as error:
        raise InvalidUsageError(path, "is already there, and nothing is overwritten", "Choose another name.") from error
    except OSError as error:
        raise OutputNotWritableError(path, f"cannot be written ({error.strerror})", "Choose another place.") from error
    return len(found.times_s)


def _lines(hashes: FingerprintSet) -> Iterator[str]:
    for number, (time_s, code, quality) in enumerate(zip(hashes.times_s, hashes.codes, hashes.quality, strict=True)):
        # Truncated, as the reference implementation does.
        yield f"{number},{int(quality * 100)},{code.tobytes().hex()},{time_s:.3f}\n"


def read_vpdq(path: Path) -> tuple[FingerprintSet, str]:
    """Read such a text; returns its hashes and its SHA-256, lower-case hex.

    Of several frames at one time the first is kept.

    Raises
    ------
    PackRefusedError
        It is none, or has more than this program takes.
    InvalidUsageError
        There is no such file.
    """
    digest = hashlib.sha256()
    times_s: list[float] = []
    qualities: list[int] = []
    codes = bytearray()
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) > MAX_BYTES:
                raise refused(path, f"it has more than {MAX_BYTES:,} bytes", _HINT)
            file.seek(0)
            for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE_BYTES), b""), 1):
                digest.update(line)
                if number > MAX_LINES:
                    raise refused(path, f"it has more than {MAX_LINES:,} lines", _HINT)
                time_s, quality, code = _read_line(path, number, line)
                if times_s and time_s < times_s[-1]:
                    raise refused(path, f"the time of line {number} lies before that of the line above", _HINT)
                if not times_s or time_s > times_s[-1]:
                    times_s.append(time_s)
                    qualities.append(quality)
                    codes += code
    except OSError as error:
        raise InvalidUsageError(path, f"cannot be read ({error.strerror})", "Check the path.") from error
    if not times_s:
        raise refused(path, "it has no lines", _HINT)
    if len(times_s) > 100 + MAX_PER_SECOND * times_s[-1]:
        raise refused(path, f"{len(times_s)} frames in {times_s[-1]:g} s are more than any video has", _HINT)
    cue = cue_named(ALGORITHM)
    hashes = FingerprintSet(
        algorithm=cue.algorithm,
        version=cue.version,
        bits=cue.bits,
        times_s=np.array(times_s, np.float64),
        codes=np.frombuffer(bytes(codes), np.uint8).reshape(-1, cue.bits // 8),
        quality=(np.array(qualities, np.float32) / np.float32(100)),
    )
    return hashes, digest.hexdigest()


def _read_line(path: Path, number: int, line: bytes) -> tuple[float, int, bytes]:
    found = _LINE.fullmatch(line.decode("ascii", "replace").rstrip("\r\n"))
    quality = int(found[2]) if found else -1
    time_s = float(found[4]) if found else math.inf
    if found is None or not 0 <= quality <= 100 or not time_s <= MAX_DURATION_S:
        raise refused(path, f"line {number} is none of this format", _HINT)
    return time_s, quality, bytes.fromhex(found[3])


def import_vpdq(
    archive: Archive, path: Path, read: tuple[FingerprintSet, str], reference: Reference, terms: Terms
) -> Imported:
    """Make a reference of such a text: found by PDQ alone, and never confirmed.

    Parameters
    ----------
    read
        What `read_vpdq` gave for the file at `path`.
    reference
        What is to be told of it; its length follows from the last timestamp.
    """
    hashes, pack_id = read
    done = Imported(pack_id=pack_id, name=terms.name, grade=terms.grade)
    with archive.changing() as changes:
        if archive.connection.execute("SELECT 1 FROM pack WHERE id = ?", (pack_id,)).fetchone():
            done.was_there = True
            return done
        utc = utc_now()
        keep_pack(
            archive,
            {
                "id": pack_id,
                "kind": "vpdq",
                "name": terms.name,
                "publisher": "",
                "grade": terms.grade.value,
                "key_id": "",
                "public_key": "",
                "made_utc": "",
                "imported_utc": utc,
                "reference_count": 0,
            },
        )
        here = free_id(archive, reference.id, terms)
        added = replace(
            reference, id=here, origin=pack_id, added_utc=utc, duration_s=float(hashes.times_s[-1]) + _LAST_FRAME_S
        )
        _insert_row(archive, "reference", f"digest, {REFERENCE_COLUMNS}", ("", *reference_row(added)))
        sighting = (here, 1, *sighting_row(first_sighting(added)))
        _insert_row(archive, "sighting", f"reference_id, number, {SIGHTING_COLUMNS}", sighting)
        _insert_row(
            archive,
            "fingerprint",
            "reference_id, algorithm, version, bits, frame_count, sha256, times_s, codes, quality",
            (here, *row_of(hashes)),
        )
        done.is_sparse = len(hashes.times_s) < _ENOUGH_PER_SECOND * added.duration_s
        parts = f"{ALGORITHM} {SPARSE}" if done.is_sparse else ALGORITHM
        brought = (here, pack_id, reference.id, parts)
        _insert_row(archive, "brought", "reference_id, pack_id, id_there, parts", brought)
        check_taken_over(archive, here, lambda problem: refused(path, problem))
        done.added.append(here)
        if here != reference.id and not terms.prefix:
            done.renamed.append((reference.id, here))
        finish_pack(archive, done, changes)
    return done


def _insert_row(archive: Archive, table: str, columns: str, values: Sequence[object]) -> None:
    insert_row(archive, table, dict(zip(columns.split(", "), values, strict=True)))
