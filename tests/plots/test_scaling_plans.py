"""Bars of what one budget buys: the numbers are those that go in."""

import pytest

from effviz.plots.scaling_plans import alternatives
from effviz.plots.style import LOOKS
from effviz.scaling import Budget, BudgetKind, ScalingMethod, Solution, plan
from effviz.zoo.presets import ScalingAxis

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
    solutions = [Solution(budget, how, 0.0, plan(*at), plan(*at).macs, False) for how, at in TABLE_7.items()]
    return alternatives(plan(1.0, 1.0, 224), solutions)


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
