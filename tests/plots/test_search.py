"""Step 2: the formula by hand, and published values from the table."""

import pytest

from effviz.facts.two_step_search import second_steps
from effviz.plots.paper_curves import Origin
from effviz.ui.paper.search import second_step
from tests.facts.conftest import load

CURVES = {curve.title: curve for curve in second_step()}


def test_the_guess_is_the_users() -> None:
    assert [step.phi for step in second_steps()] == [0, 0.5, 1, 2, 3.5, 5, 6, 7]  # tensorflow/tpu#390
    assert [step.name for step in second_steps()] == [f"B{number}" for number in range(8)]


def test_the_formula_at_seven_by_hand() -> None:
    at = second_steps()[-1].formula  # 1.2^7, 1.1^7 and 1.15^7, multiplied out
    assert (at.depth, at.width, at.resolution) == pytest.approx((3.5831808, 1.9487171, 2.6600199))
    ends = [CURVES[title].dots[-1] for title in CURVES if "formula" in title]
    assert [dot.x for dot in ends] == [7, 7, 7]
    assert [dot.y for dot in ends] == pytest.approx([3.5831808, 1.9487171, 2.6600199])


@pytest.mark.parametrize(
    ("method", "column"),
    [("Depth", "depth_coefficient"), ("Width", "width_coefficient"), ("Resolution", "resolution_over_224")],
)
def test_published_dots_are_the_tables(method: str, column: str) -> None:
    table = load("coefficients").query("family == 'EfficientNet'").head(8)
    curve = CURVES[f"{method}, published"]
    assert curve.origin is Origin.PRINTED
    assert [dot.y for dot in curve.dots] == pytest.approx(list(table[column]), abs=1e-4)
    assert all("efficientnet_builder.py" in dot.source for dot in curve.dots)


def test_implied_phis_are_the_tables() -> None:
    table = load("coefficients").query("family == 'EfficientNet'").head(8)
    for name in ("depth", "width", "resolution"):
        found = [getattr(step.implied, name) for step in second_steps()]
        assert found == pytest.approx(list(table[f"phi_implied_by_{name}"]), abs=0.006)
