"""What the lesson asks: each answer worked out from the paper's numbers and from plans, never written down again."""

import math

from effviz.facts import scaling_experiments
from effviz.facts.paper_tables import paper_points, paper_ratios
from effviz.facts.scaling_experiments import CurveDot, WidthDot, single_dimension, width_by_baseline
from effviz.facts.search_objective import Objective
from effviz.scaling import PAPER_RULE, ScalingMethod, published_plan
from effviz.scaling.coefficient_grid import point


def macs_times(grown: ScalingMethod, factor: float = 2.0) -> float:
    """How many times B0's MACs a network has whose one dimension is `factor` times as large, rounded blocks and all."""
    return scaling_experiments.scaled_network(**{grown.value: factor}).macs / published_plan("b0").macs


def depth_curve() -> tuple[CurveDot, ...]:
    """Figure 3's dots of depth alone; the lesson asks for the last one, d = 8."""
    return tuple(dot for dot in single_dimension() if dot.method == ScalingMethod.DEPTH.value)


def widest() -> WidthDot:
    """The last dot of Figure 4's line that widens B0 alone."""
    return next(dot for dot in reversed(width_by_baseline()) if (dot.depth, dot.resolution) == (1.0, 1.0))


def balance_lead() -> float:
    """How many points the line from d = 2 and r = 1.3 lies above `widest()` at the same FLOPs, as it is drawn."""
    balanced = [dot for dot in width_by_baseline() if (dot.depth, dot.resolution) == (2.0, 1.3)]
    return scaling_experiments.accuracy_at(balanced, widest().macs_billions) - widest().top1_pct


def doubling_phi() -> float:
    """The phi at which the rule alone, alpha * beta^2 * gamma^2 to the phi, doubles the MACs."""
    return math.log(2) / math.log(PAPER_RULE.constraint)


def macs_times_at_phi_1() -> float:
    """How many times B0's MACs the rule's own network has at phi = 1, blocks and channels rounded."""
    return point(PAPER_RULE).macs_ratio


def points_for_twice_the_macs() -> float:
    """How many points of top-1 above B0 a network of twice its MACs needs for the same reward."""
    return paper_points()[0].top1_pct * (Objective().doubling - 1)


def largest_times_baseline() -> float:
    """How many times B0's MACs B7 has."""
    return published_plan("b7").macs / published_plan("b0").macs


def printed_params_ratio(model: str) -> float:
    """How many times the parameters of the EfficientNet of its group Table 2 prints for a network."""
    return next(row.params.printed for row in paper_ratios() if row.model == model and row.params.printed)


def printed_macs_ratio(model: str) -> float:
    """The same for FLOPs."""
    return next(row.macs.printed for row in paper_ratios() if row.model == model and row.macs.printed)
