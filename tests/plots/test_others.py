"""Table 3 as printed and by the formula."""

import pytest

from effviz.facts import load
from effviz.plots.curves import Origin
from effviz.plots.others import table3
from effviz.plots.style import LOOKS
from effviz.zoo.presets import Role

MODELS = ("MobileNetV1", "MobileNetV2", "ResNet-50")


def test_printed_points_are_table_3():
    printed, _ = table3(MODELS)
    table = load("table3_scaling")
    assert [(dot.x, dot.y) for dot in printed.dots] == list(
        table[["flops_billions", "top1_pct"]].itertuples(index=False, name=None)
    )
    assert [dot.look for dot in printed.dots] == [LOOKS[Role(method)] for method in table["scaling"]]
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
