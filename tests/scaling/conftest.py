"""Build timm's networks on the meta device: shapes without values, so that even L2 at 800 px is cheap."""

import pytest
import timm.models.efficientnet as timm_efficientnet
import torch

from effviz.scaling import Family, Padding


@pytest.fixture
def timm_network(monkeypatch):
    """Return a function that builds timm's networks without initialising weights, which takes half of the time."""
    monkeypatch.setattr(timm_efficientnet, "efficientnet_init_weights", lambda *_, **__: None)

    def build(depth, width, family, padding=Padding.SAME):
        if family is Family.LITE:
            generate, variant = timm_efficientnet._gen_efficientnet_lite, "tf_efficientnet_lite0"
        else:
            generate, variant = timm_efficientnet._gen_efficientnet, "tf_efficientnet_b0"
        pad_type = "same" if padding is Padding.SAME else ""
        with torch.device("meta"):
            return generate(variant, channel_multiplier=width, depth_multiplier=depth, pad_type=pad_type).eval()

    return build
