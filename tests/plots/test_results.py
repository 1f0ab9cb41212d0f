"""Figures 1 and 5: Table 2 as printed, the dots as drawn, and our own count, shown separately."""

import pytest

from effviz.facts.paper_tables import PaperVersion
from effviz.plots.accuracy_cost import Cost
from effviz.plots.paper_curves import Origin
from effviz.ui.paper.results import FIGURE_VERSIONS, cost_axis, cost_figure, table2
from tests.facts.conftest import load

ALL = range(1, 9)
TOP1 = {PaperVersion.V5: "top1_pct", PaperVersion.V3: "top1_pct_v3", PaperVersion.V1: "top1_pct_v1v2_icml"}
COLUMN = {Cost.PARAMS: "params_millions", Cost.MACS: "flops_billions"}
NAME = {Cost.PARAMS: "fig1_params_vs_accuracy", Cost.MACS: "fig5_flops_vs_accuracy"}


def points(curves):
    return {dot.name: (dot.x, dot.y) for curve in curves for dot in curve.dots}


@pytest.mark.parametrize("version", PaperVersion)
@pytest.mark.parametrize("cost", Cost)
def test_printed_points_are_table_2(version, cost):
    ours, _, others = table2(version, cost, ALL)
    table = load("table2_imagenet").dropna(subset=COLUMN[cost])
    expected = {row["model"]: (row[COLUMN[cost]], row[TOP1[version]]) for row in table.to_dict("records")}
    assert points([ours, others]) == expected
    assert {ours.origin, others.origin} == {Origin.PRINTED}


@pytest.mark.parametrize(
    ("cost", "column", "unit"),
    [(Cost.PARAMS, "params_recomputed", 1e6), (Cost.MACS, "madds_billions_recomputed", 1)],
)
def test_recomputed_costs_are_the_official_codes(cost, column, unit):
    computed = table2(PaperVersion.V5, cost, ALL)[1]
    assert computed.origin is Origin.COMPUTED
    counted = load("coefficients").set_index("model")[column]
    assert [dot.x for dot in computed.dots] == [pytest.approx(counted[f"b{i}"] / unit, abs=6e-5) for i in range(8)]
    assert [dot.y for dot in computed.dots] == [77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3]


@pytest.mark.parametrize("version", PaperVersion)
@pytest.mark.parametrize("cost", Cost)
def test_drawn_points_are_the_figures(version, cost):
    rows = load(NAME[cost])
    rows = rows[rows["arxiv_version"] == FIGURE_VERSIONS[version]]
    x = {Cost.PARAMS: "params_millions", Cost.MACS: "flops_billions"}[cost]
    expected = {row["model"]: (row[x], row["imagenet_top1_pct"]) for row in rows.to_dict("records")}
    assert points(cost_figure(version, cost)) == expected
    assert len(expected) >= 21


def test_the_figures_of_v5_draw_the_accuracies_of_v3():
    assert points(cost_figure(PaperVersion.V5, Cost.PARAMS)) == points(cost_figure(PaperVersion.V3, Cost.PARAMS))
    assert points(cost_figure(PaperVersion.V5, Cost.PARAMS))["EfficientNet-B0"] == (5.3, 77.3)


def test_a_group_is_an_efficientnet_with_its_likes():
    ours, computed, others = table2(PaperVersion.V5, Cost.MACS, [6])
    assert points([ours, others]) == {"EfficientNet-B5": (9.9, 83.6), "AmoebaNet-C": (41, 83.5)}
    assert [dot.name for dot in computed.dots] == ["EfficientNet-B5"]


def test_axes_are_logarithmic_and_named():
    assert cost_axis(Cost.PARAMS).log
    assert cost_axis(Cost.MACS).title == "MACs, the paper's FLOPs (billions)"
