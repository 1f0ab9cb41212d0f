"""FullGrad on timm's EfficientNets, which pytorch-grad-cam alone cannot see into.

pytorch-grad-cam looks for layers whose type is exactly `BatchNorm2d` or `Conv2d` with a bias. timm fuses batch norm and
activation into one `BatchNormAct2d`, so on a Lite model the library finds no bias at all and returns gradient times
input.
"""

import copy

import torch
from pytorch_grad_cam import FullGrad
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.functional import interpolate

from effviz.explain.results import Floats


def fullgrad(module: nn.Module, pixels: Floats, index: int) -> Floats:
    """FullGrad (Srinivas and Fleuret 2019, https://arxiv.org/abs/1905.00780, Eq. 8): (1, 3, S, S) -> (S, S).

    The sum over the input and all biases of |bias * gradient|, each channel stretched to 0..1 and enlarged. Channels
    are added before they are enlarged, which gives the same sum and needs little memory.
    """
    library = FullGrad(private_copy(module), [])
    x = torch.tensor(pixels, requires_grad=True)
    library.activations_and_grads(x)[0, index].backward()
    assert x.grad is not None
    biases = (torch.from_numpy(bias)[:, None, None] for bias in library.bias_data)
    parts = [b * g[0] for b, g in zip(biases, library.activations_and_grads.gradients, strict=True)]
    total = _stretched(x.grad[0] * x.detach()[0])
    for part in parts:
        total = total + interpolate(_stretched(part)[None, None], size=total.shape, mode="bilinear")[0, 0]
    return total.numpy()


def private_copy(module: nn.Module) -> nn.Module:
    """Copy the module's structure, share its weights without their gradients, and part batch norms from activations."""
    shared: dict[int, Tensor] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in module.parameters()}
    shared |= {id(buffer): buffer for buffer in module.buffers()}
    twin = copy.deepcopy(module, shared)
    for name, layer in list(twin.named_modules()):
        if isinstance(layer, BatchNormAct2d):
            twin.set_submodule(name, nn.Sequential(_plain(layer), layer.act))
    return twin.eval()


def _plain(layer: BatchNormAct2d) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(layer.num_features, eps=layer.eps)
    norm.weight, norm.bias = layer.weight, layer.bias
    norm.running_mean, norm.running_var = layer.running_mean, layer.running_var
    return norm


def _stretched(part: Tensor) -> Tensor:
    """Stretch |part| (C, H, W) to 0..1 in each channel, as the library does, and add the channels: (H, W)."""
    size = part.abs()
    size = size - size.amin(dim=(1, 2), keepdim=True)
    return (size / (1e-7 + size.amax(dim=(1, 2), keepdim=True))).sum(dim=0)
