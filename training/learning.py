"""Learning by telling instances apart: two views of one picture are alike, every other picture is another.

The method is that of "A Self-Supervised Descriptor for Image Copy Detection" (Pizzi et al., 2022): a contrastive loss
over a batch, an entropy term that pushes every vector away from its nearest neighbour, and whitening at the end, so
that a threshold means the same everywhere. As in a search, one view of each pair is the picture as it is or hardly
edited. Pictures of one clip are others too, where something moved between them; where too little did to tell, they
count neither way.
"""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from training.network import DIMENSIONS, Network, best_device
from training.views import load_views

if TYPE_CHECKING:
    from pathlib import Path

    from training.frames import Frames
    from training.views import Views

#: Of the pictures of a batch, how many come from one source.
_OF_ONE_SOURCE = 3
_TEMPERATURE = 0.05
_DECAY = 0.02
_WARM_STEPS = 30
_KEPT_EVERY = 100
#: Of the sources, the share that is not learned from and says how well others are told apart.
_HELD_OUT_SHARE = 0.1
_JUDGED_PICTURES = 300


class Settings(NamedTuple):
    """How to learn: steps, pictures of a batch, seed, learning rate, and the weight of the entropy term."""

    steps: int
    batch: int
    seed: int
    rate: float
    entropy_weight: float


class Drawing:
    """Draws numbers of pictures for batches, some of each of several sources, among `usable` (N,) bool."""

    def __init__(self, frames: Frames, usable: np.ndarray, size: int, random: np.random.Generator) -> None:
        numbers = np.nonzero(usable)[0]
        of = frames.sources[numbers]
        self._by_source = [numbers[of == source] for source in np.unique(of)]
        self._size, self._random = min(size, len(numbers)), random
        # A source with many pictures is drawn more often, but not as often as it has pictures.
        chances = np.sqrt([len(own) for own in self._by_source])
        self._chances = chances / chances.sum()

    def draw(self) -> np.ndarray:
        """Draw the pictures of one batch, (N,), none twice."""
        numbers: dict[int, None] = {}
        while len(numbers) < self._size:
            own = self._by_source[int(self._random.choice(len(self._by_source), p=self._chances))]
            drawn = self._random.choice(own, min(_OF_ONE_SOURCE, len(own)), replace=False)
            numbers.update(dict.fromkeys(drawn.tolist()))
        return np.array(list(numbers)[: self._size])

    def draw_views(self, count: int, weak_from: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw two views of each picture of a batch: one plain or weakly edited, one edited in any way."""
        weak = self._random.integers(weak_from, count, self._size)
        plain = self._random.random(self._size) < 0.5
        return np.where(plain, 0, weak), self._random.integers(1, count, self._size)


def held_out(frames: Frames, seed: int) -> np.ndarray:
    """Choose the pictures, (N,) bool, that are not learned from: whole sources."""
    sources = np.unique(frames.sources)
    count = max(1, round(len(sources) * _HELD_OUT_SHARE))
    return np.isin(frames.sources, np.random.default_rng([seed, 1]).choice(sources, count, replace=False))


def loss_of(vectors: torch.Tensor, other: torch.Tensor, entropy_weight: float) -> tuple[torch.Tensor, dict[str, float]]:
    """Contrastive loss with entropy term of N pictures in two views, (2N, D); `other` (2N, 2N) bool says which vectors
    are certainly of other pictures.
    """
    count = len(vectors)
    cosines = vectors @ vectors.T
    twins = (torch.arange(count, device=vectors.device) + count // 2) % count
    positive = functional.one_hot(twins, count).bool()
    logits = torch.where(other | positive, cosines / _TEMPERATURE, -1e4)
    contrastive = functional.cross_entropy(logits, twins)
    alike = cosines[positive]
    nearest = torch.where(other, cosines, -1.0).max(1).values
    entropy = -torch.log((2 - 2 * nearest).clamp(min=1e-4).sqrt()).mean()
    told = {
        "loss": contrastive.item(),
        "alike": alike.mean().item(),
        "nearest other": nearest.mean().item(),
        "right": (alike > nearest).float().mean().item(),
    }
    return contrastive + entropy_weight * entropy, told


@torch.no_grad()
def judged(network: Network, views: Views, frames: Frames, held: np.ndarray) -> float:
    """Look edited views of pictures up among all pictures as they are: the share that is nearer its own than any of
    another source.
    """
    network.eval()
    plain = network.described(views.stored[:, 0], views.blocks)
    numbers = np.nonzero(held)[0]
    numbers = numbers[:: max(1, len(numbers) // _JUDGED_PICTURES)]
    stranger = torch.from_numpy(frames.others & (frames.sources[:, None] != frames.sources[None]))
    right = 0.0
    for view in range(1, views.stored.shape[1]):
        cosines = network.described(views.stored[numbers, view], views.blocks) @ plain.T
        own = cosines[torch.arange(len(numbers)), torch.from_numpy(numbers)]
        right += (own > torch.where(stranger[numbers], cosines, torch.tensor(-1.0)).max(1).values).float().mean().item()
    network.train()
    return right / (views.stored.shape[1] - 1)


def learn(frames: Frames, weights: Path, folder: Path, run: Path, settings: Settings) -> None:
    """Learn from the views in `folder`, from the last checkpoint in `run` on if there is one."""
    torch.manual_seed(settings.seed)
    views = load_views(folder, frames)
    network = Network()
    network.load_imagenet(weights)
    network.to(best_device(), memory_format=torch.channels_last)
    trained = [network._blocks[views.blocks :], network._conv_head, network._bn1]
    trunk = [parameter for part in trained for parameter in part.parameters()]
    head = [network.projection.weight, network.projection.bias]
    optimizer = torch.optim.AdamW(
        [{"params": head, "lr": 2 * settings.rate}, {"params": trunk, "lr": settings.rate}], weight_decay=_DECAY
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(
            (step + 1) / _WARM_STEPS, 0.5 * (1 + math.cos(math.pi * min(1.0, step / settings.steps))) + 0.01
        ),
    )
    held = held_out(frames, settings.seed)
    if (~held).sum() <= DIMENSIONS:
        raise SystemExit(f"{(~held).sum()} pictures to learn from; take more than {DIMENSIONS}")
    done = 0
    run.mkdir(parents=True, exist_ok=True)
    checkpoint, curve_path = run / "checkpoint.pt", run / "curve.jsonl"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=network.device, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        done = state["done"]
        # Steps after the checkpoint are done again.
        lines = curve_path.read_text(encoding="utf-8").splitlines(keepends=True)
        curve_path.write_text("".join(lines[:done]), encoding="utf-8")
    else:
        network.whiten(network.pooled_all(views.stored[~held, 0], views.blocks))
    drawing = Drawing(frames, ~held, settings.batch, np.random.default_rng([settings.seed, done]))
    network.train()
    start = time.monotonic()
    with curve_path.open("a", encoding="utf-8") as curve:
        while done < settings.steps:
            numbers = drawing.draw()
            pairs = drawing.draw_views(views.stored.shape[1], views.weak_from)
            given = np.concatenate([views.stored[numbers, each] for each in pairs])
            twice = np.concatenate([numbers, numbers])
            other = torch.from_numpy(frames.others[np.ix_(twice, twice)]).to(network.device)
            loss, told = loss_of(network.rest_of(given, views.blocks), other, settings.entropy_weight)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trunk + head, 5.0)
            optimizer.step()
            schedule.step()
            done += 1
            is_kept = done % _KEPT_EVERY == 0 or done >= settings.steps
            if is_kept:
                told["held out"] = judged(network, views, frames, held)
            curve.write(json.dumps({"step": done, "seconds": round(time.monotonic() - start), **told}) + "\n")
            curve.flush()
            if is_kept:
                state = {
                    "network": network.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(),
                    "done": done,
                }
                torch.save(state, checkpoint.with_suffix(".new"))
                checkpoint.with_suffix(".new").replace(checkpoint)
    # What the last layer says most loudly is not what tells pictures apart best: all directions count alike.
    network.eval()
    network.whiten(network.pooled_all(views.stored[~held, 0], views.blocks), after_projection=True)
    right = judged(network, views, frames, held)
    with curve_path.open("a", encoding="utf-8") as curve:
        curve.write(json.dumps({"step": done, "whitened": True, "held out": right}) + "\n")
    torch.save({"network": network.state_dict()}, run / "whitened.pt")
