"""Answers to the lesson's questions, computed from the paper's numbers and from plans, never copied."""

import math

from effviz.facts import scaling_experiments
from effviz.facts.paper_tables import paper_points, paper_ratios
from effviz.facts.scaling_experiments import CurveDot, WidthDot, single_dimension, width_by_baseline
from effviz.facts.search_objective import Objective
from effviz.scaling import PAPER_RULE, ScalingMethod, published_plan
from effviz.scaling.coefficient_grid import point


def macs_times(grown: ScalingMethod, factor: float = 2.0) -> float:
    """Return the MACs, relative to B0's, of B0 with one dimension scaled by `factor`, blocks and channels rounded."""
    return scaling_experiments.scaled_network(**{grown.value: factor}).macs / published_plan("b0").macs


def depth_curve() -> tuple[CurveDot, ...]:
    """Return Figure 3's dots of depth alone; the lesson asks for the last one, d = 8."""
    return tuple(dot for dot in single_dimension() if dot.method == ScalingMethod.DEPTH.value)


def widest() -> WidthDot:
    """Return the last dot of Figure 4's line that scales only the width of B0."""
    return next(dot for dot in reversed(width_by_baseline()) if (dot.depth, dot.resolution) == (1.0, 1.0))


def balance_lead() -> float:
    """Return by how many points the line from d = 2, r = 1.3 is above `widest()` at the same FLOPs, as drawn."""
    balanced = [dot for dot in width_by_baseline() if (dot.depth, dot.resolution) == (2.0, 1.3)]
    return scaling_experiments.accuracy_at(balanced, widest().macs_billions) - widest().top1_pct


def doubling_phi() -> float:
    """Return the phi at which the rule alone, (alpha * beta^2 * gamma^2)^phi, doubles the MACs."""
    return math.log(2) / math.log(PAPER_RULE.constraint)


def macs_times_at_phi_1() -> float:
    """Return the MACs, relative to B0's, of the rule's own network at phi = 1, blocks and channels rounded."""
    return point(PAPER_RULE).macs_ratio


def points_for_twice_the_macs() -> float:
    """Return how many points of top-1 above B0 a network with twice its MACs needs for the same reward."""
    return paper_points()[0].top1_pct * (Objective().doubling - 1)


def largest_times_baseline() -> float:
    """Return the MACs of B7 relative to B0's."""
    return published_plan("b7").macs / published_plan("b0").macs


def printed_params_ratio(model: str) -> float:
    """Return the ratio that Table 2 prints of a network's parameters to those of the EfficientNet of its group."""
    return next(row.params.printed for row in paper_ratios() if row.model == model and row.params.printed)


def printed_macs_ratio(model: str) -> float:
    """Return the ratio that Table 2 prints of a network's FLOPs to those of the EfficientNet of its group."""
    return next(row.macs.printed for row in paper_ratios() if row.model == model and row.macs.printed)
