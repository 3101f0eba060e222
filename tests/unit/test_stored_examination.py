"""What is kept of a release: the same when it is read back, the same bytes, and nothing else is taken for it."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.archive_samples import features_of
from tests.unit.examination_samples import (
    DIMENSIONS,
    FRAMES,
    MODEL_SHA256,
    VIEWS,
    descriptor,
    examination_of,
    proxy_file,
)
from verify.errors import (
    EvidenceMismatchError,
    FingerprintVersionError,
    NewerFormatError,
    OutputNotWritableError,
    VerifyError,
)
from verify.fingerprint import member_file
from verify.fingerprint.examine import Examination
from verify.fingerprint.member_file import Member, npy, open_members, write_members
from verify.fingerprint.stored_examination import DOCUMENT_NAME, read_examination, write_examination
from verify.model import FingerprintSet, Transform

TAIL_BYTES = 64


def same(one: Examination, other: Examination) -> None:
    """Check that two examinations agree in every member and every byte."""
    assert (one.info, one.outcome, one.shots) == (other.info, other.outcome, other.shots)
    assert list(one.fingerprints) == list(other.fingerprints)
    for view, own in one.fingerprints.items():
        assert list(own) == list(other.fingerprints[view])
        for algorithm, left in own.items():
            right = other.fingerprints[view][algorithm]
            assert (left.version, left.bits) == (right.version, right.bits)
            for name in ("times_s", "codes", "quality"):
                equal(getattr(left, name), getattr(right, name))
    assert len(one.pieces) == len(other.pieces)
    for a, b in zip(one.pieces, other.pieces, strict=True):
        assert (a.interval, a.width_px, a.height_px, a.picture) == (b.interval, b.width_px, b.height_px, b.picture)
        equal(a.free, b.free)
        for left_picture, right_picture in zip(a.key_pictures, b.key_pictures, strict=True):
            assert left_picture.time_s == right_picture.time_s
            equal(left_picture.keypoints.points, right_picture.keypoints.points)
            equal(left_picture.keypoints.descriptors, right_picture.keypoints.descriptors)
            if left_picture.vectors is None or right_picture.vectors is None:
                assert left_picture.vectors is right_picture.vectors
            else:
                equal(left_picture.vectors, right_picture.vectors)


def equal(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> None:
    assert (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())


def stored(folder: Path, **changes: Any) -> Path:
    path = folder / "examination.zip"
    write_examination(path, examination_of(**changes), proxy_file(folder), descriptor())
    return path


def sealed(content: bytes) -> bytes:
    """The same bytes with the digest that they have."""
    return content[:-TAIL_BYTES] + hashlib.sha256(content[:-TAIL_BYTES]).hexdigest().encode()


def rewritten(path: Path, **parts: bytes | None) -> None:
    """Replace parts, by name with '_' for '.', add them, or leave them out where None is given; with a true digest."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    named = {name.replace("__", "."): content for name, content in parts.items()}
    members |= {name: content for name, content in named.items() if content is not None}
    kept = [Member(name, content) for name, content in members.items() if named.get(name, b"") is not None]
    write_members(path, kept)


def document_of(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return msgspec.json.decode(archive.read(DOCUMENT_NAME))


def refused(path: Path, folder: Path, words: str, kind: type[VerifyError] = EvidenceMismatchError) -> None:
    target = folder / "read.mkv"
    with pytest.raises(kind) as caught:
        read_examination(path, target)
    assert words in caught.value.problem
    assert caught.value.subject == str(path)
    assert not target.exists()


# --- there and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("described", [True, False])
def test_what_is_read_is_what_was_written(described: bool, tmp_path: Path):
    original = examination_of(described=described)
    path = tmp_path / "examination.zip"
    write_examination(path, original, proxy_file(tmp_path, b"grey" * 900), descriptor() if described else None)
    examination, model = read_examination(path, tmp_path / "read.mkv")
    same(original, examination)
    assert model == (MODEL_SHA256 if described else "")
    assert (tmp_path / "read.mkv").read_bytes() == b"grey" * 900
    assert (examination.local, examination.motion, examination.descriptors) == (None, None, None)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["examination.zip", "query-proxy.mkv", "read.mkv"]


@pytest.mark.parametrize("given_none", [True, False])
def test_without_a_proxy(given_none: bool, tmp_path: Path):
    path = tmp_path / "examination.zip"
    write_examination(path, examination_of(), None if given_none else tmp_path / "none.mkv", descriptor())
    same(examination_of(), read_examination(path, tmp_path / "read.mkv").examination)
    assert not (tmp_path / "read.mkv").exists()


def test_a_release_without_pieces(tmp_path: Path):
    path = tmp_path / "examination.zip"
    bare = replace(examination_of(), pieces=(), shots=())
    write_examination(path, bare, None)
    same(bare, read_examination(path, tmp_path / "read.mkv").examination)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path):
    first = stored(tmp_path).read_bytes()
    os.utime(tmp_path / "query-proxy.mkv", (1, 1))
    write_examination(tmp_path / "again.zip", examination_of(), tmp_path / "query-proxy.mkv", descriptor())
    assert (tmp_path / "again.zip").read_bytes() == first
    read = read_examination(tmp_path / "again.zip", tmp_path / "read.mkv").examination
    write_examination(tmp_path / "third.zip", read, tmp_path / "read.mkv", descriptor())
    assert (tmp_path / "third.zip").read_bytes() == first


def test_anybody_can_open_it(tmp_path: Path):
    path = stored(tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        arrays = [name for name in names if name.endswith(".npy")]
        for name in arrays:
            array = np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
            assert npy(array) == archive.read(name)
        assert len(arrays) == 9
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    loaded = np.load(path, allow_pickle=False)
    assert loaded["pdq_codes"].shape == (len(VIEWS), FRAMES, 32)
    assert loaded["vectors"].shape == (8, DIMENSIONS)
    loaded.close()


def test_what_is_no_examination_of_a_release_is_not_written(tmp_path: Path):
    path = tmp_path / "examination.zip"
    with pytest.raises(ValueError, match="of a reference"):
        write_examination(path, replace(examination_of(), local=features_of(1)), None, descriptor())
    with pytest.raises(ValueError, match="not named"):
        write_examination(path, examination_of(), None)
    other = examination_of()
    mirrored = {
        name: FingerprintSet(
            algorithm=name,
            version=each.version,
            bits=each.bits,
            times_s=each.times_s + 1,
            codes=each.codes,
            quality=each.quality,
        )
        for name, each in other.fingerprints[VIEWS[1]].items()
    }
    with pytest.raises(ValueError, match="different frames"):
        write_examination(
            path, replace(other, fingerprints={**other.fingerprints, VIEWS[1]: mirrored}), None, descriptor()
        )
    wide = replace(other.pieces[0], free=other.pieces[0].free.astype(np.float64))
    with pytest.raises(ValueError, match="masks of the type float64"):
        write_examination(path, replace(other, pieces=(wide,)), None, descriptor())
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path):
    with pytest.raises(OutputNotWritableError):
        write_examination(tmp_path / "none" / "a.zip", examination_of(), None, descriptor())
    path = stored(tmp_path)
    with pytest.raises(OutputNotWritableError) as caught:
        read_examination(path, tmp_path / "query-proxy.mkv")
    assert (tmp_path / "query-proxy.mkv").read_bytes() == b"small grey pictures", "nothing is overwritten"
    assert caught.value.subject.endswith("query-proxy.mkv")


def test_a_release_too_long_for_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    with pytest.raises(OutputNotWritableError, match="too long for one file"):
        stored(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr("verify.fingerprint.stored_examination._MAX_DOCUMENT_BYTES", 100)
    with pytest.raises(OutputNotWritableError, match="too many pieces"):
        stored(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["query-proxy.mkv"]


# --- damage ----------------------------------------------------------------------------------------------------------


def test_every_changed_byte_is_noticed(tmp_path: Path):
    path = stored(tmp_path)
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        with pytest.raises(EvidenceMismatchError):
            read_examination(path, tmp_path / "read.mkv")
    assert not (tmp_path / "read.mkv").exists()


@pytest.mark.parametrize("kept", [0, 10, 92, 93, 500, -1])
def test_a_file_cut_short(kept: int, tmp_path: Path):
    path = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(EvidenceMismatchError):
        read_examination(path, tmp_path / "read.mkv")


def test_no_file_and_no_proper_file(tmp_path: Path):
    refused(tmp_path / "none.zip", tmp_path, "there is no such file")
    refused(tmp_path, tmp_path, "there is no such file")
    refused(tmp_path / ("x" * 300), tmp_path, "")
    path = stored(tmp_path)
    path.write_bytes(path.read_bytes() + b"more")
    refused(path, tmp_path, "it does not have its digest")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_on_purpose_it_is_refused_or_read(data: st.DataObject, tmp_path: Path):
    """Bytes changed anywhere, with a digest that fits: an error that is ours, or an examination."""
    path, original = tmp_path / "hostile.zip", tmp_path / "examination.zip"
    if not original.exists():
        stored(tmp_path)
    content = bytearray(original.read_bytes())
    places = st.integers(0, len(content) - TAIL_BYTES - 1)
    # The directory at the end is what decides; it gets its share of the changes.
    places = st.one_of(places, st.integers(len(content) - 1300, len(content) - TAIL_BYTES - 1))
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=6)):
        content[place] = value
    path.write_bytes(sealed(bytes(content)))
    target = tmp_path / "read.mkv"
    try:
        assert isinstance(read_examination(path, target).examination, Examination)
    except VerifyError as error:
        assert error.exit_code in (20, 41, 43)
        assert not target.exists()
    target.unlink(missing_ok=True)


# --- hostile and foreign files ---------------------------------------------------------------------------------------


def test_versions(tmp_path: Path):
    path = stored(tmp_path)
    document = document_of(path)
    rewritten(path, examination__json=msgspec.json.encode({**document, "version": 2}))
    refused(path, tmp_path, "version 2 of the format", NewerFormatError)
    rewritten(path, examination__json=msgspec.json.encode({"format": "verify examination", "version": 7}))
    refused(path, tmp_path, "version 7 of the format", NewerFormatError)
    rewritten(path, examination__json=msgspec.json.encode({**document, "version": 0}))
    refused(path, tmp_path, "no verify examination of version 1")
    rewritten(path, examination__json=msgspec.json.encode({**document, "format": "other", "version": 9}))
    refused(path, tmp_path, "no verify examination of version 1")
    cues = [{**cue, "version": 99} for cue in document["cues"]]
    rewritten(path, examination__json=msgspec.json.encode({**document, "cues": cues}))
    refused(path, tmp_path, "other versions of hashes or keypoints", FingerprintVersionError)
    rewritten(path, examination__json=msgspec.json.encode({**document, "keypoint_version": 2}))
    refused(path, tmp_path, "keypoints 2", FingerprintVersionError)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("frames", -1),
        ("frames", FRAMES + 1),
        ("frames", 2**40),
        ("frames", "6"),
        ("views", []),
        ("views", [{"mirrored": True}]),
        ("views", [{}, {}]),
        ("views", [{}] + [{"mirrored": True}] * 40),
        ("dimensions", DIMENSIONS + 1),
        ("dimensions", 2**30),
        ("model_sha256", "../../x"),
        ("has_proxy", False),
        ("pieces", []),
        ("outcome", {"decoded": {"start_s": 1, "end_s": 0}, "frame_count": 1, "cut_times_s": []}),
        ("outcome", {"decoded": {"start_s": 0, "end_s": 1e9}, "frame_count": 1, "cut_times_s": []}),
        ("outcome", {"decoded": {"start_s": 0, "end_s": 1}, "frame_count": 1, "cut_times_s": [-5.0]}),
    ],
)
def test_descriptions_that_do_not_fit(member: str, value: Any, tmp_path: Path):
    path = stored(tmp_path)
    rewritten(path, examination__json=msgspec.json.encode({**document_of(path), member: value}))
    refused(path, tmp_path, "")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}', b"null"])
def test_descriptions_that_are_none(content: bytes, tmp_path: Path):
    path = stored(tmp_path)
    rewritten(path, examination__json=content)
    refused(path, tmp_path, "its description is not one")


def test_numbers_that_are_none_and_times_out_of_order(tmp_path: Path):
    path = stored(tmp_path)
    rewritten(path, times_s__npy=npy(np.array([0.0, 0.1, 0.3, 0.2, 0.4, 0.5])))
    refused(path, tmp_path, "not in order of time")
    rewritten(path, times_s__npy=npy(np.array([0.0, 0.1, np.nan, 0.2, 0.4, 0.5])))
    refused(path, tmp_path, "holds what is no number")
    rewritten(path, times_s__npy=npy(np.arange(FRAMES) * 1e9))
    refused(path, tmp_path, "not in order of time")
    path = stored(tmp_path)
    rewritten(path, points__npy=npy(np.full((7, 2), np.inf, np.float32)))
    refused(path, tmp_path, "points.npy holds what is no number")


def test_arrays_of_another_form(tmp_path: Path):
    for array in (np.arange(FRAMES), np.arange(FRAMES, dtype=np.float32), np.zeros((FRAMES, 1)), np.zeros(3)):
        path = stored(tmp_path)
        rewritten(path, times_s__npy=npy(array))
        refused(path, tmp_path, "times_s.npy is not the array it should be")
    path = stored(tmp_path)
    objects = io.BytesIO()
    np.save(objects, np.array([{}], object), allow_pickle=True)
    rewritten(path, times_s__npy=objects.getvalue())
    refused(path, tmp_path, "times_s.npy is larger than it can be")
    path = stored(tmp_path)
    rewritten(path, pictures__bin=b"")
    refused(path, tmp_path, "pictures.bin has not the size it should have")


def test_parts_too_many_and_too_few(tmp_path: Path):
    path = stored(tmp_path)
    rewritten(path, more__npy=b"more")
    refused(path, tmp_path, "other parts than it should have")
    for name in ("points__npy", "proxy__mkv", "pictures__bin"):
        path = stored(tmp_path)
        rewritten(path, **{name: None})
        refused(path, tmp_path, "other parts than it should have")
    path = stored(tmp_path)
    rewritten(path, examination__json=None)
    refused(path, tmp_path, "examination.json is missing")
    path = stored(tmp_path)
    rewritten(path, **{f"part{number}": b"" for number in range(70)})
    refused(path, tmp_path, "what this program does not write")


def test_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = stored(tmp_path)
    rewritten(path, masks__npy=bytes(60_000_000))
    assert path.stat().st_size < 200_000
    refused(path, tmp_path, "what this program does not write")
    path = stored(tmp_path)
    rewritten(path, masks__npy=bytes(10_000_000))
    refused(path, tmp_path, "masks.npy is larger than it can be")
    # A part that says it is small and is not.
    path = stored(tmp_path)
    rewritten(path, masks__npy=bytes(1000))
    content = path.read_bytes()
    assert content.count(struct.pack("<L", 1000)) == 2
    path.write_bytes(sealed(content.replace(struct.pack("<L", 1000), struct.pack("<L", 999))))
    refused(path, tmp_path, "masks.npy")
    monkeypatch.setattr(member_file, "MAX_FILE_BYTES", 100)
    refused(stored(tmp_path), tmp_path, "is none that this program writes")


def test_other_compressions_and_larger_directories(tmp_path: Path):
    path = tmp_path / "a.zip"
    for compression in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("a", b"a")
            archive.comment = b"sha256 " + b"0" * 64
        path.write_bytes(sealed(path.read_bytes()))
        refused(path, tmp_path, "what this program does not write")
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(900):
            archive.writestr(f"{number:0100d}", b"")
        archive.comment = b"sha256 " + b"0" * 64
    path.write_bytes(sealed(path.read_bytes()))
    refused(path, tmp_path, "what this program does not write")


def test_a_proxy_that_breaks_off_leaves_nothing(tmp_path: Path):
    path = tmp_path / "examination.zip"
    write_examination(path, examination_of(), proxy_file(tmp_path, bytes(range(256)) * 9000), descriptor())
    content = path.read_bytes()
    place = content.index(bytes(range(256)) * 2)
    path.write_bytes(sealed(content[: place + 300] + b"\x00" + content[place + 301 :]))
    refused(path, tmp_path, "proxy.mkv cannot be unpacked")


def test_members_are_read_within_bounds(tmp_path: Path):
    path = tmp_path / "a.zip"
    write_members(path, [Member("a", b"12345"), Member("b", proxy_file(tmp_path), compressed=False)])
    with open_members(path) as file:
        assert file.names == {"a", "b"}
        assert file.read("a", 5) == b"12345"
        for name, most in (("a", 4), ("c", 9)):
            with pytest.raises(EvidenceMismatchError):
                file.read(name, most)
        with pytest.raises(OutputNotWritableError):
            file.extract("b", tmp_path / "none" / "b")


def test_views_are_transforms(tmp_path: Path):
    found = read_examination(stored(tmp_path), tmp_path / "read.mkv").examination
    assert tuple(found.fingerprints) == VIEWS
    assert all(isinstance(view, Transform) for view in found.fingerprints)
