"""Many visitors, one cached model: every map has to be the one that a single visitor gets."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from effviz.explain.forward import forward
from effviz.explain.maps import activation_map
from effviz.explain.results import Layer, Method

JOBS = [
    (Method.CAM, Layer.LAST),
    (Method.GRADCAM_PLUS_PLUS, Layer.LAST),
    (Method.GRADCAM, Layer.STRIDE_16),
    (Method.EIGENCAM, Layer.STRIDE_8),
    (Method.FULLGRAD, Layer.LAST),
    (Method.ABLATIONCAM, Layer.STRIDE_2),
    (Method.SHAPLEYCAM, Layer.STRIDE_32),
    (Method.LAYERCAM, Layer.STRIDE_4),
]


@pytest.mark.parametrize("passed", ["small_lite", "silu"])
def test_four_threads_on_one_model_give_the_serial_maps(passed, request, cat):
    model = request.getfixturevalue(passed).model

    def explain(job):
        method, layer = job
        return activation_map(forward(model, cat), 285, method, layer).values

    serial = [explain(job) for job in JOBS]
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(explain, JOBS * 3))
    for ours, expected in zip(parallel, serial * 3, strict=True):
        # sums may be split among threads in another order
        assert np.abs(ours - expected).max() <= 1e-5 * np.ptp(expected)
