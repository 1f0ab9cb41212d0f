"""Estimates of what work takes, by hand from the paper's MACs."""

import pytest

from effviz.explain.data_types import Method, TargetLayer
from effviz.ui import job_queue
from effviz.ui.job_queue import DEFAULT_LIMIT
from effviz.zoo.catalogue import parse_model

B4, L2 = parse_model("b4@380"), parse_model("scaled-d5.3-w4.3@800")


def test_the_unit_is_a_pass_of_b4_and_others_follow_their_macs() -> None:
    assert job_queue.pass_effort(B4).cost == 1
    assert job_queue.pass_effort(parse_model("b0@224")).cost == pytest.approx(0.39 / 4.2, rel=0.1)  # Table 2
    assert job_queue.pass_effort(parse_model("b7@600")).cost == pytest.approx(37 / 4.2, rel=0.1)


def test_a_network_that_is_not_there_costs_its_loading_and_its_weights() -> None:
    known, new = job_queue.pass_effort(B4), job_queue.pass_effort(B4, loaded=False)
    assert new.cost == pytest.approx(known.cost + job_queue.LOAD + 19.3e6 * job_queue.LOAD_A_PARAMETER, rel=0.01)
    assert new.nbytes - known.nbytes == pytest.approx(2 * 4 * 19.3e6, rel=0.01)


@pytest.mark.parametrize(
    ("method", "layer", "cost", "long"),
    [
        (Method.CAM, TargetLayer.LAST, 1, False),
        (Method.ABLATIONCAM, TargetLayer.LAST, 1, False),  # closed form there
        (Method.ABLATIONCAM, TargetLayer.STRIDE_16, 1, True),
        (Method.SCORECAM, TargetLayer.LAST, 1, True),
        (Method.GRADCAM, TargetLayer.STRIDE_4, job_queue.GRADIENT, False),
        (Method.FULLGRAD, TargetLayer.LAST, job_queue.FULL_GRADIENT, False),
        (Method.SHAPLEYCAM, TargetLayer.STRIDE_4, job_queue.SECOND_GRADIENT, False),
        (Method.SHAPLEYCAM, TargetLayer.STRIDE_32, job_queue.GRADIENT, False),
        (Method.EIGENCAM, TargetLayer.STRIDE_4, 1, False),
        (Method.KPCACAM, TargetLayer.LAST, 1 + 11**4 * job_queue.KERNEL_A_PAIR, False),  # 11 x 11 cells
        (Method.KPCACAM, TargetLayer.STRIDE_2, 1 + 4096**2 * job_queue.KERNEL_A_PAIR, False),  # no more are compared
    ],
)
def test_a_method_costs_its_passes(method: Method, layer: TargetLayer, cost: float, long: bool) -> None:
    found = job_queue.map_effort(B4, method, layer)
    assert (found.cost, found.long) == (cost, long)


def test_strangers_may_ask_b4_for_all_but_second_gradients_and_nothing_of_the_largest_network() -> None:
    asked = [(method, layer) for method in Method for layer in TargetLayer]
    dear = {each for each in asked if job_queue.map_effort(B4, *each).cost > DEFAULT_LIMIT}
    early = TargetLayer.STRIDE_2, TargetLayer.STRIDE_4, TargetLayer.STRIDE_8, TargetLayer.STRIDE_16
    assert dear == {(Method.SHAPLEYCAM, layer) for layer in early}
    assert job_queue.pass_effort(B4, loaded=False).cost <= DEFAULT_LIMIT
    assert job_queue.pass_effort(L2).cost > DEFAULT_LIMIT
