"""The grid in space and in cost: points follow the rule, and costs match an independent count."""

from dataclasses import replace

import numpy as np
import pytest

from effviz.facts.two_step_search import SearchResult, summarize_points
from effviz.plots.grid_search import (
    BOTH,
    PAPER_ONLY,
    TRUTH_ONLY,
    accuracy_space,
    cost,
    hover,
    kind,
    space,
    trials,
)
from effviz.plots.style import GREY, LOOKS
from effviz.scaling import PAPER_RULE, ScalingRule
from effviz.scaling.coefficient_grid import B0, GridSize, grid, point
from effviz.zoo.presets import ScalingAxis

POINTS = grid(GridSize.COARSE)
# MACs over B0's, counted by torch's FlopCounterMode on networks that timm built; blocks of those networks.
COUNTED = {(1.2, 1.1, 1.15): (2.572814, 23), (1.8, 1.0, 1.0): (2.027538, 32), (1.0, 1.2, 1.1): (1.934695, 16)}
ONE = SearchResult(1.0, 1.0, 1.0, 0, 0.6, 0.45, 64, 1.0, 100, 1.0, 10, 50.0, 200, 6, 9.5, "search abc", "by hand")


def rows(alpha: float, *accuracies: float) -> list[SearchResult]:
    return [replace(ONE, alpha=alpha, seed=seed, top1_pct=top1) for seed, top1 in enumerate(accuracies)]


def traces(of):
    """Return name -> trace; in space each cloud has a second trace without points, for the legend."""
    return {trace.name: trace for trace in of.data if trace.x != (None,)}


@pytest.mark.parametrize("bases", COUNTED)
def test_true_costs_are_those_of_an_independent_count(bases: tuple[float, float, float]) -> None:
    ratio, blocks = COUNTED[bases]
    of = point(ScalingRule(*bases))
    assert of.macs_ratio == pytest.approx(ratio, rel=1e-4)
    made = cost([of]).data
    shown = next(trace for trace in made if len(trace.x) == 1)
    assert shown.y == pytest.approx([ratio], rel=1e-4)
    assert shown.x == pytest.approx([bases[0] * bases[1] ** 2 * bases[2] ** 2])
    assert f"{blocks} blocks" in hover(of)


def test_points_are_sorted_by_where_they_double() -> None:
    # On paper 1.920, 1.8 and 1.7424; counted 2.57, 2.03 and 1.94: within 10 % of 2 or not.
    assert [kind(point(ScalingRule(*bases))) for bases in COUNTED] == [PAPER_ONLY, BOTH, TRUTH_ONLY]


@pytest.mark.parametrize("figure", [space, cost])
def test_every_point_is_drawn_once(figure) -> None:
    shown = traces(figure(POINTS))
    clouds = [shown[name] for name in (BOTH, PAPER_ONLY, TRUTH_ONLY)]
    assert sum(len(cloud.x) for cloud in clouds) == len(POINTS)
    assert all(len(cloud.x) == len(cloud.hovertext) for cloud in clouds)


def test_every_cloud_has_a_sample_in_the_legend() -> None:
    legend = [trace for trace in space(POINTS).data if trace.x == (None,)]
    assert [trace.name for trace in legend] == [BOTH, PAPER_ONLY, TRUTH_ONLY]
    assert len({trace.marker.symbol for trace in legend}) == 3


def test_points_in_space_are_coloured_by_their_cost_about_two() -> None:
    made = space(POINTS)
    shown = traces(made)[BOTH]
    for alpha, beta, gamma, ratio in zip(shown.x, shown.y, shown.z, shown.marker.color, strict=True):
        assert ratio == point(ScalingRule(alpha, beta, gamma)).macs_ratio
    axis = made.layout.coloraxis
    assert axis.cmid == 2
    assert axis.cmax - 2 == pytest.approx(2 - axis.cmin)


def test_the_surface_is_where_the_formula_gives_two() -> None:
    surface = space(POINTS).data[0]
    alpha, beta, gamma = (np.array(values) for values in (surface.x, surface.y, surface.z))
    assert np.allclose(alpha * beta**2 * gamma**2, 2)
    for of in (alpha, beta, gamma):
        assert of.min() == pytest.approx(1)
    assert (alpha.max(), beta.max(), gamma.max()) == pytest.approx((2, 1.4, 2**0.5))


def test_the_papers_choice_is_marked() -> None:
    shown = traces(space(POINTS))["The paper's choice"]
    assert (shown.x, shown.y, shown.z) == ((1.2,), (1.1,), (1.15,))
    assert point(PAPER_RULE).paper_ratio == pytest.approx(1.92027)


def test_only_trained_points_have_an_accuracy() -> None:
    shown = traces(accuracy_space(POINTS[:3], [61.25, None, 60.5]))
    assert shown["Trained"].marker.color == (61.25, 60.5)
    assert "61.25 % top-1" in shown["Trained"].hovertext[0]
    left = shown["Not trained, so without an accuracy"]
    assert len(left.x) == 1
    assert "top-1" not in left.hovertext[0]
    assert left.marker.color == GREY


def test_every_training_is_one_ring_and_the_best_has_its_noise() -> None:
    points = summarize_points(
        [*rows(1.0, 40, 44), *rows(1.2, 50, 54), *rows(1.4, 60), *rows(1.6, 53, 53), *rows(1.8, 20, 20)]
    )
    made = trials(points)
    shown = traces(made)
    rings = list(zip(shown["One training run"].y, shown["One training run"].x, strict=True))
    assert ("α 1.2, β 1, γ 1", 54) in rings
    assert ("Baseline, unscaled", 44) in rings
    assert len(rings) == 9
    best = shown["Best with two seeds or more"]
    assert best.marker.color not in {LOOKS[axis].colour for axis in ScalingAxis}
    assert (best.y, best.x) == (("α 1.6, β 1, γ 1",), (53,))  # 1.4 has one seed
    # squares 8 + 8 + 0 + 0, degrees of freedom 1 + 1 + 1 + 1: the square root of 4
    assert best.error_x.array == (2,)
    level = shown["Level with the best, within the noise"]
    assert level.y == ("α 1.4, β 1, γ 1", "α 1.2, β 1, γ 1")  # 7 above and 1 below; 1.8 is 33 below
    assert set(shown["Mean of its seeds"].y) == {"Baseline, unscaled", "α 1.8, β 1, γ 1"}
    assert made.layout.yaxis.categoryarray[-1] == "α 1.4, β 1, γ 1"  # on top


def test_without_a_second_seed_nothing_is_best() -> None:
    assert list(traces(trials(summarize_points(rows(1.2, 50))))) == ["Mean of its seeds", "One training run"]


def test_the_baseline_of_the_grid_is_b0() -> None:
    assert B0.macs == 385_814_752  # shared facts: 0.3858 billion


def test_the_baseline_is_never_level_with_the_best() -> None:
    shown = traces(trials(summarize_points([*rows(1.0, 50, 54), *rows(1.2, 53, 53)])))
    assert not shown["Level with the best, within the noise"].y  # one below, 2 * 1.41
    assert shown["Mean of its seeds"].y == ("Baseline, unscaled",)
