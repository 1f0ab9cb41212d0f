import copy

import numpy as np
import torch
from pytorch_grad_cam import FullGrad
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from timm.layers import BatchNormAct2d
from torch import nn

from effviz.explain.gradient_based import fullgrad, private_copy


def split(module: nn.Module) -> nn.Module:
    """A network in which the library finds its batch norms, built from scratch here."""
    for name, child in module.named_children():
        if isinstance(child, BatchNormAct2d):
            norm = nn.BatchNorm2d(child.num_features, eps=child.eps)
            norm.load_state_dict(child.state_dict())
            setattr(module, name, nn.Sequential(norm, copy.deepcopy(child.act)))
        else:
            split(child)
    return module


def test_equals_pytorch_grad_cam_on_a_network_it_can_read(silu):
    module = split(copy.deepcopy(silu.model.module)).eval()
    with FullGrad(module, []) as library:
        expected = library(torch.tensor(silu.prepared.pixels), [ClassifierOutputTarget(88)])[0]
    ours = fullgrad(silu.model.module, silu.prepared.pixels, 88)
    assert np.abs(scale_cam_image(ours[None])[0] - expected).max() < 1e-4


def test_biases_and_input_add_up_to_the_logit_with_plain_relu(small_lite):
    """Completeness (Srinivas and Fleuret 2019, Prop. 1): with ReLU nothing of the logit is missing."""
    module = copy.deepcopy(small_lite.model.module)
    for part in module.modules():
        if isinstance(part, BatchNormAct2d) and not isinstance(part.act, nn.Identity):
            part.act = nn.ReLU()
    twin = private_copy(module.double())
    pixels = torch.tensor(small_lite.prepared.pixels, dtype=torch.float64, requires_grad=True)
    library = FullGrad(twin, [])
    logit = library.activations_and_grads(pixels)[0, 88]
    logit.backward()
    total = (pixels.grad * pixels.detach()).sum() + module.classifier.bias[88]
    for bias, gradient in zip(library.bias_data, library.activations_and_grads.gradients, strict=True):
        total += (torch.tensor(bias) * gradient[0].sum(dim=(1, 2))).sum()
    assert (
        len(library.bias_data) == 49
    )  # batch norms of Lite0: one a convolution, 16 blocks of 3 but the first of 2, +2
    assert torch.allclose(total, logit.detach())


def test_the_private_copy_shares_weights_but_not_gradients_or_modes(small_lite):
    module = small_lite.model.module
    twin = private_copy(module)
    assert twin.classifier.weight.data_ptr() == module.classifier.weight.data_ptr()
    assert twin.classifier.weight is not module.classifier.weight
    twin.train()
    assert not module.training
