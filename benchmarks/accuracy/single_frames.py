"""Single pictures, edited and looked up: what each way of describing pictures sees through.

Pictures are taken from every clip. Each is edited in one way and looked up among all of them, unedited. A look-up is
right if the nearest picture is of the same scene; it is *clear* if the picture itself is nearer than any stranger is to
any edited picture: the share that could be found by a threshold that accuses nobody. Views are not tried: a mirrored
picture is compared as it is. What an inset is laid on is of scenes that are not looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import cv2
import numpy as np

from benchmarks.accuracy.edits import apply_steps, degrade, lay_out, make_edit
from benchmarks.accuracy.footage import read_sources
from benchmarks.accuracy.truth import BenchmarkError
from verify.fingerprint.learned import Descriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from benchmarks.accuracy.peers import Descriptors

    Frame = npt.NDArray[np.uint8]

EDITS = (
    "none", "lowbitrate", "grade", "gray", "dark", "nightvision", "invert", "noise", "blur",
    "letterbox", "pillarbox", "vertical", "pip", "split", "crop_mild", "crop_hard", "squash", "mirror", "rotate",
    "perspective", "crop_mild+grade+lowbitrate", "mirror+crop_mild", "perspective+grade",
)  # fmt: skip
_STEP_S, _MOST_OF_ONE = 2.0, 8
_SIZE_PX = 640, 360
_KEY_SIDE_PX = 512
#: Of so many scenes, one serves as backdrop.
_BACKDROPS = 6


class Method(Protocol):
    """One way of describing pictures by numbers whose cosine says how alike two are."""

    name: str

    def describe(self, pictures: Sequence[Frame]) -> Descriptors:
        """Describe pictures, (N, D)."""
        ...


class Model:
    """A learned descriptor, as the program runs it."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._descriptor = Descriptor(path)

    def describe(self, pictures: Sequence[Frame]) -> Descriptors:
        """Vectors of length 1, (N, D)."""
        return self._descriptor.describe([_small(picture) for picture in pictures])


class Looked(NamedTuple):
    """What one way of describing makes of one edit: shares of right and of clear look-ups, and median similarity."""

    right: float
    clear: float
    similarity: float


class _Picture(NamedTuple):
    group: str
    frame: Frame


def compare(
    clips_dir: Path, methods: Sequence[Method], seed: int, said: Callable[[str], object] = lambda _: None
) -> dict[str, list[Looked]]:
    """Look up every picture after every edit; for each edit, in the order of the methods."""
    everything = list(_pictures(clips_dir))
    behind = set(sorted({picture.group for picture in everything})[::_BACKDROPS])
    pictures = [picture for picture in everything if picture.group not in behind]
    backdrops = [picture.frame for picture in everything if picture.group in behind]
    if not pictures:
        raise BenchmarkError(f"{clips_dir} holds one scene; two are needed")
    said(f"{len(pictures)} pictures of {len({picture.group for picture in pictures})} scenes")
    groups = np.array([picture.group for picture in pictures])
    stranger = groups[:, None] != groups[None]
    references = [_unit(method.describe([picture.frame for picture in pictures])) for method in methods]
    cosines: dict[str, list[npt.NDArray[np.float32]]] = {}
    for name in EDITS:
        generator = np.random.default_rng([seed, EDITS.index(name)])
        edited = [_edited(name, picture.frame, backdrops, generator) for picture in pictures]
        cosines[name] = [
            np.asarray(_unit(method.describe(edited)) @ known.T, np.float32)
            for method, known in zip(methods, references, strict=True)
        ]
        said(name)
    worst = [max(float(own[number][stranger].max()) for own in cosines.values()) for number in range(len(methods))]
    return {
        name: [_looked(similar, stranger, bound) for similar, bound in zip(own, worst, strict=True)]
        for name, own in cosines.items()
    }


def table(methods: Iterable[Method], looked: dict[str, list[Looked]]) -> str:
    """Markdown: a line for each edit, right / clear / median similarity for each method, and their means."""
    names = [method.name for method in methods]
    lines = ["| edit | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(_cell(each) for each in own) + " |" for name, own in looked.items()]
    means = [Looked(*np.mean([own[number] for own in looked.values()], axis=0)) for number in range(len(names))]
    return "\n".join([*lines, "| mean | " + " | ".join(_cell(each) for each in means) + " |"])


def _cell(looked: Looked) -> str:
    return f"{looked.right:.2f} / {looked.clear:.2f} / {looked.similarity:.2f}"


def _looked(similar: npt.NDArray[np.float32], stranger: npt.NDArray[np.bool_], bound: float) -> Looked:
    own = np.diagonal(similar)
    nearest = similar.argmax(axis=1)
    right = ~stranger[np.arange(len(similar)), nearest]
    return Looked(float(right.mean()), float((own > bound).mean()), float(np.median(own)))


def _pictures(clips_dir: Path) -> Iterator[_Picture]:
    for source in read_sources(clips_dir):
        clip = cv2.VideoCapture(str(source.path))
        step = max(1, round((clip.get(cv2.CAP_PROP_FPS) or 25.0) * _STEP_S))
        number = taken = 0
        while taken < _MOST_OF_ONE and clip.grab():
            if number % step == step // 2:
                read, frame = clip.retrieve()
                if read:
                    yield _Picture(source.group, _small(np.asarray(frame, np.uint8)))
                    taken += 1
            number += 1
        clip.release()


def _small(picture: Frame) -> Frame:
    """Bring a picture to the size of a key picture."""
    factor = min(1.0, _KEY_SIDE_PX / max(picture.shape[:2]))
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _edited(name: str, frame: Frame, backdrops: Sequence[Frame], generator: np.random.Generator) -> Frame:
    edit = make_edit(name, generator)
    backdrop = backdrops[int(generator.integers(len(backdrops)))]
    laid = lay_out(edit, apply_steps(edit, [frame]), _SIZE_PX, [backdrop], generator)
    return degrade(edit, laid, generator)[0]


def _unit(described: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    values = np.asarray(described, np.float32)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(lengths, 1e-6), np.float32)
