"""Many visitors share one cached model: every map equals the map that a single visitor gets."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.forward_pass import forward

METHODS = [
    (Method.CAM, TargetLayer.LAST),
    (Method.GRADCAM_PLUS_PLUS, TargetLayer.LAST),
    (Method.GRADCAM, TargetLayer.STRIDE_16),
    (Method.EIGENCAM, TargetLayer.STRIDE_8),
    (Method.FULLGRAD, TargetLayer.LAST),
    (Method.ABLATIONCAM, TargetLayer.STRIDE_2),
    (Method.SHAPLEYCAM, TargetLayer.STRIDE_32),
    (Method.LAYERCAM, TargetLayer.STRIDE_4),
]


@pytest.mark.parametrize("passed", ["small_lite", "silu"])
def test_four_threads_on_one_model_give_the_serial_maps(passed, request, cat):
    model = request.getfixturevalue(passed).model
    # Each job shares its neighbour's method or photo, never both, so a mix-up shows.
    turned = [np.rot90(cat.rgb, quarter).copy() for quarter in range(2)]
    photos = [dataclasses.replace(cat, rgb=rgb, sha256=str(i)) for i, rgb in enumerate(turned)]
    jobs = [(photo, *method) for method in METHODS for photo in photos]

    def explain(job):
        photo, method, layer = job
        return activation_map(forward(model, photo), 285, method, layer).values

    serial = [explain(job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(explain, jobs))
    for ours, expected in zip(parallel, serial, strict=True):
        # threads may split sums in a different order
        assert np.abs(ours - expected).max() <= 1e-5 * np.ptp(expected)
