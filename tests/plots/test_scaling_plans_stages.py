"""MACs by stage, against a hand count of B0's stem and the totals of Table 1's networks."""

import pytest

from effviz.plots.scaling_plans import stages
from effviz.scaling import plan


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
