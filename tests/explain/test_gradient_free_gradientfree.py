import copy
import dataclasses

import numpy as np
import pytest
import torch
from pytorch_grad_cam import FEM, KPCA_CAM, EigenCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from effviz.errors import TargetError
from effviz.explain import gradient_free
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import Method, TargetLayer

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
    """The library's ending: cut negative values, stretch to 0..1, enlarge, stretch again."""
    return scale_cam_image(scale_cam_image(np.maximum(values, 0)[None], (128, 128)))[0]


def test_components_are_bright_where_channels_are_active(small_lite):
    total = small_lite.features.sum(axis=0)
    for method in (Method.EIGENCAM, Method.KPCACAM):
        assert np.corrcoef(activation_map(small_lite, 88, method).values.ravel(), total.ravel())[0, 1] > 0


def test_kpca_refuses_a_grid_that_would_fill_the_memory():
    features = np.zeros((2, 65, 64), np.float32)
    with pytest.raises(TargetError, match="4160 cells: at most 4096 are allowed"):
        gradient_free.kpcacam(features)


def test_the_random_control_is_repeatable_and_different_for_another_photo(small_lite):
    first, again = (activation_map(small_lite, 88, Method.RANDOMCAM).values for _ in range(2))
    assert np.array_equal(first, again)
    elsewhere = dataclasses.replace(small_lite, photo=dataclasses.replace(small_lite.photo, sha256="1"))
    other = activation_map(elsewhere, 88, Method.RANDOMCAM).values
    assert not np.allclose(first, other)


def test_random_weights_are_uniform_in_minus_one_to_one():
    # one channel a cell: the map is the weights themselves
    weights = gradient_free.randomcam(np.eye(4096, dtype=np.float32).reshape(4096, 64, 64), "seed")
    assert -1 <= weights.min() < -0.99
    assert 0.99 < weights.max() <= 1
    assert abs(weights.mean()) < 0.05
