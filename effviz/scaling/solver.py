"""Maximise accuracy subject to memory and FLOPs (Tan & Le 2019, Eq. 2), along one way of scaling.

Accuracy is taken to grow with the coefficient, as in the paper's Figs. 3 and 8, so the best network within a budget is
the largest one that fits.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from effviz.errors import SettingsError
from effviz.i18n import _, lazy_gettext
from effviz.scaling import limits
from effviz.scaling.architecture import BASE_RESOLUTION_PX, Family
from effviz.scaling.plans import Plan, plan
from effviz.scaling.rule import PAPER_RULE, Coefficients, ScalingRule

STEPS = 10_000  # coefficients are searched in steps of 0.0001


class ScalingMethod(StrEnum):
    """Which dimensions grow; the coefficient is phi for compound scaling and the multiplier for the others."""

    COMPOUND = "compound"
    DEPTH = "depth"
    WIDTH = "width"
    RESOLUTION = "resolution"


class BudgetKind(StrEnum):
    """What is scarce, and its unit."""

    MACS = "macs"  # multiply-adds
    PARAMS = "params"
    ACTIVATION_MEMORY = "activation-memory"  # bytes at the peak: inference, one picture, float32


UNITS = {
    BudgetKind.MACS: lazy_gettext("MACs"),
    BudgetKind.PARAMS: lazy_gettext("parameters"),
    BudgetKind.ACTIVATION_MEMORY: lazy_gettext("bytes of activations"),
}
GROWING = {
    ScalingMethod.COMPOUND: lazy_gettext("compound"),
    ScalingMethod.DEPTH: lazy_gettext("depth"),
    ScalingMethod.WIDTH: lazy_gettext("width"),
    ScalingMethod.RESOLUTION: lazy_gettext("resolution"),
}


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of what may be used, in the unit of its kind.

    Raises:
        SettingsError: the amount is not a positive, finite number.
    """

    kind: BudgetKind
    amount: float

    def __post_init__(self) -> None:
        if not 0 < self.amount < math.inf:
            raise SettingsError(
                _(
                    "A budget of {amount:g} {unit} cannot be spent: any positive number is allowed. "
                    "Give one such as 1e9."
                ).format(amount=self.amount, unit=_(UNITS[self.kind]))
            )


@dataclass(frozen=True, slots=True)
class Solution:
    """The largest network within a budget."""

    budget: Budget
    method: ScalingMethod
    coefficient: float  # phi for compound scaling, else the multiplier
    plan: Plan
    reached: int  # what the network uses, in the budget's unit
    at_limit: bool  # True: not the budget but `effviz.scaling.limits` stops the growth

    @property
    def miss(self) -> float:
        """What is left of the budget, in its unit; never negative. Rounding makes steps, so it is seldom 0."""
        return self.budget.amount - self.reached

    @property
    def miss_pct(self) -> float:
        """What is left of the budget, in percent of it."""
        return 100 * self.miss / self.budget.amount


def cost(network: Plan, kind: BudgetKind) -> int:
    """What a network uses of a budget, in its unit."""
    if kind is BudgetKind.MACS:
        return network.macs
    return network.params if kind is BudgetKind.PARAMS else network.peak_activation_bytes


def scaled(
    method: ScalingMethod, coefficient: float, rule: ScalingRule = PAPER_RULE, family: Family = Family.EFFICIENTNET
) -> Plan:
    """B0 scaled by one method: compound by phi, else one multiplier while the others stay 1.

    Raises:
        SettingsError: the coefficient leads out of the limits.
    """
    if method is ScalingMethod.COMPOUND:
        at = rule.at(coefficient)
    else:
        at = Coefficients(**{"depth": 1.0, "width": 1.0, "resolution": 1.0, method.value: coefficient})
    return plan(at.depth, at.width, at.resolution_px, family)


def solve(
    budget: Budget, method: ScalingMethod, rule: ScalingRule = PAPER_RULE, family: Family = Family.EFFICIENTNET
) -> Solution:
    """Find the largest coefficient, to four decimals, whose network costs at most the budget.

    Cost never falls when the coefficient grows, so the interval is halved until its two ends are neighbours.

    Raises:
        SettingsError: even the smallest network costs more, or the method cannot change this cost.
    """

    def spent(step: int) -> int:
        return cost(scaled(method, step / STEPS, rule, family), budget.kind)

    smallest, largest = coefficient_range(method, rule)
    low, high = math.ceil(smallest * STEPS), math.floor(largest * STEPS)
    at_limit = _checked(budget, method, spent(low), spent(high))
    while not at_limit and high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if spent(middle) <= budget.amount else (low, middle)
    coefficient = (high if at_limit else low) / STEPS
    network = scaled(method, coefficient, rule, family)
    return Solution(budget, method, coefficient, network, cost(network, budget.kind), at_limit)


def _checked(budget: Budget, method: ScalingMethod, least: int, most: int) -> bool:
    """Whether even the largest network fits, once it is sure that there is something to solve."""
    unit, way = _(UNITS[budget.kind]), _(GROWING[method])
    if least == most:
        raise SettingsError(
            _(
                "Scaling by {method} does not change the {unit}: every network has {least:,}. "
                "A budget has to be one that the method can change. Choose another budget or another method."
            ).format(method=way, unit=unit, least=least)
        )
    if budget.amount < least:
        raise SettingsError(
            _(
                "A budget of {amount:g} {unit} is too small: scaling by {method} starts at {least:,} {unit}. "
                "Raise the budget to at least that, or choose another method."
            ).format(amount=budget.amount, unit=unit, method=way, least=least)
        )
    return budget.amount >= most


def coefficient_range(method: ScalingMethod, rule: ScalingRule = PAPER_RULE) -> tuple[float, float]:
    """The smallest and largest coefficient that stay within the limits."""
    ranges = {
        ScalingMethod.DEPTH: (limits.DEPTH.low, limits.DEPTH.high),
        ScalingMethod.WIDTH: (limits.WIDTH.low, limits.WIDTH.high),
        ScalingMethod.RESOLUTION: (
            limits.RESOLUTION.low / BASE_RESOLUTION_PX,
            limits.RESOLUTION.high / BASE_RESOLUTION_PX,
        ),
    }
    if method is not ScalingMethod.COMPOUND:
        return ranges[method]
    low, high = limits.PHI.low, limits.PHI.high
    for base, (smallest, largest) in zip((rule.alpha, rule.beta, rule.gamma), ranges.values(), strict=True):
        if base > 1:
            low, high = max(low, math.log(smallest, base)), min(high, math.log(largest, base))
    return low, high
