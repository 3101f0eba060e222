"""The pictures that are learned from: taken from clips and photographs, kept in one file with where they come from."""

from __future__ import annotations

import csv
import hashlib
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

CLIP_ENDINGS = frozenset({".avi", ".mkv", ".mov", ".mp4", ".mpg", ".ogv", ".webm"})
PICTURE_ENDINGS = frozenset({".jpeg", ".jpg", ".png", ".webp"})
FRAMES_PER_SECOND = 2.0
_MOST_FRAMES = 60
_SIDE_PX = 400
#: Photographs come from packages that hold icons, textures and cut-outs too: what is kept of a picture has a size and
#: shape of its own, hardly any transparency, contrast, some of it in the large, and resembles none that was taken.
_LEAST_SIDE_PX, _MOST_ELONGATED, _MOST_TRANSPARENT = 200, 2.2, 0.02
_LEAST_CONTRAST, _LEAST_COARSE_CONTRAST, _COARSE_SIZE = 18, 12, (8, 6)
_MOST_OF_FOLDER = 40
_QUALITY = 92
_SMALL_SIZE = (32, 24)
#: Correlation of small pictures from which two count neither way, within one file and across files: the next moments of
#: a clip, which a heavy edit makes the same, and a recording that is there twice.
_MAY_BE_SAME, _MAY_BE_SAME_ACROSS = 0.6, 0.93


@dataclass(frozen=True, slots=True)
class Frames:
    """Pictures to learn from: `jpegs` encoded, `sources` (N,) which file each is of, `others` (N, N) bool whether two
    pictures certainly show something else, whatever their brightness and contrast.
    """

    jpegs: list[bytes]
    sources: npt.NDArray[np.int64]
    others: npt.NDArray[np.bool_]

    @property
    def digest(self) -> str:
        """SHA-256 of all pictures."""
        return hashlib.sha256(b"".join(self.jpegs)).hexdigest()

    def __len__(self) -> int:
        return len(self.jpegs)

    def picture(self, number: int) -> Picture:
        """Decode one, (H, W, 3) uint8 BGR."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.jpegs[number], np.uint8), cv2.IMREAD_COLOR), np.uint8)


def collect(folders: Iterable[Path], out: Path) -> int:
    """Take pictures from all clips and photographs under folders; writes OUT.npz and the list of files, OUT.csv."""
    jpegs: list[bytes] = []
    sources: list[int] = []
    files: list[tuple[str, str, int]] = []
    seen: set[bytes] = set()
    photographs: list[npt.NDArray[np.float32]] = []
    of_folder: Counter[Path] = Counter()
    for path in sorted(each for folder in folders for each in folder.rglob("*") if each.is_file()):
        # A photograph may be there in several packages, and a clip may hold still.
        fresh = [jpeg for jpeg in dict.fromkeys(map(_encoded, _pictures(path))) if jpeg not in seen]
        if fresh and path.suffix.lower() in PICTURE_ENDINGS:
            small = _small(fresh[0])
            if of_folder[path.parent] >= _MOST_OF_FOLDER or _resembles(small, photographs):
                continue
            of_folder[path.parent] += 1
            photographs.append(small)
        seen.update(fresh)
        if fresh:
            jpegs += fresh
            sources += [len(files)] * len(fresh)
            files.append((path.name, hashlib.sha256(path.read_bytes()).hexdigest(), len(fresh)))
    ends = np.cumsum([0, *(len(jpeg) for jpeg in jpegs)])
    np.savez(out, data=np.frombuffer(b"".join(jpegs), np.uint8), ends=ends, sources=np.array(sources))
    with out.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("file", "sha256", "pictures"))
        table.writerows(files)
    return len(jpegs)


def load(path: Path) -> Frames:
    """Read what `collect` wrote."""
    with np.load(path) as stored:
        data, ends, sources = stored["data"].tobytes(), stored["ends"], stored["sources"]
    jpegs = [data[start:end] for start, end in itertools.pairwise(ends)]
    small = np.stack([_small(jpeg) for jpeg in jpegs])
    alike = small @ small.T
    within = sources[:, None] == sources[None]
    others = alike < np.where(within, _MAY_BE_SAME, _MAY_BE_SAME_ACROSS)
    np.fill_diagonal(others, val=False)  # of a plain picture nothing is left to be alike
    return Frames(jpegs, sources, others)


def _pictures(path: Path) -> Iterator[Picture]:
    if path.suffix.lower() in PICTURE_ENDINGS:
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if picture is not None and picture.dtype == np.uint8 and picture.ndim == 3 and _is_photograph(picture):
            yield np.asarray(picture[:, :, :3], np.uint8)
    elif path.suffix.lower() in CLIP_ENDINGS:
        yield from _of_clip(path)


def _is_photograph(picture: npt.NDArray[np.uint8]) -> bool:
    """Say whether a picture, (H, W, 3 or 4), shows something in the large: it may be an icon, a texture, a cut-out."""
    sides = picture.shape[:2]
    if min(sides) < _LEAST_SIDE_PX or max(sides) > _MOST_ELONGATED * min(sides):
        return False
    if picture.shape[2] == 4 and (picture[:, :, 3] < 250).mean() > _MOST_TRANSPARENT:
        return False
    grey = cv2.cvtColor(np.ascontiguousarray(picture[:, :, :3]), cv2.COLOR_BGR2GRAY)
    coarse = cv2.resize(grey, _COARSE_SIZE, interpolation=cv2.INTER_AREA)
    return bool(grey.std() >= _LEAST_CONTRAST and coarse.std() >= _LEAST_COARSE_CONTRAST)


def _resembles(small: npt.NDArray[np.float32], others: list[npt.NDArray[np.float32]]) -> bool:
    return bool(others) and float((np.stack(others) @ small).max()) > _MAY_BE_SAME_ACROSS


def _of_clip(path: Path) -> Iterator[Picture]:
    clip = cv2.VideoCapture(str(path))
    rate = clip.get(cv2.CAP_PROP_FPS) or 25.0
    count = max(1, int(clip.get(cv2.CAP_PROP_FRAME_COUNT)))
    step = max(1, round(rate / FRAMES_PER_SECOND), -(-count // _MOST_FRAMES))
    number = 0
    while clip.grab():
        if number % step == 0:
            read, picture = clip.retrieve()
            if read and float(picture.std()) > 2:
                yield np.asarray(picture, np.uint8)
        number += 1
    clip.release()


def _encoded(picture: Picture) -> bytes:
    scale = min(1.0, _SIDE_PX / max(picture.shape[:2]))
    if scale < 1:
        picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


def _small(jpeg: bytes) -> npt.NDArray[np.float32]:
    """Make a picture small, without brightness and contrast: (768,) of length 1."""
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    values = np.asarray(cv2.resize(grey, _SMALL_SIZE, interpolation=cv2.INTER_AREA), np.float32).ravel()
    values -= values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-3)
