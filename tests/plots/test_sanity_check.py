"""Both similarity measures are plotted over the parts of the network."""

import math

from effviz.evaluate.map_similarity import ComparedMap
from effviz.ui.compare.sanity_check import similarity_figure

STEPS = (
    ComparedMap("trained", None, 1.0, 1.0),
    ComparedMap("classifier", None, 0.25, 0.5),
    ComparedMap("head", None, math.nan, -0.3),
)


def test_each_step_has_its_place_and_its_name():
    drawn = similarity_figure(STEPS)
    ranks, similarity = drawn.data
    assert (ranks.x, similarity.x) == ((0, 1, 2), (0, 1, 2))
    assert ranks.y[:2] == (1.0, 0.25)
    assert math.isnan(ranks.y[2])
    assert similarity.y == (1.0, 0.5, -0.3)
    assert drawn.layout.xaxis.ticktext == ("intact", "classifier", "head")
    assert similarity.hovertext[1] == "<b>classifier</b><br>Structural similarity (SSIM) 0.50"


def test_nothing_is_cut_off_below_zero():
    assert similarity_figure(STEPS).layout.yaxis.range[0] == -0.35
    assert similarity_figure(STEPS[:2]).layout.yaxis.range[0] == -0.05


def test_the_two_lines_differ_in_more_than_colour():
    ranks, similarity = similarity_figure(STEPS).data
    assert ranks.marker.symbol != similarity.marker.symbol
    assert ranks.line.dash != similarity.line.dash
