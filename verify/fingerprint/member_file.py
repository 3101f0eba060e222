"""A file of several named parts that anybody can open: a plain ZIP archive whose comment is a digest of all before it.

Parts are JSON, arrays in NumPy's .npy form, and other files as they are. The same parts give the same bytes (with the
same version of zlib): order, times and modes are fixed. What is read may be hostile: it is checked against its digest
first, which shows damage and not intent, and then nothing is unpacked that is larger than it is known to have to be.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import zipfile
import zlib
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from verify.errors import EvidenceMismatchError, OutputNotWritableError
from verify.evidence.durable import synchronise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

#: One file is at most as large as a ZIP archive can be without the extensions for larger ones.
MAX_FILE_BYTES = 2**31 - 1
#: More members than any of our files has, and how many times its size a file may unpack to, beside a little.
MAX_MEMBERS = 64
MAX_GROWTH, SPARE_BYTES = 200, 16 * 1024**2

_COMMENT = b"sha256 "
_HEX_DIGITS = 64
_TAIL_BYTES = len(_COMMENT) + _HEX_DIGITS
_END = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR, _ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20
_MAX_DIRECTORY_BYTES = 64 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = 0o100644 << 16
_ENCRYPTED = 1
_CHUNK_BYTES = 1024**2
_NPY_MAGIC, _NPY_ALIGNMENT = b"\x93NUMPY\x01\x00", 64
_REMEDY = "Restore it from a backup, or examine the release again."
#: What the standard library raises for archives that are none.
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, OSError, ValueError, RuntimeError, EOFError, OverflowError)


class Member(NamedTuple):
    """A part to be written: its name, its bytes or the file that holds them, and whether compressing it is worth it."""

    name: str
    content: bytes | Path
    compressed: bool = True


def write_members(path: Path, members: Sequence[Member]) -> None:
    """Write a file of these parts, in this order, whole or not at all.

    Raises
    ------
    OutputNotWritableError
        It cannot be written, or would be larger than `MAX_FILE_BYTES`.
    """
    unfinished = path.with_name(f".{path.name}.partial")
    try:
        with unfinished.open("w+b") as file:
            with zipfile.ZipFile(file, "w", allowZip64=False) as archive:
                for member in members:
                    _write(archive, member)
                archive.comment = _COMMENT + b"0" * _HEX_DIGITS
            size = file.seek(0, os.SEEK_END)
            digest = _digest(file, size - _HEX_DIGITS)
            file.seek(size - _HEX_DIGITS)
            file.write(digest)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        synchronise(path.parent)
    except (OSError, zipfile.LargeZipFile) as error:
        reason = getattr(error, "strerror", None) or "the release is too long for one file"
        raise OutputNotWritableError(
            path, f"it cannot be written ({reason})", "Make room, or choose another folder."
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _write(archive: zipfile.ZipFile, member: Member) -> None:
    info = zipfile.ZipInfo(member.name, _EPOCH)
    info.create_system, info.external_attr = _UNIX, _MODE
    info.compress_type = zipfile.ZIP_DEFLATED if member.compressed else zipfile.ZIP_STORED
    if isinstance(member.content, bytes):
        archive.writestr(info, member.content)
        return
    with member.content.open("rb") as source:
        info.file_size = os.fstat(source.fileno()).st_size
        with archive.open(info, "w") as target:
            shutil.copyfileobj(source, target, _CHUNK_BYTES)


class MemberFile:
    """An open file of parts, which has its digest; use `open_members`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, size_bytes: int) -> None:
        self._path = path
        self._archive = archive
        self._infos = {info.filename: info for info in archive.infolist()}
        whole = len(self._infos) == len(archive.infolist()) <= MAX_MEMBERS
        plain = all(
            info.compress_type in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED) and not info.flag_bits & _ENCRYPTED
            for info in self._infos.values()
        )
        unpacked = sum(info.file_size for info in self._infos.values())
        if not whole or not plain or unpacked > MAX_GROWTH * size_bytes + SPARE_BYTES:
            raise self.damaged("it holds what this program does not write")

    @property
    def names(self) -> frozenset[str]:
        """Names of all parts."""
        return frozenset(self._infos)

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return a part of at most so many bytes; raises EvidenceMismatchError if it is missing, larger or broken."""
        info = self._info(name, max_bytes)
        try:
            with self._archive.open(info) as part:
                content = part.read(info.file_size + 1)
        except _BROKEN as error:
            raise self.damaged(f"its part {name} cannot be unpacked") from error
        if len(content) != info.file_size:
            raise self.damaged(f"its part {name} has not the size it says")
        return content

    def array(self, name: str, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return a part that must be an array of exactly this type and shape; raises as `read` does."""
        head = npy_head(np.dtype(dtype), shape)
        size = int(np.dtype(dtype).itemsize)
        for length in shape:
            size *= length
        content = self.read(name, len(head) + size)
        if len(content) != len(head) + size or not content.startswith(head):
            raise self.damaged(f"its part {name} is not the array it should be")
        return np.frombuffer(content, dtype, offset=len(head)).reshape(shape)

    def extract(self, name: str, target: Path) -> None:
        """Write a part to a new file.

        Raises
        ------
        OutputNotWritableError
            There is such a file already, or it cannot be written.
        EvidenceMismatchError
            The part is missing or broken.
        """
        info = self._info(name, MAX_FILE_BYTES)
        try:
            output = target.open("xb")
        except OSError as error:
            raise _not_writable(target, error) from error
        try:
            with output, self._opened(info) as part:
                written = 0
                while content := self._chunk(part, name):
                    written += len(content)
                    output.write(content)
            if written != info.file_size:
                raise self.damaged(f"its part {name} has not the size it says")
        except OSError as error:
            target.unlink(missing_ok=True)
            raise _not_writable(target, error) from error
        except EvidenceMismatchError:
            target.unlink(missing_ok=True)
            raise

    def damaged(self, problem: str) -> EvidenceMismatchError:
        """Make the error for what is not as it was written."""
        return EvidenceMismatchError(self._path, problem, _REMEDY)

    def _info(self, name: str, max_bytes: int) -> zipfile.ZipInfo:
        info = self._infos.get(name)
        if info is None:
            raise self.damaged(f"its part {name} is missing")
        if info.file_size > max_bytes:
            raise self.damaged(f"its part {name} is larger than it can be")
        return info

    def _opened(self, info: zipfile.ZipInfo) -> IO[bytes]:
        try:
            return self._archive.open(info)
        except _BROKEN as error:
            raise self.damaged(f"its part {info.filename} cannot be unpacked") from error

    def _chunk(self, part: IO[bytes], name: str) -> bytes:
        try:
            return part.read(_CHUNK_BYTES)
        except _BROKEN as error:
            raise self.damaged(f"its part {name} cannot be unpacked") from error


@contextmanager
def open_members(path: Path) -> Iterator[MemberFile]:
    """Open a file of parts for reading, after comparing it with its digest.

    Raises
    ------
    EvidenceMismatchError
        It cannot be read, or is not as it was written.
    """
    try:
        is_file = path.is_file()
        file = path.open("rb") if is_file else None
    except OSError as error:
        raise EvidenceMismatchError(path, f"it cannot be read ({error.strerror})", _REMEDY) from error
    if file is None:
        raise EvidenceMismatchError(path, "there is no such file", _REMEDY)
    with file:
        try:
            size = _checked_size(path, file)
            file.seek(0)
            archive = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise EvidenceMismatchError(path, "it cannot be read as what this program writes", _REMEDY) from error
        with archive:
            yield MemberFile(path, archive, size)


def _checked_size(path: Path, file: IO[bytes]) -> int:
    """Compare an open file with its digest, and its directory with what it may hold; return its size in bytes."""
    size = file.seek(0, os.SEEK_END)
    if not _END.size + _TAIL_BYTES <= size <= MAX_FILE_BYTES:
        raise EvidenceMismatchError(path, f"a file of {size} bytes is none that this program writes", _REMEDY)
    ends = min(size, _ZIP64_LOCATOR_BYTES + _END.size + _TAIL_BYTES)
    file.seek(size - ends)
    tail = file.read(ends)
    comment = tail[-_TAIL_BYTES:]
    if not comment.startswith(_COMMENT) or _digest(file, size - _HEX_DIGITS) != comment[len(_COMMENT) :]:
        raise EvidenceMismatchError(path, "it does not have its digest", _REMEDY)
    # The standard library reads the whole directory at once, however large it says that it is.
    end = _END.unpack(tail[-_TAIL_BYTES - _END.size : -_TAIL_BYTES])
    signature, count, directory_bytes, comment_bytes = end[0], end[4], end[5], end[7]
    is_plain = signature == b"PK\x05\x06" and comment_bytes == _TAIL_BYTES and not tail.startswith(_ZIP64_LOCATOR)
    if not is_plain or count > MAX_MEMBERS or directory_bytes > _MAX_DIRECTORY_BYTES:
        raise EvidenceMismatchError(path, "it holds what this program does not write", _REMEDY)
    return size


def npy(array: npt.NDArray[Any]) -> bytes:
    """Return an array as a .npy file, version 1.0, row after row; the same bytes with every version of NumPy."""
    return npy_head(array.dtype, array.shape) + array.tobytes()


def npy_head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return what stands before the numbers of an array in a .npy file."""
    told = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': {tuple(map(int, shape))!r}, }}"
    room = -(-(len(_NPY_MAGIC) + 2 + len(told) + 1) // _NPY_ALIGNMENT) * _NPY_ALIGNMENT - len(_NPY_MAGIC) - 2
    return _NPY_MAGIC + struct.pack("<H", room) + told.ljust(room - 1).encode("ascii") + b"\n"


def _digest(file: IO[bytes], size: int) -> bytes:
    """SHA-256 of the first `size` bytes of a file, in lower-case hex."""
    digest = hashlib.sha256()
    file.seek(0)
    while size and (content := file.read(min(size, _CHUNK_BYTES))):
        digest.update(content)
        size -= len(content)
    return digest.hexdigest().encode("ascii")


def _not_writable(path: Path, error: OSError) -> OutputNotWritableError:
    return OutputNotWritableError(path, f"it cannot be written ({error.strerror})", "Choose another folder.")
