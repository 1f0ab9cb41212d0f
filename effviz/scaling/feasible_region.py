"""Eq. 2 of Tan & Le 2019 with both limits at once: memory and MACs.

Memory is the weights plus the peak activations for one picture, in float32. The paper does not define Memory(N); this
interpretation is ours.

No network in this module is smaller than B0: d, w and r are at least 1, as Eq. 3 requires of its bases.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from effviz.errors import SettingsError
from effviz.i18n import _
from effviz.scaling import architecture as allowed
from effviz.scaling.architecture import B0_STAGES, BASE_RESOLUTION_PX
from effviz.scaling.plans import Plan, plan
from effviz.scaling.rule import round_repeats
from effviz.scaling.solver import STEPS, Budget, BudgetKind, ScalingMethod, ScalingPath, solve

BYTES_PER_WEIGHT = 4  # float32
MEGABYTE = 1_000_000
STEPS_ACROSS = 15  # of the region's mesh, along width and resolution each

# Blocks are whole, so the network changes only where the depth passes k/n, where n is a stage's number of blocks in B0.
# Truncated to four decimals, like the solver's coefficients: anything above k/n would add a block.
_REPEATS = {stage.repeats for stage in B0_STAGES}
_CUT = {blocks * STEPS // n / STEPS for n in _REPEATS for blocks in range(n, int(allowed.DEPTH.high) * n + 1)}
DEPTHS = tuple(sorted(_CUT))
RESOLUTIONS_PX = range(BASE_RESOLUTION_PX, int(allowed.RESOLUTION.high) + 1)


class BindingLimit(StrEnum):
    """The limit that stops the growth."""

    MACS = "macs"
    MEMORY = "memory"


class Costs(NamedTuple):
    """What a network costs in the units of the two limits."""

    macs: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """The right-hand sides of Eq. 2.

    Raises:
        SettingsError: a limit is too low for B0, the smallest network considered; raise it.
    """

    macs: float  # multiply-adds, the paper's FLOPs
    memory_bytes: float  # of weights and activations

    def __post_init__(self) -> None:
        least = costs(1.0, 1.0, BASE_RESOLUTION_PX)
        if not self.allow(least):
            text = _(
                "No network fits into {macs:,.0f} million MACs and {memory:,.0f} MB: the baseline needs "
                "{least_macs:,.1f} million MACs and {least_memory:,.1f} MB. Raise the limit that is too low."
            )
            given = {"macs": self.macs / 1e6, "memory": self.memory_bytes / MEGABYTE}
            needed = {"least_macs": least.macs / 1e6, "least_memory": least.memory_bytes / MEGABYTE}
            raise SettingsError(text.format(**given, **needed))

    def allow(self, spent: Costs) -> bool:
        """Return whether a cost is within both limits."""
        return spent.macs <= self.macs and spent.memory_bytes <= self.memory_bytes


@dataclass(frozen=True, slots=True)
class Pick:
    """The largest network that one scaling method reaches within the limits."""

    method: ScalingMethod
    coefficient: float  # phi for compound scaling, else the multiplier
    plan: Plan
    stopped_by: BindingLimit | None  # None: the largest size that EffViz plans is within both limits


class RegionPoint(NamedTuple):
    """A point of the region's upper surface: the deepest network within the limits at a width and a resolution."""

    width: float
    resolution_px: int
    depth: float
    stopped_by: BindingLimit

    @property
    def resolution(self) -> float:
        """The resolution multiplier r."""
        return self.resolution_px / BASE_RESOLUTION_PX


class EdgePoint(NamedTuple):
    """The largest input size at a width, by each limit alone; None where even B0's 224 px exceed it."""

    width: float
    macs_px: int | None
    memory_px: int | None

    @property
    def px(self) -> int | None:
        """The largest input size within both limits."""
        return None if self.macs_px is None or self.memory_px is None else min(self.macs_px, self.memory_px)


def memory_bytes(network: Plan) -> int:
    """Return the bytes of weights and peak activations for one picture, in float32."""
    return BYTES_PER_WEIGHT * network.params + network.peak_activation_bytes


def costs(depth: float, width: float, resolution_px: int) -> Costs:
    """Return what `plan(depth, width, resolution_px)` costs, for any depth from 1, without planning all its blocks.

    All blocks of a stage except its first are alike, so two shallow networks determine the cost of any deeper one.
    """
    one = _short(width, resolution_px, 1)
    if depth == 1:
        return Costs(one.macs, BYTES_PER_WEIGHT * one.params + one.peak_bytes)
    two = _short(width, resolution_px, 2)
    macs, params = one.macs, one.params
    for stage, once, twice in zip(B0_STAGES, one.stages, two.stages, strict=True):
        added = round_repeats(stage.repeats, depth) - stage.repeats
        macs += added * (twice[0] - once[0]) // stage.repeats
        params += added * (twice[1] - once[1]) // stage.repeats
    return Costs(macs, BYTES_PER_WEIGHT * params + two.peak_bytes)


class _Short(NamedTuple):
    macs: int
    params: int
    peak_bytes: int
    stages: tuple[tuple[int, int], ...]  # MACs and parameters of the MBConv stages


@lru_cache(maxsize=8192)
def _short(width: float, resolution_px: int, depth: int) -> _Short:
    network = plan(depth, width, resolution_px)
    stages = tuple((stage.macs, stage.params) for stage in network.stages[1:-1])
    return _Short(network.macs, network.params, network.peak_activation_bytes, stages)


@lru_cache(maxsize=256)
def pick(limits: ResourceLimits, method: ScalingMethod) -> Pick:
    """Return the largest network of a scaling method: `solve` applies the MACs limit, and memory may reduce it further.

    Neither cost falls as the coefficient grows, so bisection finds the last step that fits.
    """
    by_macs = solve(Budget(BudgetKind.MACS, limits.macs), method)
    if memory_bytes(by_macs.plan) <= limits.memory_bytes:
        return Pick(method, by_macs.coefficient, by_macs.plan, None if by_macs.at_limit else BindingLimit.MACS)
    # The lower end, B0, fits: ResourceLimits checks that.
    path = ScalingPath(method)
    low, high = 0 if method is ScalingMethod.COMPOUND else STEPS, round(by_macs.coefficient * STEPS)
    while high - low > 1:
        middle = (low + high) // 2
        fits = memory_bytes(path.network(middle / STEPS)) <= limits.memory_bytes
        low, high = (middle, high) if fits else (low, middle)
    return Pick(method, low / STEPS, path.network(low / STEPS), BindingLimit.MEMORY)


@lru_cache(maxsize=64)
def region(limits: ResourceLimits) -> tuple[tuple[RegionPoint, ...], ...]:
    """Return the upper surface of all (d, w, r) within the limits: one row per width, from 1 to the widest that fits.

    A row runs from 224 px to the largest input that fits at its width, so the mesh ends at the region's boundary.
    """
    rows = []
    for point in edge(limits, 1.0, STEPS_ACROSS):
        if point.px is not None:
            span = point.px - BASE_RESOLUTION_PX
            sides = (BASE_RESOLUTION_PX + round(span * step / STEPS_ACROSS) for step in range(STEPS_ACROSS + 1))
            rows.append(tuple(_roof(limits, point.width, px) for px in sides))
    return tuple(rows)


def _roof(limits: ResourceLimits, width: float, px: int) -> RegionPoint:
    by_macs = bisect_right(DEPTHS, limits.macs, key=lambda depth: costs(depth, width, px).macs)
    by_memory = bisect_right(DEPTHS, limits.memory_bytes, key=lambda depth: costs(depth, width, px).memory_bytes)
    depth = DEPTHS[min(by_macs, by_memory) - 1]
    if by_macs != by_memory:
        return RegionPoint(width, px, depth, BindingLimit.MACS if by_macs < by_memory else BindingLimit.MEMORY)
    spent = costs(depth, width, px)  # the next block would exceed both limits: the fuller one binds
    fuller_memory = spent.memory_bytes / limits.memory_bytes > spent.macs / limits.macs
    return RegionPoint(width, px, depth, BindingLimit.MEMORY if fuller_memory else BindingLimit.MACS)


@lru_cache(maxsize=128)
def edge(limits: ResourceLimits, depth: float, steps: int = 2 * STEPS_ACROSS) -> tuple[EdgePoint, ...]:
    """Return the region's boundary at one depth: the largest input for widths from 1 to the widest at depth 1."""
    widest = pick(limits, ScalingMethod.WIDTH).coefficient
    widths = (round(1 + (widest - 1) * step / steps, 4) for step in range(steps + 1))
    return tuple(_edge(limits, depth, width) for width in widths)


def _edge(limits: ResourceLimits, depth: float, width: float) -> EdgePoint:
    return EdgePoint(
        width,
        _finest(limits.macs, lambda px: costs(depth, width, px).macs),
        _finest(limits.memory_bytes, lambda px: costs(depth, width, px).memory_bytes),
    )


def _finest(limit: float, cost: Callable[[int], int]) -> int | None:
    fitting = bisect_right(RESOLUTIONS_PX, limit, key=cost)
    return RESOLUTIONS_PX[fitting - 1] if fitting else None
