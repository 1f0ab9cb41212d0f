"""Boxes against where gradients reach in timm's own networks, with positive weights so that nothing cancels."""

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from effviz.errors import TargetError
from effviz.explain import receptive_fields
from effviz.explain.data_types import Box
from effviz.scaling import Padding
from effviz.zoo.catalogue import catalogue, parse_model, recipe_names
from effviz.zoo.loading import load

SIZES = (480, 500)  # the first 15 x 15 cells of 32 px exactly, the second 16 x 16 with a part left over
REFS = {"lite0": Padding.SAME, "b0:timm-ra_in1k": Padding.SYMMETRIC}


def positive(architecture: str) -> nn.Module:
    """The network with every weight the same and nothing but convolutions and shortcuts: no gates, no clipping."""
    module = timm.create_model(architecture, pretrained=False).eval().requires_grad_(False)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.constant_(part.weight, part.out_channels / part.weight.numel())
        if isinstance(part, BatchNormAct2d):
            part.act = nn.Identity()
        if hasattr(part, "se"):
            part.se = nn.Identity()
    return module


@pytest.fixture(scope="module", params=REFS)
def name_and_module(request):
    return request.param, positive(parse_model(request.param).spec.architecture)


@pytest.mark.parametrize("size_px", SIZES)
def test_box_is_where_the_gradient_reaches(name_and_module, size_px):
    name, module = name_and_module
    ref, seen = parse_model(f"{name}@{size_px}"), Box(0, 0, size_px, size_px)
    pixels = torch.rand(1, 3, size_px, size_px, requires_grad=True)
    features = module.forward_features(pixels)[0].sum(0)  # (H, W)
    last = features.shape[0] - 1
    for row, column in [(0, last), (last, 1), (last // 2, last // 2)]:
        (gradient,) = torch.autograd.grad(features[row, column], pixels, retain_graph=True)
        reached = gradient[0].abs().sum(0).nonzero()
        (top, left), (bottom, right) = reached.amin(0).tolist(), reached.amax(0).tolist()
        assert receptive_fields.theoretical_box(ref, seen, row, column) == Box(left, top, right + 1, bottom + 1)
    with pytest.raises(TargetError):
        receptive_fields.theoretical_box(ref, seen, 0, last + 1)


def test_box_by_hand_on_a_photo():
    """Lite0 at 640 px: 851 px wide (tests/scaling), cell 0 around pixel 31, so it ends at 31.5 + 425.5 = 457."""
    ref = parse_model("lite0@640")
    seen = Box(100, 50, 100 + 2 * 640, 50 + 3 * 640)  # two and three photo pixels per pixel of the model
    assert receptive_fields.theoretical_box(ref, seen, 0, 0) == Box(100, 50, 100 + 2 * 457, 50 + 3 * 457)
    # Cell 19 is 19 * 32 px further: from 31.5 + 608 - 425.5 = 214 to the end.
    assert receptive_fields.theoretical_box(ref, seen, 0, 19) == Box(100 + 2 * 214, 50, 1380, 50 + 3 * 457)


def test_at_its_own_size_every_cell_of_lite0_can_see_everything():
    seen = Box(130.5, 36, 635.5, 541)
    boxes = {
        receptive_fields.theoretical_box(parse_model("lite0"), seen, row, column)
        for row in range(7)
        for column in range(7)
    }
    assert boxes == {seen}


def test_every_network_is_padded_as_timm_pads_it():
    refs = [parse_model(f"{spec.name}:{recipe}") for spec in catalogue() for recipe in recipe_names(spec.name)]
    networks = {ref.spec.architecture.partition(".")[0] for ref in refs}
    with torch.device("meta"):
        stems = {name: timm.create_model(name, pretrained=False).conv_stem for name in networks}
    same = {name for name, stem in stems.items() if "Same" in type(stem).__name__}  # timm's Conv2dSame pads as it goes
    assert {ref.label for ref in refs if ref.spec.arithmetic.padding is Padding.SAME} == {
        ref.label for ref in refs if ref.spec.architecture.partition(".")[0] in same
    }
    assert set() < same < networks


@pytest.mark.parametrize("name", ["scaled-d0.1-w0.1", "scaled-lite-d0.1-w0.1"])
def test_scaled_networks_are_padded_as_their_base(name):
    ref = parse_model(name)
    assert type(load(ref).module.conv_stem).__name__ == "Conv2dSame"
    assert ref.spec.arithmetic.padding is Padding.SAME


@pytest.mark.parametrize(("row", "column"), [(-1, 0), (0, -1), (7, 0), (0, 7)])
def test_unknown_cell(row, column):
    with pytest.raises(TargetError, match=r"Cell \(.*\) does not exist: .* rows 0 to 6 and columns 0 to 6\. Pick"):
        receptive_fields.theoretical_box(parse_model("lite0"), Box(0, 0, 224, 224), row, column)
