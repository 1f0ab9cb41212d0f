"""An EfficientNet cut in two at the end of a stage: what comes before the features, and what follows them.

Cutting the network needs no hooks, so the module that all visitors share is only ever read.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypedDict, cast

import torch
from torch import Tensor, nn

from effviz.errors import SettingsError
from effviz.explain.data_types import STRIDES, Floats, Forward, TargetLayer
from effviz.i18n import _
from effviz.zoo import torch_modules
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
        batch = torch.tensor(features[None])

        def logits(moved: Tensor) -> Tensor:
            return net.forward_head(batch + moved[None, :, None, None])[0]

        gradients = torch.func.jacrev(logits)(torch.zeros(batch.shape[1]))  # (K, C)
        with torch.no_grad():
            spread = net.forward_head(batch.mean(dim=(2, 3), keepdim=True).expand_as(batch).contiguous())[0]
    return gradients.detach().numpy(), spread.numpy()


# Passes through a network whose weights are drawn at random from the top down, in a private copy.


@dataclass(frozen=True, slots=True, eq=False)
class _NetworkPart:
    """A part of a network that gets its weights at random at once."""

    name: str
    modules: tuple[nn.Module, ...]
    run: Callable[[Tensor], Tensor]


def randomised_passes(whole: Forward, seed: int) -> Iterator[tuple[str, Forward]]:
    """Yield the part that was broken last, from the classifier to the stem, and the pass of the photo after it.

    A part's input does not change when what follows it is broken, so each pass begins there. The class map of a pass
    must be made before the next one: all are of one copy.
    """
    if whole.model.ref.spec.family is None:
        text = _("{model} cannot be broken part by part: only the stages of scaled B0s are known. Choose one.")
        raise SettingsError(text.format(model=whole.model.ref.spec.name))
    twin = private_copy(whole.model)
    with _plain_numbers():
        parts, inputs = _parts(twin), [torch.tensor(whole.prepared.pixels)]
        for part in parts[:-1]:
            inputs.append(_run_parts((part,), inputs[-1]))
    generator = torch.Generator().manual_seed(seed)
    for depth in range(len(parts) - 1, -1, -1):
        with _plain_numbers():
            randomise(parts[depth].modules, generator)
            features = _run_parts(parts[depth:-1], inputs[depth])
            logits = _run_parts(parts[-1:], features)
        passed = dataclasses.replace(whole, model=twin, features=_array(features), logits=_array(logits))
        yield parts[depth].name, passed


def private_copy(model: Model) -> Model:
    """Copy a model with all its weights: whatever is done to the copy, visitors of the model do not see it."""
    # In inference mode the copy's weights could take no gradients; under the lock nobody's hooks are copied with it.
    with model.lock, torch.inference_mode(False):
        return torch_modules.wrap_module(model.ref, copy.deepcopy(model.module).eval())


def randomise(modules: tuple[nn.Module, ...], generator: torch.Generator) -> None:
    """Draw the weights of convolutions and linear layers anew, in place."""
    for module in modules:
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.normal_(layer.weight, 0.0, float(layer.weight.detach().std()), generator)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def _parts(model: Model) -> list[_NetworkPart]:
    """Return what a network consists of, from the photo to the logits."""
    net = cast(TimmEfficientNet, model.module)
    stages = [_NetworkPart(f"stage {number}", (stage,), stage) for number, stage in enumerate(net.blocks, start=1)]
    return [
        _NetworkPart("stem", (net.conv_stem,), lambda pixels: cast(Tensor, net.bn1(net.conv_stem(pixels)))),
        *stages,
        _NetworkPart("head", (net.conv_head,), lambda tensor: cast(Tensor, net.bn2(net.conv_head(tensor)))),
        _NetworkPart("classifier", (net.classifier,), net.forward_head),
    ]


def _run_parts(parts: Sequence[_NetworkPart], tensor: Tensor) -> Tensor:
    with torch.no_grad():
        for part in parts:
            tensor = part.run(tensor)
    return tensor


@contextmanager
def _plain_numbers() -> Iterator[None]:
    """Take numbers too small for normal floats as zero: broken networks make many, and each takes a processor long."""
    torch.set_flush_denormal(True)
    try:
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        torch.set_flush_denormal(False)


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.numpy()[0]
    array.setflags(write=False)
    return array
