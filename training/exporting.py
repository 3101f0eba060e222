"""The descriptor as an ONNX file: uint8 pictures in, vectors of length 1 out, weights stored in half precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.network import Network

if TYPE_CHECKING:
    from pathlib import Path

_OPSET = 17
#: Weights of fewer numbers stay in single precision: halving them saves nothing.
_LEAST_HALVED = 256


class _Whole(nn.Module):
    """The network with the form of its input: (1, S, S, 3) uint8 RGB."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.network(pictures.permute(0, 3, 1, 2).float())


def export(checkpoint: Path, out: Path, size_px: int) -> None:
    """Write the network of a checkpoint as an ONNX file that takes pictures of `size_px` x `size_px`."""
    network = Network()
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["network"])
    network.eval()
    _fuse(network)
    example = torch.zeros(1, size_px, size_px, 3, dtype=torch.uint8)
    torch.onnx.export(
        _Whole(network).eval(),
        (example,),
        str(out),
        input_names=["picture"],
        output_names=["vector"],
        opset_version=_OPSET,
        dynamo=False,
    )
    model = onnx.load(str(out))
    _halve(model)
    model.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, str(out))


def _fuse(network: Network) -> None:
    """Put each normalisation into the convolution before it."""
    network._conv_stem, network._bn0 = fuse_conv_bn_eval(network._conv_stem, network._bn0), nn.Identity()
    network._conv_head, network._bn1 = fuse_conv_bn_eval(network._conv_head, network._bn1), nn.Identity()
    for block in network._blocks:
        for conv, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
            if hasattr(block, conv):
                setattr(block, conv, fuse_conv_bn_eval(getattr(block, conv), getattr(block, norm)))
                setattr(block, norm, nn.Identity())


def _halve(model: onnx.ModelProto) -> None:
    """Store weights in half precision, each with a cast that is done once when the model is loaded."""
    casts = []
    for weights in model.graph.initializer:
        if weights.data_type != TensorProto.FLOAT or int(np.prod(weights.dims)) < _LEAST_HALVED:
            continue
        values = numpy_helper.to_array(weights).astype(np.float16)
        name = weights.name
        weights.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
