"""Whether a GPU gives the CPU's numbers for a network, asked once before it is used."""

import numpy as np

from effviz.explain.engines.torch_engine import TorchEngine
from effviz.explain.results import STRIDES
from effviz.zoo.model import Weights

TOLERANCE = 1e-3  # relative to the CPU's largest value


def check(engine: TorchEngine, weights: Weights, size_px: int) -> None:
    """Compare every layer on a smooth picture: on noise some networks lose all digits, whoever runs them.

    Raises:
        RuntimeError: the numbers differ.
    """
    ramp = np.linspace(-1, 1, size_px, dtype=np.float32)
    pixels = np.stack([*np.meshgrid(ramp, ramp), np.outer(ramp, ramp)])[None]  # (1, 3, S, S)
    ours, expected = (
        [*(of.features_at(pixels, layer) for layer in STRIDES), *of.run(pixels)]
        for of in (engine, TorchEngine.of(weights))
    )
    for array, right in zip(ours, expected, strict=True):
        if not np.abs(array - right).max() <= TOLERANCE * np.abs(right).max():
            raise RuntimeError(f"{engine.name} gives other numbers than the CPU")
