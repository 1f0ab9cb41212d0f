"""torch as an engine: the module itself on the CPU, which is the reference, or a copy of it on a GPU.

A GPU's results are checked against the CPU's before the GPU is used.
"""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import numpy as np
import torch

from effviz.explain import network_stages
from effviz.explain.data_types import STRIDES, EngineName, Floats, TargetLayer
from effviz.explain.engines import openvino_engine
from effviz.scaling.architecture import PICTURE_CHANNELS
from effviz.zoo.model import Weights

BATCH = {EngineName.TORCH: 8, EngineName.CUDA: 64, EngineName.MPS: 32}  # batch size of `many` for inputs of USUAL size
USUAL = 3 * 224 * 224  # larger inputs get smaller batches: others may wait for a batch, and it takes memory


@dataclass(frozen=True, slots=True, eq=False)
class TorchEngine:
    """A torch module as an engine; it is only read, so no lock is needed."""

    module: Any  # torch.nn.Module
    name: EngineName = EngineName.TORCH

    @classmethod
    def of(cls, weights: Weights, name: EngineName = EngineName.TORCH) -> Self:
        """Use the module itself on the CPU, or copy it to another device.

        On CUDA, this disables TF32, which would round convolutions to ten bits, for the rest of the process. The switch
        is not thread-local, so toggling it around each pass could leave it in either state.
        """
        if name is EngineName.TORCH:
            return cls(weights.module)
        if name is EngineName.CUDA:
            torch.backends.cudnn.allow_tf32 = False
        with torch.inference_mode(False):
            return cls(copy.deepcopy(weights.module).to(name.value), name)

    def run(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return features after `bn2` (N, C, H, W) and logits (N, K) of inputs (N, 3, S, S)."""
        with torch.inference_mode():
            features = self.module.forward_features(self._tensor(pixels))
            return _array(features), _array(self.module.forward_head(features))

    def many(self, inputs: Iterable[Floats]) -> Iterator[tuple[Floats, Floats]]:
        """Yield features (1, C, H, W) and logits (1, K) for each input, in order."""
        for some in _batches(inputs, BATCH[self.name]):
            features, logits = self.run(some)
            yield from zip(features[:, None], logits[:, None], strict=True)

    def features_at(self, pixels: Floats, layer: TargetLayer) -> Floats:
        """Return the features (1, C, H, W) at the end of a stage."""
        with torch.inference_mode():
            return _array(network_stages.features_at(self.module, self._tensor(pixels), layer))

    def logits_from(self, features: Iterable[Floats], layer: TargetLayer) -> Iterator[Floats]:
        """Yield logits (1, K) from features (1, C, H, W) at a layer, in order."""
        for some in _batches(features, BATCH[self.name]):
            with torch.inference_mode():
                logits = _array(network_stages.logits_from(self.module, self._tensor(some), layer))
            yield from logits[:, None]

    @property
    def copies(self) -> int:
        """Number of copies of the weights that the engine holds, apart from the module."""
        return int(self.name is not EngineName.TORCH)

    def _tensor(self, array: Floats) -> torch.Tensor:
        return torch.tensor(array, device="cpu" if self.name is EngineName.TORCH else self.name.value)


def _batches(inputs: Iterable[Floats], size: int) -> Iterator[Floats]:
    waiting = iter(inputs)
    for first in waiting:
        fitting = max(1, size * USUAL // first.size)
        yield np.concatenate([first, *islice(waiting, fitting - 1)])


def _array(tensor: torch.Tensor) -> Floats:
    return np.array(tensor.cpu().numpy(), np.float32)


# Networks that no plan describes, converted to OpenVINO from their torch modules at one input size.


class _FeaturesAndLogits(torch.nn.Module):
    """Wraps a network so that its forward pass returns features and logits."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.network.forward_features(pixels)
        return features, self.network.forward_head(features)


def convert(weights: Weights, size_px: int) -> openvino_engine.OpenVinoNetwork:
    """Return a network with the outputs `TargetLayer.LAST` and LOGITS; raises RuntimeError if OpenVINO cannot."""
    package = openvino_engine.import_openvino()
    example = torch.zeros(1, PICTURE_CHANNELS, size_px, size_px)
    with weights.lock, torch.inference_mode(False), torch.no_grad():
        network = package.convert_model(_FeaturesAndLogits(weights.module), example_input=example)
    network.reshape(list(example.shape))
    return openvino_engine.name_outputs(network, (TargetLayer.LAST, openvino_engine.LOGITS))


# Check once, before use, that a GPU or a conversion reproduces the CPU's numbers for a network.

TOLERANCE = 1e-3  # relative to the CPU's largest value
CONVERTED_TOLERANCE = 1e-4  # stricter for a converted network: it has to be the same network


def check_against_cpu(
    engine: openvino_engine.OpenVinoEngine | TorchEngine, weights: Weights, size_px: int, tolerance: float = TOLERANCE
) -> None:
    """Compare every layer on a smooth picture: on noise, some networks lose all digits on any engine.

    Raises:
        RuntimeError: The numbers differ.
    """
    ramp = np.linspace(-1, 1, size_px, dtype=np.float32)
    pixels = np.stack([*np.meshgrid(ramp, ramp), np.outer(ramp, ramp)])[None]  # (1, 3, S, S)
    layers = STRIDES if weights.spec.family else ()
    ours, expected = (
        [*(runner.features_at(pixels, layer) for layer in layers), *runner.run(pixels)]
        for runner in (engine, TorchEngine.of(weights))
    )
    for array, right in zip(ours, expected, strict=True):
        if not np.abs(array - right).max() <= tolerance * np.abs(right).max():
            raise RuntimeError(f"{engine.name} gives other numbers than the CPU")
