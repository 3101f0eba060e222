"""vPDQ texts: lines of ThreatExchange are read and written, and what is made of them is found by PDQ alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.fingerprint_samples import grey_picture
from tests.unit.pack_samples import archive_at, fingerprints_of, rows_of
from tests.unit.test_fingerprint_pdq import GOLDEN
from verify.archive.check import check_archive
from verify.archive.index import ReferenceIndex
from verify.archive.local_index import LocalIndex
from verify.archive.packs import vpdq
from verify.archive.packs.importing import Imported, Terms, undo_import
from verify.archive.packs.vpdq import import_vpdq, read_vpdq, write_vpdq
from verify.archive.store import Archive
from verify.errors import ArchiveDamagedError, InvalidUsageError, OutputNotWritableError, PackRefusedError
from verify.fingerprint import pdq
from verify.model import Reference, SilentProgress, TrustGrade

if TYPE_CHECKING:
    from pathlib import Path

#: As vpdq-hash-video of ThreatExchange wrote them (vpdq/sample-hashes, 2022): timestamps of up to three digits.
SAMPLE = """\
0,100,34ada6b96d18d2491a79f80f07f2c9936fe6083dfb6983d8a4a36db40034df54,0
1,100,a5ad66b96d58d2491a79f80f07f2c1936fe6083dfb4983d8a4a36db40034df54,0.0327
31,97,a42966b9cf58d3691a7bf88f07f2e9036be6082dfb4983d8a4a36db40034df54,1.01
"""
LINE = SAMPLE.splitlines()[0]


def text_in(folder: Path, text: str, name: str = "clip.vpdq") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def taken(folder: Path, path: Path, name: str = "clip", **terms: str) -> Imported:
    with Archive.create_or_open(folder) as archive:
        reference = Reference(id=name, title="A clip", first_seen="2019", first_seen_basis="list")
        told = Terms(name="Hash bank", grade=TrustGrade.UNVERIFIED, **terms)
        return import_vpdq(archive, path, read_vpdq(path), reference, told)


def test_lines_of_the_reference_implementation_are_read(tmp_path: Path):
    hashes, digest = read_vpdq(text_in(tmp_path, SAMPLE))
    assert hashes.times_s.tolist() == [0.0, 0.0327, 1.01]
    assert hashes.quality.tolist() == pytest.approx([1, 1, 0.97])
    assert [code.tobytes().hex() for code in hashes.codes] == [line.split(",")[2] for line in SAMPLE.splitlines()]
    assert len(digest) == 64
    again, other = read_vpdq(text_in(tmp_path, SAMPLE.replace("\n", "\r\n").upper(), "windows.vpdq"))
    assert again.codes.tolist() == hashes.codes.tolist()
    assert other != digest


def test_digits_are_in_the_order_of_the_reference_implementation(tmp_path: Path):
    """The text that ThreatExchange makes of pdqhash's bit vector is that of our bytes."""
    seed, height, width, code, _ = GOLDEN[0]
    own = pdq.encode(grey_picture(seed, height, width))
    hashes, _ = read_vpdq(text_in(tmp_path, f"0,100,{code},0.000\n"))
    assert hashes.codes[0].tolist() == own.bits.tolist()


def test_what_is_written_can_be_read(tmp_path: Path):
    archive_at(tmp_path / "archive", ["one"])
    path = tmp_path / "one.vpdq"
    with Archive.open(tmp_path / "archive") as archive:
        assert write_vpdq(archive, "one", path) == 16
        with pytest.raises(InvalidUsageError, match="already there"):
            write_vpdq(archive, "one", path)
        with pytest.raises(OutputNotWritableError):
            write_vpdq(archive, "one", tmp_path / "no" / "one.vpdq")
        with pytest.raises(ArchiveDamagedError, match="has no PDQ hashes"):
            write_vpdq(archive, "two", tmp_path / "two.vpdq")
    own = fingerprints_of(1)["pdq"]
    hashes, _ = read_vpdq(path)
    assert hashes.codes.tolist() == own.codes.tolist()
    assert hashes.times_s.tolist() == own.times_s.tolist()
    assert (np.abs(hashes.quality - own.quality) <= 0.01 + 1e-6).all()


def test_it_becomes_a_reference_of_hashes_alone(tmp_path: Path):
    folder = archive_at(tmp_path / "archive", ["clip"])
    before = rows_of(folder)
    path = text_in(tmp_path, SAMPLE)
    done = taken(folder, path)
    assert (done.added, done.renamed) == (["Hash-bank-clip"], [("clip", "Hash-bank-clip")])
    assert taken(folder, path).was_there
    with Archive.open(folder) as archive:
        assert check_archive(archive, SilentProgress()) == []
        reference = archive.reference("Hash-bank-clip")
        assert reference
        assert reference.pack
        assert (reference.pack.kind, reference.pack.parts, reference.sha256) == ("vpdq", ("pdq", "sparse"), "")
        assert (reference.title, reference.first_seen) == ("A clip", "2019")
        assert reference.duration_s == pytest.approx(1.05)
        hashes = ReferenceIndex.load(archive, 0.0)
        assert set(hashes.fingerprints["Hash-bank-clip"]) == {"pdq"}
        (hits,) = hashes.search("pdq", hashes.fingerprints["Hash-bank-clip"]["pdq"].codes[:1], 0)
        assert [hashes.reference_ids[number] for number in hits.reference_numbers] == ["Hash-bank-clip"]
        (hits,) = hashes.search("phash", hashes.fingerprints["clip"]["phash"].codes[:1], 64)
        assert {hashes.reference_ids[number] for number in hits.reference_numbers} == {"clip"}
        assert not len(LocalIndex.load(archive).features("Hash-bank-clip").codes)
        assert undo_import(archive, done.pack_id) == ["Hash-bank-clip"]
    after = rows_of(folder)
    del before["log"], after["log"]
    assert after == before


def test_a_text_with_enough_hashes_is_not_called_sparse(tmp_path: Path):
    archive_at(tmp_path / "archive", ["one"])
    with Archive.open(tmp_path / "archive") as archive:
        write_vpdq(archive, "one", tmp_path / "one.vpdq")
    done = taken(tmp_path / "other", tmp_path / "one.vpdq")
    assert not done.is_sparse
    with Archive.open(tmp_path / "other") as archive:
        (reference,) = archive.references()
    assert reference.pack
    assert reference.pack.parts == ("pdq",)


def test_of_frames_at_one_time_the_first_counts(tmp_path: Path):
    hashes, _ = read_vpdq(text_in(tmp_path, f"{LINE}\n{LINE.replace('34ad', 'ffff')}\n"))
    assert hashes.codes[0].tobytes().hex().startswith("34ad")
    assert len(hashes.codes) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has no lines"),
        ("hello\n", "line 1 is none"),
        (f"{LINE}\n\n", "line 2 is none"),
        (LINE.replace(",100,", ",101,"), "line 1 is none"),
        (LINE.replace(",100,", ",-1,"), "line 1 is none"),
        (LINE.replace(",100,", ",１,"), "line 1 is none"),
        (LINE.replace("34ad", "34a"), "line 1 is none"),
        (LINE.replace("34ad", "34ax"), "line 1 is none"),
        (LINE[:-1] + "nan", "line 1 is none"),
        (LINE[:-1] + "inf", "line 1 is none"),
        (LINE[:-1] + "1e5", "line 1 is none"),
        (LINE[:-1] + "9999999", "line 1 is none"),
        (LINE[:-1] + "-1", "line 1 is none"),
        (LINE + ",more", "line 1 is none"),
        ("9" * 5000, "line 1 is none"),
        ("\0" * 300, "line 1 is none"),
        (LINE[:-1] + "2\n" + LINE[:-1] + "1\n", "the time of line 2 lies before"),
        ("".join(f"{LINE[:-1]}0.{number:04d}\n" for number in range(300)), "are more than any video has"),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, text: str, words: str):
    with pytest.raises(PackRefusedError, match=words):
        read_vpdq(text_in(tmp_path, text))


def test_a_text_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vpdq, "MAX_LINES", 2)
    with pytest.raises(PackRefusedError, match="it has more than 2 lines"):
        read_vpdq(text_in(tmp_path, SAMPLE))
    monkeypatch.setattr(vpdq, "MAX_BYTES", 100)
    with pytest.raises(PackRefusedError, match="it has more than 100 bytes"):
        read_vpdq(text_in(tmp_path, SAMPLE))
    with pytest.raises(InvalidUsageError):
        read_vpdq(tmp_path / "none.vpdq")
