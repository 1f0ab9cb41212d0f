"""The curves and places of growth, against the published tables."""

import pytest

from effviz.facts import load
from effviz.plots.scaling_plans import growth as draw
from effviz.scaling.published import growth

PHIS = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


@pytest.fixture(scope="module")
def figure():
    return draw(growth(PHIS), 1.5)


def trace(figure, start):
    return next(each for each in figure.data if each.name and each.name.startswith(start))


def test_the_formulas_curves(figure):
    table = load("phi_formula").query("phi in @PHIS")
    doubling, promised = trace(figure, "2^φ"), trace(figure, "1.92^φ")
    assert list(doubling.x) == list(promised.x) == PHIS
    assert list(doubling.y) == pytest.approx([0.3858 * each for each in table["2^phi"]], rel=1e-3)
    assert list(promised.y) == pytest.approx([0.3858 * each for each in table["(alpha*beta^2*gamma^2)^phi"]], rel=1e-3)


def test_planned_networks_start_at_b0(figure):
    planned = trace(figure, "planned")
    assert planned.y[0] == pytest.approx(0.3858, abs=5e-5)
    assert list(planned.x) == PHIS


@pytest.mark.parametrize("dimension", ["depth", "width", "resolution"])
def test_published_networks_lie_where_each_dimension_puts_them(figure, dimension):
    table = load("coefficients").query("family == 'EfficientNet' and model not in ['b8', 'l2']")  # beyond 2^7
    places = trace(figure, f"published, φ by {dimension}")
    assert list(places.x) == pytest.approx(list(table[f"phi_implied_by_{dimension}"]), abs=0.006)
    assert list(places.y) == pytest.approx(list(table["madds_billions_recomputed"]), abs=6e-5)


def test_labels_are_given_once(figure):
    assert list(trace(figure, "published, φ by depth").text) == [f"B{i}" for i in range(8)]
    assert trace(figure, "published, φ by width").text is None


def test_phi_is_marked(figure):
    assert trace(figure, "φ = 1.5").x == (1.5, 1.5)
    assert not any(each.name == "φ = 1.5" for each in draw(growth(PHIS)).data)
    assert figure.layout.yaxis.type == "log"
