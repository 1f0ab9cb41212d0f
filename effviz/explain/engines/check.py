"""Whether an engine gives torch's numbers for a network, asked once before it is used."""

import numpy as np
import torch

from effviz.explain import stages
from effviz.explain.engines.engine import Engine
from effviz.zoo.model import Model

TOLERANCE = 1e-3  # relative to torch's largest value


def check(engine: Engine, model: Model, size_px: int) -> None:
    """Compare every layer on a smooth picture: on noise some networks lose all digits, whoever runs them.

    Raises:
        RuntimeError: the numbers differ.
    """
    ramp = np.linspace(-1, 1, size_px, dtype=np.float32)
    pixels = np.stack([*np.meshgrid(ramp, ramp), np.outer(ramp, ramp)])[None]  # (1, 3, S, S)
    ours = [*(engine.features_at(pixels, layer) for layer in stages.STRIDES), *engine.run(pixels)]
    with torch.inference_mode():
        expected = list(stages.every_layer(stages.network(model), torch.tensor(pixels)))
    for array, tensor in zip(ours, expected, strict=True):
        if not np.abs(array - tensor.numpy()).max() <= TOLERANCE * tensor.abs().max().item():
            raise RuntimeError(f"{engine.name} gives other numbers than torch")
