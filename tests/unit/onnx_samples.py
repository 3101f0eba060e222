"""Small ONNX models for tests, written byte by byte in the form of onnx.proto: no package is needed to make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

Shape = tuple["int | str", ...]
FLOAT, UINT8, INT64 = 1, 2, 7
IR_VERSION, OPSET = 8, 13
GRID = (4, 6)
#: Field numbers of onnx.proto are written out where they are used; attribute types are these.
_OF_INT, _OF_STRING, _OF_INTS = 2, 3, 7


def varint(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def attribute(name: str, value: int | str | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, _OF_INT)
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, _OF_STRING)
    return field(1, name) + b"".join(field(8, each) for each in value) + field(20, _OF_INTS)


def node(kind: str, inputs: Sequence[str], output: str, **attributes: int | str | Sequence[int]) -> bytes:
    parts = [field(1, name) for name in inputs] + [field(2, output), field(4, kind)]
    return b"".join(parts + [field(5, attribute(name, value)) for name, value in attributes.items()])


def constant(name: str, values: npt.NDArray[np.int64] | npt.NDArray[np.float32]) -> bytes:
    kind = INT64 if values.dtype == np.int64 else FLOAT
    dimensions = b"".join(field(1, size) for size in values.shape)
    return dimensions + field(2, kind) + field(8, name) + field(9, values.tobytes())


def value(name: str, kind: int, shape: Shape) -> bytes:
    sizes = b"".join(field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sizes)))


def model(
    nodes: Sequence[bytes], taken: tuple[int, Shape], given: tuple[int, Shape], constants: Sequence[bytes] = ()
) -> bytes:
    """A model from the value 'in' to the value 'out', each (element type, shape)."""
    graph = b"".join(field(1, each) for each in nodes) + field(2, "sample")
    graph += b"".join(field(5, each) for each in constants)
    graph += field(11, value("in", *taken)) + field(12, value("out", *given))
    return field(1, IR_VERSION) + field(8, field(2, OPSET)) + field(7, graph)


def layout_model(scale: float = 1.0) -> bytes:
    """Takes uint8 (N, height, width, 3) of any size; gives the picture reduced to 4 x 6, less its mean, (N, 72)."""
    return model(
        [
            node("Cast", ["in"], "levels", to=FLOAT),
            node("Transpose", ["levels"], "planes", perm=[0, 3, 1, 2]),
            node("Resize", ["planes", "", "", "sizes"], "small", mode="linear"),
            node("Flatten", ["small"], "flat"),
            node("ReduceMean", ["flat"], "mean", axes=[1], keepdims=1),
            node("Sub", ["flat", "mean"], "centred"),
            node("Mul", ["centred", "scale"], "out"),
        ],
        (UINT8, ("n", "height", "width", 3)),
        (FLOAT, ("n", 72)),
        [constant("sizes", np.array([1, 3, *GRID], np.int64)), constant("scale", np.array([scale], np.float32))],
    )


def flat_model(kind: int = FLOAT, shape: Shape = (1, 3, 2, 4)) -> bytes:
    """Gives all that it takes, as one row."""
    return model(
        [node("Cast", ["in"], "levels", to=FLOAT), node("Flatten", ["levels"], "out")], (kind, shape), (FLOAT, (1, "d"))
    )


def nonsense_model() -> bytes:
    """Gives what is no number."""
    return model(
        [
            node("Cast", ["in"], "levels", to=FLOAT),
            node("Flatten", ["levels"], "flat"),
            node("Sub", ["flat", "flat"], "zero"),
            node("Div", ["zero", "zero"], "out"),
        ],
        (UINT8, (1, 2, 2, 3)),
        (FLOAT, (1, 12)),
    )


def model_of_two_files(location: str) -> bytes:
    """Has a number in another file."""
    kept = (("location", location), ("offset", "0"), ("length", "4"))
    scale = field(1, 1) + field(2, FLOAT) + field(8, "scale") + field(14, 1)
    scale += b"".join(field(13, field(1, name) + field(2, text)) for name, text in kept)
    return model(
        [
            node("Cast", ["in"], "levels", to=FLOAT),
            node("Flatten", ["levels"], "flat"),
            node("Mul", ["flat", "scale"], "out"),
        ],
        (UINT8, (1, 2, 2, 3)),
        (FLOAT, (1, 12)),
        [scale],
    )


def failing_model() -> bytes:
    """Can be loaded, and fails on every picture."""
    return model(
        [node("Cast", ["in"], "levels", to=FLOAT), node("Reshape", ["levels", "sizes"], "out")],
        (UINT8, ("n", "height", "width", 3)),
        (FLOAT, (1, 5)),
        [constant("sizes", np.array([1, 5], np.int64))],
    )


def written(path: Path, content: bytes | None = None) -> Path:
    """Write a model, the one of layouts if none is given, and return its path."""
    path.write_bytes(layout_model() if content is None else content)
    return path
