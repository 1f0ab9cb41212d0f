import numpy as np
import pytest
import torch

from effviz.explain.forward_pass import forward, run_network


def test_logits_equal_the_modules_own_forward(network):
    with torch.no_grad():
        expected = network.model.module(torch.tensor(network.prepared.pixels))[0]
    assert network.logits == pytest.approx(expected.numpy(), abs=5e-5)


def test_features_are_the_output_of_bn2(small_lite, monkeypatch):
    monkeypatch.setenv("EFFVIZ_ENGINE", "torch")  # hooks see only torch
    kept = []
    handle = small_lite.model.module.bn2.register_forward_hook(lambda _, __, output: kept.append(output.clone()))
    features, _ = run_network(small_lite.model, small_lite.prepared.pixels)
    handle.remove()
    assert np.array_equal(features, kept[0][0].numpy())
    assert features.shape == (1280, 4, 4)


def test_results_are_read_only_and_timed(small_lite):
    assert not small_lite.features.flags.writeable
    assert not small_lite.logits.flags.writeable
    assert small_lite.forward_ms > 0


def test_a_pass_leaves_the_model_fit_for_gradients(small_lite, cat):
    """Tensors of inference mode would refuse a later backward pass."""
    forward(small_lite.model, cat)
    weight = small_lite.model.module.classifier.weight
    assert not weight.is_inference()
    pixels = torch.tensor(small_lite.prepared.pixels, requires_grad=True)
    small_lite.model.module(pixels)[0, 0].backward()
    assert pixels.grad is not None
