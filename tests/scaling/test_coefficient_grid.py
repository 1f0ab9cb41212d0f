"""The grid of step 1: points that double the cost on paper and in reality."""

import pytest

from effviz.scaling import ScalingRule, plan
from effviz.scaling.coefficient_grid import BaselineNetwork, GridSize, grid, point, worth_training

TINY = BaselineNetwork(0.6, 0.45, 64, 10)


def test_the_papers_point_is_near_two_on_paper_but_not_in_truth() -> None:
    of = point(ScalingRule(1.2, 1.1, 1.15))
    assert of.paper_ratio == pytest.approx(1.92027)  # by hand
    # Depth 1.2 and width 1.1 are B2's blocks and channels (0.994 billion MACs at 260 px, facts section 2), here at
    # 258 px; B0 has 0.386 billion.
    assert of.macs_ratio == pytest.approx(plan(1.2, 1.1, 258).macs / 385_814_000, rel=1e-3)
    assert 2.5 < of.macs_ratio < 0.994 / 0.386
    assert of.on_paper
    assert not of.really


def test_nothing_scaled_is_the_baseline() -> None:
    assert point(ScalingRule(1, 1, 1), TINY).macs_ratio == 1


def test_a_hair_of_floating_point_does_not_add_blocks() -> None:
    # 0.6 * 1.4 = 0.84: four layers become ceil(3.36) = 4. 0.5 * 2 * ... a depth of exactly 1 must keep B0's 16 blocks.
    sixteen = BaselineNetwork(0.6).scaled(ScalingRule(1 / 0.6, 1, 1))
    assert sum(stage.layers for stage in sixteen.stages[1:-1]) == 16


@pytest.mark.parametrize("size", GridSize)
def test_every_point_doubles_on_paper_or_really(size: GridSize) -> None:
    points = grid(size)
    assert len({of.rule for of in points}) == len(points)
    for of in points:
        assert min(of.rule.alpha, of.rule.beta, of.rule.gamma) >= 1  # Eq. 3
        on_paper = 1.8 <= of.rule.alpha * of.rule.beta**2 * of.rule.gamma**2 <= 2.2
        really = 1.8 <= of.plan.macs / plan(1, 1, 224).macs <= 2.2
        assert (of.on_paper, of.really) == (on_paper, really)
        assert on_paper or really


def test_the_coarse_grid_is_part_of_the_fine_one() -> None:
    fine = {of.rule for of in grid(GridSize.FINE, TINY)}
    assert {of.rule for of in grid(GridSize.COARSE, TINY)} <= fine


def test_points_worth_training_are_different_networks_that_double_twice() -> None:
    chosen = worth_training(grid(GridSize.COARSE, TINY))
    assert 10 <= len(chosen) <= 14
    assert all(of.on_paper and 1.9 <= of.macs_ratio <= 2.1 for of in chosen)
    networks = {(of.plan.resolution, tuple(stage[4:6] for stage in of.plan.stages)) for of in chosen}
    assert len(networks) == len(chosen)
    assert ScalingRule(1.2, 1.1, 1.15) in {of.rule for of in chosen}  # the paper's own


def test_of_points_with_one_network_the_nearest_to_two_on_paper_stands() -> None:
    points = grid(GridSize.FINE, TINY)
    for chosen in worth_training(points):
        same = [of for of in points if of.on_paper and of.plan.layers == chosen.plan.layers]
        assert abs(chosen.paper_ratio - 2) == min(abs(of.paper_ratio - 2) for of in same)
