"""Learning by telling instances apart: two edits of one picture are alike, every other picture is another.

The method is that of "A Self-Supervised Descriptor for Image Copy Detection" (Pizzi et al., 2022): a contrastive loss
over a batch and a memory of recent vectors, with an entropy term that pushes every vector away from its nearest
neighbour, so that a threshold means the same everywhere. Pictures of one clip are others too, where something moved
between them; where too little did to tell, they count neither way.
"""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.network import DIMENSIONS, Network
from training.views import load_views

if TYPE_CHECKING:
    from pathlib import Path

    from training.frames import Frames

#: Of the pictures of a batch, how many come from one source.
_OF_ONE_SOURCE = 4
_TEMPERATURE = 0.07
_MEMORY = 8192
_DECAY = 0.02
_WARM_STEPS = 100
_KEPT_EVERY = 100


class Drawing:
    """Draws numbers of pictures for batches, some of each of several sources."""

    def __init__(self, frames: Frames, size: int, random: np.random.Generator) -> None:
        self._by_source = [np.nonzero(frames.sources == source)[0] for source in np.unique(frames.sources)]
        self._size, self._random = min(size, len(frames)), random
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


class Memory:
    """Vectors of the last batches, and of which pictures they are."""

    def __init__(self) -> None:
        self.vectors = torch.zeros(0, DIMENSIONS)
        self.numbers = torch.zeros(0, dtype=torch.long)

    def add(self, vectors: torch.Tensor, numbers: torch.Tensor) -> None:
        """Put vectors in front; the oldest fall out."""
        self.vectors = torch.cat([vectors.detach(), self.vectors])[:_MEMORY]
        self.numbers = torch.cat([numbers, self.numbers])[:_MEMORY]


def loss_of(
    vectors: torch.Tensor, numbers: torch.Tensor, memory: Memory, others: torch.Tensor, entropy_weight: float
) -> tuple[torch.Tensor, dict[str, float]]:
    """Contrastive loss with entropy term of a batch of 2N; `others` (F, F) says which pictures are certainly others."""
    count = len(vectors)
    twice = numbers.repeat(2)
    cosines = vectors @ torch.cat([vectors, memory.vectors]).T
    other = others[twice][:, torch.cat([twice, memory.numbers])]
    positive = torch.zeros_like(other)
    rows = torch.arange(count)
    positive[rows, (rows + count // 2) % count] = True
    logits = torch.where(other | positive, cosines / _TEMPERATURE, torch.tensor(-1e4))
    alike = cosines[positive]
    contrastive = (torch.logsumexp(logits, 1) - alike / _TEMPERATURE).mean()
    nearest = torch.where(other, cosines, torch.tensor(-1.0)).max(1).values
    entropy = -torch.log((2 - 2 * nearest).clamp(min=1e-4).sqrt()).mean()
    told = {
        "loss": contrastive.item(),
        "alike": alike.mean().item(),
        "nearest other": nearest.mean().item(),
        "right": (alike > nearest).float().mean().item(),
    }
    return contrastive + entropy_weight * entropy, told


def learn(
    frames: Frames,
    weights: Path,
    views: Path,
    folder: Path,
    *,
    steps: int,
    batch: int,
    seed: int,
    rate: float,
    entropy_weight: float,
) -> None:
    """Learn for a number of steps, from the last checkpoint in the folder on if there is one."""
    torch.manual_seed(seed)
    stored, blocks = load_views(views, frames)
    network = Network()
    network.load_imagenet(weights)
    network.to(memory_format=torch.channels_last)
    trained = [network._blocks[blocks:], network._conv_head, network._bn1]
    trunk = [parameter for part in trained for parameter in part.parameters()]
    head = [network.projection.weight, network.projection.bias, network.power]
    optimizer = torch.optim.AdamW(
        [{"params": head, "lr": 3 * rate}, {"params": trunk, "lr": rate}], weight_decay=_DECAY
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / _WARM_STEPS, 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))) + 0.01),
    )
    memory = Memory()
    done = 0
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, curve_path = folder / "checkpoint.pt", folder / "curve.jsonl"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        memory.add(state["vectors"], state["numbers"])
        done = state["done"]
        # Steps after the checkpoint are done again.
        lines = curve_path.read_text(encoding="utf-8").splitlines(keepends=True)
        curve_path.write_text("".join(lines[:done]), encoding="utf-8")
    else:
        with torch.no_grad():
            plain = torch.cat(
                [network.pooled(part.float(), blocks) for part in torch.from_numpy(stored[:, 0]).split(64)]
            )
        network.start_projection(plain)
    others = torch.from_numpy(frames.others)
    random = np.random.default_rng([seed, done])
    drawing = Drawing(frames, batch, random)
    network.train()
    start = time.monotonic()
    with curve_path.open("a", encoding="utf-8") as curve:
        while done < steps:
            numbers = drawing.draw()
            # Two views of each, never the same.
            pairs = np.array([random.choice(stored.shape[1], 2, replace=False) for _ in numbers])
            given = np.concatenate([stored[numbers, pairs[:, 0]], stored[numbers, pairs[:, 1]]])
            vectors = network.rest(
                torch.from_numpy(given).float().contiguous(memory_format=torch.channels_last), blocks
            )
            loss, told = loss_of(vectors, torch.from_numpy(numbers), memory, others, entropy_weight)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trunk + head, 5.0)
            optimizer.step()
            schedule.step()
            memory.add(vectors, torch.from_numpy(numbers).repeat(2))
            done += 1
            curve.write(json.dumps({"step": done, "seconds": round(time.monotonic() - start), **told}) + "\n")
            curve.flush()
            if done % _KEPT_EVERY == 0 or done >= steps:
                state = {
                    "network": network.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(),
                    "vectors": memory.vectors,
                    "numbers": memory.numbers,
                    "done": done,
                }
                torch.save(state, checkpoint.with_suffix(".new"))
                checkpoint.with_suffix(".new").replace(checkpoint)
