"""Maximise accuracy subject to memory and FLOPs (Tan & Le 2019, Eq. 2), along one way of scaling.

Accuracy is taken to grow with the coefficient, as in the paper's Figs. 3 and 8, so the best network within a budget is
the largest one that fits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from effviz.errors import SettingsError
from effviz.scaling import limits
from effviz.scaling.blocks import BASE_RESOLUTION_PX
from effviz.scaling.family import Family
from effviz.scaling.plan import Plan, plan
from effviz.scaling.rule import PAPER_RULE, Coefficients, ScalingRule

# Keeps gamma^phi inside the limit when the power comes out a few ulp too large.
_MARGIN = 1e-9


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
    BudgetKind.MACS: "MACs",
    BudgetKind.PARAMS: "parameters",
    BudgetKind.ACTIVATION_MEMORY: "bytes of activations",
}


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of what may be used."""

    kind: BudgetKind
    amount: float


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


def coefficient_range(method: ScalingMethod, rule: ScalingRule = PAPER_RULE) -> tuple[float, float]:
    """The smallest and largest coefficient that stays within the limits."""
    if method is ScalingMethod.DEPTH:
        return limits.DEPTH.low, limits.DEPTH.high
    if method is ScalingMethod.WIDTH:
        return limits.WIDTH.low, limits.WIDTH.high
    resolutions = limits.RESOLUTION.low / BASE_RESOLUTION_PX, limits.RESOLUTION.high / BASE_RESOLUTION_PX
    return resolutions if method is ScalingMethod.RESOLUTION else _phi_range(rule, resolutions)


def _phi_range(rule: ScalingRule, resolutions: tuple[float, float]) -> tuple[float, float]:
    low, high = limits.PHI.low, limits.PHI.high
    ranges = (limits.DEPTH.low, limits.DEPTH.high), (limits.WIDTH.low, limits.WIDTH.high), resolutions
    for base, (smallest, largest) in zip((rule.alpha, rule.beta, rule.gamma), ranges, strict=True):
        if base > 1:
            low = max(low, math.log(smallest, base) + _MARGIN)
            high = min(high, math.log(largest, base) - _MARGIN)
    return low, high


def solve(
    budget: Budget, method: ScalingMethod, rule: ScalingRule = PAPER_RULE, family: Family = Family.EFFICIENTNET
) -> Solution:
    """Find the largest network that costs at most the budget.

    Cost never falls when the coefficient grows, but it grows in steps. Bisection finds the last step that fits; the
    coefficient returned is the shortest decimal on that step.

    Raises:
        SettingsError: even the smallest network costs more, or the method cannot change this cost.
    """

    def spent(coefficient: float) -> int:
        return cost(scaled(method, coefficient, rule, family), budget.kind)

    low, high = coefficient_range(method, rule)
    at_limit = _checked(budget, method, spent(low), spent(high))
    coefficient = _shortest(spent, high if at_limit else _last_that_fits(spent, budget.amount, low, high))
    network = scaled(method, coefficient, rule, family)
    return Solution(budget, method, coefficient, network, cost(network, budget.kind), at_limit)


def _checked(budget: Budget, method: ScalingMethod, least: int, most: int) -> bool:
    """Whether even the largest network fits."""
    if not budget.amount >= least:
        raise SettingsError(
            f"A budget of {budget.amount:g} {UNITS[budget.kind]} is too small: scaling by {method} starts at "
            f"{least:,} {UNITS[budget.kind]}. Raise the budget to at least that, or choose another method."
        )
    if least == most:
        raise SettingsError(
            f"Scaling by {method} does not change the {UNITS[budget.kind]}: every network has {least:,}. "
            f"Set a budget that the method can change, or choose another method."
        )
    return budget.amount >= most


def _last_that_fits(spent: Callable[[float], int], amount: float, low: float, high: float) -> float:
    """Halve the interval until low and high are neighbouring floats: low fits, high does not."""
    while low < (middle := (low + high) / 2) < high:
        if spent(middle) <= amount:
            low = middle
        else:
            high = middle
    return low


def _shortest(spent: Callable[[float], int], coefficient: float) -> float:
    """The shortest decimal below a coefficient that costs the same."""
    reached = spent(coefficient)
    for digits in range(1, 16):
        shorter = math.floor(coefficient * 10**digits) / 10**digits
        if spent(shorter) == reached:
            return shorter
    return coefficient
