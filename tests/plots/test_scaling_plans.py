"""Bars of what one budget buys show the input numbers."""

import pytest

from effviz.plots.scaling_plans import alternative_rows, alternatives, stages
from effviz.plots.scaling_plans import growth as draw
from effviz.plots.style import LOOKS
from effviz.scaling import Budget, BudgetKind, ScalingMethod, Solution, plan
from effviz.scaling.published import growth
from effviz.zoo.presets import ScalingAxis
from tests.facts.conftest import load

# Table 7 of the paper: four ways of scaling B0 to about the same FLOPs.
TABLE_7 = {
    ScalingMethod.COMPOUND: (1.4, 1.2, 300),
    ScalingMethod.DEPTH: (4.0, 1.0, 224),
    ScalingMethod.WIDTH: (1.0, 2.0, 224),
    ScalingMethod.RESOLUTION: (1.0, 1.0, 448),
}


@pytest.fixture(scope="module")
def figure():
    budget = Budget(BudgetKind.MACS, 1.9e9)
    return alternatives(plan(1.0, 1.0, 224), solutions(budget))


def solutions(budget):
    return [Solution(budget, how, 0.0, plan(*at), plan(*at).macs, False) for how, at in TABLE_7.items()]


def test_the_file_has_a_row_for_each_network():
    rows = alternative_rows(solutions(Budget(BudgetKind.MACS, 1.9e9)))
    assert [row["what_grows"] for row in rows] == ["compound", "depth", "width", "resolution"]
    assert rows[1] == {
        "what_grows": "depth",
        "depth_times_b0": 4.0,
        "width_times_b0": 1.0,
        "resolution_px": 224,
        "params": 20_091_856,  # table7_scaled.csv
        "macs": rows[1]["macs"],
    }


def test_four_panels_hold_the_networks_numbers(figure):
    depth, width, resolution, params = (panel.x for panel in figure.data)
    assert depth == (1.0, 1.4, 4.0, 1.0, 1.0)
    assert width == (1.0, 1.2, 1.0, 2.0, 1.0)
    assert resolution == (224, 300, 224, 224, 448)
    assert params == (5.288548, 12.233232, 20.091856, 18.122720, 5.288548)  # table7_scaled.csv


def test_bars_are_named_and_coloured_by_what_grows(figure):
    for panel in figure.data:
        assert panel.y == ("baseline", "compound", "depth", "width", "resolution")
        assert panel.marker.color == tuple(LOOKS[ScalingAxis(name)].colour for name in panel.y)


def test_panels_say_what_they_show(figure):
    titles = [title.text for title in figure.layout.annotations]
    assert titles == ["depth (times B0)", "width (times B0)", "resolution (px)", "parameters (millions)"]
    assert "1.827 billion MACs" in figure.data[0].hovertext[1]


# The growth curves and their points match the published tables.

PHIS = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


@pytest.fixture(scope="module")
def growth_figure():
    return draw(growth(PHIS), 1.5)


def trace(growth_figure, start):
    return next(each for each in growth_figure.data if each.name and each.name.startswith(start))


def test_the_formulas_curves(growth_figure):
    table = load("phi_formula").query("phi in @PHIS")
    doubling, promised = trace(growth_figure, "2^φ"), trace(growth_figure, "1.92^φ")
    assert list(doubling.x) == list(promised.x) == PHIS
    assert list(doubling.y) == pytest.approx([0.3858 * each for each in table["2^phi"]], rel=1e-3)
    assert list(promised.y) == pytest.approx([0.3858 * each for each in table["(alpha*beta^2*gamma^2)^phi"]], rel=1e-3)


def test_planned_networks_start_at_b0(growth_figure):
    planned = trace(growth_figure, "planned")
    assert planned.y[0] == pytest.approx(0.3858, abs=5e-5)
    assert list(planned.x) == PHIS


@pytest.mark.parametrize("dimension", ["depth", "width", "resolution"])
def test_published_networks_lie_where_each_dimension_puts_them(growth_figure, dimension):
    table = load("coefficients").query("family == 'EfficientNet' and model not in ['b8', 'l2']")  # beyond 2^7
    places = trace(growth_figure, f"published, φ by {dimension}")
    assert list(places.x) == pytest.approx(list(table[f"phi_implied_by_{dimension}"]), abs=0.006)
    assert list(places.y) == pytest.approx(list(table["madds_billions_recomputed"]), abs=6e-5)


def test_labels_are_given_once(growth_figure):
    assert list(trace(growth_figure, "published, φ by depth").text) == [f"B{i}" for i in range(8)]
    assert trace(growth_figure, "published, φ by width").text is None


def test_phi_is_marked(growth_figure):
    assert trace(growth_figure, "φ = 1.5").x == (1.5, 1.5)
    assert not any(each.name == "φ = 1.5" for each in draw(growth(PHIS)).data)
    assert growth_figure.layout.yaxis.type == "log"


# MACs by stage match a hand count of B0's stem and the totals of Table 1's networks.


def test_both_networks_have_nine_stages_that_sum_to_their_macs():
    figure = stages(plan(1.0, 1.0, 224), plan(1.4, 1.2, 300))
    before, after = figure.data
    assert before.x == after.x == tuple("123456789")
    assert before.y[0] == 112 * 112 * 32 * 27 / 1e6  # the stem: 3 x 3 x 3 weights, 32 channels, 112 x 112 cells
    assert sum(before.y) == pytest.approx(385.8, abs=0.05)  # coefficients.csv
    assert sum(after.y) == pytest.approx(1827.1, abs=0.05)


def test_hover_names_the_operator_of_table_1():
    words = stages(plan(1.0, 1.0, 224), plan(1.0, 1.0, 224)).data[0].hovertext[3]
    assert "stage 4: MBConv6, k5x5" in words
    assert "2 layers, 40 channels, 56 px in" in words
