"""The reference engine: the model's own torch module, run as it is. Nothing is kept."""

from dataclasses import dataclass

import numpy as np
import torch

from effviz.explain import stages
from effviz.explain.engines.engine import EngineName
from effviz.explain.results import Floats
from effviz.zoo.model import Model


@dataclass(frozen=True, slots=True, eq=False)
class TorchEngine:
    """A model's module; it is only read, so no lock is needed."""

    model: Model
    name: EngineName = EngineName.TORCH

    def run(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return features after `bn2` (N, C, H, W) and logits (N, K) of inputs (N, 3, S, S)."""
        net = stages.network(self.model)
        with torch.inference_mode():
            features = net.forward_features(torch.tensor(pixels))
            logits = net.forward_head(features)
        return np.array(features.numpy(), np.float32), np.array(logits.numpy(), np.float32)
