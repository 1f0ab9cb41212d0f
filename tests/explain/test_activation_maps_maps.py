import dataclasses

import numpy as np
import pytest

from effviz.errors import TargetError
from effviz.explain.activation_maps import activation_map, supported
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.targets import Target, TargetKind, probabilities, top_guesses


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
