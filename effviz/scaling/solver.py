"""Maximise accuracy subject to memory and FLOPs (Tan & Le 2019, Eq. 2), along one scaling path.

Accuracy is assumed to grow with the coefficient, as in the paper's Figs. 3 and 8, so the best network within a budget
is the largest one that fits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from effviz.errors import SettingsError
from effviz.i18n import _, lazy_gettext
from effviz.scaling import architecture
from effviz.scaling.architecture import BASE_RESOLUTION_PX, Family
from effviz.scaling.plans import Plan, plan
from effviz.scaling.rule import PAPER_RULE, Coefficients, ScalingRule

STEPS = 10_000  # coefficients are searched in steps of 0.0001


class ScalingMethod(StrEnum):
    """The dimensions that grow; the coefficient is phi for compound scaling and a multiplier otherwise."""

    COMPOUND = "compound"
    DEPTH = "depth"
    WIDTH = "width"
    RESOLUTION = "resolution"


class BudgetKind(StrEnum):
    """The limited resource, with its unit."""

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
    """A limit in the unit of its kind; raises SettingsError unless the amount is positive and finite."""

    kind: BudgetKind
    amount: float

    def __post_init__(self) -> None:
        if not 0 < self.amount < math.inf:
            text = _("A budget of {amount:g} {unit} is not allowed. Give a positive number, such as 1e9.")
            raise SettingsError(text.format(amount=self.amount, unit=_(UNITS[self.kind])))


@dataclass(frozen=True, slots=True)
class ScalingPath:
    """One way of scaling B0: everything that determines a network except the coefficient.

    Raises:
        SettingsError: the input size is fixed although only the resolution should grow.
    """

    method: ScalingMethod = ScalingMethod.COMPOUND
    rule: ScalingRule = PAPER_RULE
    family: Family = Family.EFFICIENTNET
    resolution_px: int | None = None  # fixed; None: it grows with the coefficient where the method says so
    classes: int = 1000

    def __post_init__(self) -> None:
        if self.method is ScalingMethod.RESOLUTION and self.resolution_px is not None:
            text = _(
                "The input size is fixed at {px} px, but this method scales only the resolution. Choose another "
                "method, or do not fix the size."
            )
            raise SettingsError(text.format(px=self.resolution_px))

    def network(self, coefficient: float) -> Plan:
        """Return B0 scaled by phi, or by one multiplier with the others at 1; raises SettingsError out of range."""
        if self.method is ScalingMethod.COMPOUND:
            at = self.rule.at(coefficient)
        else:
            at = Coefficients(**{"depth": 1.0, "width": 1.0, "resolution": 1.0, self.method.value: coefficient})
        return plan(at.depth, at.width, self.resolution_px or at.resolution_px, self.family, self.classes)


@dataclass(frozen=True, slots=True)
class Solution:
    """The largest network within one or several budgets."""

    budget: Budget  # the one that stops the growth, or comes closest to stopping it
    method: ScalingMethod
    coefficient: float  # phi for compound scaling, else the multiplier
    plan: Plan
    reached: int  # the network's cost, in the budget's unit
    at_limit: bool  # True: the ranges of `effviz.scaling.architecture` stop the growth, not a budget
    budgets: tuple[Budget, ...] = ()  # all budgets given; empty: only the one above

    @property
    def miss(self) -> float:
        """Unused part of the budget, in its unit; never negative, and seldom 0 because rounding causes steps."""
        return self.budget.amount - self.reached

    @property
    def miss_pct(self) -> float:
        """Unused part of the budget, in percent."""
        return 100 * self.miss / self.budget.amount

    def _repr_html_(self) -> str:
        """Return the used share of each limit and the network's stages as HTML for notebooks."""
        used = "; ".join(
            f"{share:.1%} of {budget.amount:,.0f} {_(UNITS[budget.kind])}" for budget, share in self.shares
        )
        text = _("Reached first: {limit}.")
        binds = text.format(limit=_("no limit") if self.at_limit else _(UNITS[self.budget.kind]))
        name = "phi" if self.method is ScalingMethod.COMPOUND else _(GROWING[self.method])
        return f"<p>{name} = {self.coefficient:.4f}: {used}. {binds}</p>{self.plan._repr_html_()}"

    @property
    def shares(self) -> tuple[tuple[Budget, float], ...]:
        """Each budget with the share that the network uses, 0 to 1."""
        return tuple(
            (budget, cost(self.plan, budget.kind) / budget.amount) for budget in self.budgets or (self.budget,)
        )


def cost(network: Plan, kind: BudgetKind) -> int:
    """Return the cost of a network in the unit of a kind of budget."""
    if kind is BudgetKind.MACS:
        return network.macs
    return network.params if kind is BudgetKind.PARAMS else network.peak_activation_bytes


def solve(
    budget: Budget, method: ScalingMethod, rule: ScalingRule = PAPER_RULE, family: Family = Family.EFFICIENTNET
) -> Solution:
    """Call `solve_within` with one budget, 1000 classes and an input size that may grow."""
    return solve_within((budget,), ScalingPath(method, rule, family))


def solve_within(budgets: Sequence[Budget], path: ScalingPath) -> Solution:
    """Find the largest coefficient, to four decimals, whose network is within every budget (Eq. 2 has two).

    Cost never falls as the coefficient grows, so bisection finds the last step that fits. The binding budget is the one
    that the next larger network would exceed, or the one that it would exceed by the largest factor.

    Raises:
        SettingsError: even the smallest network exceeds a budget, or the method cannot change any of these costs.
    """
    low, high = _ends(path)
    at_limit = _checked(budgets, path, (path.network(low / STEPS), path.network(high / STEPS)))
    while not at_limit and high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _fits(path.network(middle / STEPS), budgets) else (low, middle)
    network, next_one = path.network((high if at_limit else low) / STEPS), path.network(high / STEPS)
    binding = max(budgets, key=lambda budget: cost(next_one, budget.kind) / budget.amount)
    reached = cost(network, binding.kind)
    coefficient = (high if at_limit else low) / STEPS
    return Solution(binding, path.method, coefficient, network, reached, at_limit, tuple(budgets))


def _ends(path: ScalingPath) -> tuple[int, int]:
    """Return the first and last step whose networks are within the allowed ranges."""
    smallest, largest = coefficient_range(path.method, path.rule, path.resolution_px is not None)
    return math.ceil(smallest * STEPS), math.floor(largest * STEPS)


def _fits(network: Plan, budgets: Sequence[Budget]) -> bool:
    return all(cost(network, budget.kind) <= budget.amount for budget in budgets)


def _checked(budgets: Sequence[Budget], path: ScalingPath, ends: tuple[Plan, Plan]) -> bool:
    """Check that the budgets can be solved for; return whether even the largest network fits."""
    smallest, largest = ends
    way = _(GROWING[path.method])
    if all(cost(smallest, budget.kind) == cost(largest, budget.kind) for budget in budgets):
        unit, least = _(UNITS[budgets[0].kind]), cost(smallest, budgets[0].kind)
        text = _(
            "Scaling by {method} does not change the {unit}: every network has {least:,}. Choose a budget that the "
            "method can change, or another method."
        )
        raise SettingsError(text.format(method=way, unit=unit, least=least))
    for budget in budgets:
        if budget.amount < (least := cost(smallest, budget.kind)):
            text = _(
                "A budget of {amount:g} {unit} is too small: scaling by {method} starts at {least:,} {unit}. Raise the "
                "budget to at least that, or choose another method."
            )
            raise SettingsError(text.format(amount=budget.amount, unit=_(UNITS[budget.kind]), method=way, least=least))
    return _fits(largest, budgets)


def coefficient_range(
    method: ScalingMethod, rule: ScalingRule = PAPER_RULE, size_is_fixed: bool = False
) -> tuple[float, float]:
    """Return the smallest and largest coefficient within the allowed ranges; a fixed input size adds no limit."""
    pixels = architecture.RESOLUTION
    ranges = {
        ScalingMethod.DEPTH: (architecture.DEPTH.low, architecture.DEPTH.high),
        ScalingMethod.WIDTH: (architecture.WIDTH.low, architecture.WIDTH.high),
        ScalingMethod.RESOLUTION: (pixels.low / BASE_RESOLUTION_PX, pixels.high / BASE_RESOLUTION_PX),
    }
    if method is not ScalingMethod.COMPOUND:
        return ranges[method]
    low, high = architecture.PHI.low, architecture.PHI.high
    bases = (rule.alpha, rule.beta, 1 if size_is_fixed else rule.gamma)
    for base, (smallest, largest) in zip(bases, ranges.values(), strict=True):
        if base > 1:
            low, high = max(low, math.log(smallest, base)), min(high, math.log(largest, base))
    return low, high


# How the used share of each limit grows with the network.

CURVE_POINTS = 41


class LimitCurve(NamedTuple):
    """The used share of a budget along one scaling path."""

    budget: Budget
    coefficients: tuple[float, ...]
    shares: tuple[float, ...]  # used share of the budget at each coefficient; above 1 it is exceeded


def limit_curves(solution: Solution, path: ScalingPath) -> tuple[LimitCurve, ...]:
    """Return each budget's used share around a solution: up to 2 phi, or half the multiplier, to either side."""
    low, high = _ends(path)
    reach = 2.0 if path.method is ScalingMethod.COMPOUND else solution.coefficient / 2
    start, end = max(low / STEPS, solution.coefficient - reach), min(high / STEPS, solution.coefficient + reach)
    at = tuple(start + (end - start) * point / (CURVE_POINTS - 1) for point in range(CURVE_POINTS))
    networks = [path.network(coefficient) for coefficient in at]
    return tuple(
        LimitCurve(budget, at, tuple(cost(network, budget.kind) / budget.amount for network in networks))
        for budget, _share in solution.shares
    )
