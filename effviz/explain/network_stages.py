"""An EfficientNet split at the end of a stage: the part before the features, and the part after them.

Splitting the network needs no hooks, so the module that all visitors share is only ever read.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from effviz.errors import SettingsError
from effviz.explain.data_types import STRIDES, Floats, Forward, TargetLayer, read_only
from effviz.i18n import _
from effviz.zoo import torch_modules
from effviz.zoo.model import Model

TimmNetwork = Any  # timm's untyped EfficientNet; networks of other families share only its `forward_*` methods


def features_at(net: TimmNetwork, pixels: Tensor, layer: TargetLayer) -> Tensor:
    """Run the network up to the end of a stage: (N, 3, S, S) -> (N, C, H, W)."""
    if layer is TargetLayer.LAST:
        features: Tensor = net.forward_features(pixels)
    else:
        features = net.blocks[: _stage(net, layer)](net.bn1(net.conv_stem(pixels)))
    return features


def logits_from(net: TimmNetwork, features: Tensor, layer: TargetLayer) -> Tensor:
    """Run the rest of the network: (N, C, H, W) -> (N, K)."""
    if layer is not TargetLayer.LAST:
        features = net.bn2(net.conv_head(net.blocks[_stage(net, layer) :](features)))
    logits: Tensor = net.forward_head(features)
    return logits


def _stage(net: TimmNetwork, layer: TargetLayer) -> int:
    """Return the number of stages before the split: timm lists the last stage of each stride for every scaling."""
    return next(int(row["stage"]) for row in net.feature_info if row["reduction"] == STRIDES[layer])


def head_gradients(model: Model, features: Floats) -> tuple[Floats, Floats]:
    """Return each logit's gradient by each channel's mean, (K, C), and the logits (K,) of a map of constant means.

    A channel is shifted equally in all cells, which differentiates an average over the cells exactly.
    """
    with model.weights.lock, torch.inference_mode(False), torch.enable_grad():
        batch = torch.tensor(features[None])

        def logits(moved: Tensor) -> Tensor:
            return logits_from(model.module, batch + moved[None, :, None, None], TargetLayer.LAST)[0]

        gradients = torch.func.jacrev(logits)(torch.zeros(batch.shape[1]))  # (K, C)
        with torch.no_grad():
            spread = batch.mean(dim=(2, 3), keepdim=True).expand_as(batch).contiguous()
            logits_of_spread = logits_from(model.module, spread, TargetLayer.LAST)[0]
    return gradients.detach().numpy(), logits_of_spread.numpy()


# Forward passes through a private copy of a network whose weights are randomised from the top down.


@dataclass(frozen=True, slots=True, eq=False)
class _NetworkPart:
    """A part of a network that is randomised in one step."""

    name: str
    module: nn.Module
    run: Callable[[Tensor], Tensor]


def randomised_passes(whole: Forward, seed: int) -> Iterator[tuple[str, Forward]]:
    """Randomise the parts from the classifier to the stem; yield each part's name and the forward pass after it.

    Randomising the later parts does not change a part's input, so each pass starts from that input. Compute the class
    map of a pass before requesting the next one, because all passes use the same copy.
    """
    if whole.model.ref.spec.family is None:
        text = _("{model} cannot be randomised part by part: only scaled B0s have known stages. Choose one of those.")
        raise SettingsError(text.format(model=whole.model.ref.spec.name))
    twin = private_copy(whole.model)
    with _plain_numbers():
        parts, inputs = _parts(twin), [torch.tensor(whole.prepared.pixels)]
        for part in parts[:-1]:
            inputs.append(part.run(inputs[-1]))
    generator = torch.Generator().manual_seed(seed)
    for depth in reversed(range(len(parts))):
        features = inputs[depth]
        with _plain_numbers():
            randomise(parts[depth].module, generator)
            for part in parts[depth:-1]:
                features = part.run(features)
            logits = parts[-1].run(features)
        arrays = {"features": read_only(features.numpy()[0]), "logits": read_only(logits.numpy()[0])}
        yield parts[depth].name, dataclasses.replace(whole, model=twin, **arrays)


def private_copy(model: Model) -> Model:
    """Copy a model with all its weights, so that changes to the copy do not affect other users of the model."""
    # In inference mode, the copy's weights could not have gradients; the lock keeps other threads' hooks out of it.
    with model.weights.lock, torch.inference_mode(False):
        return torch_modules.wrap_module(model.ref, copy.deepcopy(model.module).eval())


def randomise(module: nn.Module, generator: torch.Generator) -> None:
    """Redraw the weights of convolutions and linear layers at random, in place."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, float(layer.weight.detach().std()), generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _parts(model: Model) -> list[_NetworkPart]:
    """Return a network's parts, from the photo to the logits."""
    net: TimmNetwork = model.module
    return [
        _NetworkPart("stem", net.conv_stem, lambda pixels: net.bn1(net.conv_stem(pixels))),
        *(_NetworkPart(f"stage {number}", stage, stage) for number, stage in enumerate(net.blocks, start=1)),
        _NetworkPart("head", net.conv_head, lambda tensor: net.bn2(net.conv_head(tensor))),
        _NetworkPart("classifier", net.classifier, net.forward_head),
    ]


@contextmanager
def _plain_numbers() -> Iterator[None]:
    """Flush denormal floats to zero: randomised networks produce many, and they are slow to compute with."""
    torch.set_flush_denormal(True)
    try:
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        torch.set_flush_denormal(False)
