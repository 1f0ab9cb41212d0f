"""Networks as torch modules, for gradients and hooks, and untrained networks of any depth and width."""

from typing import Any

import numpy as np
import torch
from timm.models import efficientnet as timm_efficientnet

from effviz.scaling import Family, Padding
from effviz.zoo import loading, timm_networks
from effviz.zoo.model import Arithmetic, Channels, Model, ModelRef, ModelSpec, Weights, arithmetic
from effviz.zoo.state_dicts import UNTRAINED_SEED, Array, Tensors

# Build B0 and Lite0 at any depth and width with timm.


def build_untrained(
    family: Family, depth: float, width: float, classes: int = 1000, computing: Arithmetic | None = None
) -> torch.nn.Module:
    """Build an untrained network, by default as in the official code; equal arguments give equal random weights.

    timm's public functions fix depth and width, so this calls the function behind them.
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
    """Build a network's module with copies of its tensors, in evaluation mode and without parameter gradients."""
    with torch.inference_mode(False):  # tensors created in inference mode cannot be used in a backward pass
        with torch.device("meta"):  # avoids drawing random weights
            module = build_for(spec)
        module.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()}, assign=True)
        return module.eval().requires_grad_(False)


def build_for(spec: ModelSpec, classes: int | None = None) -> torch.nn.Module:
    """Build a model's network, untrained; `classes` overrides the number of logits, which may differ in the file."""
    if spec.family is None or spec.depth is None or spec.width is None:
        with torch.device("cpu"):  # some have constants that are not in the weights file
            return timm_networks.build(spec.architecture)
    return build_untrained(spec.family, spec.depth, spec.width, classes or len(spec.classes), spec.arithmetic)


def wrap_module(ref: ModelRef, module: torch.nn.Module, sha256: str = "") -> Model:
    """Return a model of an existing module; its tensors are views of the module's weights and change with them."""
    tensors = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
    return Model(ref, Weights(ref.spec, tensors, sha256, modules=[module]))


def run_as_saved(spec: ModelSpec, pixels: Array) -> Array:
    """Return the logits (K,) of an input (1, 3, S, S) by timm's network with the tensors as stored in the file.

    Bypasses the conversions of `loading`, as an independent check: channels other than RGB and a single logit are
    handled outside the network, on its input and output.
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
