"""What every engine promises."""

from enum import StrEnum
from typing import Protocol

from effviz.explain.results import Floats


class EngineName(StrEnum):
    """The engines there are."""

    OPENVINO = "openvino"
    TORCH = "torch"


class Engine(Protocol):
    """A network ready to run at one input size; any number of threads may call it at once."""

    @property
    def name(self) -> EngineName:
        """Which engine this is."""

    def run(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return features after `bn2` (N, C, H, W) and logits (N, K) of inputs (N, 3, S, S), in arrays of their own."""
