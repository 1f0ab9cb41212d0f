"""Maps that need gradients, by pytorch-grad-cam's formulas, one at a time per model.

pytorch-grad-cam registers hooks on the module; on a module that many visitors share, another thread's pass then ends up
in the wrong map. So the network is split at the layer (`network_stages`) and the gradient is computed at the split,
which leaves no `.grad` anywhere. The library only contributes its formula: without target layers it registers no hooks.
FullGrad needs hooks on every layer and gets a private copy of the module. The model's lock prevents two simultaneous
backward passes from filling the memory.

Grad-CAM++ at the end of a stage is the library's: its 1e-6 in the denominator outweighs small gradients there. Only the
closed form at the last layer avoids it.
"""

import copy

import numpy as np
import pytorch_grad_cam
import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.functional import interpolate

from effviz.explain import network_stages
from effviz.explain.activation_maps import FINER_ALPHA, eigencam, rivals
from effviz.explain.data_types import Floats, Forward, Method, TargetLayer

# FullGrad on timm's EfficientNets, whose biases pytorch-grad-cam alone does not find.
# pytorch-grad-cam looks for layers whose type is exactly `BatchNorm2d` or `Conv2d` with a bias. timm fuses batch norm
# and activation into one `BatchNormAct2d`, so on a Lite model the library finds no biases and returns gradient times
# input.


def fullgrad(module: nn.Module, pixels: Floats, index: int) -> Floats:
    """FullGrad (Srinivas and Fleuret 2019, https://arxiv.org/abs/1905.00780, Eq. 8): (1, 3, S, S) -> (S, S).

    The sum over the input and all biases of |bias * gradient|, each channel normalised to 0..1 and upsampled. Channels
    are summed before upsampling, which gives the same result in less memory.
    """
    library = pytorch_grad_cam.FullGrad(private_copy(module), [])
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
    """Copy a module's structure, sharing its weights without gradients and separating batch norms from activations."""
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
    """Normalise |part| (C, H, W) to 0..1 in each channel, as the library does, and sum the channels: (H, W)."""
    size = part.abs()
    size = size - size.amin(dim=(1, 2), keepdim=True)
    return (size / (1e-7 + size.amax(dim=(1, 2), keepdim=True))).sum(dim=0)


FORMULAS = {
    Method.GRADCAM: pytorch_grad_cam.GradCAM,
    Method.FINERCAM: pytorch_grad_cam.GradCAM,
    Method.HIRESCAM: pytorch_grad_cam.HiResCAM,
    Method.XGRADCAM: pytorch_grad_cam.XGradCAM,
    Method.GRADCAM_PLUS_PLUS: pytorch_grad_cam.GradCAMPlusPlus,
    Method.LAYERCAM: pytorch_grad_cam.LayerCAM,
    Method.ELEMENTWISE_GRADCAM: pytorch_grad_cam.GradCAMElementWise,
    Method.SHAPLEYCAM: pytorch_grad_cam.ShapleyCAM,
}


def gradient_map(forward: Forward, index: int, method: Method, layer: TargetLayer) -> Floats:
    """Return the map (H, W) of class `index` on the layer's own grid, neither clipped nor normalised to 0..1.

    FullGrad's map has the size of the input, (S, S).
    """
    # In a caller's inference mode or no_grad, there would silently be no gradients.
    with forward.model.weights.lock, torch.inference_mode(False), torch.enable_grad():
        if method is Method.FULLGRAD:
            return fullgrad(forward.model.module, forward.prepared.pixels, index)
        activations, gradients = _at_layer(forward, index, method, layer)
        if method is Method.EIGENGRADCAM:
            return eigencam(_array(gradients * activations))
        if method is Method.SEGEIGENCAM:  # Chung and Ying 2025, https://doi.org/10.3390/app15137562, Eq. 13
            component = eigencam(_array(gradients.abs() * activations))
            return component if component.max() >= -component.min() else -component  # make the larger extreme positive
        return _formula(forward.model.module, method, activations, gradients)


def _at_layer(forward: Forward, index: int, method: Method, layer: TargetLayer) -> tuple[Tensor, Tensor]:
    """Return the activations (1, C, H, W) at a layer and the gradient of the method's score there."""
    net = forward.model.module
    if layer is TargetLayer.LAST:
        activations = torch.tensor(forward.features[None])
    else:
        with torch.no_grad():
            activations = network_stages.features_at(net, torch.tensor(forward.prepared.pixels), layer)
    activations.requires_grad_()
    score = _score(forward, index, method, network_stages.logits_from(net, activations, layer)[0])
    # ShapleyCAM differentiates the gradient once more.
    (gradients,) = torch.autograd.grad(score, activations, create_graph=method is Method.SHAPLEYCAM)
    return activations, gradients


def _score(forward: Forward, index: int, method: Method, logits: Tensor) -> Tensor:
    """Return the scalar to differentiate, from logits (K,)."""
    if method is not Method.FINERCAM:
        return logits[index]
    others = logits[torch.from_numpy(rivals(forward.logits, index))]
    return logits[index] - FINER_ALPHA * (others.softmax(dim=0) @ others)


def _formula(module: torch.nn.Module, method: Method, activations: Tensor, gradients: Tensor) -> Floats:
    library = FORMULAS[method](module, [])
    pair = (activations, gradients)
    arguments = pair if method is Method.SHAPLEYCAM else [tensor.detach().numpy() for tensor in pair]
    image = library.get_cam_image(None, None, None, *arguments, eigen_smooth=False)
    return np.asarray(image[0], dtype=np.float32)


def _array(tensor: Tensor) -> Floats:
    return np.asarray(tensor.detach().numpy()[0], dtype=np.float32)
