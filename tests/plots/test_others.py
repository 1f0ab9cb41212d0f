"""Table 3 as printed and by the formula, and networks of the project's own."""

from dataclasses import replace

import pytest

from effviz.facts import load
from effviz.plots.curves import Origin
from effviz.plots.others import table3, trained
from effviz.plots.style import LOOKS
from effviz.scaling import Family, plan
from effviz.zoo.manifest import Entry
from effviz.zoo.presets import Role

MODELS = ("MobileNetV1", "MobileNetV2", "ResNet-50")
TINY = Entry(
    name="tiny",
    file="tiny.safetensors",
    sha256="0" * 64,
    family=Family.LITE,
    depth=1.0,
    width=1.0,
    resolution_px=64,
    classes=("a", "b"),
    licence="Apache-2.0",
    origin="trained here",
    top1_pct=70.0,
    top1_source="measured on its validation photos",
)


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


def test_own_networks_have_the_colour_of_what_grew_and_what_plan_counts():
    deep = replace(TINY, name="deep", depth=2.0, top1_pct=72.0)
    wide = replace(TINY, name="wide", width=2.0, top1_pct=73.0)
    all_three = replace(TINY, name="all", depth=1.4, width=1.2, resolution_px=96, top1_pct=75.0)
    untold = replace(TINY, name="untold", depth=3.0, top1_pct=None)
    curve = trained([all_three, wide, deep, TINY, untold])
    looks = {dot.name: dot.look for dot in curve.dots}
    assert looks == {
        "tiny": LOOKS[Role.BASELINE],
        "deep": LOOKS[Role.DEPTH],
        "wide": LOOKS[Role.WIDTH],
        "all": LOOKS[Role.COMPOUND],
    }
    costs = {dot.name: dot.x for dot in curve.dots}
    assert costs["deep"] == plan(2, 1, 64, Family.LITE, 2).macs / 1e9
    assert {dot.name: dot.y for dot in curve.dots}["all"] == 75.0


def test_no_own_networks():
    assert trained([]).dots == ()
