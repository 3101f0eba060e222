"""Edited views of every picture, taken through the first blocks of the network once.

The first blocks cost most and stay as ImageNet made them. What they say of some dozens of edited views of every picture
is kept, so that a step of learning costs a fifth, and a run with other settings does not begin with an hour of editing.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from training.edits import edited
from training.network import Network, best_device

if TYPE_CHECKING:
    from pathlib import Path

    from training.frames import Frames

#: Of the views of a picture, the share that is edited strongly; one view is the picture as it is.
_STRONG_SHARE = 0.6


class _Edited(Dataset):  # type: ignore[type-arg]
    """Views of picture after picture, (V, 3, S, S) uint8 RGB."""

    def __init__(self, frames: Frames, count: int, size_px: int, seed: int, done: int) -> None:
        self._frames, self._count, self._size_px, self._seed, self._done = frames, count, size_px, seed, done

    def __len__(self) -> int:
        return len(self._frames) - self._done

    def __getitem__(self, place: int) -> torch.Tensor:
        cv2.setNumThreads(1)
        number = self._done + place
        random = np.random.default_rng([self._seed, number])
        picture = self._frames.picture(number)
        elsewhere = np.nonzero(self._frames.others[number])[0]
        views = [prepared(picture, self._size_px)]
        while len(views) < self._count:
            other = self._frames.picture(int(random.choice(elsewhere)))
            strong = len(views) < self._count * _STRONG_SHARE
            views.append(prepared(edited(random, picture, other, strong=strong), self._size_px))
        return torch.from_numpy(np.stack(views))


def make_views(
    frames: Frames, weights: Path, folder: Path, *, count: int, size_px: int, blocks: int, seed: int
) -> None:
    """Write FOLDER/views.npy, (F, V, C, H, W) float16, going on where it was left."""
    folder.mkdir(parents=True, exist_ok=True)
    network = Network()
    network.load_imagenet(weights)
    network.eval()
    network.to(best_device(), memory_format=torch.channels_last)
    state = folder / "views.json"
    wanted = {"views": count, "size_px": size_px, "blocks": blocks, "seed": seed, "frames": frames.digest}
    done = _done(state, wanted) if state.exists() else 0
    with torch.no_grad():
        shape = network.stem(torch.zeros(1, 3, size_px, size_px, device=network.device), blocks).shape[1:]
        stored = np.lib.format.open_memmap(
            folder / "views.npy", "r+" if done else "w+", np.float16, (len(frames), count, *shape)
        )
        views = _Edited(frames, count, size_px, seed, done)
        for pictures in DataLoader(views, batch_size=None, num_workers=1, prefetch_factor=8):
            given = pictures.to(network.device).float().contiguous(memory_format=torch.channels_last)
            stored[done] = network.stem(given, blocks).cpu().numpy()
            done += 1
            if done % 50 == 0 or done == len(frames):
                stored.flush()
                state.write_text(json.dumps({"done": done, **wanted}))
                print(f"{done} of {len(frames)} pictures", flush=True)


class Views(NamedTuple):
    """What `make_views` wrote: `stored` (F, V, C, H, W) float16, after how many blocks it was taken, and the first view
    that is weakly edited; all after it are, and view 0 is the picture as it is.
    """

    stored: np.ndarray
    blocks: int
    weak_from: int


def load_views(folder: Path, frames: Frames) -> Views:
    """Read what `make_views` wrote for these pictures."""
    told = json.loads((folder / "views.json").read_text())
    if (told["frames"], told["done"]) != (frames.digest, len(frames)):
        raise SystemExit(f"{folder}: not finished, or of other pictures; run `view` again")
    # Read whole: batches take pictures from everywhere.
    return Views(np.load(folder / "views.npy"), told["blocks"], math.ceil(told["views"] * _STRONG_SHARE))


def _done(state: Path, wanted: dict[str, int | str]) -> int:
    told = json.loads(state.read_text())
    done = int(told.pop("done"))
    if told != wanted:
        raise SystemExit(f"{state}: begun with other settings or pictures ({told}); choose another folder")
    return done


def prepared(picture: np.ndarray, size_px: int) -> np.ndarray:
    """Bring a picture, (H, W, 3) BGR, to the form of the network's input, (3, S, S) RGB."""
    shrinks = max(picture.shape[:2]) > size_px
    small = cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(small[:, :, ::-1].transpose(2, 0, 1))
