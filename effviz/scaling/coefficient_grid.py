"""Step 1 of compound scaling: points (alpha, beta, gamma) near alpha * beta^2 * gamma^2 = 2, and their actual cost.

Tan & Le 2019, section 4: with phi = 1 fixed, a small grid search finds alpha, beta and gamma. The paper does not say
how fine its grid was, nor how close to 2 a point had to be: the steps and tolerances in this module are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from effviz.scaling.architecture import BASE_RESOLUTION_PX
from effviz.scaling.plans import Plan, plan
from effviz.scaling.rule import ScalingRule

DOUBLE = 2.0
NEAR = 0.10  # relative tolerance of formula and count: the paper's own bases give 1.920, which is 4 % off
NEAR_TO_COMPARE = 0.05  # relative tolerance of the count: networks trained for comparison should cost nearly the same


class GridSize(StrEnum):
    """How fine the grid is."""

    COARSE = "coarse"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class BaselineNetwork:
    """The network that a grid scales; the default is B0."""

    depth: float = 1.0
    width: float = 1.0
    resolution_px: int = BASE_RESOLUTION_PX
    classes: int = 1000

    @property
    def macs(self) -> int:
        """MACs of the unscaled network."""
        return self.scaled(ScalingRule(1, 1, 1)).macs

    def scaled(self, rule: ScalingRule) -> Plan:
        """Return the network at phi = 1, each dimension times its base; raises SettingsError if it is too large."""
        # Repeats are rounded up, so a float error in 0.5 * 1.2 could add a block.
        depth, width = (round(times, 6) for times in (self.depth * rule.alpha, self.width * rule.beta))
        return plan(depth, width, round(self.resolution_px * rule.gamma), classes=self.classes)


@dataclass(frozen=True, slots=True)
class GridPoint:
    """One choice of alpha, beta and gamma, and the baseline network scaled by it."""

    rule: ScalingRule
    plan: Plan
    macs_ratio: float  # MACs of the planned network (channels, blocks and maps rounded) divided by the baseline's

    @property
    def paper_ratio(self) -> float:
        """MACs ratio by the formula, alpha * beta^2 * gamma^2."""
        return self.rule.constraint

    @property
    def on_paper(self) -> bool:
        """Whether the formula gives 2, within the tolerance."""
        return abs(self.paper_ratio - DOUBLE) <= NEAR * DOUBLE

    @property
    def really(self) -> bool:
        """Whether the planned network costs twice the baseline, within the tolerance."""
        return abs(self.macs_ratio - DOUBLE) <= NEAR * DOUBLE

    @property
    def name(self) -> str:
        """Short name for files and labels, such as `a1.2-b1.1-g1.15`."""
        return f"a{self.rule.alpha:g}-b{self.rule.beta:g}-g{self.rule.gamma:g}"


# First, last and step of alpha, beta and gamma, in hundredths so that the steps have no rounding error.
_STEPS = {
    GridSize.COARSE: ((100, 200, 20), (100, 140, 10), (100, 140, 5)),
    GridSize.FINE: ((100, 200, 10), (100, 145, 5), (100, 140, 5)),
}

B0 = BaselineNetwork()


def point(rule: ScalingRule, baseline: BaselineNetwork = B0) -> GridPoint:
    """Return the grid point of a rule: the network that it makes of a baseline, and how its MACs grow."""
    network = baseline.scaled(rule)
    return GridPoint(rule, network, network.macs / baseline.macs)


def grid(size: GridSize, baseline: BaselineNetwork = B0) -> tuple[GridPoint, ...]:
    """Return the grid points whose MACs double by the formula, by the count, or both."""
    axes = [range(first, last + 1, step) for first, last, step in _STEPS[size]]
    points = (point(ScalingRule(*(hundredths / 100 for hundredths in bases)), baseline) for bases in product(*axes))
    return tuple(point for point in points if point.on_paper or point.really)


def worth_training(points: Sequence[GridPoint]) -> tuple[GridPoint, ...]:
    """Return points that double the MACs by the formula and by the count, closely enough to compare; one per network.

    Rounding maps several points to the same network; the one closest to 2 by the formula represents them.
    """
    chosen: dict[tuple[object, ...], GridPoint] = {}
    for point in sorted(points, key=lambda point: abs(point.paper_ratio - DOUBLE)):
        if point.on_paper and abs(point.macs_ratio - DOUBLE) <= NEAR_TO_COMPARE * DOUBLE:
            chosen.setdefault((point.plan.resolution, point.plan.layers), point)
    return tuple(sorted(chosen.values(), key=lambda point: (point.rule.alpha, point.rule.beta, point.rule.gamma)))
