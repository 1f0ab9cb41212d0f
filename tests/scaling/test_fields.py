"""Receptive fields match hand calculations and the reach of the gradient in a chain of convolutions."""

from itertools import pairwise

import pytest
import torch
from timm.layers import create_conv2d
from torch import nn

from effviz.scaling import PUBLISHED, Family, Padding, plan
from effviz.scaling.plans import ReceptiveField


def spatial_layers(network):
    return [layer for layer in network.layers if layer.kernel > 1]


@pytest.mark.parametrize("padding", Padding)
def test_b0_by_hand(padding):
    # size: 1 + sum of (kernel - 1) * stride before, over stem | stages 2 to 8
    size = 1 + 2 + 4 + (4 + 8) + (16 + 32) + (16 + 32 + 32) + 3 * 64 + (64 + 3 * 128) + 64
    field = plan(1, 1, 224).field(padding)
    assert field.size == size == 851
    assert field.stride == 32


def test_start_by_hand_at_224():
    # Symmetric: cell 0 always stays over pixel 0. SAME on even maps: each of the five strided layers shifts the
    # centre by one cell of its input, 1 + 2 + 4 + 8 + 16.
    b0 = plan(1, 1, 224)
    assert b0.field(Padding.SYMMETRIC).start == 0
    assert b0.field(Padding.SAME).start == 31


@pytest.mark.parametrize("padding", Padding)
def test_start_lies_15_5_px_from_plain_placement(padding):
    # Measured with the real weights: up-left for `efficientnet_b0`, down-right for `tf_efficientnet_b0`.
    middle = 0.5 + plan(1, 1, 224).field(padding).start
    plain = 224 / 7 / 2
    assert middle - plain == (15.5 if padding is Padding.SAME else -15.5)


@pytest.mark.parametrize("padding", Padding)
def test_same_padding_at_an_odd_size_is_symmetric(padding):
    # 33, 17, 9, 5, 3 px: every strided layer gets an odd map, so TensorFlow pads both sides equally.
    assert plan(1, 1, 33).field(padding).start == 0


def chain(layers, padding):
    """Return the network's spatial layers with one channel and all weights 1; 1x1 layers do not enlarge a field."""
    pad_type = "same" if padding is Padding.SAME else ""
    convolutions = [create_conv2d(1, 1, layer.kernel, stride=layer.stride, padding=pad_type) for layer in layers]
    for convolution in convolutions:
        nn.init.ones_(convolution.weight)
    return nn.Sequential(*convolutions).double()


def reach(network, resolution_px, row, column):
    """Return the first and last pixel with a gradient, vertically and horizontally, for one output cell."""
    picture = torch.zeros(1, 1, resolution_px, resolution_px, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(picture)[0, 0, row, column], picture)
    down, across = gradient[0, 0].abs().sum(1).nonzero(), gradient[0, 0].abs().sum(0).nonzero()
    return (int(down[0]), int(down[-1])), (int(across[0]), int(across[-1]))


def pixels_inside(field, cell, resolution_px):
    first, last = field.span(cell)
    return max(int(first), 0), min(int(last), resolution_px) - 1


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("resolution_px", [97, 128, 150])
def test_every_spatial_layer_of_a_small_network(resolution_px, padding):
    layers = spatial_layers(plan(0.4, 0.2, resolution_px))
    for depth in range(1, len(layers) + 1):
        layer, network = layers[depth - 1], chain(layers[:depth], padding)
        for row, column in [(0, layer.out_size - 1), (layer.out_size // 2, layer.out_size // 3)]:
            expected = tuple(pixels_inside(layer.field(padding), cell, resolution_px) for cell in (row, column))
            assert reach(network, resolution_px, row, column) == expected


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("resolution_px", [1000, 1030])
def test_whole_field_of_b0_inside_a_large_picture(resolution_px, padding):
    ours = plan(1, 1, resolution_px)
    layers, field = spatial_layers(ours), ours.field(padding)
    cell = layers[-1].out_size // 2
    first, last = field.span(cell)
    assert 0 <= first < last <= resolution_px  # the border cuts nothing off, so this tests the size itself
    down, across = reach(chain(layers, padding), resolution_px, cell, cell)
    assert down == across == (first, last - 1)


def test_gates_and_classifier_carry_the_field_of_the_map_they_read():
    for padding in Padding:
        layers = plan(1.2, 1.1, 260).layers
        for before, layer in pairwise(layers):
            if layer.kernel == 1:
                assert layer.field(padding) == before.field(padding)


def test_span_by_hand():
    # 3 px wide, every second pixel, the first field centred on pixel 1: pixels 0 to 2, then 2 to 4.
    field = ReceptiveField(size=3, stride=2, start=1)
    assert field.span(0) == (0, 3)
    assert field.span(1) == (2, 5)
    # Centred on pixel 0, the field begins outside the image.
    assert ReceptiveField(size=3, stride=2, start=0).span(0) == (-1, 2)


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("name", ["b3", "lite2"])
def test_width_and_gates_do_not_change_the_field(name, padding):
    network = PUBLISHED[name]
    narrow = plan(network.depth, 0.5, network.resolution, network.family).field(padding)
    assert plan(network.depth, network.width, network.resolution, network.family).field(padding) == narrow
    assert narrow.stride == 32


def test_lite_sees_less_because_its_last_stage_is_not_repeated():
    # d = 1.1 repeats stages 2 and 8 once more, as in B1: 2 * 2 and 2 * 32 px.
    wide, lite = plan(1.1, 1, 240), plan(1.1, 1, 240, Family.LITE)
    difference = wide.field(Padding.SYMMETRIC).size - lite.field(Padding.SYMMETRIC).size
    assert difference == 2 * 2 + 2 * 32
