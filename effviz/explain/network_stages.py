"""An EfficientNet cut in two at the end of a stage: what comes before the features, and what follows them.

Cutting the network needs no hooks, so the module that all visitors share is only ever read.
"""

from typing import Protocol, TypedDict, cast

import torch
from torch import Tensor

from effviz.explain.data_types import STRIDES, Floats, TargetLayer
from effviz.zoo.model import Model


class StageInfo(TypedDict):
    """A row of timm's `feature_info`."""

    stage: int  # number of stages up to and including this one
    reduction: int  # total stride at its end


class TimmEfficientNet(Protocol):
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


def typed_module(model: Model) -> TimmEfficientNet:
    """Return the model's module with the types of its parts."""
    return cast(TimmEfficientNet, model.module)


def features_at(net: TimmEfficientNet, pixels: Tensor, layer: TargetLayer) -> Tensor:
    """Run the network up to the end of a stage: (N, 3, S, S) -> (N, C, H, W)."""
    if layer is TargetLayer.LAST:
        return net.forward_features(pixels)
    return _run(net.blocks[: _stage(net, layer)], net.bn1(net.conv_stem(pixels)))


def logits_from(net: TimmEfficientNet, features: Tensor, layer: TargetLayer) -> Tensor:
    """Run the rest of the network: (N, C, H, W) -> (N, K)."""
    if layer is TargetLayer.LAST:
        return net.forward_head(features)
    deep = _run(net.blocks[_stage(net, layer) :], features)
    return net.forward_head(net.bn2(net.conv_head(deep)))


def _stage(net: TimmEfficientNet, layer: TargetLayer) -> int:
    """Number of stages before the cut: timm lists the last stage of each stride, whatever the scaling."""
    return next(row["stage"] for row in net.feature_info if row["reduction"] == STRIDES[layer])


def _run(stages: torch.nn.Sequential, tensor: Tensor) -> Tensor:
    return cast(Tensor, stages(tensor))


def head_gradients(model: Model, features: Floats) -> tuple[Floats, Floats]:
    """Return how each channel's mean moves each logit, (K, C), and the logits (K,) of the means spread over the map.

    A channel is moved in all cells alike, which differentiates an average over the cells exactly.
    """
    net = typed_module(model)
    with model.lock, torch.inference_mode(False), torch.enable_grad():
        given = torch.tensor(features[None])

        def logits(moved: Tensor) -> Tensor:
            return net.forward_head(given + moved[None, :, None, None])[0]

        gradients = torch.func.jacrev(logits)(torch.zeros(given.shape[1]))  # (K, C)
        with torch.no_grad():
            spread = net.forward_head(given.mean(dim=(2, 3), keepdim=True).expand_as(given).contiguous())[0]
    return gradients.detach().numpy(), spread.numpy()
