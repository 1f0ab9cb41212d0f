import copy

import numpy as np
import pytest
import torch
from pytorch_grad_cam import (
    EigenGradCAM,
    FinerCAM,
    FullGrad,
    GradCAM,
    GradCAMElementWise,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    SegEigenCAM,
    ShapleyCAM,
    XGradCAM,
)
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from timm.layers import BatchNormAct2d
from torch import nn

from effviz.explain import gradient_based
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.gradient_based import fullgrad, private_copy
from effviz.explain.targets import top_guesses


def split(module: nn.Module) -> nn.Module:
    """Build a network from scratch in which the library finds its batch norms."""
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
    """Completeness (Srinivas and Fleuret 2019, Prop. 1): with ReLU, the map accounts for the whole logit."""
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
    assert len(library.bias_data) == 49  # batch norms of Lite0: one per convolution; 16 blocks of 3, the first of 2; +2
    assert torch.allclose(total, logit.detach())


def test_the_private_copy_shares_weights_but_not_gradients_or_modes(small_lite):
    module = small_lite.model.module
    twin = private_copy(module)
    assert twin.classifier.weight.data_ptr() == module.classifier.weight.data_ptr()
    assert twin.classifier.weight is not module.classifier.weight
    twin.train()
    assert not module.training


# Maps with gradients match pytorch-grad-cam in its intended use: hooks on the stage's last module.

LIBRARY = {
    Method.GRADCAM: GradCAM,
    Method.HIRESCAM: HiResCAM,
    Method.XGRADCAM: XGradCAM,
    Method.GRADCAM_PLUS_PLUS: GradCAMPlusPlus,
    Method.LAYERCAM: LayerCAM,
    Method.ELEMENTWISE_GRADCAM: GradCAMElementWise,
    Method.EIGENGRADCAM: EigenGradCAM,
    Method.SEGEIGENCAM: SegEigenCAM,
}
STAGES = {TargetLayer.STRIDE_32: 6, TargetLayer.STRIDE_16: 4}  # index in timm's `blocks`


def raw(library: type) -> type:
    """Return a subclass of the library's class that neither clips negative values nor normalises."""

    def compute_cam_per_layer(self, pixels, targets, eigen_smooth):
        kept = self.activations_and_grads
        pair = kept.activations[0], kept.gradients[0]
        pair = pair if library is ShapleyCAM else [tensor.numpy() for tensor in pair]
        return self.get_cam_image(pixels, self.target_layers[0], targets, *pair, eigen_smooth)

    stopped = {"compute_cam_per_layer": compute_cam_per_layer, "aggregate_multi_layers": lambda self, maps: maps}
    return type("Raw", (library,), stopped)


def library_map(library: type, passed, index: int, layer: TargetLayer) -> np.ndarray:
    module = copy.deepcopy(passed.model.module)
    with raw(library)(module, [module.blocks[STAGES[layer]][-1]]) as cam:
        return cam(torch.tensor(passed.prepared.pixels, requires_grad=True), [ClassifierOutputTarget(index)])[0]


def far(ours: np.ndarray, expected: np.ndarray) -> float:
    assert ours.shape == expected.shape
    return float(np.abs(ours - expected).max() / np.ptp(expected))


@pytest.fixture(params=["small_lite", "silu"])
def small(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("layer", STAGES)
@pytest.mark.parametrize("method", LIBRARY)
def test_stage_ends_equal_pytorch_grad_cam(small, method, layer):
    expected = library_map(LIBRARY[method], small, 88, layer)
    ours = activation_map(small, 88, method, layer).values
    if method is Method.EIGENGRADCAM:  # the sign is arbitrary in the library
        ours = ours * np.sign(np.vdot(ours, expected))
    assert far(ours, expected) < 1e-4


def test_shapleycam_equals_pytorch_grad_cam_and_differs_from_gradcam_with_silu(silu):
    ours = activation_map(silu, 88, Method.SHAPLEYCAM, TargetLayer.STRIDE_16).values
    assert far(ours, library_map(ShapleyCAM, silu, 88, TargetLayer.STRIDE_16)) < 1e-4
    assert far(ours, activation_map(silu, 88, Method.GRADCAM, TargetLayer.STRIDE_16).values) > 1e-2


def test_finercam_equals_pytorch_grad_cam(small):
    module, index = copy.deepcopy(small.model.module), top_guesses(small)[0].index
    with FinerCAM(module, [module.blocks[4][-1]], base_method=raw(GradCAM)) as cam:
        expected = cam(torch.tensor(small.prepared.pixels, requires_grad=True), target_idx=index)[0]
    assert far(activation_map(small, index, Method.FINERCAM, TargetLayer.STRIDE_16).values, expected) < 1e-4


@pytest.mark.parametrize("method", sorted({*gradient_based.FORMULAS} - {Method.GRADCAM_PLUS_PLUS, Method.SHAPLEYCAM}))
def test_at_the_last_layer_gradients_give_the_closed_form(small, method):
    closed_form = activation_map(small, 88, method).values
    assert far(gradient_based.gradient_map(small, 88, method, TargetLayer.LAST), closed_form) < 1e-4


@pytest.mark.parametrize(
    "method", sorted([*gradient_based.FORMULAS, Method.EIGENGRADCAM, Method.SEGEIGENCAM, Method.FULLGRAD])
)
@pytest.mark.parametrize("trainable", [False, True])
def test_nothing_is_left_behind(small_lite, method, trainable):
    module = small_lite.model.module.requires_grad_(trainable)
    activation_map(small_lite, 88, method, TargetLayer.LAST if method is Method.FULLGRAD else TargetLayer.STRIDE_16)
    assert_untouched(module, trainable)
    module.requires_grad_(False)


@pytest.mark.parametrize(
    ("method", "broken"),
    [(Method.GRADCAM, "pytorch_grad_cam.GradCAM.get_cam_image"), (Method.FULLGRAD, "torch.Tensor.backward")],
)
def test_errors_are_not_swallowed_and_leave_nothing_behind(small_lite, method, broken, monkeypatch):
    """pytorch-grad-cam's own `with` block would print an IndexError and carry on without a map."""

    def fail(*_, **__):
        raise IndexError("broken on purpose")

    monkeypatch.setattr(broken, fail)
    with pytest.raises(IndexError, match="on purpose"):
        gradient_based.gradient_map(small_lite, 88, method, TargetLayer.LAST)
    assert_untouched(small_lite.model.module, trainable=False)
    assert small_lite.model.weights.lock.acquire(blocking=False)
    small_lite.model.weights.lock.release()


def test_gradients_are_there_even_under_a_callers_inference_mode(small_lite):
    expected = activation_map(small_lite, 88, Method.GRADCAM, TargetLayer.STRIDE_16).values
    with torch.inference_mode():
        assert np.array_equal(activation_map(small_lite, 88, Method.GRADCAM, TargetLayer.STRIDE_16).values, expected)


def test_nothing_is_printed(small_lite, capfd):
    for method in (Method.GRADCAM, Method.FULLGRAD, Method.EIGENGRADCAM):
        activation_map(small_lite, 88, method, TargetLayer.LAST)
    activation_map(small_lite, 88, Method.ABLATIONCAM, TargetLayer.STRIDE_2)
    assert capfd.readouterr() == ("", "")


def assert_untouched(module, trainable):
    for part in module.modules():
        assert not part.training
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
        assert not part._backward_hooks
    for weight in module.parameters():
        assert weight.grad is None
        assert weight.requires_grad is trainable
