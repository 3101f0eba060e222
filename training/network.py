"""The network: EfficientNet-Lite0 with generalised mean pooling and a linear layer to a vector of length 1.

The trunk is that of "EfficientNet-Lite" (an EfficientNet-B0 without squeeze-and-excitation, with ReLU6); its layers are
named as in the published ImageNet weights, so that these can be loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

DIMENSIONS = 256
#: Repeats, channels, stride, kernel and expansion of each stage.
_STAGES = (
    (1, 16, 1, 3, 1),
    (2, 24, 2, 3, 6),
    (2, 40, 2, 5, 6),
    (3, 80, 2, 3, 6),
    (3, 112, 1, 5, 6),
    (4, 192, 2, 5, 6),
    (1, 320, 1, 3, 6),
)
_STEM_CHANNELS, _HEAD_CHANNELS = 32, 1280
_EPSILON = 1e-3
#: Shares of the widest direction that are added to the width of every direction before it is brought to one.
_FLOOR, _FLOOR_AFTER = 0.1, 0.03
_AT_ONCE = 64
MEANS = (0.485, 0.456, 0.406)
DEVIATIONS = (0.229, 0.224, 0.225)


class _Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow."""

    def __init__(self, came: int, goes: int, stride: int, kernel: int, expansion: int) -> None:
        super().__init__()
        wide = came * expansion
        self._adds = stride == 1 and came == goes
        self._widens = expansion > 1
        if self._widens:
            self._expand_conv = nn.Conv2d(came, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, _EPSILON)
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, _EPSILON)
        self._project_conv = nn.Conv2d(wide, goes, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(goes, _EPSILON)

    def forward(self, given: Tensor) -> Tensor:
        values = given
        if self._widens:
            values = functional.relu6(self._bn0(self._expand_conv(values)))
        values = functional.relu6(self._bn1(self._depthwise_conv(values)))
        values = self._bn2(self._project_conv(values))
        return values + given if self._adds else values


class Network(nn.Module):
    """From pictures, (N, 3, H, W) float with levels 0..255, RGB, to vectors, (N, 256), of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, _STEM_CHANNELS, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(_STEM_CHANNELS, _EPSILON)
        blocks: list[nn.Module] = []
        came = _STEM_CHANNELS
        for repeats, goes, stride, kernel, expansion in _STAGES:
            for number in range(repeats):
                blocks.append(_Block(came, goes, stride if number == 0 else 1, kernel, expansion))
                came = goes
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(came, _HEAD_CHANNELS, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(_HEAD_CHANNELS, _EPSILON)
        self.projection = nn.Linear(_HEAD_CHANNELS, DIMENSIONS)
        self.power = nn.Parameter(torch.tensor(3.0))
        self.register_buffer("means", torch.tensor(MEANS).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("deviations", torch.tensor(DEVIATIONS).view(1, 3, 1, 1) * 255, persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the network is: the processor, or a graphics card."""
        return self.means.device

    def load_imagenet(self, path: Path) -> None:
        """Load the published weights of the trunk; the classifier is left out."""
        weights = torch.load(path, map_location="cpu", weights_only=True)
        kept = {name: value for name, value in weights.items() if not name.startswith("_fc.")}
        missing, unexpected = self.load_state_dict(kept, strict=False)
        if unexpected or set(missing) - {"projection.weight", "projection.bias", "power"}:
            raise ValueError(f"{path}: not the weights of EfficientNet-Lite0 ({unexpected or missing})")
        self.train()

    @torch.no_grad()
    def whiten(self, pooled: Tensor, *, after_projection: bool = False) -> None:
        """Make the last layer give whitened main components of what the trunk says of some pictures, (N, 1280).

        So vectors are spread from the first step on; from a random layer they first fall together. With
        `after_projection` it is what the last layer says of them that is whitened, and the layer does both.
        """
        given = self.projection(pooled) if after_projection else pooled
        middle = given.mean(0)
        _, scales, components = torch.linalg.svd(given - middle, full_matrices=False)
        widths = scales[:DIMENSIONS] / len(given) ** 0.5
        floor = (_FLOOR_AFTER if after_projection else _FLOOR) * widths[0]
        whitening = components[:DIMENSIONS] / (widths + floor)[:, None]
        if after_projection:
            self.projection.bias.copy_(whitening @ (self.projection.bias - middle))
            self.projection.weight.copy_(whitening @ self.projection.weight)
        else:
            self.projection.weight.copy_(whitening)
            self.projection.bias.copy_(-whitening @ middle)

    def train(self, mode: bool = True) -> Network:
        """Switch to training, but never the statistics of batches: batches here are small and all of a kind."""
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self

    def stem(self, pictures: Tensor, blocks: int) -> Tensor:
        """Take pictures through the first blocks, to what `rest` takes."""
        values = (pictures - self.means) / self.deviations
        values = functional.relu6(self._bn0(self._conv_stem(values)))
        for block in self._blocks[:blocks]:
            values = block(values)
        return values

    def rest(self, values: Tensor, blocks: int) -> Tensor:
        """Take what `stem` gave through all other blocks, to vectors of length 1."""
        return functional.normalize(self.projection(self.pooled(values, blocks)), dim=1)

    def rest_of(self, values: npt.NDArray[np.float16], blocks: int) -> Tensor:
        """As `rest`, from stored values, (N, C, H, W)."""
        given = torch.from_numpy(values).to(self.device).float()
        return self.rest(given.contiguous(memory_format=torch.channels_last), blocks)

    @torch.no_grad()
    def described(self, values: npt.NDArray[np.float16], blocks: int) -> Tensor:
        """As `rest_of`, some at a time, without gradients, and back in main memory."""
        return torch.cat([self.rest_of(values[start : start + _AT_ONCE], blocks).cpu() for start in _starts(values)])

    @torch.no_grad()
    def pooled_all(self, values: npt.NDArray[np.float16], blocks: int) -> Tensor:
        """As `pooled`, from stored values, some at a time and without gradients."""
        parts = (
            torch.from_numpy(values[start : start + _AT_ONCE]).to(self.device).float() for start in _starts(values)
        )
        return torch.cat([self.pooled(part, blocks) for part in parts])

    def pooled(self, values: Tensor, blocks: int) -> Tensor:
        """Take what `stem` gave through all but the last layer, (N, 1280)."""
        for block in self._blocks[blocks:]:
            values = block(values)
        values = functional.relu6(self._bn1(self._conv_head(values)))
        return values.clamp(min=1e-6).pow(self.power).mean((2, 3)).pow(1 / self.power)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.rest(self.stem(pictures, 0), 0)


def best_device() -> torch.device:
    """Choose the graphics card if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _starts(values: npt.NDArray[np.float16]) -> range:
    return range(0, len(values), _AT_ONCE)
