"""Networks as torch modules, for what needs gradients or hooks, and untrained ones of any depth and width."""

from typing import Any

import numpy as np
import torch
from timm.models import efficientnet as timm_efficientnet

from effviz.scaling import Family, Padding
from effviz.zoo import loading, timm_networks
from effviz.zoo.model import Arithmetic, Channels, Model, ModelRef, ModelSpec, Weights, arithmetic
from effviz.zoo.state_dicts import UNTRAINED_SEED, Array, Tensors

# Building B0 and Lite0 at any depth and width with timm.


def build_untrained(
    family: Family, depth: float, width: float, classes: int = 1000, computing: Arithmetic | None = None
) -> torch.nn.Module:
    """Build an untrained network, as in the official code by default; the same arguments give the same random weights.

    timm's public entry points fix depth and width, so this calls the function behind them.
    """
    lite = family is Family.LITE
    computing = computing or arithmetic(family)
    generate = timm_efficientnet._gen_efficientnet_lite if lite else timm_efficientnet._gen_efficientnet
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        module: torch.nn.Module = generate(
            "tf_efficientnet_lite0" if lite else "tf_efficientnet_b0",
            channel_multiplier=width,
            depth_multiplier=depth,
            num_classes=classes,
            bn_eps=computing.epsilon,
            pad_type="same" if computing.padding is Padding.SAME else "",
            act_layer=computing.activation.value,
        )
    return module


def build_module(spec: ModelSpec, tensors: Tensors) -> torch.nn.Module:
    """Make a network's module with copies of its tensors, in evaluation mode and with parameters without gradients."""
    with torch.inference_mode(False):  # tensors born in inference mode could never take part in a backward pass
        with torch.device("meta"):  # random weights would be made in vain
            module = build_for(spec)
        module.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()}, assign=True)
        return module.eval().requires_grad_(False)


def build_for(spec: ModelSpec, classes: int | None = None) -> torch.nn.Module:
    """Build a model's network, untrained; its file may have another number of logits than it has classes."""
    if spec.family is None or spec.depth is None or spec.width is None:
        with torch.device("cpu"):  # some have numbers of their own that are in no file
            return timm_networks.build(spec.architecture)
    return build_untrained(spec.family, spec.depth, spec.width, classes or len(spec.classes), spec.arithmetic)


def wrap_module(ref: ModelRef, module: torch.nn.Module, sha256: str = "") -> Model:
    """Take a module as it is for a model; the model's tensors are views of its weights, and change with them."""
    tensors = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
    return Model(ref, Weights(ref.spec, tensors, sha256, modules=[module]))


def run_as_saved(spec: ModelSpec, pixels: Array) -> Array:
    """Return the logits (K,) of an input (1, 3, S, S) by timm's network with the tensors as the file has them.

    The way round everything that is written here: other channels than RGB and a lone logit are dealt with outside of
    the network, on what goes in and comes out.
    """
    tensors, _sha256 = loading.read_as_saved(spec)
    logits, channels = tensors[f"{spec.classifier}.weight"].shape[0], spec.arithmetic.channels
    module: Any = build_for(spec, logits)
    if channels is Channels.GREY:
        stem = module.conv_stem
        module.conv_stem = type(stem)(1, stem.out_channels, 3, stride=2, padding=stem.padding, bias=False)
        pixels = (loading.GREY_OF_RGB[:, None, None] * pixels).sum(axis=1, keepdims=True)
    if channels is Channels.BGR:
        pixels = pixels[:, ::-1]
    module.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()})
    with torch.inference_mode():
        outputs: Array = module.eval()(torch.tensor(np.ascontiguousarray(pixels, np.float32)))[0].numpy()
    return np.concatenate([outputs, -outputs]) if spec.one_logit else outputs
