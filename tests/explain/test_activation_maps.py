"""What a cell says, against the real network asked about changed features."""

import dataclasses

import numpy as np
import pytest
import torch

from effviz.errors import TargetError
from effviz.explain import activation_maps
from effviz.explain.activation_maps import activation_map, group_identical, identical_methods, map_difference, supported
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.targets import Target, TargetKind, probabilities, top_guesses

CELLS = [(0, 0), (1, 3), (3, 2)]


def head(passed, features) -> np.ndarray:
    """The network's own pooling and classifier, (K,)."""
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
    ours = activation_maps.cell_top_classes(network)
    assert ours.indices.shape == ours.logits.shape == (*network.features.shape[1:], 5)
    assert ours.indices[cell].tolist() == best.tolist()
    assert ours.logits[cell] == pytest.approx(expected[best], rel=1e-4, abs=1e-4)


def test_all_classes_of_all_cells_average_to_the_logits(small_lite):
    ours = activation_maps.cell_top_classes(small_lite, count=2000)
    assert ours.indices.shape[-1] == 1000  # a model has no more
    assert (np.diff(ours.logits, axis=-1) <= 0).all()
    by_class = np.take_along_axis(ours.logits, np.argsort(ours.indices, axis=-1), axis=-1)
    assert by_class.mean(axis=(0, 1)) == pytest.approx(small_lite.logits, abs=1e-4)


def test_results_cannot_be_changed_by_accident(small_lite):
    best = activation_maps.cell_top_classes(small_lite)
    for array in (activation_maps.cell_evidence(small_lite, 0), best.indices, best.logits):
        assert not array.flags.writeable
    assert best.logits.dtype == np.float32
    with pytest.raises(dataclasses.FrozenInstanceError):
        best.indices = best.indices


def test_unknown_class(small_lite):
    with pytest.raises(TargetError, match=r"Class 1000 does not exist.* 0 to 999\. Pick one"):
        activation_maps.cell_evidence(small_lite, 1000)


# Identity.

CLOSED = [method for method in Method if CAM_METHODS[method].closed_form]
ONE_MAP = {Method.CAM, Method.GRADCAM, Method.HIRESCAM, Method.XGRADCAM, Method.SHAPLEYCAM}


def test_five_names_are_one_map_and_relu6_makes_two_more_equal(small_lite):
    found = [set(group) for group in identical_methods(small_lite, 285, CLOSED)]
    assert ONE_MAP in found
    assert {Method.LAYERCAM, Method.ELEMENTWISE_GRADCAM} in found


def test_with_silu_layercam_and_elementwise_gradcam_part(silu):
    found = [set(group) for group in identical_methods(silu, 285, CLOSED)]
    assert ONE_MAP in found
    assert {Method.LAYERCAM} in found
    assert {Method.ELEMENTWISE_GRADCAM} in found


def test_every_quick_method_is_in_one_group_and_slow_ones_are_left_out(small_lite):
    found = identical_methods(small_lite, 285, [*CLOSED, Method.SCORECAM])
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
    with pytest.raises(TargetError, match="at stride16: it exists only at the last layer"):
        activation_map(small_lite, 3, method, TargetLayer.STRIDE_16)


def test_a_wrong_class_is_refused_before_anything_runs(small_lite):
    with pytest.raises(TargetError, match="Class 1000 does not exist"):
        activation_map(small_lite, 1000, Method.SCORECAM)


def test_a_map_that_is_not_finite_is_an_error_not_a_picture(small_lite):
    nothing = dataclasses.replace(small_lite, logits=np.zeros_like(small_lite.logits))
    with pytest.raises(TargetError, match="Ablation-CAM at last has no finite map for class 3"):
        activation_map(nothing, 3, Method.ABLATIONCAM)
