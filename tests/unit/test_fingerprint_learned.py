"""Learned descriptors: what a model is given, what is made of its answer, and which files are refused."""

from __future__ import annotations

import hashlib
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.unit.onnx_samples import (
    FLOAT,
    INT64,
    UINT8,
    failing_model,
    flat_model,
    layout_model,
    model_of_two_files,
    nonsense_model,
    written,
)
from verify.errors import InvalidUsageError, ToolMissingError
from verify.fingerprint import learned
from verify.fingerprint.key_pictures import QueryPieces, ReferenceFeatures
from verify.fingerprint.learned import VIEWS, Descriptor
from verify.model import SampledFrame

MEANS, DEVIATIONS = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def noise(height: int = 36, width: int = 64, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def blue(height: int = 2, width: int = 4) -> np.ndarray:
    """A blue picture, in OpenCV's order of channels."""
    return np.tile(np.array([255, 0, 0], np.uint8), (height, width, 1))


def described(tmp_path: Path, content: bytes, picture: np.ndarray) -> np.ndarray:
    """The vector of one picture."""
    return Descriptor(written(tmp_path / "model.onnx", content)).describe([picture])[0].astype(np.float64)


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values)


# --- what goes in and comes out --------------------------------------------------------------------------------------


def test_vectors_have_length_one_and_the_model_has_the_digest_of_its_file(tmp_path: Path):
    path = written(tmp_path / "model.onnx")
    descriptor = Descriptor(path)
    assert descriptor.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert descriptor.name == descriptor.sha256[:16]
    assert descriptor.dimensions == 72
    vectors = descriptor.describe([noise(), noise(288, 512), noise(288, 512)])
    assert (vectors.dtype, vectors.shape) == (np.float16, (3, 72))
    assert np.linalg.norm(vectors.astype(np.float64), axis=1) == pytest.approx(1, abs=1e-3)
    assert (vectors[1] == vectors[2]).all()
    assert descriptor.describe([]).shape == (0, 72)


@pytest.mark.parametrize(("shape", "last"), [((1, 2, 4, 3), True), (("n", 2, 4, 3), True), ((1, 3, 2, 4), False)])
def test_levels_are_given_as_they_are_in_the_order_red_green_blue(tmp_path: Path, shape: tuple, last: bool):
    expected = blue()[:, :, ::-1] if last else blue()[:, :, ::-1].transpose(2, 0, 1)
    assert described(tmp_path, flat_model(UINT8, shape), blue()) == pytest.approx(unit(expected.ravel()), abs=1e-3)


@pytest.mark.parametrize(("shape", "last"), [((1, 3, 2, 4), False), (("n", 3, 2, 4), False), ((1, 2, 4, 3), True)])
def test_numbers_are_normalised_like_imagenet(tmp_path: Path, shape: tuple, last: bool):
    rgb = (np.array([0, 0, 1]) - MEANS) / DEVIATIONS
    picture = np.tile(rgb, (2, 4, 1))
    expected = picture if last else picture.transpose(2, 0, 1)
    assert described(tmp_path, flat_model(FLOAT, shape), blue()) == pytest.approx(unit(expected.ravel()), abs=1e-3)


def test_picture_is_brought_to_the_stated_size(tmp_path: Path):
    large = np.repeat(np.repeat(noise(2, 4), 32, axis=0), 32, axis=1)
    small = described(tmp_path, flat_model(UINT8, (1, 2, 4, 3)), noise(2, 4))
    assert described(tmp_path, flat_model(UINT8, (1, 2, 4, 3)), large) == pytest.approx(small, abs=1e-3)


def test_numbers_of_any_size_are_taken_at_288_px(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[int, ...]] = []
    prepared = learned._prepared

    def noting(picture: np.ndarray, form: learned._Form) -> np.ndarray:
        seen.append(prepared(picture, form).shape)
        return prepared(blue(), learned._Form(is_float=True, channels_first=True, size=(2, 4)))

    monkeypatch.setattr(learned, "_prepared", noting)
    Descriptor(written(tmp_path / "model.onnx", flat_model(FLOAT, (1, 3, "height", "width")))).describe([noise()])
    assert seen == [(1, 3, 288, 288)] * 2


def test_views_are_the_picture_turned_and_reversed(tmp_path: Path):
    descriptor = Descriptor(written(tmp_path / "model.onnx"))
    picture = noise()
    mirrored = picture[:, ::-1]
    alone = [
        descriptor.describe([np.ascontiguousarray(each)])[0]
        for each in (picture, mirrored, 255 - picture, 255 - mirrored)
    ]
    assert [(view.mirrored, view.inverted) for view in VIEWS] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]
    assert (descriptor.describe_views(picture, with_inverted=True) == np.array(alone)).all()
    assert (descriptor.describe_views(picture, with_inverted=False) == np.array(alone[:2])).all()


def test_picture_without_anything_has_no_direction(tmp_path: Path):
    assert not described(tmp_path, layout_model(), np.zeros((36, 64, 3), np.uint8)).any()


# --- key pictures ----------------------------------------------------------------------------------------------------


class Stamps:
    """Stands in for a descriptor: reads a frame's number from its colour."""

    sha256, dimensions = "ab" * 32, 1

    def describe(self, pictures: list[np.ndarray]) -> np.ndarray:
        return np.array([[picture[0, 0, 0]] for picture in pictures], np.float16)

    def describe_views(self, picture: np.ndarray, *, with_inverted: bool) -> np.ndarray:
        return np.repeat(self.describe([picture]), 4 if with_inverted else 2, axis=0)


def stamped(numbers: range, *, cut_at: int) -> list[tuple[SampledFrame, np.ndarray]]:
    """Frames of one colour each, eight a second, with their grey pictures, which are of nothing but noise."""
    return [
        (
            SampledFrame(
                pts=number,
                time_base=Fraction(1, 8),
                time_s=number / 8,
                pixels_bgr=np.full((36, 64, 3), number, np.uint8),
                starts_shot=number == cut_at,
            ),
            noise(seed=number)[:, :, 0].copy(),
        )
        for number in numbers
    ]


def test_key_pictures_of_a_release_are_described_the_middle_one_in_reverse_too():
    pieces = QueryPieces(Stamps())
    for each in stamped(range(40), cut_at=16):
        pieces.add(*each)
    for piece in pieces.finish(5.0):
        assert [len(picture.vectors) for picture in piece.key_pictures] == [2, 4, 2]
        assert all((picture.vectors == picture.time_s * 8).all() for picture in piece.key_pictures)


def test_key_pictures_of_a_reference_are_described():
    features = ReferenceFeatures(Stamps())
    for each in stamped(range(40), cut_at=16):
        features.add(*each)
    local, found = features.finish(), features.descriptors()
    assert (found.model_sha256, found.vectors.dtype) == (Stamps.sha256, np.float16)
    assert found.times_s.tolist() == local.times_s.tolist()
    assert found.vectors.ravel().tolist() == (local.times_s * 8).tolist()
    assert len(local.times_s) >= 5


def test_without_a_descriptor_nothing_is_described():
    pieces, features = QueryPieces(), ReferenceFeatures()
    for each in stamped(range(8), cut_at=4):
        pieces.add(*each)
        features.add(*each)
    assert {picture.vectors for piece in pieces.finish(1.0) for picture in piece.key_pictures} == {None}
    features.finish()
    assert features.descriptors() is None


def test_reference_without_frames_has_no_vectors():
    features = ReferenceFeatures(Stamps())
    features.finish()
    assert features.descriptors().vectors.shape == (0, 1)


# --- what is refused -------------------------------------------------------------------------------------------------


def test_missing_library_is_told_with_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ToolMissingError, match="pip install onnxruntime") as caught:
        Descriptor(written(tmp_path / "model.onnx"))
    assert caught.value.exit_code == 50


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no ONNX model that can be loaded"),
        (b"no model at all", "is no ONNX model that can be loaded"),
        (layout_model()[:200], "is no ONNX model that can be loaded"),
        (flat_model(FLOAT, (1, 12)), "does not take one batch of pictures"),
        (flat_model(INT64, (1, 3, 2, 4)), "takes tensor(int64), neither uint8 nor float32"),
        (flat_model(FLOAT, (8, 3, 2, 4)), "not single pictures in colour"),
        (flat_model(FLOAT, (1, 1, 2, 4)), "not single pictures in colour"),
        (flat_model(UINT8, (1, "c", 2, 4)), "not single pictures in colour"),
        (flat_model(UINT8, (1, "h", "w", 3)), "not one vector of at most 4096 numbers"),
        (flat_model(UINT8, (1, 4096, 4096, 3)), "more than 2048"),
        (flat_model(UINT8, (1, 64, 64, 3)), "not one vector of at most 4096 numbers"),
        (nonsense_model(), "gives what is no number"),
        (failing_model(), "fails on a picture"),
    ],
)  # fmt: skip
def test_what_is_no_descriptor_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, words: str
):
    path = written(tmp_path / "model.onnx", content)
    with pytest.raises(InvalidUsageError) as caught:
        Descriptor(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert capfd.readouterr() == ("", ""), "the library logs nothing of its own"


@pytest.mark.parametrize("absolute", [False, True])
def test_no_other_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absolute: bool):
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other.bin"
    other.write_bytes(np.ones(1, np.float32).tobytes())
    content = model_of_two_files(str(other) if absolute else other.name)
    with pytest.raises(InvalidUsageError, match="is no ONNX model that can be loaded"):
        Descriptor(written(tmp_path / "model.onnx", content))


def test_model_whose_vectors_follow_the_size_is_refused(tmp_path: Path):
    descriptor = Descriptor(written(tmp_path / "model.onnx", flat_model(UINT8, (1, "h", 4, 3))))
    descriptor._form = learned._Form(is_float=False, channels_first=False, size=None)
    with pytest.raises(InvalidUsageError, match=r"different lengths|fails on a picture"):
        descriptor.describe([noise(8, 4)])


def test_file_is_bounded_and_must_be_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InvalidUsageError, match="cannot be read"):
        Descriptor(tmp_path / "none.onnx")
    monkeypatch.setattr(learned, "MAX_MODEL_BYTES", 100)
    with pytest.raises(InvalidUsageError, match="larger than"):
        Descriptor(written(tmp_path / "model.onnx"))
