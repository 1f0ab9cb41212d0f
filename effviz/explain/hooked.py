"""Maps that need gradients, with pytorch-grad-cam's formulas, one at a time per model.

pytorch-grad-cam hooks the module it explains; on a module that many visitors share, another thread's pass then lands in
the wrong map. So the network is cut in two at the layer (`stages`), the gradient is taken at the cut, which leaves no
`.grad` anywhere, and the library is asked for its formula only: built with no target layers it hooks nothing. FullGrad
needs hooks on every layer and gets a private copy of the module. The model's lock keeps two backward passes from
filling the memory at once.

Grad-CAM++ at a stage end is the library's, whose 1e-6 in the denominator outweighs small gradients there; only the last
layer's closed form is free of it.
"""

from collections.abc import Callable

import numpy as np
import torch
from pytorch_grad_cam import (
    GradCAM,
    GradCAMElementWise,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    ShapleyCAM,
    XGradCAM,
)
from torch import Tensor

from effviz.explain import closed, stages
from effviz.explain.fullgrad import fullgrad
from effviz.explain.results import Floats, Forward, Layer, Method

FORMULAS = {
    Method.GRADCAM: GradCAM,
    Method.FINERCAM: GradCAM,
    Method.HIRESCAM: HiResCAM,
    Method.XGRADCAM: XGradCAM,
    Method.GRADCAM_PLUS_PLUS: GradCAMPlusPlus,
    Method.LAYERCAM: LayerCAM,
    Method.ELEMENTWISE_GRADCAM: GradCAMElementWise,
    Method.SHAPLEYCAM: ShapleyCAM,
}
METHODS = frozenset({*FORMULAS, Method.EIGENGRADCAM, Method.SEGEIGENCAM, Method.FULLGRAD})

Score = Callable[[Tensor], Tensor]  # logits (K,) -> the number whose gradient is taken


def raw_map(forward: Forward, index: int, method: Method, layer: Layer) -> Floats:
    """Return the map (H, W) of class `index` at the layer's own grid, neither cut nor stretched to 0..1.

    FullGrad's map has the size of the input, (S, S).
    """
    # A caller's inference mode or no_grad would silently leave no gradients.
    with forward.model.lock, torch.inference_mode(False), torch.enable_grad():
        if method is Method.FULLGRAD:
            return fullgrad(forward.model.module, forward.prepared.pixels, index)
        activations, gradients = _at_layer(forward, index, method, layer)
        if method is Method.EIGENGRADCAM:
            return closed.eigencam(_array(gradients * activations))
        if method is Method.SEGEIGENCAM:
            return _segeigencam(_array(gradients.abs() * activations))
        return _formula(forward.model.module, method, activations, gradients)


def _at_layer(forward: Forward, index: int, method: Method, layer: Layer) -> tuple[Tensor, Tensor]:
    """Return the activations (1, C, H, W) at a layer and the gradient of the method's score there."""
    net = stages.network(forward.model)
    if layer is Layer.LAST:
        activations = torch.tensor(forward.features[None])
    else:
        with torch.no_grad():
            activations = stages.features_at(net, torch.tensor(forward.prepared.pixels), layer)
    activations.requires_grad_()
    score = _score(forward, index, method)(stages.logits_from(net, activations, layer)[0])
    # ShapleyCAM differentiates the gradient once more.
    (gradients,) = torch.autograd.grad(score, activations, create_graph=method is Method.SHAPLEYCAM)
    return activations, gradients


def _score(forward: Forward, index: int, method: Method) -> Score:
    if method is not Method.FINERCAM:
        return lambda logits: logits[index]
    others = torch.from_numpy(closed.rivals(forward.logits, index))

    def finer(logits: Tensor) -> Tensor:
        shares = logits[others].softmax(dim=0)
        return logits[index] - closed.FINER_ALPHA * (shares @ logits[others])

    return finer


def _formula(module: torch.nn.Module, method: Method, activations: Tensor, gradients: Tensor) -> Floats:
    library = FORMULAS[method](module, [])
    pair = (activations, gradients)
    given = pair if method is Method.SHAPLEYCAM else [tensor.detach().numpy() for tensor in pair]
    image = library.get_cam_image(None, None, None, *given, eigen_smooth=False)
    return np.asarray(image[0], dtype=np.float32)


def _segeigencam(weighted: Floats) -> Floats:
    """Seg-Eigen-CAM (Chung and Ying 2025, https://doi.org/10.3390/app15137562, Eq. 13): its sign by the larger end."""
    component = closed.eigencam(weighted)
    return component if component.max() >= -component.min() else -component


def _array(tensor: Tensor) -> Floats:
    return np.asarray(tensor.detach().numpy()[0], dtype=np.float32)
