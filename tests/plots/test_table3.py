"""Table 3 as printed and by the formula."""

import pytest

from effviz.plots.paper_curves import Origin
from effviz.plots.style import LOOKS
from effviz.ui.paper.table3 import spokes, table3
from effviz.zoo.presets import ScalingAxis
from tests.facts.conftest import load

MODELS = ("MobileNetV1", "MobileNetV2", "ResNet-50")


def test_printed_points_are_table_3():
    printed, _ = table3(MODELS)
    table = load("table3_scaling")
    assert [(dot.x, dot.y) for dot in printed.dots] == list(
        table[["flops_billions", "top1_pct"]].itertuples(index=False, name=None)
    )
    assert [dot.look for dot in printed.dots] == [LOOKS[ScalingAxis(method)] for method in table["scaling"]]
    assert printed.origin is Origin.PRINTED


def test_the_formula_leaves_out_rows_without_coefficients():
    _, formula = table3(("ResNet-50",))
    assert formula.origin is Origin.COMPUTED
    assert [dot.name for dot in formula.dots] == [
        "ResNet-50, Baseline",
        "ResNet-50, Depth",
        "ResNet-50, Width",
        "ResNet-50, Resolution",
    ]
    assert [dot.x for dot in formula.dots] == [pytest.approx(x) for x in (4.1, 16.4, 16.4, 16.4)]


def test_thin_lines_lead_from_a_baseline_to_its_own_scalings():
    lines = spokes(("ResNet-50",))
    assert {(line["x0"], line["y0"]) for line in lines} == {(4.1, 76.0)}  # Table 3
    assert [(line["x1"], line["y1"]) for line in lines] == [(16.2, 78.1), (14.7, 77.7), (16.4, 77.5), (16.7, 78.8)]
    assert len(spokes(MODELS)) == 11  # 3, 4 and 4: MobileNetV1 has no row for depth
    assert spokes(()) == []
