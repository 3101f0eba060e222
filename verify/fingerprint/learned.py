"""Learned descriptors: an ONNX file turns a picture into a vector; like pictures, near vectors.

The program brings one (docs/descriptor.md), and takes others. What a file must take and give, so that it can be used:

- one input of four dimensions, RGB pictures, one at a time: uint8 (N, height, width, 3) with levels 0..255, or float32
  (N, 3, height, width), which gets levels 0..1 less ImageNet's means and divided by its deviations. Either type in the
  other order is understood too, where the model states which dimension has size 3;
- a height and width that the model states are kept to. Where it states none, uint8 pictures are given as they are (512
  px at most) and are the model's to scale, float32 ones at 288 x 288;
- as its first output one vector, (1, D) float, of at most 4096 numbers. It is brought to length 1 here.

Which model made a vector is part of it: vectors are compared only with those of the same file, by its SHA-256.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from verify.errors import InvalidUsageError, ToolMissingError
from verify.model import Transform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]
    Vectors = npt.NDArray[np.float16]

#: The program's own.
OWN_MODEL = Path(__file__).with_name("descriptor.onnx")
MAX_MODEL_BYTES = 512 * 1024**2
MAX_DIMENSIONS = 4096
#: Ways in which key pictures of a release are described, in the order of the vectors; the last two only of the middle
#: picture of a piece, because reversed polarity is rare.
VIEWS = (
    Transform(),
    Transform(mirrored=True),
    Transform(inverted=True),
    Transform(mirrored=True, inverted=True),
)
_UPRIGHT_VIEWS = 2

_INSTALL = "pip install onnxruntime"
_WANTED = "See verify/fingerprint/learned.py and docs/usage.md for what a descriptor takes and gives."
_DEFAULT_SIDE_PX = 288
_MAX_SIDE_PX = 2048
_TRIAL_SIDE_PX = 64
_MEANS = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATIONS = np.array([0.229, 0.224, 0.225], np.float32)
_NAME_DIGITS = 16
#: Log nothing but what ends the process: what fails is told by an exception.
_QUIET = 4
_CHANNELS = 3
_MAX_REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What the model takes: type, order of dimensions, and the size in px, None for any."""

    is_float: bool
    channels_first: bool
    size: tuple[int, int] | None


class Descriptor:
    """A model that was read from a file.

    `sha256` identifies it, `name` is short for it in messages, and `dimensions` is the length of its vectors.

    Raises
    ------
    ToolMissingError
        onnxruntime is not installed.
    InvalidUsageError
        The file cannot be read, or is no model that can be used.
    """

    def __init__(self, path: Path) -> None:
        runtime = _runtime()
        model = _read(path)
        self._path = path
        self.sha256 = hashlib.sha256(model).hexdigest()
        self.name = short_name(self.sha256)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        self._run_options = runtime.RunOptions()
        self._run_options.log_severity_level = _QUIET
        try:
            # Of its bytes, so that what is run is what has the digest, and no other file is read with it.
            self._session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise self._unusable(f"is no ONNX model that can be loaded ({_first_line(error)})") from error
        self._form = self._understood()
        self._input = self._session.get_inputs()[0].name
        self.dimensions = len(self._run(np.full((_TRIAL_SIDE_PX, _TRIAL_SIDE_PX, _CHANNELS), 128, np.uint8)))

    def describe(self, pictures: Sequence[Picture]) -> Vectors:
        """Describe pictures, each (H, W, 3) uint8 BGR, as (N, D) float16 of length 1; all 0 where the model gives that.

        Raises
        ------
        InvalidUsageError
            The model fails on a picture.
        """
        vectors = np.zeros((len(pictures), self.dimensions), np.float32)
        for vector, picture in zip(vectors, pictures, strict=True):
            found = self._run(picture)
            if len(found) != self.dimensions:
                raise self._unusable("gives vectors of different lengths")
            vector[:] = found
        return vectors.astype(np.float16)

    def describe_views(self, picture: Picture, *, with_inverted: bool) -> Vectors:
        """Describe a picture, (H, W, 3) uint8 BGR, in `VIEWS`, (4, D) float16, or only in those as bright, (2, D)."""
        seen = []
        for view in VIEWS[: None if with_inverted else _UPRIGHT_VIEWS]:
            turned = cv2.flip(picture, 1) if view.mirrored else picture
            seen.append(np.asarray(cv2.bitwise_not(turned) if view.inverted else turned, np.uint8))
        return self.describe(seen)

    def _understood(self) -> _Form:
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or not self._session.get_outputs():
            raise self._unusable("does not take one batch of pictures and give vectors")
        if inputs[0].type not in ("tensor(uint8)", "tensor(float)"):
            raise self._unusable(f"takes {inputs[0].type}, neither uint8 nor float32")
        is_float = inputs[0].type == "tensor(float)"
        count, *rest = inputs[0].shape
        first, last = rest[0] == _CHANNELS, rest[-1] == _CHANNELS
        channels_first = is_float if first == last else first
        sides = rest[1:] if channels_first else rest[:-1]
        channels = rest[0] if channels_first else rest[-1]
        if (isinstance(channels, int) and channels != _CHANNELS) or (isinstance(count, int) and count != 1):
            raise self._unusable(f"takes a batch of the shape {inputs[0].shape}, not single pictures in colour")
        if any(isinstance(side, int) and not 1 <= side <= _MAX_SIDE_PX for side in sides):
            raise self._unusable(f"takes pictures of {sides[1]} x {sides[0]} px, more than {_MAX_SIDE_PX}")
        height, width = (side if isinstance(side, int) else None for side in sides)
        if height is None and width is None and not is_float:
            return _Form(is_float=False, channels_first=channels_first, size=None)
        size = (height or width or _DEFAULT_SIDE_PX, width or height or _DEFAULT_SIDE_PX)
        return _Form(is_float=is_float, channels_first=channels_first, size=size)

    def _run(self, picture: Picture) -> npt.NDArray[np.float32]:
        """Describe one picture, (D,) of length 1 or 0."""
        try:
            found = self._session.run(None, {self._input: _prepared(picture, self._form)}, self._run_options)[0]
        except Exception as error:
            raise self._unusable(f"fails on a picture ({_first_line(error)})") from error
        shape = np.shape(found)
        vector = np.asarray(found, np.float32).ravel() if np.issubdtype(np.asarray(found).dtype, np.number) else None
        if vector is None or not 1 <= len(vector) <= MAX_DIMENSIONS or shape[0] != 1:
            raise self._unusable(f"gives {shape} for a picture, not one vector of at most {MAX_DIMENSIONS} numbers")
        if not np.isfinite(vector).all():
            raise self._unusable("gives what is no number")
        length = float(np.linalg.norm(vector.astype(np.float64)))
        return np.asarray(vector / length, np.float32) if length > 0 else np.zeros_like(vector)

    def _unusable(self, problem: str) -> InvalidUsageError:
        return InvalidUsageError(self._path, f"the descriptor {problem}", _WANTED)


def short_name(sha256: str) -> str:
    """Shorten the digest of a model for messages."""
    return sha256[:_NAME_DIGITS]


def _runtime() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - slow to import
    except ImportError as error:
        raise ToolMissingError(
            "the learned descriptor",
            f"onnxruntime cannot be used ({error})",
            f"Install it: {_INSTALL}. Or do without: --no-descriptor.",
        ) from error
    # The library would otherwise tell its maker of its use, on some systems.
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            model = file.read(MAX_MODEL_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidUsageError(path, f"the descriptor cannot be read ({reason})", "Check the path.") from error
    if len(model) > MAX_MODEL_BYTES:
        raise InvalidUsageError(
            path, f"the descriptor is larger than {MAX_MODEL_BYTES // 1024**2} MiB", "Choose a smaller one."
        )
    return model


def _prepared(picture: Picture, form: _Form) -> npt.NDArray[Any]:
    """Bring a picture, (H, W, 3) BGR, into the form of a model, as a batch of one."""
    if form.size is not None and picture.shape[:2] != form.size:
        shrinks = picture.shape[0] > form.size[0] or picture.shape[1] > form.size[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, form.size[::-1], interpolation=interpolation), np.uint8)
    rgb: npt.NDArray[Any] = picture[:, :, ::-1]
    if form.is_float:
        rgb = (rgb.astype(np.float32) / 255 - _MEANS) / _DEVIATIONS
    return np.ascontiguousarray((rgb.transpose(2, 0, 1) if form.channels_first else rgb)[None])


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return "".join(character for character in line if character.isprintable())[:_MAX_REASON_CHARACTERS]
