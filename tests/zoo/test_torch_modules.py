"""Scaled networks equal timm's where timm has one, and are the same on every build."""

import pytest
import timm
import torch

from effviz.scaling import PUBLISHED, Family, plan
from effviz.zoo import torch_modules

SMALL = ("b0", "b3", "lite0", "lite4")


@pytest.mark.parametrize("name", SMALL)
def test_published_multipliers_give_timms_network(name):
    published = PUBLISHED[name]
    theirs = timm.create_model(f"tf_efficientnet_{name}", pretrained=False).eval()
    ours = torch_modules.build_untrained(published.family, published.depth, published.width).eval()
    expected = theirs.state_dict()
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [(k, v.shape) for k, v in expected.items()]
    # same padding, activations and batch norm: the same weights give the same logits
    ours.load_state_dict(expected)
    photo = torch.rand(1, 3, 64, 64)  # even size: TensorFlow pads only one side, PyTorch both
    with torch.inference_mode():
        assert torch.equal(ours(photo), theirs(photo))


@pytest.mark.parametrize(("family", "depth", "width"), [(Family.EFFICIENTNET, 0.4, 1.7), (Family.LITE, 2.3, 0.35)])
def test_any_multipliers_have_the_planned_parameters(family, depth, width):
    built = torch_modules.build_untrained(family, depth, width, 10)
    assert sum(p.numel() for p in built.parameters()) == plan(depth, width, 224, family, 10).params


def test_the_same_arguments_give_the_same_weights_and_leave_the_callers_seed_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = torch_modules.build_untrained(Family.LITE, 0.5, 0.5)
    assert torch.equal(torch.rand(3), expected)
    second = torch_modules.build_untrained(Family.LITE, 0.5, 0.5)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
