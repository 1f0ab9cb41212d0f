"""Known accuracies, read off the tables by eye."""

import pytest

from effviz.facts.timm_results import known_accuracy


@pytest.mark.parametrize(
    ("model", "px", "top1", "weights"),
    [
        ("b1", 240, 79.1, "version v5 of the paper"),
        ("resnet152", 224, 77.8, "version v5 of the paper"),
        ("lite0", 224, 74.846, "tf_efficientnet_lite0.in1k"),  # not timm's own training, 75.488
        ("resnet152", 288, 83.494, "resnet152.a1h_in1k"),
        ("b0", 256, 79.364, "efficientnet_b0.ra4_e3600_r224_in1k"),  # not the paper's: B0 there has 224 px
        ("tf_efficientnet_b1", 240, 79.288, "tf_efficientnet_b1.ap_in1k"),  # 81.388 had more pictures
    ],
)
def test_who_measured_it(model: str, px: int, top1: float, weights: str) -> None:
    found = known_accuracy(model, px)
    assert found is not None
    assert found.top1_pct == top1
    assert weights in found.weights
    assert found.source


@pytest.mark.parametrize(("model", "px"), [("b1", 241), ("scaled-d1-w1.5", 224), ("resnet152", 96)])
def test_nobody_measured_it(model: str, px: int) -> None:
    assert known_accuracy(model, px) is None
