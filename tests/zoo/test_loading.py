"""A loaded model is ready for everyone: evaluation mode, no parameter gradients, usable in and after inference mode."""

import subprocess
import sys

import pytest
import torch

from effviz.zoo import catalogue, loading


@pytest.mark.parametrize("text", ["lite0@96", "scaled-d0.5-w0.6@96", "scaled-lite-d0.5-w0.5@96"])
def test_loaded_network_only_looks(text):
    model = loading.load(catalogue.parse(text))
    assert not model.module.training
    assert not any(p.requires_grad for p in model.module.parameters())
    assert model.ref.label == text
    assert bool(model.weights_sha256) == model.ref.spec.trained


@pytest.mark.parametrize("text", ["lite0@96", "scaled-lite-d0.5-w0.5@96"])
def test_gradients_reach_the_input_even_when_loaded_in_inference_mode(text):
    with torch.inference_mode():
        module = loading.load(catalogue.parse(text)).module
    photo = torch.rand(1, 3, 96, 96, requires_grad=True)
    module(photo)[0, 0].backward()
    assert photo.grad.abs().sum() > 0
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize("text", ["lite1", "scaled-d0.5-w0.6@96"])
def test_loading_twice_gives_the_same_weights(text):
    first, second = (loading.load(catalogue.parse(text)).module.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_torch_brought_is_set_aside_once():
    code = (
        "import gc; from effviz.zoo import loading; loading.set_aside(); first = gc.get_freeze_count();"
        "kept = [[] for _ in range(1000)]; loading.set_aside(); print(first > 100_000, gc.get_freeze_count() == first)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"]
