"""The process that reads text in pictures. It says what it is, then answers one request after another.

First message: `reader`, the names of program and models; or `problem` in a user's words. Request: `path` of a JPEG.
Answer: `lines`, from top to bottom, each with `text`, `confidence` and its box (`left`, `top`, `width`, `height`) in
fractions of the picture; or `problem`.

RapidOCR fetches models that it does not find. Here the models are named by their paths in its package, and where the
system lets it, this process gives up its network before the first picture.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from verify.media.credentials_worker import leave_network
from verify.media.worker import limit_resources
from verify.processes import receive_message, send_message

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    Reader = Callable[[npt.NDArray[np.uint8]], Any]

_MOST_THREADS = 4
#: Pictures are brought to these sides in px: small letters are not found in smaller ones, larger ones take too long.
_LEAST_SIDE_PX, _MOST_SIDE_PX, _LEAST_SHORT_SIDE_PX = 960, 1280, 64
_LEAST_CONFIDENCE = 0.6


class _NoReaderError(Exception):
    """The reader cannot be used; the message says why in a user's words."""


def main() -> int:
    """Serve the requests on standard input."""
    output = _own_output()
    limit_resources()
    leave_network()
    try:
        name, read = load_reader()
    except _NoReaderError as error:
        send_message(output, {"problem": str(error)})
        return 0
    send_message(output, {"reader": name})
    while (received := receive_message(sys.stdin.buffer)) is not None:
        serve(received[0], read, output)
    return 0


def _own_output() -> IO[bytes]:
    """Take standard output for the messages alone: whatever else is printed goes to standard error."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return output


def load_reader() -> tuple[str, Reader]:
    """Return the reader's name and the reader.

    Raises
    ------
    _NoReaderError
        The package or one of its models is not there.
    """
    found = importlib.util.find_spec("rapidocr")
    if found is None or found.origin is None:
        raise _NoReaderError("RapidOCR is not installed")
    folder = Path(found.origin).parent / "models"
    models = {kind: _model(folder, kind) for kind in ("det", "cls", "rec")}
    from rapidocr import RapidOCR  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - an extra; slow

    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    engine = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": _LEAST_CONFIDENCE,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.limit_type": "max",
            "Det.limit_side_len": _MOST_SIDE_PX,
            **{f"{kind.capitalize()}.model_path": str(path) for kind, path in models.items()},
        }
    )
    version = importlib.metadata.version("rapidocr")
    return f"rapidocr {version} ({models['det'].stem}, {models['rec'].stem})", engine


def _model(folder: Path, kind: str) -> Path:
    """Return the one model of a kind that the package brings."""
    found = sorted(folder.glob(f"*_{kind}_*.onnx"))
    if len(found) != 1:
        raise _NoReaderError(f"RapidOCR's package holds {len(found)} models of the kind '{kind}', not one")
    return found[0]


def serve(request: dict[str, Any], read: Reader, output: IO[bytes]) -> None:
    """Answer one request on `output`."""
    import cv2  # noqa: PLC0415 - after the limits are set
    import numpy as np  # noqa: PLC0415

    cv2.setNumThreads(1)
    try:
        content = np.frombuffer(Path(request["path"]).read_bytes(), np.uint8)
        pixels = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except (OSError, cv2.error):
        pixels = None
    if pixels is None:
        send_message(output, {"problem": "a picture cannot be read"})
        return
    padded, (height, width) = _prepared(np.asarray(pixels, np.uint8))
    send_message(output, {"lines": _lines(read(padded), width, height)})


def _prepared(pixels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], tuple[int, int]]:
    """Bring a picture to a size that suits the models; returns it, and its height and width without the border.

    Very narrow and very flat ones get a border at the right and below.
    """
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    side = max(pixels.shape[:2])
    scale = min(max(side, _LEAST_SIDE_PX), _MOST_SIDE_PX) / side
    if scale != 1.0:
        size = [max(1, round(each * scale)) for each in (pixels.shape[1], pixels.shape[0])]
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    height, width = pixels.shape[:2]
    down, right = (max(0, _LEAST_SHORT_SIDE_PX - each) for each in (height, width))
    return np.pad(pixels, ((0, down), (0, right), (0, 0))), (height, width)


def _lines(result: Any, width: int, height: int) -> list[dict[str, Any]]:
    """Turn the reader's result into lines; a picture without text has none."""
    if getattr(result, "txts", None) is None or getattr(result, "boxes", None) is None:
        return []
    lines = []
    for text, confidence, box in zip(result.txts, result.scores, result.boxes, strict=True):
        left, top = (float(box[:, axis].min()) for axis in (0, 1))
        right, bottom = (float(box[:, axis].max()) for axis in (0, 1))
        place = {"left": left / width, "top": top / height}
        size = {"width": (right - left) / width, "height": (bottom - top) / height}
        lines.append({"text": str(text), "confidence": float(confidence), **place, **size})
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
