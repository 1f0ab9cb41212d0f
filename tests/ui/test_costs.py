"""Estimates of what work takes, by hand from the paper's MACs."""

import pytest

from effviz.explain.results import Layer, Method
from effviz.ui import costs
from effviz.ui.visitors import DEFAULT_LIMIT
from effviz.zoo.catalogue import parse

B4, L2 = parse("b4@380"), parse("scaled-d5.3-w4.3@800")


def test_the_unit_is_a_pass_of_b4_and_others_follow_their_macs() -> None:
    assert costs.one_pass(B4).cost == 1
    assert costs.one_pass(parse("b0@224")).cost == pytest.approx(0.39 / 4.2, rel=0.1)  # Table 2
    assert costs.one_pass(parse("b7@600")).cost == pytest.approx(37 / 4.2, rel=0.1)


def test_a_network_that_is_not_there_costs_its_loading_and_its_weights() -> None:
    known, new = costs.one_pass(B4), costs.one_pass(B4, loaded=False)
    assert new.cost == pytest.approx(known.cost + costs.LOAD + 19.3e6 * costs.LOAD_A_PARAMETER, rel=0.01)
    assert new.nbytes - known.nbytes == pytest.approx(2 * 4 * 19.3e6, rel=0.01)


@pytest.mark.parametrize(
    ("method", "layer", "cost", "long"),
    [
        (Method.CAM, Layer.LAST, 1, False),
        (Method.ABLATIONCAM, Layer.LAST, 1, False),  # closed form there
        (Method.ABLATIONCAM, Layer.STRIDE_16, 1, True),
        (Method.SCORECAM, Layer.LAST, 1, True),
        (Method.GRADCAM, Layer.STRIDE_4, costs.GRADIENT, False),
        (Method.FULLGRAD, Layer.LAST, costs.GRADIENT, False),
        (Method.EIGENCAM, Layer.STRIDE_4, 1, False),
        (Method.KPCACAM, Layer.LAST, 1 + costs.KERNEL, False),
    ],
)
def test_a_method_costs_its_passes(method: Method, layer: Layer, cost: float, long: bool) -> None:
    found = costs.one_map(B4, method, layer)
    assert (found.cost, found.long) == (cost, long)


def test_strangers_may_ask_b4_for_anything_and_nothing_of_the_largest_network() -> None:
    efforts = [costs.one_map(B4, method, layer) for method in Method for layer in Layer]
    assert max(effort.cost for effort in [*efforts, costs.one_pass(B4, loaded=False)]) <= DEFAULT_LIMIT
    assert costs.one_pass(L2).cost > DEFAULT_LIMIT
