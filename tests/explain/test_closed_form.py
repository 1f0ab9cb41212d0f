import copy

import numpy as np
import pytest
import torch
from pytorch_grad_cam import (
    EigenCAM,
    FinerCAM,
    GradCAM,
    GradCAMElementWise,
    HiResCAM,
    LayerCAM,
    XGradCAM,
)
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from effviz.explain import activation_maps
from effviz.explain.activation_maps import activation_map, class_maps
from effviz.explain.data_types import Method
from effviz.explain.targets import top_guesses

LIBRARY = {
    Method.GRADCAM: GradCAM,
    Method.HIRESCAM: HiResCAM,
    Method.XGRADCAM: XGradCAM,
    Method.LAYERCAM: LayerCAM,
    Method.ELEMENTWISE_GRADCAM: GradCAMElementWise,
}


def raw(library: type) -> type:
    """Return a subclass of the library's class that neither clips negative values nor normalises."""

    def compute_cam_per_layer(self, pixels, targets, eigen_smooth):
        kept = self.activations_and_grads
        pairs = [None if not tensors else tensors[0].numpy() for tensors in (kept.activations, kept.gradients)]
        return self.get_cam_image(pixels, self.target_layers[0], targets, *pairs, eigen_smooth)

    stopped = {"compute_cam_per_layer": compute_cam_per_layer, "aggregate_multi_layers": lambda self, maps: maps}
    return type("Raw", (library,), stopped)


def library_map(library: type, forward, index: int) -> np.ndarray:
    module = copy.deepcopy(forward.model.module)
    with library(module, [module.bn2]) as cam:
        return cam(torch.tensor(forward.prepared.pixels, requires_grad=True), [ClassifierOutputTarget(index)])[0]


def far(ours: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference as a fraction of the expected map's range."""
    assert ours.shape == expected.shape
    return float(np.abs(ours - expected).max() / np.ptp(expected))


def classes(forward) -> list[int]:
    """Return the top prediction, and a class that the model does not see."""
    return [top_guesses(forward)[0].index, 500]


def double_gradients(forward, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the features and the logit's gradient with respect to them by autograd, in float64."""
    features = torch.tensor(forward.features, dtype=torch.float64, requires_grad=True)
    classifier = copy.deepcopy(forward.model.module.classifier).double()
    classifier(features.mean(dim=(1, 2)))[index].backward()
    return features.detach().numpy(), features.grad.numpy()


@pytest.mark.parametrize("method", LIBRARY)
def test_gradient_methods_equal_pytorch_grad_cam_in_its_own_units(network, method):
    for index in classes(network):
        expected = library_map(raw(LIBRARY[method]), network, index)
        assert far(activation_map(network, index, method).values, expected) < 1e-4


def test_after_the_librarys_own_ending_cam_is_its_gradcam(lite):
    index = top_guesses(lite)[0].index
    size = lite.model.ref.resolution_px
    ours = activation_map(lite, index, Method.CAM).values
    ended = scale_cam_image(scale_cam_image(np.maximum(ours, 0)[None], (size, size)))[0]
    assert far(ended, library_map(GradCAM, lite, index)) < 1e-4


def test_finercam_equals_pytorch_grad_cam(network):
    """For the top prediction only: the library adds 1e-9 to the rivals' probabilities, a lot for an unlikely class."""
    module, index = copy.deepcopy(network.model.module), top_guesses(network)[0].index
    with FinerCAM(module, [module.bn2], base_method=raw(GradCAM)) as cam:
        expected = cam(torch.tensor(network.prepared.pixels, requires_grad=True), target_idx=index)[0]
    assert far(activation_map(network, index, Method.FINERCAM).values, expected) < 1e-4


def test_finercam_equals_its_definition_in_float64(network):
    for index in classes(network):
        features = torch.tensor(network.features, dtype=torch.float64, requires_grad=True)
        logits = copy.deepcopy(network.model.module.classifier).double()(features.mean(dim=(1, 2)))
        rivals = (logits - logits[index]).abs().argsort()[1:4]
        (logits[index] - (logits[rivals].softmax(dim=0) * logits[rivals]).sum()).backward()
        expected = (features.grad.mean(dim=(1, 2), keepdim=True) * features).sum(dim=0)
        assert far(activation_map(network, index, Method.FINERCAM).values, expected.detach().numpy()) < 1e-4


def test_eigencam_equals_pytorch_grad_cam_with_bright_for_active(network):
    expected = library_map(raw(EigenCAM), network, 0)
    ours = activation_map(network, 0, Method.EIGENCAM).values
    assert min(far(ours, expected), far(ours, -expected)) < 1e-4
    assert np.corrcoef(ours.ravel(), network.features.sum(axis=0).ravel())[0, 1] > 0


def test_eigencam_is_bright_where_the_channels_are_whatever_the_sign_of_the_decomposition():
    shape = np.zeros((3, 3), np.float32)
    shape[0, 2] = 9
    features = np.stack([shape, 2 * shape, shape + 1])
    component = activation_maps.eigencam(features)
    # the only pattern has strength sqrt(1 + 4 + 1), and its mean of 1 per cell is subtracted
    assert np.allclose(component, np.sqrt(6) * (shape - 1), atol=1e-5)
    assert np.allclose(activation_maps.aligned(-component.astype(float), features), component)


def test_gradcam_plus_plus_equals_the_papers_equation_19_in_float64(network):
    for index in classes(network):
        features, gradients = double_gradients(network, index)
        sums = features.sum(axis=(1, 2), keepdims=True)
        alpha = gradients**2 / (2 * gradients**2 + sums * gradients**3)
        weights = (np.maximum(gradients, 0) * alpha).sum(axis=(1, 2), keepdims=True)
        expected = (weights * features).sum(axis=0)
        assert far(activation_map(network, index, Method.GRADCAM_PLUS_PLUS).values, expected) < 1e-4


def test_ablationcam_equals_setting_each_channel_to_zero_in_float64(network):
    classifier = copy.deepcopy(network.model.module.classifier).double()
    features = torch.tensor(network.features, dtype=torch.float64)
    pooled = features.mean(dim=(1, 2))
    without = pooled.repeat(len(pooled), 1).fill_diagonal_(0)  # row k: channel k at zero
    with torch.no_grad():
        whole, ablated = classifier(pooled), classifier(without)
    for index in classes(network):
        weights = (whole[index] - ablated[:, index]) / whole[index]
        expected = torch.einsum("k,khw->hw", weights, features).numpy()
        assert far(activation_map(network, index, Method.ABLATIONCAM).values, expected) < 1e-4


def test_mean_of_cam_plus_bias_is_the_logit(network):
    for index in (0, 207, 999, *classes(network)):
        entry = activation_map(network, index)
        assert entry.values.mean(dtype=np.float64) + entry.bias == pytest.approx(network.logits[index], abs=2e-5)


def test_all_class_maps_at_once_equal_single_ones(lite):
    every = class_maps(lite)
    assert every.shape == (1000, *lite.features.shape[1:])
    for index in classes(lite):
        assert far(every[index], activation_map(lite, index).values) < 1e-5


def test_elementwise_and_layercam_part_only_where_features_are_negative(small_lite, silu):
    for forward, same in ((small_lite, True), (silu, False)):
        layer, elementwise = (
            activation_map(forward, 3, method).values for method in (Method.LAYERCAM, Method.ELEMENTWISE_GRADCAM)
        )
        assert (far(layer, elementwise) < 1e-5) is same
    assert small_lite.features.min() >= 0
    assert silu.features.min() == pytest.approx(-0.278, abs=1e-3)


class TestByHand:
    """Two channels on a grid of two cells, so that every map is a sum on one line."""

    features = np.array([[[1, 3]], [[2, -2]]], np.float32)  # means 2 and 0
    row = np.array([0.5, -1], np.float32)

    def test_cam(self):
        # 0.5*1 - 2, 0.5*3 + 2
        assert activation_maps.cam(self.features, self.row).tolist() == [[-1.5, 3.5]]

    def test_gradcam(self):
        assert activation_maps.gradcam(self.features, self.row).tolist() == [[-0.75, 1.75]]

    def test_layercam(self):
        # only the first channel has a positive weight: 0.5/2 * (1, 3)
        assert activation_maps.layercam(self.features, self.row).tolist() == [[0.25, 0.75]]

    def test_elementwise_gradcam(self):
        # products (0.5, 1.5) and (-2, 2), negative ones clipped, halved
        assert activation_maps.elementwise_gradcam(self.features, self.row).tolist() == [[0.25, 1.75]]

    def test_gradcam_plus_plus(self):
        # 0.5 / (2 + 0.5*2) = 1/6
        assert activation_maps.gradcam_plus_plus(self.features, self.row) == pytest.approx(np.array([[1 / 6, 0.5]]))

    def test_ablationcam(self):
        # the logit falls by 0.5*2 and by -1*0; as shares of a logit of 4: 0.25 and 0
        assert activation_maps.ablationcam(self.features, self.row, 4.0).tolist() == [[0.25, 0.75]]

    def test_rivals_are_the_closest_logits(self):
        logits = np.array([5, 1, 4.5, 9, 5.1], np.float32)
        assert activation_maps.rivals(logits, 0).tolist() == [4, 2, 1]
        assert activation_maps.rivals(logits[:2], 0).tolist() == [1]

    def test_finercam_of_two_classes_is_the_difference_of_their_gradcams(self):
        rows = np.array([[0.5, -1], [0.25, 1]], np.float32)
        expected = activation_maps.gradcam(self.features, rows[0] - rows[1])
        ours = activation_maps.finercam(self.features, rows, np.array([1, 0], np.float32), 0)
        assert ours == pytest.approx(expected)
