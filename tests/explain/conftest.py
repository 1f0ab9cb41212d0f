"""Real Lite models and one network with SiLU, each with one forward pass of the same photo."""

from pathlib import Path

import pytest
import torch

from effviz.explain import images
from effviz.explain.forward import forward
from effviz.explain.preprocess import prepare
from effviz.explain.results import Forward, Photo
from effviz.zoo.catalogue import parse
from effviz.zoo.loading import load

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
LITES = ("lite0", "lite1", "lite2")


@pytest.fixture(scope="session")
def cat() -> Photo:
    return images.read((SAMPLES / "cat.jpg").read_bytes(), "cat.jpg")


@pytest.fixture(scope="session")
def silu(cat) -> Forward:
    """B0's architecture, random but lively: SiLU and squeeze-and-excitation, features below zero."""
    model = load(parse("scaled-d1-w1@128"))
    enliven(model.module, torch.tensor(forward(model, cat).prepared.pixels))
    return forward(model, cat)


@pytest.fixture(scope="session")
def small_lite(cat) -> Forward:
    return forward(load(parse("lite0@128")), cat)


@pytest.fixture(scope="session")
def lites(cat) -> dict[str, Forward]:
    """Each Lite model at its own size: ReLU6, features never negative."""
    return {name: forward(load(parse(name)), cat) for name in LITES}


@pytest.fixture(params=LITES)
def lite(request, lites) -> Forward:
    return lites[request.param]


@pytest.fixture(params=(*LITES, "silu"))
def network(request, lites, silu) -> Forward:
    return lites.get(request.param, silu)


@pytest.fixture(scope="session")
def lively(cat):
    """Load a model; without trained weights it is enlivened for photos, not noise: on those it would blow up."""

    def loaded(ref: str):
        model = load(parse(ref))
        if not model.ref.spec.trained:
            enliven(model.module, torch.tensor(prepare(cat, model.ref).pixels))
        return model

    return loaded


def enliven(module: torch.nn.Module, pixels: torch.Tensor) -> None:
    """Spread the batch norms and the classifier, so that features and logits are as large as in a trained network."""
    generator = torch.Generator().manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.weight, 1, 0.3, generator)
            torch.nn.init.normal_(layer.bias, 0, 0.5, generator)
            layer.momentum = 1.0
    torch.nn.init.normal_(module.classifier.weight, 0, 0.1, generator)
    torch.nn.init.normal_(module.classifier.bias, 0, 0.1, generator)
    with torch.no_grad():
        module.train()(pixels + 0.3 * torch.randn(8, *pixels.shape[1:], generator=generator))
    module.eval()
