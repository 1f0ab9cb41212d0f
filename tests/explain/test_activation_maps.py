"""Cell values, compared with the real network on modified features."""

import copy
import dataclasses
import functools

import numpy as np
import pytest
import torch
from pytorch_grad_cam import FEM, KPCA_CAM, EigenCAM, ScoreCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from effviz.errors import TargetError
from effviz.explain import activation_maps
from effviz.explain.activation_maps import activation_map, group_identical, map_difference, supported
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.targets import Target, TargetKind, probabilities, top_guesses

CELLS = [(0, 0), (1, 3), (3, 2)]


def head(passed, features) -> np.ndarray:
    """Apply the network's own pooling and classifier, (K,)."""
    with torch.no_grad():
        return passed.model.module.forward_head(torch.tensor(features[None]))[0].numpy()


def test_sum_and_bias_are_the_logit(network):
    for index in (top_guesses(network)[0].index, 0, 999):
        bias = float(network.model.module.classifier.bias[index])
        total = activation_maps.cell_evidence(network, index).sum(dtype=np.float64) + bias
        assert total == pytest.approx(float(network.logits[index]), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_evidence_is_what_the_logit_loses_without_the_cell(network, cell):
    index = top_guesses(network)[0].index
    emptied = network.features.copy()
    emptied[:, *cell] = 0
    lost = head(network, network.features)[index] - head(network, emptied)[index]
    ours = activation_maps.cell_evidence(network, index)
    assert ours.shape == network.features.shape[1:]
    assert ours[cell] == pytest.approx(lost, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("cell", CELLS)
def test_top_classes_are_what_the_head_says_of_a_photo_full_of_that_cell(network, cell):
    full = np.broadcast_to(network.features[:, *cell][:, None, None], network.features.shape)
    expected = head(network, full.copy())
    best = np.argsort(-expected)[:5]
    indices, logits = activation_maps.cell_top_classes(network)
    assert indices.shape == logits.shape == (*network.features.shape[1:], 5)
    assert indices[cell].tolist() == best.tolist()
    assert logits[cell] == pytest.approx(expected[best], rel=1e-4, abs=1e-4)


def test_all_classes_of_all_cells_average_to_the_logits(small_lite):
    indices, logits = activation_maps.cell_top_classes(small_lite, count=2000)
    assert indices.shape[-1] == 1000  # no model has more
    assert (np.diff(logits, axis=-1) <= 0).all()
    by_class = np.take_along_axis(logits, np.argsort(indices, axis=-1), axis=-1)
    assert by_class.mean(axis=(0, 1)) == pytest.approx(small_lite.logits, abs=1e-4)


def test_results_cannot_be_changed_by_accident(small_lite):
    indices, logits = activation_maps.cell_top_classes(small_lite)
    for array in (activation_maps.cell_evidence(small_lite, 0), indices, logits):
        assert not array.flags.writeable
    assert logits.dtype == np.float32


def test_unknown_class(small_lite):
    with pytest.raises(TargetError, match=r"Class 1000 does not exist.* 0 to 999\. Pick one"):
        activation_maps.cell_evidence(small_lite, 1000)


# Identity.

CLOSED = [method for method in Method if CAM_METHODS[method].closed_form]
ONE_MAP = {Method.CAM, Method.GRADCAM, Method.HIRESCAM, Method.XGRADCAM, Method.SHAPLEYCAM}


def identical_methods(forward, target, methods) -> list[set[Method]]:
    found = group_identical([activation_map(forward, target, method, TargetLayer.LAST) for method in methods])
    return [set(group.methods) for group in found]


def test_five_names_are_one_map_and_relu6_makes_two_more_equal(small_lite):
    found = identical_methods(small_lite, 285, CLOSED)
    assert ONE_MAP in found
    assert {Method.LAYERCAM, Method.ELEMENTWISE_GRADCAM} in found


def test_with_silu_layercam_and_elementwise_gradcam_part(silu):
    found = identical_methods(silu, 285, CLOSED)
    assert ONE_MAP in found
    assert {Method.LAYERCAM} in found
    assert {Method.ELEMENTWISE_GRADCAM} in found


def test_every_quick_method_is_in_one_group(small_lite):
    found = identical_methods(small_lite, 285, CLOSED)
    assert sorted(method for group in found for method in group) == sorted(CLOSED)


def test_groups_in_numbers(make_map):
    first = make_map([[0, 2], [1, -1]], method=Method.CAM)
    scaled = make_map([[0, 1], [0.5, -0.5]], method=Method.GRADCAM)
    near = make_map([[0.0001, 2], [1, -1]], method=Method.XGRADCAM)  # 0.00005 of the largest
    shifted = make_map([[1, 3], [2, 0]], method=Method.LAYERCAM)
    turned = make_map([[0, -2], [-1, 1]], method=Method.EIGENCAM)
    found = group_identical([first, scaled, near, shifted, turned])
    assert [group.methods for group in found] == [
        (Method.CAM, Method.GRADCAM, Method.XGRADCAM),
        (Method.LAYERCAM,),
        (Method.EIGENCAM,),
    ]
    assert found[0].difference == pytest.approx(0.00005)
    assert found[1].difference == 0


def test_maps_of_different_grids_or_without_anything(make_map):
    empty, full = make_map([[0, 0]]), make_map([[1, 2]])
    assert map_difference(full, make_map([[1], [2]])) == float("inf")
    assert map_difference(empty, empty) == 0
    assert map_difference(empty, full) == 1


# Maps.


def test_a_map_carries_what_made_it(small_lite, cat):
    best = top_guesses(small_lite)[0]
    entry = activation_map(small_lite)
    assert (entry.method, entry.layer, entry.model, entry.trained) == (Method.CAM, TargetLayer.LAST, "lite0@128", True)
    assert (entry.target_index, entry.target_name) == (best.index, best.name)
    assert (entry.logit, entry.probability) == (best.logit, probabilities(small_lite)[best.index])
    assert (entry.photo, entry.photo_sha256, entry.photo_size) == ("cat.jpg", cat.sha256, (cat.width, cat.height))
    assert entry.seen == small_lite.prepared.seen
    assert entry.bias == float(small_lite.model.module.classifier.bias[best.index])


def test_only_cam_has_a_bias_and_untrained_weights_show(silu):
    entry = activation_map(silu, Target(TargetKind.RANK, 2), Method.GRADCAM)
    assert entry.target_index == top_guesses(silu)[1].index
    assert entry.bias == 0
    assert not entry.trained


@pytest.mark.parametrize(
    ("method", "layer"),
    [
        (Method.CAM, TargetLayer.LAST),
        (Method.EIGENCAM, TargetLayer.LAST),
        (Method.FEM, TargetLayer.STRIDE_8),
        (Method.GRADCAM, TargetLayer.STRIDE_8),
        (Method.ABLATIONCAM, TargetLayer.STRIDE_2),
        (Method.FULLGRAD, TargetLayer.LAST),
    ],
)
def test_values_are_float32_and_read_only(small_lite, method, layer):
    values = activation_map(small_lite, 3, method, layer).values
    assert values.dtype == np.float32
    assert not values.flags.writeable


@pytest.mark.parametrize("method", [Method.CAM, Method.FULLGRAD])
def test_methods_of_the_last_layer_say_so_elsewhere(small_lite, method):
    assert supported(method, TargetLayer.LAST)
    assert not supported(method, TargetLayer.STRIDE_16)
    with pytest.raises(TargetError, match="at stride16, only at the last layer"):
        activation_map(small_lite, 3, method, TargetLayer.STRIDE_16)


def test_a_wrong_class_is_refused_before_anything_runs(small_lite):
    with pytest.raises(TargetError, match="Class 1000 does not exist"):
        activation_map(small_lite, 1000, Method.SCORECAM)


def test_a_map_that_is_not_finite_is_an_error_not_a_picture(small_lite):
    nothing = dataclasses.replace(small_lite, logits=np.zeros_like(small_lite.logits))
    with pytest.raises(TargetError, match="Ablation-CAM at last has no finite map for class 3"):
        activation_map(nothing, 3, Method.ABLATIONCAM)


# Maps without gradients.


def far(ours, expected):
    assert ours.shape == expected.shape
    return float(np.abs(ours - expected).max() / np.ptp(expected))


@pytest.fixture
def _by_centres(monkeypatch):
    """Run the library's Score-CAM with cells placed by their centres; its own upsampling aligns corners."""
    centred = functools.partial(torch.nn.Upsample, mode="bilinear", align_corners=False)
    monkeypatch.setattr(torch.nn, "UpsamplingBilinear2d", lambda size: centred(size=size))


@pytest.mark.usefixtures("_by_centres")
def test_scorecam_equals_pytorch_grad_cam(small_lite, silu):
    for passed in (small_lite, silu):
        module = copy.deepcopy(passed.model.module)
        with ScoreCAM(module, [module.blocks[0][-1]]) as library:
            expected = library(torch.tensor(passed.prepared.pixels), [ClassifierOutputTarget(88)])[0]
        ours = activation_map(passed, 88, Method.SCORECAM, TargetLayer.STRIDE_2).values
        ended = scale_cam_image(scale_cam_image(np.maximum(ours, 0)[None], (128, 128)))[0]  # the library's last step
        assert far(ended, expected) < 1e-3


def test_ablationcam_at_a_stage_end_equals_setting_channels_to_zero_with_a_hook(silu):
    module = copy.deepcopy(silu.model.module)
    pixels, kept = torch.tensor(silu.prepared.pixels), []
    block = module.blocks[0][-1]
    block.register_forward_hook(lambda _, __, output: kept.append(output))
    with torch.no_grad():
        whole = module(pixels)[0, 88].item()
        weights = [(whole - without(module, block, channel, pixels)) / whole for channel in range(16)]
    expected = np.tensordot(weights, kept[0][0].numpy(), axes=1)
    assert far(activation_map(silu, 88, Method.ABLATIONCAM, TargetLayer.STRIDE_2).values, expected) < 1e-3


def without(module, block, channel, pixels) -> float:
    def ablate(_, __, output):
        changed = output.clone()
        changed[:, channel] = 0
        return changed

    handle = block.register_forward_hook(ablate)
    logit = module(pixels)[0, 88].item()
    handle.remove()
    return logit


def test_ablationcam_by_running_equals_its_closed_form(silu):
    by_running = activation_maps.perturbation_map(silu, 88, Method.ABLATIONCAM, TargetLayer.LAST, lambda _: None)
    assert far(by_running, activation_map(silu, 88, Method.ABLATIONCAM).values) < 1e-3


@pytest.mark.parametrize("method", sorted(activation_maps.PERTURBATION_METHODS))
def test_the_map_is_its_own_class(silu, method):
    one, other = (activation_map(silu, index, method, TargetLayer.STRIDE_2).values for index in (88, 500))
    assert far(one, other) > 1e-2


def test_masks_are_the_channels_enlarged_and_stretched():
    features = np.random.default_rng(0).standard_normal((3, 5, 7)).astype(np.float32)
    features[2] = 4  # constant: nothing to normalise
    large = torch.nn.functional.interpolate(torch.tensor(features)[None], (33, 33), mode="bilinear")
    low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
    expected = ((large - low) / (high - low + 1e-8))[0].numpy()
    ours = list(activation_maps.masks(features, 33))
    assert np.abs(np.stack(ours[:2]) - expected[:2]).max() < 1e-5
    assert np.isfinite(ours[2]).all()


class Summing:
    """Replace an engine: the logits depend on the sum of the input, so that each mask matters."""

    def __init__(self):
        self.passes = 0

    def many(self, inputs):
        for pixels in inputs:
            self.passes += 1
            yield None, np.array([[0.0, float(pixels.sum())]])


def test_scorecam_passes_once_for_all_channels_that_are_zero():
    rng = np.random.default_rng(1)
    features = rng.random((6, 3, 4)).astype(np.float32)
    features[[1, 2, 4]] = 0
    pixels = rng.random((1, 3, 9, 9)).astype(np.float32) / 40
    engine, told = Summing(), []
    weights = activation_maps.scorecam_weights(engine, pixels, features, 1, told.append)
    scores = []
    for channel in torch.tensor(features):  # every channel, as in the paper
        large = torch.nn.functional.interpolate(channel[None, None], (9, 9), mode="bilinear")
        mask = (large - large.min()) / (large.max() - large.min() + 1e-8)
        scores.append((torch.tensor(pixels) * mask).sum().item())
    assert weights == pytest.approx(torch.tensor(scores, dtype=torch.float64).softmax(0).numpy(), rel=1e-4)
    assert weights[1] == weights[2] == weights[4] < weights[0]
    assert engine.passes == 4


def test_scorecam_of_features_that_are_never_zero_passes_once_for_each():
    features = np.random.default_rng(2).standard_normal((5, 3, 3)).astype(np.float32)
    engine = Summing()
    activation_maps.scorecam_weights(engine, np.ones((1, 3, 6, 6), np.float32), features, 0, lambda _: None)
    assert engine.passes == 5


@pytest.mark.parametrize("method", sorted(activation_maps.PERTURBATION_METHODS))
def test_progress_is_told_and_grows(small_lite, method):
    told = []
    activation_map(small_lite, 88, method, TargetLayer.STRIDE_16, told.append)  # 112 channels
    assert told == pytest.approx([done / 112 for done in range(1, 113)])


class Cancelled(BaseException):
    """Raised as Streamlit does to end a script."""


@pytest.mark.parametrize("method", sorted(activation_maps.PERTURBATION_METHODS))
def test_work_that_is_cancelled_leaves_the_model_as_it_was(small_lite, method):
    def cancel(_: float) -> None:
        raise Cancelled

    before = activation_map(small_lite, 88, method, TargetLayer.STRIDE_4).values
    with pytest.raises(Cancelled):
        activation_map(small_lite, 88, method, TargetLayer.STRIDE_4, cancel)
    assert np.array_equal(activation_map(small_lite, 88, method, TargetLayer.STRIDE_4).values, before)


# Gradient-free methods.

LIBRARY = {Method.EIGENCAM: EigenCAM, Method.KPCACAM: KPCA_CAM, Method.FEM: FEM}


@pytest.mark.parametrize("layer", [TargetLayer.LAST, TargetLayer.STRIDE_16])
@pytest.mark.parametrize("method", LIBRARY)
def test_equals_pytorch_grad_cam(small_lite, silu, method, layer):
    for passed in (small_lite, silu):
        module = copy.deepcopy(passed.model.module)
        target = module.bn2 if layer is TargetLayer.LAST else module.blocks[4][-1]
        with LIBRARY[method](module, [target]) as library:
            expected = library(torch.tensor(passed.prepared.pixels), [ClassifierOutputTarget(88)])[0]
        ours = activation_map(passed, 88, method, layer).values
        both = [ended(values) for values in ((ours, -ours) if method is not Method.FEM else (ours,))]
        assert min(np.abs(values - expected).max() for values in both) < 1e-4


def ended(values: np.ndarray) -> np.ndarray:
    """Apply the library's last steps: clip negative values, normalise to 0..1, upsample, normalise again."""
    return scale_cam_image(scale_cam_image(np.maximum(values, 0)[None], (128, 128)))[0]


def test_components_are_bright_where_channels_are_active(small_lite):
    total = small_lite.features.sum(axis=0)
    for method in (Method.EIGENCAM, Method.KPCACAM):
        assert np.corrcoef(activation_map(small_lite, 88, method).values.ravel(), total.ravel())[0, 1] > 0


def test_kpca_refuses_a_grid_that_would_fill_the_memory():
    features = np.zeros((2, 65, 64), np.float32)
    with pytest.raises(TargetError, match="at most 4096 cells, and this layer has 4160"):
        activation_maps.kpcacam(features)


def test_the_random_control_is_repeatable_and_different_for_another_photo(small_lite):
    first, again = (activation_map(small_lite, 88, Method.RANDOMCAM).values for _ in range(2))
    assert np.array_equal(first, again)
    elsewhere = dataclasses.replace(small_lite, photo=dataclasses.replace(small_lite.photo, sha256="1"))
    other = activation_map(elsewhere, 88, Method.RANDOMCAM).values
    assert not np.allclose(first, other)


def test_random_weights_are_uniform_in_minus_one_to_one():
    # one channel per cell, so the map equals the weights
    weights = activation_maps.randomcam(np.eye(4096, dtype=np.float32).reshape(4096, 64, 64), "seed")
    assert -1 <= weights.min() < -0.99
    assert 0.99 < weights.max() <= 1
    assert abs(weights.mean()) < 0.05
