"""Methods that judge one channel at a time by running the network again: slow, but they need no gradients.

pytorch-grad-cam has both. Its Score-CAM holds every masked copy of the photo at once (11 GB for B7), and its
Ablation-CAM swaps a layer of the shared module and puts -1e7 where a channel can be negative. These do the same sums in
small batches on the module as it is.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from effviz.explain import stages
from effviz.explain.forward import stage_features
from effviz.explain.results import Floats, Forward, Layer, Method

METHODS = frozenset({Method.SCORECAM, Method.ABLATIONCAM})
BATCH = 16


def raw_map(forward: Forward, index: int, method: Method, layer: Layer) -> Floats:
    """Return the map (H, W) of class `index` at the layer's own grid."""
    features = stage_features(forward, layer)
    with torch.inference_mode():
        activations = torch.tensor(features)  # (C, H, W)
        if method is Method.SCORECAM:
            weights = scorecam_weights(forward, activations, index)
        else:
            weights = ablationcam_weights(stages.network(forward.model), activations, index, layer)
    return np.tensordot(weights.double().numpy(), features, axes=1).astype(np.float32)


def scorecam_weights(forward: Forward, activations: Tensor, index: int) -> Tensor:
    """Score-CAM (Wang et al. 2020, https://arxiv.org/abs/1910.01279): softmax over the masked photos' logits, (C,)."""
    pixels = torch.tensor(forward.prepared.pixels)  # (1, 3, S, S)
    scores = [forward.model.module(pixels * mask)[:, index] for mask in _masks(activations, pixels.shape[-1])]
    return torch.cat(scores).softmax(dim=0)


def _masks(activations: Tensor, size: int) -> Iterator[Tensor]:
    """Enlarge the channels to the input's size and stretch each to 0..1, some at a time: (BATCH, 1, S, S)."""
    for some in torch.split(activations[:, None], BATCH):
        large = interpolate(some, size=(size, size), mode="bilinear", align_corners=True)
        low, high = large.amin(dim=(2, 3), keepdim=True), large.amax(dim=(2, 3), keepdim=True)
        yield (large - low) / (high - low + 1e-8)


def ablationcam_weights(net: stages.Network, activations: Tensor, index: int, layer: Layer) -> Tensor:
    """Ablation-CAM (Desai and Ramaswamy 2020, Eq. 3): (y - y_k)/y with channel k set to zero, (C,)."""
    whole = stages.logits_from(net, activations[None], layer)[0, index]
    scores = []
    for channels in torch.split(torch.arange(len(activations)), BATCH):
        ablated = activations.repeat(len(channels), 1, 1, 1)
        ablated[torch.arange(len(channels)), channels] = 0
        scores.append(stages.logits_from(net, ablated, layer)[:, index])
    return (whole - torch.cat(scores)) / whole
