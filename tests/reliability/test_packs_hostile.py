"""Packs that were cut off, changed, forged or made to harm: refused with a clear error, and nothing is changed."""

from __future__ import annotations

import hashlib
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.pack_samples import (
    KEY,
    add_reference,
    archive_at,
    changed_pack,
    exported,
    head_of,
    imported,
    proxy_of,
    records_of,
    reference_of,
    rows_of,
    write_pack,
)
from verify.archive.check import check_archive
from verify.archive.packs import reading
from verify.archive.packs.layout import BODY_AT, FIXED, MAX_RECORDS, MAX_REFERENCES
from verify.archive.records import digest_of
from verify.archive.store import Archive
from verify.errors import FingerprintVersionError, NewerFormatError, PackRefusedError, VerifyError
from verify.evidence.keys import SigningKey
from verify.model import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REFUSED = (PackRefusedError, NewerFormatError, FingerprintVersionError)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of two references, signed; the same one unsigned; and an archive to import into."""
    folder = tmp_path_factory.mktemp("packs")
    archive_at(folder / "sent", ["one", "two"])
    exported(folder / "sent", folder / "good.pack")
    exported(folder / "sent", folder / "unsigned.pack", key=None)
    archive_at(folder / "archive", ["mine"], first=8)
    return folder


@pytest.fixture
def unchanged(folder: Path) -> Iterator[Path]:
    """The archive to import into, which must be as it was in the end, files and all."""
    archive = folder / "archive"
    before = rows_of(archive), sorted(path.name for path in archive.rglob("*"))
    yield archive
    assert (rows_of(archive), sorted(path.name for path in archive.rglob("*"))) == before
    with Archive.open(archive) as opened:
        assert check_archive(opened, SilentProgress()) == []


def refuse(archive: Path, pack: Path, words: str, kinds: Any = PackRefusedError, **options: Any) -> VerifyError:
    with pytest.raises(kinds, match=words) as caught:
        imported(archive, pack, **options)
    error: VerifyError = caught.value
    assert error.remedy
    assert str(error).isprintable()
    assert len(str(error)) < 1000
    return error


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["good.pack", "unsigned.pack"])
def test_no_byte_can_be_changed(folder: Path, unchanged: Path, tmp_path: Path, name: str):
    content = (folder / name).read_bytes()
    head_end = FIXED.size + sum(FIXED.unpack_from(content)[1:3])
    random = np.random.default_rng(1)
    places = [
        *range(FIXED.size),
        *random.integers(FIXED.size, head_end, 150).tolist(),
        *range(head_end - 250, head_end, 5),  # the signature, where there is one
        *random.integers(head_end, BODY_AT, 20).tolist(),
        *random.integers(BODY_AT, len(content), 60).tolist(),
        len(content) - 1,
    ]
    path = tmp_path / "changed.pack"
    for place in places:
        changed = bytearray(content)
        changed[place] ^= int(random.integers(1, 256))
        path.write_bytes(changed)
        with pytest.raises(REFUSED):
            imported(unchanged, path, key=KEY if name == "good.pack" else None)


def test_no_part_can_be_missing(folder: Path, unchanged: Path, tmp_path: Path):
    content = (folder / "good.pack").read_bytes()
    path = tmp_path / "short.pack"
    places = np.random.default_rng(2).integers(0, len(content), 40).tolist()
    for length in (0, 1, 7, 8, 47, 48, 500, BODY_AT - 1, BODY_AT, BODY_AT + 1, len(content) - 1, *places):
        path.write_bytes(content[:length])
        refuse(unchanged, path, "it is no pack|cut off|bytes, not the")


def test_nothing_can_be_added(folder: Path, unchanged: Path, tmp_path: Path):
    path = tmp_path / "long.pack"
    path.write_bytes((folder / "good.pack").read_bytes() + b"\0")
    refuse(unchanged, path, "bytes, not the")


def test_a_pack_that_changes_while_it_is_read_is_refused(
    folder: Path, unchanged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "changing.pack"
    content = bytearray((folder / "good.pack").read_bytes())
    path.write_bytes(content)
    check = reading._check_body

    def check_and_change(*arguments: Any) -> None:
        check(*arguments)
        content[-1] ^= 1
        path.write_bytes(content)

    monkeypatch.setattr(reading, "_check_body", check_and_change)
    refuse(unchanged, path, "digest|changed while")


# --- forgery --------------------------------------------------------------------------------------------------------


def test_a_forged_signature_is_refused(folder: Path, unchanged: Path, tmp_path: Path):
    other = SigningKey.generate()
    forged = write_pack(
        tmp_path / "forged.pack", head_of(folder / "good.pack"), records_of(folder / "good.pack"), key=other
    )
    refuse(unchanged, forged, "which is none that you named")
    # The head names the key that is trusted, and another signed it.
    claims = {"public_key": KEY.public.encoded}
    write_pack(forged, head_of(folder / "good.pack"), records_of(folder / "good.pack"), key=other, claims=claims)
    refuse(unchanged, forged, "its signature does not hold")
    refuse(unchanged, forged, "its signature does not hold", key=None)
    # An unsigned pack that claims to be of the trusted key.
    write_pack(forged, head_of(folder / "good.pack"), records_of(folder / "good.pack"), key=None, claims=claims)
    refuse(unchanged, forged, "it is not signed")
    refuse(unchanged, forged, "its head names another key", key=None)


def test_the_signature_of_another_pack_does_not_hold(folder: Path, unchanged: Path, tmp_path: Path):
    source = write_pack(tmp_path / "a.pack", head_of(folder / "good.pack"), records_of(folder / "good.pack"))
    content = source.read_bytes()
    _, head_bytes, signature_bytes, _ = FIXED.unpack_from(content)
    signature = content[FIXED.size + head_bytes : FIXED.size + head_bytes + signature_bytes]
    path = changed_pack(folder / "good.pack", tmp_path / "b.pack", lambda record, _: record.update(title="Another"))
    changed = bytearray(path.read_bytes())
    at = FIXED.size + FIXED.unpack_from(changed)[1]
    changed[at : at + signature_bytes] = signature
    path.write_bytes(changed)
    refuse(unchanged, path, "its signature does not hold")


@pytest.mark.parametrize(
    ("claims", "words", "kind"),
    [
        ({"format_version": 2}, "newer", NewerFormatError),
        ({"format_version": 2, "anything": [1]}, "newer", NewerFormatError),
        ({"format_version": 0}, "no pack of references", PackRefusedError),
        ({"format": "verify-case"}, "no pack of references", PackRefusedError),
        ({"anything": 1}, "its head is none", PackRefusedError),
        ({"parts": ["videos"]}, "parts that this program does not know", PackRefusedError),
        ({"publisher": "a\x1b[2J"}, "publisher has control characters", PackRefusedError),
        ({"publisher": "a\u202eb"}, "publisher has characters that cannot be shown", PackRefusedError),
        ({"publisher": "a" * 101}, "publisher has more than 100", PackRefusedError),
        ({"fingerprints": {"pdq": 2}}, "pdq fingerprints are version 2", FingerprintVersionError),
        ({"fingerprints": {"dna": 1}}, "does not know", PackRefusedError),
        ({"reference_count": MAX_REFERENCES + 1}, "it claims 1000001 references", PackRefusedError),
        ({"reference_count": 10_000_000}, "it claims 10000000 references", PackRefusedError),
        ({"reference_count": 0}, "it claims 0 references", PackRefusedError),
        ({"reference_count": 3}, "as many references", PackRefusedError),
        ({"reference_count": "2"}, "its head is none", PackRefusedError),
        ({"record_count": 10**8 + 1}, "records", PackRefusedError),
        ({"record_count": 10_000_000}, "ends too early", PackRefusedError),
        ({"record_count": 3}, "as many references", PackRefusedError),
        ({"body_bytes": 10**15}, "bytes, not the", PackRefusedError),
        ({"body_bytes": -1}, "bytes, not the", PackRefusedError),
        ({"body_sha256": "0" * 64}, "does not have the digest", PackRefusedError),
    ],
)
def test_claims_of_the_head_are_not_believed(
    folder: Path, unchanged: Path, tmp_path: Path, claims: dict[str, Any], words: str, kind: type[VerifyError]
):
    """Not even when they are signed with a key that is trusted."""
    path = tmp_path / "claims.pack"
    write_pack(path, head_of(folder / "good.pack"), records_of(folder / "good.pack"), claims=claims)
    began = time.monotonic()
    refuse(unchanged, path, words, kind)
    assert time.monotonic() - began < 5


def test_a_claim_of_much_costs_nothing(folder: Path, unchanged: Path, tmp_path: Path):
    head = {**head_of(folder / "good.pack")}
    path = write_pack(
        tmp_path / "much.pack", head, [], claims={"reference_count": MAX_REFERENCES, "record_count": MAX_RECORDS}
    )
    tracemalloc.start()
    refuse(unchanged, path, "ends too early")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000


# --- records --------------------------------------------------------------------------------------------------------


def told(**values: Any) -> Callable[[dict[str, Any], list[bytes]], None]:
    return lambda record, _: record.update(values)


def sighted(**values: Any) -> Callable[[dict[str, Any], list[bytes]], None]:
    return lambda record, _: record["sightings"][0].update(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (told(id="../../etc/passwd"), "an id that is none"),
        (told(id="a/b"), "an id that is none"),
        (told(id=""), "an id that is none"),
        (told(id="a" * 101), "an id that is none"),
        (told(id="-rf"), "an id that is none"),
        (told(id="\u202eabc"), "an id that is none"),
        (told(id="one\n"), "an id that is none"),
        (told(id="a" * 4_000_000), "an id that is none"),
        (told(id="two"), "a second reference of that id"),
        (told(title="a\x1b[2Jb"), "title has control characters"),
        (told(title="a\0b"), "title has control characters"),
        (told(notes="\x9b31m"), "notes has control characters"),
        (told(notes="a" * 4001), "notes has more than 4000 characters"),
        (told(notes="a" * 5_000_000), "record 1 has"),
        (told(source_url="javascript:alert(1)"), "no http"),
        (told(source_url="file:///etc/passwd"), "no http"),
        (told(kind="fact"), "its kind is none"),
        (told(sha256="x"), "its SHA-256 is none"),
        (told(sha256=""), "its SHA-256 is none"),
        (told(duration_s=-1.0), "a duration"),
        (told(duration_s=0.0), "a duration"),
        (told(duration_s=1e300), "a duration"),
        (told(duration_s=None), "record 1 is none"),
        (told(sightings=[]), "0 sightings"),
        (told(retracted=True), "record 1 is none"),
        (told(origin="other"), "record 1 is none"),
        (told(record="tombstone"), "record 1 is none"),
        (sighted(date="yesterday"), "the date of a sighting"),
        (sighted(date="2021-13"), "the date of a sighting"),
        (sighted(source="oracle"), "the source of a sighting"),
        (sighted(url="ftp://example.org"), "no http"),
        (sighted(sha256="x"), "the SHA-256 of a sighting"),
        (sighted(added_utc="now"), "the moment at which a sighting was added"),
        (sighted(basis="\x07"), "control characters"),
        (sighted(publisher="p" * 4001), "more than 4000"),
    ],
)
def test_what_is_told_of_a_reference_is_checked(folder: Path, unchanged: Path, tmp_path: Path, change: Any, words: str):
    error = refuse(unchanged, changed_pack(folder / "good.pack", tmp_path / "bad.pack", change), words)
    assert "\u202e" not in str(error)


def blob(place: int, content: bytes | Callable[[bytes], bytes], *, resign: bool = True) -> Any:
    """Put other bytes into an array, with the digest that they have unless `resign` is false."""

    def change(record: dict[str, Any], blobs: list[bytes]) -> None:
        blobs[place] = content(blobs[place]) if callable(content) else content
        record["blobs"] = [len(each) for each in blobs]
        if resign and record["record"] in ("fingerprint", "motion", "vectors"):
            record["sha256"] = digest_of(*blobs)
        elif resign and record["record"] == "keypoints":
            head = [record[name] for name in ("version", "dimensions", "width_px", "height_px")]
            record["sha256"] = digest_of(np.array(head, "<i8").tobytes(), *blobs)

    return change


def floats(kind: str, *values: float) -> Callable[[bytes], bytes]:
    """Put other numbers at the beginning of an array."""

    def change(data: bytes) -> bytes:
        array = np.frombuffer(data, kind).copy()
        array[: len(values)] = values
        return array.tobytes()

    return change


NAN = float("nan")


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("fingerprint", blob(1, lambda data: bytes(len(data)), resign=False), "do not have their digest"),
        ("fingerprint", blob(1, lambda data: data[:-1]), "arrays that have not the sizes"),
        ("fingerprint", blob(0, floats("<f8", NAN)), "times that do not go"),
        ("fingerprint", blob(0, floats("<f8", -5)), "times that do not go"),
        ("fingerprint", blob(0, floats("<f8", 3)), "times that do not go"),
        ("fingerprint", blob(2, floats("<f4", NAN)), "a quality"),
        ("fingerprint", blob(2, floats("<f4", 1.5)), "a quality"),
        ("fingerprint", told(frame_count=10_000_000), "10000000 moments"),
        ("fingerprint", told(frame_count=-1), "-1 moments"),
        ("fingerprint", told(algorithm="dna"), "none of ours"),
        ("fingerprint", told(bits=8), "none of ours"),
        ("fingerprint", told(blobs=[]), "arrays that have not the sizes"),
        ("fingerprint", told(blobs=[-1, 0, 0]), "sizes that cannot be"),
        ("fingerprint", told(blobs=[2**62, 2**62, 2**62]), "sizes that cannot be"),
        ("fingerprint", told(blobs=[2**70]), "sizes that cannot be|is none that"),
        ("fingerprint", told(version=2**70), "int|large|none that"),
        ("keypoints", blob(4, floats("<f4", NAN)), "a keypoint outside"),
        ("keypoints", blob(4, floats("<f4", 1e30)), "a keypoint outside"),
        ("keypoints", blob(2, floats("<i8", 5)), "keypoints"),
        ("keypoints", blob(2, floats("<i8", 0, 10**12)), "keypoints"),
        ("keypoints", blob(3, floats("<u2", 65535)), "words"),
        ("keypoints", blob(1, floats("<f8", 1e9)), "times that do not go"),
        ("keypoints", told(dimensions=0), "cannot be"),
        ("keypoints", told(keypoint_count=-5), "cannot be"),
        ("keypoints", told(width_px=10**9), "a size that cannot be"),
        ("keypoints", told(picture_count=10**9), "moments"),
        ("motion", blob(0, floats("<f8", 1, 0)), "times that do not go"),
        ("motion", told(moment_count=10**12), "moments"),
        ("vectors", blob(1, floats("<f2", NAN)), "longer than 1"),
        ("vectors", blob(1, floats("<f2", 60000)), "longer than 1"),
        ("vectors", told(model_sha256="m"), "cannot be"),
        ("vectors", told(dimensions=10**6), "cannot be"),
        ("thumbnail", blob(0, b"\xff\xd8" + bytes(200)), "no JPEG"),
        ("thumbnail", blob(0, bytes(10)), "number of bytes"),
        ("thumbnail", blob(0, lambda data: data[:-1]), "no JPEG|digest"),
        ("thumbnail", told(width_px=255), "another size"),
        ("thumbnail", told(width_px=10_000), "cannot be"),
        ("thumbnail", told(time_s=1e9), "cannot be"),
        ("proxy", blob(0, b"no video", resign=False), "does not have its digest"),
        ("proxy", told(sha256="../../x"), "no size or digest"),
        ("proxy", told(blobs=[]), "no size or digest"),
    ],
)
def test_what_a_reference_is_searched_by_is_checked(
    folder: Path, unchanged: Path, tmp_path: Path, kind: str, change: Any, words: str
):
    refuse(unchanged, changed_pack(folder / "good.pack", tmp_path / "bad.pack", change, kind=kind), words)


@pytest.mark.parametrize("kind", ["fingerprint", "keypoints", "motion"])
def test_fingerprints_of_other_versions_are_told(folder: Path, unchanged: Path, tmp_path: Path, kind: str):
    change = blob(0, lambda data: data)

    def newer(record: dict[str, Any], blobs: list[bytes]) -> None:
        record["version"] = 2
        change(record, blobs)

    path = changed_pack(folder / "good.pack", tmp_path / "newer.pack", newer, kind=kind)
    refuse(unchanged, path, "version 2", FingerprintVersionError)


def replaced_proxy(content: bytes) -> Any:
    def change(record: dict[str, Any], blobs: list[bytes]) -> None:
        blobs[0] = content
        record.update(sha256=hashlib.sha256(content).hexdigest(), blobs=[len(content)])

    return change


def test_a_proxy_that_is_none_is_refused(folder: Path, unchanged: Path, tmp_path: Path):
    path = tmp_path / "bad.pack"
    refuse(unchanged, changed_pack(folder / "good.pack", path, replaced_proxy(b"MZ" * 500), kind="proxy"), "decoded")
    large = proxy_of(1, tmp_path / "large.mkv", width_px=640).read_bytes()
    refuse(unchanged, changed_pack(folder / "good.pack", path, replaced_proxy(large), kind="proxy"), "larger than")


def test_records_in_another_order_are_refused(folder: Path, unchanged: Path, tmp_path: Path):
    head, records = head_of(folder / "good.pack"), records_of(folder / "good.pack")
    path = tmp_path / "order.pack"
    refuse(unchanged, write_pack(path, head, records[1:]), "record 1 belongs to no reference")
    motion = next(each for each in records if each[0]["record"] == "motion")
    refuse(unchanged, write_pack(path, head, [*records, motion, motion]), "UNIQUE|motion")
    without = [each for each in records if each[0].get("algorithm") != "pdq"]
    refuse(unchanged, write_pack(path, head, without), "it has no PDQ hashes")
    refuse(unchanged, write_pack(path, {**head, "parts": []}, records), "a part that the head does not name")


def test_many_small_records_take_little_memory(folder: Path, unchanged: Path, tmp_path: Path):
    """Thumbnails without end, more than the reference's duration allows at one time each."""
    head, records = head_of(folder / "good.pack"), records_of(folder / "good.pack")
    reference = [each for each in records if each[0]["record"] in ("reference", "fingerprint")][:3]
    record, blobs = next(each for each in records if each[0]["record"] == "thumbnail")
    many = [({**record, "time_s": number / 5000}, blobs) for number in range(3000)]
    path = write_pack(tmp_path / "many.pack", head, [*reference, *many])
    tracemalloc.start()
    refuse(unchanged, path, "more thumbnails than")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_texts_that_turn_around_are_kept_and_spelled_out(folder: Path, tmp_path: Path):
    """They belong to ordinary writing; whoever shows them makes them harmless."""
    with Archive.create_or_open(tmp_path / "sent") as archive:
        add_reference(archive, 1, reference_of(1, "one", title="\u202eevil\u202c <script>"))
    path = exported(tmp_path / "sent", tmp_path / "bidi.pack")
    imported(tmp_path / "archive", path)
    with Archive.open(tmp_path / "archive") as archive:
        (reference,) = archive.references()
    assert reference.title == "\u202eevil\u202c <script>"
