"""The recipe's curves show the paper's numbers and the official code's, distinguishably."""

import pytest

from effviz.plots.paper_curves import FigureAxis, Origin, draw_curves
from effviz.train import training_recipe
from effviz.ui.paper import recipe

PAPER = training_recipe.read_recipe("paper")


def test_the_printed_rate_has_no_warm_up_and_the_codes_has() -> None:
    printed, coded = recipe.rates(PAPER, 4096)
    assert (printed.origin, coded.origin) == (Origin.PRINTED, Origin.COMPUTED)
    assert printed.title == "Printed: 0.256, × 0.97 every 2.4 epochs"
    assert [(dot.x, dot.y) for dot in printed.dots[:3]] == [(0, 0.256), (2.4, 0.256), (2.4, 0.256 * 0.97)]
    assert [(dot.x, dot.y) for dot in coded.dots[:2]] == [(0, 0), (5, 0.256)]
    assert coded.dots[2].y == pytest.approx(0.24087, abs=1e-5)  # 0.256 * 0.97 ** 2
    assert printed.dots[-1].y == coded.dots[-1].y == pytest.approx(0.0030913, abs=1e-7)  # 0.256 * 0.97 ** 145


def test_the_codes_own_batch_halves_the_rate() -> None:
    assert max(dot.y for dot in recipe.rates(PAPER, 2048)[1].dots) == 0.128


def test_a_log_axis_leaves_out_the_rate_of_nothing() -> None:
    assert min(dot.y for curve in recipe.rates(PAPER, 4096, log=True) for dot in curve.dots) > 0


def test_dropout_printed_and_coded() -> None:
    printed, coded = recipe.dropouts()
    assert [dot.name for dot in printed.dots] == [f"B{number}" for number in range(8)]
    assert [round(dot.y, 3) for dot in printed.dots] == [0.2, 0.243, 0.286, 0.329, 0.371, 0.414, 0.457, 0.5]
    # efficientnet_builder.py, efficientnet_params
    assert [dot.y for dot in coded.dots] == [0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5]


def test_blocks_without_a_shortcut_always_run() -> None:
    skippable, always = recipe.survivals("b0")
    assert [dot.x for dot in always.dots] == [1, 2, 4, 6, 9, 12, 16]  # the first blocks of Table 1's stages 2 to 8
    assert {dot.y for dot in always.dots} == {100}
    assert [round(dot.y, 2) for dot in skippable.dots[-2:]] == [83.75, 82.5]  # 1 - 0.2 * 13 / 16, 1 - 0.2 * 14 / 16


def test_half_of_the_average_is_eleven_epochs_old_or_twenty_two() -> None:
    twice, default = recipe.memory(0.9999, (4096, 2048))
    # 6931 steps are a half-life of 0.9999; an epoch is 1,281,167 / 2048 = 626 steps.
    assert [next(dot.x for dot in curve.dots if dot.y >= 50) for curve in (twice, default)] == [23, 12]


def test_curves_of_many_points_are_drawn_without_markers() -> None:
    made = draw_curves(recipe.activations(slopes=False), FigureAxis("x", "x"), FigureAxis("y", "y"))
    assert {trace.mode for trace in made.data} == {"lines"}
    assert made.data[0].y[0] == pytest.approx(-0.014836, abs=1e-6)  # -6 / (1 + e^6)
    assert made.data[1].y[0] == 0
