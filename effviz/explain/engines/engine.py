"""What every engine promises."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Protocol

from effviz.explain.data_types import Floats, TargetLayer


class EngineName(StrEnum):
    """The engines there are."""

    OPENVINO = "openvino"
    TORCH = "torch"
    CUDA = "cuda"  # torch on an NVIDIA or AMD GPU
    MPS = "mps"  # torch on an Apple GPU


class Engine(Protocol):
    """A network ready to run at one input size; any number of threads may call it at once.

    Inputs are (1, 3, S, S), or (N, 3, S, S) for `run`; results are arrays of their own, float32.
    """

    @property
    def name(self) -> EngineName:
        """Which engine this is."""

    @property
    def copies(self) -> float:
        """How many times it holds the weights, beside tensors and module, about."""

    def run(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return features after `bn2` (N, C, H, W) and logits (N, K): as soon as possible."""

    def many(self, inputs: Iterable[Floats]) -> Iterator[tuple[Floats, Floats]]:
        """Yield features (1, C, H, W) and logits (1, K) for each input, in order: as many a second as possible."""

    def features_at(self, pixels: Floats, layer: TargetLayer) -> Floats:
        """Return the features (1, C, H, W) at the end of a stage."""

    def logits_from(self, features: Iterable[Floats], layer: TargetLayer) -> Iterator[Floats]:
        """Yield logits (1, K) from features (1, C, H, W) at a layer, in order: as many a second as possible."""
