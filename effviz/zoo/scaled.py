"""Building B0 and Lite0 at any depth and width with timm."""

import torch
from timm.models import efficientnet as timm_efficientnet

from effviz.scaling import Family, Padding
from effviz.zoo.model import Arithmetic, arithmetic

SEED = 0  # untrained networks are the same on every run


def build(
    family: Family, depth: float, width: float, classes: int = 1000, computing: Arithmetic | None = None
) -> torch.nn.Module:
    """Build an untrained network, as in the official code by default; the same arguments give the same random weights.

    timm's public entry points fix depth and width, so this calls the function behind them.
    """
    lite = family is Family.LITE
    of = computing or arithmetic(family)
    generate = timm_efficientnet._gen_efficientnet_lite if lite else timm_efficientnet._gen_efficientnet
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        module: torch.nn.Module = generate(
            "tf_efficientnet_lite0" if lite else "tf_efficientnet_b0",
            channel_multiplier=width,
            depth_multiplier=depth,
            num_classes=classes,
            bn_eps=of.epsilon,
            pad_type="same" if of.padding is Padding.SAME else "",
            act_layer=of.activation.value,
        )
    return module
