"""The figure of the search objective: every network once, and lines of equal reward."""

import pytest

from effviz.facts.paper_tables import PaperVersion
from effviz.facts.search_objective import Listing, Objective, candidates, ranking
from effviz.plots.style import LOOKS
from effviz.ui.paper.objective import reward_figure, reward_hover, reward_series
from effviz.zoo.presets import ScalingAxis

GOAL = Objective()


@pytest.fixture(scope="module")
def ranked():
    return ranking(GOAL, candidates(PaperVersion.V5))


@pytest.fixture(scope="module")
def drawn(ranked):
    return {trace.name: trace for trace in reward_figure(GOAL, ranked).data}


def test_every_network_is_a_point(ranked, drawn):
    points = [
        (name, x, y)
        for trace in drawn.values()
        if trace.customdata is not None
        for (name, _place, _reward), x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    ]
    networks = [(of.candidate.name, of.candidate.macs / 1e9, of.candidate.top1_pct) for of in ranked]
    assert sorted(points) == sorted(networks)


def test_printed_and_recomputed_are_two_series_in_the_papers_colour(drawn):
    printed, again = drawn["EfficientNet, Table 2"], drawn["EfficientNet, Table 2, MACs recomputed"]
    assert printed.y == again.y
    assert printed.x[0] == pytest.approx(0.39)
    assert again.x[0] == pytest.approx(0.385814752)
    assert printed.marker.color == again.marker.color == LOOKS[ScalingAxis.COMPOUND].colour
    assert (printed.marker.symbol, again.marker.symbol) == ("star", "star-open")
    assert printed.text == ("B0", *[""] * 7)


def test_lines_of_equal_reward(ranked, drawn):
    lines = [trace for name, trace in drawn.items() if name.startswith("reward")]
    levels = [float(trace.name.split()[1]) for trace in lines]
    assert {60.0, 64.0, 68.0, 72.0, 76.0, 80.0} <= set(levels)
    for trace, level in zip(lines, levels, strict=True):
        rewards = [top1 * (macs / 0.4) ** -0.07 for macs, top1 in zip(trace.x, trace.y, strict=True)]
        assert rewards == pytest.approx([rewards[0]] * len(rewards))
        assert rewards[0] == pytest.approx(level, rel=0.005)  # the title has three digits


def test_the_solid_line_runs_through_the_winner_which_has_a_ring(ranked, drawn):
    solid = next(trace for trace in drawn.values() if trace.name.startswith("reward") and trace.line.dash == "solid")
    best = max(of.top1_pct * (of.macs / 4e8) ** -0.07 for of in candidates())
    assert solid.y[0] * (solid.x[0] / 0.4) ** -0.07 == pytest.approx(best)
    ring = drawn["Highest reward"]
    assert (ring.x[0], ring.y[0]) == (ranked[0].candidate.macs / 1e9, ranked[0].candidate.top1_pct)


def test_the_target_stands_in_the_figure(ranked):
    names = [trace.name for trace in reward_figure(Objective(1.2e9), ranked).data]
    assert "T = 1200 million" in names


def test_a_point_says_its_place_and_its_source(ranked):
    of = next(each for each in ranked if each.candidate.listing is Listing.TIMM and each.candidate.extra_data)
    words = reward_hover(of)
    assert f"ranked {of.place}, reward {of.reward_pct:.2f} %" in words
    assert "more images than ImageNet-1k" in words
    assert "Source: timm results" in words
    assert reward_series(of.candidate).startswith("timm, ")


def test_no_networks_make_an_empty_figure():
    assert reward_figure(GOAL, ()).data == ()
