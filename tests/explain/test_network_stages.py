import pytest
import torch

from effviz.explain import network_stages
from effviz.explain.data_types import STRIDES, TargetLayer
from effviz.explain.forward_pass import stage_features
from effviz.scaling.architecture import Family
from effviz.zoo.catalogue import scaled_model
from effviz.zoo.loading import load
from effviz.zoo.model import ModelRef


@pytest.mark.parametrize(("depth", "width"), [(1.0, 0.5), (2.6, 0.3), (0.4, 0.4)])
@pytest.mark.parametrize("family", Family)
def test_a_scaled_network_is_cut_at_the_end_of_a_stride(depth, width, family):
    model = load(ModelRef(scaled_model(depth, width, 64, family), 64))
    net, pixels = (
        model.module,
        torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)),
    )
    with torch.no_grad():
        for layer in TargetLayer:
            features = network_stages.features_at(net, pixels, layer)
            assert torch.equal(network_stages.logits_from(net, features, layer), model.module(pixels))
            stride = 32 if layer is TargetLayer.LAST else STRIDES[layer]
            assert features.shape[-2:] == (64 // stride, 64 // stride)


@pytest.mark.parametrize("layer", [layer for layer in TargetLayer if layer is not TargetLayer.LAST])
def test_the_cut_is_the_last_tensor_of_its_stride(layer, small_lite):
    """Find the last block with an output size, with a hook on every block."""
    sizes = []
    blocks = [block for stage in small_lite.model.module.blocks for block in stage]
    handles = [block.register_forward_hook(lambda _, __, output: sizes.append(output)) for block in blocks]
    with torch.no_grad():
        small_lite.model.module(torch.tensor(small_lite.prepared.pixels))
    for handle in handles:
        handle.remove()
    cells = 128 // STRIDES[layer]
    last = [output for output in sizes if output.shape[-1] == cells][-1]
    found = torch.tensor(stage_features(small_lite, layer))
    assert found.shape == last[0].shape
    assert (found - last[0]).abs().max() <= 1e-3 * last[0].abs().max()


def test_features_of_the_last_layer_are_those_of_the_forward_pass(small_lite):
    assert stage_features(small_lite, TargetLayer.LAST) is small_lite.features
