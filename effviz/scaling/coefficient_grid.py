"""Step 1 of compound scaling: points (alpha, beta, gamma) near alpha * beta^2 * gamma^2 = 2, and what they really cost.

Tan & Le 2019, section 4: with phi = 1 fixed, a small grid search finds alpha, beta and gamma. The paper does not say
how fine its grid was, nor how near to 2 a point had to be: the steps and tolerances here are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from effviz.scaling.architecture import BASE_RESOLUTION_PX
from effviz.scaling.plans import Plan, plan
from effviz.scaling.rule import ScalingRule

DOUBLE = 2.0
NEAR = 0.10  # of 2, on paper and in truth: the paper's own bases give 1.920, which is 4 % off
NEAR_TO_COMPARE = 0.05  # of 2, in truth: networks that are trained to be compared cost nearly the same


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
        """What it costs unscaled."""
        return self.scaled(ScalingRule(1, 1, 1)).macs

    def scaled(self, rule: ScalingRule) -> Plan:
        """The network at phi = 1, every dimension multiplied by its base; raises SettingsError if it is too large."""
        # 0.5 * 1.2 is 0.6 and no hair more: a hair would add blocks, since repeats are rounded up.
        depth, width = (round(times, 6) for times in (self.depth * rule.alpha, self.width * rule.beta))
        return plan(depth, width, round(self.resolution_px * rule.gamma), classes=self.classes)


@dataclass(frozen=True, slots=True)
class GridPoint:
    """One choice of alpha, beta and gamma, and the network that it makes of a baseline."""

    rule: ScalingRule
    plan: Plan
    macs_ratio: float  # MACs of the planned network (channels, blocks and maps rounded) over the baseline's

    @property
    def paper_ratio(self) -> float:
        """What the formula says the MACs ratio is: alpha * beta^2 * gamma^2."""
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
        """Short, for files and labels: `a1.2-b1.1-g1.15`."""
        return f"a{self.rule.alpha:g}-b{self.rule.beta:g}-g{self.rule.gamma:g}"


# Hundredths, so that no step carries a rounding error: first, last, step of alpha, beta and gamma.
_STEPS = {
    GridSize.COARSE: ((100, 200, 20), (100, 140, 10), (100, 140, 5)),
    GridSize.FINE: ((100, 200, 10), (100, 145, 5), (100, 140, 5)),
}

B0 = BaselineNetwork()


def point(rule: ScalingRule, baseline: BaselineNetwork = B0) -> GridPoint:
    """Plan one point."""
    network = baseline.scaled(rule)
    return GridPoint(rule, network, network.macs / baseline.macs)


def grid(size: GridSize, baseline: BaselineNetwork = B0) -> tuple[GridPoint, ...]:
    """Every point of the grid whose MACs double on paper, in truth, or both."""
    axes = [range(first, last + 1, step) for first, last, step in _STEPS[size]]
    points = (point(ScalingRule(*(hundredths / 100 for hundredths in bases)), baseline) for bases in product(*axes))
    return tuple(point for point in points if point.on_paper or point.really)


def worth_training(points: Sequence[GridPoint]) -> tuple[GridPoint, ...]:
    """Points that double the MACs on paper, and in truth so nearly that they compare; one for each network.

    Rounding makes one network of several points; the one nearest to 2 on paper stands for them.
    """
    chosen: dict[tuple[object, ...], GridPoint] = {}
    for point in sorted(points, key=lambda point: abs(point.paper_ratio - DOUBLE)):
        if point.on_paper and abs(point.macs_ratio - DOUBLE) <= NEAR_TO_COMPARE * DOUBLE:
            chosen.setdefault((point.plan.resolution, point.plan.layers), point)
    return tuple(sorted(chosen.values(), key=lambda point: (point.rule.alpha, point.rule.beta, point.rule.gamma)))
