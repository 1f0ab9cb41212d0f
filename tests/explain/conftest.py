"""Two real Lite models and one network with SiLU, each with a forward pass on the same photo."""

from pathlib import Path

import numpy as np
import pytest
import torch

from effviz.explain import images
from effviz.explain.data_types import Forward, Photo
from effviz.explain.forward_pass import forward, prepare
from effviz.zoo import torch_modules
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load
from effviz.zoo.model import Model

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"


@pytest.fixture(scope="session")
def cat() -> Photo:
    return images.read((SAMPLES / "cat.jpg").read_bytes(), "cat.jpg")


@pytest.fixture(scope="session")
def silu(cat) -> Forward:
    """Return a pass of a random B0 with realistic activations: SiLU, squeeze-and-excitation, negative features."""
    model = load(parse_model("scaled-d1-w1@128"))
    return forward(enlivened(model, prepare(cat, model.ref).pixels), cat)


@pytest.fixture(scope="session")
def small_lite(cat) -> Forward:
    return forward(load(parse_model("lite0@128")), cat)


@pytest.fixture(scope="session")
def lite(cat) -> Forward:
    """Return a pass of Lite1 (ReLU6, no negative features), on 5 x 5 cells where `small_lite` has 4 x 4."""
    return forward(load(parse_model("lite1@160")), cat)


@pytest.fixture(params=("lite", "silu"))
def network(request) -> Forward:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def lively():
    """Return a loader that adapts untrained models to sample photos; activations would explode on other images."""
    paths = sorted(SAMPLES.glob("*.jpg"))[:8]
    photos = [images.read(path.read_bytes(), path.name) for path in paths]

    def loaded(ref: str):
        model = load(parse_model(ref))
        if not model.ref.spec.trained:
            pixels = np.concatenate([prepare(photo, model.ref).pixels for photo in photos])
            return enlivened(model, pixels, spread=0.3)
        return model

    return loaded


def enlivened(model: Model, pixels: np.ndarray, spread: float = 1.0) -> Model:
    module = torch_modules.build_module(model.ref.spec, model.weights.tensors)
    enliven(module, torch.tensor(pixels), spread)
    return torch_modules.wrap_module(model.ref, module)


def enliven(module: torch.nn.Module, pixels: torch.Tensor, spread: float = 1.0) -> None:
    """Spread the batch norms and the classifier, so that features and logits are as large as in a trained network.

    More spread means worse conditioning: a deep random network then amplifies the rounding of 32-bit floats.
    """
    generator = torch.Generator().manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.weight, 1, 0.3 * spread, generator)
            torch.nn.init.normal_(layer.bias, 0, 0.5 * spread, generator)
            layer.momentum = 1.0
    torch.nn.init.normal_(module.classifier.weight, 0, 0.1, generator)
    torch.nn.init.normal_(module.classifier.bias, 0, 0.1, generator)
    with torch.no_grad():
        module.train()(pixels + 0.3 * torch.randn(8, *pixels.shape[1:], generator=generator))
    module.eval()
