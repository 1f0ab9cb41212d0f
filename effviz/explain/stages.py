"""An EfficientNet cut in two at the end of a stage: what comes before the features, and what follows them.

Cutting the network needs no hooks, so the module that all visitors share is only ever read.
"""

from collections.abc import Iterator
from typing import Protocol, TypedDict, cast

import torch
from torch import Tensor

from effviz.explain.results import Layer
from effviz.zoo.model import Model

STRIDES = {Layer.STRIDE_2: 2, Layer.STRIDE_4: 4, Layer.STRIDE_8: 8, Layer.STRIDE_16: 16, Layer.STRIDE_32: 32}


class StageInfo(TypedDict):
    """A row of timm's `feature_info`."""

    stage: int  # number of stages up to and including this one
    reduction: int  # total stride at its end


class Network(Protocol):
    """The parts of timm's `EfficientNet` that are used here."""

    conv_stem: torch.nn.Module
    bn1: torch.nn.Module
    blocks: torch.nn.Sequential  # one entry a stage
    conv_head: torch.nn.Module
    bn2: torch.nn.Module
    classifier: torch.nn.Linear
    feature_info: list[StageInfo]

    def forward_features(self, pixels: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, C, H, W), after `bn2`."""

    def forward_head(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K)."""


def network(model: Model) -> Network:
    """Return the model's module with the types of its parts."""
    return cast(Network, model.module)


def features_at(net: Network, pixels: Tensor, layer: Layer) -> Tensor:
    """Run the network up to the end of a stage: (N, 3, S, S) -> (N, C, H, W)."""
    if layer is Layer.LAST:
        return net.forward_features(pixels)
    return _run(net.blocks[: _stage(net, layer)], net.bn1(net.conv_stem(pixels)))


def logits_from(net: Network, features: Tensor, layer: Layer) -> Tensor:
    """Run the rest of the network: (N, C, H, W) -> (N, K)."""
    if layer is Layer.LAST:
        return net.forward_head(features)
    deep = _run(net.blocks[_stage(net, layer) :], features)
    return net.forward_head(net.bn2(net.conv_head(deep)))


def every_layer(net: Network, pixels: Tensor) -> Iterator[Tensor]:
    """Run the whole network and yield the ends of the stages in the order of STRIDES, `bn2` and the logits."""
    tensor = net.bn1(net.conv_stem(pixels))
    done = 0
    for layer in STRIDES:
        tensor, done = _run(net.blocks[done : _stage(net, layer)], tensor), _stage(net, layer)
        yield tensor
    features = net.bn2(net.conv_head(tensor))
    yield from (features, net.forward_head(features))


def _stage(net: Network, layer: Layer) -> int:
    """Number of stages before the cut: timm lists the last stage of each stride, whatever the scaling."""
    return next(row["stage"] for row in net.feature_info if row["reduction"] == STRIDES[layer])


def _run(stages: torch.nn.Sequential, tensor: Tensor) -> Tensor:
    return cast(Tensor, stages(tensor))
