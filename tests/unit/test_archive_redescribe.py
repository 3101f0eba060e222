"""Vectors made of thumbnails: which of them, what of a damaged one, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.unit.archive_samples import features_of
from tests.unit.fingerprint_samples import Film, reference_of
from tests.unit.onnx_samples import layout_model, written
from verify.archive.redescribe import describe_kept, lacking
from verify.archive.store import Archive, Thumbnail
from verify.errors import ArchiveDamagedError
from verify.fingerprint.learned import Descriptor
from verify.media.pictures import encode_jpeg
from verify.model import DescriptorSet, Reference

LEVELS = {0.0: 20, 0.5: 60, 0.7: 100, 1.2: 140, 1.7: 180, 2.2: 220}


def thumbnail(time_s: float, level: int, side: int = 64) -> Thumbnail:
    jpeg = encode_jpeg(np.full((36, side, 3), level, np.uint8), 90)
    return Thumbnail(time_s=time_s, width_px=side, height_px=36, jpeg=jpeg)


@pytest.fixture
def descriptor(tmp_path: Path) -> Descriptor:
    return Descriptor(written(tmp_path / "layout.onnx"))


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.create_or_open(tmp_path / "archive") as opened:
        yield opened


def add(archive: Archive, name: str, *thumbnails: Thumbnail, described: DescriptorSet | None = None) -> None:
    number = len(archive.references()) + 1
    reference = Reference(id=name, sha256=f"{number:064d}", duration_s=3.0)
    fingerprints = reference_of(Film(number, 3.0), 3.0)
    archive.add(reference, fingerprints, thumbnails, features_of(number), descriptors=described)


def test_a_picture_a_second_and_the_first_of_every_shot(archive: Archive, descriptor: Descriptor):
    add(archive, "one", *(thumbnail(*each) for each in LEVELS.items()))
    describe_kept(archive, "one", descriptor)
    (digest,) = archive.descriptor_digests()
    found = archive.descriptors(digest)
    assert (digest.model_sha256, found.times_s.tolist()) == (descriptor.sha256, [0.0, 0.7, 1.7])
    kept = [archive.thumbnail("one", time_s) for time_s in found.times_s]
    pictures = [cv2.imdecode(np.frombuffer(jpeg or b"", np.uint8), cv2.IMREAD_COLOR) for jpeg in kept]
    assert np.abs(found.vectors - descriptor.describe([np.asarray(each, np.uint8) for each in pictures])).max() < 0.01


def test_it_takes_the_place_of_every_other(archive: Archive, descriptor: Descriptor, tmp_path: Path):
    other = Descriptor(written(tmp_path / "other.onnx", layout_model(scale=2.0)))
    add(archive, "one", thumbnail(0.0, 50))
    add(archive, "two", thumbnail(0.0, 90))
    describe_kept(archive, "one", other)
    describe_kept(archive, "two", descriptor)
    assert lacking(archive, descriptor) == ["one"]
    describe_kept(archive, "one", descriptor)
    assert lacking(archive, descriptor) == []
    assert {each.model_sha256 for each in archive.descriptor_digests()} == {descriptor.sha256}


def test_reference_without_thumbnails_is_told_and_counts_as_lacking(archive: Archive, descriptor: Descriptor):
    add(archive, "one")
    with pytest.raises(ArchiveDamagedError, match="one has no thumbnails"):
        describe_kept(archive, "one", descriptor)
    assert lacking(archive, descriptor) == ["one"]


@pytest.mark.parametrize("broken", [b"", b"no picture", thumbnail(0.0, 9).jpeg[:200], thumbnail(0.0, 9, side=300).jpeg])
def test_damaged_thumbnail_is_told_and_nothing_changes(archive: Archive, descriptor: Descriptor, broken: bytes):
    vectors = np.ones((1, 1), np.float16)
    before = DescriptorSet(model_sha256="ab" * 32, times_s=np.zeros(1), vectors=vectors)
    damaged = Thumbnail(time_s=1.0, width_px=64, height_px=36, jpeg=broken)
    add(archive, "one", thumbnail(0.0, 50), damaged, described=before)
    with pytest.raises(ArchiveDamagedError, match="the thumbnail of one at 1 s cannot be used"):
        describe_kept(archive, "one", descriptor)
    assert [each.model_sha256 for each in archive.descriptor_digests()] == ["ab" * 32]
