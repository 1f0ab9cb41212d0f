import numpy as np
import pytest
import torch

from effviz.explain.engines import ANY_SIZE, is_ready
from effviz.explain.forward_pass import forward, forward_any_size, run_network
from effviz.zoo.catalogue import at_resolution
from effviz.zoo.model import Model


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


@pytest.mark.parametrize("size_px", [96, 320, 448])
def test_one_engine_for_all_input_sizes_gives_what_torch_gives(small_lite, cat, size_px):
    model = Model(at_resolution(small_lite.model.ref.spec, size_px), small_lite.model.weights)
    found = forward_any_size(model, cat)
    with torch.no_grad():
        features = model.module.forward_features(torch.tensor(found.prepared.pixels))
        logits = model.module.forward_head(features)
    assert found.prepared.size_px == size_px
    assert found.features.shape == (1280, size_px // 32, size_px // 32)
    assert np.abs(found.features - features[0].numpy()).max() < 2e-4
    assert found.logits == pytest.approx(logits[0].numpy(), abs=1e-4)
    assert is_ready(model, ANY_SIZE)
    assert not is_ready(model)  # nothing was compiled for this size alone


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
